//! What is proposed for one column.

use super::contract::Headed;
use super::fit::Target;
use super::profile::Profile;
use crate::model::{Cell, Column};

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
    /// Where it stands among the columns of this target.
    pub(super) place: usize,
    /// How sure that is.
    pub certainty: Certainty,
    /// What else it may feed, the best first.
    pub candidates: Vec<Target>,
    pub(super) profile: Profile,
}

impl ColumnGuess {
    pub(super) fn header(&self) -> &str {
        &self.column.name
    }

    pub(super) fn headed(&self) -> Headed<'_> {
        (&self.column.name, &self.profile)
    }

    pub(super) fn unguessed(column: &Column, values: &[Cell], country: &str) -> ColumnGuess {
        let profile = Profile::of(values, country);
        ColumnGuess {
            column: column.clone(),
            sample: profile.sample(),
            target: None,
            place: 0,
            certainty: Certainty::Open,
            candidates: Vec::new(),
            profile,
        }
    }

    /// `place`: where it stands among the columns of this target.
    pub(super) fn take(&mut self, target: Target, place: usize) {
        self.target = Some(target);
        self.place = place;
        self.certainty = Certainty::Sure;
        self.candidates.clear();
    }
}
