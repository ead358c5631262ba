//! CSV: finds out how a text file is written, and cuts it into the rows that a spreadsheet shows.

use std::io::{self, BufRead, Read};

use super::encoding::{Basis, Encoding, Text};
use super::file::{
    Facts, Input, MAX_COLUMNS, MAX_ROW_BYTES, Note, Opened, Options, cell_of_text, undecodable,
    unreadable,
};
use crate::error::Error;
use crate::model::{Cell, RESULT_COLUMNS, Row, RowNumber};

/// The delimiters that are looked for, in order of preference when nothing tells them apart.
const CANDIDATES: [(u8, &str); 4] = [
    (b',', "comma"),
    (b';', "semicolon"),
    (b'\t', "tab"),
    (b'|', "pipe"),
];
/// How much text the delimiter and the look of a row are found out from.
const SAMPLE_BYTES: u64 = 1 << 16;
/// Customers are told apart further left.
const MAX_KEY_COLUMN: usize = 64;
/// The sign by which DOS marks the end of a text file.
const CTRL_Z: u8 = 0x1a;

/// Opens a text file as CSV.
pub(super) fn open(input: &Input, options: &Options) -> Result<Opened, Error> {
    let name = input.name();
    // How the config says that the customers' sheet is written does not concern an export of ours.
    let is_export = is_export(input)?;
    let asked = (options.delimiter, options.encoding.as_deref());
    let (asked, told) = Some(asked).filter(|_| !is_export).unwrap_or_default();
    let encoding = Encoding::of(input, told)?;
    let mut sample = Vec::new();
    let mut head = encoding.text(input, 0)?.take(SAMPLE_BYTES);
    head.read_to_end(&mut sample)
        .map_err(|error| unreadable(&name, &error))?;
    let (found, skipped) = match sep_line(&sample) {
        Some((named, bytes)) => (Some((named, "as its sep= line says")), bytes),
        None => (counted(&sample).map(|most| (most, "detected")), 0),
    };
    let (delimiter, how) = match asked {
        Some(asked) => (usable(asked)?, "as asked for"),
        None => found.unwrap_or((b',', "none found: one column")),
    };
    let text = format!(
        "Read as CSV: {} ({}), delimiter {} ({how}).",
        encoding.charset.name(),
        encoding.basis.words(),
        word(delimiter)
    );
    let warning = matches!(encoding.basis, Basis::Guessed | Basis::Mostly);
    let look = Look::of(&sample[skipped..], delimiter);
    Ok(Opened {
        rows: Box::new(Records::new(&name, encoding.text(input, skipped)?, look)),
        notes: vec![Note { text, warning }],
        is_guess: encoding.basis == Basis::Guessed,
        sheet: None,
        facts: Facts::default(),
    })
}

/// Whether the file begins with the header of an export, which is UTF-8.
fn is_export(input: &Input) -> Result<bool, Error> {
    let mut head = Vec::new();
    let read = input.open()?.take(SAMPLE_BYTES).read_to_end(&mut head);
    read.map_err(|error| unreadable(&input.name(), &error))?;
    let line = head.split(|&byte| is_break(byte)).next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    Ok(RESULT_COLUMNS[..2].iter().all(|name| line.contains(name)))
}

fn usable(delimiter: char) -> Result<u8, Error> {
    let byte = u8::try_from(delimiter).ok().filter(|&byte| is_usable(byte));
    byte.ok_or_else(|| {
        Error::unusable(
            "delimiter_invalid",
            format!("{delimiter:?} cannot be a delimiter."),
        )
        .hint("Give one ASCII character, such as , ; | or a tab.")
    })
}

fn is_usable(delimiter: u8) -> bool {
    delimiter.is_ascii() && !matches!(delimiter, b'"' | b'\n' | b'\r' | 0)
}

fn word(delimiter: u8) -> String {
    let known = CANDIDATES.iter().find(|known| known.0 == delimiter);
    known.map_or_else(
        || format!("{:?}", char::from(delimiter)),
        |known| known.1.to_owned(),
    )
}

