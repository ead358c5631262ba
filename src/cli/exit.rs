//! Exit codes: what a cron job can rely on.

use std::process::ExitCode;

use crate::error::Kind;
use crate::model::{RunSummary, Stop};

/// Why the process ends, as its exit code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every row is dealt with.
    Done,
    /// An unexpected error.
    Unexpected,
    /// Wrong usage.
    Usage,
    /// Finished, but rows need a person.
    NeedsPerson,
    /// Stopped early and resumable.
    Stopped,
    /// The file, the mapping or the config cannot be used; nothing was sent.
    Unusable,
    /// Vlens refuses every request.
    Refused,
    /// Another process is running on this ledger.
    Busy,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Unexpected => 1,
            Exit::Usage => 2,
            Exit::NeedsPerson => 3,
            Exit::Stopped => 4,
            Exit::Unusable => 5,
            Exit::Refused => 6,
            Exit::Busy => 7,
        }
    }

    /// The exit of a run that stands so. When several hold, the first of 6, 4, 3 wins.
    pub fn of_run(summary: &RunSummary) -> Exit {
        match summary.stopped {
            Some(Stop::Refused) => return Exit::Refused,
            Some(Stop::Signal | Stop::Failures | Stop::Limit | Stop::Duration) => {
                return Exit::Stopped;
            }
            Some(Stop::InvalidRows | Stop::Expectation) => return Exit::NeedsPerson,
            None => {}
        }
        // Killed before it could say why it stopped.
        if summary.counts.pending > 0 {
            return Exit::Stopped;
        }
        if summary.counts.needing_a_person() > 0 {
            return Exit::NeedsPerson;
        }
        Exit::Done
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unexpected => Exit::Unexpected,
            Kind::Usage => Exit::Usage,
            Kind::Stopped => Exit::Stopped,
            Kind::Unusable => Exit::Unusable,
            Kind::Refused => Exit::Refused,
            Kind::Busy => Exit::Busy,
        }
    }
}
