//! The module's table, row by row.

use super::*;
use crate::model::{Secret, Uncertainty};

const POLICY: Policy = Policy {
    max_attempts: 3,
    backoff: Backoff {
        first: Duration::from_secs(1),
        cap: Duration::from_secs(60),
    },
    can_log_in: true,
};

fn judged(outcome: &Outcome, history: &mut History) -> Verdict {
    let circumstances = Circumstances {
        now: Timestamp(0),
        chance: 1.0,
        refusals_in_a_row: 1,
    };
    judge(outcome, history, POLICY, circumstances)
}

fn throttled(seconds: Option<u64>) -> Outcome {
    Outcome::NotCreated(NotCreated::Throttled {
        retry_after: seconds.map(|s| RetryAfter::After(Duration::from_secs(s))),
    })
}

fn unavailable(seconds: u64) -> Outcome {
    Outcome::NotCreated(NotCreated::Unavailable {
        retry_after: RetryAfter::After(Duration::from_secs(seconds)),
    })
}

fn unreachable() -> Outcome {
    Outcome::NotCreated(NotCreated::Unreachable {
        message: "connection refused".to_owned(),
    })
}

fn unauthorized() -> Outcome {
    Outcome::NotCreated(NotCreated::Unauthorized {
        message: "expired".to_owned(),
    })
}

#[test]
fn final_answers_end_the_row() {
    let created = Outcome::Created {
        token: Secret::new("t"),
    };
    let rejected = Outcome::Rejected {
        code: 1,
        message: String::new(),
        details: None,
    };
    let uncertain = Outcome::Uncertain {
        why: Uncertainty::Timeout,
        message: String::new(),
        stop: false,
    };
    for (outcome, status) in [
        (created, Status::Created),
        (rejected, Status::Rejected),
        (uncertain, Status::Uncertain),
    ] {
        assert_eq!(judged(&outcome, &mut History::default()), ended(status));
    }
}

#[test]
fn an_uncertain_row_is_never_sent_again_whatever_is_left_of_its_attempts() {
    for why in [
        Uncertainty::Timeout,
        Uncertainty::Broken,
        Uncertainty::Unreadable,
        Uncertainty::ServerError,
    ] {
        let outcome = Outcome::Uncertain {
            why,
            message: String::new(),
            stop: false,
        };
        assert_eq!(judged(&outcome, &mut History::default()).next, Next::Done);
    }
}

#[test]
fn a_redirect_leaves_the_row_uncertain_and_stops_the_run() {
    let outcome = Outcome::Uncertain {
        why: Uncertainty::Redirect,
        message: "302".to_owned(),
        stop: true,
    };
    let verdict = judged(&outcome, &mut History::default());
    assert_eq!(verdict.status, Status::Uncertain);
    assert!(matches!(
        verdict.next,
        Next::Stop(StopReason::Refused(Refusal::NotTheApi, _))
    ));
}

#[test]
fn an_unreachable_server_is_tried_until_the_attempts_are_used_up() {
    let mut history = History::default();
    for seconds in [1, 2] {
        let verdict = judged(&unreachable(), &mut history);
        assert_eq!(verdict.status, Status::Pending);
        assert_eq!(verdict.next, Next::Again(Duration::from_secs(seconds)));
    }
    assert_eq!(judged(&unreachable(), &mut history), ended(Status::Failed));
}

#[test]
fn a_429_pauses_everybody_and_uses_up_no_attempt_but_the_tenth_fails() {
    let mut history = History::default();
    for _ in 0..9 {
        let verdict = judged(&throttled(Some(7)), &mut history);
        assert_eq!(verdict.status, Status::Pending);
        assert_eq!(verdict.pause, Some(Duration::from_secs(7)));
    }
    assert_eq!(history.attempts, 0);
    let tenth = judged(&throttled(Some(7)), &mut history);
    assert_eq!((tenth.status, tenth.next), (Status::Failed, Next::Done));
}

#[test]
fn only_429_in_a_row_add_up() {
    let mut history = History::default();
    for _ in 0..9 {
        judged(&throttled(Some(1)), &mut history);
    }
    judged(&unavailable(1), &mut history);
    assert_eq!(
        judged(&throttled(Some(1)), &mut history).status,
        Status::Pending
    );
}

#[test]
fn a_429_that_names_no_time_backs_off() {
    let verdict = judged(&throttled(None), &mut History::default());
    assert_eq!(verdict.pause, Some(Duration::from_secs(1)));
}

#[test]
fn a_503_that_names_a_time_pauses_everybody_and_uses_up_an_attempt() {
    let mut history = History::default();
    for _ in 0..2 {
        let verdict = judged(&unavailable(5), &mut history);
        assert_eq!(verdict.status, Status::Pending);
        assert_eq!(verdict.pause, Some(Duration::from_secs(5)));
    }
    assert_eq!(judged(&unavailable(5), &mut history).status, Status::Failed);
}

#[test]
fn a_wait_of_more_than_an_hour_is_a_failure_and_pauses_nobody() {
    for outcome in [throttled(Some(3601)), unavailable(7200)] {
        let verdict = judged(&outcome, &mut History::default());
        assert_eq!(verdict, ended(Status::Failed));
    }
}

#[test]
fn the_first_401_asks_for_a_fresh_token_and_the_second_stops() {
    let mut history = History::default();
    let first = judged(&unauthorized(), &mut history);
    assert_eq!(
        (first.status, first.next),
        (Status::Pending, Next::WithFreshToken)
    );
    let second = judged(&unauthorized(), &mut history);
    assert_eq!(second.status, Status::Pending);
    assert!(matches!(
        second.next,
        Next::Stop(StopReason::Refused(Refusal::Credentials, _))
    ));
}

#[test]
fn a_401_after_another_answer_is_a_first_one_again() {
    let mut history = History::default();
    judged(&unauthorized(), &mut history);
    judged(&throttled(Some(1)), &mut history);
    assert_eq!(
        judged(&unauthorized(), &mut history).next,
        Next::WithFreshToken
    );
}

#[test]
fn without_a_login_a_401_stops_at_once() {
    let policy = Policy {
        can_log_in: false,
        ..POLICY
    };
    let circumstances = Circumstances {
        now: Timestamp(0),
        chance: 0.5,
        refusals_in_a_row: 0,
    };
    let verdict = judge(
        &unauthorized(),
        &mut History::default(),
        policy,
        circumstances,
    );
    assert!(matches!(verdict.next, Next::Stop(_)));
}

#[test]
fn refusals_of_everything_stop_the_run_and_leave_the_row_pending() {
    for refusal in [Refusal::Rights, Refusal::NotTheApi] {
        let outcome = Outcome::NotCreated(NotCreated::Refused {
            refusal,
            message: String::new(),
        });
        let verdict = judged(&outcome, &mut History::default());
        assert_eq!(verdict.status, Status::Pending);
        assert!(matches!(verdict.next, Next::Stop(StopReason::Refused(why, _)) if why == refusal));
    }
}
