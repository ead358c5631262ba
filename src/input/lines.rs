//! JSON Lines as a sheet: one object a line, its members as columns, nested ones by `a.b`. For files that tell of customers; a sheet
//! to be sent has columns that a person sees.

use std::fmt::Display;

use encoding_rs::UTF_8;
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::encoding::{BREAKS, Lines};
use super::file::Input;
use super::source::{MAX_COLUMNS, MAX_ROW_BYTES, Source, cell_of_text};
use crate::error::Error;
use crate::model::{Cell, Row, RowNumber};

/// The names of the members stand before the first line.
pub(super) const HEADER: RowNumber = RowNumber(0);

/// Whether the first thing in the file is an object.
pub(super) fn is_lines(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start().starts_with(b"{")
}

/// The members of all lines are the columns, in the order in which they are met.
pub(super) fn open(input: &Input) -> Result<Source, Error> {
    let mut names = IndexSet::new();
    let mut lines = Lines::open(input, UTF_8);
    while let Some((_, values)) = next(&mut lines)? {
        names.extend(values.into_keys());
        if names.len() > MAX_COLUMNS {
            let name = input.name();
            let message = format!("{name} has more than {MAX_COLUMNS} different members.");
            return Err(Error::unusable("too_many_columns", message));
        }
    }
    let header = Row {
        number: HEADER,
        cells: names.iter().cloned().map(Cell::Text).collect(),
    };
    let mut lines = Lines::open(input, UTF_8);
    let objects = std::iter::from_fn(move || next(&mut lines).transpose());
    let rows = objects.map(move |object| {
        let (number, mut values) = object?;
        let cells = names.iter().map(|name| values.swap_remove(name));
        let cells = cells.map(Option::unwrap_or_default).collect();
        Ok(Row { number, cells })
    });
    Ok(Source::default().with(std::iter::once(Ok(header)).chain(rows)))
}

/// The values of an object under their whole names.
type Values = IndexMap<String, Cell>;

/// The next object, numbered by its line; blank lines are passed over.
fn next(lines: &mut Lines) -> Result<Option<(RowNumber, Values)>, Error> {
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
            Ok(_) | Err(_) => {
                let message = format!("{name}, line {number}: this is no JSON object.");
                let error = Error::unusable("json_lines_invalid", message);
                Err(error.hint("A file of JSON Lines has one object on each line."))
            }
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
