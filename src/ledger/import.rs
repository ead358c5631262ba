//! A sheet imported in one transaction, row by row: either all of it is in the ledger, or nothing. The begin of a run, over a sheet that
//! is new or one that is known. And which files of an inbox were dealt with.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;

use super::open::Ledger;
use super::reader::Reader;
use super::sql::{InvitationId, Json, keyed_hash, masked, to_json};
use super::status::Meeting;
use crate::error::Result;
use crate::mapping::names::comparable;
use crate::model::{
    Addresses, Cell, CustomerKey, Fault, Invitation, Moment, Problem, Row, RowNumber, RunId, Status,
};

/// SHA-256 over everything that decides which rows come out of a file and what they become.
pub type SheetIdentity = [u8; 32];

/// A file as a sweep of an inbox finds it, which reads only what it does not know by these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxFile {
    pub path: String,
    pub size: i64,
    pub modified_ms: i64,
}

/// A run's file, as it was named on the command line; and how it was named and read, in whatever form their reader understands.
#[derive(Debug)]
pub struct Named {
    pub source: String,
    pub typed: String,
}

#[derive(Debug)]
pub struct Import<'l> {
    ledger: &'l Ledger,
    sheet: i64,
    columns: usize,
    /// The last content that earlier sheets brought, among which each row is looked up; 0 where there were none.
    last_before: i64,
    last_content: i64,
    above: MetAbove,
}

/// The invitations, each `met`, that have the key of a row (`?1`).
const BY_KEY: &str = "(
    SELECT id AS met FROM invitations WHERE key = ?1 UNION ALL
    SELECT * FROM (SELECT invitation_id FROM known_aliases WHERE key = ?1 ORDER BY sheet_id DESC LIMIT 1))";

/// Whether other columns than the sheet's tell one of them apart, and nothing that was ever asked for it is what the row asks for: neither
/// content (`?2`) nor phone (`?3`) nor e-mail (`?4`).
const STRANGER: &str = "(
    EXISTS (SELECT 1 FROM temp.others o WHERE o.id = met AND NOT o.is_met) AND NOT EXISTS (
        SELECT 1 FROM contents c WHERE c.invitation_id = met AND (c.body_hash = ?2 OR c.phone = ?3 OR c.email = ?4)))";

impl Reader {
    /// The newest imported sheet with this identity.
    pub fn known_sheet(&self, identity: &SheetIdentity) -> Result<Option<i64>> {
        const KNOWN: &str = "SELECT id FROM sheets WHERE identity = ?1 ORDER BY id DESC LIMIT 1";
        self.db.value(KNOWN, [identity])
    }

    /// Says by which columns the customers of a sheet are told apart (none: the recipient tells), within a transaction. Whoever was told
    /// apart by others is known by the body as well, and by recipient and contract types, else changing `[identity]` would invite
    /// everybody again.
    pub fn tell_apart_by(&self, columns: &str) -> Result<()> {
        self.db.script("DROP TABLE IF EXISTS temp.others")?;
        self.db.run(include_str!("others.sql"), [columns])?;
        self.db.script(
            "CREATE INDEX temp.others_by_body ON others (body_hash); CREATE INDEX temp.others_by_id ON others (id);
             CREATE INDEX temp.others_by_phone ON others (phone); CREATE INDEX temp.others_by_email ON others (email)",
        )
    }

    /// How the invitation stands that a row asks for, whose content is not kept yet; `None` when it was never seen.
    fn meeting(&self, kept: &Kept<'_>) -> Result<Option<Meeting>> {
        let by_key = format!("SELECT met FROM {BY_KEY} WHERE NOT {STRANGER}");
        // By the e-mail beside a phone none is known who has another: of whom a colleague has told of, the register knows.
        let by_email = format!(
            "SELECT met FROM {BY_KEY} WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE invitation_id = met AND event = 'elsewhere')
                 AND NOT EXISTS (SELECT 1 FROM said c WHERE c.invitation_id = met AND c.phone <> ?2)"
        );
        let Addresses { phone, email } = kept.addresses;
        let asked = (kept.key, kept.hash, phone, email);
        if let Some(id) = self.db.value(&by_key, asked)? {
            return self.standing(id, kept);
        }
        if let Some(met) = self.meeting_of_others(kept)? {
            return Ok(Some(met));
        }
        let Some(email) = kept.addresses.email_behind(kept.key) else {
            return Ok(None);
        };
        let met = self.db.value(&by_email, (email, kept.key))?;
        met.map_or(Ok(None), |id| self.standing(id, kept))
    }

