//! A folder instead of a terminal: which sheets a sweep takes, each of them once, whatever is killed, moved or lost meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

use calamine::Data;
use rustix::process::Signal;

use crate::support::{Customer, Finished, Promise, Recipe, World, customers, rows, sheet};

/// One sweep of `inbox/`, without a wait for files to settle.
pub(super) fn sweep(world: &World) -> Finished {
    let sweep = world.line("inbox inbox --settled 0s --rate unlimited --json");
    sweep.run()
}

pub(super) fn some(from: usize, n: usize) -> Vec<Customer> {
    (from..from + n).map(Customer::new).collect()
}

/// The column `vlens_status` of a file of results.
pub(super) fn statuses(world: &World, name: &str) -> Vec<String> {
    let rows = world.cells(Path::new("inbox").join(name), 0);
    let is_it = |cell: &Data| *cell == "vlens_status";
    let header = rows.iter().position(|row| row.iter().any(is_it));
    let header = header.expect("the header");
    let column = rows[header].iter().position(is_it).expect("the column");
    let rows = rows[header + 1..].iter();
    rows.map(|row| row[column].to_string()).collect()
}

/// Asserts that these files were dealt with, with these exit codes.
#[track_caller]
pub(super) fn deals_with(swept: &Finished, files: &[(&str, u64)]) {
    let document = swept.json();
    let dealt = document["files"].as_array().expect("files").iter();
    let mut dealt: Vec<(&str, u64)> = dealt
        .map(|file| {
            let name = file["file"].as_str().expect("a name");
            (name, file["exit_code"].as_u64().expect("a code"))
        })
        .collect();
    dealt.sort_unstable();
    assert_eq!(dealt, files, "{swept}");
}

/// A workbook of these rows.
pub(super) fn book(rows: &str) -> Vec<u8> {
    let recipe: Recipe = toml::from_str(&format!("[[sheet]]\nrows = {rows}\n")).expect("a recipe");
    recipe.bytes()
}

/// The files of the folder.
pub(super) fn files(world: &World) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(world.path("inbox")).expect("the folder");
    let entries = entries.map(|entry| entry.expect("a file"));
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name");
        (name, std::fs::read(entry.path()).expect("a file"))
    };
    entries.map(read).collect()
}

