//! What this tool writes to people at a terminal: templates whose lines fit it (the words stand in `templates/`), numbers with
//! separators, singular and plural, durations, colours that are never needed. It says "invitation created", never "sent": whether a
//! customer hears of it is the tenant's doing.

use clap::builder::styling::{AnsiColor, Effects, Style};
use console::{Alignment, pad_str};
use jiff::fmt::friendly::{Designator, FractionalUnit, SpanPrinter};
use jiff::{SignedDuration, SignedDurationRound, Unit};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;
use textwrap::core::display_width;
use textwrap::{WordSeparator, WordSplitter, WrapAlgorithm};

use super::words::Language;
use crate::error::{command, command_at_hand};
use crate::model::{RunSummary, Stop, printable, quoted};

/// The texts of commands, each filled with the document that `--json` prints and with what else it names.
pub mod texts {
    pub const ACCOUNT: &str = include_str!("templates/account.txt");
    pub const CONTRACT_TYPES: &str = include_str!("templates/contract_types.txt");
    pub const DOCTOR: &str = include_str!("templates/doctor.txt");
    pub const DRY_RUN: &str = include_str!("templates/dry_run.txt");
    pub const FOLLOW: &str = include_str!("templates/follow.txt");
    pub const GUESSES: &str = include_str!("templates/guesses.txt");
    pub const HISTORY: &str = include_str!("templates/history.txt");
    pub const PULLED: &str = include_str!("templates/pulled.txt");
    pub const PURGED: &str = include_str!("templates/purged.txt");
    pub const QUESTION: &str = include_str!("templates/question.txt");
    pub const REBUILT: &str = include_str!("templates/rebuilt.txt");
    pub const REGISTER: &str = include_str!("templates/register.txt");
    pub const REGISTER_MADE: &str = include_str!("templates/register_made.txt");
    pub const RUNS: &str = include_str!("templates/runs.txt");
    pub const SANDBOX: &str = include_str!("templates/sandbox.txt");
    pub const SETTLED: &str = include_str!("templates/settled.txt");
    pub const SUMMARY: &str = include_str!("templates/summary.txt");
    pub const SWEPT: &str = include_str!("templates/swept.txt");
}

/// What further commands must be given to meet the same ledger and config, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Further {
    /// FILE, as it is found from here.
    pub file: String,
    /// For those that name no file and read or settle: `--ledger b.db`.
    pub reading: String,
    /// For those that name no file and send: `--sandbox`, say.
    pub sending: String,
    /// For `check FILE`: `--sheet June`, say.
    pub checking: String,
    /// For `run FILE`.
    pub inviting: String,
}

impl Further {
    /// A command on FILE that sends nothing; `words` stand before it.
    pub fn on_file(&self, words: &str) -> String {
        command(&format!("{words} {}", quoted(&self.file)), &self.checking)
    }

    pub fn run(&self) -> String {
        command(&format!("run {}", quoted(&self.file)), &self.inviting)
    }
}

/// Why a run stopped early: what stopped it, and what whoever stopped it said (Vlens' refusal, say).
pub fn reason(stop: Stop, said: Option<&str>) -> String {
    let sentence = Language::English.word(&format!("stop_{stop}"));
    let parts: Vec<&str> = std::iter::once(sentence).chain(said).collect();
    parts.join(" ")
}

/// Why a run still asks for somebody, in one line.
pub fn not_done(run: &RunSummary) -> String {
    let needing = run.counts.needing_a_person();
    let template = include_str!("templates/not_done.txt");
    rendered(template, context! { s => Serde(run), needing })
}

/// How texts for people look where they are going.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether escape codes for colour are wanted. Every text says the same without.
    pub styled: bool,
}

impl Look {
    const MIN_WIDTH: usize = 20;
    /// A longer lead does not push the texts of its neighbours to the side.
    const MOST_LEAD: usize = 34;

