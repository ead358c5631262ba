//! An address of the team's own is told of start, success and failure, and changes nothing.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Rude, World};

fn world_that_tells(address: &str) -> World {
    let world = World::with_customers(2);
    world.config(&format!("[notify]\nurl = \"{address}/ping/uuid\"\n"));
    world
}

fn lines(pinged: &Rude) -> Vec<String> {
    let requests = pinged.take_requests().into_iter();
    requests.map(|(line, _)| line).collect()
}

#[test]
fn start_success_and_failure_are_told_without_personal_data() {
    let pinged = Rude::answering("200 OK");
    let world = world_that_tells(&pinged.base_url());
    let printed = world.sent("customers.csv", 0).json();
    let [start, end] = &pinged.take_requests()[..] else {
        panic!("two requests");
    };
    assert_eq!(*start, ("GET /ping/uuid/start".to_owned(), String::new()));
    assert_eq!(end.0, "POST /ping/uuid");
    let mut told: Value = serde_json::from_str(&end.1).expect("a document");
    for kept_back in ["source", "reason", "ledger"] {
        assert!(printed.get(kept_back).is_some() && told.get(kept_back).is_none());
        told[kept_back] = printed[kept_back].clone();
    }
    assert_eq!(told, printed);

    // Rows that need a person are no failure, a refused login is one.
    world.phones("customers.csv", ["+201012345678", "12"]);
    world.sent("customers.csv", 3);
    assert_eq!(lines(&pinged), ["GET /ping/uuid/start", "POST /ping/uuid"]);
    world.customers("customers.csv", 3);
    let refused = world.send("customers.csv").env("VLENS_PASSWORD", "wrong");
    let refused = refused.ends(6);
    let failed = ["GET /ping/uuid/start", "POST /ping/uuid/fail"];
    assert_eq!(lines(&pinged), failed);
    // The address may be a secret.
    refused.hides("/ping/uuid");
}

#[test]
fn what_does_not_listen_is_tried_three_times_and_changes_nothing() {
    for answer in [
        "500 Internal Server Error",
        "302 Found\r\nLocation: /elsewhere",
    ] {
        let pinged = Rude::answering(answer);
        let world = world_that_tells(&pinged.base_url());
        let told = world.sent("customers.csv", 0);
        told.complains_of("was not told");
        told.hides("/ping/uuid");
        // The run's own line is the last.
        let last = told.stderr.lines().last().unwrap();
        let is_end = last.contains("run ended") && last.contains("reason=");
        assert!(is_end, "{told}");
        let start = ["GET /ping/uuid/start"; 3];
        let end = ["POST /ping/uuid"; 3];
        assert_eq!(lines(&pinged), [start, end].concat());
    }
    // A signal ends the wait for one that never answers, and the metrics are final before.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = mute.local_addr().expect("an address");
    let world = world_that_tells(&format!("http://{address}"));
    let (began, run) = (
        Instant::now(),
        world.send("customers.csv --metrics-file vlens.prom"),
    );
    let mut run = run.start();
    let metrics = || std::fs::read_to_string(world.path("vlens.prom")).unwrap_or_default();
    run.until("its end", || {
        metrics().contains("exit_code{tenant=\"sandbox\"} 0\n")
    });
    run.signal(Signal::TERM);
    run.wait().expect(0);
    assert!(began.elapsed() < Duration::from_secs(15));
    // Nobody listens there.
    world_that_tells("http://127.0.0.1:1").sent("customers.csv", 0);
}
