//! A server that keeps no manners: raw sockets, so that a test can answer, stall, drip or cut off at any byte. It logs people
//! in properly and leaves the invitations to the test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::World;

/// What a test does with one request for an invitation.
pub trait Turn: Fn(&mut dyn Wire, usize) -> io::Result<()> + Send + Sync + 'static {}
impl<T: Fn(&mut dyn Wire, usize) -> io::Result<()> + Send + Sync + 'static> Turn for T {}

type Certificate = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl World {
    /// A certificate for loopback with its key; `VLENS_CA_FILE` may name its file, `ca.pem`.
    pub fn certificate(&self) -> Certificate {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let made = made.expect("a certificate");
        self.file("ca.pem", made.cert.pem());
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        (made.cert.der().clone(), key.into())
    }
}

/// The connection, plain or TLS.
pub trait Wire: Read + Write {
    /// Ends the connection, whatever the client thinks of it.
    fn cut(&mut self, how: Shutdown);
}

impl Wire for TcpStream {
    fn cut(&mut self, how: Shutdown) {
        // It may be gone already, which is as good.
        let _ = self.shutdown(how);
    }
}

impl Wire for rustls::StreamOwned<rustls::ServerConnection, TcpStream> {
    fn cut(&mut self, how: Shutdown) {
        let _ = self.sock.shutdown(how);
    }
}

/// The server. Dropped, it accepts nobody any more; its threads end with their connections.
pub struct Rude {
    port: u16,
    scheme: &'static str,
    seen: Arc<Seen>,
}

/// What the server and its threads share.
#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<(String, String)>>,
    turned_away: Mutex<Vec<usize>>,
    is_over: AtomicBool,
}

impl Rude {
    /// Serves; `turn` gets each request for an invitation, with how many there were before it.
    pub fn serve(turn: impl Turn) -> Rude {
        Rude::start(None, "200 OK", turn)
    }

    /// Logs people in, and answers all else that they ask with this HTTP status.
    pub fn answering(status: &'static str) -> Rude {
        Rude::start(None, status, |_, _| Ok(()))
    }

    /// The same over TLS, with this certificate.
    pub fn serve_tls(certificate: Certificate, turn: impl Turn) -> Rude {
        Rude::start(Some(tls(certificate).into()), "200 OK", turn)
    }

    /// Over HTTP/2, in just as much of it as a client needs; `turn` says what becomes of each request, by its number.
    pub fn serve_http_2(
        certificate: Certificate,
        turn: impl Fn(usize) -> Http2 + Send + Sync + 'static,
    ) -> Rude {
        let mut config = tls(certificate);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let seen = AtomicUsize::new(0);
        Rude::start(Some(config.into()), "200 OK", move |wire, _| {
            streams(wire, &seen, &turn)
        })
    }

    fn start(tls: Option<Arc<rustls::ServerConfig>>, reads: &'static str, turn: impl Turn) -> Rude {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let rude = Rude {
            port: listener.local_addr().expect("an address").port(),
            scheme: if tls.is_some() { "https" } else { "http" },
            seen: Arc::default(),
        };
        let seen = Arc::clone(&rude.seen);
        let guest = Arc::new(Guest {
            seen: Arc::clone(&seen),
            turn,
            reads,
        });
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().flatten().enumerate() {
                if seen.is_over.load(Ordering::SeqCst) {
                    return;
                }
                if seen.turned_away.lock().expect("connections").contains(&n) {
                    continue;
                }
                let (guest, tls) = (Arc::clone(&guest), tls.clone());
                std::thread::spawn(move || match tls {
                    None => guest.serve(stream),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config);
                        let session = session.expect("a TLS session");
                        guest.serve(rustls::StreamOwned::new(session, stream));
                    }
                });
            }
        });
        rude
    }

    /// Closes these connections, counted from 0, as soon as they are there: over TLS that is before any request can leave.
    pub fn turn_away(&self, connections: &[usize]) {
        *self.seen.turned_away.lock().expect("connections") = connections.to_vec();
    }

    pub fn base_url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// What a client needs.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("VLENS_BASE_URL", self.base_url()),
            ("VLENS_API_KEY", "key".to_owned()),
            ("VLENS_TENANCY_NAME", "rude".to_owned()),
            ("VLENS_USERNAME", "admin".to_owned()),
            ("VLENS_PASSWORD", "password".to_owned()),
        ]
    }

    /// How many requests for invitations arrived whole.
    pub fn invitations(&self) -> usize {
        self.bodies().len()
    }

    /// Their bodies, as they arrived.
    pub fn bodies(&self) -> Vec<String> {
        let requests = self.seen.requests.lock().expect("requests");
        let invitations = requests.iter().filter(|(line, _)| is_invitation(line));
        invitations.map(|(_, body)| body.clone()).collect()
    }

    /// The first line, such as `GET /ping`, and the body of every request since this was asked last.
    pub fn take_requests(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.seen.requests.lock().expect("requests"))
    }
}

