//! XLS files, built record by record, read through the room's front door.

use std::sync::Arc;

use crate::error::Error;
use crate::input::{Hidden, Input, Options, Source};
use crate::model::{Cell, Row};

fn record(kind: u16, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), bytes].concat()
}

fn begin(what: u8) -> Vec<u8> {
    record(0x0809, &[0, 6, what, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn end() -> Vec<u8> {
    record(0x000a, &[])
}

fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut bytes = u16::try_from(units.len()).unwrap().to_le_bytes().to_vec();
    bytes.push(1);
    bytes.extend(units.into_iter().flat_map(u16::to_le_bytes));
    bytes
}

fn at(row: u16, column: u16, format: u16) -> Vec<u8> {
    [row, column, format]
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect()
}

fn label(row: u16, column: u16, text: &str) -> Vec<u8> {
    record(0x0204, &[at(row, column, 0), wide(text)].concat())
}

fn number(row: u16, column: u16, format: u16, number: f64) -> Vec<u8> {
    record(
        0x0203,
        &[at(row, column, format), number.to_le_bytes().to_vec()].concat(),
    )
}

fn row_record(row: u16, is_hidden: bool) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[..2].copy_from_slice(&row.to_le_bytes());
    bytes[12] = if is_hidden { 0x20 } else { 0 };
    record(0x0208, &bytes)
}

/// The workbook's stream with one sheet.
fn stream(sheet: &[u8], is_protected: bool) -> Vec<u8> {
    let globals = |sheet_at: u32| {
        let name = "عملاء";
        let mut bound = sheet_at.to_le_bytes().to_vec();
        bound.extend([0, 0, 5, 1]);
        bound.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        let mut format = 164u16.to_le_bytes().to_vec();
        format.extend(wide("00000000000"));
        let xf = |format: u16| {
            let mut bytes = vec![0; 20];
            bytes[2..4].copy_from_slice(&format.to_le_bytes());
            record(0x00e0, &bytes)
        };
        let lock = if is_protected {
            record(0x002f, &[1, 0, 1, 0])
        } else {
            Vec::new()
        };
        let codepage = record(0x0042, &[0xb0, 4]);
        let parts = [
            begin(5),
            lock,
            codepage,
            record(0x041e, &format),
            xf(0),
            xf(164),
            record(0x0085, &bound),
            end(),
        ];
        parts.concat()
    };
    let length = u32::try_from(globals(0).len()).unwrap();
    let mut stream = [globals(length), begin(0x10), sheet.to_vec(), end()].concat();
    stream.resize(stream.len().max(4096), 0);
    stream
}

/// An Office container with that stream: a header, the table of sectors, the directory, the stream.
fn container(stream: &[u8]) -> Vec<u8> {
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let (end, free) = (0xffff_fffe, 0xffff_ffff);
    let sectors = u32::try_from(stream.len().div_ceil(512)).unwrap();
    let mut header = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    header.resize(24, 0);
    header.extend([0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    header.extend(words(&[0, 1, 1, 0, 4096, end, 0, end, 0, 0]));
    header.resize(512, 0xff);

    let mut table = vec![0xffff_fffd, end];
    table.extend((0..sectors).map(|sector| {
        if sector + 1 == sectors {
            end
        } else {
            sector + 3
        }
    }));
    table.resize(128, free);

    let entry = |name: &str, kind: u8, child: u32, first: u32, size: usize| {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = u8::try_from(entry.len() + 2).unwrap();
        entry.resize(64, 0);
        entry.extend([length, 0, kind, 1]);
        entry.extend(words(&[free, free, child]));
        entry.resize(116, 0);
        entry.extend(words(&[first, u32::try_from(size).unwrap(), 0]));
        entry
    };
    let mut directory = entry("Root Entry", 5, 1, end, 0);
    directory.extend(entry("Workbook", 2, free, 2, stream.len()));
    directory.resize(512, 0);
    let mut file = [header, words(&table), directory, stream.to_vec()].concat();
    file.resize(512 * 3 + usize::try_from(sectors).unwrap() * 512, 0);
    file
}

fn open(bytes: &[u8], hidden: Option<Hidden>) -> Result<Source, Error> {
    let options = Options {
        hidden,
        ..Options::default()
    };
    Source::open(&Input::Stdin(Arc::from(bytes)), &options)
}

fn sheet() -> Vec<u8> {
    let merge: Vec<u8> = [1u16, 1, 2, 2, 2]
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect();
    [
        row_record(4, true),
        row_record(9, true),
        label(0, 0, "name"),
        label(0, 1, "phone"),
        label(0, 2, "city"),
        label(1, 0, "منى"),
        number(1, 1, 1, 1_012_345_678.0),
        label(1, 2, "Cairo"),
        label(2, 0, "Sara"),
        number(2, 1, 0, 1_012_345_678.0),
        label(4, 0, "Adel"),
        record(0x023e, &[0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        record(0x00e5, &merge),
    ]
    .concat()
}

#[test]
fn values_zeros_merges_and_hidden_rows_come_out() {
    let bytes = container(&stream(&sheet(), false));
    let complaint = open(&bytes, None).unwrap_err();
    assert_eq!(complaint.code, "hidden_rows", "{complaint:?}");
    assert!(
        complaint.message.contains("1 row is hidden"),
        "{}",
        complaint.message
    );
    let mut source = open(&bytes, Some(Hidden::Skip)).unwrap();
    assert!(source.right_to_left());
    assert!(
        source.notes()[0].text.contains("XLS, sheet \"عملاء\""),
        "{:?}",
        source.notes()
    );
    let text = |text: &str| Cell::Text(text.to_owned());
    let mut row = Row::new();
    assert!(source.read(&mut row).unwrap());
    assert_eq!(row.cells, [text("منى"), text("01012345678"), text("Cairo")]);
    assert!(source.read(&mut row).unwrap());
    assert_eq!(
        row.cells,
        [text("Sara"), Cell::Number(1_012_345_678.0), Cell::Merged]
    );
    assert!(!source.read(&mut row).unwrap());
    assert_eq!(source.blank_rows(), 1);
}

#[test]
fn protected_cut_and_overlarge_workbooks_are_refused() {
    let code = |bytes: &[u8]| open(bytes, None).unwrap_err().code;
    assert_eq!(
        code(&container(&stream(&sheet(), true))),
        "password_protected"
    );
    let whole = container(&stream(&sheet(), false));
    assert_eq!(code(&whole[..1800]), "workbook_damaged");
    assert_eq!(code(&whole[..600]), "workbook_damaged");
    let far = [sheet(), label(65_535, 255, "stray")].concat();
    assert_eq!(code(&container(&stream(&far, false))), "workbook_too_large");
}

#[test]
fn a_chain_in_circles_comes_to_an_end() {
    let mut bytes = container(&stream(&sheet(), false));
    // The stream's first sector is its own successor.
    bytes[512 + 2 * 4..512 + 3 * 4].copy_from_slice(&2u32.to_le_bytes());
    assert_eq!(open(&bytes, None).unwrap_err().code, "workbook_damaged");
}

#[test]
fn a_sheet_that_announces_more_than_there_can_be_is_refused_before_room_is_made_for_it() {
    let announcing = |first_row: u32, end_row: u32, end_column: u16| {
        let rows = [first_row.to_le_bytes(), end_row.to_le_bytes()].concat();
        let columns = [[0, 0], end_column.to_le_bytes(), [0, 0]].concat();
        let dimensions = record(0x0200, &[rows, columns].concat());
        let sheet = [dimensions, label(0, 0, "name"), label(1, 0, "Mona")].concat();
        open(&container(&stream(&sheet, false)), None)
    };
    for (first_row, end_row, end_column) in [(0, u32::MAX, 65_535), (0, 65_536, 65_535), (9, 2, 3)]
    {
        let complaint = announcing(first_row, end_row, end_column).unwrap_err();
        assert_eq!(complaint.code, "workbook_damaged");
        assert!(complaint.message.contains("announces"), "{complaint:?}");
    }
    assert!(announcing(0, 65_536, 256).is_ok(), "all of a sheet");
}
