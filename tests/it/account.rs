//! `account`: asked once at a terminal, kept for this user alone, and sent nowhere but where it was kept for.

use crate::support::{NAMES, Vlens, World};

/// As the sandbox knows them.
const PASSWORD: &str = "sandbox-password";
const API_KEY: &str = "sandbox-api-key";

/// As who opens a terminal: nothing of Vlens in the environment.
fn bare(world: &World, line: &str) -> Vlens {
    world.line(line).without_envs(NAMES)
}

fn answer(world: &World, password: &str) -> (i32, String) {
    let keys = format!("sandbox\radmin@sandbox.example\r{API_KEY}\r{password}");
    let account = bare(world, "account").env("VLENS_BASE_URL", world.base_url());
    account.on_a_terminal(&keys)
}

#[test]
fn a_first_batch_needs_no_variable_once_the_account_is_kept() {
    let world = World::with_customers(2);
    let folder = world.path(".config/vlens-batch");
    let send = || bare(&world, "run customers.csv --rate unlimited --json");
    send().ends(5).complains_of("vlens-batch account");

    // What was typed before is offered, and left by Escape.
    let (code, screen) = answer(&world, "wrong\r\x1b");
    assert_eq!(code, 6, "{screen}");
    assert!(!folder.exists(), "what is refused is not kept\n{screen}");
    let is_told = |screen: &str| screen.contains("tenant sandbox, user admin@sandbox.example");
    assert!(is_told(&screen) && !screen.contains("VLENS_"), "{screen}");
    let (code, screen) = answer(&world, &format!("wrong\r\r\r\r{PASSWORD}\r"));
    assert_eq!(code, 0, "{screen}");
    assert!(is_told(&screen), "{screen}");
    bare(&world, "account --forget").ends(0);

    let is_private = |text: &str| !text.contains(PASSWORD) && !text.contains(API_KEY);
    let (code, screen) = answer(&world, &format!("{PASSWORD}\r"));
    assert_eq!(code, 0, "{screen}");
    assert!(is_private(&screen), "{screen}");
    for name in ["api-key", "password", "config.toml"] {
        assert_eq!(world.mode(folder.join(name)), 0o600, "{name}");
    }
    let config = world.read(folder.join("config.toml"));
    assert!(is_private(&config), "{config}");

    send().ends(0);
    assert_eq!(world.accepted().len(), 2);
    for line in ["doctor", "account --show", "account --show --json"] {
        let shown = bare(&world, line).ends(0);
        shown
            .shows("vlens-batch/api-key")
            .hides(PASSWORD)
            .hides(API_KEY);
    }

    bare(&world, "account --forget").ends(0);
    send().ends(5);
    assert!(!folder.join("api-key").exists() && !folder.join("password").exists());
}

#[test]
fn no_file_beside_a_sheet_has_the_account_sent_elsewhere() {
    let world = World::with_customers(1);
    assert_eq!(answer(&world, &format!("{PASSWORD}\r")).0, 0);
    let logins = world.server_log().len();
    let elsewhere = world.base_url().replace("127.0.0.1", "127.0.0.2");
    for api in [
        format!("base_url = \"{elsewhere}\""),
        "tenancy_name = \"giza\"".to_owned(),
        format!(
            "base_url = \"{elsewhere}\"\nusername = \"x\"\napi_key_file = \".config/vlens-batch/api-key\"\npassword_file = \".config/vlens-batch/password\""
        ),
    ] {
        world.config(&format!("[api]\n{api}\n"));
        let run = bare(&world, "run customers.csv --json").ends(5);
        run.fails_with("credentials_missing");
        run.complains_of("is for tenant sandbox at");
        bare(&world, "account --show")
            .ends(0)
            .shows("is for tenant");
    }
    assert_eq!(world.server_log().len(), logins);
    // What the config leaves open is the user's: here, the limits.
    let own = world.path(".config/vlens-batch/config.toml");
    let text = world.read(&own);
    world.file(&own, format!("{text}\n[limits]\nper_minute = 1\n"));
    world.config("[api]\ntenancy_name = \"sandbox\u{200f}\"\n");
    let run = bare(&world, "run customers.csv --max-duration 1s --json");
    assert_eq!(
        run.ends(4).json()["stopped"],
        "duration",
        "a login used the minute up"
    );
}
