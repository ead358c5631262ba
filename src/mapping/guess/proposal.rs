//! The mapping as proposed: each column gets its target, the best fits first, and nothing where two fit alike.

use std::collections::BTreeMap;

use super::contract::Contract;
use super::goals::{
    CONTRACT_TYPE, ColumnGuess, EMAIL, FIRST_NAME, FULL_NAME, Goal, LAST_NAME, PHONE, Target,
    goals, labels_of,
};
use super::headers::{BY_NAME, HeaderWords, Words, all, best};
use super::profile::Profile;
use crate::mapping::header::{HeaderTypes, is_left_out};
use crate::mapping::names::fold;
use crate::mapping::value::DateOrder;
use crate::mapping::words::WORDS;
use crate::model::{Column, ContractTypeId, FieldType, Form, Row};

/// Fits nearer to each other than this are alike.
const ALIKE: f64 = 0.015;
/// What a header that is the key itself ranks.
const BY_KEY: f64 = 2.0;
/// Candidates that are offered.
const MOST_CANDIDATES: usize = 3;

/// Places in a name.
const FIRST_PLACE: usize = 0;
const BARE_PLACE: usize = 1;
const LAST_PLACE: usize = 99;

/// A mapping as proposed.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Every column that has a header.
    pub columns: Vec<ColumnGuess>,
    pub(super) contract: Contract,
    pub(super) header_types: HeaderTypes,
    pub(super) goals: Vec<Goal>,
    /// Whether all forms of the contract types are known.
    has_form: bool,
    /// The forms that are stored.
    pub forms: BTreeMap<ContractTypeId, Form>,
}

/// One column (by its place) and one target that fit.
struct Pair {
    column: usize,
    target: Target,
    rank: f64,
    /// Good enough to be used unseen.
    is_sure: bool,
}

impl Proposal {
    /// Guesses the contract types, unless a person named them, then what each column feeds, by a sheet's first rows.
    pub fn of(
        columns: &[Column],
        rows: &[Row],
        types: &[ContractTypeId],
        forms: BTreeMap<ContractTypeId, Form>,
    ) -> Proposal {
        let unnamed = columns.iter().filter(|column| column.name.is_empty());
        let is_meant = |column: &&Column| !column.name.is_empty() && !is_left_out(&column.name);
        let columns = columns.iter().filter(is_meant);
        let columns = columns.map(|column| ColumnGuess::unguessed(column, rows));
        let columns: Vec<ColumnGuess> = columns.collect();
        let unnamed = unnamed.map(|column| ColumnGuess::unguessed(column, rows).profile);
        let unnamed: Vec<Profile> = unnamed.filter(Profile::may_be_parts).collect();
        let header_types = HeaderTypes {
            known: types.iter().chain(forms.keys()).copied().collect(),
            columns: columns.len(),
        };
        let contract = Contract::of(&columns, types, &forms, &header_types);
        let (goals, has_form) = goals(&contract.possible(), &forms);
        let mut proposal = Proposal {
            columns,
            contract,
            header_types,
            goals,
            has_form,
            forms,
        };
        proposal.take_explicit();
        if let Some(at) = proposal.contract.column
            && proposal.columns[at].target.is_none()
        {
            proposal.columns[at].take(Target::ContractType, 0);
        }
        proposal.take_the_best();
        proposal.join_names(&unnamed);
        proposal.join_address();
        proposal.join_alternatives(&Target::Phone, |profile| profile.phone);
        proposal.join_alternatives(&Target::Email, |profile| profile.email);
        proposal
    }

    /// A header such as `414.fullName` says all itself, and feeds its own contract type however many others have the key. One
    /// that stands twice is a question.
    fn take_explicit(&mut self) {
        let columns = self.columns.iter();
        let named = columns.map(|column| {
            let (id, _) = self.header_types.explicit_key(column.header())?;
            Some((id, self.own_key(column.header())?))
        });
        let named: Vec<Option<(ContractTypeId, &str)>> = named.collect();
        let only = named.iter().map(|name| {
            let (_, key) = (*name)?;
            let stands_once = named.iter().filter(|other| *other == name).count() == 1;
            stands_once.then(|| Target::Field(key.to_owned()))
        });
        let only: Vec<Option<Target>> = only.collect();
        for (column, target) in self.columns.iter_mut().zip(only) {
            column.target = target;
        }
    }

