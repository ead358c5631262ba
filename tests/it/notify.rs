//! An address of the team's own is told of start, success and failure, and changes nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::World;

/// Request lines with their bodies, in the order of arrival.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Answers every request with this status line and headers.
fn listen(answer: &'static str) -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            let _ = reader.read_line(&mut line);
            let (request, mut length) = (line.trim().to_owned(), 0);
            loop {
                line.clear();
                let read = reader.read_line(&mut line).unwrap_or(0);
                if read == 0 || line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let body = String::from_utf8(body).expect("a text");
            all.lock().expect("requests").push((request, body));
            let _ = (&stream).write_all(
                format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            );
        }
    });
    (port, seen)
}

fn world_that_tells(port: u16) -> World {
    let world = World::with_server();
    world.config(&format!(
        "[notify]\nurl = \"http://127.0.0.1:{port}/ping/uuid\"\n"
    ));
    world.customers("customers.csv", 2);
    world
}

fn lines(seen: &Seen) -> Vec<String> {
    let seen = seen.lock().expect("requests");
    seen.iter()
        .map(|(line, _)| line.replace(" HTTP/1.1", ""))
        .collect()
}

#[test]
fn start_success_and_failure_are_told_without_personal_data() {
    let (port, seen) = listen("200 OK");
    let world = world_that_tells(port);
    let printed = world.sent("customers.csv", 0).json();
    assert_eq!(lines(&seen), ["GET /ping/uuid/start", "POST /ping/uuid"]);
    let mut told: Value = {
        let seen = seen.lock().expect("requests");
        assert_eq!(seen[0].1, "");
        serde_json::from_str(&seen[1].1).expect("a document")
    };
    for kept_back in ["source", "reason", "ledger"] {
        assert!(printed.get(kept_back).is_some() && told.get(kept_back).is_none());
        told[kept_back] = printed[kept_back].clone();
    }
    assert_eq!(told, printed);

    // Rows that need a person are no failure, a refused login is one.
    seen.lock().expect("requests").clear();
    world.phones("customers.csv", ["+201012345678", "12"]);
    world.sent("customers.csv", 3);
    assert_eq!(lines(&seen), ["GET /ping/uuid/start", "POST /ping/uuid"]);
    seen.lock().expect("requests").clear();
    world.customers("customers.csv", 3);
    let refused = world.send("customers.csv").env("VLENS_PASSWORD", "wrong");
    let refused = refused.ends(6);
    let failed = ["GET /ping/uuid/start", "POST /ping/uuid/fail"];
    assert_eq!(lines(&seen), failed);
    // The address may be a secret.
    refused.hides("/ping/uuid");
}

#[test]
fn what_does_not_listen_is_tried_three_times_and_changes_nothing() {
    for answer in [
        "500 Internal Server Error",
        "302 Found\r\nLocation: /elsewhere",
    ] {
        let (port, seen) = listen(answer);
        let world = world_that_tells(port);
        let told = world.sent("customers.csv", 0);
        told.complains_of("was not told");
        told.hides("/ping/uuid");
        // The run's own line is the last.
        let last = told.stderr.lines().last().unwrap();
        assert!(
            last.contains("run ended") && last.contains("reason="),
            "{told}"
        );
        let start = ["GET /ping/uuid/start"; 3];
        let end = ["POST /ping/uuid"; 3];
        assert_eq!(lines(&seen), [start, end].concat());
    }
    // Nobody listens there.
    world_that_tells(1).sent("customers.csv", 0);
}
