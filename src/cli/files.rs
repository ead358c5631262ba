//! Files by the command line's or the settings' word: small ones read as a whole, whatever an editor made of them; results put in
//! place in one piece, and never over a book that somebody has changed; and what lies in an inbox: which files are sheets, whether they
//! rest, and what is put beside each called by.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use encoding_rs::Encoding;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result, is_open_elsewhere};
use crate::ledger::InboxFile;
pub use crate::ledger::folder_of;
use crate::ledger::{UNFINISHED, open_file, true_path};
use crate::report::AUTHOR;

/// Reads a small file. What it is, is looked at before it is opened: to open a pipe is to wait for who writes into it. What a shell
/// hands over for `<(command)` has its writer already.
pub fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    let is_handed_over = path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd");
    if metadata.is_dir() {
        Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"))
    } else if metadata.is_file() || is_handed_over {
        std::fs::read(path)
    } else {
        Err(io::Error::other("it is a pipe or a device, not a file"))
    }
}

/// Reads a small text in UTF-8, or in whatever its byte-order mark says: Notepad and PowerShell like to write one.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read_bytes(path)?;
    let text = match Encoding::for_bom(&bytes) {
        Some((encoding, mark)) => encoding
            .decode_without_bom_handling_and_without_replacement(&bytes[mark..])
            .map(std::borrow::Cow::into_owned),
        None => String::from_utf8(bytes).ok(),
    };
    text.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8 or UTF-16"))
}

/// `./x` reads better as `x`.
pub fn tidy(path: PathBuf) -> PathBuf {
    path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
}

/// Behind a name while something is still being written under it.
const PARTIAL: [&str; 5] = ["part", "partial", "filepart", "crdownload", "download"];

/// What tells that somebody has a file open, or that it is still being written: Excel, LibreOffice and browsers put it beside.
fn marker_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let office = [format!("~${name}"), format!(".~lock.{name}#")];
    let partial = PARTIAL.map(|ending| format!("{name}.{ending}"));
    let beside = office.iter().chain(&partial);
    let mut beside = beside.map(|name| path.with_file_name(name));
    beside.find(|marker| marker.exists())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone: it holds tokens or personal data.
    Owner,
    /// Everyone on this machine: it holds neither.
    Everyone,
    /// Its owner, and the group of its folder where that hands its group on to what is put into it.
    Folder,
}

/// Refuses a place where no file can be put, also by a link. Whoever takes `-` for standard output does not ask.
pub fn refuse_output(path: &Path) -> Result<()> {
    let what = match std::fs::metadata(path) {
        _ if path == Path::new("-") => "standard output, which this result is not for",
        Ok(found) if found.is_dir() => "a folder, not a file",
        Ok(found) if !found.is_file() || is_of_process(path) => "a pipe or a device, not a file",
        _ => return Ok(()),
    };
    Err(Error::of("output_no_file", &[&path.display(), &what]))
}

/// Whether a place that is there is what a process has open (`/dev/stdout`), whatever that is: put in its place, a file would be the whole
/// machine's.
fn is_of_process(path: &Path) -> bool {
    let target = || std::fs::read_link(path).ok();
    ["/proc", "/dev/fd"].iter().any(|of| path.starts_with(of))
        || target().is_some_and(|target| is_of_process(&folder_of(path).join(target)))
}

/// Endings by which people and their programs know what a file is.
const DOCUMENTS: [&str; 14] = [
    "csv", "tsv", "xlsx", "xlsm", "jsonl", "json", "html", "htm", "xls", "xlsb", "ods", "pdf",
    "docx", "toml",
];

/// Refuses a name whose ending promises another document than is written.
pub fn refuse_ending(path: &Path, known: &[&str]) -> Result<()> {
    let ending = path.extension().unwrap_or_default();
    let is_among = |all: &[&str]| all.iter().any(|one| ending.eq_ignore_ascii_case(one));
    if is_among(known) || !is_among(&DOCUMENTS) {
        return Ok(());
    }
    let known = known.join(" or .");
    Err(Error::of("output_misnamed", &[&path.display(), &known]))
}

/// Fills the file at `path`, or to which a link there leads, which is replaced only once it is complete and on the disk: a killed process leaves no half one,
/// and a reader never sees it. A workbook of ours has the time that it names itself.
pub fn write_file<T>(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&File) -> Result<T>,
) -> Result<T> {
    refuse_output(path)?;
    let (_, made) = write_first(&[path.to_owned()], readers, write)?;
    Ok(made)
}

