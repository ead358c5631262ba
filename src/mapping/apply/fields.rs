//! The form fields of one row: values, defaults, and what fields have to say about each other.

use std::borrow::Cow;

use super::checks::is_unmet;
use super::visit::{Found, Visit};
use crate::mapping::body::{Slot, TypeValues};
use crate::mapping::rule::{FieldGroup, FieldRule, RuleSource};
use crate::mapping::value::{self, Fault, Kind};
use crate::model::{ContractTypeId, ProblemCode};

impl<'a> Visit<'a> {
    /// The values of every contract type's fields, those of the row's problems left out.
    pub(super) fn fields(&mut self, types: &[ContractTypeId]) -> Vec<TypeValues<'a>> {
        let mapping = self.mapping;
        let problems_before = self.problems.len();
        let values = types
            .iter()
            .map(|&contract_type| {
                let group = mapping
                    .groups
                    .get(&contract_type)
                    .unwrap_or(&mapping.other_types);
                TypeValues {
                    contract_type,
                    slots: self.slots(group),
                }
            })
            .collect();
        if types.len() > 1 {
            self.tell_once(problems_before);
        }
        values
    }

    fn slots(&mut self, group: &'a FieldGroup) -> Vec<Slot<'a>> {
        let mut slots: Vec<Slot<'a>> = group.rules.iter().map(|rule| self.slot(rule)).collect();
        for (at, rule) in group.rules.iter().enumerate() {
            if is_unmet(rule, &slots) {
                if slots[at].is_written && slots[at].text.is_some() {
                    self.condition_unmet(rule, group);
                }
                slots[at].text = None;
            } else if slots[at].text.is_none() && !slots[at].is_faulty && rule.required {
                self.missing(rule.column(), &rule.key);
            }
        }
        if let Some(check) = &group.birth {
            self.compare_birth_dates(check, group, &slots);
        }
        slots
    }

    fn slot(&mut self, rule: &'a FieldRule) -> Slot<'a> {
        let found = match &rule.source {
            RuleSource::Constant(text) => return Slot::unwritten(rule, Some(text)),
            RuleSource::Column(index) => self.read_field(*index, rule),
            RuleSource::Template { .. } => self.render(rule),
        };
        let (text, is_faulty) = match found {
            Found::Nothing => return Slot::unwritten(rule, rule.default.as_deref()),
            Found::Text(text) => (Some(text), false),
            Found::Fault => (None, true),
        };
        Slot {
            key: &rule.key,
            text,
            is_written: true,
            is_faulty,
        }
    }

    fn read_field(&mut self, index: usize, rule: &'a FieldRule) -> Found<'a> {
        let cell = self.row.cell(index);
        if let Some(conflict) = &rule.conflict
            && rule.kind.depends_on_convention(cell)
        {
            self.problem(Some(index), Some(&rule.key), conflict.clone(), cell.shown());
            return Found::Fault;
        }
        let found = self.read(index, &rule.kind, &rule.key);
        self.among_choices(found, rule, Some(index))
    }

    /// Holds a value against the form's choices, where its type alone does not.
    fn among_choices(
        &mut self,
        found: Found<'a>,
        rule: &'a FieldRule,
        column: Option<usize>,
    ) -> Found<'a> {
        let (Found::Text(text), Some(choices)) = (&found, &rule.among) else {
            return found;
        };
        match value::read_text(choices, text) {
            Ok(Some(reading)) => Found::Text(reading.text.into_owned().into()),
            Ok(None) => Found::Nothing,
            Err(fault) => {
                let shown =
                    column.map_or_else(|| text.to_string(), |index| self.row.cell(index).shown());
                self.problem(column, Some(&rule.key), fault, shown);
                Found::Fault
            }
        }
    }

    /// A template's text for this row, read as the rule's type. Nothing when all its columns are empty.
    fn render(&mut self, rule: &'a FieldRule) -> Found<'a> {
        let RuleSource::Template { template, columns } = &rule.source else {
            return Found::Nothing;
        };
        let mut is_empty = !columns.is_empty();
        let mut is_faulty = false;
        let mut values = Vec::with_capacity(columns.len());
        for &index in columns {
            let found = self.read(index, &Kind::Text, &rule.key);
            is_faulty |= matches!(found, Found::Fault);
            let text = found.text().unwrap_or_default();
            is_empty &= text.is_empty();
            values.push(text);
        }
        if is_faulty {
            return Found::Fault;
        }
        if is_empty {
            return Found::Nothing;
        }
        let column = rule.column();
        let text = match self.mapping.templates.render(template, &values) {
            Ok(text) => text,
            Err(reason) => {
                let message = format!("The template gives no value for this row: {reason}.");
                let fault = Fault {
                    code: ProblemCode::TemplateFailed,
                    message,
                };
                self.problem(column, Some(&rule.key), fault, String::new());
                return Found::Fault;
            }
        };
        match value::read_text(&rule.kind, &text) {
            Ok(None) => Found::Nothing,
            Ok(Some(reading)) => {
                let changed = (reading.text != text).then(|| reading.text.into_owned());
                let found = Found::Text(changed.unwrap_or(text).into());
                self.among_choices(found, rule, column)
            }
            Err(fault) => {
                self.problem(column, Some(&rule.key), fault, text);
                Found::Fault
            }
        }
    }
}

impl<'a> Slot<'a> {
    /// A constant or a default, or nothing at all.
    fn unwritten(rule: &'a FieldRule, text: Option<&'a str>) -> Self {
        Slot {
            key: &rule.key,
            text: text.map(Cow::Borrowed),
            is_written: false,
            is_faulty: false,
        }
    }
}

impl FieldRule {
    /// The one column that feeds the rule, for pointing at it.
    pub(super) fn column(&self) -> Option<usize> {
        match &self.source {
            RuleSource::Column(index) => Some(*index),
            RuleSource::Template { columns, .. } => match columns[..] {
                [only] => Some(only),
                _ => None,
            },
            RuleSource::Constant(_) => None,
        }
    }
}
