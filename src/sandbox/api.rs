//! The vendor's endpoints, each as strict as it may be.
//!
//! Who is invited twice gets two sessions: the vendor's answer to that is unknown, so the sandbox does not help to hide it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::{Faults, Target};
use super::http::{Answer, Call};

/// The account that every sandbox knows. It is fixed and public, so that a rehearsal's ledger stays bound to the same tenant.
pub const API_KEY: &str = "sandbox-api-key";
pub const TENANCY_NAME: &str = "sandbox";
pub const USERNAME: &str = "admin@sandbox.example";
pub const PASSWORD: &str = "sandbox-password";

const LOGIN: &str = "/api/credentials/Login";
const REFRESH: &str = "/api/credentials/RefreshToken";
const CREATE_INVITATION: &str = "/api/IdentityUserSession/CreateInvitation";
const CREATE_AUTH_SESSION: &str = "/api/IdentityUserSession/CreateAuthSession";
const ALL_TYPES: &str = "/api/BusinessRequest/GetAllRequestTypes";
const TYPE_FIELDS: &str = "/api/BusinessRequest/GetBusinessRequestTypeTemplateFields";

const MAX_BODY_BYTES: usize = 1024 * 1024;
/// A refresh token outlives its access token by this factor, as 604800 s do 86400 s in the vendor's documentation.
const REFRESH_LIVES: u32 = 7;

/// The two sample contract types, in the shape in which the vendor describes forms.
static FORMS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    let texts = [
        include_str!("forms/414.json"),
        include_str!("forms/415.json"),
    ];
    texts.map(|text| serde_json::from_str(text).unwrap_or_default())
});

#[derive(Default)]
pub(super) struct Api {
    pub token_life: Duration,
    /// The admin tokens that hold now, with their ends.
    pub tokens: HashMap<String, Instant>,
    pub faults: Faults,
    /// Contract types and keys that the sample forms lack are as good.
    pub any_form: bool,
}

/// An answer that ends the call is the error of it.
type Checked<T = Answer> = Result<T, Answer>;

impl Call {
    pub(super) fn creates_session(&self) -> bool {
        let creates = [CREATE_INVITATION, CREATE_AUTH_SESSION];
        self.method == "POST" && creates.contains(&self.path.as_str())
    }

