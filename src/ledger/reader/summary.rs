//! Where a run stands, in no time at any size: from the tallies.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::super::books::{count_at, status_of};
use super::super::fault::Result;
use super::super::process::{NotEnded, not_ended};
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

    /// The newest runs, newest first. `sender_alive`: whether some process holds the ledger's lock.
    pub fn runs(
        &self,
        sender_alive: bool,
        now: Timestamp,
        at_most: u32,
    ) -> std::result::Result<Vec<RunRecord>, Error> {
        self.look(|conn| {
            let mut overview = Overview::begin(conn, sender_alive, now)?;
            let mut statement = conn.prepare(&format!("{RUNS} ORDER BY r.id DESC LIMIT ?1"))?;
            let mut rows = statement.query([at_most])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                let summary = overview.summary(row, self)?;
                runs.push(RunRecord {
                    in_progress: overview.at_work == Some(summary.run.0),
                    summary,
                });
            }
            Ok(runs)
        })
    }

    /// Where a run stands. Requests on their way count as pending while a sender lives, as uncertain when none does.
    pub fn summary(
        &self,
        run: RunId,
        sender_alive: bool,
        now: Timestamp,
    ) -> std::result::Result<RunSummary, Error> {
        self.look(|conn| {
            let mut overview = Overview::begin(conn, sender_alive, now)?;
            let mut statement = conn.prepare_cached(&format!("{RUNS} WHERE r.id = ?1"))?;
            let mut rows = statement.query([run.0])?;
            let row = rows.next()?.ok_or_else(|| unknown_run(run))?;
            overview.summary(row, self)
        })
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
}

const RUNS: &str = "
    SELECT r.id, r.sheet_id, r.source, r.started_ms, r.finished_ms, r.stopped, s.rows, r.changed, r.requests, r.throttled, r.seconds
    FROM runs r JOIN sheets s ON s.id = r.sheet_id";

/// What the summaries of all runs are made from, looked up once.
struct Overview<'c> {
    conn: &'c Connection,
    now: Timestamp,
    at_work: Option<i64>,
    not_ended: Vec<NotEnded>,
    /// Pending rows of each sheet whose request was opened and never closed, and whose sender is dead.
    lost: HashMap<i64, u64>,
    /// The rows of sheets by status; whatever was created counts as created earlier.
    sheets: HashMap<i64, Counts>,
}

impl<'c> Overview<'c> {
    fn begin(conn: &'c Connection, sender_alive: bool, now: Timestamp) -> Result<Self> {
        Ok(Overview {
            conn,
            now,
            at_work: at_work(conn, sender_alive)?,
            not_ended: not_ended(conn)?,
            lost: if sender_alive {
                HashMap::new()
            } else {
                lost(conn)?
            },
            sheets: HashMap::new(),
        })
    }

    /// The summary from a row of [`RUNS`].
    fn summary(&mut self, row: &Row<'_>, reader: &Reader) -> Result<RunSummary> {
        let run: i64 = row.get(0)?;
        let sheet = row.get(1)?;
        let stopped: Option<String> = row.get(5)?;
        Ok(RunSummary {
            run: RunId(run),
            source: row.get(2)?,
            base_url: reader.binding.base_url.clone(),
            tenancy_name: reader.binding.tenancy_name.clone(),
            started_at: Timestamp(row.get(3)?),
            finished_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
            stopped: stopped.and_then(|word| word.parse().ok()),
            rows: count_at(row, 6)?,
            counts: self.counts(sheet, run)?,
            changed: count_at(row, 7)?,
            requests: count_at(row, 8)?,
            throttled: count_at(row, 9)?,
            seconds: row.get::<_, f64>(10)? + self.seconds_not_ended(run),
            ledger: reader.path.display().to_string(),
        })
    }

    fn counts(&mut self, sheet: i64, run: i64) -> Result<Counts> {
        let mut counts = match self.sheets.entry(sheet) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(counts_of(self.conn, sheet)?),
        };
        counts.created = self
            .conn
            .prepare_cached(
                "SELECT n FROM tallies WHERE sheet_id = ?1 AND status = 'created' AND run_id = ?2",
            )?
            .query_row((sheet, run), |row| count_at(row, 0))
            .optional()?
            .unwrap_or(0);
        counts.already_created -= counts.created;
        let lost = self.lost.get(&sheet).copied().unwrap_or(0);
        counts.pending -= lost;
        counts.uncertain += lost;
        Ok(counts)
    }

    fn seconds_not_ended(&self, run: i64) -> f64 {
        let of_run = self.not_ended.iter().filter(|one| one.run == Some(run));
        let now = (self.at_work == Some(run)).then_some(self.now);
        of_run.map(|process| process.seconds(now)).sum()
    }
}

fn counts_of(conn: &Connection, sheet: i64) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut statement = conn
        .prepare_cached("SELECT status, sum(n) FROM tallies WHERE sheet_id = ?1 GROUP BY status")?;
    let mut rows = statement.query([sheet])?;
    while let Some(row) = rows.next()? {
        let n = count_at(row, 1)?;
        match status_of(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)? {
            Status::Created => counts.already_created = n,
            Status::Invalid => counts.invalid = n,
            Status::Duplicate => counts.duplicate = n,
            Status::Rejected => counts.rejected = n,
            Status::Failed => counts.failed = n,
            Status::Uncertain => counts.uncertain = n,
            Status::Pending => counts.pending = n,
        }
    }
    Ok(counts)
}

/// By sheet.
fn lost(conn: &Connection) -> Result<HashMap<i64, u64>> {
    let mut statement = conn.prepare_cached(
        "SELECT r.place >> 32, count(*)
         FROM (SELECT DISTINCT i.id FROM attempts a CROSS JOIN invitations i ON i.id = a.invitation_id AND i.status = 'pending'
               WHERE a.closed_ms IS NULL) open
         CROSS JOIN (SELECT place, place AS asks_for FROM rows WHERE invitation_id = 0
                     UNION ALL SELECT place, invitation_id FROM rows WHERE invitation_id > 0) r ON r.asks_for = open.id
         GROUP BY 1",
    )?;
    let lost = statement.query_map([], |row| Ok((row.get(0)?, count_at(row, 1)?)))?;
    Ok(lost.collect::<rusqlite::Result<_>>()?)
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
