//! What became of one request for one invitation.

use std::time::Duration;

use super::{Secret, Timestamp};

/// What one request came to. Which answer means what: the table in `vlens/answer.rs`.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Vlens answered with a session token.
    Created {
        /// The session token: whoever holds it can act as the customer.
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
    NotCreated(NotCreated),
    /// Created or not: nobody can tell.
    Uncertain {
        /// Why it cannot be told.
        why: Uncertainty,
        /// For people: what was observed, without personal data.
        message: String,
        /// True when the answer shows that this address is not the API (a redirect): the run must stop.
        stop: bool,
    },
}

impl Outcome {
    /// The stable word kept in the ledger's history.
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::Created { .. } => "created",
            Outcome::Rejected { .. } => "rejected",
            Outcome::Uncertain { .. } => "uncertain",
            Outcome::NotCreated(why) => why.as_str(),
        }
    }

    /// The vendor's code, or the word for why it cannot be told.
    pub fn code(&self) -> Option<String> {
        match self {
            Outcome::Created { .. } => None,
            Outcome::Rejected { code, .. } => Some(code.to_string()),
            Outcome::Uncertain { why, .. } => Some(why.as_str().to_owned()),
            Outcome::NotCreated(why) => Some(why.as_str().to_owned()),
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
            Outcome::NotCreated(why) => why.message(),
        }
    }
}

/// Why an invitation was certainly not created, when the fault is not the row's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCreated {
    /// The request never left: DNS, connection, TLS. Uses up an attempt.
    Unreachable {
        /// For people: what failed, without personal data.
        message: String,
    },
    /// 429. Uses up no attempt; pauses the whole run.
    Throttled {
        /// What the server asked for, if it did.
        retry_after: Option<RetryAfter>,
    },
    /// 503 with `Retry-After`. Uses up an attempt; pauses the whole run.
    Unavailable {
        /// What the server asked for.
        retry_after: RetryAfter,
    },
    /// 401, as HTTP status or `error_code`: the token is not accepted.
    Unauthorized {
        /// The vendor's message, if any.
        message: String,
    },
    /// Every request would be refused alike; the run must stop.
    Refused {
        /// Why.
        refusal: Refusal,
        /// For people: status and message.
        message: String,
    },
}

impl NotCreated {
    /// The stable word kept in the ledger.
    pub fn as_str(&self) -> &'static str {
        match self {
            NotCreated::Unreachable { .. } => "unreachable",
            NotCreated::Throttled { .. } => "throttled",
            NotCreated::Unavailable { .. } => "unavailable",
            NotCreated::Unauthorized { .. } => "unauthorized",
            NotCreated::Refused { .. } => "refused",
        }
    }

    /// What was observed, for people.
    pub fn message(&self) -> Option<String> {
        match self {
            NotCreated::Unreachable { message }
            | NotCreated::Unauthorized { message }
            | NotCreated::Refused { message, .. } => Some(message.clone()),
            NotCreated::Throttled { .. } => Some("too many requests (429)".to_owned()),
            NotCreated::Unavailable { .. } => {
                Some("the server asked to come back later (503)".to_owned())
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

/// Why an outcome cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Uncertainty {
    /// The stable word kept in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Uncertainty::Timeout => "timeout",
            Uncertainty::Broken => "broken",
            Uncertainty::Unreadable => "unreadable",
            Uncertainty::ServerError => "server_error",
            Uncertainty::Redirect => "redirect",
            Uncertainty::Interrupted => "interrupted",
        }
    }
}

/// `Retry-After` of RFC 9110, section 10.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Seconds from the answer on.
    After(Duration),
    /// A point in time, by the server's clock. With it the answer's own `Date`, when it had one, so that a client
    /// whose clock is wrong still waits the right time.
    At {
        /// When to come back.
        at: Timestamp,
        /// The answer's `Date` header.
        date: Option<Timestamp>,
    },
}
