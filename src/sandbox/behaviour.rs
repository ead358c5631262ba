//! Every way in which the sandbox can fail a request, each under the one name that magic recipients, fault rates and the
//! log use.

use std::time::{Duration, SystemTime};

use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use super::{
    envelope::{Delivery, REQUEST_PENDING, Reply, VALUE_REFUSED},
    wire::Order,
};

/// The size of a huge answer.
const HUGE_BYTES: usize = 2 * 1024 * 1024;

macro_rules! behaviours {
    ($($variant:ident = $name:literal, $accepts:ident, $meaning:literal;)*) => {
        /// What the sandbox does instead of its duty.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Behaviour { $(#[doc = $meaning] $variant,)* }

        impl Behaviour {
            /// Every behaviour.
            pub const ALL: &'static [Behaviour] = &[$(Behaviour::$variant,)*];

            /// Its name, in fault rates and in the log's `fault`.
            pub fn name(self) -> &'static str {
                match self { $(Behaviour::$variant => $name,)* }
            }

            /// One line for a person.
            pub fn meaning(self) -> &'static str {
                match self { $(Behaviour::$variant => $meaning,)* }
            }

            /// Whether the invitation is created all the same.
            pub fn accepts(self) -> bool {
                match self { $(Behaviour::$variant => behaviours!(@ $accepts),)* }
            }

            /// The behaviour of that name.
            pub fn parse(name: &str) -> Option<Behaviour> {
                Behaviour::ALL.iter().copied().find(|behaviour| behaviour.name() == name)
            }
        }
    };
    (@ accepted) => { true };
    (@ refused) => { false };
}

behaviours! {
    BadRequest = "400", refused, "HTTP 400 with error code 1007; the descriptions are a list that names nationalId";
    Unauthorized = "401", refused, "HTTP 401";
    UnauthorizedIn200 = "401_in_200", refused, "HTTP 200 with error code 401";
    Forbidden = "403", refused, "HTTP 403";
    NotFound = "404", refused, "HTTP 404 without a body";
    MethodNotAllowed = "405", refused, "HTTP 405 without a body";
    RequestTimeout = "408", refused, "HTTP 408 without a body";
    Conflict = "409", refused, "HTTP 409 with error code 1008";
    Unprocessable = "422", refused, "HTTP 422 with error code 1007; the descriptions are an object that names nationalId";
    ErrorIn200 = "error_200", refused, "HTTP 200 with error code 1008";
    FrameworkError = "framework_400", refused, "HTTP 400 with the framework's own error object in place of the envelope";
    Refused = "refused", refused, "HTTP 401 with error code 2001, as a refused login";
    Throttled = "429", refused, "HTTP 429 with Retry-After: 1";
    ThrottledDate = "429_date", refused, "HTTP 429 with Retry-After as a date two seconds ahead";
    ThrottledBare = "429_bare", refused, "HTTP 429 without Retry-After";
    ThrottledLong = "429_long", refused, "HTTP 429 with Retry-After: 7200";
    ServerError = "500", refused, "HTTP 500 before anything was created";
    ServerErrorAfter = "500_after", accepted, "HTTP 500 after the invitation was created";
    BadGateway = "502", refused, "HTTP 502 with an HTML page";
    Unavailable = "503", refused, "HTTP 503 without Retry-After";
    UnavailableAfter = "503_after", refused, "HTTP 503 with Retry-After: 1";
    GatewayTimeout = "504", accepted, "HTTP 504 from a gateway that did not wait for the creation";
    Hang = "hang", accepted, "the invitation is created and no answer ever comes";
    ResetAfter = "reset_after", accepted, "the invitation is created, then the connection is reset without an answer";
    ResetBefore = "reset_before", refused, "the request is read, then the connection is reset";
    CloseBefore = "close_before", refused, "the request is read, then the connection is closed";
    HalfHeaders = "half_headers", accepted, "the invitation is created, the connection closed within the answer's headers";
    Truncated = "truncated", accepted, "the invitation is created, the connection closed within the answer's body";
    Drip = "drip", accepted, "the invitation is created, its answer leaves one byte each 400 ms";
    Html = "html", refused, "HTTP 200 with an HTML page";
    CutJson = "cut", accepted, "HTTP 200 with JSON that ends in the middle";
    NullData = "null", accepted, "HTTP 200 with data null";
    EmptyBody = "empty", accepted, "HTTP 200 without a body";
    EmptyToken = "empty_token", accepted, "HTTP 200 with an empty token";
    Huge = "huge", accepted, "HTTP 200 with a body of over 2 MiB";
    Redirect = "302", refused, "HTTP 302 to another address";
    CloseKeepalive = "close_keepalive", accepted, "an ordinary answer, then the connection is closed unannounced";
    SwallowNext = "swallow_next", accepted, "an ordinary answer; the next request on its connection is dropped unread";
}

