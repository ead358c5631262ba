//! A local stand-in for the vendor's API, written from the published facts and not from the client in `vlens/`, so that
//! the two check each other. It serves on loopback only, and it is strict where the vendor may be lenient.
//!
//! Its faults are real ones: it has a hand on every connection, so that it can reset, cut, drip and hang.
//! It leaves out what is unknown of the vendor: a repeated invitation is simply accepted again, with another token.
//!
//! # What the sandbox answers
//!
//! | `error_code` | HTTP | when |
//! | --- | --- | --- |
//! | 400 | 400 | the body is not JSON, lacks a member, has an unknown one (casing counts) or one of a wrong type |
//! | 401 | 401 | `ApiKey` or bearer missing, wrong or expired |
//! | 404, 405, 413, 415 | same | unknown address, wrong method, over 1 MiB, not `application/json` |
//! | 429 | 429 | past a rate limit, with `Retry-After` in seconds |
//! | 1001 | 400 | neither `phoneNumber` nor `email` |
//! | 1002 | 400 | `phoneNumber` is not E.164 |
//! | 1003 | 400 | `email` is not an address |
//! | 1004 | 400 | no contract type, or an unknown one (HTTP 200 for `GetBusinessRequestTypeTemplateFields`) |
//! | 1005 | 400 | `RequestFieldsValues` names a type that is not allowed, or a key that is not on its form |
//! | 1007 | 400, 422 | magic recipients only: the value of a field is refused |
//! | 1008 | 200, 409 | magic recipients only: the customer has a pending request |
//! | 2001 | 401 | the login is refused |
//! | 2002 | 401 | `TenancyName` missing or unknown |
//! | 2003 | 401 | the refresh token is unknown, used or expired |
//!
//! # The log
//!
//! One JSON object a line, appended before the answer leaves: `at_ms` (arrival, Unix milliseconds), `path`, `key` (phone, else e-mail, in
//! full), `accepted` (a session was created, whatever the client gets to see), `token` if so, `status` (null when none left), `fault` (its
//! name in `behaviours.toml`), and for sessions `body`.

mod api;
mod faults;
mod http;

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::json;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::error::Error;

pub use api::{API_KEY, PASSWORD, TENANCY_NAME, USERNAME};
pub use faults::{BEHAVIOURS, Behaviour};

use api::Api;
use faults::Faults;
use http::{Answer, Call, read_call};

/// How a stand-in is to behave; by default as the vendor documents it, without faults.
#[derive(Debug, Clone, clap::Parser)]
pub struct SandboxOptions {
    /// The port [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Milliseconds each way: N, or FROM..TO
    #[arg(long, value_name = "MS", default_value = "0", value_parser = latency)]
    latency: RangeInclusive<u64>,
    /// Requests allowed in any second; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    per_second: usize,
    /// Requests allowed in any minute; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 60)]
    per_minute: usize,
    /// How long an admin token lives; a refresh token seven times as long
    #[arg(long, value_name = "TIME", default_value = "24h")]
    token_life: SignedDuration,
    /// Write every request and what became of it to this file (JSONL), phones and tokens in full
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write how far each invited customer's contract is to this file, as the vendor's portal exports it (CSV, for `follow`)
    #[arg(long, value_name = "FILE")]
    portal: Option<PathBuf>,
    /// Answer at random with these faults: NAME=SHARE,…
    #[arg(long = "fault", value_name = "FAULTS", default_value = "")]
    faults: Faults,
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

/// A running sandbox. Dropped, it takes no connections any more.
pub struct Sandbox {
    pub base_url: String,
    serving: AbortOnDropHandle<()>,
    server: Arc<Server>,
}

impl Sandbox {
    /// Starts serving on loopback.
    pub async fn start(options: SandboxOptions) -> Result<Sandbox, Error> {
        let port = options.port;
        let cannot_listen = |error: std::io::Error| Error::of("sandbox_port", &[&port, &error]);
        let server = Arc::new(Server {
            latency: options.latency.clone(),
            requests: TaskTracker::new(),
            vendor: Mutex::new(Vendor::new(options)?),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let serving = Arc::clone(&server);
        let serving = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    // A client that leaves, or sends what is no request, ends its connection.
                    Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&serving).serve(stream))),
                    // Too many files are open, say.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        Ok(Sandbox {
            base_url: format!("http://{address}"),
            serving: AbortOnDropHandle::new(serving),
            server,
        })
    }

    /// Takes no connections any more, and waits until each request that was read has been dealt with and logged.
    pub async fn stop(self) {
        drop(self.serving);
        self.server.requests.close();
        self.server.requests.wait().await;
    }
}

