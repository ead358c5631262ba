//! One exchange with the API: one request, at most one answer, bounded in time and size; and the HTTP client that it takes, with
//! everything that it must not do by itself. It tells what was observed and draws no conclusion from it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::header::{DATE, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Request, Response};
use tokio::time::{Instant, timeout_at};

use super::answer::{Body, RawAnswer};
use super::vendor_text::plain;
use crate::error::Error;

/// A kept connection is dropped after this long. Servers drop theirs from 5 s on, and a request that meets a connection
/// at the moment of its closing has an uncertain outcome; a new connection costs a row nothing that anyone would notice.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The longest that making a connection may take, within the exchange's own timeout.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What the HTTP client takes.
pub(super) struct HttpOptions<'a> {
    pub(super) user_agent: &'a str,
    pub(super) is_https: bool,
    pub(super) is_loopback: bool,
    pub(super) timeout: Duration,
    pub(super) connections: usize,
    /// More certificate authorities to trust, in PEM form.
    pub(super) ca_pem: Option<&'a [u8]>,
}

pub(super) fn http_client(options: &HttpOptions<'_>) -> Result<reqwest::Client, Error> {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let extra = options.ca_pem.map_or(Ok(Vec::new()), extra_authorities)?;
    let with_system_roots = builder(options).tls_certs_merge(extra.clone()).build();
    with_system_roots
        // A machine without certificate authorities (a bare container) gets Mozilla's.
        .or_else(|_| {
            builder(options)
                .tls_certs_only(bundled_roots().chain(extra))
                .build()
        })
        .map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map_or_else(|| "no cause given".to_owned(), ToString::to_string);
            if options.ca_pem.is_some() {
                return ca_unusable(&format!("cannot be used: {cause}"));
            }
            let message = format!("No secure connection can be set up: {cause}.");
            Error::unexpected("tls_unavailable", message)
        })
}

fn builder(options: &HttpOptions<'_>) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(options.user_agent)
        .redirect(Policy::none())
        .referer(false)
        // By default the library sends a POST again when an HTTP/2 server refuses the stream.
        .retry(reqwest::retry::never())
        .https_only(options.is_https)
        .connect_timeout((options.timeout / 2).min(CONNECT_MAX))
        .pool_max_idle_per_host(options.connections)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true);
    if options.is_loopback {
        // What stays on this machine has no business at a proxy.
        builder.no_proxy()
    } else {
        builder
    }
}

fn extra_authorities(pem: &[u8]) -> Result<Vec<Certificate>, Error> {
    match Certificate::from_pem_bundle(pem) {
        Ok(certificates) if certificates.is_empty() => Err(ca_unusable("holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(ca_unusable("is not a readable PEM file")),
    }
}

fn ca_unusable(what: &str) -> Error {
    let message = format!("The extra certificate authority {what}.");
    Error::unusable("ca_unusable", message).hint(
        "VLENS_CA_FILE names a PEM file, with one or more blocks of -----BEGIN CERTIFICATE-----; ask for it once more, or leave \
         the variable unset.",
    )
}

/// Mozilla's certificate authorities, as of the build.
fn bundled_roots() -> impl Iterator<Item = Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|root| Certificate::from_der(root).ok())
}

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

#[derive(Debug)]
pub(super) struct Received {
    status: u16,
    retry_after: Option<String>,
    pub(super) date: Option<String>,
    body: ReceivedBody,
}