    /// As `standings` would have it of a row that asks for this; whoever is on his way may be invited.
    fn standing(&self, id: InvitationId, of: &Kept<'_>) -> Result<Option<Meeting>> {
        const STANDING: &str = "
            SELECT i.id, CASE WHEN i.created_as IS NOT NULL AND it.body_hash IS NOT ?2 AND (i.stands <> 'uncertain' OR made.body_hash IS ?2)
                    THEN 'created' ELSE i.stands END,
                it.body_hash IS ?2 OR made.body_hash IS ?2, NULL, i.key, 0
            FROM (SELECT *, iif(EXISTS (SELECT 1 FROM attempts WHERE invitation_id = ?1 AND closed_ms IS NULL), 'uncertain', status) AS stands
                FROM invitations WHERE id = ?1) i
            CROSS JOIN contents it ON it.id = i.content_id LEFT JOIN contents made ON made.id = i.created_as";
        self.db.first(STANDING, (id, of.hash))
    }

    /// Whether the key of a row that met nobody is a stranger's: numbers of two lists may coincide.
    fn is_strangers(&self, kept: &Kept<'_>) -> Result<bool> {
        let taken = format!("SELECT true FROM {BY_KEY} WHERE {STRANGER}");
        let Addresses { phone, email } = kept.addresses;
        let taken = self.db.value(&taken, (kept.key, kept.hash, phone, email))?;
        Ok(taken.unwrap_or(false))
    }

