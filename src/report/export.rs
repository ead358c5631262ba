//! Results as CSV, XLSX or JSON lines, streamed row by row: the source's own columns first, then the result's.
//!
//! Which rows, and into which file with which mode, is for the caller to decide. A token that must not leave goes nowhere: with
//! `without_tokens` both the token's column and the link's stay empty.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use rust_xlsxwriter::Workbook;
use serde_json::{Map, Value as Json, json};

use super::words::Language;
use super::workbook::{Book, Face, Fill, TOLD_WIDTH};
use crate::error::{Error, Result};
use crate::model::{
    Cell, LinkTemplate, RESULT_COLUMNS, RESULTS_SHEET, ResultRow, Secret, Status, compares,
    guarded, to_json,
};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, clap::ValueEnum,
)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
pub enum ExportFormat {
    /// Comma-separated values, UTF-8
    Csv,
    /// An Excel workbook
    Xlsx,
    /// One JSON object a line
    Jsonl,
}

/// Results below the columns of their source.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    pub columns: &'a [String],
    /// How a token becomes a link.
    pub link: Option<&'a LinkTemplate>,
    /// Leaves tokens and links out; their columns stay, empty.
    pub without_tokens: bool,
    /// What a workbook is in; CSV and JSON are for programs.
    pub language: Language,
    /// By which a workbook is known again.
    pub mark: &'a str,
}

/// Gives what takes them all rows, one by one and in order.
pub type RowFeed<'r> = dyn FnMut(&mut dyn FnMut(&ResultRow) -> Result<()>) -> Result<()> + 'r;

const BUFFER_BYTES: usize = 1 << 16;

impl Export<'_> {
    pub fn write(
        &self,
        format: ExportFormat,
        out: impl Write,
        rows: &mut RowFeed<'_>,
    ) -> Result<()> {
        match format {
            ExportFormat::Csv => self.csv(out, rows),
            ExportFormat::Jsonl => self.jsonl(out, rows),
            ExportFormat::Xlsx => self.xlsx(out, rows),
        }
    }

    fn cells<'r>(&'r self, row: &'r ResultRow) -> impl Iterator<Item = (&'r str, &'r Cell)> {
        let cells = row.cells.iter().chain(std::iter::repeat(&Cell::Empty));
        self.columns.iter().map(String::as_str).zip(cells)
    }

    fn csv(&self, out: impl Write, rows: &mut RowFeed<'_>) -> Result<()> {
        let mut builder = csv::WriterBuilder::new();
        let mut writer = builder.buffer_capacity(BUFFER_BYTES).from_writer(out);
        let columns = self.columns.iter().map(String::as_str);
        let names = columns.chain(RESULT_COLUMNS).map(guarded);
        let written = writer.write_record(names.map(Cow::into_owned));
        written.map_err(|error| Error::unwritten(&error))?;
        rows(&mut |row| {
            let results = self.results(row, Language::English).map(as_cell);
            let texts = self.cells(row).map(|(name, cell)| in_csv(row, name, cell));
            let mut texts = texts.chain(results.iter().map(Cell::as_shown));
            let written = texts
                .try_for_each(|text| writer.write_field(guarded(&text).as_bytes()))
                .and_then(|()| writer.write_record(None::<&[u8]>));
            written.map_err(|error| Error::unwritten(&io::Error::from(error)))
        })?;
        writer.flush().map_err(|error| Error::unwritten(&error))
    }

    /// The source's columns under `source`, in the sheet's order; the result's members beside it, without prefix.
    fn jsonl(&self, out: impl Write, rows: &mut RowFeed<'_>) -> Result<()> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let keys = keys(self.columns);
        let names = RESULT_COLUMNS.map(|name| name.replace("vlens_", ""));
        rows(&mut |row| {
            let cells = self.cells(row).map(|(_, cell)| cell.as_shown().into());
            let source: Map<String, Json> = keys.iter().cloned().zip(cells).collect();
            let mut line = Map::from_iter([("source".to_owned(), source.into())]);
            let results = self.results(row, Language::English);
            line.extend(names.iter().cloned().zip(results));
            let written = to_json(&mut out, &line).and_then(|()| out.write_all(b"\n"));
            written.map_err(|error| Error::unwritten(&error))
        })?;
        out.flush().map_err(|error| Error::unwritten(&error))
    }

    /// The team's own sheet with the result columns, statuses coloured, header frozen, filter on.
    fn xlsx(&self, out: impl Write, rows: &mut RowFeed<'_>) -> Result<()> {
        let (columns, language) = (self.columns, self.language);
        let right_to_left = Language::of(columns) == Language::Arabic;
        let mut book = Book::begin(Workbook::new(), RESULTS_SHEET, right_to_left, self.mark)?;
        let names = [columns, &RESULT_COLUMNS.map(str::to_owned)].concat();
        // Where a result column is wide enough for what stands in it rather than for its header.
        let width = |at: usize| match *RESULT_COLUMNS.get(at.checked_sub(columns.len())?)? {
            "vlens_token" => Some(24.0),
            "vlens_link" => Some(36.0),
            "vlens_error" => Some(f64::from(TOLD_WIDTH)),
            "vlens_sent_at" | "vlens_stage" | "vlens_stage_at" => Some(21.0),
            _ => None,
        };
        book.header(0, &names, width, |name| language.shown(name))?;
        let mut last = 0;
        rows(&mut |row| {
            last += 1;
            for (column, (_, cell)) in self.cells(row).enumerate() {
                book.write(last, column, cell, Face::Kept(None), Fill::None)?;
            }
            let status = row.status.into_str();
            let results = RESULT_COLUMNS.into_iter().zip(self.results(row, language));
            for (column, (name, result)) in (columns.len()..).zip(results) {
                let (face, fill) = match name {
                    "vlens_status" => {
                        let shown = language.shown(status).unwrap_or(status);
                        (Face::Shown(shown), fill(row))
                    }
                    "vlens_error" => (Face::Told(language), Fill::None),
                    _ => (Face::Kept(None), Fill::None),
                };
                book.write(last, column, &as_cell(result), face, fill)?;
            }
            Ok(())
        })?;
        book.finish(last, out)
    }

    /// What a result says, in the order of the columns: token and link only if they may leave, what went wrong in words.
    fn results(&self, row: &ResultRow, language: Language) -> [Json; RESULT_COLUMNS.len()] {
        let token = row.token.as_ref().filter(|_| !self.without_tokens);
        let token = token.map(Secret::expose);
        let stage = row.stage.as_ref();
        [
            json!(row.row),
            json!(row.status),
            json!(token),
            json!(token.and_then(|token| Some(self.link?.render(token, row.row)))),
            json!(row.error_code),
            json!(in_words(row, language)),
            json!(row.attempts),
            json!(row.sent_at),
            json!(stage.map(|stage| &stage.name)),
            json!(stage.and_then(|stage| stage.at)),
            json!(stage.map(|stage| stage.is_signed)),
        ]
    }
}

