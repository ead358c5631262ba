//! Where runs stand, in no time at any size: from the tallies; what a report plots of them; and whether the file is sound.

use super::attempts::NOTED;
use super::place;
use super::reader::Reader;
use super::values::Json;
use crate::error::Error;
use crate::model::{RowNumber, RunId, RunStatistics, RunSummary, Stop, Timestamp};

/// ?1: whether some process holds the ledger's lock. ?2: now.
const RUNS: &str = include_str!("runs.sql");
const STATISTICS: &str = include_str!("statistics.sql");

/// What SQLite says of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is wrong, in SQLite's words; empty when all is well.
    pub faults: Vec<String>,
    /// Size of the file and its log.
    pub bytes: u64,
}

impl Reader {
    pub fn newest_run(&self) -> Result<Option<RunId>, Error> {
        self.db
            .value("SELECT id FROM runs ORDER BY id DESC LIMIT 1", ())
    }

    /// The newest runs, newest first. `sender_alive`: whether some process holds the ledger's lock.
    pub fn runs(
        &self,
        sender_alive: bool,
        now: Timestamp,
        at_most: u32,
    ) -> Result<Vec<RunSummary>, Error> {
        self.summaries((RunId(1), RunId(i64::MAX)), at_most, sender_alive, now)
    }

    /// Where a run stands. Requests on their way count as pending while a sender lives, as uncertain when none does.
    pub fn summary(
        &self,
        run: RunId,
        sender_alive: bool,
        now: Timestamp,
    ) -> Result<RunSummary, Error> {
        let summary = self.summaries((run, run), 1, sender_alive, now)?.pop();
        summary.ok_or_else(|| self.db.damaged("a run is missing"))
    }

    fn summaries(
        &self,
        (first, last): (RunId, RunId),
        at_most: u32,
        sender_alive: bool,
        now: Timestamp,
    ) -> Result<Vec<RunSummary>, Error> {
        let runs = RUNS.replace("NOTED", NOTED);
        let params = (sender_alive, now, first, last, at_most);
        self.db.all(&runs, params, |row| {
            let (finished_at, running): (Option<Timestamp>, bool) = (row.get(3)?, row.get(11)?);
            let is_gone = finished_at.is_none() && !running;
            let stopped: Option<Stop> = row.get(4)?;
            let Json(counts) = row.get(6)?;
            Ok(RunSummary {
                run: row.get(0)?,
                source: row.get(1)?,
                base_url: self.binding().base_url.clone(),
                tenancy_name: self.binding().tenancy_name.clone(),
                started_at: row.get(2)?,
                finished_at,
                stopped: stopped.or(is_gone.then_some(Stop::Killed)),
                rows: row.get(5)?,
                counts,
                changed: row.get(7)?,
                requests: row.get(8)?,
                throttled: row.get(9)?,
                seconds: row.get(10)?,
                ledger: self.path().display().to_string(),
                running,
                without_token: row.get(12)?,
                reason: row.get(13)?,
            })
        })
    }

    /// How a run's file was named and read.
    pub fn typed(&self, run: RunId) -> Result<Option<String>, Error> {
        let typed = self
            .db
            .value("SELECT typed FROM runs WHERE id = ?1", [run])?;
        Ok(typed.flatten())
    }

    /// The first rows of a run that ask for a created invitation with other content.
    pub fn changed_rows(&self, run: RunId, at_most: u32) -> Result<Vec<RowNumber>, Error> {
        const CHANGED: &str = "
            SELECT r.row FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN invitations i ON i.id = c.invitation_id
            WHERE r.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND i.status = 'created'
              AND c.body_hash IS NOT (SELECT body_hash FROM contents WHERE id = i.content_id)
            ORDER BY r.row LIMIT ?2";
        self.db.all(CHANGED, (run, at_most), |row| row.get(0))
    }

    /// What a report needs to know of a run.
    pub fn statistics(&self, run: RunId) -> Result<RunStatistics, Error> {
        let statistics = self.db.value(STATISTICS, [run])?;
        let Json(statistics) = statistics.ok_or_else(|| self.db.damaged("a run is missing"))?;
        Ok(statistics)
    }

    /// Reads the whole file and checks it.
    pub fn health(&self) -> Result<Health, Error> {
        let check =
            "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
        let size = |suffix| place::size(&place::beside(self.path(), suffix));
        Ok(Health {
            faults: self.db.all(check, (), |row| row.get(0))?,
            bytes: size("") + size("-wal"),
        })
    }
}
