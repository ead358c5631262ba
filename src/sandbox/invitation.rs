//! What the vendor asks of an invitation or a session, by the sample forms.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::http::Answer;

/// The two sample contract types, in the shape in which the vendor describes forms.
pub(super) static FORMS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    let texts = [
        include_str!("forms/414.json"),
        include_str!("forms/415.json"),
    ];
    texts.map(|text| serde_json::from_str(text).unwrap_or_default())
});

pub(super) fn form(id: i64) -> Option<&'static Value> {
    FORMS.iter().find(|form| form["id"] == id)
}

/// Whether a form has a field of that key, at any depth. The forms are ours, so their depth needs no guard.
fn has_key(node: &Value, key: &str) -> bool {
    match node {
        Value::Array(items) => items.iter().any(|item| has_key(item, key)),
        Value::Object(members) => {
            node["key"] == key || members.values().any(|member| has_key(member, key))
        }
        _ => false,
    }
}

/// `RequestFieldsValues` may sit beside `SessionInput` too: the vendor's one sample may be wrong about its place.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InvitationBody {
    pub session_input: SessionBody,
    pub request_fields_values: Option<Fields>,
}

/// The members of `SessionInput`, or of the top level for `CreateAuthSession`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SessionBody {
    pub phone_number: Option<String>,
    email: Option<String>,
    #[serde(rename = "userPublicKey")]
    _user_public_key: Option<String>,
    #[serde(rename = "sessionPermissions")]
    permissions: Permissions,
    #[serde(rename = "RequestFieldsValues")]
    pub request_fields: Option<Fields>,
}

/// By contract type and key; every value is a string.
type Fields = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Permissions {
    allowed_contract_type_ids: Vec<i64>,
    #[serde(rename = "minimalSignatureFlow")]
    _minimal_signature_flow: Option<bool>,
    #[serde(rename = "DigitalIdentityOnly")]
    _digital_identity_only: Option<bool>,
}

impl SessionBody {
    /// What the vendor would refuse it for. `any_form`: contract types and keys that the sample forms lack are as good.
    pub(super) fn check(&self, any_form: bool) -> Result<(), Answer> {
        let types = &self.permissions.allowed_contract_type_ids;
        let is_known = |id: &i64| any_form || form(*id).is_some();
        let has_types = !types.is_empty() && types.iter().all(is_known);
        let unknown = self.unknown_field(any_form);
        let place = format!("RequestFieldsValues.{}", unknown.as_deref().unwrap_or("-"));
        let (code, message, field) = match (&self.phone_number, &self.email) {
            (None, None) => (1001, "Neither phone nor e-mail.", "phoneNumber"),
            (Some(phone), _) if !is_e164(phone) => {
                (1002, "The phone number is not E.164.", "phoneNumber")
            }
            (_, Some(email)) if !is_email(email) => {
                (1003, "The e-mail address is not valid.", "email")
            }
            _ if !has_types => {
                let message = "No contract type, or an unknown one.";
                (1004, message, "allowedContractTypeIds")
            }
            _ if unknown.is_some() => (1005, "There is no such type or field.", &*place),
            _ => return Ok(()),
        };
        let descriptions = json!([{"field": field, "message": message}]);
        Err(Answer::error(400, code, message, &descriptions))
    }

    fn unknown_field(&self, any_form: bool) -> Option<String> {
        let types = &self.permissions.allowed_contract_type_ids;
        let mut fields = self.request_fields.iter().flatten();
        fields.find_map(|(id, values)| {
            let Some(known) = types.iter().find(|known| known.to_string() == *id) else {
                return Some(id.clone());
            };
            let is_known = |key: &str| any_form || form(*known).is_some_and(|it| has_key(it, key));
            let key = values.keys().find(|key| !is_known(key))?;
            Some(format!("{id}.{key}"))
        })
    }
}

/// A plus, then 8 to 15 digits of which the first is no zero.
fn is_e164(phone: &str) -> bool {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits && (8..=15).contains(&digits.len()) && !digits.starts_with('0')
}

/// One `@`, something before it, a domain with a dot inside behind it, no white space.
fn is_email(email: &str) -> bool {
    let (local, domain) = email.split_once('@').unwrap_or_default();
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
    let has_dot = domain.trim_matches('.').contains('.') && !domain.ends_with('.');
    !local.is_empty() && has_dot && !domain.contains('@') && !email.contains(is_odd)
}
