//! Request bodies made small: a body is kept as its difference from the JSON skeleton that all bodies of its make share.
//!
//! A body is mostly keys that repeat in every row. Cutting it into the skeleton's pieces and the values between them keeps
//! the values only. A skeleton holds no value, so that deleting a body deletes all of the customer's data.

use std::collections::HashMap;

use rusqlite::Connection;

use super::fault::{Fault, Result};

/// Stands in a skeleton for a value that is text. JSON text never holds this control character bare.
const HOLE: char = '\u{1}';
/// Stands between the values of a body.
const BETWEEN: char = '\u{1}';

/// How many skeletons are remembered; more would mean that bodies have hardly anything in common.
const REMEMBERED: usize = 4096;

/// The skeletons met so far.
#[derive(Debug, Default)]
pub(super) struct Skeletons {
    ids: HashMap<String, i64>,
}

impl Skeletons {
    /// The number of a skeleton, which is kept from now on.
    pub(super) fn id_of(&mut self, conn: &Connection, skeleton: &str) -> Result<i64> {
        if let Some(id) = self.ids.get(skeleton) {
            return Ok(*id);
        }
        let id = conn
            .prepare_cached("INSERT INTO skeletons (text) VALUES (?1) ON CONFLICT DO UPDATE SET text = text RETURNING id")?
            .query_row([skeleton], |row| row.get(0))?;
        if self.ids.len() >= REMEMBERED {
            self.ids.clear();
        }
        self.ids.insert(skeleton.to_owned(), id);
        Ok(id)
    }
}

/// Puts a body together again.
pub(super) fn unpack(skeleton: &str, values: &str) -> Result<String> {
    let mut body = String::with_capacity(skeleton.len() + values.len());
    let mut values = values.split(BETWEEN);
    for (index, piece) in skeleton.split(HOLE).enumerate() {
        if index > 0 {
            body.push_str(values.next().ok_or_else(misfit)?);
        }
        body.push_str(piece);
    }
    Ok(body)
}

fn misfit() -> Fault {
    Fault::damaged("a request body does not fit its skeleton")
}

/// Splits JSON text into the skeleton (keys, punctuation, numbers, a hole for each text value) and the text values as they
/// are written, escapes included; both are added to what is there. Never fails: what is no JSON becomes all skeleton or odd
/// holes, and still fits together.
pub(super) fn split(body: &str, skeleton: &mut String, values: &mut String) {
    let mut rest = body;
    let mut is_first = true;
    while let Some(open) = rest.find('"') {
        let (before, quoted) = rest.split_at(open + 1);
        let Some(close) = closing_quote(quoted) else {
            break;
        };
        let (text, after) = quoted.split_at(close);
        skeleton.push_str(before);
        let is_key = after[1..].trim_start().starts_with(':');
        if is_key || text.contains(HOLE) {
            skeleton.push_str(text);
        } else {
            if !is_first {
                values.push(BETWEEN);
            }
            is_first = false;
            skeleton.push(HOLE);
            values.push_str(text);
        }
        skeleton.push('"');
        rest = &after[1..];
    }
    skeleton.push_str(rest);
}

fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        // Whatever follows a backslash is escaped.
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(body: &str) -> (String, String) {
        let (mut skeleton, mut values) = (String::new(), String::new());
        split(body, &mut skeleton, &mut values);
        (skeleton, values)
    }

    #[test]
    fn a_skeleton_keeps_keys_and_no_value() {
        let (skeleton, values) = packed(
            r#"{"phoneNumber":"+201012345678","types":[414],"414":{"name":"Mona \"M\" Adel","a":""}}"#,
        );
        assert_eq!(
            skeleton,
            "{\"phoneNumber\":\"\u{1}\",\"types\":[414],\"414\":{\"name\":\"\u{1}\",\"a\":\"\u{1}\"}}"
        );
        assert_eq!(values, "+201012345678\u{1}Mona \\\"M\\\" Adel\u{1}");
    }

    #[test]
    fn any_text_comes_back_as_it_was() {
        for body in [
            "",
            "{}",
            "\"",
            "\"\"",
            "\\\"",
            r#"{"a":"b"#,
            r#"{"a":"\\","b":["c","d"]}"#,
            "{\"a\" : \"قرض\"}",
            "[\"\"]",
        ] {
            let (skeleton, values) = packed(body);
            assert_eq!(unpack(&skeleton, &values).unwrap(), body, "{body:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_json(values in proptest::collection::vec(".*", 0..6)) {
            let body = serde_json::json!({"SessionInput": {"fields": values, "n": 5}}).to_string();
            let (skeleton, packed_values) = packed(&body);
            proptest::prop_assert_eq!(unpack(&skeleton, &packed_values).unwrap(), body);
        }
    }
}
