//! Watches a run: progress for the person, log lines for the operator, metrics for the collector (`--metrics-file`: Prometheus text
//! format, replaced atomically, for `node_exporter`'s textfile collector).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use log::Level;
use serde_json::{Value, json};

use super::files::{Readers, read_text, refuse_output, write_bytes};
use super::output::{self, Output};
use super::values::LogFormat;
use crate::clock;
use crate::error::{Error, Kind, Result};
use crate::model::{RunSummary, Status, Timestamp};
use crate::report::{Progress, Tell, rendered};
use crate::send::SendEvent;

pub struct Watch {
    output: Output,
    progress: Arc<Progress>,
    metrics: Option<Metrics>,
    started: Instant,
}

impl Watch {
    /// Begins to watch a run with `due` rows to send, which take `per_row` each at the rate.
    pub fn begin(
        output: Output,
        start: &RunSummary,
        due: u64,
        per_row: Duration,
        metrics: Option<&Path>,
    ) -> Self {
        let is_told = !output.quiet && due > 0;
        let is_drawn = is_told && output.is_screen();
        let lines = (is_told && !is_drawn).then(|| match output.log_format {
            LogFormat::Json => Box::new(|line: &str| log::info!("{line}")) as Tell,
            LogFormat::Text => Box::new(output::write_line),
        });
        let progress = Arc::new(Progress::begin(due, per_row, is_drawn, lines));
        output::show_run(start.run, &progress);
        let (source, ledger, tenant) = (&*start.source, &*start.ledger, &*start.tenancy_name);
        let fields = json!({ "source": source, "tenant": tenant, "ledger": ledger, "rows": start.rows, "due": due });
        output.log(Level::Info, "run begins", fields);
        let watch = Watch {
            output,
            progress,
            metrics: metrics.map(|path| Metrics::open(path, Some(tenant))),
            started: Instant::now(),
        };
        // A run that is killed leaves a trace: metrics without an exit code.
        watch.write_metrics(start, None);
        watch
    }

    /// The run has ended, and so: the metrics are final.
    pub fn note_end(&self, summary: &RunSummary, ended: Option<&Error>) {
        let exit_code = ended.map_or(0, |error| error.kind.exit_code());
        self.write_metrics(summary, Some(exit_code));
    }

    /// One line sums up. Nothing is logged behind it.
    pub fn end(&self, summary: &RunSummary, ended: Option<&Error>) {
        let kind = ended.map(|error| error.kind);
        if self.output.logs_ends() && (ended.is_some() || !self.output.quiet) {
            let mut fields = as_fields(summary);
            fields["exit_code"] = kind.map_or(0, Kind::exit_code).into();
            fields["reason"] = ended.map(|error| error.message.as_str()).into();
            self.output.log_end(kind, "run ended", fields);
        }
    }

    /// Sees all `events`, until nothing more is sent: then the bar goes.
    pub fn see(&self, events: Receiver<SendEvent>) {
        let log = |level, message: &str, fields| self.output.log(level, message, fields);
        // Rows that were created since it began, and rows that need a person.
        let mut ended = [0; 2];
        // Until when nobody sends.
        let mut paused_until = Timestamp(0);
        for event in events {
            match event {
                SendEvent::Ended { row, status, why } => {
                    let level = match status {
                        Status::Created => Level::Debug,
                        _ => Level::Warn,
                    };
                    match (status, &why) {
                        (Status::Created, None) => ended[0] += 1,
                        // By another computer.
                        (Status::Created, Some(_)) => {}
                        _ => ended[1] += 1,
                    }
                    let (code, said) = why.unzip();
                    let message = format!("row {row} is {status}: {}", said.unwrap_or_default());
                    let fields = json!({ "row": row, "status": status, "code": code });
                    log(level, message.trim_end_matches(": "), fields);
                    self.progress.step(ended);
                }
                SendEvent::Paused { wait } => {
                    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                    let until = Timestamp(clock::now().0.saturating_add(wait_ms));
                    // All who are under way are asked for the same one.
                    if until.0 > paused_until.0.saturating_add(1_000) {
                        let fields = json!({ "wait_ms": wait_ms });
                        log(Level::Info, "paused: Vlens asked for it", fields);
                        self.progress.pause(until);
                    }
                    paused_until = paused_until.max(until);
                }
            }
        }
        self.progress.finish();
    }

