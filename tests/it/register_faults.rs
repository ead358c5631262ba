//! A team in trouble: no register, one that crashes, goes silent or was put back, computers that sleep or are killed; nobody is invited twice.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{COMPUTERS, FAST, Running, Team, customers, kills, people, rows, sheet};

#[test]
fn without_the_register_nothing_is_sent_and_everything_else_goes_on() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 4);
    team.postgres.crash();
    let run = team.run("mona").start();
    team.ran("mona", "check mona.csv", 0);
    let run = run.wait().expect(4);
    let document = run.complains_of("out of reach").json();
    assert_eq!(document["stopped"], "register", "{document}");
    assert_eq!(document["counts"]["pending"], 4);
    assert!(team.posts().is_empty(), "sent without the register");
    team.ran("mona", "export --format csv", 0);
    // One that waits goes on when the register is back.
    let waiting = team.run("mona").args(["--wait"]).start();
    std::thread::sleep(Duration::from_secs(1));
    team.postgres.start_again();
    waiting.wait().expect(0);
    team.nobody_twice();
    let status = team.line("mona", "register status");
    status.env("VLENS_REGISTER_KEY_FILE", "none").ends(0);
    team.world.file("other.key", "ab".repeat(32));
    let other = team.run("mona").env("VLENS_REGISTER_KEY_FILE", "other.key");
    other.ends(5).complains_of("key file is not the team's");
    // Nor is one tenant entered twice, by two who spell it differently.
    let owner = team.postgres.url_of("owner", team.postgres.port());
    let init = team
        .line("owner", "register init")
        .env("VLENS_REGISTER", owner);
    let init = init.env("VLENS_TENANCY_NAME", "Sandbox ");
    init.ends(5).complains_of("entered as sandbox");
    let url = "postgres://clerk:hunter2@127.0.0.1/x";
    team.world
        .config(&format!("[team]\nregister = \"{url}\"\n"));
    let told = team.run("mona").ends(5);
    told.complains_of("password").hides("hunter2");
}

