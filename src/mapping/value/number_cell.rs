//! Number cells: what a person sees in one, and which digits it still holds.
//!
//! A spreadsheet keeps fifteen significant digits. Whatever has more was rounded before it came here.

use super::Fault;
use crate::model::ProblemCode;

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
    // A whole number below the limit has no more than the fifteen.
    let kept = if number.fract() == 0.0 {
        number
    } else {
        fifteen_digits(number)
    };
    // Adding zero turns -0 into 0.
    Ok(format!("{}", kept + 0.0))
}

fn fifteen_digits(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_fifteen_digits_are_refused() {
        for number in [1e15, -1e15, 1.234_567_890_123_457e16, f64::MAX] {
            assert_eq!(
                shown(number).expect_err("refused").code,
                ProblemCode::NumberRounded,
                "{number}"
            );
        }
    }

    #[test]
    fn number_cells_are_written_as_a_spreadsheet_shows_them() {
        for (number, text) in [
            (5000.0, "5000"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (5_699.988_600_000_001, "5699.9886"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e-7, "0.0000001"),
            (1234.5, "1234.5"),
        ] {
            assert_eq!(shown(number).expect("readable"), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn whole_numbers_have_no_more_than_fifteen_digits(number in -ROUNDED_FROM..ROUNDED_FROM, scale in 0i32..16) {
            let whole = (number / 10f64.powi(scale)).trunc();
            proptest::prop_assert_eq!(fifteen_digits(whole).to_bits(), whole.to_bits());
        }
    }

    #[test]
    fn ids_in_number_cells_are_their_digits() {
        assert_eq!(
            whole(29_001_011_234_567.0),
            Whole::Digits("29001011234567".to_owned())
        );
        assert_eq!(whole(0.0), Whole::Digits("0".to_owned()));
        assert_eq!(whole(1e15), Whole::Rounded);
        assert_eq!(whole(1.5), Whole::Not);
        assert_eq!(whole(-1.0), Whole::Not);
    }
}
