//! A team: what one computer knows of another's customers, and the limits that all of them share.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{
    COMPUTERS, Customer, FAST, Serve, Team, customers, people, pick, sheet, uses_up_the_quota,
};

#[test]
fn a_customer_of_another_computer_is_known_and_told_of() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 6);
    people(&team, "omar", 3, 9);
    team.run("mona").ends(0);
    let document = team.run("omar").ends(0).json();
    let counts = pick(&document["counts"], ["already_created", "created"]);
    assert_eq!(counts, json!([3, 3]), "{document}");
    let others = pick(&document, ["without_token", "requests"]);
    assert_eq!(others, json!([3, 3]), "{document}");
    for row in &team.export("omar")[..3] {
        assert_eq!(pick(row, ["status", "token"]), json!(["created", null]));
        let told = row["error"].as_str().expect("words");
        assert!(
            told.starts_with("Invited by ") && told.contains(" at "),
            "{told}"
        );
    }
    let status = team.ran("omar", "register status --json", 0).json();
    assert_eq!(status["claims"], json!({"created": 9}));
    let doctor = team.line("omar", "doctor").run();
    doctor.shows("register").shows("is in reach");
    team.nobody_twice();
    // A word that is the person's own still counts: the changed row goes again.
    let mut changed = customers(9);
    changed[8] = Customer::new(8).name("Another Name");
    team.world.file("omar.csv", sheet(&changed[3..]));
    team.run("omar").args(["--resend-changed"]).ends(0);
    assert_eq!(team.posts().values().sum::<usize>(), 10);
}

#[test]
fn a_ledger_that_joins_brings_along_whom_it_invited_before() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 6);
    people(&team, "omar", 0, 8);
    team.run("mona").without_env("VLENS_REGISTER").ends(0);
    team.world.file("none.csv", sheet(&customers(10)[9..]));
    team.ran("mona", "run none.csv --rate unlimited", 0);
    let document = team.run("omar").ends(0).json();
    assert_eq!(document["counts"]["already_created"], 6, "{document}");
    team.nobody_twice();
}

#[test]
fn a_ledger_that_has_joined_never_sends_alone_because_a_setting_is_missing() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 4);
    team.run("mona").args(["--limit", "2"]).ends(4);
    let alone = team.run("mona").without_env("VLENS_REGISTER").ends(4);
    assert_eq!(alone.json()["stopped"], "register");
    alone.complains_of("Set VLENS_REGISTER");
    assert_eq!(team.posts().len(), 2);
    team.run("mona").ends(0);
    team.nobody_twice();
}

#[test]
fn a_colleague_who_begins_while_all_wait_takes_nobodys_slots() {
    let Some(team) = Team::new(Serve::default(), "[limits]\nper_minute = 2\n") else {
        return;
    };
    people(&team, "mona", 0, 3);
    let mut run = team.line("mona", "run mona.csv").start();
    // A login and one customer: the minute is used up.
    run.until("a customer is created", || team.posts().len() == 1);
    let clock = || team.sql("SELECT extract(epoch FROM clock) FROM vlens_batch.tenants");
    for _ in 0..3 {
        let before = clock();
        run.until("the register's clock goes on", || clock() != before);
    }
    run.kill();
}

#[test]
fn what_was_uncertain_at_a_colleagues_is_asked_about_again() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 3);
    people(&team, "omar", 0, 3);
    team.run("mona").ends(0);
    for (status, counts, code) in [("uncertain", [0, 3], 3), ("created", [3, 0], 0)] {
        team.sql(&format!(
            "UPDATE vlens_batch.claims SET status = '{status}'"
        ));
        let document = team.run("omar").ends(code).json();
        let told = pick(&document["counts"], ["already_created", "uncertain"]);
        assert_eq!(told, json!(counts), "{document}");
    }
    team.nobody_twice();
}

#[test]
fn a_429_on_one_computer_pauses_all() {
    let Some(team) = Team::new(Serve::default().latency("5"), FAST) else {
        return;
    };
    people(&team, "omar", 6, 18);
    // One whom the vendor refuses the first time.
    let mut mona = customers(12);
    mona[3] = Customer::new(3).phone("+201555000429");
    team.world.file("mona.csv", sheet(&mona));
    let lives = ["mona", "omar"].map(|computer| team.run(computer).start());
    for life in lives {
        life.wait().expect(0);
    }
    let log = team.world.server_log();
    let refused = log.iter().filter(|record| record.status == Some(429));
    assert_eq!(refused.count(), 1);
    let paused = team.sql("SELECT count(*) FROM vlens_batch.tenants WHERE paused_until > 'epoch'");
    assert_eq!(paused, ["1"]);
    let accepted = team.world.accepted();
    let once: BTreeSet<&String> = accepted.iter().collect();
    assert_eq!((accepted.len(), once.len()), (18, 18), "invited twice");
}

#[test]
fn four_senders_use_up_the_minutes_quota_and_exceed_no_window() {
    let limits = "[limits]\nper_second = 10\nper_minute = 60\n";
    let Some(team) = Team::new(Serve::default().limits(10, 60).latency("0..30"), limits) else {
        return;
    };
    let all = customers(146);
    for (n, computer) in COMPUTERS.iter().enumerate() {
        let own = all.iter().skip(n).step_by(4);
        team.world.file(format!("{computer}.csv"), sheet(own));
    }
    let lives = COMPUTERS.map(|computer| {
        let run = team.line(computer, &format!("run {computer}.csv --json"));
        run.start()
    });
    for life in lives {
        life.wait().expect(0);
    }
    let log = team.world.server_log();
    // Four logins and 146 invitations: two full minutes, and 29 more at ten a second.
    assert_eq!(log.len(), 150);
    team.no_window_is_exceeded();
    uses_up_the_quota(&log);
}
