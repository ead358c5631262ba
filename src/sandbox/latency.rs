//! How long a message is on its way.

use std::{str::FromStr, time::Duration};

use crate::error::Error;

/// A range of milliseconds, both ends included, written `0..300` or `50`. Every message takes a random time out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatencyRange {
    /// The shortest way.
    pub min_ms: u64,
    /// The longest way.
    pub max_ms: u64,
}

impl LatencyRange {
    /// Waits as long as one message takes.
    pub(super) async fn pass(self) {
        if self.max_ms > 0 {
            let min_ms = self.min_ms.min(self.max_ms);
            let way_ms = fastrand::u64(min_ms..=self.max_ms);
            tokio::time::sleep(Duration::from_millis(way_ms)).await;
        }
    }
}

impl FromStr for LatencyRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        match (min.trim().parse(), max.trim().parse()) {
            (Ok(min_ms), Ok(max_ms)) if min_ms <= max_ms => Ok(LatencyRange { min_ms, max_ms }),
            _ => Err(Error::usage(
                "sandbox_latency",
                format!("`{text}` is not a range of milliseconds."),
            )
            .hint(
                "Write `0..300` for a random time between 0 and 300 ms, or `50` for always 50 ms.",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_or_one_number_is_read() {
        for (text, min_ms, max_ms) in [("0..300", 0, 300), ("50", 50, 50), (" 1 .. 2 ", 1, 2)] {
            assert_eq!(text.parse(), Ok(LatencyRange { min_ms, max_ms }), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "..", "5..", "300..0", "-1", "1..2..3", "fast"] {
            assert!(text.parse::<LatencyRange>().is_err(), "{text}");
        }
    }
}
