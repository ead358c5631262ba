//! HTTP as this tool uses it: which addresses are taken, whose certificates are believed, through which proxy, and what the HTTP
//! library must not do by itself; and one exchange: one request, at most one answer, bounded in time and size. Where no answer comes,
//! it says exactly whether the request began to leave.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Frame, SizeHint};
use reqwest::header::{ACCEPT_ENCODING, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, NoProxy, Proxy, Request, Response, Url};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, timeout_at};
use tokio_util::bytes::Bytes;

use super::answer::{RawAnswer, plain};
use crate::clock;
use crate::error::{Error, without_link};
use crate::failpoint;
use crate::model::{Failure, Refusal, Uncertainty, Why, is_loopback};

const USER_AGENT: &str = concat!("vlens-batch/", env!("CARGO_PKG_VERSION"));

/// Answers are short, and what is not unpacked cannot burst. Where nothing is said, any coding is welcome (RFC 9110, section 12.5.3).
const UNCODED: HeaderValue = HeaderValue::from_static("identity");

/// A kept connection is dropped after this long. Servers drop theirs from 5 s on, and a request that meets a connection
/// at the moment of its closing has an uncertain outcome; a new connection costs a row nothing that anyone would notice.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The longest that making a connection may take, within the exchange's own timeout.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What a company's network asks for.
#[derive(Debug, Clone, Default)]
pub struct Way {
    pub proxy: Option<String>,
    /// More certificate authorities to trust.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// The HTTP client, kept from everything that it must not do by itself.
pub(super) fn http_client(
    base_url: &BaseUrl,
    timeout: Duration,
    concurrency: usize,
    way: &Way,
) -> Result<reqwest::Client, Error> {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trusted = |one: &CertificateDer<'_>| Certificate::from_der(one).ok();
    let extra: Vec<Certificate> = way.authorities.iter().filter_map(trusted).collect();
    let proxy = way.proxy.as_deref().map(proxy).transpose()?;
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, UNCODED)]))
            .redirect(Policy::none())
            .referer(false)
            // By default the library sends a POST again when an HTTP/2 server refuses the stream.
            .retry(reqwest::retry::never())
            .https_only(base_url.is_https())
            .connect_timeout((timeout / 2).min(CONNECT_MAX))
            .pool_max_idle_per_host(concurrency)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true);
        match proxy.clone() {
            // What stays on this machine has no business at a proxy.
            _ if base_url.is_loopback() => builder.no_proxy(),
            Some(proxy) => builder.proxy(proxy),
            None => builder,
        }
    };
    // Who names the authorities to trust means these and no others.
    let are_named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let built = match builder().tls_certs_merge(extra.clone()).build() {
        // A bare container has none.
        Err(_) if !are_named => {
            if base_url.is_https() {
                log::warn!(
                    "this system has no certificate authorities: Mozilla's, as of this program's build, are trusted"
                );
            }
            let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
            let roots = roots.filter_map(trusted).chain(extra);
            builder().tls_certs_only(roots).build()
        }
        built => built,
    };
    built.map_err(|error| {
        let cause = std::error::Error::source(&error)
            .map_or_else(|| "no cause given".to_owned(), ToString::to_string);
        let name = if are_named {
            "ca_unusable"
        } else {
            "tls_unavailable"
        };
        Error::of(name, &[&cause])
    })
}

/// Read by us, as the library passes over what it cannot read, and would then go past the proxy.
fn proxy(text: &str) -> Result<Proxy, Error> {
    let text = text.trim();
    let scheme = if text.contains("://") { "" } else { "http://" };
    let is_usable = |url: &Url| {
        matches!(url.scheme(), "http" | "https") && !url.host_str().unwrap_or_default().is_empty()
    };
    let url = Url::parse(&format!("{scheme}{text}")).ok();
    let proxy = url.filter(is_usable).and_then(|url| Proxy::all(url).ok());
    let proxy = proxy.ok_or_else(|| Error::of("proxy_invalid", &[]))?;
    Ok(proxy.no_proxy(NoProxy::from_env()))
}

