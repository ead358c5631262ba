//! One self-contained HTML page about a run: words, numbers and bars; light and dark, on paper and on a phone, in English and in
//! Arabic. It loads nothing, runs no script, and holds neither personal data nor tokens. `page.html` is the page, `words/` has
//! its words; here is what both are filled with.

use std::io::Write;
use std::num::NonZeroU32;

use jiff::Zoned;
use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Deserialize as _;

use super::export::in_words;
use super::text::{Further, duration, environment};
use super::words::Language;
use crate::error::{Error, Result};
use crate::model::{Minute, ResultRow, RunSummary, Timestamp, mask_text, printable};

pub struct ReportData {
    pub summary: RunSummary,
    /// By the clock that the page goes by.
    pub made_at: Zoned,
    /// The limits on requests; none is unlimited.
    pub per_second: Option<NonZeroU32>,
    pub per_minute: Option<NonZeroU32>,
    /// As the ledger gives them.
    pub statistics: serde_json::Value,
    /// The first rows that need a person, at most [`PEOPLE`].
    pub people: Vec<ResultRow>,
    /// The last runs of the ledger, newest first.
    pub runs: Vec<RunSummary>,
    /// What commands must be given to meet this ledger.
    pub further: Further,
}

/// Rows that need a person, as many as leave the page two sheets of paper.
pub const PEOPLE: usize = 12;
/// A longer run is told in wider steps with the highest value of each.
const MOST_STEPS: usize = 120;
/// Labels below a plot over time, and minutes between them.
const TIME_LABELS: usize = 6;
const LABEL_STEPS: [usize; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, DAY, 7 * DAY];
const DAY: usize = 1440;
/// A page about a run of more than a month shows its first month.
const MOST_MINUTES: usize = 45_000;

pub fn write_html(out: &mut dyn Write, data: &ReportData, language: Language) -> Result<()> {
    // Only the kind of a template's error: its detail may quote values.
    let page = render(data, language).map_err(|error| Error::unwritten(&error.kind()))?;
    let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Error::unwritten(&error))
}

fn render(data: &ReportData, language: Language) -> Result<String, minijinja::Error> {
    let mut environment = page_environment(data.made_at.time_zone().clone(), language);
    // The name's ending switches HTML escaping on.
    environment.add_template("page.html", include_str!("page.html"))?;
    let counts = &data.summary.counts;
    let people = data.people.iter().map(|row| {
        let told = in_words(row, language).unwrap_or_default();
        let told: Vec<String> = told.lines().map(mask_text).collect();
        (row.row, row.status, told.join("\n"))
    });
    let history = data.runs.iter().rev().map(|run| {
        let needing = run.counts.needing_a_person();
        let parts = [run.counts.created, needing, run.counts.pending];
        (run.run, parts)
    });
    // `Africa/Cairo, UTC+02:00`.
    let offset = data.made_at.strftime("UTC%:z").to_string();
    let zone = match data.made_at.time_zone().iana_name() {
        Some(name) if name != "UTC" => format!("{name}, {offset}"),
        _ => offset,
    };
    environment.get_template("page.html")?.render(context! {
        w => Serde(language.words()),
        s => Serde(&data.summary),
        total => data.summary.rows.max(1),
        needing => counts.needing_a_person(),
        made_at => format!("{:.0}", data.made_at.timestamp()),
        zone,
        people => Serde(people.collect::<Vec<_>>()),
        reading => &data.further.reading,
        sending => &data.further.sending,
        statistics => Serde(&data.statistics),
        per_minute => over_time(data, data.per_minute, |minute| minute.1),
        per_second => over_time(data, data.per_second, |minute| minute.2),
        history => Serde(history.collect::<Vec<_>>()),
        runs => Serde(&data.runs),
    })
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
        let at = at.to_zoned(zone.clone());
        Some(at.strftime("%Y-%m-%d %H:%M").to_string())
    });
    environment.add_filter("duration", move |seconds| in_units(seconds, language));
    environment.add_filter("meaning", move |code: String| {
        language.meaning(&code).into_owned()
    });
    environment.add_filter("masked", |text: Option<String>| {
        mask_text(&text.unwrap_or_default())
    });
    environment.add_function("steps", steps);
    environment
}

