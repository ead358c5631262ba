//! Where a ledger lies: one true path and one name for it, private files, noticing that they were taken away or cut, and what a doctor
//! looks at: file system, space, and who else may read.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(windows)]
use dunce::canonicalize;
#[cfg(not(windows))]
use std::fs::canonicalize;

use crate::error::{Error, Result};
use crate::failpoint;

/// What follows a ledger's name while it is being made.
pub(super) const NEW: &str = ".new";

/// How the name of any other unfinished file begins: nobody's any more, where a process was killed over it.
pub const UNFINISHED: &str = ".vlens-batch-";

/// The one path that every spelling of a ledger's path leads to (relative, linked, through linked folders), whether or not
/// the file exists yet. A pipe or a device is refused: it would be taken for an emptied ledger, and moved out of the way of a new one.
pub(super) fn canonical(path: &Path) -> Result<PathBuf> {
    let real = true_path(path).map_err(|error| io_failure(path, &error))?;
    let is_file_or_none = fs::metadata(&real).map_or(true, |found| found.is_file());
    if is_file_or_none && real.file_name().is_some() {
        return Ok(real);
    }
    Err(Error::of("ledger_no_file", &[&path.display()]))
}

/// Of what is still to be made: where a link leads, or as its nearest folder that is there.
pub fn true_path(path: &Path) -> io::Result<PathBuf> {
    use io::ErrorKind::{NotFound, PermissionDenied};
    let folder = folder_of(path);
    match (canonicalize(path), fs::read_link(path), path.file_name()) {
        // A link's target is meant from the link's own folder.
        (Err(error), Ok(target), _) if error.kind() == NotFound => true_path(&folder.join(target)),
        (Err(error), Err(_), Some(name)) if error.kind() != PermissionDenied => {
            Ok(true_path(folder)?.join(name))
        }
        (real, ..) => real.map(as_people_write_it),
    }
}

/// Windows' true path of a share, a mapped drive's too, without its prefix; that of a disk has none any more.
fn as_people_write_it(path: PathBuf) -> PathBuf {
    let text = path.to_str().unwrap_or_default();
    match text.strip_prefix(r"\\?\UNC\") {
        Some(share) => PathBuf::from(format!(r"\\{share}")),
        None => path,
    }
}

/// Only the usual folder is made where it is missing.
pub(super) fn require_folder(path: &Path) -> Result<()> {
    if folder_of(path).is_dir() {
        return Ok(());
    }
    Err(Error::of("ledger_folder_missing", &[&path.display()]))
}

/// Opens what is there for reading, unless it is no file: to open a pipe is to wait for who writes into it.
pub fn open_file(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        return File::open(path);
    }
    Err(io::Error::other("it is not a file"))
}

pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file beside the ledger, such as `acme.db-wal`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens a file for reading and writing, creates it if need be, and lets nobody but its owner in, under any umask.
pub(super) fn open_private(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path);
    close_to_others(path);
    file.map_err(|error| io_failure(path, &error))
}

/// Takes a file's permissions from everybody but its owner. Best effort: on a file of somebody else's, SQLite will tell.
pub(super) fn close_to_others(path: &Path) {
    #[cfg(unix)]
    if is_open_to_others(path) {
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        let _ = fs::set_permissions(path, private);
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Deletes files beside this one that are nearly always not there.
pub(super) fn remove(path: &Path, suffixes: &[&str]) -> Result<()> {
    let mut files = suffixes.iter().map(|suffix| beside(path, suffix));
    files.try_for_each(|file| if_there(path, fs::remove_file(file)))
}

/// What was done with a file, which may not be there.
pub(super) fn if_there(path: &Path, done: io::Result<()>) -> Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_failure(path, &error)),
        _ => Ok(()),
    }
}

/// Gives a whole file its name, durably: a new name is that once its folder is.
pub(super) fn publish(file: &Path, path: &Path) -> Result<()> {
    failpoint::pass("before_published");
    let published = fs::rename(file, path).and_then(|()| match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    });
    published.map_err(|error| io_failure(path, &error))?;
    failpoint::pass("after_published");
    Ok(())
}

/// In bytes; 0 for a file that is not there.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

pub(super) fn io_failure(path: &Path, error: &io::Error) -> Error {
    Error::of("ledger_failed.file", &[&path.display(), error])
}

