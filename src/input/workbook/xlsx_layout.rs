//! What calamine does not tell about an XLSX sheet: hidden rows, merged ranges, formulas without a stored result, the
//! direction of the sheet, and whether there is anything on it. One pass over the sheet's XML, no values kept.

use std::io::{ErrorKind, Read};

use memchr::{memchr, memchr_iter, memrchr};
use quick_xml::events::{BytesStart, Event};

use super::package::{PartXml, attribute, is_set};
use super::position;
use crate::input::rows::Merge;

/// No tag of a real sheet is longer.
const MAX_TAG_BYTES: usize = 1 << 16;
/// How many bytes of XML are looked at together.
const BLOCK_BYTES: usize = 64;

/// The facts about one sheet.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Numbers of hidden rows that hold data, ascending.
    pub(super) hidden: Vec<u32>,
    pub(super) merges: Vec<Merge>,
    /// Cells, in the order of the XML and counted from zero, whose formula was never calculated.
    pub(super) uncalculated: Vec<(u32, u32)>,
    pub(super) is_right_to_left: bool,
}

impl Layout {
    /// Reads the sheet's XML to its end.
    pub(super) fn of(xml: &mut PartXml<'_>) -> Result<Layout, quick_xml::Error> {
        let mut walk = Walk::default();
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            match xml.read_event_into(&mut buffer)? {
                Event::Start(element) => walk.start(&element),
                Event::End(element) => walk.end(element.local_name().as_ref()),
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => walk.text(),
                Event::Eof => return Ok(walk.layout),
                _ => {}
            }
        }
    }
}

/// The facts about a sheet whose rows hold nothing that the facts are about, found by a glance at its tags; `None` when it
/// takes a full walk. Most large sheets are of this kind, and the walk costs as much as reading the values.
pub(super) fn plain(xml: &mut PartXml<'_>) -> Result<Option<Layout>, quick_xml::Error> {
    let mut walk = Walk::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) if element.name().as_ref() == "sheetData" => break,
            Event::Start(element) => walk.start(&element),
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
    let is_plain = has_plain_tags(xml.get_mut())?;
    Ok(is_plain.then_some(walk.layout))
}

/// Whether the rest of the XML has no formula, no merged range and no row that may be hidden.
fn has_plain_tags(bytes: &mut impl Read) -> std::io::Result<bool> {
    let mut chunk = vec![0; MAX_TAG_BYTES];
    let mut kept = 0;
    loop {
        let read = match bytes.read(&mut chunk[kept..]) {
            // At the end, or without room for the end of a tag.
            Ok(0) => return Ok(kept < chunk.len()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = kept + read;
        let Some(seen) = plain_up_to(&chunk[..end]) else {
            return Ok(false);
        };
        chunk.copy_within(seen..end, 0);
        kept = end - seen;
    }
}

/// How many of the bytes are done with: all, or those before a tag that is cut. `None` when there is a tag that takes a walk.
fn plain_up_to(bytes: &[u8]) -> Option<usize> {
    let cut = memrchr(b'<', bytes).filter(|&last| memchr(b'>', &bytes[last..]).is_none());
    let seen = &bytes[..cut.unwrap_or(bytes.len())];
    let is_plain = |block: &[u8], behind: &[u8]| {
        !may_tell(block, behind) || memchr_iter(b'<', block).all(|at| is_plain_tag(&behind[at..]))
    };
    let behind = seen.get(1..).unwrap_or_default();
    (0..behind.len())
        .step_by(BLOCK_BYTES)
        .all(|start| {
            let block = &seen[start..behind.len().min(start + BLOCK_BYTES)];
            is_plain(block, &behind[start..])
        })
        .then_some(seen.len())
}

/// Whether a tag of a kind that is worth a look begins in the block; `behind` is what stands from its second byte on. Few
/// blocks have one, and this way to say it lets the processor compare many bytes at once.
fn may_tell(block: &[u8], behind: &[u8]) -> bool {
    let pairs = block.iter().zip(behind);
    pairs.fold(false, |any, (&byte, &next)| {
        any | ((byte == b'<') & matches!(next, b'f' | b'!' | b'r' | b'm'))
    })
}

/// `tag` begins behind the `<` and may go on behind the `>`.
fn is_plain_tag(tag: &[u8]) -> bool {
    match tag {
        [b'f', b'>' | b' ' | b'/' | b'\t' | b'\r' | b'\n', ..] | [b'!', ..] => false,
        [b'r', b'o', b'w', ..] => {
            let tag = &tag[..memchr(b'>', tag).unwrap_or(tag.len())];
            let hides = |word: &[u8]| {
                word.starts_with(b"hidden")
                    || word.starts_with(b"ht=\"0")
                    || word.starts_with(b"ht='0")
            };
            !memchr_iter(b'h', tag).any(|at| hides(&tag[at..]))
        }
        [b'm', ..] => !tag.starts_with(b"mergeCell"),
        _ => true,
    }
}

/// Whether a sheet has any value or formula. Reads no further than to the first.
pub(super) fn has_data(xml: &mut PartXml<'_>) -> Result<bool, quick_xml::Error> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) if matches!(element.local_name().as_ref(), "v" | "is" | "f") => {
                return Ok(true);
            }
            Event::End(element) if element.local_name().as_ref() == "sheetData" => {
                return Ok(false);
            }
            Event::Eof => return Ok(false),
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
struct Walk {
    layout: Layout,
    /// The row at hand, from one.
    row: u32,
    is_hidden: bool,
    row_has_data: bool,
    cell: CellFacts,
    is_in_value: bool,
}

#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent marks in the XML"
)]
struct CellFacts {
    /// The cell's name, such as `B7`; empty when the file leaves it out.
    name: String,
    /// Its place when it has no name.
    column: u32,
    is_text_result: bool,
    has_formula: bool,
    /// There is a value element, even if an empty one.
    has_value: bool,
    has_text: bool,
}

