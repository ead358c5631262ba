//! What a sheet is: its bytes, how they are read, and what is made of them. Read another way it is another sheet, whose rows are
//! sent; read the same way it is known again, whatever came in between.

use serde_json::{Value, json};

use crate::support::{
    Customer, Promise, Recipe, World, customers, is_any_repeated, pick, rows, sheet,
};

/// One option that decides which rows and cells come out of a file: the flag without its dashes, and with `_` for `-` the key in
/// `[source]`; two values that read the file differently; and the file.
#[derive(serde::Deserialize)]
struct Reading(&'static str, [&'static str; 2], &'static str, Recipe);

impl Reading {
    fn world(&self) -> World {
        let world = World::with_server();
        world.file(self.2, self.3.bytes());
        world
    }

    /// The file sent as it is read with this value, said by a flag or in the config; and the rows that came out, as an export
    /// tells them.
    fn send(&self, world: &World, value: &str, by_flag: bool) -> Vec<(Value, Value)> {
        let key = self.0.replace('-', "_");
        let toml_value = value
            .parse::<u32>()
            .map_or_else(|_| format!("{value:?}"), |number| number.to_string());
        let source = format!("[source]\n{key} = {toml_value}\n");
        world.config(if by_flag { "" } else { &source });
        let mut run = world.send(self.2).args(["--contract-type", "414"]);
        if by_flag {
            run = run.args([&format!("--{}", self.0), value]);
        }
        let ended = run.run();
        assert!(matches!(ended.code(), Some(0 | 3)), "{ended}");
        let row = |row: &Value| (row["row"].clone(), row["source"].clone());
        world.export().iter().map(row).collect()
    }
}

#[test]
fn what_is_read_another_way_is_another_sheet() {
    for reading in rows::<Reading>("identity.readings") {
        let Reading(option, values, ..) = reading;
        let alone = values.map(|value| reading.send(&reading.world(), value, true));
        assert_ne!(alone[0], alone[1], "{option}");
        for ways in [[true, true], [false, false], [true, false], [false, true]] {
            let world = reading.world();
            for turn in [0, 1, 0, 1] {
                let rows = reading.send(&world, values[turn], ways[turn]);
                assert_eq!(rows, alone[turn], "{option} {ways:?} {turn}");
            }
            world.check_invariants(&Promise::default());
        }
    }
}

