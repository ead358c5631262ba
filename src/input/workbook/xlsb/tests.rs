//! XLSB files, built record by record, read through the room's front door.

use std::io::{Cursor, Write};
use std::sync::Arc;

use crate::input::{Hidden, Input, Options, Source};
use crate::model::{Cell, Row};

fn record(kind: u16, bytes: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    let [low, high] = [kind & 0x7f, kind >> 7].map(|part| u8::try_from(part).unwrap());
    if high == 0 {
        record.push(low);
    } else {
        record.extend([low | 0x80, high]);
    }
    let length = u8::try_from(bytes.len()).unwrap();
    if length < 0x80 {
        record.push(length);
    } else {
        record.extend([length | 0x80, 1]);
    }
    record.extend(bytes);
    record
}

fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut bytes = u32::try_from(units.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(units.into_iter().flat_map(u16::to_le_bytes));
    bytes
}

fn row(number: u32, is_hidden: bool) -> Vec<u8> {
    let mut bytes = [number.to_le_bytes(), [0; 4]].concat();
    bytes.extend([0, 0, 0, if is_hidden { 0x10 } else { 0 }, 0, 0, 0, 0, 0]);
    record(0x0000, &bytes)
}

fn cell(kind: u16, column: u32, style: u32, value: &[u8]) -> Vec<u8> {
    let head = [column.to_le_bytes(), style.to_le_bytes()].concat();
    record(kind, &[&head, value].concat())
}

fn text(column: u32, text: &str) -> Vec<u8> {
    cell(0x0006, column, 0, &wide(text))
}

fn book(sheet_rows: &[u8]) -> Vec<u8> {
    let relation = r#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.bin"/></Relationships>"#;
    let bundle = [
        vec![0; 4],
        vec![1, 0, 0, 0],
        wide("rId1"),
        wide("Customers"),
    ]
    .concat();
    let workbook = [
        record(0x0083, &[]),
        record(0x008f, &[]),
        record(0x009c, &bundle),
        record(0x0090, &[]),
        record(0x0084, &[]),
    ]
    .concat();
    let zeros = [&[200, 0][..], &wide("00000000000")].concat();
    let xf = |format: u8| record(0x002f, &[&[0, 0, format, 0][..], &[0; 12]].concat());
    let styles = [
        record(0x0267, &[1, 0, 0, 0]),
        record(0x002c, &zeros),
        record(0x0268, &[]),
        record(0x0269, &[2, 0, 0, 0]),
        xf(0),
        xf(200),
        record(0x026a, &[]),
    ]
    .concat();
    let merge: Vec<u8> = [1u32, 2, 2, 2]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let sheet = [
        record(0x0081, &[]),
        record(0x0094, &[0; 16]),
        record(0x0085, &[]),
        record(0x0089, &[0x20, 0]),
        record(0x008a, &[]),
        record(0x0086, &[]),
        record(0x0091, &[]),
        sheet_rows.to_vec(),
        record(0x0092, &[]),
        record(0x00b0, &merge),
        record(0x0082, &[]),
    ]
    .concat();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (part, bytes) in [
        ("[Content_Types].xml", &b"<Types/>"[..]),
        ("xl/workbook.bin", &workbook),
        ("xl/_rels/workbook.bin.rels", relation.as_bytes()),
        ("xl/styles.bin", &styles),
        ("xl/worksheets/sheet1.bin", &sheet),
    ] {
        writer
            .start_file(part, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn values_zeros_errors_merges_and_hidden_rows_come_out() {
    let phone = 1_012_345_678f64.to_le_bytes();
    let bytes = book(
        &[
            row(0, false),
            text(0, "name"),
            text(1, "phone"),
            text(2, "city"),
            row(1, false),
            text(0, "منى"),
            cell(0x0005, 1, 1, &phone),
            text(2, "Cairo"),
            row(2, false),
            cell(0x000b, 0, 0, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            cell(0x0005, 1, 0, &phone),
            row(5, true),
            text(0, "Adel"),
        ]
        .concat(),
    );
    let open = |hidden| {
        let options = Options {
            hidden,
            ..Options::default()
        };
        Source::open(&Input::Stdin(Arc::from(&bytes[..])), &options)
    };
    assert_eq!(open(None).unwrap_err().code, "hidden_rows");
    let mut source = open(Some(Hidden::Skip)).unwrap();
    assert!(source.right_to_left());
    let mut row = Row::new();
    assert!(source.read(&mut row).unwrap());
    let text = |text: &str| Cell::Text(text.to_owned());
    assert_eq!(row.cells, [text("منى"), text("01012345678"), text("Cairo")]);
    assert!(source.read(&mut row).unwrap());
    let expected = [
        Cell::Error("#N/A".to_owned()),
        Cell::Number(1_012_345_678.0),
        Cell::Merged,
    ];
    assert_eq!(row.cells, expected);
    assert!(!source.read(&mut row).unwrap());
}
