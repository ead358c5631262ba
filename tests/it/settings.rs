//! Flag, then environment, then TOML, then default; secrets in none of the wrong places; mistakes shown where they are.

use serde_json::json;

use crate::support::{NAMES, Promise, World, as_saved, pick, rows};

const SECRET: &str = "s3cr3t-that-nobody-may-see";

/// At one a minute this would take ten.
#[test]
fn flags_win_over_the_environment_and_that_over_the_toml() {
    let world = World::with_server();
    world.config(
        "[api]\nbase_url = \"http://127.0.0.1:9\"\ntenancy_name = \"other\"\n\
         [limits]\nper_second = 1\nper_minute = 1\n[contract]\ntypes = [415]\n",
    );
    world.file("customers.csv", "phone\n01012345678\n01112345678\n");
    // As a name is that was copied from a page in Arabic.
    let run = world.send("customers.csv --contract-type 414");
    let run = run.env("VLENS_TENANCY_NAME", " sandbox\u{200f}");
    let summary = run.ends(0).json();
    let api = pick(&summary, ["base_url", "tenancy_name"]);
    assert_eq!(api, json!([world.base_url(), "sandbox"]));
    for record in world.invitations() {
        let permissions = record.json()["SessionInput"]["sessionPermissions"].clone();
        assert_eq!(permissions["allowedContractTypeIds"], json!([414]));
    }
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let all = [
        "VLENS_API_KEY",
        "VLENS_USERNAME",
        "VLENS_PASSWORD",
        "VLENS_TENANCY_NAME",
    ];
    let world = World::with_customers(1);
    for unset in [&all[..], &all[1..3], &all[3..]] {
        for line in ["run customers.csv --yes --json", "contract-types --json"] {
            let run = world.line(line).without_envs(unset.iter().copied());
            let run = run.ends(5);
            run.fails_with("credentials_missing");
            let error = run.json()["error"].clone();
            let message = error["message"].as_str().unwrap();
            for name in all {
                assert_eq!(message.contains(name), unset.contains(&name), "{message}");
            }
            assert!(error["hint"].as_str().unwrap().contains("--sandbox"));
        }
    }
    assert!(world.accepted().is_empty());
}

#[test]
fn the_ledger_is_where_flag_then_environment_then_the_tenant_say() {
    let world = World::with_server();
    world.customers("data/customers.csv", 1);
    let run = || world.send("data/customers.csv");
    let first = run().ends(0).json();
    assert_eq!(first["ledger"], world.ledger().display().to_string());
    // Whatever the folder, a tenant has one memory.
    let config = format!("[api]\nbase_url = \"{}\"\n", world.base_url());
    world.file("july/vlens-batch.toml", config);
    world.customers("july/customers.csv", 1);
    let second = world.sent("july/customers.csv", 0).json();
    assert_eq!(second["counts"]["already_created"], 1);
    assert!(world.ledger().exists(), "in the user's data folder");
    let from_env = world.path("from-env.db");
    run().env("VLENS_LEDGER", &from_env).ends(0);
    assert!(from_env.exists());
    // It would be another in each folder.
    for (variable, value) in [("VLENS_LEDGER", "from-env.db"), ("HOME", "home")] {
        let run = run().env(variable, value).ends(5);
        run.fails_with("ledger_place_unknown");
    }
    let both = run().args(["--ledger", "from-flag.db"]);
    both.env("VLENS_LEDGER", "ignored.db").ends(0);
    assert!(world.path("from-flag.db").exists() && !world.path("ignored.db").exists());
    // A link leads to one that is not there yet, whatever way its folder is written.
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, world.path(name)).unwrap();
    link("data", "there");
    link("data/../there/linked.db", "link.db");
    link("loop.db", "loop.db");
    run().args(["--ledger", "link.db"]).ends(0);
    assert!(world.path("data/linked.db.lock").exists() && !world.path("link.db.lock").exists());
    run().args(["--ledger", "loop.db"]).ends(1);
    let xdg = world.path("xdg");
    run().env("XDG_DATA_HOME", &xdg).ends(0);
    assert!(std::fs::read_dir(xdg.join("vlens-batch")).unwrap().count() > 0);
    // A job that no home was given to says so, whatever the system's list of users holds.
    let homeless = run().without_env("HOME").ends(5);
    homeless.complains_of("VLENS_LEDGER");
    let elsewhere = run().without_env("HOME").env("VLENS_LEDGER", &from_env);
    elsewhere.ends(0);
}

