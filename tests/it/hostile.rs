//! A hostile server: bounded memory, bounded time, and a certificate that nobody vouches for; and texts that would command a terminal.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Recipe, Rude, World, answer, answer_with, customers, parts, polite, rows};

/// A debug build's own needs are far below; an answer kept whole would be above.
const MOST_KIB: u64 = 320 * 1024;

/// One row against this server, which ends so. Returns its status.
fn survives(what: &str, rude: &Rude, exit: i32, most_seconds: u64) -> String {
    let world = World::new();
    world.config("[limits]\ntimeout_seconds = 3\n");
    world.customers("customers.csv", 1);
    let began = Instant::now();
    let mut run = world.send("customers.csv").envs(rude.variables()).start();
    let mut peak_kib = 0;
    while run.is_running() {
        peak_kib = peak_kib.max(run.peak_kib());
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = run.wait().expect(exit);
    let took = began.elapsed().as_secs();
    assert!(took < most_seconds, "{what}: too long\n{ended}");
    assert!(peak_kib < MOST_KIB, "{what}: {peak_kib} KiB of memory");
    assert!(peak_kib > 0, "no memory was measured");
    assert_eq!(rude.invitations(), 1, "{what}: sent once\n{ended}");
    world.statuses().remove(0)
}

#[test]
fn answers_without_end_are_cut_off_in_bounded_memory_and_time() {
    let huge = Rude::serve(|wire, _| {
        let bytes = 400 << 20;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}");
        write!(wire, "{head}\r\n\r\n{{\"data\":\"")?;
        let piece = vec![b'x'; 1 << 16];
        for _ in 0..bytes / piece.len() {
            wire.write_all(&piece)?;
        }
        Ok(())
    });
    let endless = Rude::serve(|wire, _| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";
        write!(wire, "{head}\r\n\r\n")?;
        let piece = "y".repeat(1 << 16);
        loop {
            write!(wire, "{:x}\r\n{piece}\r\n", piece.len())?;
        }
    });
    let interim = Rude::serve(|wire, _| {
        loop {
            write!(wire, "HTTP/1.1 100 Continue\r\n\r\n")?;
            wire.flush()?;
        }
    });
    let headers = Rude::serve(|wire, _| {
        write!(wire, "HTTP/1.1 200 OK\r\n")?;
        for n in 0..1_000_000 {
            write!(wire, "X-Header-{n}: {n}\r\n")?;
        }
        write!(wire, "\r\n")
    });
    let deep = Rude::serve(|wire, _| {
        let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(400_000));
        answer(wire, &format!("{{\"data\":{open}{close}}}"))
    });
    for (what, rude, most_seconds) in [
        ("hundreds of megabytes", huge, 60),
        ("an endless body", endless, 60),
        // A build without optimisation reads them so slowly that the timeout is noticed late, on a busy machine after minutes.
        ("endless interim answers", interim, 600),
        ("a million headers", headers, 60),
        ("JSON as deep as the answer may be long", deep, 60),
    ] {
        let status = survives(what, &rude, 3, most_seconds);
        assert_eq!(status, "uncertain", "{what}");
    }
}

