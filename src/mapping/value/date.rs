//! Reads a date: from a date cell, from a spreadsheet's serial number, or from text.
//!
//! A text whose day and month could be swapped is decided by its column (`date_order`) or not at all.

use jiff::civil;

use super::date_format::{self, impossible, invalid};
use super::date_order::{DateOrder, own_order};
use super::date_serial::from_serial;
use super::date_text::{self, Written};
use super::number::{self, Whole};
use super::{Fault, Given, Reading, text};
use crate::model::ProblemCode;

/// Reads a cell as a date, to go out in the form `output`.
pub(super) fn read(
    given: Given<'_>,
    input: Option<&str>,
    output: &str,
    order: Option<DateOrder>,
) -> Result<Reading<'static>, Fault> {
    let (at, repaired) = match given {
        Given::Date(at) => (not_only_a_time(at)?, false),
        Given::Number(number) => (from_number(number, input)?, true),
        Given::Text(text) => {
            let western = text::western_digits(text);
            (from_text(&western, input, order)?, *western != *text)
        }
        Given::Boolean(_) => {
            return Err(invalid("The cell holds no date; write it as YYYY-MM-DD."));
        }
    };
    check_year(at.year())?;
    Ok(Reading::new(date_format::written(at, output)?, repaired))
}

/// Spreadsheets keep a time without a date as a moment of their day zero.
fn not_only_a_time(at: civil::DateTime) -> Result<civil::DateTime, Fault> {
    if matches!((at.year(), at.month(), at.day()), (1899, 12, 30 | 31)) {
        return Err(invalid(
            "The cell holds a time without a date; write the date as YYYY-MM-DD.",
        ));
    }
    Ok(at)
}

fn from_text(
    text: &str,
    input: Option<&str>,
    order: Option<DateOrder>,
) -> Result<civil::DateTime, Fault> {
    if let Some(format) = input {
        return date_format::parsed(text, format);
    }
    let Some((written, time)) = date_text::take_apart(text) else {
        return Err(invalid(
            "The value is not a date; write it as YYYY-MM-DD, such as 1990-12-31.",
        ));
    };
    let (year, month, day) = match written {
        Written::Certain { year, month, day } => (year, month, day),
        Written::Either {
            first,
            second,
            year,
        } => match order.map_or_else(|| own_order(first, second), Ok)? {
            DateOrder::DayMonth => (year, second, first),
            DateOrder::MonthDay => (year, first, second),
        },
        Written::ShortYear => {
            return Err(Fault::new(
                ProblemCode::DateAmbiguous,
                "The year has two digits, so its century is not certain; write the year with four digits.",
            ));
        }
    };
    // Before the day is judged: the months of another calendar have other lengths.
    check_year(year)?;
    let date = civil::Date::new(year, month, day).map_err(|_| impossible())?;
    Ok(date.to_datetime(time))
}

/// A number in a date field is the digits of the form `input` (20240229), or a spreadsheet's serial number.
fn from_number(number: f64, input: Option<&str>) -> Result<civil::DateTime, Fault> {
    if let Some(format) = input
        && let Some(width) = date_format::width_of_digits(format)
        && let Whole::Digits(digits) = number::whole(number)
    {
        // A number cell loses the zero that the digits begin with, and only that.
        let lost_zero = if digits.len() + 1 == width { "0" } else { "" };
        return date_format::parsed(&format!("{lost_zero}{digits}"), format);
    }
    // Such a serial number would be a day of 1905: far more likely somebody typed a year.
    if number.fract() == 0.0 && (1900.0..=2100.0).contains(&number) {
        return Err(Fault::new(
            ProblemCode::DateAmbiguous,
            "The cell holds only a year; write the whole date as YYYY-MM-DD.",
        ));
    }
    from_serial(number).ok_or_else(|| {
        invalid("The cell holds a number that is no date; format the column as a date, or write it as YYYY-MM-DD.")
    })
}

