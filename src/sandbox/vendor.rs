//! The vendor as all clients together see him: his limits, and his endpoints, each as strict as it may be.
//!
//! Who is invited twice gets two sessions: the vendor's answer to that is unknown, so the sandbox does not help to hide it.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::http::{Answer, Call, FaultPlan, FaultyCall};
use super::invitation::{FORMS, InvitationBody, SessionBody, form};
use crate::error::Error;

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
/// No token lives longer, whatever is asked for: the clock ends somewhere.
const LIFE_MAX: Duration = Duration::from_hours(24 * 365);
/// What becomes of customers, one after the other, and of every ninth as of the first.
const FATES: [&str; 3] = ["Customer signed", "Not started", "Approved"];

/// How a stand-in is to behave; by default as the vendor documents it, without faults.
#[derive(Debug, Clone, clap::Parser)]
pub struct SandboxOptions {
    /// The port [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Milliseconds each way: N, or FROM..TO
    #[arg(long, value_name = "MS", default_value = "0", value_parser = latency)]
    pub(super) latency: RangeInclusive<u64>,
    /// Requests allowed in any second; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    per_second: usize,
    /// Requests allowed in any minute; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 60)]
    per_minute: usize,
    /// How long an admin token lives, at most a year; a refresh token seven times as long
    #[arg(long, value_name = "TIME", default_value = "24h")]
    token_life: SignedDuration,
    /// Write every request and what became of it to this file (JSONL), phones and tokens in full
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Write how far each invited customer's contract is to this file, as the vendor's portal exports it (CSV, for `follow`)
    #[arg(long, value_name = "FILE")]
    pub portal: Option<PathBuf>,
    /// Answer at random with these faults: NAME=SHARE,…
    #[arg(long = "fault", value_name = "FAULTS", default_value = "")]
    faults: FaultPlan,
    /// Seed of the faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Whether contract types and keys that the sample forms lack are taken all the same: a rehearsal is made with one's own.
    #[arg(skip)]
    pub any_form: bool,
}

fn latency(text: &str) -> Result<RangeInclusive<u64>, &'static str> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    match (min.trim().parse(), max.trim().parse()) {
        (Ok(min), Ok(max)) if min <= max => Ok(min..=max),
        _ => Err("write `0..300` for a random time between 0 and 300 ms, or `50` for always 50 ms"),
    }
}

pub(super) struct Vendor {
    options: SandboxOptions,
    started: (Instant, jiff::Timestamp),
    /// When the requests of the last minute were admitted, as times since the start.
    admitted: VecDeque<Duration>,
    /// The admin's tokens that hold now, with their ends.
    tokens: HashMap<String, Instant>,
    log: Option<File>,
    portal: Option<File>,
    /// Customers in the portal's file.
    invited: usize,
}

/// An answer that ends the call is the error of it.
type Checked<T = Answer> = Result<T, Answer>;

impl Call {
    /// The body as a `T`, which refuses what it does not know.
    fn parse<T: DeserializeOwned>(&self) -> Checked<T> {
        serde_json::from_slice(&self.body).map_err(|error| Answer::plain(400, &error.to_string()))
    }

    /// Phone, else e-mail, as far as it can be read: for the log, of refused requests too.
    fn recipient(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let session = body.get("SessionInput").unwrap_or(&body);
        let text = |member: &str| session[member].as_str().map(str::to_owned);
        text("phoneNumber").or_else(|| text("email"))
    }
}

impl Vendor {
    pub(super) fn new(mut options: SandboxOptions) -> Result<Vendor, Error> {
        options.faults.random.seed(options.seed);
        let append = |path: &Option<PathBuf>, header| {
            let opened = path.as_deref().map(|path| append_to(path, header));
            opened.transpose()
        };
        Ok(Vendor {
            started: (Instant::now(), jiff::Timestamp::now()),
            admitted: VecDeque::new(),
            tokens: HashMap::new(),
            log: append(&options.log, "")?,
            portal: append(&options.portal, "Mobile,E-mail,Status,Updated\n")?,
            invited: 0,
            options,
        })
    }

    /// From arrival to the written log line, without a pause.
    pub(super) fn handle(&mut self, call: &Call) -> Answer {
        // By a clock that never steps.
        let arrival = self.started.0.elapsed();
        let answer = self.admit(arrival).and_then(|()| self.answer(call));
        let answer = answer.unwrap_or_else(|refusal| refusal);
        let at = self.started.1 + arrival;
        if let Err(error) = self.write_down(call, at, &answer) {
            log::error!("the sandbox cannot write its files: {error}");
        }
        answer
    }

