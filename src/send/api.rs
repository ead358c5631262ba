//! The one way to Vlens, for runs, `doctor` and `contract-types` alike: every request waits for its slot within the limits,
//! every call but an invitation is noted in the ledger here, and the admin's token is held and renewed here for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::decide::{backoff, wait_asked_for};
use super::limiter::{Limiter, Permit};
use super::stop::{StopSignal, Stopped};
use crate::error::Error;
use crate::ledger::Writer;
use crate::model::{
    ContractTypeId, CustomerKey, Failure, Moment, Refusal, Secret, Status, Timestamp, Why,
};
use crate::register::{AttemptId, Claim, Register};
use crate::vlens::{AccessToken, AdminToken, Client, ContractTypeEntry};

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

/// Why there is no answer to work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// Interrupted before the request left.
    Stopped,
    /// The ledger cannot be written, so nothing may be sent.
    Ledger(Error),
    /// The team's register is out of reach, or not to be trusted.
    Register(Error),
    Failed(Failure),
}

impl ApiError {
    /// For the person who asked; `form_path` is where a copy of a form's description would be looked for.
    pub fn explain(self, form_path: &str) -> Error {
        let error = match self {
            ApiError::Stopped => return Error::stopped("interrupted", "Interrupted."),
            ApiError::Ledger(error) | ApiError::Register(error) => return error,
            ApiError::Failed(error) => error,
        };
        match error.why {
            why if why.is_not_the_api() => {
                Error::refused(
                    "not_the_api",
                    format!("This address does not answer as the Vlens API does ({error})."),
                )
                .hint("Check VLENS_BASE_URL, or base_url under [api] in vlens-batch.toml.")
            }
            Why::Refused(Refusal::Credentials) => Error::refused(
                "credentials_refused",
                format!("Vlens does not accept the credentials ({error})."),
            )
            .hint("Check VLENS_USERNAME, VLENS_PASSWORD, VLENS_TENANCY_NAME and VLENS_API_KEY."),
            // The vendor documents these calls with a user's token; whether an admin's will do is not said.
            Why::Unauthorized | Why::Refused(_) | Why::Rejected(403) => Error::refused(
                "rights_missing",
                format!("Vlens does not let this account see contract types ({error})."),
            )
            .hint(format!(
                "Vlens documents this call for a user's token. Ask someone who has one for the answer of \
                 GetBusinessRequestTypeTemplateFields, and save it as {form_path}: it serves as well."
            )),
            Why::Rejected(_) => Error::refused(
                "call_refused",
                format!("Vlens refuses this call ({error})."),
            ),
            _ => Error::stopped(
                "unreachable",
                format!("Vlens gave no usable answer ({error})."),
            )
            .hint("Check the network and VLENS_BASE_URL, and try again later."),
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        error.explain("contract-types/ID.json")
    }
}

impl From<Stopped> for ApiError {
    fn from(_: Stopped) -> Self {
        ApiError::Stopped
    }
}

/// Where a person waits for the answer, it is not asked for as often as in a run.
const MAX_ATTEMPTS: u32 = 3;
/// A token is renewed when a fifth of its life is left, at most five minutes ahead.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_mins(5);
/// Tokens that may grow old in the queue for a slot before one is sent with all the same.
const MAX_STALE_TOKENS: u32 = 1;

pub struct Api {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Arc<StopSignal>,
    credentials: Option<Credentials>,
    ledger: Option<Writer>,
    /// The team's, which every request asks as well.
    pub(super) register: Option<Arc<Register>>,
    limiter: Mutex<Limiter>,
    /// Those who must wait stand in line, so that only one of them watches the clock.
    line: tokio::sync::Mutex<()>,
    answered: Notify,
    token: tokio::sync::Mutex<HeldToken>,
    /// Attempts at a call that may pass.
    max_attempts: u32,
}

/// Leave for one request. Dropped when its answer has come or it is given up: then its slot is free one window later.
pub(super) struct Slot<'a> {
    api: Option<&'a Api>,
    /// What the team's register knows the request by, and when it was asked.
    pub(super) registered: Option<(AttemptId, Duration)>,
}

impl Slot<'_> {
    /// Nobody can have counted the request: the slot is free at once.
    pub(super) fn uncounted(&mut self) {
        if let Some(api) = self.api.take() {
            api.limiter().not_sent();
            api.answered.notify_waiters();
        }
    }

    /// The request never left, and the register hears of it.
    pub(super) async fn not_sent(mut self) {
        let Some(api) = self.api else {
            return;
        };
        self.uncounted();
        api.tell(self.registered, "withdrawn", Status::Pending, None)
            .await;
    }
}

