//! Guesses a mapping: from the headers, by the names that people give to things, by the form where there is one, and by what
//! the values look like. Values can decide and can veto; what is not sure is offered, never taken.
//!
//! Pure: columns and their first rows in, a proposal out, which [`Proposal::to_toml`] writes as a config with comments.

mod contract;
mod goals;
mod headers;
mod profile;
mod proposal;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use goals::{ColumnGuess, Target};
pub use proposal::Proposal;

use super::header::Role;
use super::names::fold;
use super::words::WORDS;
use crate::model::{ContractTypeId, Form};

/// How many rows of a sheet are looked at.
pub const SAMPLED_ROWS: usize = 200;

/// Whether a header or a key speaks of somebody beside the customer, such as a guarantor.
pub(crate) fn is_of_another_person(name: &str) -> bool {
    headers::Words::of(name).speak_of_another_person()
}

/// Every name by which a header row may be known below title lines.
pub fn header_names(forms: &BTreeMap<ContractTypeId, Form>) -> Vec<String> {
    let concepts = WORDS.concepts.iter().flat_map(|concept| &concept.names);
    // The shortest are no names to find a row by: every table of figures has an "m" or a "no".
    let others = WORDS.other_columns.iter();
    let others = others.filter(|name| fold(name).chars().count() > 2);
    let roles = [Role::Phone, Role::Email, Role::ContractType];
    let roles = roles.into_iter().flat_map(Role::names);
    let fields = forms.values().flat_map(|form| &form.fields);
    let fields = fields.flat_map(|field| [&field.key, &field.label, &field.label_ar]);
    let mut names: Vec<String> = concepts.chain(others).chain(roles).cloned().collect();
    names.extend(fields.cloned());
    names.retain(|name| !name.is_empty());
    names
}
