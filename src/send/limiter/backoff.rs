//! When a refused request may go again: capped exponential back-off with full jitter, and what `Retry-After` asks for.

use std::time::Duration;

use crate::model::{RetryAfter, Timestamp};

/// Exponential back-off with full jitter: the wait is drawn evenly between nothing and a ceiling that doubles with each
/// attempt, so that workers that failed together do not come back together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first ceiling.
    pub first: Duration,
    /// No ceiling is higher.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            first: Duration::from_secs(1),
            cap: Duration::from_mins(1),
        }
    }
}

impl Backoff {
    /// The wait before the attempt after the `attempt`-th (counted from 1), with `chance` drawn evenly from 0 to 1.
    pub fn wait(self, attempt: u32, chance: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        let ceiling = self.first.saturating_mul(1 << doublings).min(self.cap);
        ceiling.mul_f64(chance.clamp(0.0, 1.0))
    }
}

/// What to do with a request that the server asked to bring back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Wait so long, all of us.
    For(Duration),
    /// Longer than an hour: not worth waiting for; it counts as a failure.
    TooLong(Duration),
}

/// The longest wait that a run sits out.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Reads `Retry-After` (RFC 9110, section 10.2.3) at the wall-clock time `now`. A date is measured against the answer's
/// own `Date` where it has one, so that a wrong clock on our side does not shift it.
pub fn wait_for(asked: RetryAfter, now: Timestamp) -> Wait {
    let wait = match asked {
        RetryAfter::After(wait) => wait,
        RetryAfter::At { at, date } => {
            let ms = at.ms_since(date.unwrap_or(now));
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        }
    };
    if wait > LONGEST_WAIT {
        Wait::TooLong(wait)
    } else {
        Wait::For(wait)
    }
}
