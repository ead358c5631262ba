//! The circuit breaker: what goes wrong for every row must not go wrong for all of them first.

use serde_json::json;

use crate::support::{Promise, World, pick};

const WORKERS: usize = 8;

fn batch(fault: &str) -> World {
    let world = World::serving(&format!("--fault {fault} --latency 2..8"), 200);
    world.config(&format!("[limits]\nconcurrency = {WORKERS}\n"));
    world
}

#[test]
fn so_many_uncertain_rows_in_a_row_stop_the_run_and_burn_no_more_than_the_workers_besides() {
    for most in [1, 5, 20] {
        let world = batch("500_after=1");
        let line = format!("customers.csv --max-consecutive-failures {most}");
        let ended = world.sent(&line, 4);
        assert_eq!(ended.json()["stopped"], "failures");
        let burnt = world.count("uncertain");
        let allowed = most..most + WORKERS;
        assert!(allowed.contains(&burnt), "{burnt} burnt, of {allowed:?}");
        assert_eq!(world.count("pending"), 200 - burnt);
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn rejections_never_stop_a_run() {
    let world = batch("error_200=1");
    world.sent("customers.csv --max-consecutive-failures 2", 3);
    assert_eq!(world.count("rejected"), 200);
    world.check_invariants(&Promise::default());
}

#[test]
fn what_would_refuse_every_row_stops_at_once_and_leaves_the_rows_due() {
    // Of a redirect, which is never followed, nobody knows what became of it.
    for fault in ["403", "404", "405", "302"] {
        let world = batch(&format!("{fault}=1"));
        let ended = world.sent("customers.csv", 6);
        let document = ended.json();
        assert_eq!(document["stopped"], "refused", "{fault}");
        let sent = document["requests"].as_u64().expect("a number");
        let uncertain = if fault == "302" { sent } else { 0 };
        let counts = pick(&document["counts"], ["pending", "uncertain"]);
        assert_eq!(counts, json!([200 - uncertain, uncertain]), "{fault}");
        let log = world.server_log();
        assert!(log.iter().all(|record| record.path != "/elsewhere"));
        assert!(sent <= WORKERS as u64, "{fault}: {sent} requests");
        world.check_invariants(&Promise::default());
    }
}
