//! The network: away and back, no name, and servers that take a request and do anything but answer it.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Http2, Promise, Rude, Wire, World, answer_with, customers, is_any_repeated, polite,
};

#[test]
fn the_network_goes_away_and_comes_back() {
    let world = World::serving("--latency 5", 700);
    world.config("[limits]\nmax_consecutive_failures = 1000\nmax_attempts = 9\n");
    let mut run = world.send("customers.csv").start();
    for enough in [100, 250] {
        run.until("some more rows", || world.accepted().len() > enough);
        world.kill_server();
        std::thread::sleep(Duration::from_millis(700));
        world.start_server();
    }
    let ended = run.wait();
    assert!(matches!(ended.code(), Some(0 | 3)), "{ended}");
    assert_eq!(world.count("pending"), 0, "{ended}");
    // At most what was under way each time.
    assert!(world.count("uncertain") <= 2 * 8, "{ended}");
    world.check_invariants(&Promise::default());
    world.run_until_done("customers.csv");
    assert_eq!(world.count("failed"), 0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_network_that_stays_away_stops_the_run_before_it_burns_the_batch() {
    let world = World::serving("--latency 5", 300);
    world.config("[limits]\nmax_consecutive_failures = 5\nmax_attempts = 2\n");
    let run = world.begun(world.send("customers.csv"), 50);
    world.kill_server();
    let ended = run.wait().expect(4);
    assert_eq!(ended.json()["stopped"], "failures");
    let burnt = world.count("failed") + world.count("uncertain");
    assert!(burnt <= 5 + 8, "{ended}");
    world.start_server();
    world.run_until_done("customers.csv");
    assert_eq!(world.count("created") + world.count("uncertain"), 300);
    world.check_invariants(&Promise::default());
}

#[test]
fn no_name_and_nobody_listening_are_told_and_leave_all_rows_due() {
    for base_url in ["https://does-not-exist.invalid", "http://127.0.0.1:1"] {
        let world = World::with_customers(30);
        world.config("[limits]\nmax_attempts = 2\n");
        let run = world.send("customers.csv").env("VLENS_BASE_URL", base_url);
        let document = run.ends(4).json();
        assert_eq!(document["stopped"], "failures");
        assert_eq!(document["requests"], 0);
        assert_eq!(document["counts"]["pending"], 30);
    }
}

#[test]
fn a_row_that_waits_for_its_next_attempt_holds_up_no_other() {
    let world = World::new();
    let rude = Rude::serve_tls(world.certificate(), |wire, before| {
        let json = format!(r#"{{"data":"token-{before}"}}"#);
        answer_with(wire, "200 OK\r\nConnection: close", &json)?;
        wire.cut(Shutdown::Write);
        Ok(())
    });
    // Each row has a connection to itself, and several meet a closed door: any one of them may draw a wait of nothing.
    rude.turn_away(&[1, 3, 5]);
    world.config("[limits]\nconcurrency = 1\n");
    world.customers("customers.csv", 12);
    let run = world.send("customers.csv").env("VLENS_CA_FILE", "ca.pem");
    let ended = run.envs(rude.variables()).ends(0);
    assert_eq!(world.statuses(), ["created"; 12], "{ended}");
    let bodies = rude.bodies().into_iter();
    let bodies = bodies.map(|body| serde_json::from_str::<Value>(&body).expect("JSON"));
    let phones: Vec<String> = bodies
        .map(|body| body["SessionInput"]["phoneNumber"].to_string())
        .collect();
    assert_eq!(phones.len(), 12, "each row once\n{ended}");
    // The customers' phones ascend as the sheet does, so that a row sent later than its successors shows.
    assert!(!phones.is_sorted(), "one worker, and nobody overtook");
}

/// Stays on the line until the client has left it.
fn wait_for_its_end(wire: &mut dyn Wire) -> io::Result<()> {
    while wire.read(&mut [0])? > 0 {}
    Ok(())
}

/// Reads the request, begins an answer, and is gone.
fn gone_after(head: &'static str) -> Rude {
    Rude::serve(move |wire, _| {
        wire.write_all(head.as_bytes())?;
        wire.flush()?;
        wire.cut(Shutdown::Both);
        Ok(())
    })
}

#[test]
fn a_link_to_a_librarys_manual_is_told_to_nobody() {
    let world = World::new();
    let rude = Rude::serve_tls(world.certificate(), |wire, _| {
        wire.cut(Shutdown::Both);
        Ok(())
    });
    world.customers("customers.csv", 1);
    let run = world.send("customers.csv").env("VLENS_CA_FILE", "ca.pem");
    let ended = run.envs(rude.variables()).ends(3);
    ended.complains_of("close_notify").hides("docs.rs");
    let error = world.export()[0]["error"].to_string();
    assert!(error.contains("close_notify"), "{error}");
    assert!(!error.contains("http"), "{error}");
}

/// Six rows against servers without manners: how many are created; the others are uncertain. Each request leaves once.
#[test]
fn what_leaves_and_is_not_answered_is_uncertain_and_never_sent_again() {
    let silent = Rude::serve(|wire, _| wait_for_its_end(wire));
    let dripping = Rude::serve(|wire, _| {
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
        loop {
            wire.write_all(b" ")?;
            wire.flush()?;
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let half_closed = Rude::serve(|wire, _| {
        wire.cut(Shutdown::Write);
        wait_for_its_end(wire)
    });
    // Every second request on a connection is read whole and its connection closed: what a proxy's keep-alive limit does.
    let closed_at_reuse = Rude::serve(|wire, before| {
        if before % 2 == 0 {
            return polite(wire, before);
        }
        wire.cut(Shutdown::Both);
        Ok(())
    });
    let polite_once = Rude::serve(|wire, before| {
        polite(wire, before)?;
        wire.cut(Shutdown::Both);
        Ok(())
    });
    // Within the head, its first line, or the body.
    let gone = [
        "",
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"da",
    ];
    let gone = gone.map(|head| (head, gone_after(head), 30, 0..=0));
    let others = [
        ("says nothing", silent, 2, 0..=0),
        ("drips, and is bounded as a whole", dripping, 2, 0..=0),
        ("half closed", half_closed, 30, 0..=0),
        ("closed at the moment of reuse", closed_at_reuse, 30, 3..=3),
        // Who is quick meets the connection while it is being closed.
        ("closed right after its answer", polite_once, 30, 3..=6),
    ];
    for (what, rude, patience, created) in gone.into_iter().chain(others) {
        let world = World::new();
        world.config(&format!(
            "[limits]\ntimeout_seconds = {patience}\nmax_consecutive_failures = 50\nconcurrency = 3\n"
        ));
        world.customers("customers.csv", 6);
        let run = world.send("customers.csv").envs(rude.variables());
        let ended = run.run();
        let counts = &ended.json()["counts"];
        let [found, uncertain] = ["created", "uncertain"].map(|name| counts[name].as_u64());
        let is_as_told = found.is_some_and(|found| created.contains(&found));
        assert!(is_as_told, "{what}\n{ended}");
        assert_eq!(uncertain, found.map(|found| 6 - found), "{what}\n{ended}");
        assert!(
            !is_any_repeated(&rude.bodies()),
            "{what}: sent twice\n{ended}"
        );
        assert_eq!(rude.invitations(), 6, "{what}: each row once\n{ended}");
    }
}

#[test]
fn nobody_reached_is_failed_and_goes_again() {
    let world = World::with_server();
    world.config("[session]\nkind = \"auth\"\n[limits]\nmax_attempts = 2\n");
    world.file(
        "customers.csv",
        "phoneNumber,contractTypeId\n01012345678,414\n",
    );
    world.kill_server();
    world.sent("customers.csv", 3);
    assert_eq!(world.statuses(), ["failed"]);
    assert_eq!(world.export()[0]["attempts"], 0, "none has left");
    world.ran("retry --failed --json", 3);
    assert_eq!(world.statuses(), ["failed"]);
    world.start_server();
    world.sent("customers.csv", 0);
    assert_eq!(world.statuses(), ["created"]);
    world.check_invariants(&Promise::default());
}

/// A request that never left gives its slot back at once: at ten a minute, so many others would take longer than the harness waits.
#[test]
fn an_address_that_is_dead_is_given_up_soon_whatever_the_limit_of_the_minute() {
    let world = World::with_server();
    world.config("[session]\nkind = \"auth\"\n[limits]\nper_minute = 10\n");
    world.file("customers.csv", format!("phone\n{}", phones(100)));
    let run = world.line("run customers.csv --contract-type 414 --json");
    let run = run.env("VLENS_BASE_URL", "http://127.0.0.1:1");
    let document = run.ends(4).json();
    assert_eq!(document["stopped"], "failures");
    assert!(document["requests"].as_u64() > Some(60), "{document}");
}

fn phones(n: usize) -> String {
    let customers = customers(n).into_iter();
    customers.map(|one| one.phone + "\n").collect()
}

/// RFC 9113, section 8.7: a refused stream, and one above the last that a GOAWAY names, were not processed. Whatever else ends a
/// stream leaves it open whether it was.
#[test]
fn what_an_http_2_server_never_processed_is_sent_again_and_nothing_else_is() {
    const REFUSED_STREAM: u8 = 7;
    const CANCEL: u8 = 8;
    let world = World::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let rude = Rude::serve_http_2(world.certificate(), move |n| {
        count.fetch_add(1, Ordering::SeqCst);
        match n {
            0 => Http2::Reset(REFUSED_STREAM),
            1 => Http2::GoAway { processed: false },
            2 => Http2::Reset(CANCEL),
            3 => Http2::GoAway { processed: true },
            n => Http2::Answer(format!(r#"{{"data":"token-{n}"}}"#)),
        }
    });
    world.config("[limits]\nconcurrency = 1\n[session]\nkind = \"auth\"\n");
    world.file("customers.csv", format!("phone\n{}", phones(6)));
    let run = world.send("customers.csv --contract-type 414");
    let run = run.env("VLENS_CA_FILE", "ca.pem");
    let ended = run.envs(rude.variables()).ends(3);
    assert_eq!(world.count("created"), 4, "{ended}");
    assert_eq!(world.count("uncertain"), 2, "{ended}");
    assert_eq!(seen.load(Ordering::SeqCst), 8, "{ended}");
}
