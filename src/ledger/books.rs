//! The open connection with what every write needs: the salt, the process at work, and sums that are added up once a commit.

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::body::Skeletons;
use super::fault::{Fault, Result};
use super::first_rows::ShortKey;
use super::process::Process;
use crate::model::{RunId, Status};

/// Knows an invitation: 96 bits, so that even among a thousand million no two are taken for one.
pub(super) type KeyHash = ShortKey;

/// Tells one content from the next of the same invitation, for which 64 bits are plenty.
pub(super) type ContentHash = [u8; 8];

/// Keys the hashes of customers and contents.
pub(super) type Salt = [u8; 32];

/// What the room's inner functions write with. Only [`super::Ledger`] begins and ends transactions.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) conn: Connection,
    pub(super) salt: Salt,
    pub(super) process: Option<Process>,
    pub(super) skeletons: Skeletons,
    pub(super) sums: Sums,
}

impl Books {
    /// The process at work.
    pub(super) fn process(&self) -> Result<&Process> {
        self.process
            .as_ref()
            .ok_or_else(|| Fault::damaged("something is to be recorded before its process was"))
    }

    /// Writes the sums of this transaction; the last step before its commit.
    pub(super) fn flush_sums(&mut self) -> Result<()> {
        for (tally, change) in self
            .sums
            .tallies
            .drain(..)
            .filter(|(_, change)| *change != 0)
        {
            self.conn
                .prepare_cached(
                    "INSERT INTO tallies (sheet_id, status, run_id, n) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET n = n + excluded.n",
                )?
                .execute((tally.sheet, tally.status.into_str(), tally.run, change))?;
        }
        let (requests, throttled) = (self.sums.requests, self.sums.throttled);
        self.sums.requests = 0;
        self.sums.throttled = 0;
        if let Some(RunId(run)) = self.process.as_ref().and_then(|process| process.run)
            && (requests, throttled) != (0, 0)
        {
            self.conn
                .prepare_cached("UPDATE runs SET requests = requests + ?2, throttled = throttled + ?3 WHERE id = ?1")?
                .execute((run, requests, throttled))?;
        }
        Ok(())
    }
}

/// Without the ledger's salt, a hash tells nobody whether a phone number is among the customers.
pub(super) fn keyed_hash<const N: usize>(salt: &Salt, domain: &[u8], value: &[u8]) -> [u8; N] {
    const { assert!(N <= 32) };
    let digest = Sha256::new()
        .chain_update(salt)
        .chain_update(domain)
        .chain_update(value)
        .finalize();
    let mut hash = [0; N];
    hash.copy_from_slice(&digest[..N]);
    hash
}

/// One line of the tallies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) sheet: i64,
    pub(super) status: Status,
    /// The run that created it; 0 for every other status.
    pub(super) run: i64,
}

/// What the present transaction adds to tallies and counters.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// A handful of lines at any time, so a list is faster than a map.
    tallies: Vec<(Tally, i64)>,
    pub(super) requests: i64,
    pub(super) throttled: i64,
}

impl Sums {
    pub(super) fn add(&mut self, tally: Tally, change: i64) {
        match self.tallies.iter_mut().find(|(known, _)| *known == tally) {
            Some((_, sum)) => *sum += change,
            None => self.tallies.push((tally, change)),
        }
    }

    /// Forgets everything: the transaction was rolled back.
    pub(super) fn clear(&mut self) {
        *self = Sums::default();
    }
}

/// A row of a sheet as one number (see the schema).
pub(super) fn place_of(sheet: i64, row: u32) -> i64 {
    (sheet << 32) | i64::from(row)
}

/// The sheet and the row number of a place.
pub(super) fn sheet_and_row(place: i64) -> (i64, u32) {
    (
        place >> 32,
        u32::try_from(place & 0xFFFF_FFFF).unwrap_or(u32::MAX),
    )
}

/// The status that a word in the ledger names.
pub(super) fn status_of(word: &str) -> Result<Status> {
    word.parse()
        .map_err(|_| Fault::damaged("a status is none of the known words"))
}

/// A count from a row of a query.
pub(super) fn count_at(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index)
        .map(|count| u64::try_from(count).unwrap_or(0))
}
