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
//! | either for over an hour | as above                       | the run stops; nobody sends before that, or for a day    |
//! | unauthorized (401)     | `pending`                       | once again with a fresh token; the second stops the run |
//! | refused (403, 404, 405)| `pending`                       | the run stops                                           |

use std::time::Duration;

use super::stop::StopReason;
use crate::model::{Failure, Outcome, Plan, Refusal, Standing, Status, Why};

/// What a person asked for beyond the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::Args)]
pub struct Wishes {
    /// Send uncertain rows again, though a second invitation may come of it
    #[arg(long)]
    pub resend_uncertain: bool,
    /// Send rejected rows again although they are unchanged
    #[arg(long)]
    pub retry_rejected: bool,
    /// Invite again whose row changed after the invitation was created
    #[arg(long)]
    pub resend_changed: bool,
}

/// What becomes of a row whose invitation stands so in the ledger (`None`: it is not there yet).
pub fn plan(standing: Option<Standing>, wishes: Wishes) -> Plan {
    let Some(standing) = standing else {
        return Plan::Send;
    };
    let same_content = standing.same_content;
    match standing.status {
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
    pub(super) attempts: u32,
    /// 429 in a row.
    pub(super) throttled: u32,
    /// Whether its last answer was a 401.
    pub(super) unauthorized: bool,
}

/// What is looked up for a decision, so that the decision itself looks up nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    pub(super) max_attempts: u32,
    /// Whether a fresh token can be had: not for `CreateAuthSession`, which has only the API key.
    pub(super) can_log_in: bool,
    /// Drawn evenly from 0 to 1.
    pub(super) chance: f64,
    /// 429 in a row over all rows, this one included.
    pub(super) throttled_in_a_row: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    /// To be recorded; `Pending` leaves the row due.
    pub(super) status: Status,
    /// After how long the row goes again in this run.
    pub(super) again: Option<Duration>,
    /// How long nobody may send.
    pub(super) pause: Option<Duration>,
    /// Why the run stops.
    pub(super) stop: Option<StopReason>,
}

/// The tenth 429 in a row ends a row.
const MAX_THROTTLED: u32 = 10;

