//! The server: from a connection to an answer, each request in the log before its answer leaves.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use jiff::SignedDuration;
use serde_json::json;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::api::Api;
use super::faults::Faults;
use super::http::{Answer, Call, read_call};
use super::tenant::{Limits, Tokens, locked};
use crate::error::Error;
use crate::model::Timestamp;

/// How a stand-in is to behave; by default as the vendor documents it, without faults.
#[derive(Debug, Clone, clap::Parser)]
pub struct SandboxOptions {
    /// The port [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Milliseconds each way: N, or FROM..TO
    #[arg(long, value_name = "MS", default_value = "0")]
    pub latency: String,
    /// Requests allowed in any second; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub per_second: u32,
    /// Requests allowed in any minute; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub per_minute: u32,
    /// How long an admin token lives; a refresh token seven times as long
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub token_life: SignedDuration,
    /// Write every request and what became of it to this file (JSONL), phones and tokens in full
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Write how far each invited customer's contract is to this file, as the vendor's portal exports it (CSV, for `follow`)
    #[arg(long, value_name = "FILE")]
    pub portal: Option<PathBuf>,
    /// Answer at random with these faults: NAME=SHARE,…
    #[arg(long = "fault", value_name = "FAULTS", default_value = "")]
    pub faults: String,
    /// Seed of the faults and latencies
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Whether contract types and keys that the sample forms lack are taken all the same: a rehearsal is made with one's own.
    #[arg(skip)]
    pub any_form: bool,
}

fn parse_latency(text: &str) -> Result<RangeInclusive<u64>, Error> {
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
            let message = format!("The sandbox cannot listen on 127.0.0.1:{port}: {error}.");
            Error::unusable("sandbox_port", message)
                .hint("Choose another port, or 0 for any free one.")
        };
        let server = Arc::new(Server::new(&options)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(cannot_listen)?;
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

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
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
    log: Option<Mutex<File>>,
    portal: Option<Mutex<File>>,
    /// Customers in the portal's file.
    invited: AtomicUsize,
    started: (Instant, SystemTime),
    requests: TaskTracker,
}

impl Server {
    fn new(options: &SandboxOptions) -> Result<Self, Error> {
        let append = |path: &Option<PathBuf>, header| {
            let path = path.as_deref();
            path.map(|path| append_to(path, header)).transpose()
        };
        Ok(Server {
            latency: parse_latency(&options.latency)?,
            limits: Limits::new(options.per_second, options.per_minute),
            api: Api {
                tokens: Tokens::new(options.token_life.unsigned_abs()),
                any_form: options.any_form,
                faults: Faults::parse(&options.faults, options.seed)?,
            },
            log: append(&options.log, "")?,
            portal: append(&options.portal, "Mobile,E-mail,Status,Updated\n")?,
            invited: AtomicUsize::new(0),
            started: (Instant::now(), SystemTime::now()),
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
            if !answer.write(&mut stream).await? {
                break;
            }
        }
        Ok(())
    }

    /// From arrival to the written log line, without a pause.
    fn handle(&self, call: &Call) -> Answer {
        // By a clock that never steps.
        let arrival = self.started.0.elapsed();
        let answer = match self.limits.admit(arrival) {
            Err(seconds) => {
                let mut answer = Answer::plain(429, "Too many requests.");
                answer.headers.push(("Retry-After", seconds.to_string()));
                answer
            }
            Ok(()) => self.api.answer(call),
        };
        let at = (self.started.1 + arrival).duration_since(SystemTime::UNIX_EPOCH);
        let at_ms = at.map_or(0, |at| i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
        let noted = self.note(call, at_ms, &answer);
        if let Err(error) = noted.and_then(|()| self.export(call, Timestamp(at_ms), &answer)) {
            tracing::error!(%error, "the sandbox cannot write its files");
        }
        answer
    }

    /// Writes a line of the log in one piece, so that it is whole or absent whatever ends the process.
    fn note(&self, call: &Call, at_ms: i64, answer: &Answer) -> std::io::Result<()> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        // Other bodies hold passwords.
        let body = call.creates_session().then_some(&*call.body);
        let line = json!({
            "at_ms": at_ms,
            "path": call.path,
            "key": call.recipient(),
            "accepted": answer.session_token.is_some(),
            "token": answer.session_token,
            "status": answer.seen_status(),
            "fault": answer.fault,
            "body": body.map(String::from_utf8_lossy),
        });
        locked(log).write_all(format!("{line}\n").as_bytes())
    }

    /// Writes how far a customer's contract is, as the vendor's portal would export it, so that the whole loop can be rehearsed.
    fn export(&self, call: &Call, at: Timestamp, answer: &Answer) -> std::io::Result<()> {
        let (Some(portal), Some(_)) = (&self.portal, &answer.session_token) else {
            return Ok(());
        };
        let key = call.recipient().unwrap_or_default();
        let (phone, email) = if key.contains('@') {
            ("", &*key)
        } else {
            (&*key, "")
        };
        let nth = self.invited.fetch_add(1, Ordering::Relaxed);
        let fate = FATES[nth % FATES.len()];
        locked(portal).write_all(format!("{phone},{email},{fate},{at}\n").as_bytes())
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

/// Opens a file for appending, which begins with this header; created, only its owner may read it.
fn append_to(path: &Path, header: &str) -> Result<Mutex<File>, Error> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(path).and_then(|mut file| {
        if file.metadata()?.len() == 0 {
            file.write_all(header.as_bytes())?;
        }
        Ok(Mutex::new(file))
    });
    opened.map_err(|error| {
        let message = format!("The sandbox cannot write {}: {error}.", path.display());
        Error::unusable("sandbox_log", message)
            .hint("Name a file in a folder that exists and that you may write to.")
    })
}
