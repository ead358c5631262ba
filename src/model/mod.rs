//! The words that everyone speaks: row, problem, contract type, invitation, attempt, outcome, status, run, secret.
//!
//! This is the ground the house stands on. It knows no files, sockets, SQL, clock, environment or terminal; every other
//! room imports it, and it imports none of them.

mod contract;
mod invitation;
mod outcome;
mod problem;
mod record;
mod row;
mod run;
mod secret;
mod status;
mod time;

pub use contract::{ContractTypeId, Form, FormCondition, FormField, FormOption};
pub use invitation::{Invitation, InvitationKey, Recipient};
pub use outcome::{NotCreated, Outcome, Refusal, RetryAfter, Uncertainty};
pub use problem::{Problem, ProblemCode, Repair};
pub use record::{
    AttemptRecord, EarlierRow, Moment, RESULT_COLUMNS, ResultRow, RowHistory, RunRecord,
};
pub use row::{Cell, Column, OVERVIEW_SHEET, Row, RowNumber};
pub use run::{RunId, RunSummary, Stop};
pub use secret::{Secret, mask, mask_text};
pub use status::{Counts, Plan, Standing, Status};
pub use time::Timestamp;
