//! The mapping as proposed: each column gets its target, the best fits first, and nothing where two fit alike.

use std::collections::BTreeMap;

use super::contract::{Contract, Headed, Known};
use super::fit::{Fit, Target, Targets, fit};
use super::headers::{HeaderWords, Words, all};
use super::profile::{Profile, Sample};
use crate::mapping::form::form_field;
use crate::mapping::header::{HeaderTypes, is_left_out};
use crate::mapping::names::fold;
use crate::mapping::words::WORDS;
use crate::model::{Cell, Column, ContractTypeId, Form, mask};

/// How far a guess can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// There are candidates at best.
    Open,
    /// Good enough to be used unseen.
    Sure,
    /// A person said so.
    Chosen,
}

/// What is proposed for one column.
#[derive(Debug, Clone)]
pub struct ColumnGuess {
    /// The column.
    pub column: Column,
    /// One of its values, masked.
    pub sample: String,
    /// What it feeds; none: it is left out.
    pub target: Option<Target>,
    /// How sure that is.
    pub certainty: Certainty,
    /// What else it may feed, the best first.
    pub candidates: Vec<Target>,
    pub(super) profile: Profile,
}

/// A mapping as proposed.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Every column that has a header.
    pub columns: Vec<ColumnGuess>,
    /// The contract types of all rows; empty when a column tells, or nobody does.
    pub types: Vec<ContractTypeId>,
    /// Fields made of several columns: `fullName` of first and last name.
    pub(super) joined: Vec<(String, Vec<String>)>,
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
        let mut pairs = pairs(&columns, &targets, known.forms, &header_types);
        pairs.retain(|pair| pair.target != Target::ContractType);
        pairs.extend(
            contract
                .column
                .map(|column| Pair::by_key(column, Target::ContractType)),
        );
        prefer_mobiles(&mut pairs, &columns);
        take_the_best(&mut columns, &mut pairs);
        let joined = joined_name(&mut columns, &targets);
        Proposal {
            columns,
            types: contract.same,
            joined,
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

    /// A person's word on the column at this place of [`Proposal::columns`]. What another column fed before is its own again.
    pub fn choose(&mut self, at: usize, target: Option<Target>) {
        for (place, column) in self.columns.iter_mut().enumerate() {
            if place != at && target.is_some() && column.target == target {
                column.target = None;
                column.certainty = Certainty::Chosen;
            }
        }
        if let Some(Target::Field(key)) = &target {
            self.joined.retain(|(joined, _)| joined != key);
        }
        if let Some(column) = self.columns.get_mut(at) {
            column.target = target;
            column.certainty = Certainty::Chosen;
        }
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
        self.columns
            .iter()
            .find(|column| column.target.as_ref() == Some(target))
    }
}

impl ColumnGuess {
    pub(super) fn header(&self) -> &str {
        &self.column.name
    }

    fn headed(&self) -> Headed<'_> {
        (&self.column.name, &self.profile)
    }

    fn unguessed(column: &Column, values: &[Cell], country: &str) -> ColumnGuess {
        let profile = Profile::of(values, country);
        ColumnGuess {
            column: column.clone(),
            sample: profile.sample.as_deref().map(mask).unwrap_or_default(),
            target: None,
            certainty: Certainty::Open,
            candidates: Vec::new(),
            profile,
        }
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
    for (at, column) in columns.iter().enumerate() {
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
    let goal = targets.field_about("fullName");
    let Some((target, Target::Field(key))) = goal.map(|goal| (&goal.target, &goal.target)) else {
        return Vec::new();
    };
    let is_taken = columns
        .iter()
        .any(|column| column.target.as_ref() == Some(target));
    if is_taken || targets.field_about("firstName").is_some() {
        return Vec::new();
    }
    let named = |key: &str| {
        let names = all(&WORDS.concept(key)?.names);
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
