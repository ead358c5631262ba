//! What happens during a run, for those who watch: progress, log, metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::{Counts, Outcome, RowNumber, Status};

/// Something that happened. Holds no personal data.
#[derive(Debug, Clone)]
pub enum SendEvent {
    Sending,
    /// A row has its status for this run, and the ledger has it durably.
    Ended {
        row: RowNumber,
        status: Status,
        /// The vendor's code or the reason, when it was not created.
        code: Option<String>,
        /// The same for people, values masked.
        message: Option<String>,
    },
    /// A row goes again later.
    Again {
        row: RowNumber,
        /// `unreachable`, `throttled` or `unavailable`.
        why: &'static str,
        wait: Duration,
    },
    /// Nobody sends for this long.
    Paused {
        wait: Duration,
    },
}

impl SendEvent {
    pub(super) fn ended(row: RowNumber, status: Status, outcome: &Outcome) -> Self {
        SendEvent::Ended {
            row,
            status,
            code: outcome.code(),
            message: outcome.message(),
        }
    }

    pub(super) fn again(row: RowNumber, outcome: &Outcome, wait: Duration) -> Self {
        SendEvent::Again {
            row,
            why: outcome.into(),
            wait,
        }
    }
}

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub counts: Counts,
    /// Requests for invitations so far in this run.
    pub requests: u64,
    /// Those answered 429.
    pub throttled: u64,
}

/// Somebody who watches. Called from several tasks; must not take long.
pub trait Observer: Send + Sync {
    /// Something happened, and this is how far the run is now.
    fn see(&self, event: &SendEvent, tally: &Tally);
}

/// Counts, and tells the observer.
#[derive(Clone)]
pub(super) struct Journal {
    tally: Arc<Mutex<Tally>>,
    observer: Arc<dyn Observer>,
}

impl Journal {
    pub(super) fn new(tally: Tally, observer: Arc<dyn Observer>) -> Self {
        Journal {
            tally: Arc::new(Mutex::new(tally)),
            observer,
        }
    }

    pub(super) fn note(&self, event: &SendEvent) {
        if let SendEvent::Ended { status, .. } = event {
            end(&mut self.lock().counts, *status);
        }
        self.observer.see(event, &self.tally());
    }

    pub(super) fn request(&self) {
        self.lock().requests += 1;
    }

    pub(super) fn throttled(&self) {
        self.lock().throttled += 1;
    }

    pub(super) fn tally(&self) -> Tally {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(counts: &mut Counts, status: Status) {
    let to = match status {
        Status::Created => &mut counts.created,
        Status::Rejected => &mut counts.rejected,
        Status::Failed => &mut counts.failed,
        Status::Uncertain => &mut counts.uncertain,
        // Not ends of a row that was under way.
        Status::Pending | Status::Invalid | Status::Duplicate => return,
    };
    *to += 1;
    counts.pending = counts.pending.saturating_sub(1);
}
