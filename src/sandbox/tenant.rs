//! The one tenant: its account, its rate limits as the server sees them, and its admin tokens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The account that every sandbox knows. It is fixed and public, so that a rehearsal's ledger stays bound to the same tenant.
pub const API_KEY: &str = "sandbox-api-key";
pub const TENANCY_NAME: &str = "sandbox";
pub const USERNAME: &str = "admin@sandbox.example";
pub const PASSWORD: &str = "sandbox-password";

/// What is locked here is whole at any time, whatever panicked.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both windows slide: at most so many requests are admitted in *any* second and *any* minute, logins included. A request
/// that is turned away uses up nothing.
pub(super) struct Limits(Mutex<Vec<Window>>);

/// The admissions of the last so many seconds, as times since the start.
struct Window {
    span: Duration,
    max: usize,
    admitted: VecDeque<Duration>,
}

impl Limits {
    /// 0 is no limit.
    pub(super) fn new(per_second: u32, per_minute: u32) -> Self {
        let windows = [(1, per_second), (60, per_minute)].into_iter();
        let windows = windows.filter(|(_, max)| *max > 0);
        let windows = windows.map(|(seconds, max)| Window {
            span: Duration::from_secs(seconds),
            max: max as usize,
            admitted: VecDeque::new(),
        });
        Limits(Mutex::new(windows.collect()))
    }

    /// Takes a place in every window, or says after how many whole seconds all will have one.
    pub(super) fn admit(&self, now: Duration) -> Result<(), u64> {
        let mut windows = locked(&self.0);
        let waits = windows.iter_mut().filter_map(|window| window.wait(now));
        if let Some(wait) = waits.max() {
            return Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        }
        for window in &mut *windows {
            window.admitted.push_back(now);
        }
        Ok(())
    }
}

impl Window {
    /// How long until there is a place; `None` when there is one.
    fn wait(&mut self, now: Duration) -> Option<Duration> {
        let span = self.span;
        self.admitted.retain(|at| now.saturating_sub(*at) < span);
        let oldest = self.admitted.front()?;
        let is_full = self.admitted.len() >= self.max;
        is_full.then(|| (*oldest + span).saturating_sub(now))
    }
}

/// A refresh token outlives its access token by this factor, as 604800 s do 86400 s in the vendor's documentation.
const REFRESH_LIVES: u32 = 7;

/// The admin tokens that hold now, with their ends: issued at login, expiring, refreshed with rotation.
pub(super) struct Tokens {
    pub life: Duration,
    held: Mutex<HashMap<String, Instant>>,
}

impl Tokens {
    pub(super) fn new(life: Duration) -> Self {
        Tokens {
            life,
            held: Mutex::default(),
        }
    }

    pub(super) fn refresh_life(&self) -> Duration {
        self.life.saturating_mul(REFRESH_LIVES)
    }

    /// An access token and a refresh token, in place of the refresh token that is used up by it.
    pub(super) fn grant(&self, used: Option<&str>) -> [String; 2] {
        let granted = [mint("admin"), mint("refresh")];
        let now = Instant::now();
        let mut held = locked(&self.held);
        held.retain(|token, end| *end > now && Some(token.as_str()) != used);
        held.insert(granted[0].clone(), now + self.life);
        held.insert(granted[1].clone(), now + self.refresh_life());
        granted
    }

    /// Whether it is a token of this kind, `admin` or `refresh`, whose time is not over.
    pub(super) fn holds(&self, kind: &str, token: &str) -> bool {
        let end = locked(&self.held).get(token).copied();
        token.starts_with(kind) && end.is_some_and(|end| end > Instant::now())
    }
}

/// A token that no other sandbox hands out: a rehearsal's ledger outlives the sandbox it was rehearsed against.
pub(super) fn mint(kind: &str) -> String {
    format!("{kind}-{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_windows_slide_both_must_have_a_place_and_a_refused_request_uses_up_none() {
        let limits = Limits::new(2, 3);
        for (ms, expected) in [
            (0, Ok(())),
            (900, Ok(())),
            (999, Err(1)),    // two in the last second
            (1_000, Ok(())),  // the first has left the second
            (1_950, Err(59)), // three in the minute
            (59_999, Err(1)),
            (60_000, Ok(())),
            (60_001, Err(1)),
        ] {
            let admitted = limits.admit(Duration::from_millis(ms));
            assert_eq!(admitted, expected, "at {ms} ms");
        }
    }
}
