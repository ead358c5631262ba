//! A contract type and its form, as the vendor describes it.

use std::fmt;

/// The vendor's number for a contract type, such as 414.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ContractTypeId(pub i64);

impl fmt::Display for ContractTypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The form of one contract type: every field of it, parents before their conditional children.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// The contract type's name, when the answer gave one.
    pub name: String,
    /// All fields in the form's order, the tree of related questions flattened.
    pub fields: Vec<FormField>,
}

/// One field of a contract type's form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormField {
    /// The key under which a value is sent in `RequestFieldsValues`.
    pub key: String,
    /// The English label.
    pub label: String,
    /// The Arabic label.
    pub label_ar: String,
    /// The vendor's word for the kind of field (an open list: `text`, `number`, `date`, `dropdown`, …), in lower case.
    pub kind: String,
    /// The choices, empty when the field is free.
    pub options: Vec<FormOption>,
    /// The parent's key and the parent's value under which this field shows.
    pub condition: Option<FormCondition>,
}

/// One choice of a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormOption {
    /// The text to send.
    pub value: String,
    /// Other labels that a person may write for the same choice (the Arabic one, say).
    pub labels: Vec<String>,
}

/// When a conditional field shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormCondition {
    /// The parent field's key.
    pub parent: String,
    /// The parent's value that shows this field.
    pub value: String,
}
