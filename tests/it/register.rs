//! A team: what one computer knows of another's customers, and the limits that all of them share.

use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    COMPUTERS, Customer, FAST, Rude, Team, answer_with, counts, customers, is_any_repeated, people,
    pick, polite, rows, sheet, uses_up_the_quota,
};

/// A team whose vendor answers every invitation as the test says.
struct Moody {
    team: Team,
    vendor: Rude,
    mood: Arc<Mutex<&'static str>>,
}

const GOOD: &str = "200 OK";
const THROTTLED: &str = "429 Too Many Requests\r\nRetry-After: 0";
const FORBIDDEN: &str = "403 Forbidden";
const BROKEN: &str = "500 Internal Server Error";

impl Moody {
    fn new() -> Option<Moody> {
        let team = Team::new("", FAST)?;
        let mood = Arc::new(Mutex::new(GOOD));
        let asked = Arc::clone(&mood);
        let vendor = Rude::serve(move |wire, n| match *asked.lock().expect("a mood") {
            GOOD => polite(wire, n),
            status => answer_with(wire, status, r#"{"error_code":9,"error_message":"no"}"#),
        });
        let owner = team.postgres.url_of("owner", team.postgres.port());
        let enter = team.line("owner", "register init").envs(vendor.variables());
        enter.env("VLENS_REGISTER", owner).ends(0);
        Some(Moody { team, vendor, mood })
    }

    /// Carries a command out while the vendor is in this mood. Gives how the rows stand, and how many requests arrived.
    #[track_caller]
    fn ran(&self, computer: &str, line: &str, mood: &'static str, code: i32) -> (Value, usize) {
        *self.mood.lock().expect("a mood") = mood;
        let before = self.vendor.invitations();
        let line = self.team.line(computer, &format!("{line} --json"));
        let document = line.envs(self.vendor.variables()).ends(code).json();
        let arrived = self.vendor.invitations() - before;
        (counts(&document), arrived)
    }

    /// The computer's sheet: the `n`-th customer by this name, or by his own.
    fn holds(&self, computer: &str, n: usize, name: &str) {
        let mut customer = Customer::new(n);
        if !name.is_empty() {
            customer = customer.name(name);
        }
        let file = format!("{computer}.csv");
        self.team.world.file(file, sheet([&customer]));
    }

    #[track_caller]
    fn runs(&self, computer: &str, mood: &'static str, code: i32) -> (Value, usize) {
        self.ran(computer, &format!("run {computer}.csv"), mood, code)
    }

    /// One was created on this computer; sent again as something else, he met this.
    #[track_caller]
    fn created_and_sent_again(&self, n: usize, mood: &'static str, code: i32) {
        self.holds("mona", n, "");
        self.runs("mona", GOOD, 0);
        self.holds("mona", n, "Another Name");
        self.ran("mona", "run mona.csv --resend-changed", mood, code);
    }
}

#[test]
fn created_is_remembered_whatever_became_of_sending_it_again() {
    let Some(moody) = Moody::new() else { return };
    let known = (json!({"already_created": 1}), 0);
    for (n, (mood, code, word_goes_on)) in [
        (THROTTLED, 3, true),
        (FORBIDDEN, 6, true),
        ("422 Unprocessable Content", 3, false),
    ]
    .into_iter()
    .enumerate()
    {
        moody.created_and_sent_again(n, mood, code);
        moody.holds("omar", n, "");
        assert_eq!(moody.runs("omar", GOOD, 0), known, "{mood}");
        moody.holds("omar", n, "A Third Name");
        assert_eq!(moody.runs("omar", GOOD, 0), known, "{mood}");
        // Where the person asked, the word holds until it has got through, as it does for one alone.
        let (counts, code) = if word_goes_on {
            ((json!({"created": 1}), 1), 0)
        } else {
            ((json!({"rejected": 1}), 0), 3)
        };
        assert_eq!(moody.runs("mona", GOOD, code), counts, "{mood}");
    }
}

#[test]
fn a_register_that_is_made_anew_hears_who_was_created_before_he_was_to_be_sent_again() {
    let Some(moody) = Moody::new() else { return };
    moody.created_and_sent_again(0, FORBIDDEN, 6);
    moody.holds("omar", 1, "");
    moody.runs("omar", GOOD, 0);
    let forget = "DELETE FROM vlens_batch.claims; UPDATE vlens_batch.tenants SET timeline = 'x'";
    moody.team.sql(forget);
    for computer in ["mona", "omar"] {
        moody.ran(computer, "register rebuild", GOOD, 0);
    }
    moody.team.goes_on_at_once();
    moody.holds("omar", 0, "");
    let known = (json!({"already_created": 1}), 0);
    assert_eq!(moody.runs("omar", GOOD, 0), known);
    let created = (json!({"created": 1}), 1);
    assert_eq!(moody.runs("mona", GOOD, 0), created);
}

#[test]
fn a_persons_word_holds_for_what_it_was_said_of_and_for_one_request() {
    let Some(moody) = Moody::new() else { return };
    moody.holds("mona", 0, "");
    moody.runs("mona", BROKEN, 3);
    let retry = "retry --uncertain";
    moody.ran("mona", retry, FORBIDDEN, 6);
    moody.holds("omar", 0, "");
    let uncertain = json!({"uncertain": 1});
    assert_eq!(moody.runs("omar", BROKEN, 3), (uncertain.clone(), 1));
    assert_eq!(moody.ran("mona", "resume", GOOD, 3), (uncertain, 0));
    let created = (json!({"created": 1}), 1);
    assert_eq!(moody.ran("mona", retry, GOOD, 0), created);
    moody.holds("sara", 0, "");
    let known = (json!({"already_created": 1}), 0);
    assert_eq!(moody.runs("sara", GOOD, 0), known);
}

#[test]
fn nobody_is_invited_again_by_a_colleague_because_other_columns_tell_customers_apart() {
    let Some(moody) = Moody::new() else { return };
    let write = |computer: &str, rows: &str| {
        let head = "phoneNumber,contractTypeId,fullName,_application\n";
        let file = format!("{computer}.csv");
        moody.team.world.file(file, format!("{head}{rows}"));
    };
    let identity = "[identity]\ncolumns = [\"_application\"]\n";
    let by_application = || moody.team.world.config(&format!("{FAST}{identity}"));
    let rows = "01012345678,414,Mona,A1\n01112345678,414,Sara,A2\n";
    write("mona", rows);
    write("omar", rows);
    moody.runs("mona", GOOD, 0);
    by_application();
    let known = (json!({"already_created": 2}), 0);
    assert_eq!(moody.runs("mona", GOOD, 0), known);
    assert_eq!(moody.runs("omar", GOOD, 0), known);
    // Another application of the same person is another invitation, the more so with another content.
    let more = "01012345678,414,Mona,A3\n01112345678,414,Sara Adel,A4\n";
    write("omar", &format!("{rows}{more}"));
    let counts = json!({"already_created": 2, "created": 2});
    assert_eq!(moody.runs("omar", GOOD, 0), (counts, 2));
    let counts = json!({"already_created": 4});
    write("sara", &format!("{more}{rows}"));
    assert_eq!(moody.runs("sara", GOOD, 0), (counts, 0));
    // Nor is one row another's because they share a phone, now that their numbers say that they are two.
    moody.team.world.config(FAST);
    let two = "01212345670,414,Nour,A8\n01212345670,414,Adel,A9\n";
    write("nour", two);
    moody.runs("nour", GOOD, 3);
    write("layla", two);
    moody.runs("layla", GOOD, 3);
    by_application();
    let counts = json!({"already_created": 1, "created": 1});
    assert_eq!(moody.runs("layla", GOOD, 0), (counts, 1));
    assert_eq!(moody.runs("nour", GOOD, 0), known);
    // Nor is he another whose e-mail came later, and alone at a colleague's.
    let mail = |computer: &str, row: &str| {
        let file =
            format!("phoneNumber,email,contractTypeId,fullName,_application\n{row},414,Ola,A7\n");
        moody.team.world.file(format!("{computer}.csv"), file);
        moody.runs(computer, GOOD, 0).1
    };
    moody.team.world.config(FAST);
    assert_eq!(mail("ola", "01512345670,"), 1);
    assert_eq!(mail("ola", "01512345670,o@example.com"), 0);
    // Nor taken for one whose address he shares, once he has a phone of his own.
    assert_eq!(mail("nada", "01012345679,h@example.com"), 1);
    assert_eq!(mail("nadim", ",h@example.com"), 0);
    assert_eq!(mail("nadim", "01112345679,h@example.com"), 1);
    by_application();
    assert_eq!(mail("rana", ",o@example.com"), 0);
    // Back again, with a ledger that has seen nothing.
    moody.team.world.config(FAST);
    write("adam", rows);
    assert_eq!(moody.runs("adam", GOOD, 0), known);
    assert_eq!(moody.runs("mona", GOOD, 0), known);
    // Another list's numbers, by another column, are others' unless they share more.
    let file = "phoneNumber,contractTypeId,fullName,Serial\n01512345678,414,Adel,A1\n01112345678,414,Sara,A3\n";
    moody.team.world.file("lena.csv", file);
    let serial = identity.replace("_application", "Serial");
    moody.team.world.config(&format!("{FAST}{serial}"));
    let counts = json!({"failed": 1, "already_created": 1});
    assert_eq!(moody.runs("lena", GOOD, 3), (counts, 0));
    let told = moody.team.ran("lena", "status --row 2 --color never", 0);
    told.shows("Write something before the numbers of this sheet");
    let file = file.replace(",A", ",B-A");
    moody.team.world.file("lena.csv", file);
    let counts = json!({"created": 1, "already_created": 1});
    assert_eq!(moody.runs("lena", GOOD, 0), (counts, 1));
    // What was uncertain by one name is settled by the other.
    moody.team.world.config(FAST);
    write("mona", "01212345678,414,Ali,A5\n");
    moody.runs("mona", BROKEN, 3);
    by_application();
    write("omar", "01212345678,414,Ali,A5\n");
    assert_eq!(moody.runs("omar", GOOD, 3), (json!({"uncertain": 1}), 0));
    moody.ran("omar", "settle --all --as created", GOOD, 0);
    moody.team.world.config(FAST);
    moody.ran("mona", "settle --all --as not-created", GOOD, 0);
    assert_eq!(moody.team.statuses("mona"), ["created"]);
    // Whom a ledger brings along by the one, a colleague has by the other.
    let alone = "run vera.csv --ledger vera.db --json";
    write("vera", "01012345670,414,Vera,A6\n");
    write("omar", "01012345670,414,Vera,A6\n");
    *moody.mood.lock().expect("a mood") = THROTTLED;
    let alone = moody.team.world.line(alone).envs(moody.vendor.variables());
    alone.ends(3);
    by_application();
    assert_eq!(moody.runs("omar", GOOD, 0), (json!({"created": 1}), 1));
    moody.team.world.config(FAST);
    let known = (json!({"already_created": 1}), 0);
    assert_eq!(moody.runs("vera", GOOD, 0), known);
    // Whom one tried in vain by phone, and another invited by e-mail, is one as soon as a third has both.
    for (computer, row, mood, code, is_sent) in [
        ("mona", "01112345670,", THROTTLED, 3, true),
        ("omar", ",n@example.com", GOOD, 0, true),
        ("adam", "01112345670,n@example.com", GOOD, 0, false),
        ("mona", "01112345670,", GOOD, 0, false),
        // Both by one, who learns from the third alone that they are.
        ("mona", ",p@example.com", THROTTLED, 3, true),
        ("mona", "01112345671,", GOOD, 0, true),
        ("adam", "01112345671,p@example.com", GOOD, 0, false),
        ("mona", ",p@example.com", GOOD, 0, false),
        // By both that wait, and then by the one that another has invited.
        ("mona", "01112345672,q@example.com", THROTTLED, 3, true),
        ("omar", ",q@example.com", GOOD, 0, true),
        ("mona", ",q@example.com", GOOD, 0, false),
        // Waits by the one, was invited by a colleague by the other.
        ("omar", "01112345673,", GOOD, 0, true),
        ("mona", ",r@example.com", THROTTLED, 3, true),
        ("mona", "01112345673,", GOOD, 0, false),
        ("mona", "01112345673,r@example.com", GOOD, 0, false),
        // What is uncertain by the one is settled by both.
        ("adam", "01112345674,", THROTTLED, 3, true),
        ("omar", ",s@example.com", BROKEN, 3, true),
        ("adam", "01112345674,s@example.com", GOOD, 3, false),
    ] {
        let file = format!("phoneNumber,email,contractTypeId,fullName\n{row},414,Nadia\n");
        moody.team.world.file(format!("{computer}.csv"), file);
        let (_, arrived) = moody.runs(computer, mood, code);
        assert_eq!(arrived > 0, is_sent, "{computer} {row}");
    }
    moody.ran("adam", "settle --all --as not-created", GOOD, 0);
    assert_eq!(moody.runs("adam", GOOD, 0).1, 1);
}

#[test]
fn a_customer_of_another_computer_is_known_and_told_of() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 6);
    people(&team, "omar", 3, 9);
    team.run("mona").ends(0);
    // Whoever is a colleague's is none of those that were asked for.
    team.run("omar").args(["--limit", "1"]).ends(4);
    let document = team.run("omar").ends(0).json();
    let counts = pick(&document["counts"], ["already_created", "created"]);
    assert_eq!(counts, json!([4, 2]), "{document}");
    let others = pick(&document, ["without_token", "requests"]);
    assert_eq!(others, json!([3, 2]), "{document}");
    for row in &team.export("omar")[..3] {
        assert_eq!(pick(row, ["status", "token"]), json!(["created", null]));
        let told = row["error"].as_str().expect("words");
        assert!(
            told.starts_with("Invited by ") && told.contains(" at "),
            "{told}"
        );
    }
    let status = team.ran("omar", "register status --json", 0).json();
    assert_eq!(status["claims"], json!({"created": 9}));
    let doctor = team.line("omar", "doctor").run();
    doctor.shows("register").shows("is in reach");
    team.nobody_twice();
    // A word that is the person's own still counts: the changed row goes again.
    let mut changed = customers(9);
    changed[8] = Customer::new(8).name("Another Name");
    team.world.file("omar.csv", sheet(&changed[3..]));
    team.run("omar").args(["--resend-changed"]).ends(0);
    assert_eq!(team.posts().values().sum::<usize>(), 10);
}

