//! Renders progress, summaries, CSV, XLSX, JSONL and HTML as text, or into a writer that it is handed.
//!
//! It opens no file, speaks to no server, reads no ledger. Texts for people go through [`Look`], so that each reads the same in a
//! narrow terminal, in colour and without.

mod annotate;
mod check;
mod export;
mod html;
mod progress;
mod template;
mod terminal;
mod text;
mod words;
mod workbook;

pub use annotate::{Annotator, SheetShape};
pub use check::{CheckTally, CheckText, FilledForm};
pub use export::{ExportOptions, Format, Sink, sink};
pub use html::{PEOPLE, ReportData, write_html};
pub use progress::Progress;
pub use template::{TemplateSpec, write_template};
pub use terminal::{
    CHANGED_SHOWN, DryRun, Finding, Further, GuessLine, Level, TypeLine, command,
    contract_types_text, doctor_json, doctor_text, dry_run_text, follow_text, guesses_text,
    history_json, history_text, not_done, question, reason, register_text, runs_text, summary_text,
};
pub use text::{Look, counted, rows};
pub use words::Language;
pub use workbook::WRITTEN_AT;