    /// Both windows slide: at most so many requests are admitted in *any* second and *any* minute, logins included. A request that is
    /// turned away uses up nothing, and is told after how many whole seconds there is a place for it.
    fn admit(&mut self, now: Duration) -> Checked<()> {
        let admitted = &mut self.admitted;
        let minute = Duration::from_secs(60);
        while admitted.front().is_some_and(|at| *at + minute <= now) {
            admitted.pop_front();
        }
        let spans = [(1, self.options.per_second), (60, self.options.per_minute)];
        let waits = spans.into_iter().filter_map(|(seconds, most)| {
            // With whose end there is a place; where there is no limit, with nobody's.
            let first = admitted.get(admitted.len().checked_sub(most)?)?;
            (*first + Duration::from_secs(seconds)).checked_sub(now)
        });
        let wait = waits.max().unwrap_or_default();
        if wait.is_zero() {
            admitted.push_back(now);
            return Ok(());
        }
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let mut answer = Answer::plain(429, "Too many requests.");
        answer.headers.push(("Retry-After", seconds.to_string()));
        Err(answer)
    }

    fn write_down(&mut self, call: &Call, at: jiff::Timestamp, answer: &Answer) -> io::Result<()> {
        let recipient = call.recipient();
        if let Some(log) = &mut self.log {
            // Other bodies hold passwords.
            let creates = [CREATE_INVITATION, CREATE_AUTH_SESSION].contains(&&*call.path);
            let body = (creates && call.method == "POST").then_some(&*call.body);
            let line = json!({
                "at_ms": at.as_millisecond(),
                "path": call.path,
                "key": recipient,
                "accepted": answer.session_token.is_some(),
                "token": answer.session_token,
                "status": answer.seen_status(),
                "fault": answer.fault,
                "body": body.map(String::from_utf8_lossy),
            });
            // In one piece, so that it is whole or absent whatever ends the process.
            log.write_all(format!("{line}\n").as_bytes())?;
        }
        // How far a customer's contract is, as the vendor's portal would export it, so that the whole loop can be rehearsed.
        if let (Some(portal), Some(_)) = (&mut self.portal, &answer.session_token) {
            let key = recipient.unwrap_or_default();
            let is_email = key.contains('@');
            let cells = if is_email { ["", &key] } else { [&key, ""] };
            let fate = FATES[self.invited % 8 % FATES.len()];
            self.invited += 1;
            let line = format!("{},{fate},{at:.0}\n", cells.join(","));
            portal.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    /// Answers a request that the limits admitted; what every endpoint asks of one is looked at before it looks inside.
    fn answer(&mut self, call: &Call) -> Checked {
        type Endpoint = fn(&mut Vendor, &Call) -> Checked;
        let (method, needs_admin, endpoint): (_, _, Endpoint) = match call.path.as_str() {
            LOGIN => ("POST", false, Vendor::log_in),
            REFRESH => ("POST", false, Vendor::refresh),
            CREATE_AUTH_SESSION => ("POST", false, Vendor::create_auth_session),
            CREATE_INVITATION => ("POST", true, Vendor::create_invitation),
            ALL_TYPES => ("GET", true, |_, _| Ok(list_types())),
            TYPE_FIELDS => ("GET", true, |_, call| describe_type(call)),
            _ => return Err(Answer::plain(404, "There is nothing at this address.")),
        };
        let kind = call.header("Content-Type").unwrap_or_default();
        let is_json = kind.split(';').next() == Some("application/json");
        let bearer = call.header("Authorization");
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let (status, message) = if call.method != method {
            (405, "This address takes another method.")
        } else if call.body.len() > MAX_BODY_BYTES {
            (413, "The request is too large.")
        } else if call.header("ApiKey") != Some(API_KEY) {
            (401, "The ApiKey is not accepted.")
        } else if method == "POST" && !is_json {
            (415, "The body must be application/json.")
        } else if needs_admin && !bearer.is_some_and(|token| self.holds("admin", token)) {
            (401, "The bearer token is missing, unknown or has expired.")
        } else {
            return endpoint(self, call);
        };
        Err(Answer::plain(status, message))
    }

    fn log_in(&mut self, call: &Call) -> Checked {
        let login: LoginRequest = call.parse()?;
        let tenants = [call.header("TenancyName"), Some(&*login.tenancy_name)];
        if tenants != [Some(TENANCY_NAME); 2] {
            return Err(unauthorized(2002, "The tenant is not known."));
        }
        if login.user_name_or_email_address != USERNAME || login.password != PASSWORD {
            return Err(unauthorized(2001, "Invalid user name or password."));
        }
        Ok(self.respond(FaultyCall::Login, None, |vendor| {
            let [access, refresh] = vendor.grant(None);
            let lives = vendor.lives().map(|life| life.as_secs());
            json!({
                "accessToken": access,
                "expireInSeconds": lives[0],
                "refreshToken": refresh,
                "refreshTokenExpireInSeconds": lives[1],
            })
        }))
    }

    fn refresh(&mut self, call: &Call) -> Checked {
        let used = call.parse::<RefreshRequest>()?.refresh_token;
        if !self.holds("refresh", &used) {
            let message = "The refresh token is unknown, used or expired.";
            return Err(unauthorized(2003, message));
        }
        Ok(self.respond(FaultyCall::Refresh, None, |vendor| {
            let [access, refresh] = vendor.grant(Some(&used));
            json!({
                "accessToken": access,
                "encryptedAccessToken": format!("encrypted-{access}"),
                "expireInSeconds": vendor.lives()[0].as_secs(),
                // The one just used up: a client that keeps it instead of the new one is refused next time.
                "refreshToken": used,
                "newRefreshToken": refresh,
            })
        }))
    }

    fn create_invitation(&mut self, call: &Call) -> Checked {
        let invitation: InvitationBody = call.parse()?;
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
        let session: SessionBody = call.parse()?;
        if session.request_fields.is_some() {
            let message = "unknown field `RequestFieldsValues`";
            return Err(Answer::plain(400, message));
        }
        self.create(&session)
    }

    fn create(&mut self, session: &SessionBody) -> Checked {
        session.check(self.options.any_form)?;
        let phone = session.phone_number.as_deref();
        Ok(self.respond(FaultyCall::Invitation, phone, |_| json!(mint("session"))))
    }

    /// Answers with `data`, or as a fault would have it; where that refuses, nothing is made.
    fn respond(
        &mut self,
        target: FaultyCall,
        phone: Option<&str>,
        data: impl FnOnce(&mut Vendor) -> Value,
    ) -> Answer {
        let fault = self.options.faults.of(target, phone);
        let is_accepted = fault.is_none_or(|fault| fault.accepts);
        let data = if is_accepted { data(self) } else { Value::Null };
        let answer = fault.map_or_else(|| Answer::success(&data), |fault| fault.answer(&data));
        Answer {
            session_token: data.as_str().map(str::to_owned),
            fault: fault.map(|fault| fault.name.as_str()),
            ..answer
        }
    }

    /// Of an access token, and of a refresh token.
    fn lives(&self) -> [Duration; 2] {
        let life = self.options.token_life.unsigned_abs().min(LIFE_MAX);
        [life, life * REFRESH_LIVES]
    }

    /// An access token and a refresh token, in place of the refresh token that is used up by it.
    fn grant(&mut self, used: Option<&str>) -> [String; 2] {
        let granted = [mint("admin"), mint("refresh")];
        let now = Instant::now();
        let is_held = |token: &String, end: &mut Instant| *end > now && Some(&**token) != used;
        self.tokens.retain(is_held);
        let ends = self.lives().map(|life| now + life);
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

fn unauthorized(error_code: i64, message: &str) -> Answer {
    Answer::error(401, error_code, message, &Value::Null)
}

/// Opens a file for appending, which begins with this header; created, only its owner may read it.
fn append_to(path: &Path, header: &str) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(path).and_then(|mut file| {
        if file.metadata()?.len() == 0 {
            file.write_all(header.as_bytes())?;
        }
        Ok(file)
    });
    opened.map_err(|error| Error::of("sandbox_log", &[&path.display(), &error]))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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
        let long_lived = ["sandbox", "--token-life=9000000000000000000s"];
        let mut vendor = Vendor::new(SandboxOptions::parse_from(long_lived)).unwrap();
        let headers = [
            ("ApiKey", API_KEY.to_owned()),
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("Authorization", format!("Bearer {}", vendor.grant(None)[0])),
        ];
        let mut post = |path: &str, body: &Value| {
            let call = Call {
                method: "POST".to_owned(),
                path: path.to_owned(),
                query: String::new(),
                headers: headers
                    .clone()
                    .map(|(name, value)| (name.to_owned(), value))
                    .into(),
                body: body.to_string().into_bytes(),
            };
            let answer = vendor.answer(&call).unwrap_or_else(|refusal| refusal);
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