#[test]
fn a_customer_of_two_addresses_is_known_by_either_at_a_colleagues_and_two_of_one_address_are_two() {
    let Some(team) = Team::fast() else { return };
    let by_name = format!("{FAST}[identity]\ncolumns = [\"fullName\"]\n");
    let created = |computer: &str, rows: &str, word: &str| {
        let rows = format!("phoneNumber,email,fullName\n{rows}\n");
        team.world.file(format!("{computer}.csv"), rows);
        let run = team.run(computer).args(["--contract-type", "414"]);
        let counts = &run.args(word.split_whitespace()).run().json()["counts"];
        counts["created"].as_u64().expect("a count")
    };
    for (computer, is_by_name, people, word, created_now) in
        rows::<(&str, bool, &str, &str, u64)>("register.two_addresses")
    {
        team.world.config(if is_by_name { &by_name } else { FAST });
        assert_eq!(created(computer, people, word), created_now, "{people}");
    }
    // And what was sent before, after the register was lost.
    assert_eq!(created("adam", "01012345682,,Rex", "--resend-changed"), 1);
    team.sql("TRUNCATE vlens_batch.claims, vlens_batch.bodies, vlens_batch.aliases");
    team.sql("UPDATE vlens_batch.tenants SET timeline = 'x'");
    for computer in COMPUTERS {
        team.ran(computer, "register rebuild", 0);
    }
    team.goes_on_at_once();
    assert_eq!(created("omar", ",r@x.co,Rex", ""), 0);
}

