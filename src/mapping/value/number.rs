//! Reads a number: Western digits, `.` before the fraction, nothing else. The digits of a text are never put through
//! floating point, so none is lost.

use std::borrow::Cow;

use super::{Fault, Given, Reading, text};
use crate::domain::ProblemCode;

/// From here on a number cell has more digits than the fifteen that spreadsheets keep.
const ROUNDED_FROM: f64 = 1e15;

/// What people write beside an amount, lower-case, the longer ones first.
const CURRENCY_WORDS: [&str; 18] = [
    "جنيه مصري",
    "جنيهات",
    "جنيها",
    "جنيهاً",
    "جنيهًا",
    "جنيه",
    "ج.م.",
    "ج. م.",
    "ج.م",
    "ج. م",
    "ج م",
    "جم",
    "egp",
    "l.e.",
    "l.e",
    "le",
    "£e",
    "e£",
];

/// The digits of a number cell that is to be an id or a phone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// All digits of a whole number that is not negative.
    Digits(String),
    /// More digits than a spreadsheet keeps.
    Rounded,
    /// A fraction or a negative number.
    Not,
}

/// Reads a cell as a number.
pub(super) fn read(given: Given<'_>) -> Result<Reading, Fault> {
    match given {
        Given::Number(number) => shown(number).map(|text| Reading::new(text, false)),
        Given::Text(text) => from_text(text),
        Given::Boolean(_) | Given::Date(_) => Err(invalid()),
    }
}

/// A number cell as a person sees it: no exponent, and no digits beyond the fifteen that a spreadsheet keeps, which only
/// its arithmetic leaves behind (0.1 + 0.2 is 0.3).
pub(super) fn shown(number: f64) -> Result<String, Fault> {
    if number.abs() >= ROUNDED_FROM {
        return Err(rounded());
    }
    let kept: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    // Adding zero turns -0 into 0.
    Ok(format!("{}", kept + 0.0))
}

/// The digits of a number cell.
pub(super) fn whole(number: f64) -> Whole {
    if number.abs() >= ROUNDED_FROM {
        Whole::Rounded
    } else if number < 0.0 || number.fract() != 0.0 {
        Whole::Not
    } else {
        Whole::Digits(format!("{}", number.abs()))
    }
}

fn from_text(text: &str) -> Result<Reading, Fault> {
    let western = text::western_digits(text);
    let mut repaired = matches!(western, Cow::Owned(_));
    let bare = without_currency(western.strip_prefix('\'').unwrap_or(&western));
    if text::is_exponential(bare) {
        return Err(rounded());
    }
    let (is_negative, digits) = match bare.chars().next() {
        Some('+') => (false, bare[1..].trim_start()),
        Some(sign @ ('-' | '\u{2212}')) => (true, bare[sign.len_utf8()..].trim_start()),
        _ => (false, bare),
    };
    let point = decimal_point(digits)?;
    let (whole, fraction) = match point {
        Some((at, point)) => (&digits[..at], &digits[at + point.len_utf8()..]),
        None => (digits, ""),
    };
    repaired |= matches!(point, Some((_, ',')));
    let whole = ungrouped(whole)?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || (whole.is_empty() && fraction.is_empty()) {
        return Err(invalid());
    }
    Ok(Reading::new(
        joined(is_negative, &whole, fraction),
        repaired,
    ))
}

fn joined(is_negative: bool, whole: &str, fraction: &str) -> String {
    let sign = if is_negative { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// The text without the words for Egyptian pounds around it.
fn without_currency(text: &str) -> &str {
    let mut rest = text.trim();
    while let Some(less) = CURRENCY_WORDS
        .iter()
        .find_map(|word| without_word(rest, word))
    {
        rest = less;
    }
    rest
}

fn without_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let is_word = |part: Option<&str>| part.is_some_and(|part| part.to_lowercase() == word);
    if is_word(text.get(..word.len())) {
        return Some(text[word.len()..].trim_start());
    }
    let at = text.len().checked_sub(word.len())?;
    is_word(text.get(at..)).then(|| text[..at].trim_end())
}

/// Where the fraction begins, if there is one: at `٫`; else at the last of `,` and `.` when both occur; else at an only `.`,
/// and at an only `,` unless three digits follow it as they follow a separator for thousands.
fn decimal_point(digits: &str) -> Result<Option<(usize, char)>, Fault> {
    let places = |point: char| digits.match_indices(point).map(|(at, _)| at);
    let last = |point: char| places(point).last();
    let only = |point: char| match places(point).count() {
        1 => Ok(last(point).map(|at| (at, point))),
        _ => Err(invalid()),
    };
    if digits.contains('٫') {
        return only('٫');
    }
    match (last(','), last('.')) {
        (None, None) => Ok(None),
        (Some(comma), Some(dot)) => only(if comma > dot { ',' } else { '.' }),
        (None, Some(dot)) => Ok((places('.').count() == 1).then_some((dot, '.'))),
        (Some(comma), None) => Ok(
            (places(',').count() == 1 && !parts_thousands(digits, comma)).then_some((comma, ',')),
        ),
    }
}

/// Whether a comma at `comma` can only be a separator for thousands.
fn parts_thousands(digits: &str, comma: usize) -> bool {
    let before = &digits[..comma];
    let is_leading_group =
        (1..=3).contains(&before.len()) && before.bytes().all(|b| b.is_ascii_digit());
    is_leading_group && !before.starts_with('0') && digits.len() - comma - 1 == 3
}

/// The digits of a whole number without separators for thousands, which must part groups of three.
fn ungrouped(whole: &str) -> Result<String, Fault> {
    let is_separator =
        |c: char| matches!(c, ',' | '.' | '٬' | '\'' | '’' | '،') || c.is_whitespace();
    let mut groups = whole.split(is_separator);
    let first = groups.next().unwrap_or_default();
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || !(1..=3).contains(&first.len()) || first.starts_with('0') {
            return Err(invalid());
        }
        digits.push_str(group);
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(invalid())
    }
}

