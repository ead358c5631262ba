//! The admin's token, held and renewed for all; and the calls that take one and create nothing.

use std::time::Duration;

use super::api::{Api, Credentials, Token};
use super::decide::{backoff, wait_asked_for};
use super::stop::{StopReason, Stopped};
use crate::error::{Error, Kind};
use crate::ledger::{Closing, Event};
use crate::model::{ContractTypeId, Failure, Refusal, Secret, Timestamp, Why};
use crate::vlens::{AccessToken, AdminToken, ContractTypeEntry};

/// Why a call gave nothing.
pub(super) enum ApiError {
    /// Stopped before the request left, for the reason that the stop signal has.
    Stopped,
    Failed(Failure),
}

impl From<Stopped> for ApiError {
    fn from(_: Stopped) -> Self {
        ApiError::Stopped
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        ApiError::Failed(failure)
    }
}

/// Where copies of forms are looked for.
const ANY_FORM: &str = "contract-types/ID.json";

impl Api {
    /// Logs in, asking no second time. Gives what the server's clock showed, when its answer told.
    pub async fn log_in_once(&self) -> Result<Option<Timestamp>, Error> {
        let explain = |error| self.explain(error, ANY_FORM);
        let credentials = self.credentials.as_ref().ok_or_else(no_credentials);
        let Credentials { username, password } = credentials.map_err(explain)?;
        let login = self.call(self.client.login(username, password)).await;
        let token = login.map_err(explain)?;
        let server_date = token.server_date;
        let token = Token::new(token, self.clock.steady());
        *self.tokens.lock().await = Some(Ok(token));
        Ok(server_date)
    }

