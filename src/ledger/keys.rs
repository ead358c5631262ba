//! What customers and contents are kept under: nothing that tells a phone number without the ledger's salt.

use sha2::{Digest as _, Sha256};

use crate::model::CustomerKey;

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
