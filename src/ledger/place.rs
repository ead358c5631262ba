//! Where a ledger lies: one true path for all spellings, private files, the lock beside it that lets one process send, noticing that
//! the file was taken away, and what a doctor looks at: file system, space, and who else may read.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::error::Error;

/// How many links a path may lead through before it counts as a loop.
const MAX_LINKS: usize = 40;

/// What follows a ledger's name while it is being made.
pub(super) const UNFINISHED: &str = ".new";

/// The one path that every spelling of a ledger's path leads to (relative, linked, through linked folders), whether or not
/// the file exists yet.
pub(super) fn canonical(path: &Path) -> Result<PathBuf, Error> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            // A link's target is meant from the link's own folder.
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return in_real_folder(&path),
        }
    }
    Err(Error::unexpected(
        "ledger_write_failed",
        format!("The ledger's path {} is a circle of links.", path.display()),
    ))
}

fn in_real_folder(path: &Path) -> Result<PathBuf, Error> {
    let name = path.file_name().ok_or_else(|| {
        Error::unusable(
            "ledger_folder_missing",
            format!("{} is a folder, not a ledger.", path.display()),
        )
        .hint("Give the path of a file, such as vlens-batch.db.")
    })?;
    // A folder that is still to be made is as its nearest one that is there.
    let mut missing = Vec::new();
    let mut folder = folder_of(path).to_path_buf();
    loop {
        match (dunce::canonicalize(&folder), folder.file_name()) {
            (Ok(real), _) => {
                return Ok(missing
                    .iter()
                    .rev()
                    .fold(real, |path, part| path.join(part))
                    .join(name));
            }
            (Err(error), Some(part)) if error.kind() != io::ErrorKind::PermissionDenied => {
                missing.push(part.to_owned());
                folder = folder_of(&folder).to_path_buf();
            }
            (Err(error), _) => return Err(io_failure(path, &error)),
        }
    }
}