/// A request may leave, or its customer is another computer's.
pub(super) enum Admitted<'a> {
    In(Slot<'a>, Option<Bearer>),
    Elsewhere(Claim),
}

/// For whom a request asks, and which status of his a person's word has overcome.
pub(super) type Asked<'a> = Option<(&'a CustomerKey, Option<Status>)>;

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(api) = self.api {
            api.limiter().answered(api.clock.steady());
            api.answered.notify_waiters();
        }
    }
}

/// A token to send with, and which one it is.
#[derive(Clone)]
pub(super) struct Bearer {
    pub(super) token: AccessToken,
    generation: u64,
}

#[derive(Default)]
struct HeldToken {
    generation: u64,
    token: Option<Token>,
    /// Why the login failed for good: it is not tried again.
    failure: Option<Failure>,
}

struct Token {
    access: AccessToken,
    refresh: Option<Secret>,
    /// On the steady clock: from here on a new one is asked for before the next request.
    renew_at: Duration,
    /// Known to be refused (a 401), though its time is not over.
    is_refused: bool,
}

impl HeldToken {
    fn good(&self, now: Duration) -> Option<Bearer> {
        let token = self.token.as_ref()?;
        (!token.is_refused && now < token.renew_at).then(|| Bearer {
            token: token.access.clone(),
            generation: self.generation,
        })
    }

