//! Trouble with the ledger itself: no room, no right to write, deleted, replaced, damaged, of a newer version, of another tenant.

use std::fs;

use serde_json::Value;

use crate::support::{Finished, Promise, Serve, Vlens, World};

fn code(finished: &Finished) -> Value {
    finished.json()["error"]["code"].clone()
}

/// Some rows are sent, most are due.
fn begun(rows: usize) -> World {
    let world = World::with(Serve::default().latency("3"));
    world.customers("customers.csv", rows);
    send(&world).args(["--limit", "5"]).ends(4);
    world
}

fn send(world: &World) -> Vlens {
    world.send("customers.csv --concurrency 4")
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
        let ended = send(&world)
            .after_shell(&format!("trap '' XFSZ; ulimit -f {blocks}"))
            .run();
        if ended.code() == Some(0) {
            continue;
        }
        let ended = ended.expect(1);
        assert_eq!(code(&ended), "ledger_write_failed", "{ended}");
        began_to_send += usize::from(world.accepted().len() > before);
        goes_on_as_if_nothing_had_been(&world, 200);
    }
    assert!(
        began_to_send >= 3,
        "only {began_to_send} were stopped in their midst"
    );
}

#[test]
fn a_disk_that_is_full_from_the_start_sends_nothing() {
    let world = World::with_server();
    world.customers("customers.csv", 50);
    let ended = send(&world)
        .after_shell("trap '' XFSZ; ulimit -f 8")
        .ends(1);
    assert_eq!(code(&ended), "ledger_write_failed");
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
        assert_eq!(
            fs::metadata(&log).unwrap().len(),
            0,
            "its content is in the ledger"
        );
        fs::remove_file(&log).unwrap();
    }
    fs::create_dir(&log).unwrap();
    send(&world).ends(1);
    assert_eq!(world.server_log().len(), before);
    fs::remove_dir(&log).unwrap();
    goes_on_as_if_nothing_had_been(&world, 20);
}

#[test]
fn a_ledger_deleted_during_the_run_stops_it_and_put_back_loses_nothing() {
    let world = begun(300);
    let mut run = send(&world).start();
    run.until("some rows", || world.accepted().len() > 40);
    for suffix in ["", "-wal", "-shm"] {
        let kept = world.path(format!("kept{suffix}"));
        fs::rename(world.beside_ledger(suffix), kept).unwrap();
    }
    let ended = run.wait().expect(1);
    assert_eq!(code(&ended), "ledger_replaced");
    let sent = world.accepted().len();
    assert!(sent < 200, "it went on without a ledger");
    // What was written last is in the log of that name.
    for suffix in ["", "-wal", "-shm"] {
        let kept = world.path(format!("kept{suffix}"));
        if kept.exists() {
            fs::rename(kept, world.beside_ledger(suffix)).unwrap();
        }
    }
    goes_on_as_if_nothing_had_been(&world, 300);
}

#[test]
fn a_ledger_replaced_during_the_run_stops_it() {
    let world = begun(300);
    fs::copy(world.ledger(), world.path("old copy")).unwrap();
    let mut run = send(&world).start();
    run.until("some rows", || world.accepted().len() > 40);
    fs::rename(world.ledger(), world.path("kept")).unwrap();
    fs::rename(world.path("old copy"), world.ledger()).unwrap();
    let ended = run.wait().expect(1);
    assert_eq!(code(&ended), "ledger_replaced");
    fs::rename(world.path("kept"), world.ledger()).unwrap();
    goes_on_as_if_nothing_had_been(&world, 300);
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
    let ended = send(&world).ends(1);
    assert_eq!(code(&ended), "ledger_damaged", "{ended}");
    assert_eq!(world.server_log().len(), before);
    // Cut short, as by a copy that was interrupted.
    fs::write(world.ledger(), &whole[..whole.len() / 2]).unwrap();
    let ended = send(&world).ends(5);
    assert_eq!(code(&ended), "ledger_memory_lost", "{ended}");
    assert_eq!(world.server_log().len(), before);
    fs::write(world.ledger(), &whole).unwrap();
    goes_on_as_if_nothing_had_been(&world, 400);
}

