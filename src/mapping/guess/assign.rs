//! Gives each column its target: the best fits first, and nothing where two fit alike.

use std::collections::BTreeMap;

use super::concepts::{CONTRACT_TYPE, Shape};
use super::fit::{Fit, HeaderWords, fit};
use super::targets::{Goal, Targets, all, concept};
use super::words::Words;
use super::{Certainty, ColumnGuess, Known, Proposal, Target, translate};
use crate::mapping::form::form_field;
use crate::mapping::header::{HeaderTypes, parts};
use crate::mapping::names::fold;
use crate::model::{ContractTypeId, Form};

/// Fits nearer to each other than this are alike.
const ALIKE: f64 = 0.015;
/// What a header that is the key itself ranks.
const BY_KEY: f64 = 2.0;
/// Candidates that are offered.
const MOST_CANDIDATES: usize = 3;

/// A column with more different values than this is no list of products.
const MOST_PRODUCTS: usize = 30;
/// Words of headers that speak of what is contracted, as [`Words`] has them.
const PRODUCT: &[&str] = &["product", "products", "منتج", "منتجات"];

/// One column (by its place) and one goal that fit.
struct Pair {
    column: usize,
    target: Target,
    fit: Fit,
}

/// Guesses the contract types, then the columns.
pub(super) fn propose(mut columns: Vec<ColumnGuess>, known: Known<'_>) -> Proposal {
    let contract = contract(&columns, known);
    let targets = Targets::of(&contract.possible, known.forms);
    let types = header_types(&columns, known.types, known.forms);
    let mut pairs = pairs(&columns, &targets, known.forms, &types);
    pairs
        .retain(|pair| pair.target != Target::ContractType || contract.column == Some(pair.column));
    if let Some(column) = contract.column {
        pairs.push(Pair {
            column,
            target: Target::ContractType,
            fit: Fit {
                rank: BY_KEY,
                is_sure: true,
            },
        });
    }
    prefer_mobiles(&mut pairs, &columns);
    take_the_best(&mut columns, &mut pairs);
    let joined = joined_name(&mut columns, &targets);
    Proposal {
        columns,
        types: contract.same,
        joined,
        header_types: types,
        type_words: contract.words,
        targets,
        forms: known.forms.clone(),
        country: known.country.to_owned(),
    }
}

/// What is known of the contract types.
#[derive(Default)]
struct Contract {
    /// The same for every row.
    same: Vec<ContractTypeId>,
    /// Those that rows may have; none: any.
    possible: Vec<ContractTypeId>,
    column: Option<usize>,
    /// What the column's words mean, as far as forms tell.
    words: Vec<(String, Option<ContractTypeId>)>,
}

