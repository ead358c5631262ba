//! As cron runs it: no terminal, an empty environment, a closed standard input. Every command ends by itself, asks nothing,
//! and leaves one line to find it by.

use serde_json::{Value, json};

use crate::support::{Vlens, World, pick, rows};

/// Closes what a command could wait on.
fn closed(vlens: Vlens) -> Vlens {
    vlens.after_shell("exec <&-")
}

#[test]
fn every_command_ends_without_anybody_there() {
    let world = World::with_customers(3);
    world.phones("uncertain.csv", ["+201555000500"]);
    for (line, code) in rows::<(&str, i32)>("unattended.commands") {
        closed(world.line(line)).ends(code);
        // What `init` proposed is not what the following commands are about.
        let _ = std::fs::remove_file(world.path("vlens-batch.toml"));
    }
}

#[test]
fn json_logs_are_json_throughout_and_tell_which_run_it_was() {
    let world = World::with_server();
    let phones: [&str; 32] = std::array::from_fn(|n| match n {
        30 => "+201555000400",
        31 => "+201555000429",
        _ => "",
    });
    world.phones("customers.csv", phones);
    for verbosity in ["", " -v", " -vv"] {
        let line = format!("customers.csv --log-format json --retry-rejected{verbosity}");
        let run = closed(world.send(&line)).ends(3);
        let number = run.json()["run"].clone();
        let events: Vec<Value> = run.stderr.lines().map(event).collect();
        for event in &events {
            assert_eq!(event["run"], number, "{event}");
            let at = event["timestamp"].as_str().map_or(0, str::len);
            let is_whole = at == "2026-11-21T20:39:00Z".len() && event["level"].is_string();
            assert!(is_whole, "{event}");
        }
        for words in ["run begins", "run ended"] {
            let told = events.iter().filter(|event| event["message"] == words);
            assert_eq!(told.count(), 1, "{run}");
        }
        let last = events.last().unwrap();
        let told = pick(last, ["level", "exit_code", "rejected"]);
        assert_eq!(told, json!(["WARN", 3, 1]));
        let reason = last["reason"].as_str().unwrap();
        assert!(reason.contains("1 rejected"), "{last}");
    }
}

/// A line of a log in JSON.
fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))
}

/// The line of samples/cron as cron runs it: what it mails is one line, and none on success.
#[test]
fn the_cron_line_mails_one_line_when_something_is_wrong_and_nothing_else() {
    let crontab = include_str!("../../samples/cron/crontab");
    let mut lines = crontab.lines();
    let line = lines.find_map(|line| line.strip_prefix("30 1 * * *  "));
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_vlens-batch")).parent();
    let path = format!("PATH={}:/usr/bin:/bin", bin.unwrap().display());
    for (case, code, words) in rows::<(&str, i32, &str)>("unattended.cron") {
        let world = World::with_server();
        match case {
            "a missing file" => {}
            "an invalid row" => drop(world.phones("customers.csv", ["123"])),
            _ => drop(world.customers("customers.csv", 1)),
        }
        if case == "a config that is none" {
            world.config("[limitss]\n");
        }
        let mut variables = world.variables();
        if case == "a wrong password" {
            variables.insert("VLENS_PASSWORD".to_owned(), "wrong".to_owned());
        }
        let set = |(name, value)| format!("{name}={value}\n");
        let variables: String = variables.into_iter().map(set).collect();
        world.file("vlens.env", variables);
        let folder = world.path("").display().to_string();
        let places = "/srv/vlens|/home/vlens|/var/lib/node_exporter/textfile".split('|');
        let line = line.expect("a line").to_owned();
        let line = places.fold(line, |line, place| line.replace(place, &folder));
        let ledger = format!("VLENS_LEDGER={folder}/acme.db");
        let cron = std::process::Command::new("env")
            .args(["-i", "HOME=/nonexistent", &path, &ledger])
            .args(["sh", "-c", &line])
            .output()
            .unwrap();
        let mailed = String::from_utf8([cron.stderr, cron.stdout].concat()).unwrap();
        assert_eq!(cron.status.code(), Some(code), "{case}: {mailed}");
        let lines = usize::from(code != 0);
        assert_eq!(mailed.lines().count(), lines, "{case}: {mailed}");
        assert!(mailed.contains(words), "{case}: {mailed}");
    }
}

#[test]
fn whatever_does_not_end_well_says_why() {
    let world = World::with_server();
    world.customers("good.csv", 3);
    world.phones("bad.csv", ["12345"]);
    world.sent("good.csv --limit 1", 4);
    for (line, code) in rows::<(&str, i32)>("unattended.not_well") {
        for options in rows::<&str>("unattended.options") {
            let ended = closed(world.line(&format!("{line}{options}"))).ends(code);
            assert!(!ended.stderr.is_empty(), "{ended}");
            if options.contains("-q") {
                assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
            }
            if options.contains("log-format") {
                let last = event(ended.stderr.lines().last().unwrap());
                let level = if [2, 5].contains(&code) {
                    "ERROR"
                } else {
                    "WARN"
                };
                let told = pick(&last, ["level", "exit_code"]);
                assert_eq!(told, json!([level, code]), "{ended}");
                assert!(last["reason"].is_string(), "{last}");
            }
        }
    }
}

