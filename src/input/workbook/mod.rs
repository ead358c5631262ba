//! Workbooks: chooses the sheet and yields its rows, whatever the format.

mod assemble;
mod assembler;
mod binary;
mod cell;
mod compound;
mod number_format;
mod ods;
mod ods_walk;
mod package;
mod relations;
mod xls;
mod xls_layout;
mod xlsb;
mod xlsb_layout;
mod xlsx;
mod xlsx_layout;

use super::input::Input;
use super::kind::Format;
use super::{Note, Opened, Options};
use crate::error::Error;
use crate::model::OVERVIEW_SHEET;

/// Opens a workbook of the given format.
pub(super) fn open(input: &Input, format: Format, options: &Options) -> Result<Opened, Error> {
    let mut opened = match format {
        Format::Xlsx => xlsx::open(input, options)?,
        Format::Ods => ods::open(input, options)?,
        Format::Xlsb => xlsb::open(input, options)?,
        Format::Xls => xls::open(input, options)?,
    };
    if let Some(sheet) = &opened.sheet {
        let text = format!("Read as {}, sheet \"{sheet}\".", format.word());
        opened.notes.insert(0, Note::plain(text));
    }
    if options.delimiter.is_some() || options.encoding.is_some() {
        opened.notes.push(Note::warning(
            "A workbook has no delimiter and no encoding: those options change nothing.",
        ));
    }
    Ok(opened)
}

/// A sheet of a workbook, as far as choosing among them goes.
#[derive(Debug, Clone)]
struct Sheet {
    name: String,
    is_visible: bool,
    has_data: bool,
}

impl Sheet {
    /// Whether it is the first sheet of a workbook that was given back with its problems marked.
    fn is_overview(&self) -> bool {
        self.name == OVERVIEW_SHEET
    }
}

/// The place of the sheet to read, with notes about the others.
fn choose(file: &str, sheets: &[Sheet], wanted: Option<&str>) -> Result<(usize, Vec<Note>), Error> {
    let at = if let Some(wanted) = wanted {
        named(sheets, wanted).ok_or_else(|| no_such_sheet(file, sheets, wanted))?
    } else {
        let first = |test: fn(&Sheet) -> bool| sheets.iter().position(test);
        first(|sheet| sheet.is_visible && sheet.has_data && !sheet.is_overview())
            .or_else(|| first(|sheet| sheet.is_visible && sheet.has_data))
            .or_else(|| first(|sheet| sheet.is_visible))
            .ok_or_else(|| no_visible_sheet(file, sheets))?
    };
    let others: Vec<String> = sheets
        .iter()
        .enumerate()
        .filter(|&(other, sheet)| other != at && sheet.is_visible && sheet.has_data)
        .filter(|(_, sheet)| !sheet.is_overview())
        .map(|(_, sheet)| format!("\"{}\"", sheet.name))
        .collect();
    let mut notes = Vec::new();
    if wanted.is_none() && sheets[..at].iter().any(Sheet::is_overview) {
        notes.push(Note::plain(format!(
            "The sheet \"{OVERVIEW_SHEET}\" sums up an earlier check and is passed over."
        )));
    }
    if wanted.is_none() && !others.is_empty() {
        notes.push(Note::warning(format!(
            "Other sheets hold data and are not read: {}. Name one with --sheet to read it instead.",
            others.join(", ")
        )));
    }
    if !sheets[at].is_visible {
        notes.push(Note::warning(format!(
            "The sheet \"{}\" is hidden.",
            sheets[at].name
        )));
    }
    Ok((at, notes))
}

/// The sheet of that name; when none is spelled exactly so, the one that differs in case and outer spaces only.
fn named(sheets: &[Sheet], wanted: &str) -> Option<usize> {
    let alike = |sheet: &Sheet| sheet.name.trim().to_lowercase() == wanted.trim().to_lowercase();
    sheets
        .iter()
        .position(|sheet| sheet.name == wanted)
        .or_else(|| sheets.iter().position(alike))
}

fn no_such_sheet(file: &str, sheets: &[Sheet], wanted: &str) -> Error {
    let names: Vec<String> = sheets
        .iter()
        .map(|sheet| format!("\"{}\"", sheet.name))
        .collect();
    Error::unusable(
        "sheet_not_found",
        format!("{file} has no sheet \"{wanted}\"."),
    )
    .hint(format!("Its sheets are: {}.", names.join(", ")))
}

fn no_visible_sheet(file: &str, sheets: &[Sheet]) -> Error {
    match sheets.first() {
        None => Error::unusable(
            "sheet_not_found",
            format!("{file} has no sheet with cells."),
        )
        .hint("Give a workbook with a worksheet."),
        Some(first) => Error::unusable(
            "sheet_not_found",
            format!("All sheets of {file} are hidden."),
        )
        .hint(format!(
            "Name the one to read, such as --sheet \"{}\".",
            first.name
        )),
    }
}

/// The letters and number by which a spreadsheet names a cell; both from zero here.
fn position(reference: &str) -> Option<(u32, u32)> {
    let letters = reference
        .bytes()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let (letters, digits) = reference.split_at(letters);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let column = letters.bytes().fold(0, |column, b| {
        column * 26 + u32::from(b.to_ascii_uppercase() - b'A') + 1
    });
    let row: u32 = digits.parse().ok()?;
    Some((row.checked_sub(1)?, column - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_their_names() {
        assert_eq!(position("A1"), Some((0, 0)));
        assert_eq!(position("XFD1048576"), Some((1_048_575, 16_383)));
        assert_eq!(position("A0"), None);
        assert_eq!(position("12"), None);
        assert_eq!(position("$A$1"), None);
    }

    fn sheet(name: &str, is_visible: bool, has_data: bool) -> Sheet {
        Sheet {
            name: name.to_owned(),
            is_visible,
            has_data,
        }
    }

    #[test]
    fn the_first_visible_sheet_with_data_is_read_and_the_others_are_named() {
        let sheets = [
            sheet("Hidden", false, true),
            sheet("Cover", true, false),
            sheet("Customers", true, true),
            sheet("Old", true, true),
        ];
        let (at, notes) = choose("a.xlsx", &sheets, None).unwrap();
        assert_eq!(at, 2);
        assert!(notes[0].warning && notes[0].text.contains("\"Old\""));
        assert!(!notes[0].text.contains("Hidden"));
        let (at, notes) = choose("a.xlsx", &sheets, Some(" customers")).unwrap();
        assert_eq!((at, notes.len()), (2, 0));
        let complaint = choose("a.xlsx", &sheets, Some("Clients")).unwrap_err();
        assert_eq!(complaint.code, "sheet_not_found");
        assert!(complaint.hint.unwrap().contains("\"Customers\""));
    }

    #[test]
    fn the_overview_of_an_annotated_workbook_gives_way_to_its_rows() {
        let both = [
            sheet("vlens-batch", true, true),
            sheet("Customers", true, true),
        ];
        let (at, notes) = choose("a.xlsx", &both, None).unwrap();
        assert_eq!(at, 1);
        assert!(!notes[0].warning && notes[0].text.contains("passed over"));
        assert_eq!(notes.len(), 1);
        assert_eq!(choose("a.xlsx", &both, Some("vlens-batch")).unwrap().0, 0);
        let (at, notes) = choose("a.xlsx", &both[..1], None).unwrap();
        assert_eq!((at, notes.len()), (0, 0), "it is all there is");
    }
}
