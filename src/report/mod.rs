//! Renders summaries, CSV, XLSX, JSONL and HTML as text, or into a writer that it is handed.
//!
//! It opens no file but temporary ones, in which long lists and rows wait; speaks to no server, reads no ledger. Texts for people go through [`Look`], so that each reads the same in a
//! narrow terminal, in colour and without.

mod check;
mod export;
mod html;
mod template;
mod text;
mod words;
mod workbook;

pub use check::{Annotator, CheckTally, SheetShape};
pub use export::{Export, ExportFormat};
pub use html::{PEOPLE, ReportData, write_html};
pub use template::{TemplateSpec, write_template};
pub use text::{Further, Look, counted, duration, not_done, reason, rendered, texts, thousands};
pub use words::{Language, is_added};
pub use workbook::AUTHOR;
