//! The arguments as typed. What they mean together with environment and config is `settings`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::output::Output;
pub use super::values::{LangArg, OnInvalid, Rate, SettledAs};
use super::values::{age, contract_type, duration};
use crate::input::Options;
use crate::ledger::OnLoss;
use crate::model::{ContractTypeId, RunId, Status};
use crate::report::{ExportFormat, Language};
use crate::sandbox::SandboxOptions;
use crate::send::Wishes;

/// Create Vlens invitations for a whole sheet of customers: each once, whatever is killed and whenever.
#[derive(Debug, Parser)]
#[command(
    name = "vlens-batch",
    version,
    mut_subcommands(with_examples),
    after_help = include_str!("help/examples.txt"),
    after_long_help = concat!(
        include_str!("help/examples.txt"), "\n\n", include_str!("help/environment.txt"), "\n\n", include_str!("help/exit_codes.txt")
    )
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

/// Each command's examples stand under its name in one file; the commands of a command have the same.
fn with_examples(command: clap::Command) -> clap::Command {
    let heading = format!("== {}\n", command.get_name());
    let (_, examples) = EXAMPLES.split_once(&heading).unwrap_or_default();
    let examples = examples.split("\n\n== ").next().unwrap_or_default();
    command
        .after_help(examples)
        .mut_subcommands(|command| command.after_help(examples))
}

