//! Reads what an invitation reaches a customer by: a phone number, given as E.164, or an e-mail address.
//!
//! A phone's digits are first taken out of what people write around them; nothing is guessed there: an extension, a second number or
//! a word in the cell refuses it. Then the digits are judged by Google's metadata, as rlibphonenumber carries it. The library
//! reads much more than digits; it is handed nothing else, so that what it would forgive or cut off is never its decision.
//!
//! An address is one that a mail server could take, judged pragmatically and not by the whole grammar of the standards.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};
use serde::{Deserialize, Serialize};

use super::number;
use super::text::{Given, Reading};
use crate::mapping::names::is_dash;
use crate::model::Fault;

const LEAST_DIGITS: usize = 7;
const ONE_NUMBER_DIGITS: usize = 15;
/// The same with `00` before it.
const MOST_DIGITS: usize = 17;
/// Zeros that end a number cell of twelve digits once it was shown as `2.01012E+11`, saved and read again.
const ZEROS_OF_ROUNDING: &str = "000000";
/// What Egyptian mobiles begin with, and how many digits follow the country code.
const EGYPTIAN_MOBILES: [&str; 4] = ["+2010", "+2011", "+2012", "+2015"];
const EGYPTIAN_MOBILE_CHARS: usize = "+201012345678".len();

/// The longest address and the longest part before the @ that mail servers take, in bytes.
const LONGEST_ADDRESS_BYTES: usize = 254;
const LONGEST_NAME_BYTES: usize = 64;
const LONGEST_LABEL_BYTES: usize = 63;

/// A country with phone numbers, by its two letters in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(Region);

impl Default for Country {
    fn default() -> Self {
        Country(Region::EG)
    }
}

impl Country {
    /// What stands before its numbers abroad; empty where there is none.
    pub fn code(self) -> String {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(self.0);
        code.map_or_else(String::new, |code| code.to_string())
    }
}

impl TryFrom<String> for Country {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        let region = code.parse().ok();
        let has_phones = |country: &Country| !country.code().is_empty();
        region.map(Country).filter(has_phones).ok_or(
            "is no country's two letters\nsuch as \"EG\" for Egypt or \"SA\" for Saudi Arabia",
        )
    }
}

impl From<Country> for String {
    fn from(country: Country) -> String {
        country.0.to_string()
    }
}

/// Reads a cell as a phone number of a country, or an international one; landlines, which no message reaches, only where
/// they may be.
pub(super) fn read_phone(
    given: Given<'_>,
    country: Country,
    landlines: bool,
) -> Result<Reading<'static>, Fault> {
    let dialled = dialled(given)?;
    let digits = dialled.text.trim_start_matches('+');
    match (given, judged(&dialled, country, landlines)) {
        (Given::Number(_), _) if digits.len() > 10 && digits.ends_with(ZEROS_OF_ROUNDING) => {
            Err(Fault::of("phone_rounded", &[]))
        }
        (Given::Text(text), Err(_))
            if digits.len() > ONE_NUMBER_DIGITS && text.contains(is_soft) =>
        {
            Err(Fault::of("phone_several", &[]))
        }
        (_, judged) => judged,
    }
}

/// Of Western digits, with a `+` before them where the country code comes first.
fn judged(
    dialled: &Reading<'_>,
    country: Country,
    landlines: bool,
) -> Result<Reading<'static>, Fault> {
    use PhoneNumberType::{FixedLineOrMobile, Mobile, PersonalNumber};
    let digits = &*dialled.text;
    let is_international = digits.starts_with('+');
    let number = if is_international {
        valid(digits, None)
    } else {
        let abroad = || valid(&format!("+{}", digits.strip_prefix("00")?), None);
        valid(digits, Some(country.0)).or_else(abroad)
    };
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    let (number, kind) = number.ok_or_else(|| match count_digits(digits) {
        0..5 => Fault::of("phone_absent", &[]),
        count if is_international || zeros == 2 => Fault::of("phone_unknown_there", &[&count]),
        count => Fault::of("phone_unknown", &[&count, &country.0]),
    })?;
    let lost_zero = !is_international && lacks_zero(&number, digits);
    if lost_zero && kind != Mobile {
        return Err(Fault::of("phone_lacks_zero", &[]));
    }
    let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
    let mut mobiles = EGYPTIAN_MOBILES.iter();
    if mobiles.any(|prefix| e164.starts_with(prefix)) && e164.len() < EGYPTIAN_MOBILE_CHARS {
        return Err(Fault::of("mobile_too_short", &[]));
    }
    // The others are landlines, and numbers of services, companies and satellites.
    if !landlines && !matches!(kind, Mobile | FixedLineOrMobile | PersonalNumber) {
        return Err(Fault::of("landline", &[]));
    }
    Ok(Reading::new(e164, dialled.repaired || lost_zero))
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
    number.get_national_significant_number() == digits && {
        let national = number.format_as(PhoneNumberFormat::National);
        let mut in_full = national.chars().filter(char::is_ascii_digit);
        in_full.next() == Some('0') && in_full.eq(digits.chars())
    }
}