    /// The key that a header is, or names together with its contract type.
    fn own_key<'h>(&self, header: &'h str) -> Option<&'h str> {
        let goal = |key: &str| self.goal(&Target::Field(key.to_owned()));
        let is_own = match self.header_types.explicit_key(header) {
            Some((id, key)) => {
                let is_key = goal(key).is_some() || !self.forms.contains_key(&id);
                return is_key.then_some(key);
            }
            None if self.has_form => goal(header).is_some_and(|goal| !goal.is_recipients_again()),
            None => is_camel_case(header) && !is_recipients(header),
        };
        is_own.then_some(header)
    }

    /// Every column with everything that it may feed, the best fits first.
    fn pairs(&self) -> Vec<Pair> {
        let is_meant =
            |goal: &&Goal| goal.target != Target::ContractType && !goal.is_recipients_again();
        let goals: Vec<&Goal> = self.goals.iter().filter(is_meant).collect();
        let mut pairs = Vec::new();
        let columns = self.columns.iter().enumerate();
        for (at, column) in columns.filter(|(_, column)| column.target.is_none()) {
            let header = HeaderWords::of(column.header());
            let own_key = self.own_key(column.header());
            let own_key = own_key.map(|key| (Target::Field(key.to_owned()), BY_KEY, true));
            let fits = goals.iter().filter_map(|goal| {
                let (rank, is_sure) = goal.fit(&header, &column.profile)?;
                Some((goal.target.clone(), rank, is_sure))
            });
            let fits = own_key.into_iter().chain(fits);
            // A column without values goes behind all that have some.
            let behind = if column.profile.count == 0 {
                BY_KEY
            } else {
                0.0
            };
            pairs.extend(fits.map(|(target, rank, is_sure)| Pair {
                column: at,
                target,
                rank: rank - behind,
                is_sure,
            }));
        }
        pairs.sort_by(|a, b| b.rank.total_cmp(&a.rank));
        pairs
    }

    fn take_the_best(&mut self) {
        let pairs = self.pairs();
        let mut closed = self.taken();
        for pair in &pairs {
            let is_free = |column: usize| self.columns[column].target.is_none();
            if !pair.is_sure || !is_free(pair.column) || closed.contains(&pair.target) {
                continue;
            }
            // Another column that fits this target alike; and a column that fits two targets alike is no safer.
            let is_doubt = |other: &Pair| {
                let is_other = if other.target == pair.target {
                    other.column != pair.column && is_free(other.column)
                } else {
                    other.column == pair.column && !closed.contains(&other.target)
                };
                is_other && other.is_sure && pair.rank - other.rank < ALIKE
            };
            if !pairs.iter().any(is_doubt) {
                self.columns[pair.column].target = Some(pair.target.clone());
            }
            closed.push(pair.target.clone());
        }
        let taken = self.taken();
        for pair in pairs {
            let column = &mut self.columns[pair.column];
            let is_offered = taken.contains(&pair.target)
                || column.candidates.contains(&pair.target)
                || column.candidates.len() == MOST_CANDIDATES;
            if column.target.is_none() && !is_offered {
                column.candidates.push(pair.target);
            }
        }
    }

    fn taken(&self) -> Vec<Target> {
        let targets = self.columns.iter().map(|column| column.target.clone());
        targets.flatten().collect()
    }

    /// The full name is made of its parts, in the order of a name. A part is never sent alone: what may be one is left open.
    fn join_names(&mut self, unnamed: &[Profile]) {
        let Some(goal) = self.field_about(FULL_NAME) else {
            return;
        };
        let target = goal.target.clone();
        let whole = (0..self.columns.len()).find(|&at| self.columns[at].feeds(&target));
        if whole.is_some_and(|at| self.own_key(self.columns[at].header()).is_some()) {
            return;
        }
        let mut parts = self.name_parts(whole);
        if let Some(at) = whole {
            let is_alone = parts.len() < 2
                && unnamed.is_empty()
                && !self.columns.iter().any(ColumnGuess::may_be_a_name_part);
            if !self.is_name_part(at, &parts, is_alone) {
                return;
            }
            let column = &mut self.columns[at];
            column.target = None;
            column.candidates.insert(0, target.clone());
        }
        parts.sort_unstable();
        let is_one_each = parts.windows(2).all(|pair| pair[0].0 != pair[1].0);
        let has_first = parts.first().is_some_and(|(place, _)| *place <= 1);
        let are_free = parts
            .iter()
            .all(|(_, at)| self.columns[*at].target.is_none());
        let is_whole = parts.len() > 1 && unnamed.is_empty();
        if is_one_each && has_first && are_free && is_whole {
            for (place, at) in parts {
                self.columns[at].take(target.clone(), place);
            }
        }
    }

    /// Whether the column that is taken for the full name is but a part of it.
    fn is_name_part(&self, whole: usize, parts: &[(usize, usize)], is_alone: bool) -> bool {
        let column = &self.columns[whole];
        if column.profile.count == 0 || is_alone {
            return false;
        }
        let is_bare = name_place(column.header()).is_some();
        let holds = |at: usize| column.profile.holds(&self.columns[at].profile);
        let last = |(place, at): &(usize, usize)| *place == LAST_PLACE && !holds(*at);
        if column.profile.several_words >= 0.5 {
            // A father's name beside a name of several words is in it already, or of no concern.
            return is_bare && parts.iter().any(last);
        }
        is_bare || parts.len() > 1 || Self::says_customer(column)
    }

    /// `Customer` and the like, which say whose column it is.
    fn says_customer(column: &ColumnGuess) -> bool {
        let words = Words::of(column.header());
        WORDS.noise.contains(&words.joined)
    }

    /// The columns of a name's parts with their places in a name; of a first name and a bare `Name` the first name.
    fn name_parts(&self, whole: Option<usize>) -> Vec<(usize, usize)> {
        let places = self.columns.iter().enumerate().filter_map(|(at, column)| {
            let place = name_place(column.header());
            let place = place.or_else(|| (whole == Some(at)).then_some(BARE_PLACE))?;
            let is_short = column.profile.several_words < 0.5 || place == LAST_PLACE;
            let is_part = whole == Some(at) || (column.profile.words >= 0.5 && is_short);
            is_part.then_some((place, at))
        });
        let mut places: Vec<(usize, usize)> = places.collect();
        if places.iter().any(|(place, _)| *place == FIRST_PLACE) {
            places.retain(|(place, _)| *place != BARE_PLACE);
        }
        places
    }

    /// `Address 1` and `Address 2`, or a street and its building, are one address, in the sheet's order.
    fn join_address(&mut self) {
        let Some(goal) = self.field_about("address") else {
            return;
        };
        let parts = all(&WORDS.address_parts);
        let is_numbered = |header: &str| {
            let own = header.replace(char::is_numeric, "");
            own != header && best(&Words::of(&own), &goal.names) >= BY_NAME
        };
        let is_named = |header: &str| best(&Words::of(header), &parts) >= BY_NAME;
        let target = goal.target.clone();
        let Some(whole) = self.column_of(&target).map(ColumnGuess::header) else {
            return;
        };
        let is_street = is_named(whole);
        let is_part = |column: &ColumnGuess| {
            let header = column.header();
            let (profile, is_own) = (&column.profile, column.feeds(&target));
            let is_other = profile.email.max(profile.national_id).max(profile.date) >= 0.5;
            let is_free = column.target.is_none() && profile.count > 0 && !is_other;
            is_own || (is_free && (is_numbered(header) || (is_street && is_named(header))))
        };
        let places = self.places(is_part);
        for (place, at) in places.into_iter().enumerate() {
            self.columns[at].take(target.clone(), place);
        }
    }

    /// `Mobile 2`, `Other mobile`, beside the column that is taken for the phone.
    fn join_alternatives(&mut self, target: &Target, share: fn(&Profile) -> f64) {
        let is_further = |header: &str, goal: &Goal| {
            let words = Words::of(header);
            let is_named = |first: Words| best(&first, &goal.names) >= BY_NAME;
            words.of_the_first().is_some_and(is_named) && !words.speak_of_another_person()
        };
        let goal = self.goals.iter().find(|goal| goal.target == *target);
        let Some(goal) = goal.filter(|_| self.column_of(target).is_some()) else {
            return;
        };
        for column in &mut self.columns {
            let is_free = column.target.is_none() && share(&column.profile) >= 0.5;
            if is_free && is_further(column.header(), goal) {
                let mut number = column.header().chars().filter_map(|c| c.to_digit(10));
                let place = number.next_back().map_or(2, |number| number as usize);
                column.take(target.clone(), place);
            }
        }
    }

    pub(super) fn goal(&self, target: &Target) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.target == *target)
    }

    /// The goal of a concept among the form's fields.
    pub(super) fn field_about(&self, key: &str) -> Option<&Goal> {
        let is_field = |goal: &&Goal| matches!(goal.target, Target::Field(_));
        let mut fields = self.goals.iter().filter(is_field);
        fields.find(|goal| goal.is_about(key))
    }

    pub(super) fn column_of(&self, target: &Target) -> Option<&ColumnGuess> {
        self.columns_of(target).first().copied()
    }

    /// The columns that feed a target, in the order in which they do.
    pub fn columns_of(&self, target: &Target) -> Vec<&ColumnGuess> {
        let feeding = self.columns.iter().filter(|column| column.feeds(target));
        let mut feeding: Vec<&ColumnGuess> = feeding.collect();
        feeding.sort_by_key(|column| column.place);
        feeding
    }
}

