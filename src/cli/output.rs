//! All that is written: results to stdout or a file, everything else to stderr.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use clap::ColorChoice;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{Global, LogFormat};
use super::settings::folder_of;
use crate::error::{Error, Kind};
use crate::model::{printable_lines, printable_styled, to_json};
use crate::report::{Look, Progress};

/// Whether a result has begun on stdout: the document of an error behind it would be a second one.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// The progress of the one run of this process, which log lines must go around.
static PROGRESS: OnceLock<Arc<Progress>> = OnceLock::new();

/// Where and how to print.
#[derive(Debug, Clone, Copy, Default)]
pub struct Output {
    /// One JSON document on stdout instead of text.
    pub json: bool,
    /// stderr stays empty on success.
    pub quiet: bool,
    /// Every line on stderr is a JSON object.
    pub log_json: bool,
    color: ColorChoice,
}

impl Output {
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
        let columns = console::Term::stdout()
            .size_checked()
            .or_else(|| console::Term::stderr().size_checked())
            .map_or(80, |(_, columns)| usize::from(columns));
        Look::new(columns, self.is_styled(io::stdout().is_terminal()))
    }

    /// Whether somebody sits there who can answer.
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Prints a result for people, or a JSON document.
    pub fn print(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        to_stdout(|out| write(&mut Shown(out)).map_err(|error| result_not_written(&error)))
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

    /// Prints a result as a document or as text, whichever is asked for.
    pub fn show(
        self,
        document: &impl serde::Serialize,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        if self.json {
            return self.print_json(document);
        }
        self.print(text)
    }

    /// Tells of a result that went into a file.
    pub fn show_file(self, document: &impl serde::Serialize, text: &str) -> Result<(), Error> {
        if self.json {
            return self.print_json(document);
        }
        self.say(text);
        Ok(())
    }

    fn print_json(self, document: &impl serde::Serialize) -> Result<(), Error> {
        self.print(|out| {
            to_json(&mut *out, document)?;
            writeln!(out)
        })
    }

    /// Prints what clap has to tell: help and version as results, mistakes on stderr.
    pub fn print_clap(self, told: &clap::Error) -> Result<Option<Kind>, Error> {
        if told.use_stderr() {
            let text = told.render();
            // What was typed stands in it.
            let text = match printable_lines(&text.to_string()) {
                Cow::Borrowed(_) if self.is_styled(io::stderr().is_terminal()) => {
                    text.ansi().to_string()
                }
                shown => shown.into_owned(),
            };
            write_to_stderr(text.trim_end());
            return Ok(Some(Kind::Usage));
        }
        let text = told.render();
        let is_styled = self.is_styled(io::stdout().is_terminal());
        let text = if is_styled {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        self.print(|out| out.write_all(text.as_bytes()))?;
        Ok(None)
    }

    /// Tells a person something on stderr, unless all is to be quiet.
    pub fn say(self, text: &str) {
        match (self.quiet, self.log_json) {
            (true, _) => {}
            (false, true) => tracing::info!("{text}"),
            (false, false) => write_to_stderr(text),
        }
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
            tracing::error!(
                code = error.code,
                hint = error.hint,
                exit_code = error.kind.exit_code(),
                "{}",
                texts.join("\n\n")
            );
            return;
        }
        let is_styled = self.is_styled(io::stderr().is_terminal());
        let texts: Vec<String> = all.map(|error| as_text(error, is_styled)).collect();
        write_to_stderr(&texts.join("\n\n"));
    }

    fn is_styled(self, is_terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                is_terminal && !no_color
            }
        }
    }
}

fn as_text(error: &Error, is_styled: bool) -> String {
    let (red, plain) = if is_styled {
        ("\u{1b}[1;31m", "\u{1b}[0m")
    } else {
        ("", "")
    };
    let message = printable_lines(&error.message);
    match (&error.excerpt, error.hint.as_deref().map(printable_lines)) {
        (Some(excerpt), _) if is_styled => excerpt.styled.clone(),
        (Some(excerpt), _) => excerpt.plain.clone(),
        (None, Some(hint)) => format!("{red}error:{plain} {message}\n  {hint}"),
        (None, None) => format!("{red}error:{plain} {message}"),
    }
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

fn result_not_written(error: &io::Error) -> Error {
    Error::unexpected(
        "output_not_written",
        format!("The result cannot be written: {error}."),
    )
}

/// Where text for people and documents pass on their way out: of escape codes, only our own colours do.
struct Shown<'a>(&'a mut dyn Write);

impl Write for Shown<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only what is copied from a document, and so escaped, comes in pieces that may split a character.
        match std::str::from_utf8(bytes) {
            Ok(text) => self.0.write_all(printable_styled(text).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
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
pub fn write_to_stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable_styled(text));
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone: it holds tokens or personal data.
    Owner,
    /// Everyone on this machine: it holds neither.
    Everyone,
}

/// Fills the file at `path`, which is replaced only once it is complete and on the disk: a killed process leaves no half one,
/// and a reader never sees it.
pub fn write_file(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&File) -> Result<(), Error>,
) -> Result<(), Error> {
    let unwritable = |error| file_not_written(path, &error);
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        // A device or a pipe is written into; renaming a file over it would destroy it.
        let file = File::options().write(true).open(path);
        return write(&file.map_err(unwritable)?);
    }
    let file = tempfile::Builder::new()
        .prefix(".vlens-batch-")
        .tempfile_in(folder_of(path))
        .map_err(unwritable)?;
    write(file.as_file())?;
    if readers == Readers::Everyone {
        open_to_everyone(file.as_file()).map_err(unwritable)?;
    }
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist(path)
        .map(drop)
        .map_err(|error| unwritable(error.error))
}

/// The same for what is at hand as a whole.
pub fn write_bytes(path: &Path, readers: Readers, bytes: &[u8]) -> Result<(), Error> {
    write_file(path, readers, |mut file| {
        let written = file.write_all(bytes);
        written.map_err(|error| file_not_written(path, &error))
    })
}

fn file_not_written(path: &Path, error: &io::Error) -> Error {
    Error::unexpected(
        "output_not_written",
        format!("{} cannot be written: {error}.", path.display()),
    )
    .hint("See whether its folder exists and may be written to, and whether the disk is full.")
}

/// A temporary file is its owner's alone.
#[cfg(unix)]
fn open_to_everyone(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_everyone(_: &File) -> io::Result<()> {
    Ok(())
}

/// Log lines on stderr, text or JSON. Only this program's own are shown: a library's might hold what must not be seen.
pub fn start_logging(global: &Global) {
    let is_screen = global.log_format == LogFormat::Text && io::stderr().is_terminal();
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) if is_screen => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| LogWriter)
        .with_target(false)
        // A closed stderr must not bring the run down: no complaints about it, least of all on stderr.
        .log_internal_errors(false);
    let lines = match global.log_format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
    };
    let filter = Targets::new().with_target("vlens_batch", level);
    let started = tracing_subscriber::registry().with(lines.with_filter(filter));
    // Only a second start in one process can fail, and then the first one serves.
    let _ = started.try_init();
}

/// From now on log lines go around this progress.
pub fn log_around(progress: &Arc<Progress>) {
    let _ = PROGRESS.set(Arc::clone(progress));
}

struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        let line = printable_lines(&line);
        let write = || io::stderr().lock().write_all(line.as_bytes());
        match PROGRESS.get() {
            Some(progress) => progress.suspend(write),
            None => write(),
        }
        .map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
