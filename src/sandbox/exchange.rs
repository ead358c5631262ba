//! One exchange, from the request's way here to the answer's way back.

use std::sync::Arc;

use axum::{
    Extension,
    body::to_bytes,
    extract::{Request, State},
    http::{Method, StatusCode, header, request::Parts},
    response::Response,
};

use super::{
    endpoints::{self, Call, Handled, Subject},
    envelope::{Delivery, Reply},
    gate::Arrival,
    log::{Line, sha256_hex},
    shared::Shared,
    wire::Switch,
};

/// Bodies beyond this are refused.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Bodies up to this are read all the same: a client that is still writing would not see the refusal.
const READ_BODY_BYTES: usize = 8 * MAX_BODY_BYTES;

/// Serves one request. There is no routing before it, so that unknown addresses too are counted, limited and logged.
pub(super) async fn exchange(
    State(shared): State<Arc<Shared>>,
    Extension(switch): Extension<Switch>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, READ_BODY_BYTES).await else {
        // The client left within its request, or sends without end: nothing has arrived.
        return Reply::empty(StatusCode::BAD_REQUEST).into_response();
    };
    let latency = shared.latency;
    // A task of its own: what has been read is dealt with, whether or not the client is still there to hear of it.
    let handling = shared.tasks.clone().spawn(async move {
        latency.pass().await;
        handle(&shared, &head, &body)
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

/// From arrival to the written log line, without a pause.
fn handle(shared: &Shared, head: &Parts, body: &[u8]) -> Reply {
    let arrival = shared.gate.arrive();
    let call = Call {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    let handled = match arrival.retry_after_s {
        Some(seconds) => past_the_limit(seconds).into(),
        None if body.len() > MAX_BODY_BYTES => too_large().into(),
        None => endpoints::dispatch(shared, &call),
    };
    log(shared, &call, arrival, &handled);
    handled.reply
}

fn too_large() -> Reply {
    Reply::plain_refusal(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.")
}

fn past_the_limit(retry_after_s: u64) -> Reply {
    Reply::plain_refusal(StatusCode::TOO_MANY_REQUESTS, "Too many requests.")
        .header(header::RETRY_AFTER, &retry_after_s.to_string())
}

fn log(shared: &Shared, call: &Call<'_>, arrival: Arrival, handled: &Handled) {
    let Some(log) = &shared.log else { return };
    let shows_body = endpoints::creates_sessions(call.path) && call.method == Method::POST;
    let subject = Subject::of(call);
    let line = Line {
        at_ms: arrival.at_ms,
        seq: arrival.seq,
        path: call.path,
        key: subject.key.as_deref(),
        types: &subject.types,
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
