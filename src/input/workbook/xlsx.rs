//! XLSX and XLSM: the sheets from the package's own lists, the values streamed through calamine.
//!
//! calamine's `worksheet_range` is never used: it allocates the whole used range, and a stray cell in the last column of the
//! last row makes that half a tebibyte.

use std::io::BufReader;
use std::sync::mpsc::{Receiver, sync_channel};

use calamine::{Reader as _, Xlsx, XlsxError};
use quick_xml::events::Event;

use super::assemble::rows_of;
use super::assembler::{Assembler, Halt};
use super::cell::push_calamine;
use super::number_format::DigitFormat;
use super::package::{Package, attribute};
use super::relations::{elements, relations};
use super::xlsx_layout::{Layout, has_data, plain};
use super::{Sheet, choose};
use crate::error::Error;
use crate::input::input::{Handle, Input};
use crate::input::kind::{damaged, protected};
use crate::input::{Opened, Options};
use crate::model::Cell;

/// calamine makes room for as many texts as the file announces, before it reads one.
const MAX_SHARED_TEXTS: u64 = 1 << 24;

/// Opens an XLSX workbook.
pub(super) fn open(input: &Input, options: &Options) -> Result<Opened, Error> {
    let name = input.name();
    let mut package = Package::open(input)?;
    check_shared_texts(&name, &mut package)?;
    let parts = worksheets(&mut package)?;
    let mut sheets = Vec::new();
    for part in &parts {
        let found = has_data(&mut package.xml(&part.path)?);
        sheets.push(Sheet {
            name: part.name.clone(),
            is_visible: part.is_visible,
            has_data: found.map_err(|error| package.broken(&error))?,
        });
    }
    let (at, notes) = choose(&name, &sheets, options.sheet.as_deref())?;
    let chosen = &parts[at];
    let (file, sheet, handle) = (name.clone(), chosen.name.clone(), input.open()?);
    // The thread opens the workbook while this one finds out the layout, without which no cell is read.
    let (tell, told) = sync_channel(1);
    let rows = rows_of(&name, move |assembler| {
        feed(handle, &sheet, &told, assembler, &file)
    })?;
    let mut layout = layout(&mut package, &chosen.path)?;
    // Whoever does not listen has failed, and says so in place of rows.
    let _ = tell.send(std::mem::take(&mut layout.uncalculated));
    Ok(Opened {
        notes,
        hidden: layout.hidden,
        merges: layout.merges,
        is_right_to_left: layout.is_right_to_left,
        sheet: Some(chosen.name.clone()),
        ..Opened::new(Box::new(rows))
    })
}

fn layout(package: &mut Package, path: &str) -> Result<Layout, Error> {
    let plain = plain(&mut package.xml(path)?);
    if let Some(layout) = plain.map_err(|error| package.broken(&error))? {
        return Ok(layout);
    }
    let walked = Layout::of(&mut package.xml(path)?);
    walked.map_err(|error| package.broken(&error))
}

/// Pushes every cell of the sheet, once told which of them were never calculated.
fn feed(
    handle: Handle,
    sheet: &str,
    told: &Receiver<Vec<(u32, u32)>>,
    assembler: &mut Assembler,
    file: &str,
) -> Result<(), Halt> {
    let failed = |error: XlsxError| Halt::Failed(complaint(file, &error));
    let mut workbook = Xlsx::new(BufReader::new(handle)).map_err(failed)?;
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(failed)?;
    let formats: Vec<Option<DigitFormat>> = cells
        .styles()
        .iter()
        .map(|style| {
            let format = style.number_format.as_ref()?;
            DigitFormat::parse(&format.format_code)
        })
        .collect();
    // Both passes meet the cells in the order of the XML.
    let uncalculated = told.recv().map_err(|_| Halt::Unheard)?;
    let mut uncalculated = uncalculated.into_iter().peekable();
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(failed)? {
        let (row, column) = cell.get_position();
        if uncalculated.next_if_eq(&(row, column)).is_some() {
            assembler.push(row, column, Cell::Uncalculated)?;
        } else {
            let format = formats.get(style).and_then(Option::as_ref);
            push_calamine(assembler, (row, column), cell.get_value(), format)?;
        }
    }
    Ok(())
}

fn complaint(file: &str, error: &XlsxError) -> Error {
    match error {
        XlsxError::Password => protected(file),
        other => damaged(file, &other.to_string()),
    }
}

/// A worksheet's name and where it is in the package.
struct SheetPart {
    name: String,
    path: String,
    is_visible: bool,
}

/// The worksheets in the order of their tabs. Charts and macro sheets are none.
fn worksheets(package: &mut Package) -> Result<Vec<SheetPart>, Error> {
    let workbook = relations(package, "_rels/.rels", "")?
        .into_values()
        .find(|relation| relation.kind.ends_with("/officeDocument"))
        .map_or_else(|| "xl/workbook.xml".to_owned(), |relation| relation.target);
    let (folder, file) = workbook.rsplit_once('/').unwrap_or(("", &workbook));
    let targets = relations(package, &format!("{folder}/_rels/{file}.rels"), folder)?;
    let mut sheets = Vec::new();
    elements(package, &workbook, |element| {
        if element.local_name().as_ref() != "sheet" {
            return;
        }
        let relation = attribute(element, "id").and_then(|id| targets.get(&id));
        let worksheet = relation.filter(|relation| relation.kind.ends_with("/worksheet"));
        if let (Some(name), Some(relation)) = (attribute(element, "name"), worksheet) {
            sheets.push(SheetPart {
                name,
                path: relation.target.clone(),
                is_visible: attribute(element, "state").is_none_or(|state| state == "visible"),
            });
        }
    })?;
    Ok(sheets)
}

fn check_shared_texts(name: &str, package: &mut Package) -> Result<(), Error> {
    let part = "xl/sharedStrings.xml";
    if package.find(part).is_none() {
        return Ok(());
    }
    let mut xml = package.xml(part)?;
    let mut buffer = Vec::new();
    while let Ok(event) = xml.read_event_into(&mut buffer) {
        match event {
            Event::Start(element) if element.local_name().as_ref() == "sst" => {
                let announced = attribute(&element, "uniqueCount")
                    .and_then(|count| count.trim().parse::<u64>().ok());
                return match announced {
                    Some(count) if count > MAX_SHARED_TEXTS => Err(damaged(
                        name,
                        "it announces more texts than a sheet can hold",
                    )),
                    _ => Ok(()),
                };
            }
            Event::Eof => break,
            _ => buffer.clear(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
