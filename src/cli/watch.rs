//! Watches a run: progress for the person, log lines for the operator, metrics for the collector.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
            Progress::lines(LogLines::of(run))
        } else if io::stderr().is_terminal() {
            Progress::bar()
        } else {
            Progress::lines(io::stderr())
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
            exit_code = ended.map_or(0, Kind::exit_code),
            "run ended"
        );
        self.write_metrics(tally, Some(ended.map_or(0, Kind::exit_code)));
    }

    /// The ledger failed: the bar goes, and the metrics say that it ended badly.
    pub fn end_broken(&self, tally: &Tally) {
        self.progress.finish();
        self.write_metrics(tally, Some(Kind::Unexpected.exit_code()));
    }

    fn write_metrics(&self, tally: &Tally, exit_code: Option<u8>) {
        let Some(metrics) = &self.metrics else {
            return;
        };
        let ended = exit_code.map(|exit_code| (exit_code, self.clock.wall()));
        if let Err(error) = metrics.write(tally, self.started.elapsed(), ended) {
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

/// Where progress goes when every line on stderr must be a JSON object: each of its lines becomes an event.
struct LogLines {
    run: i64,
    text: Vec<u8>,
}

impl LogLines {
    fn of(run: RunId) -> Self {
        LogLines {
            run: run.0,
            text: Vec::new(),
        }
    }
}

impl io::Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        while let Some(end) = self.text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            tracing::info!(run = self.run, "{}", line.trim_end());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `--metrics-file`: Prometheus text format, replaced atomically, for `node_exporter`'s textfile collector.
pub struct MetricsFile {
    path: PathBuf,
    /// In seconds since the epoch, as the file of an earlier run tells.
    last_success: Option<i64>,
}

const EXIT_CODE: &str = "vlens_batch_exit_code";
const LAST_SUCCESS: &str = "vlens_batch_last_success_timestamp_seconds";

impl MetricsFile {
    pub fn open(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(LAST_SUCCESS));
        let seconds = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        MetricsFile {
            path: path.to_owned(),
            last_success: seconds,
        }
    }

    /// `ended`: the exit code and when, once the run has ended.
    fn write(
        &self,
        tally: &Tally,
        taken: Duration,
        ended: Option<(u8, Timestamp)>,
    ) -> Result<(), Error> {
        let last_success = match ended {
            Some((0, at)) => Some(at.0 / 1000),
            _ => self.last_success,
        };
        let rows = "vlens_batch_rows";
        let mut text = head(rows, "gauge", "Rows of the newest run by status.");
        let counts = serde_json::to_value(tally.counts).unwrap_or_default();
        for (status, n) in counts.as_object().into_iter().flatten() {
            let _ = writeln!(text, "{rows}{{status=\"{status}\"}} {n}");
        }
        let mut add = |name, kind, help, value: String| {
            text.push_str(&head(name, kind, help));
            let _ = writeln!(text, "{name} {value}");
        };
        add(
            "vlens_batch_requests_total",
            "counter",
            "Requests for invitations in the newest run.",
            tally.requests.to_string(),
        );
        add(
            "vlens_batch_throttled_total",
            "counter",
            "Requests answered 429 in the newest run.",
            tally.throttled.to_string(),
        );
        add(
            "vlens_batch_run_seconds",
            "gauge",
            "How long the newest run has taken.",
            format!("{:.3}", taken.as_secs_f64()),
        );
        if let Some(seconds) = last_success {
            let help = "When a run last ended with exit code 0.";
            add(LAST_SUCCESS, "gauge", help, seconds.to_string());
        }
        if let Some((exit_code, _)) = ended {
            text.push_str(&exit_code_lines(exit_code));
        }
        self.replace(&text)
    }

    /// Notes that a run ended before it could begin (a broken config, say): all else stays as the last run left it.
    pub fn note_exit(&self, exit_code: u8) -> Result<(), Error> {
        let before = std::fs::read_to_string(&self.path).unwrap_or_default();
        let kept = before.lines().filter(|line| !line.contains(EXIT_CODE));
        let mut text: String = kept.flat_map(|line| [line, "\n"]).collect();
        text.push_str(&exit_code_lines(exit_code));
        self.replace(&text)
    }

    /// The collector is another user.
    fn replace(&self, text: &str) -> Result<(), Error> {
        output::write_bytes(&self.path, Readers::Everyone, text.as_bytes())
    }
}

fn exit_code_lines(exit_code: u8) -> String {
    let help = "Exit code of the newest run, once it has ended.";
    format!(
        "{}{EXIT_CODE} {exit_code}\n",
        head(EXIT_CODE, "gauge", help)
    )
}

fn head(name: &str, kind: &str, help: &str) -> String {
    format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")
}
