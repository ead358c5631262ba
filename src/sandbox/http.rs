//! HTTP/1.1, in as much of it as a client of the API sends. It is written out here because the sandbox's faults are made of an answer's
//! bytes: one that is cut, drips, or never comes.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The pause before each byte of a dripping answer: the shortest answer takes longer than any sensible timeout.
const DRIP: Duration = Duration::from_millis(400);
pub(super) const JSON: &str = "application/json; charset=utf-8";
const HALF_HEADERS: usize = 30;
const MOST_HEAD_BYTES: u64 = 1 << 16;
/// Bodies up to this are read, although shorter ones are refused: a client that is still writing would not see the refusal.
const MOST_BODY_BYTES: usize = 8 << 20;

/// A request, wholly read.
pub(super) struct Call {
    pub method: String,
    pub path: String,
    pub query: String,
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

/// A time from now on, as headers have it.
pub(super) fn date(ahead: Duration) -> String {
    let time = jiff::Timestamp::now() + ahead;
    time.strftime("%a, %d %b %Y %T GMT").to_string()
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
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let length = call.header("Content-Length").map_or(Ok(0), str::parse);
    let length = length.ok().filter(|&length| length <= MOST_BODY_BYTES);
    call.body
        .resize(length.ok_or(io::ErrorKind::InvalidData)?, 0);
    stream.read_exact(&mut call.body).await?;
    Ok(Some(call))
}

/// What becomes of an answer on its way; `behaviours.toml` describes each.
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

/// An answer before it leaves, and what the log tells of it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub delivery: Delivery,
    /// The token of the session that was created, whether or not the client gets to see it.
    pub session_token: Option<String>,
    pub fault: Option<&'static str>,
}

impl Answer {
    pub(super) fn success(data: &Value) -> Self {
        let envelope = json!({"data": data, "error_code": null, "error_message": null, "error_descriptions": null});
        Answer::text(200, JSON, envelope.to_string())
    }

    /// An error in the envelope.
    pub(super) fn error(status: u16, code: i64, message: &str, descriptions: &Value) -> Self {
        let envelope = json!({
            "data": null,
            "error_code": code,
            "error_message": message,
            "error_descriptions": descriptions,
        });
        Answer::text(status, JSON, envelope.to_string())
    }

    /// An error whose code repeats the HTTP status.
    pub(super) fn plain(status: u16, message: &str) -> Self {
        Answer::error(status, i64::from(status), message, &Value::Null)
    }

    pub(super) fn text(status: u16, content_type: &str, body: String) -> Self {
        Answer {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into_bytes(),
            ..Answer::default()
        }
    }

    /// The status that the client gets to see whole, if any: what a cut connection or a hang keeps is no answer.
    pub(super) fn seen_status(&self) -> Option<u16> {
        let never_leaves = matches!(
            self.delivery,
            Delivery::Hang | Delivery::Reset | Delivery::Close | Delivery::CutInHeaders
        );
        (!never_leaves).then_some(self.status)
    }

    /// Writes it as its delivery says, with the server's time as every server has it, and tells whether the connection goes on.
    pub(super) async fn write(&self, stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
        let mut head = format!("HTTP/1.1 {} \r\n", self.status);
        let fixed = [
            ("Date", date(Duration::ZERO)),
            ("Content-Length", self.body.len().to_string()),
        ];
        for (name, value) in fixed.iter().chain(&self.headers) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        let bytes = [head.as_bytes(), &self.body].concat();
        let out = stream.get_mut();
        match self.delivery {
            Delivery::Whole | Delivery::ThenClose => out.write_all(&bytes).await?,
            // Until the client leaves.
            Delivery::Hang => drop(stream.fill_buf().await?),
            // Closing with nothing to linger for sends RST instead of FIN.
            Delivery::Reset => out.set_zero_linger()?,
            Delivery::Close => {}
            Delivery::CutInHeaders => out.write_all(&bytes[..HALF_HEADERS]).await?,
            Delivery::CutInBody => {
                let middle = head.len() + self.body.len() / 2;
                out.write_all(&bytes[..middle]).await?;
            }
            Delivery::Drip => {
                for byte in bytes {
                    tokio::time::sleep(DRIP).await;
                    out.write_all(&[byte]).await?;
                }
            }
            Delivery::ThenSwallow => {
                out.write_all(&bytes).await?;
                stream.fill_buf().await?;
            }
        }
        Ok(self.delivery == Delivery::Whole)
    }
}
