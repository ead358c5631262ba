//! The result of `check`: fed problem by problem, told on one screen or as one JSON document. It keeps groups, counts and three
//! examples of each, never the rows.

mod json;
mod tally;
mod text;

pub use json::CheckJson;
pub use tally::CheckTally;

#[cfg(test)]
mod tests;
