//! SIGKILL at any moment: while sending, while rows go on paper, while a ledger is migrated, while results are exported.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Customer, Promise, Serve, World, sheet};

/// `VLENS_KILLS=500` for the long form.
fn kills() -> usize {
    let asked = std::env::var("VLENS_KILLS").ok();
    asked.map_or(60, |text| text.parse().expect("a number of kills"))
}

/// Counts the requests in the server's log as they come.
struct Tail {
    path: PathBuf,
    read_to: u64,
    requests: usize,
}

impl Tail {
    fn requests(&mut self) -> usize {
        let mut new = Vec::new();
        if let Ok(mut log) = std::fs::File::open(&self.path) {
            log.seek(SeekFrom::Start(self.read_to)).expect("a log");
            log.read_to_end(&mut new).expect("a log");
        }
        self.read_to += new.len() as u64;
        self.requests += new.split(|&byte| byte == b'\n').count() - 1;
        self.requests
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "whoever runs the long form by hand wants to know"
)]
fn a_batch_killed_at_random_moments_is_done_in_the_end_with_nobody_invited_twice() {
    const ROWS: usize = 2_000;
    let kills = kills();
    // So few under way and so few a life that the rows last for all the kills.
    let is_long = kills > 100;
    let (workers, latency, late_us) = if is_long {
        (2, "4..12", 5_000)
    } else {
        (8, "0..6", 40_000)
    };
    let a_life = (ROWS / kills).max(1);
    let world = World::with(Serve::default().latency(latency).seed(5));
    world.customers("customers.csv", ROWS);
    let mut random = fastrand::Rng::with_seed(20_261_122);
    let mut tail = Tail {
        path: world.server_log_path(),
        read_to: 0,
        requests: 0,
    };
    let mut killed = 0;
    while killed < kills {
        let mut life = world
            .send("customers.csv")
            .args(["--concurrency", &workers.to_string()])
            .start();
        // A login comes first, so a life that sees no more dies before its first invitation, or in its midst.
        let enough = tail.requests() + random.usize(0..=a_life);
        while life.is_running() && tail.requests() < enough {
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_micros(random.u64(0..late_us)));
        if life.kill().code().is_some() {
            // Nothing was left to do.
            break;
        }
        killed += 1;
        if killed % 25 == 0 {
            world.check_invariants(&Promise::default());
        }
    }
    let last = world.run_until_done("customers.csv");
    assert!(
        killed * 10 >= kills * 9,
        "all was done after {killed} of {kills} kills"
    );
    let (created, uncertain) = (world.count("created"), world.count("uncertain"));
    assert_eq!(created + uncertain, ROWS, "{last}");
    assert!(
        uncertain <= killed * workers,
        "{uncertain} uncertain by {killed} kills"
    );
    world.check_invariants(&Promise::default());
    if is_long {
        println!("{killed} kills: {created} created, {uncertain} uncertain");
    }
}

#[test]
fn killed_while_rows_go_on_paper_there_is_no_trace_or_the_whole_sheet() {
    const ROWS: usize = 6_000;
    let world = World::with_server();
    world.customers("customers.csv", ROWS);
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..8 {
        let life = world.send("customers.csv").args(["--limit", "1"]).start();
        std::thread::sleep(Duration::from_millis(random.u64(5..400)));
        life.kill();
        let runs = world.vlens(["runs", "--json"]).run();
        if runs.code() == Some(0) {
            for run in runs.json().as_array().expect("runs") {
                assert_eq!(run["rows"], ROWS, "a half sheet");
            }
        }
    }
    world.sent("customers.csv --limit 5", 4);
    world.check_invariants(&Promise::default());
}

#[test]
fn an_export_that_is_killed_leaves_no_half_file() {
    let world = World::with_server();
    world.customers("customers.csv", 6_000);
    world.sent("customers.csv --limit 10", 4);
    let mut random = fastrand::Rng::with_seed(4);
    let export = ["export", "--format", "csv", "--output", "results.csv"];
    for _ in 0..10 {
        let life = world.vlens(export).start();
        std::thread::sleep(Duration::from_millis(random.u64(0..300)));
        life.kill();
        if let Ok(results) = std::fs::read_to_string(world.path("results.csv")) {
            assert_eq!(results.lines().count(), 6_001, "half a file");
            std::fs::remove_file(world.path("results.csv")).unwrap();
        }
    }
    world.vlens(export).run().expect(0);
    let results = std::fs::read_to_string(world.path("results.csv")).unwrap();
    assert_eq!(results.lines().count(), 6_001);
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
