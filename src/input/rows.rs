//! What every kind of file becomes on the inside: a stream of rows, and what is known about the sheet around them.

use super::Note;
use crate::error::Error;
use crate::model::{Cell, Row};

/// Rows in the order of the sheet, without the blank ones.
pub(super) trait Rows: Send {
    /// Fills `row` with the next row; false at the end.
    fn next(&mut self, row: &mut Row) -> Result<bool, Error>;

    /// How many blank rows were passed over so far.
    fn blank_rows(&self) -> u64;
}

/// A file that has been opened and understood, before its header is looked for.
pub(super) struct Opened {
    pub(super) rows: Box<dyn Rows>,
    /// How it was read.
    pub(super) notes: Vec<Note>,
    /// Reading it took a guess: people must be shown some values.
    pub(super) is_guess: bool,
    /// Numbers of rows with data that a person does not see, ascending.
    pub(super) hidden: Vec<u32>,
    pub(super) merges: Vec<Merge>,
    pub(super) is_right_to_left: bool,
    /// The sheet's name, when the file has sheets.
    pub(super) sheet: Option<String>,
}

impl Opened {
    /// Rows about which nothing more is known.
    pub(super) fn new(rows: Box<dyn Rows>) -> Self {
        Opened {
            rows,
            notes: Vec::new(),
            is_guess: false,
            hidden: Vec::new(),
            merges: Vec::new(),
            is_right_to_left: false,
            sheet: None,
        }
    }
}

/// A merged range: rows as a spreadsheet numbers them, columns from zero, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Merge {
    pub(super) first_row: u32,
    pub(super) last_row: u32,
    pub(super) first_column: u32,
    pub(super) last_column: u32,
}

/// Longer texts are rare, and their room is not kept for the rows to come.
const MAX_KEPT_BYTES: usize = 1 << 10;

/// Puts a text that is not blank into a cell, in the buffer that the cell has already.
pub(super) fn write_text(cell: &mut Cell, text: &str) {
    match cell {
        Cell::Text(buffer) if buffer.capacity() <= MAX_KEPT_BYTES => {
            buffer.clear();
            buffer.push_str(text);
        }
        _ => *cell = Cell::Text(text.to_owned()),
    }
}
