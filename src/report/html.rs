//! One self-contained HTML page about a run: words, numbers and bars; light and dark, on paper and on a phone, in English and in
//! Arabic. It loads nothing, runs no script, and holds neither personal data nor tokens. `page.html` is the page, `words.toml` has
//! its words; here is what both are filled with.

use std::io::Write;

use minijinja::value::Serde;
use minijinja::{Value, context};

use crate::error::Error;
use crate::model::{Counts, ProblemCode, RunRecord, RunSummary, Timestamp, mask_text};

use super::text::{as_float, environment, printable, thousands, vendor_words};

/// The language of a page or a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
pub enum Language {
    #[strum(serialize = "en")]
    English,
    #[strum(serialize = "ar")]
    Arabic,
}

/// Everything that the page tells.
#[derive(Debug, Clone)]
pub struct ReportData {
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
    pub per_second: Option<u32>,
    pub per_minute: Option<u32>,
}

/// Requests that left within one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minute {
    /// Its first millisecond.
    pub at: Timestamp,
    pub requests: u64,
    /// Requests in its busiest second.
    pub busiest_second: u64,
}

/// Milliseconds from a request to its answer: so many of a hundred answers came at least as fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyMs {
    pub p50: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub max: u64,
}

/// Problems of one kind in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The column's header, when they sit in one.
    pub column: Option<String>,
    pub code: ProblemCode,
    pub count: u64,
}

/// Rejections with one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejections {
    /// The vendor's code, or the HTTP status.
    pub code: String,
    /// The vendor's message; what looks personal in it is masked before it is shown.
    pub message: String,
    pub count: u64,
}

/// Rows in the tables of the commonest problems and rejections.
const COMMONEST: usize = 12;
/// Runs shown of the ledger's history.
const RUNS: usize = 16;
/// A plot over time is at least this wide, so that the bars of a short run are no walls.
const LEAST_MINUTES: usize = 10;
/// A longer run is told in hours, in wider steps with the highest value of each.
const MOST_STEPS: usize = 180;
/// Rows in the table beside a plot over time.
const TIME_ROWS: usize = 24;
/// A page about a run of more than a month shows its first month.
const MOST_MINUTES: usize = 45_000;

/// Writes the page.
pub fn write_html(out: &mut dyn Write, data: &ReportData, language: Language) -> Result<(), Error> {
    let page = render(data, language).map_err(|error| {
        // Only its kind: the error's detail may quote values.
        Error::unexpected(
            "report_not_written",
            format!("The report cannot be made: {}.", error.kind()),
        )
    })?;
    out.write_all(page.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| {
            Error::unexpected(
                "report_not_written",
                format!("The report cannot be written: {error}."),
            )
            .hint("See whether the disk is full.")
        })
}

fn render(data: &ReportData, language: Language) -> Result<String, minijinja::Error> {
    let words: toml::Table = toml::from_str(include_str!("words.toml")).unwrap_or_default();
    let words = Value::from(Serde(words.get(language.into())));
    let mut environment = environment();
    environment.add_test("numeric", is_number);
    // The name's ending switches HTML escaping on.
    environment.add_template("page.html", include_str!("page.html"))?;
    let counts = &data.summary.counts;
    environment.get_template("page.html")?.render(context! {
        problems => problems(data, language, &words),
        w => words,
        s => Serde(&data.summary),
        needing => counts.needing_a_person(),
        made_at => data.made_at.to_string(),
        shares => shares(counts),
        rejections => rejections(data),
        per_minute => over_time(data, data.limits.per_minute, |minute| minute.requests),
        per_second => over_time(data, data.limits.per_second, |minute| minute.busiest_second),
        latency => data.latency.map(latency),
        history => history(&data.runs),
    })
}

/// Whether a cell holds a number, which a table sets flush with those above and below it.
fn is_number(cell: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '%' | ' ' | '\u{a0}');
    cell.starts_with(|c: char| c.is_ascii_digit()) && cell.chars().all(is_part)
}

