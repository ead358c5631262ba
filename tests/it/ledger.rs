//! Trouble with the ledger itself: no room, no right to write, deleted, replaced, damaged, of a newer version, of another tenant.

use std::fs;

use super::doctor::expect_level;
use crate::support::{Promise, Running, World, rows};

const SEND: &str = "customers.csv --concurrency 4";

/// Some rows are sent, most are due.
fn begun(rows: usize) -> World {
    let world = World::serving("--latency 3", rows);
    world.sent(&format!("{SEND} --limit 5"), 4);
    world
}

/// A sender, stopped as it is in its midst.
fn frozen(world: &World) -> Running {
    let mut run = world.begun(world.send(SEND), 40);
    run.freeze();
    run
}

fn goes_on_as_if_nothing_had_been(world: &World, rows: usize) {
    world.check_invariants(&Promise::default());
    let last = world.run_until_done("customers.csv");
    let (created, uncertain) = (world.count("created"), world.count("uncertain"));
    assert_eq!(created + uncertain, rows, "{last}");
    assert!(uncertain <= 4, "{uncertain} uncertain\n{last}");
    world.check_invariants(&Promise::default());
}

#[test]
fn a_full_disk_while_sending_stops_the_run_and_loses_nothing() {
    // Files may not grow past a size: the ledger's log reaches it at some intent, or at some outcome.
    let mut began_to_send = 0;
    for kib in (0..240).step_by(24) {
        let world = begun(200);
        let ledger_kib = fs::metadata(world.ledger()).unwrap().len().div_ceil(1024);
        let blocks = (ledger_kib + kib) * 2;
        let before = world.accepted().len();
        let limit = format!("ulimit -f {blocks}");
        let ended = world.send(SEND).after_shell(&limit).run();
        if ended.code() == Some(0) {
            continue;
        }
        ended.expect(1).fails_with("ledger_failed");
        began_to_send += usize::from(world.accepted().len() > before);
        goes_on_as_if_nothing_had_been(&world, 200);
    }
    let told = "so many were stopped in their midst";
    assert!(began_to_send >= 3, "{told}: {began_to_send}");
}

