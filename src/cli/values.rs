//! What arguments are made of: rates, lengths of time, languages.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::{Args, ValueEnum};

use crate::model::ContractTypeId;
use crate::report::Language;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OnInvalid {
    /// Send the valid ones
    #[default]
    Skip,
    /// Send nothing
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettledAs {
    /// The invitation exists
    Created,
    /// It does not; the row is due again
    NotCreated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    PerSecond(NonZeroU32),
    PerMinute(NonZeroU32),
    Unlimited,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let per = text.split_once('/');
        match per.map(|(number, unit)| (number.trim().parse(), unit.trim())) {
            None if text == "unlimited" => Ok(Rate::Unlimited),
            Some((Ok(number), "s")) => Ok(Rate::PerSecond(number)),
            Some((Ok(number), "min")) => Ok(Rate::PerMinute(number)),
            _ => Err("write N/s, N/min or unlimited, N being 1 or more"),
        }
    }
}

pub fn contract_type() -> impl TypedValueParser<Value = ContractTypeId> {
    clap::value_parser!(i64).range(1..).map(ContractTypeId)
}

/// A length of time: `90s`, `30m`, `2h`, `90d`.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let day = jiff::SpanRelativeTo::days_are_24_hours();
    let span = text
        .parse()
        .and_then(|span: jiff::Span| span.to_duration(day));
    let duration = span.ok().and_then(|span| span.try_into().ok());
    duration.ok_or("write a length of time such as 90s, 30m, 2h or 90d")
}

/// How long ago something was: `90d`, `12w` or `2y`. Smaller units are refused, as `m` means minutes to some and months to
/// others, and what is deleted is gone.
pub fn age(text: &str) -> Result<Duration, &'static str> {
    let mut units = [("d", 1), ("w", 7), ("y", 365)].into_iter();
    let days = units.find_map(|(unit, days)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Some(u64::from(number) * days)
    });
    let days = days.ok_or("write days, weeks or years: 90d, 12w or 2y")?;
    Ok(Duration::from_secs(days * 86_400))
}

/// In what people are told outside the terminal.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LangArg {
    /// The language of workbooks and pages [default: that of the sheet's headers]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Language>,
}

impl LangArg {
    pub fn or_of(self, headers: &[String]) -> Language {
        self.lang.unwrap_or_else(|| Language::of(headers))
    }
}
