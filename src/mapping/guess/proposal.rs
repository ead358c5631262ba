//! The mapping as proposed: each column gets its target, the best fits first, and nothing where two fit alike.

use std::collections::BTreeMap;

use super::column::{Certainty, ColumnGuess};
use super::contract::{Contract, Headed, Known};
use super::fit::{Fit, Goal, Target, Targets, fit};
use super::headers::{BY_NAME, HeaderWords, Words};
use super::join::join;
use super::profile::Sample;
use crate::mapping::form::form_field;
use crate::mapping::header::{HeaderTypes, is_left_out};
use crate::mapping::names::fold;
use crate::mapping::value::DateOrder;
use crate::mapping::words::{Shape, WORDS};
use crate::model::{Column, ContractTypeId, Form};

/// A mapping as proposed.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Every column that has a header.
    pub columns: Vec<ColumnGuess>,
    /// The contract types of all rows; empty when a column tells, or nobody does.
    pub types: Vec<ContractTypeId>,
    /// Words in the contract type's column, with what they mean where that is known.
    pub(super) type_words: Vec<(String, Option<ContractTypeId>)>,
    pub(super) header_types: HeaderTypes,
    pub(super) targets: Targets,
    pub(super) forms: BTreeMap<ContractTypeId, Form>,
    pub(super) country: String,
}

impl Proposal {
    /// Guesses the contract types, then what each column feeds.
    pub fn of(sample: &Sample, known: Known<'_>) -> Proposal {
        let named = sample.columns();
        let named =
            named.filter(|(column, _)| !column.name.is_empty() && !is_left_out(&column.name));
        let mut columns: Vec<ColumnGuess> = named
            .map(|(column, values)| ColumnGuess::unguessed(column, values, known.country))
            .collect();
        let header_types = HeaderTypes {
            known: known
                .types
                .iter()
                .chain(known.forms.keys())
                .copied()
                .collect(),
            columns: columns.len(),
        };
        let headed: Vec<Headed<'_>> = columns.iter().map(ColumnGuess::headed).collect();
        let contract = Contract::of(&headed, known, &header_types);
        let targets = Targets::of(&contract.possible, known.forms);
        take_explicit(&mut columns, &targets, known.forms, &header_types);
        let mut pairs = pairs(&columns, &targets, known.forms, &header_types);
        pairs.retain(|pair| pair.target != Target::ContractType);
        pairs.extend(
            contract
                .column
                .map(|column| Pair::by_key(column, Target::ContractType)),
        );
        prefer_mobiles(&mut pairs, &columns);
        take_the_best(&mut columns, &mut pairs);
        join(&mut columns, &targets);
        Proposal {
            columns,
            types: contract.same,
            header_types,
            type_words: contract.words,
            targets,
            forms: known.forms.clone(),
            country: known.country.to_owned(),
        }
    }

    /// What a column may feed, for a person to choose from: a label each.
    pub fn choices(&self) -> Vec<(Target, String)> {
        self.targets.labelled()
    }

    /// A person's word on the column at this place of [`Proposal::columns`]. It overrules a guess about another column, unless both
    /// make one text; what a person has given to the same target before is joined.
    pub fn choose(&mut self, at: usize, target: Option<Target>) {
        let goal = target.as_ref().and_then(|target| self.targets.goal(target));
        let is_joined = goal.is_some_and(Goal::is_made_of_words);
        let mut place = 0;
        for (other, column) in self.columns.iter_mut().enumerate() {
            if other == at || target.is_none() || column.target != target {
                continue;
            }
            if is_joined || column.certainty == Certainty::Chosen {
                place = place.max(column.place + 1);
            } else {
                column.target = None;
            }
        }
        if let Some(column) = self.columns.get_mut(at) {
            if column.target != target {
                (column.target, column.place) = (target, place);
            }
            column.certainty = Certainty::Chosen;
        }
    }

    /// The places of the columns that a person is asked about: nothing tells what they are, and they may be something.
    pub fn open_places(&self) -> Vec<usize> {
        let is_open = |column: &ColumnGuess| {
            let is_known_other = HeaderWords::of(column.header()).other >= BY_NAME;
            column.target.is_none()
                && column.profile.count > 0
                && (!column.candidates.is_empty() || !is_known_other)
        };
        let places = self.columns.iter().enumerate();
        let open = places.filter(|(_, column)| is_open(column));
        open.map(|(at, _)| at).collect()
    }

    /// The places of columns of dates whose day and month could be either.
    pub fn open_dates(&self) -> Vec<usize> {
        let is_date = |column: &ColumnGuess| {
            let goal = column
                .target
                .as_ref()
                .and_then(|target| self.targets.goal(target));
            goal.is_some_and(|goal| goal.shape == Shape::Date)
        };
        let places = self.columns.iter().enumerate();
        let open = places.filter(|(_, column)| {
            column.profile.has_open_dates
                && column.profile.date_forms[0].is_some()
                && is_date(column)
        });
        open.map(|(at, _)| at).collect()
    }

