//! Requests that belong to no run: a login, and what only reads. They go through the same gate as invitations and are noted
//! in the ledger where there is one. Because they create nothing, what may pass is simply asked for again.

use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::gate::Gate;
use super::road::noted;
use super::stop::{StopSignal, Stopped};
use super::tokens::Credentials;
use crate::error::Error;
use crate::ledger::Writer;
use crate::model::{ContractTypeId, RetryAfter, Secret, Timestamp};
use crate::send::limiter::{Backoff, Limiter, Wait, wait_for};
use crate::vlens::{Client, ContractTypeEntry, ReadError, TokenError};

/// A person waits for the answer, so it is not asked for as often as an invitation's.
const MAX_ATTEMPTS: u32 = 3;

/// Makes calls one after the other.
pub struct Api {
    client: Client,
    credentials: Credentials,
    gate: Gate,
    ledger: Option<Writer>,
    clock: Arc<dyn Clock>,
    stop: Arc<StopSignal>,
    bearer: Option<Secret>,
}

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// Interrupted.
    Stopped,
    /// The ledger cannot be written, so nothing may be sent.
    Ledger(Error),
    /// There was no token to call with.
    Login(TokenError),
    /// The call itself.
    Read(ReadError),
}

impl Api {
    /// Prepares to call; `pace` is seeded with the requests of the last minute.
    pub fn new(
        client: Client,
        credentials: Credentials,
        pace: Limiter,
        ledger: Option<Writer>,
        clock: Arc<dyn Clock>,
        stop: Arc<StopSignal>,
    ) -> Self {
        Api {
            client,
            credentials,
            gate: Gate::new(pace),
            ledger,
            clock,
            stop,
            bearer: None,
        }
    }

    /// Logs in, asking no second time. Also gives what the server's clock showed, when its answer told.
    pub async fn log_in_once(&mut self) -> (Result<(), ApiError>, Option<Timestamp>) {
        let Credentials { username, password } = &self.credentials;
        let (login, server_date) =
            match self.once(self.client.login_dated(username, password)).await {
                Ok(answer) => answer,
                Err(error) => return (Err(error), None),
            };
        let login = login.map_err(ApiError::Login).map(|token| {
            self.bearer = Some(token.access);
        });
        (login, server_date)
    }

    /// The tenant's contract types.
    pub async fn contract_types(&mut self) -> Result<Vec<ContractTypeEntry>, ApiError> {
        let bearer = self.bearer().await?;
        let client = self.client.clone();
        self.patiently(async || client.contract_types(&bearer).await)
            .await
            .map(|(_, entries)| entries)
    }

    /// The API's own answer that describes a contract type's form.
    pub async fn template_fields(&mut self, id: ContractTypeId) -> Result<String, ApiError> {
        let bearer = self.bearer().await?;
        let client = self.client.clone();
        self.patiently(async || client.template_fields(&bearer, id).await)
            .await
    }

    /// Gives the ledger's writer back, to be stopped.
    pub fn into_ledger(self) -> Option<Writer> {
        self.ledger
    }

    async fn bearer(&mut self) -> Result<Secret, ApiError> {
        if let Some(bearer) = &self.bearer {
            return Ok(bearer.clone());
        }
        let client = self.client.clone();
        let Credentials { username, password } = self.credentials.clone();
        let token = self
            .patiently(async || client.login(&username, &password).await)
            .await?;
        self.bearer = Some(token.access.clone());
        Ok(token.access)
    }

    async fn patiently<T, E: Passing>(
        &self,
        request: impl AsyncFn() -> Result<T, E>,
    ) -> Result<T, ApiError> {
        let mut attempt = 1;
        loop {
            let error = match self.once(request()).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = match error.passes() {
                Passes::Never => return Err(error.into()),
                _ if attempt == MAX_ATTEMPTS => return Err(error.into()),
                Passes::Soon => Backoff::default().wait(attempt, fastrand::f64()),
                Passes::When(asked) => match wait_for(asked, self.clock.wall()) {
                    Wait::For(wait) => wait,
                    Wait::TooLong(_) => return Err(error.into()),
                },
            };
            tracing::warn!("{}; asking again", error.message());
            self.sleep(wait).await?;
            attempt += 1;
        }
    }

    async fn once<T>(&self, request: impl Future<Output = T>) -> Result<T, ApiError> {
        self.gate.enter(&*self.clock, &self.stop).await?;
        if let Some(ledger) = &self.ledger {
            return noted(&self.gate, &*self.clock, ledger, request)
                .await
                .map_err(ApiError::Ledger);
        }
        let answer = request.await;
        self.gate.answered(&*self.clock);
        Ok(answer)
    }

    async fn sleep(&self, wait: Duration) -> Result<(), ApiError> {
        Ok(self.stop.or_stop(tokio::time::sleep(wait)).await?)
    }
}

impl From<Stopped> for ApiError {
    fn from(_: Stopped) -> Self {
        ApiError::Stopped
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        ApiError::Login(error)
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        ApiError::Read(error)
    }
}

/// Whether asking again may help.
enum Passes {
    Never,
    Soon,
    When(RetryAfter),
}

/// An error that may pass.
trait Passing: Into<ApiError> {
    fn passes(&self) -> Passes;
    fn message(&self) -> &str;
}

impl Passing for TokenError {
    fn passes(&self) -> Passes {
        match self {
            TokenError::Refused { .. } | TokenError::NotTheApi { .. } => Passes::Never,
            TokenError::Unreachable { .. } | TokenError::ServerError { .. } => Passes::Soon,
            TokenError::Busy { retry_after, .. } => retry_after.map_or(Passes::Soon, Passes::When),
        }
    }

    fn message(&self) -> &str {
        self.message()
    }
}

impl Passing for ReadError {
    fn passes(&self) -> Passes {
        match self {
            ReadError::Unauthorized { .. }
            | ReadError::Forbidden { .. }
            | ReadError::Refused { .. }
            | ReadError::NotTheApi { .. } => Passes::Never,
            ReadError::Unreachable { .. } | ReadError::ServerError { .. } => Passes::Soon,
            ReadError::Busy { retry_after, .. } => retry_after.map_or(Passes::Soon, Passes::When),
        }
    }

    fn message(&self) -> &str {
        self.message()
    }
}
