//! The words that everyone speaks: row, problem, invitation, outcome, run, secret.
//!
//! It knows no files, sockets, SQL, clock, environment or terminal; every other module imports it, and of them it imports `error` alone.

mod invitation;
mod printable;
mod problem;
mod row;
mod run;

pub use invitation::*;
pub use printable::*;
pub use problem::*;
pub use row::*;
pub use run::*;
