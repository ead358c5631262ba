//! HTTP/1.1, in as much of it as a client of the API sends. It is written out here because the sandbox's faults are made of an answer's
//! bytes: one that is cut, drips, or never comes. And who meets which fault: magic recipients, and requests at random.

use std::collections::{HashMap, HashSet};
use std::io;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The pause before each byte of a dripping answer: the shortest answer takes longer than any sensible timeout.
const DRIP: Duration = Duration::from_millis(400);
const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const HALF_HEADERS: usize = 30;
const HUGE_BYTES: usize = 2 * 1024 * 1024;
const MOST_HEAD_BYTES: u64 = 1 << 16;
/// Bodies up to this are read, although shorter ones are refused: a client that is still writing would not see the refusal.
const MOST_BODY_BYTES: usize = 8 << 20;

/// A request, wholly read.
pub(super) struct Call {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A time from now on, as headers have it.
pub(super) fn date(ahead: Duration) -> String {
    let time = jiff::Timestamp::now() + ahead;
    time.strftime("%a, %d %b %Y %T GMT").to_string()
}

/// Reads one request; none when the client has left. What is no request ends the connection.
pub(super) async fn read_call(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Call>> {
    let mut head = Vec::new();
    let mut limited = (&mut *stream).take(MOST_HEAD_BYTES);
    while !head.ends_with(b"\r\n\r\n") {
        if limited.read_until(b'\n', &mut head).await? == 0 {
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let mut call = Call {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let length = call.header("Content-Length").map_or(Ok(0), str::parse);
    let length = length.ok().filter(|&length| length <= MOST_BODY_BYTES);
    call.body
        .resize(length.ok_or(io::ErrorKind::InvalidData)?, 0);
    stream.read_exact(&mut call.body).await?;
    Ok(Some(call))
}

/// What becomes of an answer on its way; `behaviours.toml` describes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Delivery {
    #[default]
    Whole,
    Hang,
    Reset,
    Close,
    CutInHeaders,
    CutInBody,
    Drip,
    ThenClose,
    ThenSwallow,
}

/// An answer before it leaves, and what the log tells of it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub delivery: Delivery,
    /// The token of the session that was created, whether or not the client gets to see it.
    pub session_token: Option<String>,
    pub fault: Option<&'static str>,
}

impl Answer {
    pub(super) fn success(data: &Value) -> Self {
        let envelope = json!({"data": data, "error_code": null, "error_message": null, "error_descriptions": null});
        Answer::text(200, JSON, envelope.to_string())
    }

    /// An error in the envelope.
    pub(super) fn error(status: u16, code: i64, message: &str, descriptions: &Value) -> Self {
        let envelope = json!({
            "data": null,
            "error_code": code,
            "error_message": message,
            "error_descriptions": descriptions,
        });
        Answer::text(status, JSON, envelope.to_string())
    }

    /// An error whose code repeats the HTTP status.
    pub(super) fn plain(status: u16, message: &str) -> Self {
        Answer::error(status, i64::from(status), message, &Value::Null)
    }

    pub(super) fn text(status: u16, content_type: &str, body: String) -> Self {
        Answer {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into_bytes(),
            ..Answer::default()
        }
    }

    /// The status that the client gets to see whole, if any: what a cut connection or a hang keeps is no answer.
    pub(super) fn seen_status(&self) -> Option<u16> {
        let never_leaves = matches!(
            self.delivery,
            Delivery::Hang | Delivery::Reset | Delivery::Close | Delivery::CutInHeaders
        );
        (!never_leaves).then_some(self.status)
    }

    /// Writes it as its delivery says, with the server's time as every server has it, and tells whether the connection goes on.
    pub(super) async fn write(&self, stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
        let mut head = format!("HTTP/1.1 {} \r\n", self.status);
        let fixed = [
            ("Date", date(Duration::ZERO)),
            ("Content-Length", self.body.len().to_string()),
        ];
        for (name, value) in fixed.iter().chain(&self.headers) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        let bytes = [head.as_bytes(), &self.body].concat();
        let out = stream.get_mut();
        match self.delivery {
            Delivery::Whole | Delivery::ThenClose => out.write_all(&bytes).await?,
            // Until the client leaves.
            Delivery::Hang => drop(stream.fill_buf().await?),
            // Closing with nothing to linger for sends RST instead of FIN.
            Delivery::Reset => out.set_zero_linger()?,
            Delivery::Close => {}
            Delivery::CutInHeaders => out.write_all(&bytes[..HALF_HEADERS]).await?,
            Delivery::CutInBody => {
                let middle = head.len() + self.body.len() / 2;
                out.write_all(&bytes[..middle]).await?;
            }
            Delivery::Drip => {
                for byte in bytes {
                    tokio::time::sleep(DRIP).await;
                    out.write_all(&[byte]).await?;
                }
            }
            Delivery::ThenSwallow => {
                out.write_all(&bytes).await?;
                stream.fill_buf().await?;
            }
        }
        Ok(self.delivery == Delivery::Whole)
    }
}

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
        let mut answer = match &self.body {
            None => Answer::success(data),
            Some(page) if page.starts_with('<') => Answer::text(status, HTML, page.clone()),
            Some(body) => Answer::text(status, JSON, body.clone()),
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
        let phone = phone.unwrap_or_default();
        let is_here = |phones: &[String]| phones.iter().any(|magic| magic == phone);
        let magic = |one: &&Behaviour| is_here(&one.always) || is_here(&one.once);
        let magic = BEHAVIOURS.iter().find(magic);
        let met = magic.filter(|it| is_here(&it.always) || self.met_once.insert(phone.to_owned()));
        met.or_else(|| self.draw(target))
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
