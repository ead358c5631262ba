//! What is decided about a row, as pure functions and tables: whether it is sent at all (`plan`), and what follows from the
//! outcome of its request (`decide`).
//!
//! | the row is …          | no standing | pending | failed | rejected | uncertain | created |
//! | --------------------- | ----------- | ------- | ------ | -------- | --------- | ------- |
//! | new                   | send        |         |        |          |           |         |
//! | there, same content   |             | send    | send   | hold ¹   | hold ²    | skip    |
//! | there, other content  |             | send    | send   | send     | hold ²    | skip ³  |
//! | gone from the file    | nothing: only rows that are there are planned                  |
//!
//! ¹ send with `--retry-rejected` · ² send with `--resend-uncertain` or `on_uncertain = "resend"` · ³ send with
//! `--resend-changed`. Only ² and ³ can make a second invitation, and each takes a person's word.
//!
//! | outcome                | status                          | what follows                                            |
//! | ---------------------- | ------------------------------- | ------------------------------------------------------- |
//! | created, rejected      | `created`, `rejected`           | done                                                    |
//! | uncertain              | `uncertain`                     | done; a redirect stops the run                          |
//! | unreachable, unprocessed | `pending`, at last `failed`   | again after back-off, until `max_attempts`              |
//! | throttled (429)        | `pending`, the tenth `failed`   | everybody pauses; no attempt is used up                 |
//! | unavailable (503)      | `pending`, at last `failed`     | everybody pauses; an attempt is used up                 |
//! | unauthorized (401)     | `pending`                       | once again with a fresh token; the second stops the run |
//! | refused (403, 404, 405)| `pending`                       | the run stops                                           |

use std::time::Duration;

use super::stop::StopReason;
use crate::model::{Failure, Outcome, Plan, Refusal, RetryAfter, Standing, Status, Timestamp, Why};

/// What a person asked for beyond the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// `--resend-uncertain`, or `on_uncertain = "resend"`.
    pub resend_uncertain: bool,
    /// `--retry-rejected`.
    pub retry_rejected: bool,
    /// `--resend-changed`.
    pub resend_changed: bool,
}

/// What becomes of a row whose invitation stands so in the ledger (`None`: it is not there yet).
pub fn plan(standing: Option<Standing>, wishes: Wishes) -> Plan {
    let Some(Standing {
        status,
        same_content,
    }) = standing
    else {
        return Plan::Send;
    };
    match status {
        Status::Pending | Status::Failed => Plan::Send,
        Status::Rejected if !same_content || wishes.retry_rejected => Plan::Send,
        Status::Uncertain if wishes.resend_uncertain => Plan::Send,
        Status::Created if !same_content && wishes.resend_changed => Plan::Send,
        Status::Created => Plan::Skip,
        // Invalid and duplicate are a row's own; no invitation has them. Holding can do no harm.
        Status::Rejected | Status::Uncertain | Status::Invalid | Status::Duplicate => Plan::Hold,
    }
}

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
pub(super) struct RetryPolicy {
    pub(super) max_attempts: u32,
    /// Whether a fresh token can be had: not for `CreateAuthSession`, which has only the API key.
    pub(super) can_log_in: bool,
}

/// What is looked up for a decision, so that the decision itself looks up nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    pub(super) now: Timestamp,
    /// Drawn evenly from 0 to 1.
    pub(super) chance: f64,
    /// 429 in a row over all rows, this one included.
    pub(super) throttled_in_a_row: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    /// To be recorded; `Pending` leaves the row due.
    pub(super) status: Status,
    pub(super) next: Next,
    /// How long nobody may send.
    pub(super) pause: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// The row has its status for this run.
    Done,
    /// It goes again after this wait.
    Again(Duration),
    /// It goes again with a fresh token.
    WithFreshToken,
    /// It keeps its status and the run stops.
    Stop(StopReason),
}

