//! Admin tokens: `Login` and `RefreshToken`.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Handled, malformed, reply};
use crate::sandbox::{
    credentials::{PASSWORD, TENANCY_NAME, USERNAME},
    envelope::{LOGIN_REFUSED, REFRESH_REFUSED, Reply, TENANT_UNKNOWN},
    faults::Target,
    shared::Shared,
};

const MAX_NAME_CHARS: usize = 256;
const MAX_PASSWORD_CHARS: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LoginRequest {
    tenancy_name: String,
    user_name_or_email_address: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RefreshRequest {
    refresh_token: String,
}

/// `POST /api/credentials/Login`.
pub(super) fn log_in(shared: &Shared, call: &Call<'_>) -> Handled {
    let login = match call.parse::<LoginRequest>() {
        Ok(login) => login,
        Err(refusal) => return refusal.into(),
    };
    if let Err(refusal) = check(&login, call) {
        return refusal.into();
    }
    grant_or_fail(shared, Target::Login, || {
        let grant = shared.tokens.grant();
        Some(json!({
            "accessToken": grant.access,
            "expireInSeconds": shared.tokens.life().as_secs(),
            "refreshToken": grant.refresh,
            "refreshTokenExpireInSeconds": shared.tokens.refresh_life().as_secs(),
        }))
    })
}

/// `POST /api/credentials/RefreshToken`.
pub(super) fn refresh(shared: &Shared, call: &Call<'_>) -> Handled {
    let used = match call.parse::<RefreshRequest>() {
        Ok(request) => request.refresh_token,
        Err(refusal) => return refusal.into(),
    };
    grant_or_fail(shared, Target::Refresh, || {
        let grant = shared.tokens.rotate(&used)?;
        Some(json!({
            "accessToken": grant.access,
            "encryptedAccessToken": format!("encrypted-{}", grant.access),
            "expireInSeconds": shared.tokens.life().as_secs(),
            // The one just used up: a client that keeps it instead of the new one is refused next time.
            "refreshToken": used,
            "newRefreshToken": grant.refresh,
        }))
    })
}

/// Answers a login or refresh. A fault that refuses leaves the tokens as they are; `grant` is `None` when the refresh
/// token does not hold.
fn grant_or_fail(
    shared: &Shared,
    target: Target,
    grant: impl FnOnce() -> Option<Value>,
) -> Handled {
    let fault = shared.misbehaviour(target, None);
    let data = match fault {
        Some(fault) if !fault.accepts() => Some(Value::Null),
        _ => grant(),
    };
    match data {
        Some(data) => Handled {
            fault,
            ..reply(fault, &data).into()
        },
        None => refresh_refused().into(),
    }
}

fn refresh_refused() -> Reply {
    Reply::refusal(
        StatusCode::UNAUTHORIZED,
        REFRESH_REFUSED,
        "The refresh token is unknown, used or expired.",
        None,
    )
}

fn check(login: &LoginRequest, call: &Call<'_>) -> Result<(), Reply> {
    for (member, value, max) in [
        ("tenancyName", &login.tenancy_name, MAX_NAME_CHARS),
        (
            "userNameOrEmailAddress",
            &login.user_name_or_email_address,
            MAX_NAME_CHARS,
        ),
        ("password", &login.password, MAX_PASSWORD_CHARS),
    ] {
        if value.is_empty() || value.chars().count() > max {
            return Err(malformed(&format!(
                "{member} must have 1 to {max} characters."
            )));
        }
    }
    let tenants = [
        call.header("TenancyName"),
        Some(login.tenancy_name.as_str()),
    ];
    if tenants != [Some(TENANCY_NAME); 2] {
        return Err(refused(TENANT_UNKNOWN, "The tenant is not known."));
    }
    if login.user_name_or_email_address != USERNAME || login.password != PASSWORD {
        return Err(refused(LOGIN_REFUSED, "Invalid user name or password."));
    }
    Ok(())
}

fn refused(error_code: i64, message: &str) -> Reply {
    Reply::refusal(StatusCode::UNAUTHORIZED, error_code, message, None)
}