fn dialled(given: Given<'_>) -> Result<Reading<'static>, Fault> {
    let faults = ["phone_not_text", "phone_fraction", "phone_rounded"];
    let shown = number::digits(given, faults)?;
    // A link's `tel:`, and the `p:` of Facebook's lists of leads.
    let number = match shown.text.split_once(':') {
        Some(("tel" | "Tel" | "TEL" | "p" | "P", number)) => number.trim_start(),
        _ => &shown.text,
    };
    let mut dialled = single(number)?;
    dialled.repaired |= shown.repaired;
    Ok(dialled)
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

fn single(text: &str) -> Result<Reading<'static>, Fault> {
    let is_long = |piece: &&str| count_digits(piece) >= LEAST_DIGITS;
    let pieces = text.split(|c| !is_part(c));
    let pieces: Vec<&str> = pieces.filter(|piece| count_digits(piece) > 0).collect();
    if pieces.iter().filter(|piece| is_long(piece)).count() >= 2 {
        return Err(Fault::of("phone_several", &[]));
    }
    if !pieces.is_empty() && text.chars().any(|c| c.is_alphabetic() && !is_dash(c)) {
        return Err(Fault::of("phone_letters", &[]));
    }
    match pieces[..] {
        [only] => compact(only),
        [] => Err(Fault::of("phone_absent", &[])),
        _ => Err(Fault::of("phone_several", &[])),
    }
}

fn compact(text: &str) -> Result<Reading<'static>, Fault> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let around_signs: Vec<usize> = text.split(is_plus).map(count_digits).collect();
    match around_signs[..] {
        [_] => Ok(Reading::new(digits, false)),
        [0, _] => Ok(Reading::new(format!("+{digits}"), false)),
        // Typed from right to left, the sign ends up behind its number.
        [_, 0] => Ok(Reading::new(format!("+{digits}"), true)),
        _ if digits.len() >= 2 * LEAST_DIGITS => Err(Fault::of("phone_several", &[])),
        _ => Err(Fault::of("phone_plus", &[])),
    }
}

/// Reads a cell as an e-mail address; only its domain is lower-cased.
pub(super) fn read_email(given: Given<'_>) -> Result<Reading<'static>, Fault> {
    let Given::Text(text) = given else {
        return Err(Fault::of("email_not_text", &[]));
    };
    // The apostrophe that guards a text, a link's `mailto:` and a list's trailing separator.
    let bare = text.strip_prefix('\'').unwrap_or(text);
    let address = match bare.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &bare[7..],
        _ => bare,
    };
    let address = address.trim_end_matches([';', ',', '،', '؛']).trim();
    let parts = address.split_once('@');
    let (name, domain) = parts.ok_or(Fault::of("email_without_at", &[]))?;
    // As it goes out: some letters are two in lower case.
    let lower = domain.to_lowercase();
    let wrong = [
        (domain.contains('@'), "email_several"),
        (address.contains(char::is_whitespace), "email_space"),
        (!is_name(name), "email_name"),
        (lower.contains([',', '،', ';']), "email_comma"),
        (!is_domain(&lower), "email_domain"),
        (address.len() > LONGEST_ADDRESS_BYTES, "email_too_long"),
    ];
    match wrong.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, name)) => Err(Fault::of(name, &[])),
        None => Ok(Reading::new(
            format!("{name}@{lower}"),
            address.len() != text.len(),
        )),
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let has_stray_dot = name.split('.').any(str::is_empty);
    name.len() <= LONGEST_NAME_BYTES && !has_stray_dot && name.bytes().all(is_allowed)
}

/// Whether a text is a domain that ends in a word, international ones included.
fn is_domain(domain: &str) -> bool {
    let is_allowed =
        |c: char| c == '-' || c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric());
    let is_label = |label: &str| {
        let has_stray_dash = label.starts_with('-') || label.ends_with('-');
        (1..=LONGEST_LABEL_BYTES).contains(&label.len())
            && !has_stray_dash
            && label.chars().all(is_allowed)
    };
    let last = domain.rsplit_once('.').map_or("", |(_, last)| last);
    let ends_in_word = last.chars().count() >= 2 && last.chars().any(|c| !c.is_ascii_digit());
    ends_in_word && domain.split('.').all(is_label)
}
