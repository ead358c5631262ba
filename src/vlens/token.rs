//! Reads the answers to a login and to a refresh.

use std::time::Duration;

use serde_json::Value;

use super::client::headers::is_one_word;
use super::data::{ReadError, answered, as_integer, data_of};
use super::exchange::Reply;
use crate::model::{RetryAfter, Secret};

/// Assumed when the answer does not say how long the token lives: short enough to do no harm, and a 401 tells sooner.
const EXPIRES_IN_UNSAID: Duration = Duration::from_hours(1);

/// An admin's token.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// Goes out with every invitation.
    pub access: Secret,
    /// Good for one more access token.
    pub refresh: Option<Secret>,
    /// How long the access token lives, from now on.
    pub expires_in: Duration,
}

/// Why there is no token. Every message is for people and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// Vlens will not: wrong credentials, a lock-out, a second factor. Never to be tried again in a loop.
    Refused {
        /// What was answered.
        message: String,
    },
    /// 404, 405 or a redirect.
    NotTheApi {
        /// What was answered.
        message: String,
    },
    /// DNS, connection, TLS.
    Unreachable {
        /// What failed.
        message: String,
    },
    /// 429, or 503 with `Retry-After`.
    Busy {
        /// What the server asked for, if it did.
        retry_after: Option<RetryAfter>,
        /// What was answered.
        message: String,
    },
    /// 5xx, a timeout, a broken connection, an answer that cannot be read.
    ServerError {
        /// What was observed.
        message: String,
    },
}

impl TokenError {
    /// What happened, for people.
    pub fn message(&self) -> &str {
        match self {
            TokenError::Refused { message }
            | TokenError::NotTheApi { message }
            | TokenError::Unreachable { message }
            | TokenError::Busy { message, .. }
            | TokenError::ServerError { message } => message,
        }
    }
}

impl std::fmt::Display for TokenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

impl From<ReadError> for TokenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unauthorized { message }
            | ReadError::Forbidden { message }
            | ReadError::Refused { message } => TokenError::Refused { message },
            ReadError::NotTheApi { message } => TokenError::NotTheApi { message },
            ReadError::Unreachable { message } => TokenError::Unreachable { message },
            ReadError::Busy {
                retry_after,
                message,
            } => TokenError::Busy {
                retry_after,
                message,
            },
            ReadError::ServerError { message } => TokenError::ServerError { message },
        }
    }
}

/// Reads what a login or a refresh came to. `held` is the refresh token that was used, which stays good when the answer
/// names no other.
pub(super) fn read_token(reply: &Reply, held: Option<&Secret>) -> Result<AdminToken, TokenError> {
    let data = data_of(&answered(reply)?.raw())?;
    token_in(&data, held)
}

fn token_in(data: &Value, held: Option<&Secret>) -> Result<AdminToken, TokenError> {
    let secret = |name: &str| {
        let text = data[name].as_str()?.trim();
        (!text.is_empty()).then(|| Secret::new(text))
    };
    let access = secret("accessToken").ok_or_else(|| TokenError::Refused {
        message: "Vlens took the credentials but gave no access token: the account may need a second factor or a new \
                  password, or be locked"
            .to_owned(),
    })?;
    if !is_one_word(access.expose()) {
        return Err(TokenError::ServerError {
            message: "the access token in the answer is damaged".to_owned(),
        });
    }
    Ok(AdminToken {
        access,
        refresh: secret("newRefreshToken")
            .or_else(|| secret("refreshToken"))
            .or_else(|| held.cloned()),
        expires_in: expires_in(&data["expireInSeconds"]),
    })
}

fn expires_in(value: &Value) -> Duration {
    let seconds = as_integer(value).and_then(|seconds| u32::try_from(seconds).ok());
    match seconds {
        None | Some(0) => EXPIRES_IN_UNSAID,
        Some(seconds) => Duration::from_secs(seconds.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_next_refresh_token_is_the_newest_that_is_known() {
        for (data, expected) in [
            (
                json!({"newRefreshToken": "new", "refreshToken": "old"}),
                "new",
            ),
            (json!({"newRefreshToken": "", "refreshToken": "old"}), "old"),
            (
                json!({"newRefreshToken": null, "refreshToken": "old"}),
                "old",
            ),
            (json!({"refreshToken": " "}), "held"),
            (json!({}), "held"),
        ] {
            let mut data = data;
            data["accessToken"] = json!("access");
            let held = Secret::new("held");
            let token = token_in(&data, Some(&held)).expect("a token");
            assert_eq!(token.access.expose(), "access");
            assert_eq!(token.refresh.expect("one").expose(), expected, "{data}");
        }
        let first = token_in(&json!({"accessToken": "access"}), None).expect("a token");
        assert!(first.refresh.is_none());
    }

    #[test]
    fn a_login_without_a_token_is_a_refused_one() {
        for data in [
            json!(null),
            json!({}),
            json!({"accessToken": null}),
            json!({"accessToken": " "}),
            json!({"accessToken": 5}),
            json!("token"),
        ] {
            match token_in(&data, None) {
                Err(TokenError::Refused { message }) => assert!(message.contains("second factor")),
                other => panic!("{data}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_token_that_no_header_carries_is_damaged() {
        for access in ["a\nb", "a b", "رمز"] {
            let error = token_in(&json!({ "accessToken": access }), None).expect_err(access);
            assert!(matches!(error, TokenError::ServerError { .. }));
        }
    }

    #[test]
    fn the_life_of_a_token_is_never_nothing() {
        for (value, seconds) in [
            (json!(86400), 86400),
            (json!("86400"), 86400),
            (json!(null), 3600),
            (json!(0), 3600),
            (json!(-5), 3600),
            (json!(1.0e30), 3600),
        ] {
            assert_eq!(expires_in(&value).as_secs(), seconds, "{value}");
        }
    }
}
