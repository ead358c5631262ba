//! The file as SQLite has it open: statements in one line each, and what goes wrong with them told to a person.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Params, Row};

use crate::error::{Error, Result};

/// An open file. Its statements stay prepared by their text.
#[derive(Debug)]
pub(super) struct Db {
    pub(super) conn: Connection,
    /// As people know it.
    pub(super) path: PathBuf,
    is_writing: bool,
}

/// What is read of one line of an answer: a tuple of its columns, or what is made of them.
pub(super) trait Record: for<'r> TryFrom<&'r Row<'r>, Error = rusqlite::Error> {}
impl<T: for<'r> TryFrom<&'r Row<'r>, Error = rusqlite::Error>> Record for T {}

impl Db {
    /// Opens `file`, which people know as `path`, to write it or only to look. There must be one.
    pub(super) fn open(file: &Path, path: &Path, is_writing: bool) -> Result<Db> {
        let mode = if is_writing {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI
        };
        let open = || {
            let conn = Connection::open_with_flags(file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            conn.busy_timeout(Duration::from_secs(5))?;
            // Else a statement is planned anew for each value that is bound, once the ledger was analysed.
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            conn.set_prepared_statement_cache_capacity(64);
            Ok(conn)
        };
        Ok(Db {
            conn: open().map_err(|error| told(&error, path, is_writing))?,
            path: path.to_path_buf(),
            is_writing,
        })
    }

    /// Within a transaction.
    pub(super) fn run(&self, sql: &str, params: impl Params) -> Result<()> {
        self.change(sql, params).map(drop)
    }

    /// The same; returns how many rows were written.
    pub(super) fn change(&self, sql: &str, params: impl Params) -> Result<usize> {
        debug_assert!(!self.conn.is_autocommit(), "{sql}");
        let run = || self.conn.prepare_cached(sql)?.execute(params);
        run().map_err(|error| self.told(&error))
    }

    /// Statements without parameters.
    pub(super) fn script(&self, sql: &str) -> Result<()> {
        let ran = self.conn.execute_batch(sql);
        ran.map_err(|error| self.told(&error))
    }

    pub(super) fn first<T: Record>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
        let first = || {
            let mut statement = self.conn.prepare_cached(sql)?;
            let row = statement.query_row(params, |row| T::try_from(row));
            row.optional()
        };
        first().map_err(|error| self.told(&error))
    }

    /// The first row's only column.
    pub(super) fn value<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
        Ok(self.first::<(T,)>(sql, params)?.map(|(value,)| value))
    }

    pub(super) fn all<T: Record>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, params, |one| {
            all.push(one);
            Ok(())
        })?;
        Ok(all)
    }

    /// What `meta` has under this name.
    pub(super) fn meta(&self, key: &str) -> Result<Option<i64>> {
        self.value("SELECT value FROM meta WHERE key = ?1", [key])
    }

    /// Every row's only column.
    pub(super) fn values<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        let all = self.all::<(T,)>(sql, params)?;
        Ok(all.into_iter().map(|(value,)| value).collect())
    }

    /// One row after the other, however many there are.
    pub(super) fn each<T: Record>(
        &self,
        sql: &str,
        params: impl Params,
        mut visit: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let told = |error| self.told(&error);
        let mut statement = self.conn.prepare_cached(sql).map_err(told)?;
        let rows = statement.query_map(params, |row| T::try_from(row));
        for row in rows.map_err(told)? {
            visit(row.map_err(told)?)?;
        }
        Ok(())
    }

    /// A record that contradicts the ledger's own rules.
    pub(super) fn damaged(&self, what: &str) -> Error {
        damaged(&self.path, what)
    }

    pub(super) fn told(&self, error: &rusqlite::Error) -> Error {
        told(error, &self.path, self.is_writing)
    }
}

fn told(error: &rusqlite::Error, path: &Path, is_writing: bool) -> Error {
    let shown = path.display();
    let verb = if is_writing { "written" } else { "read" };
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => not_a_ledger(path),
        // Without a code of SQLite's own it is a value that cannot stand there.
        Some(ErrorCode::DatabaseCorrupt) | None => damaged(path, &error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::of("ledger_busy.held", &[&shown])
        }
        Some(ErrorCode::DiskFull) => Error::of("ledger_failed.full", &[&shown, &verb]),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            let whose =
                owner(path).map_or_else(String::new, |id| format!(", which is user {id}'s"));
            Error::of("ledger_failed.barred", &[&shown, &verb, &whose])
        }
        _ => Error::of("ledger_failed", &[&shown, &verb, error]),
    }
}

#[cfg(unix)]
fn owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|found| found.uid())
}

#[cfg(not(unix))]
fn owner(_: &Path) -> Option<u32> {
    None
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::of("ledger_damaged", &[&path.display(), &what])
}

/// A file that is something else.
pub(super) fn not_a_ledger(path: &Path) -> Error {
    Error::of("not_a_ledger", &[&path.display()])
}
