//! An exact sliding window whose slots are free again one window after the answer.

use std::collections::VecDeque;
use std::time::Duration;

use super::Permit;

/// At most `limit` requests in any stretch of `length`, as the server sees them.
pub(super) struct Window {
    limit: u32,
    length: Duration,
    under_way: u32,
    /// When the answers of the last window came, oldest first.
    answered: VecDeque<Duration>,
}

/// Clocks of two machines differ by up to some hundred parts in a million; a window is held this much longer.
const CLOCK_DRIFT_PARTS: u32 = 5000;

impl Window {
    pub(super) fn new(limit: u32, length: Duration) -> Self {
        Window {
            limit,
            length: length + length / CLOCK_DRIFT_PARTS,
            under_way: 0,
            answered: VecDeque::new(),
        }
    }

    pub(super) fn seed(&mut self, at: Duration) {
        self.answered.push_back(at);
    }

    /// Whether one more may start; takes no slot yet.
    pub(super) fn ask(&mut self, now: Duration, share: f64) -> Permit {
        self.forget(now);
        let limit = self.limit_at(share);
        let answered = u32::try_from(self.answered.len()).unwrap_or(u32::MAX);
        if self.under_way.saturating_add(answered) < limit {
            return Permit::Granted;
        }
        if self.under_way >= limit {
            return Permit::AfterAnAnswer;
        }
        // The answer whose passing out of the window frees the slot that is missing.
        let surplus = self.under_way.saturating_add(answered) - limit;
        match self.answered.get(surplus as usize) {
            Some(&at) => Permit::After((at + self.length).saturating_sub(now)),
            None => Permit::AfterAnAnswer,
        }
    }

    pub(super) fn take(&mut self) {
        self.under_way += 1;
    }

    pub(super) fn give_back(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    pub(super) fn answered(&mut self, now: Duration) {
        self.give_back();
        self.answered.push_back(now);
    }

    fn forget(&mut self, now: Duration) {
        while self
            .answered
            .front()
            .is_some_and(|&at| at + self.length <= now)
        {
            self.answered.pop_front();
        }
    }

    fn limit_at(&self, share: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a u32 between 0 and 1 is within u32"
        )]
        let limit = (f64::from(self.limit) * share.clamp(0.0, 1.0)) as u32;
        limit.max(1)
    }
}
