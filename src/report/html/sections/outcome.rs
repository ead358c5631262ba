//! What became of the rows: by status, and what a person has to see to.

use plotters::style::RGBColor;

use crate::error::Error;
use crate::model::mask_text;
use crate::report::html::data::ReportData;
use crate::report::html::plots::{
    self, ALREADY_CREATED, CREATED, DUPLICATE, FAILED, INVALID, PENDING, REJECTED, UNCERTAIN,
};
use crate::report::html::words::Words;
use crate::report::vendor;
use crate::report::words::{as_float, thousands};

use super::{Section, Table, legend, plot};

/// Rows in the tables of the commonest problems and rejections.
const COMMONEST: usize = 12;

pub(super) fn rows_by_status(data: &ReportData, words: &Words) -> Result<Section, Error> {
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

pub(super) fn uncertain(data: &ReportData, words: &Words) -> Section {
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

pub(super) fn problems(data: &ReportData, words: &Words) -> Section {
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

pub(super) fn rejections(data: &ReportData, words: &Words) -> Section {
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

fn percent(count: u64, total: u64) -> String {
    format!("{:.1}\u{a0}%", as_float(count) * 100.0 / as_float(total))
}
