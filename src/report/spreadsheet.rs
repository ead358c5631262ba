//! What every workbook written here has in common: formats, limits of the format, errors for people, cells that are text and
//! nothing else. A phone or a national id is never a number, and nothing is ever a formula.

use std::io::Write;

use rust_xlsxwriter::{
    Color, Format, FormatAlign, FormatBorder, IgnoreError, Workbook, Worksheet, XlsxError,
};

use crate::error::Error;
use crate::model::RowNumber;

/// Rows of a sheet, the header included.
pub(super) const MAX_ROWS: u32 = 1_048_576;
/// Columns of a sheet.
pub(super) const MAX_COLUMNS: usize = 16_384;
/// UTF-16 units of a cell.
const MAX_CELL_UNITS: usize = 32_767;

/// Whether a sheet with these headers reads from right to left: when more of them begin in Arabic than in another script.
pub fn reads_right_to_left(columns: &[String]) -> bool {
    let is_arabic = |letter: char| matches!(letter, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{feff}');
    let letters = columns
        .iter()
        .filter_map(|name| name.chars().find(|c| c.is_alphabetic()));
    let (arabic, other): (Vec<char>, Vec<char>) = letters.partition(|&letter| is_arabic(letter));
    arabic.len() > other.len()
}

/// Dark text on a light ground, so that it reads when printed in grey.
pub(super) fn filled(ground: u32) -> Format {
    Format::new().set_background_color(Color::RGB(ground))
}

/// The header row's format.
pub(super) fn header_format() -> Format {
    Format::new()
        .set_bold()
        .set_font_color(Color::White)
        .set_background_color(Color::RGB(0x1F_3A5F))
        .set_align(FormatAlign::VerticalCenter)
        .set_border_bottom(FormatBorder::Thin)
}

/// Writes cells as text. What a spreadsheet would take for a formula on the next edit gets the mark that Excel itself keeps for
/// text (the apostrophe that shows only in the formula bar).
pub(super) struct TextCells {
    quote_prefixed: Format,
}

impl TextCells {
    pub(super) fn new() -> Self {
        TextCells {
            quote_prefixed: Format::new().set_quote_prefix(),
        }
    }

    pub(super) fn write(
        &self,
        sheet: &mut Worksheet,
        row: u32,
        column: u16,
        text: &str,
        source_row: RowNumber,
        name: &str,
    ) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        fits(text, source_row, name)?;
        let written = if super::export::looks_like_formula(text) {
            sheet.write_string_with_format(row, column, text, &self.quote_prefixed)
        } else {
            sheet.write_string(row, column, text)
        };
        written.map(|_| ()).map_err(|error| complaint(&error))
    }
}

/// Nothing is cut: a text that a cell cannot hold is an error.
pub(super) fn fits(text: &str, source_row: RowNumber, name: &str) -> Result<(), Error> {
    // A UTF-8 text has at least as many bytes as UTF-16 units, so most cells need no counting.
    if text.len() <= MAX_CELL_UNITS || text.encode_utf16().count() <= MAX_CELL_UNITS {
        return Ok(());
    }
    Err(Error::unexpected(
        "xlsx_cell_too_long",
        format!("Row {source_row}, column {name:?}: the text is longer than the 32,767 characters of an Excel cell."),
    )
    .hint("Use --format csv or --format jsonl; neither has such a limit."))
}

/// The zero-based sheet row after `rows` rows, or the complaint that the sheet is full.
pub(super) fn next_row(rows: u32) -> Result<u32, Error> {
    if rows < MAX_ROWS {
        return Ok(rows);
    }
    Err(Error::unexpected(
        "xlsx_too_many_rows",
        "An Excel sheet holds 1,048,576 rows, header included; there are more.",
    )
    .hint("Use --format csv or --format jsonl, or take a part of the rows with --only."))
}

/// The number of columns as the format counts them, or the complaint that there are too many.
pub(super) fn column_count(columns: usize) -> Result<u16, Error> {
    match u16::try_from(columns) {
        Ok(count) if columns <= MAX_COLUMNS => Ok(count),
        _ => Err(Error::unexpected(
            "xlsx_too_many_columns",
            format!("An Excel sheet holds 16,384 columns; there would be {columns}."),
        )
        .hint("Use --format csv or --format jsonl.")),
    }
}

/// The header row: written, styled, kept in sight; columns wide enough for it; no green corners on phones.
pub(super) fn start_sheet<'a>(
    sheet: &mut Worksheet,
    header_row: u32,
    names: impl Iterator<Item = &'a str>,
    right_to_left: bool,
) -> Result<(), Error> {
    let header = header_format();
    let mut last = 0;
    for (column, name) in (0u16..).zip(names) {
        let width =
            u16::try_from(console::measure_text_width(name).clamp(10, 40)).unwrap_or(40) + 4;
        sheet
            .write_string_with_format(header_row, column, name, &header)
            .and_then(|sheet| sheet.set_column_width(column, f64::from(width)))
            .map_err(|error| complaint(&error))?;
        last = column;
    }
    sheet
        .set_freeze_panes((header_row + 1).min(MAX_ROWS - 1), 0)
        .and_then(|sheet| {
            sheet.ignore_error_range(0, 0, MAX_ROWS - 1, last, IgnoreError::NumberStoredAsText)
        })
        .map_err(|error| complaint(&error))?;
    sheet.set_right_to_left(right_to_left);
    Ok(())
}

/// Writes the whole workbook. A writer that gathers is emptied too, as an error on its way out would be lost.
pub(super) fn save(workbook: &mut Workbook, mut out: impl Write + Send) -> Result<(), Error> {
    workbook
        .save_to_writer(&mut out)
        .and_then(|()| out.flush().map_err(XlsxError::from))
        .map_err(|error| complaint(&error))
}

/// An error of the workbook's writer, for a person. It names no cell's content.
pub(super) fn complaint(error: &XlsxError) -> Error {
    Error::unexpected(
        "xlsx_not_written",
        format!("The workbook cannot be written: {error}."),
    )
    .hint("See whether the disk is full and the file is open elsewhere.")
}

#[cfg(test)]
mod tests {
    use super::*;

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
