//! The vendor's endpoints, each as strict as it may be.
//!
//! Who is invited twice gets two sessions: the vendor's answer to that is unknown, so the sandbox does not help to hide it.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::Answer;
use super::faults::{Fault, Misbehaviour, Target};
use super::http::Call;
use super::tenant::{API_KEY, PASSWORD, TENANCY_NAME, Tokens, USERNAME, mint};

const LOGIN: &str = "/api/credentials/Login";
const REFRESH: &str = "/api/credentials/RefreshToken";
const CREATE_INVITATION: &str = "/api/IdentityUserSession/CreateInvitation";
const CREATE_AUTH_SESSION: &str = "/api/IdentityUserSession/CreateAuthSession";
const ALL_TYPES: &str = "/api/BusinessRequest/GetAllRequestTypes";
const TYPE_FIELDS: &str = "/api/BusinessRequest/GetBusinessRequestTypeTemplateFields";

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The two sample contract types, in the shape in which the vendor describes forms.
static FORMS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let texts = [
        include_str!("forms/414.json"),
        include_str!("forms/415.json"),
    ];
    let parsed = texts
        .into_iter()
        .map(|text| serde_json::from_str(text).unwrap_or_default());
    parsed.collect()
});

pub(super) struct Api {
    pub tokens: Tokens,
    pub misbehaviour: Misbehaviour,
    /// Contract types and keys that the sample forms lack are as good.
    pub any_form: bool,
}

/// What became of a request.
#[derive(Default)]
pub(super) struct Handled {
    pub answer: Answer,
    /// The token of the session that was created, whether or not the client gets to see it.
    pub session_token: Option<String>,
    pub fault: Option<&'static str>,
}

impl From<Answer> for Handled {
    fn from(answer: Answer) -> Self {
        Handled {
            answer,
            ..Handled::default()
        }
    }
}

/// An answer that ends the call is the error of it.
type Checked<T> = Result<T, Box<Answer>>;

impl Call {
    pub(super) fn creates_session(&self) -> bool {
        let creates = [CREATE_INVITATION, CREATE_AUTH_SESSION];
        self.method == "POST" && creates.contains(&self.path.as_str())
    }

    /// The body as a `T`, which refuses what it does not know.
    fn parse<T: DeserializeOwned>(&self) -> Checked<T> {
        serde_json::from_slice(&self.body).map_err(|error| malformed(&error.to_string()).into())
    }

    /// Phone, else e-mail, and the contract types, as far as they can be read: for the log, of refused requests too.
    pub(super) fn subject(&self) -> (Option<String>, Vec<i64>) {
        if !self.creates_session() {
            return (None, Vec::new());
        }
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let session = body.get("SessionInput").unwrap_or(&body);
        let text = |member: &str| session[member].as_str().map(str::to_owned);
        let types = session["sessionPermissions"]["allowedContractTypeIds"].as_array();
        let types = types.into_iter().flatten().filter_map(Value::as_i64);
        (
            text("phoneNumber").or_else(|| text("email")),
            types.collect(),
        )
    }
}

impl Api {
    /// Answers a request that the limits admitted.
    pub(super) fn handle(&self, call: &Call) -> Handled {
        let handled = self.check(call).and_then(|()| match call.path.as_str() {
            LOGIN => self.log_in(call),
            REFRESH => self.refresh(call),
            CREATE_INVITATION => self.create_invitation(call),
            CREATE_AUTH_SESSION => self.create_auth_session(call),
            ALL_TYPES => Ok(list_types().into()),
            _ => describe_type(call).map(Handled::from),
        });
        handled.unwrap_or_else(|refusal| Handled::from(*refusal))
    }

    /// What every endpoint asks of a request before it looks inside.
    fn check(&self, call: &Call) -> Checked<()> {
        let plain = |status, message| Err(Box::new(Answer::plain(status, message)));
        let method = match call.path.as_str() {
            LOGIN | REFRESH | CREATE_INVITATION | CREATE_AUTH_SESSION => "POST",
            ALL_TYPES | TYPE_FIELDS => "GET",
            _ => return plain(404, "There is nothing at this address."),
        };
        let kind = call.header("Content-Type").unwrap_or_default();
        let is_json = kind.split(';').next() == Some("application/json");
        let bearer = call.header("Authorization");
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let needs_admin = ![LOGIN, REFRESH, CREATE_AUTH_SESSION].contains(&call.path.as_str());
        if call.method != method {
            plain(405, "This address takes another method.")
        } else if call.body.len() > MAX_BODY_BYTES {
            plain(413, "The request is too large.")
        } else if call.header("ApiKey") != Some(API_KEY) {
            plain(401, "The ApiKey is not accepted.")
        } else if method == "POST" && !is_json {
            plain(415, "The body must be application/json.")
        } else if needs_admin
            && !bearer.is_some_and(|token| self.tokens.is_admin(token, Instant::now()))
        {
            plain(401, "The bearer token is missing, unknown or has expired.")
        } else {
            Ok(())
        }
    }

