//! What is decided on rows that are in the ledger already: what a run plans for them, what a person says of them, and what is purged.

use std::collections::BTreeSet;

use super::import::Decide;
use super::keys::unmasked;
use super::memory::Mark;
use super::open::Ledger;
use super::place::Watch;
use super::status::{Meeting, standing_of};
use super::values::{Event, InvitationId};
use crate::error::Error;
use crate::failpoint;
use crate::model::{CustomerKey, Moment, RowNumber, RunId, Status, Timestamp};

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
const PAGE: usize = 1000;

/// Rows of a sheet for which something could be done: neither settled as they are, nor due as they are.
const OPEN_ROWS: &str = "
    SELECT r.row, i.id, i.status, c.body_hash IS (SELECT body_hash FROM contents WHERE id = i.content_id), c.id, i.key, i.was_created IS 1
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN invitations i ON i.id = c.invitation_id
    WHERE r.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND r.row > ?2
      AND (i.status NOT IN ('created', 'pending') OR i.content_id <> c.id OR i.wanted_id IS NOT NULL)
    ORDER BY r.row LIMIT ?3";

/// Such a row, and whose it is.
struct OpenRow {
    row: RowNumber,
    status: Status,
    meeting: Meeting,
    customer: CustomerKey,
}

impl Ledger {
    /// Plans the rows of a run's sheet afresh. Returns how many are due now that were not.
    pub fn plan_again(&mut self, run: RunId, decide: Decide<'_>) -> Result<u64, Error> {
        self.write(|ledger| Ok(ledger.meet_again(run, decide)?.0))
    }

    /// Lets the rows of a run's sheet meet their invitations. Returns how many are due now that were not, and how many were created
    /// with another content.
    pub(super) fn meet_again(&self, run: RunId, decide: Decide<'_>) -> Result<(u64, u64), Error> {
        let (mut made_due, mut changed) = (0, 0);
        self.each_open_row(run, None, |open| {
            let met = self.meet(&open.meeting, decide(Some(open.meeting.standing)))?;
            made_due += u64::from(met.made_due);
            changed += u64::from(met.is_changed);
            Ok(())
        })?;
        Ok((made_due, changed))
    }

    /// Makes rows of a run due again because a person says so: those with one of these statuses, of all rows or of those named.
    /// Those whose body was purged stay as they are. Returns which are due now.
    pub fn retry(
        &mut self,
        run: RunId,
        statuses: &[Status],
        rows: Option<&BTreeSet<RowNumber>>,
        now: &Moment,
    ) -> Result<BTreeSet<RowNumber>, Error> {
        self.write(|ledger| {
            let mut due = BTreeSet::new();
            ledger.each_open_row(run, rows, |open| {
                let id = open.meeting.invitation;
                if statuses.contains(&open.status) && ledger.make_due(id)? {
                    ledger.note_decision(id, Event::Retried, None, now)?;
                    due.insert(open.row);
                }
                Ok(())
            })?;
            Ok(due)
        })
    }

    /// Notes what a person says of uncertain rows: all of the run's, or those named. Returns how many these are.
    pub fn settle(
        &mut self,
        run: RunId,
        rows: Option<&BTreeSet<RowNumber>>,
        created: bool,
        now: &Moment,
    ) -> Result<u64, Error> {
        self.write(|ledger| {
            let mut settled = 0;
            ledger.each_open_row(run, rows, |open| {
                let id = open.meeting.invitation;
                if open.status != Status::Uncertain {
                    return Ok(());
                }
                settled += 1;
                if created {
                    ledger.note_decision(id, Event::SettledCreated, None, now)?;
                    ledger.set_status(id, Status::Created, Some(run))
                } else {
                    ledger.note_decision(id, Event::SettledNotCreated, None, now)?;
                    ledger.make_due(id).map(drop)
                }
            })?;
            Ok(settled)
        })
    }