#[test]
fn a_computer_that_sleeps_between_any_two_steps_sends_nobody_whom_a_colleague_sent() {
    let Some(team) = Team::fast() else { return };
    let places = rows::<(&str, &str)>("register.sleeps");
    let asleep = places.iter().enumerate().map(|(n, (place, _))| {
        people(&team, place, n, n + 1);
        // At the gate for the second time: the first body is the login's.
        let nth = if *place == "at_gate" { ":2" } else { "" };
        let run = team.run(place).stopping_at(&format!("{place}{nth}"));
        let mut process = run.start();
        process.wait_until_stopped();
        process
    });
    let asleep: Vec<Running> = asleep.collect();
    let since = Instant::now();
    // Its line is cut, and its lease runs out.
    team.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'");
    team.an_hour_passes();
    for (n, (place, word)) in places.iter().enumerate() {
        let colleague = format!("colleague_of_{place}");
        people(&team, &colleague, n, n + 1);
        let first = team.run(&colleague).run();
        if team.statuses(&colleague) == ["uncertain"] {
            assert_eq!(first.code(), Some(3), "{place}\n{first}");
            team.ran(&colleague, &format!("settle --all --as {word}"), 0);
            team.run(&colleague).ends(0);
        }
        assert_eq!(team.statuses(&colleague), ["created"], "{place}\n{first}");
    }
    std::thread::sleep(Duration::from_secs(6).saturating_sub(since.elapsed()));
    for (process, &(place, _)) in asleep.into_iter().zip(&places) {
        process.thaw();
        process.wait().expect(0);
        let row = team.export(place).remove(0);
        assert_eq!(row["status"], "created", "{place}");
        if matches!(place, "after_answer" | "after_outcome" | "after_told") {
            assert!(row["token"].is_string(), "{place}: the token is lost");
        }
    }
    let posts = team.posts();
    assert_eq!(posts.len(), places.len());
    assert!(posts.values().all(|n| *n == 1), "{posts:?}");
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "whoever runs the long form by hand wants to know"
)]
fn four_computers_killed_at_random_with_a_register_that_crashes_ask_for_nobody_twice() {
    const PER_SECOND: usize = 40;
    let limits =
        format!("[limits]\nper_second = {PER_SECOND}\nper_minute = 6000\ntimeout_seconds = 5\n");
    let Some(team) = Team::new("--latency 2..30", &limits) else {
        return;
    };
    let kills = kills(50);
    let people_of = kills.max(50) * 6;
    // Each has half of all, a quarter of it in common with the next.
    for (n, computer) in COMPUTERS.iter().enumerate() {
        let all = customers(people_of);
        let from = n * people_of / 4;
        let half = (0..people_of / 2).map(|at| &all[(from + at) % people_of]);
        team.world.file(format!("{computer}.csv"), sheet(half));
    }
    let start = |computer: &str| {
        let run = team.run(computer).args(["--concurrency", "3", "--wait"]);
        run.start()
    };
    let mut random = fastrand::Rng::with_seed(20_261_125);
    let mut lives: Vec<Running> = COMPUTERS.iter().map(|computer| start(computer)).collect();
    let mut crashes = 0;
    for killed in 1..=kills {
        let seen = team.world.server_log().len();
        let began = Instant::now();
        while team.world.server_log().len() < seen + 4 && began.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(random.u64(0..40)));
        let n = random.usize(0..lives.len());
        let again = start(COMPUTERS[n]);
        std::mem::replace(&mut lives[n], again).kill();
        if killed % 10 == 5 {
            team.postgres.crash();
            std::thread::sleep(Duration::from_millis(random.u64(0..300)));
            team.postgres.start_again();
            crashes += 1;
        }
    }
    for life in lives {
        life.kill();
    }
    team.nobody_twice();
    for computer in COMPUTERS {
        team.done(computer);
    }
    team.nobody_twice();
    let last = team.run("mona").run();
    assert!(matches!(last.code(), Some(0 | 3)), "{last}");
    // The login of whoever was killed last is swept by the first request after its lease, and nobody has any left to make.
    let open = "SELECT count(*) FROM vlens_batch.attempts WHERE closed IS NULL AND key IS NOT NULL";
    assert_eq!(team.sql(open), ["0"], "still open after all have ended");
    let stand = team.sql("SELECT status, count(*) FROM vlens_batch.claims GROUP BY 1 ORDER BY 1");
    let is_end = |line: &String| line.starts_with("created|") || line.starts_with("uncertain|");
    assert!(stand.iter().all(is_end), "{stand:?}");
    // No request left that was not recorded, in the register and in a ledger.
    let posts = i64::try_from(team.world.invitations().len()).expect("a count");
    let count = team.sql("SELECT count(*) FROM vlens_batch.attempts WHERE key IS NOT NULL");
    let in_register = count[0].parse().expect("a count");
    let in_ledgers = COMPUTERS
        .iter()
        .map(|computer| team.attempts(computer))
        .sum();
    assert!(posts <= in_register, "{posts} requests, {in_register}");
    assert!(
        posts <= in_ledgers,
        "{posts} requests, {in_ledgers} intents"
    );
    // Every token that was received is with whoever sent, and nobody has a wrong one.
    let log = team.world.server_log();
    let given: BTreeSet<&String> = log.iter().filter_map(|one| one.token.as_ref()).collect();
    let mut held = BTreeSet::new();
    for row in COMPUTERS.iter().flat_map(|computer| team.export(computer)) {
        let is_end = row["status"] == "created" || row["status"] == "uncertain";
        assert!(is_end, "{row}");
        if let Some(token) = row["token"].as_str().map(str::to_owned) {
            assert!(given.contains(&token), "a wrong token");
            assert!(held.insert(token), "somebody else's token");
        }
    }
    for window in log.windows(PER_SECOND + 1) {
        let span_ms = window[PER_SECOND].at_ms - window[0].at_ms;
        assert!(
            span_ms + 1 >= 1000,
            "more than {PER_SECOND} requests in a second"
        );
    }
    println!(
        "{kills} kills, {crashes} crashes of the register: {stand:?}, {posts} requests for {people_of} customers"
    );
    rebuilt_from_its_ledgers(&team);
}

/// The register is lost and made anew: what the ledgers give it back is what it held.
fn rebuilt_from_its_ledgers(team: &Team) {
    let before = team.claims();
    team.sql("DROP SCHEMA vlens_batch CASCADE");
    team.make_schema("register init");
    let [others @ .., last] = COMPUTERS;
    for computer in others {
        team.ran(computer, "register rebuild", 0);
    }
    team.ran(last, "register rebuild --without-the-others", 0);
    let after = team.claims();
    // A request of which nobody tells, as its process was killed before it could, was nobody's but the register's own: uncertain.
    let mut lost = before.iter().filter(|claim| !after.contains(claim));
    let is_uncertain = lost.all(|claim| claim.ends_with("uncertain"));
    assert!(is_uncertain, "{before:?} {after:?}");
    let is_known = |claim| before.contains(claim);
    assert!(after.iter().all(is_known), "more than there was");
}

