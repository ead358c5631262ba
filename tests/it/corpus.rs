//! Every file of the corpus through the real binary: what `check` says of it, and the requests that would be sent. None may
//! panic, hang, or take more than 200 MB.
//!
//! `tests/corpus/README.md` says why each file is there. `UPDATE_CORPUS=1` writes the expected outcomes anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::World;

/// Processor seconds and KB of memory that a process may write to. Beyond them it is killed, or aborts.
const LIMITS: &str = "ulimit -t 20; ulimit -d 204800";
/// Texts longer than this are cut in the expected outcomes.
const LONG_TEXT: usize = 600;
const AT_A_TIME: usize = 4;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// A file of the corpus with what belongs to it.
struct Case {
    name: String,
    bytes: Vec<u8>,
    config: Option<String>,
    args: Vec<String>,
}

impl Case {
    fn read(name: String) -> Case {
        let files = corpus().join("files");
        let beside = |ending: &str| fs::read_to_string(files.join(format!("{name}.{ending}"))).ok();
        let config = beside("toml");
        let args = match beside("args") {
            Some(args) => args.lines().map(str::to_owned).collect(),
            None if config.is_none() => vec!["--contract-type".to_owned(), "414".to_owned()],
            None => Vec::new(),
        };
        Case {
            bytes: fs::read(files.join(&name)).expect("a file of the corpus"),
            name,
            config,
            args,
        }
    }

    fn expected_path(&self) -> PathBuf {
        corpus()
            .join("expected")
            .join(format!("{}.json", self.name))
    }

    /// What becomes of it: the exit code, the document of `check --json`, and the bodies of `check --show`.
    fn outcome(&self) -> Value {
        let world = World::new();
        world.file(&self.name, &self.bytes);
        if let Some(config) = &self.config {
            world.config(config);
        }
        let check = |how: &[&str]| {
            world
                .vlens(["check", &self.name])
                .args(how)
                .args(&self.args)
                .after_shell(LIMITS)
                .run()
        };
        let told = check(&["--json"]);
        let mut document = told.json();
        if let Some(document) = document.as_object_mut() {
            document.shift_remove("source");
        }
        let shown = check(&["--show", "99"]);
        assert_eq!(told.code(), shown.code(), "{shown}");
        let requests: Vec<Value> = shown.stdout.lines().map(Value::from).collect();
        let mut outcome = json!({ "exit": told.code(), "check": document, "requests": requests });
        shorten(&mut outcome);
        outcome
    }

    /// How the outcome differs from the expected one.
    fn difference(&self, outcome: &Value) -> Option<String> {
        let expected = fs::read_to_string(self.expected_path()).unwrap_or_default();
        let got = pretty(outcome);
        (expected != got).then(|| format!("{}\nexpected:\n{expected}\ngot:\n{got}", self.name))
    }
}

fn pretty(outcome: &Value) -> String {
    serde_json::to_string_pretty(outcome).expect("JSON") + "\n"
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().count() > LONG_TEXT => {
            let head: String = text.chars().take(100).collect();
            *text = format!("{head}… ({} characters)", text.chars().count());
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

fn cases() -> Vec<Case> {
    let is_beside = |name: &str| {
        let ending = Path::new(name).extension();
        ending.is_some_and(|ending| ending == "toml" || ending == "args")
    };
    let names: BTreeSet<String> = fs::read_dir(corpus().join("files"))
        .expect("the corpus")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name in UTF-8")
        })
        .filter(|name| !is_beside(name))
        .collect();
    names.into_iter().map(Case::read).collect()
}

/// Does `work` for every case, some at a time, and gives what it found, in the order of the cases.
fn each<T: Send>(cases: &[Case], work: impl Fn(&Case) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let mut found: Vec<(usize, T)> = std::thread::scope(|scope| {
        let worker = || {
            let mut found = Vec::new();
            while let Some((at, case)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, cases.get(at)?)))
            {
                found.push((at, work(case)));
            }
            found
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a case that can be run"))
            .collect()
    });
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, found)| found).collect()
}

#[test]
fn every_file_of_the_corpus_has_its_expected_outcome() {
    let cases = cases();
    assert!(cases.len() >= 90, "{} files", cases.len());
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        let outcomes = each(&cases, Case::outcome);
        for (case, outcome) in cases.iter().zip(outcomes) {
            fs::write(case.expected_path(), pretty(&outcome)).expect("a written outcome");
        }
        return;
    }
    let differences: Vec<String> = each(&cases, |case| case.difference(&case.outcome()))
        .into_iter()
        .flatten()
        .collect();
    assert!(
        differences.is_empty(),
        "{} files differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn no_outcome_is_kept_of_a_file_that_is_gone() {
    let expected: BTreeSet<PathBuf> = cases().iter().map(Case::expected_path).collect();
    let kept: BTreeSet<PathBuf> = fs::read_dir(corpus().join("expected"))
        .expect("the expected outcomes")
        .map(|entry| entry.expect("a file").path())
        .collect();
    assert_eq!(kept, expected);
}

#[test]
fn a_sheet_gives_the_same_requests_in_every_format_that_libreoffice_saves() {
    const FILES: [&str; 7] = [
        "made.xlsx",
        "utf8.csv",
        "windows-1256.csv",
        "utf16.csv",
        "saved.xls",
        "saved.xlsx",
        "saved.ods",
    ];
    let folder = corpus().join("libreoffice");
    let world = World::new();
    let copy = |name: &str| world.file(name, fs::read(folder.join(name)).expect("a kept file"));
    copy("vlens-batch.toml");
    let outcomes = FILES.map(|name| {
        copy(name);
        let told = world
            .vlens(["check", name, "--json"])
            .run()
            .expect(3)
            .json();
        let shown = world.vlens(["check", name, "--show", "99"]).run().expect(3);
        (
            told["problems"].clone(),
            told["duplicates"].clone(),
            shown.stdout,
        )
    });
    let (problems, duplicates, requests) = &outcomes[0];
    assert_eq!(requests.lines().count(), 3);
    assert_eq!(problems[0]["row"], 5);
    assert_eq!(*duplicates, json!([{ "row": 6, "first_row": 2 }]));
    for (outcome, name) in outcomes.iter().zip(FILES) {
        assert_eq!(outcome, &outcomes[0], "{name}");
    }
}