#[test]
fn a_redirect_to_another_host_takes_nothing_there() {
    let elsewhere = Rude::serve(|wire, _| answer(wire, r#"{"data":"stolen"}"#));
    let location = elsewhere.base_url();
    for status in [301, 302, 307, 308] {
        let location = location.clone();
        let redirect = Rude::serve(move |wire, _| {
            let path = "/api/IdentityUserSession/CreateInvitation";
            let head = format!("{status} Moved\r\nLocation: {location}{path}");
            answer_with(wire, &head, "")
        });
        assert_eq!(survives("a redirect", &redirect, 6, 15), "uncertain");
    }
    assert_eq!(elsewhere.invitations(), 0);
}

#[test]
fn only_a_certificate_that_somebody_vouches_for_is_spoken_to() {
    let world = World::new();
    let rude = Rude::serve_tls(world.certificate(), |wire, before| polite(wire, before));
    world.config("[limits]\nmax_attempts = 2\n");
    world.customers("customers.csv", 3);
    let run = || world.send("customers.csv").envs(rude.variables());
    let refused = run().ends(6);
    assert!(refused.stdout.contains("VLENS_CA_FILE"), "{refused}");
    assert_eq!(world.statuses(), ["pending"; 3]);
    assert_eq!(rude.invitations(), 0);
    run().env("VLENS_CA_FILE", "ca.pem").ends(0);
    assert_eq!(world.statuses(), ["created"; 3]);
    assert_eq!(rude.invitations(), 3);
}

/// Colours, clears the screen, sets the window's title, rings, begins an escape code in one character, turns the direction of writing.
const NASTY: &str = "\u{1b}[31m\u{1b}[2J\u{1b}]0;PWN\u{7}\u{9b}5m\u{202e}\u{2066}";

/// Named so that `inbox` leaves it alone.
const PORTAL: &str = ".portal\u{1b}[2J.jsonl";

#[track_caller]
fn assert_printable(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let is_nasty = |c: char| {
        c.is_control() && !"\r\n\t".contains(c)
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let nasty = text.find(is_nasty).or_else(|| text.find("_x001B_"));
    if let Some(at) = nasty {
        let around: String = text[at..].chars().take(40).collect();
        panic!("{place} holds {around:?}\n{}", text.escape_debug());
    }
}

#[track_caller]
fn assert_printable_file(path: &Path) {
    let place = path.display().to_string();
    let bytes = std::fs::read(path).expect(&place);
    if path.extension().is_none_or(|extension| extension != "xlsx") {
        return assert_printable(&place, &bytes);
    }
    for (name, content) in parts(&bytes) {
        assert_printable(&format!("{place}, {name:?}"), &content);
    }
}

#[test]
fn what_comes_from_outside_commands_no_terminal_log_page_or_sheet() {
    let rude = Rude::serve(|wire, before| {
        let nasty = serde_json::to_string(&format!("{NASTY}no")).expect("JSON");
        match before % 2 {
            0 => answer(
                wire,
                &format!(
                    r#"{{"error_code":17,"error_message":{nasty},"error_descriptions":{{{nasty}:[{nasty}]}}}}"#
                ),
            ),
            _ => answer(wire, "{}"),
        }
    });
    let world = World::new();
    let name = format!("Name{NASTY}");
    let csv = format!("c{NASTY}.csv");
    let xlsx = format!("x{NASTY}.xlsx");
    let customers = customers(3);
    let mut text = format!("phone,email{NASTY},{name},_note{NASTY}\n");
    for (n, customer) in customers.iter().enumerate() {
        let full_name = if n == 2 {
            NASTY
        } else {
            "\u{202b}Mona\u{202c}"
        };
        writeln!(text, "{},,{full_name},{NASTY}", customer.phone).expect("a text");
    }
    world.file(&csv, text);
    let c1 = "\u{9b}5m\u{202e}\u{2066}";
    let cells = format!(
        "rows = [['phone', 'Name{c1}', '_note'], ['+201012345678', 'M{c1}', '{c1}']]\nname = 'S{c1}'"
    );
    let recipe: Recipe = toml::from_str(&format!("[[sheet]]\n{cells}")).expect("a recipe");
    world.file(&xlsx, recipe.bytes());
    let told =
        json!({"phone": customers[0].phone, "status": NASTY, NASTY: NASTY, "at": "2026-11-25"});
    world.file(PORTAL, format!("{told}\n"));
    let field = json!({
        "key": "fullName", "type": "text", "displayText": NASTY, "displayArText": NASTY, "groupTitle": NASTY, "visibleToUser": true,
        "availableValues": [NASTY], "availableValuesItems": [],
    });
    let form = json!({"id": 415, "name": NASTY, "requestsFields": [field]});
    world.file("contract-types/415.json", form.to_string());
    let commands = rows::<&str>("hostile.commands");
    let mut swept = 0;
    for file in [&csv, &xlsx] {
        world.config("[limits]\nper_minute = 6000\nper_second = 1000\nmax_attempts = 1\n");
        for command in &commands {
            let args = command.split(' ').map(|word| match word {
                "FILE" => file,
                "NASTY" => NASTY,
                "PORTAL" => PORTAL,
                word => word,
            });
            let ended = world.vlens(args).envs(rude.variables()).run();
            let place = format!("{:?}", ended.to_string().lines().next());
            assert_printable(&format!("stdout of {place}"), ended.stdout.as_bytes());
            assert_printable(&format!("stderr of {place}"), ended.stderr.as_bytes());
        }
        let made = "marked.xlsx m.prom r.csv r.xlsx en.html t.xlsx not-signed.csv";
        for made in made.split(' ') {
            assert_printable_file(&world.path(made));
        }
        for made in std::fs::read_dir(world.path(".")).expect("the folder") {
            let made = made.expect("a file").path();
            let name = made.to_string_lossy().into_owned();
            if [".results.", ".marked.", ".error."]
                .iter()
                .any(|part| name.contains(part))
            {
                swept += 1;
                assert_printable_file(&made);
            }
        }
    }
    assert!(swept >= 2, "the sweeps left something to look at");
}