/// The same at the first of these places, all in one folder, that lets itself be replaced. Gives the place too.
pub fn write_first<T>(
    paths: &[PathBuf],
    readers: Readers,
    write: impl FnOnce(&File) -> Result<T>,
) -> Result<(PathBuf, T)> {
    let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
    let unwritable = |error| file_not_written(first, &error);
    let true_first = true_path(first).map_err(unwritable)?;
    let folder = folder_of(&true_first);
    // What comes there meanwhile is another's.
    let were_there: Vec<bool> = paths.iter().map(|path| path.exists()).collect();
    clear_left_behind(folder);
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(folder)
        .map_err(unwritable)?;
    // Tells others that somebody is at work on it; where that cannot be told, its age does.
    let _ = file.as_file().try_lock();
    let made = write(file.as_file())?;
    if let Some(begun) = named_time(file.as_file()) {
        // A book without it is merely never overwritten.
        let _ = file.as_file().set_modified(begun);
    }
    open_to(file.as_file(), readers, folder).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    let mut why = io::Error::from(ErrorKind::NotFound);
    for (path, was_there) in paths.iter().zip(were_there) {
        let place = true_path(path).map_err(unwritable)?;
        let moved = if was_there {
            file.persist(&place)
        } else {
            file.persist_noclobber(&place)
                .or_else(|error| match error.error.kind() {
                    ErrorKind::AlreadyExists => Err(error),
                    // Not every share can.
                    _ => error.file.persist(&place),
                })
        };
        match moved {
            Ok(_) => return Ok((path.clone(), made)),
            Err(error) => (file, why) = (error.file, error.error),
        }
    }
    Err(unwritable(why))
}

/// The same for what is at hand as a whole.
pub fn write_bytes(path: &Path, readers: Readers, bytes: &[u8]) -> Result<()> {
    write_file(path, readers, |mut file| {
        let written = file.write_all(bytes);
        written.map_err(|error| file_not_written(path, &error))
    })
}

