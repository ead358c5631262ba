//! JSON Lines as a sheet: one object a line, its members as columns, nested ones by `a.b`. For files that tell of customers; a sheet
//! to be sent has columns that a person sees.

use std::io::{BufRead as _, BufReader, Read as _};

use indexmap::IndexSet;
use serde_json::Value;

use super::file::{
    Facts, Handle, Input, MAX_COLUMNS, MAX_ROW_BYTES, Opened, cell_of_text, unreadable,
};
use crate::error::Error;
use crate::model::{Cell, Row, RowNumber};

/// The names of the members stand before the first line.
pub(super) const HEADER: RowNumber = RowNumber(0);

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const HEAD_BYTES: u64 = 1 << 10;

/// Whether the first thing in the input is an object.
pub(super) fn is_lines(input: &Input) -> Result<bool, Error> {
    let mut head = Vec::new();
    let read = input.open()?.take(HEAD_BYTES).read_to_end(&mut head);
    read.map_err(|error| unreadable(&input.name(), &error))?;
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head);
    Ok(head.trim_ascii_start().starts_with(b"{"))
}

/// The members of all lines are the columns, in the order in which they are met.
pub(super) fn open(input: &Input) -> Result<Opened, Error> {
    let mut names = IndexSet::new();
    for line in Lines::open(input)? {
        each_value(&line?.1, String::new(), &mut |name, _| {
            names.insert(name);
        });
        if names.len() > MAX_COLUMNS {
            let message = format!(
                "{} has more than {MAX_COLUMNS} different members.",
                input.name()
            );
            return Err(Error::unusable("too_many_columns", message));
        }
    }
    let header = Row {
        number: HEADER,
        cells: names.iter().cloned().map(Cell::Text).collect(),
    };
    let rows = Lines::open(input)?.map(move |line| {
        let (number, value) = line?;
        let mut cells = vec![Cell::Empty; names.len()];
        each_value(&value, String::new(), &mut |name, cell| {
            if let Some(at) = names.get_index_of(&name) {
                cells[at] = cell;
            }
        });
        Ok(Row { number, cells })
    });
    Ok(Opened {
        rows: Box::new(std::iter::once(Ok(header)).chain(rows)),
        notes: Vec::new(),
        is_guess: false,
        sheet: None,
        facts: Facts::default(),
    })
}

/// Hands out every value that is no object and no array, under its whole name. Numbers are their digits.
fn each_value(value: &Value, name: String, sink: &mut impl FnMut(String, Cell)) {
    let inner = |part: &str| match name.as_str() {
        "" => part.to_owned(),
        name => format!("{name}.{part}"),
    };
    let cell = match value {
        Value::Object(members) => {
            for (member, value) in members {
                each_value(value, inner(member), sink);
            }
            return;
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                each_value(value, inner(&at.to_string()), sink);
            }
            return;
        }
        Value::Null => Cell::Empty,
        Value::Bool(value) => Cell::Boolean(*value),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::String(text) => cell_of_text(text),
    };
    sink(name, cell);
}

/// The objects, numbered by their lines; blank lines are passed over.
struct Lines {
    name: String,
    bytes: BufReader<Handle>,
    number: u32,
}

impl Lines {
    fn open(input: &Input) -> Result<Lines, Error> {
        Ok(Lines {
            name: input.name(),
            bytes: BufReader::new(input.open()?),
            number: 0,
        })
    }

    fn read(&mut self) -> Result<Option<Value>, Error> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bytes = (&mut self.bytes).take(MAX_ROW_BYTES as u64);
            let read = bytes.read_until(b'\n', &mut line);
            if read.map_err(|error| unreadable(&self.name, &error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
            if text.trim_ascii().is_empty() {
                continue;
            }
            return match serde_json::from_slice(text) {
                Ok(value @ Value::Object(_)) => Ok(Some(value)),
                // A log that is being written ends within a line.
                Err(_) if !line.ends_with(b"\n") && line.len() < MAX_ROW_BYTES => Ok(None),
                Ok(_) | Err(_) => {
                    let message = format!(
                        "{}, line {}: this is no JSON object.",
                        self.name, self.number
                    );
                    let error = Error::unusable("json_lines_invalid", message);
                    Err(error.hint("A file of JSON Lines has one object on each line."))
                }
            };
        }
    }
}

impl Iterator for Lines {
    type Item = Result<(RowNumber, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.read().transpose()?;
        Some(value.map(|value| (RowNumber(self.number), value)))
    }
}
