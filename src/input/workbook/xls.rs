//! XLS: read whole, as calamine has no other way; so its size is looked at first.

use std::io::{Cursor, Read};
use std::sync::Arc;

use calamine::{Reader as _, Xls, XlsError};

use super::assemble::rows_of;
use super::assembler::{Assembler, Halt};
use super::binary::{Facts, Feeder, Formats};
use super::cell::lent;
use super::compound;
use super::xls_layout::{XlsLayout, XlsSheet};
use super::{Sheet, choose};
use crate::error::Error;
use crate::input::input::{Input, unreadable};
use crate::input::kind::{damaged, protected};
use crate::input::{Opened, Options};

/// calamine keeps every cell of the rectangle around all values, filled or not, on every sheet.
const MAX_CELLS: u64 = 2_000_000;
/// All cells of a sheet, by the format's own limits.
const MOST_ANNOUNCED: u64 = 65_536 * 256;

/// Opens an XLS workbook.
pub(super) fn open(input: &Input, options: &Options) -> Result<Opened, Error> {
    let name = input.name();
    let mut bytes = Vec::new();
    input
        .open()?
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&name, &error))?;
    let stream = compound::stream(&bytes, &["Workbook", "Book"])
        .ok_or_else(|| damaged(&name, "it has lost its content"))?;
    let mut layout = XlsLayout::of(&stream);
    drop(stream);
    if layout.is_protected {
        return Err(protected(&name));
    }
    if layout
        .sheets
        .iter()
        .any(|sheet| sheet.announced > MOST_ANNOUNCED)
    {
        // Room for that many cells is not to be had, and asking for it would end the program.
        return Err(damaged(
            &name,
            "it announces more cells than a sheet can have",
        ));
    }
    if layout.sheets.iter().map(|sheet| sheet.area).sum::<u64>() > MAX_CELLS {
        return Err(too_large(&name));
    }
    // Places among all sheets, since calamine is asked by them.
    let worksheets: Vec<usize> = (0..layout.sheets.len())
        .filter(|&at| layout.sheets[at].is_worksheet)
        .collect();
    let sheets: Vec<Sheet> = worksheets
        .iter()
        .map(|&at| sheet(&layout.sheets[at]))
        .collect();
    let (chosen, notes) = choose(&name, &sheets, options.sheet.as_deref())?;
    let place = worksheets[chosen];
    let mut facts = layout.sheets.swap_remove(place).facts;
    Ok(Opened {
        notes,
        hidden: std::mem::take(&mut facts.hidden),
        merges: std::mem::take(&mut facts.merges),
        is_right_to_left: facts.is_right_to_left,
        sheet: Some(sheets[chosen].name.clone()),
        ..Opened::new(Box::new(rows_of(&name, {
            let (file, bytes, formats) = (name.clone(), Arc::<[u8]>::from(bytes), layout.formats);
            move |assembler| feed(bytes, place, &facts, &formats, assembler, &file)
        })?))
    })
}

fn feed(
    bytes: Arc<[u8]>,
    place: usize,
    facts: &Facts,
    formats: &Formats,
    assembler: &mut Assembler,
    file: &str,
) -> Result<(), Halt> {
    let failed = |error: XlsError| {
        Halt::Failed(match error {
            XlsError::Password => protected(file),
            other => damaged(file, &other.to_string()),
        })
    };
    let lost = || Halt::Failed(damaged(file, "one of its sheets is lost"));
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(failed)?;
    let sheet = workbook.sheets_metadata().get(place).ok_or_else(lost)?;
    let sheet = sheet.name.clone();
    let range = workbook.worksheet_range(&sheet).map_err(failed)?;
    drop(workbook);
    let (first_row, first_column) = range.start().unwrap_or_default();
    let mut feeder = Feeder::new(facts, formats);
    for (row, cells) in (first_row..).zip(range.rows()) {
        for (column, cell) in (first_column..).zip(cells) {
            feeder.push((row, column), &lent(cell), assembler)?;
        }
    }
    feeder.finish(assembler)
}

fn sheet(found: &XlsSheet) -> Sheet {
    Sheet {
        name: found.name.clone(),
        is_visible: found.is_visible,
        has_data: found.facts.has_data,
    }
}

fn too_large(name: &str) -> Error {
    Error::unusable(
        "workbook_too_large",
        format!("{name} spreads over more than {MAX_CELLS} cells, too many for an old Excel workbook to be read whole."),
    )
    .hint("Save it as XLSX; or delete values that stand far away from the others.")
}

#[cfg(test)]
mod tests;
