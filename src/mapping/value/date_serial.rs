//! Turns a spreadsheet's serial number, days since 1900 with an invented leap day, into a date.

use jiff::{ToSpan, civil};

/// The last serial number taken for a date: 2099-12-31.
const LAST_SERIAL: f64 = 73_050.0;
/// The serial number of 1900-02-29, a day that spreadsheets invented.
const INVENTED_SERIAL: i32 = 60;
const SECONDS_A_DAY: f64 = 86_400.0;

/// The moment that a serial number of the 1900 system stands for.
pub(super) fn from_serial(serial: f64) -> Option<civil::DateTime> {
    if !(1.0..LAST_SERIAL + 1.0).contains(&serial) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range is checked above"
    )]
    let (days, seconds) = (
        serial.trunc() as i32,
        (serial.fract() * SECONDS_A_DAY).round() as i32,
    );
    let day_zero = match days {
        INVENTED_SERIAL => return None,
        ..INVENTED_SERIAL => civil::date(1899, 12, 31),
        _ => civil::date(1899, 12, 30),
    };
    let midnight = day_zero.to_datetime(civil::Time::midnight());
    midnight.checked_add(days.days().seconds(seconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_days_since_1900_with_the_invented_one() {
        for (serial, expected) in [
            (1.0, "1900-01-01T00:00:00"),
            (59.0, "1900-02-28T00:00:00"),
            (61.0, "1900-03-01T00:00:00"),
            (32_874.0, "1990-01-01T00:00:00"),
            (45_351.5, "2024-02-29T12:00:00"),
            (45_350.999_999_999, "2024-02-29T00:00:00"),
            (73_050.0, "2099-12-31T00:00:00"),
        ] {
            let at = from_serial(serial).map(|at| at.to_string());
            assert_eq!(at.as_deref(), Some(expected), "{serial}");
        }
        for none in [60.0, 73_051.0, 0.5, 0.0, -1.0, 1e300] {
            assert_eq!(from_serial(none), None, "{none}");
        }
    }
}
