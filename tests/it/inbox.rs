//! A folder instead of a terminal: each complete sheet is sent once, and its results lie beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use calamine::{Data, Reader as _};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Customer, Finished, Promise, Recipe, World, customers, sheet};

/// One sweep of `inbox/`, without a wait for files to settle.
fn sweep(world: &World) -> Finished {
    world
        .line("inbox inbox --settled 0s --rate unlimited --json")
        .run()
}

fn some(from: usize, n: usize) -> Vec<Customer> {
    (from..from + n).map(Customer::new).collect()
}

/// The column `vlens_status` of a file of results.
fn statuses(path: &Path) -> Vec<String> {
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(path).expect("results");
    let sheets = book.sheet_names();
    let rows = sheets
        .iter()
        .map(|name| book.worksheet_range(name).expect("a sheet"));
    let rows: Vec<Vec<Data>> = rows
        .flat_map(|sheet| sheet.rows().map(<[Data]>::to_vec).collect::<Vec<_>>())
        .collect();
    let header = rows
        .iter()
        .position(|row| row.contains(&Data::String("vlens_status".into())));
    let header = header.expect("the header");
    let column = rows[header]
        .iter()
        .position(|cell| *cell == Data::String("vlens_status".into()));
    let column = column.expect("the column");
    rows[header + 1..]
        .iter()
        .map(|row| row[column].to_string())
        .collect()
}

/// Exit codes by file.
fn files(swept: &Finished) -> BTreeMap<String, u64> {
    let document = swept.json();
    let files = document["files"].as_array().expect("files");
    let of = |file: &Value| {
        let name = file["file"].as_str().expect("a name").to_owned();
        (name, file["exit_code"].as_u64().expect("a code"))
    };
    files.iter().map(of).collect()
}

fn expected(files: &[(&str, u64)]) -> BTreeMap<String, u64> {
    files
        .iter()
        .map(|(name, code)| ((*name).to_owned(), *code))
        .collect()
}

fn names(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.path("inbox")).expect("the folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("a file").file_name().into_string()
    };
    let mut names: Vec<String> = entries.map(|entry| name(entry).expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn ten_files_in_three_sweeps_each_get_their_result_and_nobody_is_invited_twice() {
    let world = World::with_server();
    let put = |name: &str, bytes: &[u8]| world.file(Path::new("inbox").join(name), bytes);
    let (good, upper) = (sheet(&some(0, 3)), sheet(&some(10, 2)));
    put("good.csv", good.as_bytes());
    put("UPPER.CSV", upper.as_bytes());
    put("-dash.txt", sheet(&some(20, 1)).as_bytes());
    put(
        "some bad.csv",
        sheet(&[Customer::new(30), Customer::new(31).phone("12")]).as_bytes(),
    );
    put("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 no workbook");
    put("empty.csv", b"");
    put("copied.xlsx", b"PK\x03\x04 half of a workbook");
    put("copied.xlsx.part", b"");
    put("~$good.xlsx", b"lock");
    put(".hidden.csv", good.as_bytes());
    put("in use.csv", sheet(&some(40, 1)).as_bytes());
    put(".~lock.in use.csv#", b"mona");
    put("notes.md", b"a,b\n");
    put("scan.pdf", b"%PDF-1.7");
    let before: BTreeMap<String, Vec<u8>> = names(&world)
        .into_iter()
        .map(|name| {
            (
                name.clone(),
                std::fs::read(world.path("inbox").join(name)).expect("a file"),
            )
        })
        .collect();

    let first = sweep(&world).expect(5);
    let done = [
        ("-dash.txt", 0),
        ("UPPER.CSV", 0),
        ("empty.csv", 5),
        ("good.csv", 0),
        ("old.xls", 5),
        ("some bad.csv", 3),
    ];
    assert_eq!(files(&first), expected(&done), "{first}");
    for (name, bytes) in &before {
        let now = std::fs::read(world.path("inbox").join(name)).expect("the sheet");
        assert!(now == *bytes, "{name} was changed");
    }
    assert_eq!(
        statuses(&world.path("inbox/good.results.xlsx")),
        ["created"; 3]
    );
    assert_eq!(
        statuses(&world.path("inbox/UPPER.results.xlsx")),
        ["created"; 2]
    );
    let of_bad = statuses(&world.path("inbox/some bad.results.xlsx"));
    assert_eq!(of_bad, ["created", "invalid"]);
    assert!(world.path("inbox/some bad.marked.xlsx").exists());
    let words = world.read("inbox/empty.error.txt");
    let run = world.ran("run inbox/empty.csv", 5);
    assert_eq!(words, run.stderr);
    assert!(world.path("inbox/old.error.txt").exists());
    assert!(!world.path("inbox/copied.error.txt").exists());

    // Nothing new: nothing to say.
    let quiet = sweep(&world).expect(0);
    assert_eq!(files(&quiet), expected(&[]));
    assert_eq!(quiet.stderr, "");

    // Whole now, closed now, renamed, dropped again, corrected, and one more with the name of another.
    let workbook: Recipe = toml::from_str(
        "[[sheet]]\nrows = [[\"phoneNumber\", \"contractTypeId\"], [\"+201010000070\", 414]]\n",
    )
    .expect("a recipe");
    put("copied.xlsx", &workbook.bytes());
    std::fs::remove_file(world.path("inbox/copied.xlsx.part")).expect("gone");
    std::fs::remove_file(world.path("inbox/.~lock.in use.csv#")).expect("gone");
    std::fs::rename(
        world.path("inbox/UPPER.CSV"),
        world.path("inbox/renamed.csv"),
    )
    .expect("renamed");
    put("good.csv", good.as_bytes());
    put("again.csv", good.as_bytes());
    put(
        "some bad.csv",
        sheet(&[Customer::new(30), Customer::new(31)]).as_bytes(),
    );
    put("empty.csv", sheet(&some(50, 1)).as_bytes());
    put("in use.xlsx.csv", sheet(&some(41, 1)).as_bytes());
    put(
        "good.tsv",
        sheet(&some(60, 1)).replace(',', "\t").as_bytes(),
    );
    let second = sweep(&world);
    let done = [
        ("copied.xlsx", 0),
        ("empty.csv", 0),
        ("good.tsv", 0),
        ("in use.csv", 0),
        ("in use.xlsx.csv", 0),
        ("some bad.csv", 0),
    ];
    assert_eq!(files(&second), expected(&done), "{second}");
    assert_eq!(second.code(), Some(0));
    assert_eq!(
        statuses(&world.path("inbox/some bad.results.xlsx")),
        ["created"; 2]
    );
    assert!(!world.path("inbox/empty.error.txt").exists());
    assert!(world.path("inbox/good.tsv.results.xlsx").exists());
    assert_eq!(
        statuses(&world.path("inbox/good.results.xlsx")),
        ["created"; 3]
    );
    assert!(
        !names(&world)
            .iter()
            .any(|name| name.starts_with(".vlens-batch"))
    );

    let third = sweep(&world).expect(0);
    assert_eq!(files(&third), expected(&[]));
    let accepted = world.accepted();
    let mut once = accepted.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), accepted.len(), "somebody was invited twice");
    world.check_invariants(&Promise::default());
}

