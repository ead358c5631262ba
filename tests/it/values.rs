//! What a cell's text means: numbers by their column, words for nothing, phones that can be invited.

use serde_json::{Value, json};

use crate::support::{World, each, pick};

/// A sheet with `phone` and one more column, mapped by this rule: each row's value that goes out, or its problem.
fn readings(rule: &str, cells: &[&str]) -> Vec<String> {
    let world = World::new();
    let rows = (0..).zip(cells);
    let rows = rows.map(|(at, cell)| format!("010123456{at:02},\"{cell}\"\n"));
    let rows: String = rows.collect();
    world.file("sheet.csv", format!("phone,value\n{rows}"));
    world.config(&format!(
        "[contract]\ntypes = [414]\n[fields.414]\nvalue = {rule}\n"
    ));
    let mut readings = vec!["(left out)".to_owned(); cells.len()];
    for (row, code) in problems(&world) {
        readings[row - 2] = code;
    }
    for body in bodies(&world, "") {
        let phone = body["phoneNumber"].as_str().expect("a text");
        let field = &body["RequestFieldsValues"]["414"]["value"];
        if let (Ok(at), Some(sent)) = (phone[11..].parse::<usize>(), field.as_str()) {
            sent.clone_into(&mut readings[at]);
        }
    }
    readings
}

/// The problems of `sheet.csv`: row and code.
fn problems(world: &World) -> Vec<(usize, String)> {
    let document = world.line("check sheet.csv --json").run().json();
    let problems = document["problems"].as_array().expect("a list").iter();
    let told = problems.map(|problem| pick(problem, ["row", "code"]));
    let told = told.map(serde_json::from_value);
    told.collect::<Result<_, _>>().expect("rows and codes")
}

/// The `SessionInput` of each body that `sheet.csv` would send.
fn bodies(world: &World, options: &str) -> Vec<Value> {
    let check = world.line(&format!("check sheet.csv --show 99{options}"));
    each(&check.run().json_lines().into(), "SessionInput")
}

const NUMBER: &str = "{ column = \"value\", type = \"number\" }";

#[test]
fn numbers_are_read_as_the_column_proves() {
    for (cells, sent) in [
        // The comma is the fraction's, so the point parts thousands.
        (
            ["5.000", "12.345,50", "1.000.000", "41,000"],
            ["5000", "12345.50", "1000000", "41.000"],
        ),
        // The other way round.
        (
            ["5.000", "12,345.50", "1,000,000", "41,000"],
            ["5.000", "12345.50", "1000000", "41000"],
        ),
        (
            ["5000,50", "41,000", "7", "5.000"],
            ["5000.50", "41.000", "7", "5000"],
        ),
        // Nothing proves anything.
        (
            ["5.000", "41,000", "7", "5 000"],
            ["number_ambiguous", "41000", "7", "5000"],
        ),
        // A column that contradicts itself; what reads alike either way stays.
        (
            ["1,234.50", "1.234,50", "7", "41,000"],
            [
                "number_ambiguous",
                "number_ambiguous",
                "7",
                "number_ambiguous",
            ],
        ),
    ] {
        assert_eq!(readings(NUMBER, &cells), sent, "{cells:?}");
    }
}

#[test]
fn the_mapping_settles_what_a_column_leaves_open() {
    for (decimal, cells, sent) in [
        (
            ",",
            ["5.000", "41,5", "1.5"],
            ["5000", "41.5", "number_invalid"],
        ),
        (
            ".",
            ["5.000", "41,500", "1,5"],
            ["5.000", "41500", "number_invalid"],
        ),
    ] {
        let rule = format!("{{ column = \"value\", type = \"number\", decimal = \"{decimal}\" }}");
        assert_eq!(readings(&rule, &cells), sent, "{decimal}");
    }
    for wrong in [
        "{ column = \"value\", type = \"number\", decimal = \";\" }",
        "{ column = \"value\", decimal = \",\" }",
    ] {
        let world = World::new();
        world.file("sheet.csv", "phone,value\n01012345678,5\n");
        world.config(&format!(
            "[contract]\ntypes = [414]\n[fields.414]\nvalue = {wrong}\n"
        ));
        world.ran("check sheet.csv", 5).complains_of("decimal");
    }
}

