//! Judges the digits of any phone number of any country by Google's metadata, as rlibphonenumber carries it.
//!
//! The library reads much more than digits; it is handed nothing else, so that what it would forgive or cut off
//! (letters, extensions, a fraction) is never its decision.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::phone_text::{Dialled, invalid};
use super::{Fault, Reading};

/// The most digits of one number, with `00` before it.
const MOST_DIGITS: usize = 17;

/// Whether a two-letter code names a country with phone numbers.
pub fn country_is_known(code: &str) -> bool {
    // Known without the metadata, whose loading takes longer than all else before the first row.
    is_egypt(code) || region_of(code).is_some()
}

/// Whether a country is the one whose mobiles are known without the metadata.
pub(super) fn is_egypt(country: &str) -> bool {
    country.eq_ignore_ascii_case("EG")
}

/// Any number of any country, by the metadata.
pub(super) fn by_metadata(
    dialled: &Dialled<'_>,
    country: &str,
    landlines: bool,
) -> Result<Reading<'static>, Fault> {
    let digits = &*dialled.digits;
    let region = region_of(country);
    let number = if dialled.international {
        valid(&format!("+{digits}"), None)
    } else {
        let foreign = || {
            digits
                .strip_prefix("00")
                .and_then(|rest| valid(&format!("+{rest}"), None))
        };
        region
            .and_then(|region| valid(digits, Some(region)))
            .or_else(foreign)
    };
    let Some(number) = number else {
        return Err(not_valid(digits.len(), country));
    };
    let lost_zero = !dialled.international && lacks_zero(&number, digits);
    if lost_zero && number.get_type() != PhoneNumberType::Mobile {
        return Err(invalid(
            "The phone number lacks its leading zero or area code; write it in full, or with + and the country code.",
        ));
    }
    let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
    if is_short_egyptian_mobile(&e164) {
        return Err(invalid(
            "The mobile number has a digit too few; compare it with the customer's.",
        ));
    }
    if !landlines && number.get_type() == PhoneNumberType::FixedLine {
        return Err(invalid(
            "This is a landline, which no message reaches; write a mobile number, or set `landlines = true` under [recipient].",
        ));
    }
    Ok(Reading::new(e164, dialled.repaired || lost_zero))
}

/// Mobiles of 010, 011, 012 and 015 have ten digits behind the country code; with nine, some look like landlines.
fn is_short_egyptian_mobile(e164: &str) -> bool {
    let is_mobile = ["+2010", "+2011", "+2012", "+2015"]
        .iter()
        .any(|prefix| e164.starts_with(prefix));
    is_mobile && e164.len() == "+20151791272".len()
}

fn valid(number: &str, region: Option<Region>) -> Option<PhoneNumber> {
    if number.len() > MOST_DIGITS {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(number, region).ok()?;
    number.is_valid().then_some(number)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_their_two_letters() {
        for known in ["EG", "eg", "SA", "US"] {
            assert!(country_is_known(known), "{known}");
            assert!(region_of(known).is_some(), "{known}");
        }
        for unknown in ["", "E", "EGY", "ZZ", "20", "001", "مص"] {
            assert!(!country_is_known(unknown), "{unknown}");
        }
    }
}
