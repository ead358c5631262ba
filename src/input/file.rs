//! Where a sheet's bytes come from.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::{Error, is_open_elsewhere};

/// How much is looked at to tell what a file is.
const HEAD_BYTES: u64 = 1 << 16;
/// Standard input is kept in the folder for temporary files, which may be memory; this is as much as a machine should be
/// asked to hold there.
const STDIN_MAX_BYTES: u64 = 1 << 30;

/// Where a sheet comes from.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file. It is opened afresh for each pass over it and must not change in between.
    Path(PathBuf),
    /// Standard input, which can be read only once: its bytes in a private file without a name.
    Stdin(Arc<File>),
}

impl Input {
    /// Reads `stream` to its end and keeps it.
    pub fn from_stdin(stream: impl Read) -> Result<Input, Error> {
        let unreadable = |error: io::Error| {
            Error::unusable(
                "stdin_unreadable",
                format!("Standard input cannot be read: {error}."),
            )
        };
        let mut kept = tempfile::tempfile().map_err(|error| Error::temporary(&error))?;
        let bytes =
            io::copy(&mut stream.take(STDIN_MAX_BYTES + 1), &mut kept).map_err(unreadable)?;
        if bytes > STDIN_MAX_BYTES {
            return Err(
                Error::unusable("stdin_too_long", "Standard input holds more than 1 GiB.")
                    .hint("Save it as a file and name that."),
            );
        }
        Ok(Input::Stdin(Arc::new(kept)))
    }

    /// The name by which messages speak of the input.
    pub fn name(&self) -> String {
        match self {
            Input::Path(path) => path.display().to_string(),
            Input::Stdin(_) => "standard input".to_owned(),
        }
    }

    /// The SHA-256 of the bytes, so that a run can tell whether it is still the same file.
    pub fn fingerprint(&self) -> Result<[u8; 32], Error> {
        let failed = |error: io::Error| unreadable(&self.name(), &error);
        let mut bytes = BufReader::with_capacity(1 << 16, self.open()?);
        let mut hasher = Sha256::new();
        loop {
            let chunk = bytes.fill_buf().map_err(failed)?;
            if chunk.is_empty() {
                return Ok(hasher.finalize().into());
            }
            hasher.update(chunk);
            let read = chunk.len();
            bytes.consume(read);
        }
    }

    /// The first bytes.
    pub(super) fn head(&self) -> Result<Vec<u8>, Error> {
        let mut head = Vec::new();
        let read = self.open()?.take(HEAD_BYTES).read_to_end(&mut head);
        read.map_err(|error| unreadable(&self.name(), &error))?;
        Ok(head)
    }

    /// A fresh reader at the first byte.
    pub(super) fn open(&self) -> Result<Handle, Error> {
        let file = match self {
            Input::Path(path) => Arc::new(open_file(path)?),
            Input::Stdin(file) => Arc::clone(file),
        };
        Ok(Handle { file, at: 0 })
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
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the file");
        self.at = from.checked_add_signed(by).ok_or_else(outside)?;
        Ok(self.at)
    }
}

/// The error about a file that exists and cannot be read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::unusable(
        "file_unreadable",
        format!("{name} cannot be read: {error}."),
    )
}

/// What a file is, is looked at before it is opened: to open a pipe is to wait for who writes into it.
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
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::unusable("file_not_found", format!("There is no file {name}."))
                .hint("Check the name and the folder.")
        }
        io::ErrorKind::PermissionDenied => {
            unreadable(&name.to_string(), &error).hint("Ask for the right to read it.")
        }
        _ if is_open_elsewhere(&error) => Error::unusable(
            "file_open_elsewhere",
            format!("{name} cannot be read while another program has it open."),
        )
        .hint("Close it in Excel, and run the command again."),
        _ => unreadable(&name.to_string(), &error),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
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
    File::open(path).map_err(failed)
}

/// Whether the name is that of the small file which Office puts beside an open document.
fn is_office_lock(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"~$"))
}
