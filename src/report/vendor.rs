//! The vendor's answers for people: its message, and what it says of single fields, in words instead of JSON.

use serde_json::Value;

/// A message as the ledger keeps it: the vendor's words, and behind them the details as JSON, whose shape nobody promised.
/// What names a field becomes `field: words`; what cannot be read so stays as it is.
pub(super) fn in_words(message: &str) -> String {
    let Some((said, details)) = split(message) else {
        return message.to_owned();
    };
    let mut parts = Vec::new();
    collect(&details, None, &mut parts);
    if parts.is_empty() {
        return message.to_owned();
    }
    let mut text = said.to_owned();
    // The details often repeat the message word for word.
    for part in parts.iter().filter(|part| part.as_str() != said) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}

fn split(message: &str) -> Option<(&str, Value)> {
    message
        .char_indices()
        .filter(|(_, c)| matches!(c, '[' | '{'))
        .find_map(|(at, _)| {
            let details: Value = serde_json::from_str(&message[at..]).ok()?;
            Some((message[..at].trim_end(), details))
        })
}

fn collect(details: &Value, field: Option<&str>, parts: &mut Vec<String>) {
    match details {
        Value::String(words) => parts.push(match field {
            Some(field) => format!("{field}: {words}"),
            None => words.clone(),
        }),
        Value::Array(entries) => entries
            .iter()
            .for_each(|entry| collect(entry, field, parts)),
        Value::Object(members) => {
            let text = |names: &[&str]| {
                names
                    .iter()
                    .find_map(|name| members.get(*name).and_then(Value::as_str))
            };
            let named = text(&["field", "key", "member", "propertyName"]);
            let words = text(&["message", "error", "errorMessage", "description"]);
            match (named, words) {
                (Some(named), Some(words)) => parts.push(format!("{named}: {words}")),
                (None, Some(words)) => collect(&Value::from(words), field, parts),
                _ => {
                    for (name, value) in members {
                        collect(value, Some(name), parts);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_become_words_in_every_shape_that_was_seen() {
        for (message, expected) in [
            ("A plain message.", "A plain message."),
            (
                r#"Not valid. [{"field":"nationalId","message":"Too short."}]"#,
                "Not valid. nationalId: Too short.",
            ),
            (
                r#"Not valid. {"nationalId":["Too short.","Not a number."]}"#,
                "Not valid. nationalId: Too short. nationalId: Not a number.",
            ),
            (
                r#"Not valid. ["Not valid.","Ask us."]"#,
                "Not valid. Ask us.",
            ),
            (
                r#"Not valid. [{"message":"Ask us."}]"#,
                "Not valid. Ask us.",
            ),
            ("Odd [text", "Odd [text"),
            ("Numbers only [1,2]", "Numbers only [1,2]"),
            (r#"A [note] and {"a":"b"}"#, "A [note] and a: b"),
        ] {
            assert_eq!(in_words(message), expected);
        }
    }
}
