//! Reads a number: Western digits, `.` before the fraction, nothing else. The digits of a text are never put through
//! floating point, so none is lost. Which of `,` and `.` comes before the fraction is the column's to prove.
//!
//! And reads the digits of what only looks like a number: phones, and Egyptian national ids, which are a century, a birth date, a
//! governorate, a sequence and a check digit. That one is not judged, since no rule for it was ever published.

use std::borrow::Cow;

use jiff::civil;

use super::text::{Given, Reading};
use crate::mapping::names::{WORDS, currency_of, is_dash, is_digits, western_digits};
use crate::model::{Cell, Fault};

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

/// The first of the words' currencies are what an amount may be of that names none.
const ARAB_CURRENCIES: usize = 6;

const ID_DIGITS: usize = 14;
/// Reading takes no clock; no customer who signs a contract is born after this year while this rule is in use.
const LATEST_BIRTH_YEAR: i16 = 2040;
/// Zeros that end an id once it was shown as `2.90010112E+13`, saved and read again: no sequence begins at 0000.
const ZEROS_OF_ROUNDING: &str = "00000";

/// A number cell as a person sees it; refused where digits are lost.
pub(super) fn shown(number: f64) -> Result<String, Fault> {
    if number.abs() >= ROUNDED_FROM {
        return Err(Fault::of("number_rounded", &[]));
    }
    Ok(Cell::Number(number).shown())
}

/// What a cell holds that is to be a phone or an id, with Western digits and without what programs leave that took it for a number or
/// kept Excel from that; refused as no text at all, as a fraction or a negative number, as rounded.
pub(super) fn digits(
    given: Given<'_>,
    faults: [&'static str; 3],
) -> Result<Reading<'static>, Fault> {
    let [absent, fraction, rounded] = faults.map(|name| Fault::of(name, &[]));
    match given {
        Given::Text(text) => {
            let western = western_digits(text);
            if exponent(&western).is_some() {
                return Err(rounded);
            }
            let bare = western.strip_prefix('\'').unwrap_or(&western);
            let whole = whole(bare);
            Ok(Reading::new(whole.to_owned(), whole != text))
        }
        Given::Number(number) if number.abs() >= ROUNDED_FROM => Err(rounded),
        Given::Number(number) if number < 0.0 || number.fract() != 0.0 => Err(fraction),
        Given::Number(number) => Ok(Reading::new(format!("{}", number.abs()), false)),
        Given::Boolean(_) | Given::Date(_) => Err(absent),
    }
}

/// Without what programs append that take an id for a number; people part a phone's pairs of digits by points.
pub fn whole(id: &str) -> &str {
    let whole = id.strip_suffix(".0").or_else(|| id.strip_suffix(".00"));
    let whole = whole.filter(|whole| is_digits(whole.strip_prefix('+').unwrap_or(whole)));
    whole.unwrap_or(id)
}

/// The exponent of a number such as `2.01E+11`, whose digits are gone.
pub(super) fn exponent(western: &str) -> Option<u32> {
    let (mantissa, exponent) = western.split_once(['E', 'e'])?;
    let unsigned = |part| str::strip_prefix(part, ['-', '+']).unwrap_or(part);
    let (mantissa, exponent) = (unsigned(mantissa), unsigned(exponent));
    let parts = mantissa.split_once(['.', ',', '٫']);
    let (whole, fraction) = parts.unwrap_or((mantissa, "0"));
    let are_digits = [whole, fraction, exponent].into_iter().all(is_digits);
    are_digits.then(|| exponent.parse().unwrap_or(u32::MAX))
}

