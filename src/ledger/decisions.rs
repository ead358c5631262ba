//! What is decided on rows that are in the ledger already: what a run plans for them, what a person says of them, and what is purged.

use std::collections::BTreeSet;

use rusqlite::Row;

use super::attempts::Event;
use super::import::Decide;
use super::memory::Mark;
use super::open::{Ledger, unmasked};
use super::place::Watch;
use super::sql::{Fault, Outcome, Statements as _};
use super::status::{Meeting, count_at, sheet_of};
use crate::error::Error;
use crate::failpoint;
use crate::model::{CustomerKey, Moment, RowNumber, RunId, Standing, Status, Timestamp};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettleReport {
    /// Rows that were uncertain and are settled now.
    pub settled: u64,
    /// Named rows that are not uncertain, or not in the sheet; nothing was done with them.
    pub not_uncertain: Vec<RowNumber>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Rows whose cells are gone.
    pub rows: u64,
    /// Session tokens that are gone.
    pub tokens: u64,
    /// Rows older than the cutoff that were kept, since they are not finished: pending, failed or uncertain.
    pub kept: u64,
}

/// So many rows are held in memory at a time.
const PAGE: u32 = 1000;

/// Rows of a sheet for which something could be done: neither settled as they are, nor due as they are.
const OPEN_ROWS: &str = "
    SELECT r.row, i.id, i.status, c.body_hash IS (SELECT body_hash FROM contents WHERE id = i.content_id), c.id
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN invitations i ON i.id = c.invitation_id
    WHERE r.sheet_id = ?1 AND r.row > ?2
      AND (i.status NOT IN ('created', 'pending') OR i.content_id <> c.id OR i.wanted_id IS NOT NULL)
    ORDER BY r.row LIMIT ?3";

impl Ledger {
    /// Plans the rows of a run's sheet afresh. Returns how many are due now that were not.
    pub fn plan_again(&mut self, run: RunId, decide: Decide<'_>) -> Result<u64, Error> {
        self.write(|ledger| Ok(ledger.meet_again(run, decide)?.0))
    }

    /// Lets the rows of a run's sheet meet their invitations. Returns how many are due now that were not, and how many were created
    /// with another content.
    pub(super) fn meet_again(&self, run: RunId, decide: Decide<'_>) -> Outcome<(u64, i64)> {
        let (mut made_due, mut changed) = (0, 0);
        self.each_open_row(run, |_, meeting| {
            let met = self.meet(&meeting, decide(Some(meeting.standing)), run)?;
            made_due += u64::from(met.made_due);
            changed += i64::from(met.is_changed);
            Ok(())
        })?;
        Ok((made_due, changed))
    }

    /// Makes rows of a run due again because a person says so: those with one of these statuses, of all rows or of those named.
    /// Those whose body was purged stay as they are.
    pub fn retry(
        &mut self,
        run: RunId,
        statuses: &[Status],
        rows: Option<&BTreeSet<RowNumber>>,
        now: &Moment,
    ) -> Result<(), Error> {
        self.write(|ledger| {
            ledger.each_open_row(run, |row, meeting| {
                let is_named = rows.is_none_or(|rows| rows.contains(&row));
                if is_named
                    && statuses.contains(&meeting.standing.status)
                    && ledger.make_due(meeting.invitation, run)?
                {
                    ledger.note_decision(meeting.invitation, Event::Retried, now)?;
                }
                Ok(())
            })
        })
    }

