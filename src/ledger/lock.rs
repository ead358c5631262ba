//! One sender at a time: an operating-system lock on a file beside the ledger, which dies with its holder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::place;
use crate::error::Error;

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
        let path = place::beside(&place::canonical(path)?, ".lock");
        let file = place::open_private(&path)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Lock { _file: file })),
                Err(TryLockError::WouldBlock) => {
                    thread::sleep(Duration::from_millis(BETWEEN_TRIES_MS));
                }
                Err(TryLockError::Error(error)) => return Err(place::io_failure(&path, &error)),
            }
        }
        Ok(None)
    }

    /// Whether some process holds the lock of the ledger at `path`. Creates nothing.
    pub fn is_held(path: &Path) -> bool {
        let Ok(path) = place::canonical(path) else {
            return false;
        };
        match File::open(place::beside(&path, ".lock")) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_free_again_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("acme.db");
        assert!(!Lock::is_held(&ledger));
        assert!(
            !place::beside(&ledger, ".lock").exists(),
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
        let mode = std::fs::metadata(place::beside(&ledger, ".lock"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
