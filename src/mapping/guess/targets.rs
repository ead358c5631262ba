//! What columns can be mapped to: the recipient, the contract type, and the fields of the forms, or without any form those
//! that the vendor's samples show.

use std::collections::BTreeMap;

use super::Target;
use super::concepts::{CONCEPTS, CONTRACT_TYPE, Concept, EMAIL, PHONE, Shape};
use super::words::Words;
use crate::mapping::names::fold;
use crate::model::{ContractTypeId, Form, FormField};

/// Keys that the vendor's samples show. Without a form, any other key would be made up.
const SHOWN_KEYS: &[&str] = &[
    "fullName",
    "nationalId",
    "birthDate",
    "monthlyIncome",
    "employer",
    "address",
    "city",
    "maritalStatus",
    "spouseName",
    "currency",
];

/// One thing that a column can be mapped to.
#[derive(Debug, Clone)]
pub(super) struct Goal {
    pub target: Target,
    pub names: Vec<Words>,
    pub weak: Vec<Words>,
    pub shape: Shape,
    /// What it is about, by the table.
    pub concept: Option<&'static str>,
    /// The form's field.
    pub field: Option<FormField>,
    /// Whether its key is known to exist, or shown by the vendor.
    pub is_certain: bool,
}

/// All of them.
#[derive(Debug, Clone)]
pub(super) struct Targets {
    pub goals: Vec<Goal>,
    pub has_form: bool,
}

impl Targets {
    /// Goals for these contract types; with none, for every form that there is.
    pub fn of(types: &[ContractTypeId], forms: &BTreeMap<ContractTypeId, Form>) -> Targets {
        let relevant: Vec<&Form> = forms
            .iter()
            .filter(|(id, _)| types.is_empty() || types.contains(id))
            .map(|(_, form)| form)
            .collect();
        let mut goals: Vec<Goal> = [
            (PHONE, Target::Phone),
            (EMAIL, Target::Email),
            (CONTRACT_TYPE, Target::ContractType),
        ]
        .into_iter()
        .filter_map(|(key, target)| Some(Goal::of_concept(concept(key)?, target)))
        .collect();
        let mut fields: Vec<&FormField> = Vec::new();
        for field in relevant.iter().flat_map(|form| &form.fields) {
            if !fields.iter().any(|known| known.key == field.key) {
                fields.push(field);
            }
        }
        goals.extend(fields.into_iter().map(Goal::of_field));
        // One form missing: its keys may be any, so those of the table are offered as well.
        let has_form = !relevant.is_empty() && (types.is_empty() || relevant.len() == types.len());
        if !has_form {
            let known: Vec<Target> = goals.iter().map(|goal| goal.target.clone()).collect();
            goals.extend(
                CONCEPTS
                    .iter()
                    .filter(|concept| {
                        !is_of_recipient(concept.key) && !is_part_of_name(concept.key)
                    })
                    .map(|concept| Goal::of_concept(concept, Target::Field(concept.key.to_owned())))
                    .filter(|goal| !known.contains(&goal.target)),
            );
        }
        Targets { goals, has_form }
    }

    pub fn goal(&self, target: &Target) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.target == *target)
    }

    /// The goal of a concept among the form's fields.
    pub fn field_about(&self, key: &str) -> Option<&Goal> {
        self.goals
            .iter()
            .find(|goal| goal.concept == Some(key) && matches!(goal.target, Target::Field(_)))
    }

    pub fn labelled(&self) -> Vec<(Target, String)> {
        let label = |goal: &Goal| match &goal.field {
            Some(field) => {
                let labels: Vec<&str> = [field.label.as_str(), field.label_ar.as_str()]
                    .into_iter()
                    .filter(|label| !label.is_empty())
                    .collect();
                if labels.is_empty() {
                    field.key.clone()
                } else {
                    format!("{} ({})", field.key, labels.join(" / "))
                }
            }
            None => goal.target.to_string(),
        };
        self.goals
            .iter()
            .map(|goal| (goal.target.clone(), label(goal)))
            .collect()
    }
}

impl Goal {
    fn of_concept(concept: &'static Concept, target: Target) -> Goal {
        Goal {
            is_certain: is_of_recipient(concept.key) || SHOWN_KEYS.contains(&concept.key),
            names: all(concept.names.iter().copied().chain([concept.key])),
            weak: all(concept.weak.iter().copied()),
            shape: concept.shape,
            concept: Some(concept.key),
            field: None,
            target,
        }
    }

    /// A form that asks for the phone or e-mail again is fed by the recipient's column, and must not take it away.
    pub fn is_recipients_again(&self) -> bool {
        matches!(self.target, Target::Field(_)) && self.concept.is_some_and(is_of_recipient)
    }

    fn of_field(field: &FormField) -> Goal {
        let own = [&field.key, &field.label, &field.label_ar].map(String::as_str);
        let own = own.into_iter().filter(|name| !name.is_empty());
        let mut names = all(own);
        let concept = CONCEPTS.iter().find(|concept| is_about(&names, concept));
        let mut weak = Vec::new();
        if let Some(concept) = concept {
            names.extend(all(concept.names.iter().copied()));
            weak = all(concept.weak.iter().copied());
        }
        let by_table = concept.map_or(Shape::Any, |concept| concept.shape);
        Goal {
            target: Target::Field(field.key.clone()),
            names,
            weak,
            shape: match (field.kind.as_str(), by_table) {
                (_, Shape::NationalId | Shape::Phone | Shape::Email) => by_table,
                ("date", _) => Shape::Date,
                ("number" | "numeric" | "decimal" | "integer", _) => Shape::Number,
                _ => by_table,
            },
            concept: concept.map(|concept| concept.key),
            field: Some(field.clone()),
            is_certain: true,
        }
    }
}

/// The concept with this key.
pub(super) fn concept(key: &str) -> Option<&'static Concept> {
    CONCEPTS.iter().find(|concept| concept.key == key)
}

/// Whether a concept has one of these names.
fn is_about(names: &[Words], concept: &Concept) -> bool {
    let known = all(concept.names.iter().copied().chain([concept.key]));
    names.iter().any(|name| {
        known
            .iter()
            .any(|known| known.joined == name.joined || known.folded == name.folded)
    })
}

fn is_of_recipient(key: &str) -> bool {
    [PHONE, EMAIL, CONTRACT_TYPE].contains(&key)
}

fn is_part_of_name(key: &str) -> bool {
    ["firstName", "lastName"].contains(&key)
}

/// Reduced, without those that nothing is left of.
pub(super) fn all<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Words> {
    names
        .filter(|name| !fold(name).is_empty())
        .map(Words::of)
        .collect()
}
