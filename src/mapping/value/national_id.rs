//! Reads an Egyptian national id: a century, a birth date, a governorate, a sequence and a check digit, fourteen in
//! all.
//!
//! The check digit is not judged, since no rule for it was ever published.

use jiff::civil;

use super::number;
use super::text::{Given, Reading};
use crate::mapping::names::is_dash;
use crate::model::Fault;

const DIGITS: usize = 14;
/// Reading takes no clock; no customer who signs a contract is born after this year while this rule is in use.
const LATEST_BIRTH_YEAR: i16 = 2040;
/// Zeros that end an id once it was shown as `2.90010112E+13`, saved and read again: no sequence begins at 0000.
const ZEROS_OF_ROUNDING: &str = "00000";

/// The birth date in an id of fourteen Western digits.
pub fn birth_date_of(national_id: &str) -> Option<civil::Date> {
    let digits = national_id.as_bytes();
    if digits.len() != DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pair = |at: usize| i16::from(digits[at] - b'0') * 10 + i16::from(digits[at + 1] - b'0');
    let century = match digits[0] {
        b'2' => 1900,
        b'3' => 2000,
        _ => return None,
    };
    let (month, day) = (i8::try_from(pair(3)).ok()?, i8::try_from(pair(5)).ok()?);
    let date = civil::Date::new(century + pair(1), month, day).ok()?;
    (date.year() <= LATEST_BIRTH_YEAR).then_some(date)
}

/// Reads a cell as a national id.
pub(super) fn read(given: Given<'_>) -> Result<Reading<'static>, Fault> {
    let shown = number::digits(
        given,
        [
            Fault::NationalIdNotDigits,
            Fault::NationalIdNotDigits,
            Fault::NationalIdRounded,
        ],
    )?;
    let written = shown.text.chars();
    let digits: String = written
        .filter(|&c| !c.is_whitespace() && !is_dash(c))
        .collect();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::NationalIdNotDigits);
    }
    match digits.len() {
        DIGITS if digits.ends_with(ZEROS_OF_ROUNDING) => Err(Fault::NationalIdRounded),
        DIGITS if !digits.starts_with(['2', '3']) => Err(Fault::NationalIdCentury),
        DIGITS if birth_date_of(&digits).is_none() => Err(Fault::NationalIdBirth),
        DIGITS if !is_governorate(&digits[7..9]) => Err(Fault::NationalIdGovernorate),
        DIGITS => Ok(Reading::new(digits, shown.repaired)),
        13 => Err(Fault::NationalIdShort),
        count => Err(Fault::NationalIdLength(count)),
    }
}

/// The published codes: cities, Delta, Upper Egypt, frontiers, born abroad.
fn is_governorate(code: &str) -> bool {
    matches!(
        code.parse::<u8>(),
        Ok(1..=4 | 11..=19 | 21..=29 | 31..=35 | 88)
    )
}