    /// Notes what a person says of uncertain rows: all of the run's, or those named.
    pub fn settle(
        &mut self,
        run: RunId,
        rows: Option<&[RowNumber]>,
        created: bool,
        now: &Moment,
    ) -> Result<SettleReport, Error> {
        self.write(|ledger| {
            let mut settled = 0;
            let mut not_uncertain = rows.unwrap_or_default().to_vec();
            ledger.each_open_row(run, |row, meeting| {
                let is_named = rows.is_none_or(|rows| rows.contains(&row));
                if !is_named || meeting.standing.status != Status::Uncertain {
                    return Ok(());
                }
                settled += 1;
                not_uncertain.retain(|named| *named != row);
                if created {
                    ledger.note_decision(meeting.invitation, Event::SettledCreated, now)?;
                    ledger.set_status(meeting.invitation, Status::Created, run.0)
                } else {
                    ledger.note_decision(meeting.invitation, Event::SettledNotCreated, now)?;
                    ledger.make_due(meeting.invitation, run).map(drop)
                }
            })?;
            Ok(SettleReport {
                settled,
                not_uncertain,
            })
        })
    }

    /// Uncertain rows of a run, all or those named, with their customers.
    pub fn uncertain_customers(
        &self,
        run: RunId,
        rows: Option<&[RowNumber]>,
    ) -> Result<Vec<(RowNumber, CustomerKey)>, Error> {
        const KEY: &str = "SELECT key FROM invitations WHERE id = ?1";
        let mut found = Vec::new();
        let walked = self.each_open_row(run, |row, meeting| {
            if rows.is_none_or(|rows| rows.contains(&row))
                && meeting.standing.status == Status::Uncertain
            {
                let read = |row: &Row<'_>| row.get(0);
                let kept = self.conn.query_row(KEY, [meeting.invitation], read)?;
                found.push((row, unmasked(&self.salt, kept)));
            }
            Ok(())
        });
        self.read(|_| walked).map(|()| found)
    }

    /// Holds as uncertain everybody who may have been invited in a time that the ledger has lost: all that are pending. Sheets that were
    /// lost with it are held when they are imported again.
    pub fn assume_sent(&mut self, run: RunId, now: &Moment) -> Result<u64, Error> {
        let lost = self.lock.mark.get().unwrap_or_default();
        let held = self.write(|ledger| {
            let sheets = lost.sheets - Mark::of(&ledger.conn)?.sheets;
            let note = "INSERT INTO meta (key, value) VALUES ('lost_sheets', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
            ledger.conn.run(note, [sheets.max(0)])?;
            ledger.hold_from(0, run, now)
        })?;
        let mark = Mark::of(&self.conn).map_err(|fault| fault.reading(self.path()))?;
        self.lock.reset(mark, true)?;
        Ok(held)
    }

    fn each_open_row(
        &self,
        run: RunId,
        mut visit: impl FnMut(RowNumber, Meeting) -> Outcome<()>,
    ) -> Outcome<()> {
        let sheet = sheet_of(&self.conn, run)?;
        let mut after = RowNumber(0);
        loop {
            let page: Vec<_> = self.conn.all(OPEN_ROWS, (sheet, after.0, PAGE), open_row)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = *last;
            for (row, meeting) in page {
                visit(row, meeting)?;
            }
        }
    }

    /// Overwrites cells, bodies, tokens and messages of rows that were finished before `cutoff`: created, rejected, invalid, and
    /// duplicates of these. Counts, statuses and keyed hashes stay, so that nobody is invited twice.
    pub fn purge_older_than(&mut self, cutoff: Timestamp) -> Result<PurgeReport, Error> {
        let path = self.path().to_path_buf();
        let failed = |fault: Fault| fault.writing(&path);
        let secure = |mode: &str| {
            self.conn
                .execute_batch(&format!("PRAGMA secure_delete = {mode}"))
                .map_err(Fault::from)
        };
        secure("ON").map_err(failed)?;
        let report = self.write(|ledger| ledger.purge(cutoff))?;
        // The file is written afresh, so that neither it nor its log holds anything deleted.
        self.checkpoint()
            .and_then(|()| Ok(self.conn.execute_batch("VACUUM")?))
            .and_then(|()| {
                failpoint::pass("after_vacuum");
                self.checkpoint()
            })
            .and_then(|()| secure("FAST"))
            .map_err(failed)?;
        self.watch = Watch::new(self.path());
        Ok(report)
    }

