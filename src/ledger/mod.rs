//! Remembers sheets, runs, invitations and attempts in SQLite; no SQL exists outside this folder.
//!
//! [`Ledger`] is the one writing side, [`Writer`] hands it to many tasks at once (one thread, group commit), [`Reader`] looks on
//! without disturbing either, and [`Lock`] keeps a second writer out and notices
//! lost memory. Each public method is one transaction, durable when it returns. Time is an argument: no clock is read here, nothing is
//! sent and nothing decided.

mod attempts;
mod backup;
mod decisions;
mod import;
mod inbox;
mod memory;
mod open;
mod place;
mod reader;
mod results;
mod sql;
mod stages;
mod status;
mod told;
mod writer;

pub use attempts::{AttemptId, Closing, Event, RecentRequest, RegisterId, Sender, Work};
pub use backup::Copied;
pub use decisions::{PurgeReport, SettleReport};
pub use import::{Decide, Import, NewSheet, SheetId, SheetIdentity};
pub use inbox::InboxFile;
pub use memory::{Lock, OnLoss};
pub use open::{Binding, Ledger, Worker};
pub use place::{FileSystemCheck, Hazard, check_file_system};
pub use reader::{Reader, refuse_loss};
pub use results::Health;
pub use status::{DueRow, InvitationId};
pub use writer::Writer;
