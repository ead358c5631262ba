//! What changed between two answers that describe the same form.

use super::names::fold;
use super::names::likeness;
use crate::model::{Form, FormField};

/// A removed and an added key this much alike are taken for one field under a new name.
const RENAMED_LIKENESS: f64 = 0.85;

/// Everything that a mapping could stumble over. Labels and order are left out: they decide nothing that is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct FormChanges {
    /// Keys that are new.
    pub added: Vec<String>,
    /// Keys that are gone.
    pub removed: Vec<String>,
    /// Fields that have another key now.
    pub renamed: Vec<Renamed>,
    /// Fields of another kind now, such as `text` that became `number`.
    pub kinds: Vec<KindChange>,
    /// Fields whose choices changed.
    pub choices: Vec<ChoiceChange>,
    /// Fields that show under another condition now.
    pub conditions: Vec<String>,
}

/// A field with a new key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Renamed {
    /// Its key before.
    pub from: String,
    /// Its key now.
    pub to: String,
}

/// A field of another kind.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KindChange {
    /// The field.
    pub field: String,
    /// Its kind before.
    pub from: String,
    /// Its kind now.
    pub to: String,
}

/// A field with other choices.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChoiceChange {
    /// The field.
    pub field: String,
    /// Choices that are new.
    pub added: Vec<String>,
    /// Choices that are gone.
    pub removed: Vec<String>,
}

impl FormChanges {
    /// Compares the form as it was with the form as it is.
    pub fn between(before: &Form, now: &Form) -> FormChanges {
        let mut changes = FormChanges::default();
        let mut gone: Vec<&FormField> = missing_from(before, now);
        let mut new: Vec<&FormField> = missing_from(now, before);
        while let Some((was, is)) = a_renamed_pair(&gone, &new) {
            changes.renamed.push(Renamed {
                from: was.key.clone(),
                to: is.key.clone(),
            });
            changes.compare(was, is);
            gone.retain(|field| field.key != was.key);
            new.retain(|field| field.key != is.key);
        }
        for was in &before.fields {
            if let Some(is) = now.fields.iter().find(|field| field.key == was.key) {
                changes.compare(was, is);
            }
        }
        changes.removed = gone.iter().map(|field| field.key.clone()).collect();
        changes.added = new.iter().map(|field| field.key.clone()).collect();
        changes
    }

    /// Whether the form is the same in everything that counts.
    pub fn is_empty(&self) -> bool {
        *self == FormChanges::default()
    }

    /// One line for each change.
    pub fn lines(&self) -> Vec<String> {
        let renamed = self
            .renamed
            .iter()
            .map(|Renamed { from, to }| format!("renamed: {from} is {to} now"));
        let removed = self.removed.iter().map(|key| format!("removed: {key}"));
        let added = self.added.iter().map(|key| format!("added: {key}"));
        let kinds = self
            .kinds
            .iter()
            .map(|change| format!("{}: {} became {}", change.field, change.from, change.to));
        let choices = self.choices.iter().map(|change| {
            let plus = change.added.iter().map(|choice| format!("+ {choice}"));
            let minus = change.removed.iter().map(|choice| format!("- {choice}"));
            let all: Vec<String> = plus.chain(minus).collect();
            format!("choices of {}: {}", change.field, all.join(", "))
        });
        let conditions = self
            .conditions
            .iter()
            .map(|key| format!("{key}: shows under another condition"));
        renamed
            .chain(removed)
            .chain(added)
            .chain(kinds)
            .chain(choices)
            .chain(conditions)
            .collect()
    }

    fn compare(&mut self, was: &FormField, is: &FormField) {
        let field = || is.key.clone();
        if was.kind != is.kind {
            self.kinds.push(KindChange {
                field: field(),
                from: was.kind.clone(),
                to: is.kind.clone(),
            });
        }
        let (added, removed) = (choices_without(is, was), choices_without(was, is));
        if !added.is_empty() || !removed.is_empty() {
            self.choices.push(ChoiceChange {
                field: field(),
                added,
                removed,
            });
        }
        if was.condition != is.condition {
            self.conditions.push(field());
        }
    }
}

