//! The headers that hold a time: `Retry-After` and `Date`.

use std::time::{Duration, UNIX_EPOCH};

use crate::model::{RetryAfter, Timestamp};

/// The longest wait that is passed on: far beyond what anyone waits for, and safe to add to any point in time.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads `Retry-After`, in seconds or as a date; what cannot be read counts as absent.
pub(super) fn read_retry_after(text: Option<&str>, date: Option<&str>) -> Option<RetryAfter> {
    let text = text?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let wait = text.parse().map_or(LONGEST, Duration::from_secs);
        return Some(RetryAfter::After(wait.min(LONGEST)));
    }
    Some(RetryAfter::At {
        at: read_http_date(text)?,
        date: date.and_then(read_http_date),
    })
}

/// Reads a header such as `Sat, 21 Nov 2026 20:39:00 GMT`.
pub(super) fn read_http_date(text: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "Sat, 21 Nov 2026 12:00:00 GMT";
    const NOON_MS: i64 = 1_795_262_400_000;

    #[test]
    fn seconds_and_dates_are_read_and_the_rest_counts_as_absent() {
        let after = |seconds| Some(RetryAfter::After(Duration::from_secs(seconds)));
        for (text, expected) in [
            ("0", after(0)),
            (" 120 ", after(120)),
            ("99999999999999999999999", after(LONGEST.as_secs())),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sat, 99 Nov 2026 12:00:00 GMT", None),
        ] {
            assert_eq!(read_retry_after(Some(text), None), expected, "{text:?}");
        }
        assert_eq!(read_retry_after(None, Some(NOON)), None);
    }

    #[test]
    fn a_date_comes_with_the_servers_own_time() {
        let at = |date| {
            Some(RetryAfter::At {
                at: Timestamp(NOON_MS),
                date,
            })
        };
        assert_eq!(
            read_retry_after(Some(NOON), Some("Sat, 21 Nov 2026 11:59:00 GMT")),
            at(Some(Timestamp(NOON_MS - 60_000)))
        );
        assert_eq!(read_retry_after(Some(NOON), Some("yesterday")), at(None));
        assert_eq!(read_retry_after(Some(NOON), None), at(None));
    }
}
