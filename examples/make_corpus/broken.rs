//! Files that are something else than their name says, or broken, or made to do harm.

use super::Case;
use super::build::{book, edited, fill, lines, package, windows_1256, xlsx_of, xml_row};

const TABLE: &[&[&str]] = &[&["phoneNumber", "fullName"], &["01012345678", "Mona"]];

pub fn files() -> Vec<Case> {
    let workbook = book(|sheet| fill(sheet, TABLE));
    let csv = lines(["phoneNumber,fullName", "01012345678,Mona"]);
    let page = "<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><body><table><tr><td>phoneNumber</td></tr>\
                <tr><td>01012345678</td></tr></table></body></html>";
    let xml_2003 = "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n\
                    <Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\"><Worksheet><Table/></Worksheet></Workbook>";
    let cut = |bytes: &[u8], share: usize| bytes[..bytes.len() * share / 100].to_vec();
    let broken_xml = edited(&workbook, |name, xml| match name {
        "xl/worksheets/sheet1.xml" => xml[..xml.len() * 2 / 3].to_owned(),
        _ => xml,
    });
    let no_sheet = package(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", b"<workbook/>"),
    ]);
    let texts_announced = edited(&workbook, |name, xml| match name {
        "xl/sharedStrings.xml" => xml.replace("uniqueCount=\"4\"", "uniqueCount=\"4000000000\""),
        _ => xml,
    });
    vec![
        Case::new(
            "workbook-called.csv",
            "an XLSX under the name of a CSV: read for what it is",
            workbook.clone(),
        ),
        Case::new(
            "workbook-called.xls",
            "an XLSX under the name of an XLS",
            workbook.clone(),
        ),
        Case::new(
            "csv-called.xls",
            "a CSV under the name of an XLS, as many systems export",
            windows_1256("الهاتف\tالاسم\r\n01012345678\tمنى عادل\r\n"),
        ),
        Case::new(
            "csv-called.xlsx",
            "a CSV under the name of an XLSX",
            csv.clone(),
        ),
        Case::new(
            "html-called.xls",
            "a web page under the name of an XLS: refused by its real name",
            page,
        ),
        Case::new("xml-2003-called.xls", "XML of Excel 2003", xml_2003),
        Case::new(
            "pdf-called.xlsx",
            "a PDF",
            "%PDF-1.7\n%\u{e2}\u{e3}\n1 0 obj\n",
        ),
        Case::new(
            "document.xlsx",
            "a Word document",
            package(&[
                ("[Content_Types].xml", b"<Types/>"),
                ("word/document.xml", b"<document/>"),
            ]),
        ),
        Case::new(
            "archive.xlsx",
            "a ZIP archive with a CSV inside",
            package(&[("customers.csv", csv.as_bytes())]),
        ),
        Case::new(
            "json-called.csv",
            "JSON",
            "[{\"phoneNumber\": \"01012345678\"}]\n",
        ),
        Case::new(
            "picture-called.csv",
            "a picture",
            &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
        ),
        Case::new(
            "binary.csv",
            "noise",
            (0..2000u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect::<Vec<u8>>(),
        ),
        Case::new("no-bytes.xlsx", "an empty file", ""),
        Case::new(
            "cut-in-the-middle.xlsx",
            "a download that broke off",
            cut(&workbook, 60),
        ),
        Case::new(
            "cut-at-the-end.xlsx",
            "a download that broke off shortly before its end",
            cut(&workbook, 98),
        ),
        Case::new(
            "sheet-cut.xlsx",
            "a package that is whole around a sheet that is not",
            broken_xml,
        ),
        Case::new("no-sheet.xlsx", "a package without sheets", no_sheet),
        Case::new(
            "texts-announced.xlsx",
            "a table of texts that announces four billion of them",
            texts_announced,
        ),
        Case::new(
            "zip-bomb.xlsx",
            "300 KB that would unpack to 300 MB",
            bomb(),
        ),
        Case::new(
            "entity-bomb.xlsx",
            "XML entities that would grow a billionfold",
            xlsx_of(&entity_bomb()),
        ),
        Case::new(
            "password.xlsx",
            "an XLSX under a password, which is an Office container with an encrypted package",
            container("EncryptedPackage"),
        ),
        Case::new(
            "word-2003.xls",
            "a Word document of old under the name of an XLS",
            container("WordDocument"),
        ),
        Case::new(
            "container-without-workbook.xls",
            "an Office container that holds something else",
            container("Contents"),
        ),
        Case::new(
            "container-cut.xls",
            "a workbook of old whose content is gone",
            container("Workbook"),
        ),
        Case::new(
            "~$customers.xlsx",
            "what Excel keeps beside an open workbook",
            &b"\x04Mona\0\0\0\0"[..],
        ),
    ]
}

/// Blanks inside a sheet: a thousandth of their size when packed.
fn bomb() -> Vec<u8> {
    let row = xml_row(1, &["phoneNumber"]);
    xlsx_of(&format!(
        "<sheetData>{row}{}</sheetData>",
        " ".repeat(300 << 20)
    ))
}

fn entity_bomb() -> String {
    let cells = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>phoneNumber</t></is></c></row>\
                 <row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>&lol9;</t></is></c></row>";
    format!("<!DOCTYPE x [<!ENTITY lol9 \"ha\">]><sheetData>{cells}</sheetData>")
}

/// An Office container of one empty stream: a header, a sector of its table, and a sector of its directory.
fn container(stream: &str) -> Vec<u8> {
    const END: u32 = 0xFFFF_FFFE;
    const FREE: u32 = 0xFFFF_FFFF;
    let mut bytes = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    bytes.extend([0; 16]);
    for half in [0x3E_u16, 3, 0xFFFE, 9, 6, 0, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for word in [0, 1, 1, 0, 4096, END, 0, END, 0, 0] {
        bytes.extend(u32::to_le_bytes(word));
    }
    while bytes.len() < 512 {
        bytes.extend(FREE.to_le_bytes());
    }
    bytes.extend([0xFFFF_FFFD, END].map(u32::to_le_bytes).concat());
    while bytes.len() < 1024 {
        bytes.extend(FREE.to_le_bytes());
    }
    bytes.extend(entry("Root Entry", 5, 1));
    bytes.extend(entry(stream, 2, FREE));
    bytes.resize(1536, 0);
    bytes
}

/// An entry of the container's directory.
fn entry(name: &str, kind: u8, child: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = u16::try_from(bytes.len() + 2).expect("a short name");
    bytes.resize(64, 0);
    bytes.extend(length.to_le_bytes());
    bytes.extend([kind, 1]);
    for word in [u32::MAX, u32::MAX, child] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.resize(116, 0);
    bytes.extend(0xFFFF_FFFE_u32.to_le_bytes());
    bytes.resize(128, 0);
    bytes
}
