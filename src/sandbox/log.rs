//! The sandbox's memory for tests and rehearsals: one JSON line a request, written before its answer leaves.

use std::{
    borrow::Cow,
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// What became of one request.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub at_ms: u64,
    pub seq: u64,
    pub path: &'a str,
    /// Phone, else e-mail, of the person invited.
    pub key: Option<&'a str>,
    pub types: &'a [i64],
    /// Whether a session was created by this request.
    pub accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
    /// The HTTP status that left; null when none did.
    pub status: Option<u16>,
    pub fault: Option<&'static str>,
    pub error_code: Option<i64>,
    pub body_sha256: String,
    /// The body as it came, of invitations and sessions alone: other bodies hold passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
}

/// An open log.
pub(super) struct Log(Mutex<File>);

impl Log {
    /// Opens it for appending; created, only its owner may read it.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            Error::unusable(
                "sandbox_log",
                format!(
                    "The sandbox cannot write its log {}: {error}.",
                    path.display()
                ),
            )
            .hint("Name a file in a folder that exists and that you may write to.")
        })?;
        Ok(Log(Mutex::new(file)))
    }

    /// Writes one line in one piece, so that it is whole or absent whatever ends the process.
    pub(super) fn write(&self, line: &Line<'_>) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&text)
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let mut hex = String::with_capacity(64);
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
