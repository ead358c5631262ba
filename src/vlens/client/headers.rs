//! The values that headers carry: checked before anything is sent, and marked so that no log shows a secret.

use reqwest::header::HeaderValue;

use crate::error::Error;
use crate::model::Secret;

/// A bearer token as a header; nothing when it holds what no token has.
pub(super) fn bearer_header(token: &Secret) -> Option<HeaderValue> {
    let token = Some(token.expose()).filter(|token| is_one_word(token))?;
    secret_header(&format!("Bearer {token}"))
}

/// The API key as a header.
pub(super) fn api_key(key: &Secret) -> Result<HeaderValue, Error> {
    let key = key.expose();
    let header = Some(key)
        .filter(|key| is_one_word(key))
        .and_then(secret_header);
    header.ok_or_else(|| {
        let what = if key.trim().is_empty() {
            "is empty"
        } else {
            "holds a space, a line break or another character that no key has"
        };
        Error::unusable("api_key_invalid", format!("The API key {what}.")).hint(
            "Copy it once more from Vlens into VLENS_API_KEY or VLENS_API_KEY_FILE, on one line.",
        )
    })
}

/// Visible ASCII without spaces: an invisible character that was pasted along would make every request fail.
pub(in crate::vlens) fn is_one_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The tenant's name as a header; it need not be ASCII.
pub(super) fn tenancy_header(name: &str) -> Result<HeaderValue, Error> {
    let header = HeaderValue::from_bytes(name.as_bytes()).ok();
    header.filter(|_| !name.trim().is_empty()).ok_or_else(|| {
        Error::unusable(
            "tenancy_name_invalid",
            "The tenancy name is empty or holds a control character.",
        )
        .hint("Set VLENS_TENANCY_NAME, or tenancy_name under [api], to the tenant's name at Vlens.")
    })
}
