//! Every format with the same rows, read back.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use super::*;
use crate::model::{RowNumber, Secret, Status, Timestamp};
use crate::report::spreadsheet;

fn columns() -> Vec<String> {
    ["Mobile", "Name"].map(str::to_owned).to_vec()
}

fn created() -> ResultRow {
    ResultRow {
        row: RowNumber(2),
        cells: vec!["+201012345678".to_owned(), "منى, عادل".to_owned()],
        status: Status::Created,
        token: Some(Secret::new("a/b=")),
        error_code: None,
        error: None,
        attempts: 1,
        sent_at: Some(Timestamp(1_795_293_540_000)),
    }
}

fn rejected() -> ResultRow {
    ResultRow {
        row: RowNumber(5),
        cells: vec![
            "01012345678".to_owned(),
            "=HYPERLINK(\"http://x\")".to_owned(),
        ],
        status: Status::Rejected,
        token: None,
        error_code: Some("1034".to_owned()),
        error: Some("@pending \"request\"".to_owned()),
        attempts: 2,
        sent_at: None,
    }
}

fn exported(format: Format, options: ExportOptions<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sink = sink(format, &columns(), options, &mut out).unwrap();
    sink.row(&created()).unwrap();
    sink.row(&rejected()).unwrap();
    sink.finish().unwrap();
    out
}

fn text(format: Format, options: ExportOptions<'_>) -> String {
    String::from_utf8(exported(format, options)).unwrap()
}

fn link() -> LinkTemplate {
    LinkTemplate::parse("https://x.example/?s={{ token }}").unwrap()
}

#[test]
fn csv_has_the_source_first_and_harmless_cells() {
    let link = link();
    let options = ExportOptions {
        link: Some(&link),
        ..ExportOptions::default()
    };
    insta::assert_snapshot!(text(Format::Csv, options), @r#"
    Mobile,Name,vlens_row,vlens_status,vlens_token,vlens_link,vlens_error_code,vlens_error,vlens_attempts,vlens_sent_at
    +201012345678,"منى, عادل",2,created,a/b=,https://x.example/?s=a%2Fb%3D,,,1,2026-11-21T20:39:00Z
    01012345678,"'=HYPERLINK(""http://x"")",5,rejected,,,1034,"'@pending ""request""",2,
    "#);
}

#[test]
fn json_lines_have_the_source_apart_and_values_untouched() {
    let link = link();
    let options = ExportOptions {
        link: Some(&link),
        ..ExportOptions::default()
    };
    insta::assert_snapshot!(text(Format::Jsonl, options), @r#"
    {"source":{"Mobile":"+201012345678","Name":"منى, عادل"},"row":2,"status":"created","token":"a/b=","link":"https://x.example/?s=a%2Fb%3D","error_code":null,"error":null,"attempts":1,"sent_at":"2026-11-21T20:39:00Z"}
    {"source":{"Mobile":"01012345678","Name":"=HYPERLINK(\"http://x\")"},"row":5,"status":"rejected","token":null,"link":null,"error_code":"1034","error":"@pending \"request\"","attempts":2,"sent_at":null}
    "#);
}

#[test]
fn without_tokens_neither_token_nor_link_leaves() {
    let link = link();
    let options = ExportOptions {
        link: Some(&link),
        without_tokens: true,
        right_to_left: false,
    };
    for format in [Format::Csv, Format::Jsonl] {
        let text = text(format, options);
        assert!(
            !text.contains("a/b=") && !text.contains("x.example"),
            "{text}"
        );
    }
    let cells = sheet(&exported(Format::Xlsx, options));
    assert_eq!(cells[1][4], Data::Empty);
    assert_eq!(cells[1][5], Data::Empty);
}

fn sheet(bytes: &[u8]) -> Vec<Vec<Data>> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let range = workbook.worksheet_range("Results").unwrap();
    range.rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn a_workbook_reads_back_as_text_and_never_as_a_formula() {
    let bytes = exported(Format::Xlsx, ExportOptions::default());
    let cells = sheet(&bytes);
    let text = |text: &str| Data::String(text.to_owned());
    assert_eq!(
        cells[0][..3],
        [text("Mobile"), text("Name"), text("vlens_row")]
    );
    assert_eq!(cells[1][0], text("+201012345678"));
    assert_eq!(cells[1][2], Data::Float(2.0));
    assert_eq!(cells[1][3], text("created"));
    assert_eq!(cells[1][4], text("a/b="));
    assert_eq!(cells[1][9], text("2026-11-21T20:39:00Z"));
    assert_eq!(cells[2][0], text("01012345678"));
    assert_eq!(cells[2][1], text("=HYPERLINK(\"http://x\")"));
    assert_eq!(cells[2][6], text("1034"));
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    assert!(workbook.worksheet_formula("Results").unwrap().is_empty());
}

#[test]
fn a_cell_that_excel_cannot_hold_is_an_error_and_not_cut() {
    let mut out = Vec::new();
    let mut sink = sink(Format::Xlsx, &columns(), ExportOptions::default(), &mut out).unwrap();
    let mut row = created();
    row.cells[1] = "ا".repeat(32_768);
    let complaint = sink.row(&row).unwrap_err();
    assert_eq!(complaint.code, "xlsx_cell_too_long");
    assert!(
        complaint.message.starts_with("Row 2, column \"Name\""),
        "{}",
        complaint.message
    );
}

#[test]
fn a_sheet_ends_at_its_last_row() {
    assert!(spreadsheet::next_row(spreadsheet::MAX_ROWS - 1).is_ok());
    assert_eq!(
        spreadsheet::next_row(spreadsheet::MAX_ROWS)
            .unwrap_err()
            .code,
        "xlsx_too_many_rows"
    );
    let columns = vec![String::new(); 16_377];
    let Err(complaint) = sink(Format::Xlsx, &columns, ExportOptions::default(), Vec::new()) else {
        panic!("16,385 columns were accepted");
    };
    assert_eq!(complaint.code, "xlsx_too_many_columns");
}

#[test]
fn an_export_without_rows_is_complete() {
    for &format in Format::ALL {
        let mut out = Vec::new();
        sink(format, &columns(), ExportOptions::default(), &mut out)
            .unwrap()
            .finish()
            .unwrap();
        if format == Format::Xlsx {
            assert_eq!(sheet(&out).len(), 1);
        }
    }
}

#[test]
fn a_full_disk_is_told_and_not_lost() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for &format in Format::ALL {
        let out = io::BufWriter::new(Full);
        let mut sink = sink(format, &columns(), ExportOptions::default(), out).unwrap();
        let told = sink.row(&created()).and_then(|()| sink.finish());
        assert!(told.is_err(), "{format:?}");
    }
}
