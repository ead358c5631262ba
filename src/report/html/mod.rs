//! One self-contained HTML page about a run: words, numbers and SVG plots; light and dark, on paper and on a phone, in English and
//! in Arabic. It loads nothing, runs no script, and holds neither personal data nor tokens.

mod data;
mod plots;
mod sections;
mod words;

use std::io::Write;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::error::Error;

pub use data::{Language, LatencyMs, Limits, Minute, Problems, Rejections, ReportData};
use sections::{Section, sections};
use words::Words;

/// Writes the page.
pub fn write_html(out: &mut dyn Write, data: &ReportData, language: Language) -> Result<(), Error> {
    let words = Words::of(language);
    let sections = sections(data, words)?;
    let page = render(data, words, &sections).map_err(|error| {
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

fn render(
    data: &ReportData,
    words: &Words,
    sections: &[Section],
) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_test("numeric", is_number);
    // The name's ending switches HTML escaping on.
    environment.add_template("page.html", include_str!("page.html"))?;
    environment.get_template("page.html")?.render(context! {
        lang => words.lang,
        dir => words.dir,
        title => format!("{} {}", words.run, data.summary.run),
        head => Serde(sections::head(data, words)),
        tiles => Serde(sections::tiles(data, words)),
        sections => Serde(sections),
        footer => words.footer,
        made_at => data.made_at.to_string(),
    })
}

/// Whether a cell holds a number, which a table sets flush with those above and below it.
fn is_number(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit())
        && cell
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ',' | '.' | '%' | ' ' | '\u{a0}'))
}

#[cfg(test)]
mod tests;