    /// What a row asks for, as it is kept.
    pub fn kept<'i>(&self, of: &'i Invitation) -> Kept<'i> {
        let mask = |key| masked(&self.salt, key);
        let Addresses { phone, email } = of.addresses;
        let [phone, email] = [phone, email].map(|key| Some(mask(key?)));
        Kept {
            key: mask(of.key),
            addresses: Addresses { phone, email },
            body: &of.body,
            hash: keyed_hash(&self.salt, b"body", &[comparable(&of.body).as_bytes()]),
        }
    }

    /// The same among those whom other columns told apart.
    fn meeting_of_others(&self, kept: &Kept<'_>) -> Result<Option<Meeting>> {
        const BY_BODY: &str =
            "SELECT id FROM temp.others WHERE body_hash = ?1 ORDER BY is_it DESC LIMIT 1";
        // Where the recipient tells, an address that he was invited by is nobody else's, whoever in this sheet is he already.
        const BY_RECIPIENT: &str = "
            SELECT id FROM temp.others o
            WHERE o.phone = ?1 AND (NOT o.is_met OR ?1 = ?3) OR o.email = ?2 AND (NOT o.is_met OR ?2 = ?3 AND o.phone IS NULL) AND (
                ?1 IS NULL OR NOT EXISTS (SELECT 1 FROM said c WHERE c.invitation_id = o.id AND c.phone <> ?1))
            ORDER BY o.phone IS ?1 DESC, o.is_met, o.id LIMIT 1";
        // Another row with this body is another invitation, and so is one for this recipient.
        const TAKEN: &str =
            "DELETE FROM temp.others WHERE id = ?1 AND (body_hash = ?2 OR NOT is_it)";
        const KNOWN: &str = "UPDATE temp.others SET is_met = 1 WHERE id = ?1";
        let Kept { key, hash, .. } = *kept;
        let Addresses { phone, email } = kept.addresses;
        let met = match self.db.value(BY_BODY, [hash])? {
            None => self.db.value(BY_RECIPIENT, (phone, email, key))?,
            met => met,
        };
        let Some(met) = met else { return Ok(None) };
        self.db.run(TAKEN, (met, hash))?;
        self.db.run(KNOWN, [met])?;
        self.standing(met, kept)
    }

    /// Whether this is the key by an address that an invitation was ever asked for by: a phone, or an e-mail without one.
    fn has_address(&self, of: InvitationId, key: CustomerKey) -> Result<bool> {
        const HAS: &str = "
            SELECT true FROM said WHERE invitation_id = ?1 AND coalesce(phone, email) = ?2 LIMIT 1";
        Ok(self.db.value(HAS, (of, key))?.unwrap_or(false))
    }

    /// The run and row that created an invitation, as `check` tells of them; `None` when it was not created.
    pub fn created_in(&self, invitation: InvitationId) -> Result<Option<serde_json::Value>> {
        const CREATED_IN: &str = "
            SELECT json_object('run', u.id, 'run_source', u.source, 'run_row', r.row)
            FROM invitations i CROSS JOIN runs u ON u.id = i.created_run
            CROSS JOIN contents c ON c.invitation_id = i.id CROSS JOIN rows r ON r.content_id = c.id AND r.sheet_id = u.sheet_id
            WHERE i.id = ?1";
        let created = self.db.value(CREATED_IN, [invitation])?;
        Ok(created.map(|Json(created)| created))
    }

    /// Whether the sheet of an earlier run was another, and invited customers whom this run's does not hold.
    pub fn replaces(&self, run: RunId, earlier: RunId) -> Result<bool> {
        const REPLACES: &str = "
            SELECT true FROM runs u CROSS JOIN runs old ON old.id = ?2 AND old.sheet_id <> u.sheet_id
            WHERE u.id = ?1 AND EXISTS (
                SELECT true FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN invitations i ON i.id = c.invitation_id
                WHERE r.sheet_id = old.sheet_id AND i.status = 'created' AND NOT EXISTS (
                    SELECT true FROM contents c CROSS JOIN rows r ON r.content_id = c.id AND r.sheet_id = u.sheet_id
                    WHERE c.invitation_id = i.id))";
        Ok(self.db.value(REPLACES, (run, earlier))?.unwrap_or(false))
    }

    /// Whether a file was dealt with that lay there and looked like this: for good if it could be used, unless it goes again and is the
    /// same `sheet` still; else as long as `decided_by` says what it said then. `resends` as of [`Reader::goes_again`].
    pub fn has_swept(
        &self,
        file: &InboxFile,
        resends: bool,
        decided_by: impl FnOnce() -> Result<[u8; 32]>,
        sheet: impl FnOnce() -> Result<[u8; 32]>,
    ) -> Result<bool> {
        const UNLESS: &str =
            "SELECT unless FROM inbox_files WHERE path = ?1 AND size = ?2 AND modified_ms = ?3";
        let looks = (&file.path, file.size, file.modified_ms);
        let unless: Vec<Option<[u8; 32]>> = self.db.values(UNLESS, looks)?;
        if unless.contains(&None) {
            return Ok(!self.goes_again(&file.path, resends)? || !self.has_used(&sheet()?, None)?);
        }
        Ok(!unless.is_empty() && unless.contains(&Some(decided_by()?)))
    }

    /// Whether rows of the last sheet that was run from there are sent again by nobody's word: those that failed; and if a person has set
    /// that it `resends` what is uncertain, that too.
    pub fn goes_again(&self, path: &str, resends: bool) -> Result<bool> {
        const GOES_AGAIN: &str = "
            SELECT EXISTS (SELECT 1 FROM tallies t WHERE t.sheet_id = u.sheet_id AND t.n > 0 AND (t.status = 'failed' OR ?2 AND t.status = 'uncertain'))
            FROM runs u WHERE u.source = ?1 ORDER BY u.id DESC LIMIT 1";
        Ok(self.db.value(GOES_AGAIN, (path, resends))?.unwrap_or(false))
    }

    /// Whether that sheet was run more than once.
    pub fn has_gone_again(&self, path: &str) -> Result<bool> {
        const TWICE: &str = "
            SELECT count(*) > 1 FROM runs WHERE sheet_id = (SELECT sheet_id FROM runs WHERE source = ?1 ORDER BY id DESC LIMIT 1)";
        Ok(self.db.value(TWICE, [path])?.unwrap_or(false))
    }

    /// Whether a sheet could be used, wherever it lay then, and no other's results lie at a `path`; `sheet` as of [`Ledger::note_swept`].
    pub fn has_used(&self, sheet: &[u8; 32], path: Option<&str>) -> Result<bool> {
        const USED: &str = "
            SELECT true FROM inbox_files WHERE sheet = ?1 AND unless IS NULL
            AND NOT EXISTS (SELECT 1 FROM inbox_files WHERE path = ?2 AND sheet <> ?1 AND unless IS NULL)";
        Ok(self.db.value(USED, (sheet, path))?.unwrap_or(false))
    }
}

