//! Binds the form fields that the config names, each contract type's to its group.

use std::collections::{BTreeMap, BTreeSet};

use super::Binder;
use super::form::FormCheck;
use crate::mapping::config::{
    ConfigProblem, FieldConfig, FieldSource, FieldType, FieldsConfig, Spanned,
};
use crate::mapping::names::fold;
use crate::mapping::rule::{BirthCheck, ContractRule, FieldGroup, FieldRule, RuleSource};
use crate::mapping::value::{Choices, Kind};
use crate::model::ContractTypeId;

/// Field groups by contract type.
#[derive(Default)]
pub(super) struct Groups {
    pub by_type: BTreeMap<ContractTypeId, FieldGroup>,
    /// For contract types that only the rows know.
    pub other_types: FieldGroup,
}

impl Binder<'_> {
    pub(super) fn bind_groups(&mut self, contract: &ContractRule) -> Groups {
        let possible = possible_types(contract);
        let Some(configured) = &self.config.fields else {
            return self.groups_from_headers(possible.as_ref());
        };
        let mut groups = Groups::default();
        for fields in configured {
            let id = fields.contract_type.value;
            if possible.as_ref().is_some_and(|types| !types.contains(&id)) {
                self.notes.push(format!(
                    "[fields.{id}] is not used: no row is for contract type {id}"
                ));
            }
            let group = self.bind_group(fields);
            groups.by_type.insert(id, group);
        }
        for id in possible
            .iter()
            .flatten()
            .filter(|id| !groups.by_type.contains_key(id))
        {
            self.notes.push(format!(
                "Contract type {id} gets no field values: there is no [fields.{id}]"
            ));
        }
        groups
    }

    fn bind_group(&mut self, fields: &FieldsConfig) -> FieldGroup {
        let options = self.options;
        let check = FormCheck::new(fields.contract_type.value, &options.forms);
        let rules: Vec<(FieldRule, &FieldConfig)> = fields
            .fields
            .iter()
            .filter_map(|field| Some((self.bind_field(field, &check)?, field)))
            .collect();
        let birth = birth_check(&rules);
        let mut group = FieldGroup {
            rules: rules.into_iter().map(|(rule, _)| rule).collect(),
            birth,
        };
        check.bind_conditions(&mut group);
        self.notes.extend(check.unmapped(&group));
        group
    }

    fn bind_field(&mut self, field: &FieldConfig, check: &FormCheck<'_>) -> Option<FieldRule> {
        if let Err(problem) = check.knows_key(&field.key) {
            self.problems.push(problem);
        }
        let source = self.bind_source(&field.source, &field.key.value, check);
        let (kind, among) = self.bind_type(field, check)?;
        let default = field
            .default
            .as_ref()
            .map(|default| self.settled_choice(default, &field.key.value, check));
        Some(FieldRule {
            key: field.key.value.clone(),
            source: source?,
            kind,
            among,
            required: field.required,
            default,
            condition: None,
            conflict: None,
        })
    }

    fn bind_source(
        &mut self,
        source: &FieldSource,
        key: &str,
        check: &FormCheck<'_>,
    ) -> Option<RuleSource> {
        match source {
            FieldSource::Column(name) => self.position(name).map(RuleSource::Column),
            FieldSource::Constant(value) => {
                Some(RuleSource::Constant(self.settled_choice(value, key, check)))
            }
            FieldSource::Template { text, columns } => {
                let positions: Vec<Option<usize>> = columns
                    .iter()
                    .map(|name| self.position_in(name, text))
                    .collect();
                let template = self.templates.add(&text.value, columns)?;
                Some(RuleSource::Template {
                    template,
                    columns: positions.into_iter().collect::<Option<_>>()?,
                })
            }
        }
    }

    /// A text that goes out as the config has it: if the field has choices, as the choice's own text.
    fn settled_choice(
        &mut self,
        text: &Spanned<String>,
        key: &str,
        check: &FormCheck<'_>,
    ) -> String {
        match check.own_text(key, text) {
            Ok(own) => own,
            Err(problem) => {
                self.problems.push(problem);
                text.value.clone()
            }
        }
    }

    fn bind_type(
        &mut self,
        field: &FieldConfig,
        check: &FormCheck<'_>,
    ) -> Option<(Kind, Option<Kind>)> {
        let key = &field.key.value;
        let form_choices = || check.choices(key).map(Kind::Choice);
        Some(
            match field.field_type.as_ref().unwrap_or(&FieldType::Text) {
                FieldType::Text => (form_choices().unwrap_or(Kind::Text), None),
                FieldType::Choice(choices) if choices.is_empty() => {
                    let Some(kind) = form_choices() else {
                        let message =
                            format!("the field `{key}` is a choice, and nothing says of what");
                        let hint = "add choices = { \"as written\" = \"as sent\" }".to_owned();
                        self.problems
                            .push(ConfigProblem::at(&field.key.span, message).hint(hint));
                        return None;
                    };
                    (kind, None)
                }
                FieldType::Choice(choices) => {
                    let mut pairs: Vec<(String, String)> = choices
                        .iter()
                        .map(|choice| {
                            (
                                choice.label.clone(),
                                self.settled_choice(&choice.sent, key, check),
                            )
                        })
                        .collect();
                    pairs.extend(check.choice_pairs(key).into_iter().flatten());
                    (Kind::Choice(Choices::new(pairs)), None)
                }
                FieldType::Number { decimal } => {
                    (Kind::Number { decimal: *decimal }, form_choices())
                }
                FieldType::Date { input, output } => {
                    let kind = Kind::Date {
                        input: input.clone(),
                        output: output.clone(),
                        order: None,
                    };
                    (kind, form_choices())
                }
                FieldType::Phone => (self.phone_kind(), None),
                FieldType::Email => (Kind::Email, None),
                FieldType::Boolean => (Kind::Boolean, form_choices()),
                FieldType::EgyptNationalId => (Kind::EgyptNationalId, None),
            },
        )
    }
}

/// The contract types that rows can have; none when only the rows know.
fn possible_types(contract: &ContractRule) -> Option<BTreeSet<ContractTypeId>> {
    match contract {
        ContractRule::Same(types) => Some(types.iter().copied().collect()),
        ContractRule::Words { words, .. } => {
            Some(words.exact.values().flatten().copied().collect())
        }
        ContractRule::Ids { .. } => None,
    }
}

/// The pair of fields that must agree on the birth date, if the group has both.
fn birth_check(rules: &[(FieldRule, &FieldConfig)]) -> Option<BirthCheck> {
    let national_id = rules
        .iter()
        .position(|(rule, _)| matches!(rule.kind, Kind::EgyptNationalId))?;
    rules
        .iter()
        .enumerate()
        .find_map(|(birth_date, (rule, field))| {
            let column = match &field.source {
                FieldSource::Column(name) => name.value.as_str(),
                _ => "",
            };
            match &rule.kind {
                Kind::Date { output, .. }
                    if names_a_birth_date(&rule.key) || names_a_birth_date(column) =>
                {
                    Some(BirthCheck {
                        national_id,
                        birth_date,
                        output: output.clone(),
                    })
                }
                _ => None,
            }
        })
}

fn names_a_birth_date(name: &str) -> bool {
    let folded = fold(name);
    folded == "dob"
        || folded.contains("birth")
        || folded.contains("dateofb")
        || folded.contains("ميلاد")
}
