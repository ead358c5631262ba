//! The one way to Vlens, for runs, `doctor` and `contract-types` alike. The promise hangs on its order, which the types keep: a
//! [`Slot`] within the limits (and the team's), then an [`Intent`], durable, without which nothing is sent; then the request; then its
//! outcome durable, and told to the team's register. Nobody hears of an outcome before it is durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::limiter::{Limiter, Permit};
use super::stop::{StopReason, StopSignal, Unsent};
use crate::clock;
use crate::error::Error;
use crate::failpoint;
use crate::ledger::{Closing, DueRow, InvitationId, Ledger, Writer};
use crate::mapping::is_invitation;
use crate::model::{RequestName, Secret, Status, Why};
use crate::register::{Admission, FENCE, Register, random};
use crate::vlens::{AccessToken, AdminToken, Client, Fence};

#[derive(Debug, Clone)]
pub struct Credentials {
    /// User name or e-mail address.
    pub username: String,
    pub password: Secret,
}

/// Where a person waits for the answer, it is not asked for as often as in a run.
const MAX_ATTEMPTS: u32 = 3;
/// The longest wait that anybody sits out when Vlens asks for it: else all stops, and nobody begins before.
const SAT_OUT_MAX: Duration = Duration::from_hours(1);
/// How long who stops tells the register what became of a request.
const TELL_MAX: Duration = Duration::from_secs(10);

pub struct Api {
    pub(super) client: Client,
    pub(super) stop: Arc<StopSignal>,
    pub(super) credentials: Option<Credentials>,
    ledger: Option<Writer>,
    /// The team's, which every request asks as well.
    register: Option<Arc<Register>>,
    limiter: Mutex<Limiter>,
    /// Those who must wait stand in line, so that only one of them watches the clock.
    line: tokio::sync::Mutex<()>,
    answered: Notify,
    /// The token that holds. Who renews it keeps all others waiting.
    pub(super) token: tokio::sync::Mutex<Option<AdminToken>>,
    /// Attempts at what may pass.
    pub(super) max_attempts: u32,
}

/// Leave for one request. Dropped when its answer has come or it is given up: then its slot is free one window later.
pub(super) struct Slot<'a> {
    api: &'a Api,
    /// Whether the server can have counted the request; if not, the slot is free at once.
    is_counted: bool,
    /// What the team's register knows the request by, and when it was asked.
    registered: Option<(RequestName, Duration)>,
}

impl<'a> Slot<'a> {
    /// The request never left, and the register hears of it.
    async fn not_sent(mut self) {
        self.is_counted = false;
        let (api, registered) = (self.api, self.registered);
        drop(self);
        api.tell(registered, "withdrawn", Status::Pending, None)
            .await;
    }

    /// Waits until a request may leave within the limits of all computers together, and claims its customer.
    async fn ask_team(&mut self, row: Option<&DueRow>) -> Result<(), Unsent> {
        let api = self.api;
        let Some(register) = &api.register else {
            return Ok(());
        };
        let away = |error| api.away(error);
        let customer = row.map(|row| &row.customer);
        let (overcome, last) = row.map_or((None, None), |row| (row.overcome, row.last_request));
        loop {
            let request = random().map_err(away)?;
            self.registered = Some((request, clock::steady()));
            let asking = register.open_attempt(request, customer, overcome, last);
            // Where the run stops meanwhile, it may have been granted all the same.
            let verdict = api.stop.or_stop(asking).await?;
            if verdict != Ok(Admission::Granted) {
                self.registered = None;
            }
            match verdict.map_err(away)? {
                Admission::Granted => return Ok(()),
                Admission::Elsewhere(claim) => return Err(Unsent::Elsewhere(claim)),
                Admission::Wait(wait) => api.sit_out(wait).await?,
            }
        }
    }

    /// Records the request; once this has returned, it may leave. `invitation` is none for a call that is about none.
    pub(super) async fn open(self, invitation: Option<InvitationId>) -> Result<Intent<'a>, Unsent> {
        let api = self.api;
        // Of a call, nothing is left to be told after a crash.
        let name = invitation.and(self.registered).map(|(name, _)| name);
        let mut recorded = None;
        if let Some(ledger) = &api.ledger {
            let now = clock::moment();
            let opening = ledger.begin(move |ledger| ledger.open_attempt(invitation, name, &now));
            match opening.await.flatten() {
                Ok(attempt) => recorded = Some(attempt),
                Err(error) => {
                    self.not_sent().await;
                    return Err(api.give_up(StopReason::broken(error)));
                }
            }
        }
        Ok(Intent {
            slot: self,
            request: name,
            recorded,
        })
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let now = clock::steady();
        if self.is_counted {
            self.api.limiter().answered(now);
        } else {
            self.api.limiter().not_sent();
        }
        self.api.answered.notify_waiters();
    }
}

pub(super) struct Intent<'a> {
    slot: Slot<'a>,
    /// What the register knows it by, where the ledger keeps whether it was told.
    pub(super) request: Option<RequestName>,
    /// What the ledger knows it by; none without one.
    recorded: Option<i64>,
}

