//! Arguments, settings, secrets, printing, exit codes: opens the world and calls the rooms.

pub mod args;
mod commands;
mod credentials;
mod files;
mod further;
mod log;
mod metrics;
mod output;
mod place;
mod settings;
mod system;
mod values;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::error::{Ended, Error, Kind};
use crate::send::Clock;
use args::{Cli, Command, Global, SendArgs};
use metrics::Metrics;
use output::Output;
use settings::Settings;

/// Does what the command line says.
pub fn main() -> ExitCode {
    system::protect_process();
    let (output, ended) = match Cli::try_parse() {
        Ok(cli) => (Output::new(&cli.global), run(cli)),
        Err(told) => (Output::default(), Output::default().print_clap(&told)),
    };
    let who_has_to_act = ended.unwrap_or_else(|error| Some(output.fail(&error)));
    ExitCode::from(who_has_to_act.map_or(0, Kind::exit_code))
}

/// A mistake of ours ends as what it is to whoever waits for the exit code: an unexpected error, already told.
fn run(cli: Cli) -> Ended {
    system::keep_panics_short();
    log::start(&cli.global);
    let global = cli.global.clone();
    let sending: Option<SendArgs> = match &cli.command {
        Command::Run(args) => Some(args.send.clone()),
        Command::Resume(args) => Some(args.send.clone()),
        Command::Retry(args) => Some(args.send.clone()),
        _ => None,
    };
    // The ledger's open transaction, if any, is rolled back on the way.
    let ended = catch_unwind(AssertUnwindSafe(|| commands::execute(cli)))
        .unwrap_or(Ok(Some(Kind::Unexpected)));
    if let (Err(error), Some(args)) = (&ended, sending) {
        note_in_metrics(error, &args, &global);
    }
    ended
}

/// A run that could not even begin must not leave the metrics of the last good one as if nothing had happened.
fn note_in_metrics(error: &Error, args: &SendArgs, global: &Global) {
    let Some(path) = &args.metrics_file else {
        return;
    };
    // The file is the other process's, which is at work.
    if error.kind == Kind::Busy {
        return;
    }
    let settings = Settings::find(global, None).ok();
    let tenant = settings.and_then(|settings| settings.tenancy_name().ok()?);
    let now = system::SystemClock::default().wall();
    let metrics = Metrics::open(path, tenant.as_deref());
    if let Err(error) = metrics.note_exit(error.kind.exit_code(), now) {
        tracing::warn!("{error}");
    }
}
