//! A crash at every place that matters, one after the other, and again at the second and the fifth time it is passed.

use crate::support::{Promise, World, rows};

const ROWS: usize = 12;

fn crash_and_go_on(place: &str, nth: usize, concurrency: usize) {
    let world = World::serving("--latency 0..5", ROWS);
    let crash = format!("{place}:{nth}");
    let run = world.send(&format!("customers.csv --concurrency {concurrency}"));
    let crashed = run.env("VLENS_BATCH_FAILPOINT", &crash).run();
    let died = crashed.code().is_none();
    assert!(died || nth > 1, "{crash} is never passed\n{crashed}");
    // What a person finds right after it.
    if world.line("runs").run().code() == Some(0) {
        world.check_invariants(&Promise::default());
    }
    let last = world.run_until_done("customers.csv");
    world.check_invariants(&Promise::default());
    let uncertain = world.count("uncertain");
    assert_eq!(world.count("created") + uncertain, ROWS, "{crash}\n{last}");
    assert!(uncertain <= concurrency, "{crash}: {uncertain} uncertain");
    let leaves_nobody_under_way = ["imported", "migrated", "published"]
        .iter()
        .any(|word| place.contains(word));
    assert!(!leaves_nobody_under_way || uncertain == 0, "{crash}");
    if place == "after_intent" && concurrency == 1 {
        assert_eq!(uncertain, 1, "{crash}: on its way is uncertain");
    }
    if place == "before_intent" && concurrency == 1 {
        assert_eq!(uncertain, 0, "{crash}: nothing had left");
    }
}

#[test]
fn a_crash_at_any_place_loses_nothing_with_one_worker_or_many() {
    for place in rows("failpoints.places") {
        crash_and_go_on(place, 1, 1);
        crash_and_go_on(place, 1, 6);
    }
}

#[test]
fn a_later_crash_loses_nothing_either_and_every_commit_can_be_the_last() {
    for place in rows("failpoints.places") {
        for nth in [2, 5] {
            crash_and_go_on(place, nth, 3);
        }
    }
    for nth in 1..=16 {
        crash_and_go_on("before_commit", nth, 2);
        crash_and_go_on("after_commit", nth, 2);
    }
}
