//! As cron runs it: no terminal, an empty environment, a closed standard input. Every command ends by itself, asks nothing,
//! and leaves one line to find it by.

use serde_json::Value;

use crate::support::{Customer, Vlens, World, sheet};

/// Closes what a command could wait on.
fn closed(vlens: Vlens) -> Vlens {
    vlens.after_shell("exec <&-")
}

#[test]
fn every_command_ends_without_anybody_there() {
    let world = World::with_server();
    world.customers("customers.csv", 3);
    world.file(
        "uncertain.csv",
        sheet(&[Customer::new(9).phone("+201555000500")]),
    );
    for (args, code) in [
        (
            &["init", "customers.csv", "--contract-type", "414"][..],
            None,
        ),
        (&["check", "customers.csv"], Some(0)),
        (&["run", "customers.csv", "--dry-run"], Some(0)),
        (&["status"], Some(5)),
        (&["runs"], Some(5)),
        (&["export"], Some(5)),
        (&["report"], Some(5)),
        (&["resume"], Some(5)),
        (&["retry", "--failed"], Some(5)),
        (&["settle", "--all", "--as", "created"], Some(5)),
        (&["purge", "--older-than", "90d"], Some(5)),
        (&["doctor"], Some(0)),
        (&["run", "customers.csv"], Some(0)),
        (&["run", "-"], None),
        (&["resume"], Some(0)),
        (&["retry", "--failed"], Some(0)),
        (&["run", "uncertain.csv"], Some(3)),
        (&["settle", "--all", "--as", "created"], Some(0)),
        (&["status"], Some(0)),
        (&["runs"], Some(0)),
        (&["export"], Some(0)),
        (&["report"], Some(0)),
        (&["purge", "--older-than", "90d"], Some(0)),
        (&["contract-types"], Some(0)),
        (&["contract-types", "pull", "414"], Some(0)),
        (&["template", "414", "--output", "form.xlsx"], Some(0)),
        (&["completions", "bash"], Some(0)),
        (&["man"], Some(0)),
        (&["doctor"], Some(0)),
    ] {
        let ended = closed(world.vlens(args)).run();
        match code {
            Some(code) => drop(ended.expect(code)),
            None => assert!(ended.code().is_some(), "{ended}"),
        }
        // What `init` proposed is not what the following commands are about.
        let _ = std::fs::remove_file(world.path("vlens-batch.toml"));
    }
}

#[cfg(unix)]
#[test]
fn the_sandbox_ends_when_told_to() {
    let world = World::new();
    let log = world.path("seen.jsonl");
    let mut sandbox = closed(world.line("sandbox --json --log seen.jsonl")).start();
    sandbox.until("its log", || log.exists());
    // It watches for signals a moment after it has opened its log.
    std::thread::sleep(std::time::Duration::from_millis(300));
    sandbox.signal(rustix::process::Signal::TERM);
    sandbox.wait().expect(0);
}

#[test]
fn json_logs_are_json_throughout_and_tell_which_run_it_was() {
    let world = World::with_server();
    let mut customers = crate::support::customers(30);
    customers.push(Customer::new(90).phone("+201555000400"));
    customers.push(Customer::new(91).phone("+201555000429"));
    world.file("customers.csv", sheet(&customers));
    for verbosity in [&[][..], &["-v"], &["-vv"]] {
        let run = closed(
            world
                .send("customers.csv --log-format json --retry-rejected")
                .args(verbosity),
        )
        .ends(3);
        let number = run.json()["run"].clone();
        let events: Vec<Value> = run
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect();
        for event in &events {
            assert_eq!(event["run"], number, "{event}");
            assert!(
                event["timestamp"].is_string() && event["level"].is_string(),
                "{event}"
            );
        }
        let told = |words: &str| {
            events
                .iter()
                .filter(|event| event["message"] == words)
                .count()
        };
        assert_eq!((told("run begins"), told("run ended")), (1, 1), "{run}");
        let last = events.last().unwrap();
        assert_eq!(
            (&last["exit_code"], &last["rejected"]),
            (&3.into(), &1.into())
        );
        assert_eq!(last["level"], "WARN");
        assert!(
            last["reason"].as_str().unwrap().contains("1 rejected"),
            "{last}"
        );
    }
}

