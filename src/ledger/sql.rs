//! The file as SQLite has it open: statements in one line each, and what goes wrong with them told to a person. What is kept as one
//! value: numbers, words, JSON; and customers and contents, which are kept under nothing that tells a phone number without the ledger's
//! salt.

use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Params, Row, ToSql};
use sha2::{Digest as _, Sha256};
use strum::{EnumString, IntoStaticStr};

use crate::error::{Error, Result};
use crate::model::{CustomerKey, RowNumber, RunId, Status, Stop, Timestamp};

/// An open file. Its statements stay prepared by their text.
#[derive(Debug)]
pub(super) struct Db {
    pub(super) conn: Connection,
    /// As people know it.
    pub(super) path: PathBuf,
    is_writing: bool,
}

/// What is read of one line of an answer: a tuple of its columns, or what is made of them.
pub(super) trait SqlRecord: for<'r> TryFrom<&'r Row<'r>, Error = rusqlite::Error> {}
impl<T: for<'r> TryFrom<&'r Row<'r>, Error = rusqlite::Error>> SqlRecord for T {}

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
            conn: open().map_err(|error| as_error(&error, path, is_writing))?,
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

    pub(super) fn first<T: SqlRecord>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
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

    pub(super) fn all<T: SqlRecord>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
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
    pub(super) fn each<T: SqlRecord>(
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
        as_error(error, &self.path, self.is_writing)
    }
}

fn as_error(error: &rusqlite::Error, path: &Path, is_writing: bool) -> Error {
    let shown = path.display();
    let verb = if is_writing { "written" } else { "read" };
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => not_a_ledger(path),
        // Without a code of SQLite's own it is a value that cannot stand there.
        Some(ErrorCode::DatabaseCorrupt) | None => damaged(path, &error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::of("ledger_failed.held", &[&shown, &verb])
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationId(pub i64);

/// Somebody's word on an invitation. The events of requests are the words of [`Why`](crate::model::Why), `created` and `answered`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    SettledCreated,
    SettledNotCreated,
    /// A person made the row due again.
    Retried,
    /// The team's register says that it is another computer's.
    Elsewhere,
    /// A person had it held, as the ledger has lost what became of it.
    AssumedSent,
}

pub(super) struct Json<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Json)
            .map_err(FromSqlError::other)
    }
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::of("ledger_failed.row", &[&error]))
}

/// Kept by their number, of those that they can have.
macro_rules! numbers {
    ($($name:ident($range:expr)),*) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let number = FromSql::column_result(value)?;
                let is_one = RangeBounds::contains(&$range, &number);
                is_one.then_some($name(number)).ok_or(FromSqlError::InvalidType)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }
    )*};
}

numbers!(InvitationId(1..), RowNumber(..), RunId(1..), Timestamp(..));

/// Kept by their word.
macro_rules! words {
    ($($name:ident),*) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(<&'static str>::from(*self).into())
            }
        }
    )*};
}

words!(Event, Status, Stop);

/// Keys the hashes of customers and contents.
pub(super) type Salt = [u8; 32];

/// Without the ledger's salt, a hash tells nobody whether a phone number is among the customers.
pub(super) fn keyed_hash<const N: usize>(salt: &Salt, domain: &[u8], values: &[&[u8]]) -> [u8; N] {
    const { assert!(N <= 32) };
    let mut hasher = Sha256::new().chain_update(salt).chain_update(domain);
    for value in values {
        hasher.update((value.len() as u64).to_le_bytes());
        hasher.update(value);
    }
    let hash = hasher.finalize();
    std::array::from_fn(|at| hash[at])
}

/// What a customer is kept under: a keyed permutation of 16 bytes (a Feistel network of four rounds), which tells no more than a keyed
/// hash and which the ledger alone can undo, to ask the team's register about customers whose sheet is gone.
pub(super) fn masked(salt: &Salt, key: CustomerKey) -> CustomerKey {
    permuted(salt, u128::from_le_bytes(key), [0, 1, 2, 3]).to_le_bytes()
}

/// The same rounds the other way round, the halves changing their places before and after.
pub(super) fn unmasked(salt: &Salt, kept: CustomerKey) -> CustomerKey {
    let swapped = u128::from_le_bytes(kept).rotate_left(64);
    let key = permuted(salt, swapped, [3, 2, 1, 0]).rotate_left(64);
    key.to_le_bytes()
}

fn permuted(salt: &Salt, key: u128, rounds: [u8; 4]) -> u128 {
    rounds.into_iter().fold(key, |key, round| {
        let half = key >> 64;
        let hash = keyed_hash(salt, &[b'k', round], &[&half.to_le_bytes()[..8]]);
        half | (key ^ u128::from(u64::from_le_bytes(hash))) << 64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kept keys outlive the program that wrote them.
    #[test]
    fn a_key_is_kept_as_ever_and_found_again() {
        let salt = std::array::from_fn(|at| u8::try_from(at).expect("small"));
        let key = *b"0123456789abcdef";
        let kept = masked(&salt, key);
        assert_eq!(
            u128::from_le_bytes(kept),
            0x8d83_2d85_bab3_e4e8_74ea_7290_eef7_338a
        );
        assert_eq!(unmasked(&salt, kept), key);
    }
}
