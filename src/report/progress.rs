//! Progress on stderr while rows are sent: a bar on a terminal, elsewhere one plain line every thirty seconds or ten per cent,
//! nothing when quiet. Whoever writes a log line while a bar stands writes it inside [`Progress::suspend`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;

use crate::model::Timestamp;

use super::text::{as_float, counted, duration, thousands};

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Rows dealt with since the run began, whatever became of them.
    pub done: u64,
    /// Of these, invitations created.
    pub created: u64,
    /// Of these, rows that need a person.
    pub problems: u64,
}

type Lines = Box<dyn Fn(&str) + Send + Sync>;

/// Progress of one run. All methods may be called from any thread.
pub struct Progress {
    /// Keeps count and time; drawn on a terminal alone.
    bar: ProgressBar,
    /// Where plain lines go.
    lines: Option<Lines>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The time that a row takes at the rate limits.
    per_row: Duration,
    /// When something was told last, and at which tenth of the whole.
    told: Option<Instant>,
    tenth: u64,
}

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Self {
        Progress::with(ProgressBar::hidden(), None)
    }

    /// A bar on stderr; only for a terminal.
    pub fn bar() -> Self {
        let target = ProgressDrawTarget::stderr();
        Progress::with(ProgressBar::with_draw_target(None, target), None)
    }

    /// Plain lines, told to `tell`, for logs and pipes.
    pub fn lines(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Progress::with(ProgressBar::hidden(), Some(Box::new(tell)))
    }

    fn with(bar: ProgressBar, lines: Option<Lines>) -> Self {
        let style = ProgressStyle::with_template("{bar:20} {human_pos}/{human_len} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress {
            bar,
            lines,
            state: Mutex::default(),
        }
    }

    /// The run begins: so many rows are due, and the rate limits allow one row per `per_row`.
    pub fn begin(&self, total_due: u64, per_row: Duration) {
        *lock(&self.state) = State {
            per_row,
            told: self.lines.is_some().then(Instant::now),
            tenth: 0,
        };
        self.bar.set_length(total_due);
        self.bar.reset_elapsed();
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_secs(1));
        }
    }

    /// The run is this far now.
    pub fn step(&self, now: Snapshot) {
        const LINE_EVERY: Duration = Duration::from_secs(30);
        const MESSAGE_EVERY: Duration = Duration::from_millis(200);
        let total = self.bar.length().unwrap_or(0);
        let tenth = now.done.saturating_mul(10) / total.max(1);
        self.bar.set_position(now.done);
        let mut state = lock(&self.state);
        let every = if self.lines.is_some() {
            LINE_EVERY
        } else {
            MESSAGE_EVERY
        };
        if state.told.is_some_and(|told| told.elapsed() < every) && tenth <= state.tenth {
            return;
        }
        state.told = Some(Instant::now());
        state.tenth = tenth;
        let details = details(now, total, self.bar.elapsed(), state.per_row);
        drop(state);
        match &self.lines {
            None => self.bar.set_message(details),
            Some(tell) => {
                let percent = now.done.saturating_mul(100) / total.max(1);
                let (done, total) = (thousands(now.done), thousands(total));
                tell(&format!("{done} of {total} rows ({percent} %), {details}"));
            }
        }
    }

    /// Nothing is sent until then, and why.
    pub fn pause(&self, reason: &str, until: Timestamp) {
        let until = jiff::Timestamp::from_millisecond(until.0).unwrap_or_default();
        let until = until.to_zoned(TimeZone::system()).strftime("%H:%M:%S");
        let text = format!("paused: {reason}; goes on at {until}");
        match &self.lines {
            None => self.bar.set_message(text),
            Some(tell) => tell(&text),
        }
    }

    /// The run ends; the bar goes.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Runs `write` while no bar is in the way of what it writes to stderr.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

/// The rate and the time left are those of the whole run so far: within a minute whose limit is used up, the current rate says
/// nothing. Where the limits allow no more than the pace so far, they tell the time left.
fn details(now: Snapshot, total: u64, elapsed: Duration, per_row: Duration) -> String {
    let mut text = format!("{} created", thousands(now.created));
    if now.problems > 0 {
        text = format!("{text}, {}", counted(now.problems, "problem", "problems"));
    }
    let pace = elapsed.as_secs_f64() / as_float(now.done.max(1));
    let is_settled = now.done >= 20;
    if is_settled {
        text = format!("{text}, {:.0} rows/min", 60.0 / pace.max(0.0001));
    }
    let rest = as_float(total.saturating_sub(now.done));
    let pace = if is_settled { pace } else { 0.0 };
    let left = pace.max(per_row.as_secs_f64()) * rest;
    if left > 0.0 {
        text = format!("{text}, about {} left", duration(left));
    }
    text
}

/// A thread that panicked elsewhere leaves plain numbers behind, which remain usable.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_slower_of_limit_and_pace() {
        let told = |done, seconds, per_row| {
            let now = Snapshot {
                done,
                created: done,
                problems: done / 50,
            };
            let elapsed = Duration::from_secs(seconds);
            details(now, 1000, elapsed, Duration::from_secs(per_row))
        };
        for (text, expected) in [
            (told(0, 0, 1), "0 created, about 16m 40s left"),
            (
                told(100, 60, 1),
                "100 created, 2 problems, 100 rows/min, about 15m left",
            ),
            (
                told(100, 200, 1),
                "100 created, 2 problems, 30 rows/min, about 30m left",
            ),
            (
                told(1000, 2000, 1),
                "1,000 created, 20 problems, 30 rows/min",
            ),
            (told(0, 0, 0), "0 created"),
        ] {
            assert_eq!(text, expected);
        }
    }
}