/// The owned form of [`Body`].
#[derive(Debug)]
enum ReceivedBody {
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

/// Sends a request, with a body unless it only reads. What only reads changes nothing at the other end, so whether it left is
/// told less strictly.
pub(super) async fn exchange(
    http: &reqwest::Client,
    mut request: Request,
    body: Option<Bytes>,
    bounds: Bounds,
) -> Reply {
    let gate = body.map(|body| {
        let (body, gate) = GatedBody::new(body);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        gate
    });
    let never_left = |is_connect| gate.as_ref().map_or(is_connect, Gate::withdraw);
    let deadline = Instant::now() + bounds.timeout;
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
    let body = timeout_at(deadline, reading).await;
    Received {
        status: response.status().as_u16(),
        retry_after,
        date,
        body: body.unwrap_or(ReceivedBody::Cut),
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
    let mut cause: &dyn std::error::Error = error;
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

const WAITING: u8 = 0;
const LEFT: u8 = 1;
const WITHDRAWN: u8 = 2;

/// Tells for certain whether one byte of a body left the process. "Could not connect" and "timed out" do not tell that: a
/// deadline may pass while the connection is still being made, or just as the body begins to leave. The gate decides it in one
/// atomic step: either the body has gone through, or it is withdrawn and never will.
#[derive(Debug, Clone)]
struct Gate(Arc<AtomicU8>);

impl Gate {
    /// Gives the request up. True when not one byte of the body has left, and from now on none can.
    fn withdraw(&self) -> bool {
        self.move_to(WITHDRAWN)
    }

    fn pass(&self) -> bool {
        self.move_to(LEFT)
    }

    fn move_to(&self, state: u8) -> bool {
        match self
            .0
            .compare_exchange(WAITING, state, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(current) => current == state,
        }
    }
}

/// The body that the HTTP library takes its bytes from.
#[derive(Debug)]
struct GatedBody {
    bytes: Option<Bytes>,
    gate: Gate,
}

impl GatedBody {
    fn new(bytes: Bytes) -> (GatedBody, Gate) {
        // The library never asks for an empty body's bytes, so such a request counts as one that left.
        let state = if bytes.is_empty() { LEFT } else { WAITING };
        let gate = Gate(Arc::new(AtomicU8::new(state)));
        let body = GatedBody {
            bytes: Some(bytes),
            gate: gate.clone(),
        };
        (body, gate)
    }
}

impl http_body::Body for GatedBody {
    type Data = Bytes;
    type Error = Withdrawn;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Withdrawn>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(if self.gate.pass() {
            Ok(Frame::data(bytes))
        } else {
            Err(Withdrawn)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request was given up before it left")]
struct Withdrawn;

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;

    /// Without the system's certificate authorities, which a bare container lacks.
    fn bare_client() -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().tls_certs_only(bundled_roots());
        builder.no_proxy().build().expect("a client")
    }

    /// The library's own word for this failure is "timeout", not "could not connect".
    #[tokio::test]
    async fn a_deadline_that_passes_while_connecting_means_that_nothing_left() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = silent.local_addr().expect("an address");
        let url = format!("https://{address}/").parse().expect("a url");
        let request = Request::new(reqwest::Method::POST, url);
        let bounds = Bounds {
            timeout: Duration::from_millis(100),
            body_max_bytes: 1,
        };
        let body = Some(Bytes::from_static(b"{}"));
        let reply = exchange(&bare_client(), request, body, bounds).await;
        assert!(matches!(reply, Reply::NeverLeft(_)), "{reply:?}");
    }

    #[test]
    fn a_file_without_certificates_is_no_authority() {
        for pem in [
            "",
            "not a certificate",
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        ] {
            let error = extra_authorities(pem.as_bytes()).expect_err(pem);
            assert_eq!(error.code, "ca_unusable");
        }
    }

    fn poll(body: &mut GatedBody) -> Option<Result<Bytes, Withdrawn>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut context) {
            Poll::Ready(frame) => {
                frame.map(|frame| frame.map(|frame| frame.into_data().expect("data")))
            }
            Poll::Pending => panic!("a gated body never waits"),
        }
    }

    #[test]
    fn what_has_left_cannot_be_withdrawn_and_what_is_withdrawn_cannot_leave() {
        let (mut body, gate) = GatedBody::new(Bytes::from_static(b"{}"));
        assert_eq!(body.size_hint().exact(), Some(2));
        assert_eq!(poll(&mut body).expect("a frame").expect("open"), "{}");
        assert!(!gate.withdraw());
        assert!(poll(&mut body).is_none());
        assert!(body.is_end_stream());

        let (mut body, gate) = GatedBody::new(Bytes::from_static(b"{}"));
        assert!(gate.withdraw());
        assert!(poll(&mut body).expect("a frame").is_err());
        assert!(gate.withdraw(), "withdrawn stays withdrawn");

        let (_empty, gate) = GatedBody::new(Bytes::new());
        assert!(!gate.withdraw());
    }
}
