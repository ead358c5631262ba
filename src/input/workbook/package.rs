//! The ZIP package that XLSX, XLSB and ODS are: its parts, their sizes, and the limits that keep a small hostile file from
//! filling the memory. The limits hold for what comes out, whatever the package's directory claims.

use std::io::{self, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::BytesStart;

use crate::error::Error;
use crate::input::input::{Handle, Input};
use crate::input::kind::{damaged, protected};

/// One sheet of a million rows and some dozen columns stays below this.
const MAX_PART_BYTES: u64 = 2 << 30;
/// Parts that are read whole: texts, styles, lists of sheets.
const MAX_WHOLE_PART_BYTES: u64 = 256 << 20;
/// Real sheets shrink by ten to thirty; a part that shrinks more, and is large, was made to burst.
const MAX_RATIO: u64 = 200;
const RATIO_MATTERS_FROM_BYTES: u64 = 32 << 20;
const MAX_PARTS: usize = 10_000;

/// An open package.
pub(super) struct Package {
    name: String,
    archive: zip::ZipArchive<Handle>,
}

/// The XML of one part.
pub(super) type PartXml<'a> = Reader<BufReader<Limited<'a>>>;

impl Package {
    /// Opens the package and refuses it when its directory announces more than any sheet needs.
    pub(super) fn open(input: &Input) -> Result<Package, Error> {
        let name = input.name();
        let archive = zip::ZipArchive::new(input.open()?)
            .map_err(|error| damaged(&name, &error.to_string()))?;
        let mut package = Package { name, archive };
        package.check_sizes()?;
        Ok(package)
    }

    /// The part's name as the package spells it, found without regard to case and to the direction of slashes.
    pub(super) fn find(&self, part: &str) -> Option<String> {
        let wanted = part.trim_start_matches('/');
        let spelled = |name: &[u8]| String::from_utf8_lossy(name).replace('\\', "/");
        self.archive
            .file_names_raw()
            .find(|name| spelled(name).eq_ignore_ascii_case(wanted))
            .map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// The XML of a part.
    pub(super) fn xml(&mut self, part: &str) -> Result<PartXml<'_>, Error> {
        let mut reader = Reader::from_reader(self.bytes(part)?);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.check_comments = false;
        config.expand_empty_elements = true;
        Ok(reader)
    }

    /// The bytes of a part.
    pub(super) fn bytes(&mut self, part: &str) -> Result<BufReader<Limited<'_>>, Error> {
        let missing = || damaged(&self.name, &format!("its part {part} is missing"));
        let spelled = self.find(part).ok_or_else(missing)?;
        let file = self
            .archive
            .by_name(&spelled)
            .map_err(|error| damaged(&self.name, &error.to_string()))?;
        let limited = Limited {
            inner: Box::new(file),
            left: MAX_PART_BYTES,
        };
        Ok(BufReader::with_capacity(1 << 16, limited))
    }

    /// The complaint about a part that cannot be read.
    pub(super) fn broken(&self, error: &impl std::fmt::Display) -> Error {
        damaged(&self.name, &error.to_string())
    }

    fn check_sizes(&mut self) -> Result<(), Error> {
        if self.archive.len() > MAX_PARTS {
            return Err(too_large(&self.name, "it has more parts than any workbook"));
        }
        for index in 0..self.archive.len() {
            let entry = self
                .archive
                .by_index_raw(index)
                .map_err(|error| damaged(&self.name, &error.to_string()))?;
            if entry.encrypted() {
                return Err(protected(&self.name));
            }
            let (size, packed) = (entry.size(), entry.compressed_size());
            let part = String::from_utf8_lossy(entry.name_raw()).to_ascii_lowercase();
            let is_sheet = part.contains("worksheets/") || part == "content.xml";
            let is_media = part.contains("media/") || part.starts_with("pictures/");
            let limit = if is_sheet {
                MAX_PART_BYTES
            } else {
                MAX_WHOLE_PART_BYTES
            };
            let bursts = size > RATIO_MATTERS_FROM_BYTES && size / packed.max(1) > MAX_RATIO;
            if !is_media && (size > limit || bursts) {
                let why = format!("its part {part} would unpack to {} MiB", size >> 20);
                return Err(too_large(&self.name, &why));
            }
        }
        Ok(())
    }
}

fn too_large(name: &str, why: &str) -> Error {
    Error::unusable(
        "workbook_too_large",
        format!("{name} is too large to be read: {why}."),
    )
    .hint("Copy the rows into a new workbook, or save the sheet as CSV UTF-8, which has no limit.")
}

/// A part's bytes, up to the limit: the directory's sizes may lie.
pub(super) struct Limited<'a> {
    inner: Box<dyn Read + 'a>,
    left: u64,
}

impl Read for Limited<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("a part unpacks to more than any sheet needs"))?;
        Ok(read)
    }
}

/// The value of an attribute, by its name without prefix, entities resolved.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    element
        .attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .and_then(|attribute| {
            quick_xml::escape::unescape(&attribute.value)
                .ok()
                .map(std::borrow::Cow::into_owned)
        })
}

/// Whether an attribute is there and says yes.
pub(super) fn is_set(element: &BytesStart<'_>, name: &str) -> bool {
    attribute(element, name).is_some_and(|value| matches!(value.trim(), "1" | "true" | "on"))
}
