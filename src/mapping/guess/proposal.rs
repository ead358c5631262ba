//! The mapping as proposed: each column gets its target, the best fits first, and nothing where two fit alike. The full name is put
//! together of its parts: which columns are parts of it, in which order, and whether they are all.

use std::collections::BTreeMap;

use super::column::{
    ColumnGuess, FIRST_NAME, FULL_NAME, LAST_NAME, Profile, Target, mark_beneficiaries,
    mark_further_people,
};
use super::goals::{Contract, Goal, goals};
use super::headers::{HeaderWords, NameWords, all};
use crate::error::Error;
use crate::mapping::header::{Header, HeaderTypes, is_left_out};
use crate::mapping::names::{Role, WORDS, agreed};
use crate::mapping::value::Country;
use crate::model::{Column, ContractTypeId, FieldType, Form, Row};

/// Fits nearer to each other than this are alike.
const ALIKE: f64 = 0.015;
/// What a header that is the key itself ranks.
const BY_KEY: f64 = 2.0;
const MOST_CANDIDATES: usize = 3;
/// Places in a name.
const FIRST_PLACE: usize = 0;
const BARE_PLACE: usize = 1;
const LAST_PLACE: usize = 99;

#[derive(Debug, Clone)]
pub struct Proposal {
    /// Every column that has a header.
    pub columns: Vec<ColumnGuess>,
    pub contract: Contract,
    pub(super) header_types: HeaderTypes,
    pub(super) goals: Vec<Goal>,
    /// Whether all forms of the contract types are known.
    has_form: bool,
    pub forms: BTreeMap<ContractTypeId, Form>,
    /// Of phones without a country code.
    pub(super) country: Country,
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
        country: Country,
    ) -> Proposal {
        let meant = columns.iter().filter(|column| !is_left_out(&column.name));
        let meant = meant.map(|column| ColumnGuess::unguessed(column, rows, country));
        let (unnamed, mut columns): (Vec<ColumnGuess>, Vec<ColumnGuess>) =
            meant.partition(|column| column.header().is_empty());
        mark_beneficiaries(&mut columns);
        mark_further_people(&mut columns);
        let header_types = HeaderTypes {
            known: types.iter().chain(forms.keys()).copied().collect(),
            columns: columns.len(),
        };
        let contract = Contract::of(&mut columns, types, &forms, &header_types);
        // Of a column that says something unknown, rows may have any.
        let known = Some(contract.known()).filter(|_| !contract.is_open());
        let (goals, has_form) = goals(&known.unwrap_or_default(), &forms);
        let mut proposal = Proposal {
            columns,
            contract,
            header_types,
            goals,
            has_form,
            forms,
            country,
        };
        proposal.take_explicit();
        proposal.take_the_best();
        proposal.join_names(unnamed.iter().any(|column| column.profile.may_be_parts()));
        proposal.join_address();
        proposal.join_alternatives(Role::Phone, |profile| profile.phone);
        proposal.join_alternatives(Role::Email, |profile| profile.email);
        proposal
    }

    /// A header such as `414.fullName` says all itself, and feeds its own contract type however many others have the key. One
    /// that stands twice is a question.
    fn take_explicit(&mut self) {
        let named = self.columns.iter().map(|column| {
            let (id, _) = self.header_types.explicit_key(column.header())?;
            Some((id, self.own_target(column)?))
        });
        let named: Vec<Option<(ContractTypeId, Target)>> = named.collect();
        for (column, name) in self.columns.iter_mut().zip(&named) {
            let stands_once = named.iter().filter(|other| *other == name).count() == 1;
            if let (Some((_, target)), true) = (name, stands_once) {
                column.take(target, 0);
            }
        }
    }

    /// The field whose key a header is, or names together with its contract type.
    pub(super) fn own_target(&self, column: &ColumnGuess) -> Option<Target> {
        let header = column.header();
        let explicit = self.header_types.explicit_key(header);
        let target = Target::Field(explicit.map_or(header, |(_, key)| key).to_owned());
        let goal = self.goal(&target);
        let is_own = match explicit {
            Some((id, _)) => goal.is_some() || !self.forms.contains_key(&id),
            None if self.has_form => goal.is_some_and(|goal| !goal.is_recipients_again()),
            None => is_camel_case(header) && Role::of(header).is_none(),
        };
        is_own.then_some(target)
    }

    /// Every column with everything that it may feed, the best fits first.
    fn pairs(&self) -> Vec<Pair> {
        let is_meant = |goal: &&Goal| {
            goal.target != Target::Role(Role::ContractType) && !goal.is_recipients_again()
        };
        let goals: Vec<&Goal> = self.goals.iter().filter(is_meant).collect();
        let mut pairs = Vec::new();
        for at in self.places(|column| column.target.is_none()) {
            let column = &self.columns[at];
            let own = self.own_target(column);
            let own = own.map(|target| (target, (BY_KEY, true)));
            let fits = goals.iter().filter_map(|goal| {
                let fit = goal.fit(column, &self.columns)?;
                Some((goal.target.clone(), fit))
            });
            // A column without values, or one that nobody sees, goes behind all others.
            let is_last = !column.profile.is_filled || column.column.is_hidden;
            let behind = if is_last { BY_KEY } else { 0.0 };
            for (target, (rank, is_sure)) in own.into_iter().chain(fits) {
                pairs.push(Pair {
                    column: at,
                    target,
                    rank: rank - behind,
                    is_sure,
                });
            }
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
            // Another column that fits this target alike, or may have what this one has not a single value of; and a column that fits
            // two targets alike is no safer.
            let is_doubt = |other: &Pair| {
                let is_other = if other.target == pair.target {
                    other.column != pair.column && is_free(other.column)
                } else {
                    other.column == pair.column && !closed.contains(&other.target)
                };
                let is_empty = pair.rank < 0.0 && other.rank > 0.0;
                // `Guarantor?` says whether there is one, whoever `Guarantor` is.
                let is_elsewhere = |it: &Pair| {
                    it.column == other.column && it.target != other.target && it.is_sure
                };
                let differ = || self.differ(pair, other) && !pairs.iter().any(is_elsewhere);
                let is_alike = pair.rank - other.rank < ALIKE || differ();
                // Beside the amount that was asked for, what was granted: in most rows they may be the same.
                let ColumnGuess { words, profile, .. } = &self.columns[other.column];
                let is_amount = self
                    .goal(&pair.target)
                    .is_some_and(|goal| goal.field_type == FieldType::Number);
                let is_granted = profile.number >= 0.5 && words.whole.has_one_of(&WORDS.stages);
                let is_open = is_granted
                    && is_amount
                    && other.column != pair.column
                    && pair.rank < BY_KEY
                    && !pairs.iter().any(is_elsewhere);
                is_other && (is_empty || is_open || other.is_sure && is_alike)
            };
            let is_doubted = pairs.iter().any(is_doubt);
            let column = &mut self.columns[pair.column];
            column.is_doubted |= is_doubted;
            column.target = (!is_doubted).then(|| pair.target.clone());
            closed.push(pair.target.clone());
        }
        let taken = self.taken();
        for pair in pairs {
            let column = &mut self.columns[pair.column];
            let is_offered = taken.contains(&pair.target)
                || column.candidates.contains(&pair.target)
                || column.candidates.len() == MOST_CANDIDATES;
            if column.target.is_none() && !is_offered {
                column.is_doubted |= matches!(pair.target, Target::Role(_));
                column.candidates.push(pair.target);
            }
        }
    }

    /// Whether two columns that are named as one thing hold two, such as a customer's and a guarantor's under headers of groups.
    fn differ(&self, one: &Pair, other: &Pair) -> bool {
        let [this, that] = [one, other].map(|pair| &self.columns[pair.column].profile);
        let is_field = one.rank < BY_KEY && matches!(one.target, Target::Field(_));
        let are_filled = this.count.min(that.count) > 0;
        is_field
            && one.target == other.target
            && are_filled
            && !this.holds(that)
            && !that.holds(this)
    }

    fn taken(&self) -> Vec<Target> {
        let targets = self.columns.iter().map(|column| column.target.clone());
        targets.flatten().collect()
    }

    /// `Address 1` and `Address 2`, or a street and its building, are one address, in the sheet's order.
    fn join_address(&mut self) {
        let Some(goal) = self.field_about("address") else {
            return;
        };
        let target = goal.target.clone();
        let Some(whole) = self.column_of(&target) else {
            return;
        };
        let parts = all(&WORDS.address_parts);
        let is_street = whole.words.whole.say(&parts);
        let is_numbered = |words: &HeaderWords| match &words.first {
            Some((first, Some(_))) => first.say(&goal.names),
            _ => false,
        };
        let places = self.places(|column| {
            let profile = &column.profile;
            let is_other = profile.email.max(profile.national_id).max(profile.date) >= 0.5;
            let is_free = column.target.is_none() && !is_other;
            let is_part = || is_street && column.words.whole.say(&parts);
            column.feeds(&target) || (is_free && (is_numbered(&column.words) || is_part()))
        });
        for (place, at) in places.into_iter().enumerate() {
            self.columns[at].take(&target, place);
        }
    }

    /// `Mobile 2`, `Other mobile`, behind the column that is taken for the phone; `New mobile` before it.
    fn join_alternatives(&mut self, role: Role, share: fn(&Profile) -> f64) {
        let target = &Target::Role(role);
        let (Some(goal), Some(_)) = (self.goal(target), self.column_of(target)) else {
            return;
        };
        let further = self.columns.iter().enumerate().filter_map(|(at, column)| {
            let HeaderWords {
                first, preferred, ..
            } = &column.words;
            let place = match first {
                Some((first, number))
                    if first.say(&goal.names) && !goal.may_be_anothers(column, &self.columns) =>
                {
                    number.unwrap_or(2)
                }
                _ if column.column.is_hidden => return None,
                _ if preferred.as_ref().is_some_and(|it| it.say(&goal.names)) => 0,
                _ => return None,
            };
            let profile = &column.profile;
            // Of few that have a new one, the old one is the wrong one; `same` in the others' cells is for a person to take out.
            let says_any = profile.count == 0 || share(profile) > 0.0;
            let may_be = share(profile) >= 0.5 || (place == 0 && says_any);
            let is_own = may_be && !profile.is_one_for_all();
            let is_free = column.target.is_none() && (is_own || profile.is_unread());
            is_free.then_some((at, place))
        });
        let further: Vec<(usize, usize)> = further.collect();
        let own = self.places(|column| column.feeds(target));
        for at in own {
            self.columns[at].place = 1;
        }
        for (at, place) in further {
            self.columns[at].take(target, place);
        }
    }

    /// No mapping can name a header that stands above several columns: where one of them is taken, would be but for the others, or may
    /// be who is invited, the sheet comes first.
    pub fn refuse_headers_twice(&self) -> Result<(), Error> {
        let columns: Vec<Column> = self.columns.iter().map(|it| it.column.clone()).collect();
        let header = Header::new(&columns);
        let meant = self.columns.iter();
        let mut meant = meant.filter(|it| it.target.is_some() || it.is_doubted);
        meant.try_for_each(|it| header.find(it.header()).map(drop))
    }

    pub(super) fn goal(&self, target: &Target) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.target == *target)
    }

    /// The goal of a concept among the form's fields.
    pub(super) fn field_about(&self, key: &str) -> Option<&Goal> {
        let mut goals = self.goals.iter();
        goals.find(|goal| matches!(goal.target, Target::Field(_)) && goal.is_about(key))
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

    /// Whether several columns make one text of it; else the first that is filled counts.
    pub fn is_one_text(&self, target: &Target) -> bool {
        self.goal(target).is_some_and(Goal::is_made_of_words)
    }

    pub(super) fn places(&self, is_one: impl Fn(&ColumnGuess) -> bool) -> Vec<usize> {
        let places = 0..self.columns.len();
        places.filter(|at| is_one(&self.columns[*at])).collect()
    }
}