    fn log_in(&self, call: &Call) -> Checked<Handled> {
        call.parse::<LoginRequest>()?.check(call)?;
        self.grant_or_fail(Target::Login, || {
            let grant = self.tokens.grant(Instant::now());
            Some(json!({
                "accessToken": grant.access,
                "expireInSeconds": self.tokens.life.as_secs(),
                "refreshToken": grant.refresh,
                "refreshTokenExpireInSeconds": self.tokens.refresh_life.as_secs(),
            }))
        })
    }

    fn refresh(&self, call: &Call) -> Checked<Handled> {
        let used = call.parse::<RefreshRequest>()?.refresh_token;
        self.grant_or_fail(Target::Refresh, || {
            let grant = self.tokens.rotate(&used, Instant::now())?;
            Some(json!({
                "accessToken": grant.access,
                "encryptedAccessToken": format!("encrypted-{}", grant.access),
                "expireInSeconds": self.tokens.life.as_secs(),
                // The one just used up: a client that keeps it instead of the new one is refused next time.
                "refreshToken": used,
                "newRefreshToken": grant.refresh,
            }))
        })
    }

    /// A fault that refuses leaves the tokens as they are; `grant` is `None` when the refresh token does not hold.
    fn grant_or_fail(
        &self,
        target: Target,
        grant: impl FnOnce() -> Option<Value>,
    ) -> Checked<Handled> {
        let fault = self.misbehaviour.of(target, None);
        let data = match fault {
            Some(fault) if !fault.accepts => Some(Value::Null),
            _ => grant(),
        };
        let unknown = || refused(2003, "The refresh token is unknown, used or expired.");
        Ok(handled(fault, &data.ok_or_else(unknown)?, None))
    }

    fn create_invitation(&self, call: &Call) -> Checked<Handled> {
        let invitation: Invitation = call.parse()?;
        let (mut session, beside) = (invitation.session_input, invitation.request_fields_values);
        if beside.is_some() && session.request_fields.is_some() {
            return Err(malformed("RequestFieldsValues stands twice").into());
        }
        session.request_fields = session.request_fields.or(beside);
        self.create(&session)
    }

    /// No admin, no pre-filled fields.
    fn create_auth_session(&self, call: &Call) -> Checked<Handled> {
        let session: Session = call.parse()?;
        match session.request_fields {
            Some(_) => Err(malformed("unknown field `RequestFieldsValues`").into()),
            None => self.create(&session),
        }
    }

