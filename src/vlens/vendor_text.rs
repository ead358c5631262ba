//! Makes what the vendor wrote fit to be shown: no escape codes, no personal values, no endless text.

use serde_json::Value;

use crate::model::{mask_text, printable};

const MESSAGE_MAX_CHARS: usize = 500;
const DETAILS_MAX_BYTES: usize = 4096;

/// A vendor's sentence for a terminal, a log or the ledger.
pub(super) fn fit_text(text: &str) -> String {
    shorten(&mask_text(&plain(text)), MESSAGE_MAX_CHARS)
}

/// A vendor's JSON in compact form, the values masked and the names kept; nothing when it says nothing.
pub(super) fn fit_json(value: &Value) -> Option<String> {
    let text = fit_value(value).to_string();
    if matches!(&*text, "null" | r#""""# | "[]" | "{}") {
        return None;
    }
    if text.len() <= DETAILS_MAX_BYTES {
        return Some(text);
    }
    // Cut JSON is none; its beginning as one string still is.
    Some(Value::String(shorten(&text, MESSAGE_MAX_CHARS)).to_string())
}

/// Text on one line, fit to be shown.
pub(super) fn plain(text: &str) -> String {
    printable(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn fit_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(fit_text(text)),
        Value::Number(number) => {
            let text = number.to_string();
            let masked = mask_text(&text);
            if masked == text {
                value.clone()
            } else {
                Value::String(masked)
            }
        }
        Value::Array(items) => items.iter().map(fit_value).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (fit_name(name), fit_value(value)))
            .collect(),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

/// A member's name tells which field is meant, and may be a long path: it is masked only when it looks like a value.
fn fit_name(name: &str) -> String {
    let name = plain(name);
    let digits = name.chars().filter(|c| c.is_numeric()).count();
    if digits >= 7 || name.contains('@') {
        fit_text(&name)
    } else {
        shorten(&name, 120)
    }
}

fn shorten(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_masked_even_when_escape_codes_split_them() {
        assert_eq!(
            fit_text("Phone +2010\u{1b}[0m12345678 is taken"),
            "Phone +2010****5678 is taken"
        );
    }

    #[test]
    fn endless_text_is_cut() {
        let shown = fit_text(&"لا ".repeat(100_000));
        assert_eq!(shown.chars().count(), MESSAGE_MAX_CHARS + 1);
        let long: Vec<&str> = vec!["no"; 100_000];
        let details = fit_json(&json!(long)).expect("details");
        assert!(details.len() <= DETAILS_MAX_BYTES);
        assert!(serde_json::from_str::<Value>(&details).is_ok());
    }

    #[test]
    fn details_keep_their_names_and_lose_their_values() {
        let details = json!({
            "SessionInput.RequestFieldsValues.414.nationalId": ["29001011234567 is not valid"],
            "phone": 201_012_345_678_u64, "limit": 5, "ok": false, "none": null
        });
        assert_eq!(
            fit_json(&details).expect("details"),
            r#"{"SessionInput.RequestFieldsValues.414.nationalId":["29001****4567 is not valid"],"phone":"2010****5678","limit":5,"ok":false,"none":null}"#
        );
        for nothing in [json!(null), json!([]), json!({}), json!(" ")] {
            assert_eq!(fit_json(&nothing), None);
        }
    }
}
