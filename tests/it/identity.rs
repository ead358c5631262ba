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
