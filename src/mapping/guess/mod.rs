//! Guesses a mapping: from the headers, by the names that people give to things, by the form where there is one, and by what
//! the values look like. Values can decide and can veto; what is not sure is offered, never taken.
//!
//! Pure: columns and their first rows in, a proposal out, which [`Proposal::to_toml`] writes as a config with comments.

mod column;
mod goals;
mod headers;
mod proposal;
mod review;

#[cfg(test)]
mod tests;

pub use column::{ColumnGuess, Target};
pub use headers::header_names;
pub(crate) use headers::{concept_named, is_of_another_person};
pub use proposal::Proposal;

pub const SAMPLED_ROWS: usize = 200;
