//! A sheet imported in one transaction, row by row: either all of it is in the ledger, or nothing. And the begin of a run, over a
//! sheet that is new or one that is known.

use rusqlite::Connection;

use super::open::{Ledger, Salt, keyed_hash, masked};
use super::sql::{Outcome, Statements as _};
use super::status::Meeting;
use crate::error::Error;
use crate::model::{
    CustomerKey, Invitation, Moment, Plan, Problem, Row, RowNumber, RunId, Standing,
};

/// The number of a sheet in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetId(pub i64);

/// SHA-256 over everything that decides which rows come out of a file and what they become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetIdentity(pub [u8; 32]);

/// A sheet about to be imported.
#[derive(Debug, Clone)]
pub struct NewSheet<'a> {
    /// The source as named on the command line.
    pub source: &'a str,
    /// What it is known again by.
    pub identity: &'a SheetIdentity,
    /// The source's own headers.
    pub columns: &'a [String],
}

/// Says what is to become of a row from how its invitation stands (none: never seen).
pub type Decide<'d> = &'d dyn Fn(Option<Standing>) -> Plan;

/// Tells one content from the next of the same invitation, and one invalid row from the next.
type ContentHash = [u8; 12];

/// Tells one body from the next of the same invitation, for which 64 bits are plenty.
type BodyHash = [u8; 8];

/// An import under way. Dropped without [`Import::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Import<'l> {
    ledger: &'l Ledger,
    run: RunId,
    sheet: SheetId,
    columns: usize,
    /// Whether earlier sheets brought contents, among which each row is looked up.
    has_earlier: bool,
    first_content: i64,
    next_content: i64,
    started: Moment,
    rows: i64,
    changed: i64,
    is_open: bool,
}

/// What a row holds and asks for.
struct Content<'a> {
    body: Option<&'a str>,
    problems: Option<String>,
    cells: String,
    body_hash: Option<BodyHash>,
    hash: ContentHash,
}

impl Ledger {
    /// The newest imported sheet with this identity.
    pub fn known_sheet(&self, identity: &SheetIdentity) -> Result<Option<SheetId>, Error> {
        const KNOWN: &str = "SELECT id FROM sheets WHERE identity = ?1 ORDER BY id DESC LIMIT 1";
        self.read(|conn| conn.first(KNOWN, [identity.0], |row| Ok(SheetId(row.get(0)?))))
    }

    /// Begins a run over a sheet that is imported already: its rows meet their invitations as if it were imported again.
    pub fn begin_run_on(
        &mut self,
        sheet: SheetId,
        source: &str,
        started: &Moment,
        decide: Decide<'_>,
    ) -> Result<RunId, Error> {
        self.write(|ledger| {
            let run = ledger.begin_run(sheet, source, started)?;
            let (_, changed) = ledger.meet_again(run, decide)?;
            ledger.note_changed(run, changed)?;
            Ok(run)
        })
    }

