//! What XLS and XLSB have in common: records of bytes, and the facts that calamine leaves out of them.

use calamine::DataRef;

use super::assembler::{Assembler, Halt};
use super::cell::push_calamine;
use super::number_format::DigitFormat;
use crate::input::rows::Merge;
use crate::model::Cell;

/// The facts about one sheet. Rows and columns of cells count from zero, in the order of the sheet.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) has_data: bool,
    /// Numbers of hidden rows that hold data, ascending.
    pub(super) hidden: Vec<u32>,
    pub(super) merges: Vec<Merge>,
    pub(super) is_right_to_left: bool,
    /// Number cells whose format may show zeros, with the place of the format among the workbook's.
    pub(super) zeros: Vec<(u32, u32, u16)>,
    /// Formulas that end in an error, where calamine passes them over.
    pub(super) errors: Vec<(u32, u32, &'static str)>,
}

/// Formats of cells by the number that cells refer to them by.
pub(super) type Formats = Vec<Option<DigitFormat>>;

/// Pushes calamine's cells, corrected by the facts. Both must be in the order of the sheet.
pub(super) struct Feeder<'a> {
    facts: &'a Facts,
    formats: &'a Formats,
    next_zero: usize,
    next_error: usize,
}

impl<'a> Feeder<'a> {
    pub(super) fn new(facts: &'a Facts, formats: &'a Formats) -> Self {
        Feeder {
            facts,
            formats,
            next_zero: 0,
            next_error: 0,
        }
    }

    pub(super) fn push(
        &mut self,
        (row, column): (u32, u32),
        value: &DataRef<'_>,
        assembler: &mut Assembler,
    ) -> Result<(), Halt> {
        self.push_errors_before((row, column), assembler)?;
        let mut format = None;
        while let Some(&(at_row, at_column, index)) = self.facts.zeros.get(self.next_zero) {
            if (at_row, at_column) > (row, column) {
                break;
            }
            self.next_zero += 1;
            if (at_row, at_column) == (row, column) {
                format = self.formats.get(index as usize).and_then(Option::as_ref);
            }
        }
        push_calamine(assembler, (row, column), value, format)
    }

    pub(super) fn finish(mut self, assembler: &mut Assembler) -> Result<(), Halt> {
        self.push_errors_before((u32::MAX, u32::MAX), assembler)
    }

    fn push_errors_before(
        &mut self,
        position: (u32, u32),
        assembler: &mut Assembler,
    ) -> Result<(), Halt> {
        while let Some(&(row, column, shown)) = self.facts.errors.get(self.next_error) {
            if (row, column) >= position {
                break;
            }
            self.next_error += 1;
            assembler.push(row, column, Cell::Error(shown.to_owned()))?;
        }
        Ok(())
    }
}

/// What a spreadsheet shows for an error's number.
pub(super) fn error_shown(code: u8) -> &'static str {
    match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0f => "#VALUE!",
        0x17 => "#REF!",
        0x1d => "#NAME?",
        0x24 => "#NUM!",
        0x2a => "#N/A",
        _ => "#ERROR!",
    }
}

/// A little-endian number; `None` where the bytes end too early.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

/// A little-endian number; `None` where the bytes end too early.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// UTF-16 text of `length` units.
pub(super) fn wide_at(bytes: &[u8], at: usize, length: usize) -> Option<String> {
    let end = at.checked_add(length.checked_mul(2)?)?;
    let units: Vec<u16> = bytes
        .get(at..end)?
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Some(String::from_utf16_lossy(&units))
}
