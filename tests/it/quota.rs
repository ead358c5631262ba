//! The tenant's limits, as the server sees them.

use crate::support::{Promise, Serve, World};

#[test]
fn a_batch_of_150_keeps_both_limits_and_uses_up_the_minutes_quota() {
    let world = World::with(Serve::default().limits(10, 60).latency("0..30"));
    world.customers("customers.csv", 150);
    // The default rate is the vendor's: 10 a second and 60 a minute.
    let run = world.line("run customers.csv --json").run();
    let summary = run.expect(0).json();
    assert_eq!(summary["counts"]["created"], 150);
    assert_eq!(summary["throttled"], 0);
    let log = world.server_log();
    assert!(log.iter().all(|record| record.status != Some(429)));
    world.check_invariants(&Promise::default().limits(10, 60));
    // A login and 150 invitations: two full minutes, and 31 more at ten a second.
    assert_eq!(log.len(), 151);
    let least_ms = 2 * 60_000 + 30 * 100;
    let took_ms = log[150].at_ms - log[0].at_ms;
    let used = f64::from(least_ms) / u32::try_from(took_ms).map(f64::from).unwrap();
    assert!(used >= 0.97, "only {:.1} % of the quota used", used * 100.0);
}

#[test]
fn a_throttling_server_is_waited_for() {
    // The program believes in 20 a second, the server grants five.
    let world = World::with(Serve::default().limits(5, 0));
    world.customers("customers.csv", 20);
    let rate = ["--rate", "20/s", "--rate", "1000/min", "--json"];
    let run = world.line("run customers.csv").args(rate).run();
    let summary = run.expect(0).json();
    assert!(summary["throttled"].as_u64().unwrap() > 0, "{summary}");
    world.check_invariants(&Promise::default());
}
