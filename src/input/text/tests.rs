//! CSV files as people have them, read through the room's front door.

use std::sync::Arc;

use crate::error::Error;
use crate::input::{Input, Options, Source};
use crate::model::{Cell, Row};

fn input(bytes: &[u8]) -> Input {
    Input::Stdin(Arc::from(bytes))
}

fn open(bytes: &[u8]) -> Result<Source, Error> {
    Source::open(&input(bytes), &Options::default())
}

/// The rows with their numbers, cells as a person sees them.
fn rows(source: &mut Source) -> Vec<(u32, Vec<String>)> {
    let mut row = Row::new();
    let mut all = Vec::new();
    while source.read(&mut row).unwrap() {
        let cells = row.cells.iter().map(Cell::shown).collect();
        all.push((row.number.0, cells));
    }
    all
}

fn names(source: &Source) -> Vec<&str> {
    source
        .columns()
        .iter()
        .map(|column| column.name.as_str())
        .collect()
}

fn in_windows_1256(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1256.encode(text).0.into_owned()
}

#[test]
fn a_sheet_reads_the_same_in_every_encoding_and_with_every_line_break() {
    let sheet = "الاسم;الهاتف\nمنى عادل السيد;01012345678\n\n\"أحمد; محمود\";\"01112345678\"\n";
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let crlf = sheet.replace('\n', "\r\n");
    for bytes in [
        sheet.as_bytes().to_vec(),
        crlf.clone().into_bytes(),
        sheet.replace('\n', "\r").into_bytes(),
        format!("\u{feff}{crlf}").into_bytes(),
        format!("sep=;\r\n{crlf}").into_bytes(),
        utf16(&crlf),
        utf16(&format!("\u{feff}{crlf}")),
        utf16(&format!("\u{feff}sep=;\r\n{crlf}")),
        in_windows_1256(&crlf),
    ] {
        let mut source = open(&bytes).unwrap();
        assert_eq!(names(&source), ["الاسم", "الهاتف"]);
        let expected = [
            (
                2,
                vec!["منى عادل السيد".to_owned(), "01012345678".to_owned()],
            ),
            (4, vec!["أحمد; محمود".to_owned(), "01112345678".to_owned()]),
        ];
        assert_eq!(rows(&mut source), expected);
        assert_eq!(source.blank_rows(), 1);
    }
}

#[test]
fn rows_are_numbered_as_a_spreadsheet_numbers_them() {
    let text = "\nname,note\n\n,,\nMona,\"two\nlines\"\nAdel,x\n,,,\n";
    let mut source = open(text.as_bytes()).unwrap();
    assert_eq!(source.header_row().0, 2);
    let numbers: Vec<u32> = rows(&mut source)
        .iter()
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(numbers, [5, 6]);
    assert_eq!(source.blank_rows(), 4);
}

#[test]
fn ragged_rows_come_as_they_are() {
    let mut source = open(b"a,b,c\n1,2\n1,2,3,4\n").unwrap();
    let lengths: Vec<usize> = rows(&mut source)
        .iter()
        .map(|(_, cells)| cells.len())
        .collect();
    assert_eq!(lengths, [2, 4]);
}

#[test]
fn foreign_bytes_are_a_matter_of_their_cell() {
    let mut bytes = "name,phone\nمنى,010\nعادل,011\n".as_bytes().to_vec();
    bytes.extend(in_windows_1256("أحمد,012\n"));
    bytes.extend(b"Sa\0ra,015\n");
    let mut source = open(&bytes).unwrap();
    assert!(source.notes()[0].warning, "{:?}", source.notes());
    let mut row = Row::new();
    let mut first_cells = Vec::new();
    while source.read(&mut row).unwrap() {
        assert!(matches!(row.cell(1), Cell::Text(_)));
        first_cells.push(row.cell(0).clone());
    }
    assert!(matches!(first_cells[1], Cell::Text(_)));
    assert!(matches!(first_cells[2], Cell::Undecodable(_)));
    assert_eq!(first_cells[3], Cell::Undecodable("Sa\u{fffd}ra".to_owned()));
}