#[test]
fn a_file_that_grows_is_left_until_it_rests() {
    let world = World::with_server();
    world.file("inbox/growing.csv", sheet(&some(0, 1)));
    let mut sweeping = world
        .line("inbox inbox --settled 2s --json -v --rate unlimited")
        .start();
    let mut n = 1;
    let mut since = std::time::Instant::now();
    while sweeping.is_running() {
        if since.elapsed() > Duration::from_millis(100) {
            n += 1;
            since = std::time::Instant::now();
            world.file("inbox/growing.csv", sheet(&some(0, n)));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(files(&sweeping.wait().expect(0)), expected(&[]));
    assert_eq!(
        files(&sweep(&world).expect(0)),
        expected(&[("growing.csv", 0)])
    );
    assert_eq!(world.accepted().len(), n);
}

#[test]
fn results_that_are_open_elsewhere_get_a_number_and_it_is_said() {
    let world = World::with_server();
    world.file("inbox/a.csv", sheet(&some(0, 1)));
    world.file("inbox/a.results.xlsx", "somebody's copy");
    world.file("inbox/~$a.results.xlsx", "mona");
    // Where replacing is refused, as on Windows: here because it is a folder.
    world.file("inbox/b.csv", sheet(&some(1, 1)));
    world.file("inbox/b.results.xlsx/inside", "");
    let swept = sweep(&world).expect(0);
    for name in ["a", "b"] {
        swept.complains_of(&format!("{name}.results-2.xlsx"));
        assert_eq!(
            statuses(&world.path(format!("inbox/{name}.results-2.xlsx"))),
            ["created"]
        );
    }
    let open = std::fs::read_to_string(world.path("inbox/a.results.xlsx"));
    assert_eq!(open.expect("the copy"), "somebody's copy");
}

#[test]
fn corrections_in_a_marked_sheet_are_never_lost() {
    let world = World::with_server();
    let marked = world.path("inbox/a.marked.xlsx");
    let bad = |phone: &str| sheet(&[Customer::new(1), Customer::new(2).phone(phone)]);
    world.file("inbox/a.csv", bad("12"));
    sweep(&world).expect(3);
    // As it was written, it is written afresh; once somebody has saved it, never.
    world.file("inbox/a.csv", bad("123"));
    sweep(&world).expect(3);
    assert!(marked.exists() && !world.path("inbox/a.marked-2.xlsx").exists());
    world.file("inbox/a.marked.xlsx", "somebody's corrections");
    world.file("inbox/a.csv", bad("1234"));
    sweep(&world).expect(3);
    let second = world.path("inbox/a.marked-2.xlsx");
    assert!(second.exists());
    // A good sheet has no marked copy.
    world.file("inbox/a.csv", bad("+201010000002"));
    let done = sweep(&world).expect(0);
    assert_eq!(files(&done), expected(&[("a.csv", 0)]));
    assert!(!second.exists());
    let kept = std::fs::read_to_string(marked).expect("the corrections");
    assert_eq!(kept, "somebody's corrections");
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
    let now = statuses(&results);
    assert_eq!(now.len(), 300);
    assert!(
        now.iter().any(|status| status == "pending")
            && now.iter().any(|status| status == "created")
    );
    // Another sweep leaves at once.
    world.file("inbox/other.csv", sheet(&some(400, 1)));
    let other = world.ran("inbox inbox --settled 300s --json", 0);
    assert_eq!(files(&other), expected(&[]));
    sweeping.kill();
    let swept = sweep(&world);
    let uncertain = statuses(&results)
        .iter()
        .filter(|status| *status == "uncertain")
        .count();
    let code = if uncertain > 0 { 3 } else { 0 };
    assert_eq!(
        files(&swept),
        expected(&[("long.csv", code), ("other.csv", 0)]),
        "{swept}"
    );
    assert!(!statuses(&results).contains(&"pending".to_owned()));
    assert_eq!(files(&sweep(&world).expect(0)), expected(&[]));
    world.check_invariants(&Promise::default());
}

#[test]
fn a_gentle_stop_ends_the_sweep_and_the_next_goes_on() {
    let world = World::with_server();
    world.file("inbox/a.csv", sheet(&some(0, 50)));
    world.file("inbox/b.csv", sheet(&some(100, 1)));
    let args = [
        "inbox",
        "inbox",
        "--settled",
        "0s",
        "--rate",
        "5/s",
        "--json",
    ];
    let mut sweeping = world.vlens(args).start();
    sweeping.until("a request", || !world.accepted().is_empty());
    sweeping.signal(Signal::TERM);
    let stopped = sweeping.wait().expect(4);
    assert_eq!(files(&stopped), expected(&[("a.csv", 4)]), "{stopped}");
    let all = expected(&[("a.csv", 0), ("b.csv", 0)]);
    assert_eq!(files(&sweep(&world).expect(0)), all);
    assert_eq!(world.accepted().len(), 51);
}

#[test]
fn what_is_no_files_fault_is_told_once_and_what_a_config_caused_is_tried_again() {
    let world = World::with_server();
    let missing = sweep(&world).expect(5);
    assert_eq!(missing.json()["error"]["code"], "inbox_unusable");
    let headers = "Handy,Name\n01012345678,Mona\n";
    world.file("inbox/a.csv", headers);
    world.file("inbox/b.csv", headers.replace("Mona", "Ali"));
    let unknown = sweep_without_account(&world).expect(5);
    assert_eq!(
        unknown.stderr.matches("VLENS_API_KEY").count(),
        1 + unknown.stderr.matches("VLENS_API_KEY_FILE").count(),
        "{unknown}"
    );
    assert!(!world.path("inbox/a.error.txt").exists());
    let refused = sweep(&world).expect(5);
    assert_eq!(files(&refused), expected(&[("a.csv", 5), ("b.csv", 5)]));
    assert_eq!(files(&sweep(&world).expect(0)), expected(&[]));
    // Another config may read them.
    world.file("inbox/vlens-batch.toml", "[recipient]\nphone = \"Handy\"\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"Name\"\n");
    assert_eq!(
        files(&sweep(&world).expect(0)),
        expected(&[("a.csv", 0), ("b.csv", 0)])
    );
    assert!(!world.path("inbox/a.error.txt").exists());
    world.file("inbox/vlens-batch.toml", "no toml");
    sweep(&world).expect(5).complains_of("vlens-batch.toml");
}

fn sweep_without_account(world: &World) -> Finished {
    world
        .line("inbox inbox --settled 0s")
        .without_env("VLENS_API_KEY")
        .run()
}

#[cfg(unix)]
#[test]
fn results_are_their_owners_alone_unless_the_folder_is_a_groups() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with_server();
    let rights = |name: &str| {
        let metadata = std::fs::metadata(world.path("inbox").join(name));
        metadata.expect("a file").permissions().mode() & 0o777
    };
    world.file("inbox/a.csv", sheet(&some(0, 1)));
    sweep(&world).expect(0);
    assert_eq!(rights("a.results.xlsx"), 0o600);
    let shared = std::fs::Permissions::from_mode(0o2770);
    std::fs::set_permissions(world.path("inbox"), shared).expect("a shared folder");
    world.file("inbox/b.csv", sheet(&[Customer::new(1).phone("12")]));
    sweep(&world).expect(3);
    assert_eq!(
        [rights("b.results.xlsx"), rights("b.marked.xlsx")],
        [0o640; 2]
    );
}
