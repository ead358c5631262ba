//! A hostile server: bounded memory, bounded time, and a certificate that nobody vouches for.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::support::{Rude, World, answer};

/// A debug build's own needs are far below; an answer kept whole would be above.
const MOST_KIB: u64 = 160 * 1024;

/// One row against this server. Returns its status.
fn survives(rude: &Rude, exit: i32) -> String {
    survives_within(rude, exit, Duration::from_secs(15))
}

fn survives_within(rude: &Rude, exit: i32, most: Duration) -> String {
    let world = World::new();
    world.config("[limits]\ntimeout_seconds = 3\n");
    world.customers("customers.csv", 1);
    let began = Instant::now();
    let mut run = world.send("customers.csv");
    for (name, value) in rude.variables() {
        run = run.env(name, value);
    }
    let mut run = run.start();
    let mut peak_kib = 0;
    while run.is_running() {
        peak_kib = peak_kib.max(run.peak_kib());
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = run.wait().expect(exit);
    assert!(began.elapsed() < most, "too long\n{ended}");
    assert!(peak_kib < MOST_KIB, "{peak_kib} KiB of memory");
    assert!(peak_kib > 0, "no memory was measured");
    assert_eq!(rude.invitations(), 1, "sent once\n{ended}");
    world.statuses().remove(0)
}

#[test]
fn an_answer_of_hundreds_of_megabytes_is_cut_off() {
    let huge = Rude::serve(|wire, _| {
        let bytes = 400 << 20;
        write!(
            wire,
            "HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{{\"data\":\""
        )?;
        let piece = vec![b'x'; 1 << 16];
        for _ in 0..bytes / piece.len() {
            wire.write_all(&piece)?;
        }
        Ok(())
    });
    assert_eq!(survives(&huge, 3), "uncertain");
}

#[test]
fn an_endless_body_is_cut_off() {
    let endless = Rude::serve(|wire, _| {
        write!(
            wire,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        )?;
        let piece = "y".repeat(1 << 16);
        loop {
            write!(wire, "{:x}\r\n{piece}\r\n", piece.len())?;
        }
    });
    assert_eq!(survives(&endless, 3), "uncertain");
}

#[test]
fn endless_interim_answers_end_with_the_timeout() {
    let endless = Rude::serve(|wire, _| {
        loop {
            write!(wire, "HTTP/1.1 100 Continue\r\n\r\n")?;
            wire.flush()?;
        }
    });
    // A build without optimisation reads them so slowly that the timeout is noticed late.
    let status = survives_within(&endless, 3, Duration::from_secs(90));
    assert_eq!(status, "uncertain");
}

#[test]
fn a_million_headers_are_refused() {
    let headers = Rude::serve(|wire, _| {
        write!(wire, "HTTP/1.1 200 OK\r\n")?;
        for n in 0..1_000_000 {
            write!(wire, "X-Header-{n}: {n}\r\n")?;
        }
        write!(wire, "\r\n")
    });
    assert_eq!(survives(&headers, 3), "uncertain");
}

#[test]
fn json_as_deep_as_the_answer_may_be_long_is_no_token() {
    let deep = Rude::serve(|wire, _| {
        let depth = 400_000;
        answer(
            wire,
            &format!("{{\"data\":{}{}}}", "[".repeat(depth), "]".repeat(depth)),
        )
    });
    assert_eq!(survives(&deep, 3), "uncertain");
}

#[test]
fn a_zip_bomb_is_cut_off() {
    use std::process::{Command, Stdio};
    let mut gzip = Command::new("gzip")
        .arg("-9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip");
    let mut to = gzip.stdin.take().expect("a pipe");
    let feeding = std::thread::spawn(move || {
        let zeros = vec![b' '; 1 << 20];
        (0..300).try_for_each(|_| to.write_all(&zeros))
    });
    let mut bomb = Vec::new();
    gzip.stdout
        .take()
        .expect("a pipe")
        .read_to_end(&mut bomb)
        .expect("gzip's output");
    feeding.join().expect("fed").expect("fed");
    gzip.wait().expect("gzip");
    assert!(bomb.len() < 1 << 20, "a bomb is small");
    let rude = Rude::serve(move |wire, _| {
        write!(
            wire,
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            bomb.len()
        )?;
        wire.write_all(&bomb)
    });
    assert_eq!(survives(&rude, 3), "uncertain");
}

#[test]
fn a_redirect_to_another_host_takes_nothing_there() {
    let elsewhere = Rude::serve(|wire, _| answer(wire, r#"{"data":"stolen"}"#));
    let location = elsewhere.base_url();
    for status in [301, 302, 307, 308] {
        let location = location.clone();
        let redirect = Rude::serve(move |wire, _| {
            write!(
                wire,
                "HTTP/1.1 {status} Moved\r\nLocation: {location}/api/IdentityUserSession/CreateInvitation\r\nContent-Length: 0\r\n\r\n"
            )
        });
        assert_eq!(survives(&redirect, 6), "uncertain", "{status}");
    }
    assert_eq!(elsewhere.invitations(), 0);
}

#[test]
fn only_a_certificate_that_somebody_vouches_for_is_spoken_to() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let rude = Rude::serve_tls(made.cert.der().clone(), key.into(), |wire, before| {
        answer(wire, &format!(r#"{{"data":"token-{before}"}}"#))
    });
    let world = World::new();
    world.config("[limits]\nmax_attempts = 2\n");
    world.customers("customers.csv", 3);
    world.file("ca.pem", made.cert.pem());
    let run = || {
        let run = world.send("customers.csv");
        rude.variables()
            .into_iter()
            .fold(run, |run, (name, value)| run.env(name, value))
    };
    run().run().expect(4);
    assert_eq!(world.statuses(), ["pending"; 3]);
    assert_eq!(rude.invitations(), 0);
    run()
        .env("VLENS_CA_FILE", world.path("ca.pem"))
        .run()
        .expect(0);
    assert_eq!(world.statuses(), ["created"; 3]);
    assert_eq!(rude.invitations(), 3);
}
