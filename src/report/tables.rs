//! Lists for people: the runs of a ledger, contract types, what `doctor` found, what `init` takes columns for, one row's history.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use minijinja::value::Serde;
use minijinja::{Value, context};

use crate::model::{AttemptRecord, ContractTypeId, RowHistory, RunSummary, Timestamp, printable};

use super::text::{Look, duration, thousands, vendor_words};

/// How a column's cells stand: texts are broken where there is little room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cells {
    Text,
    Short,
    Number,
}

fn write_table<const N: usize>(
    out: &mut dyn Write,
    look: Look,
    head: [(&str, Cells); N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<()> {
    let between = if look.is_narrow() { 1 } else { 2 };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(look.width.clamp(40, 400)).unwrap_or(400))
        .set_header(head.map(|(name, _)| name))
        .add_rows(rows.map(|row| row.map(|cell| printable(&cell).into_owned())));
    for (at, column) in table.column_iter_mut().enumerate() {
        let (_, cells) = head[at];
        column.set_padding((0, if at + 1 < N { between } else { 0 }));
        if cells != Cells::Text {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if cells == Cells::Number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// Writes the runs in the order given; a ledger without runs says so.
pub fn write_runs(out: &mut dyn Write, runs: &[RunSummary], look: Look) -> io::Result<()> {
    if runs.is_empty() {
        return look.paragraph(out, "", "This ledger has no runs yet.");
    }
    let head = [
        ("run", Cells::Number),
        ("began (UTC)", Cells::Short),
        ("file", Cells::Text),
        ("rows", Cells::Number),
        ("created", Cells::Number),
        ("to see to", Cells::Number),
        ("due", Cells::Number),
        ("took", Cells::Short),
        ("end", Cells::Short),
    ];
    let day_or_minute = if look.is_narrow() { 10 } else { 16 };
    let rows = runs.iter().map(|summary| {
        let counts = &summary.counts;
        let end = match summary.stopped {
            _ if summary.running => "going on",
            Some(stop) => stop.into_str(),
            None => "done",
        };
        [
            summary.run.to_string(),
            first(summary.started_at, day_or_minute).replace('T', " "),
            summary.source.clone(),
            thousands(summary.rows),
            thousands(counts.created + counts.already_created),
            thousands(counts.needing_a_person()),
            thousands(counts.pending),
            duration(summary.seconds),
            end.to_owned(),
        ]
    });
    write_table(out, look, head, rows)
}

/// The first letters of a time: 10 for the day, 16 with the minute.
fn first(at: Timestamp, letters: usize) -> String {
    at.to_string().chars().take(letters).collect()
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
pub fn write_contract_types(out: &mut dyn Write, lines: &[TypeLine], look: Look) -> io::Result<()> {
    if lines.is_empty() {
        return look.paragraph(out, "", "This tenant has no contract types.");
    }
    let rows = lines.iter().map(|line| {
        let stored = line
            .form_pulled_at
            .map_or("no".to_owned(), |at| first(at, 10));
        [line.id.to_string(), line.name.clone(), stored]
    });
    let head = [
        ("id", Cells::Number),
        ("name", Cells::Text),
        ("form stored", Cells::Short),
    ];
    write_table(out, look, head, rows)
}

/// One column of the sheet and what `init` takes it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuessLine {
    pub column: String,
    /// One of its values, masked.
    pub sample: String,
    /// What it feeds, when that is sure.
    pub target: Option<String>,
    /// What else it may feed.
    pub candidates: Vec<String>,
}

pub fn write_guesses(out: &mut dyn Write, lines: &[GuessLine], look: Look) -> io::Result<()> {
    let rows = lines.iter().map(|line| {
        let becomes = match (&line.target, line.candidates.is_empty()) {
            (Some(target), _) => target.clone(),
            (None, true) => "not used".to_owned(),
            (None, false) => format!("not used; perhaps {}", line.candidates.join(" or ")),
        };
        [line.column.clone(), line.sample.clone(), becomes]
    });
    let head = ["column", "such as", "becomes"].map(|name| (name, Cells::Text));
    write_table(out, look, head, rows)
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

/// The same as a document.
pub fn doctor_json(findings: &[Finding]) -> serde_json::Value {
    let count = |level| {
        let of_level = findings.iter().filter(|finding| finding.level == level);
        of_level.count()
    };
    serde_json::json!({
        "failures": count(Level::Failure),
        "warnings": count(Level::Warning),
        "checks": findings,
    })
}

/// Writes a row's present state and everything that happened to it, oldest first. Shows none of its cells.
pub fn write_history(out: &mut dyn Write, history: &RowHistory, look: Look) -> io::Result<()> {
    let result = &history.result;
    let attempts = history.attempts.iter().map(|attempt| {
        context! {
            took => took(attempt),
            notes => joined([&attempt.code, &attempt.message], ", "),
            ..Value::from(Serde(attempt))
        }
    });
    let values = context! {
        row => result.row.0,
        status => result.status.into_str(),
        duplicate_of => history.duplicate_of.map(|first| first.0),
        reason => joined([&result.error_code, &result.error], ": "),
        attempts => result.attempts,
        history => attempts.collect::<Vec<_>>(),
    };
    look.write(out, include_str!("templates/history.txt"), values)
}

fn took(attempt: &AttemptRecord) -> String {
    attempt.answered_at.map_or(String::new(), |answered| {
        format!(" after {} ms", answered.ms_since(attempt.sent_at).max(0))
    })
}

/// A code and the words for it, where there are any.
fn joined([code, words]: [&Option<String>; 2], between: &str) -> String {
    let words = words.as_deref().map(vendor_words);
    let parts: Vec<String> = code.clone().into_iter().chain(words).collect();
    parts.join(between)
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
