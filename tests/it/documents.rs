//! What scripts read: the documents of `--json`, member for member, and the columns of `export`.

use serde_json::{Value, json};

use crate::support::{Customer, World, each, pick, rows, sheet};

const REJECTED: &str = "+201555000400";
const THROTTLED: &str = "+201555000429";
/// Accepted, and answered in a way that does not tell.
const NO_TOKEN: &str = "+201555000703";

/// The names of its members, in their order.
fn members(value: &Value) -> String {
    let names = value.as_object().expect("an object").keys();
    names.map(String::as_str).collect::<Vec<_>>().join(" ")
}

const SUMMARY: &str = "run source base_url tenancy_name started_at finished_at stopped rows counts changed \
    without_token requests throttled seconds ledger running reason";
const COUNTS: &str = "created already_created invalid duplicate rejected failed uncertain pending";
const CELLS: &str = "phoneNumber contractTypeId fullName monthlyIncome";

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2026-11-21T20:39:00Z".len() && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}

#[test]
fn run_resume_retry_and_status_print_the_same_document_and_need_no_file() {
    // The last one is throttled once, which uses up no attempt.
    let world = World::with_phones(["", REJECTED, THROTTLED]);
    world.config("[limits]\nmax_attempts = 1\n");
    let first = world.sent("customers.csv --limit 2", 4).json();
    std::fs::remove_file(world.path("customers.csv")).unwrap();
    for (document, stopped) in [
        (first, Some("limit")),
        (world.ran("resume --json", 3).json(), None),
        (world.ran("retry --rejected --json", 3).json(), None),
        (world.ledger_status(), None),
    ] {
        assert_eq!(members(&document), SUMMARY, "{document}");
        assert_eq!(members(&document["counts"]), COUNTS);
        let has_times = is_time(&document["started_at"]) && is_time(&document["finished_at"]);
        assert!(has_times, "{document}");
        let ledger = world.ledger().display().to_string();
        assert_eq!(
            pick(&document, ["source", "ledger", "run", "running", "stopped"]),
            json!(["customers.csv", ledger, 1, false, stopped])
        );
        let seconds = document["seconds"].as_f64().unwrap() * 10.0;
        assert!((seconds - seconds.round()).abs() < 1e-6, "{document}");
        assert_eq!(document["reason"].is_null(), stopped.is_none());
        let counts = document["counts"].as_object().unwrap().values();
        let sum: u64 = counts.filter_map(Value::as_u64).sum();
        assert_eq!(document["rows"], sum);
        // It is the same run that goes on, so all are its own.
        assert_eq!(document["counts"]["already_created"], 0);
    }
    let document = world.ran("status --row 4 --json", 0).json();
    let told = pick(&document, ["status", "attempts"]);
    assert_eq!(told, json!(["created", 2]));
    let events = each(&document["history"], "event");
    assert_eq!(events, ["throttled", "created"]);
    world.ran("status --row 4", 0).hides(THROTTLED);
}

#[test]
fn a_live_a_killed_and_a_stopped_run_can_be_told_apart() {
    // Accepted, and never answered.
    let world = World::with_phones(["+201555000600", ""]);
    // What is on its way is pending while its sender lives, and uncertain after.
    let is_told = |running: bool, stopped: Value, words: &str| {
        let document = world.ledger_status();
        let on_its_way = if running { "pending" } else { "uncertain" };
        assert_eq!(world.statuses(), [on_its_way, "pending"]);
        let held = document["counts"]["uncertain"].as_u64();
        assert_eq!(held, Some(u64::from(!running)));
        let members = ["running", "stopped", "reason"];
        let told = pick(&document, members);
        assert_eq!(told[0], running);
        assert_eq!(told[1], stopped);
        assert_eq!(told[2].is_string(), stopped.is_string());
        assert_eq!(pick(&world.ran("runs --json", 0).json()[0], members), told);
        let text = world.line("status").run().stdout;
        let begins = format!("Run 1 of customers.csv {words}");
        assert!(text.starts_with(&begins), "{text}");
    };
    let run = world.begun(world.send("customers.csv --concurrency 1"), 0);
    is_told(true, Value::Null, "is going on");
    run.kill();
    is_told(false, json!("killed"), "was cut off");
    world.ran("resume --limit 0 --json", 4);
    is_told(false, json!("limit"), "stopped early");
}