/// The text of a row's cell, which is refused where the cell was: a number or a date may be sound as a text.
fn in_csv<'c>(row: &ResultRow, name: &str, cell: &'c Cell) -> Cow<'c, str> {
    let shown = cell.as_shown();
    let is_text = matches!(shown, Cow::Borrowed(_));
    let mut problems = row.problems.iter().filter(|one| !compares(&one.code));
    if !is_text && problems.any(|one| one.column.as_deref() == Some(name)) {
        Cow::Owned(format!("#VALUE! {shown}"))
    } else {
        shown
    }
}

/// Green is done, red needs a person, yellow needs an answer or a look, grey needs nothing, blue is due.
fn fill(row: &ResultRow) -> Fill {
    match row.status {
        Status::Created if row.error.is_some() => Fill::Yellow,
        Status::Created => Fill::Green,
        Status::Invalid | Status::Rejected => Fill::Red,
        Status::Failed => Fill::Orange,
        Status::Uncertain => Fill::Yellow,
        Status::Duplicate => Fill::Grey,
        Status::Pending => Fill::Blue,
    }
}

fn as_cell(result: Json) -> Cell {
    match result {
        Json::Null => Cell::Empty,
        Json::String(text) => Cell::Text(text),
        Json::Number(number) => Cell::Number(number.as_f64().unwrap_or_default()),
        other => Cell::Text(other.to_string()),
    }
}

/// What a person should know of a row.
pub(super) fn in_words(row: &ResultRow, language: Language) -> Option<Cow<'_, str>> {
    let code = row.error_code.as_deref().unwrap_or(row.status.into_str());
    let error = row.error.as_deref();
    match row.status {
        Status::Created if error.is_none() && row.token.is_none() && !row.is_purged() => {
            Some(language.word("no_token").into())
        }
        Status::Rejected => error.map(Into::into),
        Status::Invalid if language != Language::English => {
            Some(language.tell_all(&row.problems).into())
        }
        Status::Uncertain if error.is_none() => Some(language.meaning(code)),
        _ => error.map(|error| language.tell(code, error)),
    }
}

/// Headers as the keys of an object, each once, since readers keep only the last of two equal keys: a second `Name` is
/// `Name (2)`, and a column without a header has its place, `(3)`, for a name.
fn keys(columns: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |(place, name): (usize, &String)| {
        let first = match name.as_str() {
            "" => format!("({})", place + 1),
            name => name.to_owned(),
        };
        let others = (2..).map(|nth| format!("{name} ({nth})"));
        let mut keys = std::iter::once(first).chain(others);
        keys.find(|key| taken.insert(key.clone()))
    };
    columns.iter().enumerate().filter_map(unique).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_keeps_a_key_of_its_own() {
        let columns = ["Name", "", "Name", "Name (2)", "Name"].map(str::to_owned);
        assert_eq!(
            keys(&columns),
            ["Name", "(2)", "Name (2)", "Name (2) (2)", "Name (3)"]
        );
    }
}
