//! A connection that can be told to fail: reset, cut, drip, close. This is where the sandbox's faults become real.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// The pause before each byte of a dripping answer: the shortest answer takes longer than any sensible timeout.
const DRIP: Duration = Duration::from_millis(400);

/// How many bytes of an answer leave when it is cut within its headers.
const HALF_HEADERS: usize = 30;

/// What becomes of the next answer on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// It is delivered.
    #[default]
    Serve,
    /// It never leaves; the connection is reset.
    Reset,
    /// It never leaves; the connection is closed in good order.
    Close,
    /// It ends within its headers.
    CutHeaders,
    /// It ends in the middle of its body.
    CutBody,
    /// It leaves byte by byte.
    Drip,
    /// It is delivered; then the connection is closed although nothing announced it.
    CloseAfter,
    /// It is delivered; the next request on this connection is dropped unread.
    SwallowNext,
}

/// The handler's hand on its own connection.
#[derive(Clone, Default)]
pub(super) struct Switch(Arc<Mutex<Order>>);

impl Switch {
    /// Decides the fate of the answer that leaves next.
    pub(super) fn set(&self, order: Order) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = order;
    }

    fn get(&self) -> Order {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A TCP stream under a [`Switch`].
pub(super) struct Wire {
    stream: TcpStream,
    switch: Switch,
    /// Bytes that may still leave before a cut.
    until_cut: Option<usize>,
    has_answered: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, switch: Switch) -> Self {
        Wire {
            stream,
            switch,
            until_cut: None,
            has_answered: false,
            pause: None,
        }
    }

    /// Writes up to the cut, then fails, at which the server lets go of the connection.
    fn write_until(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        cut: usize,
    ) -> Poll<io::Result<usize>> {
        let left = *self.until_cut.get_or_insert(cut);
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let part = &bytes[..left.min(bytes.len())];
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, part))?;
        self.until_cut = Some(left - written);
        Poll::Ready(Ok(written))
    }

    fn write_one(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(DRIP)));
        ready!(pause.as_mut().poll(context));
        let one = &bytes[..bytes.len().min(1)];
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, one))?;
        self.pause = None;
        Poll::Ready(Ok(written))
    }
}

/// The place in the middle of an answer's body. Headers and body come in one piece, as the server flattens small answers.
fn middle_of_body(answer: &[u8]) -> usize {
    let body = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map_or(0, |end| end + 4);
    body + (answer.len() - body) / 2
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let order = wire.switch.get();
        if order == Order::CloseAfter && wire.has_answered {
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut wire.stream).poll_read(context, buffer))?;
        if order == Order::SwallowNext && wire.has_answered {
            // Nothing new is the end of the stream.
            buffer.set_filled(filled);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        match wire.switch.get() {
            Order::Serve => Pin::new(&mut wire.stream).poll_write(context, bytes),
            Order::Reset => {
                // Closing with nothing to linger for sends RST instead of FIN.
                wire.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Order::Close => wire.write_until(context, bytes, 0),
            Order::CutHeaders => wire.write_until(context, bytes, HALF_HEADERS),
            Order::CutBody => wire.write_until(context, bytes, middle_of_body(bytes)),
            Order::Drip => wire.write_one(context, bytes),
            Order::CloseAfter | Order::SwallowNext => {
                wire.has_answered = true;
                // The server reads again only when woken; nothing else would show it the end.
                context.waker().wake_by_ref();
                Pin::new(&mut wire.stream).poll_write(context, bytes)
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_body_lies_behind_the_headers() {
        assert_eq!(
            middle_of_body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n0123456789"),
            30
        );
        assert_eq!(middle_of_body(b"0123456789"), 5);
    }
}
