//! Watches a run: progress for the person, log lines for the operator, metrics for the collector.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::logging;
use super::metrics::MetricsFile;
use super::output::Output;
use crate::error::Kind;
use crate::model::{RunId, RunSummary, Status, Timestamp};
use crate::report::{Progress, Snapshot};
use crate::send::{Clock, Observer, SendEvent, Tally};

/// Metrics are written this often while the run goes on.
const METRICS_EVERY: Duration = Duration::from_secs(5);

/// The one observer of a run.
pub struct Watch {
    run: RunId,
    progress: Arc<Progress>,
    start: Tally,
    metrics: Option<MetricsFile>,
    started: Instant,
    metrics_written: Mutex<Instant>,
    clock: Arc<dyn Clock>,
}

impl Watch {
    /// Begins to watch a run whose due rows take `per_row` each at the rate.
    pub fn begin(
        output: Output,
        run: RunId,
        start: Tally,
        due: u64,
        per_row: Duration,
        metrics: Option<&Path>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        logging::speak_of(run);
        let progress = Arc::new(if output.quiet || due == 0 {
            Progress::hidden()
        } else if output.log_json {
            Progress::lines(logging::ProgressEvents::new())
        } else if io::stderr().is_terminal() {
            Progress::bar()
        } else {
            Progress::lines(io::stderr())
        });
        progress.begin(due, per_row);
        logging::go_around(Some(Arc::clone(&progress)));
        Watch {
            run,
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
        logging::go_around(None);
        let counts = &summary.counts;
        tracing::info!(
            run = summary.run.0,
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
            stopped = summary.stopped.map(|stop| stop.into_str()),
            exit_code = ended.map_or(0, Kind::exit_code),
            "run ended"
        );
        self.write_metrics(tally, Some((ended, self.clock.wall())));
    }

    /// The ledger failed: the bar goes, and the metrics say that it ended badly.
    pub fn end_broken(&self, tally: &Tally) {
        self.progress.finish();
        logging::go_around(None);
        self.write_metrics(tally, Some((Some(Kind::Unexpected), self.clock.wall())));
    }

    fn write_metrics(&self, tally: &Tally, ended: Option<(Option<Kind>, Timestamp)>) {
        let Some(metrics) = &self.metrics else {
            return;
        };
        let seconds = self.started.elapsed().as_secs_f64();
        if let Err(complaint) = metrics.write(*tally, seconds, ended) {
            tracing::warn!("{complaint}");
        }
    }

    fn write_metrics_now_and_then(&self, tally: &Tally) {
        if self.metrics.is_none() {
            return;
        }
        let mut written = self
            .metrics_written
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if written.elapsed() >= METRICS_EVERY {
            *written = Instant::now();
            self.write_metrics(tally, None);
        }
    }

    fn snapshot(&self, tally: &Tally) -> Snapshot {
        let (now, then) = (&tally.counts, &self.start.counts);
        let created = now.created.saturating_sub(then.created);
        let problems = (now.rejected + now.failed + now.uncertain)
            .saturating_sub(then.rejected + then.failed + then.uncertain);
        Snapshot {
            done: created + problems,
            created,
            problems,
        }
    }
}

impl Observer for Watch {
    fn see(&self, event: &SendEvent, tally: &Tally) {
        let run = self.run.0;
        match event {
            SendEvent::Sending => self.write_metrics(tally, None),
            SendEvent::Ended {
                row,
                status: Status::Created,
                ..
            } => {
                tracing::debug!(run, row = row.0, status = "created");
                self.progress.step(self.snapshot(tally));
            }
            SendEvent::Ended {
                row,
                status,
                code,
                message,
            } => {
                tracing::warn!(
                    run,
                    row = row.0,
                    status = status.into_str(),
                    code,
                    "row {row} is {status}: {}",
                    message.as_deref().unwrap_or_default()
                );
                self.progress.step(self.snapshot(tally));
            }
            SendEvent::Again { row, why, wait } => {
                tracing::debug!(
                    run,
                    row = row.0,
                    why,
                    wait_ms = wait.as_millis(),
                    "to be tried again"
                );
            }
            SendEvent::Paused { wait } => {
                let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let until = Timestamp(self.clock.wall().0.saturating_add(ms));
                tracing::info!(run, wait_ms = ms, "paused: Vlens asked for it");
                self.progress.pause("Vlens asked for it", until);
            }
        }
        self.write_metrics_now_and_then(tally);
    }
}
