//! How this tool writes to people: templates whose lines fit the terminal, numbers with separators, singular and plural,
//! durations, colours that are never needed.

use anstyle::{AnsiColor, Effects, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::fmt::friendly::{Designator, FractionalUnit, SpanPrinter};
use jiff::{SignedDuration, SignedDurationRound, Unit};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde_json::Value as Json;
use textwrap::core::display_width;
use textwrap::{WordSeparator, WordSplitter, WrapAlgorithm};

use crate::model::{printable, quoted};

/// How texts for people look where they are going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether escape codes for colour are wanted. Every text says the same without.
    pub styled: bool,
}

impl Look {
    /// Narrower than this, words no longer make lines.
    const MIN_WIDTH: usize = 20;
    /// A longer lead does not push the texts of its neighbours to the side.
    const MOST_LEAD: usize = 34;

    pub fn new(width: usize, styled: bool) -> Self {
        Look { width, styled }
    }

    /// A template's lines, each as wide as the terminal. What stands before a tab, or a line's indent, is kept clear by the
    /// lines that it goes on in; leads below one another are equally wide. A line that begins with `$ ` is a command: it is never
    /// broken, so that it can be copied. Lines that begin with `|` and a tab are a table. No value has tabs, so none is taken for these.
    pub(super) fn text(self, template: &str, values: Value) -> String {
        let text = rendered_in(&self.painting(), template, values);
        let mut told = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        let kind = |line: &str| (line.starts_with("|\t"), line.contains('\t'));
        for block in lines.chunk_by(|above, below| kind(above) == kind(below)) {
            if block[0].starts_with("|\t") {
                told.extend(self.table(block));
                continue;
            }
            let leads = block.iter().filter_map(|line| line.split_once('\t'));
            let widest = leads.map(|(lead, _)| display_width(lead)).max();
            let widest = widest.unwrap_or(0).min(Self::MOST_LEAD);
            told.extend(block.iter().map(|line| {
                let content = line.trim_start();
                let indent = &line[..line.len() - content.len()];
                if let Some(command) = content.strip_prefix("$ ") {
                    let command = self.paint(COMMAND, command.trim_end());
                    format!("{indent}{command}")
                } else if let Some((lead, text)) = line.split_once('\t') {
                    let room = " ".repeat(widest.saturating_sub(display_width(lead)));
                    self.paragraph(&format!("{lead}{room}"), text)
                } else {
                    self.paragraph(indent, content)
                }
            }));
        }
        told.join("\n")
    }

    /// First how each column's cells stand: `>` for numbers, `=` for words that are kept whole, `.` for texts. Then its name, then its
    /// cells.
    fn table(self, lines: &[&str]) -> Vec<String> {
        let mut rows = lines.iter().map(|line| line.split('\t').skip(1));
        let kinds: Vec<&str> = rows.next().into_iter().flatten().collect();
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width.clamp(40, 400)).unwrap_or(400))
            .set_header(rows.next().into_iter().flatten())
            .add_rows(rows);
        let between = if self.is_narrow() { 1 } else { 2 };
        for (at, column) in table.column_iter_mut().enumerate() {
            let is_last = at + 1 == kinds.len();
            column.set_padding((0, if is_last { 0 } else { between }));
            if kinds[at] != "." {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            if kinds[at] == ">" {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines = table.lines();
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    /// Whether a table must do with less than the usual eighty columns.
    pub(super) fn is_narrow(self) -> bool {
        self.width < 80
    }

    fn painting(self) -> Environment<'static> {
        let mut environment = environment();
        // Only what a filter has painted may hold escape codes.
        environment.set_formatter(|out, _, value| {
            let text = value.to_string();
            let text = if value.is_safe() {
                text
            } else {
                printable(&text).into_owned()
            };
            Ok(out.write_str(&text)?)
        });
        let styled = move |style: Style| {
            move |text: String| Value::from_safe_string(self.paint(style, &printable(&text)))
        };
        for (name, style) in STYLES {
            environment.add_filter(name, styled(style));
        }
        environment.add_filter("number", move |number: u64, style: Option<String>| {
            let style = STYLES
                .iter()
                .find(|(name, _)| Some(*name) == style.as_deref())
                .filter(|_| number > 0)
                .map_or(Style::new(), |(_, style)| *style);
            let lead = format!("{:>9}  ", thousands(number));
            Value::from_safe_string(self.paint(style, &lead))
        });
        environment
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.styled && !style.is_plain() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// `text` behind `lead`, in lines that fit; what does not fit in the first goes on below `text`'s own start.
    fn paragraph(self, lead: &str, text: &str) -> String {
        let indent = " ".repeat(display_width(lead));
        let options = textwrap::Options::new(self.width.max(Self::MIN_WIDTH))
            .initial_indent(lead)
            .subsequent_indent(&indent)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit)
            .break_words(false);
        textwrap::fill(text, options)
    }
}

/// What every template here knows: numbers and commands as people read them.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.unwrap_or_default());
    environment.add_filter("thousands", thousands);
    environment.add_filter("counted", |number: u64, one: String, many: String| {
        counted(number, &one, &many)
    });
    environment.add_filter("duration", duration);
    environment.add_filter("quoted", |word: String| quoted(&word));
    environment.add_filter("vendor_words", |words: Option<String>| {
        words.as_deref().map(vendor_words)
    });
    environment
}

/// A template's text.
pub(super) fn rendered(template: &str, values: Value) -> String {
    rendered_in(&environment(), template, values)
}

/// Of a template's own mistakes only the kind is told: their detail may quote values.
fn rendered_in(environment: &Environment<'_>, template: &str, values: Value) -> String {
    let text = environment.render_str(template, values);
    text.unwrap_or_else(|error| error.kind().to_string())
}

