//! Takes the digits of one phone number out of what people write around them.
//!
//! Whether the digits are a number that exists is `phone`'s question. Nothing is guessed here: an extension, a second
//! number or a word in the cell refuses it.

use std::borrow::Cow;

use super::{Fault, text};
use crate::model::ProblemCode;

/// The fewest digits that may be a phone number of their own.
const LEAST_DIGITS: usize = 7;
/// The most digits of an area code written before a slash.
const AREA_CODE_DIGITS: usize = 4;

/// A phone number as it would be dialled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dialled<'a> {
    /// Whether a `+` says that the country code comes first.
    pub(super) international: bool,
    /// Western digits only.
    pub(super) digits: Cow<'a, str>,
    /// Whether getting them took a repair.
    pub(super) repaired: bool,
}

/// The digits of the only number in a clean text.
pub(super) fn dialled(text: &str) -> Result<Dialled<'_>, Fault> {
    let international = text.as_bytes().first() == Some(&b'+');
    let digits = &text[usize::from(international)..];
    if text::is_digits(digits) {
        return Ok(Dialled {
            international,
            digits: digits.into(),
            repaired: false,
        });
    }
    dialled_of_any(text)
}

fn dialled_of_any(text: &str) -> Result<Dialled<'static>, Fault> {
    let western = text::western_digits(text);
    let has_foreign_digits = matches!(western, Cow::Owned(_));
    if text::is_exponential(&western) {
        return Err(rounded());
    }
    let bare = without_wrapping(&western);
    let whole = text::without_zero_fraction(bare);
    let mut dialled = single(whole.unwrap_or(bare))?;
    dialled.repaired |= has_foreign_digits || whole.is_some() || western.starts_with('\'');
    Ok(dialled)
}

/// The text without Excel's leading apostrophe and a link's `tel:`.
fn without_wrapping(text: &str) -> &str {
    let text = text.strip_prefix('\'').unwrap_or(text);
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => text[4..].trim_start(),
        _ => text,
    }
}

/// Refuses a number that Excel has rounded.
pub(super) fn rounded() -> Fault {
    Fault::new(
        ProblemCode::PhoneRounded,
        "Excel has rounded the phone number and its last digits are lost; format the column as Text and type the number again.",
    )
}

/// Refuses two numbers in one cell.
pub(super) fn several() -> Fault {
    Fault::new(
        ProblemCode::PhoneSeveral,
        "The cell holds more than one phone number; leave only the one to invite.",
    )
}

/// Refuses what is no number.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(ProblemCode::PhoneInvalid, message)
}

/// Everything that may stand inside one number. A line break may not: it parts two numbers.
fn is_part(c: char) -> bool {
    c.is_ascii_digit() || is_plus(c) || is_soft(c)
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '＋')
}

/// What people put between the digits of one number.
pub(super) fn is_soft(c: char) -> bool {
    matches!(c, '(' | ')' | '[' | ']' | '（' | '）' | '.' | '·')
        || text::is_dash(c)
        || (c.is_whitespace() && !matches!(c, '\n' | '\r'))
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

fn single(text: &str) -> Result<Dialled<'static>, Fault> {
    if text.chars().all(is_part) {
        return compact(text);
    }
    let pieces = || {
        text.split(|c| !is_part(c))
            .filter(|piece| count_digits(piece) > 0)
    };
    if pieces()
        .filter(|piece| count_digits(piece) >= LEAST_DIGITS)
        .count()
        >= 2
    {
        return Err(several());
    }
    if text.chars().any(|c| c.is_alphabetic() && !text::is_dash(c)) {
        return Err(invalid(
            "The cell holds letters beside the phone number; leave only the number, without an extension.",
        ));
    }
    let mut pieces = pieces();
    match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(only), None, _) => compact(only),
        (Some(area), Some(_), None) if is_area_code(text, area) => {
            compact(&text.replace(['/', '\\'], " "))
        }
        (Some(first), Some(_), _) if count_digits(first) >= LEAST_DIGITS => Err(several()),
        _ => Err(invalid(
            "The cell holds no phone number; type its digits only.",
        )),
    }
}