#[test]
fn a_disk_that_is_full_from_the_start_sends_nothing() {
    let world = World::with_customers(50);
    let run = world.send(SEND).after_shell("ulimit -f 8");
    run.ends(1).fails_with("ledger_failed");
    assert!(world.accepted().is_empty());
    world.run_until_done("customers.csv").expect(0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_ledger_that_cannot_be_written_sends_nothing() {
    let world = begun(20);
    let before = world.server_log().len();
    // Stands for a read-only disk, for a superuser as well: where the log belongs, there is something else.
    let log = world.beside_ledger("-wal");
    if log.exists() {
        // Its content is in the ledger.
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
        fs::remove_file(&log).unwrap();
    }
    fs::create_dir(&log).unwrap();
    world.sent(SEND, 1);
    assert_eq!(world.server_log().len(), before);
    fs::remove_dir(&log).unwrap();
    goes_on_as_if_nothing_had_been(&world, 20);
}

/// It was stopped at `sent`: what was on its way then, and one more each at the most, left after that.
#[track_caller]
fn stops_soon(world: &World, run: Running, sent: usize) {
    run.thaw();
    run.wait().expect(1).fails_with("ledger_replaced");
    let since = world.accepted().len() - sent;
    assert!(since <= 8, "{since} were sent without a ledger");
}

#[test]
fn a_ledger_deleted_or_replaced_during_the_run_stops_it_and_put_back_loses_nothing() {
    for moved in [&["", "-wal", "-shm"][..], &[""]] {
        let world = begun(300);
        fs::copy(world.ledger(), world.path("old copy")).unwrap();
        let run = frozen(&world);
        let sent = world.accepted().len();
        let kept = |suffix| world.path(format!("kept{suffix}"));
        for suffix in moved {
            fs::rename(world.beside_ledger(suffix), kept(suffix)).unwrap();
        }
        if moved.len() == 1 {
            fs::rename(world.path("old copy"), world.ledger()).unwrap();
        }
        stops_soon(&world, run, sent);
        // What was written last is in the log of that name.
        for suffix in moved.iter().filter(|suffix| kept(suffix).exists()) {
            fs::rename(kept(suffix), world.beside_ledger(suffix)).unwrap();
        }
        goes_on_as_if_nothing_had_been(&world, 300);
    }
}

#[test]
fn a_damaged_ledger_is_told_and_sends_nothing() {
    let world = begun(400);
    let whole = fs::read(world.ledger()).unwrap();
    let mut damaged = whole.clone();
    for page in damaged.chunks_mut(4096).skip(1) {
        page[..64].fill(0xA5);
    }
    fs::write(world.ledger(), &damaged).unwrap();
    let before = world.server_log().len();
    world.sent(SEND, 1).fails_with("ledger_damaged");
    let report = world.ran("doctor --json", 1);
    expect_level(&report, "ledger", "failure");
    expect_level(&report, "login", "warning");
    assert_eq!(world.server_log().len(), before);
    // A number that no run has.
    fs::write(world.ledger(), &whole).unwrap();
    let ledger = rusqlite::Connection::open(world.ledger()).unwrap();
    let change = "PRAGMA foreign_keys = OFF; UPDATE runs SET id = -1";
    ledger.execute_batch(change).unwrap();
    drop(ledger);
    world.ran("status --json", 1).fails_with("ledger_damaged");
    // Cut short, as by a copy that was interrupted.
    fs::write(world.ledger(), &whole[..whole.len() / 2]).unwrap();
    world.sent(SEND, 5).fails_with("ledger_memory_lost");
    assert_eq!(world.server_log().len(), before);
    fs::write(world.ledger(), &whole).unwrap();
    goes_on_as_if_nothing_had_been(&world, 400);
}

#[test]
fn what_is_no_ledger_is_never_taken_for_a_new_one() {
    let world = begun(20);
    let kept = fs::read(world.ledger()).unwrap();
    let before = world.server_log().len();
    let foreign = |name: &str, sql: &str| {
        let path = world.path(name);
        let ledger = rusqlite::Connection::open(&path);
        ledger.and_then(|ledger| ledger.execute_batch(sql)).unwrap();
        fs::read(path).unwrap()
    };
    let table = foreign("table.db", "CREATE TABLE customers (phone TEXT)");
    let blank = foreign("blank.db", "CREATE TABLE t (x); DROP TABLE t; VACUUM");
    let sheet = b"phone,fullName\n01012345678,Mona\n".to_vec();
    for (content, expected) in [
        (Vec::new(), "ledger_memory_lost"),
        (sheet.clone(), "not_a_ledger"),
        (table, "not_a_ledger"),
        (blank, "not_a_ledger"),
    ] {
        for suffix in ["-wal", "-shm"] {
            // It may be gone already.
            let _ = fs::remove_file(world.beside_ledger(suffix));
        }
        fs::write(world.ledger(), &content).unwrap();
        // What it knew may be in its log, which must not be lost as well; a sheet has none.
        if content != sheet {
            fs::write(world.beside_ledger("-wal"), "a log").unwrap();
        }
        for line in rows::<&str>("ledger.refuse") {
            let ended = world.ran(&format!("{line} --json"), 5);
            ended.fails_with(expected);
        }
        // It is left as it is.
        assert_eq!(fs::read(world.ledger()).unwrap(), content);
        if content.is_empty() {
            let log = fs::read(world.beside_ledger("-wal")).unwrap();
            assert_eq!(log, b"a log");
        }
    }
    assert_eq!(world.server_log().len(), before);
    fs::write(world.ledger(), kept).unwrap();
    goes_on_as_if_nothing_had_been(&world, 20);
}

#[test]
fn a_ledger_of_a_newer_version_or_of_a_schema_that_was_never_released_is_left_as_it_is() {
    let world = begun(20);
    let before = world.server_log().len();
    let [version] = world.query("SELECT user_version FROM pragma_user_version");
    let set = |version: i64| format!("PRAGMA user_version = {version}");
    let rename =
        |from: &str, to: &str| format!("UPDATE meta SET key = '{to}' WHERE key = '{from}'");
    for (change, back, code) in [
        (set(version + 1), set(version), "ledger_newer"),
        (
            rename("schema", "x"),
            rename("x", "schema"),
            "ledger_unreleased",
        ),
    ] {
        let ledger = || rusqlite::Connection::open(world.ledger()).unwrap();
        ledger().execute_batch(&change).unwrap();
        for line in ["run customers.csv", "status", "export"] {
            let ended = world.ran(&format!("{line} --json"), 5);
            ended.fails_with(code);
        }
        assert_eq!(world.server_log().len(), before);
        ledger().execute_batch(&back).unwrap();
    }
    goes_on_as_if_nothing_had_been(&world, 20);
}

#[test]
fn a_ledger_of_another_tenant_or_address_is_refused() {
    let world = begun(20);
    let before = world.server_log().len();
    for (name, value) in [
        ("VLENS_TENANCY_NAME", "another"),
        ("VLENS_BASE_URL", "http://localhost:1"),
    ] {
        let run = world.send(SEND).env("VLENS_LEDGER", world.ledger());
        run.env(name, value)
            .ends(5)
            .fails_with("ledger_bound_elsewhere");
    }
    assert_eq!(world.server_log().len(), before);
    goes_on_as_if_nothing_had_been(&world, 20);
}
