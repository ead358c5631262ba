//! `doctor`: what it looks at, what it says of each failure, and that its requests count.

use serde_json::Value;

use crate::support::{Finished, World, rows};

/// The finding of a check, which is of this level.
#[track_caller]
pub fn expect_level(finished: &Finished, check: &str, level: &str) -> Value {
    let document = finished.json();
    let mut checks = document["checks"].as_array().expect("checks").iter();
    let finding = checks.find(|finding| finding["check"] == check);
    let finding = finding.unwrap_or_else(|| panic!("no {check}\n{finished}"));
    assert_eq!(finding["level"], level, "{check}\n{finished}");
    finding.clone()
}

/// Requests that are about no customer, in the ledger: all, and those without an answer.
fn calls_noted(world: &World) -> [i64; 2] {
    world.query(
        "SELECT count(*), count(*) - count(closed_ms) FROM attempts WHERE invitation_id IS NULL",
    )
}

#[test]
fn a_fresh_folder_with_an_account_is_ready_stays_empty_and_a_clock_that_is_off_is_told() {
    let world = World::with_server();
    let report = world.ran("doctor", 0);
    report.shows("Vlens accepts the credentials");
    report.hides("warning");
    let report = world.ran("doctor --json", 0);
    for check in "address tenant api_key password login clock contract_types".split(' ') {
        expect_level(&report, check, "ok");
    }
    let clock = world.file("clock", "7200000");
    let doctor = world.line("doctor --json");
    let report = doctor.env("VLENS_BATCH_TEST_CLOCK", clock).ends(0);
    let finding = expect_level(&report, "clock", "warning");
    let message = finding["message"].to_string();
    assert!(message.contains("ahead of"), "{message}");
    assert!(!world.ledger().exists(), "looking makes no ledger");
}

#[test]
fn every_kind_of_failure_has_its_exit_code_and_its_remedy() {
    let world = World::with_created(1);
    let ledger = world.ledger().display().to_string();
    for (variable, options, code, check, level) in
        rows::<(&str, &str, i32, &str, &str)>("doctor.failures")
    {
        let options = options.replace("LEDGER", &ledger);
        let doctor = world.line(&format!("doctor --json{options}"));
        let report = doctor.envs(variable.split_once('=')).ends(code);
        expect_level(&report, check, level);
    }

    world.config("[session]\nuser_public_key_file = \"session.pem\"\n");
    world.file("contract-types/414.json", "{broken");
    let report = world.ran("doctor --json", 5);
    for check in ["forms", "public_key"] {
        expect_level(&report, check, "failure");
    }
    world.config("[api]\npassword = \"hunter2-in-toml\"\n");
    let report = world.ran("doctor --json", 5);
    expect_level(&report, "config", "failure");
    report.hides("hunter2-in-toml");
    for finding in report.json()["checks"].as_array().unwrap() {
        let needs_remedy = finding["level"] != "ok";
        assert_eq!(finding["remedy"].is_string(), needs_remedy, "{finding}");
    }
}

#[test]
fn its_requests_are_noted_in_the_ledger_and_a_run_in_progress_is_left_alone() {
    let world = World::with_created(1);
    let [before, _] = calls_noted(&world);
    world.ran("doctor", 0);
    // A login, and the contract types.
    assert_eq!(calls_noted(&world), [before + 2, 0]);
    let seen = world.server_log().len();
    let lock = std::fs::File::open(world.beside_ledger(".lock")).unwrap();
    lock.lock().unwrap();
    let report = world.ran("doctor --json", 0);
    expect_level(&report, "login", "warning");
    assert_eq!(world.server_log().len(), seen);
}

#[cfg(unix)]
#[test]
fn what_others_may_read_and_where_a_ledger_is_not_safe_are_warnings() {
    use std::os::unix::fs::PermissionsExt;
    const LEDGER: &str = "OneDrive - Acme/x.db";
    let world = World::with_server();
    world.customers("OneDrive - Acme/customers.csv", 1);
    let sheet = "'OneDrive - Acme/customers.csv' --log-format json";
    let warned = world.sent(&format!("{sheet} --ledger '{LEDGER}'"), 0);
    warned.complains_of("WARN\",\"message\":\"warning: The ledger lies");
    world.sent(sheet, 0).hides("OneDrive,");
    world.file("the key", "sandbox-api-key\n");
    for name in [LEDGER, "the key"] {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(world.path(name), open).unwrap();
    }
    let doctor = world.line(&format!("doctor --json --ledger '{LEDGER}'"));
    let doctor = doctor.without_env("VLENS_API_KEY");
    let report = doctor.env("VLENS_API_KEY_FILE", "the key").ends(0);
    for check in ["place", "permissions"] {
        expect_level(&report, check, "warning");
    }
    let key = expect_level(&report, "api_key", "warning");
    assert_eq!(key["remedy"], "chmod 600 \"the key\"");
    expect_level(&report, "login", "ok");
}
