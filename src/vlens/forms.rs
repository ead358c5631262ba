//! Reads the API's answer that describes a contract type's form, fresh or from a copy saved by hand.
//!
//! The members' meaning is known, their types are not certain: whatever is missing or of another type counts as absent,
//! and unknown members are ignored.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::answer::{Envelope, as_integer, plain};
use crate::error::Error;
use crate::model::{Form, FormCondition, FormField, FormOption};

/// Under which names a choice may carry labels beside its `name`.
const CHOICE_LABELS: [&str; 4] = ["displayText", "displayArText", "arName", "nameAr"];

/// Reads the answer of `GetBusinessRequestTypeTemplateFields`: the whole envelope, or its `data` alone.
pub fn read_form(json: &str) -> Result<Form, Error> {
    let envelope = Envelope::parse(json.as_bytes()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        no_form(&format!(
            "it is no JSON object (line {line}, column {column})"
        ))
    })?;
    if envelope.is_error() {
        let message = envelope.message();
        let what = format!("it is an error that the API answered with ({message})");
        return Err(no_form(&what));
    }
    let data = envelope.into_data();
    let questions = &data["requestsFields"];
    if !questions.is_array() {
        return Err(no_form("it holds no list of fields (requestsFields)"));
    }
    let mut walk = Walk::default();
    walk.questions(questions, None);
    Ok(Form {
        name: label(&data["name"]),
        fields: walk.finish(),
    })
}

fn no_form(what: &str) -> Error {
    Error::of("form_unreadable", &[&what])
}

/// Where related questions hang: the parent's key, and its value when they hang below a choice. A mere heading has no key and is
/// no parent: what hangs on it hangs on whatever the heading hangs on.
type Parent<'a> = (&'a str, Option<&'a str>);

/// The tree of questions on its way to a flat list.
#[derive(Default)]
struct Walk {
    /// By their keys.
    fields: IndexMap<String, FormField>,
    /// A choice's text by the field's key and what names the choice there: its id, or, before another one's id, the text itself.
    choice_texts: HashMap<(String, String), String>,
}

impl Walk {
    /// JSON that is nested without end was refused when it was parsed.
    fn questions(&mut self, questions: &Value, parent: Option<Parent<'_>>) {
        for question in in_order(list(questions)) {
            let key = text(&question["key"]);
            if let Some(key) = &key {
                self.keep(FormField {
                    key: key.clone(),
                    label: label(&question["displayText"]),
                    label_ar: label(&question["displayArText"]),
                    kind: label(&question["type"]).to_lowercase(),
                    options: read_options(question),
                    condition: read_condition(question, parent),
                });
            }
            for choice in list(&question["availableValuesItems"]) {
                let value = text(&choice["name"]);
                let below = key.as_deref().map(|key| (key, value.as_deref()));
                self.questions(&choice["relatedQuestions"], below.or(parent));
                if let (Some(key), Some(id), Some(value)) = (&key, text(&choice["id"]), value) {
                    self.choice_texts.entry((key.clone(), id)).or_insert(value);
                }
            }
            let below = key.as_deref().map(|key| (key, None));
            self.questions(&question["relatedQuestions"], below.or(parent));
        }
    }

    /// The same question may hang below several choices: it is one field, and then shows under no single condition.
    fn keep(&mut self, field: FormField) {
        for FormOption { value, .. } in &field.options {
            let named = (field.key.clone(), value.clone());
            self.choice_texts.insert(named, value.clone());
        }
        let Some(known) = self.fields.get_mut(&field.key) else {
            self.fields.insert(field.key.clone(), field);
            return;
        };
        if known.condition != field.condition {
            known.condition = None;
        }
        for option in field.options {
            if !known.options.iter().any(|o| o.value == option.value) {
                known.options.push(option);
            }
        }
    }

    /// A condition that names a choice by its id gets the choice's text.
    fn finish(mut self) -> Vec<FormField> {
        let fields = self.fields.values_mut();
        for condition in fields.filter_map(|field| field.condition.as_mut()) {
            let named = (condition.parent.clone(), condition.value.clone());
            if let Some(text) = self.choice_texts.get(&named) {
                condition.value.clone_from(text);
            }
        }
        self.fields.into_values().collect()
    }
}

