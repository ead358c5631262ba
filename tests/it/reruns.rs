//! The same sheet again, as people bring it again: edited, sorted, cut, extended, copied.

use serde_json::{Value, json};

use crate::support::{Customer, Promise, World, customers, sheet};

const REJECTED: &str = "+201555000400";
/// Accepted, and answered in a way that does not tell.
const NO_TOKEN: &str = "+201555000703";

fn counts(summary: &Value, created: u64, already_created: u64) {
    assert_eq!(summary["counts"]["created"], created, "{summary}");
    assert_eq!(
        summary["counts"]["already_created"], already_created,
        "{summary}"
    );
}

#[test]
fn sorted_cut_and_extended_files_meet_their_own_history() {
    let world = World::with_server();
    let mut rows = world.customers("customers.csv", 10);
    world.send("customers.csv").run().expect(0);
    rows.reverse();
    world.file("customers.csv", sheet(&rows));
    counts(&world.send("customers.csv").run().expect(0).json(), 0, 10);
    world.file("customers.csv", sheet(&rows[..4]));
    counts(&world.send("customers.csv").run().expect(0).json(), 0, 4);
    rows.push(Customer::new(77));
    world.file("customers.csv", sheet(&rows));
    counts(&world.send("customers.csv").run().expect(0).json(), 1, 10);
    world.check_invariants(&Promise::default());
}

#[test]
fn another_spelling_of_the_same_is_no_change() {
    let world = World::with_server();
    world.file(
        "customers.csv",
        "phoneNumber,contractTypeId,fullName\n01012345678,414,Mona Adel\n",
    );
    world.send("customers.csv").run().expect(0);
    let other =
        "note;Full_Name;Contract Type ID;phone number\nurgent; Mona Adel ;414;+20 101 234 5678\n";
    world.file("customers.csv", other);
    world.config("[fields.414]\nfullName = \"Full_Name\"\n");
    let summary = world.send("customers.csv").run().expect(0).json();
    counts(&summary, 0, 1);
    assert_eq!(summary["changed"], 0);
}

#[test]
fn the_same_customer_in_two_files_is_invited_once() {
    let world = World::with_server();
    world.file("first.csv", sheet(&customers(3)));
    world.send("first.csv").run().expect(0);
    let mut rows = customers(3);
    rows.push(Customer::new(9));
    world.file("second.csv", sheet(&rows));
    counts(&world.send("second.csv").run().expect(0).json(), 1, 3);
    let tokens = |rows: Vec<Value>| {
        rows.iter()
            .map(|row| row["token"].clone())
            .collect::<Vec<_>>()
    };
    assert!(tokens(world.export()).iter().all(Value::is_string));
    world.check_invariants(&Promise::default());
}

#[test]
fn another_contract_type_is_another_invitation() {
    let world = World::with_server();
    world.file(
        "customers.csv",
        "phone,contractTypeId\n01012345678,414\n01012345678,415\n01012345678,414\n",
    );
    world.send("customers.csv").run().expect(0);
    assert_eq!(world.statuses(), ["created", "created", "duplicate"]);
    assert_eq!(world.accepted().len(), 2);
}

#[test]
fn an_identity_of_its_own_tells_two_applications_apart() {
    let world = World::with_server();
    world.config("[identity]\ncolumns = [\"_application\"]\n");
    let text = "phone,contractTypeId,_application\n01012345678,414,A1\n01012345678,414,A2\n01112345678,414,A1\n";
    world.file("customers.csv", text);
    world.send("customers.csv").run().expect(3);
    assert_eq!(world.statuses(), ["created", "created", "invalid"]);
}

