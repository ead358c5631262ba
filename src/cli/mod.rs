//! Arguments, settings, secrets, printing, exit codes: opens the world and calls the rooms.

pub mod args;
mod commands;
mod output;
mod settings;
mod system;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use output::Output;
pub use system::protect_process;

use crate::error::{Ended, Error, Kind};
use args::{Cli, Command};
use watch::MetricsFile;

/// Does what the command line says. A mistake of ours ends as what it is to whoever waits for the exit code: an unexpected
/// error, already told.
pub fn run(cli: Cli) -> Ended {
    system::keep_panics_short();
    output::start_logging(&cli.global);
    let metrics_file = match &cli.command {
        Command::Run(args) => args.send.metrics_file.clone(),
        Command::Resume(args) => args.send.metrics_file.clone(),
        Command::Retry(args) => args.send.metrics_file.clone(),
        _ => None,
    };
    // The ledger's open transaction, if any, is rolled back on the way.
    let ended = catch_unwind(AssertUnwindSafe(|| commands::execute(cli)))
        .unwrap_or(Ok(Some(Kind::Unexpected)));
    if let (Err(error), Some(path)) = (&ended, metrics_file) {
        note_in_metrics(error, &path);
    }
    ended
}

/// A run that could not even begin must not leave the metrics of the last good one as if nothing had happened.
fn note_in_metrics(error: &Error, path: &Path) {
    // The file is the other process's, which is at work.
    if error.kind != Kind::Busy
        && let Err(error) = MetricsFile::open(path).note_exit(error.kind.exit_code())
    {
        tracing::warn!("{error}");
    }
}