/// A file that has two names, or is mounted by itself, has its log under one of them only: two processes would write two ledgers.
pub(super) fn refuse_second_name(path: &Path) -> Result<()> {
    let why = if identity(path).is_some_and(|(_, names)| names > 1) {
        "has a second name (a hard link)"
    } else if is_mount_point(path) {
        "is mounted as a single file"
    } else {
        return Ok(());
    };
    Err(Error::of("ledger_second_name", &[&path.display(), &why]))
}

/// What tells one file from another under the same name, and how many names it has.
#[cfg(unix)]
fn identity(path: &Path) -> Option<((u64, u64), u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).ok()?;
    Some(((found.dev(), found.ino()), found.nlink()))
}

#[cfg(windows)]
fn identity(path: &Path) -> Option<((u64, u64), u64)> {
    let found = winapi_util::file::information(File::open(path).ok()?).ok()?;
    let identity = (found.volume_serial_number(), found.file_index());
    Some((identity, found.number_of_links()))
}

#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path) -> bool {
    false
}

/// What SQLite leaves of a log that has grown.
pub(super) const LOG_MAX_BYTES: u64 = 64 << 20;

/// Notices when the ledger or its write-ahead log is deleted, replaced or cut while it is open: what is then written goes nowhere.
#[derive(Debug)]
pub(super) struct FileWatch {
    path: PathBuf,
    /// Ledger and log, when last looked at.
    seen: Cell<[SeenFile; 2]>,
}

/// Which file it was, and its bytes.
type SeenFile = (Option<(u64, u64)>, u64);

impl FileWatch {
    /// Remembers the files as they are now.
    pub(super) fn new(path: &Path) -> FileWatch {
        FileWatch {
            path: path.to_path_buf(),
            seen: Cell::new(look(path)),
        }
    }

    /// Complains when they are no longer the same; of what was cut, for ever.
    pub(super) fn check(&self) -> Result<()> {
        let seen = look(&self.path);
        let are_same = |were: [SeenFile; 2]| were.map(|file| file.0) == seen.map(|file| file.0);
        if !self.is_cut() && are_same(self.seen.replace(seen)) {
            return Ok(());
        }
        Err(Error::of("ledger_replaced", &[&self.path.display()]))
    }

    /// Whether they are the same and shorter. The ledger only grows. The log may be cut to its usual size.
    pub(super) fn is_cut(&self) -> bool {
        let now = look(&self.path).into_iter().zip([u64::MAX, LOG_MAX_BYTES]);
        let mut both = self.seen.get().into_iter().zip(now);
        both.any(|(was, (now, most))| was.0 == now.0 && now.1 < was.1.min(most))
    }
}

