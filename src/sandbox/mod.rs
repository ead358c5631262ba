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

mod http;
mod invitation;
mod vendor;

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;

pub use http::{BEHAVIOURS, Behaviour};
pub use vendor::{API_KEY, PASSWORD, SandboxOptions, TENANCY_NAME, USERNAME};

use http::read_call;
use vendor::Vendor;

/// A running sandbox. Dropped, it takes no connections any more.
pub struct Sandbox {
    pub base_url: String,
    _serving: AbortOnDropHandle<()>,
}

impl Sandbox {
    pub async fn start(options: SandboxOptions) -> Result<Sandbox, Error> {
        let port = options.port;
        let cannot_listen = |error: std::io::Error| Error::of("sandbox_port", &[&port, &error]);
        let latency = options.latency.clone();
        let vendor = Arc::new(Mutex::new(Vendor::new(options)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let serving = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    // A client that leaves, or sends what is no request, ends its connection.
                    Ok((stream, _)) => {
                        tokio::spawn(serve(stream, Arc::clone(&vendor), latency.clone()));
                    }
                    // Too many files are open, say.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        Ok(Sandbox {
            base_url: format!("http://{address}"),
            _serving: AbortOnDropHandle::new(serving),
        })
    }
}

/// Answers one request after the other; what has been read is dealt with, whether or not the client is still there. There is no
/// routing before it, so that unknown addresses too are counted, limited and logged. `latency`: of each way, in milliseconds.
async fn serve(
    stream: TcpStream,
    vendor: Arc<Mutex<Vendor>>,
    latency: RangeInclusive<u64>,
) -> std::io::Result<()> {
    // Without it every answer would wait for the client's acknowledgement.
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(call) = read_call(&mut stream).await? {
        pass_way(&latency).await;
        // It is whole at any time, whatever panicked.
        let vendor = vendor.lock();
        let answer = vendor.unwrap_or_else(PoisonError::into_inner).handle(&call);
        pass_way(&latency).await;
        if !answer.write(&mut stream).await? {
            break;
        }
    }
    Ok(())
}

/// As long as one message takes.
async fn pass_way(latency: &RangeInclusive<u64>) {
    let way_ms = fastrand::u64(latency.clone());
    if way_ms > 0 {
        tokio::time::sleep(Duration::from_millis(way_ms)).await;
    }
}
