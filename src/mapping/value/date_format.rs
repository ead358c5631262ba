//! Reads and writes dates in the forms of strptime and strftime that a mapping names, and says early whether a form
//! is one.

use jiff::civil;
use jiff::fmt::strtime;

use super::{Fault, date_plain};
use crate::model::ProblemCode;

/// The date that shows what a form looks like: no two of its numbers are alike.
const SAMPLE: civil::DateTime = civil::datetime(1990, 12, 31, 14, 25, 36, 0);

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
pub(super) fn parsed(text: &str, format: &str) -> Result<civil::DateTime, Fault> {
    if let Some(date) = date_plain::plain_date(text, format) {
        return Ok(date.to_datetime(civil::Time::midnight()));
    }
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
pub(super) fn width_of_digits(format: &str) -> Option<usize> {
    let text = strtime::format(format, SAMPLE).ok()?;
    let is_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits.then_some(text.len())
}

/// A date in the form that goes out.
pub(super) fn written(at: civil::DateTime, format: &str) -> Result<String, Fault> {
    if let Some(text) = date_plain::written(at.date(), format) {
        return Ok(text);
    }
    strtime::format(format, at)
        .map_err(|error| invalid(format!("The date cannot be written as {format}: {error}.")))
}

/// Refuses a day that no calendar has.
pub(super) fn impossible() -> Fault {
    invalid("The month has no such day, or the year no such month; check both, and their order.")
}

/// Refuses what is no date.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(ProblemCode::DateInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_checked_before_any_row_is_read() {
        for format in [
            "%Y-%m-%d",
            "%d/%m/%Y",
            "%d %B %Y",
            "%Y%m%d",
            "%d.%m.%y",
            "%Y-%m-%d %H:%M:%S",
            "%F",
        ] {
            assert_eq!(check_date_format(format), Ok(()), "{format}");
            assert_eq!(check_date_input(format), Ok(()), "{format}");
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

    #[test]
    fn texts_are_read_in_the_named_form() {
        let leap_day = civil::date(2024, 2, 29).at(0, 0, 0, 0);
        assert_eq!(parsed("29/02/2024", "%d/%m/%Y"), Ok(leap_day));
        assert_eq!(parsed("29/2/2024", "%d/%m/%Y"), Ok(leap_day));
        let shape = parsed("2024-02-29", "%d/%m/%Y").expect_err("refused");
        assert!(shape.message.contains("31/12/1990"), "{}", shape.message);
        let day = parsed("30/02/2024", "%d/%m/%Y").expect_err("refused");
        let told = |c: char| c.is_ascii_digit();
        assert!(
            !day.message.contains(told),
            "part of a birth date: {}",
            day.message
        );
    }
}
