//! The way of a sheet that needs correcting: what `check` and `export` give back is corrected and run as it is.

use serde_json::{Value, json};

use crate::support::{Promise, World};

const SHEET: &str = "الموبايل,الاسم,تاريخ الميلاد\n\
                     1012345678,منى عادل,31/01/1990\n\
                     0101,أحمد,1/2/1990\n\
                     01212345678,=1+1,31/12/90\n\
                     01012345678,منى,31/01/1990\n";

const CONFIG: &str = "[contract]\ntypes = [414]\n[fields.414]\nfullName = \"الاسم\"\n\
                      birthDate = { column = \"تاريخ الميلاد\", type = \"date\", input = \"%d/%m/%Y\" }\n";

/// What is the same however the sheet is written.
fn outcome(document: &Value) -> Value {
    let problems: Vec<Value> = document["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| {
            json!([
                problem["row"],
                problem["column"],
                problem["code"],
                problem["value"]
            ])
        })
        .collect();
    json!([
        problems,
        document["duplicates"],
        document["valid"],
        document["repairs"]
    ])
}

#[test]
fn an_annotated_sheet_is_checked_like_the_original() {
    let world = World::new();
    world.file("customers.csv", SHEET);
    world.config(CONFIG);
    let check = |file: &str, more: &[&str]| {
        let told = world
            .vlens(["check", file, "--json"])
            .args(more)
            .run()
            .expect(3)
            .json();
        let shown = world
            .vlens(["check", file, "--show", "9"])
            .run()
            .expect(3)
            .stdout;
        (outcome(&told), shown)
    };
    let original = check("customers.csv", &["--annotate", "marked.xlsx"]);
    assert_eq!(
        original.0[0].as_array().map(Vec::len),
        Some(2),
        "{original:?}"
    );
    assert_eq!(check("marked.xlsx", &[]), original);
    // Marked again, it is still the same sheet.
    assert_eq!(
        check("marked.xlsx", &["--annotate", "again.xlsx"]),
        original
    );
    assert_eq!(check("again.xlsx", &[]), original);
}

#[test]
fn what_needs_a_person_is_exported_corrected_and_run_as_it_is() {
    let by_mapping = "[recipient]\nphone = \"phoneNumber\"\n[contract]\ncolumn = \"contractTypeId\"\n\
                      [fields.414]\nfullName = \"fullName\"\n";
    for config in [None, Some(by_mapping)] {
        let world = World::with_server();
        if let Some(config) = config {
            world.config(config);
        }
        world.file(
            "customers.csv",
            "phoneNumber,contractTypeId,fullName\n\
             01012345678,414,Mona\n0111234567,414,Ahmed\n01212345678,414,Sara\n",
        );
        world.send("customers.csv").run().expect(3);
        for file in ["left.csv", "left.xlsx"] {
            export_what_is_left(&world, file);
        }
        let left = std::fs::read_to_string(world.path("left.csv")).expect("the export");
        world.file("left.csv", left.replace("0111234567,", "01112345678,"));
        let summary = world.send("left.csv").run().expect(0).json();
        assert_eq!(summary["counts"]["created"], 1);
        let body = world.server_log().last().expect("a request").json();
        assert_eq!(
            body["SessionInput"]["RequestFieldsValues"],
            json!({ "414": { "fullName": "Ahmed" } })
        );
        world.check_invariants(&Promise::default());
    }
}

/// Only the row with the problem is in it, and that problem is its only one.
fn export_what_is_left(world: &World, file: &str) {
    world
        .vlens([
            "export",
            "--only",
            "rejected,invalid,failed",
            "--output",
            file,
        ])
        .run()
        .expect(0);
    let left = world
        .vlens(["check", file, "--json"])
        .run()
        .expect(3)
        .json();
    assert_eq!(left["rows"], 1, "{file}: {left}");
    let problems = left["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 1, "{file}: {left}");
    assert_eq!(problems[0]["column"], "phoneNumber", "{file}");
}

#[test]
fn a_row_that_an_earlier_run_invited_is_told_with_both_row_numbers() {
    let world = World::with_server();
    world.customers("may.csv", 3);
    world.send("may.csv").run().expect(0);
    world.file(
        "june.csv",
        "phoneNumber,contractTypeId,fullName,monthlyIncome\n\
         01099999999,414,New,1\n+201010000002,414,Customer 2,5002\n+201010000001,415,Changed,1\n",
    );
    let told = world.ran("check june.csv --json", 0).json();
    assert_eq!(
        told["already_created"],
        json!([
            { "row": 3, "changed": false, "run": 1, "run_source": "may.csv", "run_row": 4 },
            { "row": 4, "changed": true, "run": 1, "run_source": "may.csv", "run_row": 3 },
        ])
    );
    let screen = world.vlens(["check", "june.csv"]).run().expect(0).stdout;
    let screen = screen.replace('\n', " ");
    for words in [
        "2 rows were invited by an earlier run",
        "row 4 (run 1, row 3 of may.csv)",
        "1 of them has changed",
        "Create the invitations",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
}

#[test]
fn a_sheet_full_of_problems_is_told_on_one_screen_and_marked_in_a_workbook() {
    let world = World::new();
    let rows: String = (0..2_000)
        .map(|n| match n % 20 {
            0 => format!("0101,Customer {n},5000\n"),
            10 => format!("010{n:08},Customer {n},much\n"),
            _ => format!("010{n:08},Customer {n},5000\n"),
        })
        .collect();
    world.file("customers.csv", format!("phone,name,income\n{rows}"));
    world.config(
        "[contract]\ntypes = [414]\n[fields.414]\nname = \"name\"\nincome = { column = \"income\", type = \"number\" }\n",
    );
    let told = world.ran("check customers.csv --annotate marked.xlsx", 3);
    assert!(told.stdout.lines().count() <= 40, "{told}");
    assert!(
        told.stdout.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    let again = world.ran("check marked.xlsx --json", 3).json();
    assert_eq!(
        (&again["rows"], &again["invalid"]),
        (&json!(2_000), &json!(200))
    );
}

#[test]
fn the_next_command_is_quoted_for_the_shell() {
    let world = World::new();
    world.file(
        "my customers.csv",
        "phone,name\n0101,Mona\n01012345678,Sara\n",
    );
    world.file(
        "my config.toml",
        "[contract]\ntypes = [414]\n[fields.414]\nname = \"name\"\n",
    );
    let told = world
        .vlens(["check", "my customers.csv", "--config", "my config.toml"])
        .args(["--ledger", "it's.db"])
        .run()
        .expect(3);
    let command =
        "vlens-batch run \"my customers.csv\" --config \"my config.toml\" --ledger \"it's.db\"";
    assert!(told.stdout.contains(command), "{told}");
}
