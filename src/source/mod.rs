//! Opens CSV, XLSX, XLSM, XLSB, XLS and ODS, told apart by their content, and yields rows with the numbers that a
//! spreadsheet shows. What a column means is not known here; neither is whether a value is a good one.

mod header;
mod input;
mod kind;
mod merged;
mod rows;
mod text;
mod workbook;

use std::collections::VecDeque;

use self::kind::Kind;
use self::merged::Merges;
use self::rows::{Opened, Rows};
use crate::domain::{Cell, Column, Complaint, Row, RowNumber, mask};

pub use self::input::{Input, fingerprint};

/// What to do with rows that are hidden or filtered away in the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// Leave them out.
    Skip,
    /// Treat them like every other row.
    Send,
}

/// How to read a sheet, where people know better than detection.
#[derive(Debug, Clone, Default)]
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
    pub fn open(input: &Input, options: &Options) -> Result<Source, Complaint> {
        let name = input.name();
        let opened = match kind::of(input)? {
            Kind::Text => text::open(input, options)?,
            Kind::Workbook(format) => workbook::open(input, format, options)?,
        };
        Source::find_header(&name, opened, options)
    }

    /// The columns, in order. One in the middle may have an empty name; those behind the last named one are left out.
    pub fn columns(&self) -> &[Column] {
        &self.columns
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
    pub fn read(&mut self, row: &mut Row) -> Result<bool, Complaint> {
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

    fn find_header(name: &str, opened: Opened, options: &Options) -> Result<Source, Complaint> {
        let Opened {
            mut rows,
            mut notes,
            is_guess,
            hidden,
            merges,
            is_right_to_left,
            sheet,
        } = opened;
        let place = match &sheet {
            Some(sheet) => format!("{name}, sheet \"{sheet}\""),
            None => name.to_owned(),
        };
        let mut waiting = first_rows(rows.as_mut(), options.header_row)?;
        let found = match options.header_row {
            Some(wanted) => waiting.iter().position(|row| row.number.0 == wanted),
            None => header::find(waiting.make_contiguous(), &options.known_names),
        };
        let header = found.and_then(|at| waiting.drain(..=at).next_back());
        let Some(header) = header else {
            return Err(no_header(&place, &waiting, options.header_row));
        };
        let columns = header::columns(&header);
        if columns.is_empty() {
            return Err(no_header(&place, &waiting, options.header_row));
        }
        if header.number.0 > 1 && options.header_row.is_none() {
            notes.push(Note::plain(format!(
                "The headers are in row {}.",
                header.number
            )));
        }
        if is_guess {
            notes.extend(samples(&header, &waiting));
        }
        let left_out = hidden_rows(&place, &hidden, header.number, options.hidden, &mut notes)?;
        Ok(Source {
            columns,
            header_row: header.number,
            notes,
            rows,
            waiting,
            left_out,
            hidden_rows: 0,
            merges: Merges::new(merges),
            is_right_to_left,
        })
    }

    fn next_row(&mut self, row: &mut Row) -> Result<bool, Complaint> {
        match self.waiting.pop_front() {
            Some(first) => {
                *row = first;
                Ok(true)
            }
            None => self.rows.next(row),
        }
    }
}

/// The rows in which the header is looked for: the first ones, or all up to the one asked for.
fn first_rows(rows: &mut dyn Rows, wanted: Option<u32>) -> Result<VecDeque<Row>, Complaint> {
    let mut first = VecDeque::new();
    let mut row = Row::new();
    while rows.next(&mut row)? {
        let number = row.number.0;
        match wanted {
            // Rows above the header asked for are of no use.
            Some(wanted) if number < wanted => continue,
            _ => first.push_back(std::mem::take(&mut row)),
        }
        if wanted.is_some() || first.len() >= header::SEARCHED_ROWS {
            break;
        }
    }
    Ok(first)
}

fn no_header(place: &str, waiting: &VecDeque<Row>, wanted: Option<u32>) -> Complaint {
    match (wanted, waiting.front()) {
        (Some(wanted), Some(next)) if next.number.0 != wanted => Complaint::new(
            "header_not_found",
            format!("{place}: row {wanted} is blank, so it holds no headers; the next filled row is {}.", next.number),
        )
        .hint("Give the row number that the spreadsheet shows beside the headers."),
        (Some(wanted), _) => Complaint::new(
            "header_not_found",
            format!("{place}: there are no headers in row {wanted}."),
        )
        .hint("Give the row number that the spreadsheet shows beside the headers."),
        (None, _) => Complaint::new("file_empty", format!("{place} is empty: there is not even a header."))
            .hint("The first row must name the columns, such as name, phone, email."),
    }
}

/// Up to three values by which a person can tell whether the encoding was guessed right: headers first, as they are no
/// personal data, then masked values.
fn samples(header: &Row, rows: &VecDeque<Row>) -> Option<Note> {
    let telling = |cell: &Cell| match cell {
        Cell::Text(text) | Cell::Undecodable(text) if !text.is_ascii() => {
            Some(text.trim().to_owned())
        }
        _ => None,
    };
    let headers = header.cells.iter().filter_map(telling);
    let values = rows.iter().flat_map(|row| &row.cells).filter_map(telling);
    let shown: Vec<String> = headers
        .chain(values.map(|value| mask(&value)))
        .take(3)
        .collect();
    (!shown.is_empty()).then(|| {
        Note::warning(format!(
            "Check that this is readable, or give --encoding: {}.",
            shown.join(" | ")
        ))
    })
}

/// Which hidden rows are to be left out; a complaint when nobody has said.
fn hidden_rows(
    place: &str,
    hidden: &[u32],
    header: RowNumber,
    wish: Option<Hidden>,
    notes: &mut Vec<Note>,
) -> Result<Vec<u32>, Complaint> {
    let hidden: Vec<u32> = hidden
        .iter()
        .copied()
        .filter(|&row| row > header.0)
        .collect();
    let Some(first) = hidden.first() else {
        return Ok(hidden);
    };
    let count = match hidden.len() {
        1 => format!("1 row is hidden or filtered away (row {first})"),
        many => format!("{many} rows are hidden or filtered away (the first is row {first})"),
    };
    match wish {
        Some(Hidden::Skip) => {
            notes.push(Note::plain(format!("{count}: left out.")));
            Ok(hidden)
        }
        Some(Hidden::Send) => {
            notes.push(Note::warning(format!("{count}: treated like the others.")));
            Ok(Vec::new())
        }
        None => Err(Complaint::new(
            "hidden_rows",
            format!("{place}: {count}, and it cannot be known whether they are meant to be sent."),
        )
        .hint(
            "Add --hidden skip to leave them out, or --hidden send to treat them like the others.",
        )),
    }
}

#[cfg(test)]
mod tests;
