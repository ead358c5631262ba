//! Reads a date: from a date cell, from a spreadsheet's serial number, or from text: in the form that the mapping names, or as ISO,
//! numbers around a separator, or with a month's name.
//!
//! A text whose day and month could be swapped is decided by its column (see `Convention`) or not at all.

use std::borrow::Cow;
use std::ops::Range;

use jiff::fmt::strtime;
use jiff::{SignedDuration, civil};

use super::number;
use super::text::{self, Given, Reading};
use crate::mapping::names::{WORDS, fold_choice, is_dash, is_digits, western_digits};
use crate::model::Fault;

/// The date that shows what a form looks like: no two of its numbers are alike.
const SAMPLE: civil::DateTime = civil::datetime(1990, 12, 31, 14, 25, 36, 0);
const ANOTHER_HOUR: civil::DateTime = civil::datetime(1990, 12, 31, 9, 25, 36, 0);
const ANOTHER_MINUTE: civil::DateTime = civil::datetime(1990, 12, 31, 14, 52, 36, 0);
const TIME_FORMS: &str = "%H:%M|%H:%M:%S|%H:%M:%S%.f|%I:%M %p|%I:%M:%S %p";

/// The serial numbers taken for dates, 1915-01-01 to 2099-12-31: smaller ones are ages, days of a month, amounts.
const SERIALS: Range<f64> = 5_480.0..73_051.0;
const SECONDS_A_DAY: f64 = 86_400.0;

/// Which of two numbers before a year is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// 31/12/1990.
    DayMonth,
    /// 12/31/1990.
    MonthDay,
}

/// What a written date says: year, day and month, and the order of those where the year stands first or the month by its name.
type Written = (i16, [i16; 2], Option<DateOrder>);

pub(super) fn read(
    given: Given<'_>,
    input: Option<&str>,
    output: &str,
    order: Option<DateOrder>,
) -> Result<Reading<'static>, Fault> {
    let (at, repaired) = match given {
        // Spreadsheets keep a time without a date as a moment of their day zero.
        Given::Date(at) if matches!((at.year(), at.month(), at.day()), (1899, 12, 30 | 31)) => {
            return Err(Fault::of("date_only_time", &[]));
        }
        Given::Date(at) => (at, false),
        Given::Number(number) => (from_number(number, input)?, true),
        Given::Text(text) => {
            let western = western_digits(text);
            (from_text(&western, input, order)?, *western != *text)
        }
        Given::Boolean(_) => return Err(Fault::of("date_absent", &[])),
    };
    check_year(at.year())?;
    let sent = strtime::format(output, at);
    let sent = sent.map_err(|error| Fault::of("date_unwritable", &[&output, &error]))?;
    // Where the time goes out as well, it is meant.
    let is_date_alone = || strtime::format(output, at.date()).is_ok();
    if may_be_midnight(at) && is_date_alone() {
        return Err(Fault::of("date_shifted", &[]));
    }
    Ok(Reading::new(sent, repaired))
}

/// Whether a moment may be the midnight of a date, as a program tells it that writes in another time zone; the day is then one off.
pub(super) fn may_be_midnight(at: civil::DateTime) -> bool {
    const HALF_HOUR_S: i32 = 1800;
    const NEAR_S: i32 = 4 * 3600;
    let [hours, minutes, seconds] = [at.hour(), at.minute(), at.second()].map(i32::from);
    let after = (hours * 60 + minutes) * 60 + seconds;
    // Serial numbers of days are a second off at the most.
    let is_whole = (after + 1) % HALF_HOUR_S <= 2;
    let is_near = after.min(24 * 3600 - after) <= NEAR_S + 1;
    is_whole && is_near && after > 1
}

fn from_text(
    text: &str,
    input: Option<&str>,
    order: Option<DateOrder>,
) -> Result<civil::DateTime, Fault> {
    if let Some(format) = input.filter(|it| !is_iso(text) || it.starts_with("%Y-")) {
        return parsed(text, format);
    }
    let ((year, [one, other], known), time) = take_apart(text)?;
    let is_month = |number| (1..=12).contains(&number);
    let [day, month] = match known.or(order) {
        Some(DateOrder::DayMonth) => [one, other],
        Some(DateOrder::MonthDay) => [other, one],
        // The two prove their order by themselves, or it makes no difference.
        None if one == other || !is_month(one) => [one, other],
        None if !is_month(other) => [other, one],
        None => return Err(Fault::of("day_or_month", &[])),
    };
    // Before the day is judged: the months of another calendar have other lengths.
    check_year(year)?;
    let [day, month] = [day, month].map(|number| i8::try_from(number).unwrap_or(0));
    let date = civil::Date::new(year, month, day).map_err(|_| Fault::of("day_impossible", &[]))?;
    Ok(date.to_datetime(time))
}

