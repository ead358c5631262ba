//! What the page is made of: plain numbers and words, gathered by whoever can read the ledger.

use crate::model::{ProblemCode, RunRecord, RunSummary, Timestamp};

/// The language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Left to right.
    English,
    /// Right to left.
    Arabic,
}

impl Language {
    /// The language that `--lang` names.
    pub fn parse(word: &str) -> Option<Language> {
        match word {
            "en" => Some(Language::English),
            "ar" => Some(Language::Arabic),
            _ => None,
        }
    }
}

/// Everything that the page tells.
#[derive(Debug, Clone)]
pub struct ReportData {
    /// The run.
    pub summary: RunSummary,
    /// When the page is made.
    pub made_at: Timestamp,
    /// The limits that held.
    pub limits: Limits,
    /// Requests minute by minute, oldest first. Minutes without requests may be left out.
    pub minutes: Vec<Minute>,
    /// How long answers took; none without an answer.
    pub latency: Option<LatencyMs>,
    /// The commonest problems of invalid rows, most frequent first.
    pub problems: Vec<Problems>,
    /// The commonest rejections, most frequent first.
    pub rejections: Vec<Rejections>,
    /// All runs of the ledger, newest first.
    pub runs: Vec<RunRecord>,
}

/// The limits on requests; none is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// In any second.
    pub per_second: Option<u32>,
    /// In any minute.
    pub per_minute: Option<u32>,
}

/// Requests that left within one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minute {
    /// Its first millisecond.
    pub at: Timestamp,
    /// Requests in it.
    pub requests: u64,
    /// Requests in its busiest second.
    pub busiest_second: u64,
}

/// Milliseconds from a request to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyMs {
    /// Half of the answers came at least as fast.
    pub p50: u64,
    /// Nine of ten.
    pub p90: u64,
    /// Nineteen of twenty.
    pub p95: u64,
    /// Ninety-nine of a hundred.
    pub p99: u64,
    /// The slowest.
    pub max: u64,
}

/// Problems of one kind in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The column's header, when they sit in one.
    pub column: Option<String>,
    /// The kind.
    pub code: ProblemCode,
    /// How many.
    pub count: u64,
}

/// Rejections with one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejections {
    /// The vendor's code, or the HTTP status.
    pub code: String,
    /// The vendor's message; what looks personal in it is masked before it is shown.
    pub message: String,
    /// How many.
    pub count: u64,
}