#[test]
fn a_ledger_that_joins_brings_along_whom_it_invited_before() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 6);
    people(&team, "omar", 0, 8);
    team.run("mona").without_env("VLENS_REGISTER").ends(0);
    team.world.file("none.csv", sheet(&customers(10)[9..]));
    team.ran("mona", "run none.csv --rate unlimited", 0);
    let document = team.run("omar").ends(0).json();
    assert_eq!(document["counts"]["already_created"], 6, "{document}");
    team.nobody_twice();
}

#[test]
fn a_ledger_that_has_joined_never_sends_alone_because_a_setting_is_missing() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 4);
    team.run("mona").args(["--limit", "2"]).ends(4);
    let alone = team.run("mona").without_env("VLENS_REGISTER").ends(4);
    assert_eq!(alone.json()["stopped"], "register");
    alone.complains_of("Set VLENS_REGISTER");
    let would = team.run("mona").args(["--dry-run"]);
    would.without_env("VLENS_REGISTER").ends(4);
    assert_eq!(team.posts().len(), 2);
    team.run("mona").ends(0);
    team.nobody_twice();
}

#[test]
fn a_colleague_who_begins_while_all_wait_takes_nobodys_slots() {
    let Some(team) = Team::new("", "[limits]\nper_minute = 2\n") else {
        return;
    };
    people(&team, "mona", 0, 3);
    let mut run = team.line("mona", "run mona.csv").start();
    // A login and one customer: the minute is used up.
    run.until("a customer is created", || team.posts().len() == 1);
    let clock = || team.sql("SELECT extract(epoch FROM clock) FROM vlens_batch.tenants");
    for _ in 0..3 {
        let before = clock();
        run.until("the register's clock goes on", || clock() != before);
    }
    run.kill();
}

