//! What happens during a run, for those who watch: progress, log, metrics.

use std::time::Duration;

use crate::model::{Counts, RowNumber, Status};

/// Something that happened. Holds no personal data.
#[derive(Debug, Clone)]
pub enum SendEvent {
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
    Paused { wait: Duration },
}

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub counts: Counts,
    /// Requests for invitations in this run.
    pub requests: u64,
    /// Those answered 429.
    pub throttled: u64,
}

impl Tally {
    /// A row that was under way, or found to be another computer's, has its status.
    pub(super) fn end(&mut self, status: Status, elsewhere: bool) {
        let counts = &mut self.counts;
        let to = match status {
            Status::Created if elsewhere => &mut counts.already_created,
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
}

/// Somebody who watches; must not take long.
pub trait Observer: Send + Sync {
    /// Something happened, and this is how far the run is now.
    fn see(&self, event: &SendEvent, tally: &Tally);
}
