//! The rate limits as the server sees them, and the clock and numbering of arrivals that the log shows.
//!
//! Both windows slide: at most so many requests are admitted in *any* second and *any* minute, logins included. A request
//! that is turned away uses up nothing.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// One request's arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Arrivals are numbered from 1.
    pub seq: u64,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// Past a limit: the whole seconds after which to come back.
    pub retry_after_s: Option<u64>,
}

/// Where every request passes, one at a time.
pub(super) struct Gate {
    started: Instant,
    started_ms: u64,
    state: Mutex<State>,
}

struct State {
    arrivals: u64,
    windows: Vec<Window>,
}

/// The admissions of the last `span`, as times since the start.
struct Window {
    span: Duration,
    max: usize,
    admitted: VecDeque<Duration>,
}

impl Gate {
    pub(super) fn new(per_second: Option<u32>, per_minute: Option<u32>) -> Self {
        let windows = [(per_second, 1), (per_minute, 60)]
            .into_iter()
            .filter_map(|(max, seconds)| Some(Window::new(Duration::from_secs(seconds), max?)))
            .collect();
        let unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Gate {
            started: Instant::now(),
            started_ms: millis(unix),
            state: Mutex::new(State {
                arrivals: 0,
                windows,
            }),
        }
    }

    /// Notes an arrival and says whether it is admitted.
    pub(super) fn arrive(&self) -> Arrival {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that numbers, times and windows agree.
        let now = self.started.elapsed();
        state.arrivals += 1;
        Arrival {
            seq: state.arrivals,
            // One monotonic clock for limits and log: a step of the wall clock never shows as a burst.
            at_ms: self.started_ms + millis(now),
            retry_after_s: admit(&mut state.windows, now).err(),
        }
    }
}

/// Takes a place in every window, or says after how many whole seconds all will have one.
fn admit(windows: &mut [Window], now: Duration) -> Result<(), u64> {
    let wait = windows
        .iter_mut()
        .filter_map(|window| window.wait(now))
        .max();
    if let Some(wait) = wait {
        return Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    }
    for window in windows {
        window.admitted.push_back(now);
    }
    Ok(())
}

impl Window {
    fn new(span: Duration, max: u32) -> Self {
        Window {
            span,
            max: usize::try_from(max).unwrap_or(usize::MAX),
            admitted: VecDeque::new(),
        }
    }

    /// How long until there is a place; `None` when there is one.
    fn wait(&mut self, now: Duration) -> Option<Duration> {
        while let Some(&oldest) = self.admitted.front()
            && now.saturating_sub(oldest) >= self.span
        {
            self.admitted.pop_front();
        }
        if self.admitted.len() < self.max {
            return None;
        }
        // A limit of zero never has a place.
        let oldest = self.admitted.front().copied().unwrap_or(now);
        Some((oldest + self.span).saturating_sub(now))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(per_second: u32, per_minute: u32) -> Vec<Window> {
        vec![
            Window::new(Duration::from_secs(1), per_second),
            Window::new(Duration::from_mins(1), per_minute),
        ]
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn both_windows_slide_and_both_must_have_a_place() {
        let mut windows = windows(2, 3);
        for (ms, expected) in [
            (0, Ok(())),
            (900, Ok(())),
            (999, Err(1)),    // two in the last second
            (1_000, Ok(())),  // the first has left the second
            (1_950, Err(59)), // three in the minute
            (59_999, Err(1)),
            (60_000, Ok(())),
            (60_001, Err(1)),
        ] {
            assert_eq!(admit(&mut windows, at(ms)), expected, "at {ms} ms");
        }
    }

    #[test]
    fn a_refused_request_uses_up_no_place() {
        let mut windows = windows(1, 100);
        assert_eq!(admit(&mut windows, at(0)), Ok(()));
        for ms in 1..1_000 {
            assert_eq!(admit(&mut windows, at(ms)), Err(1));
        }
        assert_eq!(admit(&mut windows, at(1_000)), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_admits_nobody() {
        assert_eq!(admit(&mut windows(0, 0), at(5)), Err(60));
    }

    #[test]
    fn without_limits_everybody_is_admitted_and_numbered() {
        let gate = Gate::new(None, None);
        let arrivals: Vec<Arrival> = (0..1_000).map(|_| gate.arrive()).collect();
        assert!(
            arrivals
                .iter()
                .all(|arrival| arrival.retry_after_s.is_none())
        );
        assert_eq!(arrivals[999].seq, 1_000);
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.at_ms));
    }
}
