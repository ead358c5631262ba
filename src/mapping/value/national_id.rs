//! Reads an Egyptian national id: a century, a birth date, a governorate, a sequence and a check digit, fourteen in
//! all.
//!
//! The check digit is not judged, since no rule for it was ever published.

use jiff::civil;

use super::number::{self, Whole};
use super::text::{self, Fault, Given, Reading};
use crate::mapping::names::{is_dash, western_digits};
use crate::model::ProblemCode;

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
    match given {
        Given::Text(text) => from_text(text),
        Given::Number(number) => match number::whole(number) {
            Whole::Digits(digits) => checked(digits, false),
            Whole::Rounded => Err(rounded()),
            Whole::Not => Err(not_digits()),
        },
        Given::Boolean(_) | Given::Date(_) => Err(not_digits()),
    }
}

fn from_text(text: &str) -> Result<Reading<'static>, Fault> {
    let western = western_digits(text);
    if text::exponent(&western).is_some() {
        return Err(rounded());
    }
    let bare = western.strip_prefix('\'').unwrap_or(&western);
    let whole = text::without_zero_fraction(bare);
    let repaired = *bare != *text || whole.is_some();
    let digits: String = whole
        .unwrap_or(bare)
        .chars()
        .filter(|&c| !c.is_whitespace() && !is_dash(c))
        .collect();
    checked(digits, repaired)
}

fn checked(digits: String, repaired: bool) -> Result<Reading<'static>, Fault> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(not_digits());
    }
    match digits.len() {
        DIGITS if digits.ends_with(ZEROS_OF_ROUNDING) => Err(rounded()),
        DIGITS => check_structure(&digits).map(|()| Reading::new(digits, repaired)),
        13 => Err(Fault::new(
            ProblemCode::NationalIdRounded,
            "The national id has 13 digits instead of 14, so one is lost; format the column as Text and type it again.",
        )),
        count => Err(invalid(format!(
            "The national id has {count} digits instead of 14; compare it with the card."
        ))),
    }
}

fn check_structure(digits: &str) -> Result<(), Fault> {
    if !digits.starts_with(['2', '3']) {
        return Err(invalid(
            "The national id must begin with 2 or 3, the century of birth; compare it with the card.",
        ));
    }
    if birth_date_of(digits).is_none() {
        return Err(invalid(
            "Digits 2 to 7 of the national id are no birth date (year, month, day); compare them with the card.",
        ));
    }
    if !is_governorate(&digits[7..9]) {
        return Err(invalid(
            "Digits 8 and 9 of the national id name no governorate; compare them with the card.",
        ));
    }
    Ok(())
}

/// The published codes: cities, Delta, Upper Egypt, frontiers, born abroad.
fn is_governorate(code: &str) -> bool {
    matches!(
        code.parse::<u8>(),
        Ok(1..=4 | 11..=19 | 21..=29 | 31..=35 | 88)
    )
}

fn not_digits() -> Fault {
    invalid(
        "The cell holds something else than the 14 digits of a national id; type the digits only.",
    )
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(ProblemCode::NationalIdInvalid, message)
}

fn rounded() -> Fault {
    Fault::new(
        ProblemCode::NationalIdRounded,
        "Excel has rounded the national id and its last digits are lost; format the column as Text and type it again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_fourteen_digits() {
        for (text, repaired) in [
            ("29001011234567", false),
            ("290 0101 12 34567", false),
            ("2-900101-12-34567", false),
            ("٢٩٠٠١٠١١٢٣٤٥٦٧", true),
            ("29001011234567.0", true),
            ("'29001011234567", true),
        ] {
            let expected = Reading::new("29001011234567", repaired);
            assert_eq!(read(Given::Text(text)), Ok(expected), "{text}");
        }
        let cell = read(Given::Number(29_001_011_234_567.0));
        assert_eq!(cell, Ok(Reading::new("29001011234567", false)));
    }

    #[test]
    fn the_message_names_the_part_that_is_wrong() {
        for (text, part) in [
            ("19001011234567", "begin with 2 or 3"),
            ("29013011234567", "2 to 7"),
            ("39901011234567", "2 to 7"),
            ("29001012034567", "8 and 9"),
            ("290010112345", "12 digits"),
            ("2900101123456", "13 digits"),
            ("A9001011234567", "digits only"),
            ("2.90010112E+13", "rounded"),
            ("29001011200000", "rounded"),
        ] {
            let fault = read(Given::Text(text)).expect_err(text);
            assert!(fault.message.contains(part), "{text}: {}", fault.message);
        }
        for (number, code) in [
            (2.9e13, ProblemCode::NationalIdRounded),
            (2.9e15, ProblemCode::NationalIdRounded),
            (0.5, ProblemCode::NationalIdInvalid),
        ] {
            assert_eq!(
                read(Given::Number(number)).map_err(|fault| fault.code),
                Err(code)
            );
        }
    }

    #[test]
    fn the_birth_date_and_the_governorate_are_in_the_id() {
        let known = (0..=99).filter(|code| is_governorate(&format!("{code:02}")));
        assert_eq!(known.count(), 4 + 9 + 9 + 5 + 1);
        assert_eq!(
            birth_date_of("29001311234567"),
            Some(civil::date(1990, 1, 31))
        );
        assert_eq!(
            birth_date_of("30402291234567"),
            Some(civil::date(2004, 2, 29))
        );
        for none in [
            "",
            "30302291234567",
            "2900101123456",
            "٢٩٠٠١٠١١٢٣٤٥٦٧",
            "49001011234567",
        ] {
            assert_eq!(birth_date_of(none), None, "{none}");
        }
    }
}
