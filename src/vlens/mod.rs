//! Speaks the vendor's API: one method of the client for each call that this tool makes, and what is read of its answer; of an
//! invitation's, one [`Outcome`]. And, beside the API, the [`Notifier`].
//!
//! Left out on purpose: no retry, no sleeping, no second attempt, no ledger. Every call here is one exchange, bounded in
//! time and size, and says exactly whether its request began to leave: the rest is decided where ledger and limits are known.
//!
//! Read first: [`answer`](read_answer), the table that says which answer means what.

mod answer;
mod forms;
mod transport;

pub use answer::{RawAnswer, read_answer};
pub use forms::read_form;
pub use transport::{BaseUrl, Fence, Way};

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_util::bytes::Bytes;

use crate::clock;
use crate::error::Error;
use crate::model::{
    ContractTypeId, Failure, Outcome, Refusal, Secret, Timestamp, Uncertainty, Why,
};
use answer::{as_integer, plain, without};
use transport::{exchange, http_client};

/// An answer to an invitation or a login is a few hundred bytes; past this it is none of the API's.
const ANSWER_MAX_BYTES: usize = 1 << 20;
/// A form lists every choice of every field, and may be long.
const FORM_MAX_BYTES: usize = 8 << 20;
/// Safe to add to any point in time.
const TIMEOUT_MAX: Duration = Duration::from_hours(24);

pub struct Client {
    http: reqwest::Client,
    base_url: BaseUrl,
    /// Of every request.
    headers: HeaderMap,
    tenancy_name: String,
    tenancy_header: HeaderValue,
    timeout: Duration,
}

/// An admin's access token, as the header that carries it; its `Debug` does not show it.
pub type AccessToken = HeaderValue;

#[derive(Debug, Clone)]
pub struct AdminToken {
    pub access: AccessToken,
    /// Good for one more access token.
    pub refresh: Option<Secret>,
    /// On the steady clock: from here on a new one is asked for before the next request.
    pub renew_at: Duration,
    /// What the server's clock showed, when the answer told.
    pub server_date: Option<Timestamp>,
}

impl Client {
    /// Checks what cannot be sent (a line break in the API key, say) and prepares everything that requests share. `timeout` is for a
    /// whole exchange, from connecting to the answer's last byte, dripping answers too; as many connections are kept as requests may be
    /// under way at once. Connects to nothing.
    pub fn new(
        base_url: BaseUrl,
        way: &Way,
        api_key: &Secret,
        tenancy_name: String,
        timeout: Duration,
        concurrency: usize,
    ) -> Result<Client, Error> {
        let mut headers = HeaderMap::new();
        let api_key = secret_header("", api_key.expose());
        let api_key = api_key.ok_or_else(|| Error::of("api_key_invalid", &[]))?;
        headers.insert("apikey", api_key);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // The tenant's name need not be ASCII.
        let tenancy_header = HeaderValue::from_bytes(tenancy_name.as_bytes()).ok();
        let tenancy_header = tenancy_header.filter(|_| !tenancy_name.trim().is_empty());
        Ok(Client {
            http: http_client(&base_url, timeout, concurrency, way)?,
            base_url,
            headers,
            tenancy_header: tenancy_header.ok_or_else(|| Error::of("tenancy_name_invalid", &[]))?,
            tenancy_name,
            timeout: timeout.min(TIMEOUT_MAX),
        })
    }

    /// Creates one invitation, as the admin whose token this is; without one a session. Sends exactly one request, or none, as the fence
    /// says.
    pub async fn create(&self, bearer: Option<&AccessToken>, body: Bytes, fence: Fence) -> Outcome {
        let path = match bearer {
            Some(_) => "IdentityUserSession/CreateInvitation",
            None => "IdentityUserSession/CreateAuthSession",
        };
        let request = self.request(path, bearer);
        self.ask(request, Some((body, fence)), read_answer).await
    }