#[test]
fn wrong_usage_says_in_its_first_line_what_is_wrong() {
    let world = World::new();
    for (line, told) in rows::<(&str, &str)>("unattended.usage") {
        for options in ["", "-q"] {
            let words = options.split(' ').chain(line.split(' '));
            let words = words.filter(|word| !word.is_empty());
            let ended = world.vlens(words).ends(2);
            let first = ended.stderr.lines().next().unwrap();
            let is_first = first.starts_with("error: ") && first.contains(told);
            assert!(is_first, "{ended}");
        }
    }
}

#[test]
fn a_result_that_nobody_gets_is_how_the_run_ended() {
    let world = World::with_customers(2);
    let metrics = "--metrics-file vlens.prom";
    for options in ["", "-q", "--log-format json", "-q --log-format json"] {
        let line = format!("customers.csv {metrics} {options}");
        let line = line.trim_end();
        let ended = world.send(line).after_shell("exec >/dev/full").ends(1);
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.contains("The result cannot be written"), "{ended}");
        assert!(!last.contains("INFO"), "{ended}");
        if options.contains("json") {
            let told = pick(&event(last), ["level", "exit_code"]);
            assert_eq!(told, json!(["ERROR", 1]));
        }
        let metrics = world.read("vlens.prom");
        assert!(metrics.contains("vlens_batch_exit_code{tenant=\"sandbox\"} 1\n"));
        assert!(!metrics.contains("last_success"), "{metrics}");
    }
    // Metrics that cannot be written are no end of the run.
    let ended = world.sent("customers.csv --metrics-file none/vlens.prom", 0);
    let last = ended.stderr.lines().last().unwrap();
    let is_end = last.contains("run ended") && last.contains("exit_code=0");
    assert!(is_end, "{ended}");
    let quiet = world.sent("customers.csv --metrics-file none/vlens.prom -q", 0);
    quiet.complains_of("none/vlens.prom cannot be written");
}

#[test]
fn metrics_have_the_promised_names_and_the_last_success_outlives_a_failure() {
    let world = World::with_server();
    world.customers("good.csv", 2);
    world.phones("bad.csv", ["12345"]);
    let metrics = |file: &str, code: i32| {
        closed(world.send(&format!("{file} --metrics-file vlens.prom"))).ends(code);
        world.read("vlens.prom")
    };
    let after_success = metrics("good.csv", 0);
    let types = after_success
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE vlens_batch_"));
    let mut families: Vec<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    families.sort_unstable();
    let names = "exit_code last_end_timestamp_seconds last_success_timestamp_seconds requests_total rows run_seconds throttled_total";
    let names: Vec<&str> = names.split(' ').collect();
    assert_eq!(families, names);
    assert!(after_success.contains("vlens_batch_rows{tenant=\"sandbox\",status=\"created\"} 2\n"));
    assert!(after_success.contains("vlens_batch_exit_code{tenant=\"sandbox\"} 0\n"));
    for line in after_success.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("{tenant=\"sandbox\""), "{line}");
    }
    let alerts = include_str!("../../samples/cron/alerts.yml");
    for name in alerts.split("vlens_batch_").skip(1) {
        let mut words = name.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let name = words.next().unwrap();
        assert!(names.contains(&name), "{name}");
    }
    let of = |text: &str, family: &str| -> Vec<String> {
        let begins = format!("vlens_batch_{family}{{");
        let lines = text.lines().filter(|line| line.starts_with(&begins));
        lines.map(str::to_owned).collect()
    };
    let success = |text: &str| of(text, "last_success_timestamp_seconds");
    let after_failure = metrics("bad.csv", 3);
    assert!(after_failure.contains("vlens_batch_exit_code{tenant=\"sandbox\"} 3\n"));
    assert_eq!(success(&after_failure), success(&after_success));
    assert_eq!(success(&after_failure).len(), 1);
    // A run under way, and one that was killed, has no exit code, and all else as it was; before anybody is sent as well.
    world.phones("hangs.csv", ["+201555000600"]);
    let accepted = world.accepted().len();
    let run = || world.send("hangs.csv --metrics-file vlens.prom");
    run().env("VLENS_BATCH_FAILPOINT", "before_imported").run();
    assert!(!world.read("vlens.prom").contains("exit_code"));
    world.begun(run(), accepted).kill();
    let killed = world.read("vlens.prom");
    assert!(
        !killed.contains("exit_code") && killed.contains("last_end"),
        "{killed}"
    );
    let pending = "{tenant=\"sandbox\",status=\"pending\"} 1\n";
    assert!(killed.contains(pending), "{killed}");
    assert_eq!(success(&killed), success(&after_success));
    let after_nothing = metrics("missing.csv", 5);
    let exits = of(&after_nothing, "exit_code");
    assert_eq!(exits, ["vlens_batch_exit_code{tenant=\"sandbox\"} 5"]);
    assert_eq!(success(&after_nothing), success(&after_success));
}

#[test]
fn metrics_of_what_could_not_begin_name_the_sheets_tenant() {
    let world = World::new();
    world.config("[api]\ntenancy_name = \"another\"\n");
    world.file("sub/vlens-batch.toml", "[api]\ntenancy_name = \"acme\"\n");
    world.file("sub/c.csv", "");
    for command in ["run sub/c.csv", "inbox sub --settled 0s"] {
        let line = world.line(&format!("{command} --metrics-file vlens.prom"));
        line.without_env("VLENS_TENANCY_NAME").ends(5);
        let metrics = world.read("vlens.prom");
        let is_told = metrics.contains("exit_code{tenant=\"acme\"} 5\n");
        assert!(is_told, "{metrics}");
        std::fs::remove_file(world.path("vlens.prom")).expect("metrics");
    }
}
