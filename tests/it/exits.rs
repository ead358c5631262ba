//! Every exit code, and which of them wins.

use crate::support::{Customer, GONE, World, rows, sheet};

#[test]
fn a_run_and_its_status_exit_by_what_became_of_the_rows() {
    type End<'a> = (&'a str, Vec<&'a str>, &'a str, i32, &'a str, &'a str);
    for (what, phones, how, code, stopped, statuses) in rows::<End>("exits.ends") {
        let world = World::with_server();
        let rows = phones.iter().map(|phone| Customer::new(1).phone(phone));
        world.file("customers.csv", sheet(&rows.collect::<Vec<_>>()));
        let line = format!("customers.csv --concurrency 1 {how}");
        let summary = world.sent(line.trim(), code).json();
        assert_eq!(
            summary["stopped"].as_str().unwrap_or_default(),
            stopped,
            "{what}"
        );
        assert_eq!(summary["rows"], phones.len(), "{what}");
        assert_eq!(world.statuses().join(" "), statuses, "{what}");
        world.ran("status", code);
    }
}

#[test]
fn exit_1_whatever_could_not_be_written() {
    let world = World::with_created(2);
    for line in rows::<&str>("exits.prints") {
        // A full disk behind standard output is told; that a reader went away is nobody's concern.
        let full = world.line(line).after_shell("exec >/dev/full").ends(1);
        let told = full.stderr.matches("cannot be written").count();
        assert_eq!(told, 1, "{full}");
        if line != "sandbox" {
            let left = world.line(line).after_shell(GONE).run();
            assert_ne!(left.code(), Some(1), "{left}");
        }
    }
    for format in ["csv", "jsonl", "xlsx"] {
        let export = world.line(&format!("export --output full.{format}"));
        let full = export.after_shell("trap '' XFSZ; ulimit -f 0").ends(1);
        full.complains_of("cannot be ")
            .hides("mistake")
            .hides("Zip");
        assert!(!world.path(format!("full.{format}")).exists());
    }
}

#[test]
fn a_document_of_json_comes_whole_or_not_at_all() {
    let world = World::with_created(2);
    let rows = "abc,414\n".repeat(5_000);
    let broken = format!("phoneNumber,contractTypeId\n{rows}\"never closed,414\n");
    world.file("broken.csv", broken);
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let workbook = format!("{cases}/rows-out-of-order.xlsx");
    world.file("broken.xlsx", std::fs::read(workbook).unwrap());
    for file in ["broken.csv", "broken.xlsx"] {
        let refused = world.ran(&format!("check {file} --contract-type 414 --json"), 5);
        assert!(refused.json()["error"]["code"].is_string(), "{refused}");
    }
    let shown = world.ran("check customers.csv --show 2 --json", 0).json();
    assert!(shown["bodies"][1]["SessionInput"].is_object(), "{shown}");
    let exported = world.ran("export --output results.xlsx --json", 0).json();
    let expected = serde_json::json!({"run": 1, "output": "results.xlsx", "rows": 2});
    assert_eq!(exported, expected);
    for command in ["export --json", "report --json"] {
        let both = world.ran(command, 2);
        assert!(both.json()["error"]["hint"].is_string(), "{both}");
    }
    world.file("no-phone.csv", "fullName,Income\nMona,5\n");
    let open = world.ran("init no-phone.csv --yes --json --contract-type 414", 5);
    assert!(open.json()["columns"].is_array(), "{open}");
}

#[test]
fn exit_2_wrong_usage() {
    let world = World::with_created(2);
    for line in rows::<&str>("exits.usage") {
        world.ran(line, 2);
    }
}

