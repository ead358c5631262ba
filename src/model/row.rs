//! A row of a sheet, as its source gives it: typed cells under named columns, with the number that a spreadsheet shows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::civil;
use rust_xlsxwriter::utility::column_number_to_name;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// The number that a spreadsheet shows beside a row: the first line of the sheet is 1, blank rows count.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RowNumber(pub u32);

impl fmt::Display for RowNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The header cell's text as written, surrounding white space removed; empty for a column without a header.
    pub name: String,
    /// Zero-based position in the row.
    pub index: usize,
    /// Whether the sheet hides it from the person who looks at it.
    pub is_hidden: bool,
}

impl Column {
    /// The letters that a spreadsheet shows above this column: A, B, …, Z, AA, ….
    pub fn letters(&self) -> String {
        column_number_to_name(self.index.try_into().unwrap_or(0))
    }
}

/// One cell, with what the source knows about it. CSV yields only `Empty`, `Text` and `Undecodable`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(from = "Value")]
pub enum Cell {
    /// Nothing, or only white space.
    #[default]
    Empty,
    /// Text as it stands in the sheet.
    Text(String),
    /// A number cell. Spreadsheets keep 15 significant digits; whoever reads a phone or an id from it must check that.
    Number(f64),
    Boolean(bool),
    /// A date cell (with the time 00:00:00 when it is a plain date).
    Date(civil::DateTime),
    /// An error such as `#N/A`.
    Error(String),
    /// A formula whose result was never stored in the file.
    Uncalculated,
    /// A cell hidden under a merged range: its value stands in another cell, of the same row or of one above.
    Merged {
        beside: bool,
    },
    /// A number that is shown as this word by its number format.
    Label(String),
    /// What is no text: bytes foreign to the file's encoding and control characters, each shown as U+FFFD, or a closing quotation
    /// mark with text beside it.
    Undecodable(String),
}

impl Cell {
    /// Whether a person sees nothing in this cell.
    pub fn is_empty(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// What a person sees in the cell, as text: the form in which results give the source's own columns back.
    pub fn as_shown(&self) -> Cow<'_, str> {
        match self {
            Cell::Empty | Cell::Uncalculated | Cell::Merged { .. } => Cow::Borrowed(""),
            Cell::Text(text) | Cell::Label(text) | Cell::Error(text) | Cell::Undecodable(text) => {
                Cow::Borrowed(text)
            }
            // Without an exponent and a trailing `.0`: an id in a number cell is its digits. A fraction without those beyond the
            // fifteen that a spreadsheet keeps, which only its arithmetic leaves behind (0.1 + 0.2 is 0.3).
            Cell::Number(number) if number.fract() != 0.0 => {
                let kept = format!("{number:.14e}").parse().unwrap_or(*number);
                Cow::Owned(kept.to_string())
            }
            // Adding zero turns -0 into 0.
            Cell::Number(number) => Cow::Owned((number + 0.0).to_string()),
            Cell::Boolean(true) => Cow::Borrowed("TRUE"),
            Cell::Boolean(false) => Cow::Borrowed("FALSE"),
            Cell::Date(at) => Cow::Owned(at.to_string().trim_end_matches("T00:00:00").to_owned()),
        }
    }

    /// The same as a text of its own.
    pub fn shown(&self) -> String {
        self.as_shown().into_owned()
    }

    /// What a row that is refused gives back: a cell that held no value holds an error word, with what was shown behind it, so that it
    /// is refused in every file until somebody writes a value there.
    pub fn as_refused(&self) -> Cow<'_, Cell> {
        let words = match self {
            Cell::Uncalculated => "#CALC!".to_owned(),
            Cell::Merged { .. } => "#REF!".to_owned(),
            Cell::Number(number) if !number.is_finite() => "#NUM!".to_owned(),
            Cell::Error(word) if is_error_word(word) => return Cow::Borrowed(self),
            Cell::Error(_) | Cell::Label(_) | Cell::Undecodable(_) => {
                return Cow::Owned(self.refused());
            }
            _ => return Cow::Borrowed(self),
        };
        Cow::Owned(Cell::Error(words))
    }

    /// What it shows, behind an error word, so that nobody sends it uncorrected.
    #[must_use]
    pub fn refused(&self) -> Cell {
        Cell::Error(format!("#VALUE! {}", self.as_shown()))
    }
}

