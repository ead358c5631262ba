//! What is written: results to stdout or a file, and how a command ends; the rest of stderr is `log`.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ColorChoice;
use clap::error::ErrorKind as ClapKind;
use serde_json::json;

use super::args::{Global, LogFormat};
use super::files::{Readers, read_text, write_bytes};
use super::log;
use crate::error::{Ended, Error, Kind};
use crate::model::{printable, printable_lines, printable_styled, to_json};
use crate::report::{Language, Look};

/// Whether a result has begun on stdout: the document of an error behind it would be a second one.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// Where and how to print.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Output {
    /// One JSON document on stdout instead of text.
    pub json: bool,
    /// stderr stays empty on success.
    pub quiet: bool,
    /// Every line on stderr is a JSON object.
    pub log_json: bool,
    /// Whether a person reads stderr as it comes.
    pub is_screen: bool,
    pub color: ColorChoice,
}

impl Output {
    pub fn new(global: &Global) -> Self {
        Output {
            json: global.json,
            quiet: global.quiet,
            log_json: global.log_format == LogFormat::Json,
            is_screen: log::is_screen(global),
            color: global.color,
        }
    }

    /// How text on stdout looks.
    pub fn look(self) -> Look {
        let columns = console::Term::stdout()
            .size_checked()
            .or_else(|| console::Term::stderr().size_checked())
            .map_or(80, |(_, columns)| usize::from(columns));
        Look {
            width: columns,
            styled: self.is_styled(io::stdout().is_terminal()),
        }
    }

    /// Whether somebody sits there who can answer.
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Prints a text for people; of escape codes, only our own colours pass.
    pub fn print(self, text: &str) -> Result<(), Error> {
        self.print_with(|out| writeln!(out, "{}", printable_styled(text)))
    }

    /// Prints what is made for programs.
    pub fn print_with(
        self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        to_stdout(|out| write(out).map_err(|error| result_not_written(&error)))
    }

    /// Prints a result that is a file of its own, such as an export. It is no JSON document, so `--json` refuses it.
    pub fn print_file(
        self,
        write: impl FnOnce(&mut BufWriter<Listener>) -> Result<(), Error>,
    ) -> Ended {
        if self.json {
            return Err(Error::usage(
                "two_results_on_stdout",
                "--json prints a document on standard output, where this result would go as well.",
            )
            .hint("Name a file with --output, or leave --json out."));
        }
        to_stdout(write)?;
        Ok(None)
    }

    /// Prints a result as a document or as text, whichever is asked for.
    pub fn show(
        self,
        document: &impl serde::Serialize,
        text: impl FnOnce(Look) -> String,
    ) -> Ended {
        if self.json {
            self.print_json(document)?;
        } else {
            self.print(&text(self.look()))?;
        }
        Ok(None)
    }

    /// Tells of a result that went into a file.
    pub fn show_file(self, document: &impl serde::Serialize, text: &str) -> Ended {
        if self.json {
            self.print_json(document)?;
        } else {
            self.say(text);
        }
        Ok(None)
    }

    pub fn print_json(self, document: &impl serde::Serialize) -> Result<(), Error> {
        self.print_with(|out| {
            to_json(&mut *out, document)?;
            writeln!(out)
        })
    }