#[test]
fn ten_files_in_three_sweeps_each_get_their_result_and_nobody_is_invited_twice() {
    let world = World::with_server();
    let put = |name: &str, bytes: &[u8]| world.file(Path::new("inbox").join(name), bytes);
    let people = |name: &str, from: usize, n: usize| put(name, sheet(&some(from, n)).as_bytes());
    let gone = |name: &str| std::fs::remove_file(world.path("inbox").join(name)).expect("gone");
    let exists = |name: &str| world.path("inbox").join(name).exists();
    people("good.csv", 0, 3);
    people("UPPER.CSV", 10, 2);
    people("-dash.txt", 20, 1);
    let bad = sheet(&[Customer::new(30), Customer::new(31).phone("12")]);
    put("some bad.csv", bad.as_bytes());
    put("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 no workbook");
    put("empty.csv", b"");
    put("copied.xlsx", b"PK\x03\x04 half of a workbook");
    put("copied.xlsx.part", b"");
    put("~$good.xlsx", b"lock");
    people(".hidden.csv", 0, 3);
    people("in use.csv", 40, 1);
    put(".~lock.in use.csv#", b"mona");
    put("notes.md", b"a,b\n");
    put("scan.pdf", b"%PDF-1.7");
    let before = files(&world);

    let first = sweep(&world).expect(5);
    let done = [
        ("-dash.txt", 0),
        ("UPPER.CSV", 0),
        ("empty.csv", 5),
        ("good.csv", 0),
        ("old.xls", 5),
        ("some bad.csv", 3),
    ];
    deals_with(&first, &done);
    let now = files(&world);
    for (name, bytes) in &before {
        assert!(now[name] == *bytes, "{name} was changed");
    }
    assert_eq!(statuses(&world, "good.results.xlsx"), ["created"; 3]);
    assert_eq!(statuses(&world, "UPPER.results.xlsx"), ["created"; 2]);
    let of_bad = statuses(&world, "some bad.results.xlsx");
    assert_eq!(of_bad, ["created", "invalid"]);
    assert!(exists("some bad.marked.xlsx"));
    let empty = world.path("inbox/empty.csv");
    let run = world.ran(&format!("run {}", empty.display()), 5);
    assert_eq!(world.read("inbox/empty.error.txt"), run.stderr);
    assert!(exists("old.error.txt") && !exists("copied.error.txt"));

    // Nothing new: nothing to say.
    let quiet = sweep(&world).expect(0);
    deals_with(&quiet, &[]);
    assert_eq!(quiet.stderr, "");
    // A program that crashed.
    for name in ["in use.csv", ".~lock.in use.csv#"] {
        world.set_time(Path::new("inbox").join(name), UNIX_EPOCH);
    }
    sweep(&world)
        .expect(4)
        .complains_of("in use.csv is not sent");

    // Whole now, closed now, renamed, dropped again, corrected, and one more with the name of another.
    let workbook = book("[[\"phoneNumber\", \"contractTypeId\"], [\"+201010000070\", 414]]");
    put("copied.xlsx", &workbook);
    gone("copied.xlsx.part");
    gone(".~lock.in use.csv#");
    let folder = world.path("inbox");
    std::fs::rename(folder.join("UPPER.CSV"), folder.join("renamed.csv")).expect("renamed");
    people("good.csv", 0, 3);
    people("again.csv", 0, 3);
    people("some bad.csv", 30, 2);
    people("empty.csv", 50, 1);
    people("in use.xlsx.csv", 41, 1);
    let tabs = sheet(&some(60, 1)).replace(',', "\t");
    put("good.tsv", tabs.as_bytes());
    let second = sweep(&world).expect(0);
    let done = [
        ("copied.xlsx", 0),
        ("empty.csv", 0),
        ("good.tsv", 0),
        ("in use.csv", 0),
        ("in use.xlsx.csv", 0),
        ("some bad.csv", 0),
    ];
    deals_with(&second, &done);
    assert_eq!(statuses(&world, "some bad.results.xlsx"), ["created"; 2]);
    assert!(!exists("empty.error.txt") && exists("good.tsv.results.xlsx"));
    assert_eq!(statuses(&world, "good.results.xlsx"), ["created"; 3]);
    let files = files(&world);
    assert!(!files.keys().any(|name| name.starts_with(".vlens-batch")));

    deals_with(&sweep(&world).expect(0), &[]);
    world.check_invariants(&Promise::default());
}

