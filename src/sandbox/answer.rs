//! Answers: the vendor's envelope, with the error codes of this module's front page.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::connection::Delivery;

/// An answer before it leaves.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(HeaderName, String)>,
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
            headers: vec![(header::CONTENT_TYPE, content_type.to_owned())],
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

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value);
            response
                .headers_mut()
                .extend(value.map(|value| (name, value)));
        }
        response
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
