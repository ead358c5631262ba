//! What stands on the page, in order, as data for its template: heading, words, plot, table. Every plot has a table with the same
//! numbers.

use minijinja::Value;
use plotters::style::RGBColor;
use serde::Serialize;

use crate::domain::{Complaint, Counts, mask_text};
use crate::report::vendor;
use crate::report::words::{as_float, duration, thousands};

use super::data::ReportData;
use super::plots::{self, BAR, Bar, LIMIT};
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

/// A plot over time is at least this wide, so that the bars of a short run are no walls.
const LEAST_MINUTES: f64 = 10.0;
/// Columns in a plot over time; longer runs are drawn in wider steps, each with its highest value.
const TIME_STEPS: usize = 180;
/// Rows in the table beside it.
const TIME_ROWS: usize = 24;
/// Rows in the tables of the commonest problems and rejections.
const COMMONEST: usize = 12;
/// Runs shown of the ledger's history.
const RUNS: usize = 16;
/// The parts of a run's bar, from the bottom up.
const PARTS_OF_RUN: [(CountOf, RGBColor); 3] = [
    (|counts| counts.created, CREATED),
    (Counts::needing_a_person, INVALID),
    (|counts| counts.pending, PENDING),
];

type CountOf = fn(&Counts) -> u64;

const CREATED: RGBColor = RGBColor(0x1a, 0x7f, 0x4b);
const ALREADY_CREATED: RGBColor = RGBColor(0x5b, 0xa5, 0x7e);
const DUPLICATE: RGBColor = RGBColor(0x6e, 0x77, 0x81);
const INVALID: RGBColor = RGBColor(0xb4, 0x45, 0x1f);
const REJECTED: RGBColor = RGBColor(0x8c, 0x2a, 0x5b);
const FAILED: RGBColor = RGBColor(0xc9, 0x82, 0x2b);
const UNCERTAIN: RGBColor = RGBColor(0xb8, 0x9a, 0x00);
const PENDING: RGBColor = RGBColor(0x4a, 0x8f, 0xd0);

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
        kind,
    };
    vec![
        tile(words.rows, data.summary.rows, "plain"),
        tile(words.created, counts.created, "good"),
        tile(words.already_created, counts.already_created, "plain"),
        tile(words.needing_a_person, counts.needing_a_person(), "bad"),
        tile(words.pending, counts.pending, "plain"),
    ]
}

pub(super) fn sections(data: &ReportData, words: &Words) -> Result<Vec<Section>, Complaint> {
    let mut sections = vec![rows_by_status(data, words)?];
    if data.summary.counts.uncertain > 0 {
        sections.push(uncertain(data, words));
    }
    if !data.problems.is_empty() {
        sections.push(problems(data, words));
    }
    if !data.rejections.is_empty() {
        sections.push(rejections(data, words));
    }
    if !data.minutes.is_empty() {
        sections.push(per_minute(data, words)?);
        sections.push(per_second(data, words)?);
    }
    if data.latency.is_some() {
        sections.push(latency(data, words)?);
    }
    if !data.runs.is_empty() {
        sections.push(history(data, words)?);
    }
    Ok(sections)
}

fn rows_by_status(data: &ReportData, words: &Words) -> Result<Section, Complaint> {
    let counts = &data.summary.counts;
    let kinds = [
        (
            words.created,
            counts.created,
            CREATED,
            words.created_meaning,
        ),
        (
            words.already_created,
            counts.already_created,
            ALREADY_CREATED,
            words.already_created_meaning,
        ),
        (
            words.duplicate,
            counts.duplicate,
            DUPLICATE,
            words.duplicate_meaning,
        ),
        (
            words.invalid,
            counts.invalid,
            INVALID,
            words.invalid_meaning,
        ),
        (
            words.rejected,
            counts.rejected,
            REJECTED,
            words.rejected_meaning,
        ),
        (words.failed, counts.failed, FAILED, words.failed_meaning),
        (
            words.uncertain,
            counts.uncertain,
            UNCERTAIN,
            words.uncertain_meaning,
        ),
        (
            words.pending,
            counts.pending,
            PENDING,
            words.pending_meaning,
        ),
    ];
    let svg = plots::shares(&kinds.map(|(_, count, colour, _)| (colour, count)))?;
    let total = counts.total().max(1);
    let row = |(label, count, _, meaning): (&str, u64, RGBColor, &str)| {
        vec![
            label.to_owned(),
            thousands(count),
            percent(count, total),
            meaning.to_owned(),
        ]
    };
    Ok(Section {
        id: "rows",
        heading: words.rows_by_status,
        plot: Some(plot(
            &svg,
            "rows",
            words.rows_by_status,
            words.rows_by_status_plot,
        )),
        is_mirrored: words.dir == "rtl",
        legend: legend(
            kinds
                .iter()
                .filter(|kind| kind.1 > 0)
                .map(|kind| (kind.2, kind.0)),
        ),
        table: Some(Table {
            summary: words.numbers,
            head: vec![words.status, words.rows, words.share, words.meaning],
            rows: kinds.into_iter().map(row).collect(),
        }),
        ..Section::default()
    })
}

