//! Values of options that are more than a number or a word.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;
use strum::VariantArray;

use crate::model::Status;

/// One `--rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// `N/s`
    PerSecond(NonZeroU32),
    /// `N/min`
    PerMinute(NonZeroU32),
    /// `unlimited`
    Unlimited,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write N/s, N/min or unlimited, N being 1 or more".to_owned();
        if text == "unlimited" {
            return Ok(Rate::Unlimited);
        }
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let number = number.trim().parse().map_err(|_| wrong())?;
        match unit.trim() {
            "s" => Ok(Rate::PerSecond(number)),
            "min" => Ok(Rate::PerMinute(number)),
            _ => Err(wrong()),
        }
    }
}

/// A length of time as typed: `90s`, `30m`, `2h`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span: jiff::Span = text
            .parse()
            .map_err(|_| "write a length of time such as 90s, 30m, 2h or 90d".to_owned())?;
        let duration = span
            .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .map_err(|_| "use seconds, minutes, hours, days or weeks".to_owned())?;
        Duration::try_from(duration)
            .map(Span)
            .map_err(|_| "a length of time cannot be negative".to_owned())
    }
}

/// How long ago something was: `90d`, `12w` or `2y`. Smaller units are refused, as `m` means minutes to some and months to
/// others, and what is deleted is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write days, weeks or years: 90d, 12w or 2y".to_owned();
        let (at, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
        let days = match unit {
            'd' => 1,
            'w' => 7,
            'y' => 365,
            _ => return Err(wrong()),
        };
        let number: u32 = text[..at].parse().map_err(|_| wrong())?;
        Ok(Age(Duration::from_secs(u64::from(number) * days * 86_400)))
    }
}

/// `--delimiter`: one character, or the word `tab`.
pub fn delimiter(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (text, chars.next(), chars.next()) {
        ("tab" | "\\t", ..) => Ok('\t'),
        (_, Some(c), None) if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '"' => Ok(c),
        _ => Err("write one character such as ; or the word tab".to_owned()),
    }
}

/// One status of `--only`.
pub fn status(text: &str) -> Result<Status, String> {
    text.trim().parse().map_err(|_| {
        let known: Vec<&str> = Status::VARIANTS
            .iter()
            .map(|status| status.into_str())
            .collect();
        format!("the statuses are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_zero_is_refused() {
        assert_eq!(
            "5/s".parse(),
            Ok(Rate::PerSecond(NonZeroU32::new(5).unwrap()))
        );
        assert_eq!(
            "60/min".parse(),
            Ok(Rate::PerMinute(NonZeroU32::new(60).unwrap()))
        );
        assert_eq!("unlimited".parse(), Ok(Rate::Unlimited));
        for wrong in ["0/s", "5", "5/h", "-1/s", "", "x/min"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_are_read() {
        let seconds = |text: &str| text.parse::<Span>().map(|span| span.0.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("90d"), Ok(90 * 86_400));
        for wrong in ["", "2", "-1h", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn delimiters_are_one_character() {
        assert_eq!(delimiter("tab"), Ok('\t'));
        assert_eq!(delimiter(";"), Ok(';'));
        assert!(delimiter("").is_err() && delimiter(";;").is_err() && delimiter("x").is_err());
    }
}
