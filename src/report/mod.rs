//! Renders progress, summaries, CSV, XLSX, JSONL and HTML as text, or into a writer that it is handed.
//!
//! It opens no file but temporary ones, in which long lists and rows wait; speaks to no server, reads no ledger. Texts for people go through [`Look`], so that each reads the same in a
//! narrow terminal, in colour and without.

mod annotate;
mod check;
mod export;
mod html;
mod progress;
mod template;
mod text;
mod words;
mod workbook;

pub use annotate::{Annotator, SheetShape};
pub use check::CheckTally;
pub use export::{Export, ExportFormat};
pub use html::{PEOPLE, ReportData, write_html};
pub use progress::{Progress, Tell};
pub use template::{TemplateSpec, write_template};
pub use text::{Finding, Further, Look, Severity, counted, not_done, reason, rendered, texts};
pub use words::{Language, is_added};
pub use workbook::AUTHOR;
