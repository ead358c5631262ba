//! An open sheet: its columns, its rows one after another, and what is known beside them.

use std::cmp::Reverse;
use std::ops::Range;
use std::vec::IntoIter;

use crate::error::Error;
use crate::model::{Cell, Column, Hidden, Layout, Row, RowNumber};

/// The width of a sheet in Excel.
pub(super) const MAX_COLUMNS: usize = 16_384;
/// A row this long is not a row of customers, and holding it would break the promise of small memory.
pub(super) const MAX_ROW_BYTES: usize = 16 << 20;

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
    /// Unset, the presence of hidden rows is an error.
    pub hidden: Option<Hidden>,
    /// Header names that the mapping looks for, by which the header is found below title lines; empty when unknown.
    pub known_names: Vec<String>,
}

/// One sentence on how the input was read. Personal values in it are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub text: String,
    /// Whether a person should look at it.
    pub warning: bool,
}

/// An open sheet: its columns, and its rows one after another.
#[derive(Default)]
pub struct Source {
    /// In order. One in the middle may have an empty name; those behind the last named one are left out.
    pub columns: Vec<Column>,
    pub header_row: RowNumber,
    /// The name of the sheet, when the file has sheets.
    pub sheet: Option<String>,
    /// How the input was read, for people.
    pub notes: Vec<Note>,
    /// Whether the sheet runs from right to left, as far as the file says.
    pub right_to_left: bool,
    pub layout: Layout,
    /// How many blank rows were passed over so far.
    pub blank_rows: u64,
    /// In the order of the sheet; blank ones may be among them or be missing.
    rows: Option<Box<dyn Iterator<Item = Result<Row, Error>> + Send>>,
    /// The number of the last row that was read.
    last: u32,
    /// Rows behind the header that were read in search of it.
    pub(super) waiting: IntoIter<Row>,
    /// Reading it took a guess: people must be shown some values.
    pub(super) is_guess: bool,
    /// Numbers of rows with data that a person does not see, ascending. With the header found: of those to be left out.
    pub(super) hidden: Vec<u32>,
    /// With the rows: from the last to the first.
    pub(super) merges: Vec<Merge>,
    /// Those that the row at hand may be in.
    open_merges: Vec<Merge>,
}

/// A merged range: rows as a spreadsheet numbers them, columns from zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) rows: Range<u32>,
    pub(super) columns: Range<usize>,
}

impl Source {
    /// The same with its rows.
    pub(super) fn with(
        mut self,
        rows: impl Iterator<Item = Result<Row, Error>> + Send + 'static,
    ) -> Source {
        let from_the_last = |merge: &Merge| Reverse(merge.rows.start);
        self.merges.sort_unstable_by_key(from_the_last);
        self.rows = Some(Box::new(rows));
        self
    }

    /// The numbers of the rows that a header in this one takes: several where cells are merged downwards beside others that are merged
    /// across.
    pub(super) fn rows_of_header(&self, number: u32) -> Range<u32> {
        let is_tall =
            |merge: &&Merge| merge.columns.len() == 1 && matches!(merge.rows.len(), 2 | 3);
        let mut tall = self.merges.iter().filter(is_tall).map(|merge| &merge.rows);
        let of_groups = |rows: &&Range<u32>| {
            let is_wide = |merge: &Merge| merge.rows == (rows.start..rows.start + 1);
            rows.contains(&number) && self.merges.iter().any(is_wide)
        };
        tall.find(of_groups).cloned().unwrap_or(number..number + 1)
    }

    /// A row of headers below one of their groups, with both their names: a group's stands once, in the first of its cells.
    pub(super) fn under(&self, upper: &Row, mut lower: Row) -> Row {
        let width = upper.cells.len().max(lower.cells.len());
        lower.cells.resize(width, Cell::Empty);
        for (column, cell) in lower.cells.iter_mut().enumerate() {
            let is_here = |merge: &&Merge| {
                merge.rows.contains(&upper.number.0) && merge.columns.contains(&column)
            };
            let group = self.merges.iter().find(is_here);
            let group = upper.cell(group.map_or(column, |merge| merge.columns.start));
            let names = [group, cell].map(|cell| cell.shown().trim().to_owned());
            *cell = cell_of_text(names.join(" ").trim().to_owned());
        }
        lower
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        let (text, warning) = (text.into(), false);
        self.notes.push(Note { text, warning });
    }

    pub(super) fn warn(&mut self, text: impl Into<String>) {
        let (text, warning) = (text.into(), true);
        self.notes.push(Note { text, warning });
    }

    /// The next row with something in it. Counts the others, whether they come or are missing.
    pub(super) fn next_filled(&mut self) -> Result<Option<Row>, Error> {
        for row in self.rows.iter_mut().flatten() {
            let row = row?;
            let missing = row.number.0.saturating_sub(self.last.saturating_add(1));
            self.blank_rows += u64::from(missing);
            self.last = row.number.0;
            if !row.cells.iter().all(Cell::is_empty) {
                return Ok(Some(row));
            }
            self.blank_rows += 1;
        }
        Ok(None)
    }

    /// The next row that is neither blank nor left out; `None` at the end. What makes the file unusable may stand in its last row:
    /// whoever acts on rows acts on none before the end.
    pub fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            let next = match self.waiting.next() {
                None => self.next_filled()?,
                waiting => waiting,
            };
            let Some(mut row) = next else {
                return Ok(None);
            };
            if self.hidden.binary_search(&row.number.0).is_err() {
                self.cover(&mut row);
                return Ok(Some(row));
            }
        }
    }

    /// The value of a cell within a merged range stands in the range's first one, so its own is unknown. Rows come in ascending order.
    fn cover(&mut self, row: &mut Row) {
        let number = row.number.0;
        let begun = |merge: &mut Merge| merge.rows.start <= number;
        while let Some(merge) = self.merges.pop_if(begun) {
            self.open_merges.push(merge);
        }
        self.open_merges.retain(|merge| merge.rows.end > number);
        for Merge { rows, columns } in &self.open_merges {
            let beside = rows.start == number;
            let first = columns.start + usize::from(beside);
            let covered = first..columns.end.min(self.columns.len());
            if row.cells.len() < covered.end && !covered.is_empty() {
                row.cells.resize(covered.end, Cell::Empty);
            }
            for column in covered {
                row.cells[column] = Cell::Merged { beside };
            }
        }
    }
}

/// A cell that holds a text; one of white space alone holds nothing, and one with control characters no text.
pub(super) fn cell_of_text(text: impl AsRef<str> + Into<String>) -> Cell {
    let shown = text.as_ref();
    if shown.chars().all(char::is_whitespace) {
        Cell::Empty
    } else if shown.trim().contains(is_no_text) {
        undecodable(shown)
    } else {
        Cell::Text(text.into())
    }
}

/// A cell whose text cannot be told, shown as far as it can.
pub(super) fn undecodable(text: &str) -> Cell {
    Cell::Undecodable(text.replace(is_no_text, "\u{fffd}"))
}

/// Tabs and line breaks are white space; other control characters come out of damaged files, or programs that damage them.
fn is_no_text(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}