/// What a row asks for, as it is kept.
pub struct Kept<'i> {
    key: CustomerKey,
    addresses: Addresses,
    body: &'i str,
    /// Tells its body from the next of the same invitation, for which 64 bits are plenty.
    hash: [u8; 8],
}

/// What a row of a sheet asks for.
pub enum Asked {
    /// An invitation that was never seen.
    New,
    Known(Meeting),
    /// What the row above asks for that has met it.
    Repeated(RowNumber, InvitationId),
    /// Only a person knows who is meant.
    Unsure(Problem),
}

/// The invitations that rows of a sheet have met, each with the row; with its body's hash where that takes over what was never created.
#[derive(Debug, Default)]
pub struct MetAbove(HashMap<InvitationId, (RowNumber, Option<[u8; 8]>)>);

impl MetAbove {
    /// What the next row asks for. Whoever was taken for another may stand beside him in that sheet, and have been invited himself.
    pub fn look(&mut self, reader: &Reader, row: RowNumber, of: &Kept<'_>) -> Result<Asked> {
        let unsure = |code, fills: &[&dyn Display]| {
            Asked::Unsure(Problem::of_row(row, &Fault::of(code, fills)))
        };
        for look in [Reader::meeting, Reader::meeting_of_others] {
            let Some(met) = look(reader, of)? else { break };
            let same_content = met.standing.same_content;
            let (first, taken) = *self.0.entry(met.invitation).or_insert_with(|| {
                let is_kept = matches!(met.standing.status, Status::Created | Status::Uncertain);
                (row, (!same_content && !is_kept).then_some(of.hash))
            });
            if first == row {
                return Ok(Asked::Known(met));
            }
            if taken.map_or(same_content, |taken| taken == of.hash) {
                return Ok(Asked::Repeated(first, met.invitation));
            }
            if met.key == of.key || reader.has_address(met.invitation, of.key)? {
                return Ok(unsure("same_recipient", &[&first]));
            }
        }
        Ok(if reader.is_strangers(of)? {
            unsure("same_identity", &[])
        } else {
            Asked::New
        })
    }
}

impl Ledger {
    /// Begins a run over a sheet that is imported already.
    pub fn begin_run_on(&mut self, sheet: i64, named: &Named, started: &Moment) -> Result<RunId> {
        self.write(|ledger| {
            let run = ledger.begin_run(sheet, named, started)?;
            ledger.hold_lost(Some(run), started)?;
            Ok(run)
        })
    }

