//! Arguments of the commands that send, or that say what became of what was sent.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ReadArgs;
use crate::cli::values::{Rate, Span};

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
