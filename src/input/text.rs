//! Text files. CSV: finds out how it is written, and cuts it into the rows that a spreadsheet shows. The csv crate would tell neither
//! which rows those are, nor that a quote is open, nor text beside a closing one; a test holds that both agree on the rest.
//! JSON Lines, for files that tell of customers: one object a line, its members as columns, nested ones by `a.b`.

use std::collections::BTreeMap;
use std::fmt::Display;

use encoding_rs::UTF_8;
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::file::{BREAKS, Basis, Input, Lines, MAX_ROW_BYTES, cell_of_text, decide, undecodable};
use super::source::{MAX_COLUMNS, Options, Source};
use crate::error::Error;
use crate::mapping::names::is_personal;
use crate::model::{Cell, Note, RESULT_COLUMNS, Row, RowNumber, may_part_cells};

/// The delimiters that are looked for, in order of preference when nothing tells them apart.
const CANDIDATES: [char; 4] = [',', ';', '\t', '|'];

pub(super) fn open_csv(input: &Input, head: &[u8], options: &Options) -> Result<Source, Error> {
    // How the config says that the customers' sheet is written does not concern an export of ours.
    let asked = (options.delimiter, options.encoding.as_deref());
    let (asked, told) = Some(asked).filter(|_| !is_export(head)).unwrap_or_default();
    let (charset, basis) = decide(input, head, told)?;
    let (sample, _) = charset.decode_without_bom_handling(head);
    let sample = sample.trim_start_matches('\u{feff}');
    let named = named(sample);
    let (delimiter, how) = match (asked, named, counted(sample)) {
        (Some(asked), ..) => (asked, "as asked for"),
        (None, Some(named), _) => (named, "as its sep= line says"),
        (None, None, Some(counted)) => (counted, "detected"),
        (None, None, None) => (',', "none found: one column"),
    };
    let (input, is_named) = (input.clone(), named.is_some());
    let mut records = Records {
        lines: Lines::open(&input, charset),
        look: RowLook::of(sample, delimiter),
        record: CsvRecord::new(delimiter),
        row: 0,
    };
    let mut source = Source::default().with(move |is_first| {
        if is_first {
            (records.lines, records.row) = (Lines::open(&input, charset), 0);
            if is_named {
                records.lines.next()?;
            }
        }
        records.next_row()
    });
    let name = match basis {
        Basis::Guessed | Basis::Mostly => "read_as_text_perhaps",
        _ => "read_as_text",
    };
    let fills: [&dyn Display; 4] = [&charset.name(), &basis, &delimiter.escape_debug(), &how];
    source.notes.push(Note::of(name, &fills));
    if options.sheet.is_some() {
        source.notes.push(Note::of("useless_for_text", &[]));
    }
    source.is_guess = basis == Basis::Guessed;
    Ok(source)
}

/// Whether the file begins with the header of an export, which is UTF-8.
fn is_export(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let header = head.split(BREAKS).next().unwrap_or_default();
    RESULT_COLUMNS[..2].iter().all(|name| header.contains(name))
}

/// The delimiter that a `sep=` line at the head of a file names. Excel reads such a line and does not show it.
fn named(sample: &str) -> Option<char> {
    let line = sample.split(BREAKS).next()?;
    // Programs that quote every cell quote this one as well.
    let quoted = line.strip_prefix('"');
    let quoted = quoted.and_then(|line| line.strip_suffix('"'));
    let (word, delimiter) = quoted.unwrap_or(line).split_at_checked(4)?;
    let delimiter = delimiter.parse().ok();
    delimiter.filter(|&c| may_part_cells(c) && word.eq_ignore_ascii_case("sep="))
}