/// The line of samples/cron as cron runs it: what it mails is one line, and none on success.
#[test]
fn the_cron_line_mails_one_line_when_something_is_wrong_and_nothing_else() {
    let crontab = include_str!("../../samples/cron/crontab");
    let mut lines = crontab
        .lines()
        .filter_map(|line| line.strip_prefix("30 1 * * *  "));
    let line = lines.next().unwrap();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_vlens-batch"))
        .parent()
        .unwrap();
    for (case, code, words) in [
        ("all is well", 0, ""),
        ("a wrong password", 6, "does not accept the credentials"),
        ("a missing file", 5, "customers.csv"),
        ("an invalid row", 3, "1 invalid"),
        ("a config that is none", 5, "vlens-batch.toml"),
    ] {
        let world = World::with_server();
        let row = if case == "an invalid row" {
            Customer::new(1).phone("123")
        } else {
            Customer::new(1)
        };
        if case != "a missing file" {
            world.file("customers.csv", sheet([&row]));
        }
        if case == "a config that is none" {
            world.config("[limits\n");
        }
        let mut variables = world.variables();
        if case == "a wrong password" {
            variables.retain(|(name, _)| name != "VLENS_PASSWORD");
            variables.push(("VLENS_PASSWORD".to_owned(), "wrong".to_owned()));
        }
        let variables = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"));
        world.file("vlens.env", variables.collect::<String>());
        let folder = world.path("").display().to_string();
        let line = line
            .replace("/srv/vlens", &folder)
            .replace("/home/vlens", &folder)
            .replace("/var/lib/node_exporter/textfile", &folder);
        let cron = std::process::Command::new("env")
            .args([
                "-i",
                "HOME=/nonexistent",
                &format!("PATH={}:/usr/bin:/bin", bin.display()),
            ])
            .args(["VLENS_LEDGER=acme.db", "sh", "-c", &line])
            .output()
            .unwrap();
        let mailed =
            String::from_utf8(cron.stderr).unwrap() + &String::from_utf8(cron.stdout).unwrap();
        assert_eq!(cron.status.code(), Some(code), "{case}: {mailed}");
        assert_eq!(
            mailed.lines().count(),
            usize::from(code != 0),
            "{case}: {mailed}"
        );
        assert!(mailed.contains(words), "{case}: {mailed}");
    }
}

#[test]
fn whatever_does_not_end_well_says_why() {
    let world = World::with_server();
    world.customers("good.csv", 3);
    world.file("bad.csv", sheet(&[Customer::new(9).phone("12345")]));
    world.sent("good.csv --limit 1", 4);
    for (line, code) in [
        ("fly", 2),
        ("retry", 2),
        ("check bad.csv", 3),
        ("check bad.csv --show 1", 3),
        ("run bad.csv --dry-run", 3),
        ("run bad.csv --on-invalid stop", 3),
        ("run good.csv --expect 2", 3),
        ("run good.csv --expect 2 --dry-run", 3),
        ("run good.csv --limit 0", 4),
        ("status", 4),
        ("run none.csv", 5),
        ("status 999", 5),
        ("doctor --config none.toml", 5),
    ] {
        for options in [
            &[][..],
            &["-q"],
            &["--json"],
            &["-q", "--json"],
            &["-q", "--log-format", "json"],
        ] {
            let ended = closed(world.vlens(line.split(' ')).args(options)).ends(code);
            assert!(!ended.stderr.is_empty(), "{ended}");
            if options.contains(&"-q") && code != 2 {
                assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
            }
            if options.contains(&"json") && code != 2 {
                let event: Value = serde_json::from_str(&ended.stderr).unwrap();
                let level = if code == 5 { "ERROR" } else { "WARN" };
                assert_eq!(
                    (&event["level"], &event["exit_code"]),
                    (&level.into(), &code.into())
                );
                assert!(event["reason"].is_string(), "{event}");
            }
        }
    }
}

#[test]
fn failures_are_json_as_well_where_that_was_asked_for() {
    let world = World::new();
    let run = closed(world.line("run none.csv --log-format json")).run();
    assert_eq!(run.stderr.lines().count(), 1, "{run}");
    let event: Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert_eq!(
        (&event["level"], &event["exit_code"]),
        (&"ERROR".into(), &5.into())
    );
    run.expect(5);
}

