//! A contract type's form: which field a header names, whether a mapping fits the form, and what changed between two answers
//! that describe the same form.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use jiff::civil;

use super::header::parts;
use super::names::{Concept, WORDS, did_you_mean, fold, visible, words};
use super::value::Choices;
use crate::error::Error;
use crate::model::{ContractTypeId, FieldType, Form, FormCondition, FormField, FormOption, Note};

#[derive(Debug, Clone, Default)]
pub struct BindOptions {
    /// `--contract-type`: goes before the config and the headers.
    pub contract_types: Vec<ContractTypeId>,
    pub forms: BTreeMap<ContractTypeId, Form>,
    /// The sheet's file, as a person named it.
    pub file: String,
    pub user_public_key: Option<String>,
    /// Nobody is born later. No part of what a sheet is known by: a row that it refuses is looked at afresh.
    pub today: Option<civil::Date>,
}

/// The form field that a header names: by its key, a label, or several of them side by side (`Full name (fullName)`).
/// None when no field, or more than one, answers to it.
pub(crate) fn form_field<'f>(header: &str, form: &'f Form) -> Option<&'f FormField> {
    let wanted = fold(header);
    let (lines, pieces) = (folded(header.lines()), folded(parts(header)));
    let are_names = |pieces: &[String], field: &FormField| {
        let names = names_of(field).map(fold);
        !pieces.is_empty() && pieces.iter().all(|piece| names.contains(piece))
    };
    let fits: [&dyn Fn(&FormField) -> bool; 6] = [
        &|field| field.key == header,
        &|field| fold(&field.key) == wanted,
        &|field| !wanted.is_empty() && are_names(std::slice::from_ref(&wanted), field),
        &|field| pieces.contains(&fold(&field.key)),
        &|field| are_names(&lines, field),
        &|field| are_names(&pieces, field),
    ];
    fits.iter().find_map(|fits| {
        let mut fitting = form.fields.iter().filter(|field| fits(field));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    })
}

pub(super) fn names_of(field: &FormField) -> [&str; 3] {
    [&field.key, &field.label, &field.label_ar]
}

fn folded<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    texts.map(fold).filter(|text| !text.is_empty()).collect()
}

/// The form of one contract type, or nothing to check against.
pub(crate) struct TypeForm<'a> {
    /// None for contract types that only the rows know.
    id: Option<ContractTypeId>,
    form: Option<&'a Form>,
    all: &'a BTreeMap<ContractTypeId, Form>,
}

impl<'a> TypeForm<'a> {
    pub fn new(id: Option<ContractTypeId>, all: &'a BTreeMap<ContractTypeId, Form>) -> Self {
        let form = id.and_then(|id| all.get(&id));
        TypeForm { id, form, all }
    }

    pub fn field(&self, key: &str) -> Option<&'a FormField> {
        self.form?.field(key)
    }

    /// The key that a header means here: the form's own, else itself.
    pub fn key_of(&self, header: &str) -> String {
        let field = self.form.and_then(|form| form_field(header, form));
        field.map_or(header, |field| &field.key).to_owned()
    }

    pub fn type_of(&self, key: &str) -> FieldType {
        let unknown = FormField {
            key: key.to_owned(),
            ..FormField::default()
        };
        type_of(self.field(key).unwrap_or(&unknown))
    }

    /// What is wrong with a key that the form lacks, when there is a form; where `whose` place it is.
    pub fn unknown(&self, key: &str, whose: &str) -> Option<Error> {
        // What the form itself has goes out as it is.
        let Some((id, form)) = self.id.zip(self.form) else {
            return (visible(key) != key).then(|| Error::of("config_invalid.no_key", &[]));
        };
        let keys = || form.fields.iter().map(|field| field.key.as_str());
        if form.field(key).is_some() {
            return None;
        }
        let all = || format!("its fields are: {}", keys().collect::<Vec<_>>().join(", "));
        let hint = did_you_mean(key, keys()).unwrap_or_else(all);
        Some(Error::of("config_invalid.no_field", &[&id, &whose, &hint]))
    }

    /// The same of a column that is a field by its header.
    pub fn unknown_header(&self, key: &str, placed: &str, header: &str) -> Option<Error> {
        let told = self.unknown(key, &format!("for the column {placed}"))?;
        let mut others = self.all.iter();
        let owner = others.find(|(_, form)| form_field(key, form).is_some());
        let hint = told.hint.as_deref().unwrap_or_default();
        Some(match owner {
            Some((id, _)) => Error::of("config_invalid.field_of_another", &[&told, id, &key]),
            None => Error::of("config_invalid.field_of_none", &[&told, &hint, &header]),
        })
    }

    /// The form's choices of a field; none when it is free.
    pub fn choices(&self, key: &str) -> Option<Choices> {
        let field = self.field(key).filter(|field| !field.options.is_empty());
        field.map(|field| Choices::new(choice_pairs(field)))
    }

    /// A note on the form's fields that nothing feeds. No error: nothing says which are required.
    pub fn unmapped(&self, is_fed: impl Fn(&str) -> bool) -> Option<Note> {
        let missing = self.form?.fields.iter().filter(|field| !is_fed(&field.key));
        // Where the form speaks Arabic alone, its keys say nothing to who fills it in.
        let shown = missing.map(|field| match names_of(field) {
            [key, "", label] | [key, label, _] if !label.is_ascii() => format!("{key} ({label})"),
            [key, ..] => key.to_owned(),
        });
        let missing: Vec<String> = shown.collect();
        let (id, missing) = (self.id?, missing.join(", "));
        (!missing.is_empty()).then_some(Note::of("fields_empty", &[&id, &missing]))
    }
}

