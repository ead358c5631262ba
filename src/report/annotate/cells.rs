//! Cells given back as they were, each kind as its own: text stays text, a date a date, a number a number; with the colour of what
//! was found in them.

use jiff::civil;
use rust_xlsxwriter::{ExcelDateTime, Format, FormatAlign, Worksheet, XlsxError};

use crate::error::Error;
use crate::model::{Cell, RowNumber};
use crate::report::export::looks_like_formula;
use crate::report::spreadsheet::{complaint, filled, fits};

/// What was found in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Problem,
    Repair,
    Duplicate,
}

impl Mark {
    const ALL: [Mark; 4] = [Mark::None, Mark::Problem, Mark::Repair, Mark::Duplicate];

    pub(super) fn format(self) -> Format {
        match self {
            Mark::None => Format::new(),
            Mark::Problem => filled(0xFF_C7CE),
            Mark::Repair => filled(0xDD_EBF7),
            Mark::Duplicate => filled(0xD9_D9D9),
        }
    }
}

/// As the format counts reading orders.
const LEFT_TO_RIGHT: u8 = 1;

/// The formats of every mark, made once.
pub(super) struct Cells {
    formats: [Formats; 4],
}

struct Formats {
    plain: Format,
    /// Text that a spreadsheet would take for a formula.
    quoted: Format,
    /// A whole number of many digits, which would otherwise be shown with an exponent.
    digits: Format,
    date: Format,
    date_time: Format,
    /// What was found, in English whichever way the sheet runs, a line for each finding.
    told: Format,
}

type Place = (u32, u16);

impl Cells {
    pub(super) fn new() -> Self {
        Cells {
            formats: Mark::ALL.map(|mark| Formats {
                plain: mark.format(),
                quoted: mark.format().set_quote_prefix(),
                digits: mark.format().set_num_format("0"),
                date: mark.format().set_num_format("yyyy-mm-dd"),
                date_time: mark.format().set_num_format("yyyy-mm-dd hh:mm:ss"),
                told: mark
                    .format()
                    .set_text_wrap()
                    .set_align(FormatAlign::Left)
                    .set_align(FormatAlign::Top)
                    .set_reading_direction(LEFT_TO_RIGHT),
            }),
        }
    }

    pub(super) fn cell(
        &self,
        sheet: &mut Worksheet,
        place: Place,
        cell: &Cell,
        mark: Mark,
        row: RowNumber,
    ) -> Result<(), Error> {
        let formats = self.of(mark);
        let (at, column) = place;
        let written = match cell {
            Cell::Empty | Cell::Uncalculated | Cell::Merged => {
                return self.blank(sheet, place, mark);
            }
            Cell::Text(text) | Cell::Error(text) | Cell::Undecodable(text) => {
                return self.text(sheet, place, text, mark, row);
            }
            Cell::Number(number) if number.fract() == 0.0 && number.abs() >= 1e11 => {
                sheet.write_number_with_format(at, column, *number, &formats.digits)
            }
            Cell::Number(number) => {
                sheet.write_number_with_format(at, column, *number, &formats.plain)
            }
            Cell::Boolean(value) => {
                sheet.write_boolean_with_format(at, column, *value, &formats.plain)
            }
            Cell::Date(date) => match excel_date(*date) {
                Ok(excel) if date.time() == civil::Time::midnight() => {
                    sheet.write_datetime_with_format(at, column, &excel, &formats.date)
                }
                Ok(excel) => {
                    sheet.write_datetime_with_format(at, column, &excel, &formats.date_time)
                }
                // Before 1900 Excel knows no dates.
                Err(_) => return self.text(sheet, place, &cell.shown(), mark, row),
            },
        };
        written.map(|_| ()).map_err(|error| complaint(&error))
    }

    pub(super) fn text(
        &self,
        sheet: &mut Worksheet,
        place: Place,
        text: &str,
        mark: Mark,
        row: RowNumber,
    ) -> Result<(), Error> {
        let (at, column) = place;
        if text.is_empty() {
            return self.blank(sheet, place, mark);
        }
        fits(text, row, &format!("{}", column + 1))?;
        let formats = self.of(mark);
        let written = if looks_like_formula(text) {
            sheet.write_string_with_format(at, column, text, &formats.quoted)
        } else if mark == Mark::None {
            sheet.write_string(at, column, text)
        } else {
            sheet.write_string_with_format(at, column, text, &formats.plain)
        };
        written.map(|_| ()).map_err(|error| complaint(&error))
    }

    /// What was found in the row.
    pub(super) fn told(
        &self,
        sheet: &mut Worksheet,
        (at, column): Place,
        told: &str,
        mark: Mark,
        row: RowNumber,
    ) -> Result<(), Error> {
        if told.is_empty() {
            return Ok(());
        }
        fits(told, row, super::PROBLEMS_COLUMN)?;
        sheet
            .write_string_with_format(at, column, told, &self.of(mark).told)
            .and_then(|sheet| sheet.set_row_height(at, height(told)))
            .map(|_| ())
            .map_err(|error| complaint(&error))
    }

    /// An empty cell, visible only if something was found in it.
    pub(super) fn blank(
        &self,
        sheet: &mut Worksheet,
        place: Place,
        mark: Mark,
    ) -> Result<(), Error> {
        if mark == Mark::None {
            return Ok(());
        }
        sheet
            .write_blank(place.0, place.1, &self.of(mark).plain)
            .map(|_| ())
            .map_err(|error| complaint(&error))
    }

    fn of(&self, mark: Mark) -> &Formats {
        &self.formats[mark as usize]
    }
}

/// The height in points that a text takes in the problems' column: not every spreadsheet fits rows to their text by itself.
fn height(told: &str) -> u16 {
    const LINE: usize = 15;
    const MOST: usize = 400;
    let letters_in_line = usize::from(super::PROBLEMS_WIDTH);
    let lines: usize = told
        .lines()
        .map(|line| line.chars().count().div_ceil(letters_in_line).max(1))
        .sum();
    u16::try_from((lines * LINE).min(MOST)).unwrap_or(0)
}

fn excel_date(at: civil::DateTime) -> Result<ExcelDateTime, XlsxError> {
    let year = u16::try_from(at.year()).unwrap_or(0);
    let field = |value: i8| u8::try_from(value).unwrap_or(0);
    ExcelDateTime::from_ymd(year, field(at.month()), field(at.day()))?.and_hms(
        u16::from(field(at.hour())),
        field(at.minute()),
        f64::from(at.second()),
    )
}
