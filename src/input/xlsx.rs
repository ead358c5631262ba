//! The rows of a worksheet, and what must be known about them before the first one. Why calamine does not read them:
//! `ARCHITECTURE.md`, "Decisions".

use std::borrow::Cow;
use std::sync::Arc;

use quick_xml::events::{BytesStart, Event};

use super::file::{MAX_ROW_BYTES, cell_of_text};
use super::format::{CellFormat, iso_date};
use super::package::{Content, Xml, attribute, is_set, number};
use super::source::{MAX_COLUMNS, Merge, Source};
use crate::error::Error;
use crate::model::{Cell, Row, RowNumber};

/// Columns of which more is known than their cells.
const STYLED_COLUMNS: usize = 1024;
/// Rows from which a column's number format is known, the last that has one.
const STYLED_ROWS: u32 = 200;
/// The height of a sheet in Excel.
const MAX_ROWS: u32 = 1 << 20;

/// What cells refer to, and what is known about the whole workbook.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) texts: Vec<Box<str>>,
    /// By the number of a cell's style.
    pub(super) formats: Vec<CellFormat>,
    pub(super) is_1904: bool,
    /// Who wrote the formulas did not calculate them: an empty result, or 0, is none.
    pub(super) is_uncalculated: bool,
}

pub(super) struct SheetReader {
    xml: Xml,
    tables: Arc<Tables>,
    is_worksheet: bool,
    /// The number of the last row, and of the last one with data.
    last: u32,
    last_filled: u32,
    /// What was met beside the values of cells.
    met: Source,
}

impl SheetReader {
    pub(super) fn new(xml: Xml, tables: Arc<Tables>) -> Self {
        SheetReader {
            xml,
            tables,
            is_worksheet: false,
            last: 0,
            last_filled: 0,
            met: Source::default(),
        }
    }

    /// Reads to the end, and tells what must be known before the first row.
    pub(super) fn look_through(mut self) -> Result<Source, Error> {
        while self.next_row()?.is_some() {}
        Ok(self.met)
    }

    /// The next row with data; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            let element = match self.xml.next()? {
                Event::Start(element) => element,
                Event::Eof if self.is_worksheet => return Ok(None),
                Event::Eof => {
                    let why = "the part that should be its sheet is none";
                    return Err(self.xml.damaged(why));
                }
                _ => continue,
            };
            match element.local_name().as_ref() {
                "row" => {
                    let (told, is_hidden) = row_head(&element);
                    let row = self.row(told)?;
                    if !row.cells.is_empty() {
                        self.met.hidden.extend(is_hidden.then_some(row.number.0));
                        return Ok(Some(row));
                    }
                }
                "mergeCell" => self.met.merges.extend(merge(&element)),
                "sheetView" => self.met.right_to_left |= is_set(&element, "rightToLeft"),
                "col" => note_columns(&mut self.met, &element),
                "worksheet" => self.is_worksheet = true,
                _ => {}
            }
        }
    }

    /// The rest of a row whose first tag has been read. One that tells no number gets that of its first cell.
    fn row(&mut self, mut told: Option<u32>) -> Result<Row, Error> {
        let follows = self.last.saturating_add(1);
        let (mut cells, mut next, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let head = match self.xml.next()? {
                Event::Start(element) if element.local_name().as_ref() == "c" => {
                    CellHead::of(&element)
                }
                Event::End(element) if element.local_name().as_ref() == "row" => break,
                _ => continue,
            };
            let content = self.xml.content("c")?;
            let (row, column) = head.place.unwrap_or((told.unwrap_or(follows), next));
            let number = *told.get_or_insert(row);
            if row != number || column >= MAX_COLUMNS {
                return self.damaged(number, "has a cell that tells a place which it cannot have");
            }
            next = column + 1;
            let cell = match head.value(&content, &self.tables) {
                Some(Cell::Empty) => continue,
                Some(cell) => cell,
                None => return self.damaged(number, "refers to a text that the workbook lacks"),
            };
            if let Cell::Text(text) | Cell::Undecodable(text) | Cell::Error(text) = &cell {
                bytes += text.len();
            }
            if cells.len() < next {
                cells.resize(next, Cell::Empty);
            }
            if std::mem::replace(&mut cells[column], cell) != Cell::Empty || bytes > MAX_ROW_BYTES {
                return self.damaged(
                    number,
                    "is longer than 16 MiB, or has two cells in one place",
                );
            }
            let format = self.tables.formats.get(head.style);
            if let (true, Type::Number, Some(format)) = (number <= STYLED_ROWS, head.kind, format)
                && let Some(is_date) = format.is_date()
            {
                let formats = &mut self.met.layout.formats;
                formats.insert((column, is_date), format.written.clone());
            }
        }
        let number = told.unwrap_or(follows);
        self.last = number;
        if !cells.is_empty() {
            // Rows with data come in ascending order, as far down as a sheet goes.
            let before = std::mem::replace(&mut self.last_filled, number);
            if number <= before {
                return self.damaged(number, &format!("stands behind row {before}"));
            }
            if number > MAX_ROWS {
                return self.damaged(number, "is beyond the last that a sheet can have");
            }
        }
        let number = RowNumber(number);
        Ok(Row { number, cells })
    }

    fn damaged<T>(&self, row: u32, why: &str) -> Result<T, Error> {
        Err(self.xml.damaged(&format!("row {row} {why}")))
    }
}

