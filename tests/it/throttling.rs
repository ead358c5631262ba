//! 429 and 503 with `Retry-After`: everybody waits as long as the server asks, and no row pays for it.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{
    Customer, Promise, Record, Rude, Running, World, answer_with, customers, sheet,
    uses_up_the_quota,
};

const ONCE_SECONDS: &str = "+201555000429";
const ONCE_DATE: &str = "+201555000430";
const ONCE_UNAVAILABLE: &str = "+201555000513";

/// 200 customers with a few that provoke something, in their midst.
fn batch(world: &World, magic: &[&str]) {
    let mut all = customers(200);
    for (n, phone) in magic.iter().enumerate() {
        all[40 + n] = Customer::new(40 + n).phone(phone);
    }
    world.file("customers.csv", sheet(&all));
}

/// How many requests the program put on paper while nobody was to send: within 950 ms of noting an answer that asked for a second.
fn recorded_in_the_pause(world: &World) -> i64 {
    let [late] = world.query(
        "SELECT count(*) FROM attempts a, attempts p
         WHERE p.pause_ms IS NOT NULL AND a.opened_ms > p.closed_ms AND a.opened_ms < p.closed_ms + 950",
    );
    late
}

#[test]
fn all_workers_wait_as_long_as_a_429_or_a_503_asks() {
    // The date is two seconds ahead at most, cut to whole seconds.
    for (phone, fault) in [
        (ONCE_SECONDS, "429"),
        (ONCE_DATE, "429_date"),
        (ONCE_UNAVAILABLE, "503_after"),
    ] {
        let world = World::with("--latency 10");
        batch(&world, &[phone]);
        world.sent("customers.csv", 0);
        let log = world.server_log();
        let refused = log.iter().filter(|one| one.fault.as_deref() == Some(fault));
        assert_eq!(refused.count(), 1, "{fault}");
        // Each of the other workers may have had a slot in hand already; the rest of the sheet is many times that.
        let late = recorded_in_the_pause(&world);
        assert!(late < 8, "{fault}: {late} requests during the pause");
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn refused_logins_are_paced_as_well() {
    let world = World::serving("--fault login_429=0.6 --seed 2", 5);
    world.run_until_done("customers.csv").expect(0);
    let log = world.server_log();
    let logins: Vec<&Record> = log
        .iter()
        .filter(|one| one.path.ends_with("/Login"))
        .collect();
    for pair in logins.windows(2) {
        let refused = pair[0].status == Some(429);
        assert!(
            !refused || pair[1].at_ms - pair[0].at_ms >= 950,
            "no rest after a 429"
        );
    }
    world.check_invariants(&Promise::default());
}

#[test]
fn a_batch_of_150_keeps_both_limits_and_uses_up_the_minutes_quota() {
    let world = World::serving("--per-second 10 --per-minute 60 --latency 0..150", 150);
    // The default rate is the vendor's: 10 a second and 60 a minute.
    let summary = world.ran("run customers.csv --json", 0).json();
    assert_eq!(summary["counts"]["created"], 150);
    assert_eq!(summary["throttled"], 0);
    let log = world.server_log();
    assert!(log.iter().all(|record| record.status != Some(429)));
    world.check_invariants(&Promise::default().limits(10, 60));
    // A login and 150 invitations: two full minutes, and 31 more at ten a second.
    assert_eq!(log.len(), 151);
    uses_up_the_quota(&log);
}

/// A status line with its header.
fn throttled(seconds: u64) -> String {
    format!("429 Too Many Requests\r\nRetry-After: {seconds}")
}

/// Waits until the metrics know that so many were asked to wait.
fn until_all_wait(world: &World, run: &mut Running, n: usize) {
    let told = format!("vlens_batch_throttled_total{{tenant=\"rude\"}} {n}\n");
    run.until("metrics that know of the answers", || {
        let metrics = std::fs::read_to_string(world.path("vlens.prom"));
        metrics.is_ok_and(|metrics| metrics.contains(&told))
    });
}

#[test]
fn a_pause_that_all_workers_are_asked_for_is_told_once() {
    let rude = Rude::serve(|wire, _| {
        std::thread::sleep(Duration::from_millis(1_500));
        answer_with(wire, &throttled(600), "")
    });
    let world = World::new();
    world.customers("customers.csv", 8);
    let run = world.send("customers.csv --concurrency 8 --metrics-file vlens.prom");
    let mut run = run.envs(rude.variables()).start();
    until_all_wait(&world, &mut run, 8);
    run.signal(Signal::TERM);
    let ended = run.wait().expect(4);
    let lines = ended
        .stderr
        .lines()
        .filter(|line| line.contains("paused: Vlens"));
    assert_eq!(lines.count(), 2, "the log's, and the progress's: {ended}");
}

#[test]
fn a_long_pause_outlives_the_process_is_told_at_every_start_and_metrics_go_on_meanwhile() {
    let rude = Rude::serve(|wire, _| answer_with(wire, &throttled(600), ""));
    let world = World::new();
    world.customers("customers.csv", 1);
    let send = || {
        let run = world.send("customers.csv --metrics-file vlens.prom -v");
        run.envs(rude.variables()).start()
    };
    let mut run = send();
    // Said once it is recorded.
    run.until_it_says("paused: Vlens asked for it");
    // Nothing happens any more that could be an occasion to write them.
    until_all_wait(&world, &mut run, 1);
    run.kill();
    let mut run = send();
    run.until_it_says("paused: Vlens asks to wait until ");
    run.signal(Signal::TERM);
    run.wait().expect(4);
    assert_eq!(rude.invitations(), 1);
}

/// Longer than anybody sits out: nobody holds the ledger meanwhile, and nobody sends before.
#[test]
fn a_pause_of_more_than_an_hour_is_kept_and_ends_every_command_at_once() {
    let rude = Rude::serve(|wire, _| answer_with(wire, &throttled(7_200), ""));
    let world = World::new();
    world.customers("customers.csv", 3);
    let ends = |line: &str, code| world.line(line).envs(rude.variables()).ends(code);
    for _ in 0..2 {
        let ended = ends("run customers.csv --concurrency 1", 4);
        ended.complains_of("Vlens asks to wait until 20");
    }
    ends("contract-types", 4).complains_of("Vlens asks to wait until 20");
    assert_eq!(rude.invitations(), 1);
    ends("doctor", 0).shows("Vlens asks to wait until 20");
}
