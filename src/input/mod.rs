//! Opens CSV, XLSX, XLSM, XLSB, XLS and ODS, told apart by their content, and yields rows with the numbers that a
//! spreadsheet shows. What a column means is not known here; neither is whether a value is a good one.

mod header;
mod input;
mod kind;
mod merged;
mod opening;
mod rows;
mod text;
mod workbook;

use std::collections::VecDeque;

use self::kind::Kind;
use self::merged::Merges;
use self::rows::{Opened, Rows};
use crate::error::Error;
use crate::model::{Column, Row, RowNumber};

pub use self::input::{Fingerprint, Input};

/// The name of the threads that parse workbooks. A foreign parser that panics on a damaged file ends such a thread only, and
/// becomes a complaint; whoever owns the panic hook may keep quiet about it.
pub const READER_THREAD: &str = "sheet-reader";

/// What to do with rows that are hidden or filtered away in the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Hidden {
    /// Leave them out.
    Skip,
    /// Treat them like every other row.
    Send,
}

/// Everything beside the bytes that decides which rows and cells come out: what a sheet is opened with is what its identity
/// is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Options {
    /// The sheet of a workbook; default: the first visible one with data.
    pub sheet: Option<String>,
    /// The row with the headers, as a spreadsheet numbers it.
    pub header_row: Option<u32>,
    /// What parts the cells of a CSV file.
    pub delimiter: Option<char>,
    /// The encoding of a CSV file, such as `windows-1256`.
    pub encoding: Option<String>,
    /// What to do with hidden rows; unset, their presence is a complaint.
    pub hidden: Option<Hidden>,
    /// Header names that the mapping looks for, by which the header is found below title lines; empty when unknown.
    pub known_names: Vec<String>,
}

/// One sentence on how the input was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The sentence. Personal values in it are masked.
    pub text: String,
    /// Whether a person should look at it.
    pub warning: bool,
}

impl Note {
    fn plain(text: impl Into<String>) -> Self {
        Note {
            text: text.into(),
            warning: false,
        }
    }

    fn warning(text: impl Into<String>) -> Self {
        Note {
            text: text.into(),
            warning: true,
        }
    }
}

/// An open sheet: its columns, and its rows one after another.
pub struct Source {
    columns: Vec<Column>,
    sheet: Option<String>,
    header_row: RowNumber,
    notes: Vec<Note>,
    rows: Box<dyn Rows>,
    /// Rows behind the header that were read in search of it.
    waiting: VecDeque<Row>,
    /// Hidden rows that are to be left out.
    left_out: Vec<u32>,
    hidden_rows: u64,
    merges: Merges,
    is_right_to_left: bool,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("columns", &self.columns)
            .field("header_row", &self.header_row)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// Opens the input, finds out how it is written and where its header is. Complains about whatever would make rows
    /// wrong: nothing is guessed that could change a value unseen.
    pub fn open(input: &Input, options: &Options) -> Result<Source, Error> {
        let name = input.name();
        let opened = match kind::of(input)? {
            Kind::Text => text::open(input, options)?,
            Kind::Workbook(format) => workbook::open(input, format, options)?,
        };
        opening::with_header(&name, opened, options)
    }

    /// The columns, in order. One in the middle may have an empty name; those behind the last named one are left out.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The name of the sheet that is read, when the file has sheets.
    pub fn sheet_name(&self) -> Option<&str> {
        self.sheet.as_deref()
    }

    /// The row that holds the headers.
    pub fn header_row(&self) -> RowNumber {
        self.header_row
    }

    /// How the input was read, for people.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Fills `row` with the next row that is not blank, in the buffers that it has; false at the end.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        while self.next_row(row)? {
            if self.left_out.binary_search(&row.number.0).is_ok() {
                self.hidden_rows += 1;
                continue;
            }
            self.merges.cover(row, self.columns.len());
            return Ok(true);
        }
        Ok(false)
    }

    /// How many blank rows were passed over so far.
    pub fn blank_rows(&self) -> u64 {
        self.rows.blank_rows()
    }

    /// How many hidden rows were passed over so far.
    pub fn hidden_rows(&self) -> u64 {
        self.hidden_rows
    }

    /// Whether the sheet runs from right to left, as far as the file says.
    pub fn right_to_left(&self) -> bool {
        self.is_right_to_left
    }

    fn next_row(&mut self, row: &mut Row) -> Result<bool, Error> {
        match self.waiting.pop_front() {
            Some(first) => {
                *row = first;
                Ok(true)
            }
            None => self.rows.next(row),
        }
    }
}

#[cfg(test)]
mod tests;
