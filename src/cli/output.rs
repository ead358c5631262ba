//! All that is written: results to stdout or a file; log lines, words for people and errors to stderr, around the progress bar while
//! one stands. Of log lines only this program's own are shown: a library's might hold what must not be seen.

use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::error::ErrorKind as ClapKind;
use clap::{Args, ColorChoice, ValueEnum};
use indicatif::ProgressBar;
use log::{Level, LevelFilter, Log, Metadata, Record};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{Ended, Error, Kind, Result};
use crate::model::{Note, RunId, printable, printable_lines, printable_styled, to_json};
use crate::report::Look;

/// Whether a result has begun on stdout: the document of an error behind it would be a second one.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);
/// The run that is under way, which every log line names, and its progress.
static RUN: Mutex<Option<(RunId, ProgressBar)>> = Mutex::new(None);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Output {
    /// Say more; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on stderr unless something is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// When to use colour; `auto` is on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// How log lines on stderr look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Print one JSON document on stdout instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

impl Output {
    /// How a command line that is not understood asks for it: by its words, whatever else it holds.
    pub fn of_a_mistake() -> Self {
        let words = std::env::args_os().map(|word| word.to_string_lossy().replace('=', " "));
        let line = format!(" {} ", words.collect::<Vec<_>>().join(" "));
        let has = |words: &str| line.contains(&format!(" {words} "));
        let json_log = Some(LogFormat::Json).filter(|_| has("--log-format json"));
        let mut colors = [ColorChoice::Always, ColorChoice::Never].into_iter();
        let color = colors.find(|color| has(&format!("--color {color}")));
        Output {
            quiet: has("-q") || has("--quiet"),
            log_format: json_log.unwrap_or_default(),
            json: has("--json"),
            color: color.unwrap_or_default(),
            verbose: 0,
        }
    }

    pub fn start_log(self) {
        // Questions are coloured by that library.
        console::set_colors_enabled(self.is_styled(io::stderr().is_terminal()));
        let level = match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::Error,
            (false, 0) if self.is_screen() => LevelFilter::Warn,
            (false, 0) => LevelFilter::Info,
            (false, 1) => LevelFilter::Debug,
            (false, _) => LevelFilter::Trace,
        };
        log::set_max_level(level);
        // Only a second start in one process can fail, and then the first one serves.
        let _ = log::set_boxed_logger(Box::new(LogLines(self)));
    }

    /// Whether a person reads stderr as it comes.
    pub fn is_screen(self) -> bool {
        self.log_format == LogFormat::Text && io::stderr().is_terminal()
    }

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
    pub fn print(self, text: &str) -> Ended {
        self.print_with(|out| writeln!(out, "{}", printable_styled(text)))
    }

    /// Prints what is made for programs.
    pub fn print_with(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Ended {
        to_stdout(|out| write(out).map_err(|error| Error::unwritten(&error)))
    }

    /// Prints a result that is a file of its own, such as an export. It is no JSON document, so `--json` refuses it.
    pub fn print_file(self, write: impl FnOnce(&mut BufWriter<Listener>) -> Result<()>) -> Ended {
        if self.json {
            return Err(Error::of("two_results_on_stdout", &[]));
        }
        to_stdout(write)
    }

    /// Prints a result as a document; or as a text, whose template is filled with the document and with what `more` it names.
    pub fn show(self, document: &impl Serialize, template: &str, more: Value) -> Ended {
        if self.json {
            return self.print_json(document);
        }
        let mut values = match json!(document) {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        if let Value::Object(more) = more {
            values.extend(more);
        }
        self.print(&self.look().text(template, values))
    }

    /// Tells in one line of a result that went into a file.
    pub fn show_file(self, document: &impl Serialize, text: &str) -> Ended {
        if self.json {
            return self.print_json(document);
        }
        self.say(&printable(text));
        Ok(Kind::Nobody)
    }

    pub fn print_json(self, document: &impl Serialize) -> Ended {
        self.print_with(|out| {
            to_json(&mut *out, document)?;
            writeln!(out)
        })
    }

    /// Prints what is made of the command line's own description.
    pub fn print_text(self, text: &str) -> Ended {
        if self.json {
            return self.print_json(&json!({ "text": text }));
        }
        self.print(text.trim_end())
    }

    /// Prints help or version, as clap draws them; with colours the headings stand out.
    pub fn print_help(self, told: &clap::Error) -> Ended {
        let is_styled = !self.json && self.is_styled(io::stdout().is_terminal());
        let text = told.to_string();
        let styled = text.lines().map(|line| match line.split_once(':') {
            Some((heading @ "Usage", rest) | (heading, rest @ ""))
                if is_styled && !heading.starts_with(' ') =>
            {
                format!("\u{1b}[1;4m{heading}:\u{1b}[0m{rest}")
            }
            _ => line.to_owned(),
        });
        self.print_text(&styled.collect::<Vec<_>>().join("\n"))
    }

    /// Tells a person something on stderr, unless all is to be quiet.
    pub fn say(self, text: &str) {
        self.say_at(Level::Info, text);
    }

    fn say_at(self, level: Level, text: &str) {
        match self.log_format {
            _ if self.quiet => {}
            LogFormat::Json => log::log!(level, "{text}"),
            LogFormat::Text => write_line(text),
        }
    }

    pub fn warn(self, text: &str) {
        self.say_at(Level::Warn, &format!("warning: {text}"));
    }

    /// Warns of what a person should look at in how a sheet was read.
    pub fn warn_of_doubts<'n>(self, notes: impl IntoIterator<Item = &'n Note>) {
        let doubts = notes.into_iter().filter(|note| note.is_doubt());
        doubts.for_each(|note| self.tell_note(note));
    }

    pub fn tell_note(self, note: &Note) {
        let warns = note.is_doubt();
        let tell = if warns { Output::warn } else { Output::say };
        tell(self, &note.to_string());
    }

    /// Whether the end of a run is told by a log line; else by a line for people.
    pub fn logs_ends(self) -> bool {
        self.log_format == LogFormat::Json || !(self.quiet || self.is_screen())
    }

    /// The last line of a command, by whom it calls for; shown whatever `-q` says.
    pub fn log_end(self, kind: Kind, message: &str, fields: Value) {
        self.log_line(level(kind), message, fields);
    }

    pub fn log(self, level: Level, message: &str, fields: Value) {
        if level <= log::max_level() {
            self.log_line(level, message, fields);
        }
    }

    fn log_line(self, level: Level, message: &str, fields: Value) {
        let now = format!("{:.0}", jiff::Timestamp::now());
        // The lock is free again before the line is written around the progress.
        let run = shown_run().as_ref().map(|(run, _)| run.0);
        let run = run.map(|run| ("run".to_owned(), run.into()));
        let mut line: Map<String, Value> = run.into_iter().collect();
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let mut text = format!("{now} {level:>5} {}", printable(message));
        for (name, value) in &line {
            let _ = write!(text, " {name}={value}");
        }
        if self.log_format == LogFormat::Json {
            let mut all = json!({ "timestamp": now, "level": level.as_str(), "message": message });
            all.as_object_mut()
                .into_iter()
                .for_each(|all| all.append(&mut line));
            text = all.to_string();
        }
        write_line(&text);
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

    pub fn tell(self, error: &Error) {
        if self.log_format == LogFormat::Text {
            let is_styled = self.is_styled(io::stderr().is_terminal());
            return write_line(&self.in_words(error, is_styled));
        }
        let all = std::iter::once(error).chain(&error.others);
        let texts = all.map(|error| error.excerpt.as_deref().unwrap_or(&error.message));
        let texts: Vec<_> = texts.map(console::strip_ansi_codes).collect();
        let fields = json!({
            "code": error.code,
            "hint": error.hint,
            "exit_code": error.kind.exit_code(),
            "reason": error.message,
        });
        self.log_end(error.kind, &texts.join("\n\n"), fields);
    }

    pub fn in_words(self, error: &Error, is_styled: bool) -> String {
        let all = std::iter::once(error).chain(&error.others);
        let texts: Vec<String> = all.map(|error| self.as_text(error, is_styled)).collect();
        texts.join(if self.quiet { "\n" } else { "\n\n" })
    }

    fn as_text(self, error: &Error, is_styled: bool) -> String {
        let (word, color) = match level(error.kind) {
            Level::Error => ("error:", "\u{1b}[1;31m"),
            _ => ("warning:", "\u{1b}[1;33m"),
        };
        let styled = is_styled.then(|| format!("{color}{word}\u{1b}[0m"));
        let word = styled.as_deref().unwrap_or(word);
        let message = format!("{word} {}", printable(&error.message));
        match (&error.excerpt, error.hint.as_deref().map(printable_lines)) {
            // One line, for whoever gets it by mail.
            (_, Some(hint)) if self.quiet && message.ends_with('.') => format!("{message} {hint}"),
            (_, Some(hint)) if self.quiet => format!("{message}; {hint}"),
            (Some(excerpt), _) if is_styled => excerpt.replacen("error:", word, 1),
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
                let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                // Older consoles of Windows have to be told to, and some cannot.
                let takes = || cfg!(unix) || console::Term::stderr().features().colors_supported();
                is_terminal && !no_color && !is_dumb && takes()
            }
        }
    }
}

/// Everything that goes to stdout goes through here, so that nothing is lost without a word.
fn to_stdout(write: impl FnOnce(&mut BufWriter<Listener>) -> Result<()>) -> Ended {
    HAS_BEGUN.store(true, Ordering::Relaxed);
    let mut out = BufWriter::new(Listener(io::stdout()));
    write(&mut out)?;
    out.flush().map_err(|error| Error::unwritten(&error))?;
    Ok(Kind::Nobody)
}

/// A mistake on the command line as clap draws it, but for its first line, which says why as a whole.
pub fn wrong_usage(told: &clap::Error) -> Error {
    let text = told.to_string();
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
    let why = why.trim_end();
    Error {
        excerpt: Some(format!("{why}\n\n{}", rest.trim_end())),
        ..Error::of("wrong_usage", &[&why.trim_start_matches("error: ")])
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

/// From now on log lines name this run, and go around its progress.
pub fn show_run(run: RunId, bar: &ProgressBar) {
    *shown_run() = Some((run, bar.clone()));
}

fn shown_run() -> MutexGuard<'static, Option<(RunId, ProgressBar)>> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line to stderr, come what may.
pub fn write_line(text: &str) {
    let write = || {
        let _ = writeln!(io::stderr().lock(), "{}", printable_styled(text));
    };
    match &*shown_run() {
        Some((_, bar)) => bar.suspend(write),
        None => write(),
    }
}

/// Asks the person who sits there; Enter is no.
pub fn is_confirmed(question: &str) -> bool {
    let mut prompt = cliclack::confirm(printable(question)).initial_value(false);
    prompt.interact().unwrap_or(false)
}

/// By who has to act.
fn level(kind: Kind) -> Level {
    match kind {
        Kind::Nobody => Level::Info,
        Kind::NeedsPerson | Kind::Stopped | Kind::Busy => Level::Warn,
        Kind::Unexpected | Kind::Usage | Kind::Unusable | Kind::Refused => Level::Error,
    }
}

/// Turns what any room of this program logs into lines.
struct LogLines(Output);

impl Log for LogLines {
    fn enabled(&self, line: &Metadata) -> bool {
        line.target().starts_with("vlens_batch")
    }

    fn log(&self, line: &Record) {
        if self.enabled(line.metadata()) {
            self.0
                .log(line.level(), &line.args().to_string(), json!({}));
        }
    }

    fn flush(&self) {}
}