    pub async fn contract_types(&self) -> Result<Vec<ContractTypeEntry>, Error> {
        let ask = async |bearer: AccessToken| self.client.contract_types(&bearer).await;
        let types = self.read(ask).await;
        types.map_err(|error| self.explain(error, ANY_FORM))
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
            Err(ApiError::Failed(failure)) if is_rejected(&failure) => Ok(Err(failure)),
            Err(error) => Err(self.explain(error, form_path)),
        }
    }

    async fn read<T>(
        &self,
        ask: impl AsyncFn(AccessToken) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let bearer = self.bearer().await?.ok_or_else(no_credentials)?;
        self.call_patiently(|| ask(bearer.clone())).await
    }

    /// A request that is no invitation: it counts against the limits, now and, by the ledger, for the next process; and so does
    /// the pause that its answer asks for.
    async fn call<T>(
        &self,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, ApiError> {
        // Nobody else can have claimed what is about no customer.
        let slot = self.slot(None).await?.map_err(|_| Stopped)?;
        let intent = slot.open(None).await?;
        let answer = request.await;
        let failure = answer.as_ref().err();
        let closing = Closing {
            event: Event::Answered,
            status: None,
            token: None,
            code: None,
            message: None,
            pause: failure.and_then(|failure| self.asked(failure)),
        };
        intent.close(closing).await?;
        Ok(answer?)
    }

    /// Calls create nothing, so what may pass is simply asked for again.
    async fn call_patiently<T, F>(&self, request: impl Fn() -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut attempt = 1;
        loop {
            let failure = match self.call(request()).await {
                Err(ApiError::Failed(failure)) => failure,
                ended => return ended,
            };
            let wait = match failure.why.retry_after() {
                Some(_) => self.asked(&failure),
                None => Some(backoff(attempt, fastrand::f64())),
            };
            let may_pass = failure.why.may_pass() && attempt < self.max_attempts;
            let Some(wait) = wait.filter(|_| may_pass) else {
                return Err(failure.into());
            };
            tracing::warn!("{failure}; asking again in {} s", wait.as_secs_f32().ceil());
            self.stop.or_stop(tokio::time::sleep(wait)).await?;
            attempt += 1;
        }
    }

    /// The pause that an answer asks for, if anybody waits that long.
    fn asked(&self, failure: &Failure) -> Option<Duration> {
        wait_asked_for(failure.why.retry_after()?, self.clock.wall())
    }

    /// The token to send with now; logs in or refreshes first where that is due. All others wait meanwhile. None where no login is.
    pub(super) async fn bearer(&self) -> Result<Option<AccessToken>, ApiError> {
        let Some(credentials) = &self.credentials else {
            return Ok(None);
        };
        let mut held = self.tokens.lock().await;
        let is_due = match &*held {
            Some(Ok(token)) => token.renew_at <= self.clock.steady(),
            Some(Err(_)) => false,
            None => true,
        };
        if is_due {
            let refresh = held.take().and_then(|held| held.ok()?.admin.refresh);
            *held = match self.renew(refresh, credentials).await {
                Ok(admin) => Some(Ok(Token::new(admin, self.clock.steady()))),
                Err(ApiError::Failed(failure)) => Some(Err(failure)),
                Err(ApiError::Stopped) => None,
            };
        }
        match &*held {
            Some(Ok(token)) => Ok(Some(token.admin.access.clone())),
            Some(Err(failure)) => Err(failure.clone().into()),
            None => Err(ApiError::Stopped),
        }
    }

    /// A refresh where there is something to refresh with, else, and when it fails, a login.
    async fn renew(
        &self,
        refresh: Option<Secret>,
        Credentials { username, password }: &Credentials,
    ) -> Result<AdminToken, ApiError> {
        if let Some(refresh) = refresh {
            match self.call(self.client.refresh(&refresh)).await {
                Err(ApiError::Failed(failure)) => {
                    tracing::warn!(
                        "the token could not be refreshed ({failure}); logging in afresh"
                    );
                }
                ended => return ended,
            }
        }
        self.call_patiently(|| self.client.login(username, password))
            .await
    }

    /// Whether a token got a moment ago may still be sent with: the wait for a slot can be long.
    pub(super) fn is_still_good(&self, bearer: Option<&AccessToken>) -> bool {
        let Some(bearer) = bearer else {
            return true;
        };
        // Who has a slot waits for nobody: the token's renewal may be waiting for that very slot.
        let Ok(held) = self.tokens.try_lock() else {
            return false;
        };
        let now = self.clock.steady();
        matches!(&*held, Some(Ok(token)) if token.admin.access == bearer && now < token.renew_at)
    }

    /// This token was answered with a 401: it is renewed before the next request. Of all who find out, the first counts.
    pub(super) async fn refused(&self, bearer: &AccessToken) {
        if let Some(Ok(token)) = &mut *self.tokens.lock().await
            && token.admin.access == bearer
        {
            token.renew_at = Duration::ZERO;
        }
    }

    /// For the person who asked.
    fn explain(&self, error: ApiError, form_path: &str) -> Error {
        let failure = match (error, self.stop.why()) {
            (ApiError::Failed(failure), _) => failure,
            (_, Some(StopReason::Broken(error) | StopReason::Register(error))) => return error,
            _ => return Error::stopped("interrupted", "Interrupted."),
        };
        let (kind, code, what, hint) = match failure.why {
            why if why.is_not_the_api() => (
                Kind::Refused,
                "not_the_api",
                "This address does not answer as the Vlens API does",
                "Check VLENS_BASE_URL, or base_url under [api] in vlens-batch.toml.".to_owned(),
            ),
            Why::Refused(Refusal::Credentials) => (
                Kind::Refused,
                "credentials_refused",
                "Vlens does not accept the credentials",
                "Check VLENS_USERNAME, VLENS_PASSWORD, VLENS_TENANCY_NAME and VLENS_API_KEY."
                    .to_owned(),
            ),
            _ if is_rejected(&failure) => {
                let message = format!("Vlens refuses this call ({failure}).");
                return Error::refused("call_refused", message);
            }
            // The vendor documents these calls with a user's token; whether an admin's will do is not said.
            Why::Unauthorized | Why::Refused(_) | Why::Rejected(_) => (
                Kind::Refused,
                "rights_missing",
                "Vlens does not let this account see contract types",
                format!(
                    "Vlens documents this call for a user's token. Ask someone who has one for the answer of \
                     GetBusinessRequestTypeTemplateFields, and save it as {form_path}: it serves as well."
                ),
            ),
            _ => (
                Kind::Stopped,
                "unreachable",
                "Vlens gave no usable answer",
                "Check the network and VLENS_BASE_URL, and try again later.".to_owned(),
            ),
        };
        Error::new(kind, code, format!("{what} ({failure}).")).hint(hint)
    }
}

/// Whether Vlens will not, though it lets this account in.
fn is_rejected(failure: &Failure) -> bool {
    matches!(failure.why, Why::Rejected(code) if code != 403)
}

fn no_credentials() -> ApiError {
    let why = Why::Refused(Refusal::Credentials);
    ApiError::Failed(Failure::new(why, "no credentials to log in with"))
}
