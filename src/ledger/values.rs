//! What is kept as one value: numbers, words, JSON; and customers and contents, which are kept under nothing that tells a phone number
//! without the ledger's salt.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};
use strum::{EnumString, IntoStaticStr};

use crate::error::{Error, Result};
use crate::model::{CustomerKey, RowNumber, RunId, Status, Stop, Timestamp};

/// The number of an invitation in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationId(pub i64);

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

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::of("ledger_write_failed.row", &[&error]))
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

numbers!(AttemptId, InvitationId, RowNumber, RunId, Timestamp);

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
    let mut hash = [0; N];
    hash.copy_from_slice(&hasher.finalize()[..N]);
    hash
}

/// What a customer is kept under: a keyed permutation of 16 bytes (a Feistel network of four rounds), which tells no more than a keyed
/// hash and which the ledger alone can undo, to ask the team's register about customers whose sheet is gone.
pub(super) fn masked(salt: &Salt, key: CustomerKey) -> CustomerKey {
    let (left, right) = (0..4).fold(halves(key), |(left, right), round| {
        (right, left ^ mixed(salt, round, right))
    });
    joined(left, right)
}

pub(super) fn unmasked(salt: &Salt, kept: CustomerKey) -> CustomerKey {
    let (left, right) = (0..4).rev().fold(halves(kept), |(left, right), round| {
        (right ^ mixed(salt, round, left), left)
    });
    joined(left, right)
}

fn mixed(salt: &Salt, round: u8, half: u64) -> u64 {
    u64::from_le_bytes(keyed_hash(salt, &[b'k', round], &[&half.to_le_bytes()]))
}

fn halves(key: CustomerKey) -> (u64, u64) {
    let half = |from: usize| u64::from_le_bytes(std::array::from_fn(|at| key[from + at]));
    (half(0), half(8))
}

fn joined(left: u64, right: u64) -> CustomerKey {
    (u128::from(left) | u128::from(right) << 64).to_le_bytes()
}
