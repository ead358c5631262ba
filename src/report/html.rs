//! One self-contained HTML page about a run: words, numbers and bars; light and dark, on paper and on a phone, in English and in
//! Arabic. It loads nothing, runs no script, and holds neither personal data nor tokens. `page.html` is the page, `words/` has
//! its words; here is what both are filled with.

use std::io::Write;

use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::export::in_words;
use super::summary::Further;
use super::text::{as_float, duration, environment, thousands, vendor_words};
use super::words::Language;
use crate::error::Error;
use crate::model::{
    MinuteCount, ResultRow, RunStatistics, RunSummary, StageCount, Timestamp, mask_text, printable,
};

/// Everything that the page tells.
#[derive(Debug, Clone)]
pub struct ReportData {
    pub summary: RunSummary,
    /// When the page is made.
    pub made_at: Timestamp,
    /// Whose clock the page goes by.
    pub zone: TimeZone,
    /// The limits on requests; none is unlimited.
    pub per_second: Option<u32>,
    pub per_minute: Option<u32>,
    pub statistics: RunStatistics,
    /// The first rows that need a person, at most [`PEOPLE`].
    pub people: Vec<ResultRow>,
    /// The last runs of the ledger, newest first.
    pub runs: Vec<RunSummary>,
    /// What commands must be given to meet this ledger.
    pub further: Further,
}

/// Rows that need a person, as many as leave the page two sheets of paper.
pub const PEOPLE: usize = 12;
/// Groups of problems and of rejections.
const GROUPS: usize = 6;
/// Runs shown of the ledger's history.
const RUNS: usize = 16;
/// A longer run is told in wider steps with the highest value of each.
const MOST_STEPS: usize = 180;
/// Rows in the table beside a plot over time, and labels below it.
const TIME_ROWS: usize = 24;
const TIME_LABELS: usize = 6;
/// Minutes between the labels of a plot over time.
const LABEL_STEPS: [usize; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, DAY, 7 * DAY];
const DAY: usize = 1440;
/// A page about a run of more than a month shows its first month.
const MOST_MINUTES: usize = 45_000;
/// Who signed later is counted with the last day.
const MOST_DAYS: u64 = 90;

/// Writes the page.
pub fn write_html(out: &mut dyn Write, data: &ReportData, language: Language) -> Result<(), Error> {
    let not_written = |why: String| {
        Error::unexpected(
            "report_not_written",
            format!("The report cannot be written: {why}."),
        )
        .hint("See whether the disk is full.")
    };
    // Only the kind of a template's error: its detail may quote values.
    let page = render(data, language).map_err(|error| not_written(error.kind().to_string()))?;
    out.write_all(page.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| not_written(error.to_string()))
}

/// What the page's template knows beside its values.
fn page_environment(zone: TimeZone, language: Language) -> Environment<'static> {
    let mut environment = environment();
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => {
            let lines: Vec<_> = text.lines().map(printable).collect();
            minijinja::escape_formatter(out, state, &lines.join("\n").into())
        }
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("local", move |at: Option<String>| {
        let at: jiff::Timestamp = at?.parse().ok()?;
        Some(local(&zone, at).strftime("%Y-%m-%d %H:%M").to_string())
    });
    environment.add_filter("duration", move |seconds| in_units(seconds, language));
    environment
}

fn render(data: &ReportData, language: Language) -> Result<String, minijinja::Error> {
    let mut environment = page_environment(data.zone.clone(), language);
    // The name's ending switches HTML escaping on.
    environment.add_template("page.html", include_str!("page.html"))?;
    let counts = &data.summary.counts;
    let needing = counts.needing_a_person();
    let masked = |text: &str| mask_text(&vendor_words(text));
    let statistics = &data.statistics;
    let problems = statistics.problems.iter().take(GROUPS).map(|problem| {
        let column = masked(problem.column.as_deref().unwrap_or_default());
        (column, language.meaning(&problem.code), problem.count)
    });
    let answers = statistics.answers.iter();
    let rejections = answers
        .filter(|answer| answer.event == "rejected")
        .take(GROUPS);
    let rejections = rejections.map(|told| (&told.code, masked(&told.message), told.count));
    let people = data.people.iter().map(|row| {
        let told = in_words(row, language).unwrap_or_default();
        let told: Vec<String> = told.lines().map(mask_text).collect();
        (row.row, row.status, told.join("\n"))
    });
    let people: Vec<_> = people.collect();
    let more = (needing > people.len() as u64).then(|| {
        let fills = [thousands(people.len() as u64), thousands(needing)];
        language.say("people_more", &fills.each_ref().map(String::as_str))
    });
    environment.get_template("page.html")?.render(context! {
        w => Serde(language.words()),
        s => Serde(&data.summary),
        total => counts.total().max(1),
        needing,
        made_at => data.made_at.to_string(),
        times => language.say("times", &[&zone_name(&data.zone, data.made_at)]),
        people => Serde(people),
        people_more => more,
        reading => &data.further.reading,
        sending => &data.further.sending,
        problems => Serde(problems.collect::<Vec<_>>()),
        rejections => Serde(rejections.collect::<Vec<_>>()),
        per_minute => over_time(data, data.per_minute, |minute| minute.requests),
        per_second => over_time(data, data.per_second, |minute| minute.busiest_second),
        follow => follow(&statistics.stages),
        latency => latency(&statistics.latencies_ms),
        history => history(&data.runs),
    })
}

