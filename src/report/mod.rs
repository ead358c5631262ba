//! Renders progress, summaries, CSV, XLSX, JSONL and HTML into a writer that it is handed.
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

pub use annotate::{Annotator, SheetShape, WRITTEN_AT};
pub use check::{CheckTally, CheckText, FilledForm, Findings};
pub use export::{ExportOptions, Format, LinkTemplate, Sink, sink};
pub use html::{PEOPLE, ReportData, write_html};
pub use progress::Progress;
pub use template::{TemplateSpec, write_template};
pub use terminal::{
    CHANGED_SHOWN, DryRun, Finding, Further, GuessLine, Level, TypeLine, command, doctor_json,
    history_json, not_done, question, reason, write_contract_types, write_doctor, write_dry_run,
    write_follow, write_guesses, write_history, write_register, write_runs, write_summary,
};
pub use text::{Look, counted, quoted, rows};
pub use words::Language;
