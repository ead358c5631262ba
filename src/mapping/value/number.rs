//! Reads a number: Western digits, `.` before the fraction, nothing else. The digits of a text are never put through
//! floating point, so none is lost. Which of `,` and `.` comes before the fraction is the column's to prove.

use std::borrow::Cow;

use super::text::{self, Fault, Given, Reading};
use crate::mapping::names::western_digits;
use crate::mapping::words::WORDS;
use crate::model::ProblemCode;

/// What comes before a number's fraction; the other of the two parts thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum DecimalMark {
    /// 1,234.50.
    #[serde(rename = ".")]
    Point,
    /// 1.234,50.
    #[serde(rename = ",")]
    Comma,
}

/// From here on a number cell has more digits than the fifteen that spreadsheets keep.
const ROUNDED_FROM: f64 = 1e15;

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

/// A number cell as a person sees it: no exponent, and no digits beyond the fifteen that a spreadsheet keeps, which
/// only its arithmetic leaves behind (0.1 + 0.2 is 0.3).
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

/// Refuses a number that Excel has rounded.
pub(super) fn rounded() -> Fault {
    Fault::new(
        ProblemCode::NumberRounded,
        "Excel has rounded the number and its last digits are lost; format the column as Text and type the number again.",
    )
}

/// Reads a cell as a number; without `decimal`, a text that both marks can read is decided only where nobody writes it otherwise.
pub(super) fn read(given: Given<'_>, decimal: Option<DecimalMark>) -> Result<Reading<'_>, Fault> {
    match given {
        Given::Number(number) => shown(number).map(|text| Reading::new(text, false)),
        Given::Text(text) if text::is_digits(text) => Ok(Reading::new(text, false)),
        Given::Text(text) => from_text(text, decimal),
        Given::Boolean(_) | Given::Date(_) => Err(invalid(decimal)),
    }
}

/// The mark that a text can only be read by, if it is a number.
pub(super) fn proved(text: &str) -> Option<DecimalMark> {
    let western = western_digits(text);
    let amount = Amount::of(&western);
    match (
        amount.read(DecimalMark::Point),
        amount.read(DecimalMark::Comma),
    ) {
        (Some(_), None) => Some(DecimalMark::Point),
        (None, Some(_)) => Some(DecimalMark::Comma),
        _ => None,
    }
}

fn from_text(text: &str, decimal: Option<DecimalMark>) -> Result<Reading<'static>, Fault> {
    let western = western_digits(text);
    let amount = Amount::of(&western);
    if text::exponent(amount.bare).is_some() {
        return Err(rounded());
    }
    let by = |mark| amount.read(mark).map(|number| (number, mark));
    let (number, mark) = match decimal {
        Some(mark) => by(mark).ok_or_else(|| invalid(decimal))?,
        None => match (by(DecimalMark::Point), by(DecimalMark::Comma)) {
            (Some(one), Some(other)) if one.0 != other.0 && amount.digits.contains('.') => {
                return Err(ambiguous());
            }
            // Between thousands a comma is what nearly everybody writes.
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => return Err(invalid(decimal)),
        },
    };
    let is_comma = mark == DecimalMark::Comma && amount.digits.contains(',');
    let repaired = is_comma || matches!(western, Cow::Owned(_));
    Ok(Reading::new(number, repaired))
}

/// A written number taken apart as far as no mark is needed for it.
struct Amount<'a> {
    /// Without currency.
    bare: &'a str,
    is_negative: bool,
    /// Without its sign.
    digits: &'a str,
}

impl<'a> Amount<'a> {
    /// Of a text of Western digits.
    fn of(western: &'a str) -> Self {
        let bare = without_currency(western.strip_prefix('\'').unwrap_or(western));
        let (is_negative, digits) = match bare.chars().next() {
            Some('+') => (false, &bare[1..]),
            Some(sign @ ('-' | '\u{2212}')) => (true, &bare[sign.len_utf8()..]),
            _ => (false, bare),
        };
        Amount {
            bare,
            is_negative,
            digits: digits.trim_start(),
        }
    }