#[test]
fn a_rehearsal_has_its_ledger_beside_the_sheet_whatever_else_is_set() {
    let world = World::with_server();
    world.customers("data/customers.csv", 1);
    world.config("");
    for (more, ledger) in [
        ("", "data/vlens-batch.sandbox.db"),
        (" --ledger named.db", "named.db"),
    ] {
        let run = world.line(&format!("run data/customers.csv --sandbox --json{more}"));
        let run = run.env("VLENS_LEDGER", world.path("real.db")).ends(0);
        assert_eq!(run.json()["ledger"], ledger);
    }
    assert!(!world.path("real.db").exists());
    assert!(world.server_log().is_empty());
}

#[test]
fn who_names_no_tenant_gets_the_one_ledger_there_is_or_a_list() {
    let world = World::with_customers(1);
    let nameless = |line: &str, code| {
        let asked = world.line(line).without_env("VLENS_TENANCY_NAME");
        asked.ends(code)
    };
    nameless("status --json", 5);
    world.sent("customers.csv", 0);
    assert_eq!(nameless("status --json", 0).json()["rows"], 1);
    std::fs::copy(world.ledger(), world.ledger().with_file_name("giza.db")).unwrap();
    nameless("status", 5)
        .complains_of(&world.ledger().display().to_string())
        .complains_of("giza.db")
        .complains_of("--ledger");
    // A check goes on without, and says so.
    nameless("check customers.csv", 0).complains_of("giza.db");
}

#[test]
fn what_the_environment_names_wrongly_is_blamed_itself() {
    let world = World::with_customers(1);
    world.file("no-certificate.pem", "nothing here\n");
    let blamed = |line: &str| {
        let ended = world.line(line).env("VLENS_CA_FILE", "no-certificate.pem");
        ended.ends(5)
    };
    blamed("doctor").shows("holds no certificate");
    blamed("run customers.csv").complains_of("holds no certificate");
    let piped = world
        .line("check -")
        .stdin("phone,contractTypeId\n01012345678,414\n");
    let piped = piped.env("TMPDIR", "/no/such/folder").ends(1);
    piped.complains_of("TMPDIR");
}

#[test]
fn mistakes_in_a_config_are_shown_in_their_place_and_nothing_is_sent() {
    let world = World::with_server();
    world.file("customers.csv", "Mobile,Customer name\n01012345678,Mona\n");
    for (toml, place, told) in rows::<(&str, &str, Vec<&str>)>("settings.mistakes") {
        world.config(toml);
        let refused = world.ran("run customers.csv", 5);
        refused.complains_of(&format!("vlens-batch.toml:{place}"));
        for words in told {
            refused.complains_of(words);
        }
    }
    assert!(world.server_log().is_empty());
}

/// Whatever the key is called.
#[test]
fn a_secret_in_the_toml_is_refused_and_never_shown() {
    let world = World::with_customers(1);
    for line in rows::<&str>("settings.secrets") {
        world.config(&format!("[api]\n{}\n", line.replace("SECRET", SECRET)));
        for line in ["run customers.csv -vv", "check customers.csv --json"] {
            world.ran(line, 5).complains_of("2").hides(SECRET);
        }
    }
}

