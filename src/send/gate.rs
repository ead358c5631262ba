//! The gate that every request to Vlens goes through: it sleeps as long as the pace says.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::clock::Clock;
use super::stop::{StopSignal, Stopped};
use crate::send::limiter::{Limiter, Permit};

/// One pace for all workers and for the login.
pub(super) struct Gate {
    pace: Mutex<Limiter>,
    /// Those who must wait stand in line, so that only one of them watches the clock.
    line: tokio::sync::Mutex<()>,
    answered: Notify,
}

impl Gate {
    pub(super) fn new(pace: Limiter) -> Self {
        Gate {
            pace: Mutex::new(pace),
            line: tokio::sync::Mutex::new(()),
            answered: Notify::new(),
        }
    }

    /// Waits for leave to send one request. Whoever gets it calls [`Gate::answered`] or [`Gate::not_sent`] once.
    pub(super) async fn enter(&self, clock: &dyn Clock, stop: &StopSignal) -> Result<(), Stopped> {
        let _first_in_line = stop.or_stop(self.line.lock()).await?;
        loop {
            if stop.is_stopping() {
                return Err(Stopped);
            }
            // Registered before asking, so that an answer in between is not missed.
            let answered = self.answered.notified();
            let permit = self.pace().ask(clock.steady());
            match permit {
                Permit::Granted => return Ok(()),
                Permit::After(wait) => stop.or_stop(tokio::time::sleep(wait)).await?,
                Permit::AfterAnAnswer => stop.or_stop(answered).await?,
            }
        }
    }

    /// The same without waiting: whether there is leave at once, and nobody stands in line before.
    pub(super) fn enter_at_once(&self, clock: &dyn Clock) -> bool {
        let Ok(_first_in_line) = self.line.try_lock() else {
            return false;
        };
        self.pace().ask(clock.steady()) == Permit::Granted
    }

    /// A request that had leave was answered, or given up, just now.
    pub(super) fn answered(&self, clock: &dyn Clock) {
        self.pace().answered(clock.steady());
        self.answered.notify_waiters();
    }

    /// A request that had leave never left.
    pub(super) fn not_sent(&self) {
        self.pace().not_sent();
        self.answered.notify_waiters();
    }

    /// Nobody sends for `wait` from now on.
    pub(super) fn pause(&self, clock: &dyn Clock, wait: Duration) {
        self.pace().pause(clock.steady(), wait);
    }

    /// Whether nobody may send just now.
    pub(super) fn is_paused(&self, clock: &dyn Clock) -> bool {
        self.pace().pause_left(clock.steady()).is_some()
    }

    /// The server refused a request for its pace. Returns how many in a row.
    pub(super) fn refused(&self) -> u32 {
        self.pace().refused()
    }

    /// The server took a request, whatever it said to it.
    pub(super) fn accepted(&self) {
        self.pace().accepted();
    }

    fn pace(&self) -> MutexGuard<'_, Limiter> {
        // The pace is plain numbers; a panic elsewhere cannot leave them half-written.
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
