//! Progress on stderr while rows are sent: a bar on a terminal, elsewhere one plain line every thirty seconds or ten per cent,
//! nothing when quiet. Whoever writes a log line while a bar stands writes it inside [`Progress::suspend`].

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;

use crate::model::Timestamp;

use super::words::{as_float, counted, duration, thousands};

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

/// Progress of one run. All methods may be called from any thread.
pub struct Progress {
    face: Face,
    track: Mutex<Track>,
}

enum Face {
    Hidden,
    Bar(ProgressBar),
    Lines(Mutex<Box<dyn Write + Send>>),
}

/// What the next line needs to know.
struct Track {
    begun: Instant,
    total_due: u64,
    eta_per_row: Duration,
    /// Where the last window for the current rate began.
    window_start: (Duration, u64),
    rows_per_minute: Option<f64>,
    /// When the last plain line was written, and at which tenth of the whole.
    last_line: (Duration, u64),
    /// When the bar's text was last made.
    last_text: Option<Duration>,
}

const LINE_EVERY: Duration = Duration::from_secs(30);
const TEXT_EVERY: Duration = Duration::from_millis(200);
const RATE_WINDOW: Duration = Duration::from_secs(10);

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Self {
        Progress::with(Face::Hidden)
    }

    /// A bar on stderr; only for a terminal.
    pub fn bar() -> Self {
        Progress::with(Face::Bar(ProgressBar::with_draw_target(
            None,
            ProgressDrawTarget::stderr(),
        )))
    }

    /// Plain lines into `out`, for logs and pipes.
    pub fn lines(out: impl Write + Send + 'static) -> Self {
        Progress::with(Face::Lines(Mutex::new(Box::new(out))))
    }

    fn with(face: Face) -> Self {
        Progress {
            face,
            track: Mutex::new(Track::new(0, Duration::ZERO)),
        }
    }

    /// The run begins: so many rows are due, and the rate limits allow one row per `eta_per_row`.
    pub fn begin(&self, total_due: u64, eta_per_row: Duration) {
        *lock(&self.track) = Track::new(total_due, eta_per_row);
        if let Face::Bar(bar) = &self.face {
            bar.set_length(total_due);
            bar.set_style(bar_style());
            bar.enable_steady_tick(Duration::from_secs(1));
        }
    }

    /// The run is this far now.
    pub fn step(&self, now: Snapshot) {
        let elapsed = lock(&self.track).begun.elapsed();
        self.step_at(now, elapsed);
    }

    /// Nothing is sent until then, and why.
    pub fn pause(&self, reason: &str, until: Timestamp) {
        let text = format!(
            "paused: {reason}; goes on at {}",
            local_time(until, TimeZone::system())
        );
        match &self.face {
            Face::Hidden => {}
            Face::Bar(bar) => bar.set_message(text),
            Face::Lines(out) => write_line(out, &text),
        }
    }

    /// The run ends; the bar goes.
    pub fn finish(&self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }

    /// Runs `write` while no bar is in the way of what it writes to stderr.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.face {
            Face::Bar(bar) => bar.suspend(write),
            Face::Hidden | Face::Lines(_) => write(),
        }
    }

    fn step_at(&self, now: Snapshot, elapsed: Duration) {
        let mut track = lock(&self.track);
        track.measure(now.done, elapsed);
        match &self.face {
            Face::Hidden => {}
            Face::Bar(bar) => {
                let text = track
                    .text_is_due(elapsed)
                    .then(|| track.details(now, elapsed));
                drop(track);
                bar.set_position(now.done);
                if let Some(text) = text {
                    bar.set_message(text);
                }
            }
            Face::Lines(out) => {
                if track.line_is_due(now.done, elapsed) {
                    let text = track.line(now, elapsed);
                    drop(track);
                    write_line(out, &text);
                }
            }
        }
    }
}

impl Track {
    fn new(total_due: u64, eta_per_row: Duration) -> Self {
        Track {
            begun: Instant::now(),
            total_due,
            eta_per_row,
            window_start: (Duration::ZERO, 0),
            rows_per_minute: None,
            last_line: (Duration::ZERO, 0),
            last_text: None,
        }
    }

    /// Measures the current rate over windows of ten seconds.
    fn measure(&mut self, done: u64, elapsed: Duration) {
        let (start, done_then) = self.window_start;
        let span = elapsed.saturating_sub(start);
        if span >= RATE_WINDOW {
            self.rows_per_minute = Some(per_minute(done.saturating_sub(done_then), span));
            self.window_start = (elapsed, done);
        }
    }

    fn line_is_due(&mut self, done: u64, elapsed: Duration) -> bool {
        let tenth = done.saturating_mul(10) / self.total_due.max(1);
        let (written, last_tenth) = self.last_line;
        let is_due = elapsed.saturating_sub(written) >= LINE_EVERY || tenth > last_tenth;
        if is_due {
            self.last_line = (elapsed, tenth);
        }
        is_due
    }

    /// Rows may come by the thousand; eyes do not.
    fn text_is_due(&mut self, elapsed: Duration) -> bool {
        let is_due = self
            .last_text
            .is_none_or(|made| elapsed.saturating_sub(made) >= TEXT_EVERY);
        if is_due {
            self.last_text = Some(elapsed);
        }
        is_due
    }

    fn line(&self, now: Snapshot, elapsed: Duration) -> String {
        let percent = now.done.saturating_mul(100) / self.total_due.max(1);
        format!(
            "{} of {} rows ({percent} %), {}",
            thousands(now.done),
            thousands(self.total_due),
            self.details(now, elapsed)
        )
    }

