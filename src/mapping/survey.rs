//! Looks at whole date columns before the first row is mapped, to learn whether day or month comes first in them.

use super::Mapping;
use super::rule::{Conflict, FieldRule, RuleSource};
use super::value::{DateSurvey, Kind};
use crate::model::Row;

/// What is known about the date columns so far.
pub struct Survey {
    columns: Vec<(usize, DateSurvey)>,
}

impl Survey {
    /// Takes a row into account.
    pub fn see(&mut self, row: &Row) {
        for (index, survey) in &mut self.columns {
            survey.see(row.cell(*index));
        }
    }
}

impl Mapping {
    /// A survey to take over all rows, if any column needs one: dates in text cells, and no `input` to read them by.
    pub fn survey(&self) -> Option<Survey> {
        let mut indexes: Vec<usize> = self.rules().filter_map(surveyed_column).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let columns: Vec<_> = indexes
            .into_iter()
            .map(|index| (index, DateSurvey::default()))
            .collect();
        (!columns.is_empty()).then_some(Survey { columns })
    }

    /// Takes over what a survey has learnt.
    pub fn settle(&mut self, survey: Survey) {
        for (index, survey) in survey.columns {
            let verdict = survey.order();
            for rule in self
                .rules_mut()
                .filter(|rule| surveyed_column(rule) == Some(index))
            {
                match (&verdict, &mut rule.kind) {
                    (Ok(proved), Kind::Date { order, .. }) => *order = *proved,
                    (Err(fault), _) => {
                        rule.conflict = Some(Conflict {
                            code: fault.code,
                            message: fault.message.clone(),
                        });
                    }
                    (Ok(_), _) => {}
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

fn surveyed_column(rule: &FieldRule) -> Option<usize> {
    match (&rule.source, &rule.kind) {
        (RuleSource::Column(index), Kind::Date { input: None, .. }) => Some(*index),
        _ => None,
    }
}