    fn create(&self, session: &Session) -> Checked<Handled> {
        if let Some((code, message, field)) = session.fault(self.any_form) {
            let descriptions = json!([{"field": field, "message": message}]);
            return Err(Box::new(Answer::error(400, code, message, &descriptions)));
        }
        let fault = self
            .misbehaviour
            .of(Target::Invitation, session.phone_number.as_deref());
        let token = fault
            .is_none_or(|fault| fault.accepts)
            .then(|| mint("session"));
        Ok(handled(fault, &json!(token), token))
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
                return Err(
                    malformed(&format!("A member must have 1 to {max} characters.")).into(),
                );
            }
        }
        if [call.header("TenancyName"), Some(&self.tenancy_name)] != [Some(TENANCY_NAME); 2] {
            return Err(refused(2002, "The tenant is not known.").into());
        }
        if user != USERNAME || self.password != PASSWORD {
            return Err(refused(2001, "Invalid user name or password.").into());
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
    /// What the vendor would refuse it for: the error code, the message, and the member to blame.
    fn fault(&self, any_form: bool) -> Option<(i64, &'static str, String)> {
        let types = &self.permissions.allowed_contract_type_ids;
        let is_unknown = |id: &i64| !any_form && form(*id).is_none();
        let (code, message, member) = match (self.phone_number.as_deref(), self.email.as_deref()) {
            (None, None) => (1001, "Neither phone nor e-mail.", "phoneNumber"),
            (Some(phone), _) if !is_e164(phone) => {
                (1002, "The phone number is not E.164.", "phoneNumber")
            }
            (_, Some(email)) if !is_email(email) => {
                (1003, "The e-mail address is not valid.", "email")
            }
            _ if types.is_empty() || types.iter().any(is_unknown) => (
                1004,
                "No contract type, or an unknown one.",
                "allowedContractTypeIds",
            ),
            _ => return self.fault_of_fields(any_form),
        };
        Some((code, message, member.to_owned()))
    }

    fn fault_of_fields(&self, any_form: bool) -> Option<(i64, &'static str, String)> {
        let types = &self.permissions.allowed_contract_type_ids;
        for (type_id, values) in self.request_fields.iter().flatten() {
            let id = types.iter().find(|id| id.to_string() == *type_id);
            let form = id.and_then(|id| form(*id));
            let is_known = |key| form.is_some_and(|form| has_key(form, key));
            let unknown = values.keys().find(|key| !any_form && !is_known(key));
            if id.is_none() || unknown.is_some() {
                let key = unknown.map_or("", String::as_str);
                let place = format!("RequestFieldsValues.{type_id}.{key}");
                return Some((1005, "There is no such type or field.", place));
            }
        }
        None
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

/// Answers with `data`, or as the fault would have it.
fn handled(fault: Option<Fault>, data: &Value, session_token: Option<String>) -> Handled {
    Handled {
        answer: fault.map_or_else(|| Answer::success(data), |fault| fault.answer(data)),
        session_token,
        fault: fault.map(|fault| fault.name.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// HTTP status and error code of each call on one sandbox, as its admin.
    struct Scene {
        api: Api,
        headers: Vec<(String, String)>,
    }

    impl Scene {
        fn new() -> Scene {
            let tokens = Tokens::new(Duration::from_hours(24));
            let bearer = format!("Bearer {}", tokens.grant(Instant::now()).access);
            let mut scene = Scene {
                api: Api {
                    tokens,
                    misbehaviour: Misbehaviour::default(),
                    any_form: false,
                },
                headers: Vec::new(),
            };
            for (name, value) in [
                ("ApiKey", API_KEY),
                ("TenancyName", TENANCY_NAME),
                ("Content-Type", "application/json; charset=utf-8"),
                ("Authorization", &bearer),
            ] {
                scene.set(name, value);
            }
            scene
        }

        fn set(&mut self, name: &'static str, value: &str) {
            self.headers.retain(|(known, _)| known != name);
            self.headers.push((name.to_owned(), value.to_owned()));
        }

        fn call(&self, method: &str, address: &str, body: &Value) -> (u16, Option<i64>, Value) {
            let (path, query) = address.split_once('?').unwrap_or((address, ""));
            let call = Call {
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                headers: self.headers.clone(),
                body: body.to_string().into_bytes(),
            };
            let answer = self.api.handle(&call).answer;
            let envelope: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(envelope["error_code"].as_i64(), answer.error_code);
            (answer.status, answer.error_code, envelope["data"].clone())
        }

        fn post(&self, path: &str, body: &Value) -> (u16, Option<i64>) {
            let (status, code, _) = self.call("POST", path, body);
            (status, code)
        }
    }

    fn invitation() -> Value {
        json!({"SessionInput": {
            "phoneNumber": "+201012345678",
            "sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false},
            "RequestFieldsValues": {"414": {"fullName": "Mona", "spouseName": "Adel"}}}})
    }

    #[test]
    fn an_invitation_is_judged_strictly() {
        let scene = Scene::new();
        let set = |pointer: &str, value: Value| {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            let mut body = invitation();
            body.pointer_mut(parent).unwrap()[member] = value;
            body
        };
        let (session, fields) = ("/SessionInput", "/SessionInput/RequestFieldsValues");
        let permissions = "/SessionInput/sessionPermissions";
        for (body, code) in [
            (invitation(), None),
            (
                json!({"SessionInput": {"email": "a@b.eg", "userPublicKey": "MIIB", "sessionPermissions": {"allowedContractTypeIds": [414, 415]}}}),
                None,
            ),
            (json!([]), Some(400)),
            (
                json!({"sessionInput": invitation()["SessionInput"]}),
                Some(400),
            ),
            (set("/Extra", json!(1)), Some(400)),
            (
                set(&format!("{session}/PhoneNumber"), json!("+201012345678")),
                Some(400),
            ),
            (
                set(&format!("{permissions}/digitalIdentityOnly"), json!(true)),
                Some(400),
            ),
            (
                set(
                    &format!("{permissions}/minimalSignatureFlow"),
                    json!("true"),
                ),
                Some(400),
            ),
            (
                set(
                    &format!("{permissions}/allowedContractTypeIds"),
                    json!(["414"]),
                ),
                Some(400),
            ),
            (set("/RequestFieldsValues", json!({})), Some(400)),
            (
                json!({"SessionInput": {"sessionPermissions": {"allowedContractTypeIds": [414]}}}),
                Some(1001),
            ),
            (
                set(&format!("{session}/phoneNumber"), json!("01012345678")),
                Some(1002),
            ),
            (
                set(&format!("{session}/phoneNumber"), json!("+2010 1234567")),
                Some(1002),
            ),
            (
                set(&format!("{session}/email"), json!("mona@example")),
                Some(1003),
            ),
            (
                set(&format!("{session}/email"), json!("mo na@example.com")),
                Some(1003),
            ),
            (
                set(&format!("{permissions}/allowedContractTypeIds"), json!([])),
                Some(1004),
            ),
            (
                set(
                    &format!("{permissions}/allowedContractTypeIds"),
                    json!([414, 999]),
                ),
                Some(1004),
            ),
            (set(&format!("{fields}/415"), json!({})), Some(1005)),
            (
                set(&format!("{fields}/414"), json!({"fullname": "Mona"})),
                Some(1005),
            ),
            (
                set(&format!("{fields}/414"), json!({"monthlyIncome": 5000})),
                Some(400),
            ),
        ] {
            let status = if code.is_some() { 400 } else { 200 };
            assert_eq!(
                scene.post(CREATE_INVITATION, &body),
                (status, code),
                "{body}"
            );
        }
        let mut session = invitation()["SessionInput"].clone();
        assert_eq!(
            scene.post(CREATE_AUTH_SESSION, &session),
            (400, Some(400)),
            "no fields there"
        );
        session
            .as_object_mut()
            .unwrap()
            .remove("RequestFieldsValues");
        assert_eq!(scene.post(CREATE_AUTH_SESSION, &session), (200, None));
    }

    #[test]
    fn a_login_needs_everything_to_be_right_and_a_refresh_token_works_once() {
        let mut scene = Scene::new();
        let login = |password: &str, tenant: &str| json!({"tenancyName": tenant, "userNameOrEmailAddress": USERNAME, "password": password});
        assert_eq!(
            scene.post(LOGIN, &login("wrong", TENANCY_NAME)),
            (401, Some(2001))
        );
        assert_eq!(
            scene.post(LOGIN, &login(PASSWORD, "acme")),
            (401, Some(2002))
        );
        assert_eq!(
            scene.post(LOGIN, &login(&"x".repeat(33), TENANCY_NAME)),
            (400, Some(400))
        );
        let (_, _, grant) = scene.call("POST", LOGIN, &login(PASSWORD, TENANCY_NAME));
        let refresh = json!({"refreshToken": grant["refreshToken"]});
        let (_, code, next) = scene.call("POST", REFRESH, &refresh);
        assert_eq!(
            (code, &next["refreshToken"]),
            (None, &grant["refreshToken"]),
            "the used one is echoed"
        );
        assert_eq!(scene.post(REFRESH, &refresh), (401, Some(2003)));
        scene.set("TenancyName", "acme");
        assert_eq!(
            scene.post(LOGIN, &login(PASSWORD, TENANCY_NAME)),
            (401, Some(2002))
        );
    }

    #[test]
    fn the_wrong_address_method_kind_or_right_is_refused() {
        let mut scene = Scene::new();
        let get = |scene: &Scene, address: &str| {
            let (status, code, _) = scene.call("GET", address, &Value::Null);
            (status, code)
        };
        assert_eq!(get(&scene, ALL_TYPES), (200, None));
        assert_eq!(
            get(&scene, &format!("{TYPE_FIELDS}?requestTypeId=415")),
            (200, None)
        );
        assert_eq!(
            get(&scene, &format!("{TYPE_FIELDS}?requestTypeId=9")),
            (200, Some(1004)),
            "an error within HTTP 200"
        );
        assert_eq!(get(&scene, TYPE_FIELDS), (400, Some(400)));
        assert_eq!(get(&scene, "/api/Nothing"), (404, Some(404)));
        assert_eq!(get(&scene, CREATE_INVITATION), (405, Some(405)));
        assert_eq!(
            scene.post(CREATE_INVITATION, &json!("x".repeat(MAX_BODY_BYTES))),
            (413, Some(413))
        );
        scene.set("Content-Type", "text/plain");
        assert_eq!(
            scene.post(CREATE_INVITATION, &invitation()),
            (415, Some(415))
        );
        scene.set("Authorization", "Bearer admin-0");
        assert_eq!(get(&scene, ALL_TYPES), (401, Some(401)));
        scene.set("ApiKey", "wrong");
        assert_eq!(get(&scene, ALL_TYPES), (401, Some(401)));
    }
}
