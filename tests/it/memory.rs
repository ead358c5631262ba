//! A ledger that lost its memory is noticed before anybody is invited again, and two senders never both send, whatever became of the lock.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Customer, Finished, Promise, Vlens, World, customers, rows, sheet};

/// The files of a ledger.
const FILES: [&str; 4] = ["", "-wal", "-shm", ".lock"];

fn send(world: &World) -> Vlens {
    world.send("customers.csv").args(["--concurrency", "4"])
}

/// Killed in the midst of a batch, with most of what was done in the log only.
fn killed(rows: usize) -> World {
    let world = World::serving("--latency 5", rows);
    world.begun(send(&world), 20).kill();
    world
}

type Kept = HashMap<&'static str, Vec<u8>>;

fn keep(world: &World) -> Kept {
    let read = |suffix| Some((suffix, fs::read(world.beside_ledger(suffix)).ok()?));
    FILES.into_iter().filter_map(read).collect()
}

/// Puts back what was kept, and removes what was not.
fn put_back(world: &World, kept: &Kept, files: &[&str]) {
    for suffix in files {
        let path = world.beside_ledger(suffix);
        match kept.get(suffix) {
            Some(bytes) => fs::write(path, bytes).expect("a file put back"),
            None => drop(fs::remove_file(path)),
        }
    }
}

/// The invitations made, once what a killed sender had on its way has arrived.
fn at_rest(world: &World) -> usize {
    loop {
        let before = world.accepted().len();
        std::thread::sleep(std::time::Duration::from_millis(300));
        if world.accepted().len() == before {
            return before;
        }
    }
}

/// The number that `--assume-sent` is to name.
#[track_caller]
fn is_told(world: &World, what: &str) -> String {
    let before = at_rest(world);
    let commands = "run customers.csv|run customers.csv --dry-run|resume|status|doctor|settle --all --as not-created";
    let told = commands.split('|').map(|command| {
        let told = world.line(command).args(["--json"]).run();
        assert_eq!(told.code(), Some(5), "{what}\n{told}");
        // A ledger knows no file that it lost; who names one is told the whole command.
        let is_run = command.starts_with("run");
        let file = if is_run { "customers.csv" } else { "FILE" };
        let go_on = format!("`vlens-batch run {file} --assume-sent ");
        assert!(told.to_string().contains(&go_on), "{what}\n{told}");
        told.shows("would be invited again");
        told
    });
    let told: Vec<Finished> = told.collect();
    assert_eq!(world.accepted().len(), before, "{what}");
    told[0].fails_with("ledger_memory_lost");
    let error = told[0].json()["error"].clone();
    let hint = error["hint"].as_str().expect("a hint");
    let number = hint.split("--assume-sent ").nth(1).expect("a number");
    number.chars().take_while(char::is_ascii_digit).collect()
}

fn remove(world: &World, files: &[&str]) {
    for suffix in files {
        // Some are not there at every moment.
        let _ = fs::remove_file(world.beside_ledger(suffix));
    }
}

#[test]
fn every_loss_is_told_before_anything_is_sent_and_what_is_put_back_goes_on() {
    let world = World::serving("--latency 5", 60);
    world.sent("customers.csv --limit 3", 4);
    let old = keep(&world);
    let run = world.begun(send(&world), 25);
    let alone = fs::read(world.ledger()).unwrap();
    run.kill();
    let kept = keep(&world);
    for (what, losses) in rows::<(&str, Vec<(&str, &str)>)>("memory.losses") {
        for (suffix, how) in losses {
            let changed = |change: fn(&mut Vec<u8>)| {
                let mut bytes = kept[suffix].clone();
                change(&mut bytes);
                fs::write(world.beside_ledger(suffix), bytes).unwrap();
            };
            match how {
                "gone" => remove(&world, &[suffix]),
                "empty" => changed(Vec::clear),
                "half" => changed(|bytes| bytes.truncate(bytes.len() / 2)),
                "a bit" => changed(|bytes| {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 4;
                }),
                "old" => put_back(&world, &old, &[suffix]),
                "alone" => fs::write(world.ledger(), &alone).unwrap(),
                _ => panic!("{what}: {how}"),
            }
        }
        is_told(&world, what);
        put_back(&world, &kept, &FILES);
    }
    world.run_until_done("customers.csv");
    world.check_invariants(&Promise::default());
}

