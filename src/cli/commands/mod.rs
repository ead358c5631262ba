//! One file a command; what several share is in `deliver` (sending), `ledgers` (finding and locking) and `sheets` (reading).

mod check;
mod contract_types;
mod deliver;
mod export;
mod init;
mod ledgers;
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

use clap::CommandFactory;

use super::args::{Cli, Command};
use super::exit::Exit;
use super::failure::Failure;
use super::output::Output;
use crate::domain::Complaint;

/// Does what the command says.
pub fn execute(cli: Cli, output: Output) -> Result<Exit, Failure> {
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
        Command::Settle(args) => settle::settle(&args, global, output),
        Command::Run(args) => block_on(run::run(&args, global, output)),
        Command::Resume(args) => block_on(resume::resume(&args, global, output)),
        Command::Retry(args) => block_on(retry::retry(&args, global, output)),
        Command::Sandbox(args) => block_on(sandbox::sandbox(&args, output)),
        Command::Completions { shell } => {
            output.print(|out| {
                clap_complete::generate(shell, &mut Cli::command(), "vlens-batch", &mut &mut *out);
                Ok(())
            });
            Ok(Exit::Done)
        }
        Command::Man => {
            output.print(|out| clap_mangen::Man::new(Cli::command()).render(&mut &mut *out));
            Ok(Exit::Done)
        }
        _ => Err(Failure::usage(Complaint::new(
            "not_yet",
            "this command is not there yet",
        ))),
    }
}

/// Two threads carry the requests; the ledger writes on one of its own.
fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::unexpected(Complaint::new(
                "no_runtime",
                format!("the operating system gives no threads to work with: {error}"),
            ))
        })?;
    let result = runtime.block_on(work);
    // Nothing that is still going on may hold the process up.
    runtime.shutdown_background();
    result
}
