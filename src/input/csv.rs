//! CSV: finds out how a text file is written and yields its rows.
//!
//! A file is passed over three times, always in chunks: for its encoding, for what would make its later rows wrong (a quote
//! left open must be known before the first row is used), and for its rows.

use std::io::{self, BufRead, Read};

use super::encoding::{self, Basis, Survey, Text};
use super::file::{
    Facts, Input, MAX_COLUMNS, MAX_ROW_BYTES, Note, Opened, Options, cell_of_text, undecodable,
    unreadable,
};
use crate::error::Error;
use crate::model::{Row, RowNumber};

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
    let failed = |error: io::Error| unreadable(&name, &error);
    let survey = Survey::of(input.open()?).map_err(failed)?;
    let encoding = encoding::decide(&name, options.encoding.as_deref(), &survey)?;
    let mut sample = Vec::new();
    let mut head = encoding.text(input, 0)?.take(SAMPLE_BYTES);
    head.read_to_end(&mut sample).map_err(failed)?;
    let (found, skipped) = match sep_line(&sample) {
        Some((named, bytes)) => (Some((named, "as its sep= line says")), bytes),
        None => (counted(&sample).map(|most| (most, "detected")), 0),
    };
    let (delimiter, how) = match options.delimiter {
        Some(asked) => (usable(asked)?, "as asked for"),
        None => found.unwrap_or((b',', "none found: one column")),
    };
    let look = Look::of(&sample[skipped..], delimiter);
    let records = || {
        let text = encoding.text(input, skipped);
        text.map(|text| Records::new(&name, text, look))
    };
    let mut survey = records()?;
    while survey.advance()? {}
    let text = format!(
        "Read as CSV: {} ({}), delimiter {} ({how}).",
        encoding.charset.name(),
        encoding.basis.words(),
        word(delimiter)
    );
    let warning = matches!(encoding.basis, Basis::Guessed | Basis::Mostly);
    Ok(Opened {
        rows: Box::new(CsvRows {
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            records: records()?,
            text: Vec::new(),
            ends: Vec::new(),
        }),
        notes: vec![Note { text, warning }],
        is_guess: encoding.basis == Basis::Guessed,
        sheet: None,
        facts: Facts::default(),
    })
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
        let widths =
            std::iter::from_fn(|| matches!(records.advance(), Ok(true)).then_some(records.cells));
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

