//! Reads a number: Western digits, `.` before the fraction, nothing else. The digits of a text are never put through
//! floating point, so none is lost. Which of `,` and `.` comes before the fraction is the column's to prove.

use std::borrow::Cow;

use super::text::{Given, Reading, is_digits};
use crate::mapping::names::western_digits;
use crate::mapping::words::WORDS;
use crate::model::Fault;

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

/// A number cell as a person sees it: no exponent, and no digits beyond the fifteen that a spreadsheet keeps, which
/// only its arithmetic leaves behind (0.1 + 0.2 is 0.3).
pub(super) fn shown(number: f64) -> Result<String, Fault> {
    if number.abs() >= ROUNDED_FROM {
        return Err(Fault::NumberRounded);
    }
    let kept: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    // Adding zero turns -0 into 0.
    Ok(format!("{}", kept + 0.0))
}

/// What a cell holds that is to be a phone or an id, with Western digits and without what programs leave that took it for a number or
/// kept Excel from that; refused as no text at all, as a fraction or a negative number, as rounded.
pub(super) fn digits(
    given: Given<'_>,
    [absent, fraction, rounded]: [Fault; 3],
) -> Result<Reading<'static>, Fault> {
    match given {
        Given::Text(text) => {
            let western = western_digits(text);
            if exponent(&western).is_some() {
                return Err(rounded);
            }
            let bare = western.strip_prefix('\'').unwrap_or(&western);
            let whole = without_zero_fraction(bare).unwrap_or(bare);
            Ok(Reading::new(whole.to_owned(), whole != text))
        }
        Given::Number(number) if number.abs() >= ROUNDED_FROM => Err(rounded),
        Given::Number(number) if number < 0.0 || number.fract() != 0.0 => Err(fraction),
        Given::Number(number) => Ok(Reading::new(format!("{}", number.abs()), false)),
        Given::Boolean(_) | Given::Date(_) => Err(absent),
    }
}

/// `text` without `.0`, `.00`: what programs append that take an id for a number.
fn without_zero_fraction(text: &str) -> Option<&str> {
    let whole = text
        .strip_suffix(".0")
        .or_else(|| text.strip_suffix(".00"))?;
    whole
        .ends_with(|c: char| c.is_ascii_digit())
        .then_some(whole)
}

/// The exponent of a number such as `2.01E+11`, whose digits are gone.
pub(super) fn exponent(western: &str) -> Option<u32> {
    let (mantissa, exponent) = western.split_once(['E', 'e'])?;
    let unsigned = |part| str::strip_prefix(part, ['-', '+']).unwrap_or(part);
    let mantissa = unsigned(mantissa);
    let (whole, fraction) = mantissa
        .split_once(['.', ',', '٫'])
        .unwrap_or((mantissa, "0"));
    let exponent = unsigned(exponent);
    let are_digits = [whole, fraction, exponent].into_iter().all(is_digits);
    are_digits.then(|| exponent.parse().unwrap_or(u32::MAX))
}

/// Reads a cell as a number; without `decimal`, a text that both marks can read is decided only where nobody writes it otherwise.
pub(super) fn read(given: Given<'_>, decimal: Option<DecimalMark>) -> Result<Reading<'_>, Fault> {
    let invalid = match decimal {
        Some(DecimalMark::Comma) => Fault::NumberNotAsColumn,
        _ => Fault::NumberInvalid,
    };
    let text = match given {
        Given::Number(number) => return shown(number).map(|text| Reading::new(text, false)),
        Given::Text(text) if is_digits(text) => return Ok(Reading::new(text, false)),
        Given::Text(text) => text,
        Given::Boolean(_) | Given::Date(_) => return Err(invalid),
    };
    let western = western_digits(text);
    let bare = without_currency(&western);
    if exponent(bare).is_some() {
        return Err(Fault::NumberRounded);
    }
    let by = |mark| read_by(mark, bare).map(|number| (number, mark));
    let (number, mark) = match decimal {
        Some(mark) => by(mark).ok_or(invalid)?,
        None => match (by(DecimalMark::Point), by(DecimalMark::Comma)) {
            (Some(one), Some(other)) if one.0 != other.0 && bare.contains('.') => {
                return Err(Fault::PointAmbiguous);
            }
            // Between thousands a comma is what nearly everybody writes.
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => return Err(invalid),
        },
    };
    let is_comma = mark == DecimalMark::Comma && bare.contains(',');
    let repaired = is_comma || matches!(western, Cow::Owned(_));
    Ok(Reading::new(number, repaired))
}

/// The mark that a text can only be read by, if it is a number.
pub(super) fn proved(text: &str) -> Option<DecimalMark> {
    let western = western_digits(text);
    let bare = without_currency(&western);
    let [point, comma] = [DecimalMark::Point, DecimalMark::Comma].map(|mark| read_by(mark, bare));
    match (point, comma) {
        (Some(_), None) => Some(DecimalMark::Point),
        (None, Some(_)) => Some(DecimalMark::Comma),
        _ => None,
    }
}

/// The number in a text of Western digits without currency, when it is one by this mark.
fn read_by(decimal: DecimalMark, bare: &str) -> Option<String> {
    let (sign, digits) = match bare.strip_prefix(['-', '\u{2212}']) {
        Some(digits) => ("-", digits),
        None => ("", bare.strip_prefix('+').unwrap_or(bare)),
    };
    let digits = digits.trim_start();
    let mark = match decimal {
        // Nothing else is ever meant by it.
        _ if digits.contains('٫') => '٫',
        DecimalMark::Point => '.',
        DecimalMark::Comma => ',',
    };
    let (whole, fraction) = digits.split_once(mark).unwrap_or((digits, ""));
    let whole = ungrouped(whole)?;
    let is_number =
        fraction.bytes().all(|b| b.is_ascii_digit()) && whole.len() + fraction.len() > 0;
    let whole = if whole.is_empty() { "0" } else { &whole };
    let point = if fraction.is_empty() { "" } else { "." };
    is_number.then(|| [sign, whole, point, fraction].concat())
}

/// The text without the words for Egyptian pounds around it, and without Excel's leading apostrophe.
fn without_currency(western: &str) -> &str {
    let mut rest = western.strip_prefix('\'').unwrap_or(western).trim();
    if !rest.contains(|c: char| c.is_alphabetic() || c == '£') {
        return rest;
    }
    let words = &WORDS.currency;
    while let Some(less) = words.iter().find_map(|word| without_word(rest, word)) {
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
