//! Opens CSV, XLSX and XLSM, told apart by their content and never by their names, and yields rows with the numbers that a spreadsheet
//! shows. What cannot be read is refused by its real name, with the way to a file that can. What a column means is not known here;
//! neither is whether a value is a good one.

mod file;
mod format;
mod package;
mod source;
mod text;
mod workbook;
mod xlsx;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use self::file::{HEAD_BYTES, utf16_by_its_zeros};
use self::package::{Package, damaged};
use crate::error::Error;

pub use self::file::Input;
pub use self::source::{Options, Source};

impl Source {
    /// Opens the input, finds out how it is written and where its header is. Nothing is guessed that could change a value unseen.
    pub fn open(input: &Input, options: &Options) -> Result<Source, Error> {
        let head = input.head(HEAD_BYTES)?;
        let source = match package_of(input, &head)? {
            Some(package) => workbook::open(package, options)?,
            None => text::open_csv(input, &head, options)?,
        };
        source::with_header(source, &input.name(), options)
    }

    /// The same; but JSON Lines are read as well.
    pub fn open_or_lines(input: &Input, options: &Options) -> Result<Source, Error> {
        if !Source::is_lines(input)? {
            return Source::open(input, options);
        }
        let options = Options {
            header_row: Some(text::NAMES.0),
            ..options.clone()
        };
        source::with_header(text::open_json_lines(input)?, &input.name(), &options)
    }

    /// Whether it holds JSON lines, as a log does that may grow while it is read.
    pub fn is_lines(input: &Input) -> Result<bool, Error> {
        Ok(text::is_json_lines(&input.head(HEAD_BYTES)?))
    }

    /// The names of the sheets that could be meant, in the order of their tabs; none of a text file.
    pub fn sheets(input: &Input) -> Result<Vec<String>, Error> {
        match package_of(input, &input.head(HEAD_BYTES)?)? {
            Some(package) => workbook::sheets_with_data(package),
            None => Ok(Vec::new()),
        }
    }
}

/// What Office kept its files in before it used ZIP.
const CONTAINER: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Its directory is looked for so far.
const MAX_CONTAINER_BYTES: u64 = 64 << 20;

/// What is no CSV and no XLSX: what can be done about it, and what it is.
type Foreign = (Way, &'static str);

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// Spreadsheet programs can save it as XLSX.
    Save,
    /// A sheet may be in it.
    Unpack,
    #[default]
    None,
}

/// Its signs: what each list is for stands in the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Signs {
    name: String,
    way: Way,
    parts: Vec<String>,
    streams: Vec<String>,
    bytes: Vec<String>,
    texts: Vec<String>,
    markup: Vec<String>,
}

static FOREIGN: LazyLock<BTreeMap<String, Vec<Signs>>> = LazyLock::new(|| {
    toml::from_str(include_str!("foreign.toml"))
        .expect("foreign.toml belongs to the program and a test reads it")
});

/// The package of an XLSX or XLSM, between which macros make no difference here; `None` of a text file.
fn package_of(input: &Input, head: &[u8]) -> Result<Option<Package>, Error> {
    let open = || Package::open(&input.name(), input.open());
    let begins_entry = || head.windows(4).any(|bytes| bytes == b"PK\x03\x04");
    let package = match head {
        [b'P', b'K', 3 | 5 | 7, ..] => Some(open()?),
        // A web server's script may have put a mark or a warning before the workbook.
        _ if begins_entry() => open().ok(),
        _ => None,
    };
    let foreign = match package {
        Some(package) => match of_package(&package) {
            None => return Ok(Some(package)),
            foreign => foreign,
        },
        None if head.starts_with(CONTAINER) => Some(of_container(input)?),
        None => of_bytes(head),
    };
    foreign.map_or(Ok(None), |foreign| Err(refusal(foreign, input)))
}

fn refusal((way, really): Foreign, input: &Input) -> Error {
    let name = input.name();
    match way {
        Way::Save => Error::of("format_not_read", &[&name, &really, &input.typed()]),
        Way::Unpack => Error::of("not_a_sheet.packed", &[&name, &really]),
        Way::None => Error::of("not_a_sheet", &[&name, &really]),
    }
}

fn known(signs: fn(&Signs) -> &[String], is_there: impl Fn(&str) -> bool) -> Option<Foreign> {
    let mut all = FOREIGN.values().flatten();
    let known = all.find(|it| signs(it).iter().any(|sign| is_there(sign)))?;
    Some((known.way, &known.name))
}

/// What a ZIP archive is that is no workbook. The parts of an XLSX may be named freely below its folder; its relationships tell.
fn of_package(package: &Package) -> Option<Foreign> {
    let begins = |start: &str| package.parts().any(|part| part.starts_with(start));
    let archive = (Way::Unpack, "a ZIP archive");
    let foreign = known(|it| &it.parts, begins).unwrap_or(archive);
    Some(foreign).filter(|_| begins("xl/workbook.bin") || !begins("xl/"))
}

fn of_container(input: &Input) -> Result<Foreign, Error> {
    let bytes = input.head(MAX_CONTAINER_BYTES)?;
    let holds = |stream: &str| {
        let wide: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
        // Directory entries are 128 bytes each, in sectors of 512 or more, and begin with the name.
        bytes.chunks(128).any(|entry| entry.starts_with(&wide))
    };
    if holds("EncryptedPackage") {
        return Err(Error::of("password_protected", &[&input.name()]));
    }
    known(|it| &it.streams, holds).ok_or_else(|| damaged(&input.name(), "it holds no workbook"))
}

/// What bytes that are no ZIP archive are, when they are no CSV either.
fn of_bytes(head: &[u8]) -> Option<Foreign> {
    // Without NULs and the mark, UTF-16 reads like ASCII here.
    let mut text = head.to_ascii_lowercase();
    text.retain(u8::is_ascii_graphic);
    let text = String::from_utf8_lossy(&text);
    let is_markup = text.starts_with('<');
    let begins = |sign: &str| {
        let mut bytes = head.iter().map(|&byte| char::from(byte));
        sign.chars().all(|c| bytes.next() == Some(c))
    };
    let binary = (Way::None, "binary data of an unknown kind");
    known(|it| &it.bytes, begins)
        .or_else(|| known(|it| &it.texts, |start| text.starts_with(start)))
        .or_else(|| known(|it| &it.markup, |word| is_markup && text.contains(word)))
        .or_else(|| is_binary(head).then_some(binary))
}

/// Whether there are more control characters than in text: noise has some ten in a hundred. The high halves of Arabic letters in
/// UTF-16 are control characters as well.
fn is_binary(head: &[u8]) -> bool {
    let is_plain = |b: u8| matches!(b, 0 | b'\t'..=b'\r' | 0x1a | 0x1b | 0x20..);
    let control = head.iter().filter(|&&b| !is_plain(b)).count();
    let has_mark = encoding_rs::Encoding::for_bom(head).is_some();
    control * 20 > head.len() && !has_mark && utf16_by_its_zeros(head).is_none()
}