#[test]
fn a_link_that_no_token_makes_is_refused_before_anybody_is_invited() {
    let world = World::with_server();
    world.customers("inbox/customers.csv", 1);
    let config = world.file(
        "inbox/vlens-batch.toml",
        "[result]\nlink = 'x/{{ tokn }}'\n",
    );
    for line in [
        "check inbox/customers.csv",
        "run inbox/customers.csv",
        "run inbox/customers.csv --dry-run",
        "inbox inbox --settled 0s",
    ] {
        let refused = world.ran(line, 5);
        refused
            .complains_of("vlens-batch.toml:2")
            .complains_of("tokn");
    }
    std::fs::rename(config, world.path("inbox/customers.vlens-batch.toml")).unwrap();
    world.ran("inbox inbox --settled 0s", 5);
    assert!(world.read("inbox/customers.error.txt").contains("tokn"));
    assert!(world.server_log().is_empty());
}

#[test]
fn what_the_config_leaves_open_is_looked_up_in_the_users_own() {
    let world = World::with_server();
    let own = |text: &str| world.file(".config/vlens-batch/config.toml", text);
    world.file("customers.csv", "Mobile\n01012345678\n");
    let config = "[recipient]\nphone = \"Mobile\"\n[contract]\ntypes = [414]\n";
    world.config(config);
    world.file("team.key", "k".repeat(64));
    own("[team]\nregister = \"postgres://mona@127.0.0.1:1/x\"\n");
    let alone = world.send("customers.csv --max-duration 1s");
    let alone = alone.env("VLENS_REGISTER_KEY_FILE", "team.key").run();
    assert_ne!(alone.code(), Some(0), "{alone}");
    assert!(world.invitations().is_empty(), "{alone}");
    own(
        "[session]\nkind = \"auth\"\nuser_public_key_file = \"key.pem\"\n[recipient]\ncountry = \"SA\"\n",
    );
    world.file(".config/vlens-batch/key.pem", "MIIB\n");
    world.file("customers.csv", "Mobile\n0512345678\n");
    world.sent("customers.csv", 0);
    let body = world.invitations()[0].json();
    assert_eq!(
        pick(&body, ["phoneNumber", "userPublicKey"]),
        json!(["+966512345678", "MIIB\n"])
    );
    for no_key in ["-----BEGIN RSA PRIVATE KEY-----\nMIIB\n", " \n"] {
        world.file(".config/vlens-batch/key.pem", no_key);
        let refused = world.ran("check customers.csv --show 1", 5);
        refused.complains_of("public half");
        assert!(!refused.to_string().contains("MIIB"), "{refused}");
    }
    // What is wrong there is told of that file.
    world.config("");
    own("[contract]\ntypes = [414]\n[recipient]\nphone = \"Mobil\"\n");
    let refused = world.ran("run customers.csv", 5);
    refused
        .complains_of("config.toml:4:9")
        .complains_of("phone = \"Mobil\"");
}

#[test]
fn quiet_is_quiet_on_success() {
    let world = World::with_customers(2);
    for line in [
        "run customers.csv -q --rate unlimited",
        "check customers.csv -q",
        "status -q",
    ] {
        let finished = world.ran(line, 0);
        assert_eq!(finished.stderr, "", "{finished}");
    }
    world.check_invariants(&Promise::default());
}

/// As Notepad and PowerShell write them; and the config serves where the environment is silent.
#[test]
fn config_and_secrets_are_read_with_a_byte_order_mark_and_in_utf_16() {
    for way in 0..3 {
        let world = World::with_customers(1);
        let write = |name: &str, text: &str| world.file(name, &as_saved(text)[way]);
        let base_url = world.base_url();
        let config = format!(
            "[api]\r\nbase_url = \"{base_url}\"\r\ntenancy_name = \"sandbox\"\r\napi_key_file = \"key.txt\"\r\n"
        );
        write("vlens-batch.toml", &config);
        write("key.txt", "sandbox-api-key\r\n");
        let password = write("password.txt", "sandbox-password\r\n");
        let run = world.send("customers.csv").without_envs(NAMES);
        let run = run.env("VLENS_USERNAME", "admin@sandbox.example");
        run.env("VLENS_PASSWORD_FILE", password).ends(0);
    }
}

