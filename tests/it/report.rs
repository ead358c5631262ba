//! `report`: one page that stands on its own, whatever happened in the run, and tells nothing about any customer.

use std::process::Command;

use crate::support::{Customer, World, customers, sheet};

const NAME: &str = "Nefertari Ashmawy";

/// A world whose second run has rows of every status.
fn with_every_status() -> World {
    let world = World::with_server();
    world.config("[limits]\nmax_attempts = 1\n");
    let mut all = customers(30);
    all[0] = all[0].clone().name(NAME);
    for phone in ["+201555000400", "+201555000500", "+201555000514", "12345"] {
        all.push(Customer::new(100 + all.len()).phone(phone));
    }
    all.push(all[0].clone());
    all.extend((200..220).map(Customer::new));
    world.file("customers.csv", sheet(&all));
    world.sent("customers.csv --limit 10", 4);
    world.sent("customers.csv --limit 33", 4);
    let counts = world.ledger_status()["counts"].clone();
    for (status, count) in counts.as_object().expect("an object") {
        assert!(count.as_u64() > Some(0), "no row is {status}: {counts}");
    }
    world
}

#[test]
fn the_page_stands_alone_tells_nobody_and_lists_what_to_do_by_the_clock_on_the_wall() {
    let world = with_every_status();
    let log = world.server_log().into_iter();
    let tokens: Vec<String> = log.filter_map(|record| record.token).collect();
    assert!(!tokens.is_empty());
    for lang in ["en", "ar"] {
        let file = format!("{lang}.html");
        world.ran(&format!("report --lang {lang} --output {file}"), 0);
        let page = world.read(&file);
        assert!(page.len() < 1 << 20);
        assert_eq!(unbalanced(&page), None);
        let loads = "src= href= url( @import <script <link <img <iframe".split(' ');
        let personal = [NAME, "2010100", "1555000", "sandbox-api-key"];
        let tokens = tokens.iter().map(String::as_str);
        for kept_out in loads.chain(personal).chain(tokens) {
            assert!(!page.contains(kept_out), "{kept_out} is on the page");
        }
        assert!(page.contains("default-src 'none'"));
        shown_by_a_browser(&world, &file);
    }
    let report = world.line("report --output page.html");
    report.env("TZ", "Africa/Cairo").ends(0);
    let page = world.read("page.html");
    for told in [
        "These 5 digits are no valid phone number of EG; check them",
        "Ask Vlens whether the invitation exists, then settle the row.",
        "Times are local: Africa&#x2f;Cairo, UTC+0",
        "vlens-batch settle 2 --row N --as created",
    ] {
        assert!(page.contains(told), "{told} in {page}");
    }
    // 31 customers and the header stand above the first that is rejected.
    let rejected = "<td class=\"number\">32</td><td class=\"word\">Rejected</td>";
    assert!(page.contains(rejected), "{page}");
    let status = world.ledger_status();
    let began = status["started_at"].as_str().unwrap();
    let utc: u32 = began[11..13].parse().unwrap();
    let mut local = [2, 3]
        .map(|hours| format!("{:02}:{}", (utc + hours) % 24, &began[14..16]))
        .into_iter();
    assert!(local.any(|local| page.contains(&local)), "{began}");
}

#[test]
fn the_page_on_standard_output_speaks_the_language_of_the_sheets_headers() {
    let world = World::with_server();
    world.file(
        "customers.csv",
        "الموبايل,الاسم\n01012345678,منى\n0101,سارة\n",
    );
    world.config("[recipient]\nphone = \"الموبايل\"\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"الاسم\"\n");
    world.sent("customers.csv", 3);
    let page = world.ran("report", 0);
    assert!(page.stdout.starts_with("<!DOCTYPE html>"), "{page}");
    assert_eq!(page.stderr, "");
    page.shows("<html lang=\"ar\" dir=\"rtl\">")
        .shows("لا يوجد رقم هاتف صحيح في الخلية");
    world.ran("report --lang en", 0).shows("<html lang=\"en\"");
    world.ran("report 9", 5);
    world.ran("report --output no/folder/page.html", 1);
}

/// The first tag that is not closed, or closed without having been opened.
fn unbalanced(page: &str) -> Option<String> {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    let mut open = Vec::new();
    for piece in page.split('<').skip(1) {
        let tag = piece.split('>').next()?;
        let name = tag.split_whitespace().next()?.trim_end_matches('/');
        if let Some(closed) = name.strip_prefix('/') {
            if open.pop() != Some(closed) {
                return Some(format!("</{closed}>"));
            }
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    open.pop().map(|name| format!("<{name}>"))
}

/// Where a browser is installed, it must make a page of it with no network at all.
fn shown_by_a_browser(world: &World, file: &str) {
    let profile = world.path("browser");
    let options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --timeout=20000 --dump-dom";
    let shown = Command::new("chromium")
        .args(options.split_whitespace())
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", world.path(file).display()))
        .output();
    let Ok(shown) = shown else {
        return;
    };
    let dom = String::from_utf8_lossy(&shown.stdout);
    assert!(dom.contains("</h1>") && dom.contains("<svg"), "{dom}");
}
