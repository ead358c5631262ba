//! Forgets personal data and tokens of rows that were finished long ago, in the file and in its log.

use super::memory::delete_moved_away;
use super::open::Ledger;
use super::place::FileWatch;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::model::Timestamp;

impl Ledger {
    /// Overwrites cells, bodies, tokens and messages of rows that were finished before `cutoff`, and deletes ledgers that were set aside
    /// before. Returns how many rows and session tokens are gone, and how many rows as old were kept, since they are pending, failed or
    /// uncertain.
    pub fn purge_older_than(&mut self, cutoff: Timestamp) -> Result<(u64, u64, u64)> {
        let purge = include_str!("purge.sql").replace("CUTOFF", &cutoff.0.to_string());
        self.db.script("PRAGMA secure_delete = ON")?;
        let report = self.write(|ledger| {
            ledger.db.script(&purge)?;
            let report = "SELECT rows, tokens, kept FROM temp.report, temp.kept";
            ledger.db.first(report, ())
        })?;
        // The file is written afresh, so that neither it nor its log holds anything deleted.
        self.cut_log()?;
        self.db.script("VACUUM")?;
        failpoint::pass("after_vacuum");
        self.cut_log()?;
        self.db.script("PRAGMA secure_delete = FAST")?;
        self.watch = FileWatch::new(self.path());
        delete_moved_away(self.path(), cutoff.0)?;
        Ok(report.unwrap_or_default())
    }

    fn cut_log(&self) -> Result<()> {
        match self.db.value("PRAGMA wal_checkpoint(TRUNCATE)", ())? {
            Some(true) => Err(Error::of("ledger_busy.purge", &[])),
            _ => Ok(()),
        }
    }
}
