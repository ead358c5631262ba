//! The status of a row, and the standing of an invitation in the ledger.

use std::fmt;

macro_rules! statuses {
    ($($variant:ident = $word:literal, $meaning:literal;)*) => {
        /// What every source row has exactly one of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Status { $(#[doc = $meaning] $variant,)* }

        impl Status {
            /// Every status, in the order of the interface.
            pub const ALL: &'static [Status] = &[$(Status::$variant,)*];

            /// The word, in flags, columns, messages and documents alike.
            pub fn as_str(self) -> &'static str {
                match self { $(Status::$variant => $word,)* }
            }

            /// The status that a word names.
            pub fn parse(word: &str) -> Option<Status> {
                Status::ALL.iter().copied().find(|status| status.as_str() == word)
            }
        }
    };
}

statuses! {
    Created = "created", "Vlens answered with a session token, which is stored.";
    Invalid = "invalid", "The row does not pass validation; nothing was sent.";
    Duplicate = "duplicate", "The same invitation stands in an earlier row of this file.";
    Rejected = "rejected", "Vlens answered that it will not.";
    Failed = "failed", "Certainly not created, and every attempt used up.";
    Uncertain = "uncertain", "The request went out and its answer never came, or does not tell.";
    Pending = "pending", "Due, not tried yet.";
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Where an invitation stands in the ledger when a row meets it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// `Created`, `Rejected`, `Failed`, `Uncertain` or `Pending`; never `Invalid` or `Duplicate`, which are a row's.
    pub status: Status,
    /// Whether the row's content is the one that this status speaks of.
    pub same_content: bool,
}

/// What is to become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// It is due: it becomes `pending` and is sent.
    Send,
    /// It needs nothing: its invitation exists.
    Skip,
    /// It keeps its status until a person says otherwise.
    Hold,
}

/// How many rows have which status. They add up to the rows of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// Created by this run.
    pub created: u64,
    /// Created by an earlier run.
    pub already_created: u64,
    /// Did not pass validation.
    pub invalid: u64,
    /// The same invitation stands in an earlier row.
    pub duplicate: u64,
    /// Vlens will not.
    pub rejected: u64,
    /// Certainly not created, attempts used up.
    pub failed: u64,
    /// Cannot be told.
    pub uncertain: u64,
    /// Still due.
    pub pending: u64,
}

impl Counts {
    /// All rows.
    pub fn total(&self) -> u64 {
        self.created
            + self.already_created
            + self.invalid
            + self.duplicate
            + self.rejected
            + self.failed
            + self.uncertain
            + self.pending
    }

    /// Rows that need a person.
    pub fn needing_a_person(&self) -> u64 {
        self.invalid + self.rejected + self.failed + self.uncertain
    }
}
