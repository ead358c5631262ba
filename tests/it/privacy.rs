//! What must not be seen by others: nothing personal and no secret on stderr, in logs and in metrics, whatever Vlens answers;
//! and files that nobody but their owner can open, whatever the umask.

use vlens_batch::sandbox::BEHAVIOURS;

use crate::support::{Customer, DATA_FOLDER, Rude, World, answer, rows, sheet};

const NAME: &str = "Nefertari Ashmawy";
const EMAIL: &str = "nefertari@example.com";
const ID: &str = "28804230112346";

/// Pauses the run for seconds and answers nothing that the others do not.
const SLOW: &str = "+201555000432";
/// Asks to wait for two hours, which stops the run.
const STOPS: &str = "+201555000433";

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
        .filter(|phone| ![SLOW, STOPS].contains(phone));
    customers.extend(odd.enumerate().map(|(n, phone)| {
        Customer::new(500 + n)
            .phone(phone)
            .name(&format!("{NAME} {n}"))
    }));
    customers
}

/// Their sheet, with an address and an id for each, and a row of which nothing is right.
fn magic_text() -> String {
    let text = sheet(&magic_sheet());
    let (header, rows) = text.split_once('\n').expect("a header");
    let rows = rows.lines().map(|row| format!("{row},{EMAIL},{ID}\n"));
    let rows: String = rows.collect();
    format!("{header},email,nationalId\n{rows}0101234,414,{NAME},1,not-an-address,{ID}\n")
}

#[track_caller]
fn assert_private(world: &World, text: &str) {
    let log = world.server_log().into_iter();
    let tokens = log.filter_map(|record| record.token);
    let phones = magic_sheet()
        .into_iter()
        .map(|one| one.phone[1..].to_owned());
    let words = format!("{NAME}|Nefertari|{EMAIL}|{ID}|sandbox-password|sandbox-api-key|Bearer");
    let words = words.split('|').map(str::to_owned);
    for secret in words.chain(tokens).chain(phones) {
        assert!(!text.contains(&secret), "{secret} in:\n{text}");
    }
}

#[test]
fn nothing_personal_is_said_at_any_verbosity_whatever_vlens_answers() {
    let world = World::with_server();
    world.config(
        "[limits]\ntimeout_seconds = 1\nmax_attempts = 1\nmax_consecutive_failures = 1000\n",
    );
    world.file("customers.csv", magic_text());
    assert_private(
        &world,
        &world.line("check customers.csv -vv").run().to_string(),
    );
    for format in ["text", "json"] {
        let how = "-vv --metrics-file run.prom --resend-uncertain --retry-rejected --log-format";
        let run = world.sent(&format!("customers.csv {how} {format}"), 3);
        assert_private(&world, &run.to_string());
    }
    assert_private(&world, &world.read("run.prom"));
    for line in "status|status --row 2|status --row 3|runs|doctor|report".split('|') {
        let said = world.line(line).args(["-vv"]).run();
        assert_private(&world, &said.to_string());
    }
}

#[test]
fn what_vlens_repeats_of_a_row_or_of_a_secret_is_masked() {
    let rude = Rude::serve(|wire, _| {
        let said = format!("{NAME}, {}: 010 1234 5678 admin-token", NAME.to_uppercase());
        let told = format!(r#"{{"fullName":["{NAME}"]}}"#);
        let json =
            format!(r#"{{"error_code":7,"error_message":"{said}","error_descriptions":{told}}}"#);
        answer(wire, &json)
    });
    let world = World::new();
    world.file("customers.csv", sheet([&Customer::new(1).name(NAME)]));
    let run = world.send("customers.csv -vv").envs(rude.variables());
    let run = run.ends(3).to_string();
    let is_masked = run.contains("row 2 is rejected: N***, N***: 010 1****5678");
    assert!(is_masked, "{run}");
    for word in [NAME, "ASHMAWY", "1234 5678", "admin-token"] {
        assert!(!run.contains(word), "{word} in {run}");
    }
}

#[test]
fn a_recipient_that_stops_the_run_is_not_named_either() {
    let world = World::with_server();
    for (n, phone) in magic_phones(true).into_iter().enumerate() {
        let customer = Customer::new(n).phone(phone).name(NAME);
        world.file("one.csv", sheet([&customer]));
        let run = world.sent(&format!("one.csv -vv --ledger {n}.db"), 6);
        assert_private(&world, &run.to_string());
    }
}

#[test]
fn a_header_row_that_is_really_a_customer_is_masked_wherever_columns_are_told() {
    const PHONE: &str = "01099887766";
    const DIGITS: &str = "29001011234567";
    const ARABIC: &str = "٢٩٠٠١٠١١٢٣٤٥٦٨";
    let world = World::new();
    let personal = [NAME, "Nefertari", PHONE, EMAIL, DIGITS, ARABIC];
    let headers = format!("{NAME},{PHONE},{EMAIL},{DIGITS},{ARABIC}");
    let row = "Ali,01112345678,a@example.com,5,29001011234577";
    world.file("c.csv", format!("{headers}\n{row}\n"));
    let twice = format!("{NAME},{NAME},{PHONE}\nAli,Ali,01112345678\n");
    world.file("twice.csv", twice);
    let form = format!("phone,{NAME},{DIGITS}\n01112345678,Ali,5\n");
    world.file("form.csv", form);
    world.form(414);
    for (config, file) in rows::<(&str, &str)>("privacy.headers") {
        world.config(config);
        let commands = "check|run --dry-run --sandbox|init --force --yes --config x.toml";
        for command in commands.split('|') {
            let line = format!("{command} {file} -vv --header-row 1");
            let said = world.line(&line).run().to_string();
            // What the config itself says is shown with its line.
            let lines = said.lines().filter(|line| !line.contains(" = \""));
            for told in lines {
                let value = personal.into_iter().find(|value| told.contains(value));
                assert_eq!(value, None, "{line} under {config}: {told}");
            }
        }
    }
    world.config("[recipient]\nphone = \"Mobile\"\n[contract]\ntypes = [414]\n");
    let check = world.ran("check c.csv --header-row 1", 5);
    check
        .complains_of("c.csv: the sheet has no column `Mobile`")
        .complains_of("its columns are: N***, 010****7766");
}

#[test]
fn files_are_their_owners_alone_under_any_umask() {
    let world = World::serving("--latency 50", 400);
    let open_handed = |line: &str| world.line(line).after_shell("umask 000");
    let run = open_handed("run customers.csv --rate unlimited --concurrency 2");
    let run = world.begun(run, 0);
    for name in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(world.mode(world.beside_ledger(name)), 0o600, "{name}");
    }
    assert_eq!(world.mode(DATA_FOLDER), 0o700);
    run.kill();
    for line in [
        "export --output out.csv",
        "export --output out.xlsx",
        "export --output out.jsonl",
        "report --output out.html",
        "check customers.csv --annotate marked.xlsx",
    ] {
        open_handed(line).ends(0);
        let (_, output) = line.rsplit_once(' ').unwrap();
        assert_eq!(world.mode(output), 0o600, "{output}");
    }
}
