//! Where a ledger lies: one true path for all spellings, private files, the lock beside it that lets one process send, and
//! noticing that the file was taken away.

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
    match folder_of(path).canonicalize() {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(io_failure(path, &error))
        }
        Err(_) => Err(Error::unusable(
            "ledger_folder_missing",
            format!(
                "The folder of the ledger {} does not exist.",
                path.display()
            ),
        )
        .hint("Create the folder, or name another place with --ledger.")),
    }
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
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some(Identity(metadata.dev(), metadata.ino()))
    }
    #[cfg(windows)]
    {
        // Stable Rust does not tell a file's index there; the time of creation does nearly as well.
        use std::os::windows::fs::MetadataExt;
        Some(Identity(metadata.creation_time(), 0))
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = metadata;
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
        let path = beside(&canonical(path)?, ".lock");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_named() {
        let complaint = canonical(Path::new("/no/such/folder/acme.db")).unwrap_err();
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
}
