//! Log lines on stderr: text or JSON, around a progress bar where one stands. They hold no secret and no personal data.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{Global, LogFormat};
use crate::model::RunId;
use crate::report::Progress;

/// The bar that log lines must go around, while there is one.
static BAR: RwLock<Option<Arc<Progress>>> = RwLock::new(None);

/// The run that is going on; 0 while there is none.
static RUN: AtomicI64 = AtomicI64::new(0);

/// Starts logging. Only this program's own lines are shown: a library's might hold what must not be seen.
pub fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) if global.log_format == LogFormat::Text && io::stderr().is_terminal() => {
            LevelFilter::WARN
        }
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = Targets::new().with_target("vlens_batch", level);
    let registry = tracing_subscriber::registry().with(filter);
    // A closed stderr must not bring the run down: no complaints about it, least of all on stderr.
    let result = match global.log_format {
        LogFormat::Text => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(|| LogWriter)
                    .with_target(false)
                    .with_ansi(false)
                    .log_internal_errors(false),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false)
                    .with_writer(|| LogWriter)
                    .with_target(false)
                    .log_internal_errors(false),
            )
            .try_init(),
    };
    // Only a second start in one process can fail, and then the first one serves.
    drop(result);
}

/// From now on log lines go around this bar; `None`: there is none any more.
pub fn go_around(bar: Option<Arc<Progress>>) {
    *BAR.write().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// From now on every line carries this run's number.
pub fn speak_of(run: RunId) {
    RUN.store(run.0, Ordering::Relaxed);
}

/// The line with the number of the run that is going on, unless it says so itself. Most events happen where the run's number
/// is not known, and whoever collects logs wants all that belong together.
fn with_run(line: &str, run: i64) -> Cow<'_, str> {
    if run == 0 {
        return Cow::Borrowed(line);
    }
    match line.strip_prefix('{') {
        Some(_) if line.contains("\"run\":") => Cow::Borrowed(line),
        Some(members) => Cow::Owned(format!("{{\"run\":{run},{members}")),
        None if line.contains(" run=") => Cow::Borrowed(line),
        None => Cow::Owned(format!("{} run={run}\n", line.trim_end_matches('\n'))),
    }
}

/// Where progress goes when every line on stderr must be a JSON object: each of its lines becomes an event.
pub struct ProgressEvents(Vec<u8>);

impl ProgressEvents {
    /// Nothing told yet.
    pub fn new() -> Self {
        ProgressEvents(Vec::new())
    }
}

impl Write for ProgressEvents {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        while let Some(end) = self.0.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            tracing::info!("{}", String::from_utf8_lossy(&line).trim_end());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bar = BAR.read().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8_lossy(bytes);
        let line = with_run(&text, RUN.load(Ordering::Relaxed));
        let write = || {
            let _ = io::stderr().lock().write_all(line.as_bytes());
        };
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_carries_the_run_once() {
        for (line, expected) in [
            ("{\"level\":\"INFO\"}\n", "{\"run\":3,\"level\":\"INFO\"}\n"),
            ("{\"run\":3,\"row\":5}\n", "{\"run\":3,\"row\":5}\n"),
            ("INFO stopping\n", "INFO stopping run=3\n"),
            ("INFO run ended run=3\n", "INFO run ended run=3\n"),
        ] {
            assert_eq!(with_run(line, 3), expected);
        }
        assert_eq!(with_run("INFO stopping\n", 0), "INFO stopping\n");
    }
}