/// A span of time in the language's own units.
fn in_units(seconds: f64, language: Language) -> String {
    let told = duration(seconds);
    let parts = told.split(' ').map(|part| {
        let (number, unit) = part.split_at(part.find(char::is_alphabetic).unwrap_or(part.len()));
        format!("{number}{}", language.word(&format!("unit_{unit}")))
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// Values minute by minute as bars, with a line at the limit, and as a table; none without any.
fn over_time(
    data: &ReportData,
    limit: Option<NonZeroU32>,
    value: fn(&Minute) -> u64,
) -> Option<Value> {
    let minutes = Vec::<Minute>::deserialize(&data.statistics["minutes"]).ok()?;
    let first = minutes.first()?.0;
    let mut values = Vec::new();
    for minute in &minutes {
        let place = usize::try_from(minute.0.ms_since(first) / 60_000).unwrap_or(MOST_MINUTES);
        if place < MOST_MINUTES {
            values.resize(values.len().max(place + 1), 0);
            values[place] = value(minute);
        }
    }
    let clock = |place: usize| {
        let ms = i64::try_from(place).unwrap_or(0) * 60_000;
        Timestamp(first.0.saturating_add(ms)).local(data.made_at.time_zone())
    };
    let mut steps = LABEL_STEPS.into_iter();
    let step = steps.find(|step| values.len() / step <= TIME_LABELS);
    let step = step.unwrap_or(7 * DAY);
    let form = if step < DAY { "%H:%M" } else { "%d/%m" };
    let label = |place| {
        let clock = clock(place);
        let of_day = i32::from(clock.hour()) * 60 + i32::from(clock.minute());
        let of_year = i32::from(clock.day_of_year()) * 1440 + of_day;
        let is_marked = usize::try_from(of_year).is_ok_and(|minute| minute.is_multiple_of(step));
        is_marked.then(|| clock.strftime(form).to_string())
    };
    let stretch = values.len().div_ceil(MOST_STEPS).max(1);
    let bars = values.chunks(stretch).enumerate().map(|(at, values)| {
        let mut minutes = at * stretch..(at + 1) * stretch;
        let time = clock(minutes.start).strftime("%Y-%m-%d %H:%M").to_string();
        // Of each stretch its highest value, since that is what a limit is about.
        let highest = values.iter().copied().max().unwrap_or(0);
        (minutes.find_map(label), [highest], time)
    });
    let bars = Serde(bars.collect::<Vec<_>>());
    Some(context! { limit => Serde(limit), is_stretched => stretch > 1, bars })
}

/// Round numbers from nought to `end`, about as many as wanted.
fn steps(end: f64, wanted: f64) -> Vec<f64> {
    let mut sizes =
        (0..19).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
    let size = sizes.find(|size| size * wanted >= end).unwrap_or(f64::MAX);
    let steps = (0..).map(|step| size * f64::from(step));
    steps.take_while(|value| *value <= end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::tests::a_run;

    #[test]
    fn minutes_far_apart_do_not_fill_the_page() {
        let minute = |at| (Timestamp(at), 1, 1);
        let mut summary = a_run();
        summary.source = "<a> & b.csv".to_owned();
        let data = ReportData {
            summary,
            made_at: Timestamp(0).local(&TimeZone::UTC),
            people: Vec::new(),
            further: Further::default(),
            per_second: None,
            per_minute: NonZeroU32::new(60),
            statistics: serde_json::json!({
                "minutes": [minute(0), minute(44_999 * 60_000), minute(i64::MAX)],
                "answers": [], "problems": [], "latency": [], "follow": [],
            }),
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