    /// The number, when it is one by this mark.
    fn read(&self, decimal: DecimalMark) -> Option<String> {
        let mark = match decimal {
            // Nothing else is ever meant by it.
            _ if self.digits.contains('٫') => '٫',
            DecimalMark::Point => '.',
            DecimalMark::Comma => ',',
        };
        let (whole, fraction) = self.digits.split_once(mark).unwrap_or((self.digits, ""));
        let whole = ungrouped(whole)?;
        let is_number =
            fraction.bytes().all(|b| b.is_ascii_digit()) && whole.len() + fraction.len() > 0;
        let sign = if self.is_negative { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { &whole };
        let point = if fraction.is_empty() { "" } else { "." };
        is_number.then(|| [sign, whole, point, fraction].concat())
    }
}

/// The text without the words for Egyptian pounds around it.
fn without_currency(text: &str) -> &str {
    let mut rest = text.trim();
    if !rest.contains(|c: char| c.is_alphabetic() || c == '£') {
        return rest;
    }
    while let Some(less) = WORDS
        .currency
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

/// The digits of a whole number without separators for thousands: one kind of them, between groups of three.
fn ungrouped(whole: &str) -> Option<String> {
    let same = |c: char| match c {
        ' ' | ',' | '.' | '٬' | '\'' | '،' => Some(c),
        '’' => Some('\''),
        _ => c.is_whitespace().then_some(' '),
    };
    let separator = whole.chars().find_map(same);
    let mut groups = whole.split(|c| separator.is_some() && same(c) == separator);
    let mut digits = groups.next().unwrap_or_default().to_owned();
    let may_lead = (1..=3).contains(&digits.len()) && !digits.starts_with('0');
    for group in groups {
        if group.len() != 3 || !may_lead {
            return None;
        }
        digits.push_str(group);
    }
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)
}

fn invalid(decimal: Option<DecimalMark>) -> Fault {
    Fault::new(
        ProblemCode::NumberInvalid,
        match decimal {
            Some(DecimalMark::Comma) => {
                "The value is not a number as its column writes them; write digits only, with a comma before the fraction, as in 1234,50."
            }
            _ => {
                "The value is not a number; write digits only, with a point before the fraction, as in 1234.50."
            }
        },
    )
}

fn ambiguous() -> Fault {
    Fault::new(
        ProblemCode::NumberAmbiguous,
        "The point could part thousands or come before the fraction, as 5.000 could be five or five thousand; write it without, or set `decimal` in the mapping.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, decimal: Option<DecimalMark>) -> String {
        match read(Given::Text(text), decimal) {
            Ok(reading) if reading.repaired => format!("{} repaired", reading.text),
            Ok(reading) => reading.text.into_owned(),
            Err(fault) => fault.code.to_string(),
        }
    }

    #[test]
    fn texts_lose_separators_and_keep_their_digits() {
        let table = "
            5000 = 5000
            005 = 005
            -12 = -12
            +12 = 12
            −12.5 = -12.5
            1,234 = 1234
            1,234,567 = 1234567
            1,234.56 = 1234.56
            1 234 567.8 = 1234567.8
            1\u{A0}234\u{202F}567 = 1234567
            1'234'567 = 1234567
            1.234.567 = 1234567
            1.234 = number_ambiguous
            1.50 = 1.50
            .5 = 0.5
            5. = 5
            1.234,56 = 1234.56 repaired
            1,5 = 1.5 repaired
            0,500 = 0.500 repaired
            1234,567 = 1234.567 repaired
            1 234,567 = 1234.567 repaired
            ١٬٢٣٤٫٥ = 1234.5 repaired
            ۵۰۰ = 500 repaired
            5000 EGP = 5000
            EGP 5,000.00 = 5000.00
            L.E. 5000 = 5000
            5000LE = 5000
            £E5000 = 5000
            ٥٠٠٠ ج.م. = 5000 repaired
            5000 جنيه مصري = 5000
            12345678901234567890.123456789 = 12345678901234567890.123456789
            1.5E+10 = number_rounded
            2,01e+11 = number_rounded";
        for (text, expected) in table.lines().filter_map(|line| line.split_once(" = ")) {
            assert_eq!(told(text.trim(), None), expected, "{text}");
        }
        let no_numbers = "abc|12%|1,23,456|12 34|1,,234|1.2.3|1,234,56.7.8|5-|--5|(5)|-|.|,|EGP|LE.5000|EGP,500|5 EGP 6|$5|5 USD|1/2|12a|\
            0x10|1,234.567,8|٫|1٫2٫3|0,500,000|1 234,567.8";
        for text in no_numbers.split('|') {
            assert_eq!(told(text, None), "number_invalid", "{text}");
        }
    }

    #[test]
    fn values_prove_which_mark_is_the_fractions() {
        for (texts, mark) in [
            (
                "1,234.5|1.5|0.500|.5|5.|1,234,567|1234.567|-1.50 EGP",
                Some(DecimalMark::Point),
            ),
            (
                "1.234,5|1,5|0,500|,5|5,|1.234.567|1234,567|1 234,567|١٢٣٤,٥٦٧",
                Some(DecimalMark::Comma),
            ),
            ("5000|5.000|41,000|1 234|1٬234٫5|1,23,456|abc|1.5e3|", None),
        ] {
            for text in texts.split('|') {
                assert_eq!(proved(text), mark, "{text}");
            }
        }
        assert_eq!(told("5.000", Some(DecimalMark::Comma)), "5000");
        assert_eq!(told("5.000", Some(DecimalMark::Point)), "5.000");
        assert_eq!(told("41,000", Some(DecimalMark::Comma)), "41.000 repaired");
        assert_eq!(told("1,5", Some(DecimalMark::Point)), "number_invalid");
    }

    #[test]
    fn number_cells_are_written_as_a_spreadsheet_shows_them() {
        for (number, text) in [
            (5000.0, Some("5000")),
            (-0.0, Some("0")),
            (0.1 + 0.2, Some("0.3")),
            (5_699.988_600_000_001, Some("5699.9886")),
            (999_999_999_999_999.0, Some("999999999999999")),
            (1e-7, Some("0.0000001")),
            (1e15, None),
            (-1e15, None),
            (f64::MAX, None),
        ] {
            assert_eq!(shown(number).ok().as_deref(), text, "{number}");
        }
        assert_eq!(
            whole(29_001_011_234_567.0),
            Whole::Digits("29001011234567".to_owned())
        );
        assert_eq!(
            (whole(1e15), whole(1.5), whole(-1.0)),
            (Whole::Rounded, Whole::Not, Whole::Not)
        );
    }
}
