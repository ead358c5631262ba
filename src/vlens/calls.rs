//! Reads the answers of all calls but invitations: a login, and what only reads.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::Value;

use super::answer::{RawAnswer, read_answer};
use super::transport::Reply;
use super::vendor_text::plain;
use crate::model::{ContractTypeId, NotCreated, Outcome, Refusal, RetryAfter, Secret, Timestamp};

/// Why a call gave nothing. The message is for people and holds no secret and no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    pub kind: CallErrorKind,
    pub message: String,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// A login: wrong credentials, a lock-out, a second factor. Never to be tried again in a loop.
    CredentialsRefused,
    /// 401 or 403, as HTTP status or `error_code`: this account is not let in here.
    NotLetIn,
    /// Another 4xx, or another `error_code`.
    Refused,
    /// 404, 405 or a redirect: this address is not the API, or it has no such call.
    NotTheApi,
    /// DNS, connection, TLS.
    Unreachable,
    /// 429, or 503 with `Retry-After`.
    Busy(Option<RetryAfter>),
    /// 5xx, a timeout, a broken connection, an answer that cannot be read.
    ServerError,
}

impl CallError {
    pub(super) fn new(kind: CallErrorKind, message: impl Into<String>) -> Self {
        CallError {
            kind,
            message: message.into(),
        }
    }
}

impl CallErrorKind {
    /// Whether the same call may succeed later.
    pub fn may_pass(self) -> bool {
        use CallErrorKind::{Busy, ServerError, Unreachable};
        matches!(self, Unreachable | Busy(_) | ServerError)
    }
}

/// By the same table as an invitation's answer: what an invitation is rejected for, a call is refused for.
impl From<Outcome> for CallError {
    fn from(outcome: Outcome) -> Self {
        let mut message = outcome.message().unwrap_or_default();
        let kind = match outcome {
            Outcome::Rejected { code, .. } => {
                message = format!("{message} (error_code {code})");
                match code {
                    401 | 403 => CallErrorKind::NotLetIn,
                    _ => CallErrorKind::Refused,
                }
            }
            Outcome::NotCreated(reason) => match reason {
                NotCreated::Unreachable { .. } | NotCreated::Unprocessed { .. } => {
                    CallErrorKind::Unreachable
                }
                NotCreated::Throttled { retry_after } => CallErrorKind::Busy(retry_after),
                NotCreated::Unavailable { retry_after } => CallErrorKind::Busy(Some(retry_after)),
                NotCreated::Refused {
                    refusal: Refusal::NotTheApi,
                    ..
                } => CallErrorKind::NotTheApi,
                NotCreated::Unauthorized { .. } | NotCreated::Refused { .. } => {
                    CallErrorKind::NotLetIn
                }
            },
            Outcome::Uncertain { stop: true, .. } => CallErrorKind::NotTheApi,
            Outcome::Uncertain { .. } | Outcome::Created { .. } => CallErrorKind::ServerError,
        };
        CallError { kind, message }
    }
}

/// The data in an answer, or what the answer says instead.
pub(super) fn data_of(reply: Reply) -> Result<(RawAnswer, Value), CallError> {
    let answer = reply?;
    match answer.data() {
        Some(data) => Ok((answer, data)),
        None => Err(read_answer(&answer).into()),
    }
}

/// One contract type of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractTypeEntry {
    pub id: ContractTypeId,
    /// Empty when the answer gave none.
    pub name: String,
}

/// The contract types in the data of `GetAllRequestTypes`.
pub(super) fn read_contract_types(data: &Value) -> Result<Vec<ContractTypeEntry>, CallError> {
    let entries = data.as_array().ok_or_else(|| {
        let message = "the answer holds no list of contract types";
        CallError::new(CallErrorKind::ServerError, message)
    })?;
    let entry = |value: &Value| {
        Some(ContractTypeEntry {
            id: ContractTypeId(as_integer(&value["id"])?),
            name: plain(value["name"].as_str().unwrap_or_default()),
        })
    };
    // An entry without a number cannot be asked for, so it is of no use to anyone.
    Ok(entries.iter().filter_map(entry).collect())
}

