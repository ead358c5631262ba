//! The vendor's addresses, and what every one of them asks of a request before it looks inside.

mod contract_types;
mod login;
mod recipient;
mod session;
mod subject;

pub(super) use subject::Subject;

use axum::http::{HeaderMap, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Behaviour,
    credentials::API_KEY,
    envelope::{MALFORMED, Reply, UNAUTHORIZED},
    shared::Shared,
};

const LOGIN: &str = "/api/credentials/Login";
const REFRESH: &str = "/api/credentials/RefreshToken";
const CREATE_INVITATION: &str = "/api/IdentityUserSession/CreateInvitation";
const CREATE_AUTH_SESSION: &str = "/api/IdentityUserSession/CreateAuthSession";
const ALL_TYPES: &str = "/api/BusinessRequest/GetAllRequestTypes";
const TYPE_FIELDS: &str = "/api/BusinessRequest/GetBusinessRequestTypeTemplateFields";

/// A request, wholly read.
pub(super) struct Call<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// What became of a request.
pub(super) struct Handled {
    pub reply: Reply,
    /// The token of the session that was created, whether or not the client gets to see it.
    pub session_token: Option<String>,
    pub fault: Option<Behaviour>,
}

impl From<Reply> for Handled {
    fn from(reply: Reply) -> Self {
        Handled {
            reply,
            session_token: None,
            fault: None,
        }
    }
}

/// Whether an address creates sessions.
pub(super) fn creates_sessions(path: &str) -> bool {
    matches!(path, CREATE_INVITATION | CREATE_AUTH_SESSION)
}

/// Answers a request that the gate admitted.
pub(super) fn dispatch(shared: &Shared, call: &Call<'_>) -> Handled {
    let (method, endpoint): (_, fn(&Shared, &Call<'_>) -> Handled) = match call.path {
        LOGIN => (Method::POST, login::log_in),
        REFRESH => (Method::POST, login::refresh),
        CREATE_INVITATION => (Method::POST, session::create_invitation),
        CREATE_AUTH_SESSION => (Method::POST, session::create_auth_session),
        ALL_TYPES => (Method::GET, contract_types::list),
        TYPE_FIELDS => (Method::GET, contract_types::fields),
        _ => return plain(StatusCode::NOT_FOUND, "There is nothing at this address."),
    };
    if call.method != method {
        return plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "This address takes another method.",
        );
    }
    if call.header("ApiKey") != Some(API_KEY) {
        return unauthorized("The ApiKey is not accepted.").into();
    }
    if method == Method::POST && !call.is_json() {
        return plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body must be application/json.",
        );
    }
    endpoint(shared, call)
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn is_json(&self) -> bool {
        self.header(header::CONTENT_TYPE.as_str())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    }

    /// The body as a `T`, which refuses what it does not know.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        serde_json::from_slice(self.body).map_err(|error| malformed(&error.to_string()))
    }
}

fn malformed(message: &str) -> Reply {
    Reply::refusal(StatusCode::BAD_REQUEST, MALFORMED, message, None)
}

fn plain(status: StatusCode, message: &str) -> Handled {
    Reply::plain_refusal(status, message).into()
}

fn unauthorized(message: &str) -> Reply {
    Reply::refusal(StatusCode::UNAUTHORIZED, UNAUTHORIZED, message, None)
}

/// Asks for an admin token that holds.
fn require_admin(shared: &Shared, call: &Call<'_>) -> Result<(), Reply> {
    match call.header(header::AUTHORIZATION.as_str()) {
        Some(value)
            if value
                .strip_prefix("Bearer ")
                .is_some_and(|token| shared.tokens.holds(token)) =>
        {
            Ok(())
        }
        Some(_) => Err(unauthorized("The bearer token is unknown or has expired.")),
        None => Err(unauthorized("There is no bearer token.")),
    }
}

/// Answers with `data`, or as the fault would have it.
fn reply(fault: Option<Behaviour>, data: &Value) -> Reply {
    fault.map_or_else(|| Reply::success(data), |behaviour| behaviour.reply(data))
}
