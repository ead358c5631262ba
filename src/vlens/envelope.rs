//! The vendor's envelope: `{data, error_code, error_message, error_descriptions}`, and the framework's own error form.
//!
//! It says what stands in an answer, not what that means: the meaning is in `answer.rs` for invitations and in `data.rs`
//! for everything else.

use serde::Deserialize;
use serde_json::Value;

use super::vendor_text::{fit_json, fit_text};

/// What an answer's body says.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    /// The result of the call, null when absent.
    pub(super) data: Value,
    /// The result in the framework's own form, null when absent.
    pub(super) result: Value,
    /// The error code.
    pub(super) code: Code,
    /// The framework's form says `success: false`.
    is_failure: bool,
    /// The vendor's message, fit to be shown; empty when there is none.
    pub(super) message: String,
    /// What more it says about the error, as compact JSON, fit to be shown.
    pub(super) details: Option<String>,
}

/// An error code as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Code {
    /// Null, absent or 0.
    #[default]
    None,
    /// A number, also when written as a string.
    Number(i64),
    /// A word, fit to be shown.
    Word(String),
    /// Something that no code can be: whether the answer means an error cannot be told.
    Odd,
}

/// The members that are read; whatever else stands in the object is ignored.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Members {
    data: Value,
    error_code: Value,
    error_message: Value,
    error_descriptions: Value,
    // The framework's form.
    result: Value,
    success: Value,
    error: Value,
    // Problem details (RFC 9457), which the same framework uses before the call reaches the vendor's code.
    title: Value,
    errors: Value,
}

impl Envelope {
    /// Reads a body; nothing when it is not a JSON object.
    pub(super) fn parse(body: &[u8]) -> Option<Envelope> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        // An array would be read as the members in their order of declaration.
        if !body.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let members: Members = serde_json::from_slice(body).ok()?;
        Some(Envelope::from_members(members))
    }

    /// Whether the answer tells of an error, whatever its HTTP status.
    pub(super) fn is_error(&self) -> bool {
        self.is_failure || matches!(self.code, Code::Number(_) | Code::Word(_))
    }

    /// The result of a call that reads: `data`, else the framework's `result`.
    pub(super) fn into_data(self) -> Value {
        if self.data.is_null() {
            self.result
        } else {
            self.data
        }
    }

    fn from_members(mut members: Members) -> Envelope {
        let code = match read_code(&members.error_code) {
            Code::None => read_code(&members.error["code"]),
            code => code,
        };
        let message = read_message(&members);
        let message = match &code {
            Code::Word(word) => format!("{word}: {message}"),
            _ => message,
        };
        Envelope {
            code,
            is_failure: members.success == Value::Bool(false),
            message: message.trim_end_matches([' ', ':']).to_owned(),
            details: read_details(&mut members),
            data: members.data,
            result: members.result,
        }
    }
}

fn read_code(value: &Value) -> Code {
    match value {
        Value::Null => Code::None,
        Value::Number(number) => match number.as_i64().or_else(|| whole(number.as_f64()?)) {
            Some(0) => Code::None,
            Some(code) => Code::Number(code),
            None => Code::Odd,
        },
        Value::String(text) => match text.trim().parse() {
            Ok(0) => Code::None,
            Ok(code) => Code::Number(code),
            Err(_) if text.trim().is_empty() => Code::Odd,
            Err(_) => Code::Word(fit_text(text)),
        },
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Code::Odd,
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and small, by the condition"
    )]
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}

fn read_message(members: &Members) -> String {
    let error = &members.error;
    let told = [
        &members.error_message,
        &error["message"],
        error,
        &members.title,
    ];
    told.into_iter()
        .find_map(|value| value.as_str().map(fit_text).filter(|text| !text.is_empty()))
        .unwrap_or_default()
}

fn read_details(members: &mut Members) -> Option<String> {
    let error = &mut members.error;
    let from_error = |error: &mut Value, name| error.get_mut(name).map(Value::take);
    fit_json(members.error_descriptions.take())
        .or_else(|| fit_json(from_error(error, "validationErrors")?))
        .or_else(|| fit_json(from_error(error, "details")?))
        .or_else(|| fit_json(members.errors.take()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_leniently() {
        for (json, expected) in [
            ("{}", Code::None),
            (r#"{"error_code":null}"#, Code::None),
            (r#"{"error_code":0}"#, Code::None),
            (r#"{"error_code":"0"}"#, Code::None),
            (r#"{"error_code":0.0}"#, Code::None),
            (r#"{"error_code":17}"#, Code::Number(17)),
            (r#"{"error_code":-3}"#, Code::Number(-3)),
            (r#"{"error_code":" 401 "}"#, Code::Number(401)),
            (r#"{"error_code":4e2}"#, Code::Number(400)),
            (r#"{"error_code":"E-17"}"#, Code::Word("E-17".into())),
            (r#"{"error_code":""}"#, Code::Odd),
            (r#"{"error_code":1.5}"#, Code::Odd),
            (r#"{"error_code":1e300}"#, Code::Odd),
            (r#"{"error_code":true}"#, Code::Odd),
            (r#"{"error_code":[1]}"#, Code::Odd),
            (r#"{"error":{"code":9}}"#, Code::Number(9)),
            (r#"{"error_code":0,"error":{"code":"9"}}"#, Code::Number(9)),
        ] {
            let envelope = Envelope::parse(json.as_bytes()).expect(json);
            assert_eq!(envelope.code, expected, "{json}");
        }
    }

    #[test]
    fn the_reason_is_found_in_every_form() {
        for (json, message, details) in [
            (
                r#"{"error_code":1,"error_message":"No","error_descriptions":["why"]}"#,
                "No",
                Some(r#"["why"]"#),
            ),
            (
                r#"{"success":false,"error":{"code":0,"message":"No","details":"long","validationErrors":null}}"#,
                "No",
                Some(r#""long""#),
            ),
            (
                r#"{"success":false,"error":{"message":"No","validationErrors":[{"members":["phoneNumber"]}]}}"#,
                "No",
                Some(r#"[{"members":["phoneNumber"]}]"#),
            ),
            (
                r#"{"title":"One or more validation errors","errors":{"SessionInput":["required"]}}"#,
                "One or more validation errors",
                Some(r#"{"SessionInput":["required"]}"#),
            ),
            (
                r#"{"error_code":"E-17","error_message":"No"}"#,
                "E-17: No",
                None,
            ),
            (r#"{"error_code":"E-17"}"#, "E-17", None),
            (r#"{"error":"invalid_client"}"#, "invalid_client", None),
        ] {
            let envelope = Envelope::parse(json.as_bytes()).expect(json);
            assert_eq!(envelope.message, message, "{json}");
            assert_eq!(envelope.details.as_deref(), details, "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_no_envelope() {
        let deep = format!("{{\"data\":{}", "[".repeat(100_000));
        for body in [
            "",
            " ",
            "null",
            "\"token\"",
            r#"["token"]"#,
            "<html>",
            r#"{"data":"#,
            r#"{"data":"a","data":"b"}"#,
            &deep,
        ] {
            assert!(Envelope::parse(body.as_bytes()).is_none(), "{body:.30}");
        }
        assert!(Envelope::parse(b"\xef\xbb\xbf {}").is_some());
        assert!(Envelope::parse(b"{\"data\":\"\xff\"}").is_none());
    }
}
