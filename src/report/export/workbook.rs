//! Results as an Excel workbook: the team's own sheet with the result columns, statuses coloured, header frozen, filter on.

use std::io::Write;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use strum::VariantArray;

use crate::error::Error;
use crate::model::{ResultRow, Status};
use crate::report::spreadsheet::{self, TextCells};

use super::{ExportOptions, RESULT_COLUMNS, Sink, error_in_words, token_and_link};

pub(super) struct XlsxSink<'a, W: Write + Send> {
    workbook: Workbook,
    out: W,
    options: ExportOptions<'a>,
    columns: Vec<String>,
    text: TextCells,
    /// One a status, in their order.
    colours: [Format; Status::VARIANTS.len()],
    first_result_column: u16,
    rows: u32,
}

impl<'a, W: Write + Send> XlsxSink<'a, W> {
    pub(super) fn begin(
        columns: &[String],
        options: ExportOptions<'a>,
        out: W,
    ) -> Result<Self, Error> {
        spreadsheet::column_count(columns.len() + RESULT_COLUMNS.len())?;
        let mut workbook = Workbook::new();
        let sheet = workbook
            .add_worksheet_with_constant_memory()
            .and_then(|sheet| sheet.set_name("Results"))
            .map_err(|error| spreadsheet::complaint(&error))?;
        let names = columns.iter().map(String::as_str).chain(RESULT_COLUMNS);
        spreadsheet::start_sheet(sheet, 0, names, options.right_to_left)?;
        let first_result_column = spreadsheet::column_count(columns.len())?;
        make_printable(sheet, first_result_column)
            .map_err(|error| spreadsheet::complaint(&error))?;
        Ok(XlsxSink {
            workbook,
            out,
            options,
            columns: columns.to_vec(),
            text: TextCells::new(),
            colours: std::array::from_fn(|place| {
                spreadsheet::filled(ground(Status::VARIANTS[place]))
            }),
            first_result_column,
            rows: 1,
        })
    }
}

/// Wide enough for what stands in them where that is not told by the header: token, link, error, time.
const WIDTHS: [(u16, f64); 4] = [(2, 24.0), (3, 36.0), (5, 60.0), (7, 21.0)];

/// One page wide, lying, with the header on every page.
fn make_printable(sheet: &mut Worksheet, first_result_column: u16) -> Result<(), XlsxError> {
    for (place, width) in WIDTHS {
        sheet.set_column_width(first_result_column + place, width)?;
    }
    sheet
        .set_landscape()
        .set_print_fit_to_pages(1, 0)
        .set_repeat_rows(0, 0)?;
    Ok(())
}

/// Green is done, red needs a person, yellow needs an answer, grey needs nothing, blue is due.
fn ground(status: Status) -> u32 {
    match status {
        Status::Created => 0xC6_EFCE,
        Status::Invalid | Status::Rejected => 0xFF_C7CE,
        Status::Failed => 0xF8_CBAD,
        Status::Uncertain => 0xFF_EB9C,
        Status::Duplicate => 0xD9_D9D9,
        Status::Pending => 0xDD_EBF7,
    }
}

impl<W: Write + Send> Sink for XlsxSink<'_, W> {
    fn row(&mut self, row: &ResultRow) -> Result<(), Error> {
        let error = error_in_words(row);
        let (token, link) = token_and_link(row, &self.options)?;
        let at = spreadsheet::next_row(self.rows)?;
        let sheet = self
            .workbook
            .worksheet_from_index(0)
            .map_err(|error| spreadsheet::complaint(&error))?;
        for ((column, name), cell) in (0u16..).zip(&self.columns).zip(&row.cells) {
            self.text.write(sheet, at, column, cell, row.row, name)?;
        }
        let first = self.first_result_column;
        let sent_at = row.sent_at.map(|at| at.to_string());
        let texts = [
            (2, token),
            (3, link.as_deref()),
            (4, row.error_code.as_deref()),
            (5, error.as_deref()),
            (7, sent_at.as_deref()),
        ];
        // Constant memory wants rows in order; within a row the cells may come in any.
        for (place, text) in texts {
            let text = text.unwrap_or_default();
            let name = RESULT_COLUMNS[usize::from(place)];
            self.text
                .write(sheet, at, first + place, text, row.row, name)?;
        }
        let colour = &self.colours[row.status as usize];
        sheet
            .write_number(at, first, row.row.0)
            .and_then(|sheet| {
                sheet.write_string_with_format(at, first + 1, row.status.into_str(), colour)
            })
            .and_then(|sheet| sheet.write_number(at, first + 6, row.attempts))
            .map_err(|error| spreadsheet::complaint(&error))?;
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let last_column = self.first_result_column + 7;
        self.workbook
            .worksheet_from_index(0)
            .and_then(|sheet| sheet.autofilter(0, 0, self.rows - 1, last_column))
            .map_err(|error| spreadsheet::complaint(&error))?;
        spreadsheet::save(&mut self.workbook, self.out)
    }
}
