//! Every sheet of `corpus/cases.toml` through the real binary: what `check` says of it, and the requests that would be sent. None
//! may panic, hang, or take more than 200 MB.
//!
//! `corpus/README.md` tells how to add a case and how to take an outcome anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Recipe, World};

/// Processor seconds and KB of memory that a process may write to. Beyond them it is killed, or aborts.
const LIMITS: &str = "ulimit -t 20; ulimit -d 204800";
/// Texts longer than this are cut in the expected outcomes.
const LONG_TEXT: usize = 600;
const AT_A_TIME: usize = 4;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// For whoever reads the corpus.
    #[expect(dead_code, reason = "documentation that must be there")]
    why: String,
    config: Option<String>,
    args: Option<Vec<String>>,
    #[serde(flatten)]
    file: Recipe,
}

impl Case {
    /// What becomes of it: the exit code, the document of `check --json`, and the bodies of `check --show`.
    fn outcome(&self) -> Value {
        let world = World::new();
        let made = world.file(&self.name, self.file.bytes());
        if let Some(folder) = std::env::var_os("KEEP_CORPUS") {
            fs::copy(&made, Path::new(&folder).join(&self.name)).expect("a kept file");
        }
        let mut args = self.args.clone().unwrap_or_default();
        match &self.config {
            Some(config) => drop(world.config(config)),
            None if args.is_empty() => args = vec!["--contract-type".into(), "414".into()],
            None => {}
        }
        let check = |how: &[&str]| {
            world
                .vlens(["check", &self.name])
                .args(how)
                .args(&args)
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
        let mut outcome = json!({ "name": self.name, "exit": told.code(), "check": document, "requests": requests });
        shorten(&mut outcome);
        outcome
    }
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

/// The outcomes of all cases, some worked on at a time, in the order of the cases.
fn outcomes(cases: &[Case]) -> Vec<Value> {
    let next = AtomicUsize::new(0);
    let mut found: BTreeMap<usize, Value> = BTreeMap::new();
    std::thread::scope(|scope| {
        let worker = || {
            let mut found = Vec::new();
            while let Some((at, case)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, cases.get(at)?)))
            {
                found.push((at, case.outcome()));
            }
            found
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            found.extend(worker.join().expect("a case that can be run"));
        }
    });
    found.into_values().collect()
}

#[test]
fn every_file_of_the_corpus_has_its_expected_outcome() {
    let cases = fs::read_to_string(corpus().join("cases.toml")).expect("the cases");
    let cases: Cases = toml::from_str(&cases).expect("cases as described");
    let expected_path = corpus().join("expected.jsonl");
    let outcomes = outcomes(&cases.case);
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        let lines: Vec<String> = outcomes.iter().map(Value::to_string).collect();
        fs::write(expected_path, lines.join("\n") + "\n").expect("written outcomes");
        return;
    }
    let expected = fs::read_to_string(expected_path).expect("the expected outcomes");
    let expected: Vec<Value> = expected
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let differences: Vec<String> = outcomes
        .iter()
        .zip(&expected)
        .filter(|(got, expected)| got != expected)
        .map(|(got, expected)| format!("{}\nexpected:\n{expected:#}\ngot:\n{got:#}", got["name"]))
        .collect();
    let count = differences.len();
    assert!(
        count == 0,
        "{count} files differ:\n{}",
        differences.join("\n")
    );
    assert_eq!(outcomes.len(), expected.len());
}

#[test]
fn a_sheet_gives_the_same_requests_in_every_format_that_libreoffice_saves() {
    const FILES: [&str; 4] = ["saved.xlsx", "utf8.csv", "windows-1256.csv", "utf16.csv"];
    let folder = corpus().join("libreoffice");
    let world = World::new();
    let copy = |name: &str| world.file(name, fs::read(folder.join(name)).expect("a kept file"));
    copy("vlens-batch.toml");
    let outcomes = FILES.map(|name| {
        copy(name);
        let told = world.vlens(["check", name, "--json"]).ends(3).json();
        let shown = world.vlens(["check", name, "--show", "99"]).ends(3);
        (
            told["problems"].clone(),
            told["duplicates"].clone(),
            shown.stdout,
        )
    });
    let (problems, duplicates, requests) = &outcomes[0];
    assert_eq!(requests.lines().count(), 3);
    assert_eq!(problems[0]["row"], 5);
    assert_eq!(*duplicates, json!([]));
    assert_eq!(problems[1]["code"], "same_recipient");
    for (outcome, name) in outcomes.iter().zip(FILES) {
        assert_eq!(outcome, &outcomes[0], "{name}");
    }
}
