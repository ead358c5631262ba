//! The rows of a worksheet, and what must be known about them before the first one.
//!
//! calamine's reader is not used: it fails the whole file over a range, an error value or a part that nobody asked for, reads
//! `<v><![CDATA[5]]></v>` as nothing, and tells neither hidden rows nor merged cells nor formulas without a result. A pass beside
//! it, for what it does not tell, would have to agree with it on every cell.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::events::BytesStart;

use super::format::{Format, iso_date};
use super::package::{Content, Piece, Xml, attribute, is_set, is_yes};
use super::source::{MAX_COLUMNS, MAX_ROW_BYTES, Merge, cell_of_text};
use crate::error::Error;
use crate::model::{Cell, Layout, Row, RowNumber};

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

/// What is known about a sheet beside the values of its cells.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Numbers of rows with data that a person does not see, ascending.
    pub(super) hidden: Vec<u32>,
    pub(super) merges: Vec<Merge>,
    pub(super) right_to_left: bool,
    pub(super) layout: Layout,
}

pub(super) fn facts(mut xml: Xml, tables: &Tables) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    let (mut row, mut cell) = (RowHead::default(), CellHead::default());
    let (mut is_worksheet, mut styles) = (false, Styles::new());
    loop {
        let element = match xml.next()? {
            Piece::Start(element) => element,
            Piece::Eof if is_worksheet => break,
            Piece::Eof => return Err(xml.damaged("the part that should be its sheet is none")),
            Piece::End(_) | Piece::Text(_) => continue,
        };
        let mut done = Ok(());
        match element.local_name().as_ref() {
            "v" | "is" | "f" => {
                if std::mem::take(&mut row.is_hidden) {
                    facts.hidden.push(row.number);
                }
                let format = tables.formats.get(cell.style);
                if let (true, Type::Number, Some(format)) =
                    (row.number <= STYLED_ROWS, cell.kind, format)
                {
                    let styles = styles.entry((cell.column, format.is_date()));
                    *styles.or_default().entry(cell.style).or_default() += 1;
                }
            }
            "row" => done = RowHead::of(&element, row.number).map(|next| row = next),
            "c" if row.number <= STYLED_ROWS || !row.is_numbered => {
                done = CellHead::of(&element, &mut row, 0).map(|next| cell = next);
            }
            "mergeCell" => facts.merges.extend(merge(&element)),
            "sheetView" => facts.right_to_left |= is_set(&element, "rightToLeft"),
            "col" => facts.layout.widths.extend(widths(&element)),
            "worksheet" => is_worksheet = true,
            _ => {}
        }
        done.map_err(|why| xml.damaged(&why))?;
    }
    for (column, styles) in styles {
        let commonest = styles.into_iter().max_by_key(|&(_, count)| count);
        let format = commonest.and_then(|(style, _)| tables.formats.get(style));
        let formats = &mut facts.layout.formats;
        formats.extend(format.map(|format| (column, format.written.clone())));
    }
    Ok(facts)
}

/// How often a column's numbers, or its dates (`true`), have which style, in the first rows.
type Styles = BTreeMap<(usize, bool), BTreeMap<usize, usize>>;

/// The width of a range of columns.
fn widths(element: &BytesStart<'_>) -> Vec<(usize, f64)> {
    let number = |name| attribute(element, name)?.trim().parse().ok();
    let range = number("min").zip(number("max")).zip(number("width"));
    let Some(((first, last), width)) = range.filter(|(_, width)| (1.0..=255.0).contains(width))
    else {
        return Vec::new();
    };
    let columns = (1u16..).take(WIDTHS).map(f64::from).enumerate();
    let within = columns.filter(|(_, column)| (first..=last).contains(column));
    within.map(|(at, _)| (at, width)).collect()
}

/// A sheet whose rows are read one after another.
pub(super) struct Sheet {
    xml: Xml,
    tables: Tables,
    /// Of the last row.
    number: u32,
    /// Of the last row that had data.
    last: u32,
    /// How many cells that one had.
    width: usize,
    /// Of the cell at hand.
    content: Content,
}

/// Why the sheet is damaged.
type Damage = String;

impl Sheet {
    pub(super) fn new(xml: Xml, tables: Tables) -> Self {
        Sheet {
            xml,
            tables,
            number: 0,
            last: 0,
            width: 0,
            content: Content::default(),
        }
    }

