//! Turns one row into one invitation by the mapping, or into the full list of its problems.
//!
//! In the order of a row's way: [`Config`] is the TOML as it is meant, [`Mapping::bind`] ties it to a sheet's columns,
//! [`Mapping::apply`] maps one row. Everything here is pure: the TOML comes in as text, forms and keys as values; no file,
//! clock or network, and no difference between CSV and XLSX.

mod apply;
mod bind;
mod body;
pub mod config;
mod conventions;
mod form_changes;
pub mod guess;
mod header;
mod identity;
pub mod names;
mod rule;
mod survey;
mod template;
#[cfg(test)]
mod tests;
pub mod value;

use std::collections::BTreeMap;

pub use bind::BindOptions;
pub use config::{Config, ConfigErrors, ConfigProblem};
pub use conventions::EXAMPLE_MARKER;
pub use form_changes::FormChanges;
pub use survey::Survey;

use crate::model::{Cell, ContractTypeId, Invitation, Problem, Repair, Row};
use body::BodyFrame;
use rule::{ColumnRule, ContractRule, FieldGroup};
use template::Templates;

/// A config bound to a sheet's columns: what a row becomes, with everything compiled.
pub struct Mapping {
    /// The headers by position.
    names: Vec<String>,
    /// How many cells a row may have.
    width: usize,
    /// Positions of the columns that people keep for themselves (`#`, `_…`).
    set_aside: Vec<usize>,
    phone: Option<ColumnRule>,
    email: Option<ColumnRule>,
    contract: ContractRule,
    /// Positions of the columns that make two rows the same invitation; none: recipient and contract types.
    identity: Option<Vec<usize>>,
    groups: BTreeMap<ContractTypeId, FieldGroup>,
    /// For contract types without a group of their own.
    other_types: FieldGroup,
    templates: Templates,
    frame: BodyFrame,
    fingerprint: [u8; 32],
    notes: Vec<String>,
}

/// What a row came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The invitation, or everything that is wrong with the row.
    pub result: Result<Invitation, Vec<Problem>>,
    /// Values mended beyond doubt, told in either case.
    pub repairs: Vec<Repair>,
}

impl Mapping {
    /// A hash of everything that decides bodies and keys, so that an unchanged file under an unchanged mapping is recognised.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What a person should know before sending, though nothing is wrong: columns not used, form fields without a value,
    /// what goes out by the headers alone.
    pub fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// Whether the row is a template's example, marked by [`EXAMPLE_MARKER`] in a column that is left out. Such a row is
    /// never sent.
    pub fn is_example(&self, row: &Row) -> bool {
        self.set_aside.iter().any(|&index| match row.cell(index) {
            Cell::Text(text) => conventions::is_example_marker(text),
            _ => false,
        })
    }
}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapping")
            .field("columns", &self.names)
            .finish_non_exhaustive()
    }
}
