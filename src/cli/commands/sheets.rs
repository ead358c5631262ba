//! What lies in an inbox: which files are sheets, whether they rest, and what is put beside each called by.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use super::results::RESULTS;
use crate::cli::files::{beside, is_in_use, may_be_replaced};
use crate::ledger::InboxFile;

/// What people call their sheets, other workbooks included: those are answered with how to save them.
const ENDINGS: [&str; 11] = [
    "csv", "tsv", "tab", "txt", "xlsx", "xlsm", "xls", "xlsb", "ods", "fods", "numbers",
];
/// So many names are tried for results that somebody has open.
const NAMES: usize = 20;
/// What file systems take, in bytes, less what is put behind a sheet's name.
const LONGEST_STEM: usize = 255 - ".run-1234567890.results.xlsx".len();

/// What a sheet is given back by with its problems marked, and what tells why it cannot be used.
pub const MARKED: &str = "marked";
pub const ERROR: &str = "error";

/// What has the name of a sheet, and is not in use.
pub fn sheets(folder: &Path) -> io::Result<Vec<Found>> {
    let entries = std::fs::read_dir(folder)?;
    let mut sheets = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        // It may be gone by now.
        let metadata = std::fs::metadata(&path).ok().filter(Metadata::is_file);
        let (Some((stem, is_marked)), Some(metadata)) = (stem_of_sheet(&name), metadata) else {
            continue;
        };
        // What somebody saved in a marked sheet is put in anew.
        if is_marked && may_be_replaced(&path) {
            continue;
        }
        let (size, modified_ms) = looks(&metadata);
        // What is no text is told apart by its bytes.
        let bytes = path.as_os_str().as_encoded_bytes();
        let key = path.to_str().map(str::to_owned);
        sheets.push(Found {
            stem: stem.to_owned(),
            file: InboxFile {
                path: key.unwrap_or_else(|| bytes.escape_ascii().to_string()),
                size,
                modified_ms,
            },
            path,
            name,
        });
    }
    call_apart(&mut sheets);
    sheets.retain(|found| !is_in_use(&found.path));
    Ok(sheets)
}

/// A sheet in the folder.
#[derive(PartialEq)]
pub struct Found {
    pub name: String,
    pub path: PathBuf,
    pub file: InboxFile,
    /// What its results are called by: its name without the ending, unless another sheet's would be called the same.
    pub stem: String,
}

/// Calls no two sheets' results the same, none by more than a name may be long, and none by what is no text.
fn call_apart(sheets: &mut [Found]) {
    let mut called: HashMap<String, u32> = HashMap::new();
    for name in sheets.iter().flat_map(|found| [&found.stem, &found.name]) {
        *called.entry(name.to_lowercase()).or_default() += 1;
    }
    for found in sheets {
        if called[&found.stem.to_lowercase()] > 1 {
            found.stem.clone_from(&found.name);
        }
        if found.stem.len() > LONGEST_STEM || found.path.to_str().is_none() {
            let name = found.path.file_name().unwrap_or_default();
            let hash = Sha256::digest(name.as_encoded_bytes());
            let tag = u32::from_be_bytes(std::array::from_fn(|at| hash[at]));
            let most = found.stem.floor_char_boundary(LONGEST_STEM - 9);
            found.stem.truncate(most);
            found.stem = format!("{}-{tag:08x}", found.stem);
        }
    }
}

impl Found {
    /// Its turn may come hours after it was looked at: what was written to since waits for the next sweep.
    pub fn is_as_it_was(&self) -> bool {
        // A program may keep a file to itself while it works on it.
        let is_away = |error: io::Error| error.kind() != ErrorKind::PermissionDenied;
        let now = std::fs::metadata(&self.path);
        let is_same = |now: Metadata| looks(&now) == (self.file.size, self.file.modified_ms);
        now.is_ok_and(is_same) && !File::open(&self.path).is_err_and(is_away)
    }

    /// Where something is put beside the sheet, and where else if that is taken.
    pub fn beside(&self, what: &str, ending: &str) -> Vec<PathBuf> {
        let places = beside(&self.path, &self.stem, what, ending);
        places.take(NAMES).collect()
    }
}

/// By which a file is seen to rest: its size, and when it was written, in milliseconds.
fn looks(file: &Metadata) -> (i64, i64) {
    let modified = file.modified().unwrap_or(UNIX_EPOCH);
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (size, modified) = (
        i64::try_from(file.len()),
        i64::try_from(modified.as_millis()),
    );
    (size.unwrap_or(i64::MAX), modified.unwrap_or(i64::MAX))
}

/// The name of a sheet without its ending, and whether it is a marked one's; none for what is something else, or is put here by this
/// tool.
fn stem_of_sheet(name: &str) -> Option<(&str, bool)> {
    let (stem, ending) = name.rsplit_once('.')?;
    let ending = ending.to_lowercase();
    let last = stem.rsplit_once('.').map_or("", |(_, last)| last);
    // `results-2` as well, but not what a person calls `results-mine`.
    let (what, number) = last.split_once('-').unwrap_or((last, "2"));
    let is_numbered = number.parse::<u32>().is_ok();
    let is =
        |ours: &str, its: &str| is_numbered && what.eq_ignore_ascii_case(ours) && ending == its;
    let is_ours = is(RESULTS, "xlsx") || is(ERROR, "txt");
    let is_hidden = name.starts_with("~$") || name.starts_with('.');
    let is_sheet = ENDINGS.contains(&ending.as_str()) && !is_ours && !is_hidden;
    is_sheet.then_some((stem, is(MARKED, "xlsx")))
}
