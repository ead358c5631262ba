//! Files as they come: what is read, what is refused, and in which words.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{World, pick};

fn kept(name: &str) -> Vec<u8> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    std::fs::read(cases.join(name)).expect("a kept file")
}

/// How many rows would go out, and the rows and codes of the problems.
fn outcome(name: &str, bytes: &[u8], options: &str) -> (usize, Vec<Value>) {
    let world = World::new();
    world.file(name, bytes);
    let check = |how: &str| {
        let line = format!("check {name} --contract-type 414{options} {how}");
        world.line(&line).run()
    };
    let document = check("--json").json();
    assert!(document["error"].is_null(), "{document}");
    let problems = document["problems"].as_array().expect("problems").iter();
    let problems = problems.map(|problem| pick(problem, ["row", "code"]));
    let sent = check("--show 99").stdout.lines().count();
    (sent, problems.collect())
}

/// What is said of a file that cannot be used.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let world = World::new();
    world.file(name, bytes);
    let check = world.ran(&format!("check {name} --contract-type 414"), 5);
    check.stderr
}

#[test]
fn what_other_readers_fail_on_is_read() {
    for (name, options, sent, problems) in [
        ("xlsx-dimension-empty.xlsx", "", 2, json!([])),
        ("xlsx-dimension-rows-only.xlsx", "", 2, json!([])),
        (
            "xlsx-new-error-values.xlsx",
            "",
            1,
            json!([[2, "cell_error"]]),
        ),
        ("xlsx-second-sheet-without-relation.xlsx", "", 2, json!([])),
        (
            "xlsx-second-sheet-without-relation.xlsx",
            " --sheet Customers",
            2,
            json!([]),
        ),
        ("xlsx-shared-texts-elsewhere.xlsx", "", 1, json!([])),
        ("xlsx-utf16-sheet.xlsx", "", 2, json!([])),
        ("xlsx-foreign-bytes-first.xlsx", "", 1, json!([])),
    ] {
        let (rows, found) = outcome(name, &kept(name), options);
        assert_eq!((rows, json!(found)), (sent, problems), "{name}");
    }
}

#[test]
fn other_formats_are_named_with_the_way_to_xlsx() {
    for (name, bytes, really) in [
        ("a.fods", kept("flat.fods"), "FODS"),
        ("a.xls", kept("xls-excel95.xls"), "Excel 5.0 or 95"),
        ("b.xls", b"<html><table><tr><td>Mona".to_vec(), "web page"),
        ("c.xls", b"\x09\x08\x08\x00\x05".to_vec(), "first versions"),
    ] {
        let said = refusal(name, &bytes);
        assert!(said.contains(really), "{said}");
        let command = format!("soffice --headless --convert-to xlsx {name}");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&command), "{said}");
        assert!(
            said.contains("In Excel") || said.contains("in Excel"),
            "{said}"
        );
    }
}
