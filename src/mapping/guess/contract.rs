//! Which contract types a sheet is for: as a person said, as a column tells, as headers name them, or the only form there is.

use std::collections::BTreeMap;

use super::fit::CONTRACT_TYPE;
use super::headers::{Words, all};
use super::profile::Profile;
use crate::mapping::form::form_field;
use crate::mapping::header::{HeaderTypes, parts};
use crate::mapping::names::fold;
use crate::mapping::words::WORDS;
use crate::model::{ContractTypeId, Form};

/// A column with more different values than this is no list of products.
const MOST_PRODUCTS: usize = 30;

/// What is known beside the sheet.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The contract types that a person named.
    pub types: &'a [ContractTypeId],
    /// The forms that are stored.
    pub forms: &'a BTreeMap<ContractTypeId, Form>,
    /// The country of national phone numbers.
    pub country: &'a str,
}

/// A header, and what stands below it.
pub(super) type Headed<'a> = (&'a str, &'a Profile);

/// What is known of the contract types.
#[derive(Default)]
pub(super) struct Contract {
    /// The same for every row.
    pub same: Vec<ContractTypeId>,
    /// Those that rows may have; none: any.
    pub possible: Vec<ContractTypeId>,
    /// The place of the column that tells.
    pub column: Option<usize>,
    /// What the column's words mean, as far as forms tell.
    pub words: Vec<(String, Option<ContractTypeId>)>,
}

impl Contract {
    fn same(types: Vec<ContractTypeId>) -> Contract {
        Contract {
            possible: types.clone(),
            same: types,
            ..Contract::default()
        }
    }

    /// A person's word goes before a column, a column before the only form that there is. A column that tells contract types
    /// is never left out: that its words are not all known makes it a question.
    pub fn of(columns: &[Headed<'_>], known: Known<'_>, types: &HeaderTypes) -> Contract {
        if !known.types.is_empty() {
            return Contract::same(known.types.to_vec());
        }
        let naming = |column: &Headed<'_>| Naming::of(*column, known.forms);
        let naming: Vec<Naming> = columns.iter().map(naming).collect();
        let best = naming.iter().copied().max().unwrap_or(Naming::Nothing);
        if best > Naming::Nothing
            && let Some(at) = naming.iter().position(|naming| *naming == best)
        {
            let (possible, words) = types_in(columns[at].1, known.forms, best);
            return Contract {
                possible,
                column: Some(at),
                words,
                ..Contract::default()
            };
        }
        let explicit = |(header, _): &Headed<'_>| Some(types.explicit_key(header)?.0);
        let mut named: Vec<ContractTypeId> = columns.iter().filter_map(explicit).collect();
        named.sort_unstable();
        named.dedup();
        if !named.is_empty() {
            return Contract::same(named);
        }
        match known.forms.keys().collect::<Vec<_>>()[..] {
            [only] => Contract::same(vec![*only]),
            _ => Contract::default(),
        }
    }
}

/// How a column shows that it tells the contract type; the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    Nothing,
    /// Its header may mean it, and its values differ as those of a list do.
    ByList,
    /// Its header speaks of products.
    ByProduct,
    /// A form is called as one of its values.
    ByValue,
    /// Its header says so.
    ByName,
}

impl Naming {
    fn of((header, profile): Headed<'_>, forms: &BTreeMap<ContractTypeId, Form>) -> Naming {
        let Some(concept) = WORDS.concept(CONTRACT_TYPE).filter(|_| profile.count > 0) else {
            return Naming::Nothing;
        };
        let pieces: Vec<Words> = all([header].into_iter().chain(parts(header)));
        let is_one = |names: &[String]| {
            let names = all(names);
            let is_name = |words: &Words| names.iter().any(|name| name.joined == words.joined);
            pieces.iter().any(is_name)
        };
        let is_field = forms
            .values()
            .any(|form| form_field(header, form).is_some());
        let is_list = !profile.distinct.is_empty()
            && profile.distinct.len() <= MOST_PRODUCTS
            && [
                profile.phone,
                profile.email,
                profile.national_id,
                profile.date,
            ]
            .iter()
            .all(|share| *share < 0.5);
        let speaks_of_products = pieces
            .iter()
            .flat_map(|words| words.sorted.split(' '))
            .any(|word| WORDS.products.iter().any(|product| product == word));
        if is_one(&concept.names) {
            Naming::ByName
        } else if is_field || !is_list {
            Naming::Nothing
        } else if profile
            .distinct
            .iter()
            .any(|value| form_called(value, forms).is_some())
        {
            Naming::ByValue
        } else if speaks_of_products {
            Naming::ByProduct
        } else if is_one(&concept.weak)
            && profile.distinct.len() >= 2
            && profile.words >= 0.5
            && profile.known_choices() < 0.5
        {
            Naming::ByList
        } else {
            Naming::Nothing
        }
    }
}

type TypesInColumn = (Vec<ContractTypeId>, Vec<(String, Option<ContractTypeId>)>);

/// The contract types that a column's values name, by their numbers alone or by words: none of the words where the cells
/// hold the numbers themselves.
fn types_in(
    profile: &Profile,
    forms: &BTreeMap<ContractTypeId, Form>,
    naming: Naming,
) -> TypesInColumn {
    let values = &profile.distinct;
    let id = |value: &String| {
        let id = value.parse().ok().filter(|&id: &i64| id > 0);
        let id = id.map(ContractTypeId)?;
        (naming == Naming::ByName || forms.contains_key(&id)).then_some(id)
    };
    let ids: Vec<Option<ContractTypeId>> = values.iter().map(id).collect();
    let (mut types, words) = if !ids.is_empty() && ids.iter().all(Option::is_some) {
        (ids, Vec::new())
    } else {
        let meaning = |value: &String| id(value).or_else(|| form_called(value, forms));
        let words: Vec<_> = values
            .iter()
            .map(|value| (value.clone(), meaning(value)))
            .collect();
        let types = words.iter().map(|(_, id)| *id).collect();
        (types, words)
    };
    types.sort_unstable();
    types.dedup();
    let known: Option<Vec<ContractTypeId>> = types.into_iter().collect();
    (known.unwrap_or_default(), words)
}

/// The form that is called so.
fn form_called(value: &str, forms: &BTreeMap<ContractTypeId, Form>) -> Option<ContractTypeId> {
    let called = fold(value);
    let mut named = forms
        .iter()
        .filter(|(_, form)| fold(&form.name) == called && !called.is_empty());
    let (&id, _) = named.next()?;
    named.next().is_none().then_some(id)
}