/// Where in a name a part of this header stands: `First name`, `Name`, `Name 2`, `Middle name`, `Surname`.
fn name_place(header: &str) -> Option<usize> {
    let words = Words::of(header);
    let named = |key| WORDS.concept(key).map(|concept| &concept.names);
    let is_one = |names: &Vec<String>| all(names).iter().any(|name| name.sorted == words.sorted);
    if named(FIRST_NAME).is_some_and(is_one) {
        return Some(FIRST_PLACE);
    }
    if named(LAST_NAME).is_some_and(is_one) {
        return Some(LAST_PLACE);
    }
    if let Some(at) = WORDS.name_parts.iter().position(is_one) {
        return Some(at + 2);
    }
    let is_number = |c: &char| c.is_numeric();
    let number: String = words.joined.chars().filter(is_number).collect();
    let bare = words.joined.replace(char::is_numeric, "");
    let place = number.parse().unwrap_or(BARE_PLACE);
    WORDS.bare_names.contains(&bare).then_some(place)
}

/// `monthlyIncome`: nobody writes so but who means a key.
fn is_camel_case(header: &str) -> bool {
    header.chars().all(|c| c.is_ascii_alphanumeric())
        && header.starts_with(|c: char| c.is_ascii_lowercase())
        && header.contains(|c: char| c.is_ascii_uppercase())
}