impl Intent<'_> {
    /// Says until when the request may begin to leave, counted from when the register was asked: whoever takes it for lost waits longer.
    pub(super) fn fence(&self) -> Fence {
        let (_, asked) = self.slot.registered?;
        Some(asked + FENCE)
    }

    /// Records what became of the request; once this has returned, it may be told.
    pub(super) async fn close(mut self, closing: Closing) -> Result<(), Unsent> {
        let (api, registered) = (self.slot.api, self.slot.registered);
        let (event, pause) = (closing.event(), closing.pause);
        let status = closing.status.unwrap_or(Status::Pending);
        let is_call = closing.outcome.is_none();
        let why = closing.outcome.as_ref().and_then(|it| it.as_ref().err());
        // Before this request's slot is free, and before the disk is waited for: the others would go on meanwhile.
        if let Some(pause) = pause {
            api.limiter().pause(clock::steady(), pause);
        }
        self.slot.is_counted = why.is_none_or(|failure| failure.why != Why::Unreachable);
        drop(self.slot);
        if let Some(attempt) = self.recorded {
            let now = clock::moment();
            api.note(move |ledger| ledger.close_attempt(attempt, &closing, &now))
                .await?;
        }
        if !is_call {
            failpoint::pass("after_outcome");
        }
        let is_told = api.tell(registered, event, status, pause).await;
        match self.request {
            Some(request) if is_told => api.note(move |ledger| ledger.note_told(request)).await,
            _ => Ok(()),
        }
    }
}

impl Api {
    /// `limiter` is seeded with the requests of the last minute; without `credentials` there is no token to call with; without a
    /// `ledger` calls are noted nowhere; without a `register` this computer sends alone.
    pub fn new(
        client: Client,
        credentials: Option<Credentials>,
        limiter: Limiter,
        ledger: Option<Writer>,
        register: Option<Arc<Register>>,
        stop: Arc<StopSignal>,
    ) -> Self {
        Api {
            client,
            stop,
            credentials,
            ledger,
            register,
            limiter: Mutex::new(limiter),
            line: tokio::sync::Mutex::default(),
            answered: Notify::new(),
            token: tokio::sync::Mutex::default(),
            max_attempts: MAX_ATTEMPTS,
        }
    }

    /// Ends the work of a process that only called.
    pub async fn close(self) -> Result<(), Error> {
        match self.ledger {
            Some(writer) => writer.stop().await?.finish(None),
            None => Ok(()),
        }
    }

    /// Waits for a slot, with a token that is good when the slot comes; without one for a session, as the row's body tells.
    pub(super) async fn admit(
        &self,
        row: &DueRow,
    ) -> Result<(Slot<'_>, Option<AccessToken>), Unsent> {
        let mut bearer = None;
        if is_invitation(&row.customer.body) {
            bearer = Some(self.bearer().await?);
        }
        let mut slot = self.slot(Some(row)).await?;
        // The wait can be long. Where tokens live shorter than that, renewing them for ever would send nothing else: the second is
        // sent with, however old, and the server has the last word.
        if bearer.as_ref().is_some_and(|it| !self.is_still_good(it)) {
            slot.not_sent().await;
            bearer = Some(self.bearer().await?);
            slot = self.slot(Some(row)).await?;
        }
        Ok((slot, bearer))
    }

    /// Waits for a slot within this process's limits, and then within the team's, for a row or for a call that is about none.
    pub(super) async fn slot(&self, row: Option<&DueRow>) -> Result<Slot<'_>, Unsent> {
        let _first_in_line = self.stop.or_stop(self.line.lock()).await?;
        loop {
            if self.stop.is_stopping() {
                return Err(Unsent::Stopped);
            }
            // Registered before asking, so that an answer in between is not missed.
            let answered = self.answered.notified();
            let permit = self.limiter().ask(clock::steady());
            match permit {
                Permit::Granted => break,
                Permit::After(wait) => self.sit_out(wait).await?,
                Permit::AfterAnAnswer => self.stop.or_stop(answered).await?,
            }
        }
        let mut slot = Slot {
            api: self,
            is_counted: true,
            registered: None,
        };
        match slot.ask_team(row).await {
            Ok(()) => Ok(slot),
            Err(unsent) => {
                slot.not_sent().await;
                Err(unsent)
            }
        }
    }

    /// Tells the register what became of a request. Where it cannot be told, nothing more is begun; whether it could is the answer.
    async fn tell(
        &self,
        registered: Option<(RequestName, Duration)>,
        event: &str,
        status: Status,
        pause: Option<Duration>,
    ) -> bool {
        let (Some(register), Some((request, _))) = (&self.register, registered) else {
            return false;
        };
        let telling = register.close_attempt(request, event, status, pause);
        // Who stops waits for no register that is away: the next process tells it.
        let too_late = async {
            self.stop.stopped().await;
            tokio::time::sleep(TELL_MAX).await;
        };
        tokio::select! {
            told = telling => told
                .map_err(|error| self.away(error))
                .is_ok(),
            () = too_late => false,
        }
    }

    pub(super) async fn sit_out(&self, wait: Duration) -> Result<(), Unsent> {
        if wait > SAT_OUT_MAX {
            return Err(self.give_up(StopReason::paused(clock::now(), wait)));
        }
        self.stop.or_stop(tokio::time::sleep(wait)).await
    }

    /// Has the ledger note what happened, or read, where there is one. If it cannot, nothing more may be sent.
    pub(super) async fn note<T: Default + Send + 'static>(
        &self,
        what: impl FnOnce(&Ledger) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Unsent> {
        let Some(ledger) = &self.ledger else {
            return Ok(T::default());
        };
        let noted = ledger.note(what).await;
        noted.map_err(|error| self.give_up(StopReason::broken(error)))
    }

    pub(super) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        // Plain numbers; a panic elsewhere cannot leave them half-written.
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn away(&self, error: Error) -> Unsent {
        self.give_up(StopReason::register(error))
    }

    pub(super) fn give_up(&self, reason: StopReason) -> Unsent {
        self.stop.stop(reason);
        Unsent::Stopped
    }
}