const COMMAND: Style = AnsiColor::Cyan.on_default();
/// What went well, what a person should look at, what went wrong, what heads a paragraph, what matters least.
const STYLES: [(&str, Style); 5] = [
    ("good", AnsiColor::Green.on_default()),
    ("warn", AnsiColor::Yellow.on_default()),
    ("bad", AnsiColor::Red.on_default()),
    ("strong", Style::new().effects(Effects::BOLD)),
    ("faint", Style::new().effects(Effects::DIMMED)),
];

/// `1234567` as `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// `1 row`, `1,200 rows`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(number),
        if number == 1 { one } else { many }
    )
}

/// `1 row`, `1,200 rows`.
pub fn rows(number: u64) -> String {
    counted(number, "row", "rows")
}

/// A span of time in its two largest units: `0.4s`, `27s`, `16m 27s`, `27h 47m`.
pub(super) fn duration(seconds: f64) -> String {
    const PRINTER: SpanPrinter = SpanPrinter::new()
        .designator(Designator::HumanTime)
        .fractional(Some(FractionalUnit::Second));
    let span = SignedDuration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(SignedDuration::MAX);
    let (unit, increment) = match seconds {
        ..9.95 => (Unit::Millisecond, 100),
        ..3599.5 => (Unit::Second, 1),
        _ => (Unit::Minute, 1),
    };
    let round = SignedDurationRound::new()
        .smallest(unit)
        .increment(increment);
    PRINTER.duration_to_string(&span.round(round).unwrap_or(span))
}

/// A count as a number to draw or to divide; exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "no count of rows or milliseconds is near 2^53"
)]
pub(super) fn as_float(count: u64) -> f64 {
    count as f64
}

/// The vendor's message as the ledger keeps it, for people: behind its words may stand the details as JSON, whose shape nobody
/// promised. What names a field becomes `field: words`; what cannot be read so stays as it is.
pub(super) fn vendor_words(message: &str) -> String {
    let details = message
        .match_indices(['[', '{'])
        .find_map(|(at, _)| Some((at, serde_json::from_str(&message[at..]).ok()?)));
    let Some((at, details)) = details else {
        return message.to_owned();
    };
    let mut parts = Vec::new();
    collect(&details, None, &mut parts);
    if parts.is_empty() {
        return message.to_owned();
    }
    let said = message[..at].trim_end();
    // The details often repeat the message word for word.
    parts.retain(|part| part != said);
    parts.insert(0, said.to_owned());
    parts.join(" ").trim_start().to_owned()
}

fn collect(details: &Json, field: Option<&str>, parts: &mut Vec<String>) {
    match details {
        Json::String(words) => parts.push(match field {
            Some(field) => format!("{field}: {words}"),
            None => words.clone(),
        }),
        Json::Array(entries) => entries
            .iter()
            .for_each(|entry| collect(entry, field, parts)),
        Json::Object(members) => {
            let first = |names: &[&str]| names.iter().find_map(|name| members.get(*name)?.as_str());
            let named = first(&["field", "key", "member", "propertyName"]);
            let words = first(&["message", "error", "errorMessage", "description"]);
            match words {
                Some(words) => collect(&words.into(), named.or(field), parts),
                None => members
                    .iter()
                    .for_each(|(name, value)| collect(value, Some(name), parts)),
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_their_two_largest_units() {
        for (seconds, text) in [
            (f64::NAN, "0s"),
            (0.0, "0s"),
            (0.44, "0.4s"),
            (9.96, "10s"),
            (59.6, "1m"),
            (987.2, "16m 27s"),
            (3600.0, "1h"),
            (100_000.0, "27h 47m"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn lines_fit_colour_takes_no_room_and_nothing_from_outside_commands_a_terminal() {
        let told = |look: Look, template| {
            let value = minijinja::context! { value => "\u{1b}[31m\u{202e}a\tb\nc" };
            look.text(template, value)
        };
        let look = Look::new(24, true);
        let text = told(look, "{{ '  12'|bad }}\trows do not pass validation\n1\tx");
        assert_eq!(
            console::strip_ansi_codes(&text),
            "  12rows do not pass\n    validation\n1   x"
        );
        let shown = "\u{fffd}[31ma b / c";
        let text = told(Look::new(80, true), "{{ value }}\n{{ value|bad }}");
        assert_eq!(text, format!("{shown}\n\u{1b}[31m{shown}\u{1b}[0m"));
        let missing = told(look, "{{ valeu }}");
        assert!(!missing.is_empty(), "a misspelt name is no empty text");
    }

    #[test]
    fn the_vendors_details_become_words_in_every_shape_that_was_seen() {
        for (message, expected) in [
            ("A plain message.", "A plain message."),
            (
                r#"Not valid. [{"field":"nationalId","message":"Too short."}]"#,
                "Not valid. nationalId: Too short.",
            ),
            (
                r#"Not valid. {"nationalId":["Too short.","Not a number."]}"#,
                "Not valid. nationalId: Too short. nationalId: Not a number.",
            ),
            (
                r#"Not valid. ["Not valid.","Ask us."]"#,
                "Not valid. Ask us.",
            ),
            (
                r#"Not valid. [{"message":"Ask us."}]"#,
                "Not valid. Ask us.",
            ),
            ("Odd [text", "Odd [text"),
            ("Numbers only [1,2]", "Numbers only [1,2]"),
            (r#"A [note] and {"a":"b"}"#, "A [note] and a: b"),
        ] {
            assert_eq!(vendor_words(message), expected);
        }
    }
}
