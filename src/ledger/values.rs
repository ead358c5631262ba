//! What is kept as one value: numbers, words, JSON; and customers and contents, which are kept under nothing that tells a phone number
//! without the ledger's salt.

use std::ops::RangeBounds;

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};
use strum::{EnumString, IntoStaticStr};

use crate::error::{Error, Result};
use crate::model::{CustomerKey, RowNumber, RunId, Status, Stop, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationId(pub i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId(pub(super) i64);

/// A request's name, or a ledger's, in the team's register.
pub type RegisterId = [u8; 16];

/// Somebody's word on an invitation. The events of requests are the words of [`Outcome`](crate::model::Outcome).
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

numbers!(
    AttemptId(1..),
    InvitationId(1..),
    RowNumber(..),
    RunId(1..),
    Timestamp(..)
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