    /// A template's lines, each as wide as the terminal. What stands before a tab, or a line's indent, is kept clear by the
    /// lines that it goes on in; leads below one another are equally wide. A line that begins with `$ ` is a command: it is never
    /// broken, so that it can be copied. Lines that begin with `|` and a tab are a table. No value has tabs, so none is taken for these.
    pub fn text(self, template: &str, values: impl Serialize) -> String {
        let mut environment = environment();
        for (name, style) in STYLES {
            let painted = move |text: String| self.paint(style, &printable(&text));
            let painted = move |text| Value::from_safe_string(painted(text));
            environment.add_filter(name, painted);
        }
        environment.add_filter("number", |number| format!("{:>9}  ", thousands(number)));
        environment.add_global("is_narrow", self.width < 80);
        let text = rendered_in(&environment, template, Value::from(Serde(values)));
        let lines: Vec<&str> = text.lines().collect();
        let kind = |line: &str| (line.starts_with("|\t"), line.contains('\t'));
        let blocks = lines.chunk_by(|above, below| kind(above) == kind(below));
        let told = blocks.flat_map(|block| match kind(block[0]) {
            (true, _) => self.table(block),
            _ => self.paragraphs(block),
        });
        told.collect::<Vec<_>>().join("\n")
    }

    fn paragraphs(self, lines: &[&str]) -> Vec<String> {
        let leads = lines.iter().filter_map(|line| line.split_once('\t'));
        let widest = leads.map(|(lead, _)| display_width(lead)).max();
        let widest = widest.unwrap_or(0).min(Self::MOST_LEAD);
        let told = lines.iter().map(|line| {
            let content = line.trim_start();
            let indent = &line[..line.len() - content.len()];
            if let Some(command) = content.strip_prefix("$ ") {
                format!("{indent}{}", self.paint(COMMAND, command.trim_end()))
            } else if let Some((lead, text)) = line.split_once('\t') {
                let room = " ".repeat(widest.saturating_sub(display_width(lead)));
                self.paragraph(&format!("{lead}{room}"), text)
            } else {
                self.paragraph(indent, content)
            }
        });
        told.collect()
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

    /// First how each column's cells stand: `>` for numbers, `=` for words that are kept whole, `.` for texts, of which the widest are
    /// broken where all do not fit. Then its name, then its cells.
    fn table(self, lines: &[&str]) -> Vec<String> {
        const LEAST_TEXT: usize = 8;
        let rows = lines.iter().map(|line| line.split('\t').skip(1).collect());
        let rows: Vec<Vec<&str>> = rows.collect();
        let (kinds, rows) = (&rows[0], &rows[1..]);
        let mut widths = vec![0; kinds.len()];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = display_width(cell).max(*width);
            }
        }
        let gap = if self.width < 80 { " " } else { "  " };
        let room = self.width.clamp(40, 400) + gap.len();
        while widths.iter().map(|width| width + gap.len()).sum::<usize>() > room {
            let texts = widths.iter_mut().zip(kinds);
            let texts = texts.filter_map(|(width, kind)| (*kind == ".").then_some(width));
            match texts.max() {
                Some(widest) if *widest > LEAST_TEXT => *widest -= 1,
                _ => break,
            }
        }
        let mut told = Vec::new();
        for row in rows {
            let cells = row.iter().zip(&widths);
            let cells = cells.map(|(cell, &width)| textwrap::wrap(cell, width));
            let cells: Vec<_> = cells.collect();
            for nth in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let mut line = String::new();
                for ((cell, &width), kind) in cells.iter().zip(&widths).zip(kinds) {
                    let is_number = *kind == ">";
                    let side = [Alignment::Left, Alignment::Right][usize::from(is_number)];
                    let piece = cell.get(nth).map_or("", |piece| piece);
                    line += &pad_str(piece, width, side, None);
                    line += gap;
                }
                told.push(line.trim_end().to_owned());
            }
        }
        told
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.styled {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
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
    // Only what a filter has painted may hold escape codes.
    environment.set_formatter(|out, _, value| {
        let text = value.to_string();
        let shown = printable(&text);
        Ok(out.write_str(if value.is_safe() { &text } else { &shown })?)
    });
    environment.add_filter("thousands", thousands);
    environment.add_filter("counted", |number: u64, one: String, many: String| {
        counted(number, &one, &many)
    });
    environment.add_filter("duration", duration);
    environment.add_filter("quoted", |word: String| quoted(&word));
    environment.add_function("command", |words: String| command_at_hand(&words));
    environment
}

