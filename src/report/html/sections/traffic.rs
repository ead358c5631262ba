//! Requests over time against both limits, and how long answers took.

use crate::error::Error;
use crate::report::html::data::{Minute, ReportData};
use crate::report::html::plots::{self, BAR, Bar, LIMIT};
use crate::report::html::words::Words;
use crate::report::words::{as_float, thousands};

use super::{Section, Table, legend, plot};

/// A plot over time is at least this wide, so that the bars of a short run are no walls.
const LEAST_MINUTES: f64 = 10.0;
/// Columns in a plot over time; longer runs are drawn in wider steps, each with its highest value.
const TIME_STEPS: usize = 180;
/// Rows in the table beside it.
const TIME_ROWS: usize = 24;

pub(super) fn per_minute(data: &ReportData, words: &Words) -> Result<Section, Error> {
    let limit = data.limits.per_minute;
    let minutes = spread(data, |minute| minute.requests);
    let section = Section {
        id: "per-minute",
        heading: words.per_minute,
        ..Section::default()
    };
    over_time(section, &minutes, limit, words, words.per_minute_plot)
}

pub(super) fn per_second(data: &ReportData, words: &Words) -> Result<Section, Error> {
    let limit = data.limits.per_second;
    let minutes = spread(data, |minute| minute.busiest_second);
    let section = Section {
        id: "per-second",
        heading: words.per_second,
        ..Section::default()
    };
    over_time(section, &minutes, limit, words, words.per_second_plot)
}

pub(super) fn latency(data: &ReportData, words: &Words) -> Result<Section, Error> {
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
    // The slowest answer stands in the table alone: it would dwarf the rest.
    let bars: Vec<Bar> = marks
        .iter()
        .take(4)
        .map(|&(label, ms)| Bar {
            label: label.to_owned(),
            parts: vec![(BAR, as_float(ms))],
        })
        .collect();
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

fn over_time(
    section: Section,
    minutes: &[u64],
    limit: Option<u32>,
    words: &Words,
    description: &str,
) -> Result<Section, Error> {
    let in_hours = minutes.len() > 180;
    let unit = if in_hours { 60.0 } else { 1.0 };
    let steps = highest(minutes, TIME_STEPS);
    let span = steps.len() * minutes.len().div_ceil(TIME_STEPS);
    let span = as_float(span as u64) / unit;
    let svg = plots::over_time(&steps, span, span.max(LEAST_MINUTES / unit), limit)?;
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

/// One value for each minute from the first to the last, those without requests included.
fn spread(data: &ReportData, value: impl Fn(&Minute) -> u64) -> Vec<u64> {
    /// A page about a run of more than a month shows its first month.
    const MOST_MINUTES: i64 = 45_000;
    let Some(first) = data.minutes.iter().map(|minute| minute.at).min() else {
        return Vec::new();
    };
    let place = |minute: &Minute| minute.at.ms_since(first) / 60_000;
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
