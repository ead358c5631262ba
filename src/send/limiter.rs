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
        let whole_windows = |limit: Option<NonZeroU32>, window_s: u64| {
            limit.map_or(0, |n| {
                requests.saturating_sub(1) / u64::from(n.get()) * window_s
            })
        };
        Duration::from_secs(
            whole_windows(self.per_second, 1).max(whole_windows(self.per_minute, 60)),
        )
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
    spacing: Option<Spacing>,
    windows: Vec<Window>,
    paused_until: Duration,
    /// The share of the limits in use, 1 when all is well; a server that goes on refusing brings it down.
    share: f64,
    throttled_in_a_row: u32,
}

/// After this many 429 in a row the pace drops: one may be a neighbour's burst, a second says that the quota is shared.
const THROTTLED_BEFORE_SLOWING: u32 = 2;
const LEAST_SHARE: f64 = 0.1;
/// How much of the full pace one accepted request brings back: a hundred of them for a half.
const RECOVERY_PER_ANSWER: f64 = 0.005;

impl Limiter {
    pub fn new(limits: Limits) -> Self {
        let window = |limit: Option<NonZeroU32>, length_s| {
            limit.map(|n| Window::new(n.get(), Duration::from_secs(length_s)))
        };
        Limiter {
            spacing: limits.per_second.map(Spacing::new),
            windows: window(limits.per_second, 1)
                .into_iter()
                .chain(window(limits.per_minute, 60))
                .collect(),
            paused_until: Duration::ZERO,
            share: 1.0,
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
        let pause = self.paused_until.saturating_sub(now);
        if !pause.is_zero() {
            return Permit::After(pause);
        }
        for window in &mut self.windows {
            match window.ask(now, self.share) {
                Permit::Granted => {}
                wait => return wait,
            }
        }
        if let Some(wait) = self.spacing.as_mut().and_then(|spacing| spacing.wait(now)) {
            return Permit::After(wait);
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

    /// Nobody sends for `wait` from `now` on.
    pub fn pause(&mut self, now: Duration, wait: Duration) {
        self.paused_until = self.paused_until.max(now + wait);
    }

    /// The server refused a request for its pace (429). Returns how many in a row.
    pub(super) fn throttled(&mut self) -> u32 {
        self.throttled_in_a_row = self.throttled_in_a_row.saturating_add(1);
        if self.throttled_in_a_row >= THROTTLED_BEFORE_SLOWING {
            self.share = (self.share / 2.0).max(LEAST_SHARE);
        }
        self.throttled_in_a_row
    }

    /// The server took a request, whatever it said to it.
    pub(super) fn accepted(&mut self) {
        self.throttled_in_a_row = 0;
        self.share = (self.share + RECOVERY_PER_ANSWER).min(1.0);
    }
}

/// Keeps requests one interval apart, so that a second's quota does not leave in one burst.
struct Spacing {
    limiter: RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>,
    clock: FakeRelativeClock,
    shown: Duration,
}

impl Spacing {
    fn new(per_second: NonZeroU32) -> Self {
        // A clock that shows what it is told: governor's own clocks read the machine's.
        let clock = FakeRelativeClock::default();
        let quota = Quota::per_second(per_second).allow_burst(NonZeroU32::MIN);
        Spacing {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            shown: Duration::ZERO,
        }
    }

    /// Takes the next place in time, or says how far it is.
    fn wait(&mut self, now: Duration) -> Option<Duration> {
        self.clock.advance(now.saturating_sub(self.shown));
        self.shown = self.shown.max(now);
        let not_until = self.limiter.check().err()?;
        Some(not_until.wait_time_from(self.clock.now()))
    }
}

/// At most `limit` requests in any stretch of `length`, as the server sees them.
struct Window {
    limit: u32,
    length: Duration,
    under_way: u32,
    /// When the answers of the last window came, oldest first.
    answered: VecDeque<Duration>,
}

/// Clocks of two machines differ by up to some hundred parts in a million; a window is held this much longer.
const CLOCK_DRIFT_PARTS: u32 = 5000;

impl Window {
    fn new(limit: u32, length: Duration) -> Self {
        Window {
            limit,
            length: length + length / CLOCK_DRIFT_PARTS,
            under_way: 0,
            answered: VecDeque::new(),
        }
    }

    /// Whether one more may start; takes no slot yet.
    fn ask(&mut self, now: Duration, share: f64) -> Permit {
        let length = self.length;
        while self.answered.front().is_some_and(|&at| at + length <= now) {
            self.answered.pop_front();
        }
        let limit = self.limit_at(share);
        let answered = u32::try_from(self.answered.len()).unwrap_or(u32::MAX);
        let taken = self.under_way.saturating_add(answered);
        if taken < limit {
            return Permit::Granted;
        }
        if self.under_way >= limit {
            return Permit::AfterAnAnswer;
        }
        // The answer whose passing out of the window frees the slot that is missing.
        match self.answered.get((taken - limit) as usize) {
            Some(&at) => Permit::After((at + length).saturating_sub(now)),
            None => Permit::AfterAnAnswer,
        }
    }

    fn limit_at(&self, share: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a u32 between 0 and 1 is within u32"
        )]
        let limit = (f64::from(self.limit) * share.clamp(0.0, 1.0)) as u32;
        limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: Limits = Limits {
        per_second: NonZeroU32::new(10),
        per_minute: NonZeroU32::new(60),
    };

    /// A server and a client on one virtual clock; each request takes `there_ms` to arrive and `back_ms` to be answered.
    struct World {
        limiter: Limiter,
        now_ms: u64,
        answers_at_ms: Vec<u64>,
        arrivals_ms: Vec<u64>,
    }

    impl World {
        fn new(limits: Limits) -> Self {
            World {
                limiter: Limiter::new(limits),
                now_ms: 1_000_000,
                answers_at_ms: Vec::new(),
                arrivals_ms: Vec::new(),
            }
        }

        fn run(&mut self, requests: usize, mut delays_ms: impl FnMut(usize) -> (u64, u64)) {
            let mut sent = 0;
            while sent < requests {
                self.deliver_answers();
                match self.limiter.ask(Duration::from_millis(self.now_ms)) {
                    Permit::Granted => {
                        let (there, back) = delays_ms(sent);
                        self.arrivals_ms.push(self.now_ms + there);
                        self.answers_at_ms.push(self.now_ms + there + back);
                        sent += 1;
                    }
                    Permit::After(wait) => {
                        let until = self.now_ms + u64::try_from(wait.as_millis()).unwrap() + 1;
                        let next_answer =
                            self.answers_at_ms.iter().copied().min().unwrap_or(u64::MAX);
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
                self.limiter.answered(Duration::from_millis(at));
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
                .limiter
                .seed(Duration::from_millis(world.now_ms - 10_000));
        }
        let wait = world.limiter.ask(Duration::from_millis(world.now_ms));
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
        let mut limiter = Limiter::new(one);
        let at = Duration::from_secs;
        assert_eq!(limiter.ask(at(1)), Permit::Granted);
        assert_eq!(limiter.ask(at(20)), Permit::AfterAnAnswer);
        limiter.answered(at(20));
        assert!(matches!(limiter.ask(at(20)), Permit::After(_)));
        assert_eq!(limiter.ask(at(22)), Permit::Granted);
        limiter.not_sent();
        assert_eq!(limiter.ask(at(24)), Permit::Granted);
    }

    #[test]
    fn within_a_second_requests_are_evenly_spaced() {
        let ten = Limits {
            per_second: NonZeroU32::new(10),
            per_minute: None,
        };
        let mut limiter = Limiter::new(ten);
        let at = Duration::from_millis;
        for n in 0..5 {
            let turn_ms = 1000 + n * 100;
            assert_eq!(limiter.ask(at(turn_ms)), Permit::Granted);
            limiter.answered(at(turn_ms));
            assert_eq!(limiter.ask(at(turn_ms + 40)), Permit::After(at(60)));
            assert_eq!(limiter.ask(at(turn_ms + 99)), Permit::After(at(1)));
        }
    }

    #[test]
    fn a_pause_holds_everybody_until_its_end() {
        let mut limiter = Limiter::new(VENDOR);
        let at = Duration::from_secs;
        limiter.pause(at(100), at(30));
        limiter.pause(at(100), at(5));
        assert_eq!(limiter.ask(at(110)), Permit::After(at(20)));
        assert_eq!(limiter.ask(at(130)), Permit::Granted);
    }

    #[test]
    fn repeated_refusals_slow_down_and_acceptance_brings_the_pace_back_slowly() {
        let granted_in_a_minute = |limiter: &mut Limiter, from_s: u64| {
            let at = |tick: u64| Duration::from_millis(from_s * 1000 + tick * 100);
            let grants = (0..600).filter(|&tick| {
                let is_granted = limiter.ask(at(tick)) == Permit::Granted;
                if is_granted {
                    limiter.answered(at(tick));
                }
                is_granted
            });
            grants.count()
        };
        let mut limiter = Limiter::new(VENDOR);
        limiter.throttled();
        let one = granted_in_a_minute(&mut limiter, 1000);
        assert_eq!(one, 60, "one 429 may be a neighbour's burst");
        for _ in 0..10 {
            limiter.throttled();
        }
        assert_eq!(granted_in_a_minute(&mut limiter, 2000), 6, "a tenth");
        limiter.accepted();
        assert!(
            granted_in_a_minute(&mut limiter, 3000) < 12,
            "not all at once"
        );
        for _ in 0..200 {
            limiter.accepted();
        }
        assert_eq!(granted_in_a_minute(&mut limiter, 4000), 60);
    }

    #[test]
    fn the_time_left_follows_the_narrower_limit() {
        assert_eq!(VENDOR.least_time(10), Duration::ZERO);
        assert_eq!(VENDOR.least_time(60), Duration::from_secs(5));
        assert_eq!(VENDOR.least_time(61), Duration::from_secs(60));
        assert_eq!(VENDOR.least_time(600), Duration::from_secs(540));
    }
}
