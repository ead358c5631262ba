//! What the ledger tells about rows, attempts and runs, and results and reports are made of.

use super::{RowNumber, RunId, RunSummary, Secret, Status, Timestamp};

/// The columns that an export adds behind the source's own. JSON lines use them without their prefix; a mapping leaves them
/// out, so that a corrected export is run as it is.
pub const RESULT_COLUMNS: [&str; 8] = [
    "vlens_row",
    "vlens_status",
    "vlens_token",
    "vlens_link",
    "vlens_error_code",
    "vlens_error",
    "vlens_attempts",
    "vlens_sent_at",
];

/// One row with its result, as `export` gives it.
#[derive(Debug, Clone)]
pub struct ResultRow {
    /// The row, as a spreadsheet numbers it.
    pub row: RowNumber,
    /// The source's own cells, as shown, one for each of the source's columns.
    pub cells: Vec<String>,
    /// The row's status.
    pub status: Status,
    /// The session token, for a created row (none when a person settled it).
    pub token: Option<Secret>,
    /// The vendor's error code, or the word of the first problem, or why it is uncertain.
    pub error_code: Option<String>,
    /// For people: the vendor's message, or what is wrong with the row.
    pub error: Option<String>,
    /// Requests that left for this row.
    pub attempts: u32,
    /// When the last one left.
    pub sent_at: Option<Timestamp>,
}

/// Where an invitation was created that a row asks for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierRow {
    /// The run that created it.
    pub run: RunId,
    /// That run's source, as named on its command line.
    pub source: String,
    /// The row there.
    pub row: RowNumber,
}

/// One event in an invitation's history: a request, or a person's decision.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AttemptRecord {
    /// The run that it belongs to.
    pub run: RunId,
    /// When the request left (or the person decided).
    pub sent_at: Timestamp,
    /// When its answer was recorded; none while it is on its way.
    pub answered_at: Option<Timestamp>,
    /// A stable word: `created`, `rejected`, `throttled`, `unavailable`, `unreachable`, `unauthorized`, `refused`,
    /// `uncertain`, `on_its_way`, `settled_created`, `settled_not_created`, `retried`.
    pub event: String,
    /// The vendor's error code, the uncertainty's word, or the person's user name.
    pub code: Option<String>,
    /// For people.
    pub message: Option<String>,
}

/// A row's whole history.
#[derive(Debug, Clone)]
pub struct RowHistory {
    /// The row with its present result.
    pub result: ResultRow,
    /// For a duplicate: the earlier row with the same invitation.
    pub duplicate_of: Option<RowNumber>,
    /// Oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// One run in the list of all runs.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunRecord {
    /// Its summary, as of now.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Whether a sender is at work on it right now.
    #[serde(skip)]
    pub in_progress: bool,
}

/// A point in time by two clocks: the wall's, for people, and one that never jumps, for limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub at: Timestamp,
    /// Milliseconds since the machine started, suspension included; jumps of the wall clock do not touch it.
    pub uptime_ms: i64,
    /// Names this start of the machine; empty where the system does not tell.
    pub boot_id: String,
}
