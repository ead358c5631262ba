//! Results as CSV, XLSX or JSON lines, streamed row by row: the source's own columns first, then the result's.
//!
//! Which rows, and into which file with which mode, is for the caller to decide. A token that must not leave goes nowhere: with
//! `without_tokens` both the token's column and the link's stay empty.

mod delimited;
mod formula;
mod lines;
mod link;
mod workbook;

use std::borrow::Cow;
use std::io::{self, Write};

use crate::error::Error;
use crate::model::{RESULT_COLUMNS, ResultRow, Status};
use crate::report::vendor;

pub(in crate::report) use formula::looks_like_formula;
pub use link::LinkTemplate;

/// The form that results take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, UTF-8, a header line.
    Csv,
    /// An Excel workbook.
    Xlsx,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Format] = &[Format::Csv, Format::Xlsx, Format::Jsonl];

    /// The word, as `--format` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Jsonl => "jsonl",
        }
    }

    /// The format that a word names.
    pub fn parse(word: &str) -> Option<Format> {
        Format::ALL
            .iter()
            .copied()
            .find(|format| format.as_str() == word)
    }
}

/// What an export shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions<'a> {
    /// How a token becomes a link.
    pub link: Option<&'a LinkTemplate>,
    /// Leaves tokens and links out; their columns stay, empty.
    pub without_tokens: bool,
    /// Lays the sheet out from right to left (XLSX only).
    pub right_to_left: bool,
}

/// Takes result rows one by one, in order.
pub trait Sink {
    /// Writes one row.
    fn row(&mut self, row: &ResultRow) -> Result<(), Error>;

    /// Writes what belongs behind the last row. Without it the output is not complete.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Begins an export into `out`.
pub fn sink<'a, W: Write + Send + 'a>(
    format: Format,
    columns: &[String],
    options: ExportOptions<'a>,
    out: W,
) -> Result<Box<dyn Sink + Send + 'a>, Error> {
    Ok(match format {
        Format::Csv => Box::new(delimited::CsvSink::begin(columns, options, out)?),
        Format::Jsonl => Box::new(lines::JsonLinesSink::begin(columns, options, out)),
        Format::Xlsx => Box::new(workbook::XlsxSink::begin(columns, options, out)?),
    })
}

/// The token and the link that may leave for this row.
fn token_and_link<'r>(
    row: &'r ResultRow,
    options: &ExportOptions<'_>,
) -> Result<(Option<&'r str>, Option<String>), Error> {
    let token = row.token.as_ref().filter(|_| !options.without_tokens);
    let token = token.map(crate::model::Secret::expose);
    let link = match (token, options.link) {
        (Some(token), Some(template)) => Some(template.render(token, row.row)?),
        _ => None,
    };
    Ok((token, link))
}

/// What went wrong with a row, in words: the vendor's details are no JSON for people to read.
fn error_in_words(row: &ResultRow) -> Option<Cow<'_, str>> {
    let error = row.error.as_deref()?;
    Some(match row.status {
        Status::Rejected => Cow::Owned(vendor::in_words(error)),
        _ => Cow::Borrowed(error),
    })
}

/// A failed write, for a person.
fn not_written(error: &io::Error) -> Error {
    Error::unexpected(
        "export_not_written",
        format!("The results cannot be written: {error}."),
    )
    .hint("See whether the disk is full. The ledger keeps the results: export again.")
}

#[cfg(test)]
mod tests;