fn uncertain(data: &ReportData, words: &Words) -> Section {
    let run = data.summary.run;
    Section {
        id: "uncertain",
        heading: words.uncertain_heading,
        text: words.uncertain_advice,
        commands: vec![
            format!("vlens-batch export {run} --only uncertain --output uncertain.csv"),
            format!("vlens-batch settle {run} --row N --as created"),
            format!("vlens-batch settle {run} --row N --as not-created"),
        ],
        ..Section::default()
    }
}

fn problems(data: &ReportData, words: &Words) -> Section {
    let rows = data.problems.iter().take(COMMONEST).map(|problem| {
        vec![
            problem.column.clone().unwrap_or_else(|| "–".to_owned()),
            words.problem(problem.code).to_owned(),
            thousands(problem.count),
        ]
    });
    Section {
        id: "problems",
        heading: words.problems,
        text: words.problems_advice,
        commands: vec![format!(
            "vlens-batch export {} --only invalid --output invalid.csv",
            data.summary.run
        )],
        table: Some(Table {
            summary: words.numbers,
            head: vec![words.column, words.problem, words.count],
            rows: rows.collect(),
        }),
        ..Section::default()
    }
}

fn rejections(data: &ReportData, words: &Words) -> Section {
    let rows = data.rejections.iter().take(COMMONEST).map(|rejection| {
        vec![
            rejection.code.clone(),
            mask_text(&vendor::in_words(&rejection.message)),
            thousands(rejection.count),
        ]
    });
    Section {
        id: "rejections",
        heading: words.rejections,
        text: words.rejections_advice,
        table: Some(Table {
            summary: words.numbers,
            head: vec![words.code, words.message, words.count],
            rows: rows.collect(),
        }),
        ..Section::default()
    }
}

fn per_minute(data: &ReportData, words: &Words) -> Result<Section, Complaint> {
    let limit = data.limits.per_minute;
    let minutes = spread(data, |minute| minute.requests);
    let section = Section {
        id: "per-minute",
        heading: words.per_minute,
        ..Section::default()
    };
    over_time(section, &minutes, limit, words, words.per_minute_plot)
}

fn per_second(data: &ReportData, words: &Words) -> Result<Section, Complaint> {
    let limit = data.limits.per_second;
    let minutes = spread(data, |minute| minute.busiest_second);
    let section = Section {
        id: "per-second",
        heading: words.per_second,
        ..Section::default()
    };
    over_time(section, &minutes, limit, words, words.per_second_plot)
}

fn over_time(
    section: Section,
    minutes: &[u64],
    limit: Option<u32>,
    words: &Words,
    description: &str,
) -> Result<Section, Complaint> {
    let in_hours = minutes.len() > 180;
    let unit = if in_hours { 60.0 } else { 1.0 };
    let span = as_float(minutes.len() as u64) / unit;
    let svg = plots::over_time(
        &highest(minutes, TIME_STEPS),
        span,
        span.max(LEAST_MINUTES / unit),
        limit,
    )?;
    let mut legend_of = vec![(BAR, words.requests)];
    if limit.is_some() {
        legend_of.push((LIMIT, words.limit));
    }
    let step = minutes.len().div_ceil(TIME_ROWS);
    let limit = limit.map_or(words.unlimited.to_owned(), |limit| thousands(limit.into()));
    let rows = highest(minutes, TIME_ROWS).into_iter().enumerate();
    let rows = rows
        .map(|(place, value)| vec![(place * step).to_string(), thousands(value), limit.clone()]);
    Ok(Section {
        text: if in_hours {
            words.axis_hours
        } else {
            words.axis_minutes
        },
        plot: Some(plot(&svg, section.id, section.heading, description)),
        legend: legend(legend_of.into_iter()),
        table: Some(Table {
            summary: words.numbers,
            head: vec![words.minute, words.requests, words.limit],
            rows: rows.collect(),
        }),
        is_folded: true,
        ..section
    })
}