/// An integer, also when written as a string.
pub(super) fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_i64(),
    }
}

/// An admin's access token, as the header that carries it; its `Debug` does not show it.
pub type AccessToken = HeaderValue;

/// What a login or a refresh gives.
#[derive(Debug, Clone)]
pub struct AdminToken {
    pub access: AccessToken,
    /// Good for one more access token.
    pub refresh: Option<Secret>,
    /// How long the access token lives, from now on.
    pub expires_in: Duration,
    /// What the server's clock showed, when the answer told.
    pub server_date: Option<Timestamp>,
}

/// Assumed when the answer does not say how long the token lives: short enough to do no harm, and a 401 tells sooner.
const EXPIRES_IN_UNSAID: Duration = Duration::from_hours(1);

/// Reads what a login or a refresh came to. `held` is the refresh token that was used, which stays good when the answer
/// names no other.
pub(super) fn read_token(reply: Reply, held: Option<&Secret>) -> Result<AdminToken, CallError> {
    let (answer, data) = data_of(reply).map_err(as_login)?;
    let server_date = answer.server_date();
    token_in(&data, held).map(|token| AdminToken {
        server_date,
        ..token
    })
}

fn as_login(error: CallError) -> CallError {
    let kind = match error.kind {
        CallErrorKind::NotLetIn | CallErrorKind::Refused => CallErrorKind::CredentialsRefused,
        kind => kind,
    };
    CallError { kind, ..error }
}

fn token_in(data: &Value, held: Option<&Secret>) -> Result<AdminToken, CallError> {
    let secret = |name: &str| {
        let text = data[name].as_str()?.trim();
        (!text.is_empty()).then(|| Secret::new(text))
    };
    let access = secret("accessToken").ok_or_else(|| {
        let message = "Vlens took the credentials but gave no access token: the account may need a second factor or a \
                       new password, or be locked";
        CallError::new(CallErrorKind::CredentialsRefused, message)
    })?;
    let access = secret_header("Bearer ", access.expose()).ok_or_else(|| {
        let message = "the access token in the answer is damaged";
        CallError::new(CallErrorKind::ServerError, message)
    })?;
    let seconds = as_integer(&data["expireInSeconds"]).and_then(|s| u32::try_from(s).ok());
    Ok(AdminToken {
        access,
        refresh: secret("newRefreshToken")
            .or_else(|| secret("refreshToken"))
            .or_else(|| held.cloned()),
        expires_in: seconds
            .filter(|&seconds| seconds > 0)
            .map_or(EXPIRES_IN_UNSAID, |seconds| {
                Duration::from_secs(seconds.into())
            }),
        server_date: None,
    })
}

