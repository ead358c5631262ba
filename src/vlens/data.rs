//! Reads the answers of the calls that only read, and the data in the answers to a login.

use serde_json::Value;

use super::answer::{Body, RawAnswer, parse, said, unreadable};
use super::client::ContractTypeEntry;
use super::envelope::{Code, Envelope};
use super::exchange::{Received, ReceivedBody, Reply};
use super::retry_after::read_retry_after;
use super::vendor_text::plain;
use crate::model::{ContractTypeId, RetryAfter};

/// Why a call that reads gave nothing. Every message is for people and holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// 401, as HTTP status or `error_code`: the token is not accepted.
    Unauthorized {
        /// What was answered.
        message: String,
    },
    /// 403: the token is not let in here.
    Forbidden {
        /// What was answered.
        message: String,
    },
    /// Another error of the API: another 4xx, or an `error_code`.
    Refused {
        /// What was answered.
        message: String,
    },
    /// 404, 405 or a redirect: this address is not the API, or it has no such call.
    NotTheApi {
        /// What was answered.
        message: String,
    },
    /// DNS, connection, TLS.
    Unreachable {
        /// What failed.
        message: String,
    },
    /// 429, or 503 with `Retry-After`.
    Busy {
        /// What the server asked for, if it did.
        retry_after: Option<RetryAfter>,
        /// What was answered.
        message: String,
    },
    /// 5xx, a timeout, a broken connection, an answer that cannot be read.
    ServerError {
        /// What was observed.
        message: String,
    },
}

impl ReadError {
    /// What happened, for people.
    pub fn message(&self) -> &str {
        match self {
            ReadError::Unauthorized { message }
            | ReadError::Forbidden { message }
            | ReadError::Refused { message }
            | ReadError::NotTheApi { message }
            | ReadError::Unreachable { message }
            | ReadError::Busy { message, .. }
            | ReadError::ServerError { message } => message,
        }
    }
}

/// The whole answer as text, and the data in it.
pub(super) fn read_data(reply: &Reply) -> Result<(String, Value), ReadError> {
    let received = answered(reply)?;
    let data = data_of(&received.raw())?;
    match &received.body {
        ReceivedBody::Whole(bytes) => Ok((String::from_utf8_lossy(bytes).into_owned(), data)),
        ReceivedBody::TooLong | ReceivedBody::Cut => Err(ReadError::ServerError {
            message: unreadable(received.raw().body).to_owned(),
        }),
    }
}

/// The answer, if one came.
pub(super) fn answered(reply: &Reply) -> Result<&Received, ReadError> {
    match reply {
        Reply::Answered(received) => Ok(received),
        Reply::NeverLeft(message) => Err(ReadError::Unreachable {
            message: message.clone(),
        }),
        Reply::TimedOut(message) | Reply::Broken(message) => Err(ReadError::ServerError {
            message: message.clone(),
        }),
    }
}

/// The data in an answer, or what the answer says instead.
pub(super) fn data_of(answer: &RawAnswer<'_>) -> Result<Value, ReadError> {
    let message = said(answer);
    let retry_after = read_retry_after(answer.retry_after, answer.date);
    match answer.status {
        200..=299 => data_of_success(answer),
        300..=399 | 404 | 405 => Err(ReadError::NotTheApi { message }),
        401 => Err(ReadError::Unauthorized { message }),
        403 => Err(ReadError::Forbidden { message }),
        408 => Err(ReadError::ServerError { message }),
        429 => Err(ReadError::Busy {
            retry_after,
            message,
        }),
        400..=499 => Err(told(answer, message)),
        503 if retry_after.is_some() => Err(ReadError::Busy {
            retry_after,
            message,
        }),
        _ => Err(ReadError::ServerError { message }),
    }
}

