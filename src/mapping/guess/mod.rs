//! Guesses a mapping: from the headers, by the names that people give to things, by the form where there is one, and by what
//! the values look like. Values can decide and can veto; what is not sure is offered, never taken.
//!
//! Pure: columns and their first values in, a proposal out, which [`Proposal::to_toml`] writes as a config with comments.

mod assign;
mod concepts;
mod fit;
mod profile;
mod targets;
mod toml;
mod translate;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::toml::SourceSettings;

use self::concepts::{CONCEPTS, OTHERS};
use self::profile::{Profile, SAMPLED_VALUES};
use self::targets::Targets;
use super::header::{CONTRACT_TYPE_NAMES, HeaderTypes, is_left_out, recipient_names};
use super::names::fold;
use crate::model::{Cell, Column, ContractTypeId, Form, Row, mask};

/// A sheet's columns with their first values.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    columns: Vec<Column>,
    values: Vec<Vec<Cell>>,
    rows: usize,
}

/// What is known beside the sheet.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The contract types that a person named.
    pub types: &'a [ContractTypeId],
    /// The forms that are stored.
    pub forms: &'a BTreeMap<ContractTypeId, Form>,
    /// The country of national phone numbers.
    pub country: &'a str,
}

/// What a column may feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The recipient's phone.
    Phone,
    /// The recipient's e-mail.
    Email,
    /// The contract type.
    ContractType,
    /// The form field with this key.
    Field(String),
}

/// How far a guess can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// There are candidates at best.
    Open,
    /// Good enough to be used unseen.
    Sure,
    /// A person said so.
    Chosen,
}

/// What is proposed for one column.
#[derive(Debug, Clone)]
pub struct ColumnGuess {
    /// The column.
    pub column: Column,
    /// One of its values, masked.
    pub sample: String,
    /// What it feeds; none: it is left out.
    pub target: Option<Target>,
    /// How sure that is.
    pub certainty: Certainty,
    /// What else it may feed, the best first.
    pub candidates: Vec<Target>,
    profile: Profile,
}

/// A mapping as proposed.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Every column that has a header.
    pub columns: Vec<ColumnGuess>,
    /// The contract types of all rows; empty when a column tells, or nobody does.
    pub types: Vec<ContractTypeId>,
    /// Fields made of several columns: `fullName` of first and last name.
    joined: Vec<(String, Vec<String>)>,
    /// Words in the contract type's column, with what they mean where that is known.
    type_words: Vec<(String, Option<ContractTypeId>)>,
    header_types: HeaderTypes,
    targets: Targets,
    forms: BTreeMap<ContractTypeId, Form>,
    country: String,
}

impl Sample {
    /// An empty sample of these columns.
    pub fn new(columns: &[Column]) -> Self {
        Sample {
            columns: columns.to_vec(),
            values: vec![Vec::new(); columns.len()],
            rows: 0,
        }
    }

    /// Takes a row in; false when there are enough of them.
    pub fn see(&mut self, row: &Row) -> bool {
        for (column, values) in self.columns.iter().zip(&mut self.values) {
            values.push(row.cell(column.index).clone());
        }
        self.rows += 1;
        self.rows < SAMPLED_VALUES
    }
}

impl Proposal {
    /// Guesses what each column feeds.
    pub fn of(sample: &Sample, known: Known<'_>) -> Proposal {
        let named = sample.columns.iter().zip(&sample.values);
        let named =
            named.filter(|(column, _)| !column.name.is_empty() && !is_left_out(&column.name));
        let columns: Vec<ColumnGuess> = named
            .map(|(column, values)| ColumnGuess::unguessed(column, values, known.country))
            .collect();
        assign::propose(columns, known)
    }

    /// What a column may feed, for a person to choose from: a label each.
    pub fn choices(&self) -> Vec<(Target, String)> {
        self.targets.labelled()
    }

    /// A person's word on the column at this place of [`Proposal::columns`]. What another column fed before is its own again.
    pub fn choose(&mut self, at: usize, target: Option<Target>) {
        for (place, column) in self.columns.iter_mut().enumerate() {
            if place != at && target.is_some() && column.target == target {
                column.target = None;
                column.certainty = Certainty::Chosen;
            }
        }
        if let Some(Target::Field(key)) = &target {
            self.joined.retain(|(joined, _)| joined != key);
        }
        if let Some(column) = self.columns.get_mut(at) {
            column.target = target;
            column.certainty = Certainty::Chosen;
        }
    }

    /// A person's word on the contract types.
    pub fn choose_types(&mut self, types: Vec<ContractTypeId>) {
        self.types = types;
    }

    /// A person's word on what a value of the contract type's column means.
    pub fn choose_type_of(&mut self, value: &str, id: ContractTypeId) {
        for (word, meaning) in &mut self.type_words {
            if word == value {
                *meaning = Some(id);
            }
        }
    }

    /// Whether it is known to which contract types the rows go.
    pub fn knows_types(&self) -> bool {
        !self.types.is_empty()
            || (self.column_of(&Target::ContractType).is_some() && self.open_values().is_empty())
    }

    /// The column that tells the contract type, while nobody has said what all of its values mean.
    pub fn open_column(&self) -> Option<&Column> {
        let column = self.column_of(&Target::ContractType)?;
        (!self.open_values().is_empty()).then_some(&column.column)
    }

    /// The values of the contract type's column that may mean any.
    pub fn open_values(&self) -> Vec<String> {
        let open = self.type_words.iter().filter(|(_, id)| id.is_none());
        open.map(|(word, _)| word.clone()).collect()
    }

    /// Whether it is known whom to invite.
    pub fn knows_recipient(&self) -> bool {
        [Target::Phone, Target::Email]
            .iter()
            .any(|target| self.column_of(target).is_some())
    }

    fn column_of(&self, target: &Target) -> Option<&ColumnGuess> {
        self.columns
            .iter()
            .find(|column| column.target.as_ref() == Some(target))
    }
}

impl ColumnGuess {
    fn unguessed(column: &Column, values: &[Cell], country: &str) -> ColumnGuess {
        let profile = Profile::of(values, country);
        ColumnGuess {
            column: column.clone(),
            sample: profile.sample.as_deref().map(mask).unwrap_or_default(),
            target: None,
            certainty: Certainty::Open,
            candidates: Vec::new(),
            profile,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Phone => f.write_str("the recipient's phone"),
            Target::Email => f.write_str("the recipient's e-mail"),
            Target::ContractType => f.write_str("the contract type"),
            Target::Field(key) => f.write_str(key),
        }
    }
}

/// Every name by which a header row may be known below title lines.
pub fn header_names(forms: &BTreeMap<ContractTypeId, Form>) -> Vec<String> {
    // The shortest are no names to find a row by: every table of figures has an "m" or a "no".
    let others = OTHERS
        .iter()
        .copied()
        .filter(|name| fold(name).chars().count() > 2);
    let mut names: Vec<String> = CONCEPTS
        .iter()
        .flat_map(|concept| concept.names.iter().copied())
        .chain(others)
        .chain(recipient_names())
        .chain(CONTRACT_TYPE_NAMES.iter().copied())
        .map(str::to_owned)
        .collect();
    for field in forms.values().flat_map(|form| &form.fields) {
        names.extend([&field.key, &field.label, &field.label_ar].map(Clone::clone));
    }
    names.retain(|name| !name.is_empty());
    names
}
