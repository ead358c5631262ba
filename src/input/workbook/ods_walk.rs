//! Walks through the XML of an ODS workbook and reports sheets and rows. calamine would hold every sheet of the workbook
//! in memory, and says nothing of hidden rows and of the zeros that a number format shows.

use std::ops::ControlFlow;

use quick_xml::events::{BytesStart, Event};

use super::cell::iso_date_cell;
use super::package::PartXml;
use crate::model::Cell;

/// The size of a sheet in Excel and LibreOffice.
const MAX_ROWS: u32 = 1 << 20;
const MAX_COLUMNS: u32 = 16_384;

/// What the walk comes by.
pub(super) enum Found<'a> {
    /// A style of sheets.
    Style {
        name: String,
        is_visible: bool,
        is_right_to_left: bool,
    },
    /// A sheet begins.
    Sheet { name: String, style: String },
    /// A row of the sheet, or several that are alike.
    Rows(&'a Rows),
}

/// One or more rows that are alike. Cells without content are left out.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The first row, from zero.
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) is_hidden: bool,
    /// Whether they are repeated further than a sheet reaches.
    pub(super) is_beyond: bool,
    pub(super) cells: Vec<Run>,
}

impl Rows {
    /// Whether any cell holds something.
    pub(super) fn has_data(&self) -> bool {
        self.cells.iter().any(|run| !run.cell.is_empty())
    }
}

/// One or more neighbouring cells that are alike.
#[derive(Debug)]
pub(super) struct Run {
    /// The first column, from zero.
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) cell: Cell,
    /// How many rows and columns the cell is merged over; 1 and 1 for a usual one.
    pub(super) spans: (u32, u32),
}

