//! The looking side: read-only, at any time, beside a sender or in a folder that may not be written; creates nothing. Where runs
//! stand, in no time at any size: from the tallies.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};

use super::attempts::{NotEnded, Sender, newest_process, not_ended};
use super::import::standing;
use super::memory::{Loss, Mark};
use super::open::{Binding, Salt, binding_and_salt, bound_elsewhere, recognise, refuse_unseen};
use super::place;
use super::sql::{Fault, Outcome, Statements as _};
use super::status::{InvitationId, count_at, due, sheet_of, unknown_run};
use crate::error::Error;
use crate::model::{
    Counts, EarlierRow, Invitation, RowNumber, RunId, RunSummary, Standing, Status, Stop, Timestamp,
};

/// A read-only view of a ledger.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
    path: PathBuf,
    binding: Binding,
    salt: Salt,
}

impl Reader {
    /// Opens the ledger at `path`; `None` when there is none.
    pub fn open(path: &Path) -> Result<Option<Reader>, Error> {
        let path = place::canonical(path)?;
        if !path.exists() {
            return Ok(None);
        }
        refuse_unseen(&path)?;
        // The file is SQLite's alone to open: should this process have the ledger open for writing as well, closing any other
        // handle would drop that one's locks (POSIX), and whoever then looks in last would take its log away.
        connect(&path)
            .and_then(|conn| {
                recognise(&conn, &path)?;
                let (binding, salt) = binding_and_salt(&conn)?;
                Ok(Reader {
                    conn,
                    binding,
                    salt,
                    path: path.clone(),
                })
            })
            .map(Some)
            .map_err(|fault| fault.recognising(&path))
    }

    /// Refuses a ledger that belongs to another tenant or address.
    pub fn require(&self, wanted: &Binding) -> Result<(), Error> {
        if self.binding() == wanted {
            return Ok(());
        }
        Err(bound_elsewhere(&self.path, self.binding(), wanted))
    }

    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Its true path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How an invitation stands, and which number it has; `None` when it was never seen.
    pub fn standing(
        &self,
        invitation: &Invitation,
    ) -> Result<Option<(InvitationId, Standing)>, Error> {
        self.look(|conn| {
            let found = standing(conn, &self.salt, invitation)?;
            Ok(found.map(|(id, standing)| (InvitationId(id), standing)))
        })
    }

    /// The run and row that created an invitation; `None` when it was not created.
    pub fn created_in(&self, invitation: InvitationId) -> Result<Option<EarlierRow>, Error> {
        const CREATED_IN: &str = "
            SELECT u.id, u.source, r.row
            FROM invitations i CROSS JOIN runs u ON u.id = i.created_run
            CROSS JOIN contents c ON c.invitation_id = i.id CROSS JOIN rows r ON r.content_id = c.id AND r.sheet_id = u.sheet_id
            WHERE i.id = ?1";
        self.look(|conn| {
            conn.first(CREATED_IN, [invitation.0], |row| {
                Ok(EarlierRow {
                    run: RunId(row.get(0)?),
                    source: row.get(1)?,
                    row: RowNumber(row.get(2)?),
                })
            })
        })
    }

    pub fn newest_run(&self) -> Result<Option<RunId>, Error> {
        let newest = "SELECT id FROM runs ORDER BY id DESC LIMIT 1";
        self.look(|conn| conn.first(newest, (), |row| Ok(RunId(row.get(0)?))))
    }

    /// Who writes, if nobody has said that he ended.
    pub fn sender(&self) -> Result<Option<Sender>, Error> {
        self.look(newest_process)
    }

    /// The body of the first row that is due in a run, if any.
    pub fn first_due_body(&self, run: RunId) -> Result<Option<String>, Error> {
        self.look(|conn| {
            let first = due(conn, &self.salt, run, RowNumber(0), 1)?;
            Ok(first.into_iter().next().map(|row| row.body))
        })
    }

