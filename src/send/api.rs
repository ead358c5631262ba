//! The one way to Vlens, for runs, `doctor` and `contract-types` alike. The promise hangs on its order, which the types keep: a
//! [`Slot`] within the limits (and the team's), then an [`Intent`], durable, without which nothing is sent; then the request; then its
//! outcome durable, and told to the team's register. Nobody hears of an outcome before it is durable. At the end, the calls that create
//! nothing; of them, the login: the admin's token is held and renewed for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::decide::backoff;
use super::limiter::{Limiter, Permit};
use super::stop::{StopReason, StopSignal, Unsent, refusal_of};
use crate::clock;
use crate::error::Error;
use crate::failpoint;
use crate::ledger::{Closing, DueRow, InvitationId, Ledger, Writer};
use crate::mapping::is_invitation;
use crate::model::{
    ContractTypeId, Failure, Refusal, RequestName, Secret, Status, Stop, Timestamp, Why,
};
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
/// Where copies of forms are looked for.
const ANY_FORM: &str = "contract-types/ID.json";

pub struct Api {
    pub(super) client: Client,
    pub(super) stop: Arc<StopSignal>,
    credentials: Option<Credentials>,
    ledger: Option<Writer>,
    /// The team's, which every request asks as well.
    register: Option<Arc<Register>>,
    limiter: Mutex<Limiter>,
    /// Those who must wait stand in line, so that only one of them watches the clock.
    line: tokio::sync::Mutex<()>,
    answered: Notify,
    /// The token that holds. Who renews it keeps all others waiting.
    token: tokio::sync::Mutex<Option<AdminToken>>,
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
    async fn slot(&self, row: Option<&DueRow>) -> Result<Slot<'_>, Unsent> {
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

    fn give_up(&self, reason: StopReason) -> Unsent {
        self.stop.stop(reason);
        Unsent::Stopped
    }
}

impl Api {
    /// Gives what the server's clock showed, when its answer told.
    pub async fn log_in(&self) -> Result<Option<Timestamp>, Error> {
        let log_in = async {
            self.bearer().await?;
            // Who has said stop meanwhile is told nothing else.
            self.stop.or_stop(self.token.lock()).await
        };
        let token = log_in.await;
        let token = token.map_err(|unsent| self.explain(unsent, ANY_FORM))?;
        Ok(token.as_ref().and_then(|token| token.server_date))
    }

    pub async fn contract_types(&self) -> Result<Vec<(ContractTypeId, String)>, Error> {
        let ask = async |bearer: AccessToken| self.client.contract_types(&bearer).await;
        let types = self.read(ask).await;
        types.map_err(|unsent| self.explain(unsent, ANY_FORM))
    }