    /// Begins a run with the import of a sheet: `columns` as it calls them itself, `told_by` as
    /// of [`Reader::tell_apart_by`], `fill` gives all its rows.
    pub fn import(
        &mut self,
        named: &Named,
        identity: &SheetIdentity,
        columns: &[String],
        told_by: &str,
        started: &Moment,
        fill: impl FnOnce(&mut Import<'_>) -> Result<()>,
    ) -> Result<RunId> {
        const SHEET: &str = "
            INSERT INTO sheets (source, identity, told_by, columns, rows, imported_ms) VALUES (?1, ?2, ?3, ?4, 0, ?5)";
        // The tallies follow.
        const ROWS: &str = "
            UPDATE sheets SET rows = (SELECT count(*) FROM rows WHERE sheet_id = ?1), is_let_go = 0 WHERE id = ?1";
        let headers = to_json(&columns)?;
        let imported = self.write(|ledger| {
            let db = &ledger.db;
            ledger.tell_apart_by(told_by)?;
            let values = (&named.source, identity, told_by, headers, started.at);
            db.run(SHEET, values)?;
            let sheet = db.conn.last_insert_rowid();
            let run = ledger.begin_run(sheet, named, started)?;
            let last = db.value("SELECT coalesce(max(id), 0) FROM contents", ())?;
            let last = last.unwrap_or(0);
            if last == 0 {
                db.script("DROP INDEX invitations_by_key")?;
            }
            let mut import = Import {
                ledger,
                sheet,
                columns: columns.len(),
                last_before: last,
                last_content: last,
                above: MetAbove::default(),
            };
            fill(&mut import)?;
            if last == 0 {
                db.script(KEY_INDEX)?;
            }
            db.run(ROWS, [sheet])?;
            ledger.hold_lost(Some(run), started)?;
            Ok(run)
        });
        // Should this fail, there is more memory in use.
        let forget = "DROP TABLE IF EXISTS temp.others; PRAGMA shrink_memory";
        let _ = self.db.script(forget);
        imported
    }

    fn begin_run(&self, sheet: i64, named: &Named, started: &Moment) -> Result<RunId> {
        const BEGIN: &str = "
            INSERT INTO runs (sheet_id, source, typed, started_ms, changed) VALUES (?1, ?2, ?3, ?4, 0)";
        let values = (sheet, &named.source, &named.typed, started.at);
        self.db.run(BEGIN, values)?;
        let run = RunId(self.db.conn.last_insert_rowid());
        self.belong_to(run).map(|()| run)
    }

    /// Notes that a file was dealt with; `sheet`: the SHA-256 of its bytes and of everything that decides what they become; `unless`: that
    /// it could not be used, as long as this decides.
    pub fn note_swept(
        &mut self,
        file: &InboxFile,
        sheet: &[u8; 32],
        unless: Option<&[u8; 32]>,
    ) -> Result<()> {
        const NOTE: &str = "
            INSERT INTO inbox_files (path, sheet, size, modified_ms, unless) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET size = excluded.size, modified_ms = excluded.modified_ms, unless = excluded.unless";
        // Whatever lay there before looks new, should it be put back.
        const BEFORE: &str = "UPDATE inbox_files SET modified_ms = 0 WHERE path = ?1";
        let swept = (&file.path, sheet, file.size, file.modified_ms, unless);
        self.write(|ledger| {
            ledger.db.run(BEFORE, [&file.path])?;
            ledger.db.run(NOTE, swept)
        })
    }
}

/// A first sheet looks nothing up, and an index made at once takes a fraction of one that is filled at random.
const KEY_INDEX: &str = "CREATE UNIQUE INDEX invitations_by_key ON invitations (key)";

impl Import<'_> {
    /// A row with an invitation that no earlier row of its sheet asks for. One that is known stays as it is until the run is let go.
    pub fn valid(&mut self, row: &Row, invitation: &Invitation) -> Result<()> {
        const NEW: &str =
            "INSERT INTO invitations (id, key, status, content_id) VALUES (?1, ?2, 'pending', ?1)";
        const ALIAS: &str =
            "INSERT OR REPLACE INTO aliases (key, invitation_id, sheet_id) VALUES (?1, ?2, ?3)";
        let kept = self.ledger.kept(invitation);
        let asked = match self.last_before {
            0 => Asked::New,
            _ => self.above.look(self.ledger, row.number, &kept)?,
        };
        let db = &self.ledger.db;
        match asked {
            Asked::Unsure(problem) => self.invalid(row, &[problem]),
            Asked::Repeated(first, id) => {
                db.run(ALIAS, (kept.key, id, self.sheet))?;
                self.duplicate(row, first)
            }
            Asked::New => {
                let id = self.content(row, None, Some(&kept), None)?;
                db.run(NEW, (id, kept.key))?;
                if self.last_before > 0 {
                    let met = (row.number, None);
                    self.above.0.insert(InvitationId(id), met);
                }
                self.add_row(row, id, None, true)
            }
            Asked::Known(met) => {
                let id = met.invitation;
                if met.key != kept.key {
                    db.run(ALIAS, (kept.key, id, self.sheet))?;
                }
                let content = self.content(row, Some(id), Some(&kept), None)?;
                self.add_row(row, content, None, met.is_due())
            }
        }
    }

