//! What the records of an XLS workbook say about its sheets, apart from the values.

use std::collections::{BTreeSet, HashMap};

use super::binary::{Facts, Formats, u16_at, u32_at, wide_at};
use super::number_format::DigitFormat;
use crate::input::rows::Merge;

/// A sheet of the workbook and what is known of it.
#[derive(Debug)]
pub(super) struct XlsSheet {
    pub(super) name: String,
    pub(super) is_visible: bool,
    /// Charts and macro sheets have no rows.
    pub(super) is_worksheet: bool,
    pub(super) facts: Facts,
    /// How many cells the smallest rectangle around all values has.
    pub(super) area: u64,
    /// How many cells the sheet says it has: calamine makes room for so many before it reads the first.
    pub(super) announced: u64,
}

/// The workbook, as far as it is known without its values.
#[derive(Debug, Default)]
pub(super) struct XlsLayout {
    pub(super) sheets: Vec<XlsSheet>,
    pub(super) formats: Formats,
    pub(super) is_protected: bool,
}

impl XlsLayout {
    /// Reads the records of the workbook's stream. What is cut short is left out; calamine complains about it.
    pub(super) fn of(stream: &[u8]) -> XlsLayout {
        let mut layout = XlsLayout::default();
        let mut codes = HashMap::new();
        let mut places = Vec::new();
        for (kind, bytes) in Records::at(stream, 0) {
            match kind {
                0x002f => layout.is_protected = true,
                0x0085 => places.extend(bound_sheet(bytes)),
                0x041e => codes.extend(u16_at(bytes, 0).zip(long_text(bytes, 2))),
                0x00e0 => {
                    let code = u16_at(bytes, 2).and_then(|id| codes.get(&id));
                    let format = code.and_then(|code: &String| DigitFormat::parse(code));
                    layout.formats.push(format);
                }
                _ => {}
            }
        }
        for (place, sheet) in places {
            let (facts, area, announced) = facts(Records::at(stream, place), &layout.formats);
            layout.sheets.push(XlsSheet {
                facts,
                area,
                announced,
                ..sheet
            });
        }
        layout
    }
}

/// The records of one part of the stream, up to the end that belongs to its beginning.
struct Records<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Records<'a> {
    fn at(stream: &'a [u8], place: usize) -> Self {
        Records {
            rest: stream.get(place..).unwrap_or_default(),
            depth: 0,
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (kind, length) = (u16_at(self.rest, 0)?, usize::from(u16_at(self.rest, 2)?));
            let bytes = self.rest.get(4..4 + length)?;
            self.rest = &self.rest[4 + length..];
            match kind {
                0x0809 | 0x0409 | 0x0209 | 0x0009 => self.depth += 1,
                0x000a => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return None;
                    }
                }
                // What stands deeper belongs to a chart on the sheet.
                _ if self.depth <= 1 => return Some((kind, bytes)),
                _ => {}
            }
        }
    }
}

fn bound_sheet(bytes: &[u8]) -> Option<(usize, XlsSheet)> {
    let sheet = XlsSheet {
        name: text(bytes, 7, usize::from(*bytes.get(6)?))?,
        is_visible: matches!(bytes.get(4)? & 3, 0),
        is_worksheet: *bytes.get(5)? == 0,
        facts: Facts::default(),
        area: 0,
        announced: 0,
    };
    Some((u32_at(bytes, 0)? as usize, sheet))
}

fn long_text(bytes: &[u8], at: usize) -> Option<String> {
    text(bytes, at + 2, usize::from(u16_at(bytes, at)?))
}

/// Text behind its flags: one byte a character, or two.
fn text(bytes: &[u8], at: usize, length: usize) -> Option<String> {
    if bytes.get(at)? & 1 == 1 {
        return wide_at(bytes, at + 1, length);
    }
    let narrow = bytes.get(at + 1..at + 1 + length);
    // Excel 95 writes no flags.
    let narrow = narrow.or_else(|| bytes.get(at..at + length))?;
    Some(narrow.iter().map(|&b| char::from(b)).collect())
}