/// Reads a cell as a number; without `decimal`, a text that both marks can read is decided only where nobody writes it otherwise.
pub(super) fn read(given: Given<'_>, decimal: Option<DecimalMark>) -> Result<Reading<'_>, Fault> {
    let invalid = match decimal {
        Some(DecimalMark::Comma) => Fault::of("number_not_as_column", &[]),
        _ => Fault::of("number_invalid", &[]),
    };
    let text = match given {
        Given::Number(number) => return shown(number).map(|text| Reading::new(text, false)),
        Given::Text(text) if is_digits(text) => return Ok(Reading::new(text, false)),
        Given::Text(text) => text,
        Given::Boolean(_) | Given::Date(_) => return Err(invalid),
    };
    let western = western_digits(text);
    let (bare, _) = apart(&western);
    if exponent(bare).is_some() {
        return Err(Fault::of("number_rounded", &[]));
    }
    let is_sure = decimal.is_some() || !may_be_thousands(bare);
    let (number, mark) = match (decimal, read_either_way(bare)) {
        (None, [Some(one), Some(other)]) if one != other && bare.contains('.') => {
            return Err(Fault::of("point_ambiguous", &[]));
        }
        // Between thousands a comma is what nearly everybody writes.
        (None | Some(DecimalMark::Point), [Some(number), _]) => (number, DecimalMark::Point),
        (None | Some(DecimalMark::Comma), [_, Some(number)]) if is_sure => {
            (number, DecimalMark::Comma)
        }
        _ => return Err(invalid),
    };
    let is_comma = mark == DecimalMark::Comma && bare.contains(',');
    let repaired = is_comma || matches!(western, Cow::Owned(_));
    Ok(Reading::new(number, repaired))
}

/// What a text tells of its column: the mark that it can only be read by, if it is a number; whether it is read as thousands unless that
/// shows otherwise (`41,000`); what the amount is of, as bits: the first where it says nothing, else those of `currency_of`; none without.
pub(super) fn signs(text: &str) -> (Option<DecimalMark>, bool, u64) {
    let western = western_digits(text);
    let (bare, currency) = apart(&western);
    let [one, other] = read_either_way(bare);
    let is_amount = one.is_some() || other.is_some();
    let is_grouped = bare.contains(',') && one.is_some() && other.is_some() && one != other;
    let money = u64::from(is_amount) * currency.unwrap_or(1);
    let proved = match (one, other) {
        _ if may_be_thousands(bare) => None,
        (Some(_), None) => Some(DecimalMark::Point),
        (None, Some(_)) => Some(DecimalMark::Comma),
        _ => None,
    };
    (proved, is_grouped, money)
}

/// Whether more digits stand before the comma than thousands that lost one have there.
pub(super) fn is_long(text: &str) -> bool {
    let (whole, _) = text.rsplit_once([',', '٫']).unwrap_or((text, ""));
    whole.chars().filter(|c| c.is_numeric()).count() > 3
}

/// Whether one digit or comma too few or too many may have made this of thousands: `,500`, `41,0000`, `1234,567`, `041,000`.
fn may_be_thousands(bare: &str) -> bool {
    let (whole, rest) = bare.rsplit_once(['.', ',']).unwrap_or((bare, ""));
    let whole = whole.trim_start_matches(['-', '\u{2212}', '+', ' ']);
    let is_group = rest.len() == 3 && whole.len() > 1 && bare.contains(',') && is_digits(whole);
    is_group || rest.len() >= 3 && whole.len() <= 3 && !whole.starts_with('0')
}

fn read_either_way(bare: &str) -> [Option<String>; 2] {
    [DecimalMark::Point, DecimalMark::Comma].map(|mark| read_by(mark, bare))
}

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
    let Some((whole, fraction)) = digits.split_once(mark) else {
        let whole = ungrouped(digits).filter(|whole| !whole.is_empty())?;
        return Some([sign, &whole].concat());
    };
    let whole = ungrouped(whole)?;
    let whole = if whole.is_empty() { "0" } else { &whole };
    is_digits(fraction).then(|| [sign, whole, ".", fraction].concat())
}