/// The order that a text can only be read in, if it is a date.
pub(super) fn proved(text: &str) -> Option<DateOrder> {
    match take_apart(&western_digits(text)).ok()? {
        ((_, [13..=31, 1..=12], None), _) => Some(DateOrder::DayMonth),
        ((_, [1..=12, 13..=31], None), _) => Some(DateOrder::MonthDay),
        _ => None,
    }
}

/// The order of day and month in a form in which both are numbers before the year.
pub(super) fn order_of(form: &str) -> Option<DateOrder> {
    proved(&strtime::format(form, SAMPLE).ok()?)
}

/// Whether a text is a date as messages ask for it: whatever its column and the mapping say, it can mean but one.
fn is_iso(text: &str) -> bool {
    text.len() == 10 && text.parse::<civil::Date>().is_ok()
}

/// Whether the order of day and month does not depend on the column, but that of what begins with the year.
pub(super) fn is_plain(text: &str) -> bool {
    let written = take_apart(&western_digits(text::trim(text)));
    written.is_ok_and(|((_, _, order), _)| order.is_some())
}

/// The two numbers behind a year that a text begins with.
pub(super) fn behind_year(text: &str) -> Option<[i16; 2]> {
    let western = western_digits(text::trim(text));
    let begins = western.find(|c: char| !c.is_ascii_digit()) == Some(4);
    let ((_, numbers, _), _) = begins.then(|| take_apart(&western).ok())??;
    Some(numbers)
}

/// Whether a program that puts the month where the text has the day would leave it a text; none if it is no date.
pub(super) fn is_left_over(text: &str, input: Option<&str>) -> Option<bool> {
    let western = western_digits(text);
    Some(match input {
        Some(form) if !is_iso(&western) => parsed(&western, form).ok()?.day() > 12,
        _ => take_apart(&western)
            .is_ok()
            .then(|| proved(text).is_some())?,
    })
}

/// A number in a date field is the digits of the form `input` (20240229), or a spreadsheet's serial number.
fn from_number(number: f64, input: Option<&str>) -> Result<civil::DateTime, Fault> {
    let is_all_digits = |text: &String| is_digits(text);
    let digits = number::shown(number).ok().filter(is_all_digits);
    if let (Some(format), Some(digits)) = (input, digits)
        // 8 for `%Y%m%d`.
        && let Some(form) = strtime::format(format, SAMPLE).ok().filter(is_all_digits)
    {
        // A number cell loses the zero that the digits begin with, and only that.
        let lost_zero = if digits.len() + 1 == form.len() {
            "0"
        } else {
            ""
        };
        return parsed(&format!("{lost_zero}{digits}"), format);
    }
    // Such a serial number would be a day of 1905: far more likely somebody typed a year.
    if number.fract() == 0.0 && (1900.0..=2100.0).contains(&number) {
        return Err(Fault::of("only_year", &[]));
    }
    from_serial(number).ok_or(Fault::of("date_number", &[]))
}

/// The moment that a serial number of the 1900 system stands for.
fn from_serial(serial: f64) -> Option<civil::DateTime> {
    let serial = Some(serial).filter(|serial| SERIALS.contains(serial))?;
    let seconds = SignedDuration::try_from_secs_f64((serial * SECONDS_A_DAY).round());
    let day_zero = civil::date(1899, 12, 30).to_datetime(civil::Time::midnight());
    day_zero.checked_add(seconds.ok()?).ok()
}

/// Refuses years that no customer's paper holds: slips of the finger, two digits, another calendar.
fn check_year(year: i16) -> Result<(), Fault> {
    match year {
        1800..=2200 => Ok(()),
        1300..=1500 => Err(Fault::of("year_hijri", &[&year])),
        _ => Err(Fault::of("year_impossible", &[&year])),
    }
}

/// Whether dates can be written in this form; else what is wrong with it.
pub fn check_date_format(form: &str) -> Result<(), String> {
    let written = |at| strtime::format(form, at);
    let is_told = |other| written(other).ok() != written(SAMPLE).ok();
    let wrong = match written(SAMPLE) {
        _ if !form.contains('%') => {
            "has no part that begins with %; write it as in %d/%m/%Y".to_owned()
        }
        Ok(text) if text.trim().is_empty() => "writes nothing of a date".to_owned(),
        Ok(_) if is_told(ANOTHER_MINUTE) && !is_told(ANOTHER_HOUR) => {
            "writes minutes (%M) without hours; a month is %m".to_owned()
        }
        Ok(_) => return Ok(()),
        Err(error) => format!("is not a date format: {error}"),
    };
    Err(format!("\"{form}\" {wrong}"))
}

