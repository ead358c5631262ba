//! What columns can be mapped to (the recipient, the contract type, the fields of the forms, or without any form those that the
//! vendor's samples show), and how well one column fits: what its header says, and what its values say to that.

use std::collections::BTreeMap;

use super::headers::{BY_LIKENESS, BY_NAME, BY_WEAK_NAME, HeaderWords, VERY_NEAR, Words, all};
use super::profile::Profile;
use crate::mapping::words::{Concept, Shape, WORDS};
use crate::model::{ContractTypeId, Form, FormField};

/// The concept of the recipient's phone.
const PHONE: &str = "phoneNumber";
/// The concept of the recipient's e-mail.
const EMAIL: &str = "email";
/// The concept of the contract type.
pub(super) const CONTRACT_TYPE: &str = "contractTypeId";

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
        .filter_map(|(key, target)| Some(Goal::of_concept(WORDS.concept(key)?, target)))
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
                WORDS
                    .concepts
                    .iter()
                    .filter(|concept| {
                        !is_of_recipient(&concept.key) && !is_part_of_name(&concept.key)
                    })
                    .map(|concept| Goal::of_concept(concept, Target::Field(concept.key.clone())))
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
            is_certain: is_of_recipient(&concept.key) || concept.shown,
            names: all(concept.names.iter().chain([&concept.key])),
            weak: all(&concept.weak),
            shape: concept.shape,
            concept: Some(&concept.key),
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
        let mut concepts = WORDS.concepts.iter();
        let concept = concepts.find(|concept| is_about(&names, concept));
        let mut weak = Vec::new();
        if let Some(concept) = concept {
            names.extend(all(&concept.names));
            weak = all(&concept.weak);
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
            concept: concept.map(|concept| concept.key.as_str()),
            field: Some(field.clone()),
            is_certain: true,
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

/// Whether a concept has one of these names.
fn is_about(names: &[Words], concept: &Concept) -> bool {
    let known = all(concept.names.iter().chain([&concept.key]));
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

/// What the values say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Support {
    Supports,
    Silent,
    Contradicts,
}

/// How well a column fits a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// For ranking; higher is better.
    pub rank: f64,
    /// Good enough to be used unseen.
    pub is_sure: bool,
}

/// How well a header and its values fit a goal; none when they do not.
pub(super) fn fit(header: &HeaderWords, profile: &Profile, goal: &Goal) -> Option<Fit> {
    let score = header.score(&goal.names, &goal.weak);
    let support = support(profile, goal);
    let supported = support == Support::Supports;
    let open = |rank: f64| {
        Some(Fit {
            rank,
            is_sure: false,
        })
    };
    let sure = |rank: f64| {
        Some(Fit {
            rank,
            is_sure: goal.is_certain,
        })
    };
    match support {
        Support::Contradicts if score >= BY_NAME => open(0.2),
        Support::Contradicts => None,
        _ if score >= BY_NAME => sure(if supported { score + 0.05 } else { score }),
        _ if score >= BY_WEAK_NAME => {
            let is_told = supported && values_tell(profile, goal);
            if is_told { sure(0.7) } else { open(0.4) }
        }
        _ if score >= BY_LIKENESS => {
            let is_very_near = score >= BY_LIKENESS + VERY_NEAR;
            let is_free_text = goal.shape == Shape::Any
                && goal.field.as_ref().is_none_or(|f| f.options.is_empty());
            if (supported && values_tell(profile, goal))
                || (is_very_near && (supported || is_free_text))
            {
                sure(score + 0.1)
            } else {
                open(score - 0.1)
            }
        }
        _ if score > 0.0 => open(score),
        // A header that says something else is not overruled.
        _ if supported && values_speak_alone(profile, goal) => {
            if header.other < BY_NAME && !header.is_known && !header.is_of_another_person {
                sure(0.3)
            } else {
                open(0.25)
            }
        }
        _ => None,
    }
}

fn support(profile: &Profile, goal: &Goal) -> Support {
    if profile.count == 0 {
        return Support::Silent;
    }
    let judge = |share: f64, enough: f64, least: f64| {
        if share >= enough {
            Support::Supports
        } else if share < least {
            Support::Contradicts
        } else {
            Support::Silent
        }
    };
    if let Some(field) = goal
        .field
        .as_ref()
        .filter(|field| !field.options.is_empty())
    {
        return judge(profile.choices_of(field), 0.6, 0.3);
    }
    if goal.concept == Some("maritalStatus") {
        return judge(profile.marital_states(), 0.6, 0.3);
    }
    match goal.shape {
        Shape::Phone => judge(profile.phone, 0.8, 0.5),
        Shape::Email => judge(profile.email, 0.8, 0.5),
        Shape::NationalId => judge(profile.national_id, 0.8, 0.5),
        Shape::Date => judge(profile.date, 0.8, 0.5),
        Shape::Number if profile.national_id >= 0.5 || profile.plain_phone >= 0.5 => {
            Support::Contradicts
        }
        Shape::Number => judge(profile.number, 0.8, 0.3),
        Shape::Words => judge(profile.words, 0.8, 0.3),
        Shape::Any if profile.email >= 0.8 || profile.national_id >= 0.8 => Support::Contradicts,
        Shape::Any => Support::Silent,
    }
}

/// Whether supporting values leave no doubt by themselves what they are.
fn values_tell(profile: &Profile, goal: &Goal) -> bool {
    if let Some(field) = goal
        .field
        .as_ref()
        .filter(|field| !field.options.is_empty())
    {
        return profile.choices_of(field) >= 0.9 && profile.distinct.len() >= 2;
    }
    if goal.concept == Some("maritalStatus") {
        return profile.marital_states() >= 0.9;
    }
    match goal.shape {
        Shape::Phone => profile.plain_phone >= 0.8,
        Shape::Email | Shape::NationalId => true,
        Shape::Words => goal.concept == Some("fullName") && profile.several_words >= 0.8,
        Shape::Date | Shape::Number | Shape::Any => false,
    }
}

/// Whether values tell what they are though the header says nothing that is known.
fn values_speak_alone(profile: &Profile, goal: &Goal) -> bool {
    let is_told = matches!(goal.shape, Shape::Phone | Shape::Email | Shape::NationalId);
    is_told && values_tell(profile, goal)
}
