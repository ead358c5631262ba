//! Killed at any line, run again: nobody is invited twice, no row is lost.

use rustix::process::Signal;

use crate::support::{Customer, Promise, Serve, World, sheet};

/// Runs until nothing is due; what was on its way at a kill stays uncertain, and everything else is created.
fn run_again_and_check(world: &World, rows: usize) {
    let finished = world.send("customers.csv").run();
    let counts = &finished.json()["counts"];
    let of = |name: &str| counts[name].as_u64().expect("a count");
    let settled = of("created") + of("already_created") + of("uncertain");
    assert_eq!(settled, rows as u64, "{finished}");
    let code = if of("uncertain") > 0 { 3 } else { 0 };
    finished.expect(code);
    world.check_invariants(&Promise::default());
}

#[test]
fn kill_9_in_the_middle_then_run_again() {
    for sent in [1, 5, 17, 39] {
        let world = World::with(Serve::default().latency("0..20"));
        world.customers("customers.csv", 40);
        let mut running = world.send("customers.csv").start();
        running.until("enough were accepted", || world.accepted().len() >= sent);
        running.kill();
        world.check_invariants(&Promise::default());
        run_again_and_check(&world, 40);
    }
}

#[test]
fn killed_again_and_again() {
    let world = World::with(Serve::default().latency("0..10"));
    world.customers("customers.csv", 60);
    // Each kill may take with it what is on its way and not accepted: two at a time, so that 50 can always be reached.
    let two = ["--concurrency", "2"];
    for sent in [3, 8, 20, 35, 50] {
        let mut running = world.send("customers.csv").args(two).start();
        running.until("more were accepted", || world.accepted().len() >= sent);
        running.kill();
        world.check_invariants(&Promise::default());
    }
    run_again_and_check(&world, 60);
}

/// The place to die at, and how many of four rows sent one by one are then uncertain: at the least, at the most. A row's
/// outcome and the next row's intent share a commit, so around it one row or the other may be in doubt, and never two.
const PLACES: &[(&str, u64, u64)] = &[
    ("before_enrolled", 0, 0),
    ("before_published", 0, 0),
    ("after_published", 0, 0),
    ("after_enrolled", 0, 0),
    ("before_intent:2", 0, 1),
    ("after_intent:2", 1, 1),
    ("after_answer:2", 1, 1),
    ("after_outcome:2", 0, 1),
];

#[test]
fn no_line_is_one_at_which_a_crash_does_harm() {
    for (place, least, most) in PLACES {
        let world = World::with_server();
        world.customers("customers.csv", 4);
        let one = ["--concurrency", "1"];
        let died = world
            .send("customers.csv")
            .args(one)
            .env("VLENS_BATCH_FAILPOINT", place)
            .run();
        assert_eq!(died.code(), None, "{place} was not reached\n{died}");
        let summary = world.send("customers.csv").args(one).run().json();
        let uncertain = summary["counts"]["uncertain"].as_u64().unwrap();
        assert!(
            (*least..=*most).contains(&uncertain),
            "{place}: {uncertain}"
        );
        let created = world
            .statuses()
            .iter()
            .filter(|status| *status == "created")
            .count() as u64;
        assert_eq!(created, 4 - uncertain, "{place}");
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn what_is_on_its_way_is_pending_while_its_sender_lives_and_uncertain_after() {
    let world = World::with_server();
    world.file(
        "customers.csv",
        sheet(&[Customer::new(0).phone("+201555000600")]),
    );
    let mut running = world.send("customers.csv").start();
    running.until("it was accepted", || !world.accepted().is_empty());
    assert_eq!(world.statuses(), ["pending"]);
    assert_eq!(world.ledger_status()["counts"]["pending"], 1);
    running.kill();
    assert_eq!(world.statuses(), ["uncertain"]);
    assert_eq!(world.ledger_status()["counts"]["uncertain"], 1);
}

#[test]
fn a_signal_stops_gently_and_the_next_run_goes_on() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let world = World::with(Serve::default().latency("20"));
        world.customers("customers.csv", 60);
        let mut running = world
            .send("customers.csv")
            .args(["--concurrency", "2"])
            .start();
        running.until("some were accepted", || world.accepted().len() >= 4);
        running.signal(signal);
        let summary = running.wait().expect(4).json();
        assert_eq!(summary["stopped"], "signal");
        assert_eq!(summary["counts"]["uncertain"], 0);
        assert!(summary["counts"]["pending"].as_u64().unwrap() > 0);
        world.check_invariants(&Promise::default());
        let summary = world.send("customers.csv").run().expect(0).json();
        assert!(summary["counts"]["already_created"].as_u64().unwrap() >= 4);
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn a_second_signal_ends_at_once_and_leaves_what_was_on_its_way_uncertain() {
    let world = World::with_server();
    world.file(
        "customers.csv",
        sheet(&[Customer::new(0).phone("+201555000600")]),
    );
    let mut running = world.send("customers.csv").start();
    running.until("it was accepted", || !world.accepted().is_empty());
    running.signal(Signal::INT);
    // Signals of the same kind that arrive together are one.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(running.is_running(), "the first signal waits for answers");
    running.signal(Signal::INT);
    running.wait().expect(4);
    assert_eq!(world.statuses(), ["uncertain"]);
    world.check_invariants(&Promise::default());
}
