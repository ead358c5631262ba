//! Which files of an inbox were dealt with: known by their bytes, and, so that not every sweep reads all of them, by path, size and time.

use super::open::Ledger;
use super::reader::Reader;
use crate::error::Error;

/// A file as a sweep finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxFile {
    pub path: String,
    pub size: i64,
    pub modified_ms: i64,
}

impl Reader {
    /// Whether this file was dealt with as it is, by its looks; `config` is the SHA-256 of the config that holds for it now.
    pub fn has_swept(&self, file: &InboxFile, config: &[u8; 32]) -> Result<bool, Error> {
        const SWEPT: &str = "
            SELECT true FROM inbox_files
            WHERE path = ?1 AND size = ?2 AND modified_ms = ?3 AND (unless IS NULL OR unless = ?4)";
        let values = (&file.path, file.size, file.modified_ms, config);
        Ok(self.db.value(SWEPT, values)?.unwrap_or(false))
    }

    /// The same by its bytes, wherever it lay then.
    pub fn has_swept_bytes(&self, bytes: &[u8; 32], config: &[u8; 32]) -> Result<bool, Error> {
        const SWEPT: &str =
            "SELECT true FROM inbox_files WHERE bytes = ?1 AND (unless IS NULL OR unless = ?2)";
        Ok(self.db.value(SWEPT, (bytes, config))?.unwrap_or(false))
    }
}

impl Ledger {
    /// Notes that a file was dealt with; `unless`: that it could not be used, as long as the config is this one.
    pub fn note_swept(
        &mut self,
        file: &InboxFile,
        bytes: &[u8; 32],
        unless: Option<&[u8; 32]>,
    ) -> Result<(), Error> {
        const NOTE: &str = "
            INSERT INTO inbox_files (path, bytes, size, modified_ms, unless) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET size = excluded.size, modified_ms = excluded.modified_ms, unless = excluded.unless";
        let values = (&file.path, bytes, file.size, file.modified_ms, unless);
        self.write(|ledger| ledger.db.run(NOTE, values).map(drop))
    }
}
