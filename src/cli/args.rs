//! The arguments as typed, and what they are made of: rates, lengths of time, languages. What they mean together with environment and config is `settings`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::output::Output;
use crate::input::Options;
use crate::model::{ContractTypeId, RunId, Status};
use crate::report::{ExportFormat, Language};
use crate::send::Wishes;

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

#[derive(Debug, Clone, Default, Args, serde::Serialize)]
#[command(next_help_heading = "How to read FILE")]
#[serde(rename_all = "kebab-case")]
pub struct ReadArgs {
    #[command(flatten)]
    #[serde(flatten)]
    pub layout: Options,
    /// The contract type of every row (repeatable)
    #[arg(long, value_name = "ID")]
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
        #[arg(required = true, value_name = "ID")]
        ids: Vec<ContractTypeId>,
    },
}

#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The contract type, pulled before by `contract-types pull`
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OnInvalid {
    /// Send the valid ones
    #[default]
    Skip,
    /// Send nothing
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettledAs {
    /// The invitation exists
    Created,
    /// It does not; the row is due again
    NotCreated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    PerSecond(NonZeroU32),
    PerMinute(NonZeroU32),
    Unlimited,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let per = text.split_once('/');
        match per.map(|(number, unit)| (number.trim().parse(), unit.trim())) {
            None if text == "unlimited" => Ok(Rate::Unlimited),
            Some((Ok(number), "s")) => Ok(Rate::PerSecond(number)),
            Some((Ok(number), "min")) => Ok(Rate::PerMinute(number)),
            _ => Err("write N/s, N/min or unlimited, N being 1 or more"),
        }
    }
}

/// A length of time: `90s`, `30m`, `2h`, `90d`.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let day = jiff::SpanRelativeTo::days_are_24_hours();
    let span = text
        .parse()
        .and_then(|span: jiff::Span| span.to_duration(day));
    let duration = span.ok().and_then(|span| span.try_into().ok());
    duration.ok_or("write a length of time such as 90s, 30m, 2h or 90d")
}

/// How long ago something was: `90d`, `12w` or `2y`. Smaller units are refused, as `m` means minutes to some and months to
/// others, and what is deleted is gone.
pub fn age(text: &str) -> Result<Duration, &'static str> {
    let mut units = [("d", 1), ("w", 7), ("y", 365)].into_iter();
    let days = units.find_map(|(unit, days)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Some(u64::from(number) * days)
    });
    let days = days.ok_or("write days, weeks or years: 90d, 12w or 2y")?;
    Ok(Duration::from_secs(days * 86_400))
}

/// In what people are told outside the terminal.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LangArg {
    /// The language of workbooks and pages [default: that of the sheet's headers]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Language>,
}

impl LangArg {
    pub fn or_of(self, headers: &[String]) -> Language {
        self.lang.unwrap_or_else(|| Language::of(headers))
    }
}
