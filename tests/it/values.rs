//! What a number's text means, by what its column proves. All else that a cell may mean is in the corpus.

use crate::support::{World, each};

/// A sheet with `phone` and one more column, mapped by this rule: each row's value that goes out, or its problem.
fn readings(rule: &str, cells: &[&str]) -> Vec<String> {
    let world = World::new();
    let rows = (0..).zip(cells);
    let rows = rows.map(|(at, cell)| format!("010123456{at:02},\"{cell}\"\n"));
    let rows: String = rows.collect();
    world.file("sheet.csv", format!("phone,value\n{rows}"));
    world.config(&format!(
        "[contract]\ntypes = [414]\n[fields.414]\nvalue = {rule}\n"
    ));
    let mut readings = vec!["(left out)".to_owned(); cells.len()];
    let document = world.line("check sheet.csv --json").run().json();
    for problem in document["problems"].as_array().expect("a list") {
        let row = problem["row"]
            .as_u64()
            .and_then(|row| usize::try_from(row).ok());
        let code = problem["code"].as_str().expect("a code");
        code.clone_into(&mut readings[row.expect("a row") - 2]);
    }
    let shown = world.line("check sheet.csv --show 99").run().json_lines();
    for body in each(&shown.into(), "SessionInput") {
        let phone = body["phoneNumber"].as_str().expect("a text");
        let field = &body["RequestFieldsValues"]["414"]["value"];
        if let (Ok(at), Some(sent)) = (phone[11..].parse::<usize>(), field.as_str()) {
            sent.clone_into(&mut readings[at]);
        }
    }
    readings
}

const NUMBER: &str = "{ column = \"value\", type = \"number\" }";

#[test]
fn numbers_are_read_as_the_column_proves() {
    for (cells, sent) in [
        // The comma is the fraction's, so the point parts thousands.
        (
            ["5.000", "12.345,50", "1.000.000", "41,000"],
            ["5000", "12345.50", "1000000", "41.000"],
        ),
        // The other way round.
        (
            ["5.000", "12,345.50", "1,000,000", "41,000"],
            ["5.000", "12345.50", "1000000", "41000"],
        ),
        (
            ["5000,50", "41,000", "7", "5.000"],
            ["5000.50", "41.000", "7", "5000"],
        ),
        // Nothing proves anything.
        (
            ["5.000", "41,000", "7", "5 000"],
            ["number_ambiguous", "41000", "7", "5000"],
        ),
        // A column that contradicts itself; what reads alike either way stays.
        (
            ["1,234.50", "1.234,50", "7", "41,000"],
            [
                "number_ambiguous",
                "number_ambiguous",
                "7",
                "number_ambiguous",
            ],
        ),
    ] {
        assert_eq!(readings(NUMBER, &cells), sent, "{cells:?}");
    }
}

#[test]
fn the_mapping_settles_what_a_column_leaves_open() {
    for (decimal, cells, sent) in [
        (
            ",",
            ["5.000", "41,5", "1.5"],
            ["5000", "41.5", "number_invalid"],
        ),
        (
            ".",
            ["5.000", "41,500", "1,5"],
            ["5.000", "41500", "number_invalid"],
        ),
    ] {
        let rule = format!("{{ column = \"value\", type = \"number\", decimal = \"{decimal}\" }}");
        assert_eq!(readings(&rule, &cells), sent, "{decimal}");
    }
    for wrong in [
        "{ column = \"value\", type = \"number\", decimal = \";\" }",
        "{ column = \"value\", decimal = \",\" }",
    ] {
        let world = World::new();
        world.file("sheet.csv", "phone,value\n01012345678,5\n");
        world.config(&format!(
            "[contract]\ntypes = [414]\n[fields.414]\nvalue = {wrong}\n"
        ));
        world.ran("check sheet.csv", 5).complains_of("decimal");
    }
}
