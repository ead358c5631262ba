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
fn what_a_cell_holds_is_never_changed_without_a_word() {
    for (csv, sent, undecodable) in [
        (
            "phone,fullName\n01012345678,\"Mona \\\"Mimi\\\" Adel\"\n01112345678,\"Ali\" Samir\n",
            0,
            &[2, 3][..],
        ),
        (
            "phone,fullName\n01012345678,Mo\u{7}na\n01112345678,\"Ali\tSamir\nJunior\"\n",
            1,
            &[2],
        ),
        ("phone,fullName\r\n01012345678,Mona Adel\r\n\u{1a}", 1, &[]),
    ] {
        let problems = undecodable.iter().map(|row| json!([row, "undecodable"]));
        let expected = (sent, problems.collect());
        assert_eq!(outcome("a.csv", csv.as_bytes(), ""), expected, "{csv}");
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
        let command = format!("soffice --headless --convert-to xlsx \"{name}\"");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&command), "{said}");
        assert!(
            said.contains("In Excel") || said.contains("in Excel"),
            "{said}"
        );
    }
}

#[test]
fn a_file_in_one_column_is_refused_with_its_header_and_delimiter() {
    for csv in [
        "phone،fullName\n01012345678،Mona Adel\n",
        "\"phone;fullName\"\n\"01012345678;Mona Adel\"\n",
    ] {
        let said = refusal("a.csv", csv.as_bytes());
        let header = csv.lines().next().expect("a line").trim_matches('"');
        for word in ["one column only", header, "delimiter comma"] {
            assert!(said.contains(word), "{said}");
        }
    }
    // A header row that is really a customer.
    let world = World::new();
    world.file("a.csv", "x\n01012345678،Mona\n");
    let check = world.ran("check a.csv --header-row 2 --contract-type 414", 5);
    check.hides("345678");
}

#[test]
fn a_stray_quote_is_refused_and_swallows_no_row() {
    let csv = "phone,name,city\n01012345678,Mona,Cairo\n01112345678,\"Ali,Giza\n01212345678,Sara,Luxor\n01512345678,Omar,Aswan\"\n";
    let said = refusal("a.csv", csv.as_bytes());
    assert!(said.contains("row 3 (line 3 of the file)"), "{said}");
    let address = "phone,name,address\n01012345678,Mona,\"5 Nile St\nDokki, Giza\n11511\"\n01112345678,Ali,Giza\n";
    assert_eq!(outcome("a.csv", address.as_bytes(), ""), (2, Vec::new()));
}

#[test]
fn what_cannot_be_a_sheet_is_refused_at_once() {
    let columns = format!("phone\n{}\n", ",".repeat(1_000_000));
    let endless = format!("a,b\n1,\"{}", "x".repeat(20 << 20));
    let long = format!("a,b\n{}", "x".repeat(20 << 20));
    for (csv, why) in [
        (columns, "1000001 cells"),
        (endless, "never closed"),
        (long, "longer than 16 MiB"),
    ] {
        assert!(refusal("a.csv", csv.as_bytes()).contains(why), "{why}");
    }
}
