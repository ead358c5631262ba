//! Remembers sheets, runs, invitations and attempts in SQLite; no SQL exists outside this room.
//!
//! [`Ledger`] is the one writing side, [`Writer`] hands it to many tasks at once (one thread, group commit), [`Reader`] looks on
//! without disturbing either, and [`Lock`] keeps a second sender out. Each public method is one transaction, durable when it
//! returns. Time is an argument; this room reads no clock, sends nothing and decides nothing.

mod attempts;
mod body;
mod books;
mod building;
mod cells;
mod enrol;
mod fault;
mod first_rows;
mod ground;
mod lock;
mod open;
mod person;
mod place;
mod process;
mod purge;
mod reader;
mod runs;
mod schema;
mod sheaf;
mod transition;
mod writer;

pub use attempts::{AttemptId, Closing, Event};
pub use enrol::{Enrolment, NewSheet};
pub use first_rows::{FirstRows, ShortKey};
pub use ground::{Ground, Unsteady, ground};
pub use lock::Lock;
pub use open::{Binding, Ledger};
pub use person::{Due, SettleReport};
pub use process::{ProcessId, RecentRequest, Work};
pub use purge::PurgeReport;
pub use reader::{Health, Reader};
pub use runs::{DueRow, InvitationId, SheetId, SheetIdentity};
pub use sheaf::{Scribe, Sheaf};
pub use writer::Writer;
