//! The full name of its parts: which columns are parts of it, in which order, and whether they are all.

use super::goals::{ColumnGuess, FIRST_NAME, FULL_NAME, LAST_NAME};
use super::headers::{HeaderWords, NameWords, all};
use super::proposal::Proposal;
use crate::mapping::names::agreed;
use crate::mapping::words::WORDS;

/// Places in a name.
const FIRST_PLACE: usize = 0;
const BARE_PLACE: usize = 1;
const LAST_PLACE: usize = 99;

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
