//! Which contract types a sheet is for: as a person said, as a column tells, as headers name them, or the only form there is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::goals::{ColumnGuess, Target};
use super::headers::{NameWords, all};
use crate::mapping::form::form_field;
use crate::mapping::header::{HeaderTypes, parts};
use crate::mapping::names::{fold, western_digits};
use crate::mapping::value::parts_of;
use crate::mapping::words::{Role, WORDS};
use crate::model::{ContractTypeId, Form};

/// A column with more different values than this is no list of products.
const MOST_PRODUCTS: usize = 30;

#[derive(Debug, Clone, Default, Serialize)]
pub struct Contract {
    /// The same for every row; none when a column tells, or nobody does.
    pub types: Vec<ContractTypeId>,
    /// The different values of that column, with what they mean where that is known.
    pub words: Vec<(String, Option<ContractTypeId>)>,
}

impl Contract {
    /// A person's word (`named`) goes before a column, which is taken, a column before the only form that there is. A column that
    /// tells contract types is never left out: that its words are not all known makes it a question.
    pub(super) fn of(
        columns: &mut [ColumnGuess],
        named: &[ContractTypeId],
        forms: &BTreeMap<ContractTypeId, Form>,
        header_types: &HeaderTypes,
    ) -> Contract {
        let mut contract = Contract::default();
        let headers = columns.iter().map(ColumnGuess::header);
        let explicit = headers.filter_map(|header| Some(header_types.explicit_key(header)?.0));
        let explicit: BTreeSet<ContractTypeId> = explicit.collect();
        let naming = columns.iter_mut().rev();
        let naming = naming.filter_map(|column| Some((Naming::of(column, forms)?, column)));
        if !named.is_empty() {
            contract.types = named.to_vec();
        // Of several columns that tell it alike, the first.
        } else if let Some((best, column)) = naming.max_by_key(|(naming, _)| *naming) {
            let words = column.profile.distinct.iter();
            let words = words.map(|word| (word.clone(), meaning(word, forms, best)));
            contract.words = words.collect();
            column.take(&Target::Role(Role::ContractType), 0);
        } else if explicit.is_empty() && forms.len() == 1 {
            contract.types = forms.keys().copied().collect();
        } else {
            contract.types = explicit.into_iter().collect();
        }
        contract
    }

    /// Whether nobody has said yet what all values of the column mean.
    pub(super) fn is_open(&self) -> bool {
        self.words.iter().any(|(_, id)| id.is_none())
    }

    pub(super) fn known(&self) -> BTreeSet<ContractTypeId> {
        let meant = self.words.iter().filter_map(|(_, id)| *id);
        self.types.iter().copied().chain(meant).collect()
    }

    /// Whether the cells hold the contract types' own numbers, so that nothing has to say what they mean.
    pub(super) fn is_told_by_numbers(&self) -> bool {
        let mut words = self.words.iter();
        words.all(|(word, id)| id.is_some() && number(word) == *id)
    }
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
        let concept = WORDS.concept(&Role::ContractType.names()[0])?;
        let pieces: Vec<NameWords> = all([header].into_iter().chain(parts(header)));
        let is_one = |names: &[String]| pieces.iter().any(|words| words.say(&all(names)));
        if profile.is_filled && is_one(&concept.names) {
            return Some(Naming::Name);
        }
        let values = &profile.distinct;
        let others = profile.phone.max(profile.email);
        let others = others.max(profile.national_id).max(profile.date);
        let is_short = (1..=MOST_PRODUCTS).contains(&values.len()) && others < 0.5;
        let is_list = is_short || profile.is_unread();
        let is_field = |form: &Form| form_field(header, form).is_some();
        if !is_list || forms.values().any(is_field) {
            return None;
        }
        let are_words = profile.words >= 0.5 && profile.known_choices() < 0.5;
        let differs = profile.is_unread() || (values.len() >= 2 && are_words);
        let mut called = values.iter().filter_map(|value| form_called(value, forms));
        if called.next().is_some() {
            Some(Naming::Value)
        } else if pieces.iter().any(|words| words.has_one_of(&WORDS.products))
            || (are_words && is_one(&WORDS.product_names))
        {
            Some(Naming::Product)
        } else {
            (differs && is_one(&concept.weak)).then_some(Naming::List)
        }
    }
}

fn number(word: &str) -> Option<ContractTypeId> {
    western_digits(word).parse().ok()
}

/// The contract type that a value names, by its number or by words.
fn meaning(
    word: &str,
    forms: &BTreeMap<ContractTypeId, Form>,
    naming: Naming,
) -> Option<ContractTypeId> {
    let id = number(word).filter(|id| naming == Naming::Name || forms.contains_key(id));
    id.or_else(|| form_called(word, forms))
}

/// The form that is called so, or by each of its names that stand in one cell (`قرض شخصي / Personal loan`): none may be another's.
fn form_called(value: &str, forms: &BTreeMap<ContractTypeId, Form>) -> Option<ContractTypeId> {
    let called = |name: &str| {
        let name = fold(name);
        let is_called = move |form: &Form| !name.is_empty() && fold(&form.name) == name;
        let forms = forms.iter().filter(move |(_, form)| is_called(form));
        forms.map(|(id, _)| *id)
    };
    let mut named: Vec<ContractTypeId> = called(value).collect();
    if named.is_empty() {
        named = parts_of(value).flat_map(called).collect();
    }
    match named[..] {
        [only] => Some(only),
        _ => None,
    }
}
