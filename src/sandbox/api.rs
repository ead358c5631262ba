//! The vendor's endpoints, each as strict as it may be.
//!
//! Who is invited twice gets two sessions: the vendor's answer to that is unknown, so the sandbox does not help to hide it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::{Faults, Target};
use super::http::{Answer, Call};
use super::tenant::{API_KEY, PASSWORD, TENANCY_NAME, Tokens, USERNAME, mint};

const LOGIN: &str = "/api/credentials/Login";
const REFRESH: &str = "/api/credentials/RefreshToken";
const CREATE_INVITATION: &str = "/api/IdentityUserSession/CreateInvitation";
const CREATE_AUTH_SESSION: &str = "/api/IdentityUserSession/CreateAuthSession";
const ALL_TYPES: &str = "/api/BusinessRequest/GetAllRequestTypes";
const TYPE_FIELDS: &str = "/api/BusinessRequest/GetBusinessRequestTypeTemplateFields";

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The two sample contract types, in the shape in which the vendor describes forms.
static FORMS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    let texts = [
        include_str!("forms/414.json"),
        include_str!("forms/415.json"),
    ];
    texts.map(|text| serde_json::from_str(text).unwrap_or_default())
});

pub(super) struct Api {
    pub tokens: Tokens,
    pub faults: Faults,
    /// Contract types and keys that the sample forms lack are as good.
    pub any_form: bool,
}

/// An answer that ends the call is the error of it.
type Checked<T> = Result<T, Answer>;

impl Call {
    pub(super) fn creates_session(&self) -> bool {
        let creates = [CREATE_INVITATION, CREATE_AUTH_SESSION];
        self.method == "POST" && creates.contains(&self.path.as_str())
    }

    /// The body as a `T`, which refuses what it does not know.
    fn parse<T: DeserializeOwned>(&self) -> Checked<T> {
        serde_json::from_slice(&self.body).map_err(|error| malformed(&error.to_string()))
    }

    /// Phone, else e-mail, as far as it can be read: for the log, of refused requests too.
    pub(super) fn recipient(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let session = body.get("SessionInput").unwrap_or(&body);
        let text = |member: &str| session[member].as_str().map(str::to_owned);
        text("phoneNumber").or_else(|| text("email"))
    }
}