/// Cuts text into the records of CSV, one for each row that a spreadsheet shows, without splitting cells.
struct Records {
    name: String,
    text: Text,
    look: Look,
    /// The record at hand, without its line break.
    record: Vec<u8>,
    /// Its row, from 1.
    row: u32,
    /// The physical line on which the next record begins, from 1.
    line: usize,
    is_after_cr: bool,
    /// How many cells the record has.
    cells: usize,
    /// Cells with text beside their closing quote, so that it is open what the quotes mean.
    torn: Vec<usize>,
    /// Where the last quote was opened.
    quote: Quote,
    /// The quotes of cells that hold line breaks.
    long: Vec<Quote>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Quote {
    cell: usize,
    /// Its place in the record.
    at: usize,
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
            record: Vec::new(),
            row: 0,
            line: 1,
            is_after_cr: false,
            cells: 0,
            torn: Vec::new(),
            quote: Quote::default(),
            long: Vec::new(),
        }
    }

    /// Goes on to the next record; false at the end. Quotes are understood as the csv crate does.
    fn advance(&mut self) -> Result<bool, Error> {
        self.begin();
        let mut state = State::CellStart;
        loop {
            let read = self.text.fill_buf();
            let chunk = read.map_err(|error| unreadable(&self.name, &error))?;
            if chunk.is_empty() {
                return self.end_text(state);
            }
            // The second half of a line break that ended the record before.
            let start = usize::from(self.is_after_cr && chunk[0] == b'\n');
            let mut end = None;
            let mut next = start;
            while let Some(at) = telling(self.look.delimiter, state, chunk, next) {
                let byte = chunk[at];
                next = at + 1;
                state = match (state, byte) {
                    (State::Quoted, b'"') => State::QuoteInQuoted,
                    (State::Quoted, b'\n' | b'\r') => {
                        if self.long.last() != Some(&self.quote) {
                            self.long.push(self.quote);
                        }
                        State::Quoted
                    }
                    (State::QuoteInQuoted, b'"') | (State::Quoted, _) => State::Quoted,
                    (_, b'\n' | b'\r') => {
                        end = Some(at);
                        break;
                    }
                    (_, byte) if byte == self.look.delimiter => {
                        self.cells += 1;
                        State::CellStart
                    }
                    (State::CellStart, b'"') => {
                        let at = self.record.len() + at - start;
                        let cell = self.cells - 1;
                        self.quote = Quote { cell, at };
                        State::Quoted
                    }
                    (State::QuoteInQuoted | State::AfterQuoted, b' ') => State::AfterQuoted,
                    (State::QuoteInQuoted | State::AfterQuoted, _) => {
                        self.torn.push(self.cells - 1);
                        State::Plain
                    }
                    _ => State::Plain,
                };
            }
            let stop = end.unwrap_or(chunk.len());
            self.record.extend_from_slice(&chunk[start..stop]);
            self.is_after_cr = end.is_some_and(|at| chunk[at] == b'\r');
            self.text.consume(end.map_or(stop, |at| at + 1));
            if end.is_some() {
                return self.end_record();
            }
            if self.record.len() > MAX_ROW_BYTES {
                return Err(self.too_long(state));
            }
        }
    }

    fn begin(&mut self) {
        self.record.clear();
        self.torn.clear();
        self.long.clear();
        self.row = self.row.saturating_add(1);
        self.cells = 1;
    }

    fn end_text(&mut self, state: State) -> Result<bool, Error> {
        if state == State::Quoted {
            return Err(self.unclosed(self.quote));
        }
        while self.record.last() == Some(&CTRL_Z) {
            self.record.pop();
        }
        Ok(!self.record.is_empty() && self.end_record()?)
    }

    fn end_record(&mut self) -> Result<bool, Error> {
        if self.cells > MAX_COLUMNS {
            let what = format!(
                "has {} cells, and a sheet {MAX_COLUMNS} columns at most",
                self.cells
            );
            return Err(self.shapeless("too_many_columns", &what));
        }
        // Text right behind a quoted part that spans lines: that part began at a stray quote, and the quote that "closed" it
        // opens a cell some rows further down.
        let mut long = self.long.iter();
        if let Some(quote) = long.find(|quote| self.torn.contains(&quote.cell)) {
            return Err(self.unclosed(*quote));
        }
        if let Some(first) = self.long.first() {
            if self.swallows_rows(*first) {
                let what = "and what it holds looks like further rows";
                return Err(self.stray_quote(*first, what));
            }
            self.line += breaks(&self.record);
        }
        self.line += 1;
        Ok(true)
    }

    /// Whether one of the lines within quotes looks like a row.
    fn swallows_rows(&self, first: Quote) -> bool {
        let mut lines = self.record.split(|&byte| is_break(byte)).skip(1);
        lines.any(|line| {
            let end = line.iter().position(|&byte| byte == b'"');
            self.look
                .is_row(&line[..end.unwrap_or(line.len())], first.cell)
        })
    }

    fn too_long(&self, state: State) -> Error {
        match state {
            State::Quoted | State::QuoteInQuoted => self.unclosed(self.quote),
            _ => self.shapeless("row_too_long", "is longer than 16 MiB"),
        }
    }

    fn shapeless(&self, code: &'static str, what: &str) -> Error {
        let Records { name, row, .. } = self;
        Error::unusable(code, format!("{name}, row {row}: the row {what}."))
            .hint("Check that the file is a CSV with one customer a line.")
    }

    fn unclosed(&self, quote: Quote) -> Error {
        self.stray_quote(quote, "that is never closed")
    }

    fn stray_quote(&self, quote: Quote, what: &str) -> Error {
        let line = self.line + breaks(&self.record[..quote.at.min(self.record.len())]);
        Error::unusable(
            "unclosed_quote",
            format!(
                "{}, row {} (line {line} of the file): a cell begins with a quotation mark {what}.",
                self.name, self.row
            ),
        )
        .hint("Delete that \" or close the cell with another one; everything behind it would be taken for one cell.")
    }
}

/// The place of the next byte that can change the state.
fn telling(delimiter: u8, state: State, chunk: &[u8], from: usize) -> Option<usize> {
    let rest = &chunk[from..];
    let run = match state {
        State::Plain => rest.iter().position(|&b| b == delimiter || is_break(b)),
        State::Quoted => rest.iter().position(|&b| b == b'"' || is_break(b)),
        _ => (!rest.is_empty()).then_some(0),
    };
    run.map(|run| from + run)
}

/// How many line breaks there are; CR and LF together are one.
fn breaks(bytes: &[u8]) -> usize {
    let ends =
        |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    (0..bytes.len()).filter(|&at| ends(at)).count()
}

/// The rows of a CSV text; a blank one has no cells.
struct CsvRows {
    records: Records,
    core: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Iterator for CsvRows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.records.advance() {
            Ok(true) => Some(Ok(self.row())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl CsvRows {
    /// The record at hand, split into cells.
    fn row(&mut self) -> Row {
        let Records {
            record,
            cells,
            torn,
            row,
            ..
        } = &mut self.records;
        record.push(b'\n');
        // As much room as the record can need.
        self.text.resize(self.text.len().max(record.len()), 0);
        self.ends.resize(self.ends.len().max(*cells), 0);
        let (_, _, _, count) = self
            .core
            .read_record(record, &mut self.text, &mut self.ends);
        let mut start = 0;
        let mut split = |(column, &end): (usize, &usize)| {
            let field = &self.text[start..end];
            start = end;
            match std::str::from_utf8(field) {
                Ok(text) if !torn.contains(&column) => cell_of_text(text),
                _ => undecodable(&String::from_utf8_lossy(field)),
            }
        };
        let cells = self.ends[..count]
            .iter()
            .enumerate()
            .map(&mut split)
            .collect();
        Row {
            number: RowNumber(*row),
            cells,
        }
    }
}
