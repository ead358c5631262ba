//! `--metrics-file`: Prometheus text format, replaced atomically, for `node_exporter`'s textfile collector. Each line names its
//! tenant, so that the files of several may lie in one folder.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minijinja::context;
use minijinja::value::Serde;

use super::files::{Readers, read_text, refuse_output, write_bytes};
use crate::error::Error;
use crate::model::Timestamp;
use crate::send::Tally;

const EXIT_CODE: &str = "vlens_batch_exit_code";
const LAST_END: &str = "vlens_batch_last_end_timestamp_seconds";
const LAST_SUCCESS: &str = "vlens_batch_last_success_timestamp_seconds";

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
    pub fn refuse_place(path: &Path) -> Result<(), Error> {
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
        let message = format!(
            "{} holds something else than metrics, which would be overwritten.",
            path.display()
        );
        Err(Error::usage("output_onto_source", message).hint("Name another file for the metrics."))
    }

    /// A run that is under way has no exit code yet: one that is killed leaves it out for good.
    pub fn write(
        &self,
        tally: &Tally,
        seconds: f64,
        at: Timestamp,
        exit_code: Option<u8>,
    ) -> Result<(), Error> {
        let ended = exit_code.map(|_| at.0.div_euclid(1000));
        let succeeded = ended.filter(|_| exit_code == Some(0));
        let values = context! {
            tenant => format!("tenant=\"{}\"", self.tenant),
            counts => Serde(tally.counts),
            requests => tally.requests,
            throttled => tally.throttled,
            seconds,
            last_success => succeeded.or(self.earlier(LAST_SUCCESS)),
            last_end => ended.or(self.earlier(LAST_END)),
            exit_code,
        };
        let text = minijinja::Environment::new()
            .render_str(include_str!("metrics.txt"), values)
            .map_err(|error| Error::unexpected("metrics_not_written", format!("{error}.")))?;
        // The template loses its last line break.
        self.replace(&format!("{text}\n"))
    }

    /// Notes that a command ended before its run could begin (a broken config, say): all else stays as the last run left it.
    pub fn note_exit(&self, exit_code: u8, at: Timestamp) -> Result<(), Error> {
        let kept = self.before.lines();
        let kept = kept.filter(|line| !line.contains(EXIT_CODE) && !line.contains(LAST_END));
        let mut text: String = kept.flat_map(|line| [line, "\n"]).collect();
        let (tenant, at_s) = (&self.tenant, at.0.div_euclid(1000));
        for (name, value) in [(LAST_END, at_s), (EXIT_CODE, exit_code.into())] {
            let _ = write!(
                text,
                "# TYPE {name} gauge\n{name}{{tenant=\"{tenant}\"}} {value}\n"
            );
        }
        self.replace(&text)
    }

    fn earlier(&self, name: &str) -> Option<i64> {
        let mut lines = self.before.lines();
        let line = lines.find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// The collector is another user.
    fn replace(&self, text: &str) -> Result<(), Error> {
        write_bytes(&self.path, Readers::Everyone, text.as_bytes())
    }
}
