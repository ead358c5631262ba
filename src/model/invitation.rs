//! What one valid row becomes, and the form whose fields it fills.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The vendor's number for a contract type, such as 414.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContractTypeId(pub i64);

impl fmt::Display for ContractTypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As people write it: a number from 1 on.
impl FromStr for ContractTypeId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.parse() {
            Ok(id @ 1..) => Ok(ContractTypeId(id)),
            _ => Err(()),
        }
    }
}

/// An invitation to be created: its identity, and the exact bytes of the request body. It holds personal data, so it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    pub key: CustomerKey,
    pub addresses: Addresses,
    /// Sorted, without repetition.
    pub contract_types: Vec<ContractTypeId>,
    /// The JSON body of the request, exactly as it is sent.
    pub body: String,
}

/// Phone, e-mail, or both.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Recipient {
    /// E.164, such as `+201012345678`.
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// Computed from what makes two rows the same invitation, never from the run or the row number, so that a re-sorted file meets its own
/// history: as much of the SHA-256 of the identity's canonical text as is kept, so that even among a thousand million no two are taken
/// for one.
pub type CustomerKey = [u8; 16];

/// Names a request in the team's register, before that has heard of it.
pub type RequestName = [u8; 16];

/// The keys by phone and by e-mail, each with the contract types; the first that is there is the customer's unless other columns tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Addresses {
    pub phone: Option<CustomerKey>,
    pub email: Option<CustomerKey>,
}

impl Addresses {
    /// What a customer who is known by `key`, his phone's, was known by before that was there, and is once it is gone: the e-mail alone.
    pub fn email_behind(&self, key: CustomerKey) -> Option<CustomerKey> {
        self.email.filter(|_| self.phone == Some(key))
    }
}

/// Whom an invitation is for, as others can know him again. It holds personal data, so it does not print itself.
pub struct Customer {
    pub key: CustomerKey,
    /// The columns that tell customers apart by this key: whom others told apart is known by the body.
    pub told_by: String,
    pub addresses: Addresses,
    /// The request's body; empty once purged.
    pub body: String,
}

/// The form of one contract type: every field of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Empty where the vendor gave none.
    pub name: String,
    /// In the form's order, the tree of related questions flattened.
    pub fields: Vec<FormField>,
}

impl Form {
    pub fn field(&self, key: &str) -> Option<&FormField> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// What a field's values must be. Its name is the mapping's `type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FieldType {
    #[default]
    Text,
    Number,
    Date,
    Phone,
    Email,
    Choice,
    Boolean,
    EgyptNationalId,
}

/// A cell with this text in a column left out (`#`, `_…`) marks a template's example row, which is never sent.
pub const EXAMPLE_MARKER: &str = "example / مثال";

/// Whom a template's example names, by what a key ends in. Nobody of them exists.
pub const EXAMPLE_PERSON: [(&str, &str); 7] = [
    ("spousename", "Ahmed Samir"),
    ("guarantorname", "Hany Fathy"),
    ("name", "Mona Adel"),
    ("nationalid", "29001011234567"),
    ("email", "mona@example.com"),
    ("phone", "01012345678"),
    ("mobile", "01012345678"),
];

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormField {
    /// The key under which a value is sent in `RequestFieldsValues`.
    pub key: String,
    pub label: String,
    pub label_ar: String,
    /// The vendor's word for the kind of field (an open list: `text`, `number`, `date`, `dropdown`, …), in lower case.
    pub kind: String,
    /// The choices, empty when the field is free.
    pub options: Vec<FormOption>,
    pub condition: Option<FormCondition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormOption {
    /// The text to send.
    pub value: String,
    /// Other labels that a person may write for the same choice (the Arabic one, say).
    pub labels: Vec<String>,
}

/// A conditional field shows where the field `parent` has this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormCondition {
    pub parent: String,
    pub value: String,
}
