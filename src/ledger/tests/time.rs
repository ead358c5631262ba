//! Recent requests, by clocks that jump and by one that does not.

use super::*;

const WINDOW_MS: i64 = 60_000;

fn recent(ledger: &Ledger, now: &Moment) -> Vec<Option<i64>> {
    let recent = ledger.recent_requests(WINDOW_MS, 100, now).unwrap();
    recent
        .into_iter()
        .map(|request| request.answered_ago_ms)
        .collect()
}

/// A ledger with one request that was answered 20 ms after `desk.now`.
fn one_request(desk: &Desk) -> Ledger {
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a")]);
    send(&mut ledger, run, &[CREATED], &desk.now);
    ledger
}

#[test]
fn a_request_counts_until_a_window_after_its_answer() {
    let mut desk = Desk::new();
    let ledger = one_request(&desk);
    desk.later(1020);
    assert_eq!(recent(&ledger, &desk.now), [Some(1000)]);
    desk.later(58_999);
    assert_eq!(recent(&ledger, &desk.now), [Some(59_999)]);
    desk.later(1);
    assert_eq!(recent(&ledger, &desk.now), []);
}

#[test]
fn a_wall_clock_that_jumps_changes_nothing() {
    let desk = Desk::new();
    let ledger = one_request(&desk);
    let hour_ms = 3_600_000;
    for jump_ms in [-hour_ms, hour_ms] {
        let now = moment(desk.now.at.0 + 1020 + jump_ms, desk.now.uptime_ms + 1020);
        assert_eq!(recent(&ledger, &now), [Some(1000)], "{jump_ms}");
    }
}

#[test]
fn after_a_restart_of_the_machine_the_request_was_before_it() {
    let desk = Desk::new();
    let ledger = one_request(&desk);
    let restarted = |wall_ms, uptime_ms| Moment {
        boot_id: "boot-2".to_owned(),
        ..moment(desk.now.at.0 + wall_ms, uptime_ms)
    };
    assert_eq!(recent(&ledger, &restarted(30_020, 20_000)), [Some(30_000)]);
    assert_eq!(
        recent(&ledger, &restarted(-5000, 20_000)),
        [Some(20_000)],
        "a clock set back"
    );
    assert_eq!(recent(&ledger, &restarted(-5000, 70_000)), []);
    assert_eq!(recent(&ledger, &restarted(70_000, 20_000)), []);
}

#[test]
fn without_a_boot_id_the_wall_clock_serves_and_nothing_lies_in_the_future() {
    let mut desk = Desk::new();
    desk.now.boot_id = String::new();
    let ledger = one_request(&desk);
    let at = |wall_ms: i64| Moment {
        boot_id: String::new(),
        ..moment(desk.now.at.0 + wall_ms, 7)
    };
    assert_eq!(recent(&ledger, &at(1020)), [Some(1000)]);
    assert_eq!(recent(&ledger, &at(-3_600_000)), [Some(0)]);
}

#[test]
fn logins_count_decisions_do_not_and_what_is_open_may_be_answered_just_now() {
    let mut desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a")]);
    send(&mut ledger, run, &[UNCERTAIN], &desk.now);
    ledger.settle(run, None, true, &desk.now).unwrap();
    let now_ms = desk.now.at.0;
    ledger
        .write(|books| books.open_attempt(None, now_ms))
        .unwrap();
    desk.later(1020);
    assert_eq!(recent(&ledger, &desk.now), [None, Some(1000)]);
    // A request that a crash left open may have been answered until now.
    ledger.recover(&desk.now).unwrap();
    assert_eq!(recent(&ledger, &desk.now), [Some(0), Some(1000)]);
    assert_eq!(
        ledger
            .recent_requests(WINDOW_MS, 1, &desk.now)
            .unwrap()
            .len(),
        1
    );
}
