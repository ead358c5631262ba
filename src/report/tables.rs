//! Lists for people: the runs of a ledger, contract types, what `doctor` found, what `init` takes columns for, one row's history.

use std::io::{self, Write};

use minijinja::value::Serde;
use minijinja::{Value, context};

use crate::model::{ContractTypeId, RowHistory, RunSummary, Timestamp};

use super::text::Look;

/// Writes the runs in the order given; a ledger without runs says so.
pub fn write_runs(out: &mut dyn Write, runs: &[RunSummary], look: Look) -> io::Result<()> {
    let letters = if look.is_narrow() { 10 } else { 16 };
    let values = context! { runs => Serde(runs), letters };
    look.write(out, include_str!("templates/runs.txt"), values)
}

/// One contract type of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TypeLine {
    pub id: ContractTypeId,
    /// Empty when there is none.
    pub name: String,
    /// When its form was stored, if it was.
    pub form_pulled_at: Option<Timestamp>,
}

/// Writes the contract types; a tenant without any is told so.
pub fn write_contract_types(out: &mut dyn Write, types: &[TypeLine], look: Look) -> io::Result<()> {
    let template = include_str!("templates/contract_types.txt");
    look.write(out, template, context! { types => Serde(types) })
}

/// One column of the sheet and what `init` takes it for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GuessLine {
    pub column: String,
    /// One of its values, masked.
    pub sample: String,
    /// What it feeds, when that is sure.
    pub target: Option<String>,
    /// What else it may feed.
    pub candidates: Vec<String>,
}

pub fn write_guesses(out: &mut dyn Write, guesses: &[GuessLine], look: Look) -> io::Result<()> {
    let template = include_str!("templates/guesses.txt");
    look.write(out, template, context! { guesses => Serde(guesses) })
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Not looked at on this system.
    Unknown,
    /// Works, but a person should know.
    Warning,
    /// Does not work.
    Failure,
}

/// One thing that `doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// A stable word.
    pub check: &'static str,
    pub level: Level,
    /// What was found. Holds no secret.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Writes the findings in their order, and a line that sums them up.
pub fn write_doctor(out: &mut dyn Write, findings: &[Finding], look: Look) -> io::Result<()> {
    let values = Value::from(Serde(doctor_json(findings)));
    look.write(out, include_str!("templates/doctor.txt"), values)
}

/// Writes where the team's register stands.
pub fn write_register(
    out: &mut dyn Write,
    overview: &impl serde::Serialize,
    look: Look,
) -> io::Result<()> {
    let values = context! { o => Serde(overview) };
    look.write(out, include_str!("templates/register.txt"), values)
}

/// The findings as a document.
pub fn doctor_json(findings: &[Finding]) -> serde_json::Value {
    let levels = findings.iter().map(|finding| finding.level);
    let count = |wanted| levels.clone().filter(|level| *level == wanted).count();
    serde_json::json!({
        "failures": count(Level::Failure),
        "warnings": count(Level::Warning),
        "checks": findings,
    })
}

/// Writes a row's present state and everything that happened to it, oldest first.
pub fn write_history(out: &mut dyn Write, history: &RowHistory, look: Look) -> io::Result<()> {
    let attempts = history.attempts.iter();
    let took = attempts.map(|attempt| Some(attempt.answered_at?.ms_since(attempt.sent_at).max(0)));
    let took: Vec<Option<i64>> = took.collect();
    let values = context! { took, ..Value::from(Serde(history_json(history))) };
    look.write(out, include_str!("templates/history.txt"), values)
}

/// The same as a document. It holds neither cells nor token.
pub fn history_json(history: &RowHistory) -> serde_json::Value {
    let result = &history.result;
    serde_json::json!({
        "row": result.row,
        "status": result.status,
        "duplicate_of": history.duplicate_of,
        "error_code": result.error_code,
        "error": result.error,
        "attempts": result.attempts,
        "sent_at": result.sent_at,
        "history": history.attempts,
    })
}
