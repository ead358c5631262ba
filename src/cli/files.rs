//! Files by the command line's or the settings' word: small ones read as a whole, whatever an editor made of them; results put in
//! place in one piece, and never over a book that somebody has changed.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use encoding_rs::Encoding;

use crate::error::{Error, Result, is_open_elsewhere};
pub use crate::ledger::folder_of;
use crate::ledger::{UNFINISHED, true_path};
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

/// Whether somebody has it open, or it is still being written: Excel, LibreOffice and browsers put something beside it.
pub fn is_in_use(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let office = [format!("~${name}"), format!(".~lock.{name}#")];
    let partial = PARTIAL.map(|ending| format!("{name}.{ending}"));
    let mut beside = office.iter().chain(&partial);
    beside.any(|name| path.with_file_name(name).exists())
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
    for path in paths {
        match file.persist(true_path(path).map_err(unwritable)?) {
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
        let is_free = || File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
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
    let book = File::open(path).ok()?;
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
    let properties = properties(&File::open(book).ok()?)?;
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
    !is_in_use(book) && (!book.exists() || is_untouched(book) == Some(true))
}

/// Names beside a sheet for what is made of it: `loans.marked.xlsx`, then `loans.marked-2.xlsx` and so on.
pub fn beside(file: &Path, stem: &str, what: &str, ending: &str) -> impl Iterator<Item = PathBuf> {
    (1u32..).map(move |nth| match nth {
        1 => file.with_file_name(format!("{stem}.{what}.{ending}")),
        nth => file.with_file_name(format!("{stem}.{what}-{nth}.{ending}")),
    })
}
