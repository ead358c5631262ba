//! The ZIP package that a workbook is: its parts, how they point at one another, their sizes, and the limits that keep a small
//! hostile file from filling the memory. The limits hold for what comes out, whatever the package's directory claims.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::encoding::DecodingReader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesEnd, BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::file::Handle;
use crate::error::Error;

/// One sheet of a million rows and some dozen columns stays below this.
const MAX_PART_BYTES: u64 = 2 << 30;
/// Parts that are kept in memory: texts, styles, lists of sheets.
const MAX_WHOLE_PART_BYTES: u64 = 256 << 20;
/// Real sheets shrink by ten to thirty; a part that shrinks more, and is large, was made to burst.
const MAX_RATIO: u64 = 200;
const RATIO_MATTERS_FROM_BYTES: u64 = 32 << 20;
const MAX_PARTS: usize = 10_000;
/// No tag and no text of a real workbook is longer.
const MAX_EVENT_BYTES: u64 = 16 << 20;
const BUFFER_BYTES: usize = 1 << 16;

/// An open package.
pub(super) struct Package {
    name: String,
    archive: ZipArchive<Handle>,
    /// The places of the parts by their names in lower case, as programs spell them differently.
    parts: HashMap<String, usize>,
}

/// What a part points at.
pub(super) struct Relation {
    kind: String,
    /// The path from the package's root.
    pub(super) target: String,
}

impl Relation {
    /// Whether it is of this kind, in whichever edition of the standard.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.rsplit('/').next() == Some(kind)
    }
}

