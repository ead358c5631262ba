//! Takes a written date apart when the mapping does not say its form: ISO, numbers around a separator, or a month's
//! name.
//!
//! It says which numbers stand where. Which of two numbers is the day, and whether the date exists, is `date`'s
//! question.

use jiff::civil;
use jiff::fmt::strtime;

use super::text::is_dash;
use crate::mapping::names::fold_choice;

/// The forms of a time after a date.
const TIME_FORMS: [&str; 5] = [
    "%H:%M",
    "%H:%M:%S",
    "%H:%M:%S%.f",
    "%I:%M %p",
    "%I:%M:%S %p",
];

/// Each month's names in English and Arabic, folded.
const MONTHS: [&[&str]; 12] = [
    &["january", "jan", "يناير"],
    &["february", "feb", "فبراير"],
    &["march", "mar", "مارس"],
    &["april", "apr", "ابريل"],
    &["may", "مايو"],
    &["june", "jun", "يونيو", "يونيه"],
    &["july", "jul", "يوليو", "يوليه"],
    &["august", "aug", "اغسطس"],
    &["september", "sept", "sep", "سبتمبر"],
    &["october", "oct", "اكتوبر"],
    &["november", "nov", "نوفمبر"],
    &["december", "dec", "ديسمبر"],
];

/// What a written date says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Year first, or a month's name: each number has its place.
    Certain { year: i16, month: i8, day: i8 },
    /// Two numbers before a year, one of them the day.
    Either { first: i8, second: i8, year: i16 },
    /// The year has two digits, so its century is not said.
    ShortYear,
}

/// The date and time in a text of Western digits; `None` when it is not a date.
pub(super) fn take_apart(text: &str) -> Option<(Written, civil::Time)> {
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

fn written(date: &str) -> Option<Written> {
    let is_separator =
        |c: char| matches!(c, '/' | '\\' | '.' | ',' | '،') || is_dash(c) || c.is_whitespace();
    if date.starts_with(is_separator) || date.ends_with(is_separator) {
        return None;
    }
    let mut parts = date.split(is_separator).filter(|part| !part.is_empty());
    let parts = [
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next().unwrap_or_default(),
    ];
    match parts {
        [one, two, three, ""] => sorted(one, two, three),
        _ => None,
    }
}

fn sorted(one: &str, two: &str, three: &str) -> Option<Written> {
    if let Some(year) = year(one) {
        let month = small(two).or_else(|| month_named(two))?;
        return Some(Written::Certain {
            year,
            month,
            day: small(three)?,
        });
    }
    if let Some((month, day)) = named_month_and_day(one, two) {
        return Some(match year(three) {
            Some(year) => Written::Certain { year, month, day },
            None => small(three).map(|_| Written::ShortYear)?,
        });
    }
    let (first, second) = (small(one)?, small(two)?);
    match year(three) {
        Some(year) => Some(Written::Either {
            first,
            second,
            year,
        }),
        None => small(three).map(|_| Written::ShortYear),
    }
}

fn named_month_and_day(one: &str, two: &str) -> Option<(i8, i8)> {
    match (small(one), small(two)) {
        (Some(day), None) => Some((month_named(two)?, day)),
        (None, Some(day)) => Some((month_named(one)?, day)),
        _ => None,
    }
}

fn month_named(name: &str) -> Option<i8> {
    let name = fold_choice(name);
    let at = MONTHS
        .iter()
        .position(|names| names.contains(&name.as_str()))?;
    i8::try_from(at + 1).ok()
}

/// A year of four digits.
fn year(part: &str) -> Option<i16> {
    (part.len() == 4 && is_digits(part)).then(|| part.parse().ok())?
}

/// A day, a month or a short year.
fn small(part: &str) -> Option<i8> {
    ((1..=2).contains(&part.len()) && is_digits(part)).then(|| part.parse().ok())?
}

fn is_digits(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date_of(text: &str) -> Option<Written> {
        take_apart(text).map(|(written, _)| written)
    }

    #[test]
    fn certain_dates_need_no_order() {
        let leap_day = Some(Written::Certain {
            year: 2024,
            month: 2,
            day: 29,
        });
        for text in [
            "2024-02-29",
            "2024/2/29",
            "2024.02.29",
            "2024–02–29",
            "2024-02-29T13:05:07",
            "2024-02-29 00:00:00",
            "29 Feb 2024",
            "29-feb-2024",
            "February 29, 2024",
            "29 فبراير 2024",
            "29 فبراير، 2024",
            "2024 Feb 29",
        ] {
            assert_eq!(date_of(text), leap_day, "{text}");
        }
    }

    #[test]
    fn two_numbers_before_a_year_stay_open() {
        let open = Some(Written::Either {
            first: 5,
            second: 3,
            year: 2024,
        });
        for text in [
            "5/3/2024",
            "05-03-2024",
            "05.03.2024",
            "5 3 2024",
            "05/03/2024 12:00 AM",
        ] {
            assert_eq!(date_of(text), open, "{text}");
        }
    }

    #[test]
    fn short_years_are_told_apart_from_what_is_no_date() {
        for text in ["5/3/24", "05-Mar-24", "13/05/90", "90/03/05"] {
            assert_eq!(date_of(text), Some(Written::ShortYear), "{text}");
        }
        for text in [
            "",
            "2024",
            "45351",
            "20240229",
            "5/3",
            "5/3/2024/1",
            "/5/3/2024",
            "-5/3/2024",
            "5/3/024",
            "soon",
            "Foo 5 2024",
            "5/3/2024 25:00",
            "2024-02-29T00:00:00Z",
            ":",
            "T:",
            "Feb Mar 2024",
            "100/3/2024",
        ] {
            assert_eq!(date_of(text), None, "{text}");
        }
    }

    #[test]
    fn the_time_is_kept() {
        for (text, hour, minute) in [
            ("2024-02-29 13:05", 13, 5),
            ("29/02/2024 1:05 PM", 13, 5),
            ("2024-02-29", 0, 0),
        ] {
            let (_, time) = take_apart(text).expect("readable");
            assert_eq!((time.hour(), time.minute()), (hour, minute), "{text}");
        }
    }

    #[test]
    fn months_are_known_by_every_common_spelling() {
        for (name, month) in [
            ("JAN", 1),
            ("Sept", 9),
            ("أبريل", 4),
            ("ابريل", 4),
            ("يونيه", 6),
            ("يونية", 6),
            ("أكتوبر", 10),
        ] {
            assert_eq!(month_named(name), Some(month), "{name}");
        }
        assert_eq!(month_named("Ma"), None);
    }
}