    pub async fn login(&self, username: &str, password: &Secret) -> Result<AdminToken, Failure> {
        let body = json!({
            "tenancyName": self.tenancy_name,
            "userNameOrEmailAddress": username,
            "password": password.expose(),
        });
        let mut request = self.request("credentials/Login", None);
        let tenancy = self.tenancy_header.clone();
        request.headers_mut().insert("tenancyname", tenancy);
        let body = Some((body.to_string().into(), None));
        let read = |answer: &RawAnswer| read_token(answer, None);
        self.ask(request, body, read).await
    }

    pub async fn refresh(&self, held: &Secret) -> Result<AdminToken, Failure> {
        let body = json!({ "refreshToken": held.expose() });
        let request = self.request("credentials/RefreshToken", None);
        let body = Some((body.to_string().into(), None));
        let read = |answer: &RawAnswer| read_token(answer, Some(held));
        self.ask(request, body, read).await
    }

    /// With their names, which are empty where the answer gives none.
    pub async fn contract_types(
        &self,
        bearer: &AccessToken,
    ) -> Result<Vec<(ContractTypeId, String)>, Failure> {
        let request = self.request("BusinessRequest/GetAllRequestTypes", Some(bearer));
        let read = |answer: &RawAnswer| read_contract_types(&answer.read()?.into_data());
        self.ask(request, None, read).await
    }

    /// The raw answer that describes a contract type's form, for [`read_form`].
    pub async fn template_fields(
        &self,
        bearer: &AccessToken,
        id: ContractTypeId,
    ) -> Result<String, Failure> {
        let path = "BusinessRequest/GetBusinessRequestTypeTemplateFields";
        let mut request = self.request(path, Some(bearer));
        let query = format!("requestTypeId={id}&isLocalized=false");
        request.url_mut().set_query(Some(&query));
        let read = |answer: &RawAnswer| {
            answer.read()?;
            Ok(String::from_utf8_lossy(answer.bytes()).into_owned())
        };
        self.ask(request, None, read).await
    }

    /// Sends a request, which only reads unless it has a body, and reads its answer. What a failure says in the vendor's words is masked
    /// where it repeats what the vendor was told: the secrets of the headers, and the texts of the body.
    async fn ask<T>(
        &self,
        mut request: Request,
        body: Option<(Bytes, Fence)>,
        read: impl FnOnce(&RawAnswer) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let sent = body.as_ref().map(|(bytes, _)| bytes.clone());
        let max_bytes = if sent.is_some() {
            *request.method_mut() = Method::POST;
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            ANSWER_MAX_BYTES
        } else {
            FORM_MAX_BYTES
        };
        let headers = request.headers().clone();
        let reply = exchange(&self.http, request, body, self.timeout, max_bytes).await;
        reply.and_then(|answer| read(&answer)).map_err(|failure| {
            let body = serde_json::from_slice(&sent.unwrap_or_default());
            let mut told = texts_in(body.unwrap_or_default());
            let secrets = headers.values().filter(|value| value.is_sensitive());
            let secrets = secrets.filter_map(|value| value.to_str().ok());
            told.extend(secrets.map(|secret| secret.trim_start_matches("Bearer ").to_owned()));
            let message = without(&failure.message, told);
            Failure { message, ..failure }
        })
    }

    fn request(&self, path: &str, bearer: Option<&AccessToken>) -> Request {
        let url = self.base_url.below(&format!("/api/{path}"));
        let mut request = Request::new(Method::GET, url);
        request.headers_mut().clone_from(&self.headers);
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        request
    }
}

