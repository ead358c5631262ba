//! 429 and 503 with `Retry-After`: everybody waits as long as the server asks, and no row pays for it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Customer, Promise, Record, Rude, Serve, World, answer, customers, sheet};

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

/// The longest stretch without a request after the first refusal.
fn longest_gap_ms(log: &[Record], fault: &str) -> u64 {
    let first = log
        .iter()
        .position(|one| one.fault.as_deref() == Some(fault));
    let after = &log[first.expect("a refusal in the log")..];
    let gaps = after.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms);
    gaps.max().unwrap_or(0)
}

#[test]
fn all_workers_wait_as_long_as_a_429_or_a_503_asks() {
    // The date is two seconds ahead at most, cut to whole seconds.
    let cases = [
        (ONCE_SECONDS, "429", 950),
        (ONCE_DATE, "429_date", 950),
        (ONCE_UNAVAILABLE, "503_after", 950),
    ];
    for (phone, fault, least_ms) in cases {
        let world = World::with(Serve::default().latency("10"));
        batch(&world, &[phone]);
        world.sent("customers.csv", 0);
        let log = world.server_log();
        let gap_ms = longest_gap_ms(&log, fault);
        assert!(gap_ms >= least_ms, "{fault}: only {gap_ms} ms of rest");
        // Only what was under way, or on paper already, came after it.
        let refused = log.iter().find(|one| one.fault.as_deref() == Some(fault));
        let refused_at = refused.expect("a refusal").at_ms;
        let late = log
            .iter()
            .filter(|one| one.at_ms > refused_at + 200 && one.at_ms < refused_at + 900);
        assert_eq!(late.count(), 0, "{fault}: requests during the pause");
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn a_429_uses_up_no_attempt_and_a_503_does() {
    for (phone, exit) in [(ONCE_SECONDS, 0), (ONCE_UNAVAILABLE, 3)] {
        let world = World::with_server();
        world.config("[limits]\nmax_attempts = 1\n");
        batch(&world, &[phone]);
        world.sent("customers.csv", exit);
        assert_eq!(world.count("failed"), usize::from(exit == 3));
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn a_row_with_no_end_of_429_fails_alone() {
    let world = World::with_server();
    batch(&world, &["+201555000432"]);
    let ended = world.sent("customers.csv", 3);
    assert_eq!(world.count("failed"), 1);
    assert_eq!(world.count("created"), 199);
    let document = ended.json();
    assert_eq!(document["throttled"], 10);
    assert_eq!(document["requests"], 209);
    world.check_invariants(&Promise::default());
}

#[test]
fn refused_logins_are_paced_as_well() {
    let world = World::with(Serve::default().fault("login_429=0.6").seed(2));
    world.customers("customers.csv", 5);
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
fn both_limits_hold_as_the_server_sees_them_with_many_workers_and_a_jittery_network() {
    let world = World::with(Serve::default().limits(10, 40).latency("0..150"));
    world.config("[limits]\nper_second = 10\nper_minute = 40\nconcurrency = 20\n");
    world.customers("customers.csv", 45);
    let ended = world.ran("run customers.csv --json --max-duration 8s", 4);
    assert_eq!(
        ended.json()["throttled"],
        0,
        "the server refused some\n{ended}"
    );
    // The login counts as well.
    assert_eq!(world.count("created"), 39);
    world.check_invariants(&Promise::default().limits(10, 40));
}

#[test]
fn a_pause_that_was_asked_for_outlives_the_process() {
    const HOLD_SECONDS: u64 = 4;
    let asked_at = Arc::new(Mutex::new(None));
    let came_at = Arc::new(Mutex::new(None));
    let (asked, came) = (Arc::clone(&asked_at), Arc::clone(&came_at));
    let rude = Rude::serve(move |wire, before| {
        if before > 0 {
            came.lock()
                .expect("a time")
                .get_or_insert_with(Instant::now);
            return answer(wire, &format!(r#"{{"data":"token-{before}"}}"#));
        }
        *asked.lock().expect("a time") = Some(Instant::now());
        write!(
            wire,
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {HOLD_SECONDS}\r\nContent-Length: 0\r\n\r\n"
        )
    });
    let world = World::new();
    world.customers("customers.csv", 3);
    let send = || {
        let run = world.send("customers.csv --concurrency 1");
        rude.variables()
            .into_iter()
            .fold(run, |run, (name, value)| run.env(name, value))
    };
    let mut run = send().args(["-v"]).start();
    run.until("a pause", || asked_at.lock().expect("a time").is_some());
    // Long enough for the answer to be recorded, and a part of the pause.
    std::thread::sleep(Duration::from_secs(1));
    run.kill();
    send().ends(0);
    let at = |time: &Mutex<Option<Instant>>| time.lock().expect("a time").expect("a request");
    let rest = at(&came_at).duration_since(at(&asked_at));
    assert!(
        rest >= Duration::from_secs(HOLD_SECONDS),
        "only {rest:?} of rest"
    );
}
