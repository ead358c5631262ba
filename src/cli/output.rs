//! The only place that prints: results to stdout, everything else to stderr.

use std::io::{self, IsTerminal, Write};

use super::args::{ColorWhen, Global, LogFormat};
use super::exit::Exit;
use super::failure::Failure;
use crate::report::Look;

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

    /// Prints a result. A reader that has gone away is nobody's fault; any other failure to print is told by the caller's
    /// exit code, which speaks of the run.
    pub fn print(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let _ = write(&mut out).and_then(|()| out.flush());
    }

    /// Prints one JSON document as a result.
    pub fn print_json(self, document: &impl serde::Serialize) {
        self.print(|out| {
            serde_json::to_writer(&mut *out, document)?;
            writeln!(out)
        });
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

    /// Tells a failure, and gives its exit.
    pub fn fail(self, failure: &Failure) -> Exit {
        let complaint = &failure.complaint;
        if self.json {
            self.print_json(&serde_json::json!({ "error": {
                "code": complaint.code,
                "message": complaint.message,
                "hint": complaint.hint,
            }}));
        }
        if self.log_json {
            let message = match &failure.config {
                Some(errors) => errors.render(false),
                None => complaint.message.clone(),
            };
            tracing::error!(
                code = complaint.code,
                hint = complaint.hint,
                exit_code = failure.exit.code(),
                "{message}"
            );
            return failure.exit;
        }
        let styled = self.is_styled(io::stderr().is_terminal());
        let (red, plain) = if styled {
            ("\u{1b}[1;31m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        match &failure.config {
            Some(errors) => self.warn(&errors.render(styled)),
            None => self.warn(&format!("{red}error:{plain} {}", complaint.message)),
        }
        if failure.config.is_none()
            && let Some(hint) = &complaint.hint
        {
            self.warn(&format!("  {hint}"));
        }
        failure.exit
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
