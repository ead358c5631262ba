//! The gate through which CSV bytes pass on their way to the csv crate.
//!
//! The csv crate skips blank lines without counting them and swallows the rest of the file after a quote that is never
//! closed. The gate walks the same bytes by the same quoting rules, marks each blank line as a record of its own, so that
//! counting records counts rows, and fails where a quote was left open. It does not split cells; that is the crate's part.

use std::fmt;
use std::io::{self, BufRead, Read};

/// A row this long is not a row of customers, and holding it would break the promise of small memory.
const MAX_ROW_BYTES: u64 = 16 << 20;

/// A blank line, made visible to the csv crate: a record with one empty cell.
const BLANK_ROW: &[u8] = b"\"\"";

/// A reader that passes CSV on and watches its shape.
pub(super) struct Gate<R> {
    inner: R,
    delimiter: u8,
    state: State,
    /// The row that the next byte belongs to, from 1.
    row: u32,
    /// The physical line that the next byte stands on, from 1.
    line: u64,
    row_bytes: u64,
    quote: Quote,
    /// Bytes of [`BLANK_ROW`] still to be handed out.
    marker: &'static [u8],
    /// The blank line ahead has its marker already.
    marked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    RowStart,
    /// Behind a CR that ended a row: an LF right after it belongs to the same line break.
    AfterCr,
    CellStart,
    Plain,
    Quoted,
    /// Behind a CR within quotes, for counting lines.
    QuotedAfterCr,
    /// Behind a quote within quotes: the end of the quoted part, or the first half of a doubled quote.
    QuoteInQuoted,
    /// Behind the end of a quoted part that held line breaks.
    AfterLongQuote,
}

/// Where the quote at hand was opened.
#[derive(Debug, Clone, Copy, Default)]
struct Quote {
    row: u32,
    line: u64,
}

/// Why the gate stays shut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// A quote opened here was never closed.
    UnclosedQuote { row: u32, line: u64 },
    /// A row beyond [`MAX_ROW_BYTES`].
    RowTooLong { row: u32 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::UnclosedQuote { row, line } => {
                write!(f, "unclosed quote in row {row}, line {line}")
            }
            Fault::RowTooLong { row } => write!(f, "row {row} is too long"),
        }
    }
}

impl std::error::Error for Fault {}

impl<R: BufRead> Gate<R> {
    pub(super) fn new(inner: R, delimiter: u8) -> Self {
        Gate {
            inner,
            delimiter,
            state: State::RowStart,
            row: 1,
            line: 1,
            row_bytes: 0,
            quote: Quote::default(),
            marker: &[],
            marked: false,
        }
    }

