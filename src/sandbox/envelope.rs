//! Answers: the vendor's envelope, and the error codes that the sandbox puts into it (their table: the room's front page).

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::wire::Order;

/// The body is not what was asked for.
pub(super) const MALFORMED: i64 = 400;
/// `ApiKey` or bearer.
pub(super) const UNAUTHORIZED: i64 = 401;
/// Neither phone nor e-mail.
pub(super) const RECIPIENT_MISSING: i64 = 1001;
/// Not E.164.
pub(super) const PHONE_INVALID: i64 = 1002;
/// Not an address.
pub(super) const EMAIL_INVALID: i64 = 1003;
/// No contract type, or an unknown one.
pub(super) const CONTRACT_TYPE_UNKNOWN: i64 = 1004;
/// A type that is not allowed, or a key that is not on its form.
pub(super) const FIELD_UNKNOWN: i64 = 1005;
/// A value that is no string.
pub(super) const VALUE_NOT_STRING: i64 = 1006;
/// Magic only: a value is refused.
pub(super) const VALUE_REFUSED: i64 = 1007;
/// Magic only: the customer has a pending request.
pub(super) const REQUEST_PENDING: i64 = 1008;
/// User or password.
pub(super) const LOGIN_REFUSED: i64 = 2001;
/// Tenant missing or unknown.
pub(super) const TENANT_UNKNOWN: i64 = 2002;
/// Refresh token unknown, used or expired.
pub(super) const REFRESH_REFUSED: i64 = 2003;

/// How an answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As the wire is told to.
    Wire(Order),
    /// Never, while the connection stays open.
    Hang,
}

/// An answer before it leaves.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    /// A list, since there are two at most and this type travels as an error.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Vec<u8>,
    /// The envelope's, for the log.
    pub error_code: Option<i64>,
    pub delivery: Delivery,
}

impl Reply {
    /// HTTP 200 with `data`.
    pub(super) fn success(data: &Value) -> Self {
        Reply::json(StatusCode::OK, None, &envelope(data, None, &Value::Null))
    }

    /// An error in the envelope; `field`, when one is to blame, is named in `error_descriptions`.
    pub(super) fn refusal(
        status: StatusCode,
        error_code: i64,
        message: &str,
        field: Option<&str>,
    ) -> Self {
        let descriptions = field.map_or(
            Value::Null,
            |field| json!([{"field": field, "message": message}]),
        );
        Reply::refusal_with(status, error_code, message, &descriptions)
    }

    /// An error in the envelope with `error_descriptions` of any shape.
    pub(super) fn refusal_with(
        status: StatusCode,
        error_code: i64,
        message: &str,
        descriptions: &Value,
    ) -> Self {
        let body = envelope(&Value::Null, Some((error_code, message)), descriptions);
        Reply::json(status, Some(error_code), &body)
    }

    /// An error whose code repeats the HTTP status.
    pub(super) fn plain_refusal(status: StatusCode, message: &str) -> Self {
        Reply::refusal(status, i64::from(status.as_u16()), message, None)
    }

    /// Any JSON.
    pub(super) fn json(status: StatusCode, error_code: Option<i64>, body: &Value) -> Self {
        let mut reply = Reply::text(status, "application/json; charset=utf-8", body.to_string());
        reply.error_code = error_code;
        reply
    }

    /// Any text.
    pub(super) fn text(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Reply {
            headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
            body: body.into_bytes(),
            ..Reply::empty(status)
        }
    }

    /// No body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            error_code: None,
            delivery: Delivery::Wire(Order::Serve),
        }
    }

    /// With one header more. A value that no header can carry is left out.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Leaving in another way.
    pub(super) fn delivered(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The status that the client gets to see whole, if any: what a cut connection or a hang keeps is no answer.
    pub(super) fn seen_status(&self) -> Option<u16> {
        let never_leaves = matches!(
            self.delivery,
            Delivery::Hang | Delivery::Wire(Order::Reset | Order::Close | Order::CutHeaders)
        );
        (!never_leaves).then(|| self.status.as_u16())
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: Reply) -> String {
        String::from_utf8(reply.body).unwrap()
    }

    #[test]
    fn success_and_error_share_the_envelope() {
        assert_eq!(
            text(Reply::success(&json!("t"))),
            r#"{"data":"t","error_code":null,"error_message":null,"error_descriptions":null}"#
        );
        assert_eq!(
            text(Reply::refusal(StatusCode::BAD_REQUEST, 7, "No.", Some("a"))),
            r#"{"data":null,"error_code":7,"error_message":"No.","error_descriptions":[{"field":"a","message":"No."}]}"#
        );
    }
}