#[test]
fn a_config_with_one_ending_too_many_or_that_cannot_be_looked_at_is_not_passed_over() {
    let world = World::with_customers(1);
    let rename = "Rename it to vlens-batch.toml.";
    world.file("vlens-batch.toml.txt", "");
    world.ran("run customers.csv", 5).complains_of(rename);
    let named = world.ran("run customers.csv --config vlens-batch.toml", 5);
    named.complains_of(rename);
    world.config("");
    let own = world.file("customers.vlens-batch.toml.txt", "");
    world.ran("run customers.csv", 5).complains_of("Rename it");
    std::fs::remove_file(own).unwrap();
    for link in ["xdg/vlens-batch/config.toml", "customers.vlens-batch.toml"] {
        std::fs::create_dir_all(world.path("xdg/vlens-batch")).unwrap();
        std::os::unix::fs::symlink("away", world.path(link)).unwrap();
        let run = world.send("customers.csv");
        let run = run.env("XDG_CONFIG_HOME", world.path("xdg")).ends(5);
        run.fails_with("config_unreadable");
        std::fs::remove_file(world.path(link)).unwrap();
    }
    assert!(world.server_log().is_empty());
}

/// To open a pipe is to wait for who writes into it, or reads from it.
#[test]
fn pipes_and_devices_are_told_before_they_are_opened() {
    let world = World::with_created(1);
    world.file("keyed.toml", "[api]\npassword_file = \"pipe\"\n");
    for (line, variable, code) in rows::<(&str, &str, i32)>("settings.pipes") {
        let mut vlens = world.vlens(line.split(' '));
        if let Some(name) = variable.strip_suffix("_FILE") {
            vlens = vlens.without_env(name).env(variable, world.path("pipe"));
        } else if variable == "VLENS_NONE" {
            vlens = vlens.without_env("VLENS_PASSWORD");
        }
        let told = vlens.after_shell(
            "[ -p pipe ] || { mkfifo pipe; ln -s pipe link; ln -s /proc/self/fd/3 opened; }; exec 3>>kept",
        );
        let told = told.ends(code);
        assert!(!told.stderr.is_empty(), "{told}");
    }
    // None is taken for a ledger that can be moved out of the way, or has a lock beside it.
    let names = std::fs::read_dir(world.path("")).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name());
    assert!(names.all(|name| !name.to_string_lossy().starts_with("pipe.")));
    // What a shell hands over has its writer already.
    let run = world.send("customers.csv").without_env("VLENS_PASSWORD");
    let run = run.env("VLENS_PASSWORD_FILE", "/dev/fd/3");
    run.after_shell("echo sandbox-password > p; exec 3< p")
        .ends(0);
}

#[test]
fn a_dry_run_refuses_what_a_run_would() {
    let world = World::with_created(1);
    world.file("empty.pem", "");
    let ledger = world.ledger().display().to_string();
    for (unset, set, value, words) in rows::<(&str, &str, &str, &str)>("settings.dry") {
        for more in ["", " --dry-run"] {
            let run = world.send(&format!("customers.csv --ledger '{ledger}'{more}"));
            let run = run.without_env(unset).env(set, value).ends(5);
            run.complains_of(words).hides("s3cret");
        }
    }
}

#[test]
fn a_proxy_that_cannot_be_read_is_never_left_out() {
    let world = World::new();
    world.customers("customers.csv", 1);
    let account = NAMES.map(|name| (name, "https://127.0.0.2.invalid"));
    for (name, value, code) in rows::<(&str, &str, i32)>("settings.proxies") {
        let run = world.send("customers.csv --max-duration 1s").envs(account);
        run.env(name, value).ends(code).hides("s3cret");
    }
}

#[test]
fn what_a_kill_left_behind_is_cleared_by_the_next_run() {
    let world = World::with_created(1);
    let old = world.file(".vlens-batch-0ld", "half a report");
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    world.set_time(&old, hour_ago);
    let fresh = world.file(".vlens-batch-fresh", "another process's");
    world.ran("report --output report.html", 0);
    assert!(!old.exists() && fresh.exists());
}