fn texts_in(body: Value) -> Vec<String> {
    match body {
        Value::String(text) => vec![text],
        Value::Array(items) => items.into_iter().flat_map(texts_in).collect(),
        Value::Object(members) => members.into_values().flat_map(texts_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The contract types in the data of `GetAllRequestTypes`.
fn read_contract_types(data: &Value) -> Result<Vec<(ContractTypeId, String)>, Failure> {
    let entries = data
        .as_array()
        .ok_or_else(|| unreadable("the answer holds no list of contract types"))?;
    let entry = |value: &Value| {
        let id = ContractTypeId(as_integer(&value["id"])?);
        Some((id, plain(value["name"].as_str().unwrap_or_default())))
    };
    // An entry without a number cannot be asked for, so it is of no use to anyone.
    Ok(entries.iter().filter_map(entry).collect())
}

fn unreadable(message: &str) -> Failure {
    Failure::new(Why::Uncertain(Uncertainty::Unreadable), message)
}

/// Assumed when the answer does not say how long the token lives: short enough to do no harm, and a 401 tells sooner.
const EXPIRES_IN_UNSAID: Duration = Duration::from_hours(1);
/// A token is renewed when a fifth of its life is left, at most five minutes ahead.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_mins(5);

/// Reads what a login or a refresh came to. `held` is the refresh token that was used, which stays good when the answer
/// names no other.
fn read_token(answer: &RawAnswer, held: Option<&Secret>) -> Result<AdminToken, Failure> {
    // What a row is rejected for, an account is refused for.
    let envelope = answer.read().map_err(|failure| match failure.why {
        Why::Rejected(_) | Why::Unauthorized | Why::Refused(Refusal::Rights) => {
            Failure::new(Why::Refused(Refusal::Credentials), failure.to_string())
        }
        _ => failure,
    })?;
    let data = envelope.into_data();
    let secret = |name: &str| {
        let text = data[name].as_str()?.trim();
        (!text.is_empty()).then(|| Secret::new(text))
    };
    let access = secret("accessToken").ok_or_else(|| {
        let message = "Vlens took the credentials but gave no access token: the account may need a second factor or a \
                       new password, or be locked";
        Failure::new(Why::Refused(Refusal::Credentials), message)
    })?;
    let access = secret_header("Bearer ", access.expose())
        .ok_or_else(|| unreadable("the access token in the answer is damaged"))?;
    let life = lives(&data["expireInSeconds"]);
    Ok(AdminToken {
        access,
        renew_at: clock::steady() + life.saturating_sub(RENEWAL_MARGIN_MAX.min(life / 5)),
        refresh: secret("newRefreshToken")
            .or_else(|| secret("refreshToken"))
            .or_else(|| held.cloned()),
        server_date: answer.server_date(),
    })
}

/// How long a token lives that is said to do so for so many seconds.
fn lives(seconds: &Value) -> Duration {
    let seconds = as_integer(seconds).and_then(|seconds| u32::try_from(seconds).ok());
    let seconds = seconds.filter(|&seconds| seconds > 0);
    seconds.map_or(EXPIRES_IN_UNSAID, |s| Duration::from_secs(s.into()))
}

/// A secret as a header that no log shows. Only visible ASCII without spaces: an invisible character that was pasted along would
/// make every request fail.
fn secret_header(prefix: &str, secret: &str) -> Option<HeaderValue> {
    let is_one_word = !secret.is_empty() && secret.chars().all(|c| c.is_ascii_graphic());
    let mut header = HeaderValue::from_str(&format!("{prefix}{secret}")).ok()?;
    header.set_sensitive(true);
    is_one_word.then_some(header)
}

const TELL_TRIES: u32 = 3;
/// Together with the pauses, three of them take twenty seconds at most.
const TELL_TRY_MAX: Duration = Duration::from_secs(6);
const TELL_PAUSE: Duration = Duration::from_secs(1);

/// An address of the team's own that is told when a run starts and how it ends, so that somebody notices a run that never comes. It stands
/// beside the API: it counts against no limit, and its failure changes nothing. It may be a secret itself, so it is never shown.
#[derive(Debug, Clone)]
pub struct Notifier {
    http: reqwest::Client,
    url: BaseUrl,
}

impl Notifier {
    /// Takes `https` addresses, and `http` ones to this machine.
    pub fn new(url: &str, way: &Way) -> Result<Notifier, Error> {
        let url = BaseUrl::parse(url, false).map_err(|_| Error::of("notify_url_invalid", &[]))?;
        Ok(Notifier {
            http: http_client(&url, TELL_TRY_MAX, 1, way)?,
            url,
        })
    }

    /// Asks for what is below the address at `path`, or gives it the run's document. Tries three times. What went wrong last is logged,
    /// and nothing else comes of it.
    pub async fn tell(&self, path: &str, document: Option<String>) {
        let mut why = String::new();
        for nth in 0..TELL_TRIES {
            if nth > 0 {
                sleep(TELL_PAUSE).await;
            }
            let url = self.url.below(path);
            let request = match document.clone() {
                None => self.http.get(url),
                Some(document) => {
                    let request = self.http.post(url).body(document);
                    request.header("content-type", "application/json")
                }
            };
            let told = timeout(TELL_TRY_MAX, request.send()).await;
            why = match told {
                Ok(Ok(answer)) if answer.status().is_success() => return,
                Ok(Ok(answer)) => format!("it answers {}", answer.status().as_u16()),
                Ok(Err(error)) if error.is_connect() => "it cannot be reached".to_owned(),
                Ok(Err(_)) => "the connection broke".to_owned(),
                Err(_) => format!("no answer within {} s", TELL_TRY_MAX.as_secs()),
            };
        }
        log::warn!("the address under [notify] was not told: {why}; the run is as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    fn answer(data: &Value) -> RawAnswer {
        RawAnswer {
            status: 200,
            retry_after: None,
            date: None,
            received: Timestamp(0),
            body: Ok(json!({ "data": data }).to_string().into()),
        }
    }

    #[test]
    fn contract_types_are_listed() {
        let data = json!([
            {"id": 414, "name": "Personal loan", "type": 1, "typeName": "x"},
            {"id": "415", "name": "قرض\u{202e}"},
            {"id": 416},
            {"name": "no number"}
        ]);
        let types = read_contract_types(&data).expect("a list");
        let shown: Vec<_> = types.iter().map(|(id, name)| (id.0, &**name)).collect();
        assert_eq!(shown, [(414, "Personal loan"), (415, "قرض"), (416, "")]);
        assert!(read_contract_types(&json!({"items": []})).is_err());
    }

    #[test]
    fn a_token_lives_for_a_while_and_the_newest_refresh_token_is_kept() {
        let token = |mut data: Value| {
            data["accessToken"] = json!("access");
            let held = Secret::new("held");
            let token = read_token(&answer(&data), Some(&held)).expect("a token");
            assert_eq!(token.access, "Bearer access");
            token.refresh.expect("one").expose().to_owned()
        };
        for (value, seconds) in rows::<(&str, u64)>("vlens.lives") {
            let value: Value = serde_json::from_str(value).expect("JSON");
            assert_eq!(lives(&value).as_secs(), seconds, "{value}");
        }
        for (new, old, expected) in [("new", "old", "new"), ("", "old", "old"), ("", " ", "held")] {
            let refresh = token(json!({"newRefreshToken": new, "refreshToken": old}));
            assert_eq!(refresh, expected);
        }
    }

    #[test]
    fn a_login_without_a_usable_token_is_none() {
        let refused = Why::Refused(Refusal::Credentials);
        let damaged = Why::Uncertain(Uncertainty::Unreadable);
        for (access, is_damaged) in rows::<(&str, bool)>("vlens.no_tokens") {
            let access: Value = serde_json::from_str(access).expect("JSON");
            let expected = if is_damaged { damaged } else { refused };
            let data = json!({"accessToken": access});
            let error = read_token(&answer(&data), None).expect_err("no token");
            assert_eq!(error.why, expected, "{data}");
        }
    }
}