/// Whether dates, or those of births, can be read in this form: it must hold a whole date, and only parts that can be read back.
pub fn check_date_input(form: &str, is_birth: bool) -> Result<(), String> {
    check_date_format(form)?;
    let read_back = |at: civil::Date| {
        let text = strtime::format(form, at.to_datetime(SAMPLE.time()));
        let date = text.and_then(|text| strtime::parse(form, text)?.to_date());
        date.map(|date| date == at)
    };
    let wrong = match read_back(SAMPLE.date()) {
        Ok(true) if is_birth && !matches!(read_back(civil::date(1890, 12, 31)), Ok(true)) => {
            "has two digits of the year, which do not tell a birth's century".to_owned()
        }
        Ok(true) => return Ok(()),
        Ok(false) => "does not give back the date that it is given".to_owned(),
        Err(error) => format!("cannot be read back as a date: {error}"),
    };
    Err(format!("\"{form}\" {wrong}"))
}

/// The date in a text of Western digits, written in the form `format`.
fn parsed(text: &str, format: &str) -> Result<civil::DateTime, Fault> {
    let parts = strtime::parse(format, text).map_err(|_| {
        let example = strtime::format(format, SAMPLE).unwrap_or_default();
        Fault::of("date_form", &[&format, &example])
    })?;
    let date = parts
        .to_date()
        .map_err(|_| Fault::of("day_impossible", &[]))?;
    let time = parts.to_time().unwrap_or_else(|_| civil::Time::midnight());
    Ok(date.to_datetime(time))
}

fn take_apart(text: &str) -> Result<(Written, civil::Time), Fault> {
    let Some(colon) = text.find(':') else {
        return Ok((written(text)?, civil::Time::midnight()));
    };
    let is_gap = |c: char| c.is_whitespace() || c == 'T';
    let gap = text[..colon]
        .rfind(is_gap)
        .ok_or(Fault::of("date_invalid", &[]))?;
    let time = in_english(text[gap..].trim_start_matches(is_gap).trim());
    let mut forms = TIME_FORMS.split('|');
    let time = forms.find_map(|form| strtime::parse(form, &*time).ok()?.to_time().ok());
    let time = time.ok_or(Fault::of("date_invalid", &[]))?;
    Ok((written(text[..gap].trim_end())?, time))
}

/// A time whose half of the day is told in Arabic, as Windows writes it there: `01:15 م`.
fn in_english(time: &str) -> Cow<'_, str> {
    let (clock, half) = time.rsplit_once(' ').unwrap_or_default();
    match &*fold_choice(half) {
        "ص" | "صباحا" => format!("{clock} AM").into(),
        "م" | "مساء" => format!("{clock} PM").into(),
        _ => time.into(),
    }
}

/// The number of a part of a date, and what it may be: `Y`, a year; `M`, a month by its name; `S`, a day, a month or a short year.
fn part(text: &str) -> Option<(char, i16)> {
    match text.len() {
        4 if is_digits(text) => Some(('Y', text.parse().ok()?)),
        1 | 2 if is_digits(text) => Some(('S', text.parse().ok()?)),
        _ => {
            let name = fold_choice(text);
            let mut months = WORDS.months.iter().zip(1..);
            let (_, number) = months.find(|(names, _)| names.contains(&name))?;
            Some(('M', number))
        }
    }
}

fn written(date: &str) -> Result<Written, Fault> {
    let invalid = || Fault::of("date_invalid", &[]);
    let is_separator =
        |c: char| matches!(c, '/' | '\\' | '.' | ',' | '،') || is_dash(c) || c.is_whitespace();
    if date.starts_with(is_separator) || date.ends_with(is_separator) {
        return Err(invalid());
    }
    let parts = date.split(is_separator).filter(|part| !part.is_empty());
    let parts: Option<(String, Vec<i16>)> = parts.map(part).collect();
    let (kinds, numbers) = parts.ok_or_else(invalid)?;
    Ok(match (&*kinds, &numbers[..]) {
        ("YSS" | "YMS", &[year, month, day]) | ("MSY", &[month, day, year]) => {
            (year, [month, day], Some(DateOrder::MonthDay))
        }
        ("SMY", &[day, month, year]) => (year, [day, month], Some(DateOrder::DayMonth)),
        ("SSY", &[first, second, year]) => (year, [first, second], None),
        // Its century is not said.
        ("SSS" | "SMS" | "MSS", _) => return Err(Fault::of("year_short", &[])),
        _ => return Err(invalid()),
    })
}