#[test]
fn who_was_settled_without_a_link_is_counted_until_he_gets_one() {
    let world = World::with_phones([NO_TOKEN, ""]);
    world.sent("customers.csv", 3);
    assert_eq!(world.ledger_status()["without_token"], 0);
    let refused = world.ran("settle --row 3 --as created", 2);
    refused.hides("leaves its customer without a link");
    let settled = world.ran("settle --all --as created --json", 0);
    settled
        .complains_of("leaves its customer without a link")
        .hides("retry");
    let expected = json!({"run": 1, "settled": 1, "as": "created"});
    assert_eq!(settled.json(), expected);
    let none_left = world.ran("settle --all --as created", 0);
    none_left.hides("leaves its customer without a link");
    assert_eq!(world.ledger_status()["without_token"], 1);
    let rows = world.export();
    let told = pick(&rows[0], ["status", "token", "error_code"]);
    assert_eq!(told, json!(["created", null, "without_token"]));
    let error = rows[0]["error"].as_str().unwrap();
    assert!(error.contains("link"), "{error}");
    world.ran("export --output results.xlsx --lang ar", 0);
    let cells = format!("{:?}", world.cells("results.xlsx", 0));
    assert!(cells.contains("رابط العميل"), "{cells}");
    assert_eq!(rows[1]["error"], Value::Null);
    world.ran("status --row 2 --json", 0).shows("settled");
    let again = world.sent("customers.csv", 0).json();
    assert_eq!(again["without_token"], 1);
    assert_eq!(again["counts"]["already_created"], 2);
}

#[test]
fn a_check_and_a_dry_run_leave_no_ledger_and_send_nothing() {
    let world = World::with_phones(["", "", "", "123"]);
    let checked = world.ran("check customers.csv --json", 3).json();
    assert_eq!(checked["source"], "customers.csv");
    let problem = members(&checked["problems"][0]);
    assert_eq!(problem, "row column field code message value");
    let document = world.sent("customers.csv --dry-run", 3).json();
    assert_eq!(document["would_send"], 3);
    assert!(!world.ledger().exists());
    assert!(world.server_log().is_empty());
    // With a history it knows what is done.
    world.sent("customers.csv --limit 1", 4);
    let before = std::fs::read(world.ledger()).unwrap();
    let document = world.sent("customers.csv --dry-run", 3).json();
    let counts = pick(&document, ["would_send", "already_created"]);
    assert_eq!(counts, json!([2, 1]));
    assert_eq!(std::fs::read(world.ledger()).unwrap(), before);
}

/// A sheet whose rows end in five ways.
fn mixed() -> World {
    let world = World::with_server();
    let one = Customer::new(1).name("=HYPERLINK(1)");
    let phone = |n, phone| Customer::new(n).phone(phone);
    let rows = [
        one.clone(),
        phone(2, "123"),
        one,
        phone(3, REJECTED),
        phone(4, NO_TOKEN),
    ];
    world.file("customers.csv", sheet(&rows));
    world.sent("customers.csv", 3);
    world
}

const STATUSES: [&str; 5] = ["created", "invalid", "duplicate", "rejected", "uncertain"];

