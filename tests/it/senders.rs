//! Two on one ledger: a second sender, a reader, one who waits, one whose rival is killed.

use serde_json::Value;

use crate::support::{Promise, Running, World, rows};

/// A sender in the midst of a batch of 400.
fn busy(rate: &str) -> (World, Running) {
    let world = World::serving("--latency 15", 400);
    // While a sender is frozen, its requests grow old.
    world.config("[limits]\ntimeout_seconds = 300\n");
    let run = format!("run customers.csv --concurrency 4 --json --rate {rate}");
    let sender = world.begun(world.line(&run), 10);
    (world, sender)
}

#[test]
fn a_second_sender_is_sent_away_by_every_name_of_the_ledger_and_disturbs_nobody() {
    let (world, mut sender) = busy("unlimited");
    world.customers("others.csv", 2);
    world.file("portal.csv", "Mobile,Status\n01012345678,Approved\n");
    // It holds the ledger however long the others take.
    sender.freeze();
    for line in rows::<&str>("senders.sent_away") {
        world
            .ran(&format!("{line} --json"), 7)
            .fails_with("ledger_busy");
    }
    std::os::unix::fs::symlink(world.ledger(), world.path("link.db")).unwrap();
    std::fs::create_dir(world.path("sub")).unwrap();
    std::os::unix::fs::symlink(world.path("."), world.path("sub/folder")).unwrap();
    let absolute = world.ledger().display().to_string();
    let name = world.ledger().file_name().unwrap().display().to_string();
    let near = format!("./.local/share/vlens-batch/{name}");
    let far = format!("sub/../.local/share/vlens-batch/{name}");
    for spelling in ["link.db", "sub/folder/link.db", &absolute, &near, &far] {
        world.sent(&format!("customers.csv --ledger {spelling}"), 7);
    }
    sender.thaw();
    sender.wait().expect(0);
    world.check_invariants(&Promise::default());
}

#[test]
fn who_waits_comes_after_the_first_ends_or_is_killed_and_repeats_nothing() {
    for is_killed in [false, true] {
        let (world, mut sender) = busy("unlimited");
        sender.freeze();
        let mut second = world.send("customers.csv --wait").start();
        second.until_it_says(&format!("process {} ", sender.pid()));
        // Of a sheet that is written in place meanwhile, half would be the old one's.
        world.customers("others.csv", 2);
        let mut third = world.send("others.csv --wait").start();
        third.until_it_says(&format!("process {} ", sender.pid()));
        world.customers("others.csv", 3);
        if is_killed {
            sender.kill();
        } else {
            std::thread::sleep(std::time::Duration::from_secs(2));
            sender.thaw();
            sender.wait().expect(0);
        }
        third.wait().expect(4).fails_with("file_changed");
        let ended = second.wait();
        assert!(matches!(ended.code(), Some(0 | 3)), "{ended}");
        let uncertain = world.count("uncertain");
        assert_eq!(world.count("created") + uncertain, 400);
        assert!(uncertain <= if is_killed { 4 } else { 0 }, "{ended}");
        if !is_killed {
            assert_eq!(ended.json()["counts"]["already_created"], 400);
            assert_eq!(ended.json()["requests"], 0);
            assert!(ended.json()["seconds"].as_f64() < Some(2.0), "{ended}");
        }
        world.check_invariants(&Promise::default());
    }
}

#[test]
fn who_looks_on_always_sees_counts_that_add_up() {
    // Slow enough to be at it for as long as anybody looks.
    let (world, sender) = busy("10/s --rate 600/min");
    let mut before = 0;
    for _ in 0..5 {
        let document = world.ledger_status();
        let counts = document["counts"].as_object().expect("counts");
        let sum: u64 = counts.values().filter_map(Value::as_u64).sum();
        assert_eq!(sum, 400, "{document}");
        let created = counts["created"].as_u64().expect("a count");
        assert!(created >= before, "what was durable is gone");
        let why = "on its way is pending while somebody sends";
        assert_eq!(counts["uncertain"], 0, "{why}");
        assert_eq!(world.statuses().len(), 400);
        before = created;
    }
    sender.kill();
    world.run_until_done("customers.csv");
    world.check_invariants(&Promise::default());
}

#[test]
fn another_programs_look_at_the_ledger_does_not_take_its_log_away() {
    // A database browser or a backup opens the file for writing, looks, and closes: as the last one out, as it believes.
    let (world, mut sender) = busy("50/s --rate 3000/min");
    #[cfg(target_os = "linux")]
    assert!(
        is_locked(&world.ledger()),
        "whoever looks in last takes the sender's log away"
    );
    for looks in 0..5 {
        let browser = rusqlite::Connection::open(world.ledger()).unwrap();
        let count = "SELECT count(*) FROM attempts";
        let attempts: i64 = browser.query_row(count, [], |row| row.get(0)).unwrap();
        assert!(attempts > 0);
        drop(browser);
        let log = world.beside_ledger("-wal");
        assert!(log.exists(), "look {looks} took the log away");
        let seen = world.server_log().len();
        sender.until("some more", || world.server_log().len() > seen + 2);
    }
    sender.wait().expect(0);
    world.check_invariants(&Promise::default());
}

/// Whether some process holds the lock by which SQLite knows that the file is open elsewhere.
#[cfg(target_os = "linux")]
fn is_locked(ledger: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let inode = std::fs::metadata(ledger).expect("a ledger").ino();
    let locks = std::fs::read_to_string("/proc/locks").expect("the kernel's list of locks");
    let of_ledger = format!(":{inode} ");
    locks
        .lines()
        .any(|line| line.contains("POSIX") && line.contains(&of_ledger))
}
