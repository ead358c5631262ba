//! What every workbook written here has in common: formats, limits of the format, errors for people, cells that are never taken for
//! a formula. A text is a text: a phone or a national id in it is never a number.

use std::borrow::Cow;
use std::io::Write;

use jiff::civil;
use rust_xlsxwriter::{
    Color, DocProperties, Format, FormatAlign, FormatBorder, IgnoreError, Note, Workbook,
    Worksheet, XlsxError,
};

use super::words::Language;
use crate::error::{Error, Result};
use crate::model::{Cell, NumberFormat, looks_like_formula, printable, printable_lines};

/// Who has made a workbook, as it says itself. Whoever changes the book changes the file's own time, which is named there too.
pub const AUTHOR: &str = "vlens-batch";

/// Rows of a sheet, the header included.
pub(super) const MAX_ROWS: u32 = 1_048_576;
const LAST_COLUMN: u16 = 16_383;
/// Characters of a cell.
const MOST_CHARS: usize = 32_767;
/// As the format numbers paper.
const A4: u8 = 9;
/// What is said is wrapped in a column of this many letters.
pub(super) const TOLD_WIDTH: u16 = 56;
/// The height of a line, and of the tallest row that Excel knows.
const LINE_POINTS: f64 = 15.0;
const MOST_POINTS: f64 = 400.0;

/// Light grounds for dark text, so that it reads when printed in grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Fill {
    None = 0,
    Green = 0xC6_EFCE,
    Red = 0xFF_C7CE,
    Orange = 0xF8_CBAD,
    Yellow = 0xFF_EB9C,
    Grey = 0xD9_D9D9,
    Blue = 0xDD_EBF7,
}

impl Fill {
    pub(super) fn format(self) -> Format {
        match self {
            Fill::None => Format::new(),
            ground => Format::new().set_background_color(Color::RGB(ground as u32)),
        }
    }
}

