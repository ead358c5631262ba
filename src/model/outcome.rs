//! What became of one request, and the link that a tenant makes of the token that it gave.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use strum::{Display, IntoStaticStr};

use super::printable::Secret;
use super::row::RowNumber;

/// What a request for an invitation came to: the session token, with which whoever holds it can act as the customer, or why there is
/// none. Which answer means what: the table in `vlens/answer.rs`.
pub type Outcome = Result<Secret, Failure>;

/// Why a request gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub why: Why,
    /// What was observed, for people: no secret, values masked.
    pub message: String,
}

impl Failure {
    pub fn new(why: Why, message: impl Into<String>) -> Self {
        Failure {
            why,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Rejected(code) => write!(f, "{} (error_code {code})", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

/// What follows from each for a row: the table in `send/decide.rs`. All but the first and the last are certainly not created, by no
/// fault of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Why {
    /// Vlens answered that it will not: its `error_code`, else the HTTP status.
    Rejected(i64),
    /// No connection was made: DNS, connection, TLS.
    Unreachable,
    /// A connection was made, and the request did not begin to leave, or the server said that it processed nothing of it
    /// (HTTP/2, RFC 9113, section 8.7).
    Unprocessed,
    /// 429, with its `Retry-After`.
    Throttled(Option<Duration>),
    /// 503 with `Retry-After`.
    Unavailable(Duration),
    /// 401, as HTTP status or `error_code`: the token is not accepted.
    Unauthorized,
    /// Every request would be refused alike.
    Refused(Refusal),
    /// Created or not: nobody can tell.
    Uncertain(Uncertainty),
}

impl Why {
    /// The vendor's code, or a word.
    pub fn code(self) -> String {
        match self {
            Why::Rejected(code) => code.to_string(),
            Why::Uncertain(why) => why.to_string(),
            _ => self.to_string(),
        }
    }

    /// For how long the server asks to stay away.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Why::Throttled(asked) => asked,
            Why::Unavailable(asked) => Some(asked),
            _ => None,
        }
    }

    /// Whether a call that only reads may succeed if it is simply made again, later.
    pub fn may_pass(self) -> bool {
        match self {
            Why::Unreachable | Why::Unprocessed | Why::Throttled(_) | Why::Unavailable(_) => true,
            Why::Uncertain(_) => !self.is_not_the_api(),
            Why::Rejected(_) | Why::Unauthorized | Why::Refused(_) => false,
        }
    }

    /// Whether what answers is not the API, or has no such call.
    pub fn is_not_the_api(self) -> bool {
        matches!(
            self,
            Why::Refused(Refusal::NotTheApi) | Why::Uncertain(Uncertainty::Redirect)
        )
    }
}

/// Why every request would be refused alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 401 after a fresh login, or a refused login: wrong credentials, a lock-out, a second factor. Never tried again in a loop.
    Credentials,
    /// 403.
    Rights,
    /// 404, 405, a certificate that nobody vouches for.
    NotTheApi,
}

/// Why an outcome cannot be told. Its word is kept in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Uncertainty {
    /// The request went out and no answer came in time.
    Timeout,
    /// The connection broke after the request began to leave.
    Broken,
    /// An answer came that does not tell: no token, no error, cut, not JSON, too long.
    Unreadable,
    /// 408, 5xx: the server failed with the request in its hands.
    ServerError,
    /// 3xx: this address is not the API.
    Redirect,
    /// The process ended before the answer came.
    Interrupted,
}

/// `[result] link`: the tenant's own address, made from a row's session token. It knows `{{ token }}` (percent-encoded) and
/// `{{ row }}`, and nothing else, so that a link is never much longer than its template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LinkTemplate(String);

impl TryFrom<String> for LinkTemplate {
    type Error = String;

    /// Takes a template such as `https://onboard.example/start?session={{ token }}`; or says what is wrong, and advice.
    fn try_from(text: String) -> Result<Self, String> {
        let gaps = text.split("{{").skip(1).map(|gap| gap.split_once("}}"));
        let names: Vec<Option<&str>> = gaps.map(|gap| Some(gap?.0.trim())).collect();
        let mut known = names.iter().flatten();
        let why = match known.find(|name| !matches!(**name, "token" | "row")) {
            _ if names.contains(&None) => "has a {{ that is not closed by }}".to_owned(),
            Some(other) => format!("uses {other:?}, which is not known here"),
            None if names.contains(&Some("token")) => return Ok(LinkTemplate(text)),
            None => "does not use {{ token }}, so every link would be the same".to_owned(),
        };
        Err(
            why + "\nwrite it like \"https://onboard.example/start?session={{ token }}\"; {{ row }} is known as well"
        )
    }
}

impl LinkTemplate {
    pub fn render(&self, token: &str, row: RowNumber) -> String {
        let mut pieces = self.0.split("{{");
        let mut link = pieces.next().unwrap_or_default().to_owned();
        for (name, text) in pieces.filter_map(|piece| piece.split_once("}}")) {
            match name.trim() {
                "token" => link.push_str(&percent_encoded(token)),
                _ => link.push_str(&row.to_string()),
            }
            link.push_str(text);
        }
        link
    }
}

/// RFC 3986: everything but the unreserved characters is escaped, so that a token fits in a path and in a query.
fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_its_token_escaped() {
        let template = "https://x.example/{{ row }}/{{ token }}#".to_owned();
        let link = LinkTemplate::try_from(template).unwrap();
        let rendered = link.render("a-1._~+/=&?#", RowNumber(7));
        assert_eq!(rendered, "https://x.example/7/a-1._~%2B%2F%3D%26%3F%23#");
    }
}
