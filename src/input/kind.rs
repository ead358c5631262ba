//! What a file is, told by its bytes and never by its name. What cannot be read is refused by its real name, so that
//! whoever exported it knows what to export instead.

use std::io::{Read, Seek, SeekFrom};

use super::input::{Handle, Input, unreadable};
use crate::error::Error;

/// What the bytes are, among what can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Workbook(Format),
}

/// The formats of workbooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// XLSX and XLSM: macros make no difference here.
    Xlsx,
    Xlsb,
    Xls,
    Ods,
}

impl Format {
    /// The word for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Format::Xlsx => "XLSX",
            Format::Xlsb => "XLSB",
            Format::Xls => "XLS",
            Format::Ods => "ODS",
        }
    }
}

/// How much is looked at to tell text from other things.
const HEAD_BYTES: u64 = 1 << 13;
/// Formats without a streaming reader are read whole.
const MAX_XLS_BYTES: u64 = 64 << 20;

/// Looks into the input.
pub(super) fn of(input: &Input) -> Result<Kind, Error> {
    let name = input.name();
    let mut handle = input.open()?;
    let mut head = Vec::new();
    (&mut handle)
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(|error| unreadable(&name, &error))?;
    match head.as_slice() {
        [b'P', b'K', 3 | 5 | 7, ..] => of_zip(&name, handle),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => of_compound(&name, handle),
        _ => match foreign_kind(&head) {
            Some(really) => Err(not_a_sheet(&name, really)),
            None => Ok(Kind::Text),
        },
    }
}

/// The complaint about a file that is something else.
fn not_a_sheet(name: &str, really: &str) -> Error {
    Error::unusable(
        "not_a_sheet",
        format!("{name} is not a sheet but {really}."),
    )
    .hint("Open it in Excel or LibreOffice and save it as XLSX or as CSV UTF-8.")
}

/// The complaint about a workbook that was cut or damaged on its way.
pub(super) fn damaged(name: &str, why: &str) -> Error {
    Error::unusable(
        "workbook_damaged",
        format!("{name} is a damaged or incomplete workbook: {why}."),
    )
    .hint(
        "Copy or download it again; or open it in Excel, let it repair the file, and save it anew.",
    )
}

/// The complaint about a workbook under a password.
pub(super) fn protected(name: &str) -> Error {
    Error::unusable(
        "password_protected",
        format!("{name} is protected by a password and cannot be opened."),
    )
    .hint("Open it in Excel, remove the password (File, Info, Protect Workbook), and save it.")
}

fn of_zip(name: &str, handle: Handle) -> Result<Kind, Error> {
    let mut archive = zip::ZipArchive::new(handle).map_err(|error| match error {
        // What is at the end of every archive.
        zip::result::ZipError::InvalidArchive(_) => damaged(
            name,
            "its end is missing, as after a download that broke off",
        ),
        other => damaged(name, &other.to_string()),
    })?;
    let names: Vec<String> = archive
        .file_names_raw()
        .map(|name| {
            String::from_utf8_lossy(name)
                .replace('\\', "/")
                .to_ascii_lowercase()
        })
        .collect();
    let has = |part: &str| names.iter().any(|name| name == part);
    let under = |folder: &str| names.iter().any(|name| name.starts_with(folder));
    if has("xl/workbook.bin") {
        return Ok(Kind::Workbook(Format::Xlsb));
    }
    if has("content.xml") {
        return match mimetype(&mut archive) {
            Some(mime) if !mime.contains("spreadsheet") => {
                Err(not_a_sheet(name, "an OpenDocument text or drawing"))
            }
            _ => Ok(Kind::Workbook(Format::Ods)),
        };
    }
    // The parts of an XLSX may be named freely; its relationships tell.
    if has("xl/workbook.xml") || (under("xl/") && has("[content_types].xml")) {
        return Ok(Kind::Workbook(Format::Xlsx));
    }
    Err(not_a_sheet(
        name,
        if under("word/") {
            "a Word document"
        } else if under("ppt/") {
            "a PowerPoint presentation"
        } else if under("index/") {
            "an Apple Numbers document"
        } else {
            "a ZIP archive; unpack it first"
        },
    ))
}

fn mimetype(archive: &mut zip::ZipArchive<Handle>) -> Option<String> {
    let mut mime = String::new();
    let file = archive.by_name("mimetype").ok()?;
    file.take(200).read_to_string(&mut mime).ok()?;
    Some(mime)
}

/// The container of XLS, which holds other things too: old Word files, and whatever Office has encrypted.
fn of_compound(name: &str, mut handle: Handle) -> Result<Kind, Error> {
    let failed = |error| unreadable(name, &error);
    if handle.size().map_err(failed)? > MAX_XLS_BYTES {
        return Err(Error::unusable(
            "workbook_too_large",
            format!("{name} is larger than 64 MiB, too large for an old Excel workbook to be read whole."),
        )
        .hint("Save it as XLSX or as CSV UTF-8."));
    }
    handle.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut bytes = Vec::new();
    handle.read_to_end(&mut bytes).map_err(failed)?;
    let holds = |stream: &str| {
        let wide: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
        // Directory entries are 128 bytes each, in sectors of 512 or more, and begin with the name.
        bytes.chunks(128).any(|entry| entry.starts_with(&wide))
    };
    if holds("EncryptedPackage") {
        Err(protected(name))
    } else if holds("Workbook\0") || holds("Book\0") {
        Ok(Kind::Workbook(Format::Xls))
    } else if holds("WordDocument") {
        Err(not_a_sheet(name, "a Word document"))
    } else if holds("PowerPoint Document") {
        Err(not_a_sheet(name, "a PowerPoint presentation"))
    } else {
        Err(damaged(name, "it holds no workbook"))
    }
}

