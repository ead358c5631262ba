//! The words that people write in sheets: `words.toml`, read once.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use strum::Display;

use super::names::{fold, fold_choice};
use crate::model::FieldType;

pub(crate) static WORDS: LazyLock<Words> = LazyLock::new(|| {
    toml::from_str(include_str!("words.toml"))
        .expect("words.toml belongs to the program and a test reads it")
});

/// What each list is for stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub roles: HashMap<Role, Vec<String>>,
    pub follow: Follow,
    pub secrets: Vec<String>,
    pub nothing: HashSet<String>,
    pub yes: HashSet<String>,
    pub no: HashSet<String>,
    pub months: Vec<Vec<String>>,
    pub currencies: Vec<Vec<HashSet<String>>>,
    pub totals: Vec<String>,
    pub sections: Vec<String>,
    pub ends: Vec<String>,
    pub signatures: Vec<String>,
    /// Folded, within a folded name.
    pub births: Vec<String>,
    pub scales: HashSet<String>,
    pub noise: HashSet<String>,
    pub preferred: HashSet<String>,
    pub newer: HashSet<String>,
    pub stages: HashSet<String>,
    pub customers: HashSet<String>,
    pub beneficiaries: HashSet<String>,
    pub bare_numbers: HashSet<String>,
    pub reach: HashSet<String>,
    pub other_people: HashSet<String>,
    pub companies: HashSet<String>,
    pub products: HashSet<String>,
    pub product_names: Vec<String>,
    pub mobiles: Vec<String>,
    pub number_kinds: HashSet<String>,
    pub digits_that_are_text: HashSet<String>,
    pub alternatives: HashSet<String>,
    pub bare_names: HashSet<String>,
    pub nicknames: HashSet<String>,
    pub titles: HashSet<String>,
    pub name_parts: Vec<Vec<String>>,
    pub address_parts: Vec<String>,
    pub other_columns: Vec<String>,
    pub choices: Vec<Vec<String>>,
    pub abbreviations: HashMap<String, String>,
    pub concepts: Vec<Concept>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[strum(to_string = "the recipient's phone")]
    Phone,
    #[strum(to_string = "the recipient's e-mail")]
    Email,
    #[strum(to_string = "the contract type")]
    ContractType,
}

impl Role {
    /// The headers of the role's column; the first is the API's own and wins over the others.
    pub(crate) fn names(self) -> &'static [String] {
        &WORDS.roles[&self]
    }
}

/// Of a file that tells how far contracts are: headers, the telling ones first, and words for a signed contract.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Follow {
    pub stage: Vec<String>,
    pub at: Vec<String>,
    pub signed: Vec<String>,
}

/// One thing that a column may be about: what each member is stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Concept {
    /// Sent when no form says otherwise.
    pub key: String,
    #[serde(default, rename = "type")]
    pub field_type: FieldType,
    #[serde(default)]
    pub is_words: bool,
    #[serde(default)]
    pub shown: bool,
    pub names: Vec<String>,
    #[serde(default)]
    pub weak: Vec<String>,
}

impl Words {
    pub fn concept(&self, key: &str) -> Option<&Concept> {
        self.concepts.iter().find(|concept| concept.key == key)
    }
}

pub(crate) fn names_a_birth_date(name: &str) -> bool {
    let folded = fold(name);
    let mut words = WORDS.births.iter();
    matches!(&*folded, "dob" | "d.o.b" | "d.o.b.") || words.any(|word| folded.contains(word))
}

/// The kind of money that a word names, as a bit from the second on; of a word that says whose it is (`KWD`), one more behind those.
pub(crate) fn currency_of(text: &str) -> Option<u64> {
    let word = fold_choice(text);
    let kinds = WORDS.currencies.iter().enumerate();
    let of_kind = |(kind, names): (usize, &'static Vec<_>)| names.iter().map(move |it| (kind, it));
    let mut all = kinds.flat_map(of_kind).enumerate();
    let is_named = |words: &HashSet<String>| !word.is_empty() && words.contains(&word);
    let (at, (kind, words)) = all.find(|(_, (_, words))| is_named(words))?;
    let is_bare = WORDS.currencies[kind].first() == Some(words);
    let owner = if is_bare {
        0
    } else {
        2 << WORDS.currencies.len() << at
    };
    Some(2 << kind | owner)
}