    pub fn write_metrics(&self, summary: &RunSummary, exit_code: Option<u8>) {
        if let Some(metrics) = &self.metrics {
            let seconds = self.started.elapsed().as_secs_f64();
            metrics.write(Some((summary, seconds)), exit_code);
        }
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

const LAST_END: &str = "vlens_batch_last_end_timestamp_seconds";
const LAST_SUCCESS: &str = "vlens_batch_last_success_timestamp_seconds";
/// What is not about how a run's rows stand.
const OF_END: [&str; 3] = ["vlens_batch_exit_code", LAST_END, LAST_SUCCESS];

/// Each line names its tenant, so that the files of several may lie in one folder.
pub struct Metrics {
    path: PathBuf,
    /// As a label's value.
    tenant: String,
    /// The file of an earlier run.
    before: String,
}

impl Metrics {
    /// Of a tenant that is not known, such as when the config cannot be read, the file itself may know the name.
    pub fn open(path: &Path, tenant: Option<&str>) -> Self {
        let before = read_text(path).unwrap_or_default();
        let known = before.split("{tenant=\"").nth(1);
        let known = known.and_then(|rest| rest.split('"').next());
        let escape = |name: &str| name.replace('\\', r"\\").replace('"', "\\\"");
        let tenant = tenant.map(escape).or(known.map(str::to_owned));
        Metrics {
            path: path.to_owned(),
            tenant: tenant.unwrap_or_default(),
            before,
        }
    }

    /// Refuses a place that cannot hold metrics, or holds something else, such as the sheet.
    pub fn refuse_place(path: &Path) -> Result<()> {
        refuse_output(path)?;
        let is_ours = |line: &str| {
            line.is_empty() || line.starts_with(['#', 'v']) && line.contains("vlens_batch_")
        };
        let is_else = match read_text(path) {
            Ok(text) => !text.lines().all(is_ours),
            Err(error) => error.kind() == ErrorKind::InvalidData,
        };
        if !is_else {
            return Ok(());
        }
        Err(Error::of("output_onto_source.metrics", &[&path.display()]))
    }

    /// A run that is under way has no exit code yet: one that is killed leaves it out for good. Before it has sent anything, and where its
    /// command ended before it could (a broken config, say), its rows stay as the last run left them.
    pub fn write(&self, sent: Option<(&RunSummary, f64)>, exit_code: Option<u8>) {
        let ended = exit_code.map(|_| clock::now().0.div_euclid(1000));
        let succeeded = ended.filter(|_| exit_code == Some(0));
        let before = || self.before.lines();
        let earlier = |name: &str| -> Option<i64> {
            let line = before().find(|line| line.starts_with(name))?;
            line.rsplit(' ').next()?.parse().ok()
        };
        let is_kept = |line: &&str| sent.is_none() && !OF_END.iter().any(|of| line.contains(of));
        let kept: String = before()
            .filter(is_kept)
            .flat_map(|line| [line, "\n"])
            .collect();
        let values = json!({
            "tenant": format!("tenant=\"{}\"", self.tenant),
            "run": sent.map(|(run, _)| run),
            "seconds": sent.map(|(_, seconds)| seconds),
            "last_success": succeeded.or_else(|| earlier(LAST_SUCCESS)),
            "last_end": ended.or_else(|| earlier(LAST_END)),
            "exit_code": exit_code,
        });
        let text = kept + &rendered(include_str!("metrics.txt"), values);
        // The collector is another user.
        if let Err(error) = write_bytes(&self.path, Readers::Everyone, text.as_bytes()) {
            log::warn!("{error}");
        }
    }
}
