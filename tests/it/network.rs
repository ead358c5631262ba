//! The network: away and back, no name, and servers that take a request and do anything but answer it.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;

use crate::support::{Http2, Promise, Rude, Serve, World, answer};

#[test]
fn the_network_goes_away_and_comes_back() {
    let world = World::with(Serve::default().latency("5"));
    world.config("[limits]\nmax_consecutive_failures = 1000\nmax_attempts = 9\n");
    world.customers("customers.csv", 700);
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
    let world = World::with(Serve::default().latency("5"));
    world.config("[limits]\nmax_consecutive_failures = 5\nmax_attempts = 2\n");
    world.customers("customers.csv", 300);
    let mut run = world.send("customers.csv").start();
    run.until("some rows", || world.accepted().len() > 50);
    world.kill_server();
    let ended = run.wait().expect(4);
    assert_eq!(ended.json()["stopped"], "failures");
    assert!(
        world.count("failed") + world.count("uncertain") <= 5 + 8,
        "{ended}"
    );
    world.start_server();
    world.run_until_done("customers.csv");
    assert_eq!(world.count("created") + world.count("uncertain"), 300);
    world.check_invariants(&Promise::default());
}

#[test]
fn no_name_and_nobody_listening_are_told_and_leave_all_rows_due() {
    for base_url in ["https://does-not-exist.invalid", "http://127.0.0.1:1"] {
        let world = World::with_server();
        world.config("[limits]\nmax_attempts = 2\n");
        world.customers("customers.csv", 30);
        let ended = world
            .send("customers.csv")
            .env("VLENS_BASE_URL", base_url)
            .ends(4);
        let document = ended.json();
        assert_eq!(document["stopped"], "failures");
        assert_eq!(document["requests"], 0);
        assert_eq!(document["counts"]["pending"], 30);
    }
}

#[test]
fn a_row_that_waits_for_its_next_attempt_holds_up_no_other() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let rude = Rude::serve_tls(made.cert.der().clone(), key.into(), |wire, before| {
        let json = format!(r#"{{"data":"token-{before}"}}"#);
        write!(
            wire,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{json}",
            json.len()
        )?;
        wire.flush()?;
        wire.cut(Shutdown::Write);
        Ok(())
    });
    // Each row has a connection to itself, and several meet a closed door: any one of them may draw a wait of nothing.
    rude.turn_away(&[1, 3, 5]);
    let world = World::new();
    world.config("[limits]\nconcurrency = 1\n");
    world.customers("customers.csv", 12);
    let ca = world.file("ca.pem", made.cert.pem());
    let run = world.send("customers.csv").env("VLENS_CA_FILE", ca);
    let ended = rude
        .variables()
        .into_iter()
        .fold(run, |run, (name, value)| run.env(name, value))
        .ends(0);
    assert_eq!(world.statuses(), ["created"; 12], "{ended}");
    let phone = |body: &String| {
        let body: Value = serde_json::from_str(body).expect("JSON");
        let phone = body["SessionInput"]["phoneNumber"].as_str();
        phone.expect("a phone").to_owned()
    };
    let phones: Vec<String> = rude.bodies().iter().map(phone).collect();
    assert_eq!(phones.len(), 12, "each row once\n{ended}");
    // The customers' phones ascend as the sheet does, so that a row sent later than its successors shows.
    assert!(!phones.is_sorted(), "one worker, and nobody overtook");
}

/// Six rows against a server without manners, with a second's patience. Returns the statuses.
fn against(rude: &Rude) -> Vec<String> {
    let world = World::new();
    world.config("[limits]\ntimeout_seconds = 1\nmax_consecutive_failures = 50\nconcurrency = 3\n");
    world.customers("customers.csv", 6);
    let began = Instant::now();
    let mut run = world.send("customers.csv");
    for (name, value) in rude.variables() {
        run = run.env(name, value);
    }
    let ended = run.run();
    assert!(matches!(ended.code(), Some(0 | 3)), "{ended}");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "it waited too long\n{ended}"
    );
    assert!(!rude.is_any_repeated(), "a request was sent twice\n{ended}");
    assert_eq!(rude.invitations(), 6, "each row once\n{ended}");
    world.statuses()
}

#[test]
fn a_server_that_takes_the_request_and_says_nothing_leaves_it_uncertain() {
    let silent = Rude::serve(|_, _| {
        std::thread::sleep(Duration::from_secs(4));
        Ok(())
    });
    assert_eq!(against(&silent), ["uncertain"; 6]);
}

