//! What a file is, told by its bytes and never by its name. What cannot be read is refused by its real name, with the way to
//! a file that can.

use std::io::Read;

use super::encoding::utf16_by_its_zeros;
use super::file::{Input, unreadable};
use super::package::{Package, damaged, protected};
use crate::error::Error;

/// What Office kept its files in before it used ZIP.
const CONTAINER: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Its directory is looked for so far.
const MAX_CONTAINER_BYTES: u64 = 64 << 20;
const ZIP_ENTRY: &[u8] = b"PK\x03\x04";

/// The package of an XLSX or XLSM, between which macros make no difference here; `None` of a text file.
pub(super) fn workbook(input: &Input, head: &[u8]) -> Result<Option<Package>, Error> {
    let name = input.name();
    let open = || Package::open(&name, input.open()?);
    let begins_entry = || {
        head.windows(ZIP_ENTRY.len())
            .any(|bytes| bytes == ZIP_ENTRY)
    };
    let package = match head {
        [b'P', b'K', 3 | 5 | 7, ..] => Some(open()?),
        // A web server's script may have put a mark or a warning before the workbook.
        _ if begins_entry() => open().ok(),
        _ => None,
    };
    let foreign = match package {
        Some(mut package) => match of_package(&mut package) {
            None => return Ok(Some(package)),
            foreign => foreign,
        },
        None if head.starts_with(CONTAINER) => Some(of_container(&name, input)?),
        None => of_bytes(head),
    };
    foreign.map_or(Ok(None), |foreign| Err(foreign.refused(input)))
}

/// What is no CSV and no XLSX.
#[derive(Clone, Copy)]
enum Foreign {
    /// In a format that spreadsheet programs can save as XLSX.
    Sheet(&'static str),
    Else(&'static str),
}

impl Foreign {
    fn refused(self, input: &Input) -> Error {
        let name = input.name();
        match self {
            Foreign::Sheet(really) => Error::unusable(
                "format_not_read",
                format!(
                    "{name} is {really}. Read are XLSX, XLSM, CSV and TSV alone: in other formats nothing tells surely which rows are \
                     hidden, which cells are merged and which formulas were never calculated."
                ),
            )
            .hint(format!(
                "Save it as XLSX: in Excel by File, Save As, Excel Workbook (.xlsx); in LibreOffice by File, Save As, Excel 2007-365 \
                 (.xlsx); in Numbers by File, Export To, Excel; or by: soffice --headless --convert-to xlsx {}",
                input.typed()
            )),
            Foreign::Else(really) => Error::unusable(
                "not_a_sheet",
                format!("{name} is not a sheet but {really}."),
            )
            .hint("Open it in Excel or LibreOffice and save it as XLSX or as CSV UTF-8."),
        }
    }
}

/// What a ZIP archive is that is no workbook.
fn of_package(package: &mut Package) -> Option<Foreign> {
    let mime = package.text("mimetype", 200).unwrap_or_default();
    let has = |part: &str| package.has(part);
    let has_under = |folder: &str| package.parts().any(|part| part.starts_with(folder));
    Some(if has("xl/workbook.bin") {
        Foreign::Sheet("a binary Excel workbook (XLSB)")
    } else if has("content.xml") && mime.contains("sun.xml.calc") {
        Foreign::Sheet("a sheet of OpenOffice 1 (SXC)")
    } else if has("content.xml") && (mime.is_empty() || mime.contains("spreadsheet")) {
        Foreign::Sheet("an OpenDocument sheet (ODS)")
    } else if has("content.xml") {
        Foreign::Else("an OpenDocument text or drawing")
    } else if has("xl/workbook.xml") || (has_under("xl/") && has("[content_types].xml")) {
        // The parts of an XLSX may be named freely; its relationships tell.
        return None;
    } else if has_under("word/") {
        Foreign::Else("a Word document")
    } else if has_under("ppt/") {
        Foreign::Else("a PowerPoint presentation")
    } else if has_under("index/") || has("index.apxl") || has("index.zip") {
        Foreign::Sheet("an Apple Numbers document")
    } else {
        Foreign::Else("a ZIP archive; unpack it first")
    })
}

/// The container of XLS holds other things too: old Word files, and whatever Office has encrypted.
fn of_container(name: &str, input: &Input) -> Result<Foreign, Error> {
    const STREAMS: [(&str, Foreign); 4] = [
        (
            "Workbook\0",
            Foreign::Sheet("an Excel 97-2003 workbook (XLS)"),
        ),
        (
            "Book\0",
            Foreign::Sheet("an Excel 5.0 or 95 workbook (XLS)"),
        ),
        ("WordDocument", Foreign::Else("a Word document")),
        (
            "PowerPoint Document",
            Foreign::Else("a PowerPoint presentation"),
        ),
    ];
    let mut bytes = Vec::new();
    let read = input
        .open()?
        .take(MAX_CONTAINER_BYTES)
        .read_to_end(&mut bytes);
    read.map_err(|error| unreadable(name, &error))?;
    let holds = |stream: &str| {
        let wide: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
        // Directory entries are 128 bytes each, in sectors of 512 or more, and begin with the name.
        bytes.chunks(128).any(|entry| entry.starts_with(&wide))
    };
    if holds("EncryptedPackage") {
        return Err(protected(name));
    }
    let known = STREAMS.iter().find(|(stream, _)| holds(stream));
    known.map_or_else(
        || Err(damaged(name, "it holds no workbook")),
        |known| Ok(known.1),
    )
}

/// What bytes that are no ZIP archive are, when they are no CSV either.
fn of_bytes(head: &[u8]) -> Option<Foreign> {
    const PACKED: Foreign = Foreign::Else("a packed archive; unpack it first");
    const SIGNATURES: [(&[u8], Foreign); 11] = [
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
    if let Some(known) = SIGNATURES.iter().find(|known| head.starts_with(known.0)) {
        return Some(known.1);
    }
    if let [9, 0 | 2 | 4 | 8, 4 | 6 | 8, 0, ..] = head {
        let really = "a workbook of the first versions of Excel (XLS)";
        return Some(Foreign::Sheet(really));
    }
    let binary = Foreign::Else("binary data of an unknown kind");
    markup(head).or_else(|| is_binary(head).then_some(binary))
}

/// Web pages and XML are what many systems export under the name .xls.
fn markup(head: &[u8]) -> Option<Foreign> {
    const TAGS: &[&str] = &[
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
    let mut text = head.to_ascii_lowercase();
    text.retain(|&byte| byte != 0 && byte.is_ascii());
    let text = String::from_utf8_lossy(&text);
    let text = text.trim_start();
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Some(if begins(&["mime-version:"]) {
        Foreign::Sheet("a web archive (MHT)")
    } else if begins(&["{\"", "[{", "{\n", "{\r\n"]) {
        Foreign::Else("JSON")
    } else if !begins(&["<"]) {
        return None;
    } else if holds(&["urn:schemas-microsoft-com:office:spreadsheet"]) {
        Foreign::Sheet("an XML sheet of Excel 2003")
    } else if holds(&["opendocument.spreadsheet", "<office:spreadsheet"]) {
        Foreign::Sheet("a flat OpenDocument sheet (FODS)")
    } else if holds(TAGS) {
        Foreign::Sheet("a web page (HTML) under another name")
    } else if begins(&["<?xml", "<!--"]) {
        Foreign::Else("an XML document")
    } else {
        return None;
    })
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