    /// The next row with data; `None` at the end.
    fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            let head = match self.xml.next()? {
                Piece::Eof => return Ok(None),
                Piece::Start(element) if element.local_name().as_ref() == "row" => {
                    RowHead::of(&element, self.number)
                }
                _ => continue,
            };
            let head = head.map_err(|why| self.xml.damaged(&why))?;
            let row = self.row(head)?;
            if !row.cells.is_empty() {
                self.width = row.cells.len();
                return Ok(Some(row));
            }
        }
    }

    /// The rest of a row whose first tag has been read.
    fn row(&mut self, mut head: RowHead) -> Result<Row, Error> {
        let mut cells = Vec::with_capacity(self.width);
        let (mut next, mut bytes) = (0, 0);
        loop {
            let place = match self.xml.next()? {
                Piece::Start(element) if element.local_name().as_ref() == "c" => {
                    CellHead::of(&element, &mut head, next)
                }
                Piece::End(element) if element.local_name().as_ref() == "row" => break,
                _ => continue,
            };
            let place = place.map_err(|why| self.xml.damaged(&why))?;
            next = place.column + 1;
            let cell = self.cell(&place, head.number)?;
            bytes += match &cell {
                Cell::Text(text) | Cell::Undecodable(text) | Cell::Error(text) => text.len(),
                _ => 0,
            };
            put(&mut cells, place.column, cell)
                .filter(|()| bytes <= MAX_ROW_BYTES)
                .ok_or_else(|| {
                    let row = head.number;
                    let why =
                        format!("row {row} is longer than 16 MiB, or has two cells in one place");
                    self.xml.damaged(&why)
                })?;
        }
        self.number = head.number;
        if !cells.is_empty() {
            if self.last >= head.number {
                let why = format!("row {} stands behind row {}", head.number, self.last);
                return Err(self.xml.damaged(&why));
            }
            self.last = head.number;
        }
        Ok(Row {
            number: RowNumber(head.number),
            cells,
        })
    }

    /// The rest of a cell whose first tag has been read.
    fn cell(&mut self, head: &CellHead, row: u32) -> Result<Cell, Error> {
        self.xml.content("c", &mut self.content)?;
        let value = head.value(&self.content, &self.tables);
        value.map_err(|what| {
            let why = format!("row {row} refers to {what}");
            self.xml.damaged(&why)
        })
    }
}

impl Iterator for Sheet {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

/// Puts a cell in its place, unless another is there.
fn put(cells: &mut Vec<Cell>, column: usize, cell: Cell) -> Option<()> {
    if cell == Cell::Empty {
        return Some(());
    }
    if cells.len() <= column {
        cells.resize(column + 1, Cell::Empty);
    }
    (std::mem::replace(&mut cells[column], cell) == Cell::Empty).then_some(())
}

/// What a row's first tag tells.
#[derive(Default)]
struct RowHead {
    /// From 1.
    number: u32,
    /// The file tells its number.
    is_numbered: bool,
    is_hidden: bool,
}

impl RowHead {
    fn of(element: &BytesStart<'_>, before: u32) -> Result<RowHead, Damage> {
        let mut head = RowHead {
            number: before.saturating_add(1),
            ..RowHead::default()
        };
        for attribute in element.attributes().with_checks(false).flatten() {
            let value = attribute.value.trim();
            match attribute.key.as_ref() {
                "r" => {
                    head.number = value.parse().unwrap_or(u32::MAX);
                    head.is_numbered = true;
                }
                "ht" => head.is_hidden |= value.parse().is_ok_and(|height: f64| height <= 0.0),
                "hidden" => head.is_hidden |= is_yes(value),
                _ => {}
            }
        }
        if (1..=MAX_ROWS).contains(&head.number) {
            return Ok(head);
        }
        Err(format!(
            "it numbers a row beyond the {MAX_ROWS} that a sheet can have"
        ))
    }
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

/// What a cell's first tag tells.
#[derive(Default)]
struct CellHead {
    column: usize,
    kind: Type,
    style: usize,
}

impl CellHead {
    /// A row that tells no number gets that of its first cell.
    fn of(element: &BytesStart<'_>, row: &mut RowHead, next: usize) -> Result<CellHead, Damage> {
        let mut head = CellHead {
            column: next,
            ..CellHead::default()
        };
        for attribute in element.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "r" => {
                    let place = position(&attribute.value).filter(|place| place.0 <= MAX_ROWS);
                    let (number, column) = place
                        .ok_or_else(|| format!("row {} has a cell without a place", row.number))?;
                    if !std::mem::replace(&mut row.is_numbered, true) {
                        row.number = number;
                    }
                    if number != row.number {
                        let row = row.number;
                        return Err(format!("a cell of row {number} stands in row {row}"));
                    }
                    head.column = column;
                }
                "s" => head.style = attribute.value.trim().parse().unwrap_or(0),
                "t" => {
                    head.kind = match &*attribute.value {
                        "s" => Type::SharedText,
                        "str" | "inlineStr" => Type::Text,
                        "b" => Type::Boolean,
                        "e" => Type::Error,
                        "d" => Type::Date,
                        _ => Type::Number,
                    }
                }
                _ => {}
            }
        }
        if head.column < MAX_COLUMNS {
            return Ok(head);
        }
        let row = row.number;
        Err(format!("row {row} has more cells than a sheet can have"))
    }

    /// What the cell holds; else to what it refers in vain.
    fn value(&self, content: &Content, tables: &Tables) -> Result<Cell, &'static str> {
        let text = &content.text;
        let plain = text.trim();
        if self.is_uncalculated(content, tables) {
            return Ok(Cell::Uncalculated);
        }
        if plain.is_empty() {
            return Ok(Cell::Empty);
        }
        Ok(match self.kind {
            Type::Text => cell_of_text(unescaped(text)),
            Type::SharedText => {
                let index = plain.parse().ok();
                let shared = index.and_then(|index| tables.texts.get(index));
                cell_of_text(shared.ok_or("a text that it lacks")?)
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
        let text = content.text.trim();
        // A result that is an empty text has a value element without text; that one was calculated.
        let is_empty_text = self.kind == Type::Text && content.has_value;
        let is_nought = self.kind == Type::Number && text.parse() == Ok(0.0);
        content.has_formula
            && if tables.is_uncalculated {
                text.is_empty() || is_nought
            } else {
                text.is_empty() && !is_empty_text
            }
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
