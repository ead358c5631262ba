//! A contract type's form: which field a header names, whether a mapping fits the form, and what changed between two answers
//! that describe the same form.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::diagnostics::ConfigProblem;
use super::header::parts;
use super::names::{did_you_mean, fold, fold_choice, likeness};
use super::value::Choices;
use crate::model::{ContractTypeId, Form, FormField, FormOption};

/// The form field that a header names: by its key, a label, or several of them side by side (`Full name (fullName)`).
/// None when no field, or more than one, answers to it.
pub(crate) fn form_field<'f>(header: &str, form: &'f Form) -> Option<&'f FormField> {
    let wanted = fold(header);
    let lines: Vec<String> = header
        .lines()
        .map(fold)
        .filter(|line| !line.is_empty())
        .collect();
    let pieces: Vec<String> = parts(header)
        .map(fold)
        .filter(|part| !part.is_empty())
        .collect();
    let names =
        |field: &FormField| [&field.key, &field.label, &field.label_ar].map(|name| fold(name));
    let all_name = |pieces: &[String], field: &FormField| {
        let names = names(field);
        !pieces.is_empty() && pieces.iter().all(|piece| names.contains(piece))
    };
    let fits: [&dyn Fn(&FormField) -> bool; 6] = [
        &|field| field.key == header,
        &|field| fold(&field.key) == wanted,
        &|field| !wanted.is_empty() && names(field).contains(&wanted),
        &|field| pieces.contains(&fold(&field.key)),
        &|field| all_name(&lines, field),
        &|field| all_name(&pieces, field),
    ];
    fits.iter().find_map(|fits| {
        let mut fitting = form.fields.iter().filter(|field| fits(field));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    })
}

/// The form of one contract type, or nothing to check against.
pub(crate) struct FormCheck<'a> {
    id: ContractTypeId,
    pub form: Option<&'a Form>,
}

impl<'a> FormCheck<'a> {
    pub fn new(id: ContractTypeId, forms: &'a BTreeMap<ContractTypeId, Form>) -> Self {
        FormCheck {
            id,
            form: forms.get(&id),
        }
    }

    pub fn field(&self, key: &str) -> Option<&'a FormField> {
        self.form?.fields.iter().find(|field| field.key == key)
    }

    /// Whether the form has this key, when there is a form.
    pub fn knows_key(&self, key: &Spanned<String>) -> Result<(), ConfigProblem> {
        let Some(form) = self.form else { return Ok(()) };
        if self.field(key.get_ref()).is_some() {
            return Ok(());
        }
        let message = format!("the form of contract type {} has no field `{key}`", self.id);
        Err(ConfigProblem::at(&key.span(), message).hint(nearest_key(key.get_ref(), form)))
    }

    /// The form's own text for a choice that the config writes out; the text itself where the form has no choices.
    pub fn own_text(
        &self,
        key: &str,
        written: &str,
        place: &Range<usize>,
    ) -> Result<String, ConfigProblem> {
        let options = self.options(key);
        let wanted = fold_choice(written);
        let answers = |option: &&FormOption| {
            let mut names = option.labels.iter().chain([&option.value]);
            names.any(|name| fold_choice(name) == wanted)
        };
        if options.is_empty() {
            return Ok(written.to_owned());
        }
        if let Some(option) = options.iter().find(answers) {
            return Ok(option.value.clone());
        }
        let message = format!("`{written}` is not among the form's choices of `{key}`");
        let values: Vec<&str> = options.iter().map(|option| option.value.as_str()).collect();
        let hint = did_you_mean(written, values.iter().copied())
            .unwrap_or_else(|| format!("its choices are: {}", values.join(", ")));
        Err(ConfigProblem::at(place, message).hint(hint))
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

    /// A note on the form's fields that no rule feeds. No error: nothing says which are required.
    pub fn unmapped(&self, fed: &[&str]) -> Option<String> {
        let keys = self.form?.fields.iter().map(|field| field.key.as_str());
        let missing: Vec<&str> = keys.filter(|key| !fed.contains(key)).collect();
        let (id, missing) = (self.id, missing.join(", "));
        let note = format!("Fields of contract type {id} that get no value: {missing}");
        (!missing.is_empty()).then_some(note)
    }

    fn options(&self, key: &str) -> &'a [FormOption] {
        self.field(key).map_or(&[], |field| &field.options)
    }
}

/// The key that a wrong one most resembles, also by its labels.
pub(crate) fn nearest_key(wrong: &str, form: &Form) -> String {
    let keys = || form.fields.iter().map(|field| field.key.as_str());
    did_you_mean(wrong, keys())
        .unwrap_or_else(|| format!("its fields are: {}", keys().collect::<Vec<_>>().join(", ")))
}

