//! Files as people have them, of all formats, read through the room's front door.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use rust_xlsxwriter::Workbook;

use super::{Input, Options, Source};
use crate::error::Error;
use crate::model::Row;

const SHEET: [[&str; 3]; 4] = [
    ["Name", "Phone", "City"],
    ["منى عادل", "01012345678", "Cairo"],
    ["", "", ""],
    ["Adel, Omar", "01112345678", "الجيزة"],
];

fn as_csv(rows: &[[&str; 3]]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.into_inner().unwrap()
}

fn as_xlsx(rows: &[[&str; 3]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, text) in (0..).zip(cells) {
            sheet.write_string(row, column, *text).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

fn input(bytes: &[u8]) -> Input {
    Input::Stdin(Arc::from(bytes))
}

fn read_all(input: &Input, options: &Options) -> Result<Vec<(u32, Vec<String>)>, Error> {
    let mut source = Source::open(input, options)?;
    let mut row = Row::new();
    let mut all = Vec::new();
    while source.read(&mut row)? {
        let width = source.columns().len().max(row.cells.len());
        let cells = (0..width).map(|at| row.cell(at).shown()).collect();
        all.push((row.number.0, cells));
    }
    Ok(all)
}

#[test]
fn a_sheet_is_read_by_its_content_and_not_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let saved = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let expected = [2, 4].map(|number: usize| {
        let cells = SHEET[number - 1].map(str::to_owned).to_vec();
        (u32::try_from(number).unwrap(), cells)
    });
    for path in [
        saved("a.csv", &as_csv(&SHEET)),
        saved("csv-named.xls", &as_csv(&SHEET)),
        saved("a.xlsx", &as_xlsx(&SHEET)),
        saved("xlsx-named.csv", &as_xlsx(&SHEET)),
        saved("عملاء.xls", &as_xlsx(&SHEET)),
    ] {
        let all = read_all(&Input::Path(path.clone()), &Options::default()).unwrap();
        assert_eq!(all, expected, "{}", path.display());
    }
    let page = saved(
        "page.xls",
        b"<html><table><tr><td>Mona</td></tr></table></html>",
    );
    let complaint = Source::open(&Input::Path(page), &Options::default()).unwrap_err();
    assert!(complaint.message.contains("HTML"), "{}", complaint.message);
}

#[test]
fn a_header_below_title_lines_is_found_by_the_names_that_are_looked_for() {
    let rows = [
        ["Customers of May", "", ""],
        ["Branch", "Dokki", ""],
        ["Name", "Phone", "City"],
        ["Mona", "010", "Cairo"],
    ];
    let options = Options {
        known_names: ["phone", "city"].map(str::to_owned).to_vec(),
        ..Options::default()
    };
    for bytes in [as_csv(&rows), as_xlsx(&rows)] {
        let source = Source::open(&input(&bytes), &options).unwrap();
        assert_eq!(source.header_row().0, 3);
        assert!(
            source
                .notes()
                .iter()
                .any(|note| note.text.contains("row 3"))
        );
        assert_eq!(read_all(&input(&bytes), &options).unwrap()[0].0, 4);
    }
}

#[test]
fn a_header_row_deep_in_the_sheet_can_be_named() {
    let mut rows = vec![["x", "y", "z"]; 40];
    rows.extend([["Name", "Phone", "City"], ["Mona", "010", "Cairo"]]);
    let options = Options {
        header_row: Some(41),
        ..Options::default()
    };
    for bytes in [as_csv(&rows), as_xlsx(&rows)] {
        let all = read_all(&input(&bytes), &options).unwrap();
        assert_eq!(
            all,
            [(42, ["Mona", "010", "Cairo"].map(str::to_owned).to_vec())]
        );
    }
}

#[test]
fn blank_rows_are_counted_alike_in_every_format() {
    for bytes in [as_csv(&SHEET), as_xlsx(&SHEET)] {
        let mut source = Source::open(&input(&bytes), &Options::default()).unwrap();
        let mut row = Row::new();
        while source.read(&mut row).unwrap() {}
        assert_eq!(source.blank_rows(), 1);
    }
}

/// Reads to the end, whatever it is; the outcome does not matter as long as there is one.
fn outcome(bytes: &[u8]) -> Result<usize, &'static str> {
    read_all(&input(bytes), &Options::default())
        .map(|rows| rows.len())
        .map_err(|complaint| complaint.code)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_makes_it_fall(text in "[a-c;,\t\"\r\n\u{0}\u{feff}م]{0,60}") {
        let _ = outcome(text.as_bytes());
    }

    #[test]
    fn no_bytes_make_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = outcome(&bytes);
    }

    #[test]
    fn no_damage_to_a_workbook_makes_it_fall(places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = as_xlsx(&SHEET);
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = outcome(&bytes);
    }
}

#[test]
fn standard_input_may_hold_a_workbook_too() {
    let bytes = as_xlsx(&SHEET);
    assert!(zip::ZipArchive::new(Cursor::new(&bytes)).is_ok());
    assert_eq!(outcome(&bytes), Ok(2));
}