impl Drop for Rude {
    fn drop(&mut self) {
        self.seen.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

struct Guest<T> {
    seen: Arc<Seen>,
    turn: T,
    /// The HTTP status of every other call.
    reads: &'static str,
}

impl<T: Turn> Guest<T> {
    fn serve(&self, mut wire: impl Wire) {
        // Ends with the connection.
        while let Ok(Some((line, body))) = request(&mut wire) {
            let before = {
                let mut requests = self.seen.requests.lock().expect("requests");
                requests.push((line.clone(), body));
                let invitations = requests.iter().filter(|(line, _)| is_invitation(line));
                invitations.count().saturating_sub(1)
            };
            let answered = if is_invitation(&line) {
                (self.turn)(&mut wire, before)
            } else if line.ends_with("/Login") {
                let data = r#"{"data":{"accessToken":"admin-token","expireInSeconds":86400,"refreshToken":"refresh"}}"#;
                answer(&mut wire, data)
            } else {
                answer_with(&mut wire, self.reads, "{}")
            };
            if answered.is_err() {
                return;
            }
        }
    }
}

fn tls((certificate, key): Certificate) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key")
}

/// What becomes of one request over HTTP/2.
pub enum Http2 {
    /// 200 with this JSON, once the request is there as a whole.
    Answer(String),
    /// `RST_STREAM` with this error code, as soon as the request begins.
    Reset(u8),
    /// GOAWAY that names this request's stream as the last one processed, or the one before; and the connection's end.
    GoAway { processed: bool },
}

/// The streams of one connection (RFC 9113), whose preface is read but for its last six bytes.
fn streams(
    wire: &mut dyn Wire,
    seen: &AtomicUsize,
    turn: &impl Fn(usize) -> Http2,
) -> io::Result<()> {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const END_STREAM: u8 = 1;
    const ACK: u8 = 1;
    const END_HEADERS: u8 = 4;
    const STATUS_200: &[u8] = &[0x88];
    wire.read_exact(&mut [0; 6])?;
    frame(wire, SETTINGS, 0, 0, &[])?;
    let mut turns = std::collections::HashMap::new();
    loop {
        let mut head = [0; 9];
        wire.read_exact(&mut head)?;
        let [_, l1, l2, kind, flags, s1, s2, s3, s4] = head;
        let mut payload = vec![0; usize::from(l1) << 8 | usize::from(l2)];
        wire.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes([s1, s2, s3, s4]);
        match kind {
            SETTINGS if flags & ACK == 0 => frame(wire, SETTINGS, ACK, 0, &[])?,
            HEADERS => match turn(seen.fetch_add(1, Ordering::SeqCst)) {
                Http2::Reset(code) => frame(wire, RST_STREAM, 0, stream, &[0, 0, 0, code])?,
                Http2::GoAway { processed } => {
                    let last = if processed { stream } else { stream - 1 };
                    let payload = [last.to_be_bytes(), [0; 4]].concat();
                    frame(wire, GOAWAY, 0, 0, &payload)?;
                    wire.cut(Shutdown::Write);
                }
                Http2::Answer(json) => drop(turns.insert(stream, json)),
            },
            DATA if flags & END_STREAM != 0 => {
                if let Some(json) = turns.remove(&stream) {
                    frame(wire, HEADERS, END_HEADERS, stream, STATUS_200)?;
                    frame(wire, DATA, END_STREAM, stream, json.as_bytes())?;
                }
            }
            _ => {}
        }
    }
}

fn frame(wire: &mut dyn Wire, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    wire.write_all(&[0, 0, length, kind, flags])?;
    wire.write_all(&stream.to_be_bytes())?;
    wire.write_all(payload)?;
    wire.flush()
}

/// `PRI *` begins a connection of HTTP/2, which is one turn.
fn is_invitation(line: &str) -> bool {
    line == "PRI *" || line.ends_with("/CreateInvitation")
}

/// Answers with a token for each.
pub fn polite(wire: &mut (impl Write + ?Sized), before: usize) -> io::Result<()> {
    answer(wire, &format!(r#"{{"data":"token-{before}"}}"#))
}

/// Answers 200 with this JSON.
pub fn answer(wire: &mut (impl Write + ?Sized), json: &str) -> io::Result<()> {
    answer_with(wire, "200 OK", json)
}

/// With this status line, which may go on with headers.
pub fn answer_with(wire: &mut (impl Write + ?Sized), status: &str, json: &str) -> io::Result<()> {
    write!(
        wire,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    )?;
    wire.flush()
}

/// Reads one request, byte by byte where a buffer would take what belongs to the next.
fn request(wire: &mut impl Read) -> io::Result<Option<(String, String)>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if wire.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let mut lines = BufReader::new(&head[..]).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let (line, _) = first.rsplit_once(' ').unwrap_or_default();
    let is_plain = |line: &str| line.eq_ignore_ascii_case("accept-encoding: identity");
    let mut wanted = BufReader::new(&head[..]).lines().map_while(Result::ok);
    if line != "PRI *" && !wanted.any(|line| is_plain(&line)) {
        // Whoever can unpack no answer must not be sent a packed one.
        return Ok(None);
    }
    let length = lines
        .map_while(Result::ok)
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse().ok()).flatten()
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    wire.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some((line.to_owned(), body)))
}
