//! ODS: which sheets there are, and the rows of one, streamed.

use std::collections::HashMap;
use std::io::Read as _;
use std::ops::ControlFlow;

use super::assemble::rows_of;
use super::assembler::{Assembler, Halt};
use super::ods_walk::{Found, Rows, walk};
use super::package::Package;
use super::{Sheet, choose};
use crate::error::Error;
use crate::input::input::Input;
use crate::input::kind::protected;
use crate::input::rows::Merge;
use crate::input::{Opened, Options};
use crate::model::Cell;

const CONTENT: &str = "content.xml";

/// Opens an ODS workbook.
pub(super) fn open(input: &Input, options: &Options) -> Result<Opened, Error> {
    let name = input.name();
    let mut package = Package::open(input)?;
    check_password(&name, &mut package)?;
    let mut surveys = survey(&mut package)?;
    let sheets: Vec<Sheet> = surveys.iter().map(|survey| survey.sheet.clone()).collect();
    let (at, notes) = choose(&name, &sheets, options.sheet.as_deref())?;
    let chosen = surveys.swap_remove(at);
    let rows = rows_of(&name, move |assembler| feed(&mut package, at, assembler))?;
    Ok(Opened {
        notes,
        hidden: chosen.hidden,
        merges: chosen.merges,
        is_right_to_left: chosen.is_right_to_left,
        sheet: Some(chosen.sheet.name),
        ..Opened::new(Box::new(rows))
    })
}

/// What a first pass finds out about a sheet.
struct Survey {
    sheet: Sheet,
    hidden: Vec<u32>,
    merges: Vec<Merge>,
    is_right_to_left: bool,
}

fn survey(package: &mut Package) -> Result<Vec<Survey>, Error> {
    let mut styles = HashMap::new();
    let mut surveys: Vec<Survey> = Vec::new();
    let mut is_beyond = false;
    let walked = walk(&mut package.xml(CONTENT)?, |found| {
        match found {
            Found::Style {
                name,
                is_visible,
                is_right_to_left,
            } => {
                styles.insert(name, (is_visible, is_right_to_left));
            }
            Found::Sheet { name, style } => {
                let (is_visible, is_right_to_left) =
                    styles.get(&style).copied().unwrap_or((true, false));
                surveys.push(Survey {
                    sheet: Sheet {
                        name,
                        is_visible,
                        has_data: false,
                    },
                    hidden: Vec::new(),
                    merges: Vec::new(),
                    is_right_to_left,
                });
            }
            Found::Rows(rows) => {
                is_beyond = rows.is_beyond && rows.has_data();
                if let Some(survey) = surveys.last_mut() {
                    survey.take(rows);
                }
            }
        }
        if is_beyond {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    walked.map_err(|error| package.broken(&error))?;
    if is_beyond {
        // To read what fits would leave rows out without a word.
        return Err(
            package.broken(&"filled rows or cells are repeated further than a sheet reaches")
        );
    }
    Ok(surveys)
}

impl Survey {
    fn take(&mut self, rows: &Rows) {
        let has_data = rows.has_data();
        self.sheet.has_data |= has_data;
        if rows.is_hidden && has_data {
            self.hidden
                .extend((0..rows.count).map(|row| rows.first + row + 1));
        }
        for run in rows.cells.iter().filter(|run| run.spans != (1, 1)) {
            let (height, width) = run.spans;
            self.merges.push(Merge {
                first_row: rows.first + 1,
                last_row: rows.first.saturating_add(height),
                first_column: run.first,
                last_column: run.first.saturating_add(width - 1),
            });
        }
    }
}

/// Pushes the cells of the sheet at that place.
fn feed(package: &mut Package, sheet: usize, assembler: &mut Assembler) -> Result<(), Halt> {
    let mut begun = 0;
    let mut fed = Ok(());
    let mut xml = package.xml(CONTENT).map_err(Halt::Failed)?;
    let walked = walk(&mut xml, |found| {
        match found {
            Found::Sheet { .. } => begun += 1,
            Found::Rows(rows) if begun == sheet + 1 => fed = feed_rows(rows, assembler),
            _ => {}
        }
        if fed.is_err() || begun > sheet + 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    drop(xml);
    walked.map_err(|error| Halt::Failed(package.broken(&error)))?;
    fed
}

fn feed_rows(rows: &Rows, assembler: &mut Assembler) -> Result<(), Halt> {
    for row in rows.first..rows.first + rows.count {
        for run in rows.cells.iter().filter(|run| run.cell != Cell::Empty) {
            for column in run.first..run.first + run.count {
                assembler.push(row, column, run.cell.clone())?;
            }
        }
    }
    Ok(())
}

fn check_password(name: &str, package: &mut Package) -> Result<(), Error> {
    let part = "META-INF/manifest.xml";
    if package.find(part).is_none() {
        return Ok(());
    }
    let mut manifest = Vec::new();
    let read = package.xml(part)?.into_inner().read_to_end(&mut manifest);
    read.map_err(|error| package.broken(&error))?;
    let mark = b"encryption-data";
    if manifest.windows(mark.len()).any(|window| window == mark) {
        return Err(protected(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
