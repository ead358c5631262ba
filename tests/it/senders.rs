//! Two on one ledger: a second sender, a reader, one who waits, one whose rival is killed.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Promise, Running, Serve, World};

/// A sender in the midst of a batch.
fn busy(world: &World) -> Running {
    world.customers("customers.csv", 400);
    let mut sender = world
        .send("customers.csv")
        .args(["--concurrency", "4"])
        .start();
    sender.until("the first rows", || world.accepted().len() > 10);
    sender
}

fn slow() -> World {
    World::with(Serve::default().latency("15"))
}

#[test]
fn a_second_sender_is_sent_away_and_disturbs_nobody() {
    let world = slow();
    let sender = busy(&world);
    for command in [
        vec!["run", "customers.csv", "--json"],
        vec!["resume", "--json"],
        vec!["retry", "--failed", "--json"],
        vec!["settle", "--all", "--as", "created", "--json"],
        vec!["contract-types", "--json"],
        vec!["contract-types", "pull", "414", "--json"],
    ] {
        let refused = world.vlens(&command).run().expect(7);
        assert_eq!(
            refused.json()["error"]["code"],
            "ledger_busy",
            "{command:?}"
        );
    }
    sender.wait().expect(0);
    world.check_invariants(&Promise::default());
}

#[test]
fn all_spellings_of_the_ledgers_path_share_one_lock() {
    let world = slow();
    let sender = busy(&world);
    std::os::unix::fs::symlink(world.ledger(), world.path("link.db")).unwrap();
    std::fs::create_dir(world.path("sub")).unwrap();
    std::os::unix::fs::symlink(world.path("."), world.path("sub/folder")).unwrap();
    let absolute = world.ledger().display().to_string();
    let name = world.ledger().file_name().unwrap().display().to_string();
    let near = format!("./.local/share/vlens-batch/{name}");
    let far = format!("sub/../.local/share/vlens-batch/{name}");
    for spelling in ["link.db", "sub/folder/link.db", &absolute, &near, &far] {
        world
            .send("customers.csv")
            .args(["--ledger", spelling])
            .run()
            .expect(7);
    }
    sender.wait().expect(0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_second_sender_that_waits_comes_after_the_first_and_repeats_nothing() {
    let world = slow();
    let sender = busy(&world);
    let second = world.send("customers.csv").args(["--wait"]).start();
    sender.wait().expect(0);
    let document = second.wait().expect(0).json();
    assert_eq!(document["counts"]["already_created"], 400);
    assert_eq!(document["requests"], 0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_killed_holder_frees_the_lock_for_who_waits() {
    let world = slow();
    let sender = busy(&world);
    let second = world.send("customers.csv").args(["--wait"]).start();
    std::thread::sleep(Duration::from_millis(100));
    sender.kill();
    let ended = second.wait();
    assert!(matches!(ended.code(), Some(0 | 3)), "{ended}");
    assert_eq!(world.count("created") + world.count("uncertain"), 400);
    assert!(world.count("uncertain") <= 4);
    world.check_invariants(&Promise::default());
}

#[test]
fn who_looks_on_always_sees_counts_that_add_up() {
    let world = slow();
    let mut sender = busy(&world);
    let mut looks = 0;
    let mut before = 0;
    while sender.is_running() {
        let document = world.ledger_status();
        let counts = document["counts"].as_object().expect("counts");
        let sum: u64 = counts.values().filter_map(Value::as_u64).sum();
        assert_eq!(sum, 400, "{document}");
        let created = counts["created"].as_u64().expect("a count");
        assert!(created >= before, "what was durable is gone");
        assert_eq!(
            counts["uncertain"], 0,
            "on its way is pending while somebody sends"
        );
        let rows = world.statuses();
        assert_eq!(rows.len(), 400);
        before = created;
        looks += 1;
    }
    assert!(looks > 3, "only {looks} looks");
    sender.wait().expect(0);
    world.check_invariants(&Promise::default());
}

#[test]
fn another_programs_look_at_the_ledger_does_not_take_its_log_away() {
    // A database browser or a backup opens the file for writing, looks, and closes: as the last one out, as it believes.
    let world = slow();
    let mut sender = busy(&world);
    #[cfg(target_os = "linux")]
    assert!(
        is_locked(&world.ledger()),
        "whoever looks in last takes the sender's log away"
    );
    for _ in 0..5 {
        let browser = rusqlite::Connection::open(world.ledger()).unwrap();
        let attempts: i64 = browser
            .query_row("SELECT count(*) FROM attempts", [], |row| row.get(0))
            .unwrap();
        assert!(attempts > 0);
        drop(browser);
        assert!(sender.is_running(), "the look ended the run");
        assert!(
            world.beside_ledger("-wal").exists(),
            "the look took the log away"
        );
        std::thread::sleep(Duration::from_millis(50));
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
