//! One file a command; what several share is in `deliver` (sending), `ledgers` (finding and locking) and `sheets` (reading).

mod check;
mod contract_types;
mod deliver;
mod doctor;
mod export;
mod init;
mod ledgers;
mod man;
mod purge;
mod report;
mod resume;
mod retry;
mod run;
mod runs;
mod sandbox;
mod settle;
mod sheets;
mod status;
mod target;
mod template;

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::args::{Cli, Command};
use super::metrics::MetricsFile;
use super::output::Output;
use crate::error::{Ended, Error, Kind};

/// Does what the command says.
pub fn execute(cli: Cli, output: Output) -> Ended {
    let metrics_file = metrics_file(&cli.command);
    let result = dispatch(cli, output);
    if let (Err(error), Some(path)) = (&result, metrics_file) {
        tell_monitoring(error.kind, &path);
    }
    result
}

fn metrics_file(command: &Command) -> Option<PathBuf> {
    let send = match command {
        Command::Run(args) => &args.send,
        Command::Resume(args) => &args.send,
        Command::Retry(args) => &args.send,
        _ => return None,
    };
    send.metrics_file.clone()
}

/// A run that could not even begin must not leave the metrics of the last good one as if nothing had happened.
fn tell_monitoring(kind: Kind, path: &Path) {
    // The file is the other process's, which is at work.
    if kind != Kind::Busy
        && let Err(error) = MetricsFile::open(path).note_exit(kind)
    {
        tracing::warn!(
            "The metrics file {} cannot be written: {error}.",
            path.display()
        );
    }
}

fn dispatch(cli: Cli, output: Output) -> Ended {
    let global = &cli.global;
    match cli.command {
        Command::Check(args) => check::check(&args, global, output),
        Command::Init(args) => init::init(&args, global, output),
        Command::ContractTypes(args) => {
            block_on(contract_types::contract_types(&args, global, output))
        }
        Command::Template(args) => template::template(&args, global, output),
        Command::Status(args) => status::status(&args, global, output),
        Command::Runs => runs::runs(global, output),
        Command::Export(args) => export::export(&args, global, output),
        Command::Report(args) => report::report(&args, global, output),
        Command::Purge(args) => purge::purge(&args, global, output),
        Command::Settle(args) => settle::settle(&args, global, output),
        Command::Run(args) => block_on(run::run(&args, global, output)),
        Command::Resume(args) => block_on(resume::resume(&args, global, output)),
        Command::Retry(args) => block_on(retry::retry(&args, global, output)),
        Command::Sandbox(args) => block_on(sandbox::sandbox(&args, output)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "vlens-batch", &mut script);
            // Of a name with a hyphen, clap_complete's bash script looks for each command under one name and holds it under another.
            let script =
                String::from_utf8_lossy(&script).replace("vlens__subcmd__batch", "vlens__batch");
            output.print(|out| out.write_all(script.as_bytes()))?;
            Ok(None)
        }
        Command::Man => {
            output.print(|out| man::write_man(out, Cli::command()))?;
            Ok(None)
        }
        Command::Doctor(args) => block_on(doctor::doctor(&args, global, output)),
    }
}

/// One thread carries all requests, which is plenty and wakes nobody in vain; the ledger writes on one of its own.
fn block_on(work: impl Future<Output = Ended>) -> Ended {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| {
            Error::unexpected(
                "no_runtime",
                format!("The operating system gives no threads to work with: {error}."),
            )
        })?;
    let result = runtime.block_on(work);
    // Nothing that is still going on may hold the process up.
    runtime.shutdown_background();
    result
}