/// What people may write for a field's choices, and what is sent for it.
pub(crate) fn choice_pairs(field: &FormField) -> Vec<(String, String)> {
    let pairs = field.options.iter().flat_map(|option| {
        let labels = option.labels.iter().chain([&option.value]);
        labels.map(|label| (label.clone(), option.value.clone()))
    });
    pairs.collect()
}

/// What a field's values must be, by the form and by the words of its key and labels: the one place that says so, for a sheet
/// whose headers are the keys, for what `init` writes, and for the cells of a template.
pub fn type_of(field: &FormField) -> FieldType {
    let by_words = concept_of(field).map_or(FieldType::Text, |concept| concept.field_type);
    let is_numeric = WORDS.number_kinds.contains(&field.kind);
    match (by_words, field.kind.as_str()) {
        _ if !field.options.is_empty() => FieldType::Choice,
        (FieldType::Text | FieldType::Number, "date") => FieldType::Date,
        (FieldType::Text, _) if is_numeric && !holds_digits(field) => FieldType::Number,
        _ => by_words,
    }
}

/// What a field is about, by the words of its key and labels; of what is not text, whether or not they say whose it is.
pub(super) fn concept_of(field: &FormField) -> Option<&'static Concept> {
    let known = names_of(field).into_iter();
    let known = known.flat_map(|name| [name].into_iter().chain(parts(name)));
    let known: Vec<&str> = known.collect();
    let without_owner: Vec<String> = known.iter().map(|name| without_owner(name)).collect();
    let names = folded(known.into_iter());
    let is_about = |concept: &&Concept| {
        let is_typed = concept.field_type != FieldType::Text;
        let says = |name| names.contains(&name) || is_typed && without_owner.contains(&name);
        let mut known = concept.names.iter().chain([&concept.key]);
        known.any(|known| says(fold(known)))
    };
    WORDS.concepts.iter().find(is_about)
}

/// `Customer's national ID` as it folds without the customer.
fn without_owner(name: &str) -> String {
    let mut words = words(name);
    words.retain(|word| {
        let bare = word.strip_prefix("ال").unwrap_or(word);
        !WORDS.customers.contains(word) && !WORDS.customers.contains(bare)
    });
    words.concat()
}

/// Whether a word of the key or a label says that its digits are no number.
fn holds_digits(field: &FormField) -> bool {
    let mut words = names_of(field).into_iter().flat_map(words);
    words.any(|word| WORDS.digits_that_are_text.contains(&word))
}

/// Everything that a mapping could stumble over between two answers that describe the same form, a line each.
pub fn form_changes(before: &Form, now: &Form) -> Vec<String> {
    let [before, now] = [before, now].map(facts);
    let gone = before.difference(&now);
    let come = now.difference(&before);
    let gone = gone.map(|fact| format!("removed: {fact}"));
    gone.chain(come.map(|fact| format!("added: {fact}")))
        .collect()
}

/// What a mapping meets of a form. Labels and order are left out: they decide nothing that is sent.
fn facts(form: &Form) -> IndexSet<String> {
    let mut facts = IndexSet::new();
    for field in &form.fields {
        let key = &field.key;
        facts.insert(format!("{key} ({})", field.kind));
        for FormOption { value, .. } in &field.options {
            facts.insert(format!("{key}: the choice {value}"));
        }
        if let Some(FormCondition { parent, value }) = &field.condition {
            facts.insert(format!("{key}: shows where {parent} is {value}"));
        }
    }
    facts
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::Column;
    use crate::tables::rows;

    /// `key label label_ar kind choice…`, parted by `|`.
    pub(crate) fn form(fields: &[&str]) -> Form {
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

    /// A sheet's columns by their headers.
    pub(crate) fn columns(headers: &[&str]) -> Vec<Column> {
        let column = |(index, name): (usize, &&str)| Column {
            name: (*name).to_owned(),
            index,
            is_hidden: false,
        };
        headers.iter().enumerate().map(column).collect()
    }

    #[test]
    fn every_change_that_a_mapping_could_stumble_over_is_told_and_no_other() {
        let before = form(&rows::<&str>("form.before"));
        let mut now = form(&rows::<&str>("form.now"));
        now.fields[0].condition = Some(FormCondition {
            parent: "status".into(),
            value: "Married".into(),
        });
        let changes = rows::<&str>("form.changes");
        assert_eq!(form_changes(&before, &now), changes);
        let same = form_changes(&form(&["a|A", "b|B"]), &form(&["b|Bee", "a|Ay"]));
        assert!(same.is_empty(), "labels and order change nothing");
    }

    #[test]
    fn what_a_field_holds_follows_from_its_words_whoever_they_speak_of() {
        for (label, due) in rows::<(&str, &str)>("form.types") {
            let found = type_of(&form(&[&format!("f1|{label}||text")]).fields[0]);
            assert_eq!(serde_json::json!(found), due, "{label}");
        }
    }

    #[test]
    fn headers_of_a_filled_template_name_form_fields() {
        let form = form(&[
            "fullName|Full name|الاسم بالكامل",
            "jobTitle|Job|الوظيفة",
            "spouseJob|Job|وظيفة الزوج",
            "monthlyIncome|Income (EGP)|الدخل (جنيه)",
        ]);
        for (header, key) in rows::<(&str, &str)>("form.headers") {
            let found = form_field(header, &form).map_or("none", |field| &field.key);
            assert_eq!(found, key, "{header}");
        }
    }
}
