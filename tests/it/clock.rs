//! The wall clock set forward and back, mid-run and between runs: limits hold, and nothing waits an hour.

use std::time::Duration;

use crate::support::{Promise, Vlens, World};

const HOUR_MS: i64 = 3_600_000;

fn set_clock(world: &World, ms: i64) {
    // In one piece, so that the program never reads half a number.
    world.file("clock.new", ms.to_string());
    std::fs::rename(world.path("clock.new"), world.path("clock")).expect("a clock");
}

fn send(world: &World, how: &str) -> Vlens {
    let run = world.line(&format!("run customers.csv --json {how}"));
    run.env("VLENS_BATCH_TEST_CLOCK", world.path("clock"))
}

/// Whoever waits an hour hangs, as the harness sees it.
#[test]
fn set_forward_and_back_mid_run_the_limit_holds_and_nothing_waits() {
    let world = World::with_customers(30);
    set_clock(&world, 0);
    let mut run = send(&world, "--rate 8/s --rate 1000/min").start();
    for (enough, shift) in [(6, HOUR_MS), (14, -HOUR_MS), (22, 0)] {
        run.until("some more rows", || world.accepted().len() > enough);
        set_clock(&world, shift);
    }
    run.wait().expect(0);
    world.check_invariants(&Promise::default().limits(8, 1_000));
}

#[test]
fn set_forward_and_back_between_runs_the_limits_count_earlier_requests() {
    for shift in [HOUR_MS, -HOUR_MS, 0] {
        let world = World::with_customers(30);
        set_clock(&world, 0);
        // With the login, they are the minute's.
        send(&world, "--rate 20/s --rate 10/min --limit 9").ends(4);
        assert_eq!(world.server_log().len(), 10);
        set_clock(&world, shift);
        send(&world, "--rate 20/s --rate 10/min --max-duration 2s").ends(4);
        world.check_invariants(&Promise::default().limits(20, 10));
    }
}

#[test]
fn a_restart_after_kill_9_opens_no_second_window() {
    let world = World::with_customers(60);
    set_clock(&world, 0);
    for life in 0..7 {
        let seen = world.server_log().len();
        let mut run = send(&world, "--rate 4/s --rate 12/min").start();
        // Of the first each gets a login through and a row; later there is no slot left to wait for.
        if life < 4 {
            run.until("some more", || world.server_log().len() >= seen + 2);
        } else {
            std::thread::sleep(Duration::from_millis(700));
        }
        run.kill();
    }
    assert!(world.server_log().len() >= 8);
    world.check_invariants(&Promise::default().limits(4, 12));
}
