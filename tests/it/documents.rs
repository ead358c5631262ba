//! What scripts read: the documents of `--json`, member for member, and the columns of `export`.

use serde_json::{Value, json};

use crate::support::{Customer, World, sheet};

fn members(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

const SUMMARY: [&str; 17] = [
    "run",
    "source",
    "base_url",
    "tenancy_name",
    "started_at",
    "finished_at",
    "stopped",
    "rows",
    "counts",
    "changed",
    "without_token",
    "requests",
    "throttled",
    "seconds",
    "ledger",
    "running",
    "reason",
];
const COUNTS: [&str; 8] = [
    "created",
    "already_created",
    "invalid",
    "duplicate",
    "rejected",
    "failed",
    "uncertain",
    "pending",
];

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2026-11-21T20:39:00Z".len() && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}

#[test]
fn run_resume_retry_and_status_print_the_same_document() {
    let world = World::with_server();
    let rows = [
        Customer::new(1),
        Customer::new(2).phone("+201555000400"),
        Customer::new(3),
    ];
    world.file("customers.csv", sheet(&rows));
    let documents = [
        world.sent("customers.csv --limit 2", 4).json(),
        world.vlens(["resume", "--json"]).run().expect(3).json(),
        world.ran("retry --rejected --json", 3).json(),
        world.ledger_status(),
    ];
    for document in &documents {
        assert_eq!(members(document), SUMMARY, "{document}");
        assert_eq!(members(&document["counts"]), COUNTS);
        assert!(
            is_time(&document["started_at"]) && is_time(&document["finished_at"]),
            "{document}"
        );
        assert_eq!(document["source"], "customers.csv");
        assert_eq!(document["ledger"], world.ledger().display().to_string());
        assert_eq!(document["run"], 1);
        let seconds = document["seconds"].as_f64().unwrap().to_string();
        assert!(
            seconds
                .split('.')
                .nth(1)
                .is_none_or(|digits| digits.len() == 1)
        );
        assert_eq!(document["running"], false);
        assert_eq!(document["reason"].is_null(), document["stopped"].is_null());
        let sum: u64 = COUNTS
            .iter()
            .map(|name| document["counts"][name].as_u64().unwrap())
            .sum();
        assert_eq!(document["rows"], sum);
    }
    let stopped: Vec<&Value> = documents
        .iter()
        .map(|document| &document["stopped"])
        .collect();
    assert_eq!(
        stopped,
        [&json!("limit"), &Value::Null, &Value::Null, &Value::Null]
    );
}

#[test]
fn a_live_a_killed_and_a_stopped_run_can_be_told_apart() {
    let world = World::with_server();
    let hangs = Customer::new(1).phone("+201555000600");
    world.file("customers.csv", sheet([&hangs, &Customer::new(2)]));
    let one = ["--concurrency", "1"];
    let mut run = world.send("customers.csv").args(one).start();
    run.until("it was accepted", || !world.accepted().is_empty());
    let told = || {
        let document = world.ledger_status();
        let text = world.vlens(["status"]).run().stdout;
        let first = text.lines().next().unwrap().to_owned();
        let runs = world.ran("runs --json", 0).json();
        for member in ["running", "stopped", "reason"] {
            assert_eq!(runs[0][member], document[member]);
        }
        let seen = ["running", "stopped"].map(|member| document[member].clone());
        (seen, document["reason"].is_string(), first)
    };
    let live = told();
    run.kill();
    let killed = told();
    world.ran("resume --limit 0 --json", 4);
    let stopped = told();
    let expected = [
        (
            true,
            Value::Null,
            false,
            "Run 1 of customers.csv is going on",
        ),
        (
            false,
            json!("killed"),
            true,
            "Run 1 of customers.csv was cut off",
        ),
        (
            false,
            json!("limit"),
            true,
            "Run 1 of customers.csv stopped early",
        ),
    ];
    for ((seen, has_reason, first), (running, stop, is_told, begins)) in
        [live, killed, stopped].into_iter().zip(expected)
    {
        assert_eq!(seen, [json!(running), stop]);
        assert_eq!(has_reason, is_told);
        assert!(first.starts_with(begins), "{first}");
    }
}

#[test]
fn who_was_settled_without_a_link_is_counted_until_he_gets_one() {
    let world = World::with_server();
    let lost = |name: &str| Customer::new(1).phone("+201555000703").name(name);
    world.file("customers.csv", sheet([&lost("Mona"), &Customer::new(2)]));
    world.sent("customers.csv", 3);
    assert_eq!(world.ledger_status()["without_token"], 0);
    let settled = world.ran("settle --all --as created", 0);
    let settled = settled.complains_of("leaves its customer without a link");
    settled.complains_of("`vlens-batch retry 1 --row N --uncertain`");
    assert_eq!(world.ledger_status()["without_token"], 1);
    let row = &world.export()[0];
    assert_eq!(
        (&row["status"], &row["token"]),
        (&json!("created"), &Value::Null)
    );
    assert_eq!(row["error_code"], "without_token");
    assert!(row["error"].as_str().unwrap().contains("link"), "{row}");
    assert_eq!(world.export()[1]["error"], Value::Null);
    let again = world.sent("customers.csv", 0).json();
    assert_eq!(
        (&again["without_token"], &again["counts"]["already_created"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn check_prints_its_document() {
    let world = World::new();
    let rows = [
        Customer::new(1),
        Customer::new(1),
        Customer::new(2).phone("123"),
    ];
    world.file("customers.csv", sheet(&rows));
    let document = world.ran("check customers.csv --json", 3).json();
    for member in [
        "source",
        "rows",
        "valid",
        "invalid",
        "duplicate",
        "problems",
    ] {
        assert!(document.get(member).is_some(), "{member}");
    }
    let counts =
        ["rows", "valid", "invalid", "duplicate"].map(|name| document[name].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 1, 1]);
    let problem = &document["problems"][0];
    assert_eq!(
        members(problem),
        ["row", "column", "field", "code", "message", "value"]
    );
    assert_eq!(problem["row"], 4);
    assert_eq!(problem["column"], "phoneNumber");
    assert_eq!(problem["code"], "phone_invalid");
    assert_eq!(problem["value"], "123");
    assert!(!world.ledger().exists(), "check makes no ledger");
}

#[test]
fn a_dry_run_leaves_no_ledger_and_sends_nothing() {
    let world = World::with_server();
    world.customers("customers.csv", 3);
    let document = world.sent("customers.csv --dry-run", 0).json();
    assert_eq!(document["would_send"], 3);
    assert!(!world.ledger().exists());
    assert!(world.server_log().is_empty());
    // With a history it knows what is done.
    world.sent("customers.csv --limit 1", 4);
    let before = std::fs::read(world.ledger()).unwrap();
    let document = world.sent("customers.csv --dry-run", 0).json();
    assert_eq!(document["would_send"], 2);
    assert_eq!(document["already_created"], 1);
    assert_eq!(std::fs::read(world.ledger()).unwrap(), before);
}

/// A sheet whose rows end in five ways.
fn mixed() -> World {
    let world = World::with_server();
    let one = Customer::new(1).name("=HYPERLINK(1)");
    let rows = [
        one.clone(),
        Customer::new(2).phone("123"),
        one,
        Customer::new(3).phone("+201555000400"),
        Customer::new(4).phone("+201555000703"),
    ];
    world.file("customers.csv", sheet(&rows));
    world.send("customers.csv").run().expect(3);
    world
}

#[test]
fn export_as_csv_has_the_sheets_columns_first() {
    let world = mixed();
    world.config("[result]\nlink = \"https://onboard.example/start?session={{ token }}\"\n");
    world.ran("export --output results.csv", 0);
    let path = world.path("results.csv");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let headers: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(headers[0].trim_start_matches('\u{feff}'), "phoneNumber");
    assert_eq!(
        headers[1..],
        [
            "contractTypeId",
            "fullName",
            "monthlyIncome",
            "vlens_row",
            "vlens_status",
            "vlens_token",
            "vlens_link",
            "vlens_error_code",
            "vlens_error",
            "vlens_attempts",
            "vlens_sent_at",
            "vlens_stage",
            "vlens_stage_at",
            "vlens_signed",
        ]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let statuses: Vec<&str> = rows.iter().map(|row| &row[5]).collect();
    assert_eq!(
        statuses,
        ["created", "invalid", "duplicate", "rejected", "uncertain"]
    );
    let numbers: Vec<&str> = rows.iter().map(|row| &row[4]).collect();
    assert_eq!(numbers, ["2", "3", "4", "5", "6"]);
    assert!(
        !rows[0][2].starts_with('='),
        "a formula is made harmless: {}",
        &rows[0][2]
    );
    assert_eq!(
        &rows[0][7],
        format!("https://onboard.example/start?session={}", &rows[0][6])
    );
    assert!(!rows[3][8].is_empty(), "an error code");
    assert!(rows[0][11].ends_with('Z'), "{}", &rows[0][11]);
}

#[test]
fn export_as_jsonl_has_the_sheets_columns_under_source() {
    let world = mixed();
    let rows = world.export();
    assert_eq!(rows.len(), 5);
    let expected = [
        "source",
        "row",
        "status",
        "token",
        "link",
        "error_code",
        "error",
        "attempts",
        "sent_at",
        "stage",
        "stage_at",
        "signed",
    ];
    for row in &rows {
        assert_eq!(members(row), expected);
        assert_eq!(
            members(&row["source"]),
            ["phoneNumber", "contractTypeId", "fullName", "monthlyIncome"]
        );
    }
    assert_eq!(
        rows[0]["source"]["fullName"], "=HYPERLINK(1)",
        "as it stands in the sheet"
    );
    assert!(rows[0]["token"].is_string() && is_time(&rows[0]["sent_at"]));
    assert_eq!(rows[1]["attempts"], 0);
    let only = world.ran("export --format jsonl --only rejected,uncertain", 0);
    let only: Vec<Value> = only
        .json_lines()
        .iter()
        .map(|row| row["row"].clone())
        .collect();
    assert_eq!(only, [5, 6]);
}

#[test]
fn export_as_xlsx_is_the_same_rows() {
    let world = mixed();
    world.ran("export --output results.xlsx", 0);
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(world.path("results.xlsx")).unwrap();
    let range = calamine::Reader::worksheet_range_at(&mut book, 0)
        .unwrap()
        .unwrap();
    let column = |name: &str| {
        let at = range
            .rows()
            .next()
            .unwrap()
            .iter()
            .position(|cell| *cell == name)
            .unwrap();
        range
            .rows()
            .skip(1)
            .map(|row| row[at].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        column("vlens_status"),
        ["created", "invalid", "duplicate", "rejected", "uncertain"]
    );
    assert_eq!(column("phoneNumber")[3], "+201555000400");
}

#[test]
fn runs_lists_the_newest_first() {
    let world = World::with_server();
    world.customers("first.csv", 1);
    world.customers("second.csv", 2);
    world.send("first.csv").run().expect(0);
    world.send("second.csv").run().expect(0);
    let document = world.vlens(["runs", "--json"]).run().expect(0).json();
    let sources: Vec<&Value> = document
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["source"])
        .collect();
    assert_eq!(sources, ["second.csv", "first.csv"]);
}

#[test]
fn a_rows_history_tells_every_request_that_left_for_it() {
    let world = World::with_server();
    // 429 once, then created.
    let row = Customer::new(1).phone("+201555000429");
    world.file("customers.csv", sheet([&row]));
    world.send("customers.csv").run().expect(0);
    let history = world.vlens(["status", "--row", "2", "--json"]).run();
    let document = history.expect(0).json();
    assert_eq!(document["status"], "created");
    assert_eq!(document["attempts"], 2);
    let events: Vec<&Value> = document["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["event"])
        .collect();
    assert_eq!(events, ["throttled", "created"]);
    let text = world.vlens(["status", "--row", "2"]).run().expect(0).stdout;
    assert!(!text.contains(&row.phone), "{text}");
}
