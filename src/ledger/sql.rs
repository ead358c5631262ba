//! Statements in one line each, and what goes wrong with them told to a person.

use std::path::Path;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Params, Row};

use crate::error::Error;
use crate::model::Status;

/// Statements by their text, which stay prepared.
pub(super) trait Statements {
    /// Returns how many rows were written.
    fn run(&self, sql: &str, params: impl Params) -> Outcome<usize>;
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Option<T>>;
    fn all<T, C: FromIterator<T>>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<C>;
}

impl Statements for Connection {
    fn run(&self, sql: &str, params: impl Params) -> Outcome<usize> {
        Ok(self.prepare_cached(sql)?.execute(params)?)
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Option<T>> {
        Ok(self
            .prepare_cached(sql)?
            .query_row(params, read)
            .optional()?)
    }

    fn all<T, C: FromIterator<T>>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<C> {
        let mut statement = self.prepare_cached(sql)?;
        Ok(statement
            .query_map(params, read)?
            .collect::<rusqlite::Result<C>>()?)
    }
}

/// A column that holds JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Json)
            .map_err(FromSqlError::other)
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

/// What goes wrong inside this folder, before it is known which file it concerns.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    /// Already in words.
    Told(Error),
}

pub(super) type Outcome<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Told(error)
    }
}

impl Fault {
    /// A record that contradicts the ledger's own rules.
    pub(super) fn damaged(what: &str) -> Fault {
        Error::unexpected("ledger_damaged", format!("The ledger is damaged: {what}."))
            .hint(DAMAGED_HINT)
            .into()
    }

    pub(super) fn writing(self, path: &Path) -> Error {
        self.told(path, "ledger_write_failed", "written")
    }

    pub(super) fn reading(self, path: &Path) -> Error {
        self.told(path, "ledger_read_failed", "read")
    }

    /// A failed first look at a file that may be anything.
    pub(super) fn recognising(self, path: &Path) -> Error {
        match &self {
            Fault::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                not_a_ledger(path)
            }
            _ => self.reading(path),
        }
    }

    fn told(self, path: &Path, code: &'static str, verb: &str) -> Error {
        let error = match self {
            Fault::Told(error) => return error,
            Fault::Sql(error) => error,
        };
        let path = path.display();
        let code_of_sqlite = error.sqlite_error_code();
        if matches!(error, rusqlite::Error::FromSqlConversionFailure(..))
            || matches!(
                code_of_sqlite,
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            )
        {
            let message = format!("The ledger {path} is damaged ({error}).");
            return Error::unexpected("ledger_damaged", message).hint(DAMAGED_HINT);
        }
        match code_of_sqlite {
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

/// A file that is something else.
pub(super) fn not_a_ledger(path: &Path) -> Error {
    Error::unusable(
        "not_a_ledger",
        format!("{} is not a ledger of vlens-batch.", path.display()),
    )
    .hint("Name another file with --ledger; this one was left as it is.")
}