fn latency(data: &ReportData, words: &Words) -> Result<Section, Complaint> {
    let Some(latency) = data.latency else {
        return Ok(Section::default());
    };
    let marks = [
        ("50 %", latency.p50),
        ("90 %", latency.p90),
        ("95 %", latency.p95),
        ("99 %", latency.p99),
        ("100 %", latency.max),
    ];
    let bars = marks.map(|(label, ms)| Bar {
        label: label.to_owned(),
        parts: vec![(BAR, as_float(ms))],
    });
    let svg = plots::bars(&bars)?;
    let row = |(label, ms): (&str, u64)| vec![label.to_owned(), thousands(ms)];
    Ok(Section {
        id: "latency",
        heading: words.latency,
        text: words.latency_text,
        plot: Some(plot(&svg, "latency", words.latency, words.latency_plot)),
        table: Some(Table {
            summary: words.numbers,
            head: vec![words.share_of_answers, words.milliseconds],
            rows: marks.into_iter().map(row).collect(),
        }),
        ..Section::default()
    })
}

fn history(data: &ReportData, words: &Words) -> Result<Section, Complaint> {
    let newest = &data.runs[..data.runs.len().min(RUNS)];
    let bars: Vec<Bar> = newest
        .iter()
        .rev()
        .map(|record| Bar {
            label: record.summary.run.to_string(),
            parts: PARTS_OF_RUN
                .iter()
                .map(|(count, colour)| (*colour, as_float(count(&record.summary.counts))))
                .collect(),
        })
        .collect();
    let svg = plots::bars(&bars)?;
    let rows = newest.iter().map(|record| {
        let summary = &record.summary;
        vec![
            summary.run.to_string(),
            summary.started_at.to_string(),
            summary.source.clone(),
            thousands(summary.rows),
            thousands(summary.counts.created),
            thousands(summary.counts.needing_a_person()),
            thousands(summary.counts.pending),
        ]
    });
    let names = [words.created, words.needing_a_person, words.pending];
    Ok(Section {
        id: "history",
        heading: words.history,
        plot: Some(plot(&svg, "history", words.history, words.history_plot)),
        legend: legend(PARTS_OF_RUN.iter().map(|(_, colour)| *colour).zip(names)),
        table: Some(Table {
            summary: words.numbers,
            head: vec![
                words.run,
                words.began,
                words.file,
                words.rows,
                words.created,
                words.needing_a_person,
                words.pending,
            ],
            rows: rows.collect(),
        }),
        ..Section::default()
    })
}

/// One value for each minute from the first to the last, those without requests included.
fn spread(data: &ReportData, value: impl Fn(&super::Minute) -> u64) -> Vec<u64> {
    /// A page about a run of more than a month shows its first month.
    const MOST_MINUTES: i64 = 45_000;
    let Some(first) = data.minutes.iter().map(|minute| minute.at).min() else {
        return Vec::new();
    };
    let place = |minute: &super::Minute| minute.at.ms_since(first) / 60_000;
    let last = data
        .minutes
        .iter()
        .map(place)
        .max()
        .unwrap_or(0)
        .min(MOST_MINUTES);
    let mut values = vec![0; usize::try_from(last).unwrap_or(0) + 1];
    for minute in &data.minutes {
        let slot = usize::try_from(place(minute))
            .ok()
            .and_then(|place| values.get_mut(place));
        if let Some(slot) = slot {
            *slot = value(minute).max(*slot);
        }
    }
    values
}

/// At most `steps` values: of each stretch its highest, since that is what a limit is about.
fn highest(values: &[u64], steps: usize) -> Vec<u64> {
    let stretch = values.len().div_ceil(steps).max(1);
    values
        .chunks(stretch)
        .map(|chunk| chunk.iter().copied().max().unwrap_or(0))
        .collect()
}

fn plot(svg: &str, id: &str, title: &str, description: &str) -> Value {
    Value::from_safe_string(plots::described(svg, id, title, description))
}

fn legend(entries: impl Iterator<Item = (RGBColor, &'static str)>) -> Vec<(String, &'static str)> {
    entries
        .map(|(colour, label)| (plots::hex(colour), label))
        .collect()
}

fn percent(count: u64, total: u64) -> String {
    format!("{:.1}\u{a0}%", as_float(count) * 100.0 / as_float(total))
}
