//! Where a sheet's bytes come from.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::error::{Error, is_open_elsewhere};
use crate::model::{printable, quoted};

/// How much is looked at to tell what a file is.
pub(super) const HEAD_BYTES: u64 = 1 << 16;
/// Standard input is kept in the folder for temporary files, which may be memory; this is as much as a machine should be
/// asked to hold there.
const STDIN_MAX_BYTES: u64 = 1 << 30;

/// Where a sheet comes from. It is read more than once; whether it changed in between is asked at the end (`refuse_changed`).
#[derive(Debug, Clone)]
pub struct Input {
    /// `None` of standard input.
    pub path: Option<PathBuf>,
    file: Arc<File>,
    /// Its length and when it was written last, as it was opened.
    looks: Option<(u64, SystemTime)>,
}

impl Input {
    pub fn of(path: &Path) -> Result<Input, Error> {
        Ok(Input::with(Some(path.to_owned()), open_file(path)?))
    }

    fn with(path: Option<PathBuf>, file: File) -> Input {
        let (looks, file) = (looks(&file), Arc::new(file));
        Input { path, file, looks }
    }

    /// What is read of a file while it is written in place is of no file: neither the old one nor the new. A log `may_grow`.
    pub fn refuse_changed(&self, may_grow: bool) -> Result<(), Error> {
        let now = looks(&self.file);
        let has_grown = now.map(|(length, _)| length) > self.looks.map(|(length, _)| length);
        if now == self.looks || may_grow && has_grown {
            return Ok(());
        }
        Err(Error::of("file_changed", &[&self.name()]))
    }

    /// Reads `stream`, which can be read only once, to its end and keeps it in a private file without a name.
    pub fn from_stdin(stream: impl Read) -> Result<Input, Error> {
        let mut file = tempfile::tempfile().map_err(|error| Error::temporary(&error))?;
        let copied = io::copy(&mut stream.take(STDIN_MAX_BYTES + 1), &mut file);
        let bytes = copied.map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => Error::temporary(&error),
            _ => Error::of("stdin_unreadable", &[&error]),
        })?;
        if bytes > STDIN_MAX_BYTES {
            return Err(Error::of("stdin_too_long", &[]));
        }
        Ok(Input::with(None, file))
    }

    /// The name by which messages speak of the input.
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => printable(&path.display().to_string()).into_owned(),
            None => "standard input".to_owned(),
        }
    }

    /// As it is typed in a command of another program.
    pub(super) fn typed(&self) -> String {
        let path = self.path.as_ref();
        path.map_or("FILE".to_owned(), |path| quoted(&path.to_string_lossy()))
    }

    /// The SHA-256 of the bytes, so that a run can tell whether it is still the same file.
    pub fn fingerprint(&self) -> Result<[u8; 32], Error> {
        let (mut bytes, mut chunk) = (self.open(), vec![0; 1 << 16]);
        let mut hasher = Sha256::new();
        loop {
            match bytes.read(&mut chunk) {
                Ok(0) => return Ok(hasher.finalize().into()),
                Ok(read) => hasher.update(&chunk[..read]),
                Err(error) => return Err(unreadable(&self.name(), &error)),
            }
        }
    }

    pub(super) fn head(&self, most: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = self.open().take(most).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(&self.name(), &error))?;
        Ok(bytes)
    }

    /// A fresh reader at the first byte.
    pub(super) fn open(&self) -> Handle {
        let file = Arc::clone(&self.file);
        Handle { file, at: 0 }
    }
}

/// A reader over the input's bytes with a place of its own, however many others read the same file.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    file: Arc<File>,
    at: u64,
}

impl Read for Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Handle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        let at = from.checked_add_signed(by);
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn looks(file: &File) -> Option<(u64, SystemTime)> {
    let metadata = file.metadata().ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

pub(super) fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::of("file_unreadable", &[&name, &error])
}

/// What a file is, is looked at before it is opened: to open a pipe is to wait for who writes into it.
fn open_file(path: &Path) -> Result<File, Error> {
    let name = path.display().to_string();
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::of("file_not_found", &[&name]),
        io::ErrorKind::PermissionDenied => Error::of("file_unreadable.forbidden", &[&name, &error]),
        _ if is_open_elsewhere(&error) => Error::of("file_open_elsewhere", &[&name]),
        _ => unreadable(&name, &error),
    };
    let file_name = path.file_name().unwrap_or_default();
    if file_name.as_encoded_bytes().starts_with(b"~$") {
        return Err(Error::of("office_lock_file", &[&name]));
    }
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::of("file_is_directory", &[&name]));
    }
    if !metadata.is_file() {
        return Err(Error::of("file_unreadable.irregular", &[&name]));
    }
    File::open(path).map_err(failed)
}
