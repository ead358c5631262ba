//! Answers: the vendor's envelope, with the error codes of this module's front page.

use std::time::SystemTime;

use serde_json::{Value, json};

/// What becomes of an answer on its way; `behaviours.toml` describes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Delivery {
    #[default]
    Whole,
    Hang,
    Reset,
    Close,
    CutInHeaders,
    CutInBody,
    Drip,
    ThenClose,
    ThenSwallow,
}

/// An answer before it leaves.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The envelope's, for the log.
    pub error_code: Option<i64>,
    pub delivery: Delivery,
}

impl Answer {
    pub(super) fn success(data: &Value) -> Self {
        Answer::json(200, &envelope(data, None, &Value::Null))
    }

    /// An error in the envelope.
    pub(super) fn error(status: u16, code: i64, message: &str, descriptions: &Value) -> Self {
        let body = envelope(&Value::Null, Some((code, message)), descriptions);
        Answer {
            error_code: Some(code),
            ..Answer::json(status, &body)
        }
    }

    /// An error whose code repeats the HTTP status.
    pub(super) fn plain(status: u16, message: &str) -> Self {
        Answer::error(status, i64::from(status), message, &Value::Null)
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Answer::text(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(super) fn text(status: u16, content_type: &str, body: String) -> Self {
        Answer {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into_bytes(),
            ..Answer::default()
        }
    }

    /// The status that the client gets to see whole, if any: what a cut connection or a hang keeps is no answer.
    pub(super) fn seen_status(&self) -> Option<u16> {
        let never_leaves = matches!(
            self.delivery,
            Delivery::Hang | Delivery::Reset | Delivery::Close | Delivery::CutInHeaders
        );
        (!never_leaves).then_some(self.status)
    }

    /// Status line and headers, with the server's time as every server has it.
    pub(super) fn head(&self) -> String {
        let fixed = [
            ("Date", httpdate::fmt_http_date(SystemTime::now())),
            ("Content-Length", self.body.len().to_string()),
        ];
        let headers = fixed.iter().chain(&self.headers);
        let lines: Vec<String> = headers
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("HTTP/1.1 {} \r\n{}\r\n", self.status, lines.concat())
    }
}

fn envelope(data: &Value, error: Option<(i64, &str)>, descriptions: &Value) -> Value {
    json!({
        "data": data,
        "error_code": error.map(|(code, _)| code),
        "error_message": error.map(|(_, message)| message),
        "error_descriptions": descriptions,
    })
}
