//! A raw TCP server on loopback for the client's tests, that can misbehave in every way there is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;

/// Meets every connection with one behaviour, each on a thread of its own, and keeps what it was sent.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

/// One connection from the client.
pub(super) struct Visit {
    pub(super) stream: TcpStream,
    requests: mpsc::Sender<String>,
}

impl Server {
    pub(super) fn start(behave: impl Fn(Visit) + Clone + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behave, requests) = (behave.clone(), sender.clone());
                thread::spawn(move || behave(Visit { stream, requests }));
            }
        });
        Server { address, requests }
    }

    /// Answers every request with these bytes.
    pub(super) fn answering(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::start(move |mut visit| {
            visit.read();
            visit.write(&answer);
        })
    }

    /// All requests that reached the server so far, and in a little while to come.
    pub(super) fn seen(&self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Ok(request) = self.requests.recv_timeout(Duration::from_millis(100)) {
            seen.push(request);
        }
        seen
    }
}

impl Visit {
    /// Reads one request, head and body.
    pub(super) fn read(&mut self) {
        let mut request = String::new();
        let mut buffer = [0; 4096];
        while !is_whole(&request) {
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => request += &String::from_utf8_lossy(&buffer[..count]),
            }
        }
        if !request.is_empty() {
            self.note(request);
        }
    }

    pub(super) fn note(&self, what: impl Into<String>) {
        let _ = self.requests.send(what.into());
    }

    /// Writes if the client is still there.
    pub(super) fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Writes a byte now and then.
    pub(super) fn drip(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !self.write(&[*byte]) {
                return;
            }
            thread::sleep(Duration::from_millis(30));
        }
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().expect("a length"))
}

pub(super) fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

pub(super) fn options(address: SocketAddr) -> ClientOptions {
    ClientOptions {
        base_url: BaseUrl::parse(&format!("http://{address}/prefix/"), false).expect("a url"),
        api_key: Secret::new("key-1"),
        tenancy_name: "acme".to_owned(),
        timeout: Duration::from_secs(20),
        ca_pem: None,
        concurrency: 4,
        user_agent: "vlens-batch/test".to_owned(),
    }
}

pub(super) fn client(address: SocketAddr) -> Client {
    Client::new(options(address)).expect("a client")
}

pub(super) async fn invite(address: SocketAddr) -> Answer {
    let body = Bytes::from_static(br#"{"SessionInput":{}}"#);
    client(address)
        .create_invitation(&Secret::new("admin-1"), body)
        .await
}

pub(super) fn why(answer: &Answer) -> &'static str {
    match &answer.outcome {
        Outcome::Created { .. } => "created",
        Outcome::Rejected { .. } => "rejected",
        Outcome::NotCreated(NotCreated::Unreachable { .. }) => "unreachable",
        Outcome::NotCreated(_) => "not created",
        Outcome::Uncertain { why, .. } => why.into_str(),
    }
}