/// The address of the API, without a trailing slash; a path before `/api` is kept. Checked once, so that no secret goes out over
/// a wire that anyone can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Takes `https` addresses, and `http` ones to this machine (127.0.0.0/8, `::1`, `localhost`) or when
    /// `allow_insecure_http` says so. Credentials, a query or a fragment have no meaning here and are refused.
    pub fn parse(text: &str, allow_insecure_http: bool) -> Result<BaseUrl, Error> {
        // The text is not shown: a mistyped address may hold a password.
        let url = Url::parse(text.trim())
            .map_err(|error| base_url_invalid(&format!("is not a web address: {error}")))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(base_url_invalid("does not begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(base_url_invalid("holds a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(base_url_invalid("holds a query (?) or a fragment (#)"));
        }
        let base_url = BaseUrl(url);
        if base_url.is_https() || base_url.is_loopback() || allow_insecure_http {
            return Ok(base_url);
        }
        let host = base_url.0.host_str().unwrap_or_default();
        Err(Error::of("base_url_insecure", &[&host]))
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    fn is_loopback(&self) -> bool {
        self.0.host_str().is_some_and(is_loopback)
    }

    /// The address as it is shown and compared: lower-case host, no default port, no trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address of something below it.
    pub(super) fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

fn base_url_invalid(what: &str) -> Error {
    Error::of("base_url_invalid", &[&what])
}

/// Until when on the steady clock a body may begin to leave; none: it may at any time.
pub type Fence = Option<Duration>;

/// Sends a request, with a body unless it only reads, within `timeout` from the first step of connecting to the last byte of the
/// answer; of the answer's body at most `max_bytes` are read. That none comes means for an invitation: certainly not
/// created when not one byte of the body left and none will, or the server said that it did nothing with it, else uncertain. What only
/// reads changes nothing at the other end, so whether it left is told less strictly.
pub(super) async fn exchange(
    http: &reqwest::Client,
    mut request: Request,
    body: Option<(Bytes, Fence)>,
    timeout: Duration,
    max_bytes: usize,
) -> Result<RawAnswer, Failure> {
    let gate = body.map(|(bytes, fence)| {
        let body = GatedBody::new(bytes, fence);
        let gate = Arc::clone(&body.has_left);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        gate
    });
    let deadline = Instant::now() + timeout;
    let executed = timeout_at(deadline, http.execute(request)).await;
    // Asked for first: the request is given up, and what has not left by now never will.
    let has_left = gate.map(|gate| *gate.get_or_init(|| false));
    let seconds = timeout.as_secs_f32();
    let (why, message) = match executed {
        Ok(Ok(response)) => return Ok(receive(response, deadline, max_bytes).await),
        Ok(Err(error)) => {
            let why = if error.is_connect() && has_left != Some(true) {
                unconnected(&error)
            } else if has_left == Some(false) || is_unprocessed(&error) {
                Why::Unprocessed
            } else if error.is_timeout() {
                Why::Uncertain(Uncertainty::Timeout)
            } else {
                Why::Uncertain(Uncertainty::Broken)
            };
            (why, describe(&error))
        }
        Err(_) => {
            let (why, what) = match has_left {
                Some(false) => (Why::Unprocessed, "connection"),
                _ => (Why::Uncertain(Uncertainty::Timeout), "answer"),
            };
            (why, format!("no {what} within {seconds} s"))
        }
    };
    Err(Failure { why, message })
}

/// Who shows a certificate that nobody vouches for is not the API, and will not be at the next attempt.
fn unconnected(error: &reqwest::Error) -> Why {
    let is_refused = causes(error)
        .filter_map(|cause| cause.downcast_ref::<rustls::Error>())
        .any(|error| matches!(error, rustls::Error::InvalidCertificate(_)));
    if is_refused {
        Why::Refused(Refusal::NotTheApi)
    } else {
        Why::Unreachable
    }
}

/// Whether an HTTP/2 server said that it did nothing with this request: it refused the stream, or went away naming an earlier one
/// as its last.
fn is_unprocessed(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| {
            error.is_remote()
                && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
        })
}

/// The error and all that it came of, the innermost last.
fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let io_error = error.downcast_ref::<io::Error>();
        let held = io_error.and_then(io::Error::get_ref);
        held.map_or_else(|| error.source(), |held| Some(held))
    })
}

