//! Says how long to wait before the next request, and whether and when a refused one may go again.
//!
//! Arithmetic only: time is an argument, chance is handed in, nobody sleeps here. Two means together keep both limits:
//! governor spaces the requests within a second, and an exact window for the second and for the minute counts a request
//! from its start until one full window after its *answer*. Counted so, no delay on the way can press two windows into
//! one: a request arrives no later than its answer comes back, and the request that takes over its slot leaves no earlier
//! than a window after that.

mod backoff;
mod window;

pub use backoff::{Backoff, Wait, wait_for};

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use window::Window;

/// The tenant's limits. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests in any second.
    pub per_second: Option<NonZeroU32>,
    /// Requests in any minute.
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
    /// Yes; its slot is taken. [`Limiter::answered`] gives it back.
    Granted,
    /// Not before this much time has passed; then ask again.
    After(Duration),
    /// Not before a request under way is answered.
    AfterAnAnswer,
}

/// The pace of one process. All times are on one steady clock, from any origin.
pub struct Limiter {
    spacing: Option<Spacing>,
    windows: Vec<Window>,
    paused_until: Duration,
    /// The share of the limits in use, 1 when all is well; a server that goes on refusing brings it down.
    share: f64,
    refusals_in_a_row: u32,
}

/// After this many 429 in a row the pace drops: one may be a neighbour's burst, a second says that the quota is shared.
const REFUSALS_BEFORE_SLOWING: u32 = 2;
const LEAST_SHARE: f64 = 0.1;
/// How much of the full pace one accepted request brings back: a hundred of them for a half.
const RECOVERY_PER_ANSWER: f64 = 0.005;

impl Limiter {
    /// A pace within `limits`, with nothing sent yet.
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
            refusals_in_a_row: 0,
        }
    }

    /// Notes a request of an earlier or other process, answered at `at`. Oldest first.
    pub fn seed(&mut self, at: Duration) {
        for window in &mut self.windows {
            window.seed(at);
        }
    }

    /// Whether nothing but a pause ever makes a request wait.
    pub fn is_unlimited(&self) -> bool {
        self.windows.is_empty()
    }

    /// Asks for leave to send a request at `now`.
    pub fn ask(&mut self, now: Duration) -> Permit {
        if let Some(left) = self.pause_left(now) {
            return Permit::After(left);
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
            window.take();
        }
        Permit::Granted
    }

    /// A request with a permit was answered (or given up) at `now`: its slot is free again one window later.
    pub fn answered(&mut self, now: Duration) {
        for window in &mut self.windows {
            window.answered(now);
        }
    }

    /// A request with a permit never left: its slot is free at once.
    pub fn not_sent(&mut self) {
        for window in &mut self.windows {
            window.give_back();
        }
    }

    /// Nobody sends for `wait` from `now` on.
    pub fn pause(&mut self, now: Duration, wait: Duration) {
        self.paused_until = self.paused_until.max(now + wait);
    }

    /// How much of a pause is left at `now`.
    pub fn pause_left(&self, now: Duration) -> Option<Duration> {
        (self.paused_until > now).then(|| self.paused_until.saturating_sub(now))
    }

    /// The server refused a request for its pace (429). Returns how many in a row.
    pub fn refused(&mut self) -> u32 {
        self.refusals_in_a_row = self.refusals_in_a_row.saturating_add(1);
        if self.refusals_in_a_row >= REFUSALS_BEFORE_SLOWING {
            self.share = (self.share / 2.0).max(LEAST_SHARE);
        }
        self.refusals_in_a_row
    }

    /// The server took a request, whatever it said to it.
    pub fn accepted(&mut self) {
        self.refusals_in_a_row = 0;
        self.share = (self.share + RECOVERY_PER_ANSWER).min(1.0);
    }

    /// The share of the limits in use, from a tenth to 1.
    pub fn share(&self) -> f64 {
        self.share
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

#[cfg(test)]
mod tests;