#[test]
fn a_guess_is_shown_with_masked_values() {
    let source = open(&in_windows_1256("name,phone\nمنى عادل السيد,01012345678\n")).unwrap();
    let shown: Vec<&str> = source
        .notes()
        .iter()
        .map(|note| note.text.as_str())
        .collect();
    assert!(
        shown[0].contains("windows-1256") && shown[0].contains("a guess"),
        "{shown:?}"
    );
    assert!(
        shown[1].contains("م***") && !shown[1].contains("عادل"),
        "{shown:?}"
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_code() {
    for (bytes, code) in [
        (&b""[..], "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (b"\n\n,,\n", "file_empty"),
        (b"a,b\n1,\"2\n", "unclosed_quote"),
        (b"<html><table>", "not_a_sheet"),
    ] {
        assert_eq!(open(bytes).unwrap_err().code, code, "{bytes:?}");
    }
}

#[test]
fn an_open_quote_is_reported_with_row_and_line_before_any_row_is_read() {
    let complaint = open(b"a,b\n\"x\ny\",2\n3,\"4\n5,6\n").unwrap_err();
    assert_eq!(complaint.code, "unclosed_quote");
    assert!(
        complaint.message.contains("row 3 (line 4"),
        "{}",
        complaint.message
    );
}

#[test]
fn a_header_alone_is_a_sheet_without_rows() {
    let mut source = open(b"name,phone").unwrap();
    assert_eq!(rows(&mut source), []);
}

#[test]
fn options_win_over_detection() {
    let options = Options {
        delimiter: Some('#'),
        encoding: Some("windows-1256".to_owned()),
        header_row: Some(3),
        ..Options::default()
    };
    let bytes = in_windows_1256("تقرير\n\nname#city\nMona#الجيزة, Cairo\n");
    let mut source = Source::open(&input(&bytes), &options).unwrap();
    assert_eq!(names(&source), ["name", "city"]);
    assert_eq!(rows(&mut source)[0].1[1], "الجيزة, Cairo");

    let refused = |options: Options| Source::open(&input(&bytes), &options).unwrap_err().code;
    let delimiter = Some('،');
    assert_eq!(
        refused(Options {
            delimiter,
            ..Options::default()
        }),
        "delimiter_invalid"
    );
    let header_row = Some(2);
    assert_eq!(
        refused(Options {
            header_row,
            ..Options::default()
        }),
        "header_not_found"
    );
    let header_row = Some(99);
    assert_eq!(
        refused(Options {
            header_row,
            ..Options::default()
        }),
        "header_not_found"
    );
}

#[test]
fn sixteen_thousand_columns_are_read() {
    let header: Vec<String> = (0..16_000).map(|n| format!("c{n}")).collect();
    let line = vec!["1"; 16_000].join(",");
    let mut source = open(format!("{}\n{line}\n", header.join(",")).as_bytes()).unwrap();
    assert_eq!(source.columns().len(), 16_000);
    assert_eq!(rows(&mut source)[0].1.len(), 16_000);
}

#[test]
fn a_long_cell_is_read_whole() {
    let long = "ن".repeat(1 << 20);
    let mut source = open(format!("a,b\n\"{long}\",2\n").as_bytes()).unwrap();
    assert_eq!(rows(&mut source)[0].1[0].len(), long.len());
}

#[test]
fn a_row_reuses_the_buffers_of_the_one_before() {
    let mut source = open("a\nlonger text\nshort\n".as_bytes()).unwrap();
    let mut row = Row::new();
    source.read(&mut row).unwrap();
    // The first rows were read in search of the header; from then on cells are written in place.
    source.read(&mut row).unwrap();
    assert_eq!(row.cells, [Cell::Text("short".to_owned())]);
}
