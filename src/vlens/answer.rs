//! Which answer to an invitation means what: one pure function and one table, nothing else.
//!
//! When in doubt the answer is [`Outcome::Uncertain`]: a row held back costs a look, a customer invited twice cannot be
//! undone.

use super::envelope::{Code, Envelope};
use super::retry_after::read_retry_after;
use crate::model::{NotCreated, Outcome, Refusal, Secret, Uncertainty};

/// An answer as it came, before anything is made of it.
#[derive(Debug, Clone, Copy)]
pub struct RawAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
    /// The `Date` header.
    pub date: Option<&'a str>,
    /// The body, as far as it was read.
    pub body: Body<'a>,
}

/// An answer's body.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Longer than this tool reads.
    TooLong,
    /// The connection broke or the time ran out before its end, or its compression is damaged.
    Cut,
}

/// Reads one answer to `CreateInvitation` or `CreateAuthSession`.
pub fn read_answer(answer: &RawAnswer<'_>) -> Outcome {
    let status = answer.status;
    match status {
        200..=299 => read_success(answer),
        300..=399 => Outcome::Uncertain {
            why: Uncertainty::Redirect,
            message: format!("HTTP {status}: the address sends elsewhere, so it is not the API"),
            stop: true,
        },
        401 => Outcome::NotCreated(NotCreated::Unauthorized {
            message: said(answer),
        }),
        403 => refused(Refusal::Rights, answer),
        404 | 405 => refused(Refusal::NotTheApi, answer),
        408 => uncertain(Uncertainty::ServerError, said(answer)),
        429 => Outcome::NotCreated(NotCreated::Throttled {
            retry_after: read_retry_after(answer.retry_after, answer.date),
        }),
        400..=499 => {
            let envelope = parse(answer.body).unwrap_or_default();
            rejected(envelope, status)
        }
        500..=599 => read_server_error(answer),
        _ => uncertain(
            Uncertainty::Unreadable,
            format!("HTTP {status}, which no server answers with"),
        ),
    }
}

/// Status and message of an answer, for people.
pub(super) fn said(answer: &RawAnswer<'_>) -> String {
    let message = parse(answer.body).map_or(String::new(), |envelope| envelope.message);
    if message.is_empty() {
        format!("HTTP {}", answer.status)
    } else {
        format!("HTTP {}: {message}", answer.status)
    }
}

/// Why a body that should hold an envelope holds none, for people.
pub(super) fn unreadable(body: Body<'_>) -> &'static str {
    match body {
        Body::TooLong => "the answer was longer than this tool reads",
        Body::Cut => "the answer was cut short",
        Body::Whole(bytes) if bytes.trim_ascii().is_empty() => "the answer was empty",
        Body::Whole(_) => "the answer was not the JSON that was expected",
    }
}

pub(super) fn parse(body: Body<'_>) -> Option<Envelope> {
    match body {
        Body::Whole(bytes) => Envelope::parse(bytes),
        Body::TooLong | Body::Cut => None,
    }
}

fn read_success(answer: &RawAnswer<'_>) -> Outcome {
    let status = answer.status;
    let Some(envelope) = parse(answer.body) else {
        let reason = unreadable(answer.body);
        return uncertain(
            Uncertainty::Unreadable,
            format!("HTTP {status}, but {reason}"),
        );
    };
    if envelope.is_error() {
        return rejected(envelope, status);
    }
    let token = envelope.data.as_str().map(str::trim).unwrap_or_default();
    if token.is_empty() || envelope.code == Code::Odd {
        let mut message = format!("HTTP {status}, but with neither a session token nor an error");
        if !envelope.message.is_empty() {
            message = format!("{message}: {}", envelope.message);
        }
        return uncertain(Uncertainty::Unreadable, message);
    }
    Outcome::Created {
        token: Secret::new(token),
    }
}

fn read_server_error(answer: &RawAnswer<'_>) -> Outcome {
    if answer.status == 503
        && let Some(retry_after) = read_retry_after(answer.retry_after, answer.date)
    {
        return Outcome::NotCreated(NotCreated::Unavailable { retry_after });
    }
    uncertain(Uncertainty::ServerError, said(answer))
}

fn rejected(envelope: Envelope, status: u16) -> Outcome {
    let code = match envelope.code {
        Code::Number(code) => code,
        Code::None | Code::Word(_) | Code::Odd => i64::from(status),
    };
    let message = if envelope.message.is_empty() {
        format!("no reason given (HTTP {status})")
    } else {
        envelope.message
    };
    if code == 401 {
        return Outcome::NotCreated(NotCreated::Unauthorized { message });
    }
    Outcome::Rejected {
        code,
        message,
        details: envelope.details,
    }
}

fn refused(refusal: Refusal, answer: &RawAnswer<'_>) -> Outcome {
    Outcome::NotCreated(NotCreated::Refused {
        refusal,
        message: said(answer),
    })
}

fn uncertain(why: Uncertainty, message: String) -> Outcome {
    Outcome::Uncertain {
        why,
        message,
        stop: false,
    }
}

#[cfg(test)]
mod tests;
