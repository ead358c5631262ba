//! Renders progress, summaries, CSV, XLSX, JSONL and HTML into a writer that it is handed.
//!
//! What it leaves out: it opens no file, speaks to no server, reads no ledger. Texts for people go through [`Look`], so that
//! each reads the same in a narrow terminal, in colour and without.

mod annotate;
mod before;
mod check;
mod contract_types;
mod doctor;
mod export;
mod guesses;
mod history;
mod html;
mod progress;
mod runs;
mod spreadsheet;
mod summary;
mod template;
mod vendor;
mod words;

pub use annotate::{Annotator, SheetShape};
pub use before::{DryRun, question, write_dry_run};
pub use check::{CheckJson, CheckTally};
pub use contract_types::{TypeLine, write_contract_types};
pub use doctor::{Finding, Level, doctor_json, write_doctor};
pub use export::{ExportOptions, Format, LinkTemplate, Sink, sink};
pub use guesses::{GuessLine, write_guesses};
pub use history::{history_json, write_history};
pub use html::{Language, LatencyMs, Limits, Minute, Problems, Rejections, ReportData, write_html};
pub use progress::{Progress, Snapshot};
pub use runs::write_runs;
pub use spreadsheet::reads_right_to_left;
pub use summary::{Ending, Further, write_status, write_summary};
pub use template::{TemplateLanguage, TemplateSpec, write_template};
pub use words::{Look, rows};
