//! What must not be seen by others: nothing personal and no secret on stderr, in logs and in metrics, whatever Vlens answers;
//! and files that nobody but their owner can open, whatever the umask.

use vlens_batch::sandbox::BEHAVIOURS;

use crate::support::{Customer, DATA_FOLDER, Serve, World, sheet};

const NAME: &str = "Nefertari Ashmawy";

/// Pauses the run for seconds and answers nothing that the others do not.
const SLOW: &str = "+201555000432";

/// Answers that stop a run, for good.
const STOPPING: [&str; 6] = ["401", "401_in_200", "403", "404", "405", "302"];

/// Every recipient that stops a run, or every other that makes the sandbox answer oddly.
fn magic_phones(stopping: bool) -> Vec<&'static str> {
    let mut phones = Vec::new();
    for behaviour in &*BEHAVIOURS {
        let stops = STOPPING.contains(&behaviour.name.as_str());
        if stops == stopping {
            phones.extend(behaviour.always.iter().map(String::as_str));
        }
        if !stopping {
            phones.extend(behaviour.once.iter().map(String::as_str));
        }
    }
    phones
}

fn magic_sheet() -> Vec<Customer> {
    let mut customers = vec![Customer::new(1).name(NAME)];
    let odd = magic_phones(false)
        .into_iter()
        .filter(|phone| *phone != SLOW);
    customers.extend(odd.enumerate().map(|(n, phone)| {
        Customer::new(500 + n)
            .phone(phone)
            .name(&format!("{NAME} {n}"))
    }));
    customers
}

#[track_caller]
fn assert_private(world: &World, place: &str, text: &str) {
    for customer in magic_sheet() {
        assert!(
            !text.contains(&customer.phone[1..]),
            "a phone in {place}:\n{text}"
        );
    }
    let mut secrets = vec![
        NAME.to_owned(),
        "Nefertari".to_owned(),
        "sandbox-password".to_owned(),
        "sandbox-api-key".to_owned(),
    ];
    secrets.extend(
        world
            .server_log()
            .into_iter()
            .filter_map(|record| record.token),
    );
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} in {place}:\n{text}");
    }
    assert!(!text.contains("Bearer"), "a token in {place}:\n{text}");
}

#[test]
fn nothing_personal_is_said_at_any_verbosity_whatever_vlens_answers() {
    let world = World::with(Serve::default());
    world.config(
        "[limits]\ntimeout_seconds = 1\nmax_attempts = 1\nmax_consecutive_failures = 1000\n",
    );
    world.file("customers.csv", sheet(&magic_sheet()));
    for format in ["text", "json"] {
        let run = world
            .send("customers.csv")
            .args(["-vv", "--log-format", format, "--metrics-file", "run.prom"])
            .args(["--resend-uncertain", "--retry-rejected"])
            .run()
            .expect(3);
        assert_private(&world, "stderr", &run.stderr);
        assert_private(&world, "stdout", &run.stdout);
    }
    let metrics = std::fs::read_to_string(world.path("run.prom")).unwrap();
    assert_private(&world, "metrics", &metrics);
    for command in [
        &["status"][..],
        &["status", "--row", "2"],
        &["runs"],
        &["doctor"],
        &["report"],
    ] {
        let said = world.vlens(command).args(["-vv"]).run();
        assert_private(&world, command[0], &(said.stdout + &said.stderr));
    }
    let check = world.vlens(["check", "customers.csv", "-vv"]).run();
    assert_private(&world, "check's stderr", &check.stderr);
}

#[test]
fn a_recipient_that_stops_the_run_is_not_named_either() {
    let world = World::with_server();
    for (n, phone) in magic_phones(true).into_iter().enumerate() {
        let customer = Customer::new(n).phone(phone).name(NAME);
        world.file("one.csv", sheet([&customer]));
        let ledger = format!("{n}.db");
        let run = world
            .send("one.csv")
            .args(["-vv", "--ledger", &ledger])
            .run()
            .expect(6);
        assert_private(&world, "stderr", &(run.stderr + &run.stdout));
    }
}

