//! Log lines on stderr: text or JSON, around a progress bar where one stands. They hold no secret and no personal data.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, PoisonError, RwLock};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{Global, LogFormat};
use crate::report::Progress;

/// The bar that log lines must go around, while there is one.
static BAR: RwLock<Option<Arc<Progress>>> = RwLock::new(None);

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

struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bar = BAR.read().unwrap_or_else(PoisonError::into_inner).clone();
        let write = || {
            let _ = io::stderr().lock().write_all(bytes);
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