/// A sweep that took the file is no fault where this test itself did not come to write for so long.
#[test]
fn a_file_that_grows_is_left_until_it_rests() {
    const SETTLED: Duration = Duration::from_secs(2);
    for tries in 1.. {
        let world = World::with_server();
        let grow = |n| world.file("inbox/growing.csv", sheet(&some(0, n)));
        grow(1);
        let mut sweeping = world.line("inbox inbox --settled 2s --json").start();
        let (mut n, mut since, mut longest) = (1, Instant::now(), Duration::ZERO);
        while sweeping.is_running() {
            if since.elapsed() > SETTLED / 20 {
                longest = longest.max(since.elapsed());
                (n, since) = (n + 1, Instant::now());
                grow(n);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        longest = longest.max(since.elapsed());
        let swept = sweeping.wait().expect(0);
        if longest > SETTLED / 2 && tries < 10 {
            continue;
        }
        deals_with(&swept, &[]);
        deals_with(&sweep(&world).expect(0), &[("growing.csv", 0)]);
        assert_eq!(world.accepted().len(), n);
        break;
    }
}

#[test]
fn corrections_saved_in_a_marked_sheet_or_under_another_name_are_picked_up() {
    let world = World::with_server();
    world.file("inbox/a.csv", sheet(&[Customer::new(1).phone("12")]));
    deals_with(&sweep(&world).expect(3), &[("a.csv", 3)]);
    deals_with(&sweep(&world).expect(0), &[]);
    let told = world.cells("inbox/a.marked.xlsx", 0);
    let told = format!("{told:?}");
    assert!(told.contains("in an inbox, saving is enough"), "{told}");
    let names = [
        "a.marked-corrected.xlsx",
        "a.marked.xlsx",
        "a.results-mine.xlsx",
    ];
    for (n, name) in names.iter().enumerate() {
        let rows = format!("[[\"phoneNumber\", \"contractTypeId\"], [\"+20101000000{n}\", 414]]");
        world.file(format!("inbox/{name}"), book(&rows));
    }
    deals_with(&sweep(&world).expect(0), &names.map(|name| (name, 0)));
    assert_eq!(world.accepted().len(), 3);
    assert_eq!(statuses(&world, "a.marked.results.xlsx"), ["created"]);
    deals_with(&sweep(&world).expect(0), &[]);
}

#[test]
fn who_failed_goes_again_with_the_next_sweep_and_results_tell_what_a_person_did_since() {
    let world = World::with_server();
    world.config("[limits]\nmax_attempts = 1\n[retry]\non_uncertain = \"resend\"\n");
    // To come back in a second, once; never a word of what became of it; to come back, always.
    world.phones("inbox/a.csv", ["", "+201555000513"]);
    world.phones("inbox/b.csv", ["+201555000500"]);
    world.phones("inbox/c.csv", ["+201555000514"]);
    let first = world.line("inbox inbox --settled 0s").ends(3);
    first.shows("which the next sweep tries again, 1");
    std::fs::remove_file(world.path("inbox/c.csv")).expect("a sheet");
    let second = sweep(&world).expect(3);
    deals_with(&second, &[("a.csv", 0), ("b.csv", 3)]);
    assert_eq!(statuses(&world, "a.results.xlsx"), ["created"; 2]);
    // What stays uncertain is a person's then, as each time may invite anew.
    world.ran("settle --row 2 --as created", 0);
    let third = sweep(&world).expect(3);
    third.complains_of("retry 3 --failed`");
    deals_with(&third, &[]);
    assert_eq!(statuses(&world, "b.results.xlsx"), ["created"]);
}

#[test]
fn killed_in_the_middle_the_next_sweep_goes_on() {
    let world = World::with_server();
    world.file("inbox/first.csv", sheet(&some(0, 2)));
    sweep(&world).expect(0);
    world.file("inbox/long.csv", sheet(&customers(300)));
    let mut sweeping = world.line("inbox inbox --settled 0s --rate 2/s").start();
    let results = world.path("inbox/long.results.xlsx");
    // They are rewritten as the run goes on.
    sweeping.until("results", || results.exists());
    let now = statuses(&world, "long.results.xlsx");
    assert_eq!(now.len(), 300);
    for status in ["pending", "created"] {
        assert!(now.iter().any(|now| now == status), "{now:?}");
    }
    // Another sweep leaves at once.
    world.file("inbox/other.csv", sheet(&some(400, 1)));
    let other = world.ran("inbox inbox --settled 300s --json", 0);
    deals_with(&other, &[]);
    sweeping.kill();
    let swept = sweep(&world);
    let now = statuses(&world, "long.results.xlsx");
    let is = |status: &str| now.iter().any(|now| now == status);
    let code = if is("uncertain") { 3 } else { 0 };
    deals_with(&swept, &[("long.csv", code), ("other.csv", 0)]);
    assert!(!is("pending"), "{now:?}");
    deals_with(&sweep(&world).expect(0), &[]);
    world.check_invariants(&Promise::default());
}

#[test]
fn what_is_no_files_fault_is_told_until_it_is_mended_and_what_a_config_caused_is_tried_again() {
    let world = World::with_server();
    let missing = sweep(&world).expect(5);
    missing.fails_with("inbox_unusable");
    let headers = "Handy,Name\n01012345678,Mona\n";
    world.file("inbox/a.csv", headers);
    world.file("inbox/b.csv", headers.replace("Mona", "Ali"));
    world.file("inbox/copy of a.csv", headers);
    let unknown = world.line("inbox inbox --settled 0s");
    let unknown = unknown.without_env("VLENS_API_KEY").ends(5).stderr;
    let named = |name: &str| unknown.matches(name).count();
    let once = named("VLENS_API_KEY") - named("VLENS_API_KEY_FILE");
    assert_eq!(once, 1, "{unknown}");
    let error = world.path("inbox/a.error.txt");
    assert!(!error.exists());
    let refused = [("a.csv", 5), ("b.csv", 5), ("copy of a.csv", 5)];
    deals_with(&sweep(&world).expect(5), &refused);
    assert!(error.exists());
    deals_with(&sweep(&world).expect(0), &[]);
    // Another config may read them; but for what it goes by they would be refused, and are when somebody puts them in as late.
    world.file("inbox/vlens-batch.toml", "[recipient]\nphone = \"Handy\"\n[contract]\ntypes = [414]\n[session]\nuser_public_key_file = \"session.pem\"\n[fields.414]\nfullName = \"Name\"\n");
    world.file("inbox/contract-types/414.json", "{broken");
    let told_twice = |code: &str| {
        for _ in 0..2 {
            let swept = sweep(&world).expect(5);
            deals_with(&swept, &[]);
            swept.complains_of(code);
        }
    };
    told_twice("414.json");
    std::fs::remove_file(world.path("inbox/contract-types/414.json")).expect("a form");
    told_twice("session.pem");
    world.file("inbox/session.pem", "key\n");
    for _ in 0..2 {
        let sweep = world.line("inbox inbox --settled 0s --json");
        let register = ("VLENS_REGISTER", "postgres://mona@127.0.0.1:1/vlens");
        let swept = sweep.envs([register]).ends(5);
        deals_with(&swept, &[]);
        swept.complains_of("VLENS_REGISTER_KEY_FILE");
    }
    deals_with(&sweep(&world).expect(0), &[("a.csv", 0), ("b.csv", 0)]);
    assert!(!error.exists() && !world.path("inbox/copy of a.error.txt").exists());
    world.file("inbox/vlens-batch.toml", "no toml");
    sweep(&world).expect(5).complains_of("vlens-batch.toml");
}

#[test]
fn a_sheet_is_sent_for_each_config_under_which_somebody_puts_it_in() {
    let world = World::with_server();
    let config = |name: &str, kinds: &str| {
        let config = format!(
            "[recipient]\nphone = \"Tel\"\n[contract]\ncolumn = \"For\"\nvalues = {{ {kinds} }}\n"
        );
        world.file(name, format!("{config}[fields.414]\nfullName = \"Name\"\n"));
    };
    let rows = "Tel,Name,For\n+201010000005,Mona,A\n+201010000006,Ali,B\n";
    let put = |name: &str| world.file(name, rows);
    config("inbox/vlens-batch.toml", "A = 414");
    put("inbox/a.csv");
    deals_with(&sweep(&world).expect(3), &[("a.csv", 3)]);
    put("inbox/copy.csv");
    deals_with(&sweep(&world).expect(0), &[]);
    world.file("inbox/vlens-batch.toml", "[recipient");
    config("inbox/own.vlens-batch.toml", "A = 415, B = 415");
    put("inbox/own.csv");
    deals_with(&sweep(&world).expect(5), &[("own.csv", 0)]);
    let told = world.path("inbox/vlens-batch.error.txt");
    assert!(told.exists());
    config("other/vlens-batch.toml", "A = [414, 415], B = [414, 415]");
    put("other/a.csv");
    world.line("inbox other --settled 0s --json").ends(0);
    assert!(world.path("other/a.results.xlsx").exists());
    // What lies there asks for nothing more: under another type everybody of all months would be invited anew.
    config("inbox/vlens-batch.toml", "A = 414, B = 414");
    deals_with(&sweep(&world).expect(0), &[]);
    assert!(!told.exists());
    put("inbox/again.csv");
    deals_with(&sweep(&world).expect(0), &[("again.csv", 0)]);
    assert_eq!(world.accepted().len(), 6);
    deals_with(&sweep(&world).expect(0), &[]);
}

#[test]
fn a_sheet_that_is_moved_away_while_it_is_sent_is_no_fault_and_one_written_to_meanwhile_waits() {
    let world = World::with_server();
    world.file("inbox/y.csv", sheet(&some(0, 20)));
    world.file("inbox/z.csv", sheet(&some(20, 1)));
    let sweeping = world.line("inbox inbox --settled 0s --rate 10/s --json");
    let sweeping = world.begun(sweeping, 3);
    std::fs::remove_file(world.path("inbox/y.csv")).expect("a sheet");
    world.file("inbox/z.csv", sheet(&some(20, 2)));
    deals_with(&sweeping.wait().expect(0), &[("y.csv", 0)]);
    assert!(!world.path("inbox/y.error.txt").exists());
    deals_with(&sweep(&world).expect(0), &[("z.csv", 0)]);
    world.check_invariants(&Promise::default());
}

#[test]
fn a_signal_before_a_sheet_is_begun_is_heeded() {
    let world = World::with_server();
    world.file("inbox/a.csv", sheet(&some(0, 3)));
    let sweep = world.line("inbox inbox --settled 0s");
    // While it makes the ledger.
    let mut sweep = sweep.stopping_at("after_published").start();
    sweep.wait_until_stopped();
    sweep.signal(Signal::TERM);
    sweep.thaw();
    let told = sweep.wait().expect(4).stderr;
    assert_eq!(told.matches("Stopping: ").count(), 1, "{told}");
    assert!(world.accepted().is_empty(), "{told}");
}

#[test]
fn a_ledger_that_another_program_holds_is_no_other_sweep_at_work() {
    let world = World::with_server();
    world.file("inbox/a.csv", sheet(&customers(60)));
    let sweep = world.line("inbox inbox --settled 0s --rate 5/s --metrics-file vlens.prom");
    let sweeping = world.begun(sweep, 3);
    let browser = rusqlite::Connection::open(world.ledger()).expect("a ledger");
    browser.execute_batch("BEGIN IMMEDIATE").expect("held");
    let swept = sweeping.wait().expect(1);
    swept.complains_of("another program holds it");
    let metrics = world.read("vlens.prom");
    let told = metrics.contains("exit_code{tenant=\"sandbox\"} 1\n");
    assert!(told, "{metrics}");
    drop(browser);
    world.check_invariants(&Promise::default());
}

#[test]
fn results_that_the_ledger_knows_nothing_of_are_kept_and_nobody_is_invited_again() {
    let world = World::with_server();
    world.file("inbox/a.csv", sheet(&some(0, 2)));
    sweep(&world).expect(0);
    let made = files(&world);
    let results = "a.results.xlsx";
    world.ran("inbox inbox --settled 0s --sandbox", 0);
    let lost = |code| world.ran("inbox inbox --settled 0s --ledger lost.db", code);
    lost(5).complains_of("/inbox/a.results.xlsx tells");
    assert!(files(&world)[results] == made[results]);
    assert_eq!(world.accepted().len(), 2);
    // As a person may want it.
    std::fs::remove_file(world.path("inbox").join(results)).expect("results");
    lost(0);
    assert_eq!(world.accepted().len(), 4);
    assert_eq!(statuses(&world, results), ["created"; 2]);
}

#[test]
fn a_sheet_that_is_gone_or_replaced_takes_neither_what_is_due_nor_results_with_it() {
    let world = World::with_server();
    let put = |from, n| world.file("inbox/loans.csv", sheet(&some(from, n)));
    put(0, 50);
    world.file("inbox/other.csv", sheet(&some(200, 1)));
    let sweeping = world.line("inbox inbox --settled 0s --rate 5/s --json");
    let sweeping = world.begun(sweeping, 1);
    sweeping.signal(Signal::TERM);
    deals_with(&sweeping.wait().expect(4), &[("loans.csv", 4)]);
    std::fs::remove_file(world.path("inbox/loans.csv")).expect("a sheet");
    // However the folder is called, and by none that is called the same elsewhere.
    for (inbox, code) in [("inbox", 0), ("../inbox", 4), ("../giza/../inbox/", 4)] {
        let sweep = world.line(&format!("inbox {inbox} --settled 0s"));
        let told = sweep.after_shell("mkdir -p giza/inbox; cd giza").ends(code);
        let is_told = told.stderr.contains("/inbox/loans.csv has ");
        assert_eq!(is_told, code == 4, "{told}");
    }
    put(100, 2);
    sweep(&world).expect(4).complains_of("resume 1");
    world.line("resume 1 --rate unlimited").run();
    // One that has them all as well replaces theirs; any other leaves them.
    for (from, n) in [(100, 3), (101, 3)] {
        put(from, n);
        deals_with(&sweep(&world).expect(0), &[("loans.csv", 0)]);
    }
    for (run, rows) in [(1, 50), (4, 3)] {
        let kept = format!("loans.run-{run}.results.xlsx");
        assert_eq!(statuses(&world, &kept).len(), rows);
    }
    assert_eq!(files(&world).len(), 6);
    world.check_invariants(&Promise::default());
}

/// What is done before each sweep, by a shell, how it ends, and what it says.
#[test]
fn whatever_lies_there_each_sweep_sees_to_it_and_says_so() {
    const PUT: &str = "mkdir -p inbox; put() { f=inbox/$1; shift; echo phoneNumber,contractTypeId > $f; for n; do echo +201010000$n,414 >> $f; done; };";
    for (what, sweeps) in rows::<(&str, Vec<(&str, i32, &str)>)>("inbox.sweeps") {
        let world = World::with_server();
        for (shell, code, told) in sweeps {
            let sweep = world.line("inbox inbox --settled 0s --rate unlimited");
            let swept = sweep.after_shell(&format!("{PUT} {shell}")).run();
            let is_told = format!("{}{}", swept.stdout, swept.stderr).contains(told);
            assert!(
                swept.code() == Some(code) && is_told,
                "{what}: {shell}: {swept}"
            );
        }
    }
}
