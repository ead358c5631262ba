//! Reads a phone number and gives it as E.164.
//!
//! `phone_text` finds the digits; here they are judged by Google's metadata, as rlibphonenumber carries it. Plain
//! Egyptian mobiles, nearly every row of nearly every sheet, are known without it; a test holds both answers against
//! each other.

use super::number::{self, Whole};
use super::phone_metadata::{by_metadata, is_egypt};
use super::phone_text::{self, Dialled, invalid, rounded, several};
use super::{Fault, Given, Reading, text};

/// The most digits that are worth a look: two international numbers.
const MOST_DIGITS: usize = 40;
/// The most digits of one international number.
const ONE_NUMBER_DIGITS: usize = 15;
/// Zeros that end a number cell of twelve digits once it was shown as `2.01012E+11`, saved and read again.
const ZEROS_OF_ROUNDING: &str = "000000";

/// Reads a cell as a phone number of `country`, or an international one.
pub(super) fn read(
    given: Given<'_>,
    country: &str,
    landlines: bool,
) -> Result<Reading<'static>, Fault> {
    let judge = Judge { country, landlines };
    match given {
        Given::Text(text) => judge.text(text),
        Given::Number(number) => judge.number(number),
        Given::Boolean(_) | Given::Date(_) => Err(invalid(
            "The cell holds no phone number; format the column as Text and type the number.",
        )),
    }
}

/// What a number must be to be taken.
#[derive(Clone, Copy)]
struct Judge<'a> {
    /// Of national numbers.
    country: &'a str,
    landlines: bool,
}

impl Judge<'_> {
    fn text(self, text: &str) -> Result<Reading<'static>, Fault> {
        let dialled = phone_text::dialled(text)?;
        let count = dialled.digits.len();
        if count > ONE_NUMBER_DIGITS && count <= MOST_DIGITS && self.is_pair(text) {
            return Err(several());
        }
        self.judged(&dialled)
    }

    /// Whether a text parts somewhere into two valid numbers.
    fn is_pair(self, text: &str) -> bool {
        let western = text::western_digits(text);
        let any = Judge {
            landlines: true,
            ..self
        };
        let is_number = |part: &str| {
            phone_text::dialled(part).is_ok_and(|dialled| any.judged(&dialled).is_ok())
        };
        western
            .char_indices()
            .filter(|&(at, c)| {
                phone_text::is_soft(c) && !western[..at].ends_with(phone_text::is_soft)
            })
            .any(|(at, _)| is_number(&western[..at]) && is_number(&western[at..]))
    }

    fn number(self, number: f64) -> Result<Reading<'static>, Fault> {
        match number::whole(number) {
            Whole::Digits(digits) if digits.len() > 10 && digits.ends_with(ZEROS_OF_ROUNDING) => {
                Err(rounded())
            }
            Whole::Digits(digits) => self.judged(&Dialled {
                international: false,
                digits: digits.into(),
                repaired: false,
            }),
            Whole::Rounded => Err(rounded()),
            Whole::Not => Err(invalid(
                "The cell holds a number with a sign or a fraction, which is no phone number; format the column as Text and type it again.",
            )),
        }
    }

    fn judged(self, dialled: &Dialled<'_>) -> Result<Reading<'static>, Fault> {
        if is_egypt(self.country)
            && let Some(reading) = egyptian_mobile(dialled)
        {
            return Ok(reading);
        }
        by_metadata(dialled, self.country, self.landlines)
    }
}

