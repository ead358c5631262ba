//! The words that everyone speaks: row, problem, invitation, outcome, run, secret.
//!
//! It knows no files, sockets, SQL, clock, environment or terminal; every other module imports it, and it imports none of them.

mod invitation;
mod outcome;
mod printable;
mod problem;
mod row;
mod run;

pub use invitation::{
    ContractTypeId, CustomerKey, EXAMPLE_PERSON, FieldType, Form, FormCondition, FormField,
    FormOption, Invitation, Recipient,
};
pub use outcome::{Failure, LinkTemplate, Outcome, Refusal, RetryAfter, Uncertainty, Why};
pub use printable::{
    Secret, mask, mask_date, mask_text, printable, printable_json, printable_lines,
    printable_styled, quoted, to_json,
};
pub use problem::{
    Fault, Judged, Problem, Repair, Verdict, meaning, meaning_in_arabic, problem_codes,
    told_in_arabic,
};
pub use row::{
    Aside, Cell, Column, Hidden, Layout, NumberFormat, OVERVIEW_SHEET, RESULT_COLUMNS,
    RESULTS_SHEET, Row, RowNumber, is_error_word,
};
pub use run::{
    AttemptRecord, Counts, EarlierRow, FollowSummary, MinuteCount, Moment, Plan, ResultRow,
    RowHistory, RunId, RunStatistics, RunSummary, Stage, StageCount, Standing, Status, Stop,
    Timestamp, ToldProblem,
};
