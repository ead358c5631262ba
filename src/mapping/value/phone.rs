//! Reads a phone number and gives it as E.164.
//!
//! First the digits are taken out of what people write around them; nothing is guessed there: an extension, a second number or
//! a word in the cell refuses it. Then the digits are judged by Google's metadata, as rlibphonenumber carries it. The library
//! reads much more than digits; it is handed nothing else, so that what it would forgive or cut off is never its decision.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::number::{self, Whole};
use super::text::{self, Fault, Given, Reading};
use crate::mapping::names::{is_dash, western_digits};
use crate::model::ProblemCode;

/// The fewest digits that may be a phone number of their own.
const LEAST_DIGITS: usize = 7;
/// The most digits of one international number.
const ONE_NUMBER_DIGITS: usize = 15;
/// The same with `00` before it.
const MOST_DIGITS: usize = 17;
/// The most digits that are worth a look: two international numbers.
const PAIR_DIGITS: usize = 40;
/// The most digits of an area code written before a slash.
const AREA_CODE_DIGITS: usize = 4;
/// Zeros that end a number cell of twelve digits once it was shown as `2.01012E+11`, saved and read again.
const ZEROS_OF_ROUNDING: &str = "000000";
/// What Egyptian mobiles begin with, and how many digits follow the country code.
const EGYPTIAN_MOBILES: [&str; 4] = ["+2010", "+2011", "+2012", "+2015"];
const EGYPTIAN_MOBILE_CHARS: usize = "+201012345678".len();

/// What a number must be to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule<'a> {
    /// Of national numbers, two letters.
    pub country: &'a str,
    /// Whether numbers that no message reaches are taken.
    pub landlines: bool,
}

/// A phone number as it would be dialled.
#[derive(Debug, PartialEq, Eq)]
struct Dialled {
    /// Whether a `+` says that the country code comes first.
    international: bool,
    /// Western digits only.
    digits: String,
    /// Whether getting them took a repair.
    repaired: bool,
}

/// Whether a two-letter code names a country with phone numbers.
pub fn country_is_known(code: &str) -> bool {
    region_of(code).is_some()
}

/// Reads a cell as a phone number of the rule's country, or an international one.
pub(super) fn read(given: Given<'_>, rule: Rule<'_>) -> Result<Reading<'static>, Fault> {
    match given {
        Given::Text(text) => rule.text(text),
        Given::Number(number) => rule.number(number),
        Given::Boolean(_) | Given::Date(_) => Err(invalid(
            "The cell holds no phone number; format the column as Text and type the number.",
        )),
    }
}

impl Rule<'_> {
    fn text(self, text: &str) -> Result<Reading<'static>, Fault> {
        let dialled = dialled(text)?;
        let count = dialled.digits.len();
        if count > ONE_NUMBER_DIGITS && count <= PAIR_DIGITS && self.is_pair(text) {
            return Err(several());
        }
        self.judged(&dialled)
    }

    /// Whether a text parts somewhere into two valid numbers.
    fn is_pair(self, text: &str) -> bool {
        let western = western_digits(text);
        let any = Rule {
            landlines: true,
            ..self
        };
        let is_number =
            |part: &str| dialled(part).is_ok_and(|dialled| any.judged(&dialled).is_ok());
        western
            .char_indices()
            .filter(|&(at, c)| is_soft(c) && !western[..at].ends_with(is_soft))
            .any(|(at, _)| is_number(&western[..at]) && is_number(&western[at..]))
    }

    fn number(self, number: f64) -> Result<Reading<'static>, Fault> {
        match number::whole(number) {
            Whole::Digits(digits) if digits.len() > 10 && digits.ends_with(ZEROS_OF_ROUNDING) => {
                Err(rounded())
            }
            Whole::Digits(digits) => self.judged(&Dialled {
                international: false,
                digits,
                repaired: false,
            }),
            Whole::Rounded => Err(rounded()),
            Whole::Not => Err(invalid(
                "The cell holds a number with a sign or a fraction, which is no phone number; format the column as Text and type it again.",
            )),
        }
    }

    fn judged(self, dialled: &Dialled) -> Result<Reading<'static>, Fault> {
        let digits = dialled.digits.as_str();
        let foreign = |digits: &str| valid(&format!("+{digits}"), None);
        let number = if dialled.international {
            foreign(digits)
        } else {
            region_of(self.country)
                .and_then(|region| valid(digits, Some(region)))
                .or_else(|| digits.strip_prefix("00").and_then(foreign))
        };
        let Some((number, kind)) = number else {
            return Err(not_valid(digits.len(), self.country));
        };
        let lost_zero = !dialled.international && lacks_zero(&number, digits);
        if lost_zero && kind != PhoneNumberType::Mobile {
            return Err(invalid(
                "The phone number lacks its leading zero or area code; write it in full, or with + and the country code.",
            ));
        }
        let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
        let begins_as_mobile = EGYPTIAN_MOBILES
            .iter()
            .any(|prefix| e164.starts_with(prefix));
        if begins_as_mobile && e164.len() < EGYPTIAN_MOBILE_CHARS {
            return Err(invalid(
                "The mobile number has a digit too few; compare it with the customer's.",
            ));
        }
        if kind == PhoneNumberType::FixedLine && !self.landlines {
            return Err(invalid(
                "This is a landline, which no message reaches; write a mobile number, or set `landlines = true` under [recipient].",
            ));
        }
        Ok(Reading::new(e164, dialled.repaired || lost_zero))
    }
}

