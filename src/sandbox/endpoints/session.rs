//! Sessions: `CreateInvitation` and `CreateAuthSession`.
//!
//! Who is invited twice gets two sessions: the vendor's answer to that is unknown, so the sandbox does not help to hide it.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Call, Handled, malformed,
    recipient::{is_e164, is_email},
    reply, require_admin,
};
use crate::sandbox::{
    Behaviour,
    envelope::{
        CONTRACT_TYPE_UNKNOWN, EMAIL_INVALID, FIELD_UNKNOWN, PHONE_INVALID, RECIPIENT_MISSING,
        Reply, VALUE_NOT_STRING,
    },
    faults::Target,
    forms::Forms,
    shared::Shared,
    tokens::mint,
};

/// The members of `SessionInput`, or of the top level for `CreateAuthSession`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Session {
    phone_number: Option<String>,
    email: Option<String>,
    #[serde(rename = "userPublicKey")]
    _user_public_key: Option<String>,
    #[serde(rename = "sessionPermissions")]
    permissions: Permissions,
    #[serde(rename = "RequestFieldsValues")]
    request_fields: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Permissions {
    allowed_contract_type_ids: Vec<i64>,
    #[serde(rename = "minimalSignatureFlow")]
    _minimal_signature_flow: Option<bool>,
    #[serde(rename = "DigitalIdentityOnly")]
    _digital_identity_only: Option<bool>,
}

/// `RequestFieldsValues` may sit beside `SessionInput` too: the vendor's one sample may be wrong about its place.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Invitation {
    session_input: Session,
    request_fields_values: Option<Map<String, Value>>,
}

/// `POST /api/IdentityUserSession/CreateInvitation`.
pub(super) fn create_invitation(shared: &Shared, call: &Call<'_>) -> Handled {
    let session = require_admin(shared, call)
        .and_then(|()| call.parse::<Invitation>())
        .and_then(Invitation::into_session);
    create(shared, session)
}

/// `POST /api/IdentityUserSession/CreateAuthSession`: no admin, no pre-filled fields.
pub(super) fn create_auth_session(shared: &Shared, call: &Call<'_>) -> Handled {
    let session = call
        .parse::<Session>()
        .and_then(|session| match session.request_fields {
            Some(_) => Err(malformed("unknown field `RequestFieldsValues`")),
            None => Ok(session),
        });
    create(shared, session)
}

impl Invitation {
    fn into_session(self) -> Result<Session, Reply> {
        let mut session = self.session_input;
        match (&session.request_fields, self.request_fields_values) {
            (Some(_), Some(_)) => return Err(malformed("RequestFieldsValues stands twice")),
            (None, beside) => session.request_fields = beside,
            (Some(_), None) => {}
        }
        Ok(session)
    }
}

fn create(shared: &Shared, session: Result<Session, Reply>) -> Handled {
    let phone = match session.and_then(|session| check(session, &shared.forms)) {
        Ok(session) => session.phone_number,
        Err(refusal) => return refusal.into(),
    };
    let fault = shared.misbehaviour(Target::Invitation, phone.as_deref());
    let session_token = fault
        .is_none_or(Behaviour::accepts)
        .then(|| mint("session"));
    let data = session_token.as_deref().map_or(Value::Null, Value::from);
    Handled {
        reply: reply(fault, &data),
        session_token,
        fault,
    }
}

fn check(session: Session, forms: &Forms) -> Result<Session, Reply> {
    check_recipient(session.phone_number.as_deref(), session.email.as_deref())?;
    let types = &session.permissions.allowed_contract_type_ids;
    if types.is_empty() || types.iter().any(|&id| !forms.knows(id)) {
        return Err(wrong(
            CONTRACT_TYPE_UNKNOWN,
            "No contract type, or an unknown one.",
            "allowedContractTypeIds",
        ));
    }
    for (type_id, values) in session.request_fields.iter().flatten() {
        check_values(type_id, values, types, forms)?;
    }
    Ok(session)
}

fn check_recipient(phone: Option<&str>, email: Option<&str>) -> Result<(), Reply> {
    let (code, message, field) = match (phone, email) {
        (None, None) => (
            RECIPIENT_MISSING,
            "Neither phone nor e-mail.",
            "phoneNumber",
        ),
        (Some(phone), _) if !is_e164(phone) => (
            PHONE_INVALID,
            "The phone number is not E.164.",
            "phoneNumber",
        ),
        (_, Some(email)) if !is_email(email) => {
            (EMAIL_INVALID, "The e-mail address is not valid.", "email")
        }
        _ => return Ok(()),
    };
    Err(wrong(code, message, field))
}

/// The values of one contract type.
fn check_values(type_id: &str, values: &Value, types: &[i64], forms: &Forms) -> Result<(), Reply> {
    let allowed = types.iter().find(|id| id.to_string() == type_id);
    let (Some(&id), Value::Object(values)) = (allowed, values) else {
        let message = "Not an object under the id of an allowed contract type.";
        return Err(wrong(
            FIELD_UNKNOWN,
            message,
            &format!("RequestFieldsValues.{type_id}"),
        ));
    };
    for (key, value) in values {
        let place = || format!("RequestFieldsValues.{type_id}.{key}");
        if !forms.has_field(id, key) {
            return Err(wrong(
                FIELD_UNKNOWN,
                "The form has no such field.",
                &place(),
            ));
        }
        if !value.is_string() {
            return Err(wrong(
                VALUE_NOT_STRING,
                "The value is not a string.",
                &place(),
            ));
        }
    }
    Ok(())
}

fn wrong(error_code: i64, message: &str, field: &str) -> Reply {
    Reply::refusal(StatusCode::BAD_REQUEST, error_code, message, Some(field))
}
