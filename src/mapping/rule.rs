//! What a mapping is made of once it is bound to a sheet's columns: rules with positions instead of names, everything
//! compiled that can be.

use std::collections::HashMap;

use super::template::Template;
use super::value::{Fault, Kind};
use crate::model::ContractTypeId;

/// A column that feeds one part of the recipient.
pub(crate) struct ColumnRule {
    pub index: usize,
    pub kind: Kind,
}

/// Which contract types a row is for.
pub(crate) enum ContractRule {
    /// The same for every row; sorted.
    Same(Vec<ContractTypeId>),
    /// The column holds the ids themselves.
    Ids { index: usize },
    /// The column holds words for them.
    Words { index: usize, words: ContractWords },
}

/// Words for contract types: as written, and folded where that stays unambiguous. The types are sorted.
#[derive(Default)]
pub(crate) struct ContractWords {
    pub exact: HashMap<String, Vec<ContractTypeId>>,
    pub folded: HashMap<String, Vec<ContractTypeId>>,
}

/// The form fields of one contract type.
#[derive(Default)]
pub(crate) struct FieldGroup {
    pub rules: Vec<FieldRule>,
    pub birth: Option<BirthCheck>,
}

/// How one form field gets its value.
pub(crate) struct FieldRule {
    pub key: String,
    pub source: RuleSource,
    pub kind: Kind,
    /// The form's own choices, when the type alone does not tell whether the value is among them.
    pub among: Option<Kind>,
    pub required: bool,
    pub default: Option<String>,
    pub condition: Option<Condition>,
    /// Why this column's values cannot be trusted: set when it contradicts itself.
    pub conflict: Option<Fault>,
}

/// Where the value comes from.
pub(crate) enum RuleSource {
    Column(usize),
    Template {
        template: Template,
        /// The positions of its columns, in its own order.
        columns: Vec<usize>,
    },
    Constant(String),
}

/// The field shows only when its parent has this value.
pub(crate) struct Condition {
    /// The parent's place in the group.
    pub parent: usize,
    /// The parent's value that shows the field.
    pub value: String,
    /// The same, folded.
    pub folded: String,
}

/// A national id and a birth date of the same contract type, which must agree.
pub(crate) struct BirthCheck {
    /// Their places in the group.
    pub national_id: usize,
    pub birth_date: usize,
    /// How the birth date is written.
    pub output: String,
}
