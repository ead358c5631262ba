//! What columns can be mapped to (the recipient, the contract type, the fields of the forms, or without any form those that the
//! vendor's samples show), and how well one column fits: what its header says, and what its values say to that.

use std::collections::BTreeMap;

use strum::Display;

use super::headers::{
    BY_LIKENESS, BY_NAME, BY_WEAK_NAME, HeaderWords, VERY_NEAR, Words, all, is_same,
};
use super::profile::Profile;
use crate::mapping::form::type_of;
use crate::mapping::words::{Concept, Shape, WORDS};
use crate::model::{ContractTypeId, FieldType, Form, FormField};

/// The concept of the recipient's phone.
const PHONE: &str = "phoneNumber";
/// The concept of the recipient's e-mail.
const EMAIL: &str = "email";
/// The concept of the contract type.
pub(super) const CONTRACT_TYPE: &str = "contractTypeId";

/// What a column may feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Display)]
pub enum Target {
    #[strum(to_string = "the recipient's phone")]
    Phone,
    #[strum(to_string = "the recipient's e-mail")]
    Email,
    #[strum(to_string = "the contract type")]
    ContractType,
    /// The form field with this key.
    #[strum(to_string = "{0}")]
    Field(String),
}

impl Target {
    /// The word for it in documents.
    pub fn field(&self) -> &str {
        match self {
            Target::Phone => "phone",
            Target::Email => "email",
            Target::ContractType => "contract_type",
            Target::Field(key) => key,
        }
    }
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
        let is_relevant = |id: &ContractTypeId| types.is_empty() || types.contains(id);
        let relevant = forms.iter().filter(|(id, _)| is_relevant(id));
        let relevant: Vec<&Form> = relevant.map(|(_, form)| form).collect();
        let recipient = [
            (PHONE, Target::Phone),
            (EMAIL, Target::Email),
            (CONTRACT_TYPE, Target::ContractType),
        ];
        let recipient = recipient.into_iter();
        let mut goals: Vec<Goal> = recipient
            .filter_map(|(key, target)| Some(Goal::of_concept(WORDS.concept(key)?, target)))
            .collect();
        // One form missing: its keys may be any, so those of the table are offered as well.
        let has_form = !relevant.is_empty() && (types.is_empty() || relevant.len() == types.len());
        let fields = relevant.iter().flat_map(|form| &form.fields);
        let concepts = WORDS.concepts.iter().filter(|concept| {
            !has_form
                && ![PHONE, EMAIL, CONTRACT_TYPE, "firstName", "lastName"]
                    .contains(&concept.key.as_str())
        });
        let concepts =
            concepts.map(|concept| Goal::of_concept(concept, Target::Field(concept.key.clone())));
        for goal in fields.map(Goal::of_field).chain(concepts) {
            if !goals.iter().any(|known| known.target == goal.target) {
                goals.push(goal);
            }
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

    /// Each with a label for a person to choose by.
    pub fn labelled(&self) -> Vec<(Target, String)> {
        let label = |goal: &Goal| {
            let field = goal.field.as_ref();
            let labels = field
                .into_iter()
                .flat_map(|field| [&field.label, &field.label_ar]);
            let labels: Vec<&str> = labels
                .map(String::as_str)
                .filter(|label| !label.is_empty())
                .collect();
            match labels[..] {
                [] => goal.target.to_string(),
                _ => format!("{} ({})", goal.target, labels.join(" / ")),
            }
        };
        let goals = self.goals.iter();
        goals
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
            shape: match type_of(field) {
                FieldType::Phone => Shape::Phone,
                FieldType::Email => Shape::Email,
                FieldType::EgyptNationalId => Shape::NationalId,
                FieldType::Date => Shape::Date,
                FieldType::Number => Shape::Number,
                _ if by_table == Shape::Words => Shape::Words,
                _ => Shape::Any,
            },
            concept: concept.map(|concept| concept.key.as_str()),
            field: Some(field.clone()),
            is_certain: true,
        }
    }
}

/// Whether a concept has one of these names.
fn is_about(names: &[Words], concept: &Concept) -> bool {
    let known = all(concept.names.iter().chain([&concept.key]));
    names
        .iter()
        .any(|name| known.iter().any(|known| is_same(known, name)))
}

