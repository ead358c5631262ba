//! Which row of a sheet was the first with its key: how duplicates within one sheet are found, in a ledger and without one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use crate::model::RowNumber;

/// Twelve bytes of a hash tell a hundred million rows apart with a chance of error of one in ten trillion.
pub type ShortKey = [u8; 12];

/// How many parts there are of which width, in 256ths of all keys.
const PARTS: [(usize, usize); 4] = [(14, 4), (13, 5), (12, 6), (9, 7)];
const PARTS_COUNT: usize = PARTS[0].0 + PARTS[1].0 + PARTS[2].0 + PARTS[3].0;

/// The part of a key by its first byte. Parts follow each other as their keys do.
const PART_OF: [u8; 256] = {
    let mut part_of = [0; 256];
    let (mut first_byte, mut part, mut kind) = (0, 0, 0);
    while kind < PARTS.len() {
        let (mut count, width) = PARTS[kind];
        while count > 0 {
            let end = first_byte + width;
            while first_byte < end {
                part_of[first_byte] = part;
                first_byte += 1;
            }
            part += 1;
            count -= 1;
        }
        kind += 1;
    }
    assert!(first_byte == 256 && part as usize == PARTS_COUNT);
    part_of
};

/// The first row of each key.
///
/// In parts, because a map that grows holds its entries twice for a moment, and half of its room is empty afterwards: here one
/// part grows at a time, and as they are of different widths, each at another time.
#[derive(Debug)]
pub struct FirstRows {
    parts: [HashMap<ShortKey, RowNumber, BuildHasherDefault<Even>>; PARTS_COUNT],
}

impl Default for FirstRows {
    fn default() -> Self {
        FirstRows {
            parts: std::array::from_fn(|_| HashMap::default()),
        }
    }
}

impl FirstRows {
    /// The earlier row with this key, if there is one; else this row is the first from now on.
    pub fn earlier(&mut self, key: ShortKey, row: RowNumber) -> Option<RowNumber> {
        let part = PART_OF[usize::from(key[0])];
        match self.parts[usize::from(part)].entry(key) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(row);
                None
            }
        }
    }

    /// All keys with their rows, in the order of the keys.
    pub fn into_sorted(self) -> impl Iterator<Item = (ShortKey, RowNumber)> {
        self.parts.into_iter().flat_map(|part| {
            let mut sorted: Vec<_> = part.into_iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| as_number(*key));
            sorted
        })
    }
}

/// Numbers are compared at once, bytes one by one.
fn as_number(key: ShortKey) -> u128 {
    let mut bytes = [0; 16];
    bytes[4..].copy_from_slice(&key);
    u128::from_be_bytes(bytes)
}

/// Keys are hashes already, and spread as evenly as another hash could spread them.
#[derive(Debug, Default)]
struct Even(u64);

impl Hasher for Even {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0 << 8 | u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn key(n: u32) -> ShortKey {
        let mut key = ShortKey::default();
        key.copy_from_slice(&Sha256::digest(n.to_be_bytes())[..12]);
        key
    }

    #[test]
    fn the_first_row_of_a_key_stays_the_first() {
        let mut rows = FirstRows::default();
        assert_eq!(rows.earlier(key(1), RowNumber(2)), None);
        assert_eq!(rows.earlier(key(2), RowNumber(3)), None);
        assert_eq!(rows.earlier(key(1), RowNumber(4)), Some(RowNumber(2)));
        assert_eq!(rows.earlier(key(1), RowNumber(5)), Some(RowNumber(2)));
    }

    #[test]
    fn they_come_out_in_the_order_of_their_keys() {
        let mut rows = FirstRows::default();
        for n in 0..2000 {
            rows.earlier(key(n), RowNumber(n));
        }
        let sorted: Vec<_> = rows.into_sorted().collect();
        assert_eq!(sorted.len(), 2000);
        assert!(sorted.is_sorted_by(|(one, _), (next, _)| one < next));
        assert!(sorted.iter().all(|(k, row)| *k == key(row.0)));
    }
}
