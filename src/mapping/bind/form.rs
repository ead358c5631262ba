//! Holds a mapping against the contract type's own form: its keys, its choices, its conditions.

use std::collections::BTreeMap;

use crate::mapping::config::{ConfigProblem, Spanned};
use crate::mapping::names::did_you_mean;
use crate::mapping::names::fold;
use crate::mapping::rule::{Condition, FieldGroup};
use crate::mapping::value::Choices;
use crate::model::{ContractTypeId, Form, FormField, FormOption};

/// The form of one contract type, or nothing to check against.
pub(super) struct FormCheck<'a> {
    id: ContractTypeId,
    form: Option<&'a Form>,
}

impl<'a> FormCheck<'a> {
    pub fn new(id: ContractTypeId, forms: &'a BTreeMap<ContractTypeId, Form>) -> Self {
        FormCheck {
            id,
            form: forms.get(&id),
        }
    }

    pub fn form(&self) -> Option<&'a Form> {
        self.form
    }

    pub fn field(&self, key: &str) -> Option<&'a FormField> {
        self.form?.fields.iter().find(|field| field.key == key)
    }

    /// Whether the form has this key, when there is a form.
    pub fn knows_key(&self, key: &Spanned<String>) -> Result<(), ConfigProblem> {
        let Some(form) = self.form else { return Ok(()) };
        if self.field(&key.value).is_some() {
            return Ok(());
        }
        let message = format!(
            "the form of contract type {} has no field `{}`",
            self.id, key.value
        );
        Err(ConfigProblem::at(&key.span, message).hint(nearest_key(&key.value, form)))
    }

    /// The form's own text for a choice that the config writes out; the text itself where the form has no choices.
    pub fn own_text(&self, key: &str, text: &Spanned<String>) -> Result<String, ConfigProblem> {
        let options = self.options(key);
        if options.is_empty() {
            return Ok(text.value.clone());
        }
        if let Some(option) = options
            .iter()
            .find(|option| answers_to(option, &text.value))
        {
            return Ok(option.value.clone());
        }
        let message = format!(
            "`{}` is not among the form's choices of `{key}`",
            text.value
        );
        let values = || options.iter().map(|option| option.value.as_str());
        let hint = did_you_mean(&text.value, values()).unwrap_or_else(|| {
            format!(
                "its choices are: {}",
                values().collect::<Vec<_>>().join(", ")
            )
        });
        Err(ConfigProblem::at(&text.span, message).hint(hint))
    }

    /// The form's choices of a field; none when it is free.
    pub fn choices(&self, key: &str) -> Option<Choices> {
        self.choice_pairs(key).map(Choices::new)
    }

    /// What people may write and what is sent for it.
    pub fn choice_pairs(&self, key: &str) -> Option<Vec<(String, String)>> {
        let options = self.options(key);
        let pair = |option: &'a FormOption| {
            let labels = option.labels.iter().chain([&option.value]);
            labels.map(|label| (label.clone(), option.value.clone()))
        };
        (!options.is_empty()).then(|| options.iter().flat_map(pair).collect())
    }

    /// Ties conditional fields to their parents in the group.
    pub fn bind_conditions(&self, group: &mut FieldGroup) {
        for at in 0..group.rules.len() {
            let condition = self
                .field(&group.rules[at].key)
                .and_then(|field| field.condition.as_ref());
            let Some(condition) = condition else { continue };
            let Some(parent) = group
                .rules
                .iter()
                .position(|rule| rule.key == condition.parent)
            else {
                continue;
            };
            group.rules[at].condition = Some(Condition {
                parent,
                value: condition.value.clone(),
                folded: fold(&condition.value),
            });
        }
    }

    /// A note on the form's fields that no rule feeds. No error: nothing says which are required.
    pub fn unmapped(&self, group: &FieldGroup) -> Option<String> {
        let is_fed = |field: &&FormField| group.rules.iter().any(|rule| rule.key == field.key);
        let fields = &self.form?.fields;
        let missing: Vec<&str> = fields
            .iter()
            .filter(|field| !is_fed(field))
            .map(|field| field.key.as_str())
            .collect();
        (!missing.is_empty()).then(|| {
            format!(
                "Fields of contract type {} that get no value: {}",
                self.id,
                missing.join(", ")
            )
        })
    }

    fn options(&self, key: &str) -> &'a [FormOption] {
        self.field(key).map_or(&[], |field| &field.options)
    }
}

/// The key that a wrong one most resembles, also by its labels.
pub(super) fn nearest_key(wrong: &str, form: &Form) -> String {
    let keys = || form.fields.iter().map(|field| field.key.as_str());
    did_you_mean(wrong, keys())
        .unwrap_or_else(|| format!("its fields are: {}", keys().collect::<Vec<_>>().join(", ")))
}

fn answers_to(option: &FormOption, text: &str) -> bool {
    let wanted = fold(text);
    fold(&option.value) == wanted || option.labels.iter().any(|label| fold(label) == wanted)
}
