//! Rows made ready for the ledger away from the one thread that writes: hashed, packed, and laid side by side in few buffers
//! that are used again.

use std::ops::Range;

use super::body::split;
use super::books::{ContentHash, KeyHash, Salt, keyed_hash};
use super::cells;
use crate::error::Error;
use crate::model::{Invitation, Problem, Row, RowNumber};

/// Makes rows ready; many threads may share one.
#[derive(Clone)]
pub struct Scribe {
    pub(super) salt: Salt,
    /// How many cells of a row are kept.
    pub(super) columns: usize,
}

/// Some rows, ready to be entered in this order. Holds personal data, so it does not print itself.
#[derive(Default)]
pub struct Sheaf {
    pub(super) entries: Vec<Entry>,
    /// Cells, the JSON of problems, and the values of bodies.
    text: String,
    /// The distinct skeletons of the bodies: one, where all rows are of one make.
    skeletons: Vec<String>,
    /// Room for the skeleton at hand.
    skeleton: String,
}

/// A row that is ready.
pub(super) struct Entry {
    pub(super) row: RowNumber,
    pub(super) cells: Slice,
    pub(super) content: Content,
}

/// What a row came to.
pub(super) enum Content {
    Valid {
        key: KeyHash,
        content: ContentHash,
        /// The skeleton's place in the sheaf.
        skeleton: usize,
        values: Slice,
    },
    Invalid {
        problems: Slice,
    },
}

/// A piece of the sheaf's text.
pub(super) type Slice = Range<usize>;

impl Scribe {
    /// Adds a row and what it came to.
    pub fn add(
        &self,
        sheaf: &mut Sheaf,
        row: &Row,
        result: Result<&Invitation, &[Problem]>,
    ) -> Result<(), Error> {
        let shown = (0..self.columns).map(|index| row.cell(index).as_shown());
        let cells = sheaf.write(|text| cells::write(shown, text))?;
        let content = match result {
            Ok(invitation) => {
                let (skeleton, values) = sheaf.pack(&invitation.body);
                Content::Valid {
                    key: keyed_hash(&self.salt, b"key", &invitation.key.0),
                    content: keyed_hash(&self.salt, b"content", invitation.body.as_bytes()),
                    skeleton,
                    values,
                }
            }
            Err(problems) => Content::Invalid {
                problems: sheaf.write(|text| {
                    text.push_str(&serde_json::to_string(problems)?);
                    Ok(())
                })?,
            },
        };
        sheaf.entries.push(Entry {
            row: row.number,
            cells,
            content,
        });
        Ok(())
    }
}

impl Sheaf {
    /// The text of a slice.
    pub(super) fn text(&self, slice: &Slice) -> &str {
        &self.text[slice.clone()]
    }

    pub(super) fn skeletons(&self) -> &[String] {
        &self.skeletons
    }

    /// Empties it; the buffers stay.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.text.clear();
        self.skeletons.clear();
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut String) -> serde_json::Result<()>,
    ) -> Result<Slice, Error> {
        let start = self.text.len();
        write(&mut self.text).map_err(|error| not_json(&error))?;
        Ok(start..self.text.len())
    }

    fn pack(&mut self, body: &str) -> (usize, Slice) {
        let start = self.text.len();
        self.skeleton.clear();
        split(body, &mut self.skeleton, &mut self.text);
        let known = self
            .skeletons
            .iter()
            .position(|known| *known == self.skeleton);
        let skeleton = known.unwrap_or_else(|| {
            self.skeletons.push(self.skeleton.clone());
            self.skeletons.len() - 1
        });
        (skeleton, start..self.text.len())
    }
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::unexpected(
        "ledger_write_failed",
        format!("A row cannot be written as JSON ({error})."),
    )
}
