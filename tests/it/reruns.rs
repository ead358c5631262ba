//! The same sheet again, as people bring it again: edited, sorted, cut, extended, copied.

use serde_json::{Value, json};

use crate::support::{Customer, Promise, World, each, is_any_repeated, pick, rows, sheet};

const REJECTED: &str = "+201555000400";
/// Accepted, and answered in a way that does not tell.
const NO_TOKEN: &str = "+201555000703";

/// Sends the file: so many are created now, and so many were before.
#[track_caller]
fn creates(world: &World, line: &str, created: u64, already_created: u64) -> Value {
    let summary = world.sent(line, 0).json();
    let counts = pick(&summary["counts"], ["created", "already_created"]);
    assert_eq!(counts, json!([created, already_created]), "{summary}");
    summary
}

/// The requests that a command's run tells of.
#[track_caller]
fn requests(world: &World, line: &str) -> u64 {
    let requests = world.ran(line, 3).json()["requests"].as_u64();
    requests.expect("a number")
}

const RUN: &str = "run customers.csv --json";

#[test]
fn sorted_cut_and_extended_files_meet_their_own_history() {
    let world = World::with_server();
    let mut rows = world.customers("customers.csv", 10);
    creates(&world, "customers.csv", 10, 0);
    rows.reverse();
    world.file("customers.csv", sheet(&rows));
    creates(&world, "customers.csv", 0, 10);
    world.file("customers.csv", sheet(&rows[..4]));
    creates(&world, "customers.csv", 0, 4);
    rows.push(Customer::new(77));
    world.file("customers.csv", sheet(&rows));
    creates(&world, "customers.csv", 1, 10);
    // Who is cut off before he was sent is not sent by the next run.
    rows.extend([78, 79].map(Customer::new));
    world.file("customers.csv", sheet(&rows));
    world.sent("customers.csv --limit 1 --concurrency 1", 4);
    world.file("customers.csv", sheet(&rows[..12]));
    creates(&world, "customers.csv", 0, 12);
    world.check_invariants(&Promise::default());
}