/// How a cell shows what it holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Face<'a> {
    /// With the number format of its column in the source.
    Kept(Option<&'a NumberFormat>),
    /// A word that scripts read, under what a person reads in its place.
    Shown(&'a str),
    /// What this tool says, a line for each sentence.
    Told(Language),
}

/// A workbook with one sheet of customers.
pub(super) struct Book {
    pub(super) workbook: Workbook,
    /// Of the sheet of customers among the workbook's.
    sheet: usize,
    header_row: u32,
    columns: usize,
}

impl Book {
    /// Begins the sheet of customers behind those that `workbook` has. `mark`: what results are known by. A name that Excel refuses becomes `Rows`. Rows are written one
    /// after another and not kept in memory.
    pub(super) fn begin(
        mut workbook: Workbook,
        name: &str,
        right_to_left: bool,
        mark: &str,
    ) -> Result<Book> {
        let properties = DocProperties::new().set_author(AUTHOR);
        workbook.set_properties(&properties.set_keywords(mark));
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        if sheet.set_name(printable(name)).is_err() {
            sheet.set_name("Rows")?;
        }
        sheet.set_right_to_left(right_to_left);
        sheet.set_landscape().set_paper_size(A4);
        sheet.set_print_fit_to_pages(1, 0);
        Ok(Book {
            sheet: workbook.worksheets().len() - 1,
            workbook,
            header_row: 0,
            columns: 0,
        })
    }

    /// Writes the header: kept in sight, printed on every page, each column as wide as its name unless it has a width.
    pub(super) fn header(
        &mut self,
        row: u32,
        columns: &[String],
        width: impl Fn(usize) -> Option<f64>,
        shown: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<()> {
        self.header_row = row;
        self.columns = columns.len();
        let last = self.last_column();
        let sheet = self.sheet()?;
        let mut tallest = LINE_POINTS;
        for (at, name) in columns.iter().enumerate() {
            let name = held(name);
            let (format, seen) = match shown(&name) {
                Some(word) => (showing(header_format(), word), word),
                None => (header_format(), &*name),
            };
            let column = column_of(at);
            sheet.write_string_with_format(row, column, &*name, &format)?;
            let width = width(at).unwrap_or_else(|| letters(seen, 12, 40) + 4.0);
            sheet.set_column_width(column, width)?;
            tallest = height(seen, width).max(tallest);
        }
        sheet.set_row_height(row, tallest)?;
        sheet.set_freeze_panes((row + 1).min(MAX_ROWS - 1), 0)?;
        sheet.set_repeat_rows(row, row)?;
        sheet.ignore_error_range(0, 0, MAX_ROWS - 1, last, IgnoreError::NumberStoredAsText)?;
        Ok(())
    }

    pub(super) fn sheet(&mut self) -> Result<&mut Worksheet> {
        Ok(self.workbook.worksheet_from_index(self.sheet)?)
    }

    /// Writes a cell; an empty one is visible only by its fill. Rows come in order; within one, cells may come in any.
    pub(super) fn write(
        &mut self,
        row: u32,
        column: usize,
        cell: &Cell,
        face: Face<'_>,
        fill: Fill,
    ) -> Result<()> {
        if fill == Fill::None && cell.as_shown().is_empty() {
            return Ok(());
        }
        let ground = fill.format();
        let format = match (face, cell) {
            (Face::Kept(code), Cell::Number(_) | Cell::Date(_)) => kept(ground, code, cell),
            (Face::Kept(_), _) => ground,
            (Face::Shown(word), _) => showing(ground, word),
            (Face::Told(language), cell) => {
                let height = height(&cell.as_shown(), TOLD_WIDTH.into());
                self.sheet()?.set_row_height(row, height)?;
                let top = ground.set_text_wrap().set_align(FormatAlign::Top);
                read_in(top, language)
            }
        };
        // What is beyond the header stays so, even where the sheet has no column left for it.
        let column = match column_of(column) {
            beyond if usize::from(beyond) >= self.columns => beyond.min(LAST_COLUMN),
            column => column,
        };
        Ok(write_cell(self.sheet()?, row, column, cell, format)?)
    }

    fn last_column(&self) -> u16 {
        column_of(self.columns.saturating_sub(1))
    }

    /// Ends the sheet of customers at its last row, and writes the workbook.
    pub(super) fn finish(mut self, last_row: u32, out: impl Write) -> Result<()> {
        let (header_row, last_column) = (self.header_row, self.last_column());
        self.sheet()?
            .autofilter(header_row, 0, last_row, last_column)?;
        self.save(out)
    }

    /// As a whole, since over an error of `out` the package's writer speaks on stderr itself. A writer that gathers is emptied too, as
    /// an error on its way out would be lost.
    pub(super) fn save(&mut self, mut out: impl Write) -> Result<()> {
        let book = self.workbook.save_to_buffer()?;
        let written = out.write_all(&book).and_then(|()| out.flush());
        Ok(written.map_err(XlsxError::from)?)
    }
}

/// What is beyond the format's last column is refused as such.
pub(super) fn column_of(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

pub(super) fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    mut format: Format,
) -> Result<(), XlsxError> {
    let written = match cell {
        Cell::Number(number) => sheet.write_with_format(row, column, *number, &format),
        Cell::Boolean(is) => sheet.write_with_format(row, column, *is, &format),
        // Before 1900 Excel knows no dates.
        Cell::Date(date) if date.year() >= 1900 => {
            sheet.write_with_format(row, column, date, &format)
        }
        cell => {
            let text = cell.as_shown();
            // The mark that Excel itself keeps for text: an apostrophe that shows only in the formula bar.
            if looks_like_formula(&text) {
                format = format.set_quote_prefix();
            }
            sheet.write_string_with_format(row, column, held(&text), &format)
        }
    };
    written.map(drop)
}

/// As much of a text as a cell holds, and a sign where it was cut. What is that long is no value that could be sent.
pub(super) fn held(text: &str) -> Cow<'_, str> {
    let text = printable_lines(text);
    match text.char_indices().nth(MOST_CHARS) {
        None => text,
        Some(_) => text.chars().take(MOST_CHARS - 1).chain(['…']).collect(),
    }
}

/// A cell that holds one word and shows another.
fn showing(format: Format, shown: &str) -> Format {
    format.set_num_format(format!(";;;\"{}\"", shown.replace('"', "'")))
}

/// With the number format of its column in the source, else with one that shows it whole.
fn kept(format: Format, code: Option<&NumberFormat>, cell: &Cell) -> Format {
    let is_plain = |date: &civil::DateTime| date.time() == civil::Time::midnight();
    match (code, cell) {
        (Some(NumberFormat::Code(code)), _) => format.set_num_format(code),
        (Some(NumberFormat::BuiltIn(number @ 1..)), _) => format.set_num_format_index(*number),
        // Otherwise many digits would be shown with an exponent.
        (_, Cell::Number(number)) if number.fract() == 0.0 && number.abs() >= 1e11 => {
            format.set_num_format("0")
        }
        (_, Cell::Date(date)) if is_plain(date) => format.set_num_format("yyyy-mm-dd"),
        (_, Cell::Date(_)) => format.set_num_format("yyyy-mm-dd hh:mm:ss"),
        _ => format,
    }
}

/// From the side where the language begins, whichever way the sheet runs.
pub(super) fn read_in(format: Format, language: Language) -> Format {
    let (align, direction) = match language {
        Language::English => (FormatAlign::Left, 1),
        Language::Arabic => (FormatAlign::Right, 2),
    };
    format.set_align(align).set_reading_direction(direction)
}

/// The points that a text takes in a column of this many letters: not every spreadsheet fits rows to their text by itself.
pub(super) fn height(text: &str, width: f64) -> f64 {
    let lines = text.lines().map(|line| {
        let letters = u16::try_from(textwrap::core::display_width(line)).unwrap_or(u16::MAX);
        (f64::from(letters) / width.max(1.0)).ceil().max(1.0)
    });
    (lines.sum::<f64>() * LINE_POINTS).min(MOST_POINTS)
}

/// The letters that a text takes side by side, within bounds.
pub(super) fn letters(text: &str, least: usize, most: usize) -> f64 {
    let lines = text.lines().map(textwrap::core::display_width);
    let letters = lines.max().unwrap_or(0).clamp(least, most);
    f64::from(u16::try_from(letters).unwrap_or(u16::MAX))
}

pub(super) fn header_format() -> Format {
    Format::new()
        .set_bold()
        .set_text_wrap()
        .set_font_color(Color::White)
        .set_background_color(Color::RGB(0x1F_3A5F))
        .set_align(FormatAlign::VerticalCenter)
        .set_border_bottom(FormatBorder::Thin)
}

/// A note beside a cell, in pixels.
pub(super) fn note(text: &str, width: u32, height: u32) -> Note {
    Note::new(printable_lines(text))
        .set_author(AUTHOR)
        .add_author_prefix(false)
        .set_width(width)
        .set_height(height)
}

/// For a person. It names no cell's content.
impl From<XlsxError> for Error {
    fn from(error: XlsxError) -> Error {
        match error {
            XlsxError::RowColumnLimitError => Error::of("xlsx_too_large", &[]),
            XlsxError::TempFileError(_, error) => Error::temporary(&error),
            error => Error::unwritten(&error),
        }
    }
}
