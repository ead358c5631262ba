//! The client: one method for each call of the API that this tool makes.

pub(super) mod headers;
mod urls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::json;

use super::answer::read_answer;
use super::data::{ReadError, read_contract_types, read_data};
use super::exchange::{self, Bounds, Reply};
use super::retry_after::read_http_date;
use super::token::{AdminToken, TokenError, read_token};
use super::{BaseUrl, connector};
use crate::error::Error;
use crate::model::{ContractTypeId, NotCreated, Outcome, Secret, Timestamp, Uncertainty};
use headers::{api_key, bearer_header, tenancy_header};
use urls::Urls;

/// An answer to an invitation or a login is a few hundred bytes; past this it is none of the API's.
const ANSWER_MAX_BYTES: usize = 1 << 20;
/// Safe to add to any point in time.
const TIMEOUT_MAX: Duration = Duration::from_hours(24);
/// A form lists every choice of every field, and may be long.
const FORM_MAX_BYTES: usize = 8 << 20;

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The API's address.
    pub base_url: BaseUrl,
    /// The tenant's API key.
    pub api_key: Secret,
    /// The tenant.
    pub tenancy_name: String,
    /// For a whole exchange, from connecting to the answer's last byte, dripping answers too.
    pub timeout: Duration,
    /// More certificate authorities to trust, in PEM form.
    pub ca_pem: Option<Vec<u8>>,
    /// How many requests may be under way at once: as many connections are kept.
    pub concurrency: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
}

/// Speaks to the API. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    http: reqwest::Client,
    urls: Urls,
    /// Of every request.
    headers: HeaderMap,
    tenancy_name: String,
    tenancy_header: HeaderValue,
    timeout: Duration,
}

/// What one request for one invitation came to.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What became of the invitation.
    pub outcome: Outcome,
    /// The HTTP status, when an answer came.
    pub http_status: Option<u16>,
    /// The answer's `Date` header, for those who compare clocks.
    pub server_date: Option<Timestamp>,
}

/// One contract type of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractTypeEntry {
    /// Its number.
    pub id: ContractTypeId,
    /// Its name, empty when the answer gave none.
    pub name: String,
}