/// The contract types in the data of `GetAllRequestTypes`.
pub(super) fn read_contract_types(data: &Value) -> Result<Vec<ContractTypeEntry>, ReadError> {
    let entries = data.as_array().ok_or_else(|| ReadError::ServerError {
        message: "the answer holds no list of contract types".to_owned(),
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

fn data_of_success(answer: &RawAnswer<'_>) -> Result<Value, ReadError> {
    if let Some(envelope) = parse(answer.body) {
        if envelope.is_error() {
            let message = said(answer);
            return Err(by_code(&envelope, message));
        }
        return Ok(envelope.into_data());
    }
    // The data may stand bare.
    if let Body::Whole(bytes) = answer.body
        && let Ok(list @ Value::Array(_)) = serde_json::from_slice(bytes)
    {
        return Ok(list);
    }
    let (status, reason) = (answer.status, unreadable(answer.body));
    Err(ReadError::ServerError {
        message: format!("HTTP {status}, but {reason}"),
    })
}

fn told(answer: &RawAnswer<'_>, message: String) -> ReadError {
    by_code(&parse(answer.body).unwrap_or_default(), message)
}

fn by_code(envelope: &Envelope, message: String) -> ReadError {
    let message = match envelope.code {
        Code::Number(code) => format!("{message} (error_code {code})"),
        Code::None | Code::Word(_) | Code::Odd => message,
    };
    match envelope.code {
        Code::Number(401) => ReadError::Unauthorized { message },
        Code::Number(403) => ReadError::Forbidden { message },
        _ => ReadError::Refused { message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(status: u16, retry_after: Option<&str>, body: &str) -> Result<Value, ReadError> {
        data_of(&RawAnswer {
            status,
            retry_after,
            date: None,
            body: Body::Whole(body.as_bytes()),
        })
    }

    #[test]
    fn data_is_found_in_every_form() {
        for body in [
            r#"{"data":[1],"error_code":null}"#,
            r#"{"data":[1],"error_code":0,"error_message":null}"#,
            r#"{"result":[1],"success":true}"#,
            "[1]",
        ] {
            assert_eq!(read(200, None, body), Ok(json!([1])), "{body}");
        }
    }

    #[test]
    fn every_other_answer_has_its_kind() {
        let word = |error: ReadError| match error {
            ReadError::Unauthorized { .. } => "unauthorized",
            ReadError::Forbidden { .. } => "forbidden",
            ReadError::Refused { .. } => "refused",
            ReadError::NotTheApi { .. } => "not the api",
            ReadError::Unreachable { .. } => "unreachable",
            ReadError::Busy { .. } => "busy",
            ReadError::ServerError { .. } => "server error",
        };
        for (status, retry_after, body, expected) in [
            (200, None, r#"{"error_code":7}"#, "refused"),
            (200, None, r#"{"success":false}"#, "refused"),
            (200, None, r#"{"error_code":401}"#, "unauthorized"),
            (200, None, r#"{"error_code":403}"#, "forbidden"),
            (200, None, "<html>", "server error"),
            (200, None, "", "server error"),
            (302, None, "", "not the api"),
            (400, None, "", "refused"),
            (400, None, r#"{"error_code":401}"#, "unauthorized"),
            (401, None, "", "unauthorized"),
            (403, None, "", "forbidden"),
            (404, None, "", "not the api"),
            (405, None, "", "not the api"),
            (408, None, "", "server error"),
            (422, None, "", "refused"),
            (429, None, "", "busy"),
            (500, None, "", "server error"),
            (503, None, "", "server error"),
            (503, Some("5"), "", "busy"),
        ] {
            let error = read(status, retry_after, body).expect_err(body);
            assert_eq!(word(error), expected, "HTTP {status} {body}");
        }
    }

    #[test]
    fn contract_types_are_listed() {
        let data = json!([
            {"id": 414, "name": "Personal loan", "type": 1, "typeName": "x"},
            {"id": "415", "name": "قرض\u{1b}[1m"},
            {"id": 416},
            {"name": "no number"}
        ]);
        let types = read_contract_types(&data).expect("a list");
        let shown: Vec<_> = types.iter().map(|t| (t.id.0, t.name.as_str())).collect();
        assert_eq!(shown, [(414, "Personal loan"), (415, "قرض"), (416, "")]);
        assert!(read_contract_types(&json!({"items": []})).is_err());
    }
}
