//! The shape of a CSV text: where its rows end, which of them are blank, and whether a quote is left open.
//!
//! The walk follows the quoting rules of the csv crate without splitting cells, so only quotes and line breaks stop it:
//! between them it leaps. Where a cell begins is told by the byte before a quote.

use std::fmt;
use std::io::{self, BufRead};

/// A row this long is not a row of customers, and holding it would break the promise of small memory.
pub(super) const MAX_ROW_BYTES: u64 = 16 << 20;

/// A walk over CSV bytes that come in chunks of any size.
pub(super) struct Walk {
    delimiter: u8,
    state: State,
    /// The row that the next byte belongs to, from 1.
    row: u32,
    /// The physical line that the next byte stands on, from 1.
    line: u64,
    row_bytes: u64,
    quote: Quote,
    /// The blank line ahead was stopped at already.
    is_passing_blank: bool,
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

/// What makes a text no CSV.
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

/// Walks over the whole text once, for what would make its later rows wrong. A fault comes inside the error.
pub(super) fn check(mut text: impl BufRead, delimiter: u8) -> io::Result<()> {
    let mut walk = Walk::new(delimiter);
    loop {
        let chunk = text.fill_buf()?;
        if chunk.is_empty() {
            return walk.at_end().map_err(io::Error::other);
        }
        let mut passed = 0;
        while passed < chunk.len() {
            passed += walk.pass(&chunk[passed..]).map_err(io::Error::other)?;
        }
        text.consume(passed);
    }
}

impl Walk {
    pub(super) fn new(delimiter: u8) -> Self {
        Walk {
            delimiter,
            state: State::RowStart,
            row: 1,
            line: 1,
            row_bytes: 0,
            quote: Quote::default(),
            is_passing_blank: false,
        }
    }

    /// Walks over `bytes` and says how many it has passed: all of them, or those before a blank line, which the next
    /// call then passes.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match (self.state, byte) {
                (State::AfterCr, b'\n') => {
                    self.state = State::RowStart;
                    at += 1;
                }
                (State::RowStart | State::AfterCr, b'\n' | b'\r') if !self.is_passing_blank => {
                    self.state = State::RowStart;
                    self.is_passing_blank = true;
                    return Ok(at);
                }
                (State::Quoted | State::QuotedAfterCr, _) => {
                    at += self.leap_inside_quotes(&bytes[at..])?;
                }
                (State::QuoteInQuoted | State::AfterLongQuote, _) => {
                    self.step_behind_quote(byte)?;
                    at += 1;
                }
                _ => at += self.leap_outside_quotes(&bytes[at..])?,
            }
        }
        Ok(at)
    }

    /// Whether the text may end here.
    pub(super) fn at_end(&self) -> Result<(), Fault> {
        match self.state {
            State::Quoted | State::QuotedAfterCr => Err(self.unclosed()),
            _ => Ok(()),
        }
    }

    /// How many rows there were so far.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        let is_between = matches!(self.state, State::RowStart | State::AfterCr);
        self.row as usize - usize::from(is_between)
    }

    /// Up to the end of the row, or into a cell in quotes; returns the bytes passed.
    fn leap_outside_quotes(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let run = memchr::memchr3(b'"', b'\n', b'\r', bytes).unwrap_or(bytes.len());
        if let Some(&before) = bytes[..run].last() {
            self.state = if before == self.delimiter {
                State::CellStart
            } else {
                State::Plain
            };
            self.grow(run)?;
        }
        let Some(&byte) = bytes.get(run) else {
            return Ok(run);
        };
        if byte != b'"' {
            self.leave_cell(byte);
            return Ok(run + 1);
        }
        // Within plain text a quote means nothing.
        if self.state != State::Plain {
            self.state = State::Quoted;
            self.quote = Quote {
                row: self.row,
                line: self.line,
            };
        }
        self.grow(1)?;
        Ok(run + 1)
    }

    /// Up to the next quote or line break within quotes; returns the bytes passed.
    fn leap_inside_quotes(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let run = memchr::memchr3(b'"', b'\n', b'\r', bytes).unwrap_or(bytes.len());
        if run > 0 {
            self.state = State::Quoted;
            self.grow(run)?;
        }
        let Some(&byte) = bytes.get(run) else {
            return Ok(run);
        };
        let is_second_half = byte == b'\n' && self.state == State::QuotedAfterCr;
        self.line += u64::from(byte != b'"' && !is_second_half);
        self.state = match byte {
            b'"' => State::QuoteInQuoted,
            b'\r' => State::QuotedAfterCr,
            _ => State::Quoted,
        };
        self.grow(1)?;
        Ok(run + 1)
    }

    /// One byte behind a quote that may have ended its cell.
    fn step_behind_quote(&mut self, byte: u8) -> Result<(), Fault> {
        if byte == b'"' && self.state == State::QuoteInQuoted {
            self.state = State::Quoted;
        } else if byte == self.delimiter || matches!(byte, b'\n' | b'\r') {
            self.leave_cell(byte);
        } else if self.line == self.quote.line {
            self.state = State::Plain;
        } else if byte == b' ' {
            self.state = State::AfterLongQuote;
        } else {
            // Text right behind a quoted part that spans lines: that part began at a stray quote, and the quote that
            // "closed" it opens a cell some rows further down.
            return Err(self.unclosed());
        }
        self.grow(1)
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
            self.is_passing_blank = false;
        }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        self.row_bytes += bytes as u64;
        if self.row_bytes <= MAX_ROW_BYTES {
            return Ok(());
        }
        Err(match self.state {
            State::Quoted | State::QuotedAfterCr | State::QuoteInQuoted => self.unclosed(),
            _ => Fault::RowTooLong { row: self.row },
        })
    }

    fn unclosed(&self) -> Fault {
        Fault::UnclosedQuote {
            row: self.quote.row,
            line: self.quote.line,
        }
    }
}

#[cfg(test)]
mod tests;
