//! The server: from a connection to an answer, each request in the log before its answer leaves.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::answer::Answer;
use super::api::{Api, Handled};
use super::faults::{Faults, Misbehaviour};
use super::http::{Call, read_call, write_answer};
use super::tenant::{Arrival, Credentials, Limits, Tokens, locked};
use crate::error::Error;
use crate::model::Timestamp;

/// How a sandbox is to behave.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// The loopback port; 0 takes any free one.
    pub port: u16,
    /// How many milliseconds requests and answers are on their way, each.
    pub latency: RangeInclusive<u64>,
    /// Requests admitted in any second; `None` is unlimited.
    pub per_second: Option<u32>,
    /// Requests admitted in any minute; `None` is unlimited.
    pub per_minute: Option<u32>,
    /// How long an admin token holds. A refresh token holds seven times as long.
    pub token_life: Duration,
    /// Where to write one JSON line a request. It is appended to, and holds phones and tokens in full.
    pub log: Option<PathBuf>,
    /// Where to write how far each customer's contract is, as the vendor's portal exports it (CSV).
    pub portal: Option<PathBuf>,
    /// Whether contract types and keys that the sample forms lack are taken all the same: a rehearsal is made with one's own.
    pub any_form: bool,
    /// What the random faults are drawn from.
    pub seed: u64,
    pub faults: Faults,
}

/// As the vendor documents it: 10 requests a second, 60 a minute, a token for a day, no faults.
impl Default for SandboxOptions {
    fn default() -> Self {
        SandboxOptions {
            port: 0,
            latency: 0..=0,
            per_second: Some(10),
            per_minute: Some(60),
            token_life: Duration::from_hours(24),
            log: None,
            portal: None,
            any_form: false,
            seed: 0,
            faults: Faults::default(),
        }
    }
}

/// How long a message is on its way, in milliseconds: `0..300` (both ends included) or `50`.
pub fn parse_latency(text: &str) -> Result<RangeInclusive<u64>, Error> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    match (min.trim().parse(), max.trim().parse()) {
        (Ok(min), Ok(max)) if min <= max => Ok(min..=max),
        _ => Err(Error::unusable(
            "sandbox_latency",
            format!("`{text}` is not a range of milliseconds."),
        )
        .hint("Write `0..300` for a random time between 0 and 300 ms, or `50` for always 50 ms.")),
    }
}

/// A running sandbox. Dropped, it takes no connections any more.
pub struct Sandbox {
    address: SocketAddr,
    serving: AbortOnDropHandle<()>,
    requests: TaskTracker,
}

impl Sandbox {
    /// Starts serving on loopback.
    pub async fn start(options: SandboxOptions) -> Result<Sandbox, Error> {
        let port = options.port;
        let cannot_listen = |error: std::io::Error| {
            Error::unusable(
                "sandbox_port",
                format!("The sandbox cannot listen on 127.0.0.1:{port}: {error}."),
            )
            .hint("Choose another port, or 0 for any free one.")
        };
        let server = Arc::new(Server::new(options)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let requests = server.requests.clone();
        let serving = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    // A client that leaves, or sends what is no request, ends its connection.
                    Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&server).serve(stream))),
                    // Too many files are open, say.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        Ok(Sandbox {
            address,
            serving: AbortOnDropHandle::new(serving),
            requests,
        })
    }

    /// The base URL for a client.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The one account it knows.
    pub fn credentials(&self) -> Credentials {
        Credentials::of_the_sandbox()
    }

    /// Takes no connections any more, and waits until each request that was read has been dealt with and logged.
    pub async fn stop(self) {
        drop(self.serving);
        self.requests.close();
        self.requests.wait().await;
    }
}

/// What all connections share.
struct Server {
    latency: RangeInclusive<u64>,
    limits: Limits,
    api: Api,
    log: Option<Log>,
    portal: Option<Portal>,
    requests: TaskTracker,
}

impl Server {
    fn new(options: SandboxOptions) -> Result<Self, Error> {
        Ok(Server {
            latency: options.latency,
            limits: Limits::new(options.per_second, options.per_minute),
            api: Api {
                tokens: Tokens::new(options.token_life),
                any_form: options.any_form,
                misbehaviour: Misbehaviour {
                    faults: options.faults,
                    seed: options.seed,
                    ..Misbehaviour::default()
                },
            },
            log: options.log.as_deref().map(Log::open).transpose()?,
            portal: options.portal.as_deref().map(Portal::open).transpose()?,
            requests: TaskTracker::new(),
        })
    }

