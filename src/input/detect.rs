//! What a file is, told by its bytes and never by its name. What cannot be read is refused by its real name, with the way to
//! a file that can.

use std::io::{self, Read, Seek, SeekFrom};

use super::encoding::utf16_by_its_zeros;
use super::file::{Handle, Input, unreadable};
use super::package::{Package, damaged, protected};
use crate::error::Error;

/// What the bytes are, among what can be read.
pub(super) enum Kind {
    Text,
    /// XLSX or XLSM: macros make no difference here.
    Workbook(Package),
}

/// How much is looked at to tell text from other things.
const HEAD_BYTES: u64 = 1 << 13;
/// Directories of Office containers are looked for so far.
const MAX_CONTAINER_BYTES: u64 = 64 << 20;
const ZIP_ENTRY: &[u8] = b"PK\x03\x04";

/// Looks into the input.
pub(super) fn kind(input: &Input) -> Result<Kind, Error> {
    let name = input.name();
    let mut handle = input.open()?;
    let mut head = Vec::new();
    (&mut handle)
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(|error| unreadable(&name, &error))?;
    if let [b'P', b'K', 3 | 5 | 7, ..] = head.as_slice() {
        return of_package(Package::open(&name, handle)?);
    }
    // A web server's script may have put a mark or a warning before the workbook.
    if head
        .windows(ZIP_ENTRY.len())
        .any(|bytes| bytes == ZIP_ENTRY)
        && let Ok(package) = Package::open(&name, input.open()?)
    {
        return of_package(package);
    }
    match foreign(&head) {
        None => Ok(Kind::Text),
        Some(Foreign::Container) => Err(of_container(&name, handle)),
        Some(Foreign::Sheet(really)) => Err(to_convert(&name, really)),
        Some(Foreign::Else(really)) => Err(not_a_sheet(&name, really)),
    }
}

/// What is no CSV and no XLSX.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Foreign {
    /// What Office kept its files in before it used ZIP.
    Container,
    /// A sheet in a format that spreadsheet programs can save as XLSX.
    Sheet(&'static str),
    Else(&'static str),
}

const PACKED: Foreign = Foreign::Else("a packed archive; unpack it first");

fn not_a_sheet(name: &str, really: &str) -> Error {
    Error::unusable(
        "not_a_sheet",
        format!("{name} is not a sheet but {really}."),
    )
    .hint("Open it in Excel or LibreOffice and save it as XLSX or as CSV UTF-8.")
}

fn to_convert(name: &str, really: &str) -> Error {
    Error::unusable(
        "format_not_read",
        format!(
            "{name} is {really}. Read are XLSX, XLSM, CSV and TSV alone: in other formats nothing tells surely which rows are hidden, \
             which cells are merged and which formulas were never calculated."
        ),
    )
    .hint(format!(
        "Save it as XLSX: in Excel by File, Save As, Excel Workbook (.xlsx); in LibreOffice by File, Save As, Excel 2007-365 (.xlsx); \
         in Numbers by File, Export To, Excel; or by: soffice --headless --convert-to xlsx \"{name}\""
    ))
}

fn of_package(mut package: Package) -> Result<Kind, Error> {
    let name = package.name().to_owned();
    let under =
        |package: &Package, folder: &str| package.parts().any(|part| part.starts_with(folder));
    if package.has("xl/workbook.bin") {
        return Err(to_convert(&name, "a binary Excel workbook (XLSB)"));
    }
    if package.has("content.xml") {
        let mime = package.text("mimetype", 200).unwrap_or_default();
        return Err(if mime.contains("sun.xml.calc") {
            to_convert(&name, "a sheet of OpenOffice 1 (SXC)")
        } else if mime.is_empty() || mime.contains("spreadsheet") {
            to_convert(&name, "an OpenDocument sheet (ODS)")
        } else {
            not_a_sheet(&name, "an OpenDocument text or drawing")
        });
    }
    // The parts of an XLSX may be named freely; its relationships tell.
    if package.has("xl/workbook.xml")
        || (under(&package, "xl/") && package.has("[content_types].xml"))
    {
        return Ok(Kind::Workbook(package));
    }
    Err(if under(&package, "word/") {
        not_a_sheet(&name, "a Word document")
    } else if under(&package, "ppt/") {
        not_a_sheet(&name, "a PowerPoint presentation")
    } else if under(&package, "index/") || package.has("index.apxl") || package.has("index.zip") {
        to_convert(&name, "an Apple Numbers document")
    } else {
        not_a_sheet(&name, "a ZIP archive; unpack it first")
    })
}

/// The container of XLS holds other things too: old Word files, and whatever Office has encrypted.
fn of_container(name: &str, mut handle: Handle) -> Error {
    let mut bytes = Vec::new();
    let read = |handle: &mut Handle, bytes| -> io::Result<usize> {
        handle.seek(SeekFrom::Start(0))?;
        handle.take(MAX_CONTAINER_BYTES).read_to_end(bytes)
    };
    if let Err(error) = read(&mut handle, &mut bytes) {
        return unreadable(name, &error);
    }
    let holds = |stream: &str| {
        let wide: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
        // Directory entries are 128 bytes each, in sectors of 512 or more, and begin with the name.
        bytes.chunks(128).any(|entry| entry.starts_with(&wide))
    };
    if holds("EncryptedPackage") {
        protected(name)
    } else if holds("Workbook\0") {
        to_convert(name, "an Excel 97-2003 workbook (XLS)")
    } else if holds("Book\0") {
        to_convert(name, "an Excel 5.0 or 95 workbook (XLS)")
    } else if holds("WordDocument") {
        not_a_sheet(name, "a Word document")
    } else if holds("PowerPoint Document") {
        not_a_sheet(name, "a PowerPoint presentation")
    } else {
        damaged(name, "it holds no workbook")
    }
}

/// What bytes that are no ZIP archive are, when they are no CSV either.
fn foreign(head: &[u8]) -> Option<Foreign> {
    const SIGNATURES: [(&[u8], Foreign); 12] = [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign::Container),
        (b"%PDF-", Foreign::Else("a PDF document")),
        (b"{\\rtf", Foreign::Else("an RTF document")),
        (b"\x89PNG", Foreign::Else("a picture")),
        (b"\xff\xd8\xff", Foreign::Else("a picture")),
        (b"GIF8", Foreign::Else("a picture")),
        (b"\x1f\x8b", PACKED),
        (b"7z\xbc\xaf", PACKED),
        (b"Rar!", PACKED),
        (b"SQLite format 3\0", Foreign::Else("an SQLite database")),
        (b"ID;P", Foreign::Sheet("a SYLK sheet")),
        (b"TABLE\r\n0,1", Foreign::Sheet("a DIF sheet")),
    ];
    let signed = SIGNATURES.iter().find(|known| head.starts_with(known.0));
    match head {
        _ if signed.is_some() => signed.map(|known| known.1),
        [9, 0 | 2 | 4 | 8, 4 | 6 | 8, 0, ..] => Some(Foreign::Sheet(
            "a workbook of the first versions of Excel (XLS)",
        )),
        _ => markup(head)
            .or_else(|| is_binary(head).then_some(Foreign::Else("binary data of an unknown kind"))),
    }
}