/// `monthlyIncome`: nobody writes so but who means a key.
fn is_camel_case(header: &str) -> bool {
    header.chars().all(|c| c.is_ascii_alphanumeric())
        && header.starts_with(|c: char| c.is_ascii_lowercase())
        && header.contains(|c: char| c.is_ascii_uppercase())
}

impl Proposal {
    /// The full name is made of its parts, in the order of a name. A part is never sent alone, nor others without it: what may be one
    /// is offered, as is everything where a column without a header may be one.
    pub(super) fn join_names(&mut self, is_unclear: bool) {
        let Some(goal) = self.field_about(FULL_NAME) else {
            return;
        };
        let target = goal.target.clone();
        let whole = self.places(|column| column.feeds(&target)).first().copied();
        let mut parts = self.name_parts(whole);
        if let Some(at) = whole {
            let is_own = self.own_target(&self.columns[at]).is_some();
            if is_own || !self.is_name_part(at, &parts, is_unclear) {
                return;
            }
            self.columns[at].target = None;
        }
        parts.sort_unstable();
        let is_whole = !is_unclear && self.are_a_whole_name(&parts);
        for (place, at) in parts {
            if is_whole {
                self.columns[at].take(&target, place);
            } else {
                self.columns[at].offer(&target);
            }
        }
    }