    /// The API's own answer that describes a contract type's form, a copy of which would be looked for at `form_path`; or why Vlens has
    /// none.
    pub async fn template_fields(
        &self,
        id: ContractTypeId,
        form_path: &str,
    ) -> Result<Result<String, Failure>, Error> {
        let ask = async |bearer: AccessToken| self.client.template_fields(&bearer, id).await;
        match self.read(ask).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(Unsent::Failed(failure)) if is_rejected(&failure) => Ok(Err(failure)),
            Err(unsent) => Err(self.explain(unsent, form_path)),
        }
    }

    async fn read<T>(
        &self,
        ask: impl AsyncFn(AccessToken) -> Result<T, Failure>,
    ) -> Result<T, Unsent> {
        let bearer = self.bearer().await?;
        self.call(self.max_attempts, || ask(bearer.clone())).await
    }

    /// A request that is no invitation: it counts against the limits, now and, by the ledger, for the next process; and so does
    /// the pause that its answer asks for. It creates nothing, so what may pass is simply asked for again.
    async fn call<T, F>(&self, attempts: u32, request: impl Fn() -> F) -> Result<T, Unsent>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut attempt = 1;
        loop {
            let intent = self.slot(None).await?.open(None).await?;
            let answer = request().await;
            let failure = answer.as_ref().err();
            let pause = failure.and_then(|failure| failure.why.retry_after());
            let closing = Closing {
                pause,
                ..Closing::default()
            };
            intent.close(closing).await?;
            let Err(failure) = answer else {
                return answer.map_err(Unsent::Failed);
            };
            let wait = pause.unwrap_or_else(|| backoff(attempt, fastrand::f64()));
            if !failure.why.may_pass() || attempt >= attempts {
                return Err(Unsent::Failed(failure));
            }
            log::warn!("{failure}; asking again in {} s", wait.as_secs_f32().ceil());
            self.sit_out(wait).await?;
            attempt += 1;
        }
    }

    /// The token to send with now; logs in or refreshes first where that is due. All others wait meanwhile: whoever cannot log in stops
    /// them all, so that nobody tries it again.
    async fn bearer(&self) -> Result<AccessToken, Unsent> {
        let mut held = self.token.lock().await;
        if let Some(token) = &*held
            && clock::steady() < token.renew_at
        {
            return Ok(token.access.clone());
        }
        let renewed = self
            .renew(held.take())
            .await
            .map_err(|unsent| match unsent {
                Unsent::Failed(failure) => self.give_up(not_let_in(&failure)),
                unsent => unsent,
            });
        Ok(held.insert(renewed?).access.clone())
    }

    /// A refresh where there is something to refresh with, else, and when it fails, a login.
    async fn renew(&self, held: Option<AdminToken>) -> Result<AdminToken, Unsent> {
        if let Some(refresh) = held.and_then(|held| held.refresh) {
            match self.call(1, || self.client.refresh(&refresh)).await {
                Err(Unsent::Failed(failure)) => {
                    log::warn!("the token could not be refreshed ({failure}); logging in afresh");
                }
                ended => return ended,
            }
        }
        let Some(login) = &self.credentials else {
            let why = Why::Refused(Refusal::Credentials);
            let failure = Failure::new(why, "no credentials to log in with");
            return Err(Unsent::Failed(failure));
        };
        let log_in = || self.client.login(&login.username, &login.password);
        self.call(self.max_attempts, log_in).await
    }

    /// Whether a token got a moment ago may still be sent with: the wait for a slot can be long.
    fn is_still_good(&self, bearer: &AccessToken) -> bool {
        // Who has a slot waits for nobody: the token's renewal may be waiting for that very slot.
        matches!(self.token.try_lock().as_deref(), Ok(Some(token))
            if token.access == bearer && clock::steady() < token.renew_at)
    }

    /// This token was answered with a 401: it is renewed before the next request. Of all who find out, the first counts.
    pub(super) async fn renew_soon(&self, bearer: &AccessToken) {
        if let Some(token) = &mut *self.token.lock().await
            && token.access == bearer
        {
            token.renew_at = Duration::ZERO;
        }
    }

    /// For the person who asked.
    fn explain(&self, unsent: Unsent, form_path: &str) -> Error {
        let stopped = self.stop.why().and_then(|why| why.error);
        match (unsent, stopped) {
            (Unsent::Failed(failure), _) => match failure.why {
                why if why.is_not_the_api() => refusal_of(Refusal::NotTheApi, &failure),
                _ if is_rejected(&failure) => Error::of("call_refused", &[&failure]),
                // The vendor documents these calls with a user's token; whether an admin's will do is not said.
                Why::Unauthorized | Why::Refused(_) | Why::Rejected(_) => {
                    Error::of("rights_missing", &[&failure, &form_path])
                }
                _ => Error::of("unreachable", &[&failure]),
            },
            (_, Some(error)) => error,
            _ => Error::of("interrupted", &[]),
        }
    }
}

/// Why no row can be sent, and nothing asked.
fn not_let_in(failure: &Failure) -> StopReason {
    match failure.why {
        why if why.is_not_the_api() => StopReason::refused(Refusal::NotTheApi, failure),
        why if why.may_pass() => {
            let unreachable = Error::of("unreachable", &[failure]);
            StopReason::of(Stop::Failures, Some(unreachable))
        }
        _ => StopReason::refused(Refusal::Credentials, failure),
    }
}

/// Whether Vlens will not, though it lets this account in.
fn is_rejected(failure: &Failure) -> bool {
    matches!(failure.why, Why::Rejected(code) if code != 403)
}
