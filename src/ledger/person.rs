//! What a person decides: rows due again, and what became of uncertain ones.

use std::collections::BTreeSet;

use super::Ledger;
use super::attempts::Event;
use super::books::{Books, place_of, sheet_and_row};
use super::fault::Result;
use super::runs::sheet_of;
use crate::error::Error;
use crate::model::{Moment, RowNumber, RunId, Status};

/// Which rows of a run are to be due again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Rows with one of these statuses.
    pub statuses: Vec<Status>,
    /// Created rows whose content changed, too.
    pub changed_created: bool,
    /// Of those only these rows; none for all.
    pub rows: Option<BTreeSet<RowNumber>>,
    /// Whether a person named them, so that it belongs into their history.
    pub by_person: bool,
}

/// What `settle` did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettleReport {
    /// Rows that were uncertain and are settled now.
    pub settled: u64,
    /// Named rows that are not uncertain, or not in the sheet; nothing was done with them.
    pub not_uncertain: Vec<RowNumber>,
}

impl Ledger {
    /// Makes rows of a run due again; those whose body was purged stay as they are. Returns how many are due now that were not.
    pub fn make_due(
        &mut self,
        run: RunId,
        which: &Due,
        now: &Moment,
    ) -> std::result::Result<u64, Error> {
        self.write(|books| {
            let mut made_due = 0;
            let mut after = 0;
            if !books.may_match(run, which)? {
                return Ok(made_due);
            }
            loop {
                let rows = books.candidates(run, which, after)?;
                let Some(last) = rows.last() else {
                    return Ok(made_due);
                };
                after = last.row.0;
                for candidate in rows.iter().filter(|candidate| which.includes(candidate)) {
                    if books.make_pending(candidate.invitation, run.0)? {
                        made_due += 1;
                        if which.by_person {
                            books.note_decision(candidate.invitation, Event::Retried, now)?;
                        }
                    }
                }
            }
        })
    }

    /// Notes what a person says of uncertain rows: all of the run's, or those named.
    pub fn settle(
        &mut self,
        run: RunId,
        rows: Option<&[RowNumber]>,
        created: bool,
        now: &Moment,
    ) -> std::result::Result<SettleReport, Error> {
        let which = Due {
            statuses: vec![Status::Uncertain],
            rows: rows.map(|rows| rows.iter().copied().collect()),
            ..Due::default()
        };
        self.write(|books| {
            let mut report = SettleReport {
                settled: 0,
                not_uncertain: rows.unwrap_or_default().to_vec(),
            };
            let mut after = 0;
            if !books.may_match(run, &which)? {
                return Ok(report);
            }
            loop {
                let candidates = books.candidates(run, &which, after)?;
                let Some(last) = candidates.last() else {
                    return Ok(report);
                };
                after = last.row.0;
                for candidate in candidates
                    .iter()
                    .filter(|candidate| which.includes(candidate))
                {
                    books.settle_one(candidate.invitation, run, created, now)?;
                    report.settled += 1;
                    report.not_uncertain.retain(|row| *row != candidate.row);
                }
            }
        })
    }
}

/// A row that may be meant.
struct Candidate {
    row: RowNumber,
    invitation: i64,
    status: Status,
    is_changed: bool,
}

impl Due {
    fn includes(&self, candidate: &Candidate) -> bool {
        if candidate.status == Status::Pending {
            return false;
        }
        let is_named = self
            .rows
            .as_ref()
            .is_none_or(|rows| rows.contains(&candidate.row));
        let is_meant = self.statuses.contains(&candidate.status)
            || (self.changed_created
                && candidate.is_changed
                && candidate.status == Status::Created);
        is_named && is_meant
    }
}

/// So many rows are held in memory at a time.
const CHUNK: i64 = 1000;

impl Books {
    fn candidates(&self, run: RunId, which: &Due, after: u32) -> Result<Vec<Candidate>> {
        let sheet = sheet_of(&self.conn, run)?;
        let mut statement = self.conn.prepare_cached(
            "SELECT r.place, i.id, i.status, EXISTS (SELECT 1 FROM changes c WHERE c.invitation_id = i.id)
             FROM rows r JOIN invitations i ON i.id = r.asks_for
             WHERE r.place > ?1 AND r.place < ?2 AND i.status <> 'pending'
               AND (i.status <> 'created' OR ?4 AND EXISTS (SELECT 1 FROM changes c WHERE c.invitation_id = i.id))
             ORDER BY r.place LIMIT ?3",
        )?;
        let bounds = (
            place_of(sheet, after),
            place_of(sheet + 1, 0),
            CHUNK,
            which.changed_created,
        );
        let mut rows = statement.query(bounds)?;
        let mut candidates = Vec::new();
        while let Some(row) = rows.next()? {
            candidates.push(Candidate {
                row: RowNumber(sheet_and_row(row.get(0)?).1),
                invitation: row.get(1)?,
                status: super::books::status_of(
                    row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?,
                )?,
                is_changed: row.get(3)?,
            });
        }
        Ok(candidates)
    }

    /// Whether the tallies know any row that could be meant: looking through a million finished rows takes its time.
    fn may_match(&self, run: RunId, which: &Due) -> Result<bool> {
        let sheet = sheet_of(&self.conn, run)?;
        if which.changed_created
            && self
                .conn
                .prepare_cached("SELECT 1 FROM changes")?
                .exists([])?
        {
            return Ok(true);
        }
        let mut count = self.conn.prepare_cached(
            "SELECT 1 FROM tallies WHERE sheet_id = ?1 AND status = ?2 AND n > 0",
        )?;
        for status in &which.statuses {
            if count.exists((sheet, status.into_str()))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn settle_one(
        &mut self,
        invitation: i64,
        run: RunId,
        created: bool,
        now: &Moment,
    ) -> Result<()> {
        if created {
            self.note_decision(invitation, Event::SettledCreated, now)?;
            return self.transition(invitation, Status::Created, run.0);
        }
        self.note_decision(invitation, Event::SettledNotCreated, now)?;
        self.make_pending(invitation, run.0).map(|_| ())
    }

    fn note_decision(&mut self, invitation: i64, event: Event, now: &Moment) -> Result<()> {
        let process = self.process()?;
        let (run, now_ms) = (process.run.map(|run| run.0), process.steady_ms(now));
        self.conn
            .prepare_cached("INSERT INTO attempts (invitation_id, process_id, run_id, opened_ms, closed_ms, event) VALUES (?1, ?2, ?3, ?4, ?4, ?5)")?
            .execute((invitation, process.id, run, now_ms, event.as_str()))?;
        Ok(())
    }
}
