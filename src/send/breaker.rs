//! The circuit breaker: so many rows in a row that failed or became uncertain, and the run stops before it burns more.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counts bad ends in a row.
pub(super) struct Breaker {
    most: u32,
    in_a_row: AtomicU32,
}

impl Breaker {
    pub(super) fn new(most: u32) -> Self {
        Breaker {
            most,
            in_a_row: AtomicU32::new(0),
        }
    }

    /// A row ended `created` or `rejected`: the other side is there.
    pub(super) fn good(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    /// A row ended `failed` or `uncertain`. True when that was one too many.
    pub(super) fn bad(&self) -> bool {
        self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::Breaker;

    #[test]
    fn only_bad_ends_in_a_row_break_the_circuit() {
        let breaker = Breaker::new(3);
        assert!(!breaker.bad());
        assert!(!breaker.bad());
        breaker.good();
        assert!(!breaker.bad());
        assert!(!breaker.bad());
        assert!(breaker.bad());
    }
}
