//! Admin tokens: issued at login, expiring, refreshed with rotation. Also mints the session tokens.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A refresh token outlives its access token by this factor, as 604800 s do 86400 s in the vendor's documentation.
const REFRESH_LIVES: u32 = 7;

/// What a login or a refresh hands out.
pub(super) struct Grant {
    pub access: String,
    pub refresh: String,
}

/// The admin tokens that hold now.
pub(super) struct Tokens {
    life: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    access: HashMap<String, Instant>,
    refresh: HashMap<String, Instant>,
}

impl Tokens {
    pub(super) fn new(life: Duration) -> Self {
        Tokens {
            life,
            held: Mutex::default(),
        }
    }

    /// How long an access token holds.
    pub(super) fn life(&self) -> Duration {
        self.life
    }

    /// How long a refresh token holds.
    pub(super) fn refresh_life(&self) -> Duration {
        self.life.saturating_mul(REFRESH_LIVES)
    }

    /// A fresh pair.
    pub(super) fn grant(&self) -> Grant {
        self.grant_at(Instant::now())
    }

    /// A fresh pair for a refresh token, which is used up by it; `None` when that token does not hold.
    pub(super) fn rotate(&self, refresh: &str) -> Option<Grant> {
        self.rotate_at(refresh, Instant::now())
    }

    /// Whether an access token holds.
    pub(super) fn holds(&self, access: &str) -> bool {
        self.holds_at(access, Instant::now())
    }

    fn grant_at(&self, now: Instant) -> Grant {
        let grant = Grant {
            access: mint("admin"),
            refresh: mint("refresh"),
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.access
            .retain(|_, issued| now.duration_since(*issued) < self.life);
        held.refresh
            .retain(|_, issued| now.duration_since(*issued) < self.refresh_life());
        held.access.insert(grant.access.clone(), now);
        held.refresh.insert(grant.refresh.clone(), now);
        grant
    }

    fn rotate_at(&self, refresh: &str, now: Instant) -> Option<Grant> {
        let issued = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.refresh.remove(refresh)?
        };
        (now.duration_since(issued) < self.refresh_life()).then(|| self.grant_at(now))
    }

    fn holds_at(&self, access: &str, now: Instant) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.access
            .get(access)
            .is_some_and(|issued| now.duration_since(*issued) < self.life)
    }
}

/// A token that no other sandbox hands out: a rehearsal's ledger outlives the sandbox it was rehearsed against.
pub(super) fn mint(kind: &str) -> String {
    format!("{kind}-{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(10);

    #[test]
    fn an_access_token_holds_for_its_life_and_no_longer() {
        let (tokens, now) = (Tokens::new(LIFE), Instant::now());
        let grant = tokens.grant_at(now);
        assert!(tokens.holds_at(&grant.access, now));
        assert!(tokens.holds_at(&grant.access, now + LIFE.mul_f32(0.9)));
        assert!(!tokens.holds_at(&grant.access, now + LIFE));
        assert!(!tokens.holds_at(&grant.refresh, now), "of another kind");
        assert!(!tokens.holds_at("admin-0", now), "made up");
    }

    #[test]
    fn a_refresh_token_is_used_up_and_expires() {
        let (tokens, now) = (Tokens::new(LIFE), Instant::now());
        let first = tokens.grant_at(now);
        let second = tokens
            .rotate_at(&first.refresh, now + LIFE)
            .expect("it holds");
        assert!(
            tokens.rotate_at(&first.refresh, now + LIFE).is_none(),
            "used"
        );
        assert!(tokens.holds_at(&second.access, now + LIFE));
        let late = now + LIFE + LIFE * REFRESH_LIVES;
        assert!(tokens.rotate_at(&second.refresh, late).is_none(), "expired");
    }

    #[test]
    fn expired_tokens_are_forgotten() {
        let (tokens, now) = (Tokens::new(LIFE), Instant::now());
        for second in 0..1_000 {
            tokens.grant_at(now + Duration::from_secs(second));
        }
        let held = tokens.held.lock().unwrap();
        assert_eq!((held.access.len(), held.refresh.len()), (10, 70));
    }
}
