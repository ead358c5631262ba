//! What every workbook written here has in common: formats, limits of the format, errors for people, cells that are never taken for
//! a formula. A text is a text: a phone or a national id in it is never a number.

use std::io::Write;

use jiff::civil;
use rust_xlsxwriter::{
    Color, Format, FormatAlign, FormatBorder, IgnoreError, Note, Workbook, Worksheet, XlsxError,
};
use unicode_normalization::UnicodeNormalization;

use crate::error::Error;
use crate::model::{printable, printable_lines};

/// Rows of a sheet, the header included.
pub(super) const MAX_ROWS: u32 = 1_048_576;
const MAX_COLUMNS: usize = 16_384;
/// UTF-16 units of a cell.
const MAX_CELL_UNITS: usize = 32_767;
/// As the format counts reading orders.
const LEFT_TO_RIGHT: u8 = 1;

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
    Text(&'a str),
    /// What this tool says, a line for each sentence, in English whichever way the sheet runs.
    Told(&'a str),
    Number(f64),
    Boolean(bool),
    Date(civil::DateTime),
}

fn format_of(value: &Value<'_>, fill: Fill) -> Format {
    let format = fill.format();
    match value {
        // The mark that Excel itself keeps for text: an apostrophe that shows only in the formula bar.
        Value::Text(text) if looks_like_formula(text) => format.set_quote_prefix(),
        Value::Told(_) => format
            .set_text_wrap()
            .set_align(FormatAlign::Left)
            .set_align(FormatAlign::Top)
            .set_reading_direction(LEFT_TO_RIGHT),
        // Otherwise many digits would be shown with an exponent.
        Value::Number(number) if number.fract() == 0.0 && number.abs() >= 1e11 => {
            format.set_num_format("0")
        }
        Value::Date(at) if at.time() == civil::Time::midnight() => {
            format.set_num_format("yyyy-mm-dd")
        }
        Value::Date(_) => format.set_num_format("yyyy-mm-dd hh:mm:ss"),
        Value::Text(_) | Value::Number(_) | Value::Boolean(_) => format,
    }
}

/// A workbook with one sheet of customers, written row by row, which are not kept in memory.
pub(super) struct Book {
    pub(super) workbook: Workbook,
    /// Of the sheet of customers among the workbook's.
    sheet: usize,
    header_row: u32,
    names: Vec<String>,
}

impl Book {
    /// Begins the sheet of customers behind those that `workbook` has: its header written, styled, kept in sight and printed on
    /// every page. A name that Excel refuses becomes `Rows`.
    pub(super) fn begin(
        mut workbook: Workbook,
        name: &str,
        header_row: u32,
        mut names: Vec<String>,
        right_to_left: bool,
    ) -> Result<Book, Error> {
        for name in &mut names {
            *name = printable_lines(name).into_owned();
        }
        if names.len() > MAX_COLUMNS {
            let message = format!(
                "An Excel sheet holds 16,384 columns; there would be {}.",
                names.len()
            );
            return Err(Error::unexpected("xlsx_too_many_columns", message)
                .hint("Use --format csv or --format jsonl."));
        }
        let header_row = within_sheet(header_row)?;
        let index = workbook.worksheets().len();
        let sheet = workbook
            .add_worksheet_with_constant_memory()
            .map_err(failed)?;
        if sheet.set_name(printable(name)).is_err() {
            sheet.set_name("Rows").map_err(failed)?;
        }
        sheet.set_right_to_left(right_to_left);
        write_header(sheet, header_row, &names).map_err(failed)?;
        Ok(Book {
            workbook,
            sheet: index,
            header_row,
            names,
        })
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
        if let Value::Text(text) | Value::Told(text) = value {
            self.fits(text, row, column)?;
        }
        // Beyond the last column the writer refuses.
        let column = u16::try_from(column).unwrap_or(u16::MAX);
        let format = &format_of(&value, fill);
        let sheet = self.sheet()?;
        let written = match value {
            Value::Text("") | Value::Told("") if fill == Fill::None => Ok(sheet),
            Value::Text("") | Value::Told("") => sheet.write_blank(row, column, format),
            Value::Text(text) | Value::Told(text) => {
                sheet.write_string_with_format(row, column, printable_lines(text), format)
            }
            Value::Number(number) => sheet.write_number_with_format(row, column, number, format),
            Value::Boolean(is) => sheet.write_boolean_with_format(row, column, is, format),
            Value::Date(at) => sheet.write_datetime_with_format(row, column, at, format),
        };
        written.map(|_| ()).map_err(failed)
    }

    /// Nothing is cut: a text that a cell cannot hold is an error.
    fn fits(&self, text: &str, row: u32, column: usize) -> Result<(), Error> {
        // A UTF-8 text has at least as many bytes as UTF-16 units, so most cells need no counting.
        if text.len() <= MAX_CELL_UNITS || text.encode_utf16().count() <= MAX_CELL_UNITS {
            return Ok(());
        }
        let name = self.names.get(column).map_or("", String::as_str);
        Err(Error::unexpected(
            "xlsx_cell_too_long",
            format!(
                "Row {} of the workbook, column {name:?}: the text is longer than the 32,767 characters of an Excel cell.",
                row + 1
            ),
        )
        .hint("An export as CSV or JSON lines has no such limit."))
    }

    /// Ends the sheet of customers at its last row, and writes the workbook. A writer that gathers is emptied too, as an error on
    /// its way out would be lost.
    pub(super) fn finish(mut self, last_row: u32, mut out: impl Write + Send) -> Result<(), Error> {
        let header_row = self.header_row;
        let last_column = u16::try_from(self.names.len() - 1).unwrap_or(u16::MAX);
        self.sheet()?
            .autofilter(header_row, 0, last_row, last_column)
            .map_err(failed)?;
        self.workbook
            .save_to_writer(&mut out)
            .and_then(|()| out.flush().map_err(XlsxError::from))
            .map_err(failed)
    }
}

fn write_header(sheet: &mut Worksheet, row: u32, names: &[String]) -> Result<(), XlsxError> {
    let mut last = 0;
    for (column, name) in (0u16..).zip(names) {
        sheet.write_string_with_format(row, column, name, &header_format())?;
        sheet.set_column_width(column, width(name, 10, 40) + 4.0)?;
        last = column;
    }
    sheet.set_freeze_panes((row + 1).min(MAX_ROWS - 1), 0)?;
    sheet.set_repeat_rows(row, row)?;
    sheet.ignore_error_range(0, 0, MAX_ROWS - 1, last, IgnoreError::NumberStoredAsText)?;
    sheet.set_landscape().set_print_fit_to_pages(1, 0);
    Ok(())
}

/// The letters that a text takes side by side, within bounds.
pub(super) fn width(text: &str, least: usize, most: usize) -> f64 {
    let letters = textwrap::core::display_width(text).clamp(least, most);
    f64::from(u16::try_from(letters).unwrap_or(u16::MAX))
}

pub(super) fn header_format() -> Format {
    Format::new()
        .set_bold()
        .set_font_color(Color::White)
        .set_background_color(Color::RGB(0x1F_3A5F))
        .set_align(FormatAlign::VerticalCenter)
        .set_border_bottom(FormatBorder::Thin)
}

/// A note beside a cell, in pixels.
pub(super) fn note(text: &str, width: u32, height: u32) -> Note {
    Note::new(text)
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

/// Whether a sheet with these headers reads from right to left: when more of them begin in Arabic than in another script.
pub fn reads_right_to_left(columns: &[String]) -> bool {
    let letters = columns
        .iter()
        .filter_map(|name| name.chars().find(|c| c.is_alphabetic()));
    let (arabic, other): (Vec<char>, Vec<char>) = letters.partition(|&letter| is_arabic(letter));
    arabic.len() > other.len()
}

pub(super) fn is_arabic(letter: char) -> bool {
    matches!(letter, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{feff}')
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

    #[test]
    fn a_sheet_reads_as_most_of_its_headers_do() {
        for (headers, right_to_left) in [
            (&["الاسم", "رقم الموبايل", "email"][..], true),
            (&["1) الاسم"], true),
            (&["Name", "الاسم"], false),
            (&["123", ""], false),
            (&[], false),
        ] {
            let columns: Vec<String> = headers.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(reads_right_to_left(&columns), right_to_left, "{headers:?}");
        }
    }
}
