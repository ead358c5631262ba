//! The one way to Vlens, for runs, `doctor` and `contract-types` alike. The promise hangs on its order, which the types keep: a
//! [`Slot`] within the limits (and the team's), then an [`Intent`], durable, without which nothing is sent; then the request; then its
//! outcome durable, and told to the team's register. Nobody hears of an outcome before it is durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::limiter::{Limiter, Permit};
use super::stop::{StopReason, StopSignal, Stopped};
use crate::error::Error;
use crate::failpoint;
use crate::ledger::{self, Closing, Event, InvitationId, Writer};
use crate::model::{CustomerKey, Failure, Moment, Secret, Status, Timestamp};
use crate::register::{AttemptId, Claim, FENCE, Register, Verdict};
use crate::vlens::{AdminToken, Client, Fence};

/// Two clocks: the wall's for people, and one that never jumps for limits and waits. Handed in, so that what depends on time can
/// be tested without waiting.
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

/// What the login takes.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// User name or e-mail address.
    pub username: String,
    pub password: Secret,
}

/// The token that holds, or why the login failed for good: it is not tried again.
type Tokens = tokio::sync::Mutex<Option<Result<Token, Failure>>>;

pub(super) struct Token {
    pub(super) admin: AdminToken,
    /// On the steady clock: from here on a new one is asked for before the next request.
    pub(super) renew_at: Duration,
}

/// A token is renewed when a fifth of its life is left, at most five minutes ahead.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_mins(5);

impl Token {
    pub(super) fn new(admin: AdminToken, now: Duration) -> Self {
        let margin = (admin.expires_in / 5).min(RENEWAL_MARGIN_MAX);
        Token {
            renew_at: now + admin.expires_in.saturating_sub(margin),
            admin,
        }
    }
}

/// Where a person waits for the answer, it is not asked for as often as in a run.
const MAX_ATTEMPTS: u32 = 3;

pub struct Api {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Arc<StopSignal>,
    pub(super) credentials: Option<Credentials>,
    pub(super) ledger: Option<Writer>,
    /// The team's, which every request asks as well.
    register: Option<Arc<Register>>,
    limiter: Mutex<Limiter>,
    /// Those who must wait stand in line, so that only one of them watches the clock.
    line: tokio::sync::Mutex<()>,
    answered: Notify,
    pub(super) tokens: Tokens,
    /// Attempts at what may pass.
    pub(super) max_attempts: u32,
}

/// Leave for one request. Dropped when its answer has come or it is given up: then its slot is free one window later.
pub(super) struct Slot<'a> {
    api: &'a Api,
    /// Whether the server can have counted the request; if not, the slot is free at once.
    is_counted: bool,
    /// What the team's register knows the request by, and when it was asked.
    registered: Option<(AttemptId, Duration)>,
}

impl<'a> Slot<'a> {
    /// The request never left, and the register hears of it.
    pub(super) async fn not_sent(mut self) {
        self.is_counted = false;
        let (api, registered) = (self.api, self.registered);
        drop(self);
        api.tell(registered, "withdrawn", Status::Pending, None)
            .await;
    }

    /// Records the request; once this has returned, it may leave. `invitation` is none for a call that is about none.
    pub(super) async fn open(
        self,
        invitation: Option<InvitationId>,
    ) -> Result<Intent<'a>, Stopped> {
        let api = self.api;
        // Of a call, nothing is left to be told after a crash.
        let name = invitation.and(self.registered).map(|(name, _)| name);
        let noted = match &api.ledger {
            None => None,
            Some(ledger) => {
                let now = api.clock.moment();
                let opening =
                    ledger.begin(move |ledger| ledger.open_attempt(invitation, name, &now));
                match opening.await.flatten() {
                    Ok(attempt) => Some((ledger, attempt)),
                    Err(error) => {
                        self.not_sent().await;
                        return Err(api.broken(error));
                    }
                }
            }
        };
        Ok(Intent {
            slot: self,
            name,
            noted,
        })
    }
}

/// A request that is recorded.
pub(super) struct Intent<'a> {
    slot: Slot<'a>,
    /// What the register knows it by, where the ledger keeps whether it was told.
    name: Option<AttemptId>,
    noted: Option<(&'a Writer, ledger::AttemptId)>,
}

impl Intent<'_> {
    /// Says until when the request may begin to leave, counted from when the register was asked: whoever takes it for lost waits longer.
    pub(super) fn fence(&self) -> Fence {
        let (_, asked) = self.slot.registered?;
        let clock = Arc::clone(&self.slot.api.clock);
        Some(Arc::new(move || {
            clock.steady().saturating_sub(asked) < FENCE
        }))
    }

    /// Records what became of the request; once this has returned, it may be told.
    pub(super) async fn close(mut self, closing: Closing) -> Result<(), Stopped> {
        let (api, registered) = (self.slot.api, self.slot.registered);
        // Before this request's slot is free, and before the disk is waited for: the others would go on meanwhile.
        if let Some(pause) = closing.pause {
            api.limiter().pause(api.clock.steady(), pause);
        }
        self.slot.is_counted = closing.event != Event::Unreachable;
        drop(self.slot);
        let (event, pause) = (<&str>::from(closing.event), closing.pause);
        let status = closing.status.unwrap_or(Status::Pending);
        if let Some((ledger, attempt)) = self.noted {
            let now = api.clock.moment();
            let closed = ledger.note(move |ledger| ledger.close_attempt(attempt, &closing, &now));
            closed.await.map_err(|error| api.broken(error))?;
        }
        if event != <&str>::from(Event::Answered) {
            failpoint::pass("after_outcome");
        }
        let is_told = api.tell(registered, event, status, pause).await;
        if let (true, Some(name), Some((ledger, _))) = (is_told, self.name, self.noted) {
            let noted = ledger.note(move |ledger| ledger.note_told(name));
            noted.await.map_err(|error| api.broken(error))?;
        }
        Ok(())
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let now = self.api.clock.steady();
        if self.is_counted {
            self.api.limiter().answered(now);
        } else {
            self.api.limiter().not_sent();
        }
        self.api.answered.notify_waiters();
    }
}

