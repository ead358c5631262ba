//! What is kept as one value: numbers, words, JSON.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use strum::{EnumString, IntoStaticStr};

use crate::model::{RowNumber, RunId, Status, Stop, Timestamp};

/// The number of an invitation in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationId(pub i64);

/// The number of a sheet in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetId(pub(super) i64);

/// The number of a request that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId(pub(super) i64);

/// A request's name, or a ledger's, in the team's register.
pub type RegisterId = [u8; 16];

/// What became of a request, or what a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The invitation exists.
    Created,
    /// Vlens will not.
    Rejected,
    /// 429: come back later.
    Throttled,
    /// 503 with `Retry-After`.
    Unavailable,
    /// No connection was made.
    Unreachable,
    /// A connection was made, but nothing was processed.
    Unprocessed,
    /// 401: the token is not accepted.
    Unauthorized,
    /// Every request would be refused alike.
    Refused,
    /// Nobody can tell.
    Uncertain,
    /// A request that is about no invitation has ended.
    #[default]
    Answered,
    /// A person says that the invitation exists.
    SettledCreated,
    /// A person says that the invitation does not exist.
    SettledNotCreated,
    /// A person made the row due again.
    Retried,
    /// The team's register says that it is another computer's.
    Elsewhere,
    /// A person had it held, as the ledger has lost what became of it.
    AssumedSent,
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

/// Kept by their number.
macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map($name)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }
    )*};
}

numbers!(
    AttemptId,
    InvitationId,
    RowNumber,
    RunId,
    SheetId,
    Timestamp
);

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
