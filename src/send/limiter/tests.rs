//! Hours of pace in milliseconds: the clock is a number.

use super::*;
use crate::model::{RetryAfter, Timestamp};

const VENDOR: Limits = Limits {
    per_second: NonZeroU32::new(10),
    per_minute: NonZeroU32::new(60),
};

/// A server and a client on one virtual clock; each request takes `there_ms` to arrive and `back_ms` to be answered.
struct World {
    pace: Limiter,
    now_ms: u64,
    answers_at_ms: Vec<u64>,
    arrivals_ms: Vec<u64>,
}

impl World {
    fn new(limits: Limits) -> Self {
        World {
            pace: Limiter::new(limits),
            now_ms: 1_000_000,
            answers_at_ms: Vec::new(),
            arrivals_ms: Vec::new(),
        }
    }

    fn run(&mut self, requests: usize, mut delays_ms: impl FnMut(usize) -> (u64, u64)) {
        let mut sent = 0;
        while sent < requests {
            self.deliver_answers();
            match self.pace.ask(Duration::from_millis(self.now_ms)) {
                Permit::Granted => {
                    let (there, back) = delays_ms(sent);
                    self.arrivals_ms.push(self.now_ms + there);
                    self.answers_at_ms.push(self.now_ms + there + back);
                    sent += 1;
                }
                Permit::After(wait) => {
                    let until = self.now_ms + u64::try_from(wait.as_millis()).unwrap() + 1;
                    let next_answer = self.answers_at_ms.iter().copied().min().unwrap_or(u64::MAX);
                    self.now_ms = until.min(next_answer).max(self.now_ms + 1);
                }
                Permit::AfterAnAnswer => {
                    self.now_ms = self
                        .answers_at_ms
                        .iter()
                        .copied()
                        .min()
                        .expect("something is under way");
                }
            }
        }
    }

    fn deliver_answers(&mut self) {
        self.answers_at_ms.sort_unstable();
        while self
            .answers_at_ms
            .first()
            .is_some_and(|&at| at <= self.now_ms)
        {
            let at = self.answers_at_ms.remove(0);
            self.pace.answered(Duration::from_millis(at));
        }
    }

    fn most_in_any(&self, window_ms: u64) -> usize {
        let mut arrivals = self.arrivals_ms.clone();
        arrivals.sort_unstable();
        (0..arrivals.len())
            .map(|i| {
                arrivals[i..]
                    .iter()
                    .take_while(|&&at| at < arrivals[i] + window_ms)
                    .count()
            })
            .max()
            .unwrap_or(0)
    }

    fn took_ms(&self) -> u64 {
        self.arrivals_ms.iter().max().unwrap() - self.arrivals_ms.iter().min().unwrap()
    }
}

#[test]
fn both_limits_hold_on_a_fast_network_and_are_used_up() {
    let mut world = World::new(VENDOR);
    world.run(600, |_| (1, 1));
    assert!(world.most_in_any(1000) <= 10);
    assert_eq!(world.most_in_any(60_000), 60);
    assert!(world.took_ms() < 550_000, "took {} ms", world.took_ms());
}

#[test]
fn sixty_requests_are_done_within_seven_seconds() {
    let mut world = World::new(VENDOR);
    world.run(60, |_| (20, 20));
    assert!(world.took_ms() < 7000, "took {} ms", world.took_ms());
}

#[test]
fn no_delay_presses_two_windows_into_one() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20 {
        let mut world = World::new(VENDOR);
        let mut delays = random.fork();
        world.run(300, |_| (delays.u64(0..300), delays.u64(0..300)));
        assert!(
            world.most_in_any(1000) <= 10,
            "{} in a second",
            world.most_in_any(1000)
        );
        assert!(
            world.most_in_any(60_000) <= 60,
            "{} in a minute",
            world.most_in_any(60_000)
        );
    }
}

#[test]
fn a_request_held_up_for_half_a_minute_does_not_break_the_minute() {
    let mut world = World::new(VENDOR);
    world.run(200, |n| if n % 20 == 0 { (30_000, 10) } else { (5, 5) });
    assert!(world.most_in_any(60_000) <= 60);
}

#[test]
fn requests_of_an_earlier_process_count() {
    let mut world = World::new(VENDOR);
    for _ in 0..60 {
        world
            .pace
            .seed(Duration::from_millis(world.now_ms - 10_000));
    }
    let wait = world.pace.ask(Duration::from_millis(world.now_ms));
    let Permit::After(wait) = wait else {
        panic!("{wait:?}");
    };
    assert!(
        wait >= Duration::from_secs(50) && wait < Duration::from_secs(51),
        "{wait:?}"
    );
}

