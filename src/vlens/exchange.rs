//! One exchange with the API: one request, at most one answer, bounded in time and size.
//!
//! It tells what was observed and draws no conclusion from it.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{DATE, HeaderName, RETRY_AFTER};
use reqwest::{Request, Response};
use tokio::time::{Instant, timeout_at};

use super::answer::{Body, RawAnswer};
use super::gated_body::{Gate, GatedBody};
use super::vendor_text::plain;

/// How long and how large an exchange may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// From the first step of connecting to the last byte of the answer.
    pub(super) timeout: Duration,
    /// Of the answer's body, decompressed.
    pub(super) body_max_bytes: usize,
}

/// What came of an exchange.
#[derive(Debug)]
pub(super) enum Reply {
    /// A status and headers, at the least.
    Answered(Received),
    /// Not one byte of the body left, and none will.
    NeverLeft(String),
    /// The request began to leave; no answer came in time.
    TimedOut(String),
    /// The request began to leave; the connection broke before an answer.
    Broken(String),
}

/// An answer that came.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) date: Option<String>,
    pub(super) body: ReceivedBody,
}

/// The owned form of [`Body`].
#[derive(Debug)]
pub(super) enum ReceivedBody {
    Whole(Vec<u8>),
    TooLong,
    Cut,
}

impl Received {
    /// The form in which answers are read.
    pub(super) fn raw(&self) -> RawAnswer<'_> {
        RawAnswer {
            status: self.status,
            retry_after: self.retry_after.as_deref(),
            date: self.date.as_deref(),
            body: match &self.body {
                ReceivedBody::Whole(bytes) => Body::Whole(bytes),
                ReceivedBody::TooLong => Body::TooLong,
                ReceivedBody::Cut => Body::Cut,
            },
        }
    }
}

/// Sends a request with a body.
pub(super) async fn post(
    http: &reqwest::Client,
    mut request: Request,
    body: Bytes,
    bounds: Bounds,
) -> Reply {
    let (body, gate) = GatedBody::new(body);
    *request.body_mut() = Some(reqwest::Body::wrap(body));
    exchange(http, request, Some(&gate), bounds).await
}

/// Sends a request without a body. It changes nothing at the other end, so whether it left is told less strictly.
pub(super) async fn get(http: &reqwest::Client, request: Request, bounds: Bounds) -> Reply {
    exchange(http, request, None, bounds).await
}

async fn exchange(
    http: &reqwest::Client,
    request: Request,
    gate: Option<&Gate>,
    bounds: Bounds,
) -> Reply {
    let deadline = Instant::now() + bounds.timeout;
    let never_left = |is_connect| gate.map_or(is_connect, Gate::withdraw);
    match timeout_at(deadline, http.execute(request)).await {
        Ok(Ok(response)) => Reply::Answered(receive(response, deadline, bounds).await),
        Ok(Err(error)) => {
            let what = describe(&error);
            if never_left(error.is_connect()) {
                Reply::NeverLeft(what)
            } else if error.is_timeout() {
                Reply::TimedOut(what)
            } else {
                Reply::Broken(what)
            }
        }
        Err(_) => {
            let seconds = bounds.timeout.as_secs_f32();
            if never_left(false) {
                Reply::NeverLeft(format!("no connection within {seconds} s"))
            } else {
                Reply::TimedOut(format!("no answer within {seconds} s"))
            }
        }
    }
}

async fn receive(mut response: Response, deadline: Instant, bounds: Bounds) -> Received {
    let header = |name: HeaderName| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
    let reading = read_body(&mut response, bounds.body_max_bytes);
    let body = match timeout_at(deadline, reading).await {
        Ok(body) => body,
        Err(_) => ReceivedBody::Cut,
    };
    Received {
        status: response.status().as_u16(),
        retry_after,
        date,
        body,
    }
}

async fn read_body(response: &mut Response, max_bytes: usize) -> ReceivedBody {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > max_bytes => {
                return ReceivedBody::TooLong;
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return ReceivedBody::Whole(body),
            Err(_) => return ReceivedBody::Cut,
        }
    }
}

/// What failed, for people: the kind of failure and its innermost cause, without the address.
fn describe(error: &reqwest::Error) -> String {
    let kind = if error.is_dns() {
        "the API's host name was not found"
    } else if error.is_connect() {
        "no connection to the API"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    };
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if cause.is::<reqwest::Error>() {
        // Its own text would repeat the address.
        return kind.to_owned();
    }
    let cause = plain(&cause.to_string());
    let remedy = if cause.contains("UnknownIssuer") {
        " (behind a company's TLS proxy, name its certificate authority in VLENS_CA_FILE)"
    } else {
        ""
    };
    format!("{kind}: {cause}{remedy}")
}

#[cfg(test)]
mod tests {
    use super::super::connector;
    use super::*;

    /// The library's own word for this failure is "timeout", not "could not connect".
    #[tokio::test]
    async fn a_deadline_that_passes_while_connecting_means_that_nothing_left() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = silent.local_addr().expect("an address");
        // Without the system's certificate authorities, which a bare container lacks.
        let http = reqwest::Client::builder()
            .tls_certs_only(connector::bundled_roots())
            .no_proxy()
            .build()
            .expect("a client");
        let url = format!("https://{address}/").parse().expect("a url");
        let request = Request::new(reqwest::Method::POST, url);
        let bounds = Bounds {
            timeout: Duration::from_millis(100),
            body_max_bytes: 1,
        };
        let reply = post(&http, request, Bytes::from_static(b"{}"), bounds).await;
        assert!(matches!(reply, Reply::NeverLeft(_)), "{reply:?}");
    }
}
