//! What the records of an XLSB workbook say about its sheets, apart from the values.

use std::collections::HashMap;
use std::io::Read;

use super::binary::{Facts, Formats, error_shown, u16_at, u32_at, wide_at};
use super::number_format::DigitFormat;
use super::package::Package;
use super::relations::{Relation, relations};
use crate::error::Error;
use crate::input::rows::Merge;

/// No record that matters here is longer; a longer one is skipped.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// A worksheet's name and where it is in the package.
pub(super) struct SheetPart {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) is_visible: bool,
}

/// The worksheets in the order of their tabs.
pub(super) fn worksheets(package: &mut Package) -> Result<Vec<SheetPart>, Error> {
    let targets = relations(package, "xl/_rels/workbook.bin.rels", "xl")?;
    let mut sheets = Vec::new();
    records(package, "xl/workbook.bin", |kind, bytes| {
        if kind == 0x009c {
            sheets.extend(sheet_part(bytes, |id| targets.get(id)));
        }
    })?;
    Ok(sheets)
}

/// A `BrtBundleSh` record: state, id, relation, name.
fn sheet_part<'a>(
    bytes: &[u8],
    target: impl Fn(&str) -> Option<&'a Relation>,
) -> Option<SheetPart> {
    let relation_length = u32_at(bytes, 8)? as usize;
    let relation = wide_at(bytes, 12, relation_length)?;
    let name_at = 12 + relation_length * 2;
    let name = wide_at(bytes, name_at + 4, u32_at(bytes, name_at)? as usize)?;
    let relation = target(&relation)?;
    relation.kind.ends_with("/worksheet").then(|| SheetPart {
        name,
        path: relation.target.clone(),
        is_visible: u32_at(bytes, 0) == Some(0),
    })
}

/// The formats of the workbook's cells, by the number that a cell refers to.
pub(super) fn formats(package: &mut Package) -> Result<Formats, Error> {
    let part = "xl/styles.bin";
    let mut codes = HashMap::new();
    let mut formats = Formats::new();
    let mut is_in_cell_formats = false;
    if package.find(part).is_none() {
        return Ok(formats);
    }
    records(package, part, |kind, bytes| match kind {
        0x002c => {
            let code = u32_at(bytes, 2).and_then(|length| wide_at(bytes, 6, length as usize));
            if let (Some(id), Some(code)) = (u16_at(bytes, 0), code) {
                codes.insert(id, code);
            }
        }
        0x0269 => is_in_cell_formats = true,
        0x026a => is_in_cell_formats = false,
        0x002f if is_in_cell_formats => {
            let code = u16_at(bytes, 2).and_then(|id| codes.get(&id));
            formats.push(code.and_then(|code| DigitFormat::parse(code)));
        }
        _ => {}
    })?;
    Ok(formats)
}

/// The facts about the sheet in a part.
pub(super) fn facts_of(
    package: &mut Package,
    part: &str,
    formats: &Formats,
) -> Result<Facts, Error> {
    let mut walk = Walk::default();
    records(package, part, |kind, bytes| {
        // A record that is cut short says nothing; calamine will complain about it.
        let _ = walk.record(kind, bytes, formats);
    })?;
    walk.end_row();
    Ok(walk.facts)
}

#[derive(Default)]
struct Walk {
    facts: Facts,
    row: u32,
    is_hidden: bool,
    row_has_data: bool,
}

impl Walk {
    fn record(&mut self, kind: u16, bytes: &[u8], formats: &Formats) -> Option<()> {
        match kind {
            // BrtRowHdr
            0x0000 => {
                self.end_row();
                self.row = u32_at(bytes, 0)?;
                self.is_hidden = bytes.get(11)? & 0x10 != 0;
            }
            // Cells with a value, and formulas with theirs.
            0x0002..=0x000b | 0x003e => {
                self.facts.has_data = true;
                self.row_has_data = true;
                let column = u32_at(bytes, 0)?;
                let style = u32_at(bytes, 4)? & 0x00ff_ffff;
                let is_number = matches!(kind, 0x0002 | 0x0005 | 0x0009);
                if is_number && formats.get(style as usize).is_some_and(Option::is_some) {
                    let style = u16::try_from(style).ok()?;
                    self.facts.zeros.push((self.row, column, style));
                }
                if kind == 0x000b {
                    let shown = error_shown(*bytes.get(8)?);
                    self.facts.errors.push((self.row, column, shown));
                }
            }
            // BrtEndSheetData
            0x0092 => self.end_row(),
            // BrtMergeCell
            0x00b0 => self.facts.merges.push(Merge {
                first_row: u32_at(bytes, 0)?.saturating_add(1),
                last_row: u32_at(bytes, 4)?.saturating_add(1),
                first_column: u32_at(bytes, 8)?,
                last_column: u32_at(bytes, 12)?,
            }),
            // BrtBeginWsView
            0x0089 => self.facts.is_right_to_left |= u16_at(bytes, 0)? & 0x20 != 0,
            _ => {}
        }
        Some(())
    }

    fn end_row(&mut self) {
        if self.is_hidden && self.row_has_data {
            self.facts.hidden.push(self.row.saturating_add(1));
        }
        self.is_hidden = false;
        self.row_has_data = false;
    }
}

/// Calls `each` with the type and the bytes of every record of a part.
fn records(
    package: &mut Package,
    part: &str,
    mut each: impl FnMut(u16, &[u8]),
) -> Result<(), Error> {
    let mut walk = |reader: &mut dyn Read| -> std::io::Result<()> {
        let mut bytes = Vec::new();
        while let Some((kind, length)) = record_head(reader)? {
            bytes.clear();
            if length > MAX_RECORD_BYTES {
                std::io::copy(&mut reader.take(length as u64), &mut std::io::sink())?;
                continue;
            }
            (&mut *reader).take(length as u64).read_to_end(&mut bytes)?;
            if bytes.len() < length {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            each(kind, &bytes);
        }
        Ok(())
    };
    let mut reader = package.bytes(part)?;
    let walked = walk(&mut reader);
    drop(reader);
    walked.map_err(|error| package.broken(&error))
}

/// A record's type and length, seven bits a byte; `None` at the end of the part.
fn record_head(reader: &mut dyn Read) -> std::io::Result<Option<(u16, usize)>> {
    let mut byte = [0];
    if reader.read(&mut byte)? == 0 {
        return Ok(None);
    }
    let mut kind = u16::from(byte[0]);
    if kind & 0x80 != 0 {
        reader.read_exact(&mut byte)?;
        kind = (kind & 0x7f) | (u16::from(byte[0] & 0x7f) << 7);
    }
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        reader.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    Ok(Some((kind, length)))
}
