//! What the tenant offers: `GetAllRequestTypes` and `GetBusinessRequestTypeTemplateFields`.

use axum::http::StatusCode;

use super::{Call, Handled, malformed, require_admin};
use crate::sandbox::{
    envelope::{CONTRACT_TYPE_UNKNOWN, Reply},
    shared::Shared,
};

/// `GET /api/BusinessRequest/GetAllRequestTypes`.
pub(super) fn list(shared: &Shared, call: &Call<'_>) -> Handled {
    match require_admin(shared, call) {
        Ok(()) => Reply::success(&shared.forms.list()).into(),
        Err(refusal) => refusal.into(),
    }
}

/// `GET /api/BusinessRequest/GetBusinessRequestTypeTemplateFields?requestTypeId=414&isLocalized=false`. What `isLocalized`
/// changes is unknown, so it changes nothing.
pub(super) fn fields(shared: &Shared, call: &Call<'_>) -> Handled {
    if let Err(refusal) = require_admin(shared, call) {
        return refusal.into();
    }
    let asked = url::form_urlencoded::parse(call.query.as_bytes())
        .find(|(name, _)| name == "requestTypeId")
        .and_then(|(_, id)| id.parse::<i64>().ok());
    let Some(id) = asked else {
        return malformed("requestTypeId is not a number").into();
    };
    match shared.forms.template(id) {
        Some(template) => Reply::success(template).into(),
        // HTTP 200 with an error code is how the vendor documents errors.
        None => Reply::refusal(
            StatusCode::OK,
            CONTRACT_TYPE_UNKNOWN,
            "There is no such contract type.",
            Some("requestTypeId"),
        )
        .into(),
    }
}