    fn details(&self, now: Snapshot, elapsed: Duration) -> String {
        let problems = (now.problems > 0).then(|| counted(now.problems, "problem", "problems"));
        let rate = self
            .rows_per_minute
            .map(|rate| format!("{rate:.0} rows/min"));
        let left = self.left(now.done, elapsed);
        let left = left.map(|left| format!("about {} left", duration(left.as_secs_f64())));
        let created = format!("{} created", thousands(now.created));
        let parts: Vec<String> = [Some(created), problems, rate, left]
            .into_iter()
            .flatten()
            .collect();
        parts.join(", ")
    }

    /// The time left at the rate limits, or at the pace so far where that is slower.
    fn left(&self, done: u64, elapsed: Duration) -> Option<Duration> {
        let rest = self.total_due.checked_sub(done).filter(|&rest| rest > 0)?;
        let rest = u32::try_from(rest).unwrap_or(u32::MAX);
        let at_the_limit = self.eta_per_row.saturating_mul(rest);
        let so_far = u32::try_from(done).ok().filter(|&done| done >= 20);
        let at_the_pace =
            so_far.map_or(Duration::ZERO, |done| (elapsed / done).saturating_mul(rest));
        Some(at_the_limit.max(at_the_pace)).filter(|left| !left.is_zero())
    }
}

fn per_minute(rows: u64, span: Duration) -> f64 {
    as_float(rows) * 60.0 / span.as_secs_f64().max(0.001)
}

fn bar_style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:20} {human_pos}/{human_len} {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The time of day where the reader sits; the UTC time where the machine has no time zone.
fn local_time(at: Timestamp, zone: TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(zone).strftime("%H:%M:%S").to_string()
}

/// Progress is a courtesy: a reader who is gone must not stop the run.
fn write_line(out: &Mutex<Box<dyn Write + Send>>, text: &str) {
    let mut out = lock(out);
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A thread that panicked elsewhere leaves plain numbers behind, which remain usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn at(progress: &Progress, seconds: u64, done: u64) {
        let now = Snapshot {
            done,
            created: done,
            problems: done / 50,
        };
        progress.step_at(now, Duration::from_secs(seconds));
    }

    #[test]
    fn plain_lines_come_every_thirty_seconds_or_ten_per_cent() {
        let log = Log::default();
        let progress = Progress::lines(log.clone());
        progress.begin(1000, Duration::from_secs(1));
        for second in 0..=130 {
            at(&progress, second, second);
        }
        insta::assert_snapshot!(log.text(), @r"
        30 of 1,000 rows (3 %), 30 created, 60 rows/min, about 16 min 10 s left
        60 of 1,000 rows (6 %), 60 created, 1 problem, 60 rows/min, about 15 min 40 s left
        90 of 1,000 rows (9 %), 90 created, 1 problem, 60 rows/min, about 15 min 10 s left
        100 of 1,000 rows (10 %), 100 created, 2 problems, 60 rows/min, about 15 min left
        130 of 1,000 rows (13 %), 130 created, 2 problems, 60 rows/min, about 14 min 30 s left
        ");
        let lines = log.text().lines().count();
        at(&progress, 131, 999);
        assert_eq!(log.text().lines().count(), lines + 1);
    }

    #[test]
    fn a_pause_says_why_and_until_when() {
        let log = Log::default();
        let progress = Progress::lines(log.clone());
        progress.pause("Vlens asks to wait (429)", Timestamp(1_795_293_540_000));
        assert!(
            log.text()
                .starts_with("paused: Vlens asks to wait (429); goes on at "),
            "{}",
            log.text()
        );
        assert_eq!(
            local_time(Timestamp(1_795_293_540_000), TimeZone::UTC),
            "20:39:00"
        );
    }

    #[test]
    fn the_time_left_is_that_of_the_slower_of_limit_and_pace() {
        let mut track = Track::new(1000, Duration::from_secs(1));
        assert_eq!(
            track.left(0, Duration::ZERO),
            Some(Duration::from_secs(1000))
        );
        assert_eq!(
            track.left(100, Duration::from_secs(200)),
            Some(Duration::from_mins(30))
        );
        assert_eq!(track.left(1000, Duration::from_secs(2000)), None);
        track.eta_per_row = Duration::ZERO;
        assert_eq!(track.left(0, Duration::ZERO), None);
    }

    #[test]
    fn a_hidden_progress_still_runs_what_is_suspended_for() {
        let progress = Progress::hidden();
        progress.begin(10, Duration::ZERO);
        at(&progress, 1, 1);
        assert_eq!(progress.suspend(|| 7), 7);
        progress.finish();
    }

    #[test]
    fn a_bar_says_how_far_it_is_and_why_it_waits() {
        let bar = ProgressBar::hidden();
        let progress = Progress::with(Face::Bar(bar.clone()));
        progress.begin(1000, Duration::from_secs(1));
        at(&progress, 60, 100);
        assert_eq!((bar.position(), bar.length()), (100, Some(1000)));
        assert_eq!(
            bar.message(),
            "100 created, 2 problems, 100 rows/min, about 15 min left"
        );
        progress.pause("Vlens asks to wait (429)", Timestamp(0));
        assert!(bar.message().starts_with("paused: "), "{}", bar.message());
        assert_eq!(progress.suspend(|| 7), 7);
        progress.finish();
        assert!(bar.is_finished());
    }

    #[test]
    fn progress_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Progress>();
    }
}