    /// Walks over `bytes` up to the next unmarked blank line and says how many bytes that is.
    fn walk(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::AfterCr if byte == b'\n' => {
                    self.state = State::RowStart;
                    at += 1;
                    continue;
                }
                State::RowStart | State::AfterCr
                    if matches!(byte, b'\n' | b'\r') && !self.marked =>
                {
                    self.state = State::RowStart;
                    return Ok(at);
                }
                _ => {}
            }
            match self.state {
                State::Plain => {
                    let rest = &bytes[at..];
                    let delimiter = self.delimiter;
                    let run = rest
                        .iter()
                        .position(|&b| b == delimiter || b == b'\n' || b == b'\r')
                        .unwrap_or(rest.len());
                    at += run;
                    self.grow(run)?;
                    if let Some(&byte) = bytes.get(at) {
                        self.leave_cell(byte);
                        at += 1;
                    }
                }
                State::Quoted | State::QuotedAfterCr => {
                    self.inside_quotes(byte);
                    at += 1;
                    self.grow(1)?;
                }
                _ => {
                    self.step(byte)?;
                    at += 1;
                    self.grow(1)?;
                }
            }
        }
        Ok(at)
    }

    /// One byte outside plain text and outside quotes.
    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        match (self.state, byte) {
            (State::RowStart | State::AfterCr | State::CellStart, b'"') => {
                self.quote = Quote {
                    row: self.row,
                    line: self.line,
                };
                self.state = State::Quoted;
            }
            (State::QuoteInQuoted, b'"') => self.state = State::Quoted,
            (State::QuoteInQuoted | State::AfterLongQuote, _) if self.ends_cell(byte) => {
                self.leave_cell(byte);
            }
            (State::QuoteInQuoted | State::AfterLongQuote, _) if self.line > self.quote.line => {
                // Text right behind a quoted part that spans lines: that part began at a stray quote, and the quote that
                // "closed" it opens a cell some rows further down.
                if byte != b' ' {
                    return Err(Fault::UnclosedQuote {
                        row: self.quote.row,
                        line: self.quote.line,
                    });
                }
                self.state = State::AfterLongQuote;
            }
            _ if self.ends_cell(byte) => self.leave_cell(byte),
            _ => self.state = State::Plain,
        }
        Ok(())
    }

    fn inside_quotes(&mut self, byte: u8) {
        let after_cr = self.state == State::QuotedAfterCr;
        self.state = State::Quoted;
        match byte {
            b'"' => self.state = State::QuoteInQuoted,
            b'\r' => {
                self.line += 1;
                self.state = State::QuotedAfterCr;
            }
            b'\n' if !after_cr => self.line += 1,
            _ => {}
        }
    }

    fn ends_cell(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == b'\n' || byte == b'\r'
    }

    /// A delimiter or a line break.
    fn leave_cell(&mut self, byte: u8) {
        self.state = match byte {
            b'\n' => State::RowStart,
            b'\r' => State::AfterCr,
            _ => State::CellStart,
        };
        if self.state != State::CellStart {
            self.row = self.row.saturating_add(1);
            self.line += 1;
            self.row_bytes = 0;
            self.marked = false;
        }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        self.row_bytes += bytes as u64;
        if self.row_bytes <= MAX_ROW_BYTES {
            return Ok(());
        }
        Err(match self.state {
            State::Quoted | State::QuotedAfterCr | State::QuoteInQuoted => Fault::UnclosedQuote {
                row: self.quote.row,
                line: self.quote.line,
            },
            _ => Fault::RowTooLong { row: self.row },
        })
    }

    fn at_end(&self) -> Result<(), Fault> {
        match self.state {
            State::Quoted | State::QuotedAfterCr => Err(Fault::UnclosedQuote {
                row: self.quote.row,
                line: self.quote.line,
            }),
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Gate<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.marker.is_empty() {
                let given = self.marker.len().min(out.len());
                out[..given].copy_from_slice(&self.marker[..given]);
                self.marker = &self.marker[given..];
                return Ok(given);
            }
            // The borrow of `inner` must end before `walk`, so the bytes are copied first and walked in `out`.
            let waiting = self.inner.fill_buf()?;
            if waiting.is_empty() {
                self.at_end().map_err(io::Error::other)?;
                return Ok(0);
            }
            let taken = waiting.len().min(out.len());
            out[..taken].copy_from_slice(&waiting[..taken]);
            let passed = self.walk(&out[..taken]).map_err(io::Error::other)?;
            self.inner.consume(passed);
            if passed < taken {
                self.marker = BLANK_ROW;
                self.marked = true;
            }
            if passed > 0 {
                return Ok(passed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The records that the csv crate sees through the gate, or the gate's fault.
    fn records(text: &str) -> Result<Vec<Vec<String>>, Fault> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Gate::new(text.as_bytes(), b','));
        let mut all = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) => all.push(record.iter().map(str::to_owned).collect()),
                Err(error) => match error.into_kind() {
                    csv::ErrorKind::Io(error) => {
                        return Err(*error.get_ref().unwrap().downcast_ref::<Fault>().unwrap());
                    }
                    other => panic!("{other:?}"),
                },
            }
        }
        Ok(all)
    }

    fn row_count(text: &str) -> usize {
        records(text).unwrap().len()
    }

    #[test]
    fn every_row_that_a_spreadsheet_shows_is_one_record() {
        for (text, rows) in [
            ("", 0),
            ("a,b\n1,2\n", 2),
            ("a,b\r\n1,2", 2),
            ("a,b\r1,2\r", 2),
            ("a\n\nb\n", 3),
            ("a\r\n\r\n\r\nb\r\n", 4),
            ("a\r\r\rb", 4),
            ("\n\na", 3),
            ("a\n\n", 2),
            ("a\n\"x\ny\"\nb", 3),
            ("a\n\"x\r\n\r\ny\"\nb", 3),
            ("\"\"\n\"\"\n", 2),
            ("a\"b\nc\"d\n", 2),
            ("\"a\"\"\n\"\"b\"\nc", 2),
            ("\"a\nb\" ,c\nd", 2),
            ("\"a\"x\nb", 2),
        ] {
            assert_eq!(row_count(text), rows, "{text:?}");
        }
    }

    #[test]
    fn a_quote_left_open_is_reported_where_it_began() {
        for (text, row, line) in [
            ("a,b\n1,\"2\n3,4\n", 2, 2),
            ("a\n\n\n\"x", 4, 4),
            ("\"l1\nl2\",b\nc,\"open\n", 2, 3),
            // The next quoted cell seems to close it.
            ("a,b\n1,\"2\n3,\"4\"\n5,6\n", 2, 2),
        ] {
            let fault = records(text).unwrap_err();
            assert_eq!(fault, Fault::UnclosedQuote { row, line }, "{text:?}");
        }
    }

    #[test]
    fn a_row_without_end_is_refused_before_it_fills_the_memory() {
        let endless = "x".repeat(usize::try_from(MAX_ROW_BYTES).unwrap() + 1);
        assert_eq!(records(&endless), Err(Fault::RowTooLong { row: 1 }));
        let quoted = format!("a\n\"{endless}");
        let fault = records(&quoted).unwrap_err();
        assert_eq!(fault, Fault::UnclosedQuote { row: 2, line: 2 });
    }

    proptest! {
        /// Gate and crate must agree on what a row is; else the row numbers would drift apart.
        #[test]
        fn the_gate_and_the_csv_crate_see_the_same_rows(text in "[ab,\"\r\n ]{0,40}") {
            let mut gate = Gate::new(text.as_bytes(), b',');
            let mut passed = Vec::new();
            if gate.read_to_end(&mut passed).is_ok() {
                let ended = matches!(gate.state, State::RowStart | State::AfterCr);
                let rows = gate.row as usize - usize::from(ended);
                prop_assert_eq!(row_count(&text), rows);
            }
        }
    }
}