    /// Uncertain rows of a run, all or those named, with their customers.
    pub fn uncertain_customers(
        &self,
        run: RunId,
        rows: Option<&BTreeSet<RowNumber>>,
    ) -> Result<Vec<(RowNumber, CustomerKey)>, Error> {
        let mut found = Vec::new();
        self.each_open_row(run, rows, |open| {
            if open.status == Status::Uncertain {
                found.push((open.row, open.customer));
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn each_open_row(
        &self,
        run: RunId,
        rows: Option<&BTreeSet<RowNumber>>,
        mut visit: impl FnMut(OpenRow) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after = RowNumber(0);
        loop {
            let page = self.db.all(OPEN_ROWS, (run, after, PAGE), |row| {
                let status = row.get(2)?;
                let meeting = Meeting {
                    invitation: row.get(1)?,
                    standing: standing_of(status, row.get(3)?, row.get(6)?),
                    is_due: status == Status::Pending,
                    content: row.get(4)?,
                };
                Ok(OpenRow {
                    row: row.get(0)?,
                    status,
                    meeting,
                    customer: unmasked(&self.salt, row.get(5)?),
                })
            })?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.row;
            let is_named = |open: &OpenRow| rows.is_none_or(|rows| rows.contains(&open.row));
            page.into_iter().filter(is_named).try_for_each(&mut visit)?;
        }
    }

    /// Holds as uncertain everybody who may have been invited in a time that the ledger has lost: all that are pending. Sheets that were
    /// lost with it are held when they are imported again.
    pub fn assume_sent(&mut self, now: &Moment) -> Result<u64, Error> {
        const NOTE: &str = "
            INSERT INTO meta (key, value) VALUES ('lost_sheets', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
        let lost = self.lock.mark.get().unwrap_or_default();
        let held = self.write(|ledger| {
            let sheets = lost.sheets - Mark::of(&ledger.db)?.sheets;
            ledger.db.run(NOTE, [sheets.max(0)])?;
            ledger.hold_from(InvitationId(0), now)
        })?;
        self.lock.reset(Mark::of(&self.db)?, true)?;
        Ok(held)
    }

    /// Holds what a sheet brought that was imported just now, from this invitation on, if it may be one that was lost.
    pub(super) fn hold_lost_sheet(&self, from: InvitationId, now: &Moment) -> Result<(), Error> {
        const ONE_LESS: &str =
            "UPDATE meta SET value = value - 1 WHERE key = 'lost_sheets' AND value > 0";
        if self.db.run(ONE_LESS, ())? > 0 {
            self.hold_from(from, now)?;
        }
        Ok(())
    }

    fn hold_from(&self, from: InvitationId, now: &Moment) -> Result<u64, Error> {
        const PENDING: &str = "SELECT id FROM invitations WHERE status = 'pending' AND id >= ?1";
        const WHY: &str = "It may have been sent in the time that the ledger has lost.";
        let pending = self.db.all(PENDING, [from], |row| row.get(0))?;
        for &id in &pending {
            self.note_decision(id, Event::AssumedSent, Some(WHY), now)?;
            self.set_status(id, Status::Uncertain, None)?;
        }
        Ok(pending.len() as u64)
    }

    /// Overwrites cells, bodies, tokens and messages of rows that were finished before `cutoff`: created, rejected, invalid, and
    /// duplicates of these. Counts, statuses and keyed hashes stay, so that nobody is invited twice.
    pub fn purge_older_than(&mut self, cutoff: Timestamp) -> Result<PurgeReport, Error> {
        self.db.script("PRAGMA secure_delete = ON")?;
        let report = self.write(|ledger| ledger.purge(cutoff))?;
        // The file is written afresh, so that neither it nor its log holds anything deleted.
        self.cut_log()?;
        self.db.script("VACUUM")?;
        failpoint::pass("after_vacuum");
        self.cut_log()?;
        self.db.script("PRAGMA secure_delete = FAST")?;
        self.watch = Watch::new(self.path());
        Ok(report)
    }

    fn cut_log(&self) -> Result<(), Error> {
        match self.db.value("PRAGMA wal_checkpoint(TRUNCATE)", ())? {
            Some(true) => Err(Error::busy(
                "ledger_busy",
                "The ledger is being read by another program, so that its log still holds what was deleted.",
            )
            .hint("Wait until the export or report has ended, then purge again.")),
            _ => Ok(()),
        }
    }

    fn purge(&self, cutoff: Timestamp) -> Result<PurgeReport, Error> {
        let db = &self.db;
        // Temporary tables: they hold numbers only.
        db.script("DROP TABLE IF EXISTS temp.finished; DROP TABLE IF EXISTS temp.purged")?;
        db.run(FINISHED, [cutoff])?;
        db.run(PURGED, [cutoff])?;
        let rows = db.value(PURGED_ROWS, ())?;
        let tokens = db.value(PURGED_TOKENS, ())?;
        db.script(PURGE)?;
        Ok(PurgeReport {
            rows: rows.unwrap_or(0),
            tokens: tokens.unwrap_or(0),
            kept: db.value(KEPT, [cutoff])?.unwrap_or(0),
        })
    }
}

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

const PURGED_ROWS: &str =
    "SELECT count(*) FROM temp.purged p CROSS JOIN rows r ON r.content_id = p.id";

const PURGED_TOKENS: &str = "
    SELECT count(*) FROM attempts
    WHERE token IS NOT NULL AND invitation_id IN (SELECT id FROM temp.finished)";

/// A problem keeps its code and its place and loses its words and its value.
const PURGE: &str = "
    UPDATE contents SET problems = (SELECT json_group_array(json_set(value, '$.value', '', '$.message', '')) FROM json_each(problems))
    WHERE id IN (SELECT id FROM temp.purged) AND problems IS NOT NULL;
    UPDATE contents SET cells = NULL, body = NULL WHERE id IN (SELECT id FROM temp.purged);
    UPDATE stages SET stage = '' WHERE invitation_id IN (SELECT id FROM temp.finished);
    UPDATE attempts SET token = NULL, message = NULL WHERE invitation_id IN (SELECT id FROM temp.finished);
    UPDATE sheets SET identity = x'' WHERE id IN (SELECT r.sheet_id FROM temp.purged p CROSS JOIN rows r ON r.content_id = p.id)";

const KEPT: &str = "
    SELECT count(*) FROM sheets s CROSS JOIN rows r ON r.sheet_id = s.id CROSS JOIN contents c ON c.id = r.content_id
    WHERE s.imported_ms < ?1 AND c.cells IS NOT NULL";
