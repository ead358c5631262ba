//! Watches a run: progress for the person, log lines for the operator, metrics for the collector (`--metrics-file`: Prometheus text
//! format, replaced atomically, for `node_exporter`'s textfile collector), and a word to the address of the team's own (`[notify]`) when
//! it starts and how it ends.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;
use log::Level;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::files::{Readers, read_text, refuse_output, write_bytes};
use super::output::{self, Output};
use super::settings::Settings;
use crate::clock;
use crate::error::{Error, Kind, Result};
use crate::model::{RunSummary, Status, Timestamp};
use crate::report::{counted, duration, rendered, thousands};
use crate::send::{SendEvent, StopSignal};
use crate::vlens::Notifier;

pub struct Watch {
    output: Output,
    /// Progress: keeps count and time; drawn on a terminal alone.
    bar: ProgressBar,
    is_drawn: bool,
    /// The time that a row takes at the rate limits.
    per_row: Duration,
    metrics: Option<Metrics>,
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
        let is_drawn = !output.quiet && due > 0 && output.is_screen();
        let bar = ProgressBar::with_draw_target(Some(due), ProgressDrawTarget::hidden());
        if is_drawn {
            let style = ProgressStyle::with_template("{bar:10} {human_pos}/{human_len} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        output::show_run(start.run, &bar);
        let (source, ledger, tenant) = (&*start.source, &*start.ledger, &*start.tenancy_name);
        let fields = json!({ "source": source, "tenant": tenant, "ledger": ledger, "rows": start.rows, "due": due });
        output.log(Level::Info, "run begins", fields);
        let watch = Watch {
            output,
            bar,
            is_drawn,
            per_row,
            metrics: metrics.map(|path| Metrics::open(path, Some(tenant))),
        };
        // A run that is killed leaves a trace: metrics without an exit code.
        watch.write_metrics(start, None);
        watch
    }

    /// One line sums up. Nothing is logged behind it.
    pub fn end(&self, summary: &RunSummary, ended: Option<&Error>) {
        let kind = ended.map_or(Kind::Nobody, |error| error.kind);
        if self.output.logs_ends() && (ended.is_some() || !self.output.quiet) {
            let mut fields = json!(summary);
            // On one level, but for its number, which every line has.
            if let Some(fields) = fields.as_object_mut() {
                fields.shift_remove("run");
                if let Some(Value::Object(counts)) = fields.shift_remove("counts") {
                    fields.extend(counts);
                }
            }
            fields["exit_code"] = kind.exit_code().into();
            fields["reason"] = ended.map(|error| error.message.as_str()).into();
            self.output.log_end(kind, "run ended", fields);
        }
    }

    /// Sees all `events`, until nothing more is sent: then the bar goes.
    pub fn see(&self, events: Receiver<SendEvent>) {
        let log = |level, message: &str, fields| self.output.log(level, message, fields);
        // Rows that were created since it began, and rows that need a person.
        let mut ended = [0; 2];
        // When a line of progress was told last, and at which tenth of the whole.
        let mut told = (Instant::now(), 0);
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
                    self.step(ended, &mut told);
                }
                SendEvent::Paused { wait } => {
                    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                    let until = Timestamp(clock::now().0.saturating_add(wait_ms));
                    // All who are under way are asked for the same one.
                    if until.0 > paused_until.0.saturating_add(1_000) {
                        let fields = json!({ "wait_ms": wait_ms });
                        log(Level::Info, "paused: Vlens asked for it", fields);
                        let until = until.local(&TimeZone::system()).strftime("%H:%M:%S");
                        let text = format!("paused: Vlens asks to wait until {until}");
                        if self.is_drawn {
                            self.bar.set_message(text);
                        } else {
                            self.output.say(&text);
                        }
                    }
                    paused_until = paused_until.max(until);
                }
            }
        }
        self.bar.finish_and_clear();
    }

    /// Progress on stderr: beside the bar on a terminal, elsewhere one plain line every thirty seconds or ten per cent.
    fn step(&self, ended: [u64; 2], told: &mut (Instant, u64)) {
        const LINE_EVERY: Duration = Duration::from_secs(30);
        let (done, total) = (ended.iter().sum(), self.bar.length().unwrap_or(0));
        self.bar.set_position(done);
        let details = details(ended, total, self.bar.elapsed(), self.per_row);
        let percent = done.saturating_mul(100) / total.max(1);
        if self.is_drawn {
            self.bar.set_message(details);
        } else if told.0.elapsed() >= LINE_EVERY || percent / 10 > told.1 {
            *told = (Instant::now(), percent / 10);
            let (done, total) = (thousands(done), thousands(total));
            let line = format!("{done} of {total} rows ({percent} %), {details}");
            self.output.say(&line);
        }
    }

    pub fn write_metrics(&self, summary: &RunSummary, exit_code: Option<u8>) {
        if let Some(metrics) = &self.metrics {
            let seconds = self.bar.elapsed().as_secs_f64();
            metrics.write(Some((summary, seconds)), exit_code);
        }
    }
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
            // The last word on them is for whoever wants to hear of failures alone.
            let level = ended.map_or(Level::Warn, |_| Level::Error);
            log::log!(level, "{error}");
        }
    }
}

