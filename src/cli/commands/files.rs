//! Writes results into files: beside their place first, so that a killed process leaves no half file; mode 0600, as most hold
//! tokens or personal data.

use std::fs::File;
use std::path::Path;

use crate::cli::failure::Failure;
use crate::domain::Complaint;

/// Fills the file at `path`, which is replaced only once it is complete.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&File) -> Result<(), Complaint>,
) -> Result<(), Failure> {
    let unwritable = |error: &dyn std::fmt::Display| {
        Failure::unexpected(
            Complaint::new(
                "output_not_written",
                format!("{} cannot be written: {error}", path.display()),
            )
            .hint("Name a file in a folder that exists and may be written to, or `-` for standard output."),
        )
    };
    if is_device(path) {
        // A device or a pipe is written into; renaming a file over it would destroy it.
        let file = File::options()
            .write(true)
            .open(path)
            .map_err(|error| unwritable(&error))?;
        return write(&file).map_err(Failure::unexpected);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new()
        .prefix(".vlens-batch-")
        .tempfile_in(folder)
        .map_err(|error| unwritable(&error))?;
    write(file.as_file()).map_err(Failure::unexpected)?;
    // On disk before it has its name, so that no loss of power leaves an empty file either.
    file.as_file()
        .sync_all()
        .map_err(|error| unwritable(&error))?;
    file.persist(path)
        .map_err(|error| unwritable(&error.error))?;
    Ok(())
}

fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        let failed = replace(&path, |mut file| {
            file.write_all(b"half").unwrap();
            Err(Complaint::new("broken", "broken"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_into_and_stays_one() {
        let path = Path::new("/dev/null");
        replace(path, |mut file| {
            file.write_all(b"gone").unwrap();
            Ok(())
        })
        .unwrap();
        assert!(is_device(path));
    }
}