    /// A person's word on a column of such dates.
    pub fn choose_order(&mut self, at: usize, is_day_first: bool) {
        let order = if is_day_first {
            DateOrder::DayMonth
        } else {
            DateOrder::MonthDay
        };
        self.columns[at].profile.order = Some(order);
    }

    /// Which columns feed a target already.
    pub fn feeding(&self, target: &Target) -> String {
        let columns = self.columns_of(target);
        let names: Vec<&str> = columns.iter().map(|column| column.header()).collect();
        match names[..] {
            [] => String::new(),
            _ => format!("together with {}", names.join(", ")),
        }
    }

    /// The contract types whose forms are stored, with their names.
    pub fn known_types(&self) -> Vec<(ContractTypeId, String)> {
        let forms = self.forms.iter();
        forms.map(|(id, form)| (*id, form.name.clone())).collect()
    }

    /// A person's word on the contract types.
    pub fn choose_types(&mut self, types: Vec<ContractTypeId>) {
        self.types = types;
    }

    /// A person's word on what a value of the contract type's column means.
    pub fn choose_type_of(&mut self, value: &str, id: ContractTypeId) {
        for (word, meaning) in &mut self.type_words {
            if word == value {
                *meaning = Some(id);
            }
        }
    }

    /// Whether it is known to which contract types the rows go.
    pub fn knows_types(&self) -> bool {
        !self.types.is_empty()
            || (self.column_of(&Target::ContractType).is_some() && self.open_values().is_empty())
    }

    /// The column that tells the contract type, while nobody has said what all of its values mean.
    pub fn open_column(&self) -> Option<&Column> {
        let column = self.column_of(&Target::ContractType)?;
        (!self.open_values().is_empty()).then_some(&column.column)
    }

    /// The values of the contract type's column that may mean any.
    pub fn open_values(&self) -> Vec<String> {
        let open = self.type_words.iter().filter(|(_, id)| id.is_none());
        open.map(|(word, _)| word.clone()).collect()
    }

    /// Whether it is known whom to invite.
    pub fn knows_recipient(&self) -> bool {
        [Target::Phone, Target::Email]
            .iter()
            .any(|target| self.column_of(target).is_some())
    }

    pub(super) fn column_of(&self, target: &Target) -> Option<&ColumnGuess> {
        self.columns_of(target).first().copied()
    }

    /// The columns that feed a target, in the order in which they do.
    pub(super) fn columns_of(&self, target: &Target) -> Vec<&ColumnGuess> {
        let feeding = self.columns.iter();
        let feeding = feeding.filter(|column| column.target.as_ref() == Some(target));
        let mut feeding: Vec<&ColumnGuess> = feeding.collect();
        feeding.sort_by_key(|column| column.place);
        feeding
    }
}

/// Fits nearer to each other than this are alike.
const ALIKE: f64 = 0.015;
/// What a header that is the key itself ranks.
const BY_KEY: f64 = 2.0;
/// Candidates that are offered.
const MOST_CANDIDATES: usize = 3;

/// One column (by its place) and one goal that fit.
struct Pair {
    column: usize,
    target: Target,
    fit: Fit,
}

impl Pair {
    /// A header that is the key itself, or as good as that.
    fn by_key(column: usize, target: Target) -> Pair {
        Pair {
            column,
            target,
            fit: Fit {
                rank: BY_KEY,
                is_sure: true,
            },
        }
    }
}

fn pairs(
    columns: &[ColumnGuess],
    targets: &Targets,
    forms: &BTreeMap<ContractTypeId, Form>,
    types: &HeaderTypes,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let open = columns.iter().enumerate();
    for (at, column) in open.filter(|(_, column)| column.target.is_none()) {
        let name = &column.column.name;
        if let Some(key) = own_key(name, targets, forms, types) {
            pairs.push(Pair::by_key(at, Target::Field(key)));
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
    for pair in pairs.iter_mut().filter(|pair| pair.target == Target::Phone) {
        let name = Words::of(&columns[pair.column].column.name).joined;
        if WORDS.mobiles.iter().any(|word| name.contains(word)) {
            pair.fit.rank += 0.03;
        }
    }
}

/// A header such as `414.fullName` says all itself, and feeds its own contract type however many others have the key. One that
/// stands twice is a question.
fn take_explicit(
    columns: &mut [ColumnGuess],
    targets: &Targets,
    forms: &BTreeMap<ContractTypeId, Form>,
    types: &HeaderTypes,
) {
    let named = columns.iter().map(|column| {
        let (id, _) = types.explicit_key(column.header())?;
        Some((id, own_key(column.header(), targets, forms, types)?))
    });
    let named: Vec<Option<(ContractTypeId, String)>> = named.collect();
    for (column, name) in columns.iter_mut().zip(&named) {
        if let Some((_, key)) = name
            && named.iter().filter(|other| *other == name).count() == 1
        {
            column.take(Target::Field(key.clone()), 0);
        }
    }
}

fn take_the_best(columns: &mut [ColumnGuess], pairs: &mut [Pair]) {
    pairs.sort_by(|a, b| b.fit.rank.total_cmp(&a.fit.rank));
    let taken = columns.iter().filter_map(|column| column.target.clone());
    let mut closed: Vec<Target> = taken.collect();
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
