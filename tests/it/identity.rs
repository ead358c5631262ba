//! What a sheet is: its bytes, how they are read, and what is made of them. Read another way it is another sheet, whose rows are
//! sent; read the same way it is known again, whatever came in between.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    Customer, Promise, Recipe, World, counts, customers, damage, of_each, pick, rows, sheet,
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
    let sent = world.invitations().into_iter();
    let names = sent.map(|one| one.fields(415)["fullName"].clone());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["Customer 1", "New Name", "Customer 1"]
    );
    world.check_invariants(&Promise::default().resending_was_asked_for());
}

/// One file from day to day, told in `identity.walks`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Walk {
    promise: String,
    /// With `{}` where the days differ.
    config: Option<String>,
    #[serde(default)]
    header: String,
    days: Vec<Day>,
    /// Invitations that say what another said, as for two applications of one customer.
    #[serde(default)]
    alike: usize,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Day {
    config: String,
    rows: String,
    options: String,
    /// The counts of the run that are not 0, and how many rows have changed since their invitation.
    told: Value,
    /// What is typed before.
    typed: Vec<String>,
    /// Where the run is killed.
    killed: String,
    /// A dry run tells otherwise: it knows no limit, nor how two on one phone were taken for each other.
    unforeseen: bool,
}

fn walked(walk: &Walk) {
    let (promise, world) = (&walk.promise, World::with_server());
    let mapped = rows::<String>("identity.mapped").remove(0);
    let config = walk.config.as_ref().unwrap_or(&mapped);
    let mut asked = 0;
    for day in &walk.days {
        world.config(&config.replace("{}", &day.config));
        world.file("customers.csv", format!("{}{}", walk.header, day.rows));
        for line in &day.typed {
            let counts = world.line(line).run().json()["counts"].clone();
            asked += counts["created"].as_u64().unwrap_or(0);
        }
        let run = || {
            let options = day.options.split_whitespace();
            world.send("customers.csv").args(options)
        };
        if !day.killed.is_empty() {
            run().env("VLENS_BATCH_FAILPOINT", &day.killed).run();
            asked += 1;
            continue;
        }
        let would = run().args(["--dry-run"]).run().json();
        let ended = run().run();
        let document = ended.json();
        let mut told = counts(&document);
        for name in ["changed", "without_token"] {
            if document[name] != 0 {
                told[name] = document[name].clone();
            }
        }
        assert_eq!(told, day.told, "{promise}\n{}\n{ended}", day.rows);
        let foreseen = ["would_send", "already_created", "invalid", "duplicate"];
        let became = ["created", "already_created", "invalid", "duplicate"];
        let became = pick(&document["counts"], became);
        let is_foreseen = pick(&would, foreseen) == became;
        assert!(is_foreseen || day.unforeseen, "{promise}\n{would}");
        let is_told = |name: &str| told[name].is_number();
        let code = match ["invalid", "rejected", "uncertain"].map(is_told) {
            _ if is_told("pending") => 4,
            [false, false, false] => 0,
            _ => 3,
        };
        assert_eq!(ended.code(), Some(code), "{promise}\n{ended}");
        asked += became[0].as_u64().expect("a count") + told["rejected"].as_u64().unwrap_or(0);
    }
    let bodies = world.bodies();
    assert_eq!(bodies.len() as u64, asked, "{promise}");
    let distinct: BTreeSet<&String> = bodies.iter().collect();
    assert_eq!(bodies.len() - distinct.len(), walk.alike, "{promise}");
    assert_eq!(damage(&world.ledger()), Vec::<String>::new(), "{promise}");
}

#[test]
fn nobody_is_invited_again_because_a_sheet_or_its_config_says_it_otherwise() {
    of_each(&rows("identity.walks"), walked);
}
