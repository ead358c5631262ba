//! Runs over enrolled sheets: how they begin and end, and which rows are due.

use rusqlite::{Connection, OptionalExtension as _};

use super::Ledger;
use super::body::unpack;
use super::books::{Books, count_at, place_of, sheet_and_row};
use super::fault::{Fault, Result};
use crate::error::Error;
use crate::model::{Moment, RowNumber, RunId, Status, Stop};

/// The number of a sheet in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetId(pub i64);

/// The number of an invitation in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationId(pub i64);

/// SHA-256 over everything that decides which rows come out of a file and what they become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetIdentity(pub [u8; 32]);

/// A row that is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct DueRow {
    /// The row, as a spreadsheet numbers it.
    pub row: RowNumber,
    /// Its invitation.
    pub invitation: InvitationId,
    /// The request's body.
    pub body: String,
}

/// Holds personal data, so it does not print itself.
impl std::fmt::Debug for DueRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DueRow")
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// The enrolled sheet with this identity. None, too, where a later sheet asked for the same invitations: what the older one asked
    /// for is then no longer kept.
    pub fn known_sheet(
        &self,
        identity: &SheetIdentity,
    ) -> std::result::Result<Option<SheetId>, Error> {
        self.read(|conn| {
            let known = conn
                .query_row(KNOWN_SHEET, [identity.0], |row| row.get(0))
                .optional()?;
            Ok(known.map(SheetId))
        })
    }

    /// Begins a run over a sheet that is enrolled already.
    pub fn begin_run_on(
        &mut self,
        sheet: SheetId,
        source: &str,
        started: &Moment,
    ) -> std::result::Result<RunId, Error> {
        self.write(|books| {
            let changed = books.conn.query_row(
                "SELECT count(*) FROM changes c CROSS JOIN invitations i ON i.id = c.invitation_id AND i.status = 'created'
                 WHERE EXISTS (SELECT 1 FROM rows r WHERE r.place = i.id AND r.invitation_id = 0 AND r.place >> 32 = ?1)
                    OR EXISTS (SELECT 1 FROM rows r WHERE r.invitation_id = i.id AND r.invitation_id > 0 AND r.place >> 32 = ?1)",
                [sheet.0],
                |row| row.get(0),
            )?;
            books.begin_run(sheet, source, started, changed)
        })
    }

    /// The newest run.
    pub fn newest_run(&self) -> std::result::Result<Option<RunId>, Error> {
        self.read(newest_run)
    }

    /// Rows of a run's sheet that are due, in the sheet's order, from behind row `after` on.
    pub fn due(
        &self,
        run: RunId,
        after: RowNumber,
        limit: usize,
    ) -> std::result::Result<Vec<DueRow>, Error> {
        self.read(|conn| due(conn, run, after, limit))
    }

    /// How many rows of a run's sheet are due.
    pub fn due_count(&self, run: RunId) -> std::result::Result<u64, Error> {
        self.read(|conn| {
            let sheet = sheet_of(conn, run)?;
            let count = conn.query_row(
                "SELECT coalesce(sum(n), 0) FROM tallies WHERE sheet_id = ?1 AND status = ?2",
                (sheet, Status::Pending.into_str()),
                |row| count_at(row, 0),
            )?;
            Ok(count)
        })
    }

    /// Ends the work of this process on a run, `seconds` after it began.
    pub fn finish_run(
        &mut self,
        run: RunId,
        stopped: Option<Stop>,
        finished: &Moment,
        seconds: f64,
        exit_code: i32,
    ) -> std::result::Result<(), Error> {
        self.write(|books| {
            books.end_process(seconds)?;
            books.conn.execute(
                "UPDATE runs SET finished_ms = ?2, stopped = ?3, exit_code = ?4 WHERE id = ?1",
                (
                    run.0,
                    finished.at.0,
                    stopped.map(|stop| stop.into_str()),
                    exit_code,
                ),
            )?;
            Ok(())
        })
    }
}

impl Books {
    pub(super) fn begin_run(
        &mut self,
        sheet: SheetId,
        source: &str,
        started: &Moment,
        changed: i64,
    ) -> Result<RunId> {
        self.conn.execute(
            "INSERT INTO runs (sheet_id, source, started_ms, changed) VALUES (?1, ?2, ?3, ?4)",
            (sheet.0, source, started.at.0, changed),
        )?;
        Ok(RunId(self.conn.last_insert_rowid()))
    }
}

/// The body of the first row that is due.
pub(super) fn first_due_body(conn: &Connection, run: RunId) -> Result<Option<String>> {
    let first = due(conn, run, RowNumber(0), 1)?;
    Ok(first.into_iter().next().map(|row| row.body))
}

pub(super) fn newest_run(conn: &Connection) -> Result<Option<RunId>> {
    let newest: Option<i64> = conn.query_row("SELECT max(id) FROM runs", [], |row| row.get(0))?;
    Ok(newest.map(RunId))
}

/// A place begins with its sheet's id: see the migrations.
const KNOWN_SHEET: &str = "
    SELECT id FROM (SELECT max(id) AS id FROM sheets WHERE identity = ?1) known
    WHERE id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM rows later JOIN rows r ON r.asks_for = later.asks_for
        WHERE later.place >= (known.id + 1) << 32 AND later.invitation_id > 0 AND r.place BETWEEN known.id << 32 AND (known.id << 32) + 4294967295)";

/// The sheet of a run; a run that is not there is told to the person who named it.
pub(super) fn sheet_of(conn: &Connection, run: RunId) -> Result<i64> {
    conn.prepare_cached("SELECT sheet_id FROM runs WHERE id = ?1")?
        .query_row([run.0], |row| row.get(0))
        .optional()?
        .ok_or_else(|| unknown_run(run))
}

pub(super) fn unknown_run(run: RunId) -> Fault {
    Error::unexpected("run_unknown", format!("The ledger has no run {run}."))
        .hint("See all runs with: vlens-batch runs")
        .into()
}

/// Rows that are due, with their bodies.
pub(super) fn due(
    conn: &Connection,
    run: RunId,
    after: RowNumber,
    limit: usize,
) -> Result<Vec<DueRow>> {
    let sheet = sheet_of(conn, run)?;
    let mut statement = conn.prepare_cached(
        "SELECT d.place, d.invitation_id, s.text, d.body FROM due d CROSS JOIN skeletons s ON s.id = d.skeleton_id
         WHERE d.place > ?1 AND d.place < ?2 ORDER BY d.place LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((place_of(sheet, after.0), place_of(sheet + 1, 0), limit))?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let (_, number) = sheet_and_row(row.get(0)?);
        let as_text = |index| {
            Ok::<_, Fault>(
                row.get_ref(index)?
                    .as_str()
                    .map_err(rusqlite::Error::from)?,
            )
        };
        due.push(DueRow {
            row: RowNumber(number),
            invitation: InvitationId(row.get(1)?),
            body: unpack(as_text(2)?, as_text(3)?)?,
        });
    }
    Ok(due)
}