    /// Begins a run with the import of its sheet.
    pub fn import(&mut self, sheet: &NewSheet<'_>, started: &Moment) -> Result<Import<'_>, Error> {
        let columns = to_json(&sheet.columns)?;
        let begun = self.begin().and_then(|()| {
            self.conn.run(
                "INSERT INTO sheets (source, identity, columns, rows, imported_ms) VALUES (?1, ?2, ?3, 0, ?4)",
                (sheet.source, sheet.identity.0, columns, started.at.0),
            )?;
            let sheet_id = SheetId(self.conn.last_insert_rowid());
            let run = self.begin_run(sheet_id, sheet.source, started)?;
            self.conn.execute_batch(IMPORT_CACHE)?;
            let last = "SELECT id FROM contents ORDER BY id DESC LIMIT 1";
            let last: Option<i64> = self.conn.first(last, (), |row| row.get(0))?;
            if last.is_none() {
                self.conn.execute_batch("DROP INDEX invitations_by_key")?;
            }
            Ok((sheet_id, run, last))
        });
        let (sheet_id, run, last) = begun.map_err(|fault| {
            self.roll_back();
            fault.writing(self.path())
        })?;
        Ok(Import {
            run,
            sheet: sheet_id,
            columns: sheet.columns.len(),
            has_earlier: last.is_some(),
            first_content: last.unwrap_or(0) + 1,
            next_content: last.unwrap_or(0) + 1,
            started: started.clone(),
            rows: 0,
            changed: 0,
            is_open: true,
            ledger: self,
        })
    }

    fn begin_run(&self, sheet: SheetId, source: &str, started: &Moment) -> Outcome<RunId> {
        self.conn.run(
            "INSERT INTO runs (sheet_id, source, started_ms, changed) VALUES (?1, ?2, ?3, 0)",
            (sheet.0, source, started.at.0),
        )?;
        Ok(RunId(self.conn.last_insert_rowid()))
    }

    /// Keeps how a run's file was named and read, in whatever form its reader understands.
    pub fn note_typed(&mut self, run: RunId, typed: &str) -> Result<(), Error> {
        let note = "UPDATE runs SET typed = ?2 WHERE id = ?1";
        self.write(|ledger| ledger.conn.run(note, (run.0, typed)).map(drop))
    }

    fn note_changed(&self, run: RunId, changed: i64) -> Outcome<()> {
        let note = "UPDATE runs SET changed = ?2 WHERE id = ?1";
        self.conn.run(note, (run.0, changed)).map(drop)
    }
}

/// Keys and hashes fall anywhere in their indexes: the more of these is in memory the better. Sending needs little.
const IMPORT_CACHE: &str = "PRAGMA cache_size = -34000";
const USUAL_CACHE: &str = "PRAGMA cache_size = -8000; PRAGMA shrink_memory";

impl Import<'_> {
    /// A row with an invitation that no earlier row of its sheet asks for.
    pub fn valid(
        &mut self,
        row: &Row,
        invitation: &Invitation,
        decide: Decide<'_>,
    ) -> Result<(), Error> {
        let content = self.content(row, Some(&invitation.body), None)?;
        self.try_valid(row.number, invitation, &content, decide)
            .map_err(|fault| fault.writing(self.ledger.path()))
    }

    /// A row with an invitation that an earlier row of its sheet asks for.
    pub fn duplicate(&mut self, row: &Row, of: RowNumber) -> Result<(), Error> {
        self.without_invitation(row, None, Some(of))
    }

    pub fn invalid(&mut self, row: &Row, problems: &[Problem]) -> Result<(), Error> {
        self.without_invitation(row, Some(to_json(&problems)?), None)
    }

    /// Makes all of it durable: the run exists.
    pub fn commit(mut self) -> Result<RunId, Error> {
        self.finish()
            .map_err(|fault| fault.writing(self.ledger.path()))?;
        self.is_open = false;
        self.ledger.commit()?;
        Ok(self.run)
    }

