//! HTTP/1.1, in as much of it as a client of the API sends. It is written out here because the sandbox's faults are made of an answer's
//! bytes: one that is cut, drips, or never comes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::answer::{Answer, Delivery};

/// The pause before each byte of a dripping answer: the shortest answer takes longer than any sensible timeout.
const DRIP: Duration = Duration::from_millis(400);
const HALF_HEADERS: usize = 30;
const MOST_HEAD_BYTES: u64 = 1 << 16;
/// Bodies up to this are read, although shorter ones are refused: a client that is still writing would not see the refusal.
const MOST_BODY_BYTES: usize = 8 << 20;

/// A request, wholly read.
pub(super) struct Call {
    pub method: String,
    pub path: String,
    pub query: String,
    /// Their names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads one request; none when the client has left. What is no request ends the connection.
pub(super) async fn read_call(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Call>> {
    let mut head = Vec::new();
    let mut limited = (&mut *stream).take(MOST_HEAD_BYTES);
    while !head.ends_with(b"\r\n\r\n") {
        if limited.read_until(b'\n', &mut head).await? == 0 {
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let mut call = Call {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let length = call.header("Content-Length").map_or(Ok(0), str::parse);
    let length = length.ok().filter(|&length| length <= MOST_BODY_BYTES);
    let length = length.ok_or(io::ErrorKind::InvalidData)?;
    if call.header("Expect").is_some() {
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        stream.get_mut().write_all(go_on).await?;
    }
    call.body.resize(length, 0);
    stream.read_exact(&mut call.body).await?;
    Ok(Some(call))
}

/// Writes an answer as its delivery says, and tells whether the connection goes on.
pub(super) async fn write_answer(
    stream: &mut BufReader<TcpStream>,
    answer: &Answer,
) -> io::Result<bool> {
    let head = answer.head();
    let bytes = [head.as_bytes(), &answer.body].concat();
    let out = stream.get_mut();
    match answer.delivery {
        Delivery::Whole => {
            out.write_all(&bytes).await?;
            return Ok(true);
        }
        // Until the client leaves.
        Delivery::Hang => drop(stream.fill_buf().await?),
        // Closing with nothing to linger for sends RST instead of FIN.
        Delivery::Reset => out.set_zero_linger()?,
        Delivery::Close => {}
        Delivery::CutInHeaders => out.write_all(&bytes[..HALF_HEADERS]).await?,
        Delivery::CutInBody => {
            let middle = head.len() + answer.body.len() / 2;
            out.write_all(&bytes[..middle]).await?;
        }
        Delivery::Drip => {
            for byte in bytes {
                tokio::time::sleep(DRIP).await;
                out.write_all(&[byte]).await?;
            }
        }
        Delivery::ThenClose => out.write_all(&bytes).await?,
        Delivery::ThenSwallow => {
            out.write_all(&bytes).await?;
            stream.fill_buf().await?;
        }
    }
    Ok(false)
}
