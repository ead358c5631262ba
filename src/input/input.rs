//! Where the bytes come from: a file or what standard input held; and what can be wrong with a file before it is read.
//! What the bytes mean is decided elsewhere.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use sha2::{Digest, Sha256};

use crate::error::Error;

/// Where a sheet comes from.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file. It is opened afresh for each pass over it and must not change in between.
    Path(PathBuf),
    /// Standard input, already read to its end.
    Stdin(Arc<[u8]>),
}

/// The SHA-256 of the input's bytes, so that a run can tell whether it is still the same file. Found out on a thread of
/// its own, while the input is opened and looked at.
pub struct Fingerprint(JoinHandle<Result<[u8; 32], Error>>);

impl Fingerprint {
    /// Begins to read.
    pub fn begin(input: &Input) -> Result<Self, Error> {
        let name = input.name();
        let input = input.clone();
        std::thread::Builder::new()
            .name("fingerprint".to_owned())
            .spawn(move || fingerprint(&input))
            .map(Fingerprint)
            .map_err(|error| unreadable(&name, &error))
    }

    /// Waits for the end.
    pub fn finish(self) -> Result<[u8; 32], Error> {
        self.0.join().unwrap_or_else(|_| {
            Err(Error::unusable(
                "file_unreadable",
                "The file's fingerprint cannot be found out.",
            ))
        })
    }
}

fn fingerprint(input: &Input) -> Result<[u8; 32], Error> {
    let mut handle = input.open()?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match handle.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(read) => hasher.update(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(&input.name(), &error)),
        }
    }
}

impl Input {
    /// The name by which messages speak of the input.
    pub fn name(&self) -> String {
        match self {
            Input::Path(path) => path.display().to_string(),
            Input::Stdin(_) => "standard input".to_owned(),
        }
    }

    /// A fresh reader at the first byte.
    pub(super) fn open(&self) -> Result<Handle, Error> {
        match self {
            Input::Path(path) => open_file(path).map(Handle::File),
            Input::Stdin(bytes) => Ok(Handle::Memory(Cursor::new(Arc::clone(bytes)))),
        }
    }
}

/// A reader over the input's bytes.
#[derive(Debug)]
pub(super) enum Handle {
    File(File),
    Memory(Cursor<Arc<[u8]>>),
}

impl Handle {
    /// The size of the input in bytes.
    pub(super) fn size(&self) -> io::Result<u64> {
        match self {
            Handle::File(file) => Ok(file.metadata()?.len()),
            Handle::Memory(cursor) => Ok(cursor.get_ref().len() as u64),
        }
    }
}

impl Read for Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Handle::File(file) => file.read(buffer),
            Handle::Memory(cursor) => cursor.read(buffer),
        }
    }
}

impl Seek for Handle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Handle::File(file) => file.seek(to),
            Handle::Memory(cursor) => cursor.seek(to),
        }
    }
}

/// The complaint about a file that exists and cannot be read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::unusable(
        "file_unreadable",
        format!("{name} cannot be read: {error}."),
    )
}

fn open_file(path: &Path) -> Result<File, Error> {
    let name = path.display();
    if is_office_lock(path) {
        return Err(Error::unusable(
            "office_lock_file",
            format!(
                "{name} is not a sheet: Excel keeps such a file beside a workbook that is open."
            ),
        )
        .hint("Give the workbook itself, the name without the leading ~$."));
    }
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::unusable("file_not_found", format!("There is no file {name}."))
                .hint("Check the name and the folder.")
        }
        io::ErrorKind::PermissionDenied => {
            unreadable(&name.to_string(), &error).hint("Ask for the right to read it.")
        }
        _ => unreadable(&name.to_string(), &error),
    })?;
    let metadata = file
        .metadata()
        .map_err(|error| unreadable(&name.to_string(), &error))?;
    if metadata.is_dir() {
        return Err(
            Error::unusable("file_is_directory", format!("{name} is a folder."))
                .hint("Give the sheet in it."),
        );
    }
    if !metadata.is_file() {
        return Err(Error::unusable(
            "file_unreadable",
            format!("{name} is not a regular file, and a sheet is read more than once."),
        )
        .hint("Give - and pipe the CSV into standard input."));
    }
    Ok(file)
}

/// Whether the name is that of the small file which Office puts beside an open document.
fn is_office_lock(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"~$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(path: &Path) -> &'static str {
        Input::Path(path.to_owned()).open().unwrap_err().code
    }

    #[test]
    fn what_cannot_be_opened_is_named_by_a_stable_code() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("~$customers.xlsx");
        std::fs::write(&lock, b"Mona").unwrap();
        assert_eq!(code_of(&folder.path().join("none.csv")), "file_not_found");
        assert_eq!(code_of(folder.path()), "file_is_directory");
        assert_eq!(code_of(&lock), "office_lock_file");
    }

    #[test]
    fn the_fingerprint_is_that_of_the_bytes_however_they_arrive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, b"abc").unwrap();
        let found = |input: Input| Fingerprint::begin(&input).unwrap().finish().unwrap();
        let of_file = found(Input::Path(path));
        let of_stdin = found(Input::Stdin(Arc::from(&b"abc"[..])));
        assert_eq!(of_file, of_stdin);
        assert_eq!(of_file[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