#[test]
fn what_was_uncertain_at_a_colleagues_is_asked_about_again() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 3);
    people(&team, "omar", 0, 3);
    team.run("mona").ends(0);
    for (status, counts, code) in [("uncertain", [0, 3], 3), ("created", [3, 0], 0)] {
        team.sql(&format!(
            "UPDATE vlens_batch.claims SET status = '{status}', was_created = false"
        ));
        for line in ["", "--limit 1", "--max-duration 0s"] {
            let run = team.run("omar").args(line.split_whitespace());
            let document = run.ends(code).json();
            let told = pick(&document["counts"], ["already_created", "uncertain"]);
            assert_eq!(told, json!(counts), "{line}: {document}");
        }
    }
    team.nobody_twice();
}

#[test]
fn whom_a_colleague_has_freed_is_asked_about_before_he_is_sent() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 3);
    people(&team, "omar", 0, 3);
    team.run("mona").ends(0);
    let are = |status: &str| {
        let set = format!("UPDATE vlens_batch.claims SET status = '{status}', was_created = false");
        team.sql(&set);
    };
    are("uncertain");
    team.run("omar").ends(3);
    are("pending");
    people(&team, "omar", 0, 4);
    let run = || team.line("omar", "run omar.csv --rate unlimited");
    let (_, screen) = run().on_a_terminal("n\r");
    assert!(screen.contains("4 invitations"), "{screen}");
    assert_eq!(team.world.invitations().len(), 3, "sent without a question");
    let (code, _) = run().on_a_terminal("y\r");
    assert_eq!((code, team.world.invitations().len()), (0, 7));
}