/// Refuses years that no customer's paper holds: slips of the finger, two digits, another calendar.
fn check_year(year: i16) -> Result<(), Fault> {
    match year {
        1800..=2200 => Ok(()),
        1300..=1500 => Err(invalid(format!(
            "The year {year} seems to be one of the Hijri calendar; write the Gregorian date."
        ))),
        _ => Err(invalid(format!(
            "The year {year} cannot be right; write the year with four digits and check it."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProblemCode::{DateAmbiguous, DateInvalid};
    use DateOrder::{DayMonth, MonthDay};

    fn read_as(
        given: Given<'_>,
        input: Option<&str>,
        order: Option<DateOrder>,
    ) -> Result<String, ProblemCode> {
        read(given, input, "%Y-%m-%d", order)
            .map(|reading| reading.text.into_owned())
            .map_err(|fault| fault.code)
    }

    #[test]
    fn texts_without_a_form_are_read_when_they_are_certain() {
        let cases = [
            ("2024-02-29", None, Ok("2024-02-29")),
            ("٢٠٢٤-٠٢-٢٩", None, Ok("2024-02-29")),
            ("2024/2/9", Some(MonthDay), Ok("2024-02-09")),
            ("29/02/2024", None, Ok("2024-02-29")),
            ("02/29/2024", None, Ok("2024-02-29")),
            ("5/5/2024", None, Ok("2024-05-05")),
            ("5/3/2024", Some(DayMonth), Ok("2024-03-05")),
            ("5/3/2024", Some(MonthDay), Ok("2024-05-03")),
            ("5 مارس 2024", None, Ok("2024-03-05")),
            ("5/3/2024", None, Err(DateAmbiguous)),
            ("5/3/24", Some(DayMonth), Err(DateAmbiguous)),
            ("03/25/2024", Some(DayMonth), Err(DateInvalid)),
            ("30/02/2024", None, Err(DateInvalid)),
            ("29/02/2023", None, Err(DateInvalid)),
            ("2024-02-30", None, Err(DateInvalid)),
            ("40/40/2024", None, Err(DateInvalid)),
            ("0/0/2024", None, Err(DateInvalid)),
            ("05/09/1445", Some(DayMonth), Err(DateInvalid)),
            ("0024-02-29", None, Err(DateInvalid)),
            ("45351", None, Err(DateInvalid)),
            ("tomorrow", None, Err(DateInvalid)),
        ];
        for (text, order, expected) in cases {
            let expected = expected.map(str::to_owned);
            assert_eq!(read_as(Given::Text(text), None, order), expected, "{text}");
        }
    }

    #[test]
    fn a_named_form_decides_for_texts() {
        let form = Some("%d/%m/%Y");
        assert_eq!(
            read_as(Given::Text("05/03/2024"), form, Some(MonthDay)),
            Ok("2024-03-05".to_owned())
        );
        assert_eq!(
            read_as(Given::Text("٠٥/٠٣/٢٠٢٤"), form, None),
            Ok("2024-03-05".to_owned())
        );
        assert_eq!(
            read_as(Given::Text("2024-03-05"), form, None),
            Err(DateInvalid)
        );
        assert_eq!(
            read_as(Given::Text("05/03/24"), form, None),
            Err(DateInvalid)
        );
    }

    #[test]
    fn number_cells_are_serials_or_the_digits_of_the_named_form() {
        for (number, input, expected) in [
            (45_351.0, None, Ok("2024-02-29")),
            (45_351.0, Some("%d/%m/%Y"), Ok("2024-02-29")),
            (20_240_229.0, Some("%Y%m%d"), Ok("2024-02-29")),
            (29_022_024.0, Some("%d%m%Y"), Ok("2024-02-29")),
            (1_122_024.0, Some("%d%m%Y"), Ok("2024-12-01")),
            (10_124.0, Some("%d%m%y"), Ok("2024-01-01")),
            (45_351.0, Some("%Y%m%d"), Err(DateInvalid)),
            (20_240_230.0, Some("%Y%m%d"), Err(DateInvalid)),
            (20_240_229.0, None, Err(DateInvalid)),
            (1990.0, None, Err(DateAmbiguous)),
            (60.0, None, Err(DateInvalid)),
            (-5.0, Some("%Y%m%d"), Err(DateInvalid)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(
                read_as(Given::Number(number), input, None),
                expected,
                "{number} {input:?}"
            );
        }
    }

    #[test]
    fn date_cells_go_out_in_the_output_form() {
        let at = civil::date(2024, 2, 29).at(13, 5, 0, 0);
        let out = |output| {
            read(Given::Date(at), Some("%d"), output, None)
                .expect("readable")
                .text
        };
        assert_eq!(out("%Y-%m-%d"), "2024-02-29");
        assert_eq!(out("%d.%m.%Y %H:%M"), "29.02.2024 13:05");
        assert!(read(Given::Date(at), None, "%z", None).is_err());
        let only_a_time = civil::date(1899, 12, 31).at(13, 5, 0, 0);
        assert_eq!(
            read_as(Given::Date(only_a_time), None, None),
            Err(DateInvalid)
        );
    }

    #[test]
    fn a_hijri_date_is_named_as_one() {
        for text in ["05/09/1445", "30/02/1443"] {
            let fault = read(Given::Text(text), None, "%F", Some(DayMonth)).expect_err("refused");
            assert!(fault.message.contains("Hijri"), "{}", fault.message);
        }
    }
}
