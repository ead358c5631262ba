//! A long history costs nothing: starting, looking on and listing take as long as in a young ledger.

use crate::support::{Promise, World};

/// A cron job every minute for a year.
const PROCESSES: u32 = 525_600;

/// Seconds of processor time at the most, whatever else the machine does: a command takes some hundredths, a walk through that many
/// processes for each run or request many seconds.
const AT_MOST: &str = "ulimit -t 2";

#[track_caller]
fn takes_no_time(world: &World, line: &str, code: i32) {
    world.line(line).after_shell(AT_MOST).ends(code);
}

/// A ledger in which four of six customers are done, and this.
fn changed(sql: &str) -> World {
    let world = World::with_customers(6);
    world.sent("customers.csv --limit 4", 4);
    let ledger = rusqlite::Connection::open(world.ledger()).expect("a ledger");
    ledger.execute_batch(sql).expect("a change");
    world
}

#[test]
fn a_year_of_processes_makes_no_command_slower() {
    let world = changed(&format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {PROCESSES})
             INSERT INTO processes (run_id, command, os_user, host, pid, boot_id, anchor_ms, anchor_uptime_ms, seconds)
             SELECT run_id, command, os_user, host, pid, boot_id, anchor_ms, anchor_uptime_ms, seconds FROM processes, n WHERE id = 1"
    ));
    for (line, code) in [
        ("status", 4),
        ("runs", 0),
        ("report --output report.html", 0),
        ("resume --limit 1 --rate unlimited", 4),
        ("run customers.csv --rate unlimited", 0),
    ] {
        takes_no_time(&world, line, code);
    }
    world.check_invariants(&Promise::default());
}

#[test]
fn many_runs_make_no_command_slower() {
    const RUNS: u32 = 100_000;
    let world = changed(&format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {RUNS})
             INSERT INTO runs (sheet_id, source, started_ms, finished_ms, stopped, changed, requests, throttled, seconds)
             SELECT sheet_id, 'older.csv', started_ms, finished_ms, stopped, 0, 0, 0, 0 FROM runs, n WHERE id = 1"
    ));
    takes_no_time(&world, "status", 4);
    takes_no_time(&world, "resume 1 --limit 1 --rate unlimited", 4);
    takes_no_time(&world, "run customers.csv --rate unlimited", 0);
    let runs = world.ran("runs --json", 0).json();
    assert_eq!(runs.as_array().map(Vec::len), Some(RUNS as usize + 2));
    assert_eq!(runs[0]["counts"]["already_created"], 5);
    assert_eq!(runs[RUNS as usize + 1]["counts"]["created"], 5);
    takes_no_time(&world, "runs", 0);
}