#[test]
fn a_429_on_one_computer_pauses_all() {
    let Some(team) = Team::new("--latency 5", FAST) else {
        return;
    };
    people(&team, "omar", 6, 18);
    // One whom the vendor refuses the first time.
    let mut mona = customers(12);
    mona[3] = Customer::new(3).phone("+201555000429");
    team.world.file("mona.csv", sheet(&mona));
    let lives = ["mona", "omar"].map(|computer| team.run(computer).start());
    for life in lives {
        life.wait().expect(0);
    }
    let log = team.world.server_log();
    let refused = log.iter().filter(|record| record.status == Some(429));
    assert_eq!(refused.count(), 1);
    let paused = team.sql("SELECT count(*) FROM vlens_batch.tenants WHERE paused_until > 'epoch'");
    assert_eq!(paused, ["1"]);
    let accepted = team.world.accepted();
    assert_eq!(accepted.len(), 18);
    assert!(!is_any_repeated(&accepted), "invited twice");
}

#[test]
fn four_senders_use_up_the_minutes_quota_and_exceed_no_window() {
    let limits = "[limits]\nper_second = 10\nper_minute = 60\n";
    let Some(team) = Team::new("--per-second 10 --per-minute 60 --latency 0..30", limits) else {
        return;
    };
    let all = customers(146);
    for (n, computer) in COMPUTERS.iter().enumerate() {
        let own = all.iter().skip(n).step_by(4);
        team.world.file(format!("{computer}.csv"), sheet(own));
    }
    let lives = COMPUTERS.map(|computer| {
        let run = team.line(computer, &format!("run {computer}.csv --json"));
        run.start()
    });
    for life in lives {
        life.wait().expect(0);
    }
    let log = team.world.server_log();
    // Four logins and 146 invitations: two full minutes, and 29 more at ten a second.
    assert_eq!(log.len(), 150);
    team.no_window_is_exceeded();
    uses_up_the_quota(&log);
}

