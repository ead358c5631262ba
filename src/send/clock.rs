//! The clock as the hall sees it: handed in, so that what depends on time can be tested without waiting.

use std::time::Duration;

use crate::model::{Moment, Timestamp};

/// Two clocks: the wall's for people, and one that never jumps for limits and waits.
pub trait Clock: Send + Sync {
    /// Both, with the machine's boot, for the ledger.
    fn moment(&self) -> Moment;

    /// The wall clock, which people and daylight saving may set at any time.
    fn wall(&self) -> Timestamp {
        self.moment().at
    }

    /// Time since the machine started; never jumps, goes on while the machine sleeps.
    fn steady(&self) -> Duration;
}