fn local(zone: &TimeZone, at: jiff::Timestamp) -> jiff::Zoned {
    at.to_zoned(zone.clone())
}

/// `Africa/Cairo, UTC+02:00`.
fn zone_name(zone: &TimeZone, at: Timestamp) -> String {
    let at = local(
        zone,
        jiff::Timestamp::from_millisecond(at.0).unwrap_or_default(),
    );
    let offset = at.strftime("UTC%:z").to_string();
    match zone.iana_name() {
        Some(name) if name != "UTC" => format!("{name}, {offset}"),
        _ => offset,
    }
}

/// A span of time in the language's own units.
fn in_units(seconds: f64, language: Language) -> String {
    let told = duration(seconds);
    let units = language
        .words()
        .get("units")
        .and_then(toml::Value::as_table);
    let Some(units) = units.filter(|_| language != Language::English) else {
        return told;
    };
    let parts = told.split(' ').map(|part| {
        let (number, unit) = part.split_at(part.find(char::is_alphabetic).unwrap_or(part.len()));
        let unit = units
            .get(unit)
            .and_then(toml::Value::as_str)
            .unwrap_or(unit);
        format!("{number} {unit}")
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// Values minute by minute as bars, with a line at the limit, and as a table; none without any.
fn over_time(
    data: &ReportData,
    limit: Option<u32>,
    value: fn(&MinuteCount) -> u64,
) -> Option<Value> {
    let minutes = &data.statistics.minutes;
    let first = minutes.iter().map(|minute| minute.at).min()?;
    let mut values = Vec::new();
    for minute in minutes {
        let place = usize::try_from(minute.at.ms_since(first) / 60_000).unwrap_or(MOST_MINUTES);
        if place < MOST_MINUTES {
            values.resize(values.len().max(place + 1), 0);
            values[place] = value(minute).max(values[place]);
        }
    }
    let clock = |place: usize| {
        let ms = first
            .0
            .saturating_add(i64::try_from(place).unwrap_or(0) * 60_000);
        local(
            &data.zone,
            jiff::Timestamp::from_millisecond(ms).unwrap_or_default(),
        )
    };
    let stretch = values.len().div_ceil(MOST_STEPS).max(1);
    let columns: Vec<_> = highest(&values, stretch)
        .map(|value| vec![("bar", value)])
        .collect();
    let steps = LABEL_STEPS.into_iter();
    let mut steps = steps.filter(|step| values.len() / step <= TIME_LABELS);
    let step = steps.next().unwrap_or(7 * DAY);
    let form = if step < DAY { "%H:%M" } else { "%d/%m" };
    let is_marked = |place: &usize| {
        let clock = clock(*place);
        let days = usize::try_from(clock.day_of_year()).unwrap_or(0);
        let minute = usize::try_from(i32::from(clock.hour()) * 60 + i32::from(clock.minute()));
        (days * DAY + minute.unwrap_or(0)).is_multiple_of(step)
    };
    let middle = if stretch == 1 { 0.5 } else { 0.0 };
    let marks = (0..values.len()).filter(is_marked).map(|place| {
        let at = as_float(place as u64) / as_float(stretch as u64) + middle;
        (at, clock(place).strftime(form).to_string())
    });
    let rows = values.len().div_ceil(TIME_ROWS);
    let rows = highest(&values, rows).enumerate().map(|(at, value)| {
        let time = clock(at * rows).strftime("%Y-%m-%d %H:%M").to_string();
        (time, value)
    });
    Some(context! {
        limit,
        is_stretched => stretch > 1,
        chart => chart(&columns, columns.len(), limit, marks.collect()),
        rows => rows.collect::<Vec<_>>(),
    })
}

/// Of each stretch its highest value, since that is what a limit is about.
fn highest(values: &[u64], stretch: usize) -> impl Iterator<Item = u64> {
    values
        .chunks(stretch.max(1))
        .map(|chunk| chunk.iter().copied().max().unwrap_or(0))
}

/// How many had signed, or stood at another stage, so many days after the invitation; none where nothing tells of it.
fn follow(stages: &[StageCount]) -> Option<Value> {
    let days = stages.iter().filter_map(|stage| stage.days);
    let last = days.max()?.min(MOST_DAYS);
    let count = |is_meant: &dyn Fn(&StageCount) -> bool| -> u64 {
        let meant = stages.iter().filter(|stage| is_meant(stage));
        meant.map(|stage| stage.count).sum()
    };
    let by = |day: u64, is_signed| {
        count(&|stage| {
            let is_by_then = stage.days.is_some_and(|days| days.min(last) <= day);
            is_by_then && stage.is_signed == is_signed
        })
    };
    let columns: Vec<_> = (0..=last)
        .map(|day| vec![("created", by(day, true)), ("pending", by(day, false))])
        .collect();
    let marks = steps(as_float(last), 8).map(|day| (as_float(day) + 0.5, thousands(day)));
    let rows = [
        ("signed", by(last, true)),
        ("not_signed", by(last, false)),
        ("never_seen", count(&|stage| stage.days.is_none())),
    ];
    Some(
        context! { chart => chart(&columns, columns.len(), None, marks.collect()), rows => Serde(rows) },
    )
}

/// Percentiles from the sorted list of how many answers took how long; none without an answer.
fn latency(latencies_ms: &[(u64, u64)]) -> Option<Value> {
    let (slowest, _) = *latencies_ms.last()?;
    let total: u64 = latencies_ms.iter().map(|(_, count)| count).sum();
    let within = |percent: u64| {
        let wanted = (total * percent).div_ceil(100);
        let mut seen = 0;
        let mut so_far = latencies_ms.iter().filter(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        so_far.next().map_or(slowest, |(ms, _)| *ms)
    };
    let rows = [50, 90, 95, 99, 100].map(|percent| (format!("{percent} %"), within(percent)));
    // The slowest answer stands in the table alone: it would dwarf the rest.
    let columns: Vec<_> = rows[..4].iter().map(|(_, ms)| vec![("bar", *ms)]).collect();
    let marks = middles(rows[..4].iter().map(|(label, _)| label.clone()));
    Some(context! { chart => chart(&columns, columns.len(), None, marks), rows })
}

fn history(runs: &[RunSummary]) -> Value {
    let newest = &runs[..runs.len().min(RUNS)];
    let columns: Vec<_> = newest
        .iter()
        .rev()
        .map(|record| {
            let counts = &record.counts;
            vec![
                ("created", counts.created),
                ("invalid", counts.needing_a_person()),
                ("pending", counts.pending),
            ]
        })
        .collect();
    let names = newest.iter().rev();
    let marks = middles(names.map(|record| record.run.to_string()));
    context! { chart => chart(&columns, columns.len(), None, marks), runs => Serde(newest) }
}

/// Labels below the middles of their bars.
fn middles(labels: impl Iterator<Item = String>) -> Vec<(f64, String)> {
    let middles = (0u64..).map(|place| as_float(place) + 0.5);
    middles.zip(labels).collect()
}

/// Bars side by side in so many slots, each with its parts from the bottom up; labels by their place in slots. No text but numbers
/// and short labels, so that it reads alike in every language.
fn chart(
    columns: &[Vec<(&str, u64)>],
    slots: usize,
    limit: Option<u32>,
    marks: Vec<(f64, String)>,
) -> Value {
    let sum = |column: &Vec<(&str, u64)>| column.iter().map(|(_, part)| part).sum::<u64>();
    let highest = columns.iter().map(sum).max().unwrap_or(0);
    let top = as_float(highest.max(limit.unwrap_or(0).into()).max(1)) * 1.1;
    let ticks: Vec<u64> = steps(top, 5).collect();
    context! { columns => Serde(columns), slots => slots.max(1), limit, marks, ticks, top }
}

/// Round numbers from nought to `end`, about as many as wanted.
fn steps(end: f64, wanted: u32) -> impl Iterator<Item = u64> {
    let mut sizes = (0..19).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power)));
    let size = sizes
        .find(|&size| as_float(size) * f64::from(wanted) >= end)
        .unwrap_or(u64::MAX);
    let steps = (0..).map(move |step| size.saturating_mul(step));
    steps.take_while(move |&value| as_float(value) <= end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::a_summary;

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
        let minute = |at| MinuteCount {
            at: Timestamp(at),
            requests: 1,
            busiest_second: 1,
        };
        let mut summary = a_summary();
        summary.source = "<a> & b.csv".to_owned();
        let data = ReportData {
            summary,
            made_at: Timestamp(0),
            zone: TimeZone::UTC,
            people: Vec::new(),
            further: Further::default(),
            per_second: None,
            per_minute: Some(60),
            statistics: RunStatistics {
                minutes: vec![minute(0), minute(44_999 * 60_000), minute(i64::MAX)],
                ..RunStatistics::default()
            },
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