#[test]
fn a_ledger_moves_to_another_computer_by_its_backup_however_old() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 3);
    team.run("mona").ends(0);
    team.ran("mona", "backup moved.db", 0);
    people(&team, "mona", 0, 6);
    team.run("mona").ends(0);
    people(&team, "moved", 0, 8);
    let moved = team.run("moved").ends(0).json();
    assert_eq!(moved["counts"]["already_created"], 6, "{moved}");
    assert_eq!(moved["counts"]["created"], 2, "{moved}");
    team.nobody_twice();
}

#[test]
fn what_is_held_is_asked_about_again_and_a_link_stays_with_whoever_has_it() {
    let Some(moody) = Moody::new() else { return };
    let three = sheet(&customers(3));
    for computer in ["mona", "omar"] {
        moody
            .team
            .world
            .file(format!("{computer}.csv"), three.as_str());
    }
    moody.runs("mona", BROKEN, 3);
    moody.runs("omar", GOOD, 3);
    moody.ran("omar", "settle --row 2 --as created", GOOD, 0);
    moody.ran("omar", "settle --row 3 --row 4 --as not-created", GOOD, 0);
    moody.ran("omar", "resume --limit 1", GOOD, 4);
    // She does not know it yet, and says of one what is so already.
    let known = moody.team.line("mona", "settle --row 3 --as not-created");
    let known = known.envs(moody.vendor.variables()).ends(2);
    known.complains_of("Row 3 of run 1 is not uncertain");
    let counts = json!({"already_created": 2, "created": 1});
    assert_eq!(moody.runs("mona", GOOD, 0), (counts, 1));
    let words = |row: usize| moody.team.export("mona")[row]["error"].to_string();
    assert!(words(0).contains("Created, as "), "{}", words(0));
    assert!(
        words(1).contains("the link is in the ledger there"),
        "{}",
        words(1)
    );
    let history = moody.team.ran("mona", "status --row 3 --color never", 0);
    history.shows("Z  elsewhere: Invited by ");
    moody.ran("omar", "resume", GOOD, 0);
}

#[test]
fn one_signal_ends_the_wait_for_a_register_that_is_away() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 3);
    team.postgres.crash();
    // What could not be made is made by the same command, with the same key.
    for _ in 0..2 {
        team.ran("mona", "register init --new-key late.key", 4);
    }
    let waits = ["--concurrency=2", "--wait"].map(|wait| team.run("mona").args([wait]));
    for run in waits
        .into_iter()
        .chain([team.line("mona", "contract-types")])
    {
        let run = run.start();
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        run.signal(Signal::TERM);
        let began = std::time::Instant::now();
        let ended = run.wait().expect(4);
        ended.complains_of("Interrupted");
        assert!(began.elapsed().as_secs() < 10);
    }
}