/// The delimiter that a `sep=` line at the head of a file names, and the line's length with its break. Excel reads such a
/// line and does not show it.
fn sep_line(head: &[u8]) -> Option<(u8, usize)> {
    let end = head.iter().position(|&byte| is_break(byte))?;
    // Programs that quote every cell quote this one as well.
    let quoted = head[..end]
        .strip_prefix(b"\"")
        .and_then(|line| line.strip_suffix(b"\""));
    let (word, delimiter) = quoted.unwrap_or(&head[..end]).split_at_checked(4)?;
    let &[delimiter] = delimiter else { return None };
    let line_break = if head[end..].starts_with(b"\r\n") {
        2
    } else {
        1
    };
    (word.eq_ignore_ascii_case(b"sep=") && is_usable(delimiter))
        .then_some((delimiter, end + line_break))
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The delimiter by which the most rows of the sample have the same number of cells, more than one.
fn counted(sample: &[u8]) -> Option<u8> {
    // Where the sample is cut, so is its last row.
    let is_cut = sample.len() as u64 == SAMPLE_BYTES;
    let last = sample.iter().rposition(|&byte| is_break(byte));
    let whole = &sample[..last.filter(|_| is_cut).unwrap_or(sample.len())];
    let score = |&(delimiter, _): &(u8, &str)| {
        let look = Look {
            delimiter,
            width: 0,
            key: None,
        };
        let mut records = Records::new("", Box::new(io::Cursor::new(whole.to_vec())), look);
        let widths = std::iter::from_fn(|| {
            matches!(records.advance(), Ok(true)).then(|| records.ends.len())
        });
        most_common(widths)
    };
    // Of several that are alike, the first.
    let best = CANDIDATES
        .iter()
        .rev()
        .max_by_key(|candidate| score(candidate));
    best.filter(|best| score(best).0 > 0).map(|best| best.0)
}

/// How many rows share the most common number of cells, and that number; one cell does not count.
fn most_common(widths: impl Iterator<Item = usize>) -> (usize, usize) {
    let mut rows_by_cells = std::collections::BTreeMap::<usize, usize>::new();
    for cells in widths.filter(|&cells| cells > 1) {
        *rows_by_cells.entry(cells).or_default() += 1;
    }
    let scores = rows_by_cells.into_iter().map(|(cells, rows)| (rows, cells));
    scores.max().unwrap_or_default()
}

/// What the lines of a file look like when each is a row.
#[derive(Debug, Clone, Copy)]
struct Look {
    delimiter: u8,
    /// How many cells a row has.
    width: usize,
    /// The first column that holds phones, ids or addresses of e-mail.
    key: Option<usize>,
}

impl Look {
    fn of(sample: &[u8], delimiter: u8) -> Look {
        let mut look = Look {
            delimiter,
            width: 0,
            key: None,
        };
        let lines = || sample.split(|&byte| is_break(byte));
        let (rows, width) = most_common(lines().map(|line| look.cells(line).count()));
        let keys = |column: usize| {
            let rows = lines().map(|line| look.cells(line).collect::<Vec<_>>());
            rows.filter(|cells| cells.len() == width && is_key(cells[column]))
                .count()
        };
        // Half of all but the header: lines within quotes may be among them.
        let half = rows.saturating_sub(1).div_ceil(2).max(1);
        let key = (0..width.min(MAX_KEY_COLUMN)).find(|&column| keys(column) >= half);
        (look.width, look.key) = (width, key);
        look
    }

    fn cells<'a>(&self, line: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let delimiter = self.delimiter;
        line.split(move |&byte| byte == delimiter)
    }

    /// Whether a line within the quoted cell of column `within` looks like a row: it splits into as many cells, or begins as
    /// the key column does.
    fn is_row(&self, line: &[u8], within: usize) -> bool {
        let count = self.cells(line).count();
        match self.key {
            Some(key) => {
                let is_row = count == self.width || (count > 1 && key == 0 && within > 0);
                is_row && self.cells(line).nth(key).is_some_and(is_key)
            }
            // An address in two parts looks like a name and a city.
            None => count == self.width && count > 2,
        }
    }
}

