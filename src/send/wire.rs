//! The wire to Vlens has so many places: never more requests than that are under way.
//!
//! While a row waits for the disk, its place would be empty. So where many are wanted at a time and nothing limits the
//! pace, some more rows stand by, their intents on paper, and take the next free place at once.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::send::limiter::Limiter;

/// The places of a run.
pub(super) struct Wire(Semaphore);

/// A place on the wire; free again when dropped.
pub(super) type Place<'a> = SemaphorePermit<'a>;

/// With so few places nobody stands by: who asks for few at a time would rather have few uncertain rows than speed.
const FEW: usize = 8;

/// How many rows may stand by: two thirds of the places beyond those few. Half of them or fewer leave the wire empty at times,
/// all of them gain little more. Not too many, because a row on paper is uncertain after a kill even if it never left; and none
/// under a limit, where the pace is what they would wait for, each with a slot that another could use.
pub(super) fn standing_by(places: usize, pace: &Limiter) -> usize {
    if pace.is_unlimited() {
        places.saturating_sub(FEW) * 2 / 3
    } else {
        0
    }
}

impl Wire {
    pub(super) fn new(places: usize) -> Self {
        Wire(Semaphore::new(places))
    }

    /// A place, if one is free now.
    pub(super) fn free_place(&self) -> Option<Place<'_>> {
        self.0.try_acquire().ok()
    }

    /// Waits for a place, in turn. None would mean that the wire is closed, which nobody does.
    pub(super) async fn next_place(&self) -> Option<Place<'_>> {
        self.0.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::standing_by;
    use crate::send::limiter::{Limiter, Limits};

    #[test]
    fn nobody_stands_by_under_a_limit() {
        let pace = |per_second, per_minute| {
            Limiter::new(Limits {
                per_second: NonZeroU32::new(per_second),
                per_minute: NonZeroU32::new(per_minute),
            })
        };
        for (places, spare) in [(1, 0), (8, 0), (10, 1), (32, 16), (64, 37)] {
            assert_eq!(standing_by(places, &pace(0, 0)), spare);
            assert_eq!(standing_by(places, &pace(1000, 0)), 0);
            assert_eq!(standing_by(places, &pace(0, 1000)), 0);
        }
    }
}
