//! `purge`: what it deletes is gone from every byte, and nobody is invited twice for it.

#![cfg(debug_assertions)]

use serde_json::{Value, json};

use crate::support::{Customer, Vlens, World, customers, pick, sheet};

const NAME: &str = "Nefertari Ashmawy";
const HELD: &str = "+201555000500";

/// A world with a run of three rows, the last one uncertain.
fn after_a_run() -> World {
    let world = World::with_server();
    let mut customers = customers(3);
    customers[0] = customers[0].clone().name(NAME);
    customers[2] = customers[2].clone().phone(HELD);
    world.file("customers.csv", sheet(&customers));
    world.sent("customers.csv", 3);
    world
}

/// A hundred days later.
fn later(world: &World, vlens: Vlens) -> Vlens {
    let clock = world.file("clock", (100_u64 * 86_400_000).to_string());
    vlens.env("VLENS_BATCH_TEST_CLOCK", clock)
}

/// Purged a hundred days later: rows, tokens, and what was kept.
fn purged(world: &World) -> Value {
    let purge = world.line("purge --older-than 14w --yes --json");
    let report = later(world, purge).ends(0).json();
    pick(&report, ["rows", "tokens", "kept"])
}

fn holds(world: &World, what: &str) -> Vec<String> {
    let names = ["", "-wal", "-shm"];
    let found = |name: &&str| {
        let bytes = std::fs::read(world.beside_ledger(name)).unwrap_or_default();
        bytes
            .windows(what.len())
            .any(|window| window == what.as_bytes())
    };
    names.into_iter().filter(found).map(str::to_owned).collect()
}

#[test]
fn nothing_of_a_purged_customer_is_left_and_nobody_is_invited_anew() {
    let world = after_a_run();
    let token = world.export()[0]["token"].as_str().unwrap().to_owned();
    let phone = Customer::new(0).phone;
    // What is younger stays.
    world.ran("purge --older-than 90d --yes", 0).shows("0 rows");
    assert!(!holds(&world, NAME).is_empty() && !holds(&world, &token).is_empty());
    for age in ["1y", "15w"] {
        let purge = world.line(&format!("purge --yes --older-than {age}"));
        later(&world, purge).ends(0).shows("0 rows");
    }
    assert_eq!(purged(&world), json!([2, 2, 1]));
    for what in [NAME, &token, &phone, &phone[1..]] {
        assert_eq!(holds(&world, what), Vec::<String>::new(), "{what}");
    }
    assert!(!holds(&world, HELD).is_empty(), "an uncertain row is kept");
    for format in ["csv", "jsonl"] {
        let export = world.ran(&format!("export --format {format}"), 0);
        for what in [NAME, &token, &phone[1..]] {
            export.hides(what);
        }
    }
    assert_eq!(world.statuses(), ["created", "created", "uncertain"]);
    let accepted = world.accepted();
    let again = later(&world, world.send("customers.csv")).ends(3).json();
    let counts = ["already_created", "uncertain"];
    assert_eq!(pick(&again["counts"], counts), json!([2, 1]));
    assert_eq!(world.accepted(), accepted);
    // The row is known again; what is said of its link is true.
    let told = "Created; its link was purged and is no longer kept here.";
    assert_eq!(world.export()[0]["error"], told);
    // What a younger sheet holds too is kept for that, and waits for nobody.
    assert_eq!(purged(&world), json!([0, 0, 1]));
}

#[test]
fn who_was_purged_is_known_though_identity_and_content_change_at_once() {
    let world = World::with_phones(["", "+201555000409"]);
    world.sent("customers.csv", 3);
    purged(&world);
    // Whoever was rejected is sent again by his sheet alone.
    let again = "run customers.csv --retry-rejected";
    world.ran("retry --rejected", 3).shows(again);
    let refused = world.ran("retry --row 3", 2);
    refused.complains_of("only a `run` of its sheet");
    world.config("[identity]\ncolumns = [\"fullName\"]\n");
    let renamed = Customer::new(0).name("Another spelling");
    world.file("customers.csv", sheet(&[renamed]));
    let again = later(&world, world.send("customers.csv")).ends(0).json();
    assert_eq!(pick(&again, ["changed", "requests"]), json!([1, 0]));
}

#[test]
fn killed_as_the_ledger_is_about_to_shrink_the_next_run_shrinks_it_and_goes_on() {
    let world = World::with_customers(300);
    world.sent("customers.csv --limit 200", 4);
    let purge = world.line("purge --older-than 90d --yes");
    let killed = later(&world, purge).env("VLENS_BATCH_FAILPOINT", "after_vacuum:1");
    assert_eq!(killed.run().code(), None);
    world.sent("customers.csv", 0);
    assert_eq!(world.accepted().len(), 300);
}
