//! The door: reads arguments, settings and secrets, opens the world, calls the hall, prints, chooses the exit code.

pub mod args;
mod clock;
mod commands;
mod examples;
mod exit;
mod failure;
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

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use output::Output;

/// Everything from the arguments to the exit code.
pub fn main() -> ExitCode {
    guard::protect_process();
    guard::keep_panics_short();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failure; clap knows which stream and which of its own codes, 0 or 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    logging::start(&cli.global);
    let output = Output::new(&cli.global);
    let exit = match commands::execute(cli, output) {
        Ok(exit) => exit,
        Err(failure) => output.fail(&failure),
    };
    exit.into()
}