    /// The newest runs, newest first. `sender_alive`: whether some process holds the ledger's lock.
    pub fn runs(
        &self,
        sender_alive: bool,
        now: Timestamp,
        at_most: u32,
    ) -> Result<Vec<RunSummary>, Error> {
        self.look(|conn| {
            let mut overview = Overview::begin(conn, sender_alive, now)?;
            let mut statement = conn.prepare(&format!("{RUNS} ORDER BY r.id DESC LIMIT ?1"))?;
            let mut rows = statement.query([at_most])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                runs.push(overview.summary(row, self)?);
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
    ) -> Result<RunSummary, Error> {
        self.look(|conn| {
            let mut overview = Overview::begin(conn, sender_alive, now)?;
            let mut statement = conn.prepare_cached(&format!("{RUNS} WHERE r.id = ?1"))?;
            let mut rows = statement.query([run.0])?;
            let row = rows.next()?.ok_or_else(|| unknown_run(run))?;
            overview.summary(row, self)
        })
    }

    /// How a run's file was named and read.
    pub fn typed(&self, run: RunId) -> Result<Option<String>, Error> {
        let typed = "SELECT typed FROM runs WHERE id = ?1";
        let found = self.look(|conn| conn.first(typed, [run.0], |row| row.get(0)))?;
        Ok(found.flatten())
    }

    /// The first rows of a run that ask for a created invitation with other content.
    pub fn changed_rows(&self, run: RunId, at_most: u32) -> Result<Vec<RowNumber>, Error> {
        const CHANGED: &str = "
            SELECT r.row FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN invitations i ON i.id = c.invitation_id
            WHERE r.sheet_id = ?1 AND i.status = 'created' AND c.body_hash IS NOT (SELECT body_hash FROM contents WHERE id = i.content_id)
            ORDER BY r.row LIMIT ?2";
        self.look(|conn| {
            let sheet = sheet_of(conn, run)?;
            conn.all(CHANGED, (sheet, at_most), |row| Ok(RowNumber(row.get(0)?)))
        })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// One state of the ledger for all looks from now on: beginning and ending a look costs more than most looks themselves.
    pub fn hold(self) -> Result<Reader, Error> {
        let held = self.conn.execute_batch("BEGIN").map_err(Fault::from);
        held.map_err(|fault| fault.reading(&self.path))?;
        Ok(self)
    }

    /// Looks at one state of the ledger, however much is written meanwhile.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T, Error> {
        if !self.conn.is_autocommit() {
            return look(&self.conn).map_err(|fault| fault.reading(&self.path));
        }
        let looked = self
            .conn
            .unchecked_transaction()
            .map_err(Fault::from)
            .and_then(|transaction| {
                let value = look(&transaction)?;
                transaction.commit()?;
                Ok(value)
            });
        looked.map_err(|fault| fault.reading(&self.path))
    }
}

/// Why nothing may be sent with the ledger at `path`, if it lost its memory. Not while this process has it open. `again` as of a
/// worker.
pub fn refuse_loss(path: &Path, again: &str) -> Result<(), Error> {
    let path = place::canonical(path)?;
    // First, as the ledger may grow meanwhile.
    let mark = Mark::beside(&path);
    let mut loss = Loss::of_file(&path, mark);
    if loss.is_none()
        && let Some(reader) = Reader::open(&path)?
    {
        loss = reader.look(|conn| Loss::of_content(conn, mark))?;
    }
    loss.map_or(Ok(()), |loss| Err(loss.error(&path, again)))
}

fn connect(path: &Path) -> Outcome<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri(path, "mode=ro"), flags)?;
    let conn = match probe(&conn) {
        Ok(()) => conn,
        // In a folder that may not be written SQLite cannot make its shared memory. Without a log beside it, the file alone is
        // the whole ledger, and nobody can be writing it.
        Err(_) if !has_log(path) => {
            let conn = Connection::open_with_flags(uri(path, "immutable=1"), flags)?;
            probe(&conn)?;
            conn
        }
        Err(error) => return Err(error.into()),
    };
    conn.busy_timeout(Duration::from_secs(5))?;
    Ok(conn)
}

fn probe(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA user_version", [], |_| Ok(()))
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(place::beside(path, "-wal")).is_ok_and(|metadata| metadata.len() > 0)
}

/// SQLite's spelling of a path with a parameter.
fn uri(path: &Path, parameter: &str) -> String {
    let mut uri = String::from("file:");
    // Without slashes of ours no part is taken for a host's name, and a path of Windows stays what it is.
    for character in path.to_string_lossy().chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri.push('?');
    uri.push_str(parameter);
    uri
}

const RUNS: &str = "
    SELECT r.id, r.sheet_id, r.source, r.started_ms, r.finished_ms, r.stopped, s.rows, r.changed, r.requests, r.throttled, r.seconds, r.reason
    FROM runs r JOIN sheets s ON s.id = r.sheet_id";

/// What the summaries of all runs are made from, looked up once.
struct Overview<'c> {
    conn: &'c Connection,
    now: Timestamp,
    at_work: Option<i64>,
    not_ended: Vec<NotEnded>,
    /// Pending rows of each sheet whose request was opened and never closed, and whose sender is dead.
    lost: HashMap<i64, u64>,
    /// Created rows of each sheet that have no token, since a person settled them or another computer has it.
    without_token: HashMap<i64, u64>,
    /// The rows of sheets by status; whatever was created counts as created earlier.
    sheets: HashMap<i64, Counts>,
}