#[test]
fn what_is_no_ledger_is_never_taken_for_a_new_one() {
    let world = begun(20);
    let kept = fs::read(world.ledger()).unwrap();
    let before = world.server_log().len();
    let foreign = world.path("foreign.db");
    rusqlite::Connection::open(&foreign)
        .and_then(|foreign| foreign.execute_batch("CREATE TABLE customers (phone TEXT)"))
        .unwrap();
    let blank = world.path("blank.db");
    rusqlite::Connection::open(&blank)
        .and_then(|blank| blank.execute_batch("CREATE TABLE t (x); DROP TABLE t; VACUUM"))
        .unwrap();
    for (content, expected) in [
        (Vec::new(), "ledger_memory_lost"),
        (
            b"phone,fullName\n01012345678,Mona\n".to_vec(),
            "not_a_ledger",
        ),
        (fs::read(foreign).unwrap(), "not_a_ledger"),
        (fs::read(blank).unwrap(), "not_a_ledger"),
    ] {
        for suffix in ["-wal", "-shm"] {
            // It may be gone already.
            let _ = fs::remove_file(world.beside_ledger(suffix));
        }
        fs::write(world.ledger(), &content).unwrap();
        // What it knew may be in its log, which must not be lost as well.
        fs::write(world.beside_ledger("-wal"), "a log").unwrap();
        for command in [
            vec!["run", "customers.csv", "--json"],
            vec!["run", "customers.csv", "--dry-run", "--json"],
            vec!["resume", "--json"],
            vec!["status", "--json"],
            vec!["runs", "--json"],
            vec!["export", "--json"],
            vec!["settle", "--all", "--as", "created", "--json"],
            vec!["purge", "--older-than", "1d", "--yes", "--json"],
        ] {
            let ended = world.vlens(&command).ends(5);
            assert_eq!(code(&ended), expected, "{command:?}");
            assert!(ended.json()["error"]["hint"].is_string(), "{ended}");
        }
        assert_eq!(
            fs::read(world.ledger()).unwrap(),
            content,
            "it is left as it is"
        );
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
fn a_ledger_of_a_newer_version_is_left_as_it_is() {
    let world = begun(20);
    let set_version = |by: i64| {
        let ledger = rusqlite::Connection::open(world.ledger()).unwrap();
        let version: i64 = ledger
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        ledger
            .pragma_update(None, "user_version", version + by)
            .unwrap();
    };
    set_version(1);
    let before = world.server_log().len();
    for command in [
        vec!["run", "customers.csv", "--json"],
        vec!["status", "--json"],
        vec!["export", "--json"],
    ] {
        let ended = world.vlens(&command).ends(5);
        assert_eq!(code(&ended), "ledger_newer", "{command:?}");
    }
    assert_eq!(world.server_log().len(), before);
    set_version(-1);
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
        let ended = send(&world)
            .env(name, value)
            .env("VLENS_LEDGER", world.ledger())
            .ends(5);
        assert_eq!(code(&ended), "ledger_bound_elsewhere", "{name}");
    }
    assert_eq!(world.server_log().len(), before);
    goes_on_as_if_nothing_had_been(&world, 20);
}

#[test]
fn a_run_that_sends_nothing_by_request_is_ended_properly() {
    let world = World::with_server();
    let mut customers = world.customers("customers.csv", 3);
    customers[1].phone = "nonsense".to_owned();
    world.file("customers.csv", crate::support::sheet(&customers));
    let stopped = send(&world).args(["--on-invalid", "stop"]).ends(3).json();
    assert_eq!(stopped["stopped"], "invalid_rows");
    let stopped = send(&world).args(["--expect", "7"]).ends(3).json();
    assert_eq!(stopped["stopped"], "expectation");
    assert_eq!(stopped["counts"]["pending"], 2);
    assert!(world.server_log().is_empty());
    send(&world).args(["--expect", "2"]).ends(3);
    world.check_invariants(&Promise::default());
}
