//! The client against a raw TCP server on loopback that misbehaves in every way there is: what the outcome says, and that
//! never more than one request was on the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use super::*;
use crate::vlens::ContractTypeEntry;

/// Meets every connection with one behaviour, each on a thread of its own, and keeps what it was sent.
struct Server {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

/// One connection from the client.
struct Visit {
    stream: TcpStream,
    requests: mpsc::Sender<String>,
}

impl Server {
    fn start(behave: impl Fn(Visit) + Clone + Send + 'static) -> Server {
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
    fn answering(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::start(move |mut visit| {
            visit.read();
            visit.write(&answer);
        })
    }

    /// All requests that reached the server so far, and in a little while to come.
    fn seen(&self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Ok(request) = self.requests.recv_timeout(Duration::from_millis(100)) {
            seen.push(request);
        }
        seen
    }
}

impl Visit {
    /// Reads one request, head and body.
    fn read(&mut self) {
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

    fn note(&self, what: impl Into<String>) {
        let _ = self.requests.send(what.into());
    }

    /// Writes if the client is still there.
    fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Writes a byte now and then.
    fn drip(&mut self, bytes: &[u8]) {
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

fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn options(address: SocketAddr) -> ClientOptions {
    ClientOptions {
        base_url: BaseUrl::parse(&format!("http://{address}/prefix/"), false).expect("a url"),
        api_key: Secret::new("key-1"),
        tenancy_name: "acme".to_owned(),
        timeout: Duration::from_millis(600),
        ca_pem: None,
        concurrency: 4,
        user_agent: "vlens-batch/test".to_owned(),
    }
}

fn client(address: SocketAddr) -> Client {
    Client::new(options(address)).expect("a client")
}

async fn invite(address: SocketAddr) -> Answer {
    let body = Bytes::from_static(br#"{"SessionInput":{}}"#);
    client(address)
        .create_invitation(&Secret::new("admin-1"), body)
        .await
}

fn why(answer: &Answer) -> &'static str {
    match &answer.outcome {
        Outcome::Created { .. } => "created",
        Outcome::Rejected { .. } => "rejected",
        Outcome::NotCreated(NotCreated::Unreachable { .. }) => "unreachable",
        Outcome::NotCreated(_) => "not created",
        Outcome::Uncertain { why, .. } => why.as_str(),
    }
}

#[tokio::test]
async fn an_invitation_goes_out_as_documented_and_its_token_comes_back() {
    let server = Server::answering(http(
        "200 OK",
        "date: Sat, 21 Nov 2026 12:00:00 GMT\r\n",
        r#"{"data":"tok-1","error_code":null}"#,
    ));
    let answer = invite(server.address).await;
    match &answer.outcome {
        Outcome::Created { token } => assert_eq!(token.expose(), "tok-1"),
        other => panic!("{other:?}"),
    }
    assert_eq!(answer.http_status, Some(200));
    assert_eq!(answer.server_date, Some(Timestamp(1_795_262_400_000)));

    let seen = server.seen();
    let [request] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("POST /prefix/api/IdentityUserSession/CreateInvitation HTTP/1.1\r\n"));
    for header in [
        "apikey: key-1",
        "authorization: Bearer admin-1",
        "content-type: application/json",
        "content-length: 19",
        "user-agent: vlens-batch/test",
    ] {
        assert!(
            head.lines().any(|line| line == header),
            "{header} in {head}"
        );
    }
    assert_eq!(body, r#"{"SessionInput":{}}"#);
}

#[tokio::test]
async fn a_session_goes_out_without_an_admins_token() {
    let server = Server::answering(http("200 OK", "", r#"{"data":"tok-1"}"#));
    let answer = client(server.address)
        .create_auth_session(Bytes::from_static(b"{}"))
        .await;
    assert_eq!(why(&answer), "created");
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].starts_with("POST /prefix/api/IdentityUserSession/CreateAuthSession "));
    assert!(!seen[0].contains("authorization"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 9)]
async fn trouble_after_the_request_began_to_leave_is_uncertain_and_one_request() {
    let cases: [Case; 9] = [
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
            "hang",
            |mut visit| {
                visit.read();
                thread::sleep(Duration::from_secs(2));
            },
            "timeout",
        ),
        (
            "a head that drips",
            |mut visit| {
                visit.read();
                visit.drip(format!("HTTP/1.1 200 OK\r\nx-slow: {}", "a".repeat(50)).as_bytes());
            },
            "timeout",
        ),
        (
            "a body that drips",
            |mut visit| {
                visit.read();
                visit.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
                visit.drip(format!("{{\"data\":\"tok-1\"{}", " ".repeat(50)).as_bytes());
            },
            "unreadable",
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
    let cases = cases.map(|case| tokio::spawn(meet(case)));
    for case in cases {
        case.await.expect("the case");
    }
}

type Case = (&'static str, fn(Visit), &'static str);

async fn meet((name, behave, expected): Case) {
    let server = Server::start(behave);
    let client = client(server.address);
    let started = Instant::now();
    let answer = client.create_auth_session(Bytes::from_static(b"{}")).await;
    assert_eq!(why(&answer), expected, "{name}: {:?}", answer.outcome);
    assert!(started.elapsed() < Duration::from_millis(1500), "{name}");
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "{name}: {seen:?}");
    assert!(seen[0].starts_with("POST "), "{name}");
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
    let client = Client::new(options).expect("a client");
    let answer = client.create_auth_session(Bytes::from_static(b"{}")).await;
    assert_eq!(why(&answer), "unreachable", "{:?}", answer.outcome);
}

#[tokio::test]
async fn a_plain_server_under_https_is_certainly_not_created() {
    let server = Server::answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut options = options(server.address);
    let url = format!("https://{}", server.address);
    options.base_url = BaseUrl::parse(&url, false).expect("a url");
    options.timeout = Duration::from_secs(5);
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
    let client = Client::new(options).expect("a client");
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

#[tokio::test]
async fn a_login_names_the_tenant_and_yields_a_token() {
    let server = Server::answering(http(
        "200 OK",
        "",
        r#"{"data":{"accessToken":"jwt","expireInSeconds":86400,"refreshToken":"again"}}"#,
    ));
    let client = client(server.address);
    let token = client.login("admin", &Secret::new("pass\"word")).await;
    let token = token.expect("a token");
    assert_eq!(token.access.expose(), "jwt");
    assert_eq!(token.expires_in, Duration::from_hours(24));
    let seen = server.seen();
    assert!(seen[0].starts_with("POST /prefix/api/credentials/Login "));
    assert!(seen[0].contains("tenancyname: acme\r\n"));
    assert!(seen[0].ends_with(
        r#"{"tenancyName":"acme","userNameOrEmailAddress":"admin","password":"pass\"word"}"#
    ));

    let refreshed = client.refresh(&token.refresh.expect("one")).await;
    assert_eq!(refreshed.expect("a token").access.expose(), "jwt");
    let seen = server.seen();
    assert!(seen[0].starts_with("POST /prefix/api/credentials/RefreshToken "));
    assert!(seen[0].ends_with(r#"{"refreshToken":"again"}"#));
}

#[tokio::test]
async fn a_login_that_fails_says_who_must_act() {
    for (status, headers, body, expected) in [
        (
            "200 OK",
            "",
            r#"{"error_code":1,"error_message":"Wrong"}"#,
            "Refused",
        ),
        ("200 OK", "", r#"{"data":{"accessToken":""}}"#, "Refused"),
        ("400 Bad", "", "", "Refused"),
        ("401 No", "", "", "Refused"),
        ("403 No", "", "", "Refused"),
        ("404 No", "", "", "NotTheApi"),
        ("302 Found", "location: /\r\n", "", "NotTheApi"),
        ("429 Slow", "retry-after: 3\r\n", "", "Busy"),
        ("500 Oh", "", "", "ServerError"),
        ("200 OK", "", "<html>", "ServerError"),
    ] {
        let server = Server::answering(http(status, headers, body));
        let result = client(server.address)
            .login("admin", &Secret::new("p"))
            .await;
        let error = format!("{:?}", result.expect_err(status));
        assert!(error.starts_with(expected), "{status} {body}: {error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn contract_types_and_their_forms_are_read() {
    let server = Server::answering(http("200 OK", "", r#"{"data":[{"id":414,"name":"Loan"}]}"#));
    let client = client(server.address);
    let bearer = Secret::new("admin-1");
    let (raw, types) = client.contract_types(&bearer).await.expect("types");
    assert!(raw.starts_with(r#"{"data""#));
    assert_eq!(
        types,
        [ContractTypeEntry {
            id: ContractTypeId(414),
            name: "Loan".into()
        }]
    );
    let raw = client.template_fields(&bearer, ContractTypeId(414)).await;
    assert!(raw.expect("a form").contains("414"));
    let seen = server.seen();
    assert!(seen[0].starts_with("GET /prefix/api/BusinessRequest/GetAllRequestTypes HTTP"));
    assert!(seen[1].starts_with(
        "GET /prefix/api/BusinessRequest/GetBusinessRequestTypeTemplateFields?requestTypeId=414&isLocalized=false HTTP"
    ));
    assert!(seen[1].contains("authorization: Bearer admin-1\r\n"));
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_not_sent() {
    let server = Server::answering(http("200 OK", "", "{}"));
    let bearer = Secret::new("two\nlines");
    let answer = client(server.address)
        .create_invitation(&bearer, Bytes::from_static(b"{}"))
        .await;
    assert!(matches!(
        answer.outcome,
        Outcome::NotCreated(NotCreated::Unauthorized { .. })
    ));
    assert!(server.seen().is_empty());
}

#[test]
fn options_that_no_request_can_carry_are_refused() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let code = |change: fn(&mut ClientOptions)| {
        let mut options = options(address);
        change(&mut options);
        Client::new(options).err().map(|complaint| complaint.code)
    };
    assert_eq!(code(|_| ()), None);
    let with_key = |key: &str| {
        let mut options = options(address);
        options.api_key = Secret::new(key);
        Client::new(options).err().map(|complaint| complaint.code)
    };
    for key in ["", " ", "one\ntwo", "one two", "key\u{200b}"] {
        assert_eq!(with_key(key), Some("api_key_invalid"), "{key:?}");
    }
    assert_eq!(
        code(|o| o.tenancy_name = String::new()),
        Some("tenancy_name_invalid")
    );
    assert_eq!(
        code(|o| o.tenancy_name = "a\nb".into()),
        Some("tenancy_name_invalid")
    );
    assert_eq!(code(|o| o.tenancy_name = "شركة".into()), None);
    assert_eq!(
        code(|o| o.ca_pem = Some(b"none".to_vec())),
        Some("ca_unusable")
    );
    assert!(code(|o| o.user_agent = "a\nb".into()).is_some());
}