/// A number that exists, with its kind.
fn valid(number: &str, region: Option<Region>) -> Option<(PhoneNumber, PhoneNumberType)> {
    if number.len() > MOST_DIGITS {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(number, region).ok()?;
    let kind = number.get_type();
    (kind != PhoneNumberType::Unknown).then_some((number, kind))
}

/// Whether the digits are a national number without the zero that its country writes before it.
fn lacks_zero(number: &PhoneNumber, digits: &str) -> bool {
    if number.get_national_significant_number() != digits {
        return false;
    }
    let national = number.format_as(PhoneNumberFormat::National);
    let mut in_full = national.chars().filter(char::is_ascii_digit);
    in_full.next() == Some('0') && in_full.eq(digits.chars())
}

fn not_valid(digits: usize, country: &str) -> Fault {
    if digits < 5 {
        return invalid("The cell holds no phone number; type its digits only.");
    }
    invalid(format!(
        "These {digits} digits are no valid phone number of {country}; check them, and begin a foreign number with + and its country code.",
    ))
}

/// The region of a country code, if it has phone numbers.
fn region_of(code: &str) -> Option<Region> {
    if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let region: Region = code.to_ascii_uppercase().parse().ok()?;
    PHONE_NUMBER_UTIL
        .get_country_code_for_region(region)
        .map(|_| region)
}

/// The digits of the only number in a clean text.
fn dialled(text: &str) -> Result<Dialled, Fault> {
    let western = western_digits(text);
    let has_foreign_digits = *western != *text;
    if text::exponent(&western).is_some() {
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
fn rounded() -> Fault {
    Fault::new(
        ProblemCode::PhoneRounded,
        "Excel has rounded the phone number and its last digits are lost; format the column as Text and type the number again.",
    )
}

/// Refuses two numbers in one cell.
fn several() -> Fault {
    Fault::new(
        ProblemCode::PhoneSeveral,
        "The cell holds more than one phone number; leave only the one to invite.",
    )
}

/// Refuses what is no number.
fn invalid(message: impl Into<String>) -> Fault {
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
fn is_soft(c: char) -> bool {
    matches!(c, '(' | ')' | '[' | ']' | '（' | '）' | '.' | '·')
        || is_dash(c)
        || (c.is_whitespace() && !matches!(c, '\n' | '\r'))
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

fn single(text: &str) -> Result<Dialled, Fault> {
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
    if text.chars().any(|c| c.is_alphabetic() && !is_dash(c)) {
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
fn compact(text: &str) -> Result<Dialled, Fault> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let mut signs = text
        .char_indices()
        .filter(|&(_, c)| is_plus(c))
        .map(|(at, _)| at);
    let Some(plus) = signs.next() else {
        return Ok(Dialled {
            international: false,
            digits,
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
        digits,
        repaired: is_behind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(given: Given<'_>, country: &str, landlines: bool) -> String {
        match read(given, Rule { country, landlines }) {
            Ok(reading) if reading.repaired => format!("{} repaired", reading.text),
            Ok(reading) => reading.text.into_owned(),
            Err(fault) => fault.code.to_string(),
        }
    }

    #[test]
    fn every_way_to_write_a_mobile_gives_one_number() {
        let plain = "01012345678|+201012345678|201012345678|00201012345678|010 1234-5678|(010) 1234.5678|010–1234—5678|\
            +20 (0)10 1234 5678|(+20) 10 1234-5678|＋20 10 1234 5678|002 010 1234 5678|2001012345678|010\u{A0}1234\u{2011}5678|\
            01012345678 ,|01012345678;|tel:01012345678";
        for written in plain.split('|') {
            assert_eq!(
                told(Given::Text(written), "EG", false),
                "+201012345678",
                "{written}"
            );
        }
        let mended = "1012345678|1012345678.0|201012345678.0|٠١٠١٢٣٤٥٦٧٨|۰۱۰۱۲۳۴۵۶۷۸|201012345678+|'01012345678";
        for written in mended.split('|') {
            let expected = "+201012345678 repaired";
            assert_eq!(
                told(Given::Text(written), "EG", false),
                expected,
                "{written}"
            );
        }
    }

    #[test]
    fn numbers_of_other_kinds_and_countries_are_known() {
        for (written, country, e164) in [
            ("02 2795 4321", "EG", "+20227954321"),
            ("02/27954321", "EG", "+20227954321"),
            ("+966 50 123 4567", "EG", "+966501234567"),
            ("00966501234567", "EG", "+966501234567"),
            ("0501234567", "sa", "+966501234567"),
            ("501234567", "SA", "+966501234567 repaired"),
            ("00201012345678", "US", "+201012345678"),
            ("(202) 555-0123", "US", "+12025550123"),
            ("50012345", "KW", "+96550012345"),
            ("06 12 34 56 78", "FR", "+33612345678"),
        ] {
            assert_eq!(told(Given::Text(written), country, true), e164, "{written}");
        }
    }

    #[test]
    fn what_would_be_a_guess_is_refused_without_showing_it() {
        let invalid = "0101234567|010123456789|01312345678|966501234567|227954321|27954321|+2012345|12345|0|+|0101234567801112345678|\
            02 27954321 ext 12|01012345678 (Mona)|no phone|12+34|#/*|0151791272|+20 15 1791272|151791272";
        let several = "01012345678 01112345678|01012345678-01112345678|01012345678   0227954321|01012345678/01112345678|\
            01012345678 أو 01112345678|01012345678، 01112345678|01012345678\n01112345678|01012345678+201112345678|\
            +201012345678 +201112345678|0101234567/8";
        let rounded = "2.01E+11|2,01012E+11|٢.٠١E+١١|٢٫٠١E+11";
        for (texts, code) in [
            (invalid, ProblemCode::PhoneInvalid),
            (several, ProblemCode::PhoneSeveral),
            (rounded, ProblemCode::PhoneRounded),
        ] {
            for written in texts.split('|') {
                let rule = Rule {
                    country: "EG",
                    landlines: true,
                };
                let fault = read(Given::Text(written), rule).expect_err(written);
                assert_eq!(fault.code, code, "{written}");
                assert!(
                    written.len() < 6 || !fault.message.contains(written),
                    "{written}"
                );
            }
        }
    }

    #[test]
    fn landlines_are_taken_only_where_they_may_be() {
        assert_eq!(
            told(Given::Text("0227954321"), "EG", false),
            "phone_invalid"
        );
        assert_eq!(
            told(Given::Text("+20227954321"), "EG", false),
            "phone_invalid"
        );
        // Mobiles and landlines look alike there.
        assert_eq!(
            told(Given::Text("(202) 555-0123"), "US", false),
            "+12025550123"
        );
    }

    #[test]
    fn number_cells_are_digits_unless_excel_rounded_them() {
        for (number, expected) in [
            (1_012_345_678.0, "+201012345678 repaired"),
            (201_012_345_678.0, "+201012345678"),
            (201_012_000_000.0, "phone_rounded"),
            (1e15, "phone_rounded"),
            (1e300, "phone_rounded"),
            (1_012_345_678.5, "phone_invalid"),
            (-1_012_345_678.0, "phone_invalid"),
            (0.0, "phone_invalid"),
        ] {
            assert_eq!(
                told(Given::Number(number), "EG", false),
                expected,
                "{number}"
            );
        }
    }

    #[test]
    fn countries_are_known_by_their_two_letters() {
        assert!(["EG", "eg", "SA", "US"].into_iter().all(country_is_known));
        for unknown in ["", "E", "EGY", "ZZ", "20", "001", "مص"] {
            assert!(!country_is_known(unknown), "{unknown}");
        }
    }
}
