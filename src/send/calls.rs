//! The admin's token, held and renewed for all; and the calls that take one and create nothing.

use std::time::Duration;

use super::api::Api;
use super::decide::backoff;
use super::stop::{StopReason, Unsent, refusal_of};
use crate::clock;
use crate::error::Error;
use crate::ledger::Closing;
use crate::model::{ContractTypeId, Failure, Refusal, Stop, Timestamp, Why};
use crate::vlens::{AccessToken, AdminToken};

/// Where copies of forms are looked for.
const ANY_FORM: &str = "contract-types/ID.json";

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
    pub(super) async fn bearer(&self) -> Result<AccessToken, Unsent> {
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
    pub(super) fn is_still_good(&self, bearer: &AccessToken) -> bool {
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
