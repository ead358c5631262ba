//! How the parts of an Office package point at one another.

use std::collections::HashMap;

use quick_xml::events::{BytesStart, Event};

use super::package::{Package, PartXml, attribute};
use crate::error::Error;

/// What a part points at.
pub(super) struct Relation {
    pub(super) kind: String,
    /// The path from the package's root.
    pub(super) target: String,
}

/// The relations of a part, by id; none when the file that lists them is missing.
pub(super) fn relations(
    package: &mut Package,
    part: &str,
    folder: &str,
) -> Result<HashMap<String, Relation>, Error> {
    let mut relations = HashMap::new();
    if package.find(part).is_none() {
        return Ok(relations);
    }
    elements(package, part, |element| {
        let of = |name| attribute(element, name);
        if let (Some(id), Some(kind), Some(target)) = (of("Id"), of("Type"), of("Target")) {
            let target = absolute(folder, &target);
            relations.insert(id, Relation { kind, target });
        }
    })?;
    Ok(relations)
}

/// A relation's target as a path from the package's root.
fn absolute(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    if let Some(rooted) = target.strip_prefix('/') {
        return rooted.to_owned();
    }
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.join("/")
}

/// Calls `each` for every element of a part.
pub(super) fn elements(
    package: &mut Package,
    part: &str,
    mut each: impl FnMut(&BytesStart<'_>),
) -> Result<(), Error> {
    let mut walk = |xml: &mut PartXml<'_>| -> Result<(), quick_xml::Error> {
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            match xml.read_event_into(&mut buffer)? {
                Event::Start(element) => each(&element),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    };
    let walked = walk(&mut package.xml(part)?);
    walked.map_err(|error| package.broken(&error))
}
