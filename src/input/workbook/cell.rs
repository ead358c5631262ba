//! What a cell of a workbook is in the house's own words.

use calamine::{Data, DataRef, ExcelDateTime};
use jiff::civil;

use super::assembler::{Assembler, Halt};
use super::number_format::DigitFormat;
use crate::model::Cell;

/// What Excel shows in a date cell whose number is no date.
const NO_DATE: &str = "#####";

/// Pushes calamine's cell; a text without a copy of its own.
pub(super) fn push_calamine(
    assembler: &mut Assembler,
    (row, column): (u32, u32),
    value: &DataRef<'_>,
    format: Option<&DigitFormat>,
) -> Result<(), Halt> {
    match value {
        DataRef::SharedString(text) => assembler.push_text(row, column, text),
        DataRef::String(text) => assembler.push_text(row, column, text),
        value => assembler.push(row, column, from_calamine(value, format)),
    }
}

/// Turns calamine's cell into ours; a number by the format that its style gives it.
fn from_calamine(value: &DataRef<'_>, format: Option<&DigitFormat>) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) | DataRef::DurationIso(text) => Cell::Text(text.clone()),
        DataRef::SharedString(text) => Cell::Text((*text).to_owned()),
        #[expect(
            clippy::cast_precision_loss,
            reason = "a sheet's integers are doubles already"
        )]
        DataRef::Int(number) => number_cell(*number as f64, format),
        DataRef::Float(number) => number_cell(*number, format),
        DataRef::Bool(value) => Cell::Boolean(*value),
        DataRef::DateTime(at) => date_cell(*at),
        DataRef::DateTimeIso(text) => iso_date_cell(text),
        DataRef::Error(error) => Cell::Error(error.to_string()),
    }
}

/// A cell that calamine owns, lent out.
pub(super) fn lent(value: &Data) -> DataRef<'_> {
    match value {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) | Data::DurationIso(text) => DataRef::SharedString(text),
        Data::Bool(value) => DataRef::Bool(*value),
        Data::DateTime(at) => DataRef::DateTime(*at),
        Data::DateTimeIso(text) => DataRef::DateTimeIso(text.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

/// A date as ISO 8601 writes it; kept as text when it is none.
pub(super) fn iso_date_cell(text: &str) -> Cell {
    let text = text.trim();
    if let Ok(at) = text.trim_end_matches('Z').parse::<civil::DateTime>() {
        return Cell::Date(at);
    }
    match text.parse::<civil::Date>() {
        Ok(date) => Cell::Date(date.at(0, 0, 0, 0)),
        Err(_) => Cell::Text(text.to_owned()),
    }
}

/// A number with the zeros that its format shows, or as it is.
pub(super) fn number_cell(number: f64, format: Option<&DigitFormat>) -> Cell {
    match format.and_then(|format| format.with_zeros(number)) {
        Some(shown) => Cell::Text(shown),
        None => Cell::Number(number),
    }
}

fn date_cell(at: ExcelDateTime) -> Cell {
    let serial = at.as_f64();
    if at.is_duration() || (0.0..1.0).contains(&serial) {
        return Cell::Text(time_of_day(serial));
    }
    // calamine turns what is out of range into the nearest date; Excel shows no date at all.
    if !(1.0..2_958_466.0).contains(&serial) {
        return Cell::Error(NO_DATE.to_owned());
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let date = i16::try_from(year)
        .ok()
        .zip(i8::try_from(month).ok())
        .zip(i8::try_from(day).ok())
        .and_then(|((year, month), day)| civil::Date::new(year, month, day).ok());
    let time = i8::try_from(hour)
        .ok()
        .zip(i8::try_from(minute).ok())
        .zip(i8::try_from(second).ok())
        .and_then(|((hour, minute), second)| {
            civil::Time::new(hour, minute, second, i32::from(milli) * 1_000_000).ok()
        });
    match (date, time) {
        (Some(date), Some(time)) => Cell::Date(date.to_datetime(time)),
        // 1900-02-29, which Excel believes in.
        _ => Cell::Error(NO_DATE.to_owned()),
    }
}

/// A share of a day as hours, minutes and seconds; more than a day goes on counting hours.
fn time_of_day(days: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a saturating cast is what is wanted"
    )]
    let seconds = (days * 86_400.0).round() as i64;
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    format!(
        "{sign}{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    fn date(serial: f64, is_1904: bool) -> Cell {
        let at = ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, is_1904);
        from_calamine(&DataRef::DateTime(at), None)
    }

    #[test]
    fn serial_numbers_become_dates_in_both_epochs() {
        let shown = |cell: Cell| cell.shown();
        assert_eq!(shown(date(45_351.0, false)), "2024-02-29");
        assert_eq!(shown(date(45_351.0 - 1462.0, true)), "2024-02-29");
        assert_eq!(shown(date(45_351.5, false)), "2024-02-29T12:00:00");
        assert_eq!(date(0.75, false), Cell::Text("18:00:00".to_owned()));
        assert_eq!(date(-5.0, false), Cell::Error(NO_DATE.to_owned()));
        assert_eq!(
            date(201_012_345_678.0, false),
            Cell::Error(NO_DATE.to_owned())
        );
        assert_eq!(date(60.0, false), Cell::Error(NO_DATE.to_owned()));
    }

    #[test]
    fn iso_texts_become_dates() {
        assert_eq!(iso_date_cell("2024-02-29").shown(), "2024-02-29");
        assert_eq!(
            iso_date_cell("2024-02-29T13:05:07").shown(),
            "2024-02-29T13:05:07"
        );
        assert_eq!(iso_date_cell("soon"), Cell::Text("soon".to_owned()));
    }

    #[test]
    fn numbers_stay_numbers_for_the_mapping_to_judge() {
        let cell = from_calamine(&DataRef::Float(201_012_345_678.0), None);
        assert_eq!(cell, Cell::Number(201_012_345_678.0));
    }
}
