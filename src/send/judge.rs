//! Judges one outcome against what the row has been through: its status now, and what follows. Pure, and a table.
//!
//! | outcome                | status                          | what follows                                            |
//! | ---------------------- | ------------------------------- | ------------------------------------------------------- |
//! | created, rejected      | `created`, `rejected`           | done                                                    |
//! | uncertain              | `uncertain`                     | done; a redirect stops the run                          |
//! | unreachable            | `pending`, at last `failed`     | again after back-off, until `max_attempts`              |
//! | throttled (429)        | `pending`, the tenth `failed`   | everybody pauses; no attempt is used up                 |
//! | unavailable (503)      | `pending`, at last `failed`     | everybody pauses; an attempt is used up                 |
//! | unauthorized (401)     | `pending`                       | once again with a fresh token; the second stops the run |
//! | refused (403, 404, 405)| `pending`                       | the run stops                                           |

use std::time::Duration;

use super::stop::StopReason;
use crate::model::{NotCreated, Outcome, Refusal, RetryAfter, Status, Timestamp};
use crate::send::limiter::{Backoff, Wait, wait_for};

/// What a row has been through in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct History {
    /// Attempts used up.
    pub(super) attempts: u32,
    /// 429 in a row.
    pub(super) throttled: u32,
    /// Whether its last answer was a 401.
    pub(super) unauthorized: bool,
}

/// What is the same for all rows of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) max_attempts: u32,
    pub(super) backoff: Backoff,
    /// Whether a fresh token can be had: not for `CreateAuthSession`, which has only the API key.
    pub(super) can_log_in: bool,
}

/// The circumstances that the table needs and must not look up by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    pub(super) now: Timestamp,
    /// Drawn evenly from 0 to 1.
    pub(super) chance: f64,
    /// 429 in a row over all rows, this one included.
    pub(super) refusals_in_a_row: u32,
}

/// What is to be recorded, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: Status,
    pub(super) next: Next,
    /// How long nobody may send.
    pub(super) pause: Option<Duration>,
}

/// What becomes of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// It has its status for this run.
    Done,
    /// It goes again after this wait.
    Again(Duration),
    /// It goes again with a fresh token.
    WithFreshToken,
    /// It keeps its status and the run stops.
    Stop(StopReason),
}

/// The tenth 429 in a row ends a row.
const MOST_THROTTLED: u32 = 10;

/// Judges `outcome` and brings `history` up to date.
pub(super) fn judge(
    outcome: &Outcome,
    history: &mut History,
    policy: Policy,
    circumstances: Circumstances,
) -> Verdict {
    let was_unauthorized = std::mem::take(&mut history.unauthorized);
    if !matches!(outcome, Outcome::NotCreated(NotCreated::Throttled { .. })) {
        history.throttled = 0;
    }
    match outcome {
        Outcome::Created { .. } => ended(Status::Created),
        Outcome::Rejected { .. } => ended(Status::Rejected),
        Outcome::Uncertain { stop: false, .. } => ended(Status::Uncertain),
        Outcome::Uncertain { message, .. } => Verdict {
            next: Next::Stop(StopReason::Refused(Refusal::NotTheApi, message.clone())),
            ..ended(Status::Uncertain)
        },
        Outcome::NotCreated(NotCreated::Unreachable { .. }) => {
            history.attempts += 1;
            let wait = policy.backoff.wait(history.attempts, circumstances.chance);
            again_or_failed(history.attempts < policy.max_attempts, wait, None)
        }
        Outcome::NotCreated(NotCreated::Throttled { retry_after }) => {
            history.throttled += 1;
            let backed_off = policy
                .backoff
                .wait(circumstances.refusals_in_a_row, circumstances.chance);
            let may_go_again = history.throttled < MOST_THROTTLED;
            after_pause(*retry_after, backed_off, may_go_again, circumstances)
        }
        Outcome::NotCreated(NotCreated::Unavailable { retry_after }) => {
            history.attempts += 1;
            let may_go_again = history.attempts < policy.max_attempts;
            after_pause(
                Some(*retry_after),
                Duration::ZERO,
                may_go_again,
                circumstances,
            )
        }
        Outcome::NotCreated(NotCreated::Unauthorized { message }) => {
            if was_unauthorized || !policy.can_log_in {
                return stopped(Refusal::Credentials, message);
            }
            history.unauthorized = true;
            Verdict {
                next: Next::WithFreshToken,
                ..ended(Status::Pending)
            }
        }
        Outcome::NotCreated(NotCreated::Refused { refusal, message }) => stopped(*refusal, message),
    }
}

fn ended(status: Status) -> Verdict {
    Verdict {
        status,
        next: Next::Done,
        pause: None,
    }
}

fn stopped(refusal: Refusal, message: &str) -> Verdict {
    Verdict {
        next: Next::Stop(StopReason::Refused(refusal, message.to_owned())),
        ..ended(Status::Pending)
    }
}

fn again_or_failed(may_go_again: bool, wait: Duration, pause: Option<Duration>) -> Verdict {
    let (status, next) = if may_go_again {
        (Status::Pending, Next::Again(wait))
    } else {
        (Status::Failed, Next::Done)
    };
    Verdict {
        status,
        next,
        pause,
    }
}

fn after_pause(
    asked: Option<RetryAfter>,
    otherwise: Duration,
    may_go_again: bool,
    circumstances: Circumstances,
) -> Verdict {
    match asked.map_or(Wait::For(otherwise), |asked| {
        wait_for(asked, circumstances.now)
    }) {
        Wait::For(wait) => again_or_failed(may_go_again, wait, Some(wait)),
        // Nobody waits that long; this row has failed, and if all do, the breaker ends the run.
        Wait::TooLong(_) => ended(Status::Failed),
    }
}

#[cfg(test)]
mod tests;
