//! The samples, in a copy of their folder: they go through, twice the same is once, and both formats mean the same.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{World, each, problem_codes, rows};

const GOLDEN: &str = include_str!("golden/customers.jsonl");

fn world_with_samples() -> World {
    let world = World::with_server();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for entry in std::fs::read_dir(samples).expect("the samples") {
        let path = entry.expect("a sample").path();
        // Whoever has run README's first command has a ledger there; it is no sample.
        let is_ledger = path.to_string_lossy().contains("vlens-batch.sandbox.db");
        if path.is_file() && !is_ledger {
            let name = Path::new("samples").join(path.file_name().expect("a name"));
            world.file(name, std::fs::read(&path).expect("a sample"));
        }
    }
    world
}

#[test]
fn the_same_sheet_as_csv_and_as_xlsx_shows_and_sends_the_same_bodies_byte_for_byte() {
    let world = world_with_samples();
    for file in ["samples/customers.csv", "samples/customers.xlsx"] {
        let shown = world.vlens(["check", file, "--show", "100"]).ends(0);
        assert_eq!(shown.stdout, GOLDEN, "{file}");
        let ledger = format!("{file}.db");
        world.send(file).args(["--ledger", &ledger]).ends(0);
    }
    let arrived = world.bodies();
    let golden: BTreeSet<&str> = GOLDEN.lines().collect();
    assert_eq!(arrived.len(), 2 * golden.len());
    let arrived: BTreeSet<&str> = arrived.iter().map(String::as_str).collect();
    assert_eq!(arrived, golden);
}

#[test]
fn problems_csv_shows_one_of_each_problem_that_a_csv_can_have_and_nothing_of_it_is_sent() {
    let world = world_with_samples();
    let check = world.ran("check samples/problems.csv --json", 3);
    let codes = each(&check.json()["problems"], "code");
    let shown: BTreeSet<&str> = codes.iter().filter_map(|code| code.as_str()).collect();
    let excuses = rows::<(&str, &str)>("samples.excuses");
    for (code, _) in problem_codes() {
        let excuse = excuses.iter().find(|(known, _)| *known == code);
        let is_due = excuse.is_none();
        assert_eq!(shown.contains(&*code), is_due, "{code}: {excuse:?}");
    }
    let summary = world.sent("samples/problems.csv", 3).json();
    assert_eq!(summary["counts"]["invalid"], summary["rows"]);
    assert!(world.accepted().is_empty());
}
