//! The ZIP package that a workbook is: its parts, how they point at one another, their sizes, and the limits that keep a small
//! hostile file from filling the memory. The limits hold for what comes out, whatever the package's directory claims.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::str::FromStr;

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use quick_xml::Reader;
use quick_xml::encoding::DecodingReader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::file::Handle;
use crate::error::Error;

/// One sheet of a million rows and some dozen columns stays below this.
pub(super) const MAX_SHEET_BYTES: u64 = 2 << 30;
/// Parts that are kept in memory: texts, styles, lists of sheets.
pub(super) const MAX_KEPT_BYTES: u64 = 256 << 20;
/// Real sheets shrink by ten to thirty; a part that shrinks more, and is large, was made to burst.
const MAX_RATIO: u64 = 200;
const RATIO_MATTERS_FROM_BYTES: u64 = 32 << 20;
const MAX_PARTS: usize = 10_000;
/// No tag and no text of a real workbook is longer.
const MAX_EVENT_BYTES: u64 = 16 << 20;
const BUFFER_BYTES: usize = 1 << 16;

pub(super) struct Package {
    pub(super) name: String,
    handle: Handle,
    archive: ZipArchive<Handle>,
    /// The places of the parts by their names in lower case, as programs spell them differently.
    parts: HashMap<String, usize>,
}

/// What a part points at, by the ids of these relations.
pub(super) type Relations = HashMap<String, Relation>;

pub(super) struct Relation {
    /// Its last word, which is the same in all editions of the standard.
    pub(super) kind: String,
    /// The path from the package's root.
    pub(super) target: String,
}

impl Package {
    pub(super) fn open(name: &str, handle: Handle) -> Result<Package, Error> {
        let archive = ZipArchive::new(handle.clone()).map_err(|error| unpackable(name, &error))?;
        let spelled = |name: &[u8]| {
            let name = String::from_utf8_lossy(name).replace('\\', "/");
            name.trim_start_matches('/').to_ascii_lowercase()
        };
        let parts: HashMap<_, _> = archive.file_names_raw().map(spelled).zip(0..).collect();
        if parts.len() > MAX_PARTS {
            return Err(too_large(name, "it has more parts than any workbook"));
        }
        Ok(Package {
            name: name.to_owned(),
            handle,
            archive,
            parts,
        })
    }