/// Web pages and XML are what many systems export under the name .xls.
fn markup(head: &[u8]) -> Option<Foreign> {
    const TAGS: [&str; 8] = [
        "<html",
        "<!doctype html",
        "<table",
        "<head",
        "<meta",
        "<body",
        "<style",
        "<div",
    ];
    // Without NULs and the mark, UTF-16 reads like ASCII here.
    let text: String = head
        .iter()
        .filter(|&&b| b != 0 && b.is_ascii())
        .map(|&b| char::from(b.to_ascii_lowercase()))
        .collect();
    let text = text.trim_start();
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match text.starts_with('<') {
        false if begins(&["mime-version:"]) => Some(Foreign::Sheet("a web archive (MHT)")),
        false => begins(&["{\"", "[{", "{\n", "{\r\n"]).then_some(Foreign::Else("JSON")),
        true if holds(&["urn:schemas-microsoft-com:office:spreadsheet"]) => {
            Some(Foreign::Sheet("an XML sheet of Excel 2003"))
        }
        true if holds(&["opendocument.spreadsheet", "<office:spreadsheet"]) => {
            Some(Foreign::Sheet("a flat OpenDocument sheet (FODS)"))
        }
        true if holds(&TAGS) => Some(Foreign::Sheet("a web page (HTML) under another name")),
        true => begins(&["<?xml", "<!--"]).then_some(Foreign::Else("an XML document")),
    }
}

/// Whether there are more control characters than in text: noise has some ten in a hundred. The high halves of Arabic letters in
/// UTF-16 are control characters as well.
fn is_binary(head: &[u8]) -> bool {
    let is_plain = |b: u8| matches!(b, 0 | b'\t'..=b'\r' | 0x1a | 0x1b | 0x20..);
    let control = head.iter().filter(|&&b| !is_plain(b)).count();
    let is_utf16 =
        encoding_rs::Encoding::for_bom(head).is_some() || utf16_by_its_zeros(head).is_some();
    !is_utf16 && control * 20 > head.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_csv_is_called_by_its_real_name() {
        for (bytes, really) in [
            (&b"\xef\xbb\xbf <HTML><body><table>"[..], "HTML"),
            (b"<table><tr><td>Mona", "HTML"),
            (b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">", "Excel 2003"),
            (b"<?xml version=\"1.0\"?><office:document office:mimetype=\"application/vnd.oasis.opendocument.spreadsheet\">", "FODS"),
            (b"[{\"phone\":\"010\"}]", "JSON"),
            (b"\x09\x08\x08\x00\x05", "XLS"),
            (b"\x01\x02\x03\x04\x05\x06\x07\x08", "binary"),
        ] {
            let (Some(Foreign::Sheet(found) | Foreign::Else(found)), false) = (foreign(bytes), bytes.is_empty()) else {
                panic!("{bytes:?}")
            };
            assert!(found.contains(really), "{found}");
        }
    }

    #[test]
    fn text_is_text_in_every_encoding() {
        let arabic = "الاسم,الهاتف\nمنى,01012345678\n";
        let utf16 =
            |order: fn(u16) -> [u8; 2]| arabic.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        for bytes in [
            arabic.as_bytes().to_vec(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            encoding_rs::WINDOWS_1256.encode(arabic).0.into_owned(),
            b"name,phone\nMona\0,010\n".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(foreign(&bytes), None);
        }
    }
}
