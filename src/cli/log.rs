//! All that goes to stderr but questions: log lines, as text or as JSON, and words for people. While a progress bar stands, they go
//! around it. Only this program's own log lines are shown: a library's might hold what must not be seen.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{Global, LogFormat};
use crate::error::Kind;
use crate::model::{RunId, printable_lines, printable_styled};
use crate::report::Progress;

static IS_JSON: AtomicBool = AtomicBool::new(false);
/// The run that is under way, which every line names; 0 before it has a number.
static RUN: AtomicI64 = AtomicI64::new(0);
/// The progress of that run.
static PROGRESS: Mutex<Option<Arc<Progress>>> = Mutex::new(None);

pub fn start(global: &Global) {
    IS_JSON.store(global.log_format == LogFormat::Json, Ordering::Relaxed);
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) if is_screen(global) => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = Targets::new().with_target("vlens_batch", level);
    let started = tracing_subscriber::registry().with(Lines.with_filter(filter));
    // Only a second start in one process can fail, and then the first one serves.
    let _ = started.try_init();
}

/// Whether a person reads the lines as they come.
pub fn is_screen(global: &Global) -> bool {
    global.log_format == LogFormat::Text && io::stderr().is_terminal()
}

/// From now on log lines name this run, and go around its progress.
pub fn follow(run: RunId, progress: &Arc<Progress>) {
    RUN.store(run.0, Ordering::Relaxed);
    let mut shown = PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
    *shown = Some(Arc::clone(progress));
}

/// The last line of a command, by whom it calls for; shown whatever `-q` says.
pub fn end(kind: Option<Kind>, message: &str, fields: Map<String, Value>) {
    let level = match kind {
        None => Level::INFO,
        Some(Kind::NeedsPerson | Kind::Stopped | Kind::Busy) => Level::WARN,
        Some(Kind::Unexpected | Kind::Usage | Kind::Unusable | Kind::Refused) => Level::ERROR,
    };
    write_line(level, message, fields);
}

/// A mistake of this program, told in the form that was asked for.
pub fn fault(message: &str) {
    if IS_JSON.load(Ordering::Relaxed) {
        write_line(Level::ERROR, message, Map::new());
    } else {
        write(&format!("error: {message}"));
    }
}

/// Writes a line to stderr, come what may.
pub fn write(text: &str) {
    let write = || {
        let _ = writeln!(io::stderr().lock(), "{}", printable_styled(text));
    };
    let shown = PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
    match &*shown {
        Some(progress) => progress.suspend(write),
        None => write(),
    }
}

fn write_line(level: Level, message: &str, fields: Map<String, Value>) {
    let now = format!("{:.6}", jiff::Timestamp::now());
    let run = Some(RUN.load(Ordering::Relaxed)).filter(|run| *run != 0);
    let run = run.map(|run| ("run".to_owned(), run.into()));
    let fields = run.into_iter().chain(fields);
    if IS_JSON.load(Ordering::Relaxed) {
        let head = [("timestamp", now.as_str()), ("level", level.as_str())];
        let head = head.into_iter().chain([("message", message)]);
        let head = head.map(|(name, text)| (name.to_owned(), Value::from(text)));
        let line: Map<String, Value> = head.chain(fields).collect();
        return write(&Value::Object(line).to_string());
    }
    let mut line = format!("{now} {level:>5} {}", printable_lines(message));
    for (name, value) in fields {
        let _ = write!(line, " {name}={value}");
    }
    write(&line);
}

/// Turns what any room of this program logs into lines.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        write_line(*event.metadata().level(), &fields.message, fields.others);
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.others.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.add(field, text);
        }
    }
}