#[test]
fn a_dripping_answer_is_bounded_as_a_whole() {
    let drip = Rude::serve(|wire, _| {
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
        for _ in 0..40 {
            wire.write_all(b" ")?;
            wire.flush()?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    assert_eq!(against(&drip), ["uncertain"; 6]);
}

#[test]
fn a_half_closed_connection_is_uncertain() {
    let half = Rude::serve(|wire, _| {
        wire.cut(Shutdown::Write);
        std::thread::sleep(Duration::from_secs(2));
        Ok(())
    });
    assert_eq!(against(&half), ["uncertain"; 6]);
}

#[test]
fn a_connection_closed_before_within_and_after_the_head_is_uncertain() {
    for head in [
        "",
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"da",
    ] {
        let cut = Rude::serve(move |wire, _| {
            wire.write_all(head.as_bytes())?;
            wire.flush()?;
            wire.cut(Shutdown::Both);
            Ok(())
        });
        assert_eq!(against(&cut), ["uncertain"; 6], "{head:?}");
    }
}

#[test]
fn a_pooled_connection_closed_at_the_moment_of_reuse_is_never_silently_sent_again() {
    // Every second request on a connection is read whole and its connection closed: what a proxy's keep-alive limit does.
    let reuse = Rude::serve(|wire, before| {
        if before % 2 == 0 {
            return answer(wire, &format!(r#"{{"data":"token-{before}"}}"#));
        }
        wire.cut(Shutdown::Both);
        Ok(())
    });
    let statuses = against(&reuse);
    let created = statuses
        .iter()
        .filter(|status| *status == "created")
        .count();
    let uncertain = statuses
        .iter()
        .filter(|status| *status == "uncertain")
        .count();
    assert_eq!((created, uncertain), (3, 3), "{statuses:?}");
}

#[test]
fn a_connection_closed_right_after_its_answer_costs_nothing() {
    let polite_once = Rude::serve(|wire, before| {
        answer(wire, &format!(r#"{{"data":"token-{before}"}}"#))?;
        wire.cut(Shutdown::Both);
        Ok(())
    });
    assert_eq!(against(&polite_once), ["created"; 6]);
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
    assert_eq!(world.export()[0]["attempts"], 2);
    world.start_server();
    world.sent("customers.csv", 0);
    assert_eq!(world.statuses(), ["created"]);
    world.check_invariants(&Promise::default());
}

/// A request that never left gives its slot back at once: in the first minute there are more of them than the minute's limit.
#[test]
fn an_address_that_is_dead_is_given_up_within_the_first_minute_at_the_default_limits() {
    let world = World::with_server();
    world.config("[session]\nkind = \"auth\"\n");
    world.file("customers.csv", format!("phone\n{}", phones(100)));
    let run = world.line("run customers.csv --contract-type 414 --json");
    let ended = run.env("VLENS_BASE_URL", "http://127.0.0.1:1").ends(4);
    let document = ended.json();
    assert_eq!(document["stopped"], "failures");
    assert!(document["requests"].as_u64() > Some(60), "{document}");
    assert!(document["seconds"].as_f64() < Some(60.0), "{document}");
}

fn phones(n: usize) -> String {
    let customers = crate::support::customers(n);
    customers
        .iter()
        .map(|one| one.phone.clone() + "\n")
        .collect()
}

/// RFC 9113, section 8.7: a refused stream, and one above the last that a GOAWAY names, were not processed. Whatever else ends a
/// stream leaves it open whether it was.
#[test]
fn what_an_http_2_server_never_processed_is_sent_again_and_nothing_else_is() {
    const REFUSED_STREAM: u8 = 7;
    const CANCEL: u8 = 8;
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let rude = Rude::serve_http_2(made.cert.der().clone(), key.into(), move |n| {
        count.fetch_add(1, Ordering::SeqCst);
        match n {
            0 => Http2::Reset(REFUSED_STREAM),
            1 => Http2::GoAway { processed: false },
            2 => Http2::Reset(CANCEL),
            3 => Http2::GoAway { processed: true },
            n => Http2::Answer(format!(r#"{{"data":"token-{n}"}}"#)),
        }
    });
    let world = World::new();
    world.config("[limits]\nconcurrency = 1\n[session]\nkind = \"auth\"\n");
    world.file("customers.csv", format!("phone\n{}", phones(6)));
    let ca = world.file("ca.pem", made.cert.pem());
    let run = world.send("customers.csv --contract-type 414");
    let run = rude
        .variables()
        .into_iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    let ended = run.env("VLENS_CA_FILE", ca).ends(3);
    assert_eq!(world.count("created"), 4, "{ended}");
    assert_eq!(world.count("uncertain"), 2, "{ended}");
    assert_eq!(seen.load(Ordering::SeqCst), 8, "{ended}");
}
