//! One run over a file: its number, why it stopped, and its summary.

use std::fmt;

use super::{Counts, Timestamp};

/// The number of a run in its ledger, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a run ended before every row was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT, SIGTERM, SIGHUP.
    Signal,
    /// Vlens refuses every request (exit 6).
    Refused,
    /// Too many rows in a row failed or became uncertain, or the login was out of reach.
    Failures,
    /// `--limit`.
    Limit,
    /// `--max-duration`.
    Duration,
    /// `--on-invalid stop`.
    InvalidRows,
    /// `--expect`.
    Expectation,
}

impl Stop {
    /// Every reason.
    pub const ALL: &'static [Stop] = &[
        Stop::Signal,
        Stop::Refused,
        Stop::Failures,
        Stop::Limit,
        Stop::Duration,
        Stop::InvalidRows,
        Stop::Expectation,
    ];

    /// The word in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stop::Signal => "signal",
            Stop::Refused => "refused",
            Stop::Failures => "failures",
            Stop::Limit => "limit",
            Stop::Duration => "duration",
            Stop::InvalidRows => "invalid_rows",
            Stop::Expectation => "expectation",
        }
    }

    /// The reason that a word names.
    pub fn parse(word: &str) -> Option<Stop> {
        Stop::ALL.iter().copied().find(|stop| stop.as_str() == word)
    }
}

impl serde::Serialize for Stop {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What `run`, `resume`, `retry` and `status` print: the document of `--json`, member for member.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RunSummary {
    /// The run's number.
    pub run: RunId,
    /// The source as named on the command line.
    pub source: String,
    /// Where the invitations went.
    pub base_url: String,
    /// For which tenant.
    pub tenancy_name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it is going on and after it was killed.
    pub finished_at: Option<Timestamp>,
    /// Why it ended early.
    pub stopped: Option<Stop>,
    /// Rows of the file.
    pub rows: u64,
    /// Rows by status.
    pub counts: Counts,
    /// Rows whose content changed after their invitation was created.
    pub changed: u64,
    /// HTTP requests that asked for an invitation in this run.
    pub requests: u64,
    /// Those answered 429.
    pub throttled: u64,
    /// How long it took.
    pub seconds: f64,
    /// The ledger's path.
    pub ledger: String,
}