#[test]
fn metrics_have_the_promised_names_and_the_last_success_outlives_a_failure() {
    let world = World::with_server();
    world.customers("good.csv", 2);
    world.file("bad.csv", sheet(&[Customer::new(9).phone("12345")]));
    let metrics = |file: &str, code: i32| {
        let run = world.send(file).args(["--metrics-file", "vlens.prom"]);
        closed(run).ends(code);
        world.read("vlens.prom")
    };
    let after_success = metrics("good.csv", 0);
    let mut families: Vec<&str> = after_success
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    families.sort_unstable();
    assert_eq!(
        families,
        [
            "vlens_batch_exit_code",
            "vlens_batch_last_end_timestamp_seconds",
            "vlens_batch_last_success_timestamp_seconds",
            "vlens_batch_requests_total",
            "vlens_batch_rows",
            "vlens_batch_run_seconds",
            "vlens_batch_throttled_total",
        ]
    );
    assert!(after_success.contains("vlens_batch_rows{tenant=\"sandbox\",status=\"created\"} 2\n"));
    assert!(after_success.contains("vlens_batch_exit_code{tenant=\"sandbox\"} 0\n"));
    for line in after_success.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("{tenant=\"sandbox\""), "{line}");
    }
    let alerts = include_str!("../../samples/cron/alerts.yml");
    for name in alerts.split("vlens_batch_").skip(1) {
        let name = name
            .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .next()
            .unwrap();
        assert!(
            families.contains(&&*format!("vlens_batch_{name}")),
            "{name}"
        );
    }
    let success = |text: &str| {
        let name = "vlens_batch_last_success_timestamp_seconds{";
        text.lines()
            .find(|line| line.starts_with(name))
            .map(str::to_owned)
    };
    let after_failure = metrics("bad.csv", 3);
    assert!(after_failure.contains("vlens_batch_exit_code{tenant=\"sandbox\"} 3\n"));
    assert_eq!(success(&after_failure), success(&after_success));
    assert!(success(&after_failure).is_some());
    // A run under way, and one that was killed, has no exit code, and all else as it was.
    world.file(
        "hangs.csv",
        sheet(&[Customer::new(3).phone("+201555000600")]),
    );
    let mut run = world.send("hangs.csv --metrics-file vlens.prom").start();
    run.until("it was accepted", || {
        !world.accepted().iter().all(|key| key != "+201555000600")
    });
    run.kill();
    let killed = world.read("vlens.prom");
    assert!(
        !killed.contains("exit_code") && killed.contains("last_end"),
        "{killed}"
    );
    assert!(
        killed.contains("{tenant=\"sandbox\",status=\"pending\"} 1\n"),
        "{killed}"
    );
    assert_eq!(success(&killed), success(&after_success));
    let after_nothing = metrics("missing.csv", 5);
    let exits: Vec<&str> = after_nothing
        .lines()
        .filter(|line| line.starts_with("vlens_batch_exit_code"))
        .collect();
    assert_eq!(exits, ["vlens_batch_exit_code{tenant=\"sandbox\"} 5"]);
    assert_eq!(success(&after_nothing), success(&after_success));
}

#[test]
fn the_units_pass_the_systems_own_check() {
    let world = World::new();
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/cron");
    let bin = env!("CARGO_BIN_EXE_vlens-batch");
    let unit = |name: &str, installed: &str| {
        let text = std::fs::read_to_string(format!("{samples}/{name}")).unwrap();
        world.file(installed, text.replace("/usr/local/bin/vlens-batch", bin))
    };
    let units = [
        unit("vlens-batch.service", "vlens-batch.service"),
        unit("vlens-batch.timer", "vlens-batch.timer"),
        unit("vlens-batch.service", "vlens-batch-inbox.service"),
        unit("vlens-batch-inbox.timer", "vlens-batch-inbox.timer"),
        unit("vlens-batch@.service", "vlens-batch@acme.service"),
        unit("vlens-batch@.timer", "vlens-batch@acme.timer"),
    ];
    let verified = std::process::Command::new("systemd-analyze")
        .arg("verify")
        .args(units)
        .output();
    // Where there is no systemd, there is nothing to ask.
    if let Ok(verified) = verified {
        let said = String::from_utf8_lossy(&verified.stderr);
        assert!(verified.status.success(), "{said}");
    }
}
