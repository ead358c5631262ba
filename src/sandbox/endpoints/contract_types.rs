//! What the tenant offers: `GetAllRequestTypes` and `GetBusinessRequestTypeTemplateFields`.

use axum::http::StatusCode;

use super::{Call, Handled, malformed, require_admin};
use crate::sandbox::{
    core::Core,
    envelope::{CONTRACT_TYPE_UNKNOWN, Reply},
};

/// `GET /api/BusinessRequest/GetAllRequestTypes`.
pub(super) fn list(core: &Core, call: &Call<'_>) -> Handled {
    match require_admin(core, call) {
        Ok(()) => Reply::success(&core.forms.list()).into(),
        Err(refusal) => refusal.into(),
    }
}

/// `GET /api/BusinessRequest/GetBusinessRequestTypeTemplateFields?requestTypeId=414&isLocalized=false`. What `isLocalized`
/// changes is unknown, so it changes nothing.
pub(super) fn fields(core: &Core, call: &Call<'_>) -> Handled {
    if let Err(refusal) = require_admin(core, call) {
        return refusal.into();
    }
    let asked = url::form_urlencoded::parse(call.query.as_bytes())
        .find(|(name, _)| name == "requestTypeId")
        .and_then(|(_, id)| id.parse::<i64>().ok());
    let Some(id) = asked else {
        return malformed("requestTypeId is not a number").into();
    };
    match core.forms.template(id) {
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
