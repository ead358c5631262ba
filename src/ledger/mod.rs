//! Remembers sheets, runs, invitations and attempts in SQLite; no SQL exists outside this folder.
//!
//! [`Ledger`] is the one writing side, [`Writer`] hands it to many tasks at once (one thread, group commit), [`Reader`] looks on
//! without disturbing either, and [`Lock`] keeps a second writer out and notices lost memory. Each public method is one transaction,
//! durable when it returns, or says that it goes within one, which is a [`Writer`]'s. Each answer is one statement's, and so of one
//! state of the ledger, however much is written meanwhile. Time is an argument: no clock is read here, nothing is sent and nothing decided.

mod attempts;
mod import;
mod memory;
mod open;
mod place;
mod reader;
mod results;
mod sql;
mod status;
mod writer;

pub use attempts::Closing;
pub use import::{Asked, InboxFile, MetAbove, Named, SheetIdentity};
pub use memory::{Lock, OnLoss};
pub use open::{Ledger, Worker};
pub use place::{
    FileSystemCheck, UNFINISHED, beside, check_file_system, folder_of, mode_of, open_file,
    true_path,
};
pub use reader::{Reader, refuse_loss};
pub use sql::{Event, InvitationId};
pub use status::{DueRow, Planned};
pub use writer::Writer;