async fn receive(mut response: Response, deadline: Instant, max_bytes: usize) -> RawAnswer {
    let header = |name: HeaderName| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
    let received = clock::now();
    let body = timeout_at(deadline, read_body(&mut response, max_bytes)).await;
    RawAnswer {
        status: response.status().as_u16(),
        retry_after,
        date,
        received,
        body: body.unwrap_or(Err(CUT)),
    }
}

/// The connection broke or the time ran out before its end.
const CUT: &str = "the answer was cut short";

async fn read_body(response: &mut Response, max_bytes: usize) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| CUT)? {
        if body.len() + chunk.len() > max_bytes {
            return Err("the answer was longer than this tool reads");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
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
    let Some(cause) = causes(error)
        .last()
        .filter(|cause| !cause.is::<reqwest::Error>())
    else {
        // Its own text would repeat the address.
        return kind.to_owned();
    };
    let remedy = match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            " (behind a company's TLS proxy, name its certificate authority in VLENS_CA_FILE)"
        }
        _ => "",
    };
    format!(
        "{kind}: {}{remedy}",
        plain(without_link(&cause.to_string()))
    )
}

/// The body that the HTTP library takes its bytes from. It tells for certain whether one byte of it left the process: "could not
/// connect" and "timed out" do not tell that, as a deadline may pass while the connection is still being made, or just as the
/// body begins to leave. Who sets `has_left` first decides: the body as it goes, or whoever gives the request up.
struct GatedBody {
    bytes: Option<Bytes>,
    fence: Fence,
    has_left: Arc<OnceLock<bool>>,
}

impl GatedBody {
    /// Of a body that is not empty: the library never asks for the bytes of one that is.
    fn new(bytes: Bytes, fence: Fence) -> GatedBody {
        GatedBody {
            bytes: Some(bytes),
            fence,
            has_left: Arc::default(),
        }
    }
}

impl http_body::Body for GatedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        failpoint::pass("at_gate");
        let is_in_time = self.fence.is_none_or(|until| clock::steady() < until);
        let may_leave = *self.has_left.get_or_init(|| is_in_time);
        Poll::Ready(Some(if may_leave {
            Ok(Frame::data(bytes))
        } else {
            Err(io::Error::other("the request was given up before it left"))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;
    use http_body::Body as _;

    #[test]
    fn only_addresses_that_nobody_on_the_way_can_read_are_taken() {
        for (text, expected) in rows::<(&str, &str)>("transport.addresses") {
            let read = match BaseUrl::parse(text, false) {
                Ok(url) => url.as_str().to_owned(),
                Err(error) => {
                    assert!(!error.message.contains("hunter2"));
                    error.code.to_owned()
                }
            };
            assert_eq!(read, expected, "{text}");
        }
        let allowed = BaseUrl::parse("http://10.0.0.5:8080", true).expect("allowed");
        assert!(!allowed.is_https() && !allowed.is_loopback());
    }

    /// The library's own word for this failure is "timeout", not "could not connect".
    #[tokio::test]
    async fn a_deadline_that_passes_while_connecting_means_that_nothing_left() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = silent.local_addr().expect("an address");
        let url = format!("https://{address}/").parse().expect("a url");
        let request = Request::new(reqwest::Method::POST, url);
        // Without the system's certificate authorities, which a bare container lacks.
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy();
        let http = http.build().expect("a client");
        let body = Some((Bytes::from_static(b"{}"), None));
        let reply = exchange(&http, request, body, Duration::from_millis(100), 1).await;
        assert_eq!(reply.expect_err("no answer").why, Why::Unprocessed);
    }

    fn poll(body: &mut GatedBody) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        Pin::new(body).poll_frame(&mut context)
    }

    #[test]
    fn what_has_left_cannot_be_given_up_and_what_is_given_up_cannot_leave() {
        let mut body = GatedBody::new(Bytes::from_static(b"{}"), None);
        assert_eq!(body.size_hint().exact(), Some(2));
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
        assert!(*body.has_left.get_or_init(|| false));
        assert!(matches!(poll(&mut body), Poll::Ready(None)));
        assert!(body.is_end_stream());

        let mut body = GatedBody::new(Bytes::from_static(b"{}"), None);
        assert!(!*body.has_left.get_or_init(|| false));
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Err(_)))));
        assert!(!*body.has_left.get_or_init(|| false), "given up");
    }
}
