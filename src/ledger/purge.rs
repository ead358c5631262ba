//! Forgetting finished customers: their data is overwritten; that they were invited stays known, by a keyed hash.

use super::Ledger;
use super::books::{Books, count_at};
use super::fault::{Fault, Result};
use crate::error::Error;
use crate::model::Timestamp;

/// What `purge` did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Rows whose cells are gone.
    pub rows: u64,
    /// Session tokens that are gone.
    pub tokens: u64,
    /// Rows older than the cutoff that were kept, since they are not finished: pending, failed or uncertain.
    pub kept: u64,
}

impl Ledger {
    /// Overwrites cells, bodies, tokens and messages of rows that were finished before `cutoff`: created, rejected, invalid, and
    /// duplicates of these. Counts, statuses and keyed hashes stay, so that nobody is invited twice.
    pub fn purge_older_than(
        &mut self,
        cutoff: Timestamp,
    ) -> std::result::Result<PurgeReport, Error> {
        self.books
            .conn
            .execute_batch("PRAGMA secure_delete = ON")
            .map_err(|error| Fault::from(error).writing(&self.path))?;
        let report = self.write(|books| books.purge(cutoff))?;
        self.compact().map_err(|fault| fault.writing(&self.path))?;
        Ok(report)
    }

    /// Rewrites the file, so that neither it nor its log holds anything deleted.
    fn compact(&mut self) -> Result<()> {
        self.checkpoint()?;
        self.books.conn.execute_batch("VACUUM")?;
        self.checkpoint()?;
        self.books
            .conn
            .execute_batch("PRAGMA secure_delete = FAST")?;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<()> {
        let is_busy: bool =
            self.books
                .conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if is_busy {
            return Err(Error::busy(
                "ledger_busy",
                "The ledger is being read by another program, so that its log still holds what was deleted.",
            )
            .hint("Wait until the export or report has ended, then purge again.")
            .into());
        }
        Ok(())
    }
}

/// Invitations that are finished and were last touched before the cutoff.
const FINISHED: &str = "
    CREATE TEMP TABLE finished AS
    SELECT i.id AS invitation_id,
           EXISTS (SELECT 1 FROM rows r JOIN sheets s ON s.id = r.place >> 32
                   WHERE r.place = i.id AND r.invitation_id = 0 AND s.enrolled_ms >= ?1)
           OR EXISTS (SELECT 1 FROM rows r JOIN sheets s ON s.id = r.place >> 32
                      WHERE r.invitation_id = i.id AND r.invitation_id > 0 AND s.enrolled_ms >= ?1) AS is_listed_anew
    FROM invitations i
    WHERE i.status IN ('created', 'rejected')
      AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.invitation_id = i.id AND coalesce(a.closed_ms, a.opened_ms) >= ?1)";

/// Rows of old sheets to be emptied.
const OLD_ROWS: &str = "
    CREATE TEMP TABLE old_rows AS
    SELECT r.place FROM sheets s JOIN rows r ON r.place BETWEEN s.id << 32 AND (s.id << 32) + 4294967295
    LEFT JOIN rows first ON first.place = (s.id << 32) + r.duplicate_of
    WHERE s.enrolled_ms < ?1 AND r.cells IS NOT NULL
      AND (r.problems IS NOT NULL
           OR coalesce(r.asks_for, first.asks_for) IN (SELECT invitation_id FROM finished))";

/// What is done with them, in order. A problem keeps its code and its place and loses its words and its value.
const STEPS: &[&str] = &[
    "UPDATE rows SET cells = NULL,
       problems = (SELECT json_group_array(json_set(value, '$.value', '', '$.message', '')) FROM json_each(problems))
     WHERE place IN (SELECT place FROM old_rows) AND problems IS NOT NULL",
    "UPDATE rows SET cells = NULL WHERE place IN (SELECT place FROM old_rows) AND cells IS NOT NULL",
    "UPDATE attempts SET token = NULL, message = NULL
     WHERE invitation_id IN (SELECT invitation_id FROM finished) AND (token IS NOT NULL OR message IS NOT NULL)",
    "DELETE FROM bodies WHERE invitation_id IN (SELECT invitation_id FROM finished WHERE NOT is_listed_anew)",
    "DELETE FROM changes WHERE invitation_id IN (SELECT invitation_id FROM finished WHERE NOT is_listed_anew)",
    "UPDATE sheets SET identity = x'' WHERE id IN (SELECT DISTINCT place >> 32 FROM old_rows)",
];

impl Books {
    fn purge(&mut self, cutoff: Timestamp) -> Result<PurgeReport> {
        // Temporary tables: they hold numbers only.
        self.conn.execute_batch(
            "DROP TABLE IF EXISTS temp.finished; DROP TABLE IF EXISTS temp.old_rows;",
        )?;
        self.conn.execute(FINISHED, [cutoff.0])?;
        self.conn.execute(OLD_ROWS, [cutoff.0])?;
        let count = |sql: &str| self.conn.query_row(sql, [], |row| count_at(row, 0));
        let rows = count("SELECT count(*) FROM old_rows")?;
        let tokens = count(
            "SELECT count(*) FROM attempts WHERE token IS NOT NULL AND invitation_id IN (SELECT invitation_id FROM finished)",
        )?;
        for step in STEPS {
            self.conn.execute(step, [])?;
        }
        let kept = self.conn.query_row(
            "SELECT count(*) FROM sheets s JOIN rows r ON r.place BETWEEN s.id << 32 AND (s.id << 32) + 4294967295
             WHERE s.enrolled_ms < ?1 AND r.cells IS NOT NULL",
            [cutoff.0],
            |row| count_at(row, 0),
        )?;
        self.conn
            .execute_batch("DROP TABLE temp.finished; DROP TABLE temp.old_rows;")?;
        Ok(PurgeReport { rows, tokens, kept })
    }
}
