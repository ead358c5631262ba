//! Says how long to wait before the next request.
//!
//! Arithmetic only: time is an argument and nobody sleeps here. Two means together keep both limits: governor spaces the
//! requests within a second, and an exact window for the second and for the minute counts a request from its start until one
//! full window after its *answer*. Counted so, no delay on the way can press two windows into one: a request arrives no later
//! than its answer comes back, and the request that takes over its slot leaves no earlier than a window after that.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// The tenant's limits, in any second and in any minute. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub per_second: Option<NonZeroU32>,
    pub per_minute: Option<NonZeroU32>,
}

impl Limits {
    /// The least time that `requests` take under these limits, for people who want to know when it ends.
    pub fn least_time(self, requests: u64) -> Duration {
        let before_the_last = requests.saturating_sub(1);
        let whole_windows = |limit: NonZeroU32| before_the_last / u64::from(limit.get());
        let seconds = self.per_second.map(whole_windows);
        let minutes = self.per_minute.map(whole_windows);
        Duration::from_secs(seconds.max(minutes.map(|n| n * 60)).unwrap_or(0))
    }
}

/// The answer to "may a request go now?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes; its slot is taken. [`Limiter::answered`] or `not_sent` gives it back.
    Granted,
    /// Not before this much time has passed; then ask again.
    After(Duration),
    /// Not before a request under way is answered.
    AfterAnAnswer,
}

/// Keeps the limits of one process. All times are on one steady clock, from any origin.
pub struct Limiter {
    /// Keeps requests one interval apart, so that a second's quota does not leave in one burst.
    spacing: Option<Spacing>,
    windows: Vec<Window>,
    paused_until: Duration,
    /// How much of the limits is in use, all when all is well; a server that goes on refusing brings it down.
    share: usize,
    throttled_in_a_row: u32,
}

/// A share is counted in thousandths.
const FULL_SHARE: usize = 1000;
const LEAST_SHARE: usize = 100;
/// How much of the full pace one accepted request brings back: a hundred of them for a half.
const RECOVERY_PER_ANSWER: usize = 5;
/// After this many 429 in a row the pace drops: one may be a neighbour's burst, a second says that the quota is shared.
const THROTTLED_BEFORE_SLOWING: u32 = 2;
/// Clocks of two machines differ by up to some hundred parts in a million; a window is held this much longer.
const CLOCK_DRIFT_PARTS: u32 = 5000;

impl Limiter {
    pub fn new(limits: Limits) -> Self {
        let window = |limit: Option<NonZeroU32>, length: Duration| {
            Some(Window {
                limit: limit?.get() as usize,
                length: length + length / CLOCK_DRIFT_PARTS,
                under_way: 0,
                answered: VecDeque::new(),
            })
        };
        let second = window(limits.per_second, Duration::from_secs(1));
        let minute = window(limits.per_minute, Duration::from_secs(60));
        Limiter {
            spacing: limits.per_second.map(|per_second| {
                let quota = Quota::per_second(per_second).allow_burst(NonZeroU32::MIN);
                RateLimiter::direct_with_clock(quota, FakeRelativeClock::default())
            }),
            windows: second.into_iter().chain(minute).collect(),
            paused_until: Duration::ZERO,
            share: FULL_SHARE,
            throttled_in_a_row: 0,
        }
    }

    /// Notes a request of an earlier or other process, answered at `at`. Oldest first.
    pub fn seed(&mut self, at: Duration) {
        for window in &mut self.windows {
            window.answered.push_back(at);
        }
    }

    pub fn ask(&mut self, now: Duration) -> Permit {
        let paused = self.paused_until.saturating_sub(now);
        if !paused.is_zero() {
            return Permit::After(paused);
        }
        for window in &mut self.windows {
            match window.ask(now, self.share) {
                Permit::Granted => {}
                wait => return wait,
            }
        }
        if let Some(spacing) = &self.spacing {
            let clock = spacing.clock();
            clock.advance(now.saturating_sub(clock.now().into()));
            if let Err(not_until) = spacing.check() {
                return Permit::After(not_until.wait_time_from(clock.now()));
            }
        }
        for window in &mut self.windows {
            window.under_way += 1;
        }
        Permit::Granted
    }

    /// A request with a permit was answered (or given up) at `now`: its slot is free again one window later.
    pub fn answered(&mut self, now: Duration) {
        self.not_sent();
        self.seed(now);
    }

    /// A request with a permit never left: its slot is free at once.
    pub(super) fn not_sent(&mut self) {
        for window in &mut self.windows {
            window.under_way = window.under_way.saturating_sub(1);
        }
    }

    pub fn pause(&mut self, now: Duration, wait: Duration) {
        self.paused_until = self.paused_until.max(now + wait);
    }

    /// The server took a request, whatever it said to it, or refused it for its pace (429). Gives how many it refused in a row.
    pub(super) fn heard(&mut self, is_throttled: bool) -> u32 {
        if !is_throttled {
            self.throttled_in_a_row = 0;
            self.share = (self.share + RECOVERY_PER_ANSWER).min(FULL_SHARE);
            return 0;
        }
        self.throttled_in_a_row = self.throttled_in_a_row.saturating_add(1);
        if self.throttled_in_a_row >= THROTTLED_BEFORE_SLOWING {
            self.share = (self.share / 2).max(LEAST_SHARE);
        }
        self.throttled_in_a_row
    }
}

/// By a clock that shows what it is told: governor's own ones read the machine's.
type Spacing = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// At most `limit` requests in any stretch of `length`, as the server sees them.
struct Window {
    limit: usize,
    length: Duration,
    under_way: usize,
    /// When the answers of the last window came, oldest first.
    answered: VecDeque<Duration>,
}

