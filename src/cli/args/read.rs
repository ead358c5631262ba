//! Arguments of the commands that read a sheet and send nothing, and how `run` reads one.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::values::delimiter;

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
