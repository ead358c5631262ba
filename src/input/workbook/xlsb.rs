//! XLSB: the facts from the records of its parts, the values streamed through calamine.

use std::io::BufReader;

use calamine::{Reader as _, Xlsb, XlsbError};

use super::assemble::rows_of;
use super::assembler::{Assembler, Halt};
use super::binary::{Facts, Feeder, Formats};
use super::package::Package;
use super::xlsb_layout::{facts_of, formats, worksheets};
use super::{Sheet, choose};
use crate::error::Error;
use crate::input::input::{Handle, Input};
use crate::input::kind::{damaged, protected};
use crate::input::{Opened, Options};

/// Opens an XLSB workbook.
pub(super) fn open(input: &Input, options: &Options) -> Result<Opened, Error> {
    let name = input.name();
    let mut package = Package::open(input)?;
    let parts = worksheets(&mut package)?;
    let formats = formats(&mut package)?;
    let mut facts = Vec::new();
    for part in &parts {
        facts.push(facts_of(&mut package, &part.path, &formats)?);
    }
    let sheets: Vec<Sheet> = parts
        .iter()
        .zip(&facts)
        .map(|(part, facts)| Sheet {
            name: part.name.clone(),
            is_visible: part.is_visible,
            has_data: facts.has_data,
        })
        .collect();
    let (at, notes) = choose(&name, &sheets, options.sheet.as_deref())?;
    let mut facts = facts.swap_remove(at);
    let sheet = sheets[at].name.clone();

    let opened = Opened {
        notes,
        hidden: std::mem::take(&mut facts.hidden),
        merges: std::mem::take(&mut facts.merges),
        is_right_to_left: facts.is_right_to_left,
        sheet: Some(sheet.clone()),
        ..Opened::new(Box::new(rows_of(&name, {
            let (file, handle) = (name.clone(), input.open()?);
            move |assembler| feed(handle, &sheet, &facts, &formats, assembler, &file)
        })?))
    };
    Ok(opened)
}

fn feed(
    handle: Handle,
    sheet: &str,
    facts: &Facts,
    formats: &Formats,
    assembler: &mut Assembler,
    file: &str,
) -> Result<(), Halt> {
    let failed = |error: XlsbError| {
        Halt::Failed(match error {
            XlsbError::Password => protected(file),
            other => damaged(file, &other.to_string()),
        })
    };
    let mut workbook = Xlsb::new(BufReader::new(handle)).map_err(failed)?;
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(failed)?;
    let mut feeder = Feeder::new(facts, formats);
    while let Some(cell) = cells.next_cell().map_err(failed)? {
        feeder.push(cell.get_position(), cell.get_value(), assembler)?;
    }
    feeder.finish(assembler)
}

#[cfg(test)]
mod tests;