/// The first row, the one behind the last, and the same of the columns; Excel 95 writes rows in two bytes. A sheet that ends
/// before it begins wraps around to more than there can be, for calamine as well.
fn announced(bytes: &[u8]) -> Option<u64> {
    let (first, end, columns) = if bytes.len() == 10 {
        let row = |at| u16_at(bytes, at).map(u32::from);
        (row(0)?, row(2)?, u16_at(bytes, 6)?)
    } else {
        (u32_at(bytes, 0)?, u32_at(bytes, 4)?, u16_at(bytes, 10)?)
    };
    Some(u64::from(end.wrapping_sub(first)) * u64::from(columns))
}

#[derive(Default)]
struct Walk {
    facts: Facts,
    hidden: BTreeSet<u32>,
    filled: BTreeSet<u32>,
    columns: Option<(u32, u32)>,
    announced: u64,
}

fn facts(records: Records<'_>, formats: &Formats) -> (Facts, u64, u64) {
    let mut walk = Walk::default();
    for (kind, bytes) in records {
        // A record that is cut short says nothing.
        let _ = walk.record(kind, bytes, formats);
    }
    let rows = walk.filled.first().zip(walk.filled.last());
    let height = rows.map_or(0, |(first, last)| u64::from(last - first + 1));
    let width = walk
        .columns
        .map_or(0, |(first, last)| u64::from(last - first + 1));
    let mut facts = walk.facts;
    facts.has_data = !walk.filled.is_empty();
    facts.hidden = walk
        .hidden
        .intersection(&walk.filled)
        .map(|row| row + 1)
        .collect();
    facts.zeros.sort_unstable();
    (facts, height * width, walk.announced)
}

impl Walk {
    fn record(&mut self, kind: u16, bytes: &[u8], formats: &Formats) -> Option<()> {
        match kind {
            // DIMENSIONS
            0x0200 => self.announced = self.announced.max(announced(bytes)?),
            // ROW
            0x0208 => {
                let row = u32::from(u16_at(bytes, 0)?);
                if bytes.get(12)? & 0x20 != 0 {
                    self.hidden.insert(row);
                }
            }
            // LABEL, BOOLERR, RSTRING, LABELSST
            0x0204 | 0x0205 | 0x00d6 | 0x00fd => {
                self.cell(bytes)?;
            }
            // NUMBER, RK, FORMULA
            0x0203 | 0x027e | 0x0006 => {
                let (row, column) = self.cell(bytes)?;
                self.number(row, column, u16_at(bytes, 4)?, formats);
            }
            // MULRK
            0x00bd => {
                let (row, first) = self.cell(bytes)?;
                let numbers = bytes.get(4..bytes.len().checked_sub(2)?)?.chunks_exact(6);
                for (column, number) in (first..).zip(numbers) {
                    self.widen(column);
                    self.number(row, column, u16_at(number, 0)?, formats);
                }
            }
            // MERGEDCELLS
            0x00e5 => {
                for range in bytes.get(2..)?.chunks_exact(8) {
                    self.facts.merges.push(Merge {
                        first_row: u32::from(u16_at(range, 0)?) + 1,
                        last_row: u32::from(u16_at(range, 2)?) + 1,
                        first_column: u32::from(u16_at(range, 4)?),
                        last_column: u32::from(u16_at(range, 6)?),
                    });
                }
            }
            // WINDOW2
            0x023e => self.facts.is_right_to_left |= u16_at(bytes, 0)? & 0x40 != 0,
            _ => {}
        }
        Some(())
    }

    fn cell(&mut self, bytes: &[u8]) -> Option<(u32, u32)> {
        let (row, column) = (u32::from(u16_at(bytes, 0)?), u32::from(u16_at(bytes, 2)?));
        self.filled.insert(row);
        self.widen(column);
        Some((row, column))
    }

    fn widen(&mut self, column: u32) {
        let (first, last) = self.columns.unwrap_or((column, column));
        self.columns = Some((first.min(column), last.max(column)));
    }

    fn number(&mut self, row: u32, column: u32, format: u16, formats: &Formats) {
        if formats
            .get(usize::from(format))
            .is_some_and(Option::is_some)
        {
            self.facts.zeros.push((row, column, format));
        }
    }
}