/// A removed and an added key this much alike are taken for one field under a new name.
const RENAMED_LIKENESS: f64 = 0.85;

/// Everything that a mapping could stumble over. Labels and order are left out: they decide nothing that is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct FormChanges {
    added: Vec<String>,
    removed: Vec<String>,
    renamed: Vec<Renamed>,
    kinds: Vec<KindChange>,
    choices: Vec<ChoiceChange>,
    conditions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct Renamed {
    from: String,
    to: String,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct KindChange {
    field: String,
    from: String,
    to: String,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct ChoiceChange {
    field: String,
    added: Vec<String>,
    removed: Vec<String>,
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
        let mut lines = Vec::new();
        for Renamed { from, to } in &self.renamed {
            lines.push(format!("renamed: {from} is {to} now"));
        }
        lines.extend(self.removed.iter().map(|key| format!("removed: {key}")));
        lines.extend(self.added.iter().map(|key| format!("added: {key}")));
        for KindChange { field, from, to } in &self.kinds {
            lines.push(format!("{field}: {from} became {to}"));
        }
        for change in &self.choices {
            let plus = change.added.iter().map(|choice| format!("+ {choice}"));
            let minus = change.removed.iter().map(|choice| format!("- {choice}"));
            let all: Vec<String> = plus.chain(minus).collect();
            lines.push(format!("choices of {}: {}", change.field, all.join(", ")));
        }
        let conditions = self.conditions.iter();
        lines.extend(conditions.map(|key| format!("{key}: shows under another condition")));
        lines
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
    use crate::model::FormCondition;

    /// `key label label_ar kind choice…`, parted by `|`.
    fn form(fields: &[&str]) -> Form {
        let field = |line: &&str| {
            let mut words = line.split('|').map(str::to_owned);
            let mut word = || words.next().unwrap_or_default();
            let (key, label, label_ar, kind) = (word(), word(), word(), word());
            let option = |value| FormOption {
                value,
                labels: Vec::new(),
            };
            FormField {
                key,
                label,
                label_ar,
                kind,
                options: words.map(option).collect(),
                condition: None,
            }
        };
        Form {
            name: "Loan".into(),
            fields: fields.iter().map(field).collect(),
        }
    }

    #[test]
    fn every_change_that_a_mapping_could_stumble_over_is_told_and_no_other() {
        let before = form(&[
            "fullName|Full name",
            "income|Income||text",
            "fax",
            "city|City||list|Cairo|Giza",
            "spouse",
            "x|Job",
        ]);
        let mut now = form(&[
            "spouse|Wife",
            "customerName|Full Name",
            "income|Income||number",
            "city|City||list|Cairo|Tanta",
            "email",
            "y|Job",
            "z|Job",
        ]);
        now.fields[0].condition = Some(FormCondition {
            parent: "status".into(),
            value: "Married".into(),
        });
        assert_eq!(
            FormChanges::between(&before, &now).lines(),
            [
                "renamed: fullName is customerName now",
                "removed: fax",
                "removed: x",
                "added: email",
                "added: y",
                "added: z",
                "income: text became number",
                "choices of city: + Tanta, - Giza",
                "spouse: shows under another condition",
            ]
        );
        let same = FormChanges::between(&form(&["a|A", "b|B"]), &form(&["b|Bee", "a|Ay"]));
        assert!(same.is_empty(), "labels and order change nothing");
    }

    #[test]
    fn headers_of_a_filled_template_name_form_fields() {
        let form = form(&[
            "fullName|Full name|الاسم بالكامل",
            "jobTitle|Job|الوظيفة",
            "spouseJob|Job|وظيفة الزوج",
            "monthlyIncome|Income (EGP)|الدخل (جنيه)",
        ]);
        for (header, key) in [
            ("fullName", Some("fullName")),
            ("full_name", Some("fullName")),
            ("الأسم بالكامل", Some("fullName")),
            ("Full name (fullName)", Some("fullName")),
            ("الاسم بالكامل\nFull name\nfullName", Some("fullName")),
            ("الدخل (جنيه)\nIncome (EGP)", Some("monthlyIncome")),
            ("Job", None),
            ("Job (spouseJob)", Some("spouseJob")),
            ("Branch", None),
        ] {
            let found = form_field(header, &form).map(|field| field.key.as_str());
            assert_eq!(found, key, "{header}");
        }
    }
}
