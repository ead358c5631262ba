//! `doctor`: what it looks at, what it says of each failure, and that its requests count.

use serde_json::Value;

use crate::support::{Finished, World};

/// The finding of a check.
#[track_caller]
fn finding(finished: &Finished, check: &str) -> Value {
    let document = finished.json();
    let mut checks = document["checks"].as_array().expect("checks").iter();
    checks
        .find(|finding| finding["check"] == check)
        .unwrap_or_else(|| panic!("no finding on {check}\n{finished}"))
        .clone()
}

#[track_caller]
fn expect_level(finished: &Finished, check: &str, level: &str) {
    assert_eq!(
        finding(finished, check)["level"],
        level,
        "{check}\n{finished}"
    );
}

fn calls_noted(world: &World) -> (i64, i64) {
    let ledger = rusqlite::Connection::open(world.ledger()).expect("a ledger");
    ledger
        .query_row(
            "SELECT count(*), coalesce(sum(closed_ms IS NULL), 0) FROM attempts WHERE invitation_id IS NULL",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("two counts")
}

#[test]
fn a_fresh_folder_with_an_account_is_ready_and_stays_empty() {
    let world = World::with_server();
    let report = world.vlens(["doctor"]).run().expect(0);
    assert!(
        report.stdout.contains("Vlens accepts the credentials"),
        "{report}"
    );
    assert!(!report.stdout.contains("warning"), "{report}");
    let report = world.vlens(["doctor", "--json"]).run().expect(0);
    for check in [
        "address",
        "tenant",
        "api_key",
        "password",
        "login",
        "clock",
        "contract_types",
    ] {
        expect_level(&report, check, "ok");
    }
    assert!(!world.ledger().exists(), "looking makes no ledger");
}

#[test]
fn its_requests_are_noted_in_the_ledger_that_there_is() {
    let world = World::with_server();
    world.customers("customers.csv", 2);
    world.send("customers.csv").run().expect(0);
    let (before, _) = calls_noted(&world);
    world.vlens(["doctor"]).run().expect(0);
    assert_eq!(
        calls_noted(&world),
        (before + 2, 0),
        "a login, and the contract types"
    );
}

#[test]
fn every_kind_of_failure_has_its_exit_code_and_its_remedy() {
    let world = World::with_server();
    world.customers("customers.csv", 1);
    world.send("customers.csv").run().expect(0);
    let doctor = || world.vlens(["doctor", "--json"]);

    let report = doctor().env("VLENS_PASSWORD", "wrong").run().expect(6);
    expect_level(&report, "login", "failure");
    let report = doctor().without_env("VLENS_API_KEY").run().expect(5);
    expect_level(&report, "api_key", "failure");
    expect_level(&report, "login", "warning");
    let report = doctor()
        .env("VLENS_TENANCY_NAME", "another")
        .env("VLENS_LEDGER", world.ledger())
        .run()
        .expect(5);
    expect_level(&report, "binding", "failure");
    let report = doctor()
        .env("VLENS_BASE_URL", "http://vlens.example")
        .run()
        .expect(5);
    expect_level(&report, "address", "failure");
    let report = doctor()
        .args(["--ledger", "no/such/folder.db"])
        .run()
        .expect(5);
    expect_level(&report, "ledger", "failure");
    let report = doctor()
        .env("VLENS_BASE_URL", "http://127.0.0.1:1")
        .args(["--ledger", "other.db"])
        .run()
        .expect(4);
    expect_level(&report, "login", "failure");

    world.config("[api]\npassword = \"hunter2-in-toml\"\n");
    let report = doctor().run().expect(5);
    expect_level(&report, "config", "failure");
    assert!(!report.stdout.contains("hunter2-in-toml"), "{report}");
    for finding in report.json()["checks"].as_array().unwrap() {
        let needs_remedy = finding["level"] != "ok";
        assert_eq!(finding["remedy"].is_string(), needs_remedy, "{finding}");
    }
}

#[test]
fn a_damaged_ledger_is_told_and_nothing_is_sent() {
    let world = World::with_server();
    world.customers("customers.csv", 200);
    world.send("customers.csv").run().expect(0);
    let mut bytes = std::fs::read(world.ledger()).unwrap();
    for page in bytes.chunks_mut(4096).skip(2) {
        page[..200].fill(0xA5);
    }
    std::fs::write(world.ledger(), bytes).unwrap();
    let seen = world.server_log().len();
    let report = world.vlens(["doctor", "--json"]).run().expect(1);
    expect_level(&report, "ledger", "failure");
    expect_level(&report, "login", "warning");
    assert_eq!(world.server_log().len(), seen);
}

#[test]
fn a_run_in_progress_is_left_alone() {
    let world = World::with_server();
    world.customers("customers.csv", 1);
    world.send("customers.csv").run().expect(0);
    let seen = world.server_log().len();
    let lock = std::fs::File::open(world.beside_ledger(".lock")).unwrap();
    lock.lock().unwrap();
    let report = world.vlens(["doctor", "--json"]).run().expect(0);
    expect_level(&report, "login", "warning");
    assert_eq!(world.server_log().len(), seen);
}

#[cfg(unix)]
#[test]
fn what_others_may_read_and_where_a_ledger_is_not_safe_are_warnings() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with_server();
    world.customers("OneDrive/customers.csv", 1);
    let in_cloud = ["--ledger", "OneDrive/vlens-batch.db"];
    world
        .send("OneDrive/customers.csv")
        .args(in_cloud)
        .run()
        .expect(0);
    let open = |path: &std::path::Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    open(&world.path("OneDrive/vlens-batch.db"));
    let key = world.file("key", "sandbox-api-key\n");
    open(&key);
    let report = world
        .vlens(["doctor", "--json"])
        .args(in_cloud)
        .without_env("VLENS_API_KEY")
        .env("VLENS_API_KEY_FILE", "key")
        .run()
        .expect(0);
    for check in ["api_key", "place", "permissions"] {
        expect_level(&report, check, "warning");
    }
    expect_level(&report, "login", "ok");
}

#[cfg(debug_assertions)]
#[test]
fn a_clock_that_is_off_is_told() {
    let world = World::with_server();
    let clock = world.file("clock", "7200000");
    let report = world
        .vlens(["doctor", "--json"])
        .env("VLENS_BATCH_TEST_CLOCK", clock)
        .run()
        .expect(0);
    expect_level(&report, "clock", "warning");
    let message = finding(&report, "clock")["message"].to_string();
    assert!(message.contains("ahead of"), "{message}");
}
