//! The road to Vlens that every request takes: through the gate, noted in the ledger, and back.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::clock::Clock;
use super::events::{Journal, SendEvent};
use super::gate::Gate;
use super::stop::{StopReason, StopSignal, Stopped};
use crate::error::Error;
use crate::ledger::Writer;
use crate::send::limiter::Backoff;
use crate::vlens::Client;

/// What all requests share.
pub(super) struct Road {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Arc<StopSignal>,
    pub(super) gate: Gate,
    pub(super) ledger: Writer,
    pub(super) journal: Journal,
    pub(super) max_attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) chance: Mutex<fastrand::Rng>,
}

impl Road {
    /// A request that is no invitation, such as a login: it counts against the limits, now and for the next process.
    pub(super) async fn call<T>(&self, request: impl Future<Output = T>) -> Result<T, Stopped> {
        self.gate.enter(&*self.clock, &self.stop).await?;
        noted(&self.gate, &*self.clock, &self.ledger, request)
            .await
            .map_err(|complaint| self.broken(complaint))
    }

    /// Nobody sends for `wait` from now on.
    pub(super) fn pause(&self, wait: Duration) {
        self.gate.pause(&*self.clock, wait);
        self.journal.note(&SendEvent::Paused { wait });
    }

    /// Sleeps out the back-off after the `attempt`-th failure.
    pub(super) async fn back_off(&self, attempt: u32) -> Result<(), Stopped> {
        let wait = self.backoff.wait(attempt, self.chance());
        self.stop.or_stop(tokio::time::sleep(wait)).await
    }

    /// A number drawn evenly from 0 to 1.
    pub(super) fn chance(&self) -> f64 {
        self.chance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .f64()
    }

    /// The ledger cannot be written any more, so nothing more may be sent.
    pub(super) fn broken(&self, complaint: Error) -> Stopped {
        self.stop.stop(StopReason::Broken(complaint));
        Stopped
    }
}

/// Makes a request that has leave from the gate and is no invitation, on paper before it leaves and after its answer.
pub(super) async fn noted<T>(
    gate: &Gate,
    clock: &dyn Clock,
    ledger: &Writer,
    request: impl Future<Output = T>,
) -> Result<T, Error> {
    let call = match ledger.open_call(&clock.moment()).await {
        Ok(call) => call,
        Err(complaint) => {
            gate.not_sent();
            return Err(complaint);
        }
    };
    let answer = request.await;
    gate.answered(clock);
    ledger.close_call(call, &clock.moment()).await?;
    Ok(answer)
}
