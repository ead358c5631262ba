//! One request for one row.

use super::api::{Api, Slot};
use super::calls::ApiError;
use super::decide::{Circumstances, Decision, History, Next, decide};
use super::stop::{StopReason, Stopped};
use crate::failpoint;
use crate::ledger::{Closing, DueRow, Event};
use crate::model::{Failure, Outcome, Refusal, Status, Why};
use crate::register::Claim;
use crate::vlens::AccessToken;

/// What came of an attempt.
pub(super) enum Attempted {
    /// This outcome, which is durable.
    Answered(Outcome, Decision),
    /// No request was made: the customer is another computer's.
    Elsewhere(Claim),
}

/// A request may leave, or its customer is another computer's.
enum Admitted<'a> {
    In(Slot<'a>, Option<AccessToken>),
    Elsewhere(Claim),
}

impl Api {
    pub(super) async fn attempt(
        &self,
        row: &DueRow,
        history: &mut History,
    ) -> Result<Attempted, Stopped> {
        failpoint::pass("before_claim");
        let (slot, bearer) = match self.admit(row).await {
            Ok(Admitted::In(slot, bearer)) => (slot, bearer),
            Ok(Admitted::Elsewhere(claim)) => return self.leave(row, claim).await,
            Err(ApiError::Stopped) => return Err(Stopped),
            Err(ApiError::Failed(failure)) => return Err(self.no_login(&failure)),
        };
        failpoint::pass("before_intent");
        let intent = slot.open(Some(row.invitation)).await?;
        failpoint::pass("after_intent");
        let (bearer, body) = (bearer.as_ref(), row.body.clone().into());
        let outcome = self.client.create(bearer, body, intent.fence()).await;
        failpoint::pass("after_answer");
        let decision = self.decide(&outcome, history);
        intent.close(closing(&outcome, &decision)).await?;
        failpoint::pass("after_told");
        // With neither slot nor outcome in hand: a renewal under way is waited for, and itself waits for a slot.
        if let (Next::WithFreshToken, Some(bearer)) = (&decision.next, bearer) {
            self.refused(bearer).await;
        }
        Ok(Attempted::Answered(outcome, decision))
    }

    /// Waits for a slot, with a token that is good when the slot comes; no token where no login is.
    async fn admit(&self, row: &DueRow) -> Result<Admitted<'_>, ApiError> {
        let mut is_last = false;
        loop {
            let bearer = self.bearer().await?;
            let asked = Some((&row.customer, row.overcome));
            let slot = match self.slot(asked).await? {
                Ok(slot) => slot,
                Err(claim) => return Ok(Admitted::Elsewhere(claim)),
            };
            // Where tokens live shorter than the wait for a slot, renewing them for ever would send nothing else: the second is
            // sent with, however old, and the server has the last word.
            if is_last || self.is_still_good(bearer.as_ref()) {
                return Ok(Admitted::In(slot, bearer));
            }
            slot.not_sent().await;
            is_last = true;
        }
    }

    /// The customer is another computer's. What became of him there is durable here before it is told.
    async fn leave(&self, row: &DueRow, claim: Claim) -> Result<Attempted, Stopped> {
        if let (Some(status), Some(ledger)) = (claim.status, &self.ledger) {
            let (words, now) = (elsewhere(status, &claim), self.clock.moment());
            let about = row.invitation;
            let noted =
                ledger.note(move |ledger| ledger.note_elsewhere(about, status, &words, &now));
            noted.await.map_err(|error| self.broken(error))?;
        }
        Ok(Attempted::Elsewhere(claim))
    }

    fn decide(&self, outcome: &Outcome, history: &mut History) -> Decision {
        let throttled_in_a_row = match outcome.as_ref().map_err(|failure| failure.why) {
            Err(Why::Throttled(_)) => self.limiter().throttled(),
            // Says nothing about the pace.
            Err(Why::Unreachable | Why::Unprocessed) => 0,
            _ => {
                self.limiter().accepted();
                0
            }
        };
        let circumstances = Circumstances {
            max_attempts: self.max_attempts,
            can_log_in: self.credentials.is_some(),
            now: self.clock.wall(),
            chance: fastrand::f64(),
            throttled_in_a_row,
        };
        decide(outcome, history, circumstances)
    }

    /// No row can be sent without a token.
    fn no_login(&self, failure: &Failure) -> Stopped {
        let said = failure.to_string();
        self.give_up(match failure.why {
            why if why.is_not_the_api() => StopReason::Refused(Refusal::NotTheApi, said),
            why if why.may_pass() => {
                StopReason::Failures(format!("Vlens could not be logged in to: {said}"))
            }
            _ => StopReason::Refused(Refusal::Credentials, said),
        })
    }
}

/// What the ledger keeps of an outcome.
fn closing(outcome: &Outcome, decision: &Decision) -> Closing {
    let event = match outcome.as_ref().map_err(|failure| failure.why) {
        Ok(_) => Event::Created,
        Err(Why::Rejected(_)) => Event::Rejected,
        Err(Why::Uncertain(_)) => Event::Uncertain,
        Err(Why::Unreachable) => Event::Unreachable,
        Err(Why::Unprocessed) => Event::Unprocessed,
        Err(Why::Throttled(_)) => Event::Throttled,
        Err(Why::Unavailable(_)) => Event::Unavailable,
        Err(Why::Unauthorized) => Event::Unauthorized,
        Err(Why::Refused(_)) => Event::Refused,
    };
    let failure = outcome.as_ref().err();
    Closing {
        event,
        status: Some(decision.status).filter(|&status| status != Status::Pending),
        token: outcome.as_ref().ok().cloned(),
        code: failure.map(|failure| failure.why.code()),
        message: failure.map(|failure| failure.message.clone()),
        pause: decision.pause,
    }
}

/// Where a customer stands in the team's register, for people.
pub(super) fn elsewhere(status: Status, claim: &Claim) -> String {
    let Claim { by, at, .. } = claim;
    match status {
        Status::Created => format!("Invited by {by} on {at}: the link is in the ledger there."),
        status => format!("It is {status} by {by} on {at}."),
    }
}