/// Whether a spreadsheet writes this where it has no value: `#DIV/0!` and the like, in the language that it speaks.
pub fn is_error_word(word: &str) -> bool {
    let name = word.strip_prefix('#').unwrap_or_default();
    let is_capital =
        |c: char| c.is_alphabetic() && !c.is_lowercase() || matches!(c, '0' | '/' | '_');
    let sighed = name.strip_suffix(['!', '?']).unwrap_or_default();
    let sighed = sighed.trim_start_matches(['¡', '¿']);
    matches!(
        name,
        "N/A" | "N/D" | "Н/Д" | "N/B" | "NV" | "YOK" | "GETTING_DATA"
    ) || (!sighed.is_empty() && sighed.chars().all(is_capital))
}

/// As the ledger keeps a cell: numbers and yes or no as themselves, a date under `date`, anything else as the text that is shown.
impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Number(number) => serializer.serialize_f64(*number),
            Cell::Boolean(is) => serializer.serialize_bool(*is),
            Cell::Date(date) => serializer.collect_map([("date", date)]),
            other => serializer.serialize_str(&other.as_shown()),
        }
    }
}

impl From<Value> for Cell {
    fn from(kept: Value) -> Cell {
        let date = kept["date"].as_str().and_then(|date| date.parse().ok());
        match (kept, date) {
            (Value::String(text), _) if !text.is_empty() => Cell::Text(text),
            (Value::Number(number), _) => number.as_f64().map_or(Cell::Empty, Cell::Number),
            (Value::Bool(is), _) => Cell::Boolean(is),
            (Value::Object(_), Some(date)) => Cell::Date(date),
            // Among them a number that JSON has no word for.
            _ => Cell::Empty,
        }
    }
}

/// Whether a character can be a CSV's delimiter.
pub fn may_part_cells(c: char) -> bool {
    !matches!(c, '"' | '\n' | '\r') && !c.is_alphanumeric()
}

/// What to do with rows that are hidden or filtered away in the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(clap::ValueEnum, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Hidden {
    /// Leave them out
    Skip,
    /// Treat them like the others
    Send,
}

/// A row that is no customer's, and so is left out wherever customers are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(const_into_str)]
pub enum Aside {
    /// A template's example.
    #[strum(serialize = "left_out_example")]
    Example,
    #[strum(serialize = "left_out_total")]
    Total,
    /// One line of text: the title of a section, a remark.
    #[strum(serialize = "left_out_section")]
    Section,
    #[strum(serialize = "left_out_signature")]
    Signature,
    /// The header once more.
    #[strum(serialize = "left_out_header")]
    Header,
    /// A number that only counts the rows.
    #[strum(serialize = "left_out_serial")]
    Serial,
}

/// What a sheet has beside its header and its rows of customers, so that it can be given back as it looked. Columns count from
/// zero.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// The filled rows above the header.
    pub titles: Vec<Row>,
    /// In letters, of the columns that have one of their own.
    pub widths: BTreeMap<usize, f64>,
    /// Of each column's numbers, and of its dates (`true`): the last among the first rows.
    pub formats: BTreeMap<(usize, bool), NumberFormat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberFormat {
    /// One that every spreadsheet knows by this number.
    BuiltIn(u8),
    Code(String),
}

/// The sheet of an export, which is found whatever sheet the config names.
pub const RESULTS_SHEET: &str = "Results";

/// The name of the sheet that sums up an annotated workbook: written by the report, passed over by the source, so that the
/// workbook can be corrected and run as it is.
pub const OVERVIEW_SHEET: &str = "vlens-batch";

/// The columns that an export adds behind the source's own. JSON lines use them without their prefix; a mapping leaves them
/// out, so that a corrected export is run as it is.
pub const RESULT_COLUMNS: [&str; 11] = [
    "vlens_row",
    "vlens_status",
    "vlens_token",
    "vlens_link",
    "vlens_error_code",
    "vlens_error",
    "vlens_attempts",
    "vlens_sent_at",
    "vlens_stage",
    "vlens_stage_at",
    "vlens_signed",
];

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub number: RowNumber,
    /// The cells from the first column on. May be shorter than the header (what is missing is empty) or longer (then
    /// the row is invalid, if what is beyond is not empty).
    pub cells: Vec<Cell>,
}

impl Row {
    /// The cell at a zero-based position; beyond the row's end it is empty.
    pub fn cell(&self, index: usize) -> &Cell {
        const EMPTY: &Cell = &Cell::Empty;
        self.cells.get(index).unwrap_or(EMPTY)
    }

    /// How many of its cells hold anything.
    pub fn filled(&self) -> usize {
        self.cells.iter().filter(|cell| !cell.is_empty()).count()
    }
}