/// Decides by `outcome`, and brings `history` up to date.
pub(super) fn decide(
    outcome: &Outcome,
    history: &mut History,
    circumstances: Circumstances,
) -> Decision {
    let ended = |status, stop| Decision {
        status,
        again: None,
        pause: None,
        stop,
    };
    let was_unauthorized = std::mem::take(&mut history.unauthorized);
    let Err(Failure { why, message }) = outcome else {
        return ended(Status::Created, None);
    };
    if !matches!(why, Why::Throttled(_)) {
        history.throttled = 0;
    }
    let refused = |refusal| Some(StopReason::refused(refusal, message));
    let chance = circumstances.chance;
    let (may_go_again, wait, is_everybodys) = match *why {
        Why::Rejected(_) => return ended(Status::Rejected, None),
        Why::Uncertain(_) if why.is_not_the_api() => {
            return ended(Status::Uncertain, refused(Refusal::NotTheApi));
        }
        Why::Uncertain(_) => return ended(Status::Uncertain, None),
        Why::Unauthorized if !was_unauthorized && circumstances.can_log_in => {
            history.unauthorized = true;
            (true, Duration::ZERO, false)
        }
        Why::Unauthorized => return ended(Status::Pending, refused(Refusal::Credentials)),
        Why::Refused(refusal) => return ended(Status::Pending, refused(refusal)),
        Why::Throttled(asked) => {
            history.throttled += 1;
            let own = || backoff(circumstances.throttled_in_a_row, chance);
            let wait = asked.unwrap_or_else(own);
            (history.throttled < MAX_THROTTLED, wait, true)
        }
        Why::Unavailable(_) | Why::Unreachable | Why::Unprocessed => {
            history.attempts += 1;
            let own = || backoff(history.attempts, chance);
            let asked = why.retry_after();
            let wait = asked.unwrap_or_else(own);
            let may_go_again = history.attempts < circumstances.max_attempts;
            (may_go_again, wait, asked.is_some())
        }
    };
    Decision {
        status: if may_go_again {
            Status::Pending
        } else {
            Status::Failed
        },
        again: may_go_again.then_some(wait),
        pause: is_everybodys.then_some(wait),
        stop: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Secret, Uncertainty};
    use crate::tables::rows;

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

    const CIRCUMSTANCES: Circumstances = Circumstances {
        max_attempts: 3,
        can_log_in: true,
        chance: 1.0,
        throttled_in_a_row: 1,
    };

    /// What is decided after the last of these.
    fn decided(met: &[Why], circumstances: Circumstances) -> String {
        let mut history = History::default();
        let decisions = met.iter().map(|&why| {
            let outcome = Err(Failure::new(why, "so"));
            decide(&outcome, &mut history, circumstances)
        });
        let decision = decisions.last().expect("something is met");
        let next = match (decision.stop, decision.again) {
            (Some(why), _) => format!("stop: {}", why.error.expect("a reason").code),
            (None, Some(wait)) => format!("again in {} s", wait.as_secs()),
            (None, None) => "done".to_owned(),
        };
        let pause = decision.pause.map(|pause| pause.as_secs());
        let pause = pause.map_or(String::new(), |s| format!(", pause of {s} s"));
        format!("{}, {next}{pause}", decision.status)
    }

    /// Each as the table names it, `9x` for so many, behind it the seconds that were asked for.
    fn met(told: &str) -> Vec<Why> {
        let met = told.split(", ").map(|one| {
            let (times, one) = one.split_once("x ").unwrap_or(("1", one));
            let (word, seconds) = one.split_once(' ').unwrap_or((one, ""));
            let asked = seconds.parse().ok().map(Duration::from_secs);
            let why = match word {
                "rejected" => Why::Rejected(1),
                "timeout" => Why::Uncertain(Uncertainty::Timeout),
                "broken" => Why::Uncertain(Uncertainty::Broken),
                "unreadable" => Why::Uncertain(Uncertainty::Unreadable),
                "server_error" => Why::Uncertain(Uncertainty::ServerError),
                "redirect" => Why::Uncertain(Uncertainty::Redirect),
                "no_rights" => Why::Refused(Refusal::Rights),
                "not_the_api" => Why::Refused(Refusal::NotTheApi),
                "unreachable" => Why::Unreachable,
                "unprocessed" => Why::Unprocessed,
                "unauthorized" => Why::Unauthorized,
                "throttled" => Why::Throttled(asked),
                "unavailable" => Why::Unavailable(asked.expect(told)),
                _ => panic!("{told}"),
            };
            vec![why; times.parse().expect(told)]
        });
        met.flatten().collect()
    }

    /// The module's second table. An uncertain row above all is never sent again, whatever is left of its attempts.
    #[test]
    fn what_follows_is_as_the_table_says() {
        for (told, expected) in rows::<(&str, &str)>("decide.follows") {
            assert_eq!(decided(&met(told), CIRCUMSTANCES), expected, "{told}");
        }
        let without_login = Circumstances {
            can_log_in: false,
            ..CIRCUMSTANCES
        };
        let refused = decided(&[Why::Unauthorized], without_login);
        assert_eq!(refused, "pending, stop: credentials_refused");
        let created = Ok(Secret::new("t"));
        let decision = decide(&created, &mut History::default(), CIRCUMSTANCES);
        assert_eq!(decision.status, Status::Created);
    }

    #[test]
    fn back_off_doubles_up_to_a_minute_and_is_drawn_from_the_whole_width() {
        for (attempt, chance, seconds) in rows::<(u32, f64, f64)>("decide.back_off") {
            let wait = backoff(attempt, chance);
            assert_eq!(wait, Duration::from_secs_f64(seconds), "{attempt}");
        }
    }
}
