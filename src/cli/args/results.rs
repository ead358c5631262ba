//! Arguments of the commands that show what the ledger holds, or forget it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Lang;
use crate::cli::values::{self, Age};
use crate::model::Status;

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
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = values::status)]
    pub only: Vec<Status>,
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

/// `purge`
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Only what was finished longer ago than this: days, weeks or years, such as 90d, 12w or 2y
    #[arg(long, value_name = "AGE")]
    pub older_than: Age,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}