#[test]
fn a_header_row_that_is_really_a_customer_is_masked_wherever_columns_are_told() {
    let world = World::new();
    let personal = [
        NAME,
        "Nefertari",
        "01099887766",
        "nefertari@example.com",
        "29001011234567",
        "٢٩٠٠١٠١١٢٣٤٥٦٨",
    ];
    world.file(
        "c.csv",
        format!(
            "{NAME},{},{},{},{}\nAli,01112345678,a@example.com,5,29001011234577\n",
            personal[2], personal[3], personal[4], personal[5]
        ),
    );
    world.file(
        "twice.csv",
        format!("{NAME},{NAME},{}\nAli,Ali,01112345678\n", personal[2]),
    );
    world.file(
        "form.csv",
        format!("phone,{NAME},{}\n01112345678,Ali,5\n", personal[4]),
    );
    world.file(
        "contract-types/414.json",
        include_str!("../../src/sandbox/forms/414.json"),
    );
    let mapped = "[recipient]\nphone = \"Mobile\"\n[contract]\ntypes = [414]\n[fields.414]\na = \"Nefertary Ashmawy\"\n";
    let silent = "[contract]\ntypes = [414]\n";
    let doubled = format!(
        "[recipient]\nphone = \"{}\"\n[contract]\ntypes = [414]\n[fields.414]\na = \"Nefertari  Ashmawy\"\n",
        personal[2]
    );
    for (config, file) in [
        (mapped, "c.csv"),
        (silent, "c.csv"),
        (silent, "form.csv"),
        (&doubled, "twice.csv"),
        (&doubled, "c.csv"),
    ] {
        world.config(config);
        for command in [
            &["check"][..],
            &["run", "--dry-run", "--sandbox"],
            &["init", "--force", "--yes", "--config", "x.toml"],
        ] {
            let said = world
                .vlens(command)
                .args([file, "-vv", "--header-row", "1"])
                .run();
            for value in personal {
                // What the config itself says is shown with its line.
                let told = said
                    .stderr
                    .lines()
                    .chain(said.stdout.lines())
                    .filter(|line| !line.contains(" = \""));
                let told: Vec<&str> = told.filter(|line| line.contains(value)).collect();
                assert!(
                    told.is_empty(),
                    "{value} in {command:?} {file} under {config}:\n{told:?}"
                );
            }
        }
    }
    world.config(mapped);
    let check = world.vlens(["check", "c.csv"]).run().expect(5);
    check
        .complains_of("c.csv: the sheet has no column `Mobile`")
        .complains_of("its columns are: N***, 010****7766");
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone_under_any_umask() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with(Serve::default().latency("50"));
    world.customers("customers.csv", 400);
    let mode_of = |path: std::path::PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some(metadata.permissions().mode() & 0o777)
    };
    let mode = |name: &str| mode_of(world.path(name));
    let mut run = world
        .send("customers.csv")
        .args(["--concurrency", "2"])
        .after_shell("umask 000")
        .start();
    run.until("the first invitation", || !world.accepted().is_empty());
    for name in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(mode_of(world.beside_ledger(name)), Some(0o600), "{name}");
    }
    assert_eq!(mode(DATA_FOLDER), Some(0o700));
    run.kill();
    for (args, output) in [
        (["export", "--output"], "out.csv"),
        (["export", "--output"], "out.xlsx"),
        (["export", "--output"], "out.jsonl"),
        (["report", "--output"], "out.html"),
    ] {
        world
            .vlens(args)
            .args([output])
            .after_shell("umask 000")
            .run()
            .expect(0);
        assert_eq!(mode(output), Some(0o600), "{output}");
    }
    world
        .vlens(["check", "customers.csv", "--annotate", "marked.xlsx"])
        .after_shell("umask 000")
        .run()
        .expect(0);
    assert_eq!(mode("marked.xlsx"), Some(0o600));
}