/// The delimiter by which the most rows of the sample have the same number of cells, more than one.
fn counted(sample: &str) -> Option<char> {
    let score = |delimiter: char| {
        let mut record = CsvRecord::new(delimiter);
        most_common(sample.split_inclusive(BREAKS).filter_map(|line| {
            record.take(1, line);
            let is_whole = record.open.is_none();
            is_whole.then(|| std::mem::take(&mut record.cells).len())
        }))
    };
    let scores = CANDIDATES.map(|delimiter| (score(delimiter), delimiter));
    // Of several that are alike, the first.
    let best = scores.into_iter().rev().max_by_key(|&(score, _)| score)?;
    (best.0 > (0, 0)).then_some(best.1)
}

/// How many rows share the most common number of cells, and that number; one cell does not count.
fn most_common(widths: impl Iterator<Item = usize>) -> (usize, usize) {
    let mut rows_by_cells = BTreeMap::<usize, usize>::new();
    for cells in widths.filter(|&cells| cells > 1) {
        *rows_by_cells.entry(cells).or_default() += 1;
    }
    let scores = rows_by_cells.into_iter().map(|(cells, rows)| (rows, cells));
    scores.max().unwrap_or_default()
}

struct RowLook {
    delimiter: char,
    width: usize,
    /// Whether a column of it holds phones, ids or addresses of e-mail.
    has_keys: bool,
}

impl RowLook {
    fn of(sample: &str, delimiter: char) -> RowLook {
        let lines = sample.split(BREAKS);
        let mut rows: Vec<Vec<&str>> = lines.map(|line| line.split(delimiter).collect()).collect();
        let (count, width) = most_common(rows.iter().map(Vec::len));
        rows.retain(|cells| cells.len() == width);
        let keys = |column: usize| rows.iter().filter(|cells| is_key(cells[column])).count();
        // Half of all but the header: lines within quotes may be among them.
        let half = count.saturating_sub(1).div_ceil(2).max(1);
        RowLook {
            delimiter,
            width,
            has_keys: (0..width).any(|column| keys(column) >= half),
        }
    }

    /// Whether a line of a quoted cell looks like a row, or, with as many cells `before` it, like the rest of one: it holds a key
    /// beside other cells, or is as wide as rows are, and none of its cells could be one.
    fn is_row(&self, line: &str, before: Option<usize>) -> bool {
        let cells: Vec<&str> = line.split(self.delimiter).collect();
        let is_whole = before.unwrap_or(0) + cells.len() == self.width;
        // A phone may begin a cell, and be followed by a word on it.
        let own = usize::from(before.is_some() && !is_whole);
        let has_key = cells.len() > 1 && cells[own..].iter().any(|cell| is_key(cell));
        // An address in two parts looks like a name and a city; in no text do two commas stand side by side, but one may end its line.
        let is_prose = cells.iter().any(|cell| cell.starts_with(' '));
        let has_none = !self.has_keys || cells.contains(&"") && !is_prose;
        has_key || (is_whole && cells.len() > 2 && has_none)
    }
}

/// Whether a cell tells customers apart by its look. In prose a space follows each comma, and in no row.
fn is_key(cell: &str) -> bool {
    !cell.starts_with(' ') && is_personal(cell)
}

/// The cells of a record, as far as its lines have been taken in.
struct CsvRecord {
    delimiter: char,
    cells: Vec<Cut>,
    /// A quoted cell whose end has not come.
    open: Option<Cut>,
}

#[derive(Default)]
struct Cut {
    /// Without quotes.
    text: String,
    /// The line of the file on which it begins.
    line: usize,
    is_quoted: bool,
    /// It has text beside its closing quote, so that it is open what the quotes mean.
    is_torn: bool,
}

impl CsvRecord {
    fn new(delimiter: char) -> Self {
        CsvRecord {
            delimiter,
            cells: Vec::new(),
            open: None,
        }
    }