/// What all connections share.
struct Server {
    latency: RangeInclusive<u64>,
    requests: TaskTracker,
    vendor: Mutex<Vendor>,
}

impl Server {
    /// As long as one message takes.
    async fn way(&self) {
        let way_ms = fastrand::u64(self.latency.clone());
        if way_ms > 0 {
            tokio::time::sleep(Duration::from_millis(way_ms)).await;
        }
    }

    /// Answers one request after the other. There is no routing before it, so that unknown addresses too are counted, limited and
    /// logged.
    async fn serve(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        // Without it every answer would wait for the client's acknowledgement.
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(call) = read_call(&mut stream).await? {
            let server = Arc::clone(&self);
            // A task of its own, for which the end waits: what has been read is dealt with, whether or not the client is still there.
            let handling = self.requests.spawn(async move {
                server.way().await;
                // It is whole at any time, whatever panicked.
                let vendor = server.vendor.lock();
                let mut vendor = vendor.unwrap_or_else(PoisonError::into_inner);
                vendor.handle(&call)
            });
            let answer = handling.await;
            let answer = answer.unwrap_or_else(|_| Answer::plain(500, "A fault of the sandbox."));
            self.way().await;
            if !answer.write(&mut stream).await? {
                break;
            }
        }
        Ok(())
    }
}

/// The vendor as all clients together see him.
struct Vendor {
    limits: Limits,
    api: Api,
    log: Option<File>,
    portal: Option<File>,
    /// Customers in the portal's file.
    invited: usize,
    started: (Instant, jiff::Timestamp),
}

impl Vendor {
    fn new(options: SandboxOptions) -> Result<Vendor, Error> {
        let append =
            |path: Option<PathBuf>, header| path.map(|path| append_to(&path, header)).transpose();
        let mut faults = options.faults;
        faults.seed = options.seed;
        Ok(Vendor {
            limits: Limits {
                spans: [(1, options.per_second), (60, options.per_minute)],
                admitted: VecDeque::new(),
            },
            api: Api {
                token_life: options.token_life.unsigned_abs(),
                tokens: HashMap::new(),
                faults,
                any_form: options.any_form,
            },
            log: append(options.log, "")?,
            portal: append(options.portal, "Mobile,E-mail,Status,Updated\n")?,
            invited: 0,
            started: (Instant::now(), jiff::Timestamp::now()),
        })
    }

    /// From arrival to the written log line, without a pause.
    fn handle(&mut self, call: &Call) -> Answer {
        // By a clock that never steps.
        let arrival = self.started.0.elapsed();
        let answer = match self.limits.admit(arrival) {
            Ok(()) => self.api.answer(call),
            Err(seconds) => {
                let mut answer = Answer::plain(429, "Too many requests.");
                answer.headers.push(("Retry-After", seconds.to_string()));
                answer
            }
        };
        let at = self.started.1 + arrival;
        if let Err(error) = self.write_down(call, at, &answer) {
            log::error!("the sandbox cannot write its files: {error}");
        }
        answer
    }

    fn write_down(
        &mut self,
        call: &Call,
        at: jiff::Timestamp,
        answer: &Answer,
    ) -> std::io::Result<()> {
        let recipient = call.recipient();
        if let Some(log) = &mut self.log {
            // Other bodies hold passwords.
            let body = call.creates_session().then_some(&*call.body);
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
}

/// What becomes of customers, one after the other, and of every ninth as of the first.
const FATES: [&str; 3] = ["Customer signed", "Not started", "Approved"];

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

/// Both windows slide: at most so many requests are admitted in *any* second and *any* minute, logins included. A request
/// that is turned away uses up nothing.
struct Limits {
    /// Seconds, and how many requests they admit; 0 is no limit.
    spans: [(u64, usize); 2],
    /// The admissions of the last minute, as times since the start.
    admitted: VecDeque<Duration>,
}

impl Limits {
    /// Takes a place in every window, or says after how many whole seconds all will have one.
    fn admit(&mut self, now: Duration) -> Result<(), u64> {
        let admitted = &mut self.admitted;
        let minute = Duration::from_secs(60);
        while admitted.front().is_some_and(|at| *at + minute <= now) {
            admitted.pop_front();
        }
        let waits = self.spans.iter().filter_map(|(seconds, most)| {
            // With whose end there is a place.
            let first = admitted.get(admitted.len().checked_sub(*most)?)?;
            (*first + Duration::from_secs(*seconds)).checked_sub(now)
        });
        let wait = waits.max().unwrap_or_default();
        if wait.is_zero() {
            admitted.push_back(now);
            return Ok(());
        }
        Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }
}
