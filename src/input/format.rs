//! Number formats and dates of a workbook: what a person sees in a cell that holds a number.
//!
//! calamine turns serial numbers into dates here, and that is all it is used for: see `xlsx`.

use calamine::{ExcelDateTime, ExcelDateTimeType};
use jiff::civil;

use super::file::cell_of_text;
use crate::model::Cell;

/// Above this, a double no longer holds every integer, so zeros would decorate a rounded number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
/// What Excel shows in a date cell whose number is no date.
const NO_DATE: &str = "#####";

/// A date as ISO 8601 writes it; kept as text when it is none.
pub(super) fn iso_date(text: &str) -> Cell {
    if let Ok(at) = text.trim_end_matches('Z').parse::<civil::DateTime>() {
        return Cell::Date(at);
    }
    match text.parse::<civil::Date>() {
        Ok(date) => Cell::Date(date.at(0, 0, 0, 0)),
        Err(_) => cell_of_text(text),
    }
}

/// What a number format makes of a number, as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Format {
    Plain,
    Date,
    /// Hours beyond a day go on counting.
    Duration,
    /// Places and literal characters that show digits which the number itself lacks: `00000000000` and `"0"0` give a phone its
    /// leading zero back on the screen, and only there.
    Digits(Vec<Digit>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Digit {
    /// `0`: a digit, or zero.
    Always,
    /// `#` and `?`: a digit, or nothing.
    Optional,
    Literal(char),
}

impl Format {
    /// By the number of a format that every program knows.
    pub(super) fn built_in(id: &str) -> Format {
        match id.trim().parse() {
            Ok(14..=22 | 27..=36 | 45 | 47 | 50..=58) => Format::Date,
            Ok(46) => Format::Duration,
            Ok(0_u32..) | Err(_) => Format::Plain,
        }
    }

    /// By its code, of which the part for positive numbers matters.
    pub(super) fn of_code(code: &str) -> Format {
        let (mut digits, mut is_plain) = (Vec::new(), true);
        let mut rest = code.chars();
        while let Some(c) = rest.next() {
            match c {
                ';' => break,
                '0' => digits.push(Digit::Always),
                '#' | '?' => digits.push(Digit::Optional),
                '"' => digits.extend(rest.by_ref().take_while(|&c| c != '"').map(Digit::Literal)),
                '\\' => digits.extend(rest.next().map(Digit::Literal)),
                // A space of some width, or a filler.
                '_' | '*' => drop(rest.next()),
                '[' => {
                    let tag: String = rest.by_ref().take_while(|&c| c != ']').collect();
                    if !tag.is_empty() && tag.chars().all(|c| "hmsHMS".contains(c)) {
                        return Format::Duration;
                    }
                    // A condition chooses between parts.
                    is_plain &= !tag.starts_with(['<', '>', '=']);
                }
                'd' | 'm' | 'y' | 'h' | 's' | 'D' | 'M' | 'Y' | 'H' | 'S' => return Format::Date,
                ' ' | '-' | '+' | '(' | ')' | ':' => digits.push(Digit::Literal(c)),
                _ => is_plain = false,
            }
        }
        let always = digits
            .iter()
            .filter(|&&digit| digit == Digit::Always)
            .count();
        let adds_zero = always > 1 || digits.contains(&Digit::Literal('0'));
        let has_place = always > 0 || digits.contains(&Digit::Optional);
        if is_plain && adds_zero && has_place {
            Format::Digits(digits)
        } else {
            Format::Plain
        }
    }

    pub(super) fn cell(&self, number: f64, is_1904: bool) -> Cell {
        match self {
            Format::Plain => Cell::Number(number),
            Format::Date => date_cell(number, ExcelDateTimeType::DateTime, is_1904),
            Format::Duration => date_cell(number, ExcelDateTimeType::TimeDelta, is_1904),
            Format::Digits(digits) => {
                with_zeros(digits, number).map_or(Cell::Number(number), Cell::Text)
            }
        }
    }
}

/// The number as the format shows it, when that has digits which the number lacks.
fn with_zeros(places: &[Digit], number: f64) -> Option<String> {
    if !(0.0..MAX_EXACT).contains(&number) || number.fract() != 0.0 {
        return None;
    }
    let plain = number.to_string();
    let mut left: Vec<char> = plain.chars().collect();
    let first = places
        .iter()
        .position(|place| !matches!(place, Digit::Literal(_)));
    let mut backwards = Vec::new();
    for (index, place) in places.iter().enumerate().rev() {
        match place {
            Digit::Literal(c) => backwards.push(*c),
            Digit::Always => backwards.push(left.pop().unwrap_or('0')),
            Digit::Optional => backwards.extend(left.pop()),
        }
        // Digits without a place go before the first one.
        if Some(index) == first {
            backwards.extend(left.drain(..).rev());
        }
    }
    let shown: String = backwards.iter().rev().collect();
    let digits = shown.chars().filter(char::is_ascii_digit);
    (!digits.eq(plain.chars())).then(|| shown.trim().to_owned())
}

fn date_cell(serial: f64, kind: ExcelDateTimeType, is_1904: bool) -> Cell {
    if kind == ExcelDateTimeType::TimeDelta || (0.0..1.0).contains(&serial) {
        return Cell::Text(time_of_day(serial));
    }
    // calamine turns what is out of range into the nearest date; Excel shows no date at all.
    let no_date = || Cell::Error(NO_DATE.to_owned());
    if !(1.0..2_958_466.0).contains(&serial) {
        return no_date();
    }
    let (year, month, day, hour, minute, second, milli) =
        ExcelDateTime::new(serial, kind, is_1904).to_ymd_hms_milli();
    let small = |number: u8| i8::try_from(number).unwrap_or(i8::MAX);
    let date = i16::try_from(year)
        .ok()
        .and_then(|year| civil::Date::new(year, small(month), small(day)).ok());
    let nanos = i32::from(milli) * 1_000_000;
    let time = civil::Time::new(small(hour), small(minute), small(second), nanos).ok();
    // There is no 1900-02-29, in which Excel believes.
    date.zip(time)
        .map_or_else(no_date, |(date, time)| Cell::Date(date.to_datetime(time)))
}

/// A share of a day as hours, minutes and seconds.
fn time_of_day(days: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a saturating cast is what is wanted"
    )]
    let seconds = (days * 86_400.0).round() as i64;
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (minutes, hours) = (seconds / 60 % 60, seconds / 3600);
    format!("{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_show_digits_dates_and_durations() {
        for (code, number, shown) in [
            ("00000000000", 1_012_345_678.0, "01012345678"),
            ("\"0\"0", 1_012_345_678.0, "01012345678"),
            ("\\0#", 1_012_345_678.0, "01012345678"),
            ("000-0000-0000", 1_012_345_678.0, "010-1234-5678"),
            ("[$-409]00000;@", 42.0, "00042"),
            ("[Red]000", 7.0, "007"),
            ("\"+20\"0", 1_012_345_678.0, "+201012345678"),
            // Nothing is added, so the number speaks for itself.
            ("00000", 123_456.0, "123456"),
            ("0", 7.0, "7"),
            ("General", 7.0, "7"),
            ("0.00", 7.0, "7"),
            ("#,##0", 7000.0, "7000"),
            ("000", 1.5, "1.5"),
            ("000", -1.0, "-1"),
            ("[<=9999999]000-0000;(000) 000-0000", 1.0, "1"),
            ("00%", 1.0, "1"),
            ("#,##0\" days\"", 5.0, "5"),
            ("yyyy\\-mm\\-dd", 45_351.0, "2024-02-29"),
            ("[$-2000000]dd/mm/yyyy", 45_351.5, "2024-02-29T12:00:00"),
            ("h:mm", 0.75, "18:00:00"),
            ("[h]:mm", 1.5, "36:00:00"),
            // Excel shows no date either; nor was there a 1900-02-29.
            ("yyyy", -5.0, NO_DATE),
            ("yyyy", 201_012_345_678.0, NO_DATE),
            ("yyyy", 60.0, NO_DATE),
        ] {
            let cell = Format::of_code(code).cell(number, false);
            assert_eq!(cell.shown(), shown, "{code} {number}");
        }
        let old_mac = Format::built_in("14").cell(45_351.0 - 1462.0, true);
        assert_eq!(old_mac.shown(), "2024-02-29");
    }
}