    /// Takes in a line, the `number`th of the file. Cells beyond those that a sheet can have stay uncut.
    fn take(&mut self, number: usize, line: &str) {
        let mut rest = line.trim_end_matches(BREAKS);
        let line_break = &line[rest.len()..];
        loop {
            let mut cell = self.open.take().unwrap_or_else(|| {
                let quoted = rest.strip_prefix('"');
                rest = quoted.unwrap_or(rest);
                Cut {
                    line: number,
                    is_quoted: quoted.is_some(),
                    ..Cut::default()
                }
            });
            if cell.is_quoted {
                let Some(behind) = unquoted(rest, &mut cell.text) else {
                    cell.text.push_str(line_break);
                    self.open = Some(cell);
                    return;
                };
                rest = behind;
            }
            let cut = rest.split_once(self.delimiter);
            let cut = cut.filter(|_| self.cells.len() < MAX_COLUMNS);
            let text = cut.map_or(rest, |(text, _)| text);
            cell.text.push_str(text);
            // Spaces behind a quoted part do no harm.
            cell.is_torn = cell.is_quoted && !text.trim_matches(' ').is_empty();
            self.cells.push(cell);
            let Some((_, behind)) = cut else { return };
            rest = behind;
        }
    }
}

/// Moves what stands before the closing quote, with doubled quotes as one, and gives what stands behind; `None` without one.
fn unquoted<'a>(mut rest: &'a str, text: &mut String) -> Option<&'a str> {
    loop {
        let end = rest.find('"').unwrap_or(rest.len());
        text.push_str(&rest[..end]);
        let behind = rest.get(end + 1..)?;
        let Some(doubled) = behind.strip_prefix('"') else {
            return Some(behind);
        };
        text.push('"');
        rest = doubled;
    }
}

/// The rows of a file, one for each row that a spreadsheet shows.
struct Records {
    lines: Lines,
    look: RowLook,
    record: CsvRecord,
    /// From 1.
    row: u32,
}

impl Records {
    fn next_row(&mut self) -> Result<Option<Row>, Error> {
        self.record.cells.clear();
        self.row = self.row.saturating_add(1);
        let mut bytes = 0;
        while let Some((number, line)) = self.lines.next()? {
            bytes += line.len();
            self.record.take(number, line);
            match (&self.record.open, bytes < MAX_ROW_BYTES) {
                (Some(_), true) => {}
                (Some(_), false) => break,
                (None, true) => return self.row().map(Some),
                (None, false) => {
                    return Err(Error::of("row_too_long", &[&self.lines.name, &self.row]));
                }
            }
        }
        let (name, row) = (&self.lines.name, self.row);
        match &self.record.open {
            Some(cell) => Err(Error::of("unclosed_quote", &[name, &row, &cell.line])),
            None => Ok(None),
        }
    }

    fn row(&mut self) -> Result<Row, Error> {
        let (name, row, cells) = (&self.lines.name, self.row, &self.record.cells);
        if let Some(uncut) = cells.get(MAX_COLUMNS) {
            let count = cells.len() + uncut.text.matches(self.look.delimiter).count();
            return Err(Error::of(
                "too_many_columns",
                &[name, &row, &count, &MAX_COLUMNS],
            ));
        }
        let is_long = |cell: &Cut| cell.is_quoted && cell.text.contains(BREAKS);
        for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| is_long(cell)) {
            // That part began at a stray quote, and the quote that "closed" it opens a cell some rows further down.
            if cell.is_torn {
                return Err(Error::of("unclosed_quote", &[name, &row, &cell.line]));
            }
            let mut before = Some(at);
            let mut lines = cell.text.split(BREAKS);
            if lines.any(|line| self.look.is_row(line, before.take())) {
                return Err(Error::of("unclosed_quote.rows", &[name, &row, &cell.line]));
            }
        }
        let cell = |cut: Cut| {
            if cut.is_torn {
                undecodable(&cut.text)
            } else {
                cell_of_text(cut.text)
            }
        };
        Ok(Row {
            number: RowNumber(self.row),
            cells: self.record.cells.drain(..).map(cell).collect(),
        })
    }
}

/// The names of the members stand before the first line.
pub(super) const NAMES: RowNumber = RowNumber(0);

/// Whether the first thing in the file is an object.
pub(super) fn is_json_lines(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start().starts_with(b"{")
}

