//! One request for one row. The promise hangs on the order in [`Attempts::attempt`]: a slot within the limits and a good token, the intent durable,
//! the request, the outcome durable. Nobody hears of an outcome before it is durable.

use std::sync::Arc;

use bytes::Bytes;

use super::api::{Admitted, Api, ApiError};
use super::decide::{Circumstances, Decision, History, Next, RetryPolicy, decide};
use super::stop::{StopReason, Stopped};
use super::team::elsewhere;
use crate::failpoint;
use crate::ledger::{self, Closing, InvitationId, Writer};
use crate::model::{CustomerKey, Outcome, Refusal, RowNumber, Status, Why};
use crate::register::Claim;

/// One row to be sent, with what happened to it in this run.
pub(super) struct Job {
    pub(super) row: RowNumber,
    pub(super) invitation: InvitationId,
    pub(super) customer: CustomerKey,
    /// The status that a person's word has overcome.
    pub(super) overcome: Option<Status>,
    pub(super) body: Bytes,
    pub(super) history: History,
    /// How often it was found on its way from another computer.
    pub(super) found_elsewhere: u32,
}

/// What one request came to; its outcome is durable.
pub(super) struct Attempted {
    pub(super) job: Job,
    pub(super) outcome: Outcome,
    pub(super) decision: Decision,
}

/// How an attempt ended.
pub(super) enum Ended {
    Attempted(Attempted),
    /// No request was made: the customer is another computer's.
    Elsewhere(Job, Claim),
}

/// What all attempts share.
pub(super) struct Attempts {
    pub(super) api: Api,
    pub(super) ledger: Writer,
    pub(super) policy: RetryPolicy,
}

impl Attempts {
    /// One request for one row.
    pub(super) async fn attempt(self: Arc<Self>, mut job: Job) -> Result<Ended, Stopped> {
        let Attempts { api, ledger, .. } = &*self;
        failpoint::pass("before_claim");
        let asked = Some((&job.customer, job.overcome));
        let admitted = api.admit(asked).await;
        let (mut slot, bearer) = match admitted.map_err(|error| self.give_up(error))? {
            Admitted::In(slot, bearer) => (slot, bearer),
            Admitted::Elsewhere(claim) => return self.leave(job, claim).await,
        };
        failpoint::pass("before_intent");
        let now = api.clock.moment();
        let registered = slot.registered;
        let name = registered.map(|(name, _)| name);
        let intent = match ledger.open_attempt(job.invitation, name, &now).await {
            Ok(intent) => intent,
            Err(error) => {
                slot.not_sent().await;
                return Err(self.give_up(ApiError::Ledger(error)));
            }
        };
        failpoint::pass("after_intent");
        let token = bearer.as_ref().map(|bearer| &bearer.token);
        let fence = api.fence(&slot);
        let outcome = api.client.create(token, job.body.clone(), fence).await;
        failpoint::pass("after_answer");
        let why = outcome.as_ref().err().map(|failure| failure.why);
        let decision = self.decide(&outcome, &mut job.history);
        // Before this request's slot is free, and before the disk is waited for: the others would go on meanwhile.
        if let Some(pause) = decision.pause {
            api.pause(pause);
        }
        if why == Some(Why::Unreachable) {
            slot.uncounted();
        }
        drop(slot);
        let closing = closing(&outcome, &decision);
        let event = <&str>::from(closing.event);
        let now = api.clock.moment();
        if let Err(error) = ledger.close_attempt(intent, closing, &now).await {
            return Err(self.give_up(ApiError::Ledger(error)));
        }
        failpoint::pass("after_outcome");
        let told = api.tell(registered, event, decision.status, decision.pause);
        if let (true, Some(name)) = (told.await, name)
            && let Err(error) = ledger.note_told(name).await
        {
            return Err(self.give_up(ApiError::Ledger(error)));
        }
        failpoint::pass("after_told");
        // With neither slot nor outcome in hand: a renewal under way is waited for, and itself waits for a slot.
        if let (Next::WithFreshToken, Some(bearer)) = (&decision.next, &bearer) {
            api.refused(bearer).await;
        }
        Ok(Ended::Attempted(Attempted {
            job,
            outcome,
            decision,
        }))
    }

    /// The customer is another computer's. What became of him there is durable here before it is told.
    async fn leave(&self, job: Job, claim: Claim) -> Result<Ended, Stopped> {
        if let Some(status) = claim.status {
            let (words, now) = (elsewhere(status, &claim), self.api.clock.moment());
            let noted = self
                .ledger
                .note_elsewhere(job.invitation, status, words, &now);
            let noted = noted.await.map_err(ApiError::Ledger);
            noted.map_err(|error| self.give_up(error))?;
        }
        Ok(Ended::Elsewhere(job, claim))
    }

    fn decide(&self, outcome: &Outcome, history: &mut History) -> Decision {
        let throttled_in_a_row = match outcome.as_ref().err().map(|failure| failure.why) {
            Some(Why::Throttled(_)) => self.api.limiter().throttled(),
            // Says nothing about the pace.
            Some(Why::Unreachable | Why::Unprocessed) => 0,
            _ => {
                self.api.limiter().accepted();
                0
            }
        };
        let circumstances = Circumstances {
            now: self.api.clock.wall(),
            chance: fastrand::f64(),
            throttled_in_a_row,
        };
        decide(outcome, history, self.policy, circumstances)
    }

    /// Stops the run for what no row can be sent with.
    pub(super) fn give_up(&self, error: ApiError) -> Stopped {
        let reason = match error {
            ApiError::Stopped => return Stopped,
            ApiError::Ledger(error) => StopReason::Broken(error),
            ApiError::Register(error) => StopReason::Register(error),
            ApiError::Failed(failure) if failure.why.is_not_the_api() => {
                StopReason::Refused(Refusal::NotTheApi, failure.to_string())
            }
            ApiError::Failed(failure) if failure.why.may_pass() => {
                StopReason::Failures(format!("Vlens could not be logged in to: {failure}"))
            }
            ApiError::Failed(failure) => {
                StopReason::Refused(Refusal::Credentials, failure.to_string())
            }
        };
        self.api.stop.stop(reason);
        Stopped
    }
}

/// What the ledger keeps of an outcome.
fn closing(outcome: &Outcome, decision: &Decision) -> Closing {
    let event = match outcome.as_ref().map_err(|failure| failure.why) {
        Ok(_) => ledger::Event::Created,
        Err(Why::Rejected(_)) => ledger::Event::Rejected,
        Err(Why::Uncertain(_)) => ledger::Event::Uncertain,
        Err(Why::Unreachable) => ledger::Event::Unreachable,
        Err(Why::Unprocessed) => ledger::Event::Unprocessed,
        Err(Why::Throttled(_)) => ledger::Event::Throttled,
        Err(Why::Unavailable(_)) => ledger::Event::Unavailable,
        Err(Why::Unauthorized) => ledger::Event::Unauthorized,
        Err(Why::Refused(_)) => ledger::Event::Refused,
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
