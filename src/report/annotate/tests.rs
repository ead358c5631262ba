//! The annotated workbook, read back.

use std::io::{Cursor, Read};

use calamine::{Data, Reader, Xlsx};
use jiff::civil;

use super::*;
use crate::model::{Cell, ProblemCode};

fn columns() -> Vec<String> {
    ["Mobile", "الاسم", "DOB"].map(str::to_owned).to_vec()
}

fn row(number: u32, cells: Vec<Cell>) -> Row {
    Row {
        number: RowNumber(number),
        cells,
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn problem(row: u32, column: Option<&str>, message: &str) -> Problem {
    Problem {
        row: RowNumber(row),
        column: column.map(str::to_owned),
        field: None,
        code: ProblemCode::PhoneInvalid,
        message: message.to_owned(),
        value: String::new(),
    }
}

fn annotated() -> Vec<u8> {
    let columns = columns();
    let mut annotator = Annotator::new(SheetShape {
        name: "عملاء",
        columns: &columns,
        header_row: RowNumber(1),
        right_to_left: true,
    })
    .unwrap();
    let born = Cell::Date(civil::date(1990, 1, 31).at(0, 0, 0, 0));
    let repair = Repair {
        row: RowNumber(2),
        column: "Mobile".to_owned(),
        field: "phone".to_owned(),
        from: "1012345678".to_owned(),
        to: "+201012345678".to_owned(),
    };
    let good = row(2, vec![Cell::Number(1_012_345_678.0), text("منى"), born]);
    annotator.row(&good, &[], &[repair], None).unwrap();
    let bad = row(
        5,
        vec![text("=1+1"), text("علي"), Cell::Empty, text("stray")],
    );
    let problems = [
        problem(5, Some("Mobile"), "Write the number."),
        problem(5, Some("DOB"), "Give the date."),
        problem(5, None, "The row has 4 cells, the header 3."),
    ];
    annotator.row(&bad, &problems, &[], None).unwrap();
    let repeated = row(6, vec![text("+201012345678")]);
    annotator
        .row(&repeated, &[], &[], Some(RowNumber(2)))
        .unwrap();
    let mut out = Vec::new();
    annotator.finish(&mut out).unwrap();
    out
}

fn part(workbook: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut text = String::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn rows_keep_their_numbers_and_cells_their_kinds() {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(annotated())).unwrap();
    assert_eq!(workbook.sheet_names(), ["vlens-batch", "عملاء"]);
    let sheet = workbook.worksheet_range("عملاء").unwrap();
    let at = |row: u32, column| {
        sheet
            .get_value((row - 1, column))
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(at(1, 0), Data::String("_problems".to_owned()));
    assert_eq!(at(1, 1), Data::String("Mobile".to_owned()));
    assert_eq!(at(2, 1), Data::Float(1_012_345_678.0));
    assert!(
        matches!(at(2, 3), Data::DateTime(date) if date.to_ymd_hms_milli() == (1990, 1, 31, 0, 0, 0, 0))
    );
    assert_eq!(at(3, 1), Data::Empty);
    assert_eq!(at(5, 1), Data::String("=1+1".to_owned()));
    assert_eq!(at(5, 4), Data::String("stray".to_owned()));
    assert_eq!(
        at(5, 0),
        Data::String(
            "Mobile: Write the number.\nDOB: Give the date.\nThe row has 4 cells, the header 3."
                .to_owned()
        )
    );
    assert_eq!(
        at(6, 0),
        Data::String("Repeats row 2; not sent.".to_owned())
    );
    assert!(workbook.worksheet_formula("عملاء").unwrap().is_empty());
}

#[test]
fn notes_say_what_to_change_and_what_goes_out() {
    let notes = part(&annotated(), "xl/comments1.xml");
    for (cell, text) in [
        ("B2", "Goes out as +201012345678"),
        ("B5", "Write the number."),
        ("D5", "Give the date."),
    ] {
        let place = notes
            .find(&format!("ref=\"{cell}\""))
            .unwrap_or_else(|| panic!("no note at {cell}"));
        assert!(notes[place..].contains(text), "{cell}");
    }
    assert_eq!(notes.matches("<comment ").count(), 3);
}

#[test]
fn the_sheet_runs_from_right_to_left_with_a_filter() {
    let sheet = part(&annotated(), "xl/worksheets/sheet2.xml");
    assert!(sheet.contains("rightToLeft=\"1\""));
    assert!(sheet.contains("<autoFilter ref=\"A1:D6\"/>"), "{sheet}");
}

#[test]
fn the_first_sheet_sums_up() {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(annotated())).unwrap();
    let sheet = workbook.worksheet_range("vlens-batch").unwrap();
    let lines: Vec<String> = sheet
        .rows()
        .map(|row| {
            row.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    What vlens-batch found in this sheet |  | 
     |  | 
    Rows | 3 | 
    Valid | 1 | 
    Invalid: correct the marked cells | 1 | 
    Duplicates: the invitation of an earlier row | 1 | 
    Values mended: nothing to do | 1 | 
     |  | 
    On the sheet "عملاء", filter _problems for cells that are not empty; each note says what to change. |  | 
    Save, then check and run this file as it is: this sheet is passed over. |  | 
     |  | 
    Column | Problem | Times
    Mobile | The phone number is not a valid number of the set country, nor an international one. | 1
    DOB | The phone number is not a valid number of the set country, nor an international one. | 1
    – | The phone number is not a valid number of the set country, nor an international one. | 1
    "#);
}

#[test]
fn a_name_that_excel_refuses_is_replaced() {
    let columns = columns();
    for name in [
        "a/b",
        "",
        "vlens-batch",
        "a name that is longer than the thirty-one letters",
    ] {
        let annotator = Annotator::new(SheetShape {
            name,
            columns: &columns,
            header_row: RowNumber(3),
            right_to_left: false,
        })
        .unwrap();
        let mut out = Vec::new();
        annotator.finish(&mut out).unwrap();
        let workbook: Xlsx<_> = Xlsx::new(Cursor::new(out)).unwrap();
        assert_eq!(workbook.sheet_names(), ["vlens-batch", "Rows"], "{name}");
    }
}

#[test]
fn findings_beyond_the_last_note_stand_in_their_column() {
    let columns = columns();
    let mut annotator = Annotator::new(SheetShape {
        name: "Rows",
        columns: &columns,
        header_row: RowNumber(1),
        right_to_left: false,
    })
    .unwrap();
    annotator.problem_notes = MOST_PROBLEM_NOTES;
    let bad = row(2, vec![text("0101")]);
    let problems = [problem(2, Some("Mobile"), "Write the number.")];
    annotator.row(&bad, &problems, &[], None).unwrap();
    let mut out = Vec::new();
    annotator.finish(&mut out).unwrap();
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(out)).unwrap();
    let rows = workbook.worksheet_range("Rows").unwrap();
    assert_eq!(
        rows.get_value((1, 0)),
        Some(&Data::String("Mobile: Write the number.".to_owned()))
    );
    let overview = workbook.worksheet_range("vlens-batch").unwrap();
    let says_so = |cell: &Data| {
        cell.to_string()
            .starts_with("There are more findings than notes")
    };
    assert!(overview.rows().flatten().any(says_so));
}