/// The members of all lines are the columns, in the order in which they are met.
pub(super) fn open_json_lines(input: &Input) -> Result<Source, Error> {
    let mut names = IndexSet::new();
    let mut lines = Lines::open(input, UTF_8);
    while let Some((_, values)) = next_object(&mut lines)? {
        names.extend(values.into_keys());
        if names.len() > MAX_COLUMNS {
            let name = input.name();
            return Err(Error::of(
                "too_many_columns.members",
                &[&name, &MAX_COLUMNS],
            ));
        }
    }
    let mut header = Some(Row {
        number: NAMES,
        cells: names.iter().cloned().map(Cell::Text).collect(),
    });
    let input = input.clone();
    Ok(Source::default().with(move |is_first| {
        if header.is_some() {
            return Ok(header.take());
        }
        if is_first {
            lines = Lines::open(&input, UTF_8);
        }
        let Some((number, mut values)) = next_object(&mut lines)? else {
            return Ok(None);
        };
        let cells = names.iter().map(|name| values.swap_remove(name));
        let cells = cells.map(Option::unwrap_or_default).collect();
        Ok(Some(Row { number, cells }))
    }))
}

/// The values of an object under their whole names.
type Values = IndexMap<String, Cell>;

/// The next object, numbered by its line; blank lines are passed over.
fn next_object(lines: &mut Lines) -> Result<Option<(RowNumber, Values)>, Error> {
    let name = lines.name.clone();
    while let Some((number, line)) = lines.next()? {
        if line.trim().is_empty() {
            continue;
        }
        return match serde_json::from_str(line) {
            Ok(object @ Value::Object(_)) => {
                let number = RowNumber(number.try_into().unwrap_or(u32::MAX));
                let mut values = Values::new();
                flatten(String::new(), object, &mut values);
                Ok(Some((number, values)))
            }
            // A log that is being written ends within a line.
            Err(_) if !line.ends_with(BREAKS) && line.len() < MAX_ROW_BYTES => Ok(None),
            Ok(_) | Err(_) => Err(Error::of("json_lines_invalid", &[&name, &number])),
        };
    }
    Ok(None)
}

/// Numbers are their digits.
fn flatten(name: String, value: Value, values: &mut Values) {
    let inner = |part: &dyn Display| match name.as_str() {
        "" => part.to_string(),
        name => format!("{name}.{part}"),
    };
    let cell = match value {
        Value::Object(members) => {
            let members = members.into_iter();
            return members.for_each(|(part, value)| flatten(inner(&part), value, values));
        }
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            return items.for_each(|(part, value)| flatten(inner(&part), value, values));
        }
        Value::Null => Cell::Empty,
        Value::Bool(value) => Cell::Boolean(value),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::String(text) => cell_of_text(text),
    };
    values.insert(name, cell);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Where no cell is torn and none left open, the csv crate cuts the same cells.
        #[test]
        fn the_csv_crate_agrees(text in "[a, \"\r\nم]{0,40}") {
            let (mut record, mut rows) = (CsvRecord::new(','), Vec::new());
            let text = text.replace("\r\n", "\n");
            for line in text.split_inclusive(BREAKS) {
                record.take(1, line);
                if record.open.is_none() {
                    rows.push(std::mem::take(&mut record.cells));
                }
            }
            prop_assume!(record.open.is_none() && !rows.iter().flatten().any(|cell| cell.is_torn));
            let texts = |row: Vec<Cut>| row.into_iter().map(|cell| cell.text).collect();
            let rows: Vec<Vec<String>> = rows.into_iter().map(texts).collect();
            let mut reader = csv::ReaderBuilder::new();
            let mut reader = reader.has_headers(false).flexible(true).from_reader(text.as_bytes());
            let others = reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect());
            let others: Vec<Vec<String>> = others.collect();
            // It passes over blank lines.
            let filled = rows.into_iter().filter(|row| row != &[""]);
            let others = others.into_iter().filter(|row| row != &[""]);
            prop_assert_eq!(filled.collect::<Vec<_>>(), others.collect::<Vec<_>>());
        }
    }
}
