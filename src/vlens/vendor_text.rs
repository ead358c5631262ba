//! Makes what the vendor wrote fit to be shown: no escape codes, no personal values, no endless text.

use serde_json::Value;

use crate::model::{mask, mask_text, printable};

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

/// The text with each of `told` masked where it stands as words of its own, however its letters are cased: what the vendor was told
/// it may repeat, and no name looks like one.
pub(super) fn without(text: &str, mut told: Vec<String>) -> String {
    const SHORTEST_CHARS: usize = 3;
    let lower = |text: &str| -> Vec<char> {
        let first = |c: char| c.to_lowercase().next().unwrap_or(c);
        text.chars().map(first).collect()
    };
    told.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let mut text = text.to_owned();
    for value in told {
        let wanted = lower(plain(&value).as_str());
        let (letters, shown) = (lower(&text), text.chars().collect::<Vec<char>>());
        let is_inside = |at: Option<usize>| {
            let beside = at.and_then(|at| letters.get(at));
            beside.is_some_and(|c| c.is_alphanumeric())
        };
        if wanted.len() < SHORTEST_CHARS || wanted.len() > letters.len() {
            continue;
        }
        text.clear();
        let mut at = 0;
        while at < letters.len() {
            let end = at + wanted.len();
            let is_told = letters[at..].starts_with(&wanted)
                && !is_inside(at.checked_sub(1))
                && !is_inside(Some(end));
            if is_told {
                text.push_str(&mask(&value));
                at = end;
            } else {
                text.push(shown[at]);
                at += 1;
            }
        }
    }
    text
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
    fn what_was_told_is_masked_as_words_of_its_own() {
        let told = ["Mona Adel", "Mona", "Omar", "ok"].map(str::to_owned);
        assert_eq!(
            without("MONA ADEL, Monaco; mona: Omar's name is ok", told.to_vec()),
            "M***, Monaco; M***: O***'s name is ok"
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
