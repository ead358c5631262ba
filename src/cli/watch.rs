//! Watches a run: progress for the person, log lines for the operator, metrics for the collector.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::log;
use super::metrics::Metrics;
use super::output::Output;
use crate::error::Error;
use crate::model::{Counts, RunSummary, Status, Timestamp};
use crate::report::Progress;
use crate::send::{Clock, SendEvent, Tally};

/// Metrics are written this often while the run goes on.
const METRICS_EVERY: Duration = Duration::from_secs(5);

/// The one observer of a run.
pub struct Watch {
    output: Output,
    progress: Arc<Progress>,
    start: Counts,
    metrics: Option<Metrics>,
    started: Instant,
    /// How far the run was when something happened last.
    tally: Mutex<Tally>,
    clock: Arc<dyn Clock>,
}

impl Watch {
    /// Begins to watch a run with `due` rows to send, which take `per_row` each at the rate.
    pub fn begin(
        output: Output,
        start: &RunSummary,
        tally: Tally,
        due: u64,
        per_row: Duration,
        metrics: Option<&Path>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let metrics = metrics.map(|path| Metrics::open(path, Some(&start.tenancy_name)));
        let progress = Arc::new(if output.quiet || due == 0 {
            Progress::hidden(due, per_row)
        } else if output.log_json {
            Progress::lines(due, per_row, |line| tracing::info!("{line}"))
        } else if output.is_screen {
            Progress::bar(due, per_row)
        } else {
            Progress::lines(due, per_row, log::write)
        });
        log::follow(start.run, &progress);
        let (source, ledger) = (&*start.source, &*start.ledger);
        let tenant = &*start.tenancy_name;
        tracing::info!(source, tenant, ledger, rows = start.rows, due, "run begins");
        let watch = Watch {
            output,
            progress,
            start: start.counts,
            metrics,
            started: Instant::now(),
            tally: Mutex::new(tally),
            clock,
        };
        // A run that is killed leaves a trace: metrics without an exit code.
        watch.write_metrics(None);
        watch
    }

    /// Nothing more is sent: the bar goes.
    pub fn is_over(&self, tally: Tally) {
        self.progress.finish();
        self.note(tally);
    }

    /// The run has ended, and so: the metrics are final, and one line sums up. Nothing is logged behind it.
    pub fn end(&self, summary: &RunSummary, ended: Option<&Error>) {
        let exit_code = ended.map_or(0, |error| error.kind.exit_code());
        self.write_metrics(Some(exit_code));
        if self.output.logs_ends() && (ended.is_some() || !self.output.quiet) {
            let reason = ended.map(|error| error.message.as_str());
            let mut fields = as_fields(summary);
            fields["exit_code"] = exit_code.into();
            fields["reason"] = reason.into();
            log::end(ended.map(|error| error.kind), "run ended", &fields);
        }
    }

    /// Something happened, and this is how far the run is now.
    pub fn see(&self, event: &SendEvent, tally: &Tally) {
        match event {
            SendEvent::Ended { row, status, why } => {
                let (row, word) = (row.0, <&str>::from(*status));
                if *status == Status::Created {
                    tracing::debug!(row, status = word);
                } else {
                    let (code, message) = why.as_ref().map(|(code, said)| (code, &**said)).unzip();
                    let message = message.unwrap_or_default();
                    tracing::warn!(row, status = word, code, "row {row} is {word}: {message}");
                }
                self.step(&tally.counts);
            }
            SendEvent::Again { row, why, wait } => {
                let wait_ms = wait.as_millis();
                tracing::debug!(row = row.0, why, wait_ms, "to be tried again");
            }
            SendEvent::Paused { wait } => {
                let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let until = Timestamp(self.clock.wall().0.saturating_add(wait_ms));
                tracing::info!(wait_ms, "paused: Vlens asked for it");
                self.progress.pause("Vlens asked for it", until);
            }
        }
        self.note(*tally);
    }

    /// Writes the metrics every few seconds, whether anything happens or nothing is sent for an hour.
    pub async fn keep_metrics(&self) -> Infallible {
        loop {
            tokio::time::sleep(METRICS_EVERY).await;
            self.write_metrics(None);
        }
    }

    fn note(&self, tally: Tally) {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner) = tally;
    }

    fn write_metrics(&self, exit_code: Option<u8>) {
        let tally = *self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = self.started.elapsed().as_secs_f64();
        let at = self.clock.wall();
        if let Some(metrics) = &self.metrics
            && let Err(error) = metrics.write(&tally, seconds, at, exit_code)
        {
            tracing::warn!("{error}");
        }
    }

    fn step(&self, now: &Counts) {
        let bad = |counts: &Counts| counts.rejected + counts.failed + counts.uncertain;
        let created = now.created.saturating_sub(self.start.created);
        let problems = bad(now).saturating_sub(bad(&self.start));
        self.progress.step(created, problems);
    }
}

/// A run's document on one level, but for its number, which every line has.
fn as_fields(summary: &RunSummary) -> Value {
    let mut document = json!(summary);
    let Some(fields) = document.as_object_mut() else {
        return document;
    };
    fields.shift_remove("run");
    if let Some(Value::Object(counts)) = fields.shift_remove("counts") {
        fields.extend(counts);
    }
    document
}
