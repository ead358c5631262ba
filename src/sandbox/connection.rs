//! A connection that can be told to fail. This is where the sandbox's faults become real.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// The pause before each byte of a dripping answer: the shortest answer takes longer than any sensible timeout.
const DRIP: Duration = Duration::from_millis(400);
const HALF_HEADERS: usize = 30;

/// What becomes of the next answer on a connection; `behaviours.toml` describes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Delivery {
    #[default]
    Whole,
    Hang,
    Reset,
    Close,
    CutInHeaders,
    CutInBody,
    Drip,
    ThenClose,
    ThenSwallow,
}

/// The handler's hand on its own connection.
#[derive(Clone, Default)]
pub(super) struct Switch(Arc<Mutex<Delivery>>);

impl Switch {
    pub(super) fn set(&self, delivery: Delivery) {
        *locked(&self.0) = delivery;
    }

    fn get(&self) -> Delivery {
        *locked(&self.0)
    }
}

/// What is locked here is whole at any time, whatever panicked.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Connection {
    stream: TcpStream,
    pub(super) switch: Switch,
    /// Bytes that may still leave before a cut.
    until_cut: Option<usize>,
    has_answered: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

type Written = Poll<io::Result<usize>>;

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it every answer would wait for the client's acknowledgement; a socket that cannot do so serves as well.
        let _ = stream.set_nodelay(true);
        Connection {
            stream,
            switch: Switch::default(),
            until_cut: None,
            has_answered: false,
            pause: None,
        }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.stream)
    }

    /// Writes up to the cut, then fails, at which the server lets go of the connection.
    fn write_until(&mut self, context: &mut Context<'_>, bytes: &[u8], cut: usize) -> Written {
        let left = *self.until_cut.get_or_insert(cut);
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let part = &bytes[..left.min(bytes.len())];
        let written = ready!(self.stream().poll_write(context, part))?;
        self.until_cut = Some(left - written);
        Poll::Ready(Ok(written))
    }

    fn write_one(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Written {
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(DRIP)));
        ready!(pause.as_mut().poll(context));
        let written = ready!(self.stream().poll_write(context, &bytes[..1]))?;
        self.pause = None;
        Poll::Ready(Ok(written))
    }
}

/// Headers and body come in one piece, as the server flattens small answers.
fn middle_of_body(answer: &[u8]) -> usize {
    let headers = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let body = headers.map_or(0, |end| end + 4);
    body + (answer.len() - body) / 2
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let delivery = self.switch.get();
        if delivery == Delivery::ThenClose && self.has_answered {
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        ready!(self.stream().poll_read(context, buffer))?;
        if delivery == Delivery::ThenSwallow && self.has_answered {
            // Nothing new is the end of the stream.
            buffer.set_filled(filled);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Written {
        match self.switch.get() {
            Delivery::Whole => self.stream().poll_write(context, bytes),
            Delivery::Hang => Poll::Pending,
            Delivery::Reset => {
                // Closing with nothing to linger for sends RST instead of FIN.
                self.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Delivery::Close => self.write_until(context, bytes, 0),
            Delivery::CutInHeaders => self.write_until(context, bytes, HALF_HEADERS),
            Delivery::CutInBody => self.write_until(context, bytes, middle_of_body(bytes)),
            Delivery::Drip => self.write_one(context, bytes),
            Delivery::ThenClose | Delivery::ThenSwallow => {
                self.has_answered = true;
                // The server reads again only when woken; nothing else would show it the end.
                context.waker().wake_by_ref();
                self.stream().poll_write(context, bytes)
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