/// Whether a slash follows an area code (`02/27954321`), rather than parting two numbers.
fn is_area_code(text: &str, first: &str) -> bool {
    let has_only_slashes = text.chars().all(|c| is_part(c) || matches!(c, '/' | '\\'));
    has_only_slashes && count_digits(first) <= AREA_CODE_DIGITS
}

/// One number without what stands between its digits.
fn compact(text: &str) -> Result<Dialled<'static>, Fault> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let mut signs = text
        .char_indices()
        .filter(|&(_, c)| is_plus(c))
        .map(|(at, _)| at);
    let Some(plus) = signs.next() else {
        return Ok(Dialled {
            international: false,
            digits: digits.into(),
            repaired: false,
        });
    };
    let before = count_digits(&text[..plus]);
    // Typed from right to left, the sign ends up behind its number.
    let is_behind = before > 0 && before == digits.len();
    if signs.next().is_some() || (before > 0 && !is_behind) {
        let is_pair =
            before.max(digits.len() - before) >= LEAST_DIGITS && digits.len() >= 2 * LEAST_DIGITS;
        return Err(if is_pair {
            several()
        } else {
            invalid("The + stands in the wrong place; write it once, before the country code.")
        });
    }
    Ok(Dialled {
        international: true,
        digits: digits.into(),
        repaired: is_behind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_come_out_of_any_writing() {
        let cases = [
            ("01012345678", "01012345678", false),
            ("010 1234-5678", "01012345678", false),
            ("(010) 1234.5678", "01012345678", false),
            ("010\u{A0}1234\u{2011}5678", "01012345678", false),
            ("010–1234—5678", "01012345678", false),
            ("02/27954321", "0227954321", false),
            ("01012345678;", "01012345678", false),
            ("01012345678 ,", "01012345678", false),
            ("tel:01012345678", "01012345678", false),
            ("٠١٠١٢٣٤٥٦٧٨", "01012345678", true),
            ("۰۱۰۱۲۳۴۵۶۷۸", "01012345678", true),
            ("1012345678.0", "1012345678", true),
            ("'01012345678", "01012345678", true),
        ];
        for (text, digits, repaired) in cases {
            let expected = Dialled {
                international: false,
                digits: digits.into(),
                repaired,
            };
            assert_eq!(dialled(text), Ok(expected), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn bare_digits_need_no_taking_apart(text in "[+]?[0-9]{0,20}") {
            proptest::prop_assert_eq!(dialled(&text), dialled_of_any(&text));
        }
    }

    #[test]
    fn a_plus_is_understood_on_either_side() {
        for (text, repaired) in [
            ("+20 10 1234 5678", false),
            ("(+20) 1012345678", false),
            ("＋201012345678", false),
            ("201012345678+", true),
        ] {
            let number = dialled(text).expect("readable");
            assert!(number.international, "{text}");
            assert_eq!(
                (&*number.digits, number.repaired),
                ("201012345678", repaired),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_one_number_is_refused() {
        use ProblemCode::{PhoneInvalid, PhoneRounded, PhoneSeveral};
        let cases = [
            ("01012345678/01112345678", PhoneSeveral),
            ("01012345678 / 01112345678", PhoneSeveral),
            ("01012345678 أو 01112345678", PhoneSeveral),
            ("01012345678، 01112345678", PhoneSeveral),
            ("01012345678\n01112345678", PhoneSeveral),
            ("01012345678+201112345678", PhoneSeveral),
            ("+201012345678 +201112345678", PhoneSeveral),
            ("0101234567/8", PhoneSeveral),
            ("02 27954321 ext 12", PhoneInvalid),
            ("01012345678 (Mona)", PhoneInvalid),
            ("no phone", PhoneInvalid),
            ("12+34", PhoneInvalid),
            ("#/*", PhoneInvalid),
            ("2.01E+11", PhoneRounded),
            ("2,01012E+11", PhoneRounded),
            ("٢.٠١E+١١", PhoneRounded),
            ("٢٫٠١E+11", PhoneRounded),
        ];
        for (text, code) in cases {
            assert_eq!(dialled(text).expect_err("refused").code, code, "{text}");
        }
    }
}
