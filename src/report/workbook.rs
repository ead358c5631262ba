//! What every workbook written here has in common: formats, limits of the format, errors for people, cells that are never taken for
//! a formula. A text is a text: a phone or a national id in it is never a number.

use std::io::Write;

use jiff::civil;
use rust_xlsxwriter::{
    Color, Format, FormatAlign, FormatBorder, IgnoreError, Note, Workbook, Worksheet, XlsxError,
};
use unicode_normalization::UnicodeNormalization;

use super::words::Language;
use crate::error::Error;
use crate::model::{Cell, NumberFormat, printable, printable_lines};

/// Rows of a sheet, the header included.
pub(super) const MAX_ROWS: u32 = 1_048_576;
const MAX_COLUMNS: usize = 16_384;
/// UTF-16 units of a cell.
const MAX_CELL_UNITS: usize = 32_767;
/// As the format numbers paper.
const A4: u8 = 9;
/// What is said is wrapped in a column of this many letters.
pub(super) const TOLD_WIDTH: u16 = 56;
/// The height of a line, and of the tallest row that Excel knows.
const LINE_POINTS: usize = 15;
const MOST_POINTS: usize = 400;

/// Light grounds for dark text, so that it reads when printed in grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    None,
    Green,
    Red,
    Orange,
    Yellow,
    Grey,
    Blue,
}

impl Fill {
    pub(super) fn format(self) -> Format {
        let ground = match self {
            Fill::None => return Format::new(),
            Fill::Green => 0xC6_EFCE,
            Fill::Red => 0xFF_C7CE,
            Fill::Orange => 0xF8_CBAD,
            Fill::Yellow => 0xFF_EB9C,
            Fill::Grey => 0xD9_D9D9,
            Fill::Blue => 0xDD_EBF7,
        };
        Format::new().set_background_color(Color::RGB(ground))
    }
}

