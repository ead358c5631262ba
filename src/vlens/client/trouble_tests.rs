//! Everything that can go wrong on the way: what the outcome says then, and that never more than one request was on the
//! wire.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Instant;

use super::test_server::{Server, Visit, client, http, invite, options, why};
use super::*;

#[tokio::test]
async fn trouble_after_the_request_began_to_leave_is_uncertain_and_one_request() {
    let cases: [Case; 6] = [
        ("close after reading", |mut visit| visit.read(), "broken"),
        (
            "half a head",
            |mut visit| {
                visit.read();
                visit.write(b"HTTP/1.1 200 OK\r\ncontent-le");
            },
            "broken",
        ),
        (
            "garbage",
            |mut visit| {
                visit.read();
                visit.write(b"\0\0\0\x01SSH-2.0\r\n\r\n");
            },
            "broken",
        ),
        (
            // Unread bytes in its buffer make the kernel reset the connection instead of closing it.
            "reset with half the request unread",
            |mut visit| {
                let mut first = [0; 40];
                let _ = visit.stream.read_exact(&mut first);
                visit.note(String::from_utf8_lossy(&first));
            },
            "broken",
        ),
        (
            "a cut body",
            |mut visit| {
                visit.read();
                visit.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":\"tok-1\"}");
            },
            "unreadable",
        ),
        (
            "damaged compression",
            |mut visit| {
                visit.read();
                visit.write(
                    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope",
                );
            },
            "unreadable",
        ),
    ];
    for (name, behave, expected) in cases {
        let server = Server::start(behave);
        let answer = invite(server.address).await;
        assert_eq!(why(&answer), expected, "{name}: {:?}", answer.outcome);
        assert_one_post(&server, name);
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_given_up_in_time() {
    let cases: [Case; 3] = [
        (
            "hang",
            |mut visit| {
                visit.read();
                thread::sleep(Duration::from_secs(20));
            },
            "timeout",
        ),
        (
            "a head that drips",
            |mut visit| {
                visit.read();
                visit.drip(format!("HTTP/1.1 200 OK\r\nx-slow: {}", "a".repeat(500)).as_bytes());
            },
            "timeout",
        ),
        (
            "a body that drips",
            |mut visit| {
                visit.read();
                visit.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
                visit.drip(format!("{{\"data\":\"tok-1\"{}", " ".repeat(500)).as_bytes());
            },
            "unreadable",
        ),
    ];
    for (name, behave, expected) in cases {
        let server = Server::start(behave);
        let client = impatient(options(server.address));
        let started = Instant::now();
        let answer = client.create_auth_session(Bytes::from_static(b"{}")).await;
        assert_eq!(why(&answer), expected, "{name}: {:?}", answer.outcome);
        assert!(started.elapsed() < Duration::from_secs(5), "{name}");
        assert_one_post(&server, name);
    }
}

type Case = (&'static str, fn(Visit), &'static str);

fn assert_one_post(server: &Server, name: &str) {
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "{name}: {seen:?}");
    assert!(seen[0].starts_with("POST "), "{name}");
}

/// A client for tests in which the timeout has to pass.
fn impatient(mut options: ClientOptions) -> Client {
    options.timeout = Duration::from_millis(600);
    Client::new(options).expect("a client")
}

#[tokio::test]
async fn a_refused_connection_is_certainly_not_created() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let answer = invite(address).await;
    assert_eq!(why(&answer), "unreachable");
    assert_eq!(answer.http_status, None);
    let Outcome::NotCreated(NotCreated::Unreachable { message }) = answer.outcome else {
        panic!("unreachable");
    };
    assert!(message.contains("onnection refused"), "{message}");
    assert!(!message.contains("/api/"), "{message}");
}

#[tokio::test]
async fn a_host_without_an_address_is_certainly_not_created() {
    let mut options = options(SocketAddr::from(([127, 0, 0, 1], 1)));
    options.base_url = BaseUrl::parse("https://vlens.invalid", false).expect("a url");
    let client = impatient(options);
    let answer = client.create_auth_session(Bytes::from_static(b"{}")).await;
    assert_eq!(why(&answer), "unreachable", "{:?}", answer.outcome);
}

#[tokio::test]
async fn a_plain_server_under_https_is_certainly_not_created() {
    let server = Server::start(|mut visit| {
        visit.write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let mut options = options(server.address);
    let url = format!("https://{}", server.address);
    options.base_url = BaseUrl::parse(&url, false).expect("a url");
    let client = Client::new(options).expect("a client");
    let answer = client.create_auth_session(Bytes::from_static(b"{}")).await;
    assert_eq!(why(&answer), "unreachable", "{:?}", answer.outcome);
}

/// The connection is there, but its TLS handshake never ends: nothing can have left.
#[tokio::test]
async fn a_timeout_while_connecting_is_certainly_not_created() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut options = options(address);
    options.base_url = BaseUrl::parse(&format!("https://{address}"), false).expect("a url");
    let client = impatient(options);
    let answer = client.create_auth_session(Bytes::from_static(b"{}")).await;
    assert_eq!(why(&answer), "unreachable", "{:?}", answer.outcome);
}

/// A server that closes at once may be met before or after the body began to leave; either way, only one of the two
/// honest answers is given, and nothing is sent twice.
#[tokio::test]
async fn a_server_that_closes_at_once_is_never_asked_twice() {
    let server = Server::start(|visit| visit.note("a connection"));
    let answer = invite(server.address).await;
    assert!(
        matches!(why(&answer), "unreachable" | "broken"),
        "{:?}",
        answer.outcome
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::answering(http("200 OK", "", r#"{"data":"tok-1"}"#));
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let location = format!("location: http://{}/login\r\n", target.address);
        let server = Server::answering(http(status, &location, ""));
        let answer = invite(server.address).await;
        assert!(
            matches!(answer.outcome, Outcome::Uncertain { stop: true, .. }),
            "{:?}",
            answer.outcome
        );
        assert_eq!(server.seen().len(), 1);
    }
    assert!(target.seen().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_read_no_further_than_the_limit() {
    let two_mib = format!(r#"{{"data":"tok-1","more":"{}"}}"#, "x".repeat(2 << 20));
    let server = Server::answering(http("200 OK", "", &two_mib));
    let answer = invite(server.address).await;
    assert_eq!(why(&answer), "unreadable");
    assert_eq!(server.seen().len(), 1);

    let endless = Server::start(|mut visit| {
        visit.read();
        visit.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = [&b"10000\r\n"[..], &vec![b' '; 65536], &b"\r\n"[..]].concat();
        while visit.write(&chunk) {}
    });
    let answer = invite(endless.address).await;
    assert_eq!(why(&answer), "unreadable");
    assert_eq!(endless.seen().len(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closes_costs_no_second_request() {
    // Answers the first request and keeps the connection; reads the second and closes without a word.
    let server = Server::start(|mut visit| {
        visit.read();
        visit.write(b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"data\":\"tok-1\"}");
        visit.read();
        visit.note("closed");
    });
    let client = client(server.address);
    let body = Bytes::from_static(b"{}");
    let first = client.create_auth_session(body.clone()).await;
    assert_eq!(why(&first), "created");
    let second = client.create_auth_session(body).await;
    assert_eq!(why(&second), "broken", "{:?}", second.outcome);
    let seen = server.seen();
    let seen: Vec<_> = seen.iter().map(|request| &request[..6]).collect();
    assert_eq!(seen, ["POST /", "POST /", "closed"]);
}
