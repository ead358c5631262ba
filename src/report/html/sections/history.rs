//! The runs of the whole ledger, side by side.

use plotters::style::RGBColor;

use crate::error::Error;
use crate::model::Counts;
use crate::report::html::data::ReportData;
use crate::report::html::plots::{self, Bar, CREATED, INVALID, PENDING};
use crate::report::html::words::Words;
use crate::report::words::{as_float, thousands};

use super::{Section, Table, legend, plot};

/// Runs shown of the ledger's history.
const RUNS: usize = 16;

type CountOf = fn(&Counts) -> u64;

/// The parts of a run's bar, from the bottom up.
const PARTS_OF_RUN: [(CountOf, RGBColor); 3] = [
    (|counts| counts.created, CREATED),
    (Counts::needing_a_person, INVALID),
    (|counts| counts.pending, PENDING),
];

pub(super) fn history(data: &ReportData, words: &Words) -> Result<Section, Error> {
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