#[test]
fn no_result_takes_the_place_of_what_people_need_as_it_is() {
    let world = World::with_customers(2);
    world.config("[limits]\nconcurrency = 2\n");
    world.form(414);
    world.sent("customers.csv", 0);
    let ledger = world.ledger().display().to_string();
    let lock = format!("{ledger}.lock");
    for target in ["customers.csv", "vlens-batch.toml", &ledger, &lock, "-"] {
        let before = std::fs::read(world.path(target)).ok();
        for command in rows::<&str>("exits.writes") {
            // Of these `-` is standard output.
            if target == "-" && command.contains("port") {
                continue;
            }
            let refused = world.ran(&format!("{command} {target} -q"), 2);
            assert_eq!(refused.stderr.lines().count(), 1, "{refused}");
            assert_eq!(std::fs::read(world.path(target)).ok(), before, "{refused}");
        }
    }
    // An older result may be replaced, and metrics too.
    for line in [
        "export --output results.csv",
        "export --only created --output created.xlsx",
        "check customers.csv --annotate marked.xlsx",
        "template 414 --output template.xlsx",
        "run customers.csv --metrics-file vlens.prom",
    ] {
        world.ran(line, 0);
        world.ran(line, 0);
    }
    // But no book that somebody has filled in or corrected, and saved.
    let export = "export --only created --output created.xlsx";
    for (line, told) in [
        (export, "created.xlsx was saved by somebody"),
        ("template 414 --output template.xlsx", "filled in"),
    ] {
        let (_, name) = line.rsplit_once(' ').expect("a name");
        let saved = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
        world.set_time(name, saved);
        let book = std::fs::read(world.path(name)).unwrap();
        world
            .ran(line, 2)
            .complains_of(told)
            .complains_of("--output");
        assert_eq!(std::fs::read(world.path(name)).unwrap(), book);
    }
    // A book that is not ours is for whoever names it.
    world.file("created.xlsx", "a list");
    world.ran(export, 0);
}

#[test]
fn exit_4_the_time_is_over() {
    let world = World::serving("--latency 50", 100);
    let summary = world.sent("customers.csv --max-duration 1s --concurrency 1", 4);
    let summary = summary.json();
    assert_eq!(summary["stopped"], "duration");
    assert_eq!(summary["counts"]["uncertain"], 0);
}

#[test]
fn exit_5_what_cannot_be_used_sends_nothing() {
    let world = World::with_customers(1);
    world.file("empty.csv", "");
    world.file("no-phone.csv", "fullName\nMona\n");
    for (line, variable) in rows::<(&str, &str)>("exits.unusable") {
        let vlens = world.line(line).args(["--json"]);
        let finished = vlens.envs(variable.split_once('=')).ends(5);
        let error = &finished.json()["error"];
        let is_told = error["code"].is_string() && error["message"].is_string();
        assert!(is_told && error.get("hint").is_some(), "{finished}");
    }
    assert!(!world.ledger().exists(), "readers make no ledger");
    assert!(world.server_log().is_empty());
}

#[test]
fn exit_6_the_credentials_are_wrong_and_are_tried_once() {
    for name in ["VLENS_PASSWORD", "VLENS_API_KEY", "VLENS_USERNAME"] {
        let world = World::with_customers(3);
        let run = world.send("customers.csv").env(name, "not-the-right-one");
        let run = run.ends(6);
        assert_eq!(run.json()["counts"]["pending"], 3);
        run.hides("not-the-right-one");
        let requests = world.server_log().len();
        assert_eq!(requests, 1, "a refused login is not repeated");
    }
}

#[test]
fn keys_that_nobody_declared_are_shown_with_real_values_before_the_question() {
    let world = World::with_server();
    let asked = || {
        let run = world.line("run customers.csv --contract-type 414");
        run.on_a_terminal("n")
    };
    world.file("customers.csv", "Mobile,Full name\n01012345678,Mona Adel\n");
    let (code, screen) = asked();
    assert_eq!(code, 4, "{screen}");
    assert!(screen.contains("\"Full name\":\"Mona Adel\""), "{screen}");
    // A form says what the header means, and a mapping as well.
    world.form(414);
    let (_, screen) = asked();
    assert!(!screen.contains("Mona"), "{screen}");
}

#[test]
fn a_no_at_the_prompt_sends_nothing() {
    let world = World::with_customers(2);
    // The last time nothing is due: there is nothing to ask.
    for (answer, code, accepted) in [("n", 4, 0), ("y", 0, 2), ("", 0, 2)] {
        let run = world.line("--color never run customers.csv");
        let (finished, screen) = run.on_a_terminal(answer);
        assert!(!screen.contains("\u{1b}[3"), "{screen}");
        assert_eq!(finished, code, "{screen}");
        assert_eq!(world.accepted().len(), accepted, "{screen}");
        // It says where, and for which tenant.
        let is_said = screen.contains(&world.base_url()) && screen.contains("sandbox");
        assert!(is_said || answer.is_empty(), "{screen}");
    }
}