#[test]
fn words_for_nothing_are_empty_cells_and_counted_as_repaired() {
    let world = World::new();
    world.file(
        "sheet.csv",
        "phone,email,fullName\n01012345678,n/a,NULL\n01012345679,-,\\N\n01012345670,لا يوجد,nan\n01012345671,a@example.com,None\n,none,Omar\n",
    );
    let check = world.ran("check sheet.csv --json --contract-type 414", 3);
    let document = check.json();
    let counts = pick(&document, ["valid", "repaired"]);
    assert_eq!(counts, json!([4, 8]), "{document:#}");
    assert_eq!(document["problems"][0]["code"], "recipient_missing");
    assert_eq!(document["repairs"][0]["to"], "");
    let body = &bodies(&world, " --contract-type 414")[0];
    for left_out in ["email", "RequestFieldsValues"] {
        assert!(body.get(left_out).is_none(), "{body}");
    }
}

#[test]
fn a_word_for_nothing_that_is_a_choice_is_that_choice() {
    let rule = "{ column = \"value\", type = \"choice\", choices = { \"None\" = \"none\", \"One\" = \"one\" } }";
    assert_eq!(
        readings(rule, &["None", "One", "-"]),
        ["none", "one", "(left out)"]
    );
}

#[test]
fn landlines_are_invited_only_where_the_mapping_says_so() {
    let codes = |recipient: &str| {
        let world = World::new();
        let phones = "0151791272\n0221234567\n0101234567\n01012345678\n";
        world.file("sheet.csv", format!("phone\n{phones}"));
        world.config(&format!(
            "[recipient]\nphone = \"phone\"\n{recipient}[contract]\ntypes = [414]\n"
        ));
        problems(&world)
    };
    let invalid = |row| (row, "phone_invalid".to_owned());
    assert_eq!(codes(""), [invalid(2), invalid(3), invalid(4)]);
    assert_eq!(codes("landlines = true\n"), [invalid(2), invalid(4)]);
}

#[test]
fn of_several_columns_the_first_that_is_filled_counts() {
    let world = World::new();
    world.config(
        "[recipient]\nphone = [\"Mobile 1\", \"Mobile 2\"]\nemail = [\"Mail\"]\n\
         [contract]\ncolumn = [\"Product\", \"Type\"]\nvalues = { \"Loan\" = 414 }\n\
         [fields.414]\nemployer = [\"Employer\", \"Company\"]\n\
         income = { column = [\"Net\", \"Gross\"], type = \"number\", required = true }\n",
    );
    world.file(
        "sheet.csv",
        "Mobile 1,Mobile 2,Mail,Product,Type,Employer,Company,Net,Gross\n\
         ,01012345670,,,Loan,-,Acme,,5000\n\
         01012345671,x,,Loan,x,Nile,Acme,7,x\n\
         01012345672,,,Loan,,,,,x\n\
         x,01012345673,,,,,,,\n",
    );
    let bodies = bodies(&world, "").into_iter();
    let sent = bodies.map(|body| json!([body["phoneNumber"], body["RequestFieldsValues"]["414"]]));
    let expected = [
        json!(["+201012345670", {"employer": "Acme", "income": "5000"}]),
        json!(["+201012345671", {"employer": "Nile", "income": "7"}]),
    ];
    assert_eq!(sent.collect::<Vec<_>>(), expected);
    let codes = problems(&world).into_iter().map(|(_, code)| code);
    let codes: Vec<String> = codes.collect();
    assert_eq!(codes, ["number_invalid", "phone_invalid", "missing"]);
    world.config("[recipient]\nphone = [\"Mobile 1\", \"Mobile 3\"]\n[contract]\ntypes = 414\n");
    let ended = world.ran("check sheet.csv", 5);
    ended
        .complains_of("vlens-batch.toml:2:9")
        .complains_of("no column `Mobile 3`");
}