/// A plain Egyptian mobile in one of the five forms that people write: 010…, 10… (its zero lost), 2010…, +2010…,
/// 002010….
fn egyptian_mobile(dialled: &Dialled<'_>) -> Option<Reading<'static>> {
    let digits = &*dialled.digits;
    let (subscriber, lost_zero) = match (digits.len(), dialled.international) {
        (12, _) => (digits.strip_prefix("20")?, false),
        (11, false) => (digits.strip_prefix('0')?, false),
        (14, false) => (digits.strip_prefix("0020")?, false),
        (10, false) => (digits, true),
        _ => return None,
    };
    let is_mobile = matches!(subscriber.as_bytes(), [b'1', b'0' | b'1' | b'2' | b'5', ..]);
    is_mobile.then(|| Reading::new(["+20", subscriber].concat(), dialled.repaired || lost_zero))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProblemCode::{self, PhoneInvalid, PhoneRounded, PhoneSeveral};

    fn text(text: &str, country: &str) -> Result<(String, bool), ProblemCode> {
        told(read(Given::Text(text), country, true))
    }

    fn number(number: f64) -> Result<(String, bool), ProblemCode> {
        told(read(Given::Number(number), "EG", true))
    }

    fn told(read: Result<Reading<'_>, Fault>) -> Result<(String, bool), ProblemCode> {
        read.map(|reading| (reading.text.into_owned(), reading.repaired))
            .map_err(|fault| fault.code)
    }

    #[test]
    fn every_way_to_write_a_mobile_gives_one_number() {
        for (written, repaired) in [
            ("01012345678", false),
            ("+201012345678", false),
            ("201012345678", false),
            ("00201012345678", false),
            ("010 1234 5678", false),
            ("+20 (0)10 1234 5678", false),
            ("+20 (10) 1234-5678", false),
            ("002 010 1234 5678", false),
            ("2001012345678", false),
            ("1012345678", true),
            ("1012345678.0", true),
            ("201012345678.0", true),
            ("٠١٠١٢٣٤٥٦٧٨", true),
            ("201012345678+", true),
        ] {
            assert_eq!(
                text(written, "EG"),
                Ok(("+201012345678".to_owned(), repaired)),
                "{written}"
            );
        }
    }

    #[test]
    fn numbers_of_other_kinds_and_countries_are_known() {
        for (written, country, e164) in [
            ("0227954321", "EG", "+20227954321"),
            ("02 2795 4321", "EG", "+20227954321"),
            ("02/27954321", "EG", "+20227954321"),
            ("+966 50 123 4567", "EG", "+966501234567"),
            ("00966501234567", "EG", "+966501234567"),
            ("0501234567", "SA", "+966501234567"),
            ("0501234567", "sa", "+966501234567"),
            ("00201012345678", "US", "+201012345678"),
            ("(202) 555-0123", "US", "+12025550123"),
            ("50012345", "KW", "+96550012345"),
            ("06 12 34 56 78", "FR", "+33612345678"),
        ] {
            assert_eq!(
                text(written, country),
                Ok((e164.to_owned(), false)),
                "{written} {country}"
            );
        }
        assert_eq!(
            text("501234567", "SA"),
            Ok(("+966501234567".to_owned(), true))
        );
    }

    #[test]
    fn what_would_be_a_guess_is_refused() {
        for (written, code) in [
            ("0101234567", PhoneInvalid),
            ("010123456789", PhoneInvalid),
            ("01312345678", PhoneInvalid),
            ("966501234567", PhoneInvalid),
            ("227954321", PhoneInvalid),
            ("27954321", PhoneInvalid),
            ("+2012345", PhoneInvalid),
            ("12345", PhoneInvalid),
            ("0", PhoneInvalid),
            ("+", PhoneInvalid),
            ("01012345678 01112345678", PhoneSeveral),
            ("01012345678-01112345678", PhoneSeveral),
            ("01012345678   0227954321", PhoneSeveral),
            ("0101234567801112345678", PhoneInvalid),
            ("2.01E+11", PhoneRounded),
        ] {
            assert_eq!(text(written, "EG"), Err(code), "{written}");
        }
    }

    #[test]
    fn landlines_are_taken_only_where_they_may_be_and_short_mobiles_never() {
        for (written, landlines, is_taken) in [
            ("0227954321", true, true),
            ("0227954321", false, false),
            ("+20227954321", false, false),
            ("0151791272", true, false),
            ("+20 15 1791272", true, false),
            ("151791272", true, false),
            ("(202) 555-0123", false, false),
        ] {
            let read = read(Given::Text(written), "EG", landlines);
            assert_eq!(read.is_ok(), is_taken, "{written}");
        }
        let american = read(Given::Text("(202) 555-0123"), "US", false);
        assert!(american.is_ok(), "mobiles and landlines look alike there");
    }

    #[test]
    fn number_cells_are_digits_unless_excel_rounded_them() {
        let mobile = |repaired| Ok(("+201012345678".to_owned(), repaired));
        assert_eq!(number(1_012_345_678.0), mobile(true));
        assert_eq!(number(201_012_345_678.0), mobile(false));
        assert_eq!(number(201_012_000_000.0), Err(PhoneRounded));
        assert_eq!(number(201_000_000_000.0), Err(PhoneRounded));
        assert_eq!(number(1e15), Err(PhoneRounded));
        assert_eq!(number(1e300), Err(PhoneRounded));
        assert_eq!(number(1_012_345_678.5), Err(PhoneInvalid));
        assert_eq!(number(-1_012_345_678.0), Err(PhoneInvalid));
        assert_eq!(number(0.0), Err(PhoneInvalid));
    }

    #[test]
    fn the_short_way_and_the_metadata_agree() {
        let mut random = fastrand::Rng::with_seed(20);
        let mut accepted = 0;
        for round in 0..60_000 {
            let subscriber: String = std::iter::repeat_with(|| char::from(b'0' + random.u8(0..10)))
                .take(8)
                .collect();
            let second = random.u8(0..10);
            let prefix = ["0", "", "20", "0020", "+20"][round % 5];
            let written = format!("{prefix}1{second}{subscriber}");
            let dialled = phone_text::dialled(&written).expect("readable");
            if let Some(short) = egyptian_mobile(&dialled) {
                assert_eq!(Ok(short), by_metadata(&dialled, "EG", false), "{dialled:?}");
                accepted += 1;
            } else {
                assert!(!matches!(second, 0 | 1 | 2 | 5), "{dialled:?} is a mobile");
            }
        }
        assert!(accepted > 20_000);
    }

    #[test]
    fn messages_never_hold_the_number() {
        for written in ["010123456789", "01012345678 01112345678", "227954321"] {
            let fault = read(Given::Text(written), "EG", false).expect_err("refused");
            assert!(!fault.message.contains(written), "{}", fault.message);
        }
    }
}