    /// Whether these parts, in the order of a name, are all that there are, each once, and begin with the first. One that none of the
    /// first rows has may stand in a later one.
    fn are_a_whole_name(&self, parts: &[(usize, usize)]) -> bool {
        let column = |part: &(usize, usize)| &self.columns[part.1];
        let is_filled = |part: &(usize, usize)| column(part).profile.is_filled;
        let begins = |first: &(usize, usize)| first.0 <= BARE_PLACE && is_filled(first);
        let is_one_each = parts.windows(2).all(|pair| pair[0].0 != pair[1].0);
        let are_several = parts.iter().filter(|part| is_filled(part)).count() > 1;
        // What stands among them and nobody knows may be one more.
        let known = parts.iter().map(|part| part.1);
        let among = known.clone().min()..known.clone().max();
        let mut unknown = self.places(ColumnGuess::may_be_a_name_part).into_iter();
        let lacks_one =
            unknown.any(|at| among.contains(&Some(at)) && !known.clone().any(|it| it == at));
        // One that holds another is no part: its values do, or it may be a whole name with its last beside it.
        let holds = |one, other| one != other && column(one).profile.holds(&column(other).profile);
        let is_part = |part| {
            let holds_another = parts.iter().any(|other| holds(part, other));
            let ColumnGuess {
                target, profile, ..
            } = column(part);
            target.is_none() && profile.may_be_words() && !holds_another
        };
        let may_be_whole = |first: &(usize, usize)| {
            first.0 == BARE_PLACE && column(first).profile.several_words >= 0.5 && parts.len() > 2
        };
        let first = parts.first();
        first.is_some_and(|first| begins(first) && !may_be_whole(first))
            && (is_one_each && are_several && !lacks_one)
            && parts.iter().all(is_part)
    }