impl Api {
    /// Answers a request that the limits admitted.
    pub(super) fn answer(&self, call: &Call) -> Answer {
        let answer = self.check(call).and_then(|()| match call.path.as_str() {
            LOGIN => self.log_in(call),
            REFRESH => self.refresh(call),
            CREATE_INVITATION => self.create_invitation(call),
            CREATE_AUTH_SESSION => self.create_auth_session(call),
            ALL_TYPES => Ok(list_types()),
            _ => describe_type(call),
        });
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// What every endpoint asks of a request before it looks inside.
    fn check(&self, call: &Call) -> Checked<()> {
        let plain = |status, message| Err(Answer::plain(status, message));
        let method = match call.path.as_str() {
            LOGIN | REFRESH | CREATE_INVITATION | CREATE_AUTH_SESSION => "POST",
            ALL_TYPES | TYPE_FIELDS => "GET",
            _ => return plain(404, "There is nothing at this address."),
        };
        let kind = call.header("Content-Type").unwrap_or_default();
        let is_json = kind.split(';').next() == Some("application/json");
        let bearer = call.header("Authorization");
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let is_admin = bearer.is_some_and(|token| self.tokens.holds("admin", token));
        let needs_admin = ![LOGIN, REFRESH, CREATE_AUTH_SESSION].contains(&call.path.as_str());
        if call.method != method {
            plain(405, "This address takes another method.")
        } else if call.body.len() > MAX_BODY_BYTES {
            plain(413, "The request is too large.")
        } else if call.header("ApiKey") != Some(API_KEY) {
            plain(401, "The ApiKey is not accepted.")
        } else if method == "POST" && !is_json {
            plain(415, "The body must be application/json.")
        } else if needs_admin && !is_admin {
            plain(401, "The bearer token is missing, unknown or has expired.")
        } else {
            Ok(())
        }
    }

    fn log_in(&self, call: &Call) -> Checked<Answer> {
        call.parse::<LoginRequest>()?.check(call)?;
        Ok(self.respond(Target::Login, None, || {
            let [access, refresh] = self.tokens.grant(None);
            json!({
                "accessToken": access,
                "expireInSeconds": self.tokens.life.as_secs(),
                "refreshToken": refresh,
                "refreshTokenExpireInSeconds": self.tokens.refresh_life().as_secs(),
            })
        }))
    }

    fn refresh(&self, call: &Call) -> Checked<Answer> {
        let used = call.parse::<RefreshRequest>()?.refresh_token;
        if !self.tokens.holds("refresh", &used) {
            let message = "The refresh token is unknown, used or expired.";
            return Err(refused(2003, message));
        }
        Ok(self.respond(Target::Refresh, None, || {
            let [access, refresh] = self.tokens.grant(Some(&used));
            json!({
                "accessToken": access,
                "encryptedAccessToken": format!("encrypted-{access}"),
                "expireInSeconds": self.tokens.life.as_secs(),
                // The one just used up: a client that keeps it instead of the new one is refused next time.
                "refreshToken": used,
                "newRefreshToken": refresh,
            })
        }))
    }

    fn create_invitation(&self, call: &Call) -> Checked<Answer> {
        let invitation: Invitation = call.parse()?;
        let (mut session, beside) = (invitation.session_input, invitation.request_fields_values);
        if beside.is_some() && session.request_fields.is_some() {
            return Err(malformed("RequestFieldsValues stands twice"));
        }
        session.request_fields = session.request_fields.or(beside);
        self.create(&session)
    }

    /// No admin, no pre-filled fields.
    fn create_auth_session(&self, call: &Call) -> Checked<Answer> {
        let session: Session = call.parse()?;
        match session.request_fields {
            Some(_) => Err(malformed("unknown field `RequestFieldsValues`")),
            None => self.create(&session),
        }
    }

    fn create(&self, session: &Session) -> Checked<Answer> {
        session.check(self.any_form)?;
        let phone = session.phone_number.as_deref();
        Ok(self.respond(Target::Invitation, phone, || json!(mint("session"))))
    }

    /// Answers with `data`, or as a fault would have it; where that refuses, nothing is made.
    fn respond(&self, target: Target, phone: Option<&str>, data: impl FnOnce() -> Value) -> Answer {
        let fault = self.faults.of(target, phone);
        let is_accepted = fault.is_none_or(|fault| fault.accepts);
        let data = is_accepted.then(data).unwrap_or_default();
        let answer = fault.map_or_else(|| Answer::success(&data), |fault| fault.answer(&data));
        Answer {
            session_token: data.as_str().map(str::to_owned),
            fault: fault.map(|fault| fault.name.as_str()),
            ..answer
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LoginRequest {
    tenancy_name: String,
    user_name_or_email_address: String,
    password: String,
}

impl LoginRequest {
    fn check(&self, call: &Call) -> Checked<()> {
        let user = &self.user_name_or_email_address;
        for (value, max) in [(&self.tenancy_name, 256), (user, 256), (&self.password, 32)] {
            if value.is_empty() || value.chars().count() > max {
                return Err(malformed(&format!(
                    "A member must have 1 to {max} characters."
                )));
            }
        }
        if [call.header("TenancyName"), Some(&self.tenancy_name)] != [Some(TENANCY_NAME); 2] {
            return Err(refused(2002, "The tenant is not known."));
        }
        if user != USERNAME || self.password != PASSWORD {
            return Err(refused(2001, "Invalid user name or password."));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RefreshRequest {
    refresh_token: String,
}

/// `RequestFieldsValues` may sit beside `SessionInput` too: the vendor's one sample may be wrong about its place.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Invitation {
    session_input: Session,
    request_fields_values: Option<Fields>,
}

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
    request_fields: Option<Fields>,
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

impl Session {
    /// What the vendor would refuse it for.
    fn check(&self, any_form: bool) -> Checked<()> {
        let types = &self.permissions.allowed_contract_type_ids;
        let is_unknown = |id: &i64| !any_form && form(*id).is_none();
        match (self.phone_number.as_deref(), self.email.as_deref()) {
            (None, None) => return wrong(1001, "Neither phone nor e-mail.", "phoneNumber"),
            (Some(phone), _) if !is_e164(phone) => {
                return wrong(1002, "The phone number is not E.164.", "phoneNumber");
            }
            (_, Some(email)) if !is_email(email) => {
                return wrong(1003, "The e-mail address is not valid.", "email");
            }
            _ => {}
        }
        if types.is_empty() || types.iter().any(is_unknown) {
            let message = "No contract type, or an unknown one.";
            return wrong(1004, message, "allowedContractTypeIds");
        }
        for (type_id, values) in self.request_fields.iter().flatten() {
            let id = types.iter().find(|id| id.to_string() == *type_id);
            let form = id.and_then(|id| form(*id));
            let is_known = |key| any_form || form.is_some_and(|form| has_key(form, key));
            let unknown = values.keys().find(|key| !is_known(key));
            if id.is_none() || unknown.is_some() {
                let key = unknown.map_or("", String::as_str);
                let place = format!("RequestFieldsValues.{type_id}.{key}");
                return wrong(1005, "There is no such type or field.", &place);
            }
        }
        Ok(())
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
    let Some((local, domain)) = email.split_once('@') else {
        return false;
    };
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
    let has_dot = domain.trim_matches('.').contains('.') && !domain.ends_with('.');
    !local.is_empty() && has_dot && !domain.contains('@') && !email.contains(is_odd)
}

fn list_types() -> Answer {
    let entry = |form: &Value| json!({"id": form["id"], "name": form["name"], "type": 1, "typeName": "Contract"});
    Answer::success(&FORMS.iter().map(entry).collect())
}

/// What `isLocalized` changes is unknown, so it changes nothing.
fn describe_type(call: &Call) -> Checked<Answer> {
    let mut members = url::form_urlencoded::parse(call.query.as_bytes());
    let id = members.find(|(name, _)| name == "requestTypeId");
    let id = id.and_then(|(_, id)| id.parse().ok());
    let id = id.ok_or_else(|| malformed("requestTypeId is not a number"))?;
    // HTTP 200 with an error code is how the vendor documents errors.
    let unknown = || Answer::error(200, 1004, "There is no such contract type.", &Value::Null);
    Ok(form(id).map_or_else(unknown, Answer::success))
}

fn form(id: i64) -> Option<&'static Value> {
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

fn malformed(message: &str) -> Answer {
    Answer::plain(400, message)
}

fn refused(error_code: i64, message: &str) -> Answer {
    Answer::error(401, error_code, message, &Value::Null)
}

fn wrong(error_code: i64, message: &str, field: &str) -> Checked<()> {
    let descriptions = json!([{"field": field, "message": message}]);
    Err(Answer::error(400, error_code, message, &descriptions))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn invitation() -> Value {
        json!({"SessionInput": {
            "phoneNumber": "+201012345678",
            "sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false},
            "RequestFieldsValues": {"414": {"fullName": "Mona", "spouseName": "Adel"}}}})
    }

    /// The member that is changed in a good invitation, its value, and the error code that follows.
    const CHANGES: &str = r#"
        /SessionInput/email | "a@b.eg" | 0
        /SessionInput/userPublicKey | "MIIB" | 0
        /SessionInput/sessionPermissions/allowedContractTypeIds | [414, 415] | 0
        /Extra | 1 | 400
        /SessionInput/PhoneNumber | "+201012345678" | 400
        /SessionInput/sessionPermissions/digitalIdentityOnly | true | 400
        /SessionInput/sessionPermissions/minimalSignatureFlow | "true" | 400
        /SessionInput/sessionPermissions/allowedContractTypeIds | ["414"] | 400
        /RequestFieldsValues | {} | 400
        /SessionInput/phoneNumber | null | 1001
        /SessionInput/phoneNumber | "01012345678" | 1002
        /SessionInput/phoneNumber | "+2010 1234567" | 1002
        /SessionInput/email | "mona@example" | 1003
        /SessionInput/email | "mo na@example.com" | 1003
        /SessionInput/sessionPermissions/allowedContractTypeIds | [] | 1004
        /SessionInput/sessionPermissions/allowedContractTypeIds | [414, 999] | 1004
        /SessionInput/RequestFieldsValues/415 | {} | 1005
        /SessionInput/RequestFieldsValues/414 | {"fullname": "Mona"} | 1005
        /SessionInput/RequestFieldsValues/414 | {"monthlyIncome": 5000} | 400"#;

    #[test]
    fn an_invitation_is_judged_strictly() {
        let tokens = Tokens::new(Duration::from_hours(24));
        let headers = [
            ("ApiKey", API_KEY.to_owned()),
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("Authorization", format!("Bearer {}", tokens.grant(None)[0])),
        ];
        let api = Api {
            tokens,
            faults: Faults::default(),
            any_form: false,
        };
        let post = |path: &str, body: &Value| {
            let answer = api.answer(&Call {
                method: "POST".to_owned(),
                path: path.to_owned(),
                query: String::new(),
                headers: headers
                    .clone()
                    .map(|(name, value)| (name.to_owned(), value))
                    .into(),
                body: body.to_string().into_bytes(),
            });
            let envelope: Value = serde_json::from_slice(&answer.body).unwrap();
            (answer.status, envelope["error_code"].as_i64())
        };
        for line in CHANGES.trim().lines() {
            let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let (parent, member) = parts[0].rsplit_once('/').unwrap();
            let mut body = invitation();
            body.pointer_mut(parent).unwrap()[member] = serde_json::from_str(parts[1]).unwrap();
            let expected = match parts[2].parse().unwrap() {
                0 => (200, None),
                code => (400, Some(code)),
            };
            assert_eq!(post(CREATE_INVITATION, &body), expected, "{line}");
        }
        let mut session = invitation()["SessionInput"].clone();
        let refused = post(CREATE_AUTH_SESSION, &session);
        assert_eq!(refused, (400, Some(400)), "no fields there");
        let members = session.as_object_mut().unwrap();
        members.remove("RequestFieldsValues");
        assert_eq!(post(CREATE_AUTH_SESSION, &session), (200, None));
    }
}