/// For whom a request asks, and which status of his a person's word has overcome; none: for nobody, as a login does.
pub(super) type Asked<'a> = Option<(&'a CustomerKey, Option<Status>)>;

impl Api {
    /// `limiter` is seeded with the requests of the last minute; without `credentials` there is no token to call with; without a
    /// `ledger` calls are noted nowhere (`send` notes them in its own); without a `register` this computer sends alone.
    pub fn new(
        client: Client,
        credentials: Option<Credentials>,
        limiter: Limiter,
        ledger: Option<Writer>,
        register: Option<Arc<Register>>,
        clock: Arc<dyn Clock>,
        stop: Arc<StopSignal>,
    ) -> Self {
        Api {
            client,
            clock,
            stop,
            credentials,
            ledger,
            register,
            limiter: Mutex::new(limiter),
            line: tokio::sync::Mutex::new(()),
            answered: Notify::new(),
            tokens: Tokens::default(),
            max_attempts: MAX_ATTEMPTS,
        }
    }

    /// Gives the ledger's writer back, to be stopped.
    pub fn into_ledger(self) -> Option<Writer> {
        self.ledger
    }

    /// Waits for a slot within this process's limits, and then within the team's; or says whose the customer is.
    pub(super) async fn slot(&self, asked: Asked<'_>) -> Result<Result<Slot<'_>, Claim>, Stopped> {
        let _first_in_line = self.stop.or_stop(self.line.lock()).await?;
        loop {
            if self.stop.is_stopping() {
                return Err(Stopped);
            }
            // Registered before asking, so that an answer in between is not missed.
            let answered = self.answered.notified();
            let permit = self.limiter().ask(self.clock.steady());
            match permit {
                Permit::Granted => break,
                Permit::After(wait) => self.stop.or_stop(tokio::time::sleep(wait)).await?,
                Permit::AfterAnAnswer => self.stop.or_stop(answered).await?,
            }
        }
        let mut slot = Slot {
            api: self,
            is_counted: true,
            registered: None,
        };
        let Some(register) = &self.register else {
            return Ok(Ok(slot));
        };
        match self.ask_team(register, &mut slot, asked).await {
            Ok(None) => Ok(Ok(slot)),
            Ok(Some(claim)) => {
                slot.not_sent().await;
                Ok(Err(claim))
            }
            Err(Stopped) => {
                slot.not_sent().await;
                Err(Stopped)
            }
        }
    }

    /// Waits until a request may leave within the limits of all computers together; or says whose the customer is.
    async fn ask_team(
        &self,
        register: &Register,
        slot: &mut Slot<'_>,
        asked: Asked<'_>,
    ) -> Result<Option<Claim>, Stopped> {
        let away = |error| self.give_up(StopReason::Register(error));
        let (customer, over) = asked.unzip();
        let customer = customer.map(CustomerKey::as_slice);
        loop {
            let attempt = Register::new_attempt().map_err(away)?;
            slot.registered = Some((attempt, self.clock.steady()));
            let asking = register.open_attempt(attempt, customer, over.flatten());
            // Where the run stops meanwhile, it may have been granted all the same.
            let verdict = self.stop.or_stop(asking).await?;
            if verdict != Ok(Verdict::Granted) {
                slot.registered = None;
            }
            match verdict.map_err(away)? {
                Verdict::Granted => return Ok(None),
                Verdict::Taken(claim) => return Ok(Some(claim)),
                Verdict::Wait(wait) => self.stop.or_stop(tokio::time::sleep(wait)).await?,
            }
        }
    }

    /// Tells the register what became of a request. Where it cannot be told, nothing more is begun; whether it could is the answer.
    async fn tell(
        &self,
        registered: Option<(AttemptId, Duration)>,
        event: &str,
        status: Status,
        pause: Option<Duration>,
    ) -> bool {
        let (Some(register), Some((attempt, _))) = (&self.register, registered) else {
            return false;
        };
        let told = register.close_attempt(attempt, event, status, pause).await;
        told.map_err(|error| self.give_up(StopReason::Register(error)))
            .is_ok()
    }

    pub(super) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        // Plain numbers; a panic elsewhere cannot leave them half-written.
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops all for this reason.
    pub(super) fn give_up(&self, reason: StopReason) -> Stopped {
        self.stop.stop(reason);
        Stopped
    }

    /// The ledger cannot be written, so nothing may be sent.
    pub(super) fn broken(&self, error: Error) -> Stopped {
        self.give_up(StopReason::Broken(error))
    }
}