    /// Whether the column that is taken for the full name is but a part of it. `is_unclear`: a column without a header may be another.
    fn is_name_part(&self, whole: usize, parts: &[(usize, usize)], is_unclear: bool) -> bool {
        let ColumnGuess { profile, words, .. } = &self.columns[whole];
        let is_bare = name_place(words).is_some();
        let is_last = |(place, at): &(usize, usize)| {
            let (last, whole) = (&self.columns[*at].profile, &self.columns[*at].words.whole);
            let is_filled = *place == LAST_PLACE && last.is_filled && last.may_be_words();
            is_filled && !profile.holds(last) && !whole.has_one_of(&WORDS.nicknames)
        };
        if profile.is_unread() {
            return false;
        }
        if profile.several_words >= 0.5 {
            // A father's name beside a name of several words is in it already, or of no concern.
            return is_bare && parts.iter().any(is_last);
        }
        // `Customer` and the like say whose column it is.
        let is_customer = WORDS.customers.contains(&words.whole.joined);
        let may_be_more = is_unclear || self.columns.iter().any(ColumnGuess::may_be_a_name_part);
        let is_word = profile.is_filled && (is_bare || is_customer);
        parts.len() > 1 || (is_word && may_be_more)
    }

    /// The columns of a name's parts with their places in a name; of a first name and a bare `Name` the first name.
    fn name_parts(&self, whole: Option<usize>) -> Vec<(usize, usize)> {
        let places = self.columns.iter().enumerate().filter_map(|(at, column)| {
            let (place, profile) = (name_place(&column.words), &column.profile);
            if whole == Some(at) {
                return Some((place.unwrap_or(BARE_PLACE), at));
            }
            // What is headed as a part is one, whatever stands below.
            let is_bare = place == Some(BARE_PLACE);
            let may_be = !is_bare || profile.is_filled && profile.may_be_words();
            Some((place.filter(|_| may_be && !profile.are_titles())?, at))
        });
        let mut places: Vec<(usize, usize)> = places.collect();
        if places.iter().any(|(place, _)| *place == FIRST_PLACE) {
            places.retain(|(place, _)| *place != BARE_PLACE);
        }
        places
    }
}

/// Where in a name a part of this header stands, whether it says so once or in two languages.
fn name_place(header: &HeaderWords) -> Option<usize> {
    place_of(&header.whole).or_else(|| agreed(header.parts.iter().map(place_of)))
}

/// `First name`, `Name`, `Name 2`, `Middle name`, `Surname`.
fn place_of(words: &NameWords) -> Option<usize> {
    let is_of = |key| {
        let concept = WORDS.concept(key);
        concept.is_some_and(|it| words.say(&all(it.names.iter().chain(&it.weak))))
    };
    let mut middle = WORDS.name_parts.iter();
    let number: String = words.joined.matches(char::is_numeric).collect();
    let bare = words.joined.replace(char::is_numeric, "");
    match middle.position(|names| words.say(&all(names))) {
        _ if is_of(FIRST_NAME) => Some(FIRST_PLACE),
        _ if is_of(LAST_NAME) => Some(LAST_PLACE),
        Some(at) => Some(at + 2),
        None if WORDS.bare_names.contains(&bare) => Some(number.parse().unwrap_or(BARE_PLACE)),
        None => None,
    }
}
