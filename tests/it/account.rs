//! `account`: asked once at a terminal, kept for this user alone, and sent nowhere but where it was kept for.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Vlens, World};

/// As the sandbox knows them.
const PASSWORD: &str = "sandbox-password";
const API_KEY: &str = "sandbox-api-key";
const NAMES: [&str; 5] = [
    "VLENS_BASE_URL",
    "VLENS_API_KEY",
    "VLENS_TENANCY_NAME",
    "VLENS_USERNAME",
    "VLENS_PASSWORD",
];

/// As who opens a terminal: nothing of Vlens in the environment.
fn bare(world: &World, line: &str) -> Vlens {
    NAMES
        .into_iter()
        .fold(world.vlens(line.split(' ')), Vlens::without_env)
}

fn answer(world: &World, password: &str) -> (i32, String) {
    let keys = format!("sandbox\radmin@sandbox.example\r{API_KEY}\r{password}\r");
    let account = bare(world, "account").env("VLENS_BASE_URL", world.base_url());
    account.on_a_terminal(&keys)
}

#[test]
fn a_first_batch_needs_no_variable_once_the_account_is_kept() {
    let world = World::with_server();
    world.customers("customers.csv", 2);
    let folder = world.path(".config/vlens-batch");
    let send = || bare(&world, "run customers.csv --rate unlimited --json");
    let missing = send().run().expect(5).json();
    assert!(
        missing["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("vlens-batch account")
    );

    let (code, screen) = answer(&world, "wrong");
    assert_eq!(code, 6, "{screen}");
    assert!(!folder.exists(), "what is refused is not kept\n{screen}");

    let (code, screen) = answer(&world, PASSWORD);
    assert_eq!(code, 0, "{screen}");
    assert!(
        !screen.contains(PASSWORD) && !screen.contains(API_KEY),
        "{screen}"
    );
    for name in ["api-key", "password", "config.toml"] {
        let mode = std::fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let config = std::fs::read_to_string(folder.join("config.toml")).unwrap();
    assert!(
        !config.contains(PASSWORD) && !config.contains(API_KEY),
        "{config}"
    );

    send().run().expect(0);
    assert_eq!(world.accepted().len(), 2);
    for line in ["doctor", "account --show", "account --show --json"] {
        let shown = bare(&world, line).run().expect(0).stdout;
        assert!(shown.contains("vlens-batch/api-key"), "{shown}");
        assert!(
            !shown.contains(PASSWORD) && !shown.contains(API_KEY),
            "{shown}"
        );
    }

    bare(&world, "account --forget").run().expect(0);
    send().run().expect(5);
    assert!(!folder.join("api-key").exists() && !folder.join("password").exists());
}

#[test]
fn no_file_beside_a_sheet_has_the_account_sent_elsewhere() {
    let world = World::with_server();
    world.customers("customers.csv", 1);
    assert_eq!(answer(&world, PASSWORD).0, 0);
    let logins = world.server_log().len();
    for api in [
        format!(
            "base_url = \"{}\"",
            world.base_url().replace("127.0.0.1", "127.0.0.2")
        ),
        "tenancy_name = \"giza\"".to_owned(),
    ] {
        world.config(&format!("[api]\n{api}\n"));
        let run = bare(&world, "run customers.csv --json").run().expect(5);
        assert_eq!(run.json()["error"]["code"], "credentials_missing", "{run}");
    }
    assert_eq!(world.server_log().len(), logins);
    // What the config leaves open is the user's: here, the limits.
    let own = world.path(".config/vlens-batch/config.toml");
    let text = std::fs::read_to_string(&own).unwrap();
    world.file(&own, format!("{text}\n[limits]\nper_minute = 1\n"));
    world.config("[contract]\ntypes = [414]\n");
    let run = bare(&world, "run customers.csv --max-duration 1s --json");
    assert_eq!(
        run.run().expect(4).json()["stopped"],
        "duration",
        "a login used the minute up"
    );
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let world = World::new();
    let refused = bare(&world, "account").run().expect(2);
    refused.complains_of("terminal");
    bare(&world, "account --show").run().expect(0);
    bare(&world, "account --forget").run().expect(0);
}
