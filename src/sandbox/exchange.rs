//! One exchange, from the request's way here to the answer's way back.

use std::sync::Arc;

use axum::{
    Extension,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header, request::Parts},
    response::Response,
};

use super::{
    core::Core,
    endpoints::{self, Call, Handled},
    envelope::{Delivery, Reply},
    gate::Arrival,
    log::{Line, sha256_hex},
    wire::Switch,
};

/// Bodies beyond this are refused unread.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Serves one request. There is no routing before it, so that unknown addresses too are counted, limited and logged.
pub(super) async fn exchange(
    State(core): State<Arc<Core>>,
    Extension(switch): Extension<Switch>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = if is_too_large(&head) {
        Err(StatusCode::PAYLOAD_TOO_LARGE)
    } else {
        match to_bytes(body, MAX_BODY_BYTES).await {
            Ok(body) => Ok(body),
            // The client left within its request: there is nobody to answer, and nothing arrived.
            Err(_) => return Reply::empty(StatusCode::BAD_REQUEST).into_response(),
        }
    };
    let latency = core.latency;
    // A task of its own: what has been read is dealt with, whether or not the client is still there to hear of it.
    let handling = core.tasks.clone().spawn(async move {
        latency.pass().await;
        handle(&core, &head, body)
    });
    let Ok(reply) = handling.await else {
        return Reply::empty(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    latency.pass().await;
    match reply.delivery {
        Delivery::Hang => std::future::pending().await,
        Delivery::Wire(order) => switch.set(order),
    }
    reply.into_response()
}

fn is_too_large(head: &Parts) -> bool {
    head.headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
        .is_some_and(|announced| announced > MAX_BODY_BYTES)
}

/// From arrival to the written log line, without a pause.
fn handle(core: &Core, head: &Parts, body: Result<Bytes, StatusCode>) -> Reply {
    let arrival = core.gate.arrive();
    let call = Call {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: body.as_deref().unwrap_or_default(),
    };
    let handled = match (arrival.retry_after_s, &body) {
        (Some(seconds), _) => Handled::from(past_the_limit(seconds)),
        (None, Err(status)) => Reply::plain_refusal(*status, "The request is too large.").into(),
        (None, Ok(_)) => endpoints::dispatch(core, &call),
    };
    log(core, &call, arrival, &handled);
    handled.reply
}

fn past_the_limit(retry_after_s: u64) -> Reply {
    Reply::plain_refusal(StatusCode::TOO_MANY_REQUESTS, "Too many requests.")
        .header(header::RETRY_AFTER, &retry_after_s.to_string())
}

fn log(core: &Core, call: &Call<'_>, arrival: Arrival, handled: &Handled) {
    let Some(log) = &core.log else { return };
    let shows_body = endpoints::creates_sessions(call.path) && call.method == Method::POST;
    let line = Line {
        at_ms: arrival.at_ms,
        seq: arrival.seq,
        path: call.path,
        key: handled.subject.key.as_deref(),
        types: &handled.subject.types,
        accepted: handled.session_token.is_some(),
        token: handled.session_token.as_deref(),
        status: handled.reply.seen_status(),
        fault: handled.fault.map(super::Behaviour::name),
        error_code: handled.reply.error_code,
        body_sha256: sha256_hex(call.body),
        body: shows_body.then(|| String::from_utf8_lossy(call.body)),
    };
    if let Err(error) = log.write(&line) {
        tracing::error!(%error, "the sandbox cannot write its log");
    }
}