#[test]
fn a_register_put_back_from_yesterday_or_failed_over_is_noticed_and_rebuilt() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 4);
    people(&team, "omar", 0, 8);
    team.run("mona").args(["--limit", "2"]).ends(4);
    team.world.file("omar0.csv", sheet(&customers(20)[19..]));
    team.ran("omar", "run omar0.csv --rate unlimited", 0);
    // A copy of the files, put back after two more were invited.
    let yesterday = team.postgres.copy();
    team.run("mona").ends(0);
    team.postgres.put_back(&yesterday);
    team.world.file("mona.csv", sheet(&customers(5)));
    let stopped = team.run("mona").ends(6).json();
    assert_eq!(stopped["counts"]["pending"], 1);
    team.ran("mona", "status", 6).shows("vlens-batch doctor");
    let reason = stopped["reason"].as_str().expect("a reason");
    assert!(reason.contains("register rebuild"), "{reason}");
    team.run("omar").ends(6);
    team.ran("omar", "register rebuild", 0)
        .shows("another ledger on this computer");
    team.run("omar").ends(6);
    team.line("nobody", "register rebuild").ends(5);
    team.ran("mona", "register rebuild", 0).shows("It is whole");
    team.goes_on_at_once();
    team.run("omar").ends(0);
    team.run("mona").ends(0);
    team.nobody_twice();
    // A standby takes its place that had not yet heard of two customers.
    let behind = team.postgres.copy();
    people(&team, "omar", 0, 10);
    team.run("omar").ends(0);
    team.postgres.put_back(&behind);
    team.postgres.fail_over();
    people(&team, "mona", 0, 12);
    let stopped = team.run("mona").ends(6);
    stopped.complains_of("another server has taken its place");
    team.ran("mona", "register status", 0).shows("failed over");
    team.ran("omar", "register rebuild", 0);
    team.run("mona").ends(6);
    let told = team.ran("mona", "register rebuild --without-the-others", 0);
    told.shows("It is whole");
    team.goes_on_at_once();
    let document = team.run("mona").ends(0).json();
    assert_eq!(document["counts"]["created"], 2, "{document}");
    team.nobody_twice();
    // Another one, while Vlens has all wait; and a person who says that no other ledger will be brought.
    team.sql("UPDATE vlens_batch.tenants SET paused_until = clock + interval '1 hour'");
    team.postgres.fail_over();
    let told = team.ran("omar", "register rebuild --without-the-others", 0);
    told.shows("without what these know");
    let paused = "SELECT paused_until > clock + interval '50 minutes' FROM vlens_batch.tenants";
    assert_eq!(team.sql(paused), ["t"], "what is left of a pause is cut");
    team.goes_on_at_once();
    people(&team, "omar", 0, 13);
    team.run("omar").ends(0);
    team.nobody_twice();
    // Lost, and made anew: it knows of nobody that there is more to come.
    team.sql("DROP SCHEMA vlens_batch CASCADE");
    team.make_schema("register init");
    team.ran("mona", "doctor --ledger mona.db", 6)
        .shows("`vlens-batch register rebuild --ledger mona.db`");
    team.ran("mona", "register rebuild", 0)
        .shows("Nobody sends");
    people(&team, "mona", 0, 13);
    team.run("mona").ends(6);
    team.ran("mona", "register status", 0)
        .shows("has ever sent");
    team.ran("omar", "register rebuild --without-the-others", 0);
    team.goes_on_at_once();
    team.run("mona").ends(0);
    team.nobody_twice();
}

/// A line to the register that can go silent: both ends stay open, and nothing arrives.
struct Line {
    port: u16,
    is_silent: Arc<AtomicBool>,
}

