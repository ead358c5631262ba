//! What became of one request for one invitation.

use std::time::Duration;

use strum::{Display, IntoStaticStr};

use super::run::Timestamp;
use super::secret::Secret;

/// What one request came to. Which answer means what: the table in `vlens/answer.rs`. Its word is kept in the ledger's history.
#[derive(Debug, Clone, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    Created {
        /// Whoever holds this session token can act as the customer.
        token: Secret,
    },
    /// Vlens answered that it will not create this invitation.
    Rejected {
        /// The vendor's `error_code`, else the HTTP status.
        code: i64,
        /// The vendor's `error_message`, values masked.
        message: String,
        /// The vendor's `error_descriptions` as compact JSON, values masked.
        details: Option<String>,
    },
    /// Certainly not created; what follows depends on why.
    #[strum(transparent)]
    NotCreated(NotCreated),
    /// Created or not: nobody can tell.
    Uncertain {
        why: Uncertainty,
        /// For people: what was observed, without personal data.
        message: String,
        /// True when the answer shows that this address is not the API (a redirect): the run must stop.
        stop: bool,
    },
}

impl Outcome {
    /// The vendor's code, or the word for why it cannot be told.
    pub fn code(&self) -> Option<String> {
        match self {
            Outcome::Created { .. } => None,
            Outcome::Rejected { code, .. } => Some(code.to_string()),
            Outcome::Uncertain { why, .. } => Some(why.to_string()),
            Outcome::NotCreated(why) => Some(why.to_string()),
        }
    }

    /// What was observed, for people; values masked.
    pub fn message(&self) -> Option<String> {
        match self {
            Outcome::Created { .. } => None,
            Outcome::Rejected {
                message,
                details: None,
                ..
            }
            | Outcome::Uncertain { message, .. } => Some(message.clone()),
            Outcome::Rejected {
                message,
                details: Some(details),
                ..
            } => Some(format!("{message} {details}")),
            Outcome::NotCreated(why) => Some(why.message()),
        }
    }
}

/// Why an invitation was certainly not created, when the fault is not the row's.
#[derive(Debug, Clone, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NotCreated {
    /// No connection was made: DNS, connection, TLS. Uses up an attempt.
    Unreachable { message: String },
    /// A connection was made, and the request did not begin to leave, or the server said that it processed nothing of it
    /// (HTTP/2, RFC 9113, section 8.7). Uses up an attempt.
    Unprocessed { message: String },
    /// 429. Uses up no attempt; pauses the whole run.
    Throttled { retry_after: Option<RetryAfter> },
    /// 503 with `Retry-After`. Uses up an attempt; pauses the whole run.
    Unavailable { retry_after: RetryAfter },
    /// 401, as HTTP status or `error_code`: the token is not accepted.
    Unauthorized { message: String },
    /// Every request would be refused alike; the run must stop.
    Refused { refusal: Refusal, message: String },
}

impl NotCreated {
    /// What was observed, for people, without personal data.
    pub fn message(&self) -> String {
        match self {
            NotCreated::Unreachable { message }
            | NotCreated::Unprocessed { message }
            | NotCreated::Unauthorized { message }
            | NotCreated::Refused { message, .. } => message.clone(),
            NotCreated::Throttled { .. } => "too many requests (429)".to_owned(),
            NotCreated::Unavailable { .. } => {
                "the server asked to come back later (503)".to_owned()
            }
        }
    }
}

/// Why every request would be refused alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 401 after a fresh login, or a refused login.
    Credentials,
    /// 403.
    Rights,
    /// 404, 405 or a redirect: this address is not the API.
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
    /// 3xx.
    Redirect,
    /// The process ended before the answer came.
    Interrupted,
}

/// `Retry-After` of RFC 9110, section 10.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// From the answer on.
    After(Duration),
    /// A point in time by the server's clock; with the answer's own `Date`, when it had one, a client whose clock is wrong
    /// still waits the right time.
    At {
        at: Timestamp,
        date: Option<Timestamp>,
    },
}
