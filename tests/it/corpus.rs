//! Every sheet of `corpus/cases.toml` through the real binary: what `check` says of it, and the requests that would be sent. None
//! may panic, hang, or take more than 200 MB.
//!
//! `corpus/README.md` tells how to add a case and how to take an outcome anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{self, Recipe, World, of_each};

/// Processor seconds and KB of memory that a process may write to. Beyond them it is killed, or aborts.
const LIMITS: &str = "ulimit -t 20; ulimit -d 204800";
/// Texts longer than this are cut in the expected outcomes.
const LONG_TEXT: usize = 600;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn cases() -> Vec<Case> {
    let cases = fs::read_to_string(corpus().join("cases.toml")).expect("the cases");
    support::cases(&cases, "case")
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// For whoever reads the corpus.
    #[expect(dead_code, reason = "documentation that must be there")]
    why: String,
    config: Option<String>,
    args: Option<Vec<String>>,
    /// The contract types whose forms are stored.
    #[serde(default)]
    forms: Vec<u32>,
    #[serde(flatten)]
    file: Recipe,
}

impl Case {
    /// Its file and its config in a folder of their own, and how it is read.
    fn laid_out(&self, world: &World) -> Vec<String> {
        world.file(&self.name, self.file.bytes());
        self.forms.iter().for_each(|id| world.form(*id));
        let mut args = self.args.clone().unwrap_or_default();
        match &self.config {
            Some(config) => drop(world.config(config)),
            None if args.is_empty() => args = vec!["--contract-type".into(), "414".into()],
            None => {}
        }
        args
    }

    /// What becomes of it: the exit code, the document of `check --json`, and the bodies of `check --show`.
    fn outcome(&self) -> Value {
        let world = World::new();
        let args = self.laid_out(&world);
        if let Some(folder) = std::env::var_os("KEEP_CORPUS") {
            let made = world.path(&self.name);
            fs::copy(made, Path::new(&folder).join(&self.name)).expect("a kept file");
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

/// The marked books and exports of a case in which a row is not what it was although nobody touched it: valid now or refused, another
/// customer, or one who asks for something else.
fn altered(case: &Case) -> Vec<String> {
    let world = World::new();
    let args = case.laid_out(&world);
    let run = world.send("--sandbox").args([&case.name]).args(&args);
    let told = run.run().json();
    let Some(created) = told["counts"]["created"].as_u64() else {
        return Vec::new();
    };
    // Of all commands, behind the file.
    let ledger = ["--ledger", "vlens-batch.sandbox.db"];
    let export = || world.vlens(["export", "--output"]);
    let mark = world.vlens(["check", &case.name]).args(&args);
    let ways = [
        ("marked.xlsx", mark.args(["--annotate"])),
        ("all.csv", export()),
        ("all.xlsx", export()),
    ];
    // The number of a day is a date in a number cell alone.
    let is_known = |file| file == "all.csv" && case.name == "dates-as-cells.xlsx";
    let ways = ways.into_iter().filter(|(file, _)| !is_known(*file));
    let altered = ways.filter_map(|(file, way)| {
        way.args([file]).args(ledger).run();
        let check = world.vlens(["check", file, "--json"]);
        let told = check.args(ledger).args(&args).run().json();
        let known = told["already_created"].as_array().into_iter().flatten();
        let known = known.filter(|row| row["changed"] == false).count();
        let is_same = told["valid"] == created && known as u64 == created;
        (!is_same).then(|| format!("{file} of {}, {created} created: {told}", case.name))
    });
    altered.collect()
}

/// Neither in the marked book, whatever its language, nor in an export.
#[test]
fn no_row_is_altered_until_somebody_corrects_it() {
    let altered = of_each(&cases(), altered).concat();
    assert!(altered.is_empty(), "{}", altered.join("\n"));
}

fn expected() -> Vec<Value> {
    let expected = fs::read_to_string(corpus().join("expected.jsonl")).expect("the outcomes");
    let outcomes = expected.lines().map(serde_json::from_str);
    outcomes.collect::<Result<_, _>>().expect("JSON")
}

/// A sheet that no inbox can use says why in Arabic where that is read.
#[test]
fn every_reason_why_a_file_cannot_be_used_is_told_in_arabic() {
    let world = World::with_server();
    for (case, outcome) in cases().iter().zip(expected()) {
        if outcome["exit"] == 5 && case.args.is_none() {
            world.file(format!("inbox/{}", case.name), case.file.bytes());
            let config = Path::new(&case.name).with_extension("vlens-batch.toml");
            let config = format!("inbox/{}", config.display());
            case.config
                .iter()
                .for_each(|it| drop(world.file(&config, it)));
        }
    }
    let swept = world
        .ran("inbox inbox --settled 0s --lang ar --json", 5)
        .json();
    let errors = swept["files"].as_array().expect("files").iter();
    let errors: Vec<String> = errors
        .filter_map(|it| Some(world.read(it["error"].as_str()?)))
        .collect();
    assert!(errors.len() > 30, "{swept}");
    for said in errors {
        let why = said.lines().nth(1).unwrap_or_default();
        assert!(
            why.starts_with(|first| ('\u{600}'..'\u{700}').contains(&first)),
            "{said}"
        );
    }
}

#[test]
fn every_file_of_the_corpus_has_its_expected_outcome() {
    let cases = cases();
    let outcomes = of_each(&cases, Case::outcome);
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        let lines: Vec<String> = outcomes.iter().map(Value::to_string).collect();
        let path = corpus().join("expected.jsonl");
        fs::write(path, lines.join("\n") + "\n").expect("written outcomes");
        return;
    }
    let expected = expected();
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