/// The rate and the time left are those of the whole run so far: within a minute whose limit is used up, the current rate says
/// nothing. Where the limits allow no more than the pace so far, they tell the time left.
fn details(
    [created, problems]: [u64; 2],
    total: u64,
    elapsed: Duration,
    per_row: Duration,
) -> String {
    let mut text = format!("{} created", thousands(created));
    if problems > 0 {
        text = format!("{text}, {}", counted(problems, "problem", "problems"));
    }
    let done = created + problems;
    // No sheet has as many rows as the type holds.
    let [done, left] = [done, total.saturating_sub(done)]
        .map(|rows| f64::from(u32::try_from(rows).unwrap_or(u32::MAX)));
    let mut per_row = per_row.as_secs_f64();
    if done >= 20.0 {
        let pace = elapsed.as_secs_f64() / done;
        text = format!("{text}, {:.0} rows/min", 60.0 / pace.max(0.0001));
        per_row = per_row.max(pace);
    }
    let left = per_row * left;
    if left > 0.0 {
        text = format!("{text}, about {} left", duration(left));
    }
    text
}

/// The address of the team's own.
pub struct Notice {
    notifier: Notifier,
    started: JoinHandle<()>,
}

impl Notice {
    /// Tells of the start while the run goes on; none where nobody wants to be told.
    pub fn begin(settings: &Settings) -> Result<Option<Notice>> {
        let Some(url) = &settings.config.notify.url else {
            return Ok(None);
        };
        let notifier = Notifier::new(url, &settings.way()?)?;
        let told = notifier.clone();
        let started = tokio::spawn(async move { told.tell("/start", None).await });
        Ok(Some(Notice { notifier, started }))
    }

    /// Tells how it ended, unless a signal ends that; that the run was stopped by one is told as well.
    pub async fn end<W>(self, ran: &Result<(RunSummary, Option<Error>, W)>, stop: &StopSignal) {
        let (path, document) = as_told(ran);
        let tell = async {
            // In this order, whatever became of the first.
            let _ = self.started.await;
            self.notifier.tell(path, Some(document)).await;
        };
        if stop.is_stopping() {
            tell.await;
        } else {
            let _ = stop.or_stop(tell).await;
        }
    }
}

/// Below which address, and what: a run's document without a file's name: neither its source nor a path, and no words that may hold one.
fn as_told<W>(ran: &Result<(RunSummary, Option<Error>, W)>) -> (&'static str, String) {
    let (path, mut document) = match ran {
        Ok((run, None, _)) => ("", json!(run)),
        Ok((run, Some(error), _)) if error.kind == Kind::NeedsPerson => ("", json!(run)),
        Ok((run, Some(_), _)) => ("/fail", json!(run)),
        Err(error) => ("/fail", json!({ "error": { "code": error.code } })),
    };
    if let Some(members) = document.as_object_mut() {
        members.retain(|name, _| !["source", "reason", "ledger"].contains(&name.as_str()));
    }
    (path, document.to_string())
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
            let [elapsed, per_row] = [seconds, per_row].map(Duration::from_secs);
            assert_eq!(details(done, 1000, elapsed, per_row), expected);
        }
    }
}