/// Whether a cell tells customers apart by its look. Fewer digits are a postal code, or a house and a flat.
fn is_key(cell: &[u8]) -> bool {
    let text = String::from_utf8_lossy(cell);
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    text.contains('@') || (digits >= 8 && !text.contains(char::is_alphabetic))
}

/// Cuts text into the records of CSV, one for each row that a spreadsheet shows. Quotes are understood as the csv crate does, which
/// neither counts rows nor tells an open quote.
struct Records {
    name: String,
    text: Text,
    look: Look,
    /// The texts of the record's cells, one behind the other, without quotes, and where each ends.
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// Its row, from 1.
    row: u32,
    /// The physical line on which the next record begins, from 1.
    line: usize,
    is_after_cr: bool,
    /// Cells with text beside their closing quote, so that it is open what the quotes mean.
    torn: Vec<usize>,
    /// Quoted cells that hold line breaks.
    long: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote within quotes: the end of the quoted part, or the first half of a doubled quote.
    QuoteInQuoted,
    /// Behind a quoted part, where spaces do no harm.
    AfterQuoted,
}

impl Records {
    fn new(name: &str, text: Text, look: Look) -> Self {
        Records {
            name: name.to_owned(),
            text,
            look,
            cells: Vec::new(),
            ends: Vec::new(),
            row: 0,
            line: 1,
            is_after_cr: false,
            torn: Vec::new(),
            long: Vec::new(),
        }
    }

    /// Goes on to the next record; false at the end.
    fn advance(&mut self) -> Result<bool, Error> {
        for places in [&mut self.ends, &mut self.torn, &mut self.long] {
            places.clear();
        }
        self.cells.clear();
        self.row = self.row.saturating_add(1);
        let mut state = State::CellStart;
        // Taken out, so that what is read from it can be taken in.
        let mut text = std::mem::replace(&mut self.text, Box::new(io::empty()));
        let ended = loop {
            let chunk = match text.fill_buf() {
                Ok([]) => break self.end_text(state),
                Ok(chunk) => chunk,
                Err(error) => break Err(unreadable(&self.name, &error)),
            };
            let (taken, is_whole) = self.take(chunk, &mut state);
            text.consume(taken);
            if is_whole {
                break self.end_record();
            }
            if self.cells.len() + size_of_val(&self.ends[..]) > MAX_ROW_BYTES {
                break Err(self.too_long(state));
            }
        };
        self.text = text;
        ended
    }

    /// Takes in text up to the end of the record; tells how many bytes those were, and whether the record is at its end.
    fn take(&mut self, chunk: &[u8], state: &mut State) -> (usize, bool) {
        // The second half of a line break that ended the record before.
        let mut at = usize::from(self.is_after_cr && chunk[0] == b'\n');
        self.is_after_cr = false;
        let delimiter = self.look.delimiter;
        while at < chunk.len() {
            // What cannot change the state is taken at once.
            let run = match state {
                State::Plain => run(&chunk[at..], |b| b != delimiter && !is_break(b)),
                State::Quoted => run(&chunk[at..], |b| b != b'"' && !is_break(b)),
                _ => 0,
            };
            self.cells.extend_from_slice(&chunk[at..at + run]);
            at += run;
            let Some(&byte) = chunk.get(at) else { break };
            at += 1;
            let cell = self.ends.len();
            let (next, is_text) = match (*state, byte) {
                (State::Quoted, b'"') => (State::QuoteInQuoted, false),
                (State::Quoted, _) => {
                    if self.long.last() != Some(&cell) {
                        self.long.push(cell);
                    }
                    (State::Quoted, true)
                }
                (State::QuoteInQuoted, b'"') => (State::Quoted, true),
                (_, b'\n' | b'\r') => {
                    self.is_after_cr = byte == b'\r';
                    return (at, true);
                }
                (_, byte) if byte == delimiter => {
                    self.ends.push(self.cells.len());
                    (State::CellStart, false)
                }
                (State::CellStart, b'"') => (State::Quoted, false),
                (State::QuoteInQuoted | State::AfterQuoted, b' ') => (State::AfterQuoted, true),
                (State::QuoteInQuoted | State::AfterQuoted, _) => {
                    self.torn.push(cell);
                    (State::Plain, true)
                }
                (State::CellStart | State::Plain, _) => (State::Plain, true),
            };
            self.cells.extend(is_text.then_some(byte));
            *state = next;
        }
        (at, false)
    }

