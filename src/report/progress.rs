//! Progress on stderr while rows are sent: a bar on a terminal, elsewhere one plain line every thirty seconds or ten per cent,
//! nothing when quiet. Whoever writes a log line while a bar stands writes it inside [`Progress::suspend`].

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;

use super::text::{as_float, counted, duration, thousands};
use crate::model::Timestamp;

const LINE_EVERY: Duration = Duration::from_secs(30);

/// Where plain lines go, for logs and pipes.
pub type Tell = Box<dyn Fn(&str) + Send + Sync>;

pub struct Progress {
    /// Keeps count and time; drawn on a terminal alone.
    bar: ProgressBar,
    lines: Option<Tell>,
    /// The time that a row takes at the rate limits.
    per_row: Duration,
    /// When a line was told last, and at which tenth of the whole.
    told: Mutex<(Instant, u64)>,
}

impl Progress {
    /// Of a run with so many rows that are due; shows a bar on stderr, which must be a terminal, or lines, or nothing.
    pub fn begin(total: u64, per_row: Duration, is_drawn: bool, lines: Option<Tell>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if is_drawn {
            let style = ProgressStyle::with_template("{bar:10} {human_pos}/{human_len} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        Progress {
            bar,
            lines,
            per_row,
            told: Mutex::new((Instant::now(), 0)),
        }
    }

    /// The run has come to so many rows that were created and so many that need a person.
    pub fn step(&self, [created, problems]: [u64; 2]) {
        let total = self.bar.length().unwrap_or(0);
        let done = created + problems;
        self.bar.set_position(done);
        let details = details(created, problems, total, self.bar.elapsed(), self.per_row);
        let Some(tell) = &self.lines else {
            return self.bar.set_message(details);
        };
        let percent = done.saturating_mul(100) / total.max(1);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.0.elapsed() >= LINE_EVERY || percent / 10 > told.1 {
            *told = (Instant::now(), percent / 10);
            let (done, total) = (thousands(done), thousands(total));
            tell(&format!("{done} of {total} rows ({percent} %), {details}"));
        }
    }

    /// Nothing is sent until then.
    pub fn pause(&self, until: Timestamp) {
        let until = until.local(&TimeZone::system()).strftime("%H:%M:%S");
        let text = format!("paused: Vlens asks to wait until {until}");
        match &self.lines {
            None => self.bar.set_message(text),
            Some(tell) => tell(&text),
        }
    }

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
fn details(
    created: u64,
    problems: u64,
    total: u64,
    elapsed: Duration,
    per_row: Duration,
) -> String {
    let mut text = format!("{} created", thousands(created));
    if problems > 0 {
        text = format!("{text}, {}", counted(problems, "problem", "problems"));
    }
    let done = created + problems;
    let mut per_row = per_row.as_secs_f64();
    if done >= 20 {
        let pace = elapsed.as_secs_f64() / as_float(done);
        text = format!("{text}, {:.0} rows/min", 60.0 / pace.max(0.0001));
        per_row = per_row.max(pace);
    }
    let left = per_row * as_float(total.saturating_sub(done));
    if left > 0.0 {
        text = format!("{text}, about {} left", duration(left));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    #[test]
    fn the_time_left_is_that_of_the_slower_of_limit_and_pace() {
        for (done, seconds, per_row, expected) in
            rows::<([u64; 2], u64, u64, &str)>("progress.left")
        {
            let [created, problems] = done;
            let [elapsed, per_row] = [seconds, per_row].map(Duration::from_secs);
            assert_eq!(details(created, problems, 1000, elapsed, per_row), expected);
        }
    }
}