/// Each status with its count, its share, and its part of one bar: the smallest still wide enough to be seen.
fn shares(counts: &Counts) -> Vec<Value> {
    const SEEN: f64 = 4.0;
    let statuses = [
        ("created", counts.created),
        ("already_created", counts.already_created),
        ("duplicate", counts.duplicate),
        ("invalid", counts.invalid),
        ("rejected", counts.rejected),
        ("failed", counts.failed),
        ("uncertain", counts.uncertain),
        ("pending", counts.pending),
    ];
    let parts = statuses.iter().filter(|(_, count)| *count > 0).count();
    let shared = WIDTH - SEEN * as_float(parts as u64);
    let total = as_float(counts.total().max(1));
    let mut x = 0.0;
    let share = |(status, count)| {
        let part = as_float(count) / total;
        let from = x;
        if count > 0 {
            x += SEEN + shared * part;
        }
        context! {
            status,
            count,
            percent => format!("{:.1}\u{a0}%", part * 100.0),
            x => rounded(from),
            width => rounded((x - from - 1.0).max(0.0)),
        }
    };
    statuses.into_iter().map(share).collect()
}

fn problems(data: &ReportData, language: Language, words: &Value) -> Vec<[String; 3]> {
    let meaning = |code: ProblemCode| match language {
        Language::English => None,
        Language::Arabic => words
            .get_attr("problem_meanings")
            .and_then(|meanings| meanings.get_attr(code.into()))
            .ok()
            .and_then(|meaning| meaning.as_str().map(str::to_owned)),
    };
    let row = |problem: &Problems| {
        [
            printable(problem.column.as_deref().unwrap_or("–")),
            meaning(problem.code).unwrap_or_else(|| problem.code.meaning().to_owned()),
            thousands(problem.count),
        ]
    };
    data.problems.iter().take(COMMONEST).map(row).collect()
}

fn rejections(data: &ReportData) -> Vec<[String; 3]> {
    let row = |rejection: &Rejections| {
        [
            printable(&rejection.code),
            printable(&mask_text(&vendor_words(&rejection.message))),
            thousands(rejection.count),
        ]
    };
    data.rejections.iter().take(COMMONEST).map(row).collect()
}

/// Values minute by minute as bars, with a line at the limit, and as a table; none without any.
fn over_time(data: &ReportData, limit: Option<u32>, value: fn(&Minute) -> u64) -> Option<Value> {
    let first = data.minutes.iter().map(|minute| minute.at).min()?;
    let mut minutes = Vec::new();
    for minute in &data.minutes {
        let place = usize::try_from(minute.at.ms_since(first) / 60_000).unwrap_or(MOST_MINUTES);
        if place < MOST_MINUTES {
            minutes.resize(minutes.len().max(place + 1), 0);
            minutes[place] = value(minute).max(minutes[place]);
        }
    }
    let in_hours = minutes.len() > MOST_STEPS;
    let stretch = minutes.len().div_ceil(MOST_STEPS);
    let bars = highest(&minutes, stretch)
        .map(|value| vec![("bar", as_float(value))])
        .collect();
    let mut chart = Chart::new(bars, 0.08, LEAST_MINUTES.div_ceil(stretch), limit);
    chart.mark_time(stretch, if in_hours { 60 } else { 1 });
    let stretch = minutes.len().div_ceil(TIME_ROWS);
    let rows = highest(&minutes, stretch).enumerate();
    let rows = rows.map(|(place, value)| ((place * stretch).to_string(), thousands(value)));
    Some(context! {
        in_hours,
        limit => limit.map(|limit| thousands(limit.into())),
        chart => Serde(chart),
        rows => rows.collect::<Vec<_>>(),
    })
}

/// Of each stretch its highest value, since that is what a limit is about.
fn highest(values: &[u64], stretch: usize) -> impl Iterator<Item = u64> {
    values
        .chunks(stretch.max(1))
        .map(|chunk| chunk.iter().copied().max().unwrap_or(0))
}