    fn content<'a>(
        &self,
        row: &Row,
        body: Option<&'a str>,
        problems: Option<String>,
    ) -> Result<Content<'a>, Error> {
        let cells: Vec<_> = (0..self.columns).map(|at| row.cell(at)).collect();
        let cells = to_json(&cells)?;
        let salt = &self.ledger.salt;
        let asked = body.or(problems.as_deref()).unwrap_or_default();
        Ok(Content {
            hash: keyed_hash(salt, b"content", &[asked.as_bytes(), cells.as_bytes()]),
            body_hash: body.map(|body| body_hash(salt, body)),
            body,
            problems,
            cells,
        })
    }

    fn try_valid(
        &mut self,
        row: RowNumber,
        invitation: &Invitation,
        content: &Content<'_>,
        decide: Decide<'_>,
    ) -> Outcome<()> {
        let Ledger { conn, salt, .. } = self.ledger;
        let known = if self.has_earlier {
            standing(conn, salt, invitation)?
        } else {
            None
        };
        let Some((known, standing)) = known else {
            let id = self.add_content(None, content)?;
            conn.run(
                "INSERT INTO invitations (id, key, status, content_id) VALUES (?1, ?2, 'pending', ?1)",
                (id, kept_key(salt, invitation)),
            )?;
            return self.add_row(row, id, None, true);
        };
        let asked = self.shared_content(Some(known), content)?;
        let meeting = Meeting {
            invitation: known,
            standing,
            content: asked,
        };
        let met = self
            .ledger
            .meet(&meeting, decide(Some(standing)), self.run)?;
        self.changed += i64::from(met.is_changed);
        self.add_row(row, asked, None, met.is_due)
    }

    fn without_invitation(
        &mut self,
        row: &Row,
        problems: Option<String>,
        duplicate_of: Option<RowNumber>,
    ) -> Result<(), Error> {
        let content = self.content(row, None, problems)?;
        self.shared_content(None, &content)
            .and_then(|content| self.add_row(row.number, content, duplicate_of, false))
            .map_err(|fault| fault.writing(self.ledger.path()))
    }

    /// A content that an earlier sheet brought, or else a new one. What was purged of it is here again.
    fn shared_content(&mut self, invitation: Option<i64>, content: &Content<'_>) -> Outcome<i64> {
        let conn = &self.ledger.conn;
        let found: Option<(i64, bool)> = conn.first(
            "SELECT id, cells IS NULL FROM contents WHERE invitation_id IS ?1 AND hash = ?2",
            (invitation, content.hash),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if let Some((id, is_purged)) = found {
            if is_purged {
                conn.run(
                    "UPDATE contents SET body = ?2, problems = ?3, cells = ?4 WHERE id = ?1",
                    (id, content.body, &content.problems, &content.cells),
                )?;
            }
            return Ok(id);
        }
        self.add_content(invitation, content)
    }

    /// Adds a content; without an invitation, a body is that of a new one, which is numbered by it.
    fn add_content(&mut self, invitation: Option<i64>, content: &Content<'_>) -> Outcome<i64> {
        let id = self.next_content;
        self.next_content += 1;
        let Content {
            body,
            problems,
            cells,
            body_hash,
            hash,
        } = content;
        let invitation = invitation.or(body.map(|_| id));
        self.ledger.conn.run(
            "INSERT INTO contents (id, invitation_id, hash, body_hash, body, problems, cells) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (id, invitation, hash, body_hash, body, problems, cells),
        )?;
        Ok(id)
    }

    fn add_row(
        &mut self,
        row: RowNumber,
        content: i64,
        duplicate_of: Option<RowNumber>,
        is_due: bool,
    ) -> Outcome<()> {
        self.rows += 1;
        let of = duplicate_of.map(|of| of.0);
        let is_due = is_due.then_some(1);
        self.ledger.conn.run(
            "INSERT INTO rows (sheet_id, row, content_id, duplicate_of, is_due) VALUES (?1, ?2, ?3, ?4, ?5)",
            (self.sheet.0, row.0, content, of, is_due),
        )?;
        Ok(())
    }

    fn finish(&self) -> Outcome<()> {
        let conn = &self.ledger.conn;
        if !self.has_earlier {
            conn.execute_batch(KEY_INDEX)?;
        }
        conn.run(TALLIES, [self.sheet.0])?;
        let rows = "UPDATE sheets SET rows = ?2 WHERE id = ?1";
        conn.run(rows, (self.sheet.0, self.rows))?;
        self.ledger.note_changed(self.run, self.changed)?;
        self.ledger
            .hold_lost_sheet(self.first_content, self.run, &self.started)
    }
}

/// A first sheet looks nothing up, and an index made at once takes a fraction of one that is filled at random.
const KEY_INDEX: &str = "CREATE UNIQUE INDEX invitations_by_key ON invitations (key)";

/// Counted once at the end; from then on the triggers keep it.
const TALLIES: &str = "
    INSERT INTO tallies (sheet_id, status, run_id, n)
    SELECT r.sheet_id,
           CASE WHEN r.duplicate_of IS NOT NULL THEN 'duplicate' WHEN i.id IS NULL THEN 'invalid' ELSE i.status END,
           coalesce(i.created_run, 0), count(*)
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id LEFT JOIN invitations i ON i.id = c.invitation_id
    WHERE r.sheet_id = ?1 GROUP BY 2, 3";

impl Drop for Import<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.ledger.roll_back();
        }
        // Should this fail, there is more memory in use.
        let _ = self.ledger.conn.execute_batch(USUAL_CACHE);
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| {
        let message = format!("A row cannot be written as JSON ({error}).");
        Error::unexpected("ledger_write_failed", message)
    })
}

/// How an invitation stands, and which number it has; none when it was never seen.
pub(super) fn standing(
    conn: &Connection,
    salt: &Salt,
    invitation: &Invitation,
) -> Outcome<Option<(i64, Standing)>> {
    const STANDING: &str = "
        SELECT i.id, i.status, c.body_hash
        FROM invitations i CROSS JOIN contents c ON c.id = i.content_id WHERE i.key = ?1";
    conn.first(STANDING, [kept_key(salt, invitation)], |row| {
        let standing = Standing {
            status: row.get(1)?,
            same_content: row.get::<_, BodyHash>(2)? == body_hash(salt, &invitation.body),
        };
        Ok((row.get(0)?, standing))
    })
}

fn kept_key(salt: &Salt, invitation: &Invitation) -> CustomerKey {
    masked(salt, invitation.key.kept())
}

fn body_hash(salt: &Salt, body: &str) -> BodyHash {
    keyed_hash(salt, b"body", &[body.as_bytes()])
}
