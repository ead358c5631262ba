//! CSV: finds out how a text file is written and yields its rows.
//!
//! A file is passed over three times, always in chunks: for its encoding, for its shape (a quote left open must be known
//! before the first row is used), and for its rows. The first two only leap from one telling byte to the next.

mod cells;
mod decode;
mod delimiter;
mod encoding;
mod gate;
mod shape;
mod survey;

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use self::decode::Decoded;
use self::encoding::{Basis, Encoding};
use self::gate::Gate;
use self::shape::Fault;
use self::survey::Survey;
use super::input::{Handle, Input, unreadable};
use super::{Note, Opened, Options, Rows};
use crate::error::Error;
use crate::model::{Row, RowNumber};

/// How much text the delimiter is counted in.
const SAMPLE_BYTES: usize = 1 << 16;
const BUFFER_BYTES: usize = 1 << 16;

/// UTF-8 text, apart from the bytes that mark what could not be decoded.
type Text = Box<dyn BufRead + Send>;

/// Opens a text file as CSV.
pub(super) fn open(input: &Input, options: &Options) -> Result<Opened, Error> {
    let name = input.name();
    let failed = |error: io::Error| unreadable(&name, &error);
    let survey = match Survey::glance(input.open()?).map_err(failed)? {
        Some(survey) => survey,
        None => Survey::of(input.open()?).map_err(failed)?,
    };
    let encoding = encoding::decide(&name, options.encoding.as_deref(), &survey)?;
    let (sample, is_whole) = sample(text_of(input, encoding, 0)?).map_err(failed)?;
    let sep_line = delimiter::sep_line(&sample);
    let skipped = sep_line.map_or(0, |line| line.bytes);
    let delimiter = match (options.delimiter, sep_line) {
        (Some(asked), _) => Delimiter::asked(asked)?,
        (None, Some(line)) => Delimiter(line.delimiter, "as its sep= line says"),
        (None, None) => match delimiter::count(&sample, is_whole) {
            Some(counted) => Delimiter(counted, "detected"),
            None => Delimiter(b',', "none found: one column"),
        },
    };

    shape::check(text_of(input, encoding, skipped)?, delimiter.0)
        .map_err(|error| misshapen(&name, &error))?;
    let text = text_of(input, encoding, skipped)?;
    Ok(Opened {
        notes: notes(encoding, delimiter),
        is_guess: encoding.basis == Basis::Guessed,
        ..Opened::new(Box::new(TextRows::new(name, text, delimiter.0)))
    })
}

/// A delimiter and where it is from.
#[derive(Debug, Clone, Copy)]
struct Delimiter(u8, &'static str);

impl Delimiter {
    fn asked(asked: char) -> Result<Self, Error> {
        match u8::try_from(asked) {
            Ok(byte) if delimiter::is_usable(byte) => Ok(Delimiter(byte, "as asked for")),
            _ => Err(Error::unusable(
                "delimiter_invalid",
                format!("{asked:?} cannot be a delimiter."),
            )
            .hint("Give one ASCII character, such as , ; | or a tab.")),
        }
    }

    fn word(self) -> String {
        match self.0 {
            b',' => "comma".to_owned(),
            b';' => "semicolon".to_owned(),
            b'\t' => "tab".to_owned(),
            b'|' => "pipe".to_owned(),
            other => format!("{:?}", char::from(other)),
        }
    }
}

fn notes(encoding: Encoding, delimiter: Delimiter) -> Vec<Note> {
    let text = format!(
        "Read as CSV: {} ({}), delimiter {} ({}).",
        encoding.charset.name(),
        encoding.basis.words(),
        delimiter.word(),
        delimiter.1
    );
    vec![Note {
        text,
        warning: matches!(encoding.basis, Basis::Guessed | Basis::Mostly),
    }]
}

/// The text from `skipped` bytes (of UTF-8) on.
fn text_of(input: &Input, encoding: Encoding, skipped: usize) -> Result<Text, Error> {
    let failed = |error: io::Error| unreadable(&input.name(), &error);
    let mut handle: Handle = input.open()?;
    handle
        .seek(SeekFrom::Start(encoding.mark_bytes))
        .map_err(failed)?;
    let bytes = BufReader::with_capacity(BUFFER_BYTES, handle);
    let mut text: Text = if encoding.charset == encoding_rs::UTF_8 {
        Box::new(bytes)
    } else {
        Box::new(Decoded::new(bytes, encoding.charset))
    };
    io::copy(&mut (&mut text).take(skipped as u64), &mut io::sink()).map_err(failed)?;
    Ok(text)
}

/// The first bytes of the text, and whether they are all of it.
fn sample(text: Text) -> io::Result<(Vec<u8>, bool)> {
    let mut sample = Vec::new();
    text.take(SAMPLE_BYTES as u64).read_to_end(&mut sample)?;
    let is_whole = sample.len() < SAMPLE_BYTES;
    Ok((sample, is_whole))
}

fn misshapen(name: &str, error: &io::Error) -> Error {
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref());
    match fault {
        Some(Fault::UnclosedQuote { row, line }) => Error::unusable(
            "unclosed_quote",
            format!("{name}, row {row} (line {line} of the file): a cell begins with a quotation mark that is never closed."),
        )
        .hint("Delete that \" or close the cell with another one; everything behind it would be taken for one cell."),
        Some(Fault::RowTooLong { row }) => Error::unusable(
            "row_too_long",
            format!("{name}, row {row}: the row is longer than 16 MiB."),
        )
        .hint("Check that the file is a CSV with one customer a line."),
        None => unreadable(name, error),
    }
}

/// The rows of a CSV text.
struct TextRows {
    name: String,
    reader: csv::Reader<Gate<Text>>,
    record: csv::ByteRecord,
    number: u32,
    blank_rows: u64,
}

impl TextRows {
    fn new(name: String, text: Text, delimiter: u8) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Gate::new(text, delimiter));
        TextRows {
            name,
            reader,
            record: csv::ByteRecord::new(),
            number: 0,
            blank_rows: 0,
        }
    }

    fn read_record(&mut self) -> Result<bool, Error> {
        self.reader
            .read_byte_record(&mut self.record)
            .map_err(|error| {
                let text = error.to_string();
                match error.into_kind() {
                    csv::ErrorKind::Io(error) => misshapen(&self.name, &error),
                    _ => Error::unusable(
                        "file_unreadable",
                        format!("{}, row {}: {text}.", self.name, self.number + 1),
                    ),
                }
            })
    }
}

impl Rows for TextRows {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        while self.read_record()? {
            self.number = self.number.saturating_add(1);
            if !cells::fill(&mut row.cells, &self.record) {
                self.blank_rows += 1;
                continue;
            }
            row.number = RowNumber(self.number);
            return Ok(true);
        }
        Ok(false)
    }

    fn blank_rows(&self) -> u64 {
        self.blank_rows
    }
}

#[cfg(test)]
mod tests;