impl Walk {
    fn start(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "c" => self.start_cell(element),
            "v" => {
                self.is_in_value = true;
                self.cell.has_value = true;
            }
            "t" => self.is_in_value = true,
            "f" => self.cell.has_formula = true,
            "row" => self.start_row(element),
            "mergeCell" => self.layout.merges.extend(merge(element)),
            "sheetView" => self.layout.is_right_to_left |= is_set(element, "rightToLeft"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "c" => self.end_cell(),
            "v" | "t" => self.is_in_value = false,
            "row" => {
                if self.is_hidden && self.row_has_data {
                    self.layout.hidden.push(self.row);
                }
                self.is_hidden = false;
            }
            _ => {}
        }
    }

    fn text(&mut self) {
        self.cell.has_text |= self.is_in_value;
    }

    fn start_row(&mut self, element: &BytesStart<'_>) {
        let number = attribute(element, "r").and_then(|number| number.trim().parse().ok());
        self.row = number.unwrap_or_else(|| self.row.saturating_add(1));
        let has_no_height = attribute(element, "ht")
            .and_then(|height| height.trim().parse::<f64>().ok())
            .is_some_and(|height| height <= 0.0);
        self.is_hidden = is_set(element, "hidden") || has_no_height;
        self.row_has_data = false;
        self.cell.column = 0;
    }

    fn start_cell(&mut self, element: &BytesStart<'_>) {
        let cell = &mut self.cell;
        cell.name.clear();
        cell.is_text_result = false;
        for attribute in element.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "r" => cell.name.push_str(&attribute.value),
                "t" => cell.is_text_result = attribute.value.as_ref() == "str",
                _ => {}
            }
        }
        cell.has_formula = false;
        cell.has_value = false;
        cell.has_text = false;
    }

    fn end_cell(&mut self) {
        let cell = &mut self.cell;
        let (row, column) =
            position(&cell.name).unwrap_or((self.row.saturating_sub(1), cell.column));
        cell.column = column.saturating_add(1);
        self.row_has_data |= cell.has_formula || cell.has_text;
        // A formula whose result is an empty text has a value element without text; that one was calculated.
        let is_empty_text = cell.is_text_result && cell.has_value;
        if cell.has_formula && !cell.has_text && !is_empty_text {
            self.layout.uncalculated.push((row, column));
        }
    }
}

fn merge(element: &BytesStart<'_>) -> Option<Merge> {
    let range = attribute(element, "ref")?;
    let (from, to) = range.split_once(':')?;
    let ((first_row, first_column), (last_row, last_column)) = (position(from)?, position(to)?);
    Some(Merge {
        first_row: first_row.saturating_add(1),
        last_row: last_row.saturating_add(1),
        first_column,
        last_column,
    })
}

#[cfg(test)]
mod tests;
