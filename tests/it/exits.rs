//! Every exit code, and which of them wins.

use crate::support::{Customer, Serve, World, sheet};

const REJECTED: &str = "+201555000400";
const FORBIDDEN: &str = "+201555000403";
const HANGS: &str = "+201555000600";

#[test]
fn exit_0_every_row_is_dealt_with() {
    let world = World::with_server();
    let one = Customer::new(1);
    world.file("customers.csv", sheet([&one, &one]));
    world.send("customers.csv").run().expect(0);
    assert_eq!(world.statuses(), ["created", "duplicate"]);
    world.send("customers.csv").run().expect(0);
    world.vlens(["status"]).run().expect(0);
}

#[test]
fn exit_0_a_header_without_rows() {
    let world = World::with_server();
    world.file("customers.csv", sheet(&[]));
    let summary = world.send("customers.csv").run().expect(0).json();
    assert_eq!(summary["rows"], 0);
    world.vlens(["check", "customers.csv"]).run().expect(0);
    assert!(world.accepted().is_empty());
}

#[test]
fn exit_1_whatever_could_not_be_written() {
    let world = World::with_server();
    world.customers("customers.csv", 2);
    world.send("customers.csv").run().expect(0);
    for args in [
        &["run", "customers.csv"][..],
        &["resume"],
        &["status"],
        &["runs"],
        &["check", "customers.csv"],
        &["export", "--output", "results.csv"],
        &["report", "--output", "report.html"],
        &["doctor"],
        &["status", "--ledger", "missing.db"],
    ] {
        is_lost(&world, &[args, &["--json"]].concat());
    }
    for args in [
        &["--help"][..],
        &["run", "--help"],
        &["--version"],
        &["run", "customers.csv"],
        &["check", "customers.csv"],
        &["check", "customers.csv", "--show", "1"],
        &["export", "--format", "csv"],
        &["export", "--format", "xlsx"],
        &["export", "--format", "jsonl"],
        &["report"],
        &["runs"],
        &["status"],
        &["doctor"],
        &["sandbox"],
        &["contract-types"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["completions", "fish"],
        &["man"],
    ] {
        is_lost(&world, args);
    }
}

/// With a full disk behind stdout it is exit 1 and a word; with a reader that goes away, nothing is said.
fn is_lost(world: &World, args: &[&str]) {
    let full = world
        .vlens(args)
        .after_shell("exec >/dev/full")
        .run()
        .expect(1);
    let word = "cannot be written";
    assert_eq!(full.stderr.matches(word).count(), 1, "{args:?}: {full}");
    if args != ["sandbox"] {
        let left = world.vlens(args).start_unheard().wait();
        assert_ne!(left.code(), Some(1), "{args:?}");
    }
}

#[test]
fn a_document_of_json_comes_whole_or_not_at_all() {
    let world = World::with_server();
    world.customers("customers.csv", 2);
    world.send("customers.csv").run().expect(0);
    let mut broken = String::from("phoneNumber,contractTypeId\n");
    broken.push_str(&"abc,414\n".repeat(5_000));
    broken.push_str("\"never closed,414\n");
    world.file("broken.csv", &broken);
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let workbook = format!("{cases}/rows-out-of-order.xlsx");
    world.file("broken.xlsx", std::fs::read(workbook).unwrap());
    for file in ["broken.csv", "broken.xlsx"] {
        let check = ["check", file, "--contract-type", "414", "--json"];
        let refused = world.vlens(check).run().expect(5);
        assert!(refused.json()["error"]["code"].is_string(), "{refused}");
    }
    let show = ["check", "customers.csv", "--show", "2", "--json"];
    let shown = world.vlens(show).run().expect(0).json();
    assert!(shown["bodies"][1]["SessionInput"].is_object(), "{shown}");
    let export = ["export", "--output", "results.xlsx", "--json"];
    let exported = world.vlens(export).run().expect(0).json();
    assert_eq!(
        exported,
        serde_json::json!({"run": 1, "output": "results.xlsx", "rows": 2})
    );
    for command in ["export", "report"] {
        let both = world.vlens([command, "--json"]).run().expect(2);
        assert!(both.json()["error"]["hint"].is_string(), "{both}");
    }
}

#[test]
fn exit_2_wrong_usage() {
    let world = World::with_server();
    world.customers("customers.csv", 2);
    world.send("customers.csv").run().expect(0);
    for args in [
        &["run"][..],
        &["fly"],
        &["run", "customers.csv", "--rate", "0/s"],
        &["run", "customers.csv", "--rate", "fast"],
        &["run", "customers.csv", "--concurrency", "0"],
        &["run", "customers.csv", "--on-invalid", "panic"],
        &["retry"],
        &["settle", "--as", "created"],
        &["settle", "--all"],
        &["settle", "--row", "2", "--as", "created"],
        &["export", "--only", "lost"],
        &["retry", "--row", "2"],
        &["retry", "--row", "99"],
        &["check", "customers.csv", "--annotate", "customers.csv"],
    ] {
        let finished = world.vlens(args).run();
        assert_eq!(finished.code(), Some(2), "{finished}");
    }
}

#[test]
fn exit_3_rows_need_a_person() {
    let world = World::with_server();
    for (name, phone) in [("invalid", "123"), ("rejected", REJECTED)] {
        let rows = [Customer::new(1), Customer::new(2).phone(phone)];
        world.file(name, sheet(&rows));
        world.send(name).run().expect(3);
        assert_eq!(world.statuses(), ["created", name]);
        world.vlens(["status"]).run().expect(3);
    }
    world.vlens(["check", "invalid"]).run().expect(3);
}

#[test]
fn exit_4_the_limit_and_then_the_rest() {
    let world = World::with_server();
    world.customers("customers.csv", 5);
    let limit = || world.send("customers.csv").args(["--limit", "2"]);
    let summary = limit().run().expect(4).json();
    assert_eq!(summary["stopped"], "limit");
    assert_eq!(summary["counts"]["pending"], 3);
    limit().run().expect(4);
    // The last one is within the limit: nothing was stopped early.
    assert_eq!(
        limit().run().expect(0).json()["stopped"],
        serde_json::Value::Null
    );
    assert_eq!(world.accepted().len(), 5);
}

#[test]
fn exit_4_the_time_is_over() {
    let world = World::with(Serve::default().latency("50"));
    world.customers("customers.csv", 100);
    let short = ["--max-duration", "1s", "--concurrency", "1"];
    let summary = world
        .send("customers.csv")
        .args(short)
        .run()
        .expect(4)
        .json();
    assert_eq!(summary["stopped"], "duration");
    assert_eq!(summary["counts"]["uncertain"], 0);
}

#[test]
fn exit_4_nobody_answers_the_login() {
    let world = World::with_server();
    world.config("[limits]\nmax_attempts = 2\n");
    world.customers("customers.csv", 2);
    world.kill_server();
    let summary = world.send("customers.csv").run().expect(4).json();
    assert_eq!(summary["stopped"], "failures");
    assert_eq!(summary["requests"], 0);
    assert_eq!(summary["counts"]["pending"], 2);
}

#[test]
fn exit_5_what_cannot_be_used_sends_nothing() {
    let world = World::with_server();
    world.customers("customers.csv", 1);
    world.file("empty.csv", "");
    world.file("no-phone.csv", "fullName\nMona\n");
    for (args, env) in [
        (&["run", "missing.csv"][..], None),
        (&["run", "empty.csv"], None),
        (&["run", "no-phone.csv", "--contract-type", "414"], None),
        (&["run", "customers.csv", "--config", "missing.toml"], None),
        (
            &["run", "customers.csv", "--ledger", "no/such/folder.db"],
            None,
        ),
        (&["run", "customers.csv"], Some(("VLENS_API_KEY", ""))),
        (&["run", "customers.csv"], Some(("VLENS_PASSWORD", ""))),
        (&["run", "customers.csv"], Some(("VLENS_TENANCY_NAME", ""))),
        (
            &["run", "customers.csv"],
            Some(("VLENS_BASE_URL", "http://api.example")),
        ),
        (&["status"], None),
        (&["resume"], None),
        (&["export"], None),
        (&["runs"], None),
    ] {
        let vlens = world.vlens(args).args(["--json"]);
        let finished = vlens.envs(env).run();
        assert_eq!(finished.code(), Some(5), "{finished}");
        let error = &finished.json()["error"];
        assert!(
            error["code"].is_string() && error["message"].is_string(),
            "{finished}"
        );
        assert!(error.get("hint").is_some(), "{finished}");
    }
    assert!(!world.ledger().exists(), "readers make no ledger");
    assert!(world.server_log().is_empty());
}

#[test]
fn exit_6_vlens_refuses_every_request() {
    let world = World::with_server();
    let rows = [Customer::new(1).phone(FORBIDDEN), Customer::new(2)];
    world.file("customers.csv", sheet(&rows));
    let one = ["--concurrency", "1"];
    let summary = world.send("customers.csv").args(one).run().expect(6).json();
    assert_eq!(summary["stopped"], "refused");
    assert_eq!(summary["counts"]["pending"], 2);
    world.vlens(["status"]).run().expect(6);
}

#[test]
fn exit_6_the_credentials_are_wrong_and_are_tried_once() {
    for name in ["VLENS_PASSWORD", "VLENS_API_KEY", "VLENS_USERNAME"] {
        let world = World::with_server();
        world.customers("customers.csv", 3);
        let run = world
            .send("customers.csv")
            .env(name, "not-the-right-one")
            .run();
        let run = run.expect(6);
        assert_eq!(run.json()["counts"]["pending"], 3);
        assert!(!run.stderr.contains("not-the-right-one"), "{run}");
        assert_eq!(
            world.server_log().len(),
            1,
            "a refused login is not repeated"
        );
    }
}

#[test]
fn exit_7_another_process_is_running_on_this_ledger() {
    let world = World::with_server();
    world.file("customers.csv", sheet(&[Customer::new(1).phone(HANGS)]));
    world.customers("others.csv", 2);
    let mut first = world.send("customers.csv").start();
    first.until("it was accepted", || !world.accepted().is_empty());
    std::os::unix::fs::symlink(world.ledger(), world.path("linked.db")).unwrap();
    for args in [
        &["run", "others.csv"][..],
        &["run", "others.csv", "--ledger", "linked.db"],
        &["resume"],
        &["retry", "--rejected"],
        &["settle", "--all", "--as", "created"],
    ] {
        let second = world.vlens(args).args(["--json"]).run().expect(7);
        assert!(second.json()["error"]["code"].is_string(), "{second}");
    }
    // Readers go on.
    world.vlens(["runs"]).run().expect(0);
    // Whoever waits gets its turn.
    let waiting = [
        world.send("others.csv").args(["--wait"]),
        world.vlens(["settle", "1", "--all", "--as", "created", "--wait"]),
        world.vlens(["purge", "--older-than", "90d", "--yes", "--wait"]),
        world.vlens(["contract-types", "--wait"]),
    ];
    let mut waiting = waiting.map(crate::support::Vlens::start);
    std::thread::sleep(std::time::Duration::from_millis(300));
    for one in &mut waiting {
        assert!(one.is_running());
    }
    first.kill();
    for one in waiting {
        one.wait().expect(0);
    }
    assert_eq!(world.accepted().len(), 3);
}

#[test]
fn of_several_exit_codes_the_first_of_6_4_3_wins() {
    let world = World::with_server();
    let rejected = Customer::new(1).phone(REJECTED);
    let rows = [rejected.clone(), Customer::new(2), Customer::new(3)];
    world.file("limited.csv", sheet(&rows));
    world.sent("limited.csv --limit 2", 4);
    let rows = [
        rejected,
        Customer::new(4).phone(FORBIDDEN),
        Customer::new(5),
    ];
    world.file("refused.csv", sheet(&rows));
    let retry = ["--retry-rejected", "--limit", "2", "--concurrency", "1"];
    world.send("refused.csv").args(retry).run().expect(6);
}

#[test]
fn keys_that_nobody_declared_are_shown_with_real_values_before_the_question() {
    let world = World::with_server();
    let of_414 = ["run", "customers.csv", "--contract-type", "414"];
    world.file("customers.csv", "Mobile,Full name\n01012345678,Mona Adel\n");
    let shown = "\"Full name\":\"Mona Adel\"";
    let (code, screen) = world.vlens(of_414).on_a_terminal("n");
    assert_eq!(code, 4, "{screen}");
    assert!(screen.contains(shown), "{screen}");
    // A form says what the header means, and a mapping as well.
    let form = include_str!("../../src/sandbox/forms/414.json");
    world.file("contract-types/414.json", form);
    let (_, screen) = world.vlens(of_414).on_a_terminal("n");
    assert!(!screen.contains("Mona"), "{screen}");
}

#[test]
fn a_no_at_the_prompt_sends_nothing() {
    let world = World::with_server();
    world.customers("customers.csv", 2);
    for (answer, code, accepted) in [("n", 4, 0), ("y", 0, 2)] {
        let (finished, screen) = world.vlens(["run", "customers.csv"]).on_a_terminal(answer);
        assert_eq!(finished, code, "{screen}");
        assert_eq!(world.accepted().len(), accepted, "{screen}");
        assert!(screen.contains(&world.base_url()), "says where: {screen}");
        assert!(
            screen.contains("sandbox"),
            "says for which tenant: {screen}"
        );
    }
    // Nothing is due: nothing to ask.
    let (finished, screen) = world.vlens(["run", "customers.csv"]).on_a_terminal("");
    assert_eq!(finished, 0, "{screen}");
}
