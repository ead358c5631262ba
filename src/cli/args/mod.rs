//! The arguments as typed. What they mean together with environment and config is `settings`.

mod read;
mod results;
mod send;
mod tenant;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::examples;

pub use read::{CheckArgs, HiddenRows, InitArgs, ReadArgs};
pub use results::{ExportArgs, ExportFormat, PurgeArgs, ReportArgs, StatusArgs};
pub use send::{OnInvalid, ResumeArgs, RetryArgs, RunArgs, SendArgs, SettleArgs, SettledAs};
pub use tenant::{ContractTypesAction, ContractTypesArgs, DoctorArgs, SandboxArgs, TemplateArgs};

const EXAMPLES: &str = "\
Examples:
  vlens-batch run samples/customers.csv --sandbox   rehearse on a built-in stand-in, no account needed
  vlens-batch check customers.xlsx                  look for problems, send nothing
  vlens-batch run customers.xlsx --limit 1          the first invitation, to look at before the rest
  vlens-batch run customers.xlsx                    all of them; run again to go on after any interruption
  vlens-batch status                                where the newest run stands
  vlens-batch export --output results.xlsx          who was invited, with which token";

const EXIT_CODES: &str = "\
Exit codes:
  0  every row is dealt with        4  stopped early; run again to go on
  1  unexpected error               5  file, mapping or config cannot be used; nothing sent
  2  wrong usage                    6  Vlens refuses every request; unsent rows stay pending
  3  rows need a person             7  another process is running on this ledger";

/// Create Vlens invitations for a whole sheet of customers: each once, whatever is killed and whenever.
#[derive(Debug, Parser)]
#[command(name = "vlens-batch", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The config [default: vlens-batch.toml in FILE's folder, else in the working folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The ledger [default: vlens-batch.db beside the config, else beside FILE, else in the working folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Say more; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on stderr unless something is wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
    /// How log lines on stderr look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Print one JSON document on stdout instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at FILE's headers and rows and write a vlens-batch.toml that maps them
    #[command(after_help = examples::INIT)]
    Init(InitArgs),
    /// Read, map and validate every row; send nothing
    #[command(after_help = examples::CHECK)]
    Check(CheckArgs),
    /// The main job: validate, record and send what is due; run again, it goes on where it stopped
    #[command(after_help = examples::RUN)]
    Run(RunArgs),
    /// Go on with what is due from the ledger alone; the file may be gone
    #[command(after_help = examples::RESUME)]
    Resume(ResumeArgs),
    /// Make rows due again and send them
    #[command(after_help = examples::RETRY)]
    Retry(RetryArgs),
    /// Say what became of uncertain rows; send nothing
    #[command(after_help = examples::SETTLE)]
    Settle(SettleArgs),
    /// Where a run stands; without RUN the newest
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// All runs of the ledger, newest first
    #[command(after_help = examples::RUNS)]
    Runs,
    /// Results as CSV, XLSX or JSONL
    #[command(after_help = examples::EXPORT)]
    Export(ExportArgs),
    /// One self-contained HTML page with plots
    #[command(after_help = examples::REPORT)]
    Report(ReportArgs),
    /// List the tenant's contract types, or store their forms for `init`, `check`, `run` and `template`
    #[command(after_help = examples::CONTRACT_TYPES)]
    ContractTypes(ContractTypesArgs),
    /// Write an XLSX for people to fill in, made from a contract type's form
    #[command(after_help = examples::TEMPLATE)]
    Template(TemplateArgs),
    /// Check config, credentials, API and ledger; say what to do about each failure
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Serve a local stand-in for the Vlens API on loopback, for rehearsals and tests
    #[command(after_help = examples::SANDBOX)]
    Sandbox(SandboxArgs),
    /// Delete personal data and tokens of finished rows from the ledger
    #[command(after_help = examples::PURGE)]
    Purge(PurgeArgs),
    /// Print shell completions
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    #[command(after_help = examples::MAN)]
    Man,
}

/// Languages of pages and templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Arabic, right to left.
    Ar,
}