    /// A row with an invitation that an earlier row of its sheet asks for.
    pub fn duplicate(&mut self, row: &Row, of: RowNumber) -> Result<()> {
        let content = self.content(row, None, None, None)?;
        self.add_row(row, content, Some(of), false)
    }

    pub fn invalid(&mut self, row: &Row, problems: &[Problem]) -> Result<()> {
        let content = self.content(row, None, None, Some(to_json(&problems)?))?;
        self.add_row(row, content, None, false)
    }

    /// What a row holds and asks for: what an earlier sheet brought (what was purged of it is here again), or else a new one. What is
    /// asked without an invitation is a new one's, which is numbered by it.
    fn content(
        &mut self,
        row: &Row,
        invitation: Option<InvitationId>,
        asked: Option<&Kept<'_>>,
        problems: Option<String>,
    ) -> Result<i64> {
        const FIND: &str = "
            SELECT id, cells IS NULL FROM contents WHERE invitation_id IS ?1 AND hash = ?2";
        const FILL: &str = "UPDATE contents SET body = ?2, problems = ?3, cells = ?4 WHERE id = ?1";
        const ADD: &str = "
            INSERT INTO contents (id, invitation_id, hash, body_hash, phone, email, body, problems, cells)
            VALUES (?1, coalesce(?2, iif(?7 IS NULL, NULL, ?1)), ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        // What is beyond the header is not kept: which of the others stand where they belong, only a person can tell.
        let mut beyond = row.cells.iter().skip(self.columns);
        let is_shifted = beyond.any(|cell| !cell.is_empty());
        let cells = (0..self.columns).map(|at| match (row.cell(at), &problems) {
            (cell, Some(_)) if is_shifted && !cell.is_empty() => {
                Cow::Owned(Cell::Undecodable(cell.shown()).as_refused().into_owned())
            }
            (cell, Some(_)) => cell.as_refused(),
            (cell, None) => Cow::Borrowed(cell),
        });
        let cells = to_json(&cells.collect::<Vec<_>>())?;
        let (db, salt) = (&self.ledger.db, &self.ledger.salt);
        let body = asked.map(|asked| asked.body);
        let brought = body.or(problems.as_deref()).unwrap_or_default();
        // Tells one content from the next of the same invitation, and one invalid row from the next.
        let hash: [u8; 12] = keyed_hash(salt, b"content", &[brought.as_bytes(), cells.as_bytes()]);
        let known = match (invitation, body) {
            (None, Some(_)) => None,
            _ => db.first(FIND, (invitation, hash))?,
        };
        match known {
            Some((id, false)) => Ok(id),
            Some((id, true)) => db.run(FILL, (id, body, problems, cells)).map(|()| id),
            None => {
                self.last_content += 1;
                let id = self.last_content;
                let (addresses, body_hash) = asked.map(|it| (it.addresses, it.hash)).unzip();
                let Addresses { phone, email } = addresses.unwrap_or_default();
                let content = (
                    id, invitation, hash, body_hash, phone, email, body, problems, cells,
                );
                db.run(ADD, content).map(|()| id)
            }
        }
    }

    fn add_row(
        &mut self,
        row: &Row,
        content: i64,
        duplicate_of: Option<RowNumber>,
        is_due: bool,
    ) -> Result<()> {
        const ADD: &str = "INSERT INTO rows (sheet_id, row, content_id, duplicate_of, is_due) VALUES (?1, ?2, ?3, ?4, ?5)";
        let is_due = is_due.then_some(1);
        let values = (self.sheet, row.number, content, duplicate_of, is_due);
        self.ledger.db.run(ADD, values)
    }
}