#[test]
fn a_rejected_row_goes_again_only_when_it_changed_or_a_person_asks() {
    let world = World::with_server();
    let row = Customer::new(1).phone(REJECTED);
    world.file("customers.csv", sheet([&row]));
    let requests = |vlens: crate::support::Vlens| vlens.run().expect(3).json()["requests"].clone();
    assert_eq!(requests(world.send("customers.csv")), 1);
    assert_eq!(requests(world.send("customers.csv")), 0);
    assert_eq!(
        requests(world.send("customers.csv").args(["--retry-rejected"])),
        1
    );
    // A retry goes on with the same run, and counts with it.
    assert_eq!(requests(world.vlens(["retry", "--rejected", "--json"])), 2);
    assert_eq!(requests(world.vlens(["retry", "--row", "2", "--json"])), 3);
    world.file("customers.csv", sheet(&[row.name("Corrected")]));
    assert_eq!(requests(world.send("customers.csv")), 1);
    assert_eq!(requests(world.send("customers.csv")), 0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_corrected_row_is_invited() {
    let world = World::with_server();
    let rows = [
        Customer::new(1).phone(REJECTED),
        Customer::new(2).phone("12"),
        Customer::new(3),
    ];
    world.file("customers.csv", sheet(&rows));
    world.send("customers.csv").run().expect(3);
    let corrected = rows.map(|row| match row.phone.as_str() {
        REJECTED => row.phone("+201099999991"),
        "12" => row.phone("+201099999992"),
        _ => row,
    });
    world.file("customers.csv", sheet(&corrected));
    counts(&world.send("customers.csv").run().expect(0).json(), 2, 1);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_row_that_changed_after_its_invitation_is_counted_and_sent_only_on_demand() {
    let world = World::with_server();
    let row = Customer::new(1);
    world.file("customers.csv", sheet(&[row.clone(), Customer::new(2)]));
    world.send("customers.csv").run().expect(0);
    world.file(
        "customers.csv",
        sheet(&[row.name("Other Name"), Customer::new(2)]),
    );
    let summary = world.send("customers.csv").run().expect(0).json();
    counts(&summary, 0, 2);
    assert_eq!(summary["changed"], 1);
    let status = world.vlens(["status"]).run().expect(0).stdout;
    assert!(
        status.contains("1  row changed after its invitation was created (row 2)"),
        "{status}"
    );
    world.check_invariants(&Promise::default());
    let resend = || world.sent("customers.csv --resend-changed", 0).json();
    counts(&resend(), 1, 1);
    let log = world.server_log();
    let last = log.last().unwrap().json();
    let fields = &last["SessionInput"]["RequestFieldsValues"];
    assert_eq!(fields["415"]["fullName"], "Other Name");
    // It is what was sent last that counts as unchanged now.
    counts(&resend(), 0, 2);
    world.check_invariants(&Promise::default().resending_was_asked_for());
}

/// Two people on one phone are not one invitation twice, whichever command looks; next month's owner of the number is a change.
#[test]
fn two_rows_for_one_recipient_with_other_content_name_each_other() {
    let world = World::with_server();
    let header = "phone,fullName,nationalId\n01012345678";
    world.file(
        "c.csv",
        format!("{header},Mona Adel,29001011234567\n01012345678,Ali Samir,28505051234577\n"),
    );
    world.file("dec.csv", format!("{header},Hassan Omar,27001011234567\n"));
    let check = world
        .ran("check c.csv --contract-type 414 --json", 3)
        .json();
    let problem = &check["problems"][0];
    assert_eq!(
        (&problem["row"], &problem["code"]),
        (&3.into(), &"same_recipient".into())
    );
    assert!(
        problem["message"].as_str().unwrap().starts_with("Row 2 "),
        "{problem}"
    );
    assert_eq!(
        (&check["valid"], &check["duplicate"]),
        (&1.into(), &0.into())
    );
    let dry = world.sent("c.csv --contract-type 414 --dry-run", 3).json();
    assert_eq!(
        (&dry["would_send"], &dry["invalid"]),
        (&1.into(), &1.into())
    );
    // Run again, it is known from the ledger; and the same after a line more.
    for _ in 0..2 {
        world.sent("c.csv --contract-type 414", 3);
        assert_eq!(world.statuses(), ["created", "invalid"]);
    }
    assert_eq!(world.export()[1]["error_code"], "same_recipient");
    let later = world.sent("dec.csv --contract-type 414", 0).json();
    assert_eq!((&later["changed"], world.accepted().len()), (&1.into(), 1));
    // Where a column tells them apart, both are meant.
    world.config("[identity]\ncolumns = [\"nationalId\"]\n");
    world.sent("c.csv --contract-type 414 --ledger apart.db", 0);
}

#[test]
fn an_uncertain_row_is_held_until_a_person_decides() {
    let world = World::with_server();
    world.file("customers.csv", sheet(&[Customer::new(1).phone(NO_TOKEN)]));
    let send = |more: &[&str]| {
        world
            .send("customers.csv")
            .args(more)
            .run()
            .expect(3)
            .json()
    };
    assert_eq!(send(&[])["requests"], 1);
    assert_eq!(send(&[])["requests"], 0);
    world.check_invariants(&Promise::default());
    assert_eq!(send(&["--resend-uncertain"])["requests"], 1);
    let retry = world.ran("retry --uncertain --json", 3).json();
    assert_eq!(
        retry["requests"], 2,
        "with the one that the same run sent before"
    );
    world.config("[retry]\non_uncertain = \"resend\"\n");
    assert_eq!(send(&[])["requests"], 1);
    world.check_invariants(&Promise::default().resending_was_asked_for());
}

#[test]
fn a_changed_row_that_is_uncertain_stays_held_and_goes_with_its_new_body() {
    let world = World::with_server();
    let row = Customer::new(2).phone(NO_TOKEN);
    world.file("customers.csv", sheet([&row]));
    world.send("customers.csv").run().expect(3);
    world.file("customers.csv", sheet(&[row.name("New Name")]));
    assert_eq!(
        world.send("customers.csv").run().expect(3).json()["requests"],
        0
    );
    world.sent("customers.csv --resend-uncertain", 3);
    let log = world.server_log();
    let fields = log.last().unwrap().json()["SessionInput"]["RequestFieldsValues"]["414"].clone();
    assert_eq!(fields["fullName"], "New Name");
}

#[test]
fn settled_as_created_it_is_done_and_has_no_token() {
    let world = World::with_server();
    world.file("customers.csv", sheet(&[Customer::new(1).phone(NO_TOKEN)]));
    world.send("customers.csv").run().expect(3);
    let settled = world
        .vlens(["settle", "--all", "--as", "created", "--json"])
        .run();
    assert_eq!(
        settled.expect(0).json(),
        json!({"run": 1, "settled": 1, "as": "created"})
    );
    let row = &world.export()[0];
    assert_eq!(
        (&row["status"], &row["token"]),
        (&json!("created"), &Value::Null)
    );
    counts(&world.send("customers.csv").run().expect(0).json(), 0, 1);
    let history = world.ran("status --row 2 --json", 0);
    assert!(history.stdout.contains("settled"), "{history}");
    world.check_invariants(&Promise::default());
}

#[test]
fn settled_as_not_created_it_is_due_again() {
    let world = World::with_server();
    // Reset before anything was created, which the program cannot know.
    let row = Customer::new(1).phone("+201555000602");
    world.file("customers.csv", sheet(&[row, Customer::new(2)]));
    world.send("customers.csv").run().expect(3);
    let settle = ["settle", "--row", "2", "--as", "not-created"];
    world.vlens(settle).run().expect(0);
    assert_eq!(world.statuses(), ["pending", "created"]);
    let summary = world.vlens(["resume", "--json"]).run().expect(3).json();
    assert_eq!(summary["requests"], 3, "one more than the run sent before");
    world.check_invariants(&Promise::default());
}

#[test]
fn named_rows_are_settled_all_or_none_and_each_that_cannot_be_is_named() {
    let world = World::with_server();
    let held = Customer::new(1).phone(NO_TOKEN);
    world.file(
        "customers.csv",
        sheet(&[held, Customer::new(2), Customer::new(3)]),
    );
    world.send("customers.csv").run().expect(3);
    let refused = world.ran("settle --row 2 --row 3 --row 4 --as created", 2);
    assert!(refused.stderr.contains("Rows 3, 4 of run 1"), "{refused}");
    assert_eq!(world.statuses(), ["uncertain", "created", "created"]);
    world.ran("settle --row 2 --as created", 0);
    assert_eq!(world.statuses(), ["created", "created", "created"]);
}

#[test]
fn a_named_row_narrows_what_retry_means() {
    let world = World::with_server();
    let rejected = Customer::new(1).phone(REJECTED);
    world.file("customers.csv", sheet(&[rejected, Customer::new(2)]));
    world.send("customers.csv").run().expect(3);
    for (args, sent) in [
        ("retry --failed --row 2 --json", 0),
        ("retry --rejected --row 2 --json", 1),
        ("retry --row 2 --json", 1),
    ] {
        let asked = || {
            let log = world.server_log();
            log.iter().filter(|record| record.is_invitation()).count()
        };
        let before = asked();
        world.ran(args, 3);
        assert_eq!(asked() - before, sent, "{args}");
    }
}

#[test]
fn resume_needs_no_file() {
    let world = World::with_server();
    world.customers("customers.csv", 6);
    let first = world.sent("customers.csv --limit 2", 4).json();
    std::fs::remove_file(world.path("customers.csv")).unwrap();
    let resumed = world.ran("resume --rate unlimited --json", 0).json();
    assert_eq!(resumed["run"], first["run"]);
    // It is the same run that goes on, so all are its own.
    counts(&resumed, 6, 0);
    assert_eq!(world.accepted().len(), 6);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_failed_row_goes_again_by_run_and_by_retry() {
    let world = World::with_server();
    // To come back in two hours: a failure at once.
    world.file(
        "customers.csv",
        sheet(&[Customer::new(1).phone("+201555000433")]),
    );
    world.send("customers.csv").run().expect(3);
    assert_eq!(
        world.send("customers.csv").run().expect(3).json()["requests"],
        1
    );
    let retry = world.ran("retry --failed --json", 3).json();
    assert_eq!(retry["run"], 2);
    assert_eq!(world.statuses(), ["failed"]);
    assert_eq!(
        world
            .server_log()
            .iter()
            .filter(|record| record.is_invitation())
            .count(),
        3
    );
}

#[test]
fn a_row_that_was_cut_off_before_it_was_sent_is_not_sent_by_the_next_run() {
    let world = World::with_server();
    let rows = world.customers("customers.csv", 3);
    let one = ["--limit", "1", "--concurrency", "1"];
    world.send("customers.csv").args(one).run().expect(4);
    world.file("customers.csv", sheet(&rows[..2]));
    counts(&world.send("customers.csv").run().expect(0).json(), 1, 1);
    assert!(!world.accepted().contains(&rows[2].phone));
}

#[test]
fn a_row_due_in_two_files_is_sent_once_and_done_in_both() {
    let world = World::with_server();
    let rows = world.customers("first.csv", 4);
    let one = ["--limit", "1", "--concurrency", "1"];
    world.send("first.csv").args(one).run().expect(4);
    world.file("second.csv", sheet(&rows));
    counts(&world.send("second.csv").run().expect(0).json(), 3, 1);
    // The first run has nothing left, though it did not send them itself.
    world.vlens(["resume", "1", "--json"]).run().expect(0);
    counts(&world.send("first.csv").run().expect(0).json(), 0, 4);
    assert_eq!(world.accepted().len(), 4);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_customer_who_is_uncertain_in_one_file_is_held_in_another() {
    let world = World::with_server();
    let row = Customer::new(1).phone(NO_TOKEN);
    world.file("first.csv", sheet([&row]));
    world.send("first.csv").run().expect(3);
    world.file("second.csv", sheet([&row, &Customer::new(2)]));
    world.send("second.csv").run().expect(3);
    assert_eq!(world.statuses(), ["uncertain", "created"]);
    assert_eq!(world.accepted().len(), 2);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_sheet_edited_between_a_kill_and_the_next_run_loses_nobody() {
    let world = World::with(crate::support::Serve::default().latency("0..20"));
    let mut rows = world.customers("customers.csv", 30);
    let mut running = world.send("customers.csv").start();
    running.until("some were accepted", || world.accepted().len() >= 10);
    running.kill();
    rows.reverse();
    rows.push(Customer::new(99));
    rows[0] = rows[0].clone().name("Edited");
    world.file("customers.csv", sheet(&rows));
    let finished = world.send("customers.csv").run();
    assert!(matches!(finished.code(), Some(0 | 3)), "{finished}");
    assert_eq!(finished.json()["counts"]["pending"], 0);
    world.check_invariants(&Promise::default());
}

/// A sheet that needs all that can be said of it, in a folder of its own.
fn a_sheet_that_needs_everything(world: &World) -> &'static str {
    let rows = [
        Customer::new(1).phone(NO_TOKEN),
        Customer::new(2).phone("12"),
        Customer::new(3).phone("+201555000400"),
        Customer::new(4),
    ];
    world.file("the sheets/june 1.csv", format!("June\n{}", sheet(&rows)));
    world.file("the sheets/mine.toml", "[limits]\nmax_attempts = 1\n");
    world.config("[contract]\ntypes = [999]\n");
    "the sheets/june 1.csv"
}

fn words(line: &str, file: &str) -> Vec<String> {
    let words = line.split(' ').map(|word| word.replace("FILE", file));
    words.collect()
}

/// All that a command tells to be typed next.
fn commands(finished: &crate::support::Finished) -> Vec<String> {
    let told = format!("{}\n{}", finished.stdout, finished.stderr);
    let mut found: Vec<String> = Vec::new();
    for line in told.lines() {
        let quoted = line.split('`').skip(1).step_by(2);
        let after = ["Then: ", "See what to do: "].into_iter();
        let after = after.filter_map(|word| line.split_once(word).map(|(_, rest)| rest.trim()));
        let own = [line.trim()].into_iter();
        let all = quoted.chain(after).chain(own);
        found.extend(
            all.filter(|text| text.starts_with("vlens-batch "))
                .map(str::to_owned),
        );
    }
    found
}

/// Every command that is printed as the next one is typed as it stands, each in a world that came to it the same way.
#[test]
fn the_next_commands_are_complete_and_mean_what_they_say() {
    let situations: [(&str, &[&str]); 9] = [
        (
            "a run",
            &["run FILE --header-row 2 --config the_sheets --yes"],
        ),
        (
            "a limit",
            &["run FILE --header-row 2 --config the_sheets --ledger our.db --limit 1"],
        ),
        (
            "a rehearsal",
            &["run FILE --header-row 2 --config the_sheets --sandbox"],
        ),
        (
            "its status",
            &["run FILE --header-row 2 --config the_sheets", "status"],
        ),
        (
            "by mail",
            &["run FILE --header-row 2 --config the_sheets -q"],
        ),
        (
            "a check",
            &["check FILE --header-row 2 --config the_sheets --ledger our.db"],
        ),
        ("no ledger", &["status --ledger our.db"]),
        (
            "due again",
            &[
                "run FILE --header-row 2 --config the_sheets",
                "settle --row 3 --as not-created",
            ],
        ),
        (
            "not uncertain",
            &[
                "run FILE --header-row 2 --config the_sheets",
                "settle --row 6 --as created",
            ],
        ),
    ];
    let mut tried = 0;
    for (situation, lines) in situations {
        let mut next = 0;
        loop {
            let world = World::with_server();
            let file = a_sheet_that_needs_everything(&world);
            let mut printed = Vec::new();
            for line in lines {
                let typed = words(line, file).into_iter();
                let typed = typed.map(|word| word.replace("the_sheets", "the sheets/mine.toml"));
                printed = commands(&world.vlens(typed).run());
            }
            assert!(!printed.is_empty(), "{situation} tells nothing to type");
            let Some(command) = printed.get(next) else {
                break;
            };
            let typed = command
                .replace("--row N", "--row 3")
                .replace(
                    "FILE",
                    "'the sheets/june 1.csv' --header-row 2 --contract-type 414",
                )
                .replacen("vlens-batch", env!("CARGO_BIN_EXE_vlens-batch"), 1);
            let ended = world
                .vlens(["unused"])
                .after_shell(&format!("exec {typed} --color never"))
                .run();
            assert!(
                matches!(ended.code(), Some(0 | 3 | 4)),
                "{situation}: {command}: {ended}"
            );
            next += 1;
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}