fn is_recipients(key: &str) -> bool {
    [PHONE, EMAIL, CONTRACT_TYPE]
        .iter()
        .any(|own| fold(own) == fold(key))
}

/// What a person is asked, and says.
impl Proposal {
    /// Everything that a column may feed.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.goals.iter().map(|goal| &goal.target)
    }

    /// A target as a person can choose it, with the labels of the form.
    pub fn label(&self, target: &Target) -> String {
        let field = self.goal(target).and_then(|goal| goal.field.as_ref());
        match field.map(labels_of).unwrap_or_default()[..] {
            [] => target.to_string(),
            ref labels => format!("{target} ({})", labels.join(" / ")),
        }
    }

    /// A person's word on the column at this place of [`Proposal::columns`]. It joins those that feed the target already, as
    /// she is shown; only of the contract type there is one.
    pub fn choose(&mut self, at: usize, target: Option<Target>) {
        if self.columns[at].target == target {
            return;
        }
        let mut place = 0;
        for column in &mut self.columns {
            if target.is_none() || column.target != target {
                continue;
            }
            if target == Some(Target::ContractType) {
                column.target = None;
            } else {
                place = place.max(column.place + 1);
            }
        }
        (self.columns[at].target, self.columns[at].place) = (target, place);
    }

    /// The places of the columns that a person is asked about: nothing tells what they are, and they may be something.
    pub fn open_places(&self) -> Vec<usize> {
        self.places(|column| {
            column.target.is_none()
                && column.profile.count > 0
                && (!column.candidates.is_empty() || !HeaderWords::of(column.header()).says_other())
        })
    }

    /// The places of columns of dates whose day and month could be either.
    pub fn open_dates(&self) -> Vec<usize> {
        self.places(|column| {
            let goal = column.target.as_ref().and_then(|target| self.goal(target));
            column.profile.asks_for_order()
                && goal.is_some_and(|goal| goal.field_type == FieldType::Date)
        })
    }

    fn places(&self, is_one: impl Fn(&ColumnGuess) -> bool) -> Vec<usize> {
        let places = self.columns.iter().enumerate();
        let found = places.filter(|(_, column)| is_one(column));
        found.map(|(at, _)| at).collect()
    }

    /// A person's word on a column of such dates.
    pub fn choose_order(&mut self, at: usize, order: DateOrder) {
        self.columns[at].profile.order = Some(order);
    }

    /// The contract types of all rows; empty when a column tells, or nobody does.
    pub fn types(&self) -> &[ContractTypeId] {
        &self.contract.types
    }

    /// A person's word on the contract types.
    pub fn choose_types(&mut self, types: Vec<ContractTypeId>) {
        self.contract.types = types;
    }

    /// The values of the contract type's column of which nothing says what they mean, for a person to say it.
    pub fn open_values(&mut self) -> impl Iterator<Item = (&str, &mut Option<ContractTypeId>)> {
        let words = self.contract.words.iter_mut();
        words
            .filter(|(_, id)| id.is_none())
            .map(|(word, id)| (word.as_str(), id))
    }

    /// Whether it is known to which contract types the rows go.
    pub fn knows_types(&self) -> bool {
        let is_told = self.column_of(&Target::ContractType).is_some();
        !self.types().is_empty() || (is_told && self.open_column().is_none())
    }

    /// The column that tells the contract type, while nobody has said what all of its values mean.
    pub fn open_column(&self) -> Option<&Column> {
        let is_open = self.contract.words.iter().any(|(_, id)| id.is_none());
        let column = self.column_of(&Target::ContractType)?;
        is_open.then_some(&column.column)
    }

    /// Whether it is known whom to invite.
    pub fn knows_recipient(&self) -> bool {
        let known = [Target::Phone, Target::Email];
        known.iter().any(|target| self.column_of(target).is_some())
    }
}
