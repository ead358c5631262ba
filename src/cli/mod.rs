//! Arguments, settings, secrets, printing, exit codes: opens the world and calls the rooms.

mod args;
mod commands;
mod credentials;
mod files;
mod output;
mod settings;
mod system;
mod watch;

use std::process::ExitCode;

use clap::Parser;

pub use commands::Cli;

use crate::error::{Ended, Error, Kind};
use commands::Command;
use output::{Output, wrong_usage};
use settings::Settings;
use watch::Metrics;

pub fn main() -> ExitCode {
    system::protect_process();
    let parsed = Cli::try_parse();
    let global = parsed.as_ref().map(|cli| cli.global.output);
    let output = global.unwrap_or_else(|_| Output::of_a_mistake());
    output.start_log();
    let ended = match parsed {
        Ok(cli) => run(cli),
        Err(told) if told.use_stderr() => Err(wrong_usage(&told)),
        Err(told) => output.print_help(&told),
    };
    let who_has_to_act = ended.unwrap_or_else(|error| output.fail(&error));
    ExitCode::from(who_has_to_act.exit_code())
}

fn run(cli: Cli) -> Ended {
    let global = cli.global.clone();
    system::keep_panics_short(global.output);
    // And the sheet, beside which the config may be.
    let (metrics_file, sheet) = match &cli.command {
        Command::Run(args) => (args.send.metrics_file.clone(), Some(args.file.clone())),
        Command::Resume { send, .. } => (send.metrics_file.clone(), None),
        Command::Retry(args) => (args.send.metrics_file.clone(), None),
        Command::Inbox(args) => (args.metrics_file.clone(), Some(args.dir.join("any.csv"))),
        _ => (None, None),
    };
    if let Some(path) = &metrics_file {
        Metrics::refuse_place(path)?;
    }
    let ended = system::caught(|| commands::execute(cli));
    // A run that could not even begin must not leave the metrics of the last good one as if nothing had happened. The file of one that
    // is busy is the other process's, which is at work.
    if let (Err(Error { kind, .. }), Some(path)) = (&ended, metrics_file)
        && *kind != Kind::Busy
    {
        let settings = Settings::find(&global, sheet.as_deref()).ok();
        let tenant = settings.and_then(|settings| settings.tenancy_name().ok()?);
        Metrics::open(&path, tenant.as_deref()).write(None, Some(kind.exit_code()));
    }
    ended
}
