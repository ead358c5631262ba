//! Reads one cell as one type of form field: the text that goes out, or what the clerk has to change.
//!
//! Pure: values in, values out. It knows neither the row nor the column that the cell stands in, nor whether the
//! field is required. What only a column can decide, its [`Convention`], is found by [`Evidence`].

mod boolean;
mod choice;
mod convention;
mod date;
mod date_format;
mod date_order;
mod date_plain;
mod date_serial;
mod date_text;
mod email;
mod garbled;
mod national_id;
mod number;
mod phone;
mod phone_metadata;
mod phone_text;
mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::civil;

use crate::model::{Cell, ProblemCode};

pub use choice::Choices;
pub use convention::{Convention, Evidence};
pub use date_format::{check_date_format, check_date_input};
pub use date_order::DateOrder;
pub use date_plain::plain_date;
pub use national_id::birth_date_of;
pub use number::DecimalMark;
pub use phone_metadata::country_is_known;

/// The longest value that goes out, in characters.
const LONGEST_CHARS: usize = 10_000;

/// How a cell is to be read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Text as it stands.
    Text,
    /// A number: Western digits, `.`, no separators for thousands.
    Number {
        /// What comes before the fraction in texts: as the mapping says, or as the column proves.
        decimal: Option<DecimalMark>,
    },
    /// A date.
    Date {
        /// The strptime form of text cells; without it ISO, or `order`.
        input: Option<String>,
        /// The strftime form that goes out.
        output: String,
        /// The column's order of day and month, as its values prove it.
        order: Option<DateOrder>,
    },
    /// A phone number, sent as E.164.
    Phone {
        /// The two-letter code of the country that national numbers belong to.
        country: String,
        /// Whether numbers that no message reaches are taken.
        landlines: bool,
    },
    /// An e-mail address.
    Email,
    /// One of a list.
    Choice(Choices),
    /// Yes or no, sent as `true` or `false`.
    Boolean,
    /// The fourteen digits of an Egyptian national id.
    EgyptNationalId,
}

/// A value that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The text that goes out; the cell's or the kind's own where nothing had to be changed.
    pub text: Cow<'a, str>,
    /// Whether it was mended, beyond doubt but worth telling: a lost zero, Arabic digits, invisible characters
    /// inside. Surrounding white space and ordinary separators do not count.
    pub repaired: bool,
}

impl<'a> Reading<'a> {
    fn new(text: impl Into<Cow<'a, str>>, repaired: bool) -> Self {
        Reading {
            text: text.into(),
            repaired,
        }
    }

    fn into_owned(self) -> Reading<'static> {
        Reading::new(self.text.into_owned(), self.repaired)
    }
}

/// Why a cell cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stable word.
    pub code: ProblemCode,
    /// One sentence for the clerk: what is wrong and what to change. Holds no whole personal value.
    pub message: String,
}

impl Fault {
    fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Fault {
            code,
            message: message.into(),
        }
    }
}

/// What a cell with something in it holds; text is already clean (see [`text::clean`]).
#[derive(Debug, Clone, Copy)]
enum Given<'a> {
    Text(&'a str),
    /// Always finite.
    Number(f64),
    Boolean(bool),
    Date(civil::DateTime),
}

/// Reads `cell` as a value of `kind`; `None` when it is empty but for white space and invisible characters.
pub fn read<'a>(kind: &'a Kind, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
    let given = match cell {
        Cell::Text(raw) => return read_text(kind, raw),
        Cell::Empty => return Ok(None),
        Cell::Number(number) if number.is_finite() => Given::Number(*number),
        Cell::Boolean(boolean) => Given::Boolean(*boolean),
        Cell::Date(at) => Given::Date(*at),
        unreadable => return Err(fault_of_cell(unreadable)),
    };
    read_given(kind, given).map(Some)
}

/// Reads a text as [`read`] reads a cell that holds it.
pub fn read_text<'a>(kind: &'a Kind, raw: &'a str) -> Result<Option<Reading<'a>>, Fault> {
    let trimmed = text::trim(raw);
    if trimmed.is_empty() {
        return Ok(None);
    }
    if trimmed.len() > LONGEST_CHARS && trimmed.chars().count() > LONGEST_CHARS {
        return Err(Fault::new(
            ProblemCode::TooLong,
            format!("The text has more than {LONGEST_CHARS} characters; shorten it."),
        ));
    }
    garbled::check(trimmed)?;
    let clean = text::clean(trimmed);
    // Hidden characters may have parted what gives the damage away.
    if clean.text != trimmed {
        garbled::check(&clean.text)?;
    }
    // What was nothing but an empty `=""` is empty after all.
    if clean.text.is_empty() || (text::is_word_for_nothing(&clean.text) && !kind.knows(&clean.text))
    {
        return Ok(None);
    }
    let mut reading = match clean.text {
        Cow::Borrowed(text) => read_given(kind, Given::Text(text))?,
        Cow::Owned(text) => read_given(kind, Given::Text(&text))?.into_owned(),
    };
    reading.repaired |= clean.repaired;
    Ok(Some(reading))
}

/// Whether a cell holds a word that people and programs write for nothing at all, such as `n/a`.
pub fn says_nothing(cell: &Cell) -> bool {
    match cell {
        Cell::Text(raw) => text::is_word_for_nothing(&text::clean(text::trim(raw)).text),
        _ => false,
    }
}

impl Kind {
    /// Whether a word for nothing is one of the choices, and so means itself.
    fn knows(&self, word: &str) -> bool {
        matches!(self, Kind::Choice(choices) if choices.read(Given::Text(word)).is_ok())
    }
}

fn read_given<'a>(kind: &'a Kind, given: Given<'a>) -> Result<Reading<'a>, Fault> {
    match kind {
        Kind::Text => text::read(given),
        Kind::Number { decimal } => number::read(given, *decimal),
        Kind::Date {
            input,
            output,
            order,
        } => date::read(given, input.as_deref(), output, *order),
        Kind::Phone { country, landlines } => phone::read(given, country, *landlines),
        Kind::Email => email::read(given),
        Kind::Choice(choices) => choices.read(given),
        Kind::Boolean => boolean::read(given),
        Kind::EgyptNationalId => national_id::read(given),
    }
}

/// What is wrong with a cell that no type of field can be read from.
fn fault_of_cell(cell: &Cell) -> Fault {
    match cell {
        Cell::Uncalculated => Fault::new(
            ProblemCode::FormulaUncalculated,
            "The cell holds a formula whose result is not stored; open the file in Excel, save it, and try again, or paste the value.",
        ),
        Cell::Merged => Fault::new(
            ProblemCode::MergedCell,
            "The cell is covered by a merged range; unmerge the range and fill in this row's own value.",
        ),
        Cell::Undecodable(_) => Fault::new(
            ProblemCode::Undecodable,
            "The text has bytes foreign to the file's encoding, control characters, or a closing quotation mark with text beside it; type it again, or save the file as UTF-8.",
        ),
        _ => Fault::new(
            ProblemCode::CellError,
            "The cell holds an error instead of a value; correct its formula or type the value.",
        ),
    }
}
