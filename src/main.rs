//! `vlens-batch`: see the library for everything.

use std::process::ExitCode;

use clap::Parser;
use vlens_batch::cli::{self, Output, args::Cli};
use vlens_batch::error::Kind;

fn main() -> ExitCode {
    cli::protect_process();
    let (output, ended) = match Cli::try_parse() {
        Ok(cli) => (Output::new(&cli.global), cli::run(cli)),
        Err(told) => (Output::default(), Output::default().print_clap(&told)),
    };
    let who_has_to_act = ended.unwrap_or_else(|error| Some(output.fail(&error)));
    ExitCode::from(who_has_to_act.map_or(0, Kind::exit_code))
}