/// Deletes what an earlier process was killed over: unfinished, and nobody's any more.
pub fn clear_left_behind(folder: &Path) {
    const AT_WORK: Duration = Duration::from_mins(1);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_unfinished = name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        let is_free = || open_file(&entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_unfinished && age().is_some_and(|age| age > AT_WORK) && is_free() {
            // Another process may have been faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn file_not_written(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    // Windows does not say why a file cannot be replaced.
    let is_kept = cfg!(windows) && error.kind() == ErrorKind::PermissionDenied && path.exists();
    if is_kept || is_open_elsewhere(error) {
        return Error::of("output_open_elsewhere", &[&shown]);
    }
    Error::of("output_not_written", &[&shown, error])
}

/// A temporary file is its owner's alone.
#[cfg(unix)]
fn open_to(file: &File, readers: Readers, folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::fs::metadata(folder).map(|folder| folder.permissions().mode());
    // Made for people to work in together (set-gid).
    let is_for_a_group = folder.is_ok_and(|mode| mode & 0o2000 != 0);
    let mode = match readers {
        Readers::Everyone => 0o644,
        Readers::Folder if is_for_a_group => 0o640,
        Readers::Owner | Readers::Folder => return Ok(()),
    };
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// There a file has the rights of its folder.
#[cfg(not(unix))]
fn open_to(_: &File, _: Readers, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether nobody has saved a workbook since we wrote it; none for what is no workbook of ours.
pub fn is_untouched(path: &Path) -> Option<bool> {
    let book = open_file(path).ok()?;
    let begun = named_time(&book)?;
    Some(book.metadata().ok()?.modified().ok()? == begun)
}

/// When a workbook of ours was begun, as it says itself: its file's own time, until somebody saves it.
fn named_time(book: &File) -> Option<SystemTime> {
    let properties = properties(book)?;
    let (_, begun) = properties.split_once("W3CDTF\">")?;
    let begun: jiff::Timestamp = begun.split_once('<')?.0.parse().ok()?;
    // Some file systems count in steps of two seconds.
    let second = u64::try_from(begun.as_second()).ok()? & !1;
    Some(UNIX_EPOCH + Duration::from_secs(second))
}

/// The mark of a workbook of ours that has one.
pub fn mark_of(book: &Path) -> Option<String> {
    let properties = properties(&open_file(book).ok()?)?;
    let (_, mark) = properties.split_once("<cp:keywords>")?;
    Some(mark.split_once('<')?.0.to_owned())
}

/// What a workbook of ours says of itself.
fn properties(book: &File) -> Option<String> {
    let mut properties = String::new();
    let mut book = zip::ZipArchive::new(book).ok()?;
    let part = book.by_name("docProps/core.xml").ok()?;
    part.take(1 << 16).read_to_string(&mut properties).ok()?;
    let is_ours = properties.contains(&format!("<dc:creator>{AUTHOR}<"));
    is_ours.then_some(properties)
}

/// Unlike a workbook that is somebody's own, or in which somebody corrects something.
pub fn may_be_replaced(book: &Path) -> bool {
    marker_of(book).is_none() && (!book.exists() || is_untouched(book) == Some(true))
}

/// Names beside a sheet for what is made of it: `loans.marked.xlsx`, then `loans.marked-2.xlsx` and so on.
pub fn beside(file: &Path, stem: &str, what: &str, ending: &str) -> impl Iterator<Item = PathBuf> {
    (1u32..).map(move |nth| match nth {
        1 => file.with_file_name(format!("{stem}.{what}.{ending}")),
        nth => file.with_file_name(format!("{stem}.{what}-{nth}.{ending}")),
    })
}

/// What people call their sheets, other workbooks included: those are answered with how to save them.
const ENDINGS: [&str; 11] = [
    "csv", "tsv", "tab", "txt", "xlsx", "xlsm", "xls", "xlsb", "ods", "fods", "numbers",
];
/// So many names are tried for results that somebody has open.
const NAMES: usize = 20;
/// What file systems take, in bytes, less what is put behind a sheet's name.
const LONGEST_STEM: usize = 255 - ".run-1234567890.results.xlsx".len();

/// What is put beside a sheet is called by these, behind its name: the sheet with its problems marked, why it cannot be used, and its results.
pub const MARKED: &str = "marked";
pub const ERROR: &str = "error";
pub const RESULTS: &str = "results";

/// What has the name of a sheet.
pub fn sheets(folder: &Path) -> io::Result<Vec<InboxSheet>> {
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
        if is_marked && is_untouched(&path) == Some(true) {
            continue;
        }
        let (size, modified_ms) = looks(&metadata);
        // What is no text is told apart by its bytes.
        let bytes = path.as_os_str().as_encoded_bytes();
        let key = path.to_str().map(str::to_owned);
        sheets.push(InboxSheet {
            stem: stem.to_owned(),
            file: InboxFile {
                path: key.unwrap_or_else(|| bytes.escape_ascii().to_string()),
                size,
                modified_ms,
            },
            marker: marker_of(&path),
            path,
            name,
        });
    }
    call_apart(&mut sheets);
    Ok(sheets)
}

/// A sheet in the folder.
#[derive(PartialEq)]
pub struct InboxSheet {
    pub name: String,
    pub path: PathBuf,
    pub file: InboxFile,
    /// What its results are called by: its name without the ending, unless another sheet's would be called the same.
    pub stem: String,
    /// Somebody has it open, as this file beside it tells.
    pub marker: Option<PathBuf>,
}

/// Calls no two sheets' results the same, none by more than a name may be long, and none by what is no text.
fn call_apart(sheets: &mut [InboxSheet]) {
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

impl InboxSheet {
    /// Its turn may come hours after it was looked at: what was written to since waits for the next sweep.
    pub fn is_as_it_was(&self) -> bool {
        // A program may keep a file to itself while it works on it.
        let is_away = |error: io::Error| error.kind() != ErrorKind::PermissionDenied;
        let now = std::fs::metadata(&self.path);
        let is_same = |now: Metadata| looks(&now) == (self.file.size, self.file.modified_ms);
        now.is_ok_and(is_same) && !File::open(&self.path).is_err_and(is_away)
    }

    /// The marker of a program that is likely to have crashed: it and the sheet have been there for more than a day.
    pub fn left_open(&self) -> Option<&Path> {
        const LONG: Duration = Duration::from_hours(24);
        let age = |path: &Path| path.metadata().ok()?.modified().ok()?.elapsed().ok();
        let is_old = |path: &Path| age(path).is_some_and(|age| age > LONG);
        let marker = self.marker.as_deref();
        marker.filter(|marker| is_old(marker) && is_old(&self.path))
    }

    /// Where something is put beside the sheet, and where else if that is taken.
    pub fn beside(&self, what: &str, ending: &str) -> Vec<PathBuf> {
        let places = beside(&self.path, &self.stem, what, ending);
        places.take(NAMES).collect()
    }
}

/// By which a file is seen to rest: its size, and when it was written or changed, in milliseconds. Whoever puts it there may set the
/// first of these times, as an archive does, but not the second.
fn looks(file: &Metadata) -> (i64, i64) {
    let modified = file.modified().unwrap_or(UNIX_EPOCH);
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let whole = |number: u128| i64::try_from(number).unwrap_or(i64::MAX);
    let at_ms = whole(modified.as_millis());
    #[cfg(unix)]
    let at_ms = {
        use std::os::unix::fs::MetadataExt;
        let changed_ms = file.ctime().saturating_mul(1_000);
        at_ms.max(changed_ms.saturating_add(file.ctime_nsec() / 1_000_000))
    };
    (whole(file.len().into()), at_ms)
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