#[test]
fn neither_a_copy_of_the_ledger_alone_nor_a_deleted_lock_invites_anybody_again() {
    let world = World::serving("--latency 20", 100);
    let run = world.begun(send(&world), 20);
    fs::copy(world.ledger(), world.path("copy.db")).unwrap();
    fs::remove_file(world.beside_ledger(".lock")).unwrap();
    send(&world).ends(5);
    run.wait().expect(0);
    let on_copy = send(&world).args(["--ledger", "copy.db"]);
    on_copy.ends(5).fails_with("ledger_memory_lost");
    send(&world).ends(0);
    // What ended properly is whole without its lock file.
    fs::remove_file(world.beside_ledger(".lock")).unwrap();
    world.sent("customers.csv", 0);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_loss_that_is_accepted_holds_everybody_who_may_have_been_invited() {
    let world = killed(60);
    remove(&world, &["-wal", "-shm"]);
    let number = is_told(&world, "no log");
    let accept = |number: &str| send(&world).args(["--assume-sent", number]).run();
    accept("1").expect(5);
    let accepted = accept(&number).expect(3).json();
    assert_eq!(accepted["counts"]["uncertain"], 60);
    assert_eq!(accepted["requests"], 0);
    // Once it is accepted, nothing is new, and this file brings nobody; but another word is wrong.
    accept(&number).expect(3);
    for word in ["--yes", "--dry-run"] {
        send(&world).args([word]).ends(3);
    }
    for word in ["--new-ledger", "--assume-sent=1"] {
        send(&world)
            .args([word])
            .ends(5)
            .fails_with("lost_time_open");
    }
    let dry = format!("customers.csv --dry-run --assume-sent {number}");
    world.sent(&dry, 3);
    let row = world.vlens(["status", "--row", "2", "--json"]).ends(0);
    assert!(row.stdout.contains("assumed_sent"), "{row}");
    assert_eq!(world.export()[0]["error_code"], "memory_lost");
    world.ran("resume", 3);
    accept("0").expect(3);
    accept("0").expect(2);
    send(&world).args(["--new-ledger"]).ends(2);
    send(&world).ends(3);
    world.check_invariants(&Promise::default());
    // A person knows who was not.
    world.ran("settle --all --as created", 0);
    send(&world).ends(0);
    world.check_invariants(&Promise::default());
}

#[test]
fn sheets_that_were_lost_are_held_when_they_come_again() {
    let world = World::with_server();
    let mut all = customers(60);
    // Whoever was rejected may have been sent again since.
    all[0] = Customer::new(0).phone("+201555000422");
    for (name, range) in [("customers", 0..20), ("giza", 20..40), ("new", 40..60)] {
        world.file(format!("{name}.csv"), sheet(&all[range]));
    }
    world.sent("customers.csv --limit 10", 4);
    let old = keep(&world);
    world.sent("customers.csv", 3);
    world.sent("giza.csv", 0);
    put_back(&world, &old, &["", "-wal", "-shm"]);
    let number = is_told(&world, "an old copy");
    let again = world.sent(&format!("customers.csv --assume-sent {number}"), 3);
    assert_eq!(again.json()["counts"]["uncertain"], 11);
    // Lists grow: it is another sheet by now, and whoever is new in it is held as well.
    world.file("giza.csv", sheet(&all[20..42]));
    world.sent("customers.csv", 3);
    for file in ["giza.csv", "new.csv", "giza.csv --dry-run"] {
        let told = world.sent(file, 5);
        told.fails_with("lost_time_open")
            .complains_of(&format!(" --assume-sent {number}`"));
    }
    world.ran("inbox . --settled 0s", 5);
    let giza = format!("giza.csv --assume-sent {number}");
    let dry = world.sent(&format!("{giza} --dry-run"), 3).json();
    assert_eq!(dry["held"], 22);
    let again = world.sent(&giza, 3).json();
    assert_eq!(again["counts"]["uncertain"], 22);
    let new = world.sent("new.csv --assume-sent 0", 3).json();
    assert_eq!(new["counts"]["created"], 18);
    world.sent("new.csv", 3);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_new_ledger_in_place_of_a_lost_one_leaves_what_is_left() {
    let world = killed(30);
    let log = fs::read(world.beside_ledger("-wal")).unwrap();
    remove(&world, &["", "-shm"]);
    is_told(&world, "a log alone");
    // Until something is sent, the word is not carried out.
    send(&world).args(["--new-ledger", "--expect=3"]).ends(3);
    is_told(&world, "a new ledger that was not meant");
    send(&world).args(["--new-ledger"]).ends(0);
    let aside = || {
        let folder = fs::read_dir(world.ledger().parent().unwrap()).unwrap();
        let paths = folder.map(|entry| entry.unwrap().path());
        let is_aside = |path: &PathBuf| path.to_string_lossy().contains(".db.lost-");
        paths.filter(is_aside).collect::<Vec<_>>()
    };
    let kept = aside().into_iter().map(|path| fs::read(path).unwrap());
    assert!(kept.into_iter().any(|kept| kept == log));
    send(&world).ends(0);
    world.ran("purge --older-than 1d --yes", 0);
    assert!(!aside().is_empty());
    world.ran("purge --older-than 0d --yes", 0);
    assert_eq!(aside(), Vec::<PathBuf>::new());
}

/// Both were let in: the first stops at its next intent, and nobody is invited twice.
#[test]
fn who_takes_over_stops_the_other() {
    let world = World::serving("--latency 20", 200);
    let first = world.begun(send(&world), 20);
    // Another file of that name, as a restored folder has it: locks do not hold across the two.
    let lock = world.beside_ledger(".lock");
    fs::copy(&lock, world.path("copy")).unwrap();
    fs::rename(world.path("copy"), &lock).unwrap();
    let second = send(&world).start();
    let first = first.wait().expect(1);
    first
        .fails_with("ledger_taken_over")
        .complains_of("process");
    let second = second.wait();
    assert!(matches!(second.code(), Some(0 | 3)), "{second}");
    assert_eq!(world.count("created") + world.count("uncertain"), 200);
    assert!(world.count("uncertain") <= 4);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_ledger_with_two_names_is_refused() {
    let world = World::serving("--latency 20", 100);
    let first = world.begun(send(&world), 20);
    fs::hard_link(world.ledger(), world.path("second.db")).unwrap();
    let refused = |ledger: &Path, command: &str| {
        let told = world.line(command).env("VLENS_LEDGER", ledger);
        told.ends(5).fails_with("ledger_second_name");
    };
    for command in ["run customers.csv --json", "status --json"] {
        refused(&world.path("second.db"), command);
    }
    first.wait().expect(5);
    refused(&world.ledger(), "run customers.csv --json");
    fs::remove_file(world.path("second.db")).unwrap();
    world.check_invariants(&Promise::default());
}

#[cfg(target_os = "linux")]
#[test]
#[expect(clippy::print_stderr, reason = "a test that cannot be made says so")]
fn a_ledger_that_is_mounted_by_itself_is_refused() {
    let world = World::with_customers(5);
    world.sent("customers.csv --limit 1", 4);
    world.file("box/acme.db", "");
    let mount = format!("mount --bind '{}' box/acme.db", world.ledger().display());
    let mounted = |then: &str| {
        let mut shell = std::process::Command::new("unshare");
        shell
            .args(["--mount", "sh", "-c"])
            .arg(format!("{mount} && {then}"));
        shell.current_dir(world.path(".")).output()
    };
    if !mounted("true").is_ok_and(|tried| tried.status.success()) {
        eprintln!("passed over: this user may not mount");
        return;
    }
    let bin = env!("CARGO_BIN_EXE_vlens-batch");
    let told = mounted(&format!("'{bin}' runs --json --ledger box/acme.db")).unwrap();
    assert_eq!(told.status.code(), Some(5), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("ledger_second_name"));
}

#[test]
fn a_ledger_cut_under_a_sender_stops_it_before_the_next_request() {
    for cut in ["", "-wal"] {
        let world = World::serving("--latency 20", 200);
        let run = world.begun(send(&world), 20);
        fs::File::create(world.beside_ledger(cut)).unwrap();
        let sent = world.server_log().len();
        let ended = run.wait().expect(1);
        // Whoever looks first tells it.
        let told = ended.json()["error"]["code"].clone();
        let is_known = told == "ledger_replaced" || told == "ledger_damaged";
        assert!(is_known, "{ended}");
        let since = world.server_log().len() - sent;
        assert!(since <= 12, "{since} requests after the ledger was cut");
        // What is left is as the cut left it: nothing was written over it, so that the loss is told and may be accepted.
        is_told(&world, cut);
    }
}

#[test]
fn who_holds_the_ledger_is_told() {
    let world = World::serving("--latency 40", 40);
    let first = world.begun(send(&world), 5);
    let told = send(&world).ends(7).json()["error"]["message"].clone();
    let pid = format!("process {} on ", first.pid());
    assert!(told.as_str().unwrap().contains(&pid), "{told}");
    assert!(told.as_str().unwrap().contains(", since 20"), "{told}");
    let waits = |line: &str| world.line(line).start();
    let waiting = [
        waits("settle --all --as created --wait"),
        waits("purge --older-than 90d --yes --wait"),
        waits("contract-types --wait"),
    ];
    first.wait().expect(0);
    for waiting in waiting {
        let ended = waiting.wait().expect(0);
        assert!(ended.stderr.contains(&pid), "{ended}");
    }
}

/// What is put back lies beside the log of another state of it, which SQLite would read into it.
#[test]
fn a_log_that_was_left_is_not_read_into_what_is_put_back() {
    let world = World::serving("--latency 5", 200);
    world.file("b.csv", sheet(&customers(3200)[200..]));
    world.sent("customers.csv --limit 5", 4);
    world.sent("b.csv --limit 5", 4);
    world.ran("backup acme.bak", 0);
    let mut copies = vec![keep(&world)[""].clone()];
    copies.push(fs::read(world.path("acme.bak")).unwrap());
    world.sent("customers.csv --limit 15", 4);
    world.begun(world.send("b.csv"), 26).kill();
    let kept = keep(&world);
    for copy in copies {
        put_back(&world, &kept, &FILES);
        fs::write(world.ledger(), copy).unwrap();
        let number = is_told(&world, "an old copy beside a newer log");
        assert_eq!(world.export().len(), 3000);
        let accepted = format!("customers.csv --assume-sent {number}");
        let accepted = world.sent(&accepted, 3).json();
        assert_eq!(accepted["counts"]["uncertain"], 195);
        world.check_invariants(&Promise::default());
    }
}

/// Backup, lose, restore, go on: nobody twice.
#[test]
fn a_backup_that_is_restored_goes_on_and_invites_nobody_twice() {
    let world = World::serving("--latency 10", 80);
    let mut run = world.begun(send(&world), 10);
    let copied = world.ran("backup acme.bak --json", 0).json();
    assert!(copied["attempts"].as_i64().unwrap() >= 10, "{copied}");
    assert_eq!(copied["output"], "acme.bak");
    assert_eq!(world.mode("acme.bak"), 0o600);
    run.until("more rows", || world.accepted().len() > 40);
    // A newer one takes its place while the run goes on.
    world.ran("backup acme.bak", 0);
    run.until("more rows", || world.accepted().len() > 60);
    run.kill();
    remove(&world, &["", "-wal", "-shm"]);
    fs::copy(world.path("acme.bak"), world.ledger()).unwrap();
    let number = is_told(&world, "a backup");
    // What knows more is not overwritten by what knows less.
    fs::rename(world.path("acme.bak"), world.path("kept.bak")).unwrap();
    let again = format!("customers.csv --assume-sent {number}");
    let held = world.sent(&again, 3).json()["counts"]["uncertain"].clone();
    assert!(held.as_i64().unwrap() >= 20, "{held}");
    world.check_invariants(&Promise::default());
    world.ran("settle --all --as created", 0);
    world.sent("customers.csv", 0);
    world.sent("customers.csv --assume-sent 0", 0);
    world.check_invariants(&Promise::default());
    world.ran("backup kept.bak", 0);
}

#[test]
fn a_backup_overwrites_nothing_but_an_older_one() {
    let world = World::with_customers(5);
    world.sent("customers.csv --limit 2", 4);
    world.ran("backup old.bak", 0);
    world.sent("customers.csv", 0);
    world.ran("backup new.bak", 0);
    // Another that is made meanwhile is whole as well.
    let first = world.line("backup new.bak");
    let mut first = first.stopping_at("before_published").start();
    first.wait_until_stopped();
    world.ran("backup new.bak", 0);
    first.thaw();
    first.wait().expect(0);
    // As who rotates backups leaves them.
    fs::hard_link(world.path("new.bak"), world.path("linked.bak")).unwrap();
    world.ran("backup new.bak", 0);
    let ledger = world.ledger().display().to_string();
    fs::copy(world.ledger(), world.path("copy.db")).unwrap();
    for file in ["customers.csv", "copy.db", &ledger, "no/such/folder.bak"] {
        let kept = fs::read(world.path(file)).ok();
        let refused = world.vlens(["backup", file, "--json"]).run();
        assert!(matches!(refused.code(), Some(1 | 2)), "{refused}");
        assert_eq!(fs::read(world.path(file)).ok(), kept);
    }
    // Nor does a damaged one take a sound one's place.
    let kept = fs::read(world.path("new.bak")).unwrap();
    let mut damaged = fs::read(world.ledger()).unwrap();
    let at = damaged.windows(10).position(|it| it == b"Customer 1");
    let page = at.unwrap() / 4096 * 4096;
    damaged[page..page + 4096].fill(0);
    fs::write(world.ledger(), damaged).unwrap();
    world.ran("backup new.bak", 1).complains_of(&ledger);
    assert_eq!(fs::read(world.path("new.bak")).unwrap(), kept);
    let old = world.ran("backup new.bak --ledger old.bak", 2);
    old.complains_of("knows more");
    // Restored where nothing tells what was sent since, a backup is not believed.
    let restored = world.sent("customers.csv --ledger new.bak", 5);
    restored.fails_with("ledger_memory_lost");
}