/// The number that a row tells, from 1, and whether it is hidden.
fn row_head(element: &BytesStart<'_>) -> (Option<u32>, bool) {
    let row = attribute(element, "r").map(|it| it.trim().parse().unwrap_or(u32::MAX));
    let is_flat = number(element, "ht").is_some_and(|height: f64| height <= 0.0);
    (row, is_flat || is_set(element, "hidden"))
}

#[derive(Debug, Clone, Copy, PartialEq, Default, strum::EnumString)]
enum Type {
    #[default]
    Number,
    #[strum(serialize = "s")]
    SharedText,
    #[strum(serialize = "str", serialize = "inlineStr")]
    Text,
    #[strum(serialize = "b")]
    Boolean,
    #[strum(serialize = "e")]
    Error,
    #[strum(serialize = "d")]
    Date,
}

/// What a cell's first tag tells.
#[derive(Default)]
struct CellHead {
    /// Its row and its column.
    place: Option<(u32, usize)>,
    kind: Type,
    style: usize,
}

impl CellHead {
    fn of(element: &BytesStart<'_>) -> CellHead {
        let mut head = CellHead::default();
        for attribute in element.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "r" => head.place = position(&attribute.value).or(Some(NOWHERE)),
                "s" => head.style = attribute.value.trim().parse().unwrap_or(0),
                "t" => head.kind = attribute.value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        head
    }

    /// What the cell holds; `None` when it refers to a text that is not there.
    fn value(&self, content: &Content, tables: &Tables) -> Option<Cell> {
        let text = &content.text;
        let plain = text.trim();
        if self.is_uncalculated(content, tables) {
            return Some(Cell::Uncalculated);
        }
        Some(match self.kind {
            _ if plain.is_empty() => Cell::Empty,
            Type::Text => cell_of_text(unescaped(text)),
            Type::SharedText => {
                let index: usize = plain.parse().ok()?;
                cell_of_text(&**tables.texts.get(index)?)
            }
            Type::Boolean => match plain {
                "1" | "true" => Cell::Boolean(true),
                "0" | "false" => Cell::Boolean(false),
                _ => cell_of_text(text),
            },
            Type::Error => Cell::Error(plain.to_owned()),
            Type::Date => iso_date(plain),
            Type::Number => match (plain.parse(), tables.formats.get(self.style)) {
                (Ok(number), Some(format)) => format.cell(number, tables.is_1904),
                (Ok(number), None) => Cell::Number(number),
                (Err(_), _) => cell_of_text(text),
            },
        })
    }

    /// Whether the cell is a formula whose result is not in the file.
    fn is_uncalculated(&self, content: &Content, tables: &Tables) -> bool {
        content.has_formula
            && match content.text.trim() {
                // A result that is an empty text has a value element without text; that one was calculated.
                "" => tables.is_uncalculated || self.kind != Type::Text || !content.has_value,
                text => {
                    tables.is_uncalculated && self.kind == Type::Number && text.parse() == Ok(0.0)
                }
            }
    }
}

/// What is said of columns side by side: how wide they are, and whether they are hidden.
fn note_columns(met: &mut Source, element: &BytesStart<'_>) {
    let (Some(first @ 1..), Some(last)) = (number(element, "min"), number(element, "max")) else {
        return;
    };
    // In no sheet do they overlap, unless it is made to be slow.
    let is_known = |at| met.hidden_columns.contains(at) || met.layout.widths.contains_key(at);
    if is_known(&(first - 1)) {
        return;
    }
    let columns = first - 1..usize::min(last, STYLED_COLUMNS);
    let width: Option<f64> = number(element, "width");
    if is_set(element, "hidden") || width == Some(0.0) {
        met.hidden_columns.extend(columns.clone());
    }
    if let Some(width) = width.filter(|width| (1.0..=255.0).contains(width)) {
        met.layout.widths.extend(columns.map(|at| (at, width)));
    }
}

fn merge(element: &BytesStart<'_>) -> Option<Merge> {
    let range = attribute(element, "ref")?;
    let (from, to) = range.split_once(':')?;
    let ((first_row, first_column), (last_row, last_column)) = (position(from)?, position(to)?);
    Some(Merge {
        rows: first_row..last_row.saturating_add(1),
        columns: first_column..last_column + 1,
    })
}

/// What a cell has that tells a place which is none.
const NOWHERE: (u32, usize) = (0, MAX_COLUMNS);

/// The row, from 1, and the column, from 0, that a cell's name such as `B7` tells.
fn position(name: &str) -> Option<(u32, usize)> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, digits) = name.split_at(letters);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let column = letters.bytes().fold(0, |column, letter| {
        column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    Some((digits.parse().ok()?, column - 1))
}

/// A text without the escapes by which Office writes what XML has no place for: `_x0007_` is one control character.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("_x") {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, escape) = rest.split_at(at);
        let code = escape.get(2..7).and_then(|code| code.strip_suffix('_'));
        let escaped = code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        plain.push_str(before);
        plain.push_str(&escaped.map_or("_x".to_owned(), String::from));
        rest = &escape[if escaped.is_some() { 7 } else { 2 }..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}