/// Only the usual folder is made where it is missing.
fn require_folder(path: &Path) -> Result<(), Error> {
    if folder_of(path).is_dir() {
        return Ok(());
    }
    let message = format!(
        "The folder of the ledger {} does not exist.",
        path.display()
    );
    Err(Error::unusable("ledger_folder_missing", message)
        .hint("Create the folder, or name another place with --ledger."))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file beside the ledger, such as `acme.db-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens a file for reading and writing, creates it if need be, and lets nobody but its owner in, under any umask.
pub(super) fn open_private(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(path)
        .map_err(|error| io_failure(path, &error))?;
    close_to_others(path);
    Ok(file)
}

/// Takes a file's permissions from everybody but its owner. Best effort: on a file of somebody else's, SQLite will tell.
pub(super) fn close_to_others(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(metadata) = fs::metadata(path)
            && metadata.permissions().mode() & 0o077 != 0
        {
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

pub(super) fn io_failure(path: &Path, error: &io::Error) -> Error {
    Error::unexpected(
        "ledger_write_failed",
        format!("{} cannot be written ({error}).", path.display()),
    )
    .hint("Check the permissions of the file and its folder, and that the disk is not full.")
}

/// What tells one file from another under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path).ok()?;
        Some(Identity(metadata.dev(), metadata.ino()))
    }
    #[cfg(windows)]
    {
        let found = winapi_util::file::information(File::open(path).ok()?).ok()?;
        Some(Identity(found.volume_serial_number(), found.file_index()))
    }
    #[cfg(not(any(unix, windows)))]
    {
        fs::metadata(path).ok()?;
        Some(Identity(0, 0))
    }
}

/// Notices when the ledger or its write-ahead log is deleted or replaced while it is open: what is then written goes nowhere.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    files: [(PathBuf, Option<Identity>); 2],
}

impl Watch {
    /// Remembers the files as they are now.
    pub(super) fn new(path: &Path) -> Watch {
        let watched = |path: PathBuf| {
            let identity = identity(&path);
            (path, identity)
        };
        Watch {
            path: path.to_path_buf(),
            files: [watched(path.to_path_buf()), watched(beside(path, "-wal"))],
        }
    }

    /// Complains when they are no longer the same.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self
            .files
            .iter()
            .all(|(path, then)| identity(path) == *then)
        {
            return Ok(());
        }
        Err(Error::unexpected(
            "ledger_replaced",
            format!(
                "The ledger {} was deleted or replaced while it was in use.",
                self.path.display()
            ),
        )
        .hint("Nothing more was sent. Put the original file back if you can, with its -wal file; rows that were on their way are uncertain."))
    }
}

/// A reader's glance at the lock holds it for some microseconds; a sender tries this often before it believes in a rival.
const TRIES: u32 = 5;
const BETWEEN_TRIES_MS: u64 = 10;

/// The right to send with a ledger, held until it is dropped or the process ends, however it ends.
///
/// The lock's file is never deleted: two processes could otherwise lock two files of the same name.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the ledger at `path`, which need not exist yet; `None` when another process holds it.
    pub fn try_acquire(path: &Path) -> Result<Option<Lock>, Error> {
        let path = canonical(path)?;
        require_folder(&path)?;
        let path = beside(&path, ".lock");
        let file = open_private(&path)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Lock { _file: file })),
                Err(TryLockError::WouldBlock) => {
                    thread::sleep(Duration::from_millis(BETWEEN_TRIES_MS));
                }
                Err(TryLockError::Error(error)) => return Err(io_failure(&path, &error)),
            }
        }
        Ok(None)
    }

    /// Whether some process holds the lock of the ledger at `path`. Creates nothing.
    pub fn is_held(path: &Path) -> bool {
        let Ok(path) = canonical(path) else {
            return false;
        };
        match File::open(beside(&path, ".lock")) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemCheck {
    /// The ledger's true path.
    pub path: PathBuf,
    pub exists: bool,
    pub hazard: Option<Hazard>,
    /// Space left for this user; unknown where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Whether the folder takes new files, which the log beside the ledger needs.
    pub is_writable: bool,
    /// Files of the ledger that others may read or write; none where this is not looked at.
    pub open_to_others: Option<Vec<PathBuf>>,
}

/// Places where SQLite's write-ahead log is not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard {
    /// A file system on another machine; its kind.
    Network(&'static str),
    /// A folder that a program copies to elsewhere while the ledger is written; the program.
    Synced(&'static str),
    /// A Windows disk seen from Linux (WSL).
    WindowsMount,
}

/// How a ledger lies there, and what may come of it.
impl std::fmt::Display for Hazard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Hazard::Network(kind) => {
                write!(
                    f,
                    "on a network file system ({kind}), where it can be damaged"
                )
            }
            Hazard::Synced(program) => write!(
                f,
                "in a folder of {program}, which copies it while it is written, tokens included"
            ),
            Hazard::WindowsMount => {
                f.write_str("on a Windows disk seen through WSL, where locks do not hold")
            }
        }
    }
}

/// Looks at the place of the ledger at `path`, which need not exist yet, nor its folder if that `is_made` by the first run.
pub fn check_file_system(path: &Path, is_made: bool) -> Result<FileSystemCheck, Error> {
    let path = canonical(path)?;
    if !is_made {
        require_folder(&path)?;
    }
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let folder = folder.unwrap_or(&path).to_path_buf();
    let files = ["", "-wal", "-shm", ".lock", UNFINISHED].map(|suffix| beside(&path, suffix));
    Ok(FileSystemCheck {
        exists: path.exists(),
        hazard: hazard(&path, network_kind(&folder), is_wsl()),
        free_bytes: free_bytes(&folder),
        is_writable: is_writable(&folder),
        open_to_others: cfg!(unix).then(|| {
            files
                .into_iter()
                .filter(|file| is_open_to_others(file))
                .collect()
        }),
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

fn hazard(path: &Path, network: Option<&'static str>, is_wsl: bool) -> Option<Hazard> {
    if is_wsl && is_windows_mount(path) {
        return Some(Hazard::WindowsMount);
    }
    if let Some(kind) = network {
        return Some(Hazard::Network(kind));
    }
    let text = path.to_string_lossy();
    // `\\?\C:\…` is a disk of this machine, spelled out.
    if text.starts_with(r"\\?\UNC\") || text.starts_with(r"\\") && !text.starts_with(r"\\?\") {
        return Some(Hazard::Network("a network share"));
    }
    // By both systems' separators, as texts.
    let mut parts = text.split(['/', '\\']).rev().skip(1);
    parts.find_map(|part| {
        let part = part.to_lowercase();
        let synced = SYNCED.iter().find(|(name, _)| part.starts_with(name))?;
        Some(Hazard::Synced(synced.1))
    })
}

/// `/mnt/c/…`: where WSL shows the disks of Windows.
fn is_windows_mount(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let mut parts = text.split('/').skip(1);
    parts.next() == Some("mnt")
        && parts
            .next()
            .is_some_and(|disk| disk.len() == 1 && disk.chars().all(|c| c.is_ascii_alphabetic()))
}

#[cfg(target_os = "linux")]
fn is_wsl() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .is_ok_and(|release| release.to_lowercase().contains("microsoft"))
}

#[cfg(not(target_os = "linux"))]
fn is_wsl() -> bool {
    false
}

/// The kind of file system on another machine, by the numbers of Linux's `statfs(2)`.
#[cfg(target_os = "linux")]
fn network_kind(folder: &Path) -> Option<&'static str> {
    const KINDS: [(i64, &str); 9] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "SMB"),
        (0xFE53_4D42, "SMB"),
        (0x0102_1997, "9P"),
        (0x5346_414F, "AFS"),
        (0x00C3_6400, "Ceph"),
        (0x0116_1970, "GFS2"),
        (0x0BD0_0BD0, "Lustre"),
    ];
    let found = rustix::fs::statfs(folder).ok()?;
    #[expect(
        clippy::useless_conversion,
        reason = "the word's size differs between machines"
    )]
    let kind = i64::from(found.f_type) & 0xFFFF_FFFF;
    KINDS
        .iter()
        .find(|(number, _)| *number == kind)
        .map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn network_kind(_: &Path) -> Option<&'static str> {
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

/// By trying: a folder on a disk mounted read-only has fine permissions.
fn is_writable(folder: &Path) -> bool {
    tempfile::Builder::new()
        .prefix(".vlens-batch-")
        .tempfile_in(folder)
        .is_ok()
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_named() {
        let path = Path::new("/no/such/folder/acme.db");
        assert_eq!(canonical(path).unwrap(), path);
        let complaint = Lock::try_acquire(path).unwrap_err();
        assert_eq!(complaint.code, "ledger_folder_missing");
        assert!(complaint.message.contains("/no/such/folder/acme.db"));
    }

    #[cfg(unix)]
    #[test]
    fn every_spelling_leads_to_one_path() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir(real.join("here")).unwrap();
        symlink(real.join("here"), real.join("there")).unwrap();
        symlink("here/acme.db", real.join("link.db")).unwrap();
        symlink("loop.db", real.join("loop.db")).unwrap();
        let expected = real.join("here").join("acme.db");
        for spelling in [
            "here/acme.db",
            "there/acme.db",
            "here/../there/acme.db",
            "link.db",
        ] {
            assert_eq!(
                canonical(&real.join(spelling)).unwrap(),
                expected,
                "{spelling}"
            );
        }
        File::create(&expected).unwrap();
        assert_eq!(canonical(&real.join("link.db")).unwrap(), expected);
        assert!(canonical(&real.join("loop.db")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.db");
        fs::write(&path, "one").unwrap();
        let watch = Watch::new(&path);
        assert!(watch.check().is_ok());
        fs::write(&path, "the same file, other content").unwrap();
        assert!(watch.check().is_ok());
        fs::write(folder.path().join("other"), "two").unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        assert_eq!(watch.check().unwrap_err().code, "ledger_replaced");
        fs::remove_file(&path).unwrap();
        assert_eq!(watch.check().unwrap_err().code, "ledger_replaced");
    }

    #[test]
    fn one_holder_at_a_time_and_free_again_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("acme.db");
        assert!(!Lock::is_held(&ledger));
        assert!(
            !beside(&ledger, ".lock").exists(),
            "looking creates nothing"
        );
        let lock = Lock::try_acquire(&ledger).unwrap().unwrap();
        assert!(Lock::is_held(&ledger));
        assert!(Lock::try_acquire(&ledger).unwrap().is_none());
        drop(lock);
        assert!(!Lock::is_held(&ledger));
        assert!(Lock::try_acquire(&ledger).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn all_spellings_share_one_private_lock() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("acme.db");
        let link = folder.path().join("link.db");
        symlink("acme.db", &link).unwrap();
        let _lock = Lock::try_acquire(&link).unwrap().unwrap();
        assert!(Lock::try_acquire(&ledger).unwrap().is_none());
        let mode = std::fs::metadata(beside(&ledger, ".lock"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn places_that_are_not_safe_are_known() {
        use Hazard::{Network, Synced, WindowsMount};
        for (path, network, is_wsl, expected) in [
            ("/home/mona/vlens/acme.db", None, false, None),
            (
                "/home/mona/acme.db",
                Some("NFS"),
                false,
                Some(Network("NFS")),
            ),
            (
                "/mnt/c/Users/mona/acme.db",
                Some("9P"),
                true,
                Some(WindowsMount),
            ),
            ("/mnt/c/Users/mona/acme.db", None, false, None),
            ("/mnt/data/acme.db", None, true, None),
            (
                "/home/mona/OneDrive - Acme/acme.db",
                None,
                false,
                Some(Synced("OneDrive")),
            ),
            (
                "/Users/mona/Library/Mobile Documents/x/acme.db",
                None,
                false,
                Some(Synced("iCloud")),
            ),
            (
                "/home/mona/Dropbox/acme.db",
                None,
                false,
                Some(Synced("Dropbox")),
            ),
            ("/home/mona/dropbox.db", None, false, None),
            (
                r"\\server\share\acme.db",
                None,
                false,
                Some(Network("a network share")),
            ),
            (
                r"\\?\UNC\server\share\acme.db",
                None,
                false,
                Some(Network("a network share")),
            ),
            (r"\\?\C:\Users\mona\acme.db", None, false, None),
            (
                r"C:\Users\mona\OneDrive - Acme\acme.db",
                None,
                false,
                Some(Synced("OneDrive")),
            ),
        ] {
            assert_eq!(hazard(Path::new(path), network, is_wsl), expected, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn looking_changes_nothing_and_finds_files_open_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.db");
        let before = check_file_system(&path, false).unwrap();
        assert!(!before.exists && before.is_writable && before.open_to_others == Some(Vec::new()));
        assert!(before.free_bytes.is_some());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let after = check_file_system(&path, false).unwrap();
        assert_eq!(after.open_to_others, Some(vec![after.path]));
    }
}