fn read_options(question: &Value) -> Vec<FormOption> {
    let mut options: Vec<FormOption> = Vec::new();
    for choice in list(&question["availableValuesItems"]) {
        if let Some(value) = text(&choice["name"]) {
            let labels = CHOICE_LABELS.iter().filter_map(|name| text(&choice[*name]));
            options.push(FormOption {
                labels: labels.filter(|label| *label != value).collect(),
                value,
            });
        }
    }
    for value in list(&question["availableValues"]).iter().filter_map(text) {
        let is_known = |o: &FormOption| o.value == value || o.labels.contains(&value);
        if !options.iter().any(is_known) {
            let labels = Vec::new();
            options.push(FormOption { value, labels });
        }
    }
    options
}

/// What the question says of its parent goes before where it hangs.
fn read_condition(question: &Value, hangs_on: Option<Parent<'_>>) -> Option<FormCondition> {
    let parent =
        text(&question["parentQuestionKey"]).or_else(|| hangs_on.map(|(key, _)| key.to_owned()))?;
    let hangs_under = hangs_on.and_then(|(key, value)| value.filter(|_| key == parent));
    let value =
        text(&question["parentQuestionValue"]).or_else(|| hangs_under.map(str::to_owned))?;
    Some(FormCondition { parent, value })
}

/// Siblings by their `order`; as they stand when one has none.
fn in_order(questions: &[Value]) -> Vec<&Value> {
    let order = |question: &&Value| as_integer(&question["order"]);
    let mut sorted: Vec<&Value> = questions.iter().collect();
    if sorted.iter().all(|question| order(question).is_some()) {
        sorted.sort_by_key(order);
    }
    sorted
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text as it is sent: a number or a truth value written out, surrounding space removed, nothing when empty.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    (!text.is_empty()).then_some(text)
}

/// A text that is only shown.
fn label(value: &Value) -> String {
    text(value).map_or(String::new(), |text| plain(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    /// Key, choices and condition of each field.
    fn told(form: &Form) -> Vec<String> {
        let field = |field: &FormField| {
            let mut told = field.key.clone();
            for option in &field.options {
                let names = [std::slice::from_ref(&option.value), &option.labels].concat();
                told = format!("{told}, {}", names.join("/"));
            }
            match &field.condition {
                Some(FormCondition { parent, value }) => format!("{told} if {parent} is {value}"),
                None => told,
            }
        };
        form.fields.iter().map(field).collect()
    }

    #[test]
    fn questions_of_every_kind_become_a_list_in_the_forms_order() {
        for (fields, expected) in rows::<(&str, Vec<&str>)>("vlens.questions") {
            let form = read_form(&format!(r#"{{"requestsFields":[{fields}]}}"#));
            assert_eq!(told(&form.expect(fields)), expected);
        }
        let field = r#"{"key":" k ","displayText":"Full\u202e name","displayArText":"الحالة","type":"Dropdown"}"#;
        let form = read_form(&format!(r#"{{"data":{{"requestsFields":[{field}]}}}}"#));
        let field = form.expect("a form").fields.remove(0);
        let told = [&*field.key, &*field.label, &*field.label_ar, &*field.kind];
        assert_eq!(told, ["k", "Full name", "الحالة", "dropdown"]);
    }

    #[test]
    fn copies_saved_by_hand_are_read() {
        let bare = r#"{"name":"N","requestsFields":[{"key":"k"}]}"#;
        for copy in rows::<&str>("vlens.copies") {
            let form = read_form(&copy.replace("BARE", bare)).expect(copy);
            assert_eq!((&*form.name, told(&form)), ("N", vec!["k".to_owned()]));
        }
    }

    #[test]
    fn what_is_no_form_is_refused_with_a_reason() {
        let deep = (0..80).fold(r#"{"key":"k"}"#.to_owned(), |inner, _| {
            format!(r#"{{"key":"k","relatedQuestions":[{inner}]}}"#)
        });
        let deep = format!(r#"{{"requestsFields":[{deep}]}}"#);
        let endless = "[".repeat(100_000);
        let more = [(&*endless, "no JSON"), (&*deep, "no JSON")];
        for (json, reason) in rows("vlens.no_forms").into_iter().chain(more) {
            let error = read_form(json).expect_err(json);
            assert_eq!(error.code, "form_unreadable");
            assert!(error.message.contains(reason), "{}", error.message);
        }
    }
}
