//! The rows of a worksheet, and what is known about them, out of one pass over its XML.
//!
//! calamine's reader is not used: it fails the whole file over a range, an error value or a part that nobody asked for, reads
//! `<v><![CDATA[5]]></v>` as nothing, and tells neither hidden rows nor merged cells nor formulas without a result. A pass beside
//! it, for what it does not tell, would have to agree with it on every cell.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::events::BytesStart;

use super::file::{Facts, MAX_COLUMNS, MAX_ROW_BYTES, Merge, cell_of_text};
use super::format::{Format, iso_date};
use super::package::{Piece, Xml, attribute, is_set};
use crate::error::Error;
use crate::model::{Cell, NumberFormat, Row, RowNumber};

/// Columns whose widths are kept.
const WIDTHS: usize = 1024;
/// Rows from which a column's number format is known.
const STYLED_ROWS: u32 = 200;
/// The height of a sheet in Excel.
const MAX_ROWS: u32 = 1 << 20;

/// What cells refer to, and what is known about the whole workbook.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) texts: Texts,
    /// By the number of a cell's style.
    pub(super) formats: Vec<Format>,
    /// The same as the file has them.
    pub(super) written_formats: Vec<NumberFormat>,
    pub(super) is_1904: bool,
    /// Who wrote the formulas did not calculate them: an empty result, or 0, is none.
    pub(super) is_uncalculated: bool,
}

/// The texts that cells share.
#[derive(Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a text in the spelling of the file.
    pub(super) fn push(&mut self, text: &str) {
        self.all.push_str(&unescaped(text));
        self.ends.push(self.all.len());
    }

    fn get(&self, index: usize) -> Option<&str> {
        let start = index
            .checked_sub(1)
            .map_or(Some(0), |at| self.ends.get(at).copied())?;
        self.all.get(start..*self.ends.get(index)?)
    }
}

/// Where the walk is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Outside,
    Data,
    Row,
    Cell,
}

/// What kind of value a cell says that it has.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Type {
    #[default]
    Number,
    SharedText,
    Text,
    Boolean,
    Error,
    Date,
}

/// The row at hand.
#[derive(Default)]
struct RowState {
    /// From 1.
    number: u32,
    /// The file tells its number.
    is_numbered: bool,
    is_hidden: bool,
    bytes: usize,
    cells: Vec<Cell>,
    /// The column behind the last cell.
    next: usize,
}

/// The cell at hand.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one part of a cell was or is being met; any of them may hold together"
)]
struct CellState {
    column: usize,
    kind: Type,
    style: usize,
    has_formula: bool,
    has_value: bool,
    /// Between the tags of a value.
    is_in_text: bool,
    /// Within the reading aid of a text, which is no part of it.
    is_in_phonetic: bool,
    text: String,
}

/// A walk over a sheet's XML.
pub(super) struct Sheet<'a> {
    xml: Xml<'a>,
    walk: Walk<'a>,
}

struct Walk<'a> {
    tables: &'a Tables,
    place: Place,
    is_worksheet: bool,
    row: RowState,
    cell: CellState,
    /// The last row that had data.
    last: u32,
    facts: Facts,
    /// How often a column's numbers, or its dates (`true`), have which style, in the first rows.
    styles: BTreeMap<(usize, bool), BTreeMap<usize, usize>>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(xml: Xml<'a>, tables: &'a Tables) -> Self {
        let walk = Walk {
            tables,
            place: Place::Outside,
            is_worksheet: false,
            row: RowState::default(),
            cell: CellState::default(),
            last: 0,
            facts: Facts::default(),
            styles: BTreeMap::new(),
        };
        Sheet { xml, walk }
    }

    /// The next row with data; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, Error> {
        let Sheet { xml, walk } = self;
        loop {
            let done = match xml.next()? {
                Piece::Start(element) => walk.start(&element).map(|()| None),
                Piece::Empty(element) => walk
                    .start(&element)
                    .and_then(|()| walk.end(element.local_name().as_ref())),
                Piece::End(element) => walk.end(element.local_name().as_ref()),
                Piece::Text(text) => {
                    walk.text(&text);
                    continue;
                }
                Piece::Eof if walk.is_worksheet => return Ok(None),
                Piece::Eof => Err("the part that should be its sheet is none".to_owned()),
            };
            if let Some(row) = done.map_err(|why| xml.damaged(&why))? {
                return Ok(Some(row));
            }
        }
    }

    /// What is known once the walk is at its end.
    pub(super) fn facts(self) -> Facts {
        let Walk {
            tables,
            mut facts,
            styles,
            ..
        } = self.walk;
        facts.layout.formats = styles
            .into_iter()
            .filter_map(|(column, styles)| {
                let (style, _) = styles.into_iter().max_by_key(|&(_, count)| count)?;
                Some((column, tables.written_formats.get(style)?.clone()))
            })
            .collect();
        facts
    }
}

