//! The hall: walks the rows through the rooms and survives being stopped at any line. The only place where ledger and API
//! meet.
//!
//! Read in this order: `sheet` (a file and its mapping), `walk` (its rows), `enrol` (all rows on paper first), `send` (the
//! one loop), `leaving` (what a row needs before its request leaves), `judge` (what an outcome means for a row), then what
//! these lean on: `queue`, `gate`, `tokens`, `wire`, `road`, `breaker`, `switch`; `calls` is for requests that belong to no
//! run.

mod breaker;
mod calls;
mod clock;
mod enrol;
mod events;
mod gate;
mod judge;
mod leaving;
pub mod limiter;
pub mod plan;
mod queue;
mod road;
mod send;
mod sheet;
mod switch;
mod tokens;
mod walk;
mod wire;

pub use calls::{CallError, Calls};
pub use clock::Clock;
pub use enrol::{Enrolment, enrol, make_due};
pub use events::{Event, Observer, Tally};
pub use send::{Orders, send};
pub use sheet::{Seen, Sheet, SheetError, Verdict};
pub use switch::{Stopping, Switch, Why};
pub use tokens::Credentials;