    /// The body as a `T`, which refuses what it does not know.
    fn parse<T: DeserializeOwned>(&self) -> Checked<T> {
        serde_json::from_slice(&self.body).map_err(|error| Answer::plain(400, &error.to_string()))
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
    pub(super) fn answer(&mut self, call: &Call) -> Answer {
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
        let (method, needs_admin) = match call.path.as_str() {
            LOGIN | REFRESH | CREATE_AUTH_SESSION => ("POST", false),
            CREATE_INVITATION => ("POST", true),
            ALL_TYPES | TYPE_FIELDS => ("GET", true),
            _ => return plain(404, "There is nothing at this address."),
        };
        let kind = call.header("Content-Type").unwrap_or_default();
        let is_json = kind.split(';').next() == Some("application/json");
        let bearer = call.header("Authorization");
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        if call.method != method {
            plain(405, "This address takes another method.")
        } else if call.body.len() > MAX_BODY_BYTES {
            plain(413, "The request is too large.")
        } else if call.header("ApiKey") != Some(API_KEY) {
            plain(401, "The ApiKey is not accepted.")
        } else if method == "POST" && !is_json {
            plain(415, "The body must be application/json.")
        } else if needs_admin && !bearer.is_some_and(|token| self.holds("admin", token)) {
            plain(401, "The bearer token is missing, unknown or has expired.")
        } else {
            Ok(())
        }
    }

    fn log_in(&mut self, call: &Call) -> Checked {
        let login: LoginRequest = call.parse()?;
        let tenants = [call.header("TenancyName"), Some(&*login.tenancy_name)];
        if tenants != [Some(TENANCY_NAME); 2] {
            return Err(refused(2002, "The tenant is not known."));
        }
        if login.user_name_or_email_address != USERNAME || login.password != PASSWORD {
            return Err(refused(2001, "Invalid user name or password."));
        }
        Ok(self.respond(Target::Login, None, |api| {
            let [access, refresh] = api.grant(None);
            json!({
                "accessToken": access,
                "expireInSeconds": api.token_life.as_secs(),
                "refreshToken": refresh,
                "refreshTokenExpireInSeconds": api.refresh_life().as_secs(),
            })
        }))
    }

    fn refresh(&mut self, call: &Call) -> Checked {
        let used = call.parse::<RefreshRequest>()?.refresh_token;
        if !self.holds("refresh", &used) {
            let message = "The refresh token is unknown, used or expired.";
            return Err(refused(2003, message));
        }
        Ok(self.respond(Target::Refresh, None, |api| {
            let [access, refresh] = api.grant(Some(&used));
            json!({
                "accessToken": access,
                "encryptedAccessToken": format!("encrypted-{access}"),
                "expireInSeconds": api.token_life.as_secs(),
                // The one just used up: a client that keeps it instead of the new one is refused next time.
                "refreshToken": used,
                "newRefreshToken": refresh,
            })
        }))
    }

    fn create_invitation(&mut self, call: &Call) -> Checked {
        let invitation: Invitation = call.parse()?;
        let mut session = invitation.session_input;
        let beside = invitation.request_fields_values;
        if beside.is_some() && session.request_fields.is_some() {
            return Err(Answer::plain(400, "RequestFieldsValues stands twice"));
        }
        session.request_fields = session.request_fields.or(beside);
        self.create(&session)
    }

    /// No admin, no pre-filled fields.
    fn create_auth_session(&mut self, call: &Call) -> Checked {
        let session: Session = call.parse()?;
        if session.request_fields.is_some() {
            let message = "unknown field `RequestFieldsValues`";
            return Err(Answer::plain(400, message));
        }
        self.create(&session)
    }

    fn create(&mut self, session: &Session) -> Checked {
        session.check(self.any_form)?;
        let phone = session.phone_number.as_deref();
        Ok(self.respond(Target::Invitation, phone, |_| json!(mint("session"))))
    }

    /// Answers with `data`, or as a fault would have it; where that refuses, nothing is made.
    fn respond(
        &mut self,
        target: Target,
        phone: Option<&str>,
        data: impl FnOnce(&mut Api) -> Value,
    ) -> Answer {
        let fault = self.faults.of(target, phone);
        let is_accepted = fault.is_none_or(|fault| fault.accepts);
        let data = if is_accepted { data(self) } else { Value::Null };
        let answer = fault.map_or_else(|| Answer::success(&data), |fault| fault.answer(&data));
        Answer {
            session_token: data.as_str().map(str::to_owned),
            fault: fault.map(|fault| fault.name.as_str()),
            ..answer
        }
    }

    fn refresh_life(&self) -> Duration {
        self.token_life.saturating_mul(REFRESH_LIVES)
    }

    /// An access token and a refresh token, in place of the refresh token that is used up by it.
    fn grant(&mut self, used: Option<&str>) -> [String; 2] {
        let granted = [mint("admin"), mint("refresh")];
        let lives = [self.token_life, self.refresh_life()];
        let now = Instant::now();
        self.tokens
            .retain(|token, end| *end > now && Some(token.as_str()) != used);
        let ends = lives.map(|life| now + life);
        self.tokens.extend(granted.clone().into_iter().zip(ends));
        granted
    }

    /// Whether it is a token of this kind, `admin` or `refresh`, whose time is not over.
    fn holds(&self, kind: &str, token: &str) -> bool {
        let end = self.tokens.get(token);
        token.starts_with(kind) && end.is_some_and(|end| *end > Instant::now())
    }
}

/// A token that no other sandbox hands out: a rehearsal's ledger outlives the sandbox it was rehearsed against.
fn mint(kind: &str) -> String {
    format!("{kind}-{:032x}", fastrand::u128(..))
}

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
        let wrong = |code, message: &str, field: &str| {
            let descriptions = json!([{"field": field, "message": message}]);
            Err(Answer::error(400, code, message, &descriptions))
        };
        let (phone, email) = (self.phone_number.as_deref(), self.email.as_deref());
        let types = &self.permissions.allowed_contract_type_ids;
        let is_known = |id: &i64| any_form || form(*id).is_some();
        if phone.is_none() && email.is_none() {
            wrong(1001, "Neither phone nor e-mail.", "phoneNumber")
        } else if phone.is_some_and(|phone| !is_e164(phone)) {
            wrong(1002, "The phone number is not E.164.", "phoneNumber")
        } else if email.is_some_and(|email| !is_email(email)) {
            wrong(1003, "The e-mail address is not valid.", "email")
        } else if types.is_empty() || !types.iter().all(is_known) {
            let message = "No contract type, or an unknown one.";
            wrong(1004, message, "allowedContractTypeIds")
        } else if let Some(place) = self.unknown_field(any_form) {
            let place = format!("RequestFieldsValues.{place}");
            wrong(1005, "There is no such type or field.", &place)
        } else {
            Ok(())
        }
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

fn list_types() -> Answer {
    let entry = |form: &Value| json!({"id": form["id"], "name": form["name"], "type": 1, "typeName": "Contract"});
    Answer::success(&FORMS.iter().map(entry).collect())
}

/// What `isLocalized` changes is unknown, so it changes nothing.
fn describe_type(call: &Call) -> Checked {
    let mut members = call.query.split('&');
    let id = members.find_map(|member| member.strip_prefix("requestTypeId=")?.parse().ok());
    let id = id.ok_or_else(|| Answer::plain(400, "requestTypeId is not a number"))?;
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

fn refused(error_code: i64, message: &str) -> Answer {
    Answer::error(401, error_code, message, &Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    fn invitation() -> Value {
        json!({"SessionInput": {
            "phoneNumber": "+201012345678",
            "sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false},
            "RequestFieldsValues": {"414": {"fullName": "Mona", "spouseName": "Adel"}}}})
    }

    #[test]
    fn an_invitation_is_judged_strictly() {
        let mut api = Api {
            token_life: Duration::from_hours(24),
            ..Api::default()
        };
        let headers = [
            ("ApiKey", API_KEY.to_owned()),
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("Authorization", format!("Bearer {}", api.grant(None)[0])),
        ];
        let mut post = |path: &str, body: &Value| {
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
        for (place, value, code) in rows::<(&str, &str, i64)>("sandbox.changes") {
            let (parent, member) = place.rsplit_once('/').unwrap();
            let mut body = invitation();
            body.pointer_mut(parent).unwrap()[member] = serde_json::from_str(value).unwrap();
            let expected = match code {
                0 => (200, None),
                code => (400, Some(code)),
            };
            let answered = post(CREATE_INVITATION, &body);
            assert_eq!(answered, expected, "{place} {value}");
        }
        let mut session = invitation()["SessionInput"].clone();
        let refused = post(CREATE_AUTH_SESSION, &session);
        assert_eq!(refused, (400, Some(400)), "no fields there");
        let members = session.as_object_mut().unwrap();
        members.remove("RequestFieldsValues");
        assert_eq!(post(CREATE_AUTH_SESSION, &session), (200, None));
    }
}
