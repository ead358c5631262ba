//! What stands on the page, in order, as data for its template: heading, words, plot, table. Every plot has a table with the same
//! numbers.

mod history;
mod outcome;
mod traffic;

use minijinja::Value;
use plotters::style::RGBColor;
use serde::Serialize;

use crate::error::Error;
use crate::report::words::{duration, thousands};

use super::data::ReportData;
use super::plots;
use super::words::Words;

/// The head of the page.
#[derive(Serialize)]
pub(super) struct Head {
    verdict: &'static str,
    stopped: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
}

/// One large number.
#[derive(Serialize)]
pub(super) struct Tile {
    label: &'static str,
    value: String,
    kind: &'static str,
}

#[derive(Serialize, Default)]
pub(super) struct Section {
    id: &'static str,
    heading: &'static str,
    text: &'static str,
    commands: Vec<String>,
    plot: Option<Value>,
    is_mirrored: bool,
    legend: Vec<(String, &'static str)>,
    table: Option<Table>,
    /// Whether the table is folded away behind its plot.
    is_folded: bool,
}

#[derive(Serialize)]
struct Table {
    summary: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

pub(super) fn sections(data: &ReportData, words: &Words) -> Result<Vec<Section>, Error> {
    let mut sections = vec![outcome::rows_by_status(data, words)?];
    if data.summary.counts.uncertain > 0 {
        sections.push(outcome::uncertain(data, words));
    }
    if !data.problems.is_empty() {
        sections.push(outcome::problems(data, words));
    }
    if !data.rejections.is_empty() {
        sections.push(outcome::rejections(data, words));
    }
    if !data.minutes.is_empty() {
        sections.push(traffic::per_minute(data, words)?);
        sections.push(traffic::per_second(data, words)?);
    }
    if data.latency.is_some() {
        sections.push(traffic::latency(data, words)?);
    }
    if !data.runs.is_empty() {
        sections.push(history::history(data, words)?);
    }
    Ok(sections)
}

pub(super) fn head(data: &ReportData, words: &Words) -> Head {
    let summary = &data.summary;
    let counts = &summary.counts;
    let verdict = if counts.pending > 0 {
        words.verdict_pending
    } else if counts.needing_a_person() > 0 {
        words.verdict_person
    } else {
        words.verdict_done
    };
    let mut facts = vec![
        (words.file, summary.source.clone()),
        (words.tenant, summary.tenancy_name.clone()),
        (words.address, summary.base_url.clone()),
        (words.began, summary.started_at.to_string()),
    ];
    if let Some(finished) = summary.finished_at {
        facts.push((words.ended, finished.to_string()));
    }
    facts.push((words.took, duration(summary.seconds)));
    facts.push((words.requests, thousands(summary.requests)));
    facts.push((words.throttled, thousands(summary.throttled)));
    facts.push((words.changed, thousands(summary.changed)));
    Head {
        verdict,
        stopped: summary.stopped.map(|stop| words.stop(stop)),
        facts,
    }
}

pub(super) fn tiles(data: &ReportData, words: &Words) -> Vec<Tile> {
    let counts = &data.summary.counts;
    let tile = |label, count: u64, kind| Tile {
        label,
        value: thousands(count),
        // A colour says something; nought has nothing to say.
        kind: if count == 0 { "plain" } else { kind },
    };
    vec![
        tile(words.rows, data.summary.rows, "plain"),
        tile(words.created, counts.created, "good"),
        tile(words.already_created, counts.already_created, "plain"),
        tile(words.needing_a_person, counts.needing_a_person(), "bad"),
        tile(words.pending, counts.pending, "plain"),
    ]
}

fn plot(svg: &str, id: &str, title: &str, description: &str) -> Value {
    Value::from_safe_string(plots::described(svg, id, title, description))
}

fn legend(entries: impl Iterator<Item = (RGBColor, &'static str)>) -> Vec<(String, &'static str)> {
    entries
        .map(|(colour, label)| (plots::hex(colour), label))
        .collect()
}