/// Why the sheet is damaged.
type Damage = String;

impl Walk<'_> {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), Damage> {
        match (self.place, element.local_name().as_ref()) {
            (Place::Row, "c") => return self.start_cell(element),
            (Place::Cell, "v" | "t") if !self.cell.is_in_phonetic => {
                self.cell.is_in_text = true;
                self.cell.has_value = true;
            }
            (Place::Cell, "f") => self.cell.has_formula = true,
            (Place::Cell, "rPh") => self.cell.is_in_phonetic = true,
            (Place::Data, "row") => return self.start_row(element),
            (Place::Outside, "sheetData") => self.place = Place::Data,
            (Place::Outside, "mergeCell") => self.facts.merges.extend(merge(element)),
            (Place::Outside, "sheetView") => {
                self.facts.right_to_left |= is_set(element, "rightToLeft");
            }
            (Place::Outside, "col") => self.width(element),
            (Place::Outside, "worksheet") => self.is_worksheet = true,
            _ => {}
        }
        Ok(())
    }

    /// Notes the width of a range of columns. One that goes to the sheet's end speaks of columns without data.
    fn width(&mut self, element: &BytesStart<'_>) {
        let number = |name| attribute(element, name)?.trim().parse::<f64>().ok();
        let (Some(first), Some(last), Some(width)) =
            (number("min"), number("max"), number("width"))
        else {
            return;
        };
        let columns = (1u16..).take(WIDTHS).map(f64::from);
        let within = columns
            .enumerate()
            .filter(|(_, column)| (first..=last).contains(column));
        let widths = within.map(|(at, _)| (at, width));
        self.facts
            .layout
            .widths
            .extend(widths.filter(|_| (1.0..=255.0).contains(&width)));
    }

    fn end(&mut self, name: &str) -> Result<Option<Row>, Damage> {
        match (self.place, name) {
            (Place::Cell, "v" | "t") => self.cell.is_in_text = false,
            (Place::Cell, "rPh") => self.cell.is_in_phonetic = false,
            (Place::Cell, "c") => {
                self.place = Place::Row;
                self.end_cell()?;
            }
            (Place::Row, "row") => {
                self.place = Place::Data;
                return self.end_row();
            }
            (Place::Data, "sheetData") => self.place = Place::Outside,
            _ => {}
        }
        Ok(None)
    }

    fn text(&mut self, text: &str) {
        if self.cell.is_in_text {
            self.cell.text.push_str(text);
        }
    }

    fn start_row(&mut self, element: &BytesStart<'_>) -> Result<(), Damage> {
        let told = attribute(element, "r");
        let number = match &told {
            Some(told) => told.trim().parse().unwrap_or(u64::MAX),
            None => u64::from(self.row.number) + 1,
        };
        let has_no_height = attribute(element, "ht")
            .and_then(|height| height.trim().parse::<f64>().ok())
            .is_some_and(|height| height <= 0.0);
        self.row = RowState {
            number: numbered(number)?,
            is_numbered: told.is_some(),
            is_hidden: has_no_height || is_set(element, "hidden"),
            cells: Vec::with_capacity(self.row.next),
            ..RowState::default()
        };
        self.place = Place::Row;
        Ok(())
    }

    fn start_cell(&mut self, element: &BytesStart<'_>) -> Result<(), Damage> {
        let cell = &mut self.cell;
        let mut text = std::mem::take(&mut cell.text);
        text.clear();
        *cell = CellState {
            column: self.row.next,
            text,
            ..CellState::default()
        };
        for attribute in element.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "r" => {
                    let told = position(&attribute.value);
                    let (row, column) = told.ok_or_else(|| {
                        format!("row {} has a cell without a place", self.row.number)
                    })?;
                    if !self.row.is_numbered {
                        self.row.number = numbered(row)?;
                        self.row.is_numbered = true;
                    }
                    if row != u64::from(self.row.number) {
                        return Err(format!(
                            "a cell of row {row} stands in row {}",
                            self.row.number
                        ));
                    }
                    cell.column = column;
                }
                "s" => cell.style = attribute.value.trim().parse().unwrap_or(0),
                "t" => cell.kind = kind(&attribute.value),
                _ => {}
            }
        }
        if cell.column >= MAX_COLUMNS {
            return Err(format!(
                "row {} has more cells than a sheet can have",
                self.row.number
            ));
        }
        self.row.next = cell.column + 1;
        self.place = Place::Cell;
        Ok(())
    }

    fn end_cell(&mut self) -> Result<(), Damage> {
        let value = if self.is_uncalculated() {
            Cell::Uncalculated
        } else {
            self.value()?
        };
        if value == Cell::Empty {
            return Ok(());
        }
        let (row, column) = (&mut self.row, self.cell.column);
        if row.number <= STYLED_ROWS && matches!(value, Cell::Number(_) | Cell::Date(_)) {
            let styles = self.styles.entry((column, matches!(value, Cell::Date(_))));
            *styles.or_default().entry(self.cell.style).or_default() += 1;
        }
        if let Cell::Text(text) | Cell::Undecodable(text) | Cell::Error(text) = &value {
            row.bytes += text.len();
        }
        if row.bytes > MAX_ROW_BYTES {
            return Err(format!("row {} is longer than 16 MiB", row.number));
        }
        if row.cells.len() <= column {
            row.cells.resize(column + 1, Cell::Empty);
        }
        if row.cells[column] != Cell::Empty {
            return Err(format!("row {} has two cells in one place", row.number));
        }
        row.cells[column] = value;
        Ok(())
    }

    fn end_row(&mut self) -> Result<Option<Row>, Damage> {
        let row = &mut self.row;
        if row.cells.is_empty() {
            return Ok(None);
        }
        if row.number == self.last {
            return Err(format!("row {} stands in it twice", row.number));
        }
        if row.number < self.last {
            return Err(format!(
                "row {} stands behind row {}",
                row.number, self.last
            ));
        }
        self.last = row.number;
        if row.is_hidden {
            self.facts.hidden.push(row.number);
        }
        Ok(Some(Row {
            number: RowNumber(row.number),
            cells: std::mem::take(&mut row.cells),
        }))
    }

    /// Whether the cell is a formula whose result is not in the file.
    fn is_uncalculated(&self) -> bool {
        let CellState {
            kind,
            text,
            has_formula,
            has_value,
            ..
        } = &self.cell;
        if !has_formula {
            return false;
        }
        // A result that is an empty text has a value element without text; that one was calculated.
        let is_empty_text = *kind == Type::Text && *has_value;
        let is_nought = *kind == Type::Number && text.trim().parse() == Ok(0.0);
        if self.tables.is_uncalculated {
            text.is_empty() || is_nought
        } else {
            text.is_empty() && !is_empty_text
        }
    }

    fn value(&self) -> Result<Cell, Damage> {
        let CellState {
            kind, style, text, ..
        } = &self.cell;
        let plain = text.trim();
        if plain.is_empty() {
            return Ok(Cell::Empty);
        }
        Ok(match kind {
            Type::Text => cell_of_text(&unescaped(text)),
            Type::SharedText => {
                let index = plain.parse().ok();
                let shared = index.and_then(|index| self.tables.texts.get(index));
                let missing = || format!("row {} refers to a text that it lacks", self.row.number);
                cell_of_text(shared.ok_or_else(missing)?)
            }
            Type::Boolean => match plain {
                "1" | "true" => Cell::Boolean(true),
                "0" | "false" => Cell::Boolean(false),
                _ => cell_of_text(text),
            },
            Type::Error => Cell::Error(plain.to_owned()),
            Type::Date => iso_date(plain),
            Type::Number => match plain.parse() {
                Ok(number) => {
                    let format = self.tables.formats.get(*style);
                    format
                        .unwrap_or(&Format::Plain)
                        .cell(number, self.tables.is_1904)
                }
                Err(_) => cell_of_text(text),
            },
        })
    }
}