/// A person's word goes before a column, a column before the only form that there is. A column that tells contract types
/// is never left out: that its words are not all known makes it a question.
fn contract(columns: &[ColumnGuess], known: Known<'_>) -> Contract {
    let same = |types: Vec<ContractTypeId>| Contract {
        possible: types.clone(),
        same: types,
        ..Contract::default()
    };
    if !known.types.is_empty() {
        return same(known.types.to_vec());
    }
    let naming = columns
        .iter()
        .map(|column| Naming::of(column, known.forms))
        .collect::<Vec<_>>();
    let best = naming.iter().copied().max().unwrap_or(Naming::Nothing);
    if best > Naming::Nothing
        && let Some(at) = naming.iter().position(|naming| *naming == best)
    {
        let (possible, words) = types_in(&columns[at], known.forms, best);
        return Contract {
            possible,
            column: Some(at),
            words,
            ..Contract::default()
        };
    }
    let types = header_types(columns, known.types, known.forms);
    let mut named: Vec<ContractTypeId> = columns
        .iter()
        .filter_map(|column| Some(types.explicit_key(&column.column.name)?.0))
        .collect();
    named.sort_unstable();
    named.dedup();
    if !named.is_empty() {
        return same(named);
    }
    match known.forms.keys().collect::<Vec<_>>()[..] {
        [only] => same(vec![*only]),
        _ => Contract::default(),
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
    fn of(column: &ColumnGuess, forms: &BTreeMap<ContractTypeId, Form>) -> Naming {
        let Some(goal) = concept(CONTRACT_TYPE) else {
            return Naming::Nothing;
        };
        let header = &column.column.name;
        let pieces: Vec<Words> = all([header.as_str()].into_iter().chain(parts(header)));
        let is_one = |names: &[&'static str]| {
            let names = all(names.iter().copied());
            let is_name = |words: &Words| names.iter().any(|name| name.joined == words.joined);
            pieces.iter().any(is_name)
        };
        let profile = &column.profile;
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
            .any(|words| words.sorted.split(' ').any(|word| PRODUCT.contains(&word)));
        if is_one(goal.names) {
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
        } else if is_one(goal.weak)
            && profile.distinct.len() >= 2
            && profile.words >= 0.5
            && translate::known_share(&profile.distinct) < 0.5
        {
            Naming::ByList
        } else {
            Naming::Nothing
        }
    }
}

fn header_types(
    columns: &[ColumnGuess],
    named: &[ContractTypeId],
    forms: &BTreeMap<ContractTypeId, Form>,
) -> HeaderTypes {
    HeaderTypes {
        known: named.iter().chain(forms.keys()).copied().collect(),
        columns: columns.len(),
    }
}

type TypesInColumn = (Vec<ContractTypeId>, Vec<(String, Option<ContractTypeId>)>);

/// The contract types that a column's values name, by their numbers alone or by words: none of the words where the cells
/// hold the numbers themselves.
fn types_in(
    column: &ColumnGuess,
    forms: &BTreeMap<ContractTypeId, Form>,
    naming: Naming,
) -> TypesInColumn {
    let values = &column.profile.distinct;
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

fn pairs(
    columns: &[ColumnGuess],
    targets: &Targets,
    forms: &BTreeMap<ContractTypeId, Form>,
    types: &HeaderTypes,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let name = &column.column.name;
        if let Some(key) = own_key(name, targets, forms, types) {
            pairs.push(Pair {
                column: at,
                target: Target::Field(key),
                fit: Fit {
                    rank: BY_KEY,
                    is_sure: true,
                },
            });
        }
        let header = HeaderWords::of(name);
        let goals = targets
            .goals
            .iter()
            .filter(|goal| !goal.is_recipients_again());
        pairs.extend(goals.filter_map(|goal| {
            Some(Pair {
                column: at,
                target: goal.target.clone(),
                fit: fit(&header, &column.profile, goal)?,
            })
        }));
    }
    pairs
}

/// The key that a header is, or names together with its contract type.
fn own_key(
    header: &str,
    targets: &Targets,
    forms: &BTreeMap<ContractTypeId, Form>,
    types: &HeaderTypes,
) -> Option<String> {
    let goal = |key: &str| targets.goal(&Target::Field(key.to_owned()));
    let is_goal = |key: &str| goal(key).is_some();
    if let Some((id, key)) = types.explicit_key(header) {
        return (is_goal(key) || !forms.contains_key(&id)).then(|| key.to_owned());
    }
    if targets.has_form {
        let exact = forms.values().find_map(|form| {
            let field = form_field(header, form)?;
            (field.key == header).then(|| field.key.clone())
        });
        return exact.filter(|key| goal(key).is_some_and(|goal| !goal.is_recipients_again()));
    }
    is_camel_case(header)
        .then(|| header.to_owned())
        .filter(|key| !is_recipients(key))
}

fn is_recipients(key: &str) -> bool {
    ["phonenumber", "email", "contracttypeid"].contains(&fold(key).as_str())
}

/// `monthlyIncome`: nobody writes so but who means a key.
fn is_camel_case(header: &str) -> bool {
    header.chars().all(|c| c.is_ascii_alphanumeric())
        && header.starts_with(|c: char| c.is_ascii_lowercase())
        && header.chars().any(|c| c.is_ascii_uppercase())
}

/// Of columns that are named alike for a phone, the one that says mobile goes first.
fn prefer_mobiles(pairs: &mut [Pair], columns: &[ColumnGuess]) {
    const MOBILE: &[&str] = &["mobile", "cell", "موبايل", "محمول", "جوال"];
    for pair in pairs.iter_mut().filter(|pair| pair.target == Target::Phone) {
        let name = Words::of(&columns[pair.column].column.name).joined;
        if MOBILE.iter().any(|word| name.contains(word)) {
            pair.fit.rank += 0.03;
        }
    }
}

fn take_the_best(columns: &mut [ColumnGuess], pairs: &mut [Pair]) {
    pairs.sort_by(|a, b| b.fit.rank.total_cmp(&a.fit.rank));
    let mut closed: Vec<Target> = Vec::new();
    for at in 0..pairs.len() {
        let pair = &pairs[at];
        let is_free = columns[pair.column].target.is_none() && !closed.contains(&pair.target);
        if !pair.fit.is_sure || !is_free {
            continue;
        }
        closed.push(pair.target.clone());
        let rivals = pairs.iter().any(|rival| {
            rival.column != pair.column
                && rival.target == pair.target
                && rival.fit.is_sure
                && columns[rival.column].target.is_none()
                && pair.fit.rank - rival.fit.rank < ALIKE
        });
        // A column that fits two goals alike is no safer.
        let doubts = pairs.iter().any(|other| {
            other.column == pair.column
                && other.target != pair.target
                && !closed.contains(&other.target)
                && other.fit.is_sure
                && pair.fit.rank - other.fit.rank < ALIKE
        });
        if !rivals && !doubts {
            let column = &mut columns[pair.column];
            column.target = Some(pair.target.clone());
            column.certainty = Certainty::Sure;
        }
    }
    let taken: Vec<Target> = columns
        .iter()
        .filter_map(|column| column.target.clone())
        .collect();
    for pair in pairs.iter() {
        let column = &mut columns[pair.column];
        if column.target.is_none()
            && !taken.contains(&pair.target)
            && !column.candidates.contains(&pair.target)
            && column.candidates.len() < MOST_CANDIDATES
        {
            column.candidates.push(pair.target.clone());
        }
    }
}

/// The full name of first and last name, where the form asks for one and the sheet has two.
fn joined_name(columns: &mut [ColumnGuess], targets: &Targets) -> Vec<(String, Vec<String>)> {
    let Some(Goal {
        target,
        shape: Shape::Words,
        ..
    }) = targets.field_about("fullName")
    else {
        return Vec::new();
    };
    let Target::Field(key) = target else {
        return Vec::new();
    };
    let is_taken = columns
        .iter()
        .any(|column| column.target.as_ref() == Some(target));
    if is_taken || targets.field_about("firstName").is_some() {
        return Vec::new();
    }
    let named = |key: &str| {
        let names = all(concept(key)?.names.iter().copied());
        let mut fitting = columns.iter().filter(|column| {
            let words = Words::of(&column.column.name);
            column.target.is_none()
                && column.profile.words >= 0.5
                && names.iter().any(|name| name.joined == words.joined)
        });
        let first = fitting.next()?;
        fitting.next().is_none().then(|| first.column.name.clone())
    };
    match (named("firstName"), named("lastName")) {
        (Some(first), Some(last)) => {
            for column in columns.iter_mut() {
                if [&first, &last].contains(&&column.column.name) {
                    column.candidates.clear();
                }
            }
            vec![(key.clone(), vec![first, last])]
        }
        _ => Vec::new(),
    }
}