/// The tenth 429 in a row ends a row.
const MAX_THROTTLED: u32 = 10;
/// The longest wait that a run sits out when Vlens asks for it.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// Decides by `outcome`, and brings `history` up to date.
pub(super) fn decide(
    outcome: &Outcome,
    history: &mut History,
    policy: RetryPolicy,
    circumstances: Circumstances,
) -> Decision {
    let was_unauthorized = std::mem::take(&mut history.unauthorized);
    let Err(Failure { why, message }) = outcome else {
        return ended(Status::Created);
    };
    if !matches!(why, Why::Throttled(_)) {
        history.throttled = 0;
    }
    let chance = circumstances.chance;
    match *why {
        Why::Rejected(_) => ended(Status::Rejected),
        Why::Uncertain(_) if why.is_not_the_api() => {
            stopped(Status::Uncertain, Refusal::NotTheApi, message)
        }
        Why::Uncertain(_) => ended(Status::Uncertain),
        Why::Unreachable | Why::Unprocessed => {
            history.attempts += 1;
            let wait = backoff(history.attempts, chance);
            again_or_failed(history.attempts < policy.max_attempts, wait, None)
        }
        Why::Throttled(asked) => {
            history.throttled += 1;
            let wait = match asked {
                Some(asked) => wait_asked_for(asked, circumstances.now),
                None => Some(backoff(circumstances.throttled_in_a_row, chance)),
            };
            after_pause(history.throttled < MAX_THROTTLED, wait)
        }
        Why::Unavailable(asked) => {
            history.attempts += 1;
            let wait = wait_asked_for(asked, circumstances.now);
            after_pause(history.attempts < policy.max_attempts, wait)
        }
        Why::Unauthorized if !was_unauthorized && policy.can_log_in => {
            history.unauthorized = true;
            Decision {
                next: Next::WithFreshToken,
                ..ended(Status::Pending)
            }
        }
        Why::Unauthorized => stopped(Status::Pending, Refusal::Credentials, message),
        Why::Refused(refusal) => stopped(Status::Pending, refusal, message),
    }
}

fn ended(status: Status) -> Decision {
    Decision {
        status,
        next: Next::Done,
        pause: None,
    }
}

fn stopped(status: Status, refusal: Refusal, message: &str) -> Decision {
    Decision {
        next: Next::Stop(StopReason::Refused(refusal, message.to_owned())),
        ..ended(status)
    }
}

fn again_or_failed(may_go_again: bool, wait: Duration, pause: Option<Duration>) -> Decision {
    let (status, next) = if may_go_again {
        (Status::Pending, Next::Again(wait))
    } else {
        (Status::Failed, Next::Done)
    };
    Decision {
        status,
        next,
        pause,
    }
}

fn after_pause(may_go_again: bool, wait: Option<Duration>) -> Decision {
    match wait {
        Some(wait) => again_or_failed(may_go_again, wait, Some(wait)),
        // Nobody waits that long; this row has failed, and if all do, the run stops for it.
        None => ended(Status::Failed),
    }
}

/// The wait before the attempt after the `attempt`-th (counted from 1), with `chance` drawn evenly from 0 to 1: drawn between
/// nothing and a ceiling that doubles from one second to a minute ("full jitter"), so that those who failed together do not
/// come back together.
pub(super) fn backoff(attempt: u32, chance: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(6);
    let ceiling = Duration::from_secs(1 << doublings).min(Duration::from_mins(1));
    ceiling.mul_f64(chance.clamp(0.0, 1.0))
}