#[test]
fn a_full_window_of_requests_under_way_waits_for_an_answer() {
    let one = Limits {
        per_second: NonZeroU32::new(1),
        per_minute: None,
    };
    let mut pace = Limiter::new(one);
    let at = Duration::from_secs;
    assert_eq!(pace.ask(at(1)), Permit::Granted);
    assert_eq!(pace.ask(at(20)), Permit::AfterAnAnswer);
    pace.answered(at(20));
    assert!(matches!(pace.ask(at(20)), Permit::After(_)));
    assert_eq!(pace.ask(at(22)), Permit::Granted);
    pace.not_sent();
    assert_eq!(pace.ask(at(24)), Permit::Granted);
}

#[test]
fn within_a_second_requests_are_evenly_spaced() {
    let ten = Limits {
        per_second: NonZeroU32::new(10),
        per_minute: None,
    };
    let mut pace = Limiter::new(ten);
    let at = Duration::from_millis;
    for n in 0..5 {
        let turn_ms = 1000 + n * 100;
        assert_eq!(pace.ask(at(turn_ms)), Permit::Granted);
        pace.answered(at(turn_ms));
        assert_eq!(pace.ask(at(turn_ms + 40)), Permit::After(at(60)));
        assert_eq!(pace.ask(at(turn_ms + 99)), Permit::After(at(1)));
    }
}

#[test]
fn unlimited_means_no_wait_at_all() {
    let mut pace = Limiter::new(Limits {
        per_second: None,
        per_minute: None,
    });
    for _ in 0..10_000 {
        assert_eq!(pace.ask(Duration::from_secs(1)), Permit::Granted);
    }
}

#[test]
fn a_pause_holds_everybody_until_its_end() {
    let mut pace = Limiter::new(VENDOR);
    let at = Duration::from_secs;
    pace.pause(at(100), at(30));
    pace.pause(at(100), at(5));
    assert_eq!(pace.ask(at(110)), Permit::After(at(20)));
    assert_eq!(pace.ask(at(130)), Permit::Granted);
}

#[test]
fn repeated_refusals_slow_down_and_acceptance_brings_the_pace_back_slowly() {
    let mut pace = Limiter::new(VENDOR);
    pace.refused();
    assert!(
        (pace.share() - 1.0).abs() < 1e-9,
        "one 429 may be a neighbour's burst"
    );
    for _ in 0..10 {
        pace.refused();
    }
    assert!((pace.share() - LEAST_SHARE).abs() < 1e-9);
    pace.accepted();
    assert!(pace.share() < 0.2, "not all at once");
    for _ in 0..200 {
        pace.accepted();
    }
    assert!((pace.share() - 1.0).abs() < 1e-9);
}

#[test]
fn a_reduced_share_is_kept_by_the_windows() {
    let mut pace = Limiter::new(VENDOR);
    for _ in 0..8 {
        pace.refused();
    }
    let mut granted = 0;
    for tick in 0..600_u32 {
        let now = Duration::from_millis(1_000_000 + u64::from(tick) * 100);
        if pace.ask(now) == Permit::Granted {
            granted += 1;
            pace.answered(now);
        }
    }
    assert_eq!(granted, 6, "a tenth of sixty in the minute");
}

#[test]
fn back_off_doubles_up_to_its_cap_and_is_jittered_over_the_whole_width() {
    let backoff = Backoff::default();
    assert_eq!(backoff.wait(1, 1.0), Duration::from_secs(1));
    assert_eq!(backoff.wait(3, 1.0), Duration::from_secs(4));
    assert_eq!(backoff.wait(3, 0.0), Duration::ZERO);
    assert_eq!(backoff.wait(60, 1.0), Duration::from_secs(60));
}

#[test]
fn retry_after_is_read_in_both_forms() {
    let now = Timestamp(1_000_000);
    let after = |s| RetryAfter::After(Duration::from_secs(s));
    assert_eq!(wait_for(after(5), now), Wait::For(Duration::from_secs(5)));
    assert_eq!(
        wait_for(after(3600), now),
        Wait::For(Duration::from_secs(3600))
    );
    assert!(matches!(wait_for(after(3601), now), Wait::TooLong(_)));
    let at = |at, date| RetryAfter::At {
        at: Timestamp(at),
        date,
    };
    assert_eq!(
        wait_for(at(1_010_000, None), now),
        Wait::For(Duration::from_secs(10))
    );
    // Our clock is an hour behind; the answer's own date tells the truth.
    let theirs = Some(Timestamp(4_600_000));
    assert_eq!(
        wait_for(at(4_610_000, theirs), now),
        Wait::For(Duration::from_secs(10))
    );
    assert_eq!(wait_for(at(0, None), now), Wait::For(Duration::ZERO));
}

#[test]
fn the_time_left_follows_the_narrower_limit() {
    assert_eq!(VENDOR.least_time(10), Duration::ZERO);
    assert_eq!(VENDOR.least_time(60), Duration::from_secs(5));
    assert_eq!(VENDOR.least_time(61), Duration::from_secs(60));
    assert_eq!(VENDOR.least_time(600), Duration::from_secs(540));
}