    fn checkpoint(&self) -> Outcome<()> {
        let is_busy: bool = self
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

    fn purge(&self, cutoff: Timestamp) -> Outcome<PurgeReport> {
        // Temporary tables: they hold numbers only.
        let conn = &self.conn;
        conn.execute_batch("DROP TABLE IF EXISTS temp.finished; DROP TABLE IF EXISTS temp.purged")?;
        conn.execute(FINISHED, [cutoff.0])?;
        conn.execute(PURGED, [cutoff.0])?;
        let count = |sql: &str| conn.query_row(sql, [], |row| count_at(row, 0));
        let rows =
            count("SELECT count(*) FROM temp.purged p CROSS JOIN rows r ON r.content_id = p.id")?;
        let tokens = count(
            "SELECT count(*) FROM attempts WHERE token IS NOT NULL AND invitation_id IN (SELECT id FROM temp.finished)",
        )?;
        conn.execute_batch(PURGE)?;
        let kept = conn.query_row(KEPT, [cutoff.0], |row| count_at(row, 0))?;
        Ok(PurgeReport { rows, tokens, kept })
    }
}

/// A row of [`OPEN_ROWS`].
fn open_row(row: &Row<'_>) -> rusqlite::Result<(RowNumber, Meeting)> {
    let standing = Standing {
        status: row.get(2)?,
        same_content: row.get(3)?,
    };
    let meeting = Meeting {
        invitation: row.get(1)?,
        standing,
        content: row.get(4)?,
    };
    Ok((RowNumber(row.get(0)?), meeting))
}

const KEPT: &str = "
    SELECT count(*) FROM sheets s CROSS JOIN rows r ON r.sheet_id = s.id CROSS JOIN contents c ON c.id = r.content_id
    WHERE s.imported_ms < ?1 AND c.cells IS NOT NULL";

/// Invitations that are finished and were last touched before the cutoff.
const FINISHED: &str = "
    CREATE TEMP TABLE finished AS SELECT i.id FROM invitations i
    WHERE i.status IN ('created', 'rejected')
      AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.invitation_id = i.id AND coalesce(a.closed_ms, a.opened_ms) >= ?1)";

/// Contents of old sheets alone whose row is finished. A duplicate is finished with its first row.
const PURGED: &str = "
    CREATE TEMP TABLE purged AS SELECT c.id FROM contents c
    WHERE c.cells IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM rows r JOIN sheets s ON s.id = r.sheet_id WHERE r.content_id = c.id AND s.imported_ms >= ?1)
      AND CASE WHEN c.invitation_id IS NOT NULL THEN c.invitation_id IN (SELECT id FROM temp.finished)
          ELSE NOT EXISTS (
              SELECT 1 FROM rows r JOIN rows first ON first.sheet_id = r.sheet_id AND first.row = r.duplicate_of
              JOIN contents own ON own.id = first.content_id
              WHERE r.content_id = c.id AND own.invitation_id NOT IN (SELECT id FROM temp.finished)) END";

/// A problem keeps its code and its place and loses its words and its value.
const PURGE: &str = "
    UPDATE contents SET problems = (SELECT json_group_array(json_set(value, '$.value', '', '$.message', '')) FROM json_each(problems))
    WHERE id IN (SELECT id FROM temp.purged) AND problems IS NOT NULL;
    UPDATE contents SET cells = NULL, body = NULL WHERE id IN (SELECT id FROM temp.purged);
    UPDATE stages SET stage = '' WHERE invitation_id IN (SELECT id FROM temp.finished);
    UPDATE attempts SET token = NULL, message = NULL WHERE invitation_id IN (SELECT id FROM temp.finished);
    UPDATE sheets SET identity = x'' WHERE id IN (SELECT r.sheet_id FROM temp.purged p CROSS JOIN rows r ON r.content_id = p.id)";