fn is_of_recipient(key: &str) -> bool {
    [PHONE, EMAIL, CONTRACT_TYPE].contains(&key)
}

/// How well a column fits a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// For ranking; higher is better.
    pub rank: f64,
    /// Good enough to be used unseen.
    pub is_sure: bool,
}

impl Goal {
    fn has_choices(&self) -> bool {
        self.field
            .as_ref()
            .is_some_and(|field| !field.options.is_empty())
    }

    /// The share of values that are what the goal wants, and below which share they contradict it; none: anything may be it.
    fn share(&self, profile: &Profile) -> Option<(f64, f64)> {
        let is_id = profile.national_id >= 0.5 || profile.plain_phone >= 0.5;
        match self.shape {
            _ if profile.count == 0 => None,
            _ if self.has_choices() => Some((profile.choices_of(self.field.as_ref()?), 0.3)),
            _ if self.concept == Some("maritalStatus") => Some((profile.marital_states(), 0.3)),
            Shape::Phone => Some((profile.phone, 0.5)),
            Shape::Email => Some((profile.email, 0.5)),
            Shape::NationalId => Some((profile.national_id, 0.5)),
            Shape::Date => Some((profile.date, 0.5)),
            Shape::Number if is_id => Some((0.0, 0.3)),
            Shape::Number => Some((profile.number, 0.3)),
            Shape::Words => Some((profile.words, 0.3)),
            Shape::Any if profile.email >= 0.8 || profile.national_id >= 0.8 => Some((0.0, 0.3)),
            Shape::Any => None,
        }
    }

    /// Whether supporting values leave no doubt by themselves what they are.
    fn is_told_by(&self, profile: &Profile) -> bool {
        match self.shape {
            _ if self.has_choices() => {
                let share = self.field.as_ref().map(|field| profile.choices_of(field));
                share >= Some(0.9) && profile.distinct.len() >= 2
            }
            _ if self.concept == Some("maritalStatus") => profile.marital_states() >= 0.9,
            Shape::Phone => profile.plain_phone >= 0.8,
            Shape::Email | Shape::NationalId => true,
            Shape::Words => self.concept == Some("fullName") && profile.several_words >= 0.8,
            Shape::Date | Shape::Number | Shape::Any => false,
        }
    }
}

/// How well a header and its values fit a goal; none when they do not.
pub(super) fn fit(header: &HeaderWords, profile: &Profile, goal: &Goal) -> Option<Fit> {
    let score = header.score(&goal.names, &goal.weak);
    let share = goal.share(profile);
    // A choice or a marital state is known by fewer: not every word of a list is in the table.
    let enough = if goal.has_choices() || goal.concept == Some("maritalStatus") {
        0.6
    } else {
        0.8
    };
    let supported = share.is_some_and(|(share, _)| share >= enough);
    let contradicted = share.is_some_and(|(share, least)| share < least);
    let is_told = supported && goal.is_told_by(profile);
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
    if contradicted {
        return if score >= BY_NAME { open(0.2) } else { None };
    }
    if score >= BY_NAME {
        return sure(if supported { score + 0.05 } else { score });
    }
    if score >= BY_WEAK_NAME {
        let is_name = goal.concept == Some("fullName") && profile.are_names();
        return if is_told || is_name {
            sure(0.7)
        } else {
            open(0.4)
        };
    }
    if score >= BY_LIKENESS {
        let is_very_near = score >= BY_LIKENESS + VERY_NEAR;
        let is_free_text = goal.shape == Shape::Any && !goal.has_choices();
        let is_sure = is_told || (is_very_near && (supported || is_free_text));
        return if is_sure {
            sure(score + 0.1)
        } else {
            open(score - 0.1)
        };
    }
    if score > 0.0 {
        return open(score);
    }
    // Phones, addresses and ids speak for themselves, but overrule no header that says something else.
    let speaks = matches!(goal.shape, Shape::Phone | Shape::Email | Shape::NationalId);
    let is_taken = header.other >= BY_NAME || header.is_known || header.is_of_another_person;
    if !is_told || !speaks {
        return None;
    }
    if is_taken { open(0.25) } else { sure(0.3) }
}
