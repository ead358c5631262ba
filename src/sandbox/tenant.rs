//! The one tenant: its account, its rate limits as the server sees them, and its admin tokens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::model::Secret;

pub(super) const API_KEY: &str = "sandbox-api-key";
pub(super) const TENANCY_NAME: &str = "sandbox";
pub(super) const USERNAME: &str = "admin@sandbox.example";
pub(super) const PASSWORD: &str = "sandbox-password";

/// The account that every sandbox knows. It is fixed and public, so that a rehearsal's ledger stays bound to the same tenant.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub api_key: Secret,
    pub tenancy_name: String,
    pub username: String,
    pub password: Secret,
}

impl Credentials {
    pub fn of_the_sandbox() -> Self {
        Credentials {
            api_key: Secret::new(API_KEY),
            tenancy_name: TENANCY_NAME.to_owned(),
            username: USERNAME.to_owned(),
            password: Secret::new(PASSWORD),
        }
    }
}

/// What is locked here is whole at any time, whatever panicked.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request's arrival.
pub(super) struct Arrival {
    /// Counted from 1.
    pub seq: u64,
    /// Unix milliseconds, by a clock that never steps.
    pub at_ms: u64,
    /// Past a limit: the whole seconds after which to come back.
    pub retry_after_s: Option<u64>,
}

/// Both windows slide: at most so many requests are admitted in *any* second and *any* minute, logins included. A request
/// that is turned away uses up nothing.
pub(super) struct Limits {
    started: Instant,
    started_ms: u64,
    state: Mutex<(u64, Vec<Window>)>,
}

/// The admissions of the last so many seconds, as times since the start.
struct Window {
    span: Duration,
    max: u32,
    admitted: VecDeque<Duration>,
}

impl Limits {
    pub(super) fn new(per_second: Option<u32>, per_minute: Option<u32>) -> Self {
        let window = |seconds, max: Option<u32>| Some(Window::new(seconds, max?));
        let windows = [window(1, per_second), window(60, per_minute)];
        Limits {
            started: Instant::now(),
            started_ms: millis(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()),
            state: Mutex::new((0, windows.into_iter().flatten().collect())),
        }
    }

    pub(super) fn arrive(&self) -> Arrival {
        let mut state = locked(&self.state);
        let (arrivals, windows) = &mut *state;
        // Read under the lock, so that numbers, times and windows agree.
        let now = self.started.elapsed();
        *arrivals += 1;
        Arrival {
            seq: *arrivals,
            at_ms: self.started_ms + millis(now),
            retry_after_s: admit(windows, now).err(),
        }
    }
}

/// Takes a place in every window, or says after how many whole seconds all will have one.
fn admit(windows: &mut [Window], now: Duration) -> Result<(), u64> {
    if let Some(wait) = windows
        .iter_mut()
        .filter_map(|window| window.wait(now))
        .max()
    {
        return Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    }
    for window in windows {
        window.admitted.push_back(now);
    }
    Ok(())
}

impl Window {
    fn new(seconds: u64, max: u32) -> Self {
        Window {
            span: Duration::from_secs(seconds),
            max,
            admitted: VecDeque::new(),
        }
    }

    /// How long until there is a place; `None` when there is one.
    fn wait(&mut self, now: Duration) -> Option<Duration> {
        let span = self.span;
        self.admitted.retain(|at| now.saturating_sub(*at) < span);
        if self.admitted.len() < self.max as usize {
            return None;
        }
        // A limit of zero never has a place.
        let oldest = self.admitted.front().copied().unwrap_or(now);
        Some((oldest + span).saturating_sub(now))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A refresh token outlives its access token by this factor, as 604800 s do 86400 s in the vendor's documentation.
const REFRESH_LIVES: u32 = 7;

/// What a login or a refresh hands out.
pub(super) struct Grant {
    pub access: String,
    pub refresh: String,
}

/// The admin tokens that hold now, with their ends: issued at login, expiring, refreshed with rotation.
pub(super) struct Tokens {
    pub life: Duration,
    pub refresh_life: Duration,
    held: Mutex<HashMap<String, Instant>>,
}

impl Tokens {
    pub(super) fn new(life: Duration) -> Self {
        Tokens {
            life,
            refresh_life: life.saturating_mul(REFRESH_LIVES),
            held: Mutex::default(),
        }
    }

    pub(super) fn grant(&self, now: Instant) -> Grant {
        let (access, refresh) = (mint("admin"), mint("refresh"));
        let mut held = locked(&self.held);
        held.retain(|_, end| *end > now);
        held.insert(access.clone(), now + self.life);
        held.insert(refresh.clone(), now + self.refresh_life);
        Grant { access, refresh }
    }

    /// A fresh pair for a refresh token, which is used up by it; `None` when that token does not hold.
    pub(super) fn rotate(&self, refresh: &str, now: Instant) -> Option<Grant> {
        if !self.holds("refresh-", refresh, now) {
            return None;
        }
        locked(&self.held).remove(refresh)?;
        Some(self.grant(now))
    }

    pub(super) fn is_admin(&self, access: &str, now: Instant) -> bool {
        self.holds("admin-", access, now)
    }

    fn holds(&self, kind: &str, token: &str, now: Instant) -> bool {
        let held = locked(&self.held);
        token.starts_with(kind) && held.get(token).is_some_and(|end| *end > now)
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
        let mut windows = [Window::new(1, 2), Window::new(60, 3)];
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
            assert_eq!(
                admit(&mut windows, Duration::from_millis(ms)),
                expected,
                "at {ms} ms"
            );
        }
        assert_eq!(
            admit(&mut [Window::new(60, 0)], Duration::ZERO),
            Err(60),
            "no place at all"
        );
    }

    #[test]
    fn tokens_hold_for_their_life_and_a_refresh_token_is_used_up() {
        const LIFE: Duration = Duration::from_secs(10);
        let (tokens, now) = (Tokens::new(LIFE), Instant::now());
        let first = tokens.grant(now);
        assert!(tokens.is_admin(&first.access, now + LIFE.mul_f32(0.9)));
        assert!(!tokens.is_admin(&first.access, now + LIFE));
        assert!(!tokens.is_admin(&first.refresh, now), "of another kind");
        assert!(!tokens.is_admin("admin-0", now), "made up");
        let second = tokens.rotate(&first.refresh, now + LIFE).expect("it holds");
        assert!(tokens.rotate(&first.refresh, now + LIFE).is_none(), "used");
        assert!(tokens.is_admin(&second.access, now + LIFE));
        let late = now + LIFE + LIFE * REFRESH_LIVES;
        assert!(tokens.rotate(&second.refresh, late).is_none(), "expired");
        for second in 0..1_000 {
            tokens.grant(now + Duration::from_secs(second));
        }
        assert_eq!(
            tokens.held.lock().unwrap().len(),
            10 + 70,
            "expired ones are forgotten"
        );
    }
}