    fn keep(&mut self, token: AdminToken, now: Duration) {
        let margin = (token.expires_in / 5).min(RENEWAL_MARGIN_MAX);
        self.generation += 1;
        self.token = Some(Token {
            access: token.access,
            refresh: token.refresh,
            renew_at: now + token.expires_in.saturating_sub(margin),
            is_refused: false,
        });
    }
}

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
            token: tokio::sync::Mutex::default(),
            max_attempts: MAX_ATTEMPTS,
        }
    }

    pub(super) fn for_run(self, max_attempts: u32, ledger: Writer) -> Self {
        Api {
            max_attempts,
            ledger: Some(ledger),
            ..self
        }
    }

    pub(super) fn can_log_in(&self) -> bool {
        self.credentials.is_some()
    }

    /// Logs in, asking no second time. Gives what the server's clock showed, when its answer told.
    pub async fn log_in_once(&self) -> Result<Option<Timestamp>, ApiError> {
        let Credentials { username, password } =
            self.credentials.as_ref().ok_or_else(no_credentials)?;
        let token = self.call(self.client.login(username, password)).await?;
        let token = token.map_err(ApiError::Failed)?;
        let server_date = token.server_date;
        self.token.lock().await.keep(token, self.clock.steady());
        Ok(server_date)
    }

    /// The tenant's contract types.
    pub async fn contract_types(&self) -> Result<Vec<ContractTypeEntry>, ApiError> {
        let bearer = self.bearer().await?.ok_or_else(no_credentials)?;
        self.call_patiently(|| self.client.contract_types(&bearer.token))
            .await
    }

    /// The API's own answer that describes a contract type's form.
    pub async fn template_fields(&self, id: ContractTypeId) -> Result<String, ApiError> {
        let bearer = self.bearer().await?.ok_or_else(no_credentials)?;
        self.call_patiently(|| self.client.template_fields(&bearer.token, id))
            .await
    }

    /// Gives the ledger's writer back, to be stopped.
    pub fn into_ledger(self) -> Option<Writer> {
        self.ledger
    }

    /// Waits for a slot, with a token that is good when the slot comes; no token where no login is.
    pub(super) async fn admit(&self, asked: Asked<'_>) -> Result<Admitted<'_>, ApiError> {
        let mut stale = 0;
        loop {
            let bearer = self.bearer().await?;
            let slot = match self.slot(asked).await? {
                Ok(slot) => slot,
                Err(claim) => return Ok(Admitted::Elsewhere(claim)),
            };
            // Where tokens live shorter than the wait for a slot, renewing them for ever would send nothing else. The
            // server has the last word.
            if self.is_still_good(bearer.as_ref()).await || stale == MAX_STALE_TOKENS {
                return Ok(Admitted::In(slot, bearer));
            }
            slot.not_sent().await;
            stale += 1;
        }
    }

    /// Waits for a slot within this process's limits, and then within the team's; or says whose the customer is.
    async fn slot(&self, asked: Asked<'_>) -> Result<Result<Slot<'_>, Claim>, ApiError> {
        let _first_in_line = self.stop.or_stop(self.line.lock()).await?;
        loop {
            if self.stop.is_stopping() {
                return Err(ApiError::Stopped);
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
        let slot = Slot {
            api: Some(self),
            registered: None,
        };
        match &self.register {
            None => Ok(Ok(slot)),
            Some(register) => self.ask_team(register, slot, asked).await,
        }
    }

    /// Nobody sends for `wait` from now on.
    pub(super) fn pause(&self, wait: Duration) {
        self.limiter().pause(self.clock.steady(), wait);
    }

    pub(super) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        // Plain numbers; a panic elsewhere cannot leave them half-written.
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that is no invitation: it counts against the limits, now and, by the ledger, for the next process; and so does
    /// the pause that its answer asks for.
    async fn call<T>(
        &self,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Result<T, Failure>, ApiError> {
        // Nobody else can have claimed what is about no customer.
        let Ok(slot) = self.slot(None).await? else {
            return Err(ApiError::Stopped);
        };
        let registered = slot.registered;
        let Some(ledger) = &self.ledger else {
            let answer = request.await;
            drop(slot);
            self.tell(registered, "answered", Status::Pending, None)
                .await;
            return Ok(answer);
        };
        let call = match ledger.open_call(&self.clock.moment()).await {
            Ok(call) => call,
            Err(error) => {
                slot.not_sent().await;
                return Err(ApiError::Ledger(error));
            }
        };
        let answer = request.await;
        let pause = answer.as_ref().err().and_then(|error| self.asked(error));
        if let Some(pause) = pause {
            self.pause(pause);
        }
        drop(slot);
        let now = self.clock.moment();
        let closed = ledger.close_call(call, pause, &now).await;
        self.tell(registered, "answered", Status::Pending, pause)
            .await;
        closed.map_err(ApiError::Ledger).map(|()| answer)
    }

    /// Calls create nothing, so what may pass is simply asked for again.
    async fn call_patiently<T, F>(&self, request: impl Fn() -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut attempt = 1;
        loop {
            let error = match self.call(request()).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.why.may_pass() || attempt >= self.max_attempts {
                return Err(ApiError::Failed(error));
            }
            let wait = match error.why.retry_after() {
                Some(_) => self.asked(&error),
                None => Some(backoff(attempt, fastrand::f64())),
            };
            let Some(wait) = wait else {
                return Err(ApiError::Failed(error));
            };
            tracing::warn!("{error}; asking again in {} s", wait.as_secs_f32().ceil());
            self.stop.or_stop(tokio::time::sleep(wait)).await?;
            attempt += 1;
        }
    }

    /// The pause that an answer asks for, if anybody waits that long.
    fn asked(&self, error: &Failure) -> Option<Duration> {
        wait_asked_for(error.why.retry_after()?, self.clock.wall())
    }

    /// The token to send with now; logs in or refreshes first where that is due. All others wait meanwhile.
    async fn bearer(&self) -> Result<Option<Bearer>, ApiError> {
        let Some(credentials) = &self.credentials else {
            return Ok(None);
        };
        let mut held = self.token.lock().await;
        if let Some(bearer) = held.good(self.clock.steady()) {
            return Ok(Some(bearer));
        }
        if let Some(failure) = &held.failure {
            return Err(ApiError::Failed(failure.clone()));
        }
        match self.renew(&mut held, credentials).await {
            Ok(token) => held.keep(token, self.clock.steady()),
            Err(error) => {
                if let ApiError::Failed(failure) = &error {
                    held.failure = Some(failure.clone());
                }
                return Err(error);
            }
        }
        Ok(held.good(Duration::ZERO))
    }

    /// A refresh where there is something to refresh with, else, and when it fails, a login.
    async fn renew(
        &self,
        held: &mut HeldToken,
        Credentials { username, password }: &Credentials,
    ) -> Result<AdminToken, ApiError> {
        if let Some(refresh) = held.token.take().and_then(|token| token.refresh) {
            match self.call(self.client.refresh(&refresh)).await? {
                Ok(token) => return Ok(token),
                Err(error) => {
                    tracing::warn!("the token could not be refreshed ({error}); logging in afresh");
                }
            }
        }
        self.call_patiently(|| self.client.login(username, password))
            .await
    }

    /// Whether a token got a moment ago may still be sent with: the wait for a slot can be long.
    async fn is_still_good(&self, bearer: Option<&Bearer>) -> bool {
        let Some(bearer) = bearer else {
            return true;
        };
        let now = self.clock.steady();
        let good = self.token.lock().await.good(now);
        good.is_some_and(|good| good.generation == bearer.generation)
    }

    /// This token was answered with a 401. Of all who find out, the first counts.
    pub(super) async fn refused(&self, bearer: &Bearer) {
        let mut held = self.token.lock().await;
        if held.generation == bearer.generation
            && let Some(token) = &mut held.token
        {
            token.is_refused = true;
        }
    }
}

fn no_credentials() -> ApiError {
    let why = Why::Refused(Refusal::Credentials);
    ApiError::Failed(Failure::new(why, "no credentials to log in with"))
}
