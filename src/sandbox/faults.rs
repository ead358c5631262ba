//! Who meets which fault: magic recipients, and requests at random.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answer, Delivery, date};

const HUGE_BYTES: usize = 2 * 1024 * 1024;

pub static BEHAVIOURS: LazyLock<Vec<Behaviour>> = LazyLock::new(|| {
    let file: HashMap<String, Vec<Behaviour>> =
        toml::from_str(include_str!("behaviours.toml")).unwrap_or_default();
    file.into_values().flatten().collect()
});

/// What the sandbox does instead of its duty; `behaviours.toml` describes the members.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    pub name: String,
    pub always: Vec<String>,
    pub once: Vec<String>,
    pub(super) accepts: bool,
    status: Option<u16>,
    error_code: Option<i64>,
    message: String,
    descriptions: Value,
    retry_after: Option<String>,
    location: Option<String>,
    body: Body,
    delivery: Delivery,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    #[default]
    Ordinary,
    Error,
    Framework,
    Page,
    Empty,
    Null,
    NoToken,
    Half,
    Huge,
}

impl Behaviour {
    /// The answer, where `data` is what an ordinary one would carry.
    pub(super) fn answer(&self, data: &Value) -> Answer {
        let status = self.status.unwrap_or(200);
        let mut answer = match self.body {
            Body::Ordinary | Body::Half | Body::Huge => Answer::success(data),
            Body::Null => Answer::success(&Value::Null),
            Body::NoToken if data.is_string() => Answer::success(&json!("")),
            Body::NoToken => Answer::success(&json!({"accessToken": ""})),
            Body::Empty => Answer::default(),
            Body::Page => {
                let page = format!("<!DOCTYPE html><html><body><h1>{status}</h1></body></html>\n");
                Answer::text(status, "text/html; charset=utf-8", page)
            }
            Body::Error => {
                let code = self.error_code.unwrap_or(i64::from(status));
                Answer::error(status, code, &self.message, &self.descriptions)
            }
            // In which the vendor's framework reports what its envelope does not catch.
            Body::Framework => Answer::json(
                status,
                &json!({
                    "result": null,
                    "success": false,
                    "error": {"code": 0, "message": self.message, "details": null, "validationErrors": null},
                    "unAuthorizedRequest": false,
                }),
            ),
        };
        match self.body {
            Body::Half => answer.body.truncate(answer.body.len() / 2),
            Body::Huge => answer.body.resize(answer.body.len() + HUGE_BYTES, b' '),
            _ => {}
        }
        let retry_after = self.retry_after.clone().map(|value| match &*value {
            "date" => date(Duration::from_secs(2)),
            _ => value,
        });
        let location = self.location.clone();
        for (name, value) in [("Retry-After", retry_after), ("Location", location)] {
            answer.headers.extend(value.map(|value| (name, value)));
        }
        Answer {
            status,
            delivery: self.delivery,
            ..answer
        }
    }
}

/// A behaviour that a request meets.
pub(super) type Fault = &'static Behaviour;

fn named(name: &str) -> Option<Fault> {
    BEHAVIOURS.iter().find(|behaviour| behaviour.name == name)
}

/// Which requests a fault is drawn for, once they were found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Invitation,
    Login,
    Refresh,
}

/// Decides what each request meets, and remembers what has been met. Read from `name=rate,…`, with rates from 0 to 1, such as
/// `500=0.05,reset_after=0.02,refresh_refused=1`.
///
/// A bare name speaks of invitations; `login_` and `refresh_` before it, of those. `login_refused_after=2` refuses
/// every login but the first two.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    rates: [Vec<(Fault, f64)>; 3],
    /// Logins that are granted.
    logins: Option<u64>,
    pub seed: u64,
    requests: [u64; 3],
    met_once: HashSet<String>,
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(spec: &str) -> Result<Faults, String> {
        let mut faults = Faults::default();
        let entries = spec.split(',').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            faults.add(entry).map_err(|message| {
                let names: Vec<&str> = BEHAVIOURS.iter().map(|one| one.name.as_str()).collect();
                let names = names.join(", ");
                format!(
                    "{message} Write `name=rate,…` with rates from 0 to 1; put `login_` or `refresh_` before a name to speak of \
                     those; `login_refused_after=N` counts logins. The names: {names}."
                )
            })?;
        }
        let sum = |rates: &Vec<(Fault, f64)>| rates.iter().map(|(_, rate)| rate).sum::<f64>();
        // Decimal rates that make 1 on paper may make a little more in binary.
        if faults.rates.iter().any(|rates| sum(rates) > 1.0 + 1e-9) {
            return Err("The rates add up to more than 1.".to_owned());
        }
        Ok(faults)
    }
}

impl Faults {
    fn add(&mut self, entry: &str) -> Result<(), String> {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        let (name, value) = (name.trim(), value.trim());
        if name == "login_refused_after" {
            let logins = value.parse();
            self.logins =
                Some(logins.map_err(|_| format!("`{value}` is not a number of logins."))?);
            return Ok(());
        }
        let (target, name) = match name.split_once('_') {
            Some(("login", name)) => (Target::Login, name),
            Some(("refresh", name)) => (Target::Refresh, name),
            _ => (Target::Invitation, name),
        };
        let fault = named(name).ok_or_else(|| format!("There is no fault `{name}`."))?;
        let rate = value.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
        let rate = rate.ok_or_else(|| format!("`{value}` is not a rate from 0 to 1."))?;
        self.rates[target as usize].push((fault, rate));
        Ok(())
    }

    /// What a valid request meets instead of an ordinary answer: its recipient's magic, else a random fault.
    pub(super) fn of(&mut self, target: Target, phone: Option<&str>) -> Option<Fault> {
        self.requests[target as usize] += 1;
        let magic = phone.and_then(|phone| self.of_recipient(phone));
        magic.or_else(|| self.draw(target, self.requests[target as usize]))
    }

    fn of_recipient(&mut self, phone: &str) -> Option<Fault> {
        let is_here = |phones: &[String]| phones.iter().any(|magic| magic == phone);
        let magic = |one: &&Behaviour| is_here(&one.always) || is_here(&one.once);
        let behaviour = BEHAVIOURS.iter().find(magic)?;
        let meets = is_here(&behaviour.always) || self.met_once.insert(phone.to_owned());
        meets.then_some(behaviour)
    }

    /// The fault, if any, that the `nth` request of its kind meets: decided by its number and the seed alone.
    fn draw(&self, target: Target, nth: u64) -> Option<Fault> {
        if target == Target::Login && self.logins.is_some_and(|last| nth > last) {
            return named("refused");
        }
        // The odd constant spreads neighbouring numbers over the whole range of seeds.
        let place = nth.wrapping_mul(3).wrapping_add(target as u64);
        let mixed = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut drawn = fastrand::Rng::with_seed(self.seed.wrapping_add(mixed)).f64();
        let mut rates = self.rates[target as usize].iter();
        let (fault, _) = rates.find(|(_, rate)| {
            drawn -= rate;
            drawn < 0.0
        })?;
        Some(fault)
    }
}
