//! Where a run stands, in no time at any size: from the tallies.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::books::{count_at, status_of};
use super::super::fault::Result;
use super::super::runs::unknown_run;
use super::Reader;
use crate::error::Error;
use crate::model::{Counts, RunId, RunRecord, RunSummary, Status, Timestamp};

impl Reader {
    /// The newest run.
    pub fn newest_run(&self) -> std::result::Result<Option<RunId>, Error> {
        self.look(super::super::runs::newest_run)
    }

    /// The body of the first row that is due in a run, if any.
    pub fn first_due_body(&self, run: RunId) -> std::result::Result<Option<String>, Error> {
        self.look(|conn| super::super::runs::first_due_body(conn, run))
    }

    /// All runs, newest first. `sender_alive`: whether some process holds the ledger's lock.
    pub fn runs(
        &self,
        sender_alive: bool,
        now: Timestamp,
    ) -> std::result::Result<Vec<RunRecord>, Error> {
        self.look(|conn| {
            let mut statement = conn.prepare("SELECT id FROM runs ORDER BY id DESC")?;
            let ids: Vec<i64> = statement
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let at_work = at_work(conn, sender_alive)?;
            ids.into_iter()
                .map(|id| {
                    let summary = self.summarise(conn, RunId(id), sender_alive, now)?;
                    Ok(RunRecord {
                        summary,
                        in_progress: at_work == Some(id),
                    })
                })
                .collect()
        })
    }

    /// Where a run stands. Requests on their way count as pending while a sender lives, as uncertain when none does.
    pub fn summary(
        &self,
        run: RunId,
        sender_alive: bool,
        now: Timestamp,
    ) -> std::result::Result<RunSummary, Error> {
        self.look(|conn| self.summarise(conn, run, sender_alive, now))
    }

    /// The exit code that the run's last process ended with; none while it is going on and after it was killed.
    pub fn exit_code(&self, run: RunId) -> std::result::Result<Option<i32>, Error> {
        self.look(|conn| {
            conn.query_row("SELECT exit_code FROM runs WHERE id = ?1", [run.0], |row| {
                row.get(0)
            })
            .optional()?
            .ok_or_else(|| unknown_run(run))
        })
    }

    fn summarise(
        &self,
        conn: &Connection,
        run: RunId,
        sender_alive: bool,
        now: Timestamp,
    ) -> Result<RunSummary> {
        let found = conn
            .prepare_cached(
                "SELECT r.sheet_id, r.source, r.started_ms, r.finished_ms, r.stopped, r.changed, r.requests, r.throttled, s.rows
                 FROM runs r JOIN sheets s ON s.id = r.sheet_id WHERE r.id = ?1",
            )?
            .query_row([run.0], |row| {
                let stopped: Option<String> = row.get(4)?;
                let summary = RunSummary {
                    run,
                    source: row.get(1)?,
                    base_url: self.binding.base_url.clone(),
                    tenancy_name: self.binding.tenancy_name.clone(),
                    started_at: Timestamp(row.get(2)?),
                    finished_at: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                    stopped: stopped.as_deref().and_then(|word| word.parse().ok()),
                    rows: count_at(row, 8)?,
                    counts: Counts::default(),
                    changed: count_at(row, 5)?,
                    requests: count_at(row, 6)?,
                    throttled: count_at(row, 7)?,
                    seconds: 0.0,
                    ledger: self.path.display().to_string(),
                };
                Ok((row.get::<_, i64>(0)?, summary))
            })
            .optional()?;
        let (sheet, mut summary) = found.ok_or_else(|| unknown_run(run))?;
        summary.counts = counts(conn, sheet, run)?;
        if !sender_alive {
            let lost = on_their_way(conn, sheet)?.min(summary.counts.pending);
            summary.counts.pending -= lost;
            summary.counts.uncertain += lost;
        }
        let is_at_work = at_work(conn, sender_alive)? == Some(run.0);
        summary.seconds = seconds(conn, run, is_at_work, now)?;
        Ok(summary)
    }
}

fn counts(conn: &Connection, sheet: i64, run: RunId) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut statement =
        conn.prepare_cached("SELECT status, run_id, n FROM tallies WHERE sheet_id = ?1")?;
    let mut rows = statement.query([sheet])?;
    while let Some(row) = rows.next()? {
        let status = status_of(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
        let n: u64 = count_at(row, 2)?;
        let count = match status {
            Status::Created if row.get::<_, i64>(1)? == run.0 => &mut counts.created,
            Status::Created => &mut counts.already_created,
            Status::Invalid => &mut counts.invalid,
            Status::Duplicate => &mut counts.duplicate,
            Status::Rejected => &mut counts.rejected,
            Status::Failed => &mut counts.failed,
            Status::Uncertain => &mut counts.uncertain,
            Status::Pending => &mut counts.pending,
        };
        *count += n;
    }
    Ok(counts)
}

/// Pending rows of a sheet whose request was opened and never closed.
fn on_their_way(conn: &Connection, sheet: i64) -> Result<u64> {
    let n = conn
        .prepare_cached(
            "SELECT count(DISTINCT i.id) FROM processes p
             CROSS JOIN attempts a ON a.process_id = p.id AND a.closed_ms IS NULL
             CROSS JOIN invitations i ON i.id = a.invitation_id AND i.status = 'pending'
             WHERE EXISTS (SELECT 1 FROM rows r WHERE r.place = i.id AND r.invitation_id = 0 AND r.place >> 32 = ?1)
                OR EXISTS (SELECT 1 FROM rows r WHERE r.invitation_id = i.id AND r.invitation_id > 0 AND r.place >> 32 = ?1)",
        )?
        .query_row([sheet], |row| count_at(row, 0))?;
    Ok(n)
}

/// The run that the living sender works on.
fn at_work(conn: &Connection, sender_alive: bool) -> Result<Option<i64>> {
    if !sender_alive {
        return Ok(None);
    }
    let run = conn
        .prepare_cached(
            "SELECT p.run_id FROM processes p JOIN runs r ON r.id = p.run_id
             WHERE p.id = (SELECT max(id) FROM processes) AND p.seconds IS NULL AND r.finished_ms IS NULL",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(run)
}

/// How long all processes together worked on a run. One that was killed worked until the last thing it noted.
fn seconds(conn: &Connection, run: RunId, is_at_work: bool, now: Timestamp) -> Result<f64> {
    let mut statement = conn.prepare_cached(
        "SELECT seconds, anchor_ms, id = (SELECT max(id) FROM processes),
                (SELECT max(closed_ms) FROM attempts a WHERE a.process_id = p.id)
         FROM processes p WHERE run_id = ?1",
    )?;
    let mut rows = statement.query([run.0])?;
    let mut total = 0.0;
    while let Some(row) = rows.next()? {
        let began_ms: i64 = row.get(1)?;
        let until_ms = if is_at_work && row.get(2)? {
            Some(now.0)
        } else {
            row.get(3)?
        };
        total += match (row.get::<_, Option<f64>>(0)?, until_ms) {
            (Some(seconds), _) => seconds,
            (None, Some(until_ms)) => in_seconds(until_ms.saturating_sub(began_ms)),
            (None, None) => 0.0,
        };
    }
    Ok(total)
}

fn in_seconds(ms: i64) -> f64 {
    std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64()
}