/// A secret as a header that no log shows. Only visible ASCII without spaces: an invisible character that was pasted along would
/// make every request fail.
pub(super) fn secret_header(prefix: &str, secret: &str) -> Option<HeaderValue> {
    let is_one_word = !secret.is_empty() && secret.chars().all(|c| c.is_ascii_graphic());
    let mut header = HeaderValue::from_str(&format!("{prefix}{secret}")).ok()?;
    header.set_sensitive(true);
    is_one_word.then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlens::Body;
    use serde_json::json;

    fn read(status: u16, retry_after: Option<&str>, body: &str) -> Result<Value, CallError> {
        let answer = RawAnswer {
            status,
            retry_after: retry_after.map(str::to_owned),
            date: None,
            body: Body::Whole(body.into()),
        };
        data_of(Ok(answer)).map(|(_, data)| data)
    }

    #[test]
    fn data_is_found_in_every_form() {
        for body in [
            r#"{"data":[1],"error_code":null}"#,
            r#"{"result":[1],"success":true}"#,
            "[1]",
        ] {
            assert_eq!(read(200, None, body), Ok(json!([1])), "{body}");
        }
    }

    #[test]
    fn every_other_answer_has_its_kind() {
        use CallErrorKind::{Busy, NotLetIn, NotTheApi, Refused, ServerError};
        let asked = RetryAfter::After(Duration::from_secs(5));
        for (status, retry_after, body, expected) in [
            (200, None, r#"{"error_code":7}"#, Refused),
            (200, None, r#"{"success":false}"#, Refused),
            (200, None, r#"{"error_code":401}"#, NotLetIn),
            (400, None, r#"{"error_code":403}"#, NotLetIn),
            (200, None, "<html>", ServerError),
            (302, None, "", NotTheApi),
            (400, None, "", Refused),
            (401, None, "", NotLetIn),
            (403, None, "", NotLetIn),
            (404, None, "", NotTheApi),
            (405, None, "[1]", NotTheApi),
            (429, None, "", Busy(None)),
            (500, None, "", ServerError),
            (503, None, "", ServerError),
            (503, Some("5"), "", Busy(Some(asked))),
        ] {
            let error = read(status, retry_after, body).expect_err(body);
            assert_eq!(error.kind, expected, "HTTP {status} {body}");
        }
    }

    #[test]
    fn contract_types_are_listed() {
        let data = json!([
            {"id": 414, "name": "Personal loan", "type": 1, "typeName": "x"},
            {"id": "415", "name": "قرض\u{202e}"},
            {"id": 416},
            {"name": "no number"}
        ]);
        let types = read_contract_types(&data).expect("a list");
        let shown: Vec<_> = types.iter().map(|t| (t.id.0, t.name.as_str())).collect();
        assert_eq!(shown, [(414, "Personal loan"), (415, "قرض"), (416, "")]);
        assert!(read_contract_types(&json!({"items": []})).is_err());
    }

    #[test]
    fn the_next_refresh_token_is_the_newest_that_is_known() {
        for (new, old, expected) in [
            (json!("new"), json!("old"), "new"),
            (json!(""), json!("old"), "old"),
            (json!(null), json!("old"), "old"),
            (json!(null), json!(" "), "held"),
        ] {
            let data =
                json!({"accessToken": "access", "newRefreshToken": new, "refreshToken": old});
            let held = Secret::new("held");
            let token = token_in(&data, Some(&held)).expect("a token");
            assert_eq!(token.access, "Bearer access");
            assert_eq!(token.refresh.expect("one").expose(), expected, "{data}");
        }
        let first = token_in(&json!({"accessToken": "access"}), None).expect("a token");
        assert!(first.refresh.is_none());
    }

    #[test]
    fn a_login_without_a_usable_token_is_none() {
        use CallErrorKind::{CredentialsRefused, ServerError};
        for (data, expected) in [
            (json!(null), CredentialsRefused),
            (json!({"accessToken": null}), CredentialsRefused),
            (json!({"accessToken": " "}), CredentialsRefused),
            (json!({"accessToken": 5}), CredentialsRefused),
            (json!("token"), CredentialsRefused),
            (json!({"accessToken": "a\nb"}), ServerError),
            (json!({"accessToken": "رمز"}), ServerError),
        ] {
            let error = token_in(&data, None).expect_err("no token");
            assert_eq!(error.kind, expected, "{data}");
        }
    }

    #[test]
    fn the_life_of_a_token_is_never_nothing() {
        for (value, seconds) in [
            (json!(86400), 86400),
            (json!("86400"), 86400),
            (json!(null), 3600),
            (json!(0), 3600),
            (json!(-5), 3600),
            (json!(1.0e30), 3600),
        ] {
            let data = json!({"accessToken": "access", "expireInSeconds": value});
            let token = token_in(&data, None).expect("a token");
            assert_eq!(token.expires_in.as_secs(), seconds, "{value}");
        }
    }
}