fn numbered(number: u64) -> Result<u32, Damage> {
    match u32::try_from(number) {
        Ok(number @ 1..=MAX_ROWS) => Ok(number),
        _ => Err(format!(
            "it numbers a row beyond the {MAX_ROWS} that a sheet can have"
        )),
    }
}

fn kind(word: &str) -> Type {
    match word {
        "s" => Type::SharedText,
        "str" | "inlineStr" => Type::Text,
        "b" => Type::Boolean,
        "e" => Type::Error,
        "d" => Type::Date,
        _ => Type::Number,
    }
}

fn merge(element: &BytesStart<'_>) -> Option<Merge> {
    let range = attribute(element, "ref")?;
    let (from, to) = range.split_once(':')?;
    let ((first_row, first_column), (last_row, last_column)) = (position(from)?, position(to)?);
    Some(Merge {
        first_row: u32::try_from(first_row).ok()?,
        last_row: u32::try_from(last_row).ok()?,
        first_column,
        last_column,
    })
}

/// The row, from 1, and the column, from 0, that a cell's name such as `B7` tells.
fn position(name: &str) -> Option<(u64, usize)> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, digits) = name.split_at(letters);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let column = letters.bytes().fold(0, |column, letter| {
        column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    let row = digits.parse().ok().filter(|&row| row > 0)?;
    Some((row, column - 1))
}

/// A text without the escapes by which Office writes what XML has no place for: `_x0007_` is one control character.
fn unescaped(text: &str) -> Cow<'_, str> {
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