impl Line {
    fn to(server: u16) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let is_silent = Arc::new(AtomicBool::new(false));
        let silent = Arc::clone(&is_silent);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                for (mut from, mut to) in [(&near, &far), (&far, &near)].map(|(from, to)| {
                    let ends = from
                        .try_clone()
                        .and_then(|from| Ok((from, to.try_clone()?)));
                    ends.expect("an end of the line")
                }) {
                    let silent = Arc::clone(&silent);
                    std::thread::spawn(move || {
                        let mut piece = [0; 4096];
                        while let Ok(n @ 1..) = from.read(&mut piece) {
                            if !silent.load(Ordering::SeqCst) && to.write_all(&piece[..n]).is_err()
                            {
                                return;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Line { port, is_silent }
    }
}

#[test]
fn a_line_that_goes_silent_stops_the_sender_and_nobody_is_sent_on_a_guess() {
    let Some(team) = Team::new("--latency 5", FAST) else {
        return;
    };
    people(&team, "mona", 0, 40);
    people(&team, "omar", 20, 60);
    let line = Line::to(team.postgres.port());
    let far = team.postgres.url_of("clerk", line.port);
    let run = |wait: &[&str]| {
        let run = team.run("mona").args(["--concurrency", "4"]).args(wait);
        run.env("VLENS_REGISTER", &far)
    };
    let mut mona = run(&[]).start();
    mona.until("some customers", || team.posts().len() > 5);
    line.is_silent.store(true, Ordering::SeqCst);
    let document = mona.wait().expect(4).json();
    assert_eq!(document["stopped"], "register", "{document}");
    // What it had asked for and not heard of is the register's to tell, and its colleague's no more than its own.
    team.an_hour_passes();
    let omar = team.run("omar").run();
    assert!(matches!(omar.code(), Some(0 | 3)), "{omar}");
    team.nobody_twice();
    line.is_silent.store(false, Ordering::SeqCst);
    let mona = run(&["--wait"]).run();
    assert!(matches!(mona.code(), Some(0 | 3)), "{mona}");
    team.nobody_twice();
    for computer in ["mona", "omar"] {
        assert!(!team.statuses(computer).contains(&"pending".to_owned()));
    }
}

#[test]
fn the_databases_clock_is_set_while_two_send() {
    let limits = "[limits]\nper_second = 20\nper_minute = 6000\n";
    let Some(team) = Team::new("--per-second 20 --per-minute 0 --latency 0..30", limits) else {
        return;
    };
    people(&team, "mona", 0, 90);
    people(&team, "omar", 60, 150);
    let run = |computer: &str| team.run(computer).start();
    let mut lives = vec![run("mona"), run("omar")];
    for (n, step) in (0..).zip(["1 hour", "-1 hour", "25 hours", "-3 days"]) {
        while team.posts().len() <= 25 * (n + 1) {
            assert!(lives.iter_mut().any(Running::is_running), "all have ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        team.sql(&format!(
            "CREATE OR REPLACE FUNCTION vlens_batch.wall() RETURNS timestamptz LANGUAGE sql VOLATILE
            AS $$ SELECT clock_timestamp() + interval '{step}' $$"
        ));
        // One that begins just now has no clock of before to find it out by.
        let late = format!("late{n}");
        people(&team, &late, 150 + 5 * n, 155 + 5 * n);
        lives.push(run(&late));
    }
    for life in lives {
        life.wait().expect(0);
    }
    team.no_window_is_exceeded();
    assert_eq!(team.posts().len(), 170);
    team.nobody_twice();
}

#[test]
fn a_pool_of_connections_is_recognised_and_refused() {
    let Some(team) = Team::fast() else { return };
    people(&team, "mona", 0, 1);
    let pool = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = pool.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut socket in pool.incoming().flatten() {
            let _ = socket.read(&mut [0; 1024]);
            let fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
            let length = u32::try_from(fields.len() + 4)
                .expect("few bytes")
                .to_be_bytes();
            let _ = socket.write_all(&[&b"E"[..], &length, fields].concat());
        }
    });
    let url = team.postgres.url_of("clerk", port);
    let run = team.run("mona").env("VLENS_REGISTER", url).ends(5);
    run.complains_of("pool of connections");
}

#[test]
fn the_servers_certificate_is_verified_and_a_role_without_rights_is_told() {
    let Some(team) = Team::fast() else { return };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    team.world.file("ca.pem", made.cert.pem());
    let port = team.postgres.port();
    let status = |host: &str, mode: &str| {
        let url = format!("postgres://clerk@{host}:{port}/postgres?sslmode={mode}");
        let status = team.line("mona", "register status");
        status.env("VLENS_REGISTER", url)
    };
    status(&team.postgres.socket(), "prefer").ends(0);
    let in_clear = status("127.0.0.1", "require").ends(5);
    in_clear.complains_of("speaks no TLS");
    status("", "require").ends(5).complains_of("names no host");
    team.postgres
        .speak_tls(&made.cert.pem(), &made.signing_key.serialize_pem());
    let by_name = || status("localhost", "verify-full");
    by_name().env("VLENS_CA_FILE", "ca.pem").ends(0);
    by_name().ends(4).complains_of("certificate");
    let by_address = status("127.0.0.1", "require").env("VLENS_CA_FILE", "ca.pem");
    by_address.ends(4).complains_of("certificate");
    let shut = "REVOKE USAGE ON SCHEMA vlens_batch FROM clerk";
    let off = "ALTER DATABASE postgres SET synchronous_commit = off";
    for (change, told) in [(shut, "GRANT USAGE"), (off, "synchronous_commit")] {
        team.sql(change);
        team.ran("mona", "register status", 5).complains_of(told);
    }
}
