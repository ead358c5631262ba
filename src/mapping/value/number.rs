//! Reads a number: Western digits, `.` before the fraction, nothing else. The digits of a text are never put through
//! floating point, so none is lost.

use std::borrow::Cow;

use super::number_cell::{rounded, shown};
use super::{Fault, Given, Reading, text};
use crate::model::ProblemCode;

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

/// Reads a cell as a number.
pub(super) fn read(given: Given<'_>) -> Result<Reading<'_>, Fault> {
    match given {
        Given::Number(number) => shown(number).map(|text| Reading::new(text, false)),
        Given::Text(text) => from_text(text),
        Given::Boolean(_) | Given::Date(_) => Err(invalid()),
    }
}

fn from_text(text: &str) -> Result<Reading<'_>, Fault> {
    if text::is_digits(text) {
        return Ok(Reading::new(text, false));
    }
    match thousands(text) {
        Some(digits) => Ok(Reading::new(digits, false)),
        None => from_any_text(text),
    }
}

/// The digits of a whole number with commas between its thousands, and nothing else: known without looking further.
fn thousands(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    if first.len() > 3 || first.starts_with('0') || !text::is_digits(first) {
        return None;
    }
    let mut digits = String::with_capacity(text.len());
    digits.push_str(first);
    for group in groups {
        if group.len() != 3 || !text::is_digits(group) {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}

fn from_any_text(text: &str) -> Result<Reading<'static>, Fault> {
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
    [sign, whole, point, fraction].concat()
}

/// The text without the words for Egyptian pounds around it.
fn without_currency(text: &str) -> &str {
    let mut rest = text.trim();
    if !rest.contains(|c: char| c.is_alphabetic() || c == '£') {
        return rest;
    }
    while let Some(less) = CURRENCY_WORDS
        .iter()
        .find_map(|word| without_word(rest, word))
    {
        rest = less;
    }
    rest
}

fn without_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let is_word = |part: Option<&str>| part.is_some_and(|part| part.eq_ignore_ascii_case(word));
    if is_word(text.get(..word.len())) {
        let amount = &text[word.len()..];
        // The point of an abbreviation such as `LE.5000` must not become the number's.
        return (!amount.starts_with(['.', ',', '٫'])).then(|| amount.trim_start());
    }
    let at = text.len().checked_sub(word.len())?;
    is_word(text.get(at..)).then(|| text[..at].trim_end())
}

/// Where the fraction begins, if there is one: at `٫`; else at the last of `,` and `.` when both occur; else at an
/// only `.`, and at an only `,` unless three digits follow it as they follow a separator for thousands.
fn decimal_point(digits: &str) -> Result<Option<(usize, char)>, Fault> {
    let places = |point: char| digits.match_indices(point).map(|(at, _)| at);
    let last = |point: char| places(point).next_back();
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

    proptest::proptest! {
        #[test]
        fn digits_and_thousands_need_no_taking_apart(text in "[0-9]{1,40}|[0-9]{0,4}(,[0-9]{3}){1,3}|[0-9,]{1,8}") {
            proptest::prop_assert_eq!(from_text(&text), from_any_text(&text));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let cases = [
            "abc",
            "12%",
            "1,23,456",
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
            "LE.5000",
            "EGP,500",
            "5 EGP 6",
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
    fn numbers_with_an_exponent_are_refused() {
        for text in ["1.5E+10", "2,01e+11", "1E5"] {
            assert_eq!(
                read(Given::Text(text)).expect_err("refused").code,
                ProblemCode::NumberRounded,
                "{text}"
            );
        }
    }
}