#[test]
fn export_as_csv_and_as_a_workbook_has_the_sheets_columns_first() {
    let world = mixed();
    world.config("[result]\nlink = \"https://onboard.example/start?session={{ token }}\"\n");
    world.ran("export --output results.csv", 0);
    assert_eq!(world.mode("results.csv"), 0o600);
    let text = world.read("results.csv");
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let headers: Vec<&str> = reader.headers().unwrap().iter().collect();
    let results = "vlens_row vlens_status vlens_token vlens_link vlens_error_code vlens_error vlens_attempts \
        vlens_sent_at vlens_stage vlens_stage_at vlens_signed";
    assert_eq!(headers.join(" "), format!("{CELLS} {results}"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!((&row[4], &row[5]), (&*(at + 2).to_string(), STATUSES[at]));
    }
    assert_eq!(rows.len(), 5);
    let [name, token, link, sent_at] = [2, 6, 7, 11].map(|at| &rows[0][at]);
    assert!(!name.starts_with('='), "not made harmless: {name}");
    let expected = format!("https://onboard.example/start?session={token}");
    assert_eq!(link, expected);
    assert!(sent_at.ends_with('Z'), "{sent_at}");
    assert!(!rows[3][8].is_empty(), "an error code");
    // The same rows as a workbook.
    world.ran("export --output results.xlsx", 0);
    let cells = world.cells("results.xlsx", 0);
    for (row, cells) in rows.iter().zip(&cells[1..]) {
        assert_eq!([&row[0], &row[5]], [0, 5].map(|at| cells[at].to_string()));
    }
    assert_eq!(cells.len(), 6);
    world.ran("export --without-tokens --output without.xlsx", 0);
    let book = format!("{:?}", world.cells("without.xlsx", 0));
    assert!(!book.contains(token) && !book.contains("onboard.example"));
    for format in ["csv", "jsonl"] {
        let without = world.ran(&format!("export --without-tokens --format {format}"), 0);
        without.hides(token).hides("onboard.example");
    }
}

#[test]
fn export_as_jsonl_has_the_sheets_columns_under_source() {
    let world = mixed();
    let rows = world.export();
    assert_eq!(rows.len(), 5);
    for row in &rows {
        let expected =
            "source row status token link error_code error attempts sent_at stage stage_at signed";
        assert_eq!(members(row), expected);
        assert_eq!(members(&row["source"]), CELLS);
    }
    // As it stands in the sheet.
    assert_eq!(rows[0]["source"]["fullName"], "=HYPERLINK(1)");
    assert!(rows[0]["token"].is_string() && is_time(&rows[0]["sent_at"]));
    assert_eq!(rows[1]["attempts"], 0);
    let only = world.ran("export --format jsonl --only rejected,uncertain", 0);
    assert_eq!(each(&only.json_lines().into(), "row"), [5, 6]);
}

#[test]
fn results_have_a_form_that_their_name_does_not_deny() {
    let world = mixed();
    for (line, told) in rows::<(&str, &str)>("documents.refused") {
        let refused = world.ran(line, 2);
        refused.complains_of(told).hides("invalid digit");
        let (_, name) = line.rsplit_once(' ').expect("a name");
        assert!(!world.path(name).exists(), "{line}");
    }
    world.ran("export --output results.txt", 0);
    let nowhere = world.line("export --output results.xlsx");
    let nowhere = nowhere.env("TMPDIR", "/no/such/folder").ends(1);
    nowhere.complains_of("TMPDIR");
    // A link stays one.
    std::os::unix::fs::symlink("results.txt", world.path("link.csv")).expect("a link");
    world.ran("export --only created --output link.csv", 0);
    assert_eq!(world.read("results.txt").lines().count(), 2);
    assert!(world.path("link.csv").is_symlink());
    world.ran("export --output RESULTS.XLSX", 0);
    assert_eq!(world.cells("RESULTS.XLSX", 0).len(), 6);
    let export = world.line("export --format xlsx");
    let (code, screen) = export.on_a_terminal("");
    let is_refused = code == 2 && screen.contains("--output results.xlsx");
    assert!(is_refused, "{screen}");
}

#[test]
fn names_that_are_no_text_are_told_as_far_as_they_are_and_in_no_command() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let world = World::with_server();
    let name = |bytes| OsStr::from_bytes(bytes);
    let sheet_name = name(b"inbox/a-\xff.csv");
    world.file(sheet_name, sheet(&[Customer::new(1)]));
    let json = name(b"--json");
    let said = |words: &[&OsStr]| world.vlens(words).args([json]).ends(0).json();
    said(&[name(b"run"), sheet_name, name(b"--yes")]);
    let output = name(b"out-\xff");
    for words in [
        &[name(b"export"), name(b"--output"), output][..],
        &[name(b"report"), name(b"--output"), output],
        &[name(b"backup"), output],
    ] {
        assert_eq!(said(words)["output"], "out-\u{fffd}", "{words:?}");
        std::fs::remove_file(world.path(output)).expect("the file");
    }
    std::fs::rename(world.path("inbox"), world.path(output)).expect("renamed");
    let swept = said(&[name(b"inbox"), output, name(b"--settled"), name(b"0s")]);
    assert_eq!(swept["inbox"], "out-\u{fffd}");
    let results = swept["files"][0]["results"].as_str().expect("a path");
    assert!(results.contains("/out-\u{fffd}/a-\u{fffd}-"), "{results}");
    let file = world.file(name(b"caf\xe9/\xff.csv"), "phone\n1\n");
    let run = world.line("run --sandbox --contract-type 414").args([file]);
    run.ends(3).shows("vlens-batch check FILE --");
}