impl<'c> Overview<'c> {
    fn begin(conn: &'c Connection, sender_alive: bool, now: Timestamp) -> Outcome<Self> {
        Ok(Overview {
            conn,
            now,
            at_work: at_work(conn, sender_alive)?,
            not_ended: not_ended(conn)?,
            lost: if sender_alive {
                HashMap::new()
            } else {
                by_sheet(conn, LOST)?
            },
            without_token: by_sheet(conn, WITHOUT_TOKEN)?,
            sheets: HashMap::new(),
        })
    }

    /// The summary from a row of [`RUNS`].
    fn summary(&mut self, row: &Row<'_>, reader: &Reader) -> Outcome<RunSummary> {
        let run: i64 = row.get(0)?;
        let sheet = row.get(1)?;
        let running = self.at_work == Some(run);
        let finished_at = row.get::<_, Option<i64>>(4)?.map(Timestamp);
        let stopped: Option<String> = row.get(5)?;
        let stopped = stopped.and_then(|word| word.parse().ok());
        let is_gone = finished_at.is_none() && !running;
        Ok(RunSummary {
            run: RunId(run),
            source: row.get(2)?,
            base_url: reader.binding.base_url.clone(),
            tenancy_name: reader.binding.tenancy_name.clone(),
            started_at: Timestamp(row.get(3)?),
            finished_at,
            stopped: stopped.or(is_gone.then_some(Stop::Killed)),
            rows: count_at(row, 6)?,
            counts: self.counts(sheet, run)?,
            changed: count_at(row, 7)?,
            without_token: self.without_token.get(&sheet).copied().unwrap_or(0),
            requests: count_at(row, 8)?,
            throttled: count_at(row, 9)?,
            seconds: row.get::<_, f64>(10)? + self.seconds_not_ended(run),
            ledger: reader.path.display().to_string(),
            running,
            reason: row.get(11)?,
        })
    }

    fn counts(&mut self, sheet: i64, run: i64) -> Outcome<Counts> {
        const CREATED: &str =
            "SELECT n FROM tallies WHERE sheet_id = ?1 AND status = 'created' AND run_id = ?2";
        let mut counts = match self.sheets.entry(sheet) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(counts_of(self.conn, sheet)?),
        };
        let created = self
            .conn
            .first(CREATED, (sheet, run), |row| count_at(row, 0))?;
        counts.created = created.unwrap_or(0);
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

fn counts_of(conn: &Connection, sheet: i64) -> Outcome<Counts> {
    const COUNT: &str = "SELECT status, sum(n) FROM tallies WHERE sheet_id = ?1 GROUP BY status";
    let by_status: Vec<(Status, u64)> =
        conn.all(COUNT, [sheet], |row| Ok((row.get(0)?, count_at(row, 1)?)))?;
    let mut counts = Counts::default();
    for (status, n) in by_status {
        let count = match status {
            Status::Created => &mut counts.already_created,
            Status::Invalid => &mut counts.invalid,
            Status::Duplicate => &mut counts.duplicate,
            Status::Rejected => &mut counts.rejected,
            Status::Failed => &mut counts.failed,
            Status::Uncertain => &mut counts.uncertain,
            Status::Pending => &mut counts.pending,
        };
        *count = n;
    }
    Ok(counts)
}

const LOST: &str = "
    SELECT DISTINCT i.id FROM attempts a CROSS JOIN invitations i ON i.id = a.invitation_id AND i.status = 'pending'
    WHERE a.closed_ms IS NULL";

/// Whoever was sent to again after that (because the row had changed) has a link.
const WITHOUT_TOKEN: &str = "
    SELECT DISTINCT i.id FROM attempts a CROSS JOIN invitations i ON i.id = a.invitation_id AND i.status = 'created'
    WHERE a.event IN ('settled_created', 'elsewhere')
      AND NOT EXISTS (SELECT 1 FROM attempts answered WHERE answered.invitation_id = i.id AND answered.event = 'created')";

/// The rows of some invitations, by sheet.
fn by_sheet(conn: &Connection, invitations: &str) -> Outcome<HashMap<i64, u64>> {
    let rows = format!(
        "SELECT r.sheet_id, count(*) FROM ({invitations}) some
         CROSS JOIN contents c ON c.invitation_id = some.id CROSS JOIN rows r ON r.content_id = c.id GROUP BY 1"
    );
    conn.all(&rows, (), |row| Ok((row.get(0)?, count_at(row, 1)?)))
}

/// The run that the living sender works on.
fn at_work(conn: &Connection, sender_alive: bool) -> Outcome<Option<i64>> {
    const AT_WORK: &str = "
        SELECT p.run_id FROM processes p JOIN runs r ON r.id = p.run_id
        WHERE p.id = (SELECT max(id) FROM processes) AND p.seconds IS NULL AND p.command <> 'settle'
          AND r.finished_ms IS NULL";
    if !sender_alive {
        return Ok(None);
    }
    conn.first(AT_WORK, (), |row| row.get(0))
}
