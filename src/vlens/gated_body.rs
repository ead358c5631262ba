//! A request body behind a gate, so that it is known for certain whether one byte of it left the process.
//!
//! "Could not connect" and "timed out" do not tell that: a deadline may pass while the connection is still being made, or
//! just as the body begins to leave. The gate decides it in one atomic step: either the body has gone through, or it is
//! withdrawn and never will.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

const WAITING: u8 = 0;
const LEFT: u8 = 1;
const WITHDRAWN: u8 = 2;

/// The sender's side of the gate.
#[derive(Debug, Clone)]
pub(super) struct Gate(Arc<AtomicU8>);

impl Gate {
    /// Gives the request up. True when not one byte of the body has left, and from now on none can.
    pub(super) fn withdraw(&self) -> bool {
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
pub(super) struct GatedBody {
    bytes: Option<Bytes>,
    gate: Gate,
}

impl GatedBody {
    /// A body and the gate before it.
    pub(super) fn new(bytes: Bytes) -> (GatedBody, Gate) {
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

impl Body for GatedBody {
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

/// The request was given up before its body began to leave.
#[derive(Debug)]
pub(super) struct Withdrawn;

impl fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was given up before it left")
    }
}

impl std::error::Error for Withdrawn {}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_has_left_cannot_be_withdrawn() {
        let (mut body, gate) = GatedBody::new(Bytes::from_static(b"{}"));
        assert_eq!(body.size_hint().exact(), Some(2));
        assert_eq!(poll(&mut body).expect("a frame").expect("open"), "{}");
        assert!(!gate.withdraw());
        assert!(poll(&mut body).is_none());
        assert!(body.is_end_stream());
    }

    #[test]
    fn what_is_withdrawn_can_no_longer_leave() {
        let (mut body, gate) = GatedBody::new(Bytes::from_static(b"{}"));
        assert!(gate.withdraw());
        assert!(poll(&mut body).expect("a frame").is_err());
        assert!(gate.withdraw(), "withdrawn stays withdrawn");
    }

    #[test]
    fn an_empty_body_counts_as_left() {
        let (_body, gate) = GatedBody::new(Bytes::new());
        assert!(!gate.withdraw());
    }
}
