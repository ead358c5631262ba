//! What calamine does not tell about an XLSX sheet: hidden rows, merged ranges, formulas without a stored result, the
//! direction of the sheet, and whether there is anything on it. One pass over the sheet's XML, no values kept.

use quick_xml::events::{BytesStart, Event};

use super::package::{PartXml, attribute, is_set};
use super::position;
use crate::source::rows::Merge;

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