/// What a cell is to hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// A cell as its source had it, with the number format of its column there.
    Cell(&'a Cell, Option<&'a NumberFormat>),
    Text(&'a str),
    /// A word that scripts read, under what a person reads in its place.
    Shown(&'a str, &'a str),
    /// What this tool says, a line for each sentence.
    Told(&'a str, Language),
    Number(f64),
}

/// A workbook with one sheet of customers.
pub(super) struct Book {
    pub(super) workbook: Workbook,
    /// Of the sheet of customers among the workbook's.
    sheet: usize,
    header_row: u32,
    names: Vec<String>,
}

impl Book {
    /// Begins the sheet of customers behind those that `workbook` has. A name that Excel refuses becomes `Rows`. Rows are written one
    /// after another and not kept in memory, unless columns are to be written (`by_column`).
    pub(super) fn begin(
        mut workbook: Workbook,
        name: &str,
        right_to_left: bool,
        by_column: bool,
    ) -> Result<Book, Error> {
        let sheet = if by_column {
            workbook.add_worksheet()
        } else {
            let sheet = workbook.add_worksheet_with_constant_memory();
            sheet.map_err(failed)?
        };
        if sheet.set_name(printable(name)).is_err() {
            sheet.set_name("Rows").map_err(failed)?;
        }
        sheet.set_right_to_left(right_to_left);
        sheet.set_landscape().set_paper_size(A4);
        sheet.set_print_fit_to_pages(1, 0);
        Ok(Book {
            sheet: workbook.worksheets().len() - 1,
            workbook,
            header_row: 0,
            names: Vec::new(),
        })
    }

    /// Writes the header: kept in sight, printed on every page, each column as wide as its name unless it has a width.
    pub(super) fn header(
        &mut self,
        row: u32,
        columns: &[String],
        width: impl Fn(usize) -> Option<f64>,
        shown: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<(), Error> {
        if columns.len() > MAX_COLUMNS {
            let message = format!(
                "An Excel sheet holds 16,384 columns; there would be {}.",
                columns.len()
            );
            return Err(Error::unexpected("xlsx_too_many_columns", message)
                .hint("Use --format csv or --format jsonl."));
        }
        self.header_row = within_sheet(row)?;
        let shape = |sheet: &mut Worksheet| {
            for (at, name) in columns.iter().enumerate() {
                let name = printable_lines(name);
                let column = u16::try_from(at).unwrap_or(u16::MAX);
                let format = header_format();
                let (format, seen) = match shown(&name) {
                    Some(word) => (showing(format, word), word),
                    None => (format, &*name),
                };
                sheet.write_string_with_format(row, column, &*name, &format)?;
                let width = width(at).unwrap_or_else(|| letters(seen, 12, 40) + 4.0);
                sheet.set_column_width(column, width)?;
            }
            let last = u16::try_from(columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
            sheet.set_freeze_panes((row + 1).min(MAX_ROWS - 1), 0)?;
            sheet.set_repeat_rows(row, row)?;
            sheet.ignore_error_range(0, 0, MAX_ROWS - 1, last, IgnoreError::NumberStoredAsText)?;
            Ok(())
        };
        shape(self.sheet()?).map_err(failed)?;
        self.names = columns.to_vec();
        Ok(())
    }

    /// The sheet of customers.
    pub(super) fn sheet(&mut self) -> Result<&mut Worksheet, Error> {
        self.workbook
            .worksheet_from_index(self.sheet)
            .map_err(failed)
    }

    /// Writes a cell; an empty text is visible only by its fill. Rows come in order; within one, cells may come in any.
    pub(super) fn write(
        &mut self,
        row: u32,
        column: usize,
        value: Value<'_>,
        fill: Fill,
    ) -> Result<(), Error> {
        let at = u16::try_from(column).unwrap_or(u16::MAX);
        let ground = fill.format();
        let written = match value {
            Value::Cell(Cell::Number(number), format) => {
                let format = numbered(ground, format, *number);
                let sheet = self.sheet()?;
                sheet.write_number_with_format(row, at, *number, &format)
            }
            Value::Cell(Cell::Boolean(is), _) => self
                .sheet()?
                .write_boolean_with_format(row, at, *is, &ground),
            // Before 1900 Excel knows no dates.
            Value::Cell(Cell::Date(date), format) if date.year() >= 1900 => {
                let format = dated(ground, format, *date);
                self.sheet()?
                    .write_datetime_with_format(row, at, *date, &format)
            }
            Value::Cell(cell, _) => return self.text(row, column, &cell.as_shown(), ground, fill),
            Value::Text(text) => return self.text(row, column, text, ground, fill),
            Value::Shown(word, shown) => {
                return self.text(row, column, word, showing(ground, shown), fill);
            }
            Value::Told("", _) => return Ok(()),
            Value::Told(text, language) => {
                let sheet = self.sheet()?;
                sheet.set_row_height(row, height(text)).map_err(failed)?;
                return self.text(row, column, text, told(ground, language), fill);
            }
            Value::Number(number) => self
                .sheet()?
                .write_number_with_format(row, at, number, &ground),
        };
        written.map(drop).map_err(failed)
    }

    /// Nothing is cut: a text that a cell cannot hold is an error.
    fn text(
        &mut self,
        row: u32,
        column: usize,
        text: &str,
        format: Format,
        fill: Fill,
    ) -> Result<(), Error> {
        // A UTF-8 text has at least as many bytes as UTF-16 units, so most cells need no counting.
        if text.len() > MAX_CELL_UNITS && text.encode_utf16().count() > MAX_CELL_UNITS {
            let name = self.names.get(column).map_or("", String::as_str);
            return Err(Error::unexpected(
                "xlsx_cell_too_long",
                format!(
                    "Row {} of the workbook, column {name:?}: the text is longer than the 32,767 characters of an Excel cell.",
                    row + 1
                ),
            )
            .hint("An export as CSV or JSON lines has no such limit."));
        }
        let at = u16::try_from(column).unwrap_or(u16::MAX);
        let sheet = self.sheet()?;
        let written = match text {
            "" if fill == Fill::None => return Ok(()),
            "" => sheet.write_blank(row, at, &format),
            text => {
                // The mark that Excel itself keeps for text: an apostrophe that shows only in the formula bar.
                let format = if looks_like_formula(text) {
                    format.set_quote_prefix()
                } else {
                    format
                };
                sheet.write_string_with_format(row, at, printable_lines(text), &format)
            }
        };
        written.map(drop).map_err(failed)
    }

    /// Ends the sheet of customers at its last row, and writes the workbook. A writer that gathers is emptied too, as an error on
    /// its way out would be lost.
    pub(super) fn finish(mut self, last_row: u32, mut out: impl Write + Send) -> Result<(), Error> {
        let header_row = self.header_row;
        let last_column = u16::try_from(self.names.len().saturating_sub(1)).unwrap_or(u16::MAX);
        self.sheet()?
            .autofilter(header_row, 0, last_row, last_column)
            .map_err(failed)?;
        self.workbook
            .save_to_writer(&mut out)
            .and_then(|()| out.flush().map_err(XlsxError::from))
            .map_err(failed)
    }
}

/// A cell that holds one word and shows another.
fn showing(format: Format, shown: &str) -> Format {
    format.set_num_format(format!(";;;\"{}\"", shown.replace('"', "'")))
}

fn in_format(format: Format, code: &NumberFormat) -> Format {
    match code {
        NumberFormat::BuiltIn(number) => format.set_num_format_index(*number),
        NumberFormat::Code(code) => format.set_num_format(code),
    }
}

fn numbered(format: Format, code: Option<&NumberFormat>, number: f64) -> Format {
    match code {
        Some(code) if *code != NumberFormat::BuiltIn(0) => in_format(format, code),
        // Otherwise many digits would be shown with an exponent.
        _ if number.fract() == 0.0 && number.abs() >= 1e11 => format.set_num_format("0"),
        _ => format,
    }
}

fn dated(format: Format, code: Option<&NumberFormat>, date: civil::DateTime) -> Format {
    match code {
        Some(code) => in_format(format, code),
        None if date.time() == civil::Time::midnight() => format.set_num_format("yyyy-mm-dd"),
        None => format.set_num_format("yyyy-mm-dd hh:mm:ss"),
    }
}

/// Where a line begins, and how the format counts reading orders.
pub(super) fn side(language: Language) -> (FormatAlign, u8) {
    match language {
        Language::English => (FormatAlign::Left, 1),
        Language::Arabic => (FormatAlign::Right, 2),
    }
}

/// Wrapped, and read as its language is, whichever way the sheet runs.
fn told(format: Format, language: Language) -> Format {
    let (align, direction) = side(language);
    let format = format.set_text_wrap().set_align(FormatAlign::Top);
    format.set_align(align).set_reading_direction(direction)
}

/// Not every spreadsheet fits rows to their text by itself.
fn height(told: &str) -> u16 {
    let lines = told.lines().map(|line| {
        let letters = textwrap::core::display_width(line);
        letters.div_ceil(TOLD_WIDTH.into()).max(1)
    });
    u16::try_from((lines.sum::<usize>() * LINE_POINTS).min(MOST_POINTS)).unwrap_or(0)
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
        .set_author("vlens-batch")
        .add_author_prefix(false)
        .set_width(width)
        .set_height(height)
}

/// The zero-based row, unless the sheet is full.
pub(super) fn within_sheet(row: u32) -> Result<u32, Error> {
    if row < MAX_ROWS {
        return Ok(row);
    }
    Err(Error::unexpected(
        "xlsx_too_many_rows",
        "An Excel sheet holds 1,048,576 rows, header included; there are more.",
    )
    .hint("Use --format csv or --format jsonl, or take a part of the rows with --only."))
}

/// An error of the workbook's writer, for a person. It names no cell's content.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(error: XlsxError) -> Error {
    Error::unexpected(
        "xlsx_not_written",
        format!("The workbook cannot be written: {error}."),
    )
    .hint("See whether the disk is full and the file is open elsewhere.")
}

/// Whether a spreadsheet might evaluate this text: it begins with `=`, `+`, `-` or `@` in any of their forms, be it behind white
/// space, quotes or characters that nobody sees. The one exception is a sign before digits alone, with `.`, `,` or spaces between
/// them, such as `+201012345678` or `-5`: it can call nothing, and phones must come back as they went out.
pub(super) fn looks_like_formula(text: &str) -> bool {
    let is_seen = |c: char| {
        let is_quote = matches!(c, '\'' | '"' | '`' | '‘' | '’' | '“' | '”' | '＇' | '＂');
        let takes_room = || textwrap::core::display_width(c.encode_utf8(&mut [0; 4])) > 0;
        c.is_alphanumeric() || !is_quote && !c.is_whitespace() && !c.is_control() && takes_room()
    };
    let mut rest = text.trim_start_matches(|c| !is_seen(c)).chars();
    match rest.next().and_then(|first| first.nfkc().next()) {
        Some('=' | '@') => true,
        Some('+' | '-' | '\u{2212}') => {
            let unsigned = rest.as_str();
            let is_number = unsigned.starts_with(char::is_numeric)
                && unsigned
                    .chars()
                    .all(|c| c.is_numeric() || matches!(c, '.' | ',' | ' '));
            !is_number
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_evaluated_is_told_from_phones_numbers_and_words() {
        for dangerous in [
            "=1+1",
            "+cmd|x!A",
            "-2+3",
            "+",
            "--5",
            "@SUM(A1)",
            "+2010*1",
            "\t=1",
            "\r=1",
            "\n@x",
            "  =1",
            "\u{a0}=1",
            "＝1+1",
            "﹦1",
            "＋1-1",
            "−1+1",
            "\u{200b}=1",
            "\u{feff}=1",
            "\u{200f}-A",
            "\u{2066}＠A",
            "\u{0}=1",
            "\u{ad}=1",
            "'=1",
            "\"=1",
            "“\n＝1",
        ] {
            assert!(looks_like_formula(dangerous), "{dangerous:?}");
        }
        for plain in [
            "",
            "+201012345678",
            "+20 101 234 5678",
            "+٢٠١٠١٢٣٤٥٦٧٨",
            "-5",
            "-1,500.25",
            "Mona Adel",
            "\"Mona\"",
            "منى عادل",
            "a=b",
            "2-3",
        ] {
            assert!(!looks_like_formula(plain), "{plain:?}");
        }
    }
}