impl Behaviour {
    /// The answer, where `data` is what an ordinary one would carry.
    pub(super) fn reply(self, data: &Value) -> Reply {
        match self {
            Behaviour::BadRequest
            | Behaviour::Conflict
            | Behaviour::Unprocessable
            | Behaviour::ErrorIn200
            | Behaviour::FrameworkError => self.rejection(),
            Behaviour::Unauthorized => refusal(401, "The token is not accepted."),
            Behaviour::UnauthorizedIn200 => {
                Reply::refusal(StatusCode::OK, 401, "The token is not accepted.", None)
            }
            Behaviour::Refused => {
                Reply::refusal(status(401), 2001, "Invalid user name or password.", None)
            }
            Behaviour::Forbidden => refusal(403, "You are not allowed to create invitations."),
            Behaviour::NotFound => Reply::empty(status(404)),
            Behaviour::MethodNotAllowed => Reply::empty(status(405)),
            Behaviour::RequestTimeout => Reply::empty(status(408)),
            Behaviour::Throttled => throttled().header(header::RETRY_AFTER, "1"),
            Behaviour::ThrottledDate => throttled().header(header::RETRY_AFTER, &date_ahead()),
            Behaviour::ThrottledBare => throttled(),
            Behaviour::ThrottledLong => throttled().header(header::RETRY_AFTER, "7200"),
            Behaviour::ServerError | Behaviour::ServerErrorAfter => {
                framework_error(500, "An internal error occurred.")
            }
            Behaviour::BadGateway => html(502),
            Behaviour::Unavailable => html(503),
            Behaviour::UnavailableAfter => html(503).header(header::RETRY_AFTER, "1"),
            Behaviour::GatewayTimeout => html(504),
            Behaviour::Hang => Reply::empty(status(200)).delivered(Delivery::Hang),
            Behaviour::Html => html(200),
            Behaviour::CutJson => cut(Reply::success(data)),
            Behaviour::NullData => Reply::success(&Value::Null),
            Behaviour::EmptyBody => Reply::empty(status(200)),
            Behaviour::EmptyToken => Reply::success(&without_token(data)),
            Behaviour::Huge => padded(Reply::success(data)),
            Behaviour::Redirect => Reply::empty(status(302)).header(header::LOCATION, "/elsewhere"),
            Behaviour::ResetAfter | Behaviour::ResetBefore => on_the_wire(data, Order::Reset),
            Behaviour::CloseBefore => on_the_wire(data, Order::Close),
            Behaviour::HalfHeaders => on_the_wire(data, Order::CutHeaders),
            Behaviour::Truncated => on_the_wire(data, Order::CutBody),
            Behaviour::Drip => on_the_wire(data, Order::Drip),
            Behaviour::CloseKeepalive => on_the_wire(data, Order::CloseAfter),
            Behaviour::SwallowNext => on_the_wire(data, Order::SwallowNext),
        }
    }

    /// The refusals for what was sent, each in another of the shapes that have been seen.
    fn rejection(self) -> Reply {
        const FIELD: &str = "nationalId";
        const VALUE: &str = "The national ID is not valid.";
        const PENDING: &str = "The customer has a pending request.";
        match self {
            Behaviour::BadRequest => Reply::refusal(status(400), VALUE_REFUSED, VALUE, Some(FIELD)),
            Behaviour::Unprocessable => {
                Reply::refusal_with(status(422), VALUE_REFUSED, VALUE, &json!({FIELD: [VALUE]}))
            }
            Behaviour::Conflict => Reply::refusal(status(409), REQUEST_PENDING, PENDING, None),
            Behaviour::FrameworkError => framework_error(400, "Your request is not valid!"),
            _ => Reply::refusal(status(200), REQUEST_PENDING, PENDING, None),
        }
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn refusal(code: u16, message: &str) -> Reply {
    Reply::plain_refusal(status(code), message)
}

fn throttled() -> Reply {
    refusal(429, "Too many requests.")
}

fn date_ahead() -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2))
}

fn html(code: u16) -> Reply {
    let code = status(code);
    let page = format!("<!DOCTYPE html><html><body><h1>{code}</h1></body></html>\n");
    Reply::text(code, "text/html; charset=utf-8", page)
}

/// The shape in which the vendor's framework reports what its envelope does not catch.
fn framework_error(code: u16, message: &str) -> Reply {
    let error = json!({"code": 0, "message": message, "details": null, "validationErrors": null});
    let body =
        json!({"result": null, "success": false, "error": error, "unAuthorizedRequest": false});
    Reply::json(status(code), None, &body)
}

fn on_the_wire(data: &Value, order: Order) -> Reply {
    Reply::success(data).delivered(Delivery::Wire(order))
}

fn cut(mut reply: Reply) -> Reply {
    reply.body.truncate(reply.body.len() / 2);
    reply
}

fn padded(mut reply: Reply) -> Reply {
    reply.body.resize(reply.body.len() + HUGE_BYTES, b' ');
    reply
}

/// An ordinary answer but for its token: a session's, or a login's.
fn without_token(data: &Value) -> Value {
    let mut data = data.clone();
    match &mut data {
        Value::Object(members) => {
            members.insert("accessToken".to_owned(), json!(""));
        }
        other => *other = json!(""),
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        for &behaviour in Behaviour::ALL {
            assert_eq!(Behaviour::parse(behaviour.name()), Some(behaviour));
        }
    }

    #[test]
    fn a_name_that_is_a_status_answers_with_that_status() {
        for behaviour in Behaviour::ALL {
            let digits = behaviour.name().split('_').next().unwrap_or_default();
            if let Ok(code) = digits.parse::<u16>()
                && *behaviour != Behaviour::UnauthorizedIn200
            {
                let reply = behaviour.reply(&json!("t"));
                assert_eq!(reply.status.as_u16(), code, "{}", behaviour.name());
            }
        }
    }

    #[test]
    fn an_answer_that_shows_the_token_never_stands_for_a_refusal() {
        for behaviour in Behaviour::ALL {
            let reply = behaviour.reply(&json!("the-token"));
            let shows = String::from_utf8_lossy(&reply.body).contains("the-token");
            if shows && reply.seen_status().is_some() {
                assert!(behaviour.accepts(), "{}", behaviour.name());
            }
        }
    }
}