#[test]
fn a_file_is_known_again_however_many_came_between() {
    let world = World::with_server();
    let all = customers(40);
    world.file("a.csv", sheet(&all[..20]));
    world.file("b.csv", sheet(&all[20..]));
    for _ in 0..4 {
        for file in ["a.csv", "b.csv"] {
            world.sent(&format!("{file} --limit 3"), 4);
        }
        let [rows] = world.query("SELECT count(*) FROM rows");
        assert!(rows <= 40, "{rows} rows in the ledger");
    }
    for file in ["a.csv", "b.csv"] {
        let counts = &world.sent(file, 0).json()["counts"];
        let counts = pick(counts, ["created", "already_created"]);
        assert_eq!(counts, json!([8, 12]), "{file}");
    }
    assert_eq!(world.accepted().len(), 40);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_file_that_is_known_again_asks_for_what_it_holds_and_not_for_what_another_held() {
    let world = World::with_server();
    let row = Customer::new(1);
    world.file("old.csv", sheet([&row]));
    world.file("new.csv", sheet([&row.clone().name("New Name")]));
    world.sent("old.csv", 0);
    let changed = || {
        let of = |file: &str| world.sent(file, 0).json()["changed"].clone();
        [of("new.csv"), of("old.csv")]
    };
    assert_eq!(changed(), [1, 0]);
    let resend = |file: &str| {
        let asked = world.sent(&format!("{file} --resend-changed"), 0);
        asked.json()["counts"]["created"].clone()
    };
    assert_eq!(resend("old.csv"), 0);
    assert_eq!(resend("new.csv"), 1);
    assert_eq!(changed(), [0, 1]);
    assert_eq!(resend("old.csv"), 1);
    let name = |record: crate::support::Record| {
        let fields = record.json()["SessionInput"]["RequestFieldsValues"]["415"].clone();
        fields["fullName"].clone()
    };
    let names: Vec<Value> = world.invitations().into_iter().map(name).collect();
    assert_eq!(names, ["Customer 1", "New Name", "Customer 1"]);
    world.check_invariants(&Promise::default().resending_was_asked_for());
}

#[test]
fn nobody_is_invited_again_because_other_columns_tell_customers_apart() {
    let world = World::with_server();
    let write = |sara: &str| {
        let head = "phoneNumber,contractTypeId,fullName,monthlyIncome";
        let rows = format!(
            "01012345678,414,Mona,1000\n01012345678,414,Ali,2000\n01112345678,414,{sara},3000\n"
        );
        world.file("customers.csv", format!("{head}\n{rows}"));
    };
    write("Sara");
    let names = ["created", "already_created", "invalid"];
    for (identity, counts, code, changed) in [
        // Two people on one phone: what the problem advises is done next, and undone, and done otherwise.
        ("", [2, 0, 1], 3, 0),
        ("columns = [\"monthlyIncome\"]", [1, 2, 0], 0, 0),
        (
            "columns = [\"Monthly income\", \"fullName\"]",
            [0, 3, 0],
            0,
            0,
        ),
        ("", [0, 2, 1], 3, 0),
        ("columns = [\"monthlyIncome\"]", [0, 3, 0], 0, 1),
    ] {
        world.config(&format!("[identity]\n{identity}\n"));
        if changed > 0 {
            write("Sara Adel");
        }
        let would = world.ran("run customers.csv --dry-run --json", code).json();
        let ended = world.sent("customers.csv", code).json();
        assert_eq!(pick(&ended["counts"], names), json!(counts), "{identity}");
        let names = ["would_send", "already_created", "invalid"];
        assert_eq!(pick(&would, names), json!(counts), "{identity}");
        assert_eq!(ended["changed"], changed, "{identity}");
    }
    assert_eq!(world.accepted().len(), 3);
}

#[test]
fn whoever_changed_and_was_held_is_known_when_other_columns_tell_customers_apart() {
    let write = |world: &World, rows: &[&str]| {
        let rows = rows.join("\n");
        let text = format!("phoneNumber,contractTypeId,fullName,_application\n{rows}\n");
        world.file("customers.csv", text);
    };
    let sent = |world: &World, created: u64, already_created: u64| {
        let would = world.ran("run customers.csv --dry-run --json", 0).json();
        let would = pick(&would, ["would_send", "already_created"]);
        let counts = json!([created, already_created]);
        assert_eq!(would, counts);
        let ended = world.sent("customers.csv", 0).json();
        assert_eq!(
            pick(&ended["counts"], ["created", "already_created"]),
            counts
        );
        ended["changed"].clone()
    };
    let [mona, adel, ali] =
        ["Mona,A1", "Mona Adel,A1", "Ali,A2"].map(|customer| format!("01012345678,414,{customer}"));
    let sara = "01112345678,414,Sara,A3";
    for (held, rows, created, already_created) in [
        (&adel, &[&*adel, sara][..], 0, 2),
        // Two people who came to have one phone: told apart, both are meant.
        (&ali, &[&*mona, &*ali, sara], 1, 2),
        (&ali, &[&*ali, sara], 0, 2),
    ] {
        let world = World::with_server();
        write(&world, &[&mona, sara]);
        sent(&world, 2, 0);
        write(&world, &[held, sara]);
        assert_eq!(sent(&world, 0, 2), 1);
        world.config("[identity]\ncolumns = [\"_application\"]\n");
        write(&world, rows);
        sent(&world, created, already_created);
        // Whatever order they come in, and however late.
        write(&world, &[&ali, &mona, sara]);
        world.sent("customers.csv", 0);
        world.sent("customers.csv --retry-rejected", 0);
        assert!(!is_any_repeated(&world.bodies()), "{rows:?}");
        world.check_invariants(&Promise::default().resending_was_asked_for());
    }
}

/// What `[identity]` names, the sheet's text, and how many rows are created, were created before, and have changed since.
type Step<'s> = (&'s str, &'s str, [u64; 3]);

fn walk(header: &str, steps: &[Step<'_>]) {
    let world = World::with_server();
    for (columns, rows, expected) in steps {
        let identity = format!("[identity]\ncolumns = [{columns}]\n");
        let identity = if columns.is_empty() { "" } else { &identity };
        world.config(&format!(
            "[recipient]\nphone = \"Mobile\"\nemail = \"Mail\"\n[contract]\ntypes = [414]\n{identity}\
             [fields.414]\nfullName = \"Name\"\nmonthlyIncome = {{ column = \"Income\", type = \"number\" }}\n"
        ));
        world.file(
            "customers.csv",
            format!("{header}\n{}", rows.replace(' ', "\n")),
        );
        let would = world
            .line("run customers.csv --dry-run --json")
            .run()
            .json();
        assert_eq!(would["would_send"], expected[0], "{columns} {rows}");
        let ended = world.send("customers.csv").run().json();
        let counts = pick(&ended["counts"], ["created", "already_created"]);
        let told = json!([counts[0], counts[1], ended["changed"]]);
        assert_eq!(told, json!(expected), "{columns} {rows}: {ended}");
    }
    let created: u64 = steps.iter().map(|(.., expected)| expected[0]).sum();
    assert_eq!(world.accepted().len() as u64, created);
}

#[test]
fn nobody_is_invited_again_because_identity_and_content_change_at_once() {
    let sheet = "01012345671,,A,1,7 01012345672,,B,2,8";
    let corrected = "01012345671,,Adel,1,7 01012345672,,B,2,8";
    let app = "\"App\"";
    walk(
        "Mobile,Mail,Name,Income,App",
        &[
            ("", sheet, [2, 0, 0]),
            (app, corrected, [0, 2, 1]),
            // Two applications of one customer are two, where the columns say so.
            (
                app,
                &format!("{corrected} 01012345671,,Adel,1,9"),
                [1, 2, 1],
            ),
            ("\"Name\", \"App\"", "01012345671,,Adel,5,7", [0, 1, 1]),
            ("", sheet, [0, 2, 0]),
        ],
    );
}

#[test]
fn whoever_was_taken_for_another_and_then_invited_himself_is_known_beside_him() {
    let both = "01012345671,,A,1,1 01012345671,,C,1,2";
    walk(
        "Mobile,Mail,Name,Income,App",
        &[
            ("\"Mobile\", \"App\"", "01012345671,,A,1,1", [1, 0, 0]),
            ("\"Name\"", "01012345671,,C,1,2", [0, 1, 1]),
            ("\"Mobile\", \"App\"", "01012345671,,C,1,2", [1, 0, 0]),
            ("\"Name\"", both, [0, 2, 0]),
            (
                "\"Name\"",
                "01012345671,,C,1,2 01012345672,,D,1,3",
                [1, 1, 0],
            ),
        ],
    );
}

#[test]
fn nobody_is_invited_again_because_identity_and_address_change_at_once() {
    walk(
        "Mobile,Mail,Name,Income,App",
        &[
            ("", ",a@example.com,A,1,7", [1, 0, 0]),
            ("\"App\"", "01012345671,a@example.com,A,1,7", [0, 1, 1]),
        ],
    );
}

#[test]
fn whoever_was_invited_by_e_mail_is_not_invited_again_once_his_phone_is_known() {
    walk(
        "Mobile,Mail,Name,Income",
        &[
            ("", ",a@example.com,A,1 ,b@example.com,B,2", [2, 0, 0]),
            (
                "",
                "01012345671,a@example.com,A,1 ,b@example.com,B,2",
                [0, 2, 1],
            ),
            // Another on the same address, who has a phone of her own.
            (
                "",
                ",b@example.com,B,2 01012345672,b@example.com,C,3",
                [1, 1, 0],
            ),
        ],
    );
}

#[test]
fn neither_identity_nor_content_depends_on_how_a_value_is_written() {
    walk(
        "Mobile,Mail,Name,Income,App",
        &[
            ("\"Mobile\", \"App\"", "01012345671,,A,5000,0012", [1, 0, 0]),
            (
                "\"Mobile\", \"App\"",
                "+201012345671,,A,5000.00,12",
                [0, 1, 0],
            ),
            (
                "\"Mobile\", \"App\"",
                "1012345671,,A,5000.0,12.0",
                [0, 1, 0],
            ),
            // Of what is sent, a code's zeros are part.
            ("\"Mobile\", \"App\"", "1012345671,,0A,5000,12", [0, 1, 1]),
            ("\"Mobile\", \"App\"", "1012345671,,07,5000,12", [0, 1, 1]),
            ("\"Mobile\", \"App\"", "1012345671,,7,5000,0", [1, 0, 0]),
            ("\"Mobile\", \"App\"", "1012345671,,7,5000,", [1, 0, 0]),
        ],
    );
}

#[test]
fn nobody_is_invited_again_because_an_identity_column_is_read_otherwise() {
    let world = World::with_server();
    world.file(
        "customers.csv",
        "Mobile,Name,DOB\n01012345671,Mona,25/12/1990\n01012345671,Ali,24/11/1991\n",
    );
    for (field, created) in [
        ("", 2),
        ("birthDate = { column = \"DOB\", type = \"date\" }", 0),
        (
            "birthDate = { column = \"DOB\", type = \"date\", output = \"%d/%m/%Y\" }",
            0,
        ),
        ("", 0),
    ] {
        world.config(&format!(
            "[contract]\ntypes = [414]\n[recipient]\nphone = \"Mobile\"\n[identity]\ncolumns = [\"Mobile\", \"DOB\"]\n\
             [fields.414]\nfullName = \"Name\"\n{field}\n"
        ));
        let ended = world.sent("customers.csv", 0).json();
        assert_eq!(ended["counts"]["created"], created, "{field}");
    }
    assert_eq!(world.accepted().len(), 2);
}

#[test]
fn of_two_on_one_phone_each_is_invited_once_whoever_stands_first() {
    let [father, son] = ["Father", "Son"];
    for (limit, resend) in [("--limit 1", ""), ("", "--resend-changed"), ("", "")] {
        let world = World::with_server();
        let send = |names: &[&str], args: &str| {
            let rows = names.iter().map(|name| {
                let phone = 10_000_000 + usize::from(*name == "Other");
                format!("010{phone},414,{name}\n")
            });
            let rows: String = rows.collect();
            world.file(
                "customers.csv",
                format!("phoneNumber,contractTypeId,fullName\n{rows}"),
            );
            world.send(format!("customers.csv {args}").trim()).run()
        };
        send(&["Other", father], limit);
        world.config("[identity]\ncolumns = [\"fullName\"]\n");
        send(&[son, father], resend).expect(0);
        send(&[father, son], "").expect(0);
        send(&[son, father], "").expect(0);
        let invited = world.invitations().into_iter();
        let names = invited.map(|record| {
            record.json()["SessionInput"]["RequestFieldsValues"]["414"]["fullName"].clone()
        });
        let mut names: Vec<String> = names.map(|name| name.to_string()).collect();
        names.sort_unstable();
        let expected = ["\"Father\"", "\"Other\"", "\"Son\""];
        assert_eq!(names, expected, "{limit} {resend}");
    }
}

#[test]
fn columns_and_fields_in_another_order_change_nothing() {
    let world = World::with_server();
    let sent = |changed: u64, created: u64| {
        let ended = world.sent("customers.csv", 0).json();
        let told = json!([ended["changed"], ended["counts"]["created"]]);
        assert_eq!(told, json!([changed, created]), "{ended}");
    };
    world.file(
        "customers.csv",
        "phoneNumber,contractTypeId,fullName,city\n01012345678,414,Mona,Cairo\n",
    );
    sent(0, 1);
    world.file(
        "customers.csv",
        "city,phoneNumber,fullName,contractTypeId\nCairo,01012345678,Mona,414\n",
    );
    sent(0, 0);
    world.config("[fields.414]\ncity = \"city\"\nfullName = \"fullName\"\n");
    sent(0, 0);
}
