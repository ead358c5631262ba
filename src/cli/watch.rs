//! Watches a run: progress for the person, log lines for the operator, metrics for the collector.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use minijinja::Value;
use minijinja::value::Serde;

use super::output::{self, Output, Readers};
use crate::error::{Error, Kind};
use crate::model::{Counts, RunId, RunSummary, Status, Timestamp};
use crate::report::{Progress, Snapshot};
use crate::send::{Clock, Observer, SendEvent, Tally};

/// Metrics are written this often while the run goes on.
const METRICS_EVERY: Duration = Duration::from_secs(5);

/// The one observer of a run.
pub struct Watch {
    run: i64,
    progress: Arc<Progress>,
    start: Counts,
    metrics: Option<MetricsFile>,
    started: Instant,
    metrics_written: Mutex<Instant>,
    clock: Arc<dyn Clock>,
}

impl Watch {
    /// Begins to watch a run with `due` rows to send, which take `per_row` each at the rate.
    pub fn begin(
        output: Output,
        run: RunId,
        start: Counts,
        due: u64,
        per_row: Duration,
        metrics: Option<&Path>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let progress = Arc::new(if output.quiet || due == 0 {
            Progress::hidden()
        } else if output.log_json {
            Progress::lines(move |line| tracing::info!(run = run.0, "{line}"))
        } else if io::stderr().is_terminal() {
            Progress::bar()
        } else {
            Progress::lines(output::write_to_stderr)
        });
        progress.begin(due, per_row);
        output::log_around(&progress);
        Watch {
            run: run.0,
            progress,
            start,
            metrics: metrics.map(MetricsFile::open),
            started: Instant::now(),
            metrics_written: Mutex::new(Instant::now()),
            clock,
        }
    }

    /// The run has ended: the bar goes, one line sums up, the metrics are final.
    pub fn end(&self, tally: &Tally, summary: &RunSummary, ended: Option<Kind>) {
        self.progress.finish();
        let exit_code = ended.map_or(0, Kind::exit_code);
        let counts = &summary.counts;
        tracing::info!(
            run = self.run,
            source = summary.source,
            rows = summary.rows,
            created = counts.created,
            already_created = counts.already_created,
            invalid = counts.invalid,
            duplicate = counts.duplicate,
            rejected = counts.rejected,
            failed = counts.failed,
            uncertain = counts.uncertain,
            pending = counts.pending,
            requests = summary.requests,
            throttled = summary.throttled,
            seconds = summary.seconds,
            stopped = summary.stopped.map(<&str>::from),
            exit_code,
            "run ended"
        );
        self.write_metrics(tally, Some(exit_code));
    }

    /// The ledger failed: the bar goes, and the metrics say that it ended badly.
    pub fn end_broken(&self, tally: &Tally) {
        self.progress.finish();
        self.write_metrics(tally, Some(Kind::Unexpected.exit_code()));
    }

    fn write_metrics(&self, tally: &Tally, exit_code: Option<u8>) {
        let Some(file) = &self.metrics else {
            return;
        };
        let now_s = self.clock.wall().0 / 1000;
        let written = file.write(&Metrics {
            counts: tally.counts,
            requests: tally.requests,
            throttled: tally.throttled,
            seconds: self.started.elapsed().as_secs_f64(),
            last_success: if exit_code == Some(0) {
                Some(now_s)
            } else {
                file.last_success
            },
            exit_code,
        });
        if let Err(error) = written {
            tracing::warn!(run = self.run, "{error}");
        }
    }

    fn write_metrics_now_and_then(&self, tally: &Tally) {
        let written = self.metrics_written.lock();
        let mut written = written.unwrap_or_else(PoisonError::into_inner);
        if self.metrics.is_some() && written.elapsed() >= METRICS_EVERY {
            *written = Instant::now();
            self.write_metrics(tally, None);
        }
    }

    fn snapshot(&self, now: &Counts) -> Snapshot {
        let bad = |counts: &Counts| counts.rejected + counts.failed + counts.uncertain;
        let created = now.created.saturating_sub(self.start.created);
        let problems = bad(now).saturating_sub(bad(&self.start));
        Snapshot {
            done: created + problems,
            created,
            problems,
        }
    }
}

impl Observer for Watch {
    fn see(&self, event: &SendEvent, tally: &Tally) {
        let run = self.run;
        match event {
            SendEvent::Sending => self.write_metrics(tally, None),
            SendEvent::Ended {
                row,
                status,
                code,
                message,
            } => {
                let (row, word) = (row.0, <&str>::from(*status));
                if *status == Status::Created {
                    tracing::debug!(run, row, status = word);
                } else {
                    let message = message.as_deref().unwrap_or_default();
                    tracing::warn!(
                        run,
                        row,
                        status = word,
                        code,
                        "row {row} is {word}: {message}"
                    );
                }
                self.progress.step(self.snapshot(&tally.counts));
            }
            SendEvent::Again { row, why, wait } => {
                let wait_ms = wait.as_millis();
                tracing::debug!(run, row = row.0, why, wait_ms, "to be tried again");
            }
            SendEvent::Paused { wait } => {
                let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let until = Timestamp(self.clock.wall().0.saturating_add(wait_ms));
                tracing::info!(run, wait_ms, "paused: Vlens asked for it");
                self.progress.pause("Vlens asked for it", until);
            }
        }
        self.write_metrics_now_and_then(tally);
    }
}

/// `--metrics-file`: Prometheus text format, replaced atomically, for `node_exporter`'s textfile collector.
pub struct MetricsFile {
    path: PathBuf,
    /// As the file of an earlier run tells.
    last_success: Option<i64>,
}

#[derive(serde::Serialize)]
struct Metrics {
    counts: Counts,
    requests: u64,
    throttled: u64,
    seconds: f64,
    /// Seconds since the epoch.
    last_success: Option<i64>,
    /// Once the run has ended.
    exit_code: Option<u8>,
}

impl MetricsFile {
    pub fn open(path: &Path) -> Self {
        const NAME: &str = "vlens_batch_last_success_timestamp_seconds ";
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(NAME));
        MetricsFile {
            path: path.to_owned(),
            last_success: value.and_then(|seconds| seconds.parse().ok()),
        }
    }

    fn write(&self, metrics: &Metrics) -> Result<(), Error> {
        let text = minijinja::Environment::new()
            .render_str(include_str!("metrics.txt"), Value::from(Serde(metrics)))
            .map_err(|error| Error::unexpected("metrics_not_written", format!("{error}.")))?;
        // The template loses its last line break.
        self.replace(&format!("{text}\n"))
    }

    /// Notes that a run ended before it could begin (a broken config, say): all else stays as the last run left it.
    pub fn note_exit(&self, exit_code: u8) -> Result<(), Error> {
        const NAME: &str = "vlens_batch_exit_code";
        let before = std::fs::read_to_string(&self.path).unwrap_or_default();
        let kept = before.lines().filter(|line| !line.contains(NAME));
        let text: String = kept.flat_map(|line| [line, "\n"]).collect();
        self.replace(&format!("{text}# TYPE {NAME} gauge\n{NAME} {exit_code}\n"))
    }

    /// The collector is another user.
    fn replace(&self, text: &str) -> Result<(), Error> {
        output::write_bytes(&self.path, Readers::Everyone, text.as_bytes())
    }
}