/// The wait that `Retry-After` (RFC 9110, section 10.2.3) asks for at the wall-clock time `now`; none when it is longer than
/// anybody waits. A date is measured against the answer's own `Date` where it has one, so that a wrong clock on our side does
/// not shift it.
pub(super) fn wait_asked_for(asked: RetryAfter, now: Timestamp) -> Option<Duration> {
    let wait = match asked {
        RetryAfter::After(wait) => wait,
        RetryAfter::At { at, date } => {
            let ms = at.ms_since(date.unwrap_or(now));
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        }
    };
    (wait <= MAX_WAIT).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Secret, Uncertainty};

    fn every_wish() -> impl Iterator<Item = Wishes> {
        (0..8).map(|bits| Wishes {
            resend_uncertain: bits & 1 != 0,
            retry_rejected: bits & 2 != 0,
            resend_changed: bits & 4 != 0,
        })
    }

    /// The module's table again, written independently as data: (status, same content, wish that turns it into send).
    #[test]
    fn every_combination_is_as_the_table_says() {
        type Wish = fn(Wishes) -> bool;
        let never: Wish = |_| false;
        let table: [(Status, bool, Plan, Wish); 10] = [
            (Status::Pending, true, Plan::Send, never),
            (Status::Pending, false, Plan::Send, never),
            (Status::Failed, true, Plan::Send, never),
            (Status::Failed, false, Plan::Send, never),
            (Status::Rejected, true, Plan::Hold, |w| w.retry_rejected),
            (Status::Rejected, false, Plan::Send, never),
            (Status::Uncertain, true, Plan::Hold, |w| w.resend_uncertain),
            (Status::Uncertain, false, Plan::Hold, |w| w.resend_uncertain),
            (Status::Created, true, Plan::Skip, never),
            (Status::Created, false, Plan::Skip, |w| w.resend_changed),
        ];
        for (status, same_content, usually, wish) in table {
            for wishes in every_wish() {
                let expected = if wish(wishes) { Plan::Send } else { usually };
                let standing = Some(Standing {
                    status,
                    same_content,
                });
                assert_eq!(plan(standing, wishes), expected, "{standing:?} {wishes:?}");
                assert_eq!(plan(None, wishes), Plan::Send);
            }
        }
    }

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 3,
        can_log_in: true,
    };

    fn decided(outcome: &Outcome, history: &mut History) -> Decision {
        let circumstances = Circumstances {
            now: Timestamp(0),
            chance: 1.0,
            throttled_in_a_row: 1,
        };
        decide(outcome, history, POLICY, circumstances)
    }

    fn failed(why: Why) -> Outcome {
        Err(Failure::new(why, "expired"))
    }

    fn after(seconds: u64) -> RetryAfter {
        RetryAfter::After(Duration::from_secs(seconds))
    }

    fn throttled(seconds: Option<u64>) -> Outcome {
        failed(Why::Throttled(seconds.map(after)))
    }

    fn unavailable(seconds: u64) -> Outcome {
        failed(Why::Unavailable(after(seconds)))
    }

    /// An uncertain row above all is never sent again, whatever is left of its attempts.
    #[test]
    fn final_answers_end_the_row() {
        let uncertain = |why| failed(Why::Uncertain(why));
        for (outcome, status) in [
            (Ok(Secret::new("t")), Status::Created),
            (failed(Why::Rejected(1)), Status::Rejected),
            (uncertain(Uncertainty::Timeout), Status::Uncertain),
            (uncertain(Uncertainty::Broken), Status::Uncertain),
            (uncertain(Uncertainty::Unreadable), Status::Uncertain),
            (uncertain(Uncertainty::ServerError), Status::Uncertain),
        ] {
            assert_eq!(decided(&outcome, &mut History::default()), ended(status));
        }
    }

    #[test]
    fn what_every_row_would_meet_stops_the_run() {
        for (why, status, expected) in [
            (
                Why::Uncertain(Uncertainty::Redirect),
                Status::Uncertain,
                Refusal::NotTheApi,
            ),
            (
                Why::Refused(Refusal::Rights),
                Status::Pending,
                Refusal::Rights,
            ),
            (
                Why::Refused(Refusal::NotTheApi),
                Status::Pending,
                Refusal::NotTheApi,
            ),
        ] {
            let decision = decided(&failed(why), &mut History::default());
            assert_eq!(decision.status, status);
            assert!(
                matches!(decision.next, Next::Stop(StopReason::Refused(why, _)) if why == expected)
            );
        }
    }

    #[test]
    fn an_unreachable_server_is_tried_until_the_attempts_are_used_up() {
        let mut history = History::default();
        for seconds in [1, 2] {
            let decision = decided(&failed(Why::Unreachable), &mut history);
            assert_eq!(decision.status, Status::Pending);
            assert_eq!(decision.next, Next::Again(Duration::from_secs(seconds)));
        }
        assert_eq!(
            decided(&failed(Why::Unreachable), &mut history),
            ended(Status::Failed)
        );
    }

    #[test]
    fn a_429_pauses_everybody_and_uses_up_no_attempt_but_the_tenth_fails() {
        let mut history = History::default();
        for _ in 0..9 {
            let decision = decided(&throttled(Some(7)), &mut history);
            assert_eq!(decision.status, Status::Pending);
            assert_eq!(decision.pause, Some(Duration::from_secs(7)));
        }
        assert_eq!(history.attempts, 0);
        let mut interrupted = history;
        let tenth = decided(&throttled(Some(7)), &mut history);
        assert_eq!((tenth.status, tenth.next), (Status::Failed, Next::Done));
        // Only those in a row add up.
        decided(&unavailable(1), &mut interrupted);
        let next = decided(&throttled(None), &mut interrupted);
        assert_eq!(next.status, Status::Pending);
        assert_eq!(next.pause, Some(Duration::from_secs(1)), "backed off");
    }

    #[test]
    fn a_503_that_names_a_time_pauses_everybody_and_uses_up_an_attempt() {
        let mut history = History::default();
        for status in [Status::Pending, Status::Pending, Status::Failed] {
            let decision = decided(&unavailable(5), &mut history);
            assert_eq!(decision.status, status);
            assert_eq!(decision.pause, Some(Duration::from_secs(5)));
        }
    }

    #[test]
    fn a_wait_of_more_than_an_hour_is_a_failure_and_pauses_nobody() {
        for outcome in [throttled(Some(3601)), unavailable(7200)] {
            let decision = decided(&outcome, &mut History::default());
            assert_eq!(decision, ended(Status::Failed));
        }
    }

    #[test]
    fn the_first_401_asks_for_a_fresh_token_and_the_second_in_a_row_stops() {
        let mut history = History::default();
        let first = decided(&failed(Why::Unauthorized), &mut history);
        assert_eq!(
            (first.status, first.next),
            (Status::Pending, Next::WithFreshToken)
        );
        decided(&throttled(Some(1)), &mut history);
        let again_a_first = decided(&failed(Why::Unauthorized), &mut history);
        assert_eq!(again_a_first.next, Next::WithFreshToken);
        let second = decided(&failed(Why::Unauthorized), &mut history);
        assert_eq!(second.status, Status::Pending);
        let refused = Next::Stop(StopReason::Refused(Refusal::Credentials, "expired".into()));
        assert_eq!(second.next, refused);

        let policy = RetryPolicy {
            can_log_in: false,
            ..POLICY
        };
        let circumstances = Circumstances {
            now: Timestamp(0),
            chance: 0.5,
            throttled_in_a_row: 0,
        };
        let history = &mut History::default();
        let without_login = decide(&failed(Why::Unauthorized), history, policy, circumstances);
        assert_eq!(without_login.next, refused);
    }

    #[test]
    fn back_off_doubles_up_to_a_minute_and_is_drawn_from_the_whole_width() {
        for (attempt, chance, seconds) in [
            (1, 1.0, 1.0),
            (3, 1.0, 4.0),
            (3, 0.5, 2.0),
            (3, 0.0, 0.0),
            (7, 1.0, 60.0),
            (u32::MAX, 1.0, 60.0),
        ] {
            let wait = backoff(attempt, chance);
            assert_eq!(wait, Duration::from_secs_f64(seconds), "{attempt}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Timestamp(1_000_000);
        let at = |at, date| RetryAfter::At {
            at: Timestamp(at),
            date,
        };
        // Our clock is an hour behind; the answer's own date tells the truth.
        let theirs = Some(Timestamp(4_600_000));
        for (asked, seconds) in [
            (after(5), Some(5)),
            (after(3600), Some(3600)),
            (after(3601), None),
            (at(1_010_000, None), Some(10)),
            (at(4_610_000, theirs), Some(10)),
            (at(0, None), Some(0)),
        ] {
            let wait = wait_asked_for(asked, now);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{asked:?}");
        }
    }
}
