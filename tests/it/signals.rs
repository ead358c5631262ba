//! Signals, once and twice; nobody listening; the terminal gone.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    DATA_FOLDER, GONE, HANGS_AFTER, ON_ITS_OWN_TERMINAL, Promise, Running, World, pick,
};

const ALL: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// In the midst of 400 rows.
fn sending(world: &World) -> Running {
    world.customers("customers.csv", 400);
    world.begun(world.send("customers.csv --concurrency 6"), 10)
}

#[test]
fn the_first_signal_stops_gently_and_records_what_is_under_way() {
    for signal in ALL {
        let world = World::with("--latency 30");
        let run = sending(&world);
        // As `timeout` tells a process and its group.
        run.signal(signal);
        std::thread::sleep(Duration::from_millis(10));
        run.signal(signal);
        let ended = run.wait().expect(4);
        let document = ended.json();
        assert_eq!(document["stopped"], "signal");
        // Every intent had its request, and every answer on its way was waited for.
        let requests = world.invitations().len();
        assert_eq!(world.requests_on_paper(), (requests, 0), "{ended}");
        assert_eq!(document["requests"], requests, "{ended}");
        let counts = pick(&document["counts"], ["created", "uncertain"]);
        assert_eq!(counts, json!([world.accepted().len(), 0]), "{ended}");
        assert!(document["counts"]["pending"].as_u64() > Some(0));
        world.check_invariants(&Promise::default());
        world.run_until_done("customers.csv").expect(0);
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn the_second_signal_ends_at_once_and_what_is_under_way_is_uncertain() {
    for signal in ALL {
        // It is created, and no answer ever comes.
        let world = World::with_phones(["+201555000600", "", "", ""]);
        // Longer than the harness waits for an end.
        world.config("[limits]\ntimeout_seconds = 600\n");
        let mut run = world.begun(world.send("customers.csv --concurrency 1"), 0);
        run.signal(signal);
        // Said at once: what is waited for, and how long at most.
        run.until_it_says("answers to requests under way are waited for, 600 s at the most");
        std::thread::sleep(Duration::from_millis(200));
        assert!(run.is_running());
        run.signal(signal);
        let ended = run.wait().expect(4);
        ended.complains_of("A second signal ended the command at once");
        let statuses = ["uncertain", "pending", "pending", "pending"];
        assert_eq!(world.statuses(), statuses);
        world.check_invariants(&Promise::default());
        world.run_until_done("customers.csv").expect(3);
        assert_eq!(world.accepted().len(), 4);
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn a_signal_while_rows_go_on_paper_leaves_no_trace() {
    let world = World::with_customers(20_000);
    let mut run = world.send("customers.csv").start();
    let folder = world.path(DATA_FOLDER);
    // It watches for signals before it begins a ledger.
    run.until("a ledger", || {
        std::fs::read_dir(&folder).is_ok_and(|files| files.count() > 0)
    });
    run.signal(Signal::TERM);
    let ended = run.wait().expect(4);
    assert!(world.accepted().len() < 20_000, "{ended}");
    if ended.json()["error"]["code"] == "interrupted" {
        assert!(world.server_log().is_empty());
    }
}

#[test]
fn the_first_signal_ends_what_only_waits() {
    let world = World::with("--latency 500");
    for (line, code) in [("sandbox", 0), ("run -", 4), ("doctor", 4)] {
        let waiting = world.line(&format!("{line} --json"));
        let mut run = waiting.after_shell("mkfifo never; exec 0<>never").start();
        let watches = run.watches(Signal::TERM);
        run.until("its watch", watches);
        run.signal(Signal::TERM);
        run.wait().expect(code).hides("second signal");
    }
}

#[test]
fn who_was_started_to_ignore_a_hang_up_does() {
    // As `nohup` does, and `command &` in a script with interrupts.
    let world = World::serving("--latency 20", 60);
    let run = world.send("customers.csv").after_shell("trap '' HUP INT");
    let run = world.begun(run, 5);
    run.signal(Signal::HUP);
    run.signal(Signal::INT);
    run.wait().expect(0);
    assert_eq!(world.count("created"), 60);
}

#[test]
fn nobody_listening_changes_nothing() {
    for (preparation, exit) in [
        ("exec 1>&-", 0),
        ("exec 2>&-", 0),
        ("exec 0<&- 1>&- 2>&-", 0),
        // The summary is lost, and that is told by the exit code.
        ("exec >/dev/full 2>/dev/full", 1),
        (GONE, 0),
    ] {
        let world = World::serving("--latency 0..5", 60);
        let run = world.line("run customers.csv --rate unlimited -vv");
        let ended = run.after_shell(preparation).ends(exit);
        assert_eq!(world.count("created"), 60, "{preparation}\n{ended}");
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn a_terminal_that_is_gone_is_a_hang_up() {
    let world = World::serving("--latency 20", 400);
    let run = world.line("run customers.csv --rate unlimited --yes");
    let run = world.begun(run.after_shell(ON_ITS_OWN_TERMINAL), 10);
    run.kill();
    let lock = std::fs::File::open(world.beside_ledger(".lock")).unwrap();
    let began = Instant::now();
    while lock.try_lock_shared().is_err() {
        assert!(began.elapsed() < HANGS_AFTER, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(lock);
    let document = world.ledger_status();
    assert_eq!(document["stopped"], "signal");
    assert_eq!(document["counts"]["uncertain"], 0);
    world.check_invariants(&Promise::default());
    world.run_until_done("customers.csv").expect(0);
    world.check_invariants(&Promise::default());
}