/// Walks until `visit` breaks off or the workbook ends.
pub(super) fn walk(
    xml: &mut PartXml<'_>,
    mut visit: impl FnMut(Found<'_>) -> ControlFlow<()>,
) -> Result<(), quick_xml::Error> {
    let mut walk = Walk::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let flow = match xml.read_event_into(&mut buffer)? {
            Event::Start(element) => walk.start(&element, &mut visit),
            Event::End(element) => walk.end(element.name().as_ref(), &mut visit),
            Event::Text(text) => walk.text(&text.xml10_content()),
            Event::CData(text) => walk.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref()? {
                    Some(c) => c.to_string(),
                    None => {
                        quick_xml::escape::resolve_predefined_entity(&reference.xml10_content())
                            .unwrap_or("\u{fffd}")
                            .to_owned()
                    }
                };
                walk.text(&resolved)
            }
            Event::Eof => return Ok(()),
            _ => ControlFlow::Continue(()),
        };
        if flow.is_break() {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Walk {
    style: Option<String>,
    is_in_sheet: bool,
    rows: Rows,
    next_row: u32,
    next_column: u32,
    hidden_groups: u32,
    /// One flag for each group of rows that is open: whether it is folded away.
    groups: Vec<bool>,
    cell: Option<OpenCell>,
    /// Inside comments, and in the record of old changes, there are paragraphs and cells that are not the sheet's.
    ignored_depth: u32,
    paragraph_depth: u32,
}

#[derive(Debug, Default)]
struct OpenCell {
    kind: String,
    value: String,
    has_formula: bool,
    is_error: bool,
    is_covered: bool,
    count: u32,
    spans: (u32, u32),
    text: String,
    paragraphs: u32,
}

fn is_ignored(name: &str) -> bool {
    matches!(
        name,
        "office:annotation" | "table:tracked-changes" | "table:shapes" | "draw:frame"
    )
}

impl Walk {
    fn start(
        &mut self,
        element: &BytesStart<'_>,
        visit: &mut impl FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let name = element.name();
        let name = name.as_ref();
        if self.ignored_depth > 0 || is_ignored(name) {
            self.ignored_depth += u32::from(is_ignored(name));
            return ControlFlow::Continue(());
        }
        match name {
            "style:style" => self.style = value(element, "style:name"),
            "style:table-properties" => {
                if let Some(name) = self.style.take() {
                    let is = |key, wanted: &str| {
                        value(element, key).is_some_and(|value| value == wanted)
                    };
                    return visit(Found::Style {
                        name,
                        is_visible: !is("table:display", "false"),
                        is_right_to_left: is("style:writing-mode", "rl-tb"),
                    });
                }
            }
            "table:table" => {
                self.is_in_sheet = true;
                self.next_row = 0;
                return visit(Found::Sheet {
                    name: value(element, "table:name").unwrap_or_default(),
                    style: value(element, "table:style-name").unwrap_or_default(),
                });
            }
            "table:table-row-group" => {
                let is_folded =
                    value(element, "table:display").is_some_and(|value| value == "false");
                self.groups.push(is_folded);
                self.hidden_groups += u32::from(is_folded);
            }
            "table:table-row" if self.is_in_sheet => self.start_row(element),
            "table:table-cell" | "table:covered-table-cell" if self.is_in_sheet => {
                self.cell = Some(OpenCell::of(element, name == "table:covered-table-cell"));
            }
            _ => self.start_text(name, element),
        }
        ControlFlow::Continue(())
    }

    fn start_row(&mut self, element: &BytesStart<'_>) {
        let is_hidden = value(element, "table:visibility").is_some_and(|value| value != "visible");
        self.rows.first = self.next_row;
        self.rows.count = number(element, "table:number-rows-repeated");
        self.rows.is_hidden = is_hidden || self.hidden_groups > 0;
        self.rows.is_beyond = false;
        self.rows.cells.clear();
        self.next_column = 0;
    }

    fn start_text(&mut self, name: &str, element: &BytesStart<'_>) {
        let Some(cell) = &mut self.cell else { return };
        match name {
            "text:p" => {
                if cell.paragraphs > 0 {
                    cell.text.push('\n');
                }
                cell.paragraphs += 1;
                self.paragraph_depth += 1;
            }
            "text:s" => {
                let spaces = number(element, "text:c").min(MAX_COLUMNS);
                cell.text.extend((0..spaces).map(|_| ' '));
            }
            "text:tab" => cell.text.push('\t'),
            "text:line-break" => cell.text.push('\n'),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> ControlFlow<()> {
        if let Some(cell) = &mut self.cell
            && self.paragraph_depth > 0
            && self.ignored_depth == 0
        {
            cell.text.push_str(text);
        }
        ControlFlow::Continue(())
    }

    fn end(
        &mut self,
        name: &str,
        visit: &mut impl FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.ignored_depth > 0 {
            self.ignored_depth -= u32::from(is_ignored(name));
            return ControlFlow::Continue(());
        }
        match name {
            "text:p" => self.paragraph_depth = self.paragraph_depth.saturating_sub(1),
            "style:style" => self.style = None,
            "table:table" => self.is_in_sheet = false,
            "table:table-row-group" => {
                let was_folded = self.groups.pop().unwrap_or(false);
                self.hidden_groups = self.hidden_groups.saturating_sub(u32::from(was_folded));
            }
            "table:table-cell" | "table:covered-table-cell" => self.end_cell(),
            "table:table-row" if self.is_in_sheet => {
                let room = MAX_ROWS.saturating_sub(self.next_row);
                self.rows.is_beyond |= self.rows.count > room;
                self.rows.count = self.rows.count.min(room);
                self.next_row += self.rows.count;
                if !self.rows.cells.is_empty() {
                    return visit(Found::Rows(&self.rows));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end_cell(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        let first = self.next_column;
        let room = MAX_COLUMNS.saturating_sub(first);
        let is_beyond = cell.count > room;
        let count = cell.count.min(room);
        self.next_column += count;
        let (is_covered, spans) = (cell.is_covered, cell.spans);
        let cell = cell.finish();
        self.rows.is_beyond |= is_beyond && !is_covered && !cell.is_empty();
        if is_covered || count == 0 || (cell.is_empty() && spans == (1, 1)) {
            return;
        }
        self.rows.cells.push(Run {
            first,
            count,
            cell,
            spans,
        });
    }
}

impl OpenCell {
    fn of(element: &BytesStart<'_>, is_covered: bool) -> OpenCell {
        let mut cell = OpenCell {
            is_covered,
            count: number(element, "table:number-columns-repeated"),
            spans: (
                number(element, "table:number-rows-spanned"),
                number(element, "table:number-columns-spanned"),
            ),
            ..OpenCell::default()
        };
        for attribute in element.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "office:value-type" => cell.kind.push_str(&attribute.value),
                "calcext:value-type" => cell.is_error = attribute.value.as_ref() == "error",
                "office:value" | "office:date-value" | "office:boolean-value" => {
                    cell.value.push_str(&attribute.value);
                }
                "table:formula" => cell.has_formula = true,
                _ => {}
            }
        }
        cell
    }

    fn finish(self) -> Cell {
        let text = |text: String| {
            if text.trim().is_empty() {
                Cell::Empty
            } else {
                Cell::Text(text)
            }
        };
        if self.is_error {
            return Cell::Error(self.text);
        }
        match self.kind.as_str() {
            "float" | "currency" | "percentage" => match self.value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => number_as_shown(number, &self.text),
                _ => text(self.text),
            },
            "date" => iso_date_cell(&self.value),
            "boolean" => Cell::Boolean(self.value == "true"),
            "" if self.has_formula => Cell::Uncalculated,
            _ => text(self.text),
        }
    }
}

/// A number, or its text when that shows digits before those of the number, as in a phone with its zero.
fn number_as_shown(number: f64, shown: &str) -> Cell {
    let shown = shown.trim();
    let is_plain = shown
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '+' | '(' | ')'));
    let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
    let has_more = digits
        .strip_suffix(&format!("{number}"))
        .is_some_and(|before| !before.is_empty());
    if is_plain && has_more {
        Cell::Text(shown.to_owned())
    } else {
        Cell::Number(number)
    }
}

fn value(element: &BytesStart<'_>, key: &str) -> Option<String> {
    let attribute = element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.as_ref() == key)?;
    let value = quick_xml::escape::unescape(&attribute.value).ok()?;
    Some(value.into_owned())
}

/// A count that is one unless the file says otherwise.
fn number(element: &BytesStart<'_>, key: &str) -> u32 {
    value(element, key)
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(1)
        .max(1)
}
