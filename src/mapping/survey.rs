//! Looks at whole columns before the first row is mapped, to learn how they write their dates and numbers.

use std::mem::{Discriminant, discriminant};

use super::Mapping;
use super::fields::{FieldRule, RuleSource};
use super::value::{Evidence, Kind};
use crate::model::Row;

/// What is known so far about the columns that need a look.
pub struct Survey {
    columns: Vec<Surveyed>,
}

/// One column, read as one kind.
struct Surveyed {
    index: usize,
    kind: Kind,
    evidence: Evidence,
}

impl Survey {
    /// Takes a row into account.
    pub fn see(&mut self, row: &Row) {
        for column in &mut self.columns {
            column.evidence.see(&column.kind, row.cell(column.index));
        }
    }
}

impl Mapping {
    /// A survey to take over all rows, if any column needs one: dates or numbers, and nothing in the config to read them by.
    pub fn survey(&self) -> Option<Survey> {
        let mut columns: Vec<Surveyed> = Vec::new();
        for rule in self.rules() {
            let Some(place) = place(rule) else { continue };
            if !columns.iter().any(|column| column.place() == place) {
                columns.push(Surveyed {
                    index: place.0,
                    kind: rule.kind.clone(),
                    evidence: Evidence::default(),
                });
            }
        }
        (!columns.is_empty()).then_some(Survey { columns })
    }

    /// Takes over what a survey has learnt.
    pub fn settle(&mut self, survey: Survey) {
        for column in survey.columns {
            let verdict = column.evidence.verdict();
            let rules = self.rules_mut();
            for rule in rules.filter(|rule| place(rule) == Some(column.place())) {
                match &verdict {
                    Ok(Some(convention)) => rule.kind.settle(*convention),
                    Ok(None) => {}
                    Err(fault) => rule.conflict = Some(fault.clone()),
                }
            }
        }
    }

    fn rules(&self) -> impl Iterator<Item = &FieldRule> {
        self.groups
            .values()
            .chain([&self.other_types])
            .flat_map(|group| &group.rules)
    }

    fn rules_mut(&mut self) -> impl Iterator<Item = &mut FieldRule> {
        self.groups
            .values_mut()
            .chain([&mut self.other_types])
            .flat_map(|group| &mut group.rules)
    }
}

impl Surveyed {
    fn place(&self) -> (usize, Discriminant<Kind>) {
        (self.index, discriminant(&self.kind))
    }
}

/// The column that a rule waits for the convention of.
fn place(rule: &FieldRule) -> Option<(usize, Discriminant<Kind>)> {
    match &rule.source {
        RuleSource::Column(index) if rule.kind.is_open() => {
            Some((*index, discriminant(&rule.kind)))
        }
        _ => None,
    }
}
