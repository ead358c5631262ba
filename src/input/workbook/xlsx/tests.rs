//! XLSX files as people have them, read through the room's front door.

use std::io::{Cursor, Write};
use std::sync::Arc;

use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};

use crate::error::Error;
use crate::input::{Hidden, Input, Options, Source};
use crate::model::{Cell, Row};

fn saved(mut workbook: Workbook) -> Vec<u8> {
    workbook.save_to_buffer().unwrap()
}

/// A workbook with one sheet that `fill` has filled.
fn book(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    fill(workbook.add_worksheet());
    saved(workbook)
}

fn open_with(bytes: &[u8], options: &Options) -> Result<Source, Error> {
    Source::open(&Input::Stdin(Arc::from(bytes)), options)
}

fn open(bytes: &[u8]) -> Result<Source, Error> {
    open_with(bytes, &Options::default())
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

/// The parts of a package, each changed by `edit`; a part for which it returns `None` stays as it is.
fn edited(bytes: &[u8], edit: impl Fn(&str, &str) -> Option<String>) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut xml = String::new();
        std::io::Read::read_to_string(&mut file, &mut xml).unwrap();
        let xml = edit(&name, &xml).unwrap_or(xml);
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(xml.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn cells_come_out_as_a_person_sees_them() {
    let bytes = book(|sheet| {
        let zeros = Format::new().set_num_format("00000000000");
        let date = Format::new().set_num_format("dd/mm/yyyy");
        for (column, name) in (0..).zip(["text", "number", "zeros", "date", "yes", "formula"]) {
            sheet.write_string(0, column, name).unwrap();
        }
        sheet.write_string(2, 0, " منى ").unwrap();
        sheet.write_number(2, 1, 201_012_345_678.0).unwrap();
        sheet
            .write_number_with_format(2, 2, 1_012_345_678.0, &zeros)
            .unwrap();
        sheet
            .write_number_with_format(2, 3, 45_351.0, &date)
            .unwrap();
        sheet.write_boolean(2, 4, true).unwrap();
        sheet
            .write_formula(2, 5, Formula::new("=1+1").set_result("2"))
            .unwrap();
    });
    let mut source = open(&bytes).unwrap();
    assert_eq!(source.columns().len(), 6);
    let [(number, cells)] = &rows(&mut source)[..] else {
        panic!()
    };
    assert_eq!(*number, 3);
    let date = jiff::civil::date(2024, 2, 29).at(0, 0, 0, 0);
    let expected = [
        text(" منى "),
        Cell::Number(201_012_345_678.0),
        text("01012345678"),
        Cell::Date(date),
        Cell::Boolean(true),
        Cell::Number(2.0),
    ];
    assert_eq!(cells[..], expected);
    assert_eq!(source.blank_rows(), 1);
}

fn with_hidden_rows() -> Vec<u8> {
    book(|sheet| {
        for (row, name) in (0..).zip(["name", "Mona", "Adel", "Sara", "", "Omar"]) {
            sheet.write_string(row, 0, name).unwrap();
        }
        // Row 5 is hidden and blank: it does not matter to anyone.
        for row in [2, 4, 5] {
            sheet.set_row_hidden(row).unwrap();
        }
    })
}

#[test]
fn hidden_rows_stop_the_command_until_somebody_decides() {
    let bytes = with_hidden_rows();
    let complaint = open(&bytes).unwrap_err();
    assert_eq!(complaint.code, "hidden_rows");
    assert!(
        complaint.message.contains("2 rows"),
        "{}",
        complaint.message
    );
    let numbers = |hidden| {
        let hidden = Some(hidden);
        let mut source = open_with(
            &bytes,
            &Options {
                hidden,
                ..Options::default()
            },
        )
        .unwrap();
        let numbers: Vec<u32> = rows(&mut source).iter().map(|row| row.0).collect();
        (numbers, source.hidden_rows())
    };
    assert_eq!(numbers(Hidden::Skip), (vec![2, 4], 2));
    assert_eq!(numbers(Hidden::Send), (vec![2, 3, 4, 6], 0));
}

#[test]
fn merged_cells_errors_and_uncalculated_formulas_are_told_apart() {
    let bytes = book(|sheet| {
        for (column, name) in (0..).zip(["name", "city", "sum"]) {
            sheet.write_string(0, column, name).unwrap();
        }
        sheet.write_string(1, 0, "Mona").unwrap();
        sheet
            .merge_range(1, 1, 2, 1, "Cairo", &Format::new())
            .unwrap();
        sheet.write_string(2, 0, "Adel").unwrap();
        sheet
            .write_formula(1, 2, Formula::new("=A9").set_result("#N/A"))
            .unwrap();
        sheet
            .write_formula(2, 2, Formula::new("=A9").set_result("later"))
            .unwrap();
    });
    let bytes = edited(&bytes, |part, xml| {
        let calculated = "<v>later</v>";
        (part == "xl/worksheets/sheet1.xml").then(|| {
            assert!(xml.contains(calculated), "{xml}");
            xml.replace(calculated, "").replace(r#"t="str""#, "")
        })
    });
    let mut source = open(&bytes).unwrap();
    let rows = rows(&mut source);
    assert_eq!(rows[0].1[1], text("Cairo"));
    assert_eq!(rows[1].1[1], Cell::Merged);
    assert_eq!(rows[1].1[2], Cell::Uncalculated);
    assert!(
        matches!(&rows[0].1[2], Cell::Error(shown) if shown == "#N/A"),
        "{:?}",
        rows[0]
    );
}

#[test]
fn the_first_visible_sheet_with_data_is_read() {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("Cover").unwrap();
    let hidden = workbook.add_worksheet().set_name("Lists").unwrap();
    hidden.write_string(0, 0, "choice").unwrap();
    hidden.set_hidden(true);
    for name in ["عملاء", "Old"] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.write_string(0, 0, format!("name {name}")).unwrap();
        sheet.set_right_to_left(true);
    }
    let bytes = saved(workbook);
    let source = open(&bytes).unwrap();
    assert_eq!(source.columns()[0].name, "name عملاء");
    assert!(source.right_to_left());
    assert!(
        source.notes()[0].text.contains("XLSX"),
        "{:?}",
        source.notes()
    );
    assert!(
        source
            .notes()
            .iter()
            .any(|note| note.warning && note.text.contains("\"Old\""))
    );

    let on = |name: &str| {
        let sheet = Some(name.to_owned());
        open_with(
            &bytes,
            &Options {
                sheet,
                ..Options::default()
            },
        )
    };
    assert_eq!(on("old").unwrap().columns()[0].name, "name Old");
    assert_eq!(on("Lists").unwrap().columns()[0].name, "choice");
    let complaint = on("Clients").unwrap_err();
    assert_eq!(complaint.code, "sheet_not_found");
    assert!(complaint.hint.unwrap().contains("\"عملاء\""));
}

#[test]
fn a_stray_cell_in_the_last_corner_costs_nothing() {
    let bytes = book(|sheet| {
        sheet.write_string(0, 0, "name").unwrap();
        sheet.write_string(1_048_575, 16_383, "x").unwrap();
    });
    let mut source = open(&bytes).unwrap();
    assert_eq!(rows(&mut source)[0].0, 1_048_576);
}

#[test]
fn strict_office_files_are_read() {
    let bytes = book(|sheet| {
        sheet.write_string(0, 0, "name").unwrap();
        sheet.write_string(1, 0, "Mona").unwrap();
    });
    let strict = edited(&bytes, |_, xml| {
        let xml = xml
            .replace(
                "http://schemas.openxmlformats.org/officeDocument/2006/",
                "http://purl.oclc.org/ooxml/officeDocument/",
            )
            .replace(
                "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                "http://purl.oclc.org/ooxml/spreadsheetml/main",
            );
        Some(xml)
    });
    let mut source = open(&strict).unwrap();
    assert_eq!(rows(&mut source), [(2, vec![text("Mona")])]);
}

#[test]
fn damaged_and_hostile_workbooks_are_refused() {
    let bytes = book(|sheet| {
        for row in 0..500 {
            sheet
                .write_string(row, 0, format!("customer {row}"))
                .unwrap();
        }
    });
    for cut in [10, bytes.len() / 2, bytes.len() - 30] {
        assert_eq!(
            open(&bytes[..cut]).unwrap_err().code,
            "workbook_damaged",
            "{cut}"
        );
    }
    let announcing = edited(&bytes, |part, xml| {
        (part == "xl/sharedStrings.xml")
            .then(|| xml.replace(r#"uniqueCount="500""#, r#"uniqueCount="99999999999999""#))
    });
    assert_eq!(open(&announcing).unwrap_err().code, "workbook_damaged");
    let bursting = edited(&bytes, |part, _| {
        (part == "xl/worksheets/sheet1.xml").then(|| " ".repeat(64 << 20))
    });
    assert_eq!(open(&bursting).unwrap_err().code, "workbook_too_large");
    let unfinished = edited(&bytes, |part, xml| {
        (part == "xl/worksheets/sheet1.xml").then(|| xml[..xml.len() / 2].to_owned())
    });
    let failed = open(&unfinished).and_then(|mut source| {
        let mut row = Row::new();
        while source.read(&mut row)? {}
        Ok(())
    });
    assert_eq!(failed.unwrap_err().code, "workbook_damaged");
}

#[test]
fn many_rows_stream_and_dropping_midway_is_fine() {
    let bytes = book(|sheet| {
        for row in 0..3000 {
            sheet.write_number(row, 0, row).unwrap();
            sheet.write_string(row, 1, "x").unwrap();
        }
    });
    let mut source = open(&bytes).unwrap();
    assert!(source.read(&mut Row::new()).unwrap());
    drop(source);
    let mut source = open(&bytes).unwrap();
    assert_eq!(rows(&mut source).len(), 2999);
}
