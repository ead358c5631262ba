//! One exchange with the API: one request, at most one answer, bounded in time and size. Where no answer comes, it says exactly
//! whether the request began to leave.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::header::{DATE, HeaderName, RETRY_AFTER};
use reqwest::{Request, Response};
use tokio::time::{Instant, timeout_at};

use super::answer::{Body, RawAnswer};
use super::vendor_text::plain;
use crate::failpoint;
use crate::model::{Failure, Refusal, Uncertainty, Why};

/// An answer, or what its absence means for an invitation: certainly not created when not one byte of the body left and none will, or
/// the server said that it did nothing with it, else uncertain.
pub(super) type Reply = Result<RawAnswer, Failure>;

/// Says at the moment when a body would leave whether it still may; none: it may at any time.
pub type Fence = Option<Arc<dyn Fn() -> bool + Send + Sync>>;

/// Sends a request, with a body unless it only reads, within `timeout` from the first step of connecting to the last byte of the
/// answer; of the answer's body, decompressed, at most `max_bytes` are read. What only reads changes nothing at the other end,
/// so whether it left is told less strictly.
pub(super) async fn exchange(
    http: &reqwest::Client,
    mut request: Request,
    body: Option<(Bytes, Fence)>,
    timeout: Duration,
    max_bytes: usize,
) -> Reply {
    let gate = body.map(|(body, fence)| {
        let body = GatedBody::new(body, fence);
        let gate = Arc::clone(&body.has_left);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        gate
    });
    let deadline = Instant::now() + timeout;
    let executed = timeout_at(deadline, http.execute(request)).await;
    // Asked for first: from here on nothing leaves any more.
    let has_left = gate.map(|gate| has_left(&gate));
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
        Err(_) if has_left == Some(false) => {
            let message = format!("no connection within {seconds} s");
            (Why::Unprocessed, message)
        }
        Err(_) => {
            let message = format!("no answer within {seconds} s");
            (Why::Uncertain(Uncertainty::Timeout), message)
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
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match held {
            Some(held) => Some(held),
            None => error.source(),
        }
    })
}

async fn receive(mut response: Response, deadline: Instant, max_bytes: usize) -> RawAnswer {
    let header = |name: HeaderName| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
    let body = timeout_at(deadline, read_body(&mut response, max_bytes)).await;
    RawAnswer {
        status: response.status().as_u16(),
        retry_after,
        date,
        body: body.unwrap_or(Body::Cut),
    }
}

async fn read_body(response: &mut Response, max_bytes: usize) -> Body {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > max_bytes => return Body::TooLong,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Body::Whole(body),
            Err(_) => return Body::Cut,
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
    format!("{kind}: {}{remedy}", plain(&cause.to_string()))
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
    fn new(bytes: Bytes, fence: Fence) -> GatedBody {
        GatedBody {
            fence,
            // The library never asks for an empty body's bytes, so such a request counts as one that left.
            has_left: Arc::new(if bytes.is_empty() {
                OnceLock::from(true)
            } else {
                OnceLock::new()
            }),
            bytes: Some(bytes),
        }
    }
}

/// Gives a request up. True when its body has left; if not, no byte of it ever will.
fn has_left(gate: &OnceLock<bool>) -> bool {
    *gate.get_or_init(|| false)
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
        let is_in_time = self.fence.as_ref().is_none_or(|fence| fence());
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
    use http_body::Body as _;

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
        assert!(has_left(&body.has_left));
        assert!(matches!(poll(&mut body), Poll::Ready(None)));
        assert!(body.is_end_stream());

        let mut body = GatedBody::new(Bytes::from_static(b"{}"), None);
        assert!(!has_left(&body.has_left));
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Err(_)))));
        assert!(!has_left(&body.has_left), "given up stays given up");

        assert!(has_left(&GatedBody::new(Bytes::new(), None).has_left));
    }
}
