//! `--metrics-file`: Prometheus text format, replaced atomically, for `node_exporter`'s textfile collector.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::files::{self, Readers};
use crate::error::{Error, Kind};
use crate::model::{Counts, Timestamp};
use crate::send::Tally;

/// What the file says.
#[derive(Debug, Clone, Copy)]
pub struct Metrics {
    /// How far the run is.
    pub tally: Tally,
    /// How long this run has taken.
    pub seconds: f64,
    /// When a run last ended with exit 0: now, or as the file said before.
    pub last_success: Option<Timestamp>,
    /// Once the run has ended.
    pub exit: Option<u8>,
}

/// A metrics file, written again and again.
#[derive(Debug, Clone)]
pub struct MetricsFile {
    path: PathBuf,
    last_success: Option<Timestamp>,
}

const EXIT_CODE: &str = "vlens_batch_exit_code";
const LAST_SUCCESS: &str = "vlens_batch_last_success_timestamp_seconds";

impl MetricsFile {
    /// Takes over what an earlier run's file knows: the time of the last success.
    pub fn open(path: &Path) -> Self {
        let last_success = std::fs::read_to_string(path).ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with(LAST_SUCCESS))?;
            let seconds: i64 = line.rsplit(' ').next()?.parse().ok()?;
            Some(Timestamp(seconds.checked_mul(1000)?))
        });
        MetricsFile {
            path: path.to_owned(),
            last_success,
        }
    }

    /// Writes the file: beside it first, then into its place, so that a reader never sees half of it.
    pub fn write(
        &self,
        tally: Tally,
        seconds: f64,
        ended: Option<(Option<Kind>, Timestamp)>,
    ) -> Result<(), Error> {
        let last_success = match ended {
            Some((None, at)) => Some(at),
            _ => self.last_success,
        };
        let text = render(&Metrics {
            tally,
            seconds,
            last_success,
            exit: ended.map(|(kind, _)| kind.map_or(0, Kind::exit_code)),
        });
        self.replace(&text).map_err(|error| {
            Error::unusable(
                "metrics_not_written",
                format!(
                    "The metrics file {} cannot be written: {error}.",
                    self.path.display()
                ),
            )
        })
    }

    /// Notes that a run ended before it could begin (a broken config, say): all else stays as the last run left it.
    pub fn note_exit(&self, kind: Kind) -> std::io::Result<()> {
        let before = std::fs::read_to_string(&self.path).unwrap_or_default();
        let mut text = String::new();
        for line in before.lines().filter(|line| !line.contains(EXIT_CODE)) {
            text.push_str(line);
            text.push('\n');
        }
        family(
            &mut text,
            EXIT_CODE,
            "gauge",
            EXIT_CODE_HELP,
            &one(kind.exit_code().to_string()),
        );
        self.replace(&text)
    }

    /// For everyone to read: the collector is another user.
    fn replace(&self, text: &str) -> std::io::Result<()> {
        files::swap(
            &self.path,
            Readers::Everyone,
            |error| error,
            |mut file| file.write_all(text.as_bytes()),
        )
    }
}

fn render(metrics: &Metrics) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
        family(&mut text, name, kind, help, lines);
    };
    family(
        "vlens_batch_rows",
        "gauge",
        "Rows of the newest run by status.",
        &rows(&metrics.tally.counts),
    );
    let requests = one(metrics.tally.requests.to_string());
    family(
        "vlens_batch_requests_total",
        "counter",
        "Requests for invitations in the newest run.",
        &requests,
    );
    let throttled = one(metrics.tally.throttled.to_string());
    family(
        "vlens_batch_throttled_total",
        "counter",
        "Requests answered 429 in the newest run.",
        &throttled,
    );
    let seconds = one(format!("{:.3}", metrics.seconds));
    family(
        "vlens_batch_run_seconds",
        "gauge",
        "How long the newest run has taken.",
        &seconds,
    );
    if let Some(at) = metrics.last_success {
        let at = one((at.0 / 1000).to_string());
        family(
            LAST_SUCCESS,
            "gauge",
            "When a run last ended with exit code 0.",
            &at,
        );
    }
    if let Some(exit) = metrics.exit {
        let exit = one(exit.to_string());
        family(EXIT_CODE, "gauge", EXIT_CODE_HELP, &exit);
    }
    text
}

const EXIT_CODE_HELP: &str = "Exit code of the newest run, once it has ended.";

/// Writes one metric with its lines, each of labels and a value.
fn family(text: &mut String, name: &str, kind: &str, help: &str, lines: &[(String, String)]) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in lines {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

fn one(value: String) -> Vec<(String, String)> {
    vec![(String::new(), value)]
}

fn rows(counts: &Counts) -> Vec<(String, String)> {
    [
        ("created", counts.created),
        ("already_created", counts.already_created),
        ("invalid", counts.invalid),
        ("duplicate", counts.duplicate),
        ("rejected", counts.rejected),
        ("failed", counts.failed),
        ("uncertain", counts.uncertain),
        ("pending", counts.pending),
    ]
    .into_iter()
    .map(|(status, n)| (format!("{{status=\"{status}\"}}"), n.to_string()))
    .collect()
}