impl Window {
    /// Whether one more may start within a share of the limit; takes no slot yet.
    fn ask(&mut self, now: Duration, share: usize) -> Permit {
        let length = self.length;
        while self.answered.front().is_some_and(|&at| at + length <= now) {
            self.answered.pop_front();
        }
        let limit = (self.limit.saturating_mul(share) / FULL_SHARE).max(1);
        let taken = self.under_way + self.answered.len();
        if taken < limit {
            return Permit::Granted;
        }
        // The answer whose passing out of the window frees the slot that is missing; none while requests under way fill the window.
        match self.answered.get(taken - limit) {
            Some(&at) => Permit::After((at + length).saturating_sub(now)),
            None => Permit::AfterAnAnswer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: Limits = limits(10, 60);

    /// 0 is no limit.
    const fn limits(per_second: u32, per_minute: u32) -> Limits {
        Limits {
            per_second: NonZeroU32::new(per_second),
            per_minute: NonZeroU32::new(per_minute),
        }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// When requests arrive at a server, each of which takes so long to arrive and so long to be answered.
    fn arrivals(requests: usize, mut delays: impl FnMut(usize) -> (u64, u64)) -> Vec<Duration> {
        let mut limiter = Limiter::new(VENDOR);
        let (mut now, mut answers, mut arrivals) = (s(1000), Vec::new(), Vec::new());
        while arrivals.len() < requests {
            answers.sort_unstable();
            for at in answers.extract_if(.., |at| *at <= now) {
                limiter.answered(at);
            }
            let next_answer = answers.first().copied().unwrap_or(Duration::MAX);
            match limiter.ask(now) {
                Permit::Granted => {
                    let (there, back) = delays(arrivals.len());
                    arrivals.push(now + ms(there));
                    answers.push(now + ms(there + back));
                }
                Permit::After(wait) => now = (now + wait).min(next_answer),
                Permit::AfterAnAnswer => now = next_answer,
            }
        }
        arrivals.sort_unstable();
        arrivals
    }

    fn most_in_any(window: Duration, arrivals: &[Duration]) -> usize {
        let within = |from: &Duration| {
            let there = arrivals.iter().skip_while(|at| *at < from);
            there.take_while(|at| **at < *from + window).count()
        };
        arrivals.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn both_limits_hold_and_are_used_up_and_no_delay_presses_two_windows_into_one() {
        let fast = arrivals(600, |_| (1, 1));
        assert!(most_in_any(s(1), &fast) <= 10);
        assert_eq!(most_in_any(s(60), &fast), 60);
        assert!(fast[599] < fast[0] + s(550), "{:?}", fast[599]);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20 {
            let jittery = arrivals(300, |_| (random.u64(0..300), random.u64(0..300)));
            assert!(most_in_any(s(1), &jittery) <= 10);
            assert!(most_in_any(s(60), &jittery) <= 60);
        }
        let held_up = arrivals(200, |n| if n % 20 == 0 { (30_000, 10) } else { (5, 5) });
        assert!(most_in_any(s(60), &held_up) <= 60);
    }

    #[test]
    fn a_full_window_of_requests_under_way_waits_for_an_answer() {
        let mut limiter = Limiter::new(limits(1, 0));
        assert_eq!(limiter.ask(s(1)), Permit::Granted);
        assert_eq!(limiter.ask(s(20)), Permit::AfterAnAnswer);
        limiter.answered(s(20));
        assert!(matches!(limiter.ask(s(20)), Permit::After(_)));
        assert_eq!(limiter.ask(s(22)), Permit::Granted);
        limiter.not_sent();
        assert_eq!(limiter.ask(s(24)), Permit::Granted);
    }

    #[test]
    fn within_a_second_requests_are_evenly_spaced_and_a_pause_holds_everybody() {
        let mut limiter = Limiter::new(limits(10, 0));
        for turn in [1000, 1100, 1200, 1300, 1400] {
            assert_eq!(limiter.ask(ms(turn)), Permit::Granted);
            limiter.answered(ms(turn));
            assert_eq!(limiter.ask(ms(turn + 40)), Permit::After(ms(60)));
            assert_eq!(limiter.ask(ms(turn + 99)), Permit::After(ms(1)));
        }
        limiter.pause(s(100), s(30));
        limiter.pause(s(100), s(5));
        assert_eq!(limiter.ask(s(110)), Permit::After(s(20)));
        assert_eq!(limiter.ask(s(130)), Permit::Granted);
    }

    #[test]
    fn repeated_refusals_slow_down_and_acceptance_brings_the_pace_back_slowly() {
        let mut limiter = Limiter::new(VENDOR);
        let granted_in_a_minute = |limiter: &mut Limiter, from: Duration| {
            let grants = (0..600).map(|tick| from + ms(tick * 100)).filter(|&at| {
                let is_granted = limiter.ask(at) == Permit::Granted;
                if is_granted {
                    limiter.answered(at);
                }
                is_granted
            });
            grants.count()
        };
        for (throttled, accepted, from, range) in [
            // One may be a neighbour's burst.
            (1, 0, s(1000), 60..=60),
            (10, 0, s(2000), 6..=6),
            (0, 1, s(3000), 6..=11),
            (0, 200, s(4000), 60..=60),
        ] {
            for nth in 0..throttled + accepted {
                limiter.heard(nth < throttled);
            }
            let granted = granted_in_a_minute(&mut limiter, from);
            assert!(range.contains(&granted), "{granted} from {from:?}");
        }
    }

    #[test]
    fn the_time_left_follows_the_narrower_limit() {
        for (requests, seconds) in [(10, 0), (60, 5), (61, 60), (600, 540)] {
            assert_eq!(VENDOR.least_time(requests), s(seconds));
        }
    }
}
