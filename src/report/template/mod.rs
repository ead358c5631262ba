//! The workbook for people to fill in: one column a form field, labels above, choices as lists, an example row.
//!
//! Its headers hold the keys with their contract type, so that a filled copy needs no mapping and no stored form. What a list
//! offers is the choice's own text for the same reason.

mod columns;
mod example;
mod sheet;

use rust_xlsxwriter::Workbook;

use self::columns::columns;
use super::spreadsheet::complaint;
use crate::error::Error;
use crate::model::{ContractTypeId, Form};

/// What the labels are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateLanguage {
    /// Arabic above English, from right to left.
    Both,
    /// Arabic alone, from right to left.
    Arabic,
    /// English alone.
    English,
}

/// What to make a template of.
#[derive(Debug, Clone, Copy)]
pub struct TemplateSpec<'a> {
    /// The contract type.
    pub id: ContractTypeId,
    /// Its form.
    pub form: &'a Form,
    /// What the labels are written in.
    pub language: TemplateLanguage,
    /// The text by which the example row is known, so that it is never sent.
    pub example_marker: &'a str,
}

/// Writes the workbook and gives its bytes.
pub fn write_template(spec: &TemplateSpec<'_>) -> Result<Vec<u8>, Error> {
    let columns = columns(spec)?;
    let mut workbook = Workbook::new();
    sheet::write(&mut workbook, spec, &columns)
        .and_then(|()| workbook.save_to_buffer())
        .map_err(|error| complaint(&error))
}

#[cfg(test)]
mod tests;
