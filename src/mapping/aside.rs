//! Rows that are no customers: a template's example, totals, the titles of sections, signatures. Only a row that names nobody who
//! could be invited can be one.

use super::bind::Mapping;
use super::header::is_example_marker;
use super::names::fold_value;
use super::words::WORDS;
use crate::model::{Aside, Cell, Row};

/// In a narrower sheet, one filled cell may well be a customer's.
const LEAST_COLUMNS: usize = 3;

impl Mapping {
    /// Whether the row is a template's example, marked by [`super::EXAMPLE_MARKER`] in a column that is left out. Such a row
    /// is never sent.
    pub(super) fn is_example(&self, row: &Row) -> bool {
        let mut cells = self.set_aside.iter().map(|&index| row.cell(index));
        cells.any(|cell| matches!(cell, Cell::Text(text) if is_example_marker(text)))
    }

    /// What a row is, if it is no customer's.
    pub(super) fn aside(&self, row: &Row) -> Option<Aside> {
        if self.is_example(row) {
            return Some(Aside::Example);
        }
        let mut texts = Vec::new();
        let (mut others, mut is_merged) = (0, false);
        for cell in &row.cells {
            match cell {
                Cell::Text(text) if text.chars().any(char::is_alphabetic) => {
                    texts.push(fold_value(text.trim()));
                }
                Cell::Merged => is_merged = true,
                cell => others += usize::from(!cell.is_empty()),
            }
        }
        let begins = |text: &String, words: &[String]| {
            let mut rests = words.iter().filter_map(|word| text.strip_prefix(&**word));
            rests.any(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        let found = if texts.is_empty() {
            None
        } else if texts.iter().all(|text| begins(text, &WORDS.totals)) {
            Some(Aside::Total)
        } else if others == 0 && texts.iter().any(|text| begins(text, &WORDS.signatures)) {
            Some(Aside::Signature)
        } else if others == 0 && texts.len() == 1 && !row.cell(0).is_empty() {
            // A name alone may be a customer whose phone is missing: that is a problem, not a title.
            let is_title = texts[0].contains(':') || begins(&texts[0], &WORDS.sections);
            let is_beside = is_merged || !self.is_used(0);
            (self.names.len() >= LEAST_COLUMNS && (is_title || is_beside)).then_some(Aside::Section)
        } else {
            None
        };
        found.filter(|&found| !self.means_somebody(row, found))
    }

    fn is_used(&self, index: usize) -> bool {
        let identity = self.identity.iter().flatten();
        let mut fields = self.groups.fields().chain(identity);
        fields.any(|field| field.columns().contains(&index))
    }

    /// Whether the row says whom to invite, or tries to: a total may have a count below the phones.
    fn means_somebody(&self, row: &Row, found: Aside) -> bool {
        let fields = self.phone.iter().chain(&self.email);
        let cells = fields.flat_map(|field| field.columns().iter().map(move |&at| (field, at)));
        let mut read = cells.map(|(field, column)| field.read(row.cell(column)));
        read.any(|read| match read {
            Ok(read) => read.is_some(),
            Err(_) => found != Aside::Total,
        })
    }
}
