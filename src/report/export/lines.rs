//! Results as JSON lines: the source's columns under `source`, the result's members beside it, without prefix.

use std::io::{BufWriter, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::Error;
use crate::model::{ResultRow, Status, Timestamp};

use super::{ExportOptions, Sink, error_in_words, not_written, token_and_link};

pub(super) struct JsonLinesSink<'a, W: Write> {
    out: BufWriter<W>,
    options: ExportOptions<'a>,
    keys: Vec<String>,
}

#[derive(serde::Serialize)]
struct Line<'r> {
    source: Source<'r>,
    row: u32,
    status: Status,
    token: Option<&'r str>,
    link: Option<&'r str>,
    error_code: Option<&'r str>,
    error: Option<&'r str>,
    attempts: u32,
    sent_at: Option<Timestamp>,
}

/// The source's columns as one object, in the sheet's order.
struct Source<'r> {
    keys: &'r [String],
    cells: &'r [String],
}

impl<'a, W: Write> JsonLinesSink<'a, W> {
    pub(super) fn begin(columns: &[String], options: ExportOptions<'a>, out: W) -> Self {
        JsonLinesSink {
            out: BufWriter::with_capacity(1 << 16, out),
            options,
            keys: keys(columns),
        }
    }
}

impl<W: Write> Sink for JsonLinesSink<'_, W> {
    fn row(&mut self, row: &ResultRow) -> Result<(), Error> {
        let error = error_in_words(row);
        let (token, link) = token_and_link(row, &self.options)?;
        let object = Line {
            source: Source {
                keys: &self.keys,
                cells: &row.cells,
            },
            row: row.row.0,
            status: row.status,
            token,
            link: link.as_deref(),
            error_code: row.error_code.as_deref(),
            error: error.as_deref(),
            attempts: row.attempts,
            sent_at: row.sent_at,
        };
        serde_json::to_writer(&mut self.out, &object)
            .map_err(|error| not_written(&error.into()))?;
        self.out
            .write_all(b"\n")
            .map_err(|error| not_written(&error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.out.flush().map_err(|error| not_written(&error))
    }
}

impl Serialize for Source<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.keys.len()))?;
        for (place, key) in self.keys.iter().enumerate() {
            map.serialize_entry(key, self.cells.get(place).map_or("", String::as_str))?;
        }
        map.end()
    }
}

/// Headers as the keys of an object, each once, since readers keep only the last of two equal keys: a second `Name` is
/// `Name (2)`, and a column without a header has its place, `(3)`, for a name.
fn keys(columns: &[String]) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let mut keys = Vec::with_capacity(columns.len());
    for (place, name) in columns.iter().enumerate() {
        let mut key = if name.is_empty() {
            format!("({})", place + 1)
        } else {
            name.clone()
        };
        let mut nth = 2;
        while !taken.insert(key.clone()) {
            key = format!("{name} ({nth})");
            nth += 1;
        }
        keys.push(key);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_keeps_a_key_of_its_own() {
        let columns = ["Name", "", "Name", "Name (2)", "Name"].map(str::to_owned);
        assert_eq!(
            keys(&columns),
            ["Name", "(2)", "Name (2)", "Name (2) (2)", "Name (3)"]
        );
    }
}
