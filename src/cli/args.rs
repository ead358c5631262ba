//! The arguments as typed. What they mean together with environment and config is [`super::settings`].

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::examples;
use super::values::{Rate, Span, delimiter};

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

/// How to read FILE.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How to read FILE")]
pub struct ReadArgs {
    /// The sheet of a workbook [default: the first visible one with data]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// The row that holds the headers, as the spreadsheet numbers it [default: found]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub header_row: Option<u32>,
    /// The delimiter of a CSV file; `tab` for a tabulator [default: detected]
    #[arg(long, value_name = "C", value_parser = delimiter)]
    pub delimiter: Option<char>,
    /// The encoding of a CSV file, such as windows-1256 [default: detected]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// What to do with rows that are hidden or filtered away in the sheet
    #[arg(long, value_name = "WHAT")]
    pub hidden: Option<HiddenRows>,
    /// The contract type of every row (repeatable)
    #[arg(long, value_name = "ID")]
    pub contract_type: Vec<i64>,
}

/// What to do with hidden rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HiddenRows {
    /// Leave them out.
    Skip,
    /// Treat them like the others.
    Send,
}

/// How to send.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How to send")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct SendArgs {
    /// N/s, N/min (repeatable) or `unlimited` [default: 10/s and 60/min]
    #[arg(long, value_name = "RATE")]
    pub rate: Vec<Rate>,
    /// Requests under way at a time [default: 8]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<NonZeroU32>,
    /// Send at most N rows in this run
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Stop after this long, such as 2h
    #[arg(long, value_name = "TIME")]
    pub max_duration: Option<Span>,
    /// Send to a built-in stand-in for Vlens, with a ledger of its own
    #[arg(long)]
    pub sandbox: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Send uncertain rows again, though a second invitation may come of it
    #[arg(long)]
    pub resend_uncertain: bool,
    /// Send rejected rows again although they are unchanged
    #[arg(long)]
    pub retry_rejected: bool,
    /// Invite again whose row changed after the invitation was created
    #[arg(long)]
    pub resend_changed: bool,
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

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The sheet: CSV, XLSX, XLSB, XLS, ODS; `-` is standard input (CSV)
    pub file: PathBuf,
    /// Take the proposal without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Replace a vlens-batch.toml that is already there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub read: ReadArgs,
}

/// `check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The sheet: CSV, XLSX, XLSB, XLS, ODS; `-` is standard input (CSV)
    pub file: PathBuf,
    /// Print the first N request bodies exactly as they would be sent
    #[arg(long, value_name = "N")]
    pub show: Option<u64>,
    /// Write the sheet back with every problem marked in its cell
    #[arg(long, value_name = "OUT.xlsx")]
    pub annotate: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub read: ReadArgs,
}

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The sheet: CSV, XLSX, XLSB, XLS, ODS; `-` is standard input (CSV)
    pub file: PathBuf,
    /// Do everything up to the first request; the ledger stays untouched
    #[arg(long)]
    pub dry_run: bool,
    /// What to do when some rows are invalid
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    pub on_invalid: OnInvalid,
    /// Stop before the first request unless exactly N rows would be sent
    #[arg(long, value_name = "N")]
    pub expect: Option<u64>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub read: ReadArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub send: SendArgs,
}

/// What to do when some rows are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInvalid {
    /// Send the valid ones.
    Skip,
    /// Send nothing.
    Stop,
}

/// `resume`
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run [default: the newest]
    pub run: Option<i64>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub send: SendArgs,
}

/// `retry`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub struct RetryArgs {
    /// The run [default: the newest]
    pub run: Option<i64>,
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
    #[expect(missing_docs, reason = "documented at the type")]
    pub send: SendArgs,
}

/// `settle`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct SettleArgs {
    /// The run [default: the newest]
    pub run: Option<i64>,
    /// This row, as the spreadsheet numbers it (repeatable)
    #[arg(long, value_name = "N", group = "which")]
    pub row: Vec<u32>,
    /// Every uncertain row
    #[arg(long, group = "which")]
    pub all: bool,
    /// What became of them
    #[arg(long = "as", value_name = "WHAT")]
    pub what: SettledAs,
}

/// What a person knows of an uncertain row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettledAs {
    /// The invitation exists.
    Created,
    /// It does not; the row is due again.
    NotCreated,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The run [default: the newest]
    pub run: Option<i64>,
    /// Show this row's whole history
    #[arg(long, value_name = "N")]
    pub row: Option<u32>,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The run [default: the newest]
    pub run: Option<i64>,
    /// The format [default: by OUTPUT's name, else csv]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ExportFormat>,
    /// Where to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Only rows with these statuses
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = super::values::status)]
    pub only: Vec<crate::domain::Status>,
    /// Leave tokens and links out
    #[arg(long)]
    pub without_tokens: bool,
}

/// Formats of `export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Comma-separated values, UTF-8.
    Csv,
    /// An Excel workbook.
    Xlsx,
    /// One JSON object a line.
    Jsonl,
}

/// Languages of pages and templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Arabic, right to left.
    Ar,
}

/// `report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run [default: the newest]
    pub run: Option<i64>,
    /// Where to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// The page's language
    #[arg(long, value_name = "LANG", default_value = "en")]
    pub lang: Lang,
}

/// `contract-types`
#[derive(Debug, Args)]
pub struct ContractTypesArgs {
    /// Without it, the tenant's contract types are listed.
    #[command(subcommand)]
    pub action: Option<ContractTypesAction>,
    /// Allow plain http to a host that is not this machine
    #[arg(long, global = true)]
    pub allow_insecure_http: bool,
}

/// What to do with contract types.
#[derive(Debug, Subcommand)]
pub enum ContractTypesAction {
    /// Store the forms of these contract types in contract-types/ID.json, beside the config
    #[command(after_help = examples::PULL)]
    Pull {
        /// The contract types
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
}

/// `template`
#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The contract type, pulled before by `contract-types pull`
    pub id: i64,
    /// Where to write the workbook
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// The labels' language [default: both]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Allow plain http to a host that is not this machine
    #[arg(long)]
    pub allow_insecure_http: bool,
}

/// `sandbox`
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// The port [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Milliseconds each way: N, or FROM..TO
    #[arg(long, value_name = "MS", default_value = "0")]
    pub latency: String,
    /// Requests allowed in any second; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub per_second: u32,
    /// Requests allowed in any minute; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub per_minute: u32,
    /// How long an admin token lives
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub token_life: Span,
    /// Write every request and what became of it to this file (JSONL)
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Answer at random with these faults: NAME=SHARE,…
    #[arg(long, value_name = "FAULTS")]
    pub fault: Option<String>,
    /// Seed of the faults and latencies
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `purge`
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Only what was finished longer ago than this, such as 90d
    #[arg(long, value_name = "TIME")]
    pub older_than: Span,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}
