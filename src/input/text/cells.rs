//! Makes cells of the fields of a CSV record.

use std::borrow::Cow;

use csv::ByteRecord;
use encoding_rs::UTF_8;

use crate::input::rows::write_text;
use crate::model::Cell;

/// Fills the cells of a row, in the buffers that they have already. False when there is nothing in them.
pub(super) fn fill(cells: &mut Vec<Cell>, record: &ByteRecord) -> bool {
    cells.resize(record.len(), Cell::Empty);
    let whole = text(record.as_slice());
    let mut is_filled = false;
    let mut start = 0;
    for (cell, field) in cells.iter_mut().zip(record) {
        let end = start + field.len();
        // Where all fields together are text, each is, unless a character begins in one field and ends in the next.
        match whole.and_then(|whole| whole.get(start..end)) {
            Some(text) => write(cell, text),
            None => write_bytes(cell, field),
        }
        is_filled |= !matches!(cell, Cell::Empty);
        start = end;
    }
    is_filled
}

/// The bytes as text. A NUL is no text in any encoding: the file was damaged, or written by a program that was.
fn text(bytes: &[u8]) -> Option<&str> {
    match UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(Cow::Borrowed(text)) if memchr::memchr(0, bytes).is_none() => Some(text),
        _ => None,
    }
}

fn write(cell: &mut Cell, text: &str) {
    if text.chars().all(char::is_whitespace) {
        *cell = Cell::Empty;
    } else {
        write_text(cell, text);
    }
}

/// A field of a record that is not text throughout.
fn write_bytes(cell: &mut Cell, bytes: &[u8]) {
    match text(bytes) {
        Some(text) => write(cell, text),
        None => {
            *cell = Cell::Undecodable(String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each field on its own, without the buffers of the row before.
    fn one_by_one(fields: &[Vec<u8>]) -> Vec<Cell> {
        let cell = |bytes: &Vec<u8>| match std::str::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => Cell::Empty,
            Ok(text) if !bytes.contains(&0) => Cell::Text(text.to_owned()),
            _ => Cell::Undecodable(String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")),
        };
        fields.iter().map(cell).collect()
    }

    /// Pieces of fields, so that characters are often cut between two.
    fn fields() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let piece = prop::sample::select(vec![
            &b"a"[..],
            b" ",
            b"\t",
            b"\0",
            b"\xd9",
            b"\x85",
            b"\xff",
            b"\xc2",
            b"\xa0",
            "م".as_bytes(),
            "😀".as_bytes(),
            "\u{2003}".as_bytes(),
        ]);
        let field = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
        prop::collection::vec(field, 0..5)
    }

    proptest! {
        #[test]
        fn a_record_is_what_its_fields_are(rows in prop::collection::vec(fields(), 1..4)) {
            let mut cells = Vec::new();
            for fields in &rows {
                let is_filled = fill(&mut cells, &ByteRecord::from(fields.as_slice()));
                let expected = one_by_one(fields);
                prop_assert_eq!(&cells, &expected);
                prop_assert_eq!(is_filled, expected.iter().any(|cell| *cell != Cell::Empty));
            }
        }
    }
}
