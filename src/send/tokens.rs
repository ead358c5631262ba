//! The admin token: one for all workers, renewed ahead of its end and after a 401, by one of them for all.

use std::time::Duration;

use tokio::sync::Mutex;

use super::road::Road;
use super::stop::{StopReason, Stopped};
use crate::model::{Refusal, Secret};
use crate::send::limiter::Wait;
use crate::vlens::{AdminToken, TokenError};

/// What the login takes.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// User name or e-mail address.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// A token to send with, and which one it is.
#[derive(Clone)]
pub(super) struct Bearer {
    pub(super) secret: Secret,
    pub(super) generation: u64,
}

/// Keeps the token.
pub(super) struct Tokens {
    credentials: Credentials,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    generation: u64,
    token: Option<Token>,
}

struct Token {
    access: Secret,
    refresh: Option<Secret>,
    /// On the steady clock: from here on a new one is asked for before the next request.
    renew_at: Duration,
    /// Known to be refused (a 401), though its time is not over.
    is_refused: bool,
}

impl Held {
    fn bearer(&self) -> Option<Bearer> {
        self.token.as_ref().map(|token| Bearer {
            secret: token.access.clone(),
            generation: self.generation,
        })
    }

    fn is_good(&self, road: &Road) -> bool {
        let now = road.clock.steady();
        self.token
            .as_ref()
            .is_some_and(|token| !token.is_refused && now < token.renew_at)
    }
}

/// A token is renewed when a fifth of its life is left, at most five minutes ahead.
const LONGEST_MARGIN: Duration = Duration::from_mins(5);

impl Tokens {
    pub(super) fn new(credentials: Credentials) -> Self {
        Tokens {
            credentials,
            held: Mutex::new(Held::default()),
        }
    }

    /// The token to send with now; logs in or refreshes first where that is due. All other workers wait meanwhile.
    pub(super) async fn bearer(&self, road: &Road) -> Result<Bearer, Stopped> {
        let mut held = self.held.lock().await;
        if !held.is_good(road) {
            self.renew(&mut held, road).await?;
        }
        held.bearer().ok_or(Stopped)
    }

    /// The token to send with now, if it is good and nobody is about to renew it.
    pub(super) fn at_hand(&self, road: &Road) -> Option<Bearer> {
        let held = self.held.try_lock().ok()?;
        held.is_good(road).then(|| held.bearer()).flatten()
    }

    /// Whether a token got a moment ago may still be sent with: the wait for a slot can be long.
    pub(super) async fn is_good(&self, bearer: &Bearer, road: &Road) -> bool {
        let held = self.held.lock().await;
        held.generation == bearer.generation && held.is_good(road)
    }

    /// Whether a token got a moment ago has been refused since. One that was only replaced may still do.
    pub(super) fn is_refused(&self, bearer: &Bearer) -> bool {
        self.held.try_lock().is_ok_and(|held| {
            let is_refused = held.token.as_ref().is_some_and(|token| token.is_refused);
            is_refused && held.generation == bearer.generation
        })
    }

    /// The token of this generation was answered with a 401. Of all workers that find out, the first counts.
    pub(super) async fn refused(&self, generation: u64) {
        let mut held = self.held.lock().await;
        if held.generation == generation
            && let Some(token) = &mut held.token
        {
            token.is_refused = true;
        }
    }

    /// A refresh where there is something to refresh with, else, and when it fails, a login.
    async fn renew(&self, held: &mut Held, road: &Road) -> Result<(), Stopped> {
        let refresh = held.token.take().and_then(|token| token.refresh);
        let fresh = match refresh {
            Some(refresh) => match road.call(road.client.refresh(&refresh)).await? {
                Ok(token) => Some(token),
                Err(error) => {
                    tracing::warn!("the token could not be refreshed ({error}); logging in afresh");
                    note_pause(&error, road);
                    None
                }
            },
            None => None,
        };
        let fresh = match fresh {
            Some(token) => token,
            None => self.log_in(road).await?,
        };
        held.generation += 1;
        held.token = Some(Token::new(fresh, road.clock.steady()));
        Ok(())
    }

    /// Logs in. A refusal stops the run at once and is never repeated; what may pass is tried again a few times.
    async fn log_in(&self, road: &Road) -> Result<AdminToken, Stopped> {
        let Credentials { username, password } = &self.credentials;
        let mut attempt = 1;
        loop {
            let error = match road.call(road.client.login(username, password)).await? {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            let why = match error {
                TokenError::Refused { message } => {
                    StopReason::Refused(Refusal::Credentials, message)
                }
                TokenError::NotTheApi { message } => {
                    StopReason::Refused(Refusal::NotTheApi, message)
                }
                passing if attempt < road.max_attempts => {
                    tracing::warn!("the login failed ({passing}); trying again");
                    if !note_pause(&passing, road) {
                        road.back_off(attempt).await?;
                    }
                    attempt += 1;
                    continue;
                }
                lasting => {
                    StopReason::Failures(format!("Vlens could not be logged in to: {lasting}"))
                }
            };
            road.stop.stop(why);
            return Err(Stopped);
        }
    }
}

/// Honours a `Retry-After` on a login for the whole run. False when there was none to honour.
fn note_pause(error: &TokenError, road: &Road) -> bool {
    let TokenError::Busy { retry_after, .. } = error else {
        return false;
    };
    match retry_after.map(|asked| crate::send::limiter::wait_for(asked, road.clock.wall())) {
        Some(Wait::For(wait)) => {
            road.pause(wait);
            true
        }
        Some(Wait::TooLong(_)) | None => false,
    }
}

impl Token {
    fn new(token: AdminToken, now: Duration) -> Self {
        let margin = (token.expires_in / 5).min(LONGEST_MARGIN);
        Token {
            access: token.access,
            refresh: token.refresh,
            renew_at: now + token.expires_in.saturating_sub(margin),
            is_refused: false,
        }
    }
}

impl Credentials {
    /// Whether there is enough to try a login with.
    pub fn is_complete(&self) -> bool {
        !self.username.is_empty() && !self.password.expose().is_empty()
    }
}
