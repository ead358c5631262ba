//! The wall clock set forward and back, mid-run and between runs: limits hold, and nothing waits an hour.

use std::time::{Duration, Instant};

use crate::support::{Promise, Vlens, World};

const HOUR_MS: i64 = 3_600_000;

fn set_clock(world: &World, ms: i64) {
    // In one piece, so that the program never reads half a number.
    world.file("clock.new", ms.to_string());
    std::fs::rename(world.path("clock.new"), world.path("clock")).expect("a clock");
}

fn send(world: &World, per_second: u32, per_minute: u32) -> Vlens {
    world
        .line("run customers.csv --json --rate")
        .args([format!("{per_second}/s")])
        .args(["--rate".to_owned(), format!("{per_minute}/min")])
        .env("VLENS_BATCH_TEST_CLOCK", world.path("clock"))
}

#[test]
fn set_forward_and_back_mid_run_the_limit_holds_and_nothing_waits() {
    let world = World::with_server();
    world.customers("customers.csv", 30);
    set_clock(&world, 0);
    let began = Instant::now();
    let mut run = send(&world, 8, 1_000).start();
    for (enough, shift) in [(6, HOUR_MS), (14, -HOUR_MS), (22, 0)] {
        run.until("some more rows", || world.accepted().len() > enough);
        set_clock(&world, shift);
    }
    run.wait().expect(0);
    assert!(began.elapsed() < Duration::from_secs(30));
    world.check_invariants(&Promise::default().limits(8, 1_000));
}

#[test]
fn set_forward_and_back_between_runs_the_limits_count_earlier_requests() {
    for shift in [HOUR_MS, -HOUR_MS, 0] {
        let world = World::with_server();
        world.customers("customers.csv", 30);
        set_clock(&world, 0);
        send(&world, 20, 10).args(["--max-duration", "2s"]).ends(4);
        assert_eq!(world.server_log().len(), 10, "the login and nine rows");
        set_clock(&world, shift);
        let began = Instant::now();
        send(&world, 20, 10).args(["--max-duration", "2s"]).ends(4);
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it waited by the wall clock"
        );
        assert_eq!(
            world.server_log().len(),
            10,
            "a second window, {shift} ms off"
        );
        world.check_invariants(&Promise::default().limits(20, 10));
    }
}

#[test]
fn a_restart_after_kill_9_opens_no_second_window() {
    let world = World::with_server();
    world.customers("customers.csv", 60);
    set_clock(&world, 0);
    for _ in 0..6 {
        let life = send(&world, 4, 12).start();
        std::thread::sleep(Duration::from_millis(900));
        life.kill();
    }
    assert!(world.server_log().len() <= 12);
    assert!(world.accepted().len() > 1);
    world.check_invariants(&Promise::default().limits(4, 12));
}
