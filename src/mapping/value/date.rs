//! Reads a date: from a date cell, from a spreadsheet's serial number, or from text.
//!
//! A text whose day and month could be swapped is decided by its column ([`DateSurvey`]) or not at all.

use jiff::{ToSpan, civil};

use super::date_format::{self, impossible, invalid};
use super::date_text::{self, Written};
use super::{Fault, Given, Reading, text};
use crate::domain::{Cell, ProblemCode};

/// The last serial number taken for a date: 2099-12-31.
const LAST_SERIAL: f64 = 73_050.0;
/// The serial number of 1900-02-29, a day that spreadsheets invented.
const INVENTED_SERIAL: i32 = 60;
const SECONDS_A_DAY: f64 = 86_400.0;

/// Which of two numbers before a year is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// 31/12/1990.
    DayMonth,
    /// 12/31/1990.
    MonthDay,
}

/// Finds a column's order of day and month by the values that can be read in only one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DateSurvey {
    saw_day_first: bool,
    saw_month_first: bool,
}

impl DateSurvey {
    /// Takes a cell of the column into account.
    pub fn see(&mut self, cell: &Cell) {
        let Cell::Text(raw) = cell else { return };
        let western = text::western_digits(text::trim(raw));
        let clean = text::clean(&western);
        if let Some((Written::Either { first, second, .. }, _)) = date_text::take_apart(&clean.text)
        {
            self.saw_day_first |= is_only_day(first) && is_month(second);
            self.saw_month_first |= is_month(first) && is_only_day(second);
        }
    }

    /// The column's order; `None` when no value proves one, a fault when its values contradict each other.
    pub fn order(&self) -> Result<Option<DateOrder>, Fault> {
        match (self.saw_day_first, self.saw_month_first) {
            (true, true) => Err(Fault::new(
                ProblemCode::DateAmbiguous,
                "The column writes some dates as day/month and others as month/day; write all of them as YYYY-MM-DD.",
            )),
            (true, false) => Ok(Some(DateOrder::DayMonth)),
            (false, true) => Ok(Some(DateOrder::MonthDay)),
            (false, false) => Ok(None),
        }
    }
}

fn is_month(number: i8) -> bool {
    (1..=12).contains(&number)
}

fn is_only_day(number: i8) -> bool {
    (13..=31).contains(&number)
}

/// Reads a cell as a date, to go out in the form `output`.
pub(super) fn read(
    given: Given<'_>,
    input: Option<&str>,
    output: &str,
    order: Option<DateOrder>,
) -> Result<Reading, Fault> {
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
    let date = civil::Date::new(year, month, day).map_err(|error| impossible(&error))?;
    Ok(date.to_datetime(time))
}

/// The order that the two numbers prove by themselves.
fn own_order(first: i8, second: i8) -> Result<DateOrder, Fault> {
    if first == second || !is_month(first) {
        Ok(DateOrder::DayMonth)
    } else if !is_month(second) {
        Ok(DateOrder::MonthDay)
    } else {
        Err(Fault::new(
            ProblemCode::DateAmbiguous,
            "Day and month of the date could be swapped; write it as YYYY-MM-DD, or set `input` in the mapping.",
        ))
    }
}

/// A number in a date field is digits in the form `input` (20240229), or a spreadsheet's serial number.
fn from_number(number: f64, input: Option<&str>) -> Result<civil::DateTime, Fault> {
    if let Some(format) = input
        && number > LAST_SERIAL
        && number.fract() == 0.0
    {
        return date_format::parsed(&format!("{number}"), format);
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

/// The moment that a serial number of the 1900 system stands for.
fn from_serial(serial: f64) -> Option<civil::DateTime> {
    if !(1.0..LAST_SERIAL + 1.0).contains(&serial) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range is checked above"
    )]
    let (days, seconds) = (
        serial.trunc() as i32,
        (serial.fract() * SECONDS_A_DAY).round() as i32,
    );
    let day_zero = match days {
        INVENTED_SERIAL => return None,
        ..INVENTED_SERIAL => civil::date(1899, 12, 31),
        _ => civil::date(1899, 12, 30),
    };
    let midnight = day_zero.to_datetime(civil::Time::midnight());
    midnight.checked_add(days.days().seconds(seconds)).ok()
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
    use crate::domain::ProblemCode::{DateAmbiguous, DateInvalid};
    use DateOrder::{DayMonth, MonthDay};

    fn read_as(
        given: Given<'_>,
        input: Option<&str>,
        order: Option<DateOrder>,
    ) -> Result<String, ProblemCode> {
        read(given, input, "%Y-%m-%d", order)
            .map(|reading| reading.text)
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
        assert_eq!(
            read_as(Given::Number(20_240_229.0), Some("%Y%m%d"), None),
            Ok("2024-02-29".to_owned())
        );
    }

    #[test]
    fn serial_numbers_are_days_since_1900_with_the_invented_one() {
        for (serial, expected) in [
            (1.0, Ok("1900-01-01")),
            (59.0, Ok("1900-02-28")),
            (60.0, Err(DateInvalid)),
            (61.0, Ok("1900-03-01")),
            (32_874.0, Ok("1990-01-01")),
            (45_351.5, Ok("2024-02-29")),
            (45_350.999_999_999, Ok("2024-02-29")),
            (73_050.0, Ok("2099-12-31")),
            (73_051.0, Err(DateInvalid)),
            (0.5, Err(DateInvalid)),
            (-1.0, Err(DateInvalid)),
            (1990.0, Err(DateAmbiguous)),
            (1e300, Err(DateInvalid)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(
                read_as(Given::Number(serial), None, None),
                expected,
                "{serial}"
            );
        }
    }

    #[test]
    fn date_cells_go_out_in_the_output_form() {
        let at = civil::date(2024, 2, 29).at(13, 5, 0, 0);
        let out = |output| {
            read(Given::Date(at), Some("%d"), output, None)
                .unwrap()
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

    fn survey(texts: &[&str]) -> Result<Option<DateOrder>, ProblemCode> {
        let mut survey = DateSurvey::default();
        for text in texts {
            survey.see(&Cell::Text((*text).to_owned()));
        }
        survey.order().map_err(|fault| fault.code)
    }

    #[test]
    fn a_column_is_decided_by_its_unambiguous_values() {
        assert_eq!(
            survey(&["1/2/2024", "13/2/2024", "2024-01-31"]),
            Ok(Some(DayMonth))
        );
        assert_eq!(survey(&["1/2/2024", "٢/١٣/٢٠٢٤ "]), Ok(Some(MonthDay)));
        assert_eq!(
            survey(&["1/2/2024", "40/2/2024", "x", "", "13/2/24"]),
            Ok(None)
        );
        assert_eq!(survey(&["13/2/2024", "2/13/2024"]), Err(DateAmbiguous));
        assert_eq!(survey(&[]), Ok(None));
    }
}
