//! The admin's token, held and renewed for all; and the calls that take one and create nothing.

use std::time::Duration;

use super::api::{Api, Credentials, Token, Unsent};
use super::decide::{SAT_OUT_MAX, backoff};
use super::stop::refused;
use crate::clock;
use crate::error::Error;
use crate::ledger::Closing;
use crate::model::{ContractTypeId, Failure, Refusal, Secret, Timestamp, Why};
use crate::vlens::{AccessToken, AdminToken, ContractTypeEntry};

/// A token is renewed when a fifth of its life is left, at most five minutes ahead.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_mins(5);

/// Where copies of forms are looked for.
const ANY_FORM: &str = "contract-types/ID.json";

impl Api {
    /// Logs in, asking no second time. Gives what the server's clock showed, when its answer told.
    pub async fn log_in_once(&self) -> Result<Option<Timestamp>, Error> {
        let login = async {
            let Credentials { username, password } =
                self.credentials.as_ref().ok_or_else(no_credentials)?;
            let answer = self.call(self.client.login(username, password)).await;
            // Who has said stop meanwhile is told nothing else.
            self.stop.or_stop(async { answer }).await?
        };
        let admin = login
            .await
            .map_err(|unsent| self.explain(unsent, ANY_FORM))?;
        let server_date = admin.server_date;
        *self.token.lock().await = Some(Ok(self.held(admin)));
        Ok(server_date)
    }

    pub async fn contract_types(&self) -> Result<Vec<ContractTypeEntry>, Error> {
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
        self.call_patiently(|| ask(bearer.clone())).await
    }

    /// A request that is no invitation: it counts against the limits, now and, by the ledger, for the next process; and so does
    /// the pause that its answer asks for.
    async fn call<T>(
        &self,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Unsent> {
        let intent = self.slot(None).await?.open(None).await?;
        let answer = request.await;
        let failure = answer.as_ref().err();
        let closing = Closing {
            pause: failure.and_then(|failure| failure.why.retry_after()),
            ..Closing::default()
        };
        intent.close(closing).await?;
        answer.map_err(Unsent::Failed)
    }

    /// Calls create nothing, so what may pass is simply asked for again.
    async fn call_patiently<T, F>(&self, request: impl Fn() -> F) -> Result<T, Unsent>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut attempt = 1;
        loop {
            let failure = match self.call(request()).await {
                Err(Unsent::Failed(failure)) => failure,
                ended => return ended,
            };
            let own = || backoff(attempt, fastrand::f64());
            let wait = failure.why.retry_after().unwrap_or_else(own);
            if !failure.why.may_pass() || attempt >= self.max_attempts || wait > SAT_OUT_MAX {
                return Err(Unsent::Failed(failure));
            }
            log::warn!("{failure}; asking again in {} s", wait.as_secs_f32().ceil());
            self.stop.or_stop(tokio::time::sleep(wait)).await?;
            attempt += 1;
        }
    }

    /// The token to send with now; logs in or refreshes first where that is due. All others wait meanwhile.
    pub(super) async fn bearer(&self) -> Result<AccessToken, Unsent> {
        let credentials = self.credentials.as_ref().ok_or_else(no_credentials)?;
        let mut held = self.token.lock().await;
        let token = match held.take() {
            Some(Err(failure)) => Err(failure),
            Some(Ok(token)) if clock::steady() < token.renew_at => Ok(token),
            due => {
                let refresh = due.and_then(|held| held.ok()?.admin.refresh);
                match self.renew(refresh, credentials).await {
                    Err(Unsent::Failed(failure)) => Err(failure),
                    renewed => Ok(self.held(renewed?)),
                }
            }
        };
        match held.insert(token) {
            Ok(token) => Ok(token.admin.access.clone()),
            Err(failure) => Err(Unsent::Failed(failure.clone())),
        }
    }

    fn held(&self, admin: AdminToken) -> Token {
        let margin = (admin.expires_in / 5).min(RENEWAL_MARGIN_MAX);
        Token {
            renew_at: clock::steady() + admin.expires_in.saturating_sub(margin),
            admin,
        }
    }

    /// A refresh where there is something to refresh with, else, and when it fails, a login.
    async fn renew(
        &self,
        refresh: Option<Secret>,
        Credentials { username, password }: &Credentials,
    ) -> Result<AdminToken, Unsent> {
        if let Some(refresh) = refresh {
            match self.call(self.client.refresh(&refresh)).await {
                Err(Unsent::Failed(failure)) => {
                    log::warn!("the token could not be refreshed ({failure}); logging in afresh");
                }
                ended => return ended,
            }
        }
        self.call_patiently(|| self.client.login(username, password))
            .await
    }

    /// Whether a token got a moment ago may still be sent with: the wait for a slot can be long.
    pub(super) fn is_still_good(&self, bearer: &AccessToken) -> bool {
        // Who has a slot waits for nobody: the token's renewal may be waiting for that very slot.
        matches!(self.token.try_lock().as_deref(), Ok(Some(Ok(token)))
            if token.admin.access == bearer && clock::steady() < token.renew_at)
    }

    /// This token was answered with a 401: it is renewed before the next request. Of all who find out, the first counts.
    pub(super) async fn refused(&self, bearer: &AccessToken) {
        if let Some(Ok(token)) = &mut *self.token.lock().await
            && token.admin.access == bearer
        {
            token.renew_at = Duration::ZERO;
        }
    }

    /// For the person who asked.
    fn explain(&self, unsent: Unsent, form_path: &str) -> Error {
        let stopped = self.stop.why().and_then(|why| why.error);
        let failure = match (unsent, stopped) {
            (Unsent::Failed(failure), _) => failure,
            (_, Some(error)) => return error,
            _ => return Error::of("interrupted", &[]),
        };
        match failure.why {
            why if why.is_not_the_api() => refused(Refusal::NotTheApi, &failure),
            Why::Refused(Refusal::Credentials) => refused(Refusal::Credentials, &failure),
            _ if is_rejected(&failure) => Error::of("call_refused", &[&failure]),
            // The vendor documents these calls with a user's token; whether an admin's will do is not said.
            Why::Unauthorized | Why::Refused(_) | Why::Rejected(_) => {
                Error::of("rights_missing", &[&failure, &form_path])
            }
            _ => Error::of("unreachable", &[&failure]),
        }
    }
}

/// Whether Vlens will not, though it lets this account in.
fn is_rejected(failure: &Failure) -> bool {
    matches!(failure.why, Why::Rejected(code) if code != 403)
}

fn no_credentials() -> Unsent {
    let why = Why::Refused(Refusal::Credentials);
    Unsent::Failed(Failure::new(why, "no credentials to log in with"))
}
