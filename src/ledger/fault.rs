//! What goes wrong with SQLite and the file below it, and how it is told to a person.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::Error;

/// An error inside this room, before it knows which file it speaks of.
#[derive(Debug)]
pub(super) enum Fault {
    /// From SQLite.
    Sql(rusqlite::Error),
    /// Already in words.
    Told(Error),
}

/// The result of everything inside this room.
pub(super) type Result<T> = std::result::Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(complaint: Error) -> Self {
        Fault::Told(complaint)
    }
}

impl Fault {
    /// A record that contradicts the ledger's own rules.
    pub(super) fn damaged(what: &str) -> Fault {
        Error::unexpected("ledger_damaged", format!("The ledger is damaged: {what}."))
            .hint(DAMAGED_HINT)
            .into()
    }

    /// The complaint of a failed write to the ledger at `path`.
    pub(super) fn writing(self, path: &Path) -> Error {
        self.told(path, "ledger_write_failed", "written")
    }

    /// The complaint of a failed look into the ledger at `path`.
    pub(super) fn reading(self, path: &Path) -> Error {
        self.told(path, "ledger_read_failed", "read")
    }

    /// The complaint of a failed first look at the file at `path`, which may be anything.
    pub(super) fn recognising(self, path: &Path) -> Error {
        match &self {
            Fault::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                super::schema::not_a_ledger(path)
            }
            _ => self.reading(path),
        }
    }

    fn told(self, path: &Path, code: &'static str, verb: &str) -> Error {
        let error = match self {
            Fault::Told(complaint) => return complaint,
            Fault::Sql(error) => error,
        };
        let path = path.display();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::unexpected(
                "ledger_damaged",
                format!("The ledger {path} is damaged ({error})."),
            )
            .hint(DAMAGED_HINT),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::busy(
                "ledger_busy",
                format!("The ledger {path} is held by another program for too long."),
            )
            .hint("Close whatever has it open (a database browser, a backup), then run the command again."),
            Some(ErrorCode::DiskFull) => Error::unexpected(
                code,
                format!("The ledger {path} cannot be {verb}: the disk is full."),
            )
            .hint("Make room on that disk, then run the command again; it goes on where it stopped."),
            _ => Error::unexpected(code, format!("The ledger {path} cannot be {verb} ({error})."))
                .hint("Check that the file and its folder may be written and that the disk is healthy and not full."),
        }
    }
}

const DAMAGED_HINT: &str = "Keep the file and its -wal file as they are, restore the last good copy beside them, and compare the two before sending anything.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_code_and_names_the_file() {
        let cases = [
            (rusqlite::ffi::SQLITE_FULL, "ledger_write_failed"),
            (rusqlite::ffi::SQLITE_READONLY, "ledger_write_failed"),
            (rusqlite::ffi::SQLITE_IOERR, "ledger_write_failed"),
            (rusqlite::ffi::SQLITE_CORRUPT, "ledger_damaged"),
            (rusqlite::ffi::SQLITE_NOTADB, "ledger_damaged"),
            (rusqlite::ffi::SQLITE_BUSY, "ledger_busy"),
        ];
        for (sqlite_code, expected) in cases {
            let error =
                rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(sqlite_code), None);
            let complaint = Fault::Sql(error).writing(Path::new("acme.db"));
            assert_eq!(complaint.code, expected);
            assert!(complaint.message.contains("acme.db"), "{complaint}");
            assert!(complaint.hint.is_some());
        }
    }
}
