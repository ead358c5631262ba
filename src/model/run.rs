//! A run over a file: the status of its rows, why it stopped, its summary, and what the ledger tells of it afterwards.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize, Serializer};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::printable::Secret;
use super::problem::Problem;
use super::row::{Cell, RowNumber};

/// Milliseconds since the Unix epoch, UTC, and read as such. Prints to the second, as every time this tool prints for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Negative when the clock was set back in between.
    pub fn ms_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As the clock on the wall there shows it.
    pub fn local(self, zone: &TimeZone) -> Zoned {
        let at = jiff::Timestamp::from_millisecond(self.0);
        at.unwrap_or_default().to_zoned(zone.clone())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = jiff::Timestamp::from_second(self.0.div_euclid(1000)).unwrap_or_default();
        write!(f, "{second}")
    }
}

/// Whether a host, as addresses have it, is this machine itself: nobody is on the way there.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A point in time by two clocks: the wall's, for people, and one that never jumps, for limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub at: Timestamp,
    /// Milliseconds since the machine started, suspension included; jumps of the wall clock do not touch it.
    pub uptime_ms: i64,
    /// Names this start of the machine; empty where the system does not tell.
    pub boot_id: String,
}

/// What a ledger is bound to for life: rehearsals never mix with the real thing. A team's register keeps its books for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub base_url: String,
    pub tenancy_name: String,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenant {} at {}", self.tenancy_name, self.base_url)
    }
}

/// The number of a run in its ledger, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl FromStr for RunId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<RunId, Self::Err> {
        let run = text.parse().map(RunId);
        run.map_err(|_| "a run goes by its number, which `vlens-batch runs` lists")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What every source row has exactly one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantArray, clap::ValueEnum)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Status {
    /// Vlens answered with a session token, which is stored.
    Created,
    /// The row does not pass validation; nothing was sent.
    Invalid,
    /// The same invitation stands in an earlier row of this file.
    Duplicate,
    /// Vlens answered that it will not.
    Rejected,
    /// Certainly not created, and every attempt used up.
    Failed,
    /// The request went out and its answer never came, or does not tell.
    Uncertain,
    /// Due: not tried yet, or to be sent again.
    Pending,
}

/// Where an invitation stands in the ledger when a row meets it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// `Created`, `Rejected`, `Failed`, `Uncertain` or `Pending`; never `Invalid` or `Duplicate`, which are a row's.
    pub status: Status,
    /// Whether the row's content is the one that this status speaks of.
    pub same_content: bool,
}

/// What is to become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// It is due: it becomes `pending` and is sent.
    Send,
    /// It needs nothing: its invitation exists.
    Skip,
    /// It keeps its status until a person says otherwise.
    Hold,
}

/// Why a run ended before every row was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Stop {
    /// SIGINT, SIGTERM, SIGHUP.
    Signal,
    /// A person's no to the question before the first request.
    Declined,
    /// Vlens refuses every request, or the team's register is not to be trusted (exit 6).
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
    /// The team's register is out of reach, so nobody knows what other computers sent.
    Register,
    /// Its process is gone without an end; found, never recorded.
    Killed,
}

/// How many rows have which status. They add up to the rows of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// By this run.
    pub created: u64,
    /// By an earlier run.
    pub already_created: u64,
    pub invalid: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub failed: u64,
    pub uncertain: u64,
    pub pending: u64,
}

impl Counts {
    pub fn needing_a_person(&self) -> u64 {
        self.invalid + self.rejected + self.failed + self.uncertain
    }
}

/// What `run`, `resume`, `retry` and `status` print: the document of `--json`, member for member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub run: RunId,
    /// As named on the command line.
    pub source: String,
    pub base_url: String,
    pub tenancy_name: String,
    pub started_at: Timestamp,
    /// Absent while it is going on and after it was killed.
    pub finished_at: Option<Timestamp>,
    pub stopped: Option<Stop>,
    pub rows: u64,
    pub counts: Counts,
    /// Rows whose content changed after their invitation was created, and which are not sent again.
    pub changed: u64,
    /// Rows that a person settled as created: the customer's link was in the answer that never came.
    pub without_token: u64,
    /// HTTP requests that asked for an invitation in this run.
    pub requests: u64,
    /// Those answered 429.
    pub throttled: u64,
    /// To the tenth.
    pub seconds: f64,
    /// The ledger's path.
    pub ledger: String,
    /// Whether a process sends for it right now.
    pub running: bool,
    /// Why it stopped early, as a person is told; values masked.
    pub reason: Option<String>,
}

/// One row with its result, as `export` gives it; as a document, with its history and without what is personal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResultRow {
    pub row: RowNumber,
    pub status: Status,
    /// Of a duplicate: the earlier row with the same invitation.
    pub duplicate_of: Option<RowNumber>,
    /// The vendor's error code, or the word of the first problem, or why it is uncertain.
    pub error_code: Option<String>,
    /// For people: the vendor's message, or what is wrong with the row.
    pub error: Option<String>,
    /// Requests that left for this row.
    pub attempts: u32,
    /// When the last one left.
    pub sent_at: Option<Timestamp>,
    /// Oldest first.
    pub history: Vec<AttemptRecord>,
    /// The source's own cells, one for each of the source's columns; all empty once they are purged.
    #[serde(skip)]
    pub cells: Vec<Cell>,
    /// None when a person settled it.
    #[serde(skip)]
    pub token: Option<Secret>,
    /// Of an invalid row; `error` has them in English.
    #[serde(skip)]
    pub problems: Vec<Problem>,
    /// Where `follow` has read of it.
    #[serde(skip_serializing)]
    pub stage: Option<Stage>,
}

impl ResultRow {
    /// Whether nothing is left of what it held.
    pub fn is_purged(&self) -> bool {
        self.cells.iter().all(|cell| *cell == Cell::Empty)
    }
}

/// How far a customer's contract is, as a file from elsewhere tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stage {
    /// As it is written there.
    pub name: String,
    /// When it was reached, where the file tells.
    pub at: Option<Timestamp>,
    pub is_signed: bool,
}

/// One event in an invitation's history: a request, or a person's decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttemptRecord {
    pub run: RunId,
    /// When the request left (or the person decided).
    pub sent_at: Timestamp,
    /// When its answer was recorded; none while it is on its way.
    pub answered_at: Option<Timestamp>,
    /// A stable word: `created`, `rejected`, `throttled`, `unavailable`, `unreachable`, `unprocessed`, `unauthorized`, `refused`,
    /// `uncertain`, `on_its_way`, `settled_created`, `settled_not_created`, `retried`, `elsewhere`, `assumed_sent`.
    pub event: String,
    /// The vendor's error code, the uncertainty's word, or the person's user name.
    pub code: Option<String>,
    /// For people.
    pub message: Option<String>,
}

/// A minute in which requests left: its first millisecond, how many they were, and those of its busiest second.
pub type Minute = (Timestamp, u64, u64);