/// A template's text, for no terminal.
pub fn rendered(template: &str, values: impl Serialize) -> String {
    rendered_in(&environment(), template, Value::from(Serde(values)))
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
pub fn thousands(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// `1 row`, `1,200 rows`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", thousands(number))
}

/// A span of time in its two largest units: `0.4s`, `27s`, `16m 27s`, `27h 47m`.
pub fn duration(seconds: f64) -> String {
    const PRINTER: SpanPrinter = SpanPrinter::new()
        .designator(Designator::HumanTime)
        .fractional(Some(FractionalUnit::Second));
    let span = SignedDuration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(SignedDuration::MAX);
    let round = SignedDurationRound::new();
    let round = match seconds {
        ..9.95 => round.smallest(Unit::Millisecond).increment(100),
        ..3599.5 => round.smallest(Unit::Second),
        _ => round.smallest(Unit::Minute),
    };
    PRINTER.duration_to_string(&span.round(round).unwrap_or(span))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::tables::rows;

    pub(crate) fn a_run() -> RunSummary {
        rows("text.run").remove(0)
    }

    fn told(run: &RunSummary, width: usize) -> String {
        let look = Look {
            width,
            styled: false,
        };
        let more = rows::<serde_json::Value>("text.more").remove(0);
        let values = context! { ..Value::from(Serde(more)), ..Value::from(Serde(run)) };
        look.text(texts::SUMMARY, values)
    }

    #[test]
    fn a_run_says_what_needs_a_person_and_how() {
        assert_eq!(rows::<&str>("text.summary"), [told(&a_run(), 60).trim()]);
        // A refused run of standard input points to the doctor, and goes on from the ledger.
        let mut summary = a_run();
        summary.stopped = Some(Stop::Refused);
        summary.counts.pending = 500;
        summary.source = "-".to_owned();
        summary.reason = Some(reason(Stop::Refused, Some("Vlens answered 403.")));
        let text = told(&summary, 80);
        for line in rows::<&str>("text.refused") {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
        // A file may be gone, or hold others by now.
        summary.source = "customers.csv".to_owned();
        assert!(told(&summary, 80).contains("vlens-batch resume 3 --sandbox"));
    }

    #[test]
    fn durations_are_said_in_their_two_largest_units() {
        assert_eq!(duration(f64::NAN), "0s");
        for (seconds, text) in rows::<(f64, &str)>("text.durations") {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn lines_fit_colour_takes_no_room_and_nothing_from_outside_commands_a_terminal() {
        let told = |look: Look, template| {
            let value = minijinja::context! { value => "\u{1b}[31m\u{202e}a\tb\nc" };
            look.text(template, value)
        };
        let look = |width| Look {
            width,
            styled: true,
        };
        let text = told(
            look(24),
            "{{ '  12'|bad }}\trows do not pass validation\n1\tx",
        );
        assert_eq!(
            console::strip_ansi_codes(&text),
            "  12rows do not pass\n    validation\n1   x"
        );
        let shown = "\u{fffd}[31ma b / c";
        let text = told(look(80), "{{ value }}\n{{ value|bad }}");
        assert_eq!(text, format!("{shown}\n\u{1b}[31m{shown}\u{1b}[0m"));
        let missing = told(look(80), "{{ valeu }}");
        assert!(!missing.is_empty(), "a misspelt name is no empty text");
    }
}