fn missing_from<'f>(form: &'f Form, other: &Form) -> Vec<&'f FormField> {
    let is_there = |key: &str| other.fields.iter().any(|field| field.key == key);
    let missing = form.fields.iter().filter(|field| !is_there(&field.key));
    missing.collect()
}

fn a_renamed_pair<'f>(
    gone: &[&'f FormField],
    new: &[&'f FormField],
) -> Option<(&'f FormField, &'f FormField)> {
    gone.iter().find_map(|was| {
        let mut alike = new.iter().filter(|is| is_same_question(was, is));
        let first = alike.next()?;
        alike.next().is_none().then_some((*was, *first))
    })
}

/// The same label, or nearly the same key.
fn is_same_question(was: &FormField, is: &FormField) -> bool {
    let same = |a: &str, b: &str| !fold(a).is_empty() && fold(a) == fold(b);
    same(&was.label, &is.label)
        || same(&was.label_ar, &is.label_ar)
        || likeness(&fold(&was.key), &fold(&is.key)) >= RENAMED_LIKENESS
}

fn choices_without(field: &FormField, other: &FormField) -> Vec<String> {
    let has = |value: &str| other.options.iter().any(|option| option.value == value);
    let values = field.options.iter().map(|option| &option.value);
    values.filter(|value| !has(value)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FormCondition, FormOption};

    fn field(key: &str, label: &str, kind: &str) -> FormField {
        FormField {
            key: key.into(),
            label: label.into(),
            kind: kind.into(),
            ..FormField::default()
        }
    }

    fn form(fields: Vec<FormField>) -> Form {
        Form {
            name: "Loan".into(),
            fields,
        }
    }

    fn with_choices(mut field: FormField, choices: &[&str]) -> FormField {
        field.options = choices
            .iter()
            .map(|value| FormOption {
                value: (*value).into(),
                labels: Vec::new(),
            })
            .collect();
        field
    }

    #[test]
    fn every_change_that_a_mapping_could_stumble_over_is_told() {
        let mut hidden = field("spouse", "Spouse", "text");
        hidden.condition = Some(FormCondition {
            parent: "status".into(),
            value: "Married".into(),
        });
        let before = form(vec![
            field("fullName", "Full name", "text"),
            field("income", "Income", "text"),
            field("fax", "Fax", "text"),
            with_choices(field("city", "City", "dropdown"), &["Cairo", "Giza"]),
            field("spouse", "Spouse", "text"),
        ]);
        let now = form(vec![
            field("customerName", "Full Name", "text"),
            field("income", "Income", "number"),
            with_choices(field("city", "City", "dropdown"), &["Cairo", "Tanta"]),
            hidden,
            field("email", "E-mail", "text"),
        ]);
        let changes = FormChanges::between(&before, &now);
        assert_eq!(
            changes.lines(),
            [
                "renamed: fullName is customerName now",
                "removed: fax",
                "added: email",
                "income: text became number",
                "choices of city: + Tanta, - Giza",
                "spouse: shows under another condition",
            ]
        );
    }

    #[test]
    fn labels_and_order_change_nothing() {
        let before = form(vec![field("a", "A", "text"), field("b", "B", "text")]);
        let now = form(vec![field("b", "Bee", "text"), field("a", "Ay", "text")]);
        assert!(FormChanges::between(&before, &now).is_empty());
    }

    #[test]
    fn two_fields_that_could_be_the_same_are_no_rename() {
        let before = form(vec![field("x", "Job", "text")]);
        let now = form(vec![field("y", "Job", "text"), field("z", "Job", "text")]);
        let changes = FormChanges::between(&before, &now);
        assert_eq!(changes.renamed, []);
        assert_eq!((changes.removed.len(), changes.added.len()), (1, 2));
    }
}
