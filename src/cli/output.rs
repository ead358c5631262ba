//! The only place that prints: results to stdout, everything else to stderr.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::args::{ColorWhen, Global, LogFormat};
use crate::error::{Error, Kind};
use crate::report::Look;

/// Whether a result has begun on stdout: the document of an error behind it would be a second one.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// One JSON document on stdout instead of text.
    pub json: bool,
    /// stderr stays empty on success.
    pub quiet: bool,
    /// Every line on stderr is a JSON object.
    pub log_json: bool,
    color: ColorWhen,
}

impl Output {
    /// As the options of every command say.
    pub fn new(global: &Global) -> Self {
        Output {
            json: global.json,
            quiet: global.quiet,
            log_json: global.log_format == LogFormat::Json,
            color: global.color,
        }
    }

    /// How text on stdout looks.
    pub fn look(self) -> Look {
        Look::new(width(), self.is_styled(io::stdout().is_terminal()))
    }

    /// Whether somebody sits there who can answer.
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Prints a result for people, or a JSON document.
    pub fn print(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        to_stdout(|out| write(out).map_err(|error| not_written(&error)))
    }

    /// Prints a result that is a file of its own, such as an export. It is no JSON document, so `--json` refuses it.
    pub fn print_file(
        self,
        write: impl FnOnce(&mut BufWriter<Listener>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.json {
            return Err(Error::usage(
                "two_results_on_stdout",
                "--json prints a document on standard output, where this result would go as well.",
            )
            .hint("Name a file with --output, or leave --json out."));
        }
        to_stdout(write)
    }

    /// Prints one JSON document as a result.
    pub fn print_json(self, document: &impl serde::Serialize) -> Result<(), Error> {
        self.print(|out| {
            serde_json::to_writer(&mut *out, document)?;
            writeln!(out)
        })
    }

    /// Prints what clap has to tell: help and version as results, mistakes on stderr. Gives the exit code.
    pub fn print_clap(error: &clap::Error) -> u8 {
        let output = Output {
            json: false,
            quiet: false,
            log_json: false,
            color: ColorWhen::Auto,
        };
        if error.use_stderr() {
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
        let text = error.render();
        let printed = output.print(|out| {
            if output.is_styled(io::stdout().is_terminal()) {
                write!(out, "{}", text.ansi())
            } else {
                write!(out, "{text}")
            }
        });
        match printed {
            Ok(()) => 0,
            Err(error) => output.fail(&error).exit_code(),
        }
    }

    /// Tells a person something on stderr, unless all is to be quiet.
    pub fn say(self, text: &str) {
        match (self.quiet, self.log_json) {
            (true, _) => {}
            (false, true) => tracing::info!("{text}"),
            (false, false) => say_on_stderr(text),
        }
    }

    /// Tells a person what they must see to, even when all is to be quiet.
    #[expect(
        clippy::unused_self,
        reason = "says what `say` does not, by the same name"
    )]
    pub fn warn(self, text: &str) {
        say_on_stderr(text);
    }

    /// Tells an error, and gives who has to act. With `--json`, stdout gets its document unless a result has begun there.
    pub fn fail(self, error: &Error) -> Kind {
        self.tell(error);
        if !self.json || HAS_BEGUN.load(Ordering::Relaxed) {
            return error.kind;
        }
        let document = serde_json::json!({ "error": {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
        }});
        match self.print_json(&document) {
            Ok(()) => error.kind,
            Err(unwritten) => self.fail(&unwritten),
        }
    }

    fn tell(self, error: &Error) {
        let all = std::iter::once(error).chain(&error.others);
        if self.log_json {
            let texts: Vec<&str> = all
                .map(|error| match &error.excerpt {
                    Some(excerpt) => excerpt.plain.as_str(),
                    None => error.message.as_str(),
                })
                .collect();
            let exit_code = error.kind.exit_code();
            tracing::error!(
                code = error.code,
                hint = error.hint,
                exit_code,
                "{}",
                texts.join("\n\n")
            );
            return;
        }
        let styled = self.is_styled(io::stderr().is_terminal());
        let texts: Vec<String> = all.map(|error| as_text(error, styled)).collect();
        self.warn(&texts.join("\n\n"));
    }

    fn is_styled(self, is_terminal: bool) -> bool {
        match self.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                is_terminal && !no_color
            }
        }
    }
}

fn as_text(error: &Error, styled: bool) -> String {
    let (red, plain) = if styled {
        ("\u{1b}[1;31m", "\u{1b}[0m")
    } else {
        ("", "")
    };
    match (&error.excerpt, &error.hint) {
        (Some(excerpt), _) if styled => excerpt.styled.clone(),
        (Some(excerpt), _) => excerpt.plain.clone(),
        (None, Some(hint)) => format!("{red}error:{plain} {}\n  {hint}", error.message),
        (None, None) => format!("{red}error:{plain} {}", error.message),
    }
}

/// Everything that goes to stdout goes through here, so that nothing is lost without a word.
fn to_stdout(
    write: impl FnOnce(&mut BufWriter<Listener>) -> Result<(), Error>,
) -> Result<(), Error> {
    HAS_BEGUN.store(true, Ordering::Relaxed);
    let mut out = BufWriter::new(Listener(io::stdout()));
    write(&mut out)?;
    out.flush().map_err(|error| not_written(&error))
}

fn not_written(error: &io::Error) -> Error {
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

/// Writes a line to stderr, come what may.
pub fn say_on_stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Columns of the terminal; 80 where there is none.
fn width() -> usize {
    console::Term::stdout()
        .size_checked()
        .or_else(|| console::Term::stderr().size_checked())
        .map_or(80, |(_, columns)| usize::from(columns))
}
