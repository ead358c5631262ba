//! Results as CSV.

use std::fmt::{Display, Write as _};
use std::io::Write;

use crate::error::Error;
use crate::model::ResultRow;

use super::formula::harmless;
use super::{ExportOptions, RESULT_COLUMNS, Sink, error_in_words, not_written, token_and_link};

pub(super) struct CsvSink<'a, W: Write> {
    writer: csv::Writer<W>,
    options: ExportOptions<'a>,
    columns: usize,
    /// For numbers and times, so that a row needs no text of its own for each.
    shown: String,
}

impl<'a, W: Write> CsvSink<'a, W> {
    pub(super) fn begin(
        columns: &[String],
        options: ExportOptions<'a>,
        out: W,
    ) -> Result<Self, Error> {
        let mut sink = CsvSink {
            writer: csv::WriterBuilder::new()
                .buffer_capacity(1 << 16)
                .from_writer(out),
            options,
            columns: columns.len(),
            shown: String::new(),
        };
        for name in columns {
            sink.cell(name)?;
        }
        for name in RESULT_COLUMNS {
            sink.cell(name)?;
        }
        sink.end_row()?;
        Ok(sink)
    }

    fn cell(&mut self, text: &str) -> Result<(), Error> {
        self.writer
            .write_field(harmless(text).as_bytes())
            .map_err(complaint)
    }

    /// A number or a time, which no spreadsheet takes for a formula.
    fn plain(&mut self, value: impl Display) -> Result<(), Error> {
        self.shown.clear();
        // Writing into a string cannot fail.
        let _ = write!(self.shown, "{value}");
        self.writer
            .write_field(self.shown.as_bytes())
            .map_err(complaint)
    }

    fn end_row(&mut self) -> Result<(), Error> {
        self.writer.write_record(None::<&[u8]>).map_err(complaint)
    }
}

impl<W: Write> Sink for CsvSink<'_, W> {
    fn row(&mut self, row: &ResultRow) -> Result<(), Error> {
        let (token, link) = token_and_link(row, &self.options)?;
        for column in 0..self.columns {
            self.cell(row.cells.get(column).map_or("", String::as_str))?;
        }
        self.plain(row.row)?;
        self.cell(row.status.into_str())?;
        self.cell(token.unwrap_or_default())?;
        self.cell(link.as_deref().unwrap_or_default())?;
        self.cell(row.error_code.as_deref().unwrap_or_default())?;
        self.cell(&error_in_words(row).unwrap_or_default())?;
        self.plain(row.attempts)?;
        match row.sent_at {
            Some(at) => self.plain(at)?,
            None => self.cell("")?,
        }
        self.end_row()
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.writer.flush().map_err(|error| not_written(&error))
    }
}

fn complaint(error: csv::Error) -> Error {
    not_written(&error.into())
}