/// What bytes that are neither a ZIP archive nor an Office container are, when they are no CSV either.
fn foreign_kind(head: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 15] = [
        (b"%PDF-", "a PDF document"),
        (b"{\\rtf", "an RTF document"),
        (b"\x89PNG", "a picture (PNG)"),
        (b"\xff\xd8\xff", "a picture (JPEG)"),
        (b"GIF8", "a picture (GIF)"),
        (b"\x1f\x8b", "a gzip archive; unpack it first"),
        (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
        (b"Rar!", "a RAR archive; unpack it first"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"PAR1", "a Parquet file"),
        (b"ID;P", "a SYLK sheet"),
        (b"\x09\x00\x04\x00", "a workbook of Excel 2"),
        (b"\x09\x02\x06\x00", "a workbook of Excel 3"),
        (b"\x09\x04\x06\x00", "a workbook of Excel 4"),
        (b"\x09\x08\x08\x00", "a workbook of Excel 5"),
    ];
    let signed = SIGNATURES
        .iter()
        .find(|(signature, _)| head.starts_with(signature));
    if let Some((_, really)) = signed {
        return Some(really);
    }
    markup_kind(head).or_else(|| is_binary(head).then_some("binary data of an unknown kind"))
}

/// Web pages and XML are what many systems export under the name .xls.
fn markup_kind(head: &[u8]) -> Option<&'static str> {
    // Without NULs and the mark, UTF-16 reads like ASCII here.
    let text: String = head
        .iter()
        .filter(|&&b| b != 0 && b.is_ascii())
        .map(|&b| char::from(b.to_ascii_lowercase()))
        .collect();
    let text = text.trim_start();
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    if begins(&["mime-version:"]) {
        return Some("a web archive (MHT)");
    }
    if begins(&["{\"", "[{", "{\n", "{\r\n"]) {
        return Some("JSON");
    }
    if !text.starts_with('<') {
        return None;
    }
    if text.contains("urn:schemas-microsoft-com:office:spreadsheet") {
        return Some("an XML sheet of Excel 2003");
    }
    let is_page = [
        "<html",
        "<!doctype html",
        "<table",
        "<head",
        "<meta",
        "<body",
        "<style",
        "<div",
    ]
    .iter()
    .any(|tag| text.contains(tag));
    if is_page {
        return Some("a web page (HTML) under another name");
    }
    begins(&["<?xml", "<!--"]).then_some("an XML document")
}

fn is_binary(head: &[u8]) -> bool {
    let control = head
        .iter()
        .filter(|&&b| {
            b < 0x20 && !matches!(b, 0 | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1a | 0x1b)
        })
        .count();
    // The high halves of Arabic letters in UTF-16 are control characters as well, one in two bytes; NULs tell them apart.
    let is_utf16 = encoding_rs::Encoding::for_bom(head).is_some()
        || (head.contains(&0) && is_mostly_utf16(head));
    // Noise has some ten in a hundred, text hardly one.
    !is_utf16 && control * 20 > head.len()
}

/// Whether one half of nearly every pair is what UTF-16 has for Latin (0) or Arabic (6) letters.
fn is_mostly_utf16(head: &[u8]) -> bool {
    let pairs = head.len() / 2;
    let share = |half: usize| {
        head.chunks_exact(2)
            .filter(|pair| matches!(pair[half], 0 | 6))
            .count()
    };
    share(0).max(share(1)) * 10 >= pairs * 9
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn kind_of(bytes: &[u8]) -> Result<Kind, Error> {
        of(&Input::Stdin(Arc::from(bytes)))
    }

    #[test]
    fn what_is_no_sheet_is_called_by_its_real_name() {
        for (bytes, really) in [
            (&b"%PDF-1.7\n"[..], "PDF"),
            (b"\xef\xbb\xbf <HTML><body><table>", "HTML"),
            (b"<table><tr><td>Mona", "HTML"),
            (b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">", "Excel 2003"),
            (b"[{\"phone\":\"010\"}]", "JSON"),
            (b"{\\rtf1 x}", "RTF"),
            (b"\x1f\x8b\x08\0\0\0", "gzip"),
            (b"\x01\x02\x03\x04\x05\x06\x07\x08", "binary"),
        ] {
            let complaint = kind_of(bytes).unwrap_err();
            assert_eq!(complaint.code, "not_a_sheet");
            assert!(complaint.message.contains(really), "{}", complaint.message);
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
            assert_eq!(kind_of(&bytes), Ok(Kind::Text));
        }
    }

    #[test]
    fn a_cut_archive_is_a_damaged_workbook() {
        assert_eq!(
            kind_of(b"PK\x03\x04 and then nothing").unwrap_err().code,
            "workbook_damaged"
        );
    }
}