fn invalid() -> Fault {
    Fault::new(
        ProblemCode::NumberInvalid,
        "The value is not a number; write digits only, with a point before the fraction, as in 1234.50.",
    )
}

fn rounded() -> Fault {
    Fault::new(
        ProblemCode::NumberRounded,
        "Excel has rounded the number and its last digits are lost; format the column as Text and type the number again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_separators_and_keep_their_digits() {
        let cases = [
            ("5000", "5000", false),
            ("005", "005", false),
            ("-12", "-12", false),
            ("+12", "12", false),
            ("−12.5", "-12.5", false),
            ("1,234", "1234", false),
            ("1,234,567", "1234567", false),
            ("1,234.56", "1234.56", false),
            ("1 234 567.8", "1234567.8", false),
            ("1\u{A0}234\u{202F}567", "1234567", false),
            ("1'234'567", "1234567", false),
            ("1.234.567", "1234567", false),
            ("1.234", "1.234", false),
            ("1.50", "1.50", false),
            (".5", "0.5", false),
            ("5.", "5", false),
            ("1.234,56", "1234.56", true),
            ("1,5", "1.5", true),
            ("0,500", "0.500", true),
            ("1234,567", "1234.567", true),
            ("1 234,567", "1234.567", true),
            ("١٬٢٣٤٫٥", "1234.5", true),
            ("٥٠٠٠", "5000", true),
            ("۵۰۰", "500", true),
            ("5000 EGP", "5000", false),
            ("EGP 5,000.00", "5000.00", false),
            ("L.E. 5000", "5000", false),
            ("5000LE", "5000", false),
            ("£E5000", "5000", false),
            ("5000 جنيه", "5000", false),
            ("٥٠٠٠ ج.م.", "5000", true),
            ("5000 جنيه مصري", "5000", false),
            (
                "12345678901234567890.123456789",
                "12345678901234567890.123456789",
                false,
            ),
        ];
        for (text, number, repaired) in cases {
            assert_eq!(
                read(Given::Text(text)),
                Ok(Reading::new(number, repaired)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let cases = [
            "abc",
            "12%",
            "1,23,456",
            "1,2345",
            "12 34",
            "1,,234",
            "1.2.3",
            "1,234,56.7.8",
            "5-",
            "--5",
            "(5)",
            "-",
            ".",
            ",",
            "EGP",
            "$5",
            "5 USD",
            "1/2",
            "12a",
            "0x10",
            "1,234.567,8",
            "٫",
            "1٫2٫3",
            "0,500,000",
        ];
        for text in cases {
            let read = read(Given::Text(text));
            assert_eq!(
                read.map_err(|fault| fault.code),
                Err(ProblemCode::NumberInvalid),
                "{text}"
            );
        }
    }

    #[test]
    fn rounded_numbers_are_refused() {
        for text in ["1.5E+10", "2,01e+11", "1E5"] {
            assert_eq!(
                read(Given::Text(text)).unwrap_err().code,
                ProblemCode::NumberRounded,
                "{text}"
            );
        }
        for number in [1e15, -1e15, 1.234_567_890_123_457e16, f64::MAX] {
            assert_eq!(
                read(Given::Number(number)).unwrap_err().code,
                ProblemCode::NumberRounded,
                "{number}"
            );
        }
    }

    #[test]
    fn number_cells_are_written_as_a_spreadsheet_shows_them() {
        for (number, text) in [
            (5000.0, "5000"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (5_699.988_600_000_001, "5699.9886"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e-7, "0.0000001"),
            (1234.5, "1234.5"),
        ] {
            assert_eq!(shown(number).unwrap(), text);
        }
    }

    #[test]
    fn ids_in_number_cells_are_their_digits() {
        assert_eq!(
            whole(29_001_011_234_567.0),
            Whole::Digits("29001011234567".to_owned())
        );
        assert_eq!(whole(0.0), Whole::Digits("0".to_owned()));
        assert_eq!(whole(1e15), Whole::Rounded);
        assert_eq!(whole(1.5), Whole::Not);
        assert_eq!(whole(-1.0), Whole::Not);
    }
}