fn latency(latency: LatencyMs) -> Value {
    let marks = [
        ("50 %", latency.p50),
        ("90 %", latency.p90),
        ("95 %", latency.p95),
        ("99 %", latency.p99),
        ("100 %", latency.max),
    ];
    // The slowest answer stands in the table alone: it would dwarf the rest.
    let bars = marks.iter().take(4);
    let bars = bars.map(|&(_, ms)| vec![("bar", as_float(ms))]);
    let mut chart = Chart::new(bars.collect(), 0.16, 0, None);
    chart.mark_bars(marks.iter().map(|(label, _)| (*label).to_owned()));
    context! {
        chart => Serde(chart),
        rows => marks.map(|(label, ms)| (label, thousands(ms))),
    }
}

fn history(runs: &[RunRecord]) -> Option<Value> {
    let newest = &runs[..runs.len().min(RUNS)];
    if newest.is_empty() {
        return None;
    }
    let bars = newest.iter().rev().map(|record| {
        let counts = &record.summary.counts;
        vec![
            ("created", as_float(counts.created)),
            ("invalid", as_float(counts.needing_a_person())),
            ("pending", as_float(counts.pending)),
        ]
    });
    let mut chart = Chart::new(bars.collect(), 0.16, 0, None);
    let names = newest.iter().rev();
    chart.mark_bars(names.map(|record| record.summary.run.to_string()));
    let rows = newest.iter().map(|record| {
        let summary = &record.summary;
        [
            summary.run.to_string(),
            summary.started_at.to_string(),
            printable(&summary.source),
            thousands(summary.rows),
            thousands(summary.counts.created),
            thousands(summary.counts.needing_a_person()),
            thousands(summary.counts.pending),
        ]
    });
    Some(context! { chart => Serde(chart), rows => rows.collect::<Vec<_>>() })
}

/// A drawing's width; on the page it is scaled.
const WIDTH: f64 = 600.0;
/// The bars' ground: from the left edge, its width and its height.
const LEFT: f64 = 64.0;
const ROOM: f64 = WIDTH - LEFT - 8.0;
const HEIGHT: f64 = 192.0;
const TOP: f64 = 8.0;

/// Bars side by side, in the drawing's own units. No text but numbers and short labels, so that it reads alike in every language.
#[derive(serde::Serialize)]
struct Chart {
    bars: Vec<Bar>,
    /// Lines to read heights by.
    ticks: Vec<Mark>,
    /// Labels along the bottom.
    marks: Vec<Mark>,
    limit: Option<f64>,
    #[serde(skip)]
    slot: f64,
}

