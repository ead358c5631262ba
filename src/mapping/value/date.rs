//! Reads a date: from a date cell, from a spreadsheet's serial number, or from text: in the form that the mapping names, or as ISO,
//! numbers around a separator, or with a month's name.
//!
//! A text whose day and month could be swapped is decided by its column (see `Convention`) or not at all.

use jiff::fmt::strtime;
use jiff::{ToSpan, civil};

use super::number::{self, Whole};
use super::text::{Fault, Given, Reading, is_digits};
use crate::mapping::names::{fold_choice, is_dash, western_digits};
use crate::mapping::words::WORDS;
use crate::model::ProblemCode;

/// The date that shows what a form looks like: no two of its numbers are alike.
const SAMPLE: civil::DateTime = civil::datetime(1990, 12, 31, 14, 25, 36, 0);
/// The forms of a time after a date.
const TIME_FORMS: [&str; 5] = [
    "%H:%M",
    "%H:%M:%S",
    "%H:%M:%S%.f",
    "%I:%M %p",
    "%I:%M:%S %p",
];

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

/// What a written date says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Year first, or a month's name: each number has its place.
    Certain { year: i16, month: i8, day: i8 },
    /// Two numbers before a year, one of them the day.
    Either { first: i8, second: i8, year: i16 },
    /// The year has two digits, so its century is not said.
    ShortYear,
}

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
            let western = western_digits(text);
            (from_text(&western, input, order)?, *western != *text)
        }
        Given::Boolean(_) => {
            return Err(invalid("The cell holds no date; write it as YYYY-MM-DD."));
        }
    };
    check_year(at.year())?;
    Ok(Reading::new(written_as(at, output)?, repaired))
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
        return parsed(text, format);
    }
    let Some((written, time)) = take_apart(text) else {
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

/// The order that a text can only be read in, if it is a date.
pub(super) fn proved(text: &str) -> Option<DateOrder> {
    let western = western_digits(text);
    let (Written::Either { first, second, .. }, _) = take_apart(&western)? else {
        return None;
    };
    match (first, second) {
        (13..=31, 1..=12) => Some(DateOrder::DayMonth),
        (1..=12, 13..=31) => Some(DateOrder::MonthDay),
        _ => None,
    }
}

/// The order that the two numbers prove by themselves.
fn own_order(first: i8, second: i8) -> Result<DateOrder, Fault> {
    let is_month = |number| (1..=12).contains(&number);
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

/// A number in a date field is the digits of the form `input` (20240229), or a spreadsheet's serial number.
fn from_number(number: f64, input: Option<&str>) -> Result<civil::DateTime, Fault> {
    if let Some(format) = input
        && let Some(width) = width_of_digits(format)
        && let Whole::Digits(digits) = number::whole(number)
    {
        // A number cell loses the zero that the digits begin with, and only that.
        let lost_zero = if digits.len() + 1 == width { "0" } else { "" };
        return parsed(&format!("{lost_zero}{digits}"), format);
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

/// Whether dates can be written in this form; else what is wrong with it.
pub fn check_date_format(format: &str) -> Result<(), String> {
    if !format.contains('%') {
        return Err(format!(
            "\"{format}\" has no part that begins with %; write it as in %d/%m/%Y"
        ));
    }
    match strtime::format(format, SAMPLE) {
        Ok(text) if text.trim().is_empty() => Err(format!("\"{format}\" writes nothing of a date")),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("\"{format}\" is not a date format: {error}")),
    }
}

/// Whether dates can be read in this form: it must hold a whole date, and only parts that can be read back.
pub fn check_date_input(format: &str) -> Result<(), String> {
    check_date_format(format)?;
    let read_back = strtime::format(format, SAMPLE)
        .and_then(|text| strtime::parse(format, text))
        .and_then(|parts| parts.to_date());
    match read_back {
        Ok(date) if date == SAMPLE.date() => Ok(()),
        Ok(_) => Err(format!(
            "\"{format}\" does not give back the date that it is given"
        )),
        Err(error) => Err(format!(
            "\"{format}\" cannot be read back as a date: {error}"
        )),
    }
}

/// The date in a text of Western digits, written in the form `format`.
fn parsed(text: &str, format: &str) -> Result<civil::DateTime, Fault> {
    let parts = strtime::parse(format, text).map_err(|_| {
        let example = strtime::format(format, SAMPLE).unwrap_or_default();
        invalid(format!(
            "The date is not written as {format} says; write it as in {example}."
        ))
    })?;
    let date = parts.to_date().map_err(|_| impossible())?;
    let time = parts.to_time().unwrap_or_else(|_| civil::Time::midnight());
    Ok(date.to_datetime(time))
}

/// How many digits a date of this form has, when it has nothing else: 8 for `%Y%m%d`.
fn width_of_digits(format: &str) -> Option<usize> {
    let text = strtime::format(format, SAMPLE).ok()?;
    let is_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits.then_some(text.len())
}

/// A date in the form that goes out.
fn written_as(at: civil::DateTime, format: &str) -> Result<String, Fault> {
    strtime::format(format, at)
        .map_err(|error| invalid(format!("The date cannot be written as {format}: {error}.")))
}

/// Refuses a day that no calendar has.
fn impossible() -> Fault {
    invalid("The month has no such day, or the year no such month; check both, and their order.")
}

/// Refuses what is no date.
fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(ProblemCode::DateInvalid, message)
}

/// The date and time in a text of Western digits; `None` when it is not a date.
fn take_apart(text: &str) -> Option<(Written, civil::Time)> {
    let (date, time) = match text.find(':') {
        Some(colon) => with_time(text, colon)?,
        None => (text, civil::Time::midnight()),
    };
    Some((written(date)?, time))
}

fn with_time(text: &str, colon: usize) -> Option<(&str, civil::Time)> {
    let gap = text[..colon].rfind(|c: char| c.is_whitespace() || c == 'T')?;
    let gap_end = gap + text[gap..].chars().next()?.len_utf8();
    let time = text[gap_end..].trim();
    let time = TIME_FORMS
        .iter()
        .find_map(|form| strtime::parse(form, time).ok()?.to_time().ok())?;
    Some((text[..gap].trim_end(), time))
}

/// One of the three parts of a date.
enum Part {
    Year(i16),
    /// A day, a month or a short year.
    Small(i8),
    Month(i8),
}

impl Part {
    fn of(text: &str) -> Option<Part> {
        match text.len() {
            4 if is_digits(text) => text.parse().ok().map(Part::Year),
            1 | 2 if is_digits(text) => text.parse().ok().map(Part::Small),
            _ => {
                let name = fold_choice(text);
                let at = WORDS
                    .months
                    .iter()
                    .position(|names| names.contains(&name))?;
                i8::try_from(at + 1).ok().map(Part::Month)
            }
        }
    }
}

fn written(date: &str) -> Option<Written> {
    use Part::{Month, Small, Year};
    let is_separator =
        |c: char| matches!(c, '/' | '\\' | '.' | ',' | '،') || is_dash(c) || c.is_whitespace();
    if date.starts_with(is_separator) || date.ends_with(is_separator) {
        return None;
    }
    let parts = date.split(is_separator).filter(|part| !part.is_empty());
    let parts: Vec<Part> = parts.map(Part::of).collect::<Option<_>>()?;
    Some(match parts[..] {
        [Year(year), Small(month) | Month(month), Small(day)]
        | [Small(day), Month(month), Year(year)]
        | [Month(month), Small(day), Year(year)] => Written::Certain { year, month, day },
        [Small(first), Small(second), Year(year)] => Written::Either {
            first,
            second,
            year,
        },
        [Small(_), Small(_) | Month(_), Small(_)] | [Month(_), Small(_), Small(_)] => {
            Written::ShortYear
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use DateOrder::{DayMonth, MonthDay};

    fn read_as(given: Given<'_>, input: Option<&str>, order: Option<DateOrder>) -> String {
        match read(given, input, "%Y-%m-%d", order) {
            Ok(reading) => reading.text.into_owned(),
            Err(fault) => fault.code.to_string(),
        }
    }

    fn cases(table: &str) -> impl Iterator<Item = (&str, &str)> {
        let lines = table.lines().filter_map(|line| line.split_once('|'));
        lines.map(|(text, expected)| (text.trim(), expected.trim()))
    }

    #[test]
    fn texts_without_a_form_are_read_when_they_are_certain() {
        let certain = "
            2024-02-29            | 2024-02-29
            2024/2/29             | 2024-02-29
            2024.02.29            | 2024-02-29
            2024–02–29            | 2024-02-29
            2024-02-29T13:05:07   | 2024-02-29
            2024-02-29 00:00:00   | 2024-02-29
            ٢٠٢٤-٠٢-٢٩            | 2024-02-29
            29 Feb 2024           | 2024-02-29
            29-feb-2024           | 2024-02-29
            February 29, 2024     | 2024-02-29
            29 فبراير، 2024       | 2024-02-29
            5 أبريل 2024          | 2024-04-05
            5 يونية 2024          | 2024-06-05
            2024 Sept 5           | 2024-09-05
            29/02/2024            | 2024-02-29
            02/29/2024            | 2024-02-29
            29/02/2024 1:05 PM    | 2024-02-29
            5/5/2024              | 2024-05-05
            5/3/2024              | date_ambiguous
            05.03.2024 12:00 AM   | date_ambiguous
            5/3/24                | date_ambiguous
            05-Mar-24             | date_ambiguous
            90/03/05              | date_ambiguous
            30/02/2024            | date_invalid
            29/02/2023            | date_invalid
            2024-02-30            | date_invalid
            40/40/2024            | date_invalid
            0/0/2024              | date_invalid
            0024-02-29            | date_invalid
            45351                 | date_invalid
            20240229              | date_invalid
            5/3                   | date_invalid
            5/3/2024/1            | date_invalid
            /5/3/2024             | date_invalid
            5/3/024               | date_invalid
            5/3/2024 25:00        | date_invalid
            2024-02-29T00:00:00Z  | date_invalid
            Feb Mar 2024          | date_invalid
            tomorrow              | date_invalid
            T:                    | date_invalid";
        for (text, expected) in cases(certain) {
            assert_eq!(read_as(Given::Text(text), None, None), expected, "{text}");
        }
    }

    #[test]
    fn a_column_or_a_named_form_decides() {
        let text = Given::Text;
        for (given, input, order, expected) in [
            (text("5/3/2024"), None, Some(DayMonth), "2024-03-05"),
            (text("5/3/2024"), None, Some(MonthDay), "2024-05-03"),
            (text("03/25/2024"), None, Some(DayMonth), "date_invalid"),
            (text("5/3/24"), None, Some(DayMonth), "date_ambiguous"),
            (
                text("05/03/2024"),
                Some("%d/%m/%Y"),
                Some(MonthDay),
                "2024-03-05",
            ),
            (text("٠٥/٠٣/٢٠٢٤"), Some("%d/%m/%Y"), None, "2024-03-05"),
            (text("5/3/2024"), Some("%d/%m/%Y"), None, "2024-03-05"),
            (text("2024-03-05"), Some("%d/%m/%Y"), None, "date_invalid"),
            (text("05/03/24"), Some("%d/%m/%Y"), None, "date_invalid"),
        ] {
            assert_eq!(
                read_as(given, input, order),
                expected,
                "{given:?} {input:?}"
            );
        }
    }

    #[test]
    fn number_cells_are_serials_or_the_digits_of_the_named_form() {
        for (number, input, expected) in [
            (1.0, None, "1900-01-01"),
            (59.0, None, "1900-02-28"),
            (61.0, None, "1900-03-01"),
            (45_350.999_999_999, None, "2024-02-29"),
            (73_050.0, None, "2099-12-31"),
            (45_351.0, Some("%d/%m/%Y"), "2024-02-29"),
            (20_240_229.0, Some("%Y%m%d"), "2024-02-29"),
            (1_122_024.0, Some("%d%m%Y"), "2024-12-01"),
            (10_124.0, Some("%d%m%y"), "2024-01-01"),
            (45_351.0, Some("%Y%m%d"), "date_invalid"),
            (20_240_230.0, Some("%Y%m%d"), "date_invalid"),
            (20_240_229.0, None, "date_invalid"),
            (1990.0, None, "date_ambiguous"),
            // The day that spreadsheets invented.
            (60.0, None, "date_invalid"),
            (73_051.0, None, "date_invalid"),
            (0.5, None, "date_invalid"),
            (-5.0, Some("%Y%m%d"), "date_invalid"),
            (1e300, None, "date_invalid"),
        ] {
            assert_eq!(
                read_as(Given::Number(number), input, None),
                expected,
                "{number}"
            );
        }
    }

    #[test]
    fn date_cells_go_out_in_the_output_form() {
        let at = civil::date(2024, 2, 29).at(13, 5, 0, 0);
        let out = |output| read(Given::Date(at), Some("%d"), output, None);
        assert_eq!(
            out("%d.%m.%Y %H:%M").expect("readable").text,
            "29.02.2024 13:05"
        );
        assert!(out("%z").is_err());
        let only_a_time = civil::date(1899, 12, 31).at(13, 5, 0, 0);
        assert_eq!(
            read_as(Given::Date(only_a_time), None, None),
            "date_invalid"
        );
    }

    #[test]
    fn messages_help_and_hold_no_part_of_a_birth_date() {
        let message = |text, input| {
            let fault = read(Given::Text(text), input, "%F", Some(DayMonth)).expect_err("refused");
            fault.message
        };
        for text in ["05/09/1445", "30/02/1443"] {
            assert!(message(text, None).contains("Hijri"), "{text}");
        }
        assert!(message("2024-02-29", Some("%d/%m/%Y")).contains("31/12/1990"));
        let impossible = message("30/02/2024", Some("%d/%m/%Y"));
        assert!(
            !impossible.contains(|c: char| c.is_ascii_digit()),
            "{impossible}"
        );
    }

    #[test]
    fn forms_are_checked_before_any_row_is_read() {
        for form in [
            "%Y-%m-%d",
            "%d/%m/%Y",
            "%d %B %Y",
            "%Y%m%d",
            "%d.%m.%y",
            "%F %H:%M:%S",
        ] {
            assert_eq!(check_date_format(form), Ok(()), "{form}");
            assert_eq!(check_date_input(form), Ok(()), "{form}");
        }
        for output_only in ["%B %Y", "%d/%m", "%Y"] {
            assert_eq!(check_date_format(output_only), Ok(()), "{output_only}");
            assert!(check_date_input(output_only).is_err(), "{output_only}");
        }
        for wrong in [
            "",
            "DD/MM/YYYY",
            "%",
            "%J",
            "%d/%m/%",
            "%Y-%m-%d %z",
            "%n%t",
        ] {
            assert!(check_date_format(wrong).is_err(), "{wrong}");
            assert!(check_date_input(wrong).is_err(), "{wrong}");
        }
    }
}
