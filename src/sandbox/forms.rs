//! The two sample contract types. Their forms are data, in `forms/`, in the shape in which the vendor describes forms.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use crate::error::Error;

const EMBEDDED: [(i64, &str); 2] = [
    (414, include_str!("forms/414.json")),
    (415, include_str!("forms/415.json")),
];

/// The contract types that the sandbox knows.
pub(super) struct Forms {
    known: BTreeMap<i64, Form>,
    any: bool,
}

struct Form {
    template: Value,
    keys: HashSet<String>,
}

impl Forms {
    /// The embedded samples. `any`: other contract types and keys are as good.
    pub(super) fn embedded(any: bool) -> Result<Self, Error> {
        let known = EMBEDDED
            .iter()
            .map(|&(id, text)| {
                let template: Value = serde_json::from_str(text).map_err(|error| {
                    Error::unusable(
                        "sandbox_form",
                        format!("The sandbox's form {id} is damaged: {error}."),
                    )
                })?;
                let mut keys = HashSet::new();
                collect_keys(&template, &mut keys);
                Ok((id, Form { template, keys }))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Forms { known, any })
    }

    pub(super) fn knows(&self, id: i64) -> bool {
        self.any || self.known.contains_key(&id)
    }

    /// Whether a form has a field of that key, at any depth.
    pub(super) fn has_field(&self, id: i64, key: &str) -> bool {
        let has = |form: &Form| form.keys.contains(key);
        self.any || self.known.get(&id).is_some_and(has)
    }

    /// The answer of `GetBusinessRequestTypeTemplateFields`.
    pub(super) fn template(&self, id: i64) -> Option<&Value> {
        self.known.get(&id).map(|form| &form.template)
    }

    /// The answer of `GetAllRequestTypes`.
    pub(super) fn list(&self) -> Value {
        self.known
            .iter()
            .map(|(id, form)| {
                let name = form.template.get("name");
                json!({"id": id, "name": name, "type": 1, "typeName": "Contract"})
            })
            .collect()
    }
}

/// Every `key` in the tree of questions. The tree is ours, so its depth needs no guard.
fn collect_keys(node: &Value, keys: &mut HashSet<String>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        Value::Object(members) => {
            if let Some(Value::String(key)) = members.get("key") {
                keys.insert(key.clone());
            }
            members
                .values()
                .for_each(|member| collect_keys(member, keys));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_the_fields_that_the_samples_fill() {
        let forms = Forms::embedded(false).unwrap();
        for id in [414, 415] {
            for key in [
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
            ] {
                assert!(forms.has_field(id, key), "{id}.{key}");
            }
            assert!(!forms.has_field(id, "fullname"), "casing counts");
            assert_eq!(forms.template(id).unwrap()["id"], id);
        }
        assert!(!forms.knows(416));
    }

    #[test]
    fn every_field_has_both_labels_and_every_dropdown_its_choices() {
        fn visit(field: &Value) {
            let key = &field["key"];
            for member in ["displayText", "displayArText", "type"] {
                assert!(
                    field[member].as_str().is_some_and(|text| !text.is_empty()),
                    "{key} {member}"
                );
            }
            let names: Vec<&Value> = items(field, "availableValuesItems")
                .map(|item| &item["name"])
                .collect();
            assert_eq!(
                names,
                items(field, "availableValues").collect::<Vec<_>>(),
                "{key}"
            );
            assert_eq!(field["type"] == "dropdown", !names.is_empty(), "{key}");
            items(field, "availableValuesItems")
                .flat_map(|item| items(item, "relatedQuestions"))
                .for_each(visit);
            items(field, "relatedQuestions").for_each(visit);
        }
        fn items<'a>(node: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
            node[member].as_array().into_iter().flatten()
        }
        let forms = Forms::embedded(false).unwrap();
        for id in [414, 415] {
            items(forms.template(id).unwrap(), "requestsFields").for_each(visit);
        }
    }
}