/// A text apart from the words for a currency around it, from Excel's leading apostrophe, and from a mark that nothing stands behind: it
/// tells nothing. The point of an abbreviation such as `LE.5000` must not become the number's. And the currency.
fn apart(western: &str) -> (&str, Option<u64>) {
    let text = western.strip_prefix('\'').unwrap_or(western).trim();
    let begins = |c: char| c.is_ascii_digit() || matches!(c, '-' | '\u{2212}' | '+');
    let (Some(begin), Some(last)) = (text.find(begins), text.rfind(|c: char| c.is_ascii_digit()))
    else {
        return (text, None);
    };
    let (before, rest) = (&text[..begin], &text[last + 1..]);
    let behind = rest
        .strip_prefix(['.', ',', '٫'])
        .unwrap_or(rest)
        .trim_start();
    let [first, second] = [before, behind].map(currency_of);
    let is_word = |part: &str, currency: Option<u64>| part.is_empty() || currency.is_some();
    // Between the two, a dash may be no sign: `LE - 5000`.
    let is_sign = !before.is_empty() && text[begin..].starts_with(['-', '\u{2212}']);
    let begin = if is_word(before, first) && !is_sign {
        begin
    } else {
        0
    };
    let end = if is_word(behind, second) {
        last + 1
    } else {
        text.len()
    };
    let named = first.into_iter().chain(second);
    let named = named.reduce(|one, other| one | other);
    (text.get(begin..end).unwrap_or(text), named)
}

/// Whether amounts of these kinds do not belong into one column: of two currencies, or of one from abroad beside some that name none.
pub(super) fn are_mixed(moneys: u64) -> bool {
    let (is_bare, named) = (moneys & 1 == 1, moneys >> 1);
    let owners = named >> WORDS.currencies.len();
    let kinds = named ^ (owners << WORDS.currencies.len());
    let are_several = kinds.count_ones().max(owners.count_ones()) > 1;
    are_several || is_bare && kinds >> ARAB_CURRENCIES > 0
}

/// The digits of a whole number without separators for thousands: one kind of them, between groups of three.
fn ungrouped(whole: &str) -> Option<String> {
    let same = |c: char| match c {
        ' ' | ',' | '.' | '٬' | '\'' | '،' => Some(c),
        '’' => Some('\''),
        // What parts lines or columns parts numbers.
        _ => (c.is_whitespace() && !c.is_control()).then_some(' '),
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

pub fn birth_date_of(national_id: &str) -> Option<civil::Date> {
    let digits = national_id.as_bytes();
    if digits.len() != ID_DIGITS || !is_digits(national_id) {
        return None;
    }
    let pair = |at: usize| national_id[at..at + 2].parse::<i8>().ok();
    let century = match digits[0] {
        b'2' => 1900,
        b'3' => 2000,
        _ => return None,
    };
    let date = civil::Date::new(century + i16::from(pair(1)?), pair(3)?, pair(5)?).ok()?;
    (date.year() <= LATEST_BIRTH_YEAR).then_some(date)
}

pub(super) fn read_national_id(given: Given<'_>) -> Result<Reading<'static>, Fault> {
    const NO_DIGITS: &str = "national_id_not_digits";
    let shown = digits(given, [NO_DIGITS, NO_DIGITS, "national_id_rounded"])?;
    let is_gap = |c: char| c.is_whitespace() || is_dash(c);
    let digits = shown.text.replace(is_gap, "");
    if !is_digits(&digits) {
        return Err(Fault::of(NO_DIGITS, &[]));
    }
    // The published codes: cities, Delta, Upper Egypt, frontiers, born abroad.
    let is_known = |code: &str| {
        matches!(
            code.parse(),
            Ok(1..=4 | 11..=19 | 21..=29 | 31..=35 | 88_u8)
        )
    };
    match digits.len() {
        ID_DIGITS if digits.ends_with(ZEROS_OF_ROUNDING) => {
            Err(Fault::of("national_id_rounded", &[]))
        }
        ID_DIGITS if !digits.starts_with(['2', '3']) => Err(Fault::of("national_id_century", &[])),
        ID_DIGITS if birth_date_of(&digits).is_none() => Err(Fault::of("national_id_birth", &[])),
        ID_DIGITS if !is_known(&digits[7..9]) => Err(Fault::of("national_id_governorate", &[])),
        ID_DIGITS => Ok(Reading::new(digits, shown.repaired)),
        13 => Err(Fault::of("national_id_short", &[])),
        count => Err(Fault::of("national_id_length", &[&count])),
    }
}
