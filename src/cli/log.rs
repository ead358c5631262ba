//! All that goes to stderr but questions: log lines, as text or as JSON, and words for people. While a progress bar stands, they go
//! around it. Only this program's own log lines are shown: a library's might hold what must not be seen.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{Global, LogFormat};
use crate::error::Kind;
use crate::model::{RunId, printable, printable_styled};
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
pub fn end(kind: Option<Kind>, message: &str, fields: &Value) {
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
        write_line(Level::ERROR, message, &Value::Null);
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

fn write_line(level: Level, message: &str, fields: &Value) {
    let now = format!("{:.6}", jiff::Timestamp::now());
    let run = RUN.load(Ordering::Relaxed);
    let mut line = Map::new();
    if run != 0 {
        line.insert("run".to_owned(), run.into());
    }
    let fields = fields.as_object().into_iter().flatten();
    line.extend(fields.map(|(name, value)| (name.clone(), value.clone())));
    if IS_JSON.load(Ordering::Relaxed) {
        let head = json!({ "timestamp": now, "level": level.as_str(), "message": message });
        let head = head.as_object().cloned().unwrap_or_default();
        let line: Map<String, Value> = head.into_iter().chain(line).collect();
        return write(&Value::Object(line).to_string());
    }
    let mut text = format!("{now} {level:>5} {}", printable(message));
    for (name, value) in line {
        let _ = write!(text, " {name}={value}");
    }
    write(&text);
}

/// Turns what any room of this program logs into lines.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_default();
        let message = message.as_str().unwrap_or_default();
        write_line(*event.metadata().level(), message, &fields.0.into());
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    /// Numbers and booleans too, whose text is the same in JSON.
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        let value = match serde_json::from_str(&text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) if field.name() != "message" => value,
            _ => Value::String(text),
        };
        self.0.insert(field.name().to_owned(), value);
    }
}