    /// The names of the parts, in lower case.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    pub(super) fn has(&self, part: &str) -> bool {
        self.parts.contains_key(&part.to_ascii_lowercase())
    }

    /// A reader of its own over a part's bytes, up to `most`.
    fn bytes(&mut self, part: &str, most: u64) -> Result<Part, Error> {
        let failed = |error: ZipError| unpackable(&self.name, &error);
        let Some(&index) = self.parts.get(&part.to_ascii_lowercase()) else {
            return Err(damaged(&self.name, &format!("its part {part} is missing")));
        };
        let entry = self.archive.by_index_raw(index).map_err(failed)?;
        if entry.encrypted() {
            return Err(Error::of("password_protected", &[&self.name]));
        }
        let packed = entry.compressed_size();
        let mut handle = self.handle.clone();
        let start = SeekFrom::Start(entry.data_start().unwrap_or_default());
        handle.seek(start).map_err(|error| failed(error.into()))?;
        let bytes = BufReader::with_capacity(BUFFER_BYTES, handle.take(packed));
        let inner: Box<dyn Read + Send> = match entry.compression() {
            CompressionMethod::Stored => Box::new(bytes),
            CompressionMethod::Deflated => Box::new(DeflateDecoder::new(bytes)),
            _ => return Err(failed(ZipError::UnsupportedArchive("compression"))),
        };
        Ok(Part {
            inner: CrcReader::new(inner),
            crc: entry.crc32(),
            left: most.min(
                packed
                    .saturating_mul(MAX_RATIO)
                    .max(RATIO_MATTERS_FROM_BYTES),
            ),
            left_of_event: MAX_EVENT_BYTES,
        })
    }

    /// The XML of a part, in whatever encoding it is.
    pub(super) fn xml(&mut self, part: &str, most: u64) -> Result<Xml, Error> {
        let bytes = BufReader::with_capacity(BUFFER_BYTES, self.bytes(part, most)?);
        let mut reader = Reader::from_reader(DecodingReader::new(bytes));
        reader.config_mut().expand_empty_elements = true;
        Ok(Xml {
            place: (self.name.clone(), part.to_owned()),
            reader,
            buffer: Vec::new(),
            depth: 0,
        })
    }

    pub(super) fn elements(
        &mut self,
        part: &str,
        mut each: impl FnMut(&BytesStart<'_>),
    ) -> Result<(), Error> {
        let mut xml = self.xml(part, MAX_KEPT_BYTES)?;
        loop {
            match xml.next()? {
                Event::Start(element) => each(&element),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    /// The relations of a part; none when the file that lists them is missing. An empty name is the package's own.
    pub(super) fn relations(&mut self, part: &str) -> Result<Relations, Error> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let list = absolute(folder, &format!("_rels/{file}.rels"));
        let mut relations = Relations::new();
        if self.has(&list) {
            self.elements(&list, |element| {
                let of = |name| attribute(element, name);
                if let (Some(id), Some(kind), Some(target)) = (of("Id"), of("Type"), of("Target")) {
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    let target = absolute(folder, &target);
                    relations.insert(id, Relation { kind, target });
                }
            })?;
        }
        Ok(relations)
    }
}

/// A relation's target as a path from the package's root.
fn absolute(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let folder = if target.starts_with('/') { "" } else { folder };
    let mut path: Vec<&str> = Vec::new();
    for step in folder.split('/').chain(target.split('/')) {
        match step {
            "." | "" => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

/// A part's unpacked bytes, up to the limits, and held against their checksum at the end.
struct Part {
    inner: CrcReader<Box<dyn Read + Send>>,
    crc: u32,
    left: u64,
    left_of_event: u64,
}

impl Read for Part {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        if read == 0 && !out.is_empty() && self.inner.crc().sum() != self.crc {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for left in [&mut self.left, &mut self.left_of_event] {
            let rest = left.checked_sub(read as u64);
            *left = rest.ok_or(io::ErrorKind::FileTooLarge)?;
        }
        Ok(read)
    }
}

pub(super) struct Xml {
    place: (String, String),
    reader: Reader<DecodingReader<BufReader<Part>>>,
    buffer: Vec<u8>,
    depth: usize,
}

/// What a cell or a shared text holds.
#[derive(Default)]
pub(super) struct Content {
    pub(super) text: String,
    pub(super) has_value: bool,
    pub(super) has_formula: bool,
}

impl Xml {
    /// What comes next. Elements that begin and end at once come as two events.
    pub(super) fn next(&mut self) -> Result<Event<'_>, Error> {
        self.buffer.clear();
        let part = self.reader.get_mut().get_mut().get_mut();
        part.left_of_event = MAX_EVENT_BYTES;
        let event = self.reader.read_event_into(&mut self.buffer);
        let event = event.map_err(|error| broken(&self.place, &error))?;
        match event {
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => {
                let why = format!("its part {} breaks off", self.place.1);
                return Err(damaged(&self.place.0, &why));
            }
            _ => {}
        }
        Ok(event)
    }

    /// What a cell or a shared text holds, up to its end, when its first tag has been read.
    pub(super) fn content(&mut self, end: &str) -> Result<Content, Error> {
        let mut content = Content::default();
        let (mut is_in_text, mut is_in_phonetic) = (false, false);
        loop {
            match self.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "v" | "t" if !is_in_phonetic => (is_in_text, content.has_value) = (true, true),
                    "f" => content.has_formula = true,
                    // The reading aid of a text is no part of it.
                    "rPh" => is_in_phonetic = true,
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "v" | "t" => is_in_text = false,
                    "rPh" => is_in_phonetic = false,
                    name if name == end => return Ok(content),
                    _ => {}
                },
                Event::Text(text) if is_in_text => content.text.push_str(&text.xml10_content()),
                Event::CData(text) if is_in_text => content.text.push_str(&text.xml10_content()),
                Event::GeneralRef(name) if is_in_text => {
                    let character = name.resolve_char_ref().ok().flatten();
                    content.text.extend(character);
                    let known = resolve_predefined_entity(&name);
                    content.text.push_str(known.unwrap_or_default());
                    // Nobody but who means harm declares entities in a workbook.
                    if character.is_none() && known.is_none() {
                        return Err(self.damaged("it uses an entity that XML does not know"));
                    }
                }
                Event::Eof => return Ok(content),
                _ => {}
            }
        }
    }

    pub(super) fn damaged(&self, why: &str) -> Error {
        damaged(&self.place.0, why)
    }
}

fn broken((file, part): &(String, String), error: &quick_xml::Error) -> Error {
    let why = match error {
        quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            let why = format!("its part {part} holds more than any sheet needs");
            return too_large(file, &why);
        }
        quick_xml::Error::Io(_) => "cannot be unpacked",
        quick_xml::Error::Encoding(_) => "is not in the encoding that it claims",
        _ => "is no well-formed XML",
    };
    damaged(file, &format!("its part {part} {why}"))
}

fn unpackable(name: &str, error: &ZipError) -> Error {
    let why = match error {
        // What is at the end of every archive.
        ZipError::InvalidArchive(_) => "its end is missing, as after a download that broke off",
        ZipError::Io(error) => return damaged(name, &format!("it cannot be unpacked ({error})")),
        _ => "it is packed in a way that no spreadsheet program writes",
    };
    damaged(name, why)
}

pub(super) fn damaged(name: &str, why: &str) -> Error {
    Error::of("workbook_damaged", &[&name, &why])
}

fn too_large(name: &str, why: &str) -> Error {
    Error::of("workbook_too_large", &[&name, &why])
}

/// The value of an attribute, by its name without prefix, entities resolved.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let mut attributes = attributes.with_checks(false).flatten();
    let attribute = attributes.find(|it| it.key.local_name().as_ref() == name)?;
    unescape(&attribute.value).ok().map(Cow::into_owned)
}

/// The value of an attribute that is a number.
pub(super) fn number<T: FromStr>(element: &BytesStart<'_>, name: &str) -> Option<T> {
    attribute(element, name).and_then(|value| value.trim().parse().ok())
}

/// Whether an attribute is there and says yes.
pub(super) fn is_set(element: &BytesStart<'_>, name: &str) -> bool {
    attribute(element, name).is_some_and(|value| matches!(value.trim(), "1" | "true" | "on"))
}