impl Package {
    /// `name` is that by which messages speak of the file.
    pub(super) fn open(name: &str, handle: Handle) -> Result<Package, Error> {
        let archive = ZipArchive::new(handle).map_err(|error| unpackable(name, &error))?;
        let spelled = |name: &[u8]| {
            let name = String::from_utf8_lossy(name).replace('\\', "/");
            name.trim_start_matches('/').to_ascii_lowercase()
        };
        let parts = archive.file_names_raw().map(spelled).zip(0..).collect();
        Ok(Package {
            name: name.to_owned(),
            archive,
            parts,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The names of the parts, in lower case.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    pub(super) fn has(&self, part: &str) -> bool {
        self.parts.contains_key(&part.to_ascii_lowercase())
    }

    /// Refuses a package whose directory announces more than any sheet needs.
    pub(super) fn check_sizes(&self) -> Result<(), Error> {
        if self.archive.len() > MAX_PARTS {
            return Err(too_large(&self.name, "it has more parts than any workbook"));
        }
        for (part, &index) in &self.parts {
            let entry = self
                .archive
                .by_index_data(index)
                .map_err(|error| unpackable(&self.name, &error))?;
            if entry.encrypted() {
                return Err(protected(&self.name));
            }
            let (size, packed) = (entry.size(), entry.compressed_size());
            let limit = if part.contains("worksheets/") {
                MAX_PART_BYTES
            } else {
                MAX_WHOLE_PART_BYTES
            };
            let bursts = size > RATIO_MATTERS_FROM_BYTES && size / packed.max(1) > MAX_RATIO;
            if !part.contains("media/") && (size > limit || bursts) {
                let why = format!("its part {part} would unpack to {} MiB", size >> 20);
                return Err(too_large(&self.name, &why));
            }
        }
        Ok(())
    }

    /// The XML of a part, in whatever encoding it is.
    pub(super) fn xml(&mut self, part: &str) -> Result<Xml<'_>, Error> {
        let missing = || damaged(&self.name, &format!("its part {part} is missing"));
        let index = self.parts.get(&part.to_ascii_lowercase());
        let index = *index.ok_or_else(missing)?;
        let file = self.archive.by_index(index);
        let left = Rc::new(Cell::new(MAX_EVENT_BYTES));
        let limited = Limited {
            inner: file.map_err(|error| unpackable(&self.name, &error))?,
            left_of_event: Rc::clone(&left),
            left_of_part: MAX_PART_BYTES,
        };
        let mut bytes = BufReader::with_capacity(BUFFER_BYTES, limited);
        let place = (self.name.clone(), part.to_owned());
        let head = bytes.fill_buf();
        let head = head.map_err(|error| broken(&place, &quick_xml::Error::from(error)))?;
        let is_utf16 = head.len() > 1 && (head[..2].contains(&0) || head[0] >= 0xfe);
        let text: Box<dyn BufRead> = if is_utf16 {
            Box::new(DecodingReader::new(bytes))
        } else {
            Box::new(bytes)
        };
        Ok(Xml {
            place,
            reader: Reader::from_reader(text),
            buffer: Vec::new(),
            left,
            depth: 0,
        })
    }

    /// The first bytes of a part that is no XML.
    pub(super) fn text(&mut self, part: &str, most: u64) -> Option<String> {
        let mut text = String::new();
        let file = self.archive.by_index(*self.parts.get(part)?).ok()?;
        file.take(most).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Calls `each` for every element of a part.
    pub(super) fn elements(
        &mut self,
        part: &str,
        mut each: impl FnMut(&BytesStart<'_>),
    ) -> Result<(), Error> {
        let mut xml = self.xml(part)?;
        loop {
            match xml.next()? {
                Piece::Start(element) | Piece::Empty(element) => each(&element),
                Piece::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    /// The relations of a part, by their ids; none when the file that lists them is missing. An empty name is the package's own.
    pub(super) fn relations(&mut self, part: &str) -> Result<HashMap<String, Relation>, Error> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let list = absolute(folder, &format!("_rels/{file}.rels"));
        let mut relations = HashMap::new();
        if self.has(&list) {
            self.elements(&list, |element| {
                let of = |name| attribute(element, name);
                if let (Some(id), Some(kind), Some(target)) = (of("Id"), of("Type"), of("Target")) {
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
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.join("/")
}

/// The XML of one part, as a stream of events.
pub(super) struct Xml<'a> {
    /// The file and the part.
    place: (String, String),
    reader: Reader<Box<dyn BufRead + 'a>>,
    buffer: Vec<u8>,
    left: Rc<Cell<u64>>,
    /// How many elements are open.
    depth: usize,
}

/// What comes next in a part.
pub(super) enum Piece<'a> {
    Start(BytesStart<'a>),
    /// An element that begins and ends at once.
    Empty(BytesStart<'a>),
    End(BytesEnd<'a>),
    /// Text as it is meant, however it is spelled; empty for what is neither text nor element.
    Text(Cow<'a, str>),
    Eof,
}

impl Xml<'_> {
    pub(super) fn next(&mut self) -> Result<Piece<'_>, Error> {
        self.buffer.clear();
        self.left.set(MAX_EVENT_BYTES);
        let event = self.reader.read_event_into(&mut self.buffer);
        let place = &self.place;
        let broken = |error| broken(place, &error);
        Ok(match event.map_err(broken)? {
            Event::Start(element) => {
                self.depth += 1;
                Piece::Start(element)
            }
            Event::Empty(element) => Piece::Empty(element),
            Event::End(element) => {
                self.depth = self.depth.saturating_sub(1);
                Piece::End(element)
            }
            Event::Text(text) => Piece::Text(text.xml10_content()),
            Event::CData(text) => Piece::Text(text.xml10_content()),
            Event::GeneralRef(name) => match name.resolve_char_ref().map_err(broken)? {
                Some(character) => Piece::Text(Cow::Owned(character.to_string())),
                None => match resolve_predefined_entity(&name) {
                    Some(text) => Piece::Text(Cow::Borrowed(text)),
                    // Nobody but who means harm declares entities in a workbook.
                    None => {
                        return Err(damaged(
                            &place.0,
                            "it uses an entity that XML does not know",
                        ));
                    }
                },
            },
            Event::Eof if self.depth > 0 => {
                return Err(damaged(
                    &place.0,
                    &format!("its part {} breaks off", place.1),
                ));
            }
            Event::Eof => Piece::Eof,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {
                Piece::Text(Cow::Borrowed(""))
            }
        })
    }

    /// The error about a workbook that is damaged here.
    pub(super) fn damaged(&self, why: &str) -> Error {
        damaged(&self.place.0, why)
    }
}

/// A part's bytes, up to the limits: the directory's sizes may lie, and a text may never end.
struct Limited<R> {
    inner: R,
    left_of_event: Rc<Cell<u64>>,
    left_of_part: u64,
}

/// What [`Limited`] fails with.
#[derive(Debug)]
struct TooMuch;

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("more than any sheet needs")
    }
}

impl std::error::Error for TooMuch {}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        let bytes = read as u64;
        let of_event = self.left_of_event.get().checked_sub(bytes);
        let of_part = self.left_of_part.checked_sub(bytes);
        let (of_event, of_part) = of_event
            .zip(of_part)
            .ok_or_else(|| io::Error::other(TooMuch))?;
        self.left_of_event.set(of_event);
        self.left_of_part = of_part;
        Ok(read)
    }
}

fn broken((file, part): &(String, String), error: &quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(error)
            if error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<TooMuch>())
                .is_some() =>
        {
            too_large(
                file,
                &format!("its part {part} holds more than any sheet needs"),
            )
        }
        quick_xml::Error::Io(_) => damaged(file, &format!("its part {part} cannot be unpacked")),
        quick_xml::Error::Encoding(_) => damaged(
            file,
            &format!("its part {part} is not in the encoding that it claims"),
        ),
        _ => damaged(file, &format!("its part {part} is no well-formed XML")),
    }
}

fn unpackable(name: &str, error: &ZipError) -> Error {
    match error {
        // What is at the end of every archive.
        ZipError::InvalidArchive(_) => damaged(
            name,
            "its end is missing, as after a download that broke off",
        ),
        ZipError::Io(error) => damaged(name, &format!("it cannot be unpacked ({error})")),
        _ => damaged(
            name,
            "it is packed in a way that no spreadsheet program writes",
        ),
    }
}

/// The error about a workbook that was cut or damaged on its way.
pub(super) fn damaged(name: &str, why: &str) -> Error {
    Error::unusable(
        "workbook_damaged",
        format!("{name} is a damaged or incomplete workbook: {why}."),
    )
    .hint(
        "Copy or download it again; or open it in Excel, let it repair the file, and save it anew.",
    )
}

/// The error about a workbook under a password.
pub(super) fn protected(name: &str) -> Error {
    Error::unusable(
        "password_protected",
        format!("{name} is protected by a password and cannot be opened."),
    )
    .hint("Open it in Excel, remove the password (File, Info, Protect Workbook), and save it.")
}

fn too_large(name: &str, why: &str) -> Error {
    Error::unusable(
        "workbook_too_large",
        format!("{name} is too large to be read: {why}."),
    )
    .hint("Copy the rows into a new workbook, or save the sheet as CSV UTF-8, which has no limit.")
}

/// The value of an attribute, by its name without prefix, entities resolved.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    element
        .attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .and_then(|attribute| {
            let value = unescape(&attribute.value).ok()?;
            Some(value.into_owned())
        })
}

/// Whether an attribute is there and says yes.
pub(super) fn is_set(element: &BytesStart<'_>, name: &str) -> bool {
    attribute(element, name).is_some_and(|value| matches!(value.trim(), "1" | "true" | "on"))
}
