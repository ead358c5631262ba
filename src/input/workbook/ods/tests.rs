//! ODS files as LibreOffice writes them, read through the room's front door.

use std::io::{Cursor, Write};
use std::sync::Arc;

use crate::error::Error;
use crate::input::{Hidden, Input, Options, Source};
use crate::model::{Cell, Row};

/// A workbook with these sheets in its body.
fn book(sheets: &str) -> Vec<u8> {
    let content = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:style="s" xmlns:calcext="c">
<office:automatic-styles>
<style:style style:name="ta1" style:family="table"><style:table-properties table:display="true" style:writing-mode="rl-tb"/></style:style>
<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>
</office:automatic-styles>
<office:body><office:spreadsheet>{sheets}</office:spreadsheet></office:body></office:document-content>"#
    );
    package(&content, "<manifest/>")
}

fn package(content: &str, manifest: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (part, text) in [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content),
        ("META-INF/manifest.xml", manifest),
    ] {
        writer
            .start_file(part, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn text_cell(text: &str) -> String {
    format!(
        r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
    )
}

fn row(cells: &[String]) -> String {
    format!("<table:table-row>{}</table:table-row>", cells.concat())
}

fn sheet(name: &str, style: &str, rows: &str) -> String {
    format!(
        r#"<table:table table:name="{name}" table:style-name="{style}"><table:table-column/>{rows}</table:table>"#
    )
}

fn open_with(bytes: &[u8], options: &Options) -> Result<Source, Error> {
    Source::open(&Input::Stdin(Arc::from(bytes)), options)
}

fn rows(source: &mut Source) -> Vec<(u32, Vec<Cell>)> {
    let mut row = Row::new();
    let mut all = Vec::new();
    while source.read(&mut row).unwrap() {
        all.push((row.number.0, row.cells.clone()));
    }
    all
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn cells_come_out_as_a_person_sees_them() {
    let header: Vec<String> = ["name", "phone", "born", "yes", "sum", "gone"]
        .map(text_cell)
        .into();
    let cells = [
        r#"<table:table-cell office:value-type="string"><office:annotation><text:p>a comment</text:p></office:annotation><text:p>Mona &amp; <text:span>Adel</text:span></text:p><text:p>Cairo<text:s text:c="2"/>x</text:p></table:table-cell>"#,
        r#"<table:table-cell office:value-type="float" office:value="1012345678"><text:p>01012345678</text:p></table:table-cell>"#,
        r#"<table:table-cell office:value-type="date" office:date-value="2024-02-29"><text:p>29/02/2024</text:p></table:table-cell>"#,
        r#"<table:table-cell office:value-type="boolean" office:boolean-value="true"><text:p>TRUE</text:p></table:table-cell>"#,
        r#"<table:table-cell office:value-type="float" office:value="1500.5"><text:p>1,500.50</text:p></table:table-cell>"#,
        r#"<table:table-cell table:formula="of:=[.A1]"/><table:table-cell table:number-columns-repeated="16378"/>"#,
    ]
    .map(str::to_owned);
    let error = r#"<table:table-cell office:value-type="string" calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>"#;
    let content = [
        row(&header),
        r#"<table:table-row table:number-rows-repeated="3"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>"#.to_owned(),
        row(&cells),
        row(&[error.to_owned()]),
        r#"<table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>"#.to_owned(),
    ];
    let bytes = book(&sheet("S", "ta1", &content.concat()));
    let mut source = open_with(&bytes, &Options::default()).unwrap();
    assert!(source.right_to_left());
    let rows = rows(&mut source);
    let date = jiff::civil::date(2024, 2, 29).at(0, 0, 0, 0);
    let expected = [
        text("Mona & Adel\nCairo  x"),
        text("01012345678"),
        Cell::Date(date),
        Cell::Boolean(true),
        Cell::Number(1500.5),
        Cell::Uncalculated,
    ];
    assert_eq!(rows[0], (5, expected.into()));
    assert_eq!(rows[1], (6, vec![Cell::Error("#N/A".to_owned())]));
    assert_eq!(rows.len(), 2);
    assert_eq!(source.blank_rows(), 3);
}

#[test]
fn hidden_filtered_and_merged_rows_are_seen() {
    let hidden = |how: &str, name: &str| {
        format!(
            r#"<table:table-row table:visibility="{how}">{}</table:table-row>"#,
            text_cell(name)
        )
    };
    let content = [
        row(&["name", "city"].map(text_cell)),
        row(&[
            text_cell("Mona"),
            r#"<table:table-cell office:value-type="string" table:number-rows-spanned="2" table:number-columns-spanned="1"><text:p>Cairo</text:p></table:table-cell>"#.to_owned(),
        ]),
        row(&[text_cell("Adel"), "<table:covered-table-cell/>".to_owned()]),
        hidden("collapse", "Sara"),
        hidden("filter", "Omar"),
        row(&[text_cell("Hoda")]),
    ];
    let bytes = book(&sheet("S", "", &content.concat()));
    let complaint = open_with(&bytes, &Options::default()).unwrap_err();
    assert_eq!(complaint.code, "hidden_rows");
    assert!(
        complaint.message.contains("2 rows"),
        "{}",
        complaint.message
    );
    let hidden = Some(Hidden::Skip);
    let mut source = open_with(
        &bytes,
        &Options {
            hidden,
            ..Options::default()
        },
    )
    .unwrap();
    let expected = [
        (2, vec![text("Mona"), text("Cairo")]),
        (3, vec![text("Adel"), Cell::Merged]),
        (6, vec![text("Hoda")]),
    ];
    assert_eq!(rows(&mut source), expected);
}

#[test]
fn the_first_visible_sheet_with_data_is_read() {
    let one = |name: &str| row(&[text_cell(name)]);
    let sheets = [
        sheet("Lists", "ta2", &one("choice")),
        sheet("Cover", "ta1", ""),
        sheet("Customers", "ta1", &(one("name") + &one("Mona"))),
        sheet("Old", "ta1", &one("name")),
    ];
    let bytes = book(&sheets.concat());
    let mut source = open_with(&bytes, &Options::default()).unwrap();
    assert_eq!(rows(&mut source), [(2, vec![text("Mona")])]);
    assert!(
        source
            .notes()
            .iter()
            .any(|note| note.warning && note.text.contains("\"Old\""))
    );
}

#[test]
fn a_password_or_a_cut_is_told() {
    let code = |bytes: &[u8]| open_with(bytes, &Options::default()).unwrap_err().code;
    let locked = package("\u{1}\u{2}", "<manifest:encryption-data/>");
    assert_eq!(code(&locked), "password_protected");
    let whole = book(&sheet("S", "", &row(&[text_cell("name")])));
    assert_eq!(code(&whole[..whole.len() / 2]), "workbook_damaged");
}

#[test]
fn rows_that_a_sheet_cannot_hold_are_refused_and_not_left_out() {
    let repeated = |times: u32, cell: &str| {
        let rows = format!(
            "<table:table-row table:number-rows-repeated=\"{times}\">{cell}</table:table-row>"
        );
        book(&sheet("S", "", &(row(&[text_cell("name")]) + &rows)))
    };
    let opened = |bytes: &[u8]| open_with(bytes, &Options::default()).map(drop);
    assert_eq!(opened(&repeated(2_000_000, "<table:table-cell/>")), Ok(()));
    let complaint = opened(&repeated(1_048_576, &text_cell("Mona"))).unwrap_err();
    assert_eq!(complaint.code, "workbook_damaged");
    assert!(
        complaint.message.contains("repeated"),
        "{}",
        complaint.message
    );
}