#[test]
fn the_same_customer_in_two_files_is_invited_once() {
    let world = World::with_server();
    world.customers("first.csv", 4);
    world.sent("first.csv --limit 2 --concurrency 1", 4);
    world.customers("second.csv", 5);
    creates(&world, "second.csv", 3, 2);
    let tokens = each(&world.export().into(), "token");
    assert!(tokens.iter().all(Value::is_string));
    // The first run has nothing left, though it did not send them itself.
    world.ran("resume 1 --json", 0);
    creates(&world, "first.csv", 0, 4);
    assert_eq!(world.accepted().len(), 5);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_rejected_row_goes_again_only_when_it_changed_or_a_person_asks() {
    let world = World::with_server();
    let row = Customer::new(1).phone(REJECTED);
    world.file("customers.csv", sheet([&row]));
    assert_eq!(requests(&world, RUN), 1);
    assert_eq!(requests(&world, RUN), 0);
    let retried = format!("{RUN} --retry-rejected");
    assert_eq!(requests(&world, &retried), 1);
    // A retry goes on with the same run, and counts with it.
    assert_eq!(requests(&world, "retry --rejected --json"), 2);
    assert_eq!(requests(&world, "retry --row 2 --json"), 3);
    // A code that Excel had taken the zeros of is another content.
    for name in ["7", "007"] {
        world.file("customers.csv", sheet([&row.clone().name(name)]));
        assert_eq!(requests(&world, RUN), 1);
    }
    assert_eq!(requests(&world, RUN), 0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_row_that_changed_after_its_invitation_is_counted_and_sent_only_on_demand() {
    let world = World::with_server();
    let mut rows = world.customers("customers.csv", 2);
    world.sent("customers.csv", 0);
    rows[1] = rows[1].clone().name("Other Name");
    world.file("customers.csv", sheet(&rows));
    let summary = creates(&world, "customers.csv", 0, 2);
    assert_eq!(summary["changed"], 1);
    let status = world.ran("status", 0);
    status.shows("1  row changed after its invitation was created (row 3)");
    let told = pick(&world.export()[1], ["status", "error_code"]);
    assert_eq!(told, json!(["created", "changed"]));
    assert!(world.export()[1]["token"].is_string());
    let told = "This row's content is not what was sent last";
    for line in ["export", "status --row 3"] {
        world.ran(line, 0).shows(told).shows("--resend-changed");
    }
    world.ran("export --output results.xlsx --lang ar", 0);
    let cells = format!("{:?}", world.cells("results.xlsx", 0));
    assert!(cells.contains("بيانات هذا الصف ليست"), "{cells}");
    world.ran("check customers.csv --annotate marked.xlsx", 0);
    let cells = world.cells("marked.xlsx", 1);
    let marks = cells.iter().map(|row| row[0].to_string().starts_with(told));
    assert_eq!(marks.collect::<Vec<_>>(), [false, false, true]);
    // Whoever is reminded is told of what was created for him.
    let reminded = world
        .ran("export --not-signed --format jsonl", 0)
        .json_lines();
    assert_eq!(
        each(&reminded.into(), "error_code"),
        [Value::Null, Value::Null]
    );
    world.check_invariants(&Promise::default());
    let resent = world.ran("resume --resend-changed --json", 0).json();
    assert_eq!(pick(&resent, ["changed", "requests"]), json!([0, 1]));
    let last = world.invitations().pop().expect("a request").fields(415);
    assert_eq!(last["fullName"], "Other Name");
    // It is what was sent last that counts as unchanged now.
    creates(&world, "customers.csv --resend-changed", 0, 2);
    assert_eq!(world.export()[1]["error"], Value::Null);
    // An older run that is gone on with after a newer sheet counts what that has changed.
    let mut rows = world.customers("customers.csv", 5);
    world.sent("customers.csv --limit 1", 4);
    for row in &mut rows[2..] {
        *row = row.clone().name("A Third");
    }
    world.file("customers.csv", sheet(&rows));
    world.sent("customers.csv --limit 1", 4);
    let older = world.ran("resume 4 --json", 0).json();
    assert_eq!(pick(&older, ["changed", "requests"]), json!([3, 2]));
    world.check_invariants(&Promise::default().resending_was_asked_for());
}

/// Two people on one phone are not one invitation twice, whichever command looks; next month's owner of the number is a change.
#[test]
fn two_rows_for_one_recipient_with_other_content_name_each_other() {
    let world = World::with_server();
    let header = "phone,fullName,nationalId\n01012345678";
    let other = "01012345678,Ali Samir,28505051234577\n";
    world.file(
        "c.csv",
        format!("{header},Mona Adel,29001011234567\n{other}"),
    );
    world.file("dec.csv", format!("{header},Hassan Omar,27001011234567\n"));
    let check = world.ran("check c.csv --contract-type 414 --json", 3);
    let check = check.json();
    let problem = &check["problems"][0];
    let told = pick(problem, ["row", "code"]);
    assert_eq!(told, json!([3, "same_recipient"]));
    let message = problem["message"].as_str().unwrap();
    assert!(message.starts_with("Row 2 "), "{problem}");
    assert_eq!(pick(&check, ["valid", "duplicate"]), json!([1, 0]));
    let dry = world.sent("c.csv --contract-type 414 --dry-run", 3).json();
    assert_eq!(pick(&dry, ["would_send", "invalid"]), json!([1, 1]));
    // Run again, it is known from the ledger; and the same after a line more.
    for _ in 0..2 {
        world.sent("c.csv --contract-type 414", 3);
        assert_eq!(world.statuses(), ["created", "invalid"]);
    }
    assert_eq!(world.export()[1]["error_code"], "same_recipient");
    let later = world.sent("dec.csv --contract-type 414", 0).json();
    assert_eq!(later["changed"], 1);
    assert_eq!(world.accepted().len(), 1);
    // Where a column tells them apart, both are meant.
    world.config("[identity]\ncolumns = [\"nationalId\"]\n");
    world.sent("c.csv --contract-type 414 --ledger apart.db", 0);
}

#[test]
fn an_uncertain_row_is_held_until_a_person_decides() {
    let world = World::with_server();
    let row = world.phones("customers.csv", [NO_TOKEN]).remove(0);
    assert_eq!(requests(&world, RUN), 1);
    assert_eq!(requests(&world, RUN), 0);
    // However it has changed; and it goes with its new body.
    world.file("customers.csv", sheet(&[row.name("New Name")]));
    assert_eq!(requests(&world, RUN), 0);
    world.check_invariants(&Promise::default());
    let resent = format!("{RUN} --resend-uncertain");
    assert_eq!(requests(&world, &resent), 1);
    let last = world.invitations().pop().expect("a request").fields(414);
    assert_eq!(last["fullName"], "New Name");
    // With the one that the same run sent before.
    assert_eq!(requests(&world, "retry --uncertain --json"), 2);
    world.ran("status", 3).shows("it is held back");
    let check = || world.ran("check customers.csv", 0);
    check().shows("waits for a person");
    world.config("[retry]\non_uncertain = \"resend\"\n");
    world.ran("status", 3).shows("sends it once more");
    check().hides("for a person");
    assert_eq!(requests(&world, RUN), 1);
    world.check_invariants(&Promise::default().resending_was_asked_for());
}

#[test]
fn named_rows_are_settled_all_or_none_and_are_due_again_as_not_created() {
    // Reset before anything was created, which the program cannot know.
    let world = World::with_phones(["+201555000602", NO_TOKEN, "", ""]);
    world.sent("customers.csv", 3);
    let refused = world.ran("settle --row 3 --row 4 --row 5 --as created", 2);
    refused.complains_of("Rows 4, 5 of run 1");
    let statuses = ["uncertain", "uncertain", "created", "created"];
    assert_eq!(world.statuses(), statuses);
    world.ran("settle --row 3 --as created", 0);
    let earlier = format!("phone,status,updated\n{NO_TOKEN},Customer signed,2020-01-01\n");
    world.file("portal.csv", earlier);
    let told = world.ran("follow portal.csv --json", 0).json();
    assert_eq!(told["before_invitation"], 1, "{told}");
    world.ran("settle --row 2 --as not-created", 0);
    let statuses = ["pending", "created", "created", "created"];
    assert_eq!(world.statuses(), statuses);
    // One more than the run sent before.
    assert_eq!(requests(&world, "resume --json"), 5);
    world.check_invariants(&Promise::default());
}

#[test]
fn retry_sends_what_it_means_and_no_row_that_merely_waits() {
    let world = World::with_server();
    let customers = world.phones("customers.csv", [REJECTED, "", "", ""]);
    world.sent("customers.csv --limit 1", 4);
    // Named rows are sent all or none, and each that is not meant is named.
    for (line, told) in rows::<(&str, &str)>("reruns.refused") {
        world.ran(line, 2).complains_of(told);
        assert_eq!(world.invitations().len(), 1, "{line}");
    }
    for (line, meant, code) in rows::<(&str, Vec<usize>, i32)>("reruns.retried") {
        let before = world.invitations().len();
        let line = format!("{line} --rate unlimited --concurrency 1 --json");
        let ended = world.ran(&line, code).json();
        let stopped = (code == 4).then_some("limit");
        assert_eq!(ended["stopped"].as_str(), stopped, "{line}");
        let requests = world.invitations().split_off(before).into_iter();
        let sent: Vec<String> = requests.filter_map(|one| one.key).collect();
        let meant = meant.iter().map(|row| &customers[row - 2].phone);
        assert!(sent.iter().eq(meant), "{line}: {sent:?}");
    }
}

#[test]
fn a_customer_who_is_uncertain_in_one_file_is_held_in_another() {
    let world = World::with_server();
    world.phones("first.csv", [NO_TOKEN]);
    world.sent("first.csv", 3);
    world.phones("second.csv", [NO_TOKEN, ""]);
    world.sent("second.csv", 3);
    assert_eq!(world.statuses(), ["uncertain", "created"]);
    let checked = world.ran("check second.csv", 0);
    checked.shows("1 row is uncertain or rejected");
    checked.shows("There is nothing left to send.");
    assert_eq!(world.accepted().len(), 2);
    world.check_invariants(&Promise::default());
}

/// Nobody is sent again for a word that was not let go, and whoever waits goes with what stands in the run that is gone on with.
#[test]
fn what_was_not_let_go_is_as_if_it_had_not_been_said() {
    for (line, place, stopped, next, name) in
        rows::<(String, &str, &str, String, &str)>("reruns.held")
    {
        let world = World::with_server();
        let mut rows = world.phones("a.csv", [NO_TOKEN, REJECTED, "", "", "12"]);
        world.sent("a.csv --limit 3 --concurrency 1 --expect 4", 4);
        for row in &mut rows[2..4] {
            *row = row.clone().name("Changed");
        }
        world.file("b.csv", sheet(&rows));
        let held = world.line(&line).env("VLENS_BATCH_FAILPOINT", place);
        if line.ends_with("--yes") {
            held.run();
        } else {
            held.on_a_terminal("n");
        }
        world.line("status").run().hides("run \"\"");
        let status = world.ledger_status();
        assert_eq!(status["stopped"], stopped, "{line}");
        let stands = ["uncertain", "rejected", "created", "pending", "invalid"];
        assert_eq!(world.statuses(), stands, "{line}");
        let changed = u64::from(line.contains("b.csv") && stopped != "killed");
        assert_eq!(status["changed"], changed, "{line}");
        let ended = world.line(&next).run();
        let sent = world.invitations().split_off(3);
        let names: Vec<Value> =
            (sent.iter().map(|one| one.fields(415)["fullName"].clone())).collect();
        assert_eq!(names, [name], "{line}: {ended}");
        world.check_invariants(&Promise::default());
    }
}

/// A sheet that needs all that can be said of it, in a folder of its own.
fn a_sheet_that_needs_everything(world: &World) {
    let rows = world.phones("sheet.csv", [NO_TOKEN, "12", REJECTED, ""]);
    world.file(JUNE, format!("June\n{}", sheet(&rows)));
    world.file("the sheets/mine.toml", "[limits]\nmax_attempts = 1\n");
    world.config("[contract]\ntypes = [999]\n");
}

const JUNE: &str = "the sheets/june 1.csv";

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
    let read = format!("'{JUNE}' --header-row 2 --config 'the sheets/mine.toml'");
    let mut tried = 0;
    for lines in rows::<Vec<&str>>("reruns.next") {
        for next in 0.. {
            let world = World::with_server();
            a_sheet_that_needs_everything(&world);
            let came = lines.iter().map(|line| line.replace("FILE", &read));
            let last = came.map(|line| world.line(&line).run()).last();
            let printed = commands(&last.expect("a command"));
            assert!(!printed.is_empty(), "{lines:?} tells nothing to type");
            let Some(command) = printed.get(next) else {
                break;
            };
            let file = format!("'{JUNE}' --header-row 2 --contract-type 414");
            let typed = command.replace("--row N", "--row 3").replace("FILE", &file);
            let typed = typed.replacen("vlens-batch", env!("CARGO_BIN_EXE_vlens-batch"), 1);
            let shell = format!("exec {typed} --color never");
            let ended = world.line("unused").after_shell(&shell).run();
            let is_good = matches!(ended.code(), Some(0 | 3 | 4));
            assert!(is_good, "{lines:?}: {command}: {ended}");
            // What is told of a rehearsal sends to nobody.
            let is_rehearsed = lines.iter().any(|line| line.contains("sandbox"));
            let is_sent = is_rehearsed && !world.server_log().is_empty();
            assert!(!is_sent, "{lines:?}: {command}: {ended}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn a_resend_that_was_cut_short_sends_nothing_again_that_was_created() {
    let world = World::with_server();
    let mut rows = world.customers("a.csv", 3);
    world.sent("a.csv", 0);
    let tokens = |run: u64| {
        let rows = world
            .ran(&format!("export {run} --format jsonl"), 0)
            .json_lines();
        rows.iter().filter(|row| row["token"].is_string()).count()
    };
    for row in &mut rows {
        *row = row.clone().name("Somebody Else");
    }
    world.file("b.csv", sheet(&rows));
    world.sent("b.csv --resend-changed --limit 1", 4);
    // What a person has sent again keeps the link that its customer has, until there is a newer one.
    assert_eq!(tokens(1), 3);
    rows[1] = rows[1].clone().name("A Third");
    world.file("c.csv", sheet(&rows));
    for file in ["a.csv", "c.csv", "b.csv"] {
        world.send(file).run();
    }
    let bodies = world.bodies();
    assert_eq!(bodies.len(), 6, "each twice, as a person asked");
    assert!(
        !is_any_repeated(&bodies),
        "something was sent a second time"
    );
    assert_eq!(tokens(1), 3);
    world.check_invariants(&Promise::default().resending_was_asked_for());
}
