//! The one switch that stops a run. No new request starts after it; of several reasons, the gravest is told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::model::{Refusal, Stop};

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
    Broken(Error),
}

impl Why {
    /// A later reason that is graver takes the place of an earlier one: exit 1 before 6, 6 before 4.
    fn gravity(&self) -> u8 {
        match self {
            Why::Broken(_) => 2,
            Why::Refused(..) => 1,
            Why::Signal | Why::Failures(_) | Why::Duration => 0,
        }
    }

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
    why: Mutex<Option<Why>>,
}

/// The run is stopping: leave without starting anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopping;

impl Switch {
    /// Stops the run. Of reasons of the same gravity, the first is kept.
    pub fn stop(&self, why: Why) {
        let mut known = self.lock();
        if known
            .as_ref()
            .is_none_or(|known| known.gravity() < why.gravity())
        {
            *known = Some(why);
        }
        drop(known);
        // The reason is there before anybody can see that the run stops.
        self.token.cancel();
    }

    /// Whether the run is stopping.
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why the run is stopping, if it is.
    pub fn why(&self) -> Option<Why> {
        self.lock().clone()
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

    fn lock(&self) -> MutexGuard<'_, Option<Why>> {
        // A reason is set whole or not at all.
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_reason_is_told_and_of_two_alike_the_first() {
        let broken = || Why::Broken(Error::unexpected("ledger_write_failed", "full"));
        let refused = || Why::Refused(Refusal::Rights, "no".to_owned());
        let switch = Switch::default();
        for (next, told) in [
            (Why::Signal, Why::Signal),
            (Why::Duration, Why::Signal),
            (refused(), refused()),
            (Why::Failures("20".to_owned()), refused()),
            (broken(), broken()),
            (Why::Signal, broken()),
        ] {
            switch.stop(next);
            assert!(switch.is_stopping());
            assert_eq!(switch.why(), Some(told));
        }
    }
}