    /// Prints help or version, as clap draws them.
    pub fn print_help(self, told: &clap::Error) -> Ended {
        let text = told.render();
        let text = if self.is_styled(io::stdout().is_terminal()) {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        self.print(text.trim_end())?;
        Ok(None)
    }

    /// Tells a person something on stderr, unless all is to be quiet.
    pub fn say(self, text: &str) {
        match (self.quiet, self.log_json) {
            (true, _) => {}
            (false, true) => tracing::info!("{text}"),
            (false, false) => log::write(text),
        }
    }

    /// Whether the end of a run is told by a log line; else by a line for people.
    pub fn logs_ends(self) -> bool {
        self.log_json || !(self.quiet || self.is_screen)
    }

    /// Tells an error, and gives who has to act. With `--json`, stdout gets its document unless a result has begun there.
    pub fn fail(self, error: &Error) -> Kind {
        self.tell(error);
        if self.json && !HAS_BEGUN.load(Ordering::Relaxed) {
            let (code, message, hint) = (error.code, &error.message, &error.hint);
            let document = json!({ "error": { "code": code, "message": message, "hint": hint } });
            if let Err(unwritten) = self.print_json(&document) {
                return self.fail(&unwritten);
            }
        }
        error.kind
    }

    /// An error as it is told on a terminal without colours.
    pub fn in_words(error: &Error) -> String {
        let all = std::iter::once(error).chain(&error.others);
        let texts: Vec<String> = all
            .map(|error| Output::default().as_text(error, false))
            .collect();
        printable_lines(&texts.join("\n\n")).into_owned()
    }

    fn tell(self, error: &Error) {
        let all = std::iter::once(error).chain(&error.others);
        if self.log_json {
            let texts = all.map(|error| error.excerpt.as_deref().unwrap_or(&error.message));
            let texts: Vec<_> = texts.map(console::strip_ansi_codes).collect();
            let fields = json!({
                "code": error.code,
                "hint": error.hint,
                "exit_code": error.kind.exit_code(),
                "reason": error.message,
            });
            return log::end(Some(error.kind), &texts.join("\n\n"), &fields);
        }
        let is_styled = self.is_styled(io::stderr().is_terminal());
        let texts: Vec<String> = all.map(|error| self.as_text(error, is_styled)).collect();
        log::write(&texts.join(if self.quiet { "\n" } else { "\n\n" }));
    }

    fn as_text(self, error: &Error, is_styled: bool) -> String {
        let (word, color) = match error.kind {
            Kind::NeedsPerson | Kind::Stopped | Kind::Busy => ("warning:", "\u{1b}[1;33m"),
            _ => ("error:", "\u{1b}[1;31m"),
        };
        let (color, plain) = if is_styled {
            (color, "\u{1b}[0m")
        } else {
            ("", "")
        };
        let message = format!("{color}{word}{plain} {}", printable(&error.message));
        match (&error.excerpt, error.hint.as_deref().map(printable_lines)) {
            // One line, for whoever gets it by mail.
            (_, Some(hint)) if self.quiet => format!("{message} {hint}"),
            (Some(excerpt), _) if is_styled => excerpt.clone(),
            (Some(excerpt), _) if !self.quiet => console::strip_ansi_codes(excerpt).into_owned(),
            (_, Some(hint)) => format!("{message}\n  {hint}"),
            (_, None) => message,
        }
    }

    fn is_styled(self, is_terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                is_terminal && !no_color && console_takes_colours()
            }
        }
    }
}

/// Older consoles of Windows have to be told to, and some cannot.
fn console_takes_colours() -> bool {
    cfg!(unix) || console::Term::stderr().features().colors_supported()
}

/// Everything that goes to stdout goes through here, so that nothing is lost without a word.
fn to_stdout(
    write: impl FnOnce(&mut BufWriter<Listener>) -> Result<(), Error>,
) -> Result<(), Error> {
    HAS_BEGUN.store(true, Ordering::Relaxed);
    let mut out = BufWriter::new(Listener(io::stdout()));
    write(&mut out)?;
    out.flush().map_err(|error| result_not_written(&error))
}

/// A mistake on the command line as clap draws it, but for its first line, which says why as a whole.
pub fn wrong_usage(told: &clap::Error) -> Error {
    let text = told.render().ansi().to_string();
    let (why, rest) = match told.kind() {
        ClapKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ("error: no command is given", &*text)
        }
        _ => text.split_once("\n\n").unwrap_or((&text, "")),
    };
    let mut lines = why.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let named: Vec<&str> = lines.collect();
    let why = format!("{first} {}", named.join(", "));
    let plain = console::strip_ansi_codes(why.trim_end());
    let message = format!("{}.", plain.trim_start_matches("error: "));
    Error {
        excerpt: Some(format!("{}\n\n{}", why.trim_end(), rest.trim_end())),
        ..Error::usage("wrong_usage", message).hint("Try `vlens-batch --help`.")
    }
}

pub fn result_not_written(error: &io::Error) -> Error {
    Error::unexpected(
        "output_not_written",
        format!("The result cannot be written: {error}."),
    )
}

/// Whoever reads stdout. That it has gone away is nobody's fault: what it would have read is dropped.
pub struct Listener(Stdout);

impl Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_gone(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        or_gone(self.0.flush(), ())
    }
}

fn or_gone<T>(written: io::Result<T>, whole: T) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(whole),
        written => written,
    }
}

/// Writes what is wrong at the first place where nobody's own file is, and gives it; none if that cannot be written either.
pub fn write_error(places: Vec<PathBuf>, language: Language, error: &Error) -> Option<PathBuf> {
    let words = Output::in_words(error) + "\n";
    let words = match language {
        Language::English => words,
        Language::Arabic => format!("{IN_ARABIC}\n\n{words}"),
    };
    let mut places = places.into_iter();
    let place = places.find(|place| !place.exists() || is_our_error(place))?;
    write_bytes(&place, Readers::Folder, words.as_bytes()).ok()?;
    Some(place)
}

/// Stands before the words of an error for whoever reads no English.
const IN_ARABIC: &str = "لم يُستخدم هذا الملف كما هو. السبب وما ينبغي عمله بالإنجليزية أدناه؛ بعد تصحيح الملف ضعه هنا من جديد.";

/// Whether a file holds what this tool said of a sheet, and not somebody's own words.
pub fn is_our_error(place: &Path) -> bool {
    read_text(place).is_ok_and(|text| {
        let text = text.strip_prefix(IN_ARABIC).unwrap_or(&text);
        text.trim_start().starts_with("error: ")
    })
}