    /// As long as one message takes.
    fn way(&self) -> impl Future<Output = ()> + use<> {
        let way_ms = fastrand::u64(self.latency.clone());
        async move {
            if way_ms > 0 {
                tokio::time::sleep(Duration::from_millis(way_ms)).await;
            }
        }
    }

    /// Answers one request after the other. There is no routing before it, so that unknown addresses too are counted, limited and
    /// logged.
    async fn serve(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        // Without it every answer would wait for the client's acknowledgement.
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(call) = read_call(&mut stream).await? {
            let (outward, back) = (self.way(), self.way());
            let server = Arc::clone(&self);
            // A task of its own, for which the end waits: what has been read is dealt with, whether or not the client is still there.
            let handling = self.requests.spawn(async move {
                outward.await;
                server.handle(&call)
            });
            let answer = handling.await;
            let answer = answer.unwrap_or_else(|_| Answer::plain(500, "A fault of the sandbox."));
            back.await;
            if !write_answer(&mut stream, &answer).await? {
                break;
            }
        }
        Ok(())
    }

    /// From arrival to the written log line, without a pause.
    fn handle(&self, call: &Call) -> Answer {
        let arrival = self.limits.arrive();
        let handled = match arrival.retry_after_s {
            Some(seconds) => {
                let mut answer = Answer::plain(429, "Too many requests.");
                answer.headers.push(("Retry-After", seconds.to_string()));
                answer.into()
            }
            None => self.api.handle(call),
        };
        if let Some(log) = &self.log
            && let Err(error) = log.write(call, &arrival, &handled)
        {
            tracing::error!(%error, "the sandbox cannot write its log");
        }
        if let Some(portal) = self
            .portal
            .as_ref()
            .filter(|_| handled.session_token.is_some())
            && let Err(error) = portal.write(call, &arrival)
        {
            tracing::error!(%error, "the sandbox cannot write its portal's file");
        }
        handled.answer
    }
}

/// What becomes of every eight customers, one after the other.
const FATES: [&str; 8] = [
    "Customer signed",
    "Not started",
    "Approved",
    "Customer signed",
    "Not started",
    "Approved",
    "Customer signed",
    "Not started",
];

/// A file as the vendor's portal would export it, so that the whole loop can be rehearsed.
struct Portal(Mutex<(File, usize)>);

impl Portal {
    fn open(path: &Path) -> Result<Self, Error> {
        let mut file = append_to(path)?;
        let begun = file.metadata().map_or(0, |metadata| metadata.len()) > 0;
        if !begun && let Err(error) = file.write_all(b"Mobile,E-mail,Status,Updated\n") {
            return Err(cannot_write(path, &error));
        }
        Ok(Portal(Mutex::new((file, 0))))
    }

    fn write(&self, call: &Call, arrival: &Arrival) -> std::io::Result<()> {
        let key = call.subject().0.unwrap_or_default();
        let (phone, email) = if key.contains('@') {
            ("", &*key)
        } else {
            (&*key, "")
        };
        let mut state = locked(&self.0);
        let fate = FATES[state.1 % FATES.len()];
        state.1 += 1;
        let at = Timestamp(i64::try_from(arrival.at_ms).unwrap_or(i64::MAX));
        state
            .0
            .write_all(format!("{phone},{email},{fate},{at}\n").as_bytes())
    }
}

/// Opens a file for appending; created, only its owner may read it.
fn append_to(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    let message = format!("The sandbox cannot write {}: {error}.", path.display());
    Error::unusable("sandbox_log", message)
        .hint("Name a file in a folder that exists and that you may write to.")
}

/// The sandbox's memory for tests and rehearsals.
struct Log(Mutex<File>);

impl Log {
    fn open(path: &Path) -> Result<Self, Error> {
        Ok(Log(Mutex::new(append_to(path)?)))
    }

    /// Writes one line in one piece, so that it is whole or absent whatever ends the process.
    fn write(&self, call: &Call, arrival: &Arrival, handled: &Handled) -> std::io::Result<()> {
        let (key, types) = call.subject();
        let digest = Sha256::digest(&call.body);
        let hex = digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .concat();
        let mut line = json!({
            "at_ms": arrival.at_ms,
            "seq": arrival.seq,
            "path": call.path,
            "key": key,
            "types": types,
            "accepted": handled.session_token.is_some(),
            "status": handled.answer.seen_status(),
            "fault": handled.fault,
            "error_code": handled.answer.error_code,
            "body_sha256": hex,
        });
        if let Some(token) = &handled.session_token {
            line["token"] = json!(token);
        }
        // Other bodies hold passwords.
        if call.creates_session() {
            line["body"] = json!(String::from_utf8_lossy(&call.body));
        }
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        locked(&self.0).write_all(&text)
    }
}