fn look(path: &Path) -> [SeenFile; 2] {
    ["", "-wal"].map(|suffix| {
        let file = beside(path, suffix);
        (identity(&file).map(|(identity, _)| identity), size(&file))
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemCheck {
    /// The ledger's true path.
    pub path: PathBuf,
    pub exists: bool,
    /// How it lies where it is not safe, and what may come of it; goes on behind "The ledger lies".
    pub hazard: Option<String>,
    /// Space left for this user; unknown where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Whether the folder takes new files, which the log beside the ledger needs.
    pub is_writable: bool,
    /// Files of the ledger that others may read or write; none where this is not looked at.
    pub open_to_others: Option<Vec<PathBuf>>,
}

/// Looks at the place of the ledger at `path`, which need not exist yet, nor its folder if that `is_made` by the first run.
pub fn check_file_system(path: &Path, is_made: bool) -> Result<FileSystemCheck> {
    let path = canonical(path)?;
    if !is_made {
        require_folder(&path)?;
    }
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let folder = folder.unwrap_or(&path);
    let files = ["", "-wal", "-shm", ".lock", NEW].map(|suffix| beside(&path, suffix));
    let open = files.into_iter().filter(|file| is_open_to_others(file));
    Ok(FileSystemCheck {
        exists: path.exists(),
        hazard: hazard(&path, kind_of(folder), is_wsl()),
        free_bytes: free_bytes(folder),
        // By trying: a folder on a disk mounted read-only has fine permissions. The file has no name that a kill could leave behind.
        is_writable: tempfile::tempfile_in(folder).is_ok(),
        open_to_others: cfg!(unix).then(|| open.collect()),
        path,
    })
}

/// Folder names of programs that keep copies elsewhere, as they stand at the beginning of a part of the path.
const SYNCED: [(&str, &str); 8] = [
    ("onedrive", "OneDrive"),
    ("dropbox", "Dropbox"),
    ("google drive", "Google Drive"),
    ("googledrive", "Google Drive"),
    ("icloud", "iCloud"),
    ("mobile documents", "iCloud"),
    ("nextcloud", "Nextcloud"),
    ("creative cloud files", "Creative Cloud"),
];

/// Of a file system that is gone with the next start.
const MEMORY: &str = "memory";

/// `kind` as of `kind_of`.
fn hazard(path: &Path, kind: Option<&str>, is_wsl: bool) -> Option<String> {
    let text = path.to_string_lossy().to_lowercase();
    // `/mnt/c/…`: where WSL shows the disks of Windows.
    let disk = text.strip_prefix("/mnt/").map(str::as_bytes);
    if is_wsl && matches!(disk, Some([b'a'..=b'z', b'/', ..])) {
        let words = "on a Windows disk seen through WSL, where locks do not hold";
        return Some(words.to_owned());
    }
    // `\\?\C:\…` is a disk of this machine, spelled out.
    let is_share =
        text.starts_with(r"\\?\unc\") || text.starts_with(r"\\") && !text.starts_with(r"\\?\");
    // Whoever puts one among temporary files knows that it does not last.
    if kind == Some(MEMORY) && !path.starts_with(std::env::temp_dir()) {
        let words = "in memory, and is gone with this machine's next start: everybody would be invited again";
        return Some(words.to_owned());
    }
    let network = kind.filter(|kind| *kind != MEMORY);
    if let Some(kind) = network.or(is_share.then_some("a network share")) {
        return Some(format!(
            "on a network file system ({kind}), where it can be damaged"
        ));
    }
    // By both systems' separators, as texts.
    let mut folders = text.split(['/', '\\']).rev().skip(1);
    let program_of = |folder: &str| SYNCED.iter().find(|(name, _)| folder.starts_with(name));
    let (_, program) = folders.find_map(program_of)?;
    Some(format!(
        "in a folder of {program}, which copies it while it is written, tokens included"
    ))
}

/// By a file that other systems do not have.
fn is_wsl() -> bool {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .is_ok_and(|release| release.to_lowercase().contains("microsoft"))
}

/// The kind of file system on another machine or in memory, by the numbers of Linux's `statfs(2)`.
#[cfg(target_os = "linux")]
fn kind_of(folder: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(folder).ok()?;
    #[expect(
        clippy::useless_conversion,
        reason = "the word's size differs between machines"
    )]
    let kind = i64::from(found.f_type) & 0xFFFF_FFFF;
    Some(match kind {
        0x6969 => "NFS",
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => "SMB",
        0x0102_1997 => "9P",
        0x5346_414F => "AFS",
        0x00C3_6400 => "Ceph",
        0x0116_1970 => "GFS2",
        0x0BD0_0BD0 => "Lustre",
        0x0102_1994 | 0x8584_58F6 => MEMORY,
        _ => return None,
    })
}

#[cfg(not(target_os = "linux"))]
fn kind_of(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// What others may do with a file; none where this is not looked at: on Windows the folder's rights are handed down to its files.
pub fn mode_of(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    let mode = |metadata| Some(std::os::unix::fs::MetadataExt::mode(&metadata));
    #[cfg(not(unix))]
    let mode = |_| None;
    mode(fs::metadata(path).ok()?)
}

fn is_open_to_others(path: &Path) -> bool {
    mode_of(path).is_some_and(|mode| mode & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    #[test]
    fn a_share_is_called_as_people_call_it() {
        for (path, shown) in [
            (r"\\?\UNC\server\share\عملاء", r"\\server\share\عملاء"),
            (r"\\?\C:\data", r"\\?\C:\data"),
            ("/home/mona", "/home/mona"),
        ] {
            assert_eq!(as_people_write_it(PathBuf::from(path)), Path::new(shown));
        }
    }

    #[test]
    fn places_that_are_not_safe_are_known() {
        for (path, network, expected) in rows::<(&str, &str, &str)>("place.hazards") {
            let wsl = network.strip_prefix("WSL ");
            let network = Some(wsl.unwrap_or(network)).filter(|name| !name.is_empty());
            let found = hazard(Path::new(path), network, wsl.is_some());
            let found = found.unwrap_or_else(|| "nothing".into());
            assert!(found.contains(expected), "{path}: {found}");
        }
    }
}