    fn end_text(&mut self, state: State) -> Result<bool, Error> {
        if state == State::Quoted {
            return Err(self.unclosed(self.ends.len()));
        }
        while self.cells.last() == Some(&CTRL_Z) {
            self.cells.pop();
        }
        let is_nothing = self.cells.is_empty() && self.ends.is_empty();
        Ok(!is_nothing && self.end_record()?)
    }

    fn end_record(&mut self) -> Result<bool, Error> {
        self.ends.push(self.cells.len());
        let count = self.ends.len();
        if count > MAX_COLUMNS {
            let what = format!("has {count} cells, and a sheet {MAX_COLUMNS} columns at most");
            return Err(self.shapeless("too_many_columns", &what));
        }
        // Text right behind a quoted part that spans lines: that part began at a stray quote, and the quote that "closed" it
        // opens a cell some rows further down.
        if let Some(&cell) = self.long.iter().find(|cell| self.torn.contains(cell)) {
            return Err(self.unclosed(cell));
        }
        if let Some(&cell) = self.long.iter().find(|&&cell| self.swallows_rows(cell)) {
            let what = "and what it holds looks like further rows";
            return Err(self.stray_quote(cell, what));
        }
        self.line += 1;
        if !self.long.is_empty() {
            self.line += breaks(&self.cells);
        }
        Ok(true)
    }

    fn cell(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends.get(at).copied();
        &self.cells[start..end.unwrap_or(self.cells.len())]
    }

    /// Whether one of the lines within a quoted cell looks like a row.
    fn swallows_rows(&self, cell: usize) -> bool {
        let mut lines = self.cell(cell).split(|&byte| is_break(byte)).skip(1);
        lines.any(|line| self.look.is_row(line, cell))
    }

    fn too_long(&self, state: State) -> Error {
        match state {
            State::Quoted | State::QuoteInQuoted => self.unclosed(self.ends.len()),
            _ => self.shapeless("row_too_long", "is longer than 16 MiB"),
        }
    }

    fn shapeless(&self, code: &'static str, what: &str) -> Error {
        let Records { name, row, .. } = self;
        Error::unusable(code, format!("{name}, row {row}: the row {what}."))
            .hint("Check that the file is a CSV with one customer a line.")
    }

    fn unclosed(&self, cell: usize) -> Error {
        self.stray_quote(cell, "that is never closed")
    }

    fn stray_quote(&self, cell: usize, what: &str) -> Error {
        let before: usize = (0..cell).map(|at| self.cell(at).len()).sum();
        let line = self.line + breaks(&self.cells[..before]);
        let Records { name, row, .. } = self;
        let message = format!(
            "{name}, row {row} (line {line} of the file): a cell begins with a quotation mark {what}."
        );
        Error::unusable("unclosed_quote", message)
            .hint("Delete that \" or close the cell with another one; everything behind it would be taken for one cell.")
    }
}

impl Iterator for Records {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error)),
        }
        let cell = |at: usize| match std::str::from_utf8(self.cell(at)) {
            Ok(text) if !self.torn.contains(&at) => cell_of_text(text),
            _ => undecodable(&String::from_utf8_lossy(self.cell(at))),
        };
        let cells: Vec<Cell> = (0..self.ends.len()).map(cell).collect();
        Some(Ok(Row {
            number: RowNumber(self.row),
            cells,
        }))
    }
}

/// How many bytes from the first on are so.
fn run(bytes: &[u8], is_so: impl Fn(u8) -> bool) -> usize {
    let end = bytes.iter().position(|&byte| !is_so(byte));
    end.unwrap_or(bytes.len())
}

/// How many line breaks there are; CR and LF together are one.
fn breaks(bytes: &[u8]) -> usize {
    let ends =
        |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    (0..bytes.len()).filter(|&at| ends(at)).count()
}
