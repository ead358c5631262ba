//! Which contract types a sheet is for: as a person said, as a column tells, as headers name them, or the only form there is.

use std::collections::BTreeMap;

use super::goals::{CONTRACT_TYPE, ColumnGuess};
use super::headers::{Words, all};
use crate::mapping::form::form_field;
use crate::mapping::header::{HeaderTypes, parts};
use crate::mapping::names::fold;
use crate::mapping::value::parts_of;
use crate::mapping::words::WORDS;
use crate::model::{ContractTypeId, Form};

/// A column with more different values than this is no list of products.
const MOST_PRODUCTS: usize = 30;

/// What is known of the contract types.
#[derive(Debug, Clone, Default)]
pub(super) struct Contract {
    /// The same for every row.
    pub types: Vec<ContractTypeId>,
    /// The place of the column that tells.
    pub column: Option<usize>,
    /// The different values of that column, with what they mean where that is known.
    pub words: Vec<(String, Option<ContractTypeId>)>,
}

impl Contract {
    /// A person's word (`named`) goes before a column, a column before the only form that there is. A column that tells contract
    /// types is never left out: that its words are not all known makes it a question.
    pub fn of(
        columns: &[ColumnGuess],
        named: &[ContractTypeId],
        forms: &BTreeMap<ContractTypeId, Form>,
        header_types: &HeaderTypes,
    ) -> Contract {
        if !named.is_empty() {
            return Contract::same(named.to_vec());
        }
        let naming = columns.iter().map(|column| Naming::of(column, forms));
        let naming = naming.enumerate().filter_map(|(at, it)| Some((it?, at)));
        // Of several that tell it alike, the first.
        if let Some((best, column)) = naming.rev().max_by_key(|(naming, _)| *naming) {
            let words = columns[column].profile.distinct.iter();
            let words = words.map(|word| (word.clone(), meaning(word, forms, best)));
            return Contract {
                column: Some(column),
                words: words.collect(),
                ..Contract::default()
            };
        }
        let headers = columns.iter().map(ColumnGuess::header);
        let explicit = headers.filter_map(|header| Some(header_types.explicit_key(header)?.0));
        match (sorted(explicit), forms.keys()) {
            (named, ids) if named.is_empty() && ids.len() == 1 => {
                Contract::same(ids.copied().collect())
            }
            (named, _) => Contract::same(named),
        }
    }

    fn same(types: Vec<ContractTypeId>) -> Contract {
        Contract {
            types,
            ..Contract::default()
        }
    }

    /// Those that rows may have; none: any.
    pub fn possible(&self) -> Vec<ContractTypeId> {
        if self.words.iter().any(|(_, id)| id.is_none()) {
            return Vec::new();
        }
        self.known()
    }

    /// Those that are known so far.
    pub fn known(&self) -> Vec<ContractTypeId> {
        let meant = self.words.iter().filter_map(|(_, id)| *id);
        sorted(self.types.iter().copied().chain(meant))
    }

    /// Whether the cells hold the contract types' own numbers, so that nothing has to say what they mean.
    pub fn is_told_by_numbers(&self) -> bool {
        let mut words = self.words.iter();
        words.all(|(word, id)| id.is_some() && word.parse().ok() == *id)
    }
}

fn sorted(ids: impl Iterator<Item = ContractTypeId>) -> Vec<ContractTypeId> {
    let mut ids: Vec<ContractTypeId> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// How a column shows that it tells the contract type; the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    /// Its header may mean it, and its values differ as those of a list do.
    List,
    /// Its header speaks of products.
    Product,
    /// A form is called as one of its values.
    Value,
    /// Its header says so.
    Name,
}

impl Naming {
    fn of(column: &ColumnGuess, forms: &BTreeMap<ContractTypeId, Form>) -> Option<Naming> {
        let (header, profile) = (column.header(), &column.profile);
        let concept = WORDS.concept(CONTRACT_TYPE)?;
        let pieces: Vec<Words> = all([header].into_iter().chain(parts(header)));
        let is_one = |names: &[String]| {
            let names = all(names);
            let is_name = |words: &Words| names.iter().any(|name| name.joined == words.joined);
            pieces.iter().any(is_name)
        };
        if profile.count > 0 && is_one(&concept.names) {
            return Some(Naming::Name);
        }
        let values = &profile.distinct;
        let is_list = (1..=MOST_PRODUCTS).contains(&values.len())
            && profile.phone.max(profile.email) < 0.5
            && profile.national_id.max(profile.date) < 0.5;
        if !is_list
            || forms
                .values()
                .any(|form| form_field(header, form).is_some())
        {
            return None;
        }
        let differs = values.len() >= 2 && profile.words >= 0.5 && profile.known_choices() < 0.5;
        if values
            .iter()
            .any(|value| form_called(value, forms).is_some())
        {
            Some(Naming::Value)
        } else if pieces.iter().any(|words| words.has_one_of(&WORDS.products)) {
            Some(Naming::Product)
        } else if differs && is_one(&concept.weak) {
            Some(Naming::List)
        } else {
            None
        }
    }
}

/// The contract type that a value names, by its number or by words.
fn meaning(
    word: &str,
    forms: &BTreeMap<ContractTypeId, Form>,
    naming: Naming,
) -> Option<ContractTypeId> {
    let id = word.parse().ok();
    let id = id.filter(|id| naming == Naming::Name || forms.contains_key(id));
    id.or_else(|| form_called(word, forms))
}

/// The form that is called so, or by each of its names that stand in one cell (`قرض شخصي / Personal loan`): none may be another's.
fn form_called(value: &str, forms: &BTreeMap<ContractTypeId, Form>) -> Option<ContractTypeId> {
    let called = |name: &str| {
        let name = fold(name);
        let forms = forms.iter();
        forms.filter(move |(_, form)| fold(&form.name) == name && !name.is_empty())
    };
    let mut named: Vec<ContractTypeId> = called(value).map(|(id, _)| *id).collect();
    if named.is_empty() {
        named = parts_of(value)
            .flat_map(called)
            .map(|(id, _)| *id)
            .collect();
    }
    match named[..] {
        [only] => Some(only),
        _ => None,
    }
}
