//! Arguments, settings, secrets, printing, exit codes: opens the world and calls the rooms.

pub mod args;
mod commands;
mod output;
mod settings;
mod system;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::error::{Ended, Error, Kind};
use args::{Cli, Command};
use output::Output;
use watch::MetricsFile;

/// Everything from the arguments to the exit code.
pub fn main() -> ExitCode {
    system::protect_process();
    system::keep_panics_short();
    let (output, ended) = match Cli::try_parse() {
        Ok(cli) => (Output::new(&cli.global), run(cli)),
        Err(told) => (Output::plain(), Output::plain().print_clap(&told)),
    };
    let kind = ended.unwrap_or_else(|error| Some(output.fail(&error)));
    ExitCode::from(kind.map_or(0, Kind::exit_code))
}

fn run(cli: Cli) -> Ended {
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
fn note_in_metrics(error: &Error, path: &std::path::Path) {
    // The file is the other process's, which is at work.
    if error.kind != Kind::Busy
        && let Err(error) = MetricsFile::open(path).note_exit(error.kind.exit_code())
    {
        tracing::warn!("{error}");
    }
}
