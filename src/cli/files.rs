//! Writes files: beside their place first, so that a killed process leaves no half one, and a reader never sees it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::settings::folder_of;
use crate::error::Error;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone: it holds tokens or personal data.
    Owner,
    /// Everyone on this machine: it holds neither.
    Everyone,
}

/// Fills the file at `path`, which is replaced only once it is complete and on the disk.
pub fn replace(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&File) -> Result<(), Error>,
) -> Result<(), Error> {
    let unwritable = |error| not_written(path, &error);
    swap(path, readers, unwritable, write)
}

/// The same for what is at hand as a whole.
pub fn put(path: &Path, readers: Readers, bytes: &[u8]) -> Result<(), Error> {
    replace(path, readers, |mut file| {
        file.write_all(bytes)
            .map_err(|error| not_written(path, &error))
    })
}

/// The same, in a folder that is made if it is not there yet.
pub fn put_in_new_folder(path: &Path, readers: Readers, bytes: &[u8]) -> Result<(), Error> {
    std::fs::create_dir_all(folder_of(path)).map_err(|error| not_written(path, &error))?;
    put(path, readers, bytes)
}

fn not_written(path: &Path, error: &io::Error) -> Error {
    Error::unexpected(
        "output_not_written",
        format!("{} cannot be written: {error}.", path.display()),
    )
    .hint("See whether its folder exists and may be written to, and whether the disk is full.")
}

/// The same for any error.
pub fn swap<E>(
    path: &Path,
    readers: Readers,
    unwritable: impl Fn(io::Error) -> E,
    write: impl FnOnce(&File) -> Result<(), E>,
) -> Result<(), E> {
    if is_device(path) {
        // A device or a pipe is written into; renaming a file over it would destroy it.
        let file = File::options()
            .write(true)
            .open(path)
            .map_err(&unwritable)?;
        return write(&file);
    }
    let file = tempfile::Builder::new()
        .prefix(".vlens-batch-")
        .tempfile_in(folder_of(path))
        .map_err(&unwritable)?;
    write(file.as_file())?;
    let settle = || {
        if readers == Readers::Everyone {
            let_everyone_read(file.as_file())?;
        }
        file.as_file().sync_all()
    };
    settle().map_err(&unwritable)?;
    match file.persist(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(unwritable(error.error)),
    }
}

/// A temporary file is its owner's alone.
#[cfg(unix)]
fn let_everyone_read(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn let_everyone_read(_: &File) -> io::Result<()> {
    Ok(())
}

fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        let failed = replace(&path, Readers::Owner, |mut file| {
            file.write_all(b"half").unwrap();
            Err(Error::unusable("broken", "broken"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_what_is_no_secret_is_for_everyone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        for (readers, expected) in [(Readers::Owner, 0o600), (Readers::Everyone, 0o644)] {
            let path = folder.path().join(format!("{expected:o}"));
            replace(&path, readers, |_| Ok(())).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected, "{readers:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_into_and_stays_one() {
        let path = Path::new("/dev/null");
        replace(path, Readers::Owner, |mut file| {
            file.write_all(b"gone").unwrap();
            Ok(())
        })
        .unwrap();
        assert!(is_device(path));
    }
}
