//! Who meets which fault: magic recipients, and requests at random.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::http::{Answer, Delivery, JSON, date};

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
    headers: HashMap<String, String>,
    body: Option<String>,
    is_huge: bool,
    delivery: Delivery,
}

impl Behaviour {
    /// The answer, where `data` is what an ordinary one would carry.
    pub(super) fn answer(&'static self, data: &Value) -> Answer {
        let status = self.status.unwrap_or(200);
        let mut answer = match self.body.as_deref() {
            None => Answer::success(data),
            Some("") => Answer::default(),
            Some(page) if page.starts_with('<') => {
                Answer::text(status, "text/html; charset=utf-8", page.to_owned())
            }
            Some(body) => Answer::text(status, JSON, body.to_owned()),
        };
        if self.is_huge {
            answer.body.resize(HUGE_BYTES, b' ');
        }
        let headers = self.headers.iter();
        answer
            .headers
            .extend(headers.map(|(name, value)| match &**value {
                "soon" => (name.as_str(), date(Duration::from_secs(2))),
                _ => (name.as_str(), value.clone()),
            }));
        Answer {
            status,
            delivery: self.delivery,
            ..answer
        }
    }
}

/// Which requests a fault is drawn for, once they were found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultyCall {
    Invitation,
    Login,
    Refresh,
}

/// Decides what each request meets, and remembers what has been met. Read from `name=rate,…`, with rates from 0 to 1, such as
/// `500=0.05,reset_after=0.02,refresh_refused=1`.
///
/// A bare name speaks of invitations; `login_` and `refresh_` before it, of those.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultPlan {
    rates: Vec<(FaultyCall, &'static Behaviour, f64)>,
    pub random: fastrand::Rng,
    met_once: HashSet<String>,
}

impl FromStr for FaultPlan {
    type Err = String;

    fn from_str(spec: &str) -> Result<FaultPlan, String> {
        let entries = spec.split(',').filter(|entry| !entry.trim().is_empty());
        let rates = entries.map(|entry| {
            rate(entry).ok_or_else(|| {
                let names: Vec<&str> = BEHAVIOURS.iter().map(|one| one.name.as_str()).collect();
                let names = names.join(", ");
                format!(
                    "`{entry}` is none. Write `name=rate,…` with rates from 0 to 1; put `login_` or `refresh_` before a name to \
                     speak of those. The names: {names}."
                )
            })
        });
        Ok(FaultPlan {
            rates: rates.collect::<Result<_, _>>()?,
            ..FaultPlan::default()
        })
    }
}

fn rate(entry: &str) -> Option<(FaultyCall, &'static Behaviour, f64)> {
    let (name, rate) = entry.split_once('=')?;
    let (target, name) = match name.trim().split_once('_') {
        Some(("login", name)) => (FaultyCall::Login, name),
        Some(("refresh", name)) => (FaultyCall::Refresh, name),
        _ => (FaultyCall::Invitation, name.trim()),
    };
    let fault = BEHAVIOURS.iter().find(|one| one.name == name)?;
    let rate = rate.trim().parse().ok()?;
    (0.0..=1.0).contains(&rate).then_some((target, fault, rate))
}

impl FaultPlan {
    /// What a valid request meets instead of an ordinary answer: its recipient's magic, else a random fault.
    pub(super) fn of(
        &mut self,
        target: FaultyCall,
        phone: Option<&str>,
    ) -> Option<&'static Behaviour> {
        let magic = phone.and_then(|phone| self.of_recipient(phone));
        magic.or_else(|| self.draw(target))
    }

    fn of_recipient(&mut self, phone: &str) -> Option<&'static Behaviour> {
        let is_here = |phones: &[String]| phones.iter().any(|magic| magic == phone);
        let magic = |one: &&Behaviour| is_here(&one.always) || is_here(&one.once);
        let behaviour = BEHAVIOURS.iter().find(magic)?;
        let meets = is_here(&behaviour.always) || self.met_once.insert(phone.to_owned());
        meets.then_some(behaviour)
    }

    fn draw(&mut self, target: FaultyCall) -> Option<&'static Behaviour> {
        let rates = self.rates.iter().filter(|(of, ..)| *of == target);
        let mut rates = rates.peekable();
        rates.peek()?;
        let mut drawn = self.random.f64();
        let (_, fault, _) = rates.find(|(.., rate)| {
            drawn -= rate;
            drawn < 0.0
        })?;
        Some(fault)
    }
}
