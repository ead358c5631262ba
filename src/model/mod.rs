//! The words that everyone speaks: row, problem, invitation, outcome, run, secret.
//!
//! It knows no files, sockets, SQL, clock, environment or terminal; every other module imports it, and it imports none of them.

mod fault;
mod invitation;
mod link;
mod outcome;
mod printable;
mod problem;
mod row;
mod run;
mod secret;

pub use fault::{Fault, meaning_in_arabic, told_in_arabic};
pub use invitation::{
    ContractTypeId, CustomerKey, EXAMPLE_PERSON, FieldType, Form, FormCondition, FormField,
    FormOption, Invitation, InvitationKey, Recipient,
};
pub use link::LinkTemplate;
pub use outcome::{Failure, Outcome, Refusal, RetryAfter, Uncertainty, Why};
pub use printable::{
    printable, printable_json, printable_lines, printable_styled, quoted, to_json,
};
pub use problem::{Judged, Problem, ProblemCode, Repair, Verdict};
pub use row::{
    Aside, Cell, Column, Hidden, Layout, NumberFormat, OVERVIEW_SHEET, RESULT_COLUMNS,
    RESULTS_SHEET, Row, RowNumber, is_error_word,
};
pub use run::{
    AttemptRecord, CodeCount, Counts, EarlierRow, FollowSummary, MinuteCount, Moment, Plan,
    ProblemCount, ResultRow, RowHistory, RunId, RunStatistics, RunSummary, Stage, StageCount,
    Standing, Status, Stop, Timestamp, ToldProblem,
};
pub use secret::{Secret, mask, mask_date, mask_text};
