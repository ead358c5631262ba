//! The hall: walks the rows through the rooms and survives being stopped at any line. The only place where ledger and API
//! meet.
//!
//! Read in this order: `sheet` (a file and its mapping), `walk` (its rows), `enrol` (all rows on paper first), `send` (the
//! one loop), `leaving` (what a row needs before its request leaves), `judge` (what an outcome means for a row), then what
//! these lean on: `queue`, `gate`, `tokens`, `wire`, `road`, `breaker`, `stop`; `calls` is for requests that belong to no
//! run.

mod api;
mod breaker;
mod clock;
mod enrol;
mod events;
mod gate;
mod judge;
mod leaving;
mod limiter;
mod plan;
mod queue;
mod road;
mod send;
mod sheet;
mod stop;
mod tokens;
mod walk;
mod wire;

pub use api::{Api, ApiError};
pub use clock::Clock;
pub use enrol::{Enrolment, enrol, make_due};
pub use events::{Observer, SendEvent, Tally};
pub use limiter::{Limiter, Limits};
pub use plan::{Wishes, plan};
pub use send::{SendOptions, send};
pub use sheet::{Seen, Sheet, SheetError, Verdict};
pub use stop::{StopReason, StopSignal, Stopped};
pub use tokens::Credentials;