impl Client {
    /// Checks what cannot be sent (a line break in the API key, say) and prepares everything that requests share.
    /// Connects to nothing.
    pub fn new(options: ClientOptions) -> Result<Client, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("apikey"),
            api_key(&options.api_key)?,
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Client(Arc::new(Shared {
            http: connector::build(&options)?,
            urls: Urls::under(&options.base_url)?,
            headers,
            tenancy_header: tenancy_header(&options.tenancy_name)?,
            tenancy_name: options.tenancy_name,
            timeout: options.timeout.min(TIMEOUT_MAX),
        })))
    }

    /// Creates one invitation, as the admin whose token this is. Sends exactly one request, or none.
    pub async fn create_invitation(&self, bearer: &Secret, body: Bytes) -> Answer {
        match bearer_header(bearer) {
            Some(bearer) => {
                let url = &self.0.urls.create_invitation;
                self.create(url, Some(bearer), body).await
            }
            None => Answer::without_request(NotCreated::Unauthorized {
                message: UNSENDABLE_TOKEN.to_owned(),
            }),
        }
    }

    /// Creates one session without an admin's token. Sends exactly one request, or none.
    pub async fn create_auth_session(&self, body: Bytes) -> Answer {
        let url = &self.0.urls.create_auth_session;
        self.create(url, None, body).await
    }

    /// Logs the admin in.
    pub async fn login(&self, username: &str, password: &Secret) -> Result<AdminToken, TokenError> {
        self.login_dated(username, password).await.0
    }

    /// The same, with the answer's `Date` header for those who compare clocks.
    pub async fn login_dated(
        &self,
        username: &str,
        password: &Secret,
    ) -> (Result<AdminToken, TokenError>, Option<Timestamp>) {
        let body = json!({
            "tenancyName": self.0.tenancy_name,
            "userNameOrEmailAddress": username,
            "password": password.expose(),
        });
        let mut request = self.request(Method::POST, &self.0.urls.login, None);
        let tenancy = self.0.tenancy_header.clone();
        request
            .headers_mut()
            .insert(HeaderName::from_static("tenancyname"), tenancy);
        let reply = self.post(request, body.to_string().into()).await;
        let server_date = match &reply {
            Reply::Answered(received) => received.date.as_deref().and_then(read_http_date),
            Reply::NeverLeft(_) | Reply::TimedOut(_) | Reply::Broken(_) => None,
        };
        (read_token(&reply, None), server_date)
    }

    /// Exchanges a refresh token for a new access token.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<AdminToken, TokenError> {
        let body = json!({ "refreshToken": refresh_token.expose() });
        let request = self.request(Method::POST, &self.0.urls.refresh, None);
        let reply = self.post(request, body.to_string().into()).await;
        read_token(&reply, Some(refresh_token))
    }

    /// The tenant's contract types: the raw answer, and what was read from it.
    pub async fn contract_types(
        &self,
        bearer: &Secret,
    ) -> Result<(String, Vec<ContractTypeEntry>), ReadError> {
        let url = self.0.urls.contract_types.clone();
        let (raw, data) = self.read(url, bearer).await?;
        Ok((raw, read_contract_types(&data)?))
    }

    /// The raw answer that describes a contract type's form, for [`read_form`](super::read_form).
    pub async fn template_fields(
        &self,
        bearer: &Secret,
        id: ContractTypeId,
    ) -> Result<String, ReadError> {
        let mut url = self.0.urls.template_fields.clone();
        url.query_pairs_mut()
            .append_pair("requestTypeId", &id.to_string())
            .append_pair("isLocalized", "false");
        Ok(self.read(url, bearer).await?.0)
    }

    async fn create(&self, url: &Url, bearer: Option<HeaderValue>, body: Bytes) -> Answer {
        let request = self.request(Method::POST, url, bearer);
        Answer::from_reply(self.post(request, body).await)
    }

    async fn read(
        &self,
        url: Url,
        bearer: &Secret,
    ) -> Result<(String, serde_json::Value), ReadError> {
        let Some(bearer) = bearer_header(bearer) else {
            return Err(ReadError::Unauthorized {
                message: UNSENDABLE_TOKEN.to_owned(),
            });
        };
        let request = self.request(Method::GET, &url, Some(bearer));
        let bounds = self.bounds(FORM_MAX_BYTES);
        read_data(&exchange::get(&self.0.http, request, bounds).await)
    }

    async fn post(&self, mut request: Request, body: Bytes) -> Reply {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        exchange::post(&self.0.http, request, body, self.bounds(ANSWER_MAX_BYTES)).await
    }

    fn request(&self, method: Method, url: &Url, bearer: Option<HeaderValue>) -> Request {
        let mut request = Request::new(method, url.clone());
        request.headers_mut().clone_from(&self.0.headers);
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        request
    }

    fn bounds(&self, body_max_bytes: usize) -> Bounds {
        Bounds {
            timeout: self.0.timeout,
            body_max_bytes,
        }
    }
}

impl Answer {
    fn from_reply(reply: Reply) -> Answer {
        let uncertain = |why, message| Outcome::Uncertain {
            why,
            message,
            stop: false,
        };
        let outcome = match reply {
            Reply::Answered(received) => {
                return Answer {
                    outcome: read_answer(&received.raw()),
                    http_status: Some(received.status),
                    server_date: received.date.as_deref().and_then(read_http_date),
                };
            }
            Reply::NeverLeft(message) => {
                return Answer::without_request(NotCreated::Unreachable { message });
            }
            Reply::TimedOut(message) => uncertain(Uncertainty::Timeout, message),
            Reply::Broken(message) => uncertain(Uncertainty::Broken, message),
        };
        Answer {
            outcome,
            http_status: None,
            server_date: None,
        }
    }

    fn without_request(not_created: NotCreated) -> Answer {
        Answer {
            outcome: Outcome::NotCreated(not_created),
            http_status: None,
            server_date: None,
        }
    }
}

const UNSENDABLE_TOKEN: &str = "the access token holds characters that cannot be sent";

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;

#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod trouble_tests;
