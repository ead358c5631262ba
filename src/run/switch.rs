//! The one switch that stops a run. The first reason stands; no new request starts after it.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use crate::domain::{Complaint, Refusal, Stop};

/// Why a run was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A signal asked for it.
    Signal,
    /// Vlens refuses every request.
    Refused(Refusal, String),
    /// Too many rows in a row failed or became uncertain, or nobody could log in.
    Failures(String),
    /// `--max-duration` has passed.
    Duration,
    /// The ledger can no longer be written: nothing may be sent that cannot be recorded.
    Broken(Complaint),
}

impl Why {
    /// The reason as the run's summary names it; none for a fault of our own.
    pub fn stop(&self) -> Option<Stop> {
        match self {
            Why::Signal => Some(Stop::Signal),
            Why::Refused(..) => Some(Stop::Refused),
            Why::Failures(_) => Some(Stop::Failures),
            Why::Duration => Some(Stop::Duration),
            Why::Broken(_) => None,
        }
    }
}

/// The switch itself, shared by everybody who may stop the run and everybody who must notice.
#[derive(Debug, Default)]
pub struct Switch {
    token: CancellationToken,
    why: OnceLock<Why>,
}

/// The run is stopping: leave without starting anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopping;

impl Switch {
    /// Stops the run. Only the first reason is kept.
    pub fn stop(&self, why: Why) {
        // The reason is there before anybody can see that the run stops.
        let _ = self.why.set(why);
        self.token.cancel();
    }

    /// Whether the run is stopping.
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why the run is stopping, if it is.
    pub fn why(&self) -> Option<&Why> {
        self.why.get()
    }

    /// Completes when the run is stopping.
    pub async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Waits for `work`, unless the run stops first.
    pub async fn or_stop<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopping> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Stopping),
            done = work => Ok(done),
        }
    }
}
