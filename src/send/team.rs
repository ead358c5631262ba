//! The team's part of a request's way: its register is asked before, the body's gate opens in time or never, and what became of it is
//! told after.

use std::sync::Arc;
use std::time::Duration;

use super::api::{Api, ApiError, Asked, Slot};
use super::stop::{StopReason, Stopped};
use crate::error::Error;
use crate::model::{CustomerKey, Status};
use crate::register::{AttemptId, Claim, FENCE, Register, Verdict};
use crate::vlens::Fence;

impl Api {
    /// Waits until a request may leave within the limits of all computers together; or says whose the customer is.
    pub(super) async fn ask_team<'a>(
        &'a self,
        register: &Register,
        mut slot: Slot<'a>,
        asked: Asked<'_>,
    ) -> Result<Result<Slot<'a>, Claim>, ApiError> {
        let (customer, over) = asked.unzip();
        let customer = customer.map(CustomerKey::as_slice);
        loop {
            let attempt = Register::new_attempt().map_err(ApiError::Register)?;
            slot.registered = Some((attempt, self.clock.steady()));
            let asking = register.open_attempt(attempt, customer, over.flatten());
            let verdict = match self.stop.or_stop(asking).await {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(error)) => {
                    slot.registered = None;
                    slot.not_sent().await;
                    return Err(ApiError::Register(error));
                }
                // It may have been granted all the same.
                Err(Stopped) => {
                    slot.not_sent().await;
                    return Err(ApiError::Stopped);
                }
            };
            match verdict {
                Verdict::Granted => return Ok(Ok(slot)),
                Verdict::Wait(wait) => self.stop.or_stop(tokio::time::sleep(wait)).await?,
                Verdict::Taken(claim) => {
                    slot.registered = None;
                    slot.not_sent().await;
                    return Ok(Err(claim));
                }
            }
        }
    }

    /// Says until when a request may begin to leave, counted from when the register was asked: whoever takes it for lost waits longer.
    pub(super) fn fence(&self, slot: &Slot<'_>) -> Fence {
        let (_, asked) = slot.registered?;
        let clock = Arc::clone(&self.clock);
        Some(Arc::new(move || {
            clock.steady().saturating_sub(asked) < FENCE
        }))
    }

    /// Tells the register what became of a request. Where it cannot be told, nothing more is begun; whether it could is the answer.
    pub(super) async fn tell(
        &self,
        registered: Option<(AttemptId, Duration)>,
        event: &str,
        status: Status,
        pause: Option<Duration>,
    ) -> bool {
        let (Some(register), Some((attempt, _))) = (&self.register, registered) else {
            return false;
        };
        let told = register.close_attempt(attempt, event, status, pause).await;
        told.map_err(|error| self.stop.stop(StopReason::Register(error)))
            .is_ok()
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

/// Rows that another computer was still sending when all else was done.
pub(super) fn left_elsewhere(rows: u64) -> Error {
    let (rows, are) = match rows {
        1 => ("1 row".to_owned(), "is"),
        n => (format!("{n} rows"), "are"),
    };
    let message = format!("{rows} {are} on the way from another computer of the team.");
    Error::stopped("claimed_elsewhere", message).hint("Run the command again in a minute or two.")
}