#[derive(serde::Serialize)]
struct Bar {
    class: &'static str,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

#[derive(serde::Serialize)]
struct Mark {
    at: f64,
    label: String,
}

impl Chart {
    /// Bars of parts from the bottom up, with a gap on either side of each as a part of its slot, and room for `least` of them.
    fn new(
        bars: Vec<Vec<(&'static str, f64)>>,
        gap: f64,
        least: usize,
        limit: Option<u32>,
    ) -> Chart {
        let sum = |bar: &Vec<(&str, f64)>| bar.iter().map(|(_, part)| part).sum::<f64>();
        let limit = limit.map(f64::from);
        let highest = bars.iter().map(sum).chain(limit).fold(1.0, f64::max) * 1.1;
        let scale = HEIGHT / highest;
        let slot = ROOM / as_float(bars.len().max(least).max(1) as u64);
        let mut drawn = Vec::new();
        for (place, bar) in (0u64..).zip(bars) {
            let mut y = TOP + HEIGHT;
            for (class, part) in bar.into_iter().filter(|(_, part)| *part > 0.0) {
                y -= part * scale;
                drawn.push(Bar {
                    class,
                    x: rounded(LEFT + (as_float(place) + gap) * slot),
                    y: rounded(y),
                    width: rounded(slot * (1.0 - 2.0 * gap)).max(0.5),
                    height: rounded(part * scale),
                });
            }
        }
        let height = |value: f64| rounded(TOP + HEIGHT - value * scale);
        Chart {
            bars: drawn,
            ticks: steps(highest, 5)
                .map(|value| Mark {
                    at: height(as_float(value)),
                    label: thousands(value),
                })
                .collect(),
            marks: Vec::new(),
            limit: limit.map(height),
            slot,
        }
    }

    /// Labels each bar, as far as there is room.
    fn mark_bars(&mut self, labels: impl Iterator<Item = String>) {
        let middles = (0u64..).map(|place| LEFT + (as_float(place) + 0.5) * self.slot);
        let marks = middles.zip(labels).map(|(at, label)| Mark {
            at: rounded(at),
            label,
        });
        self.marks = marks.take_while(|mark| mark.at < WIDTH).collect();
    }

    /// Labels time, where each bar stands for a stretch of minutes and a unit has so many.
    fn mark_time(&mut self, stretch: usize, unit: u64) {
        let per_unit = self.slot * as_float(unit) / as_float(stretch as u64);
        let marks = steps(ROOM / per_unit, 8).map(|value| Mark {
            at: rounded(LEFT + as_float(value) * per_unit),
            label: thousands(value),
        });
        self.marks = marks.collect();
    }
}

/// Round numbers from nought to `end`, about as many as wanted.
fn steps(end: f64, wanted: u32) -> impl Iterator<Item = u64> {
    let sizes = (0..19).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power)));
    let size = sizes
        .clone()
        .find(|&size| as_float(size) * f64::from(wanted) >= end)
        .unwrap_or(u64::MAX);
    (0..)
        .map(move |step| size.saturating_mul(step))
        .take_while(move |&value| as_float(value) <= end)
}

/// A place to a tenth of a unit.
fn rounded(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn both_languages_have_the_same_words_and_every_problem_has_a_meaning() {
        let words: toml::Table = toml::from_str(include_str!("words.toml")).unwrap();
        let mut arabic = words["ar"].as_table().unwrap().clone();
        let meanings = arabic.remove("problem_meanings").unwrap();
        let keys = |table: &toml::Table| table.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(words["en"].as_table().unwrap()), keys(&arabic));
        for code in ProblemCode::VARIANTS {
            assert!(meanings.get(code.to_string()).is_some(), "{code}");
        }
    }

    #[test]
    fn axes_have_round_numbers() {
        for (end, expected) in [
            (1.1, vec![0, 1]),
            (66.0, vec![0, 20, 40, 60]),
            (13_244.0, vec![0, 5000, 10_000]),
        ] {
            assert_eq!(steps(end, 5).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn minutes_far_apart_do_not_fill_the_page() {
        let minute = |at| Minute {
            at: Timestamp(at),
            requests: 1,
            busiest_second: 1,
        };
        let data = ReportData {
            summary: RunSummary {
                run: crate::model::RunId(1),
                source: "<a> & b.csv".to_owned(),
                base_url: String::new(),
                tenancy_name: String::new(),
                started_at: Timestamp(0),
                finished_at: None,
                stopped: None,
                rows: 0,
                counts: Counts::default(),
                changed: 0,
                requests: 2,
                throttled: 0,
                seconds: 0.0,
                ledger: String::new(),
            },
            made_at: Timestamp(0),
            limits: Limits::default(),
            minutes: vec![minute(0), minute(44_999 * 60_000), minute(i64::MAX)],
            latency: None,
            problems: Vec::new(),
            rejections: Vec::new(),
            runs: Vec::new(),
        };
        for language in [Language::English, Language::Arabic] {
            let mut out = Vec::new();
            write_html(&mut out, &data, language).unwrap();
            let page = String::from_utf8(out).unwrap();
            assert!(page.len() < 100_000, "{}", page.len());
            assert!(page.contains("&lt;a&gt; &amp; b.csv"));
        }
    }
}
