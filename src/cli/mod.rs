//! The door: reads arguments, settings and secrets, opens the world, calls the hall, prints, chooses the exit code.

pub mod args;
mod clock;
mod commands;
mod examples;
mod files;
mod guard;
mod logging;
mod metrics;
mod output;
mod secrets;
mod settings;
mod signals;
mod values;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::error::Kind;
use args::Cli;
use output::Output;

/// Everything from the arguments to the exit code.
pub fn main() -> ExitCode {
    guard::protect_process();
    guard::keep_panics_short();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(Output::print_clap(&error)),
    };
    logging::start(&cli.global);
    let output = Output::new(&cli.global);
    // A mistake of ours ends as what it is to whoever waits for the exit code: an unexpected error. The ledger's open
    // transaction, if any, is rolled back on the way.
    let ended = match catch_unwind(AssertUnwindSafe(|| commands::execute(cli, output))) {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => Some(output.fail(&error)),
        Err(_panic) => Some(Kind::Unexpected),
    };
    ExitCode::from(ended.map_or(0, Kind::exit_code))
}