const EXAMPLES: &str = include_str!("help/commands.txt");

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The config, or `none` to go without one [default: NAME.vlens-batch.toml of FILE, vlens-batch.toml in its folder, else in the
    /// working folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The ledger [default: `VLENS_LEDGER`, else the tenant's own in your data folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at FILE's headers and rows and write a vlens-batch.toml that maps them
    Init(InitArgs),
    /// Read, map and validate every row; send nothing
    Check(CheckArgs),
    /// The main job: validate, record and send what is due; run again, it goes on where it stopped
    Run(RunArgs),
    /// Go on with what is due from the ledger alone; the file may be gone
    Resume(ResumeArgs),
    /// Make rows due again and send them
    Retry(RetryArgs),
    /// Say what became of uncertain rows; send nothing
    Settle(SettleArgs),
    /// Where a run stands; without RUN the newest
    Status(StatusArgs),
    /// All runs of the ledger, newest first
    Runs,
    /// Results as CSV, XLSX or JSONL
    Export(ExportArgs),
    /// One self-contained HTML page with plots
    Report(ReportArgs),
    /// Take in how far each customer's contract is, as FILE says: from the vendor's portal, a webhook log, or a system of your own
    Follow(FollowArgs),
    /// Check and send every complete sheet in a folder once, and put its results beside it
    Inbox(InboxArgs),
    /// List the tenant's contract types, or store their forms for `init`, `check`, `run` and `template`
    ContractTypes(ContractTypesArgs),
    /// Write an XLSX for people to fill in, made from a contract type's form
    Template(TemplateArgs),
    /// Ask at a terminal for what it takes to be let in, try it, and keep it for this user
    Account(AccountArgs),
    /// The memory and the rate that several computers share, in PostgreSQL
    Register(RegisterArgs),
    /// Check config, credentials, API and ledger; say what to do about each failure
    Doctor {
        /// Allow plain http to a host that is not this machine
        #[arg(long)]
        allow_insecure_http: bool,
    },
    /// Serve a local stand-in for the Vlens API on loopback, for rehearsals and tests
    Sandbox(SandboxOptions),
    /// Copy the whole ledger, while it is in use
    Backup {
        /// Where to write the copy; an older backup of the same ledger is replaced
        file: PathBuf,
    },
    /// Delete personal data and tokens of finished rows from the ledger
    Purge(PurgeArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

#[derive(Debug, Clone, Default, Args, serde::Serialize)]
#[command(next_help_heading = "How to read FILE")]
#[serde(rename_all = "kebab-case")]
pub struct ReadArgs {
    #[command(flatten)]
    #[serde(flatten)]
    pub layout: Options,
    /// The contract type of every row (repeatable)
    #[arg(long, value_name = "ID", value_parser = contract_type())]
    pub contract_type: Vec<ContractTypeId>,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The sheet: CSV, TSV, XLSX or XLSM; `-` is standard input (CSV)
    pub file: PathBuf,
    /// Take the proposal without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Replace the config of FILE that is already there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Debug, Default, Args)]
pub struct CheckArgs {
    /// The sheet: CSV, TSV, XLSX or XLSM; `-` is standard input (CSV)
    pub file: PathBuf,
    /// Print the first N request bodies exactly as they would be sent
    #[arg(long, value_name = "N")]
    pub show: Option<u64>,
    /// Write the sheet back with every problem marked in its cell
    #[arg(long, value_name = "OUT.xlsx")]
    pub annotate: Option<PathBuf>,
    #[command(flatten)]
    pub lang: LangArg,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How to send")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct SendArgs {
    /// N/s, N/min (repeatable; what is not given keeps its setting) or `unlimited` [default: 10/s and 60/min]
    #[arg(long, value_name = "RATE")]
    pub rate: Vec<Rate>,
    /// Requests under way at a time [default: 8]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<NonZeroU32>,
    /// Send at most N rows in this run
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Stop after this long, such as 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub max_duration: Option<Duration>,
    /// Send to a built-in stand-in for Vlens, with a ledger of its own
    #[arg(long)]
    pub sandbox: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub wishes: Wishes,
    /// Stop after so many failed or uncertain rows in a row [default: 20]
    #[arg(long, value_name = "N")]
    pub max_consecutive_failures: Option<NonZeroU32>,
    /// Wait for the ledger while another process is running on it
    #[arg(long)]
    pub wait: bool,
    /// Allow plain http to a host that is not this machine
    #[arg(long)]
    pub allow_insecure_http: bool,
    /// Keep Prometheus metrics in this file
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
pub struct RunArgs {
    /// The sheet: CSV, TSV, XLSX or XLSM; `-` is standard input (CSV)
    pub file: PathBuf,
    /// Do everything up to the first request; the ledger stays untouched
    #[arg(long)]
    pub dry_run: bool,
    /// What to do when some rows are invalid
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    pub on_invalid: OnInvalid,
    /// Stop before the first request unless the file asks for exactly N invitations, created before or not
    #[arg(long, value_name = "N")]
    pub expect: Option<u64>,
    /// Begin a new ledger where the old one is lost; everybody counts as never invited
    #[arg(long, conflicts_with = "assume_sent")]
    pub new_ledger: bool,
    /// Go on with a ledger that lost its memory, and hold all who may have been invited; N as it was told. 0: no file of the lost time is
    /// left
    #[arg(long, value_name = "N")]
    pub assume_sent: Option<i64>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub send: SendArgs,
}

impl RunArgs {
    pub fn on_loss(&self) -> OnLoss {
        match self.assume_sent {
            Some(number) => OnLoss::AssumeSent(number),
            None if self.new_ledger => OnLoss::NewLedger,
            None => OnLoss::Refuse,
        }
    }
}

#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run [default: the newest]
    pub run: Option<RunId>,
    #[command(flatten)]
    pub send: SendArgs,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub struct RetryArgs {
    /// The run [default: the newest]
    pub run: Option<RunId>,
    /// Rows that Vlens rejected
    #[arg(long, group = "which")]
    pub rejected: bool,
    /// Rows that failed
    #[arg(long, group = "which")]
    pub failed: bool,
    /// Rows of which nobody knows, though a second invitation may come of it
    #[arg(long, group = "which")]
    pub uncertain: bool,
    /// This row, as the spreadsheet numbers it (repeatable)
    #[arg(long, value_name = "N", group = "which")]
    pub row: Vec<u32>,
    #[command(flatten)]
    pub send: SendArgs,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct SettleArgs {
    /// The run [default: the newest]
    pub run: Option<RunId>,
    /// This row, as the spreadsheet numbers it (repeatable)
    #[arg(long, value_name = "N", group = "which")]
    pub row: Vec<u32>,
    /// Every uncertain row
    #[arg(long, group = "which")]
    pub all: bool,
    /// What became of them
    #[arg(long = "as", value_name = "WHAT")]
    pub what: SettledAs,
    /// Wait for the ledger while another process is running on it
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The run [default: the newest]
    pub run: Option<RunId>,
    /// Show this row's whole history
    #[arg(long, value_name = "N")]
    pub row: Option<u32>,
}

#[derive(Debug, Default, Args)]
pub struct ExportArgs {
    /// The run [default: the newest]
    pub run: Option<RunId>,
    /// The format [default: by OUTPUT's name, else csv]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ExportFormat>,
    /// Where to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Only rows with these statuses
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub only: Vec<Status>,
    /// Only created rows whose customer has not signed, as far as `follow` knows: the reminder list; without RUN, of every sheet
    #[arg(long, conflicts_with = "only")]
    pub not_signed: bool,
    /// Leave tokens and links out
    #[arg(long)]
    pub without_tokens: bool,
    #[command(flatten)]
    pub lang: LangArg,
}

#[derive(Debug, Args)]
pub struct InboxArgs {
    /// The folder
    pub dir: PathBuf,
    /// A file is complete when its size and time have not changed for so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub settled: Duration,
    #[command(flatten)]
    pub lang: LangArg,
    /// N/s, N/min (repeatable; what is not given keeps its setting) or `unlimited` [default: 10/s and 60/min]
    #[arg(long, value_name = "RATE")]
    pub rate: Vec<Rate>,
    /// Send to a built-in stand-in for Vlens, with a ledger of its own
    #[arg(long)]
    pub sandbox: bool,
    /// Keep Prometheus metrics in this file
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct FollowArgs {
    /// CSV, TSV, XLSX, XLSM, or JSON Lines, whose nested members are named as in `a.b`; `-` is standard input
    pub file: PathBuf,
    /// The column that names the customer [default: the first that holds phones, e-mails or national ids]
    #[arg(long = "match", value_name = "COLUMN")]
    pub match_column: Option<String>,
    /// The column that says how far the contract is [default: by its name, such as Status]
    #[arg(long, value_name = "COLUMN")]
    pub stage: Option<String>,
    /// The column that says since when [default: by its name, such as Updated]
    #[arg(long, value_name = "COLUMN")]
    pub at: Option<String>,
    #[command(flatten)]
    pub layout: Options,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run [default: the newest]
    pub run: Option<RunId>,
    /// Where to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    #[command(flatten)]
    pub lang: LangArg,
}

#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Only what was finished longer ago than this: days, weeks or years, such as 90d, 12w or 2y
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older_than: Duration,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Wait for the ledger while another process is running on it
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct ContractTypesArgs {
    /// Without it, the tenant's contract types are listed.
    #[command(subcommand)]
    pub action: Option<ContractTypesAction>,
    /// Allow plain http to a host that is not this machine
    #[arg(long, global = true)]
    pub allow_insecure_http: bool,
    /// Wait for the ledger while another process is running on it
    #[arg(long, global = true)]
    pub wait: bool,
}

#[derive(Debug, Subcommand)]
pub enum ContractTypesAction {
    /// Store the forms of these contract types in contract-types/ID.json, beside the config or else here
    Pull {
        /// The contract types
        #[arg(required = true, value_name = "ID", value_parser = contract_type())]
        ids: Vec<ContractTypeId>,
    },
}

#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The contract type, pulled before by `contract-types pull`
    #[arg(value_parser = contract_type())]
    pub id: ContractTypeId,
    /// Where to write the workbook
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// The labels' language [default: both]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Language>,
}

#[derive(Debug, Args)]
pub struct AccountArgs {
    /// Say where the account is kept; no values
    #[arg(long, conflicts_with = "forget")]
    pub show: bool,
    /// Delete what is kept
    #[arg(long)]
    pub forget: bool,
    /// Allow plain http to a host that is not this machine
    #[arg(long)]
    pub allow_insecure_http: bool,
}

#[derive(Debug, Args)]
pub struct RegisterArgs {
    #[command(subcommand)]
    pub action: RegisterAction,
    /// Allow plain http to a host that is not this machine
    #[arg(long, global = true)]
    pub allow_insecure_http: bool,
}

#[derive(Debug, Subcommand)]
pub enum RegisterAction {
    /// Make the schema, and enter the tenant with the limits that the config names
    Init {
        /// Make the team's key, in this file
        #[arg(long, value_name = "FILE")]
        new_key: Option<PathBuf>,
    },
    /// Who sends, and how many customers are claimed, uncertain, on their way
    Status,
    /// After a restore of the database: give it back what this ledger knows
    Rebuild {
        /// No other ledger will come: sending goes on with what is there
        #[arg(long)]
        without_the_others: bool,
    },
}
