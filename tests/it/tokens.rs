//! The admin token: it ends mid-run, its refresh fails, the login is refused, all workers find out at once.

use std::collections::BTreeMap;

use crate::support::{Promise, Record, World};

/// How many requests there were to each path's last word.
fn calls(log: &[Record]) -> BTreeMap<&str, usize> {
    let mut calls = BTreeMap::new();
    for record in log {
        *calls
            .entry(record.path.rsplit('/').next().unwrap_or_default())
            .or_default() += 1;
    }
    calls
}

fn at(log: &[Record], word: &str) -> Vec<u64> {
    let of_word = log.iter().filter(|record| record.path.ends_with(word));
    of_word.map(|record| record.at_ms).collect()
}

/// Some seconds of sending.
fn slow(options: &str, rows: usize) -> World {
    World::serving(&format!("{options} --latency 20"), rows)
}

#[test]
fn a_token_that_ends_mid_run_is_refreshed_ahead_once_for_all_workers() {
    // A fifth of its life is left when it is renewed: longer than any machine sleeps.
    let world = slow("--token-life 10s", 1_000);
    world.ran("run customers.csv --rate 80/s --rate 6000/min", 0);
    let log = world.server_log();
    let calls = calls(&log);
    assert_eq!(calls["Login"], 1, "{calls:?}");
    let refreshes = at(&log, "/RefreshToken");
    assert!(!refreshes.is_empty(), "{calls:?}");
    for pair in refreshes.windows(2) {
        assert!(pair[1] - pair[0] > 1_000, "two refreshes for one token");
    }
    let refused = log.iter().filter(|one| one.status == Some(401)).count();
    assert_eq!(refused, 0, "it was renewed too late");
    world.check_invariants(&Promise::default());
}

#[test]
fn a_refresh_that_fails_is_followed_by_one_login() {
    for fault in ["refresh_500=1", "refresh_refused=1", "refresh_hang=1"] {
        let world = slow(&format!("--token-life 2s --fault {fault}"), 400);
        let patience = if fault == "refresh_hang=1" { 5 } else { 30 };
        world.config(&format!("[limits]\ntimeout_seconds = {patience}\n"));
        world.sent("customers.csv", 0);
        let log = world.server_log();
        let calls = calls(&log);
        assert!(calls["RefreshToken"] >= 1, "{fault}: {calls:?}");
        let logins = calls["RefreshToken"] + 1;
        assert_eq!(calls["Login"], logins, "{fault}: {calls:?}");
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn a_login_refused_mid_run_stops_it_and_is_never_tried_twice() {
    let faults = "refresh_refused=1,login_refused=.5";
    let world = slow(&format!("--token-life 2s --fault {faults}"), 900);
    let ended = world.sent("customers.csv", 6);
    assert_eq!(ended.json()["stopped"], "refused");
    let log = world.server_log();
    assert_eq!(calls(&log)["Login"], 2, "one that was granted, one refused");
    assert!(world.count("created") > 0 && world.count("pending") > 0);
    assert_eq!(world.count("uncertain"), 0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_401_to_all_workers_at_once_is_one_refresh() {
    // A server that was started afresh knows no token any more: all workers are refused within one moment.
    let world = slow("", 600);
    world.config("[limits]\nconcurrency = 8\nmax_consecutive_failures = 500\nmax_attempts = 50\n");
    let run = world.begun(world.send("customers.csv"), 200);
    world.kill_server();
    world.start_server();
    let ended = run.wait();
    let log = world.server_log();
    let refused = log
        .iter()
        .filter(|one| one.is_invitation() && one.status == Some(401));
    assert!(refused.count() > 0, "nobody was refused\n{ended}");
    let calls = calls(&log);
    // The refresh token is gone with the server, so the one refresh fails, and one login follows.
    assert_eq!((calls["RefreshToken"], calls["Login"]), (1, 2), "{ended}");
    world.run_until_done("customers.csv");
    world.check_invariants(&Promise::default());
}

#[test]
fn a_renewal_gets_a_slot_though_every_slot_is_taken_by_those_who_wait_for_it() {
    // More workers than a second has slots, each with a slot in hand by the time that the token is due.
    for options in ["--token-life 5s", "--fault 401=.1 --seed 3"] {
        let world = World::serving(options, 24);
        let run =
            world.line("run customers.csv --rate 2/s --rate 1000/min --max-duration 5m --json");
        run.ends(0);
        assert!(calls(&world.server_log())["RefreshToken"] > 0);
        world.check_invariants(&Promise::default().limits(2, 1000));
    }
}

#[test]
fn scattered_401s_renew_the_token_once_each() {
    let faults = "--fault 401=.01,401_in_200=.01 --seed 3";
    let world = slow(faults, 400);
    let ended = world.run_until_done("customers.csv").expect(0);
    let log = world.server_log();
    let faults = log.iter().filter_map(|one| one.fault.as_deref());
    let refused = faults.filter(|fault| fault.starts_with("401")).count();
    assert!(refused > 2, "{ended}");
    let refreshes = calls(&log)["RefreshToken"];
    assert!(refreshes <= refused, "{refused} refused, {refreshes}");
    world.check_invariants(&Promise::default());
}

#[test]
fn a_token_that_lives_shorter_than_the_wait_for_a_slot_does_not_loop_for_ever() {
    let world = World::serving("--token-life 1s --latency 5", 1);
    let run = world.line("run customers.csv --json --rate 1/s --max-duration 60s");
    let ended = run.run();
    // The server has the last word: it takes the old token, or refuses the second one as well.
    assert!(matches!(ended.code(), Some(0 | 6)), "{ended}");
    let refreshes = at(&world.server_log(), "/RefreshToken").len();
    assert!(refreshes <= 6, "{ended}");
    world.check_invariants(&Promise::default().limits(1, 60));
}
