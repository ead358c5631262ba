//! Several columns that feed one field: a name in parts, and a second phone for where the first is empty.

use super::column::ColumnGuess;
use super::fit::{Goal, Target, Targets};
use super::headers::{BY_NAME, HeaderWords, Words, all, best};

use crate::mapping::words::{Shape, WORDS};

/// Gives every part of a name, and every further phone or e-mail, the target of the first.
pub(super) fn join(columns: &mut [ColumnGuess], targets: &Targets) {
    join_names(columns, targets);
    for target in [Target::Phone, Target::Email] {
        if let Some(goal) = targets.goal(&target) {
            join_alternatives(columns, goal);
        }
    }
}

impl Goal {
    /// Whether several columns make one text; of others the first that is filled counts.
    pub fn is_made_of_words(&self) -> bool {
        matches!(self.shape, Shape::Words) || self.concept == Some("address")
    }
}

/// The full name of its parts, where the form asks for one and the sheet has several.
fn join_names(columns: &mut [ColumnGuess], targets: &Targets) {
    let Some(goal) = targets.field_about("fullName") else {
        return;
    };
    let is_taken = columns
        .iter()
        .any(|column| column.target.as_ref() == Some(&goal.target));
    if is_taken || targets.field_about("firstName").is_some() {
        return;
    }
    let places = name_parts(columns);
    if places.len() > 1 {
        for (place, at) in places.into_iter().enumerate() {
            columns[at].take(goal.target.clone(), place);
        }
    }
}

/// The columns of a name's parts, in the order in which a name has them; none without a first one.
fn name_parts(columns: &[ColumnGuess]) -> Vec<usize> {
    let concept = |key| WORDS.concept(key).map(|concept| concept.names.clone());
    let first = concept("firstName").unwrap_or_default();
    let last = concept("lastName").unwrap_or_default();
    let parts = std::iter::once(first)
        .chain(WORDS.name_parts.iter().cloned())
        .chain([last]);
    let mut places = Vec::new();
    for (part, names) in parts.enumerate() {
        let names = all(names);
        let fitting = columns.iter().enumerate().filter(|(_, column)| {
            let words = Words::of(&column.column.name);
            column.target.is_none()
                && column.profile.words >= 0.5
                && names.iter().any(|name| name.joined == words.joined)
        });
        match fitting.map(|(at, _)| at).collect::<Vec<_>>()[..] {
            [at] => places.push(at),
            [] if part > 0 => {}
            _ => return Vec::new(),
        }
    }
    places
}

/// `Mobile 2`, `Other mobile`, beside the column that is taken for the phone.
fn join_alternatives(columns: &mut [ColumnGuess], goal: &Goal) {
    let target = &goal.target;
    if !columns
        .iter()
        .any(|column| column.target.as_ref() == Some(target))
    {
        return;
    }
    for column in columns.iter_mut().filter(|column| column.target.is_none()) {
        let header = &column.column.name;
        let share = match target {
            Target::Email => column.profile.email,
            _ => column.profile.phone,
        };
        let rest = without_number(header);
        let is_further = rest.as_str() != header && best(&Words::of(&rest), &goal.names) >= BY_NAME;
        if is_further && share >= 0.5 && !HeaderWords::of(header).is_of_another_person {
            let number = header.chars().filter_map(|c| c.to_digit(10)).next_back();
            column.take(target.clone(), number.map_or(2, |number| number as usize));
        }
    }
}

/// A header without a number and without words such as `other`.
fn without_number(header: &str) -> String {
    let words = Words::of(header).sorted;
    let is_own = |word: &&str| {
        let is_alternative = WORDS.alternatives.iter().any(|other| other == word);
        !is_alternative && !word.chars().all(char::is_numeric)
    };
    let own: Vec<&str> = words.split(' ').filter(is_own).collect();
    if own.len() == words.split(' ').count() {
        return header.to_owned();
    }
    own.join(" ")
}
