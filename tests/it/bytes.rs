//! Whatever comes from outside, as bytes that nobody meant: each reader says what is wrong, and none panics: the same targets as
//! under `fuzz/`, short enough for every day. Then what a sheet's bytes mean; answers and values are tried beside their code.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use vlens_batch::error::Error;
use vlens_batch::input::{Input, Options, Source};
use vlens_batch::mapping::Config;
use vlens_batch::model::{Cell, Hidden};

use crate::support::{Recipe, rows};

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

fn sample(name: &str) -> Vec<u8> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    std::fs::read(samples.join(name)).expect("a sample")
}

/// The bytes with some of them changed, and cut somewhere.
fn spoiled(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let places = vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    let cut = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (places, cut).prop_map(move |(places, cut)| {
        let mut bytes = whole.clone();
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        bytes
    })
}

type Rows = Vec<(u32, Vec<Cell>)>;

fn read_with(bytes: &[u8], options: &Options) -> Result<(Source, Rows), Error> {
    let mut source = Source::open(&Input::from_stdin(bytes)?, options)?;
    let mut rows = Vec::new();
    while let Some(row) = source.next_row()? {
        rows.push((row.number.0, row.cells));
    }
    Ok((source, rows))
}

fn read(bytes: &[u8]) -> (Source, Rows) {
    read_with(bytes, &Options::default()).expect("a sheet")
}

/// A workbook of one sheet with this XML, and one shared text.
fn workbook(sheet: &str) -> Vec<u8> {
    let texts = format!("<sst xmlns=\"{MAIN}\"><si><t>shared</t></si></sst>");
    let parts = json!({"xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": texts});
    let recipe = serde_json::from_value::<Recipe>(json!({ "parts": parts }));
    recipe.expect("a recipe").bytes()
}

fn with_rows(rows: &str) -> Vec<u8> {
    workbook(&format!(
        "<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"
    ))
}

fn read_all(bytes: &[u8], options: &Options) {
    let input = Input::from_stdin(bytes).expect("a temporary file");
    let Ok(mut source) = Source::open(&input, options) else {
        return;
    };
    let mut last = None;
    while let Ok(Some(row)) = source.next_row() {
        assert!(last < Some(row.number), "row numbers only grow");
        last = Some(row.number);
    }
}

fn skipping() -> Options {
    Options {
        hidden: Some(Hidden::Skip),
        ..Options::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_csv_file(
        bytes in prop_oneof![vec(any::<u8>(), 0..400), spoiled(sample("customers.csv"))],
        delimiter in proptest::option::of(any::<char>()),
        header_row in proptest::option::of(any::<u32>()),
    ) {
        read_all(&bytes, &Options { delimiter, header_row, ..skipping() });
    }

    #[test]
    fn a_config(text in prop_oneof![
        any::<String>(),
        spoiled(sample("vlens-batch.toml")).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]) {
        if let Err(errors) = Config::parse(&text, "vlens-batch.toml", None) {
            prop_assert!(errors.excerpt.is_some_and(|drawn| !drawn.is_empty()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_workbook(bytes in spoiled(sample("customers.xlsx"))) {
        read_all(&bytes, &skipping());
    }
}

#[test]
fn rows_are_numbered_as_a_spreadsheet_numbers_them() {
    for (csv, numbers, blank) in rows::<(&str, Vec<u32>, u64)>("input.numbers") {
        let (source, rows) = read(csv.as_bytes());
        let found: Vec<u32> = rows.iter().map(|row| row.0).collect();
        assert_eq!((found, source.blank_rows), (numbers, blank), "{csv}");
    }
}

#[test]
fn a_stray_quote_is_refused_where_it_began_and_an_address_is_not() {
    let head = "phone,name,address\n01012345678,Mona,Cairo\n";
    for (rest, line) in rows::<(&str, u32)>("input.quotes") {
        let csv = format!("{head}{rest}");
        let told = read_with(csv.as_bytes(), &Options::default()).map(drop);
        let told = told.map_or_else(|error| error.message, |()| String::new());
        let place = format!("(line {line} of");
        let is_told = told.contains(&place) || line == 0 && told.is_empty();
        assert!(is_told, "{csv}: {told}");
    }
    let two_columns = "name,address\nMona,\"5 Nile St\nDokki, Giza\"\n";
    assert_eq!(read(two_columns.as_bytes()).1.len(), 1);
}

#[test]
fn the_header_is_found_below_title_lines() {
    for (lines, known_names, row) in rows::<(&str, _, u32)>("input.headers") {
        let options = Options {
            known_names,
            ..Options::default()
        };
        let (source, _) = read_with(lines.as_bytes(), &options).unwrap();
        assert_eq!(source.header_row.0, row, "{lines:?}");
    }
    let columns = read(b" Name ,,Phone,,\n").0.columns.into_iter();
    let names: Vec<String> = columns.map(|column| column.name).collect();
    assert_eq!(names, ["Name", "", "Phone"]);
}

#[test]
fn every_legal_spelling_of_a_value_is_read() {
    let head = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>";
    for (cell, expected) in rows::<(&str, &str)>("input.cells") {
        let bytes = with_rows(&format!("{head}<row>{cell}</row>"));
        let (_, rows) = read(&bytes);
        let found = rows
            .first()
            .map_or("nothing".to_owned(), |(number, cells)| {
                assert_eq!((*number, cells.len(), rows.len()), (2, 1, 1), "{cell}");
                format!("{:?}", cells[0])
            });
        assert_eq!(found, expected, "{cell}");
    }
}

#[test]
fn damaged_and_hostile_workbooks_are_refused() {
    let cell = "<c t=\"inlineStr\"><is><t>x</t></is></c>";
    let filled = |tag: &str| format!("{tag}{cell}</row>");
    let good = filled("<row r=\"1\">") + &filled("<row r=\"1048576\">");
    let (source, found) = read(&with_rows(&good));
    assert_eq!((found.len(), source.blank_rows), (1, 1_048_574));
    let text = "y".repeat(20 << 20);
    let long = format!("<row r=\"1\"><c t=\"str\"><v>{text}</v></c></row>");
    let damaged = rows::<&str>("input.damaged").into_iter();
    let damaged = damaged.map(|rows| (rows, "workbook_damaged"));
    for (rows, code) in damaged.chain([(&*long, "workbook_too_large")]) {
        let found = read_with(&with_rows(rows), &Options::default());
        assert_eq!(found.map(drop).unwrap_err().code, code, "{code}");
    }
    let found = read_with(&workbook("<html/>"), &Options::default());
    assert_eq!(found.map(drop).unwrap_err().code, "workbook_damaged");
}
