//! The one place where an invitation changes its status, and why: what a run plans for rows that are in the ledger already, and what a
//! person says of them. Its rows in all sheets, and the tallies, follow by the schema's triggers.

use std::collections::BTreeSet;

use rusqlite::Row;

use super::memory::held;
use super::open::Ledger;
use super::reader::Reader;
use super::sql::{Event, InvitationId, unmasked};
use crate::error::Result;
use crate::model::{
    Customer, CustomerKey, Fault, Moment, Plan, RequestName, RowNumber, RunId, Standing, Status,
};

/// A row that is to be sent. It holds personal data, so it does not print itself.
pub struct DueRow {
    pub row: RowNumber,
    pub invitation: InvitationId,
    pub customer: Customer,
    /// The status that a person's word or new content has overcome, if any.
    pub overcome: Option<Status>,
    /// The last request for this customer that is known of, here or at a colleague's: what was overcome is what came of it.
    pub last_request: Option<RequestName>,
}

/// A row of a sheet beside the invitation that it asks for, which was there before it.
pub struct Meeting {
    pub invitation: InvitationId,
    /// As far as this row's content is concerned, as `standings` has it.
    pub standing: Standing,
    /// What it would be sent as; none where that is purged or not known yet.
    content: Option<i64>,
    /// As it is kept.
    pub(super) key: CustomerKey,
    row: RowNumber,
}

/// Of columns: invitation, how it stands and whether for the row's content, what it would be sent as, the key, the row.
impl TryFrom<&Row<'_>> for Meeting {
    type Error = rusqlite::Error;

    fn try_from(row: &Row<'_>) -> Result<Meeting, rusqlite::Error> {
        Ok(Meeting {
            invitation: row.get(0)?,
            standing: Standing {
                status: row.get(1)?,
                same_content: row.get(2)?,
            },
            content: row.get(3)?,
            key: row.get(4)?,
            row: row.get(5)?,
        })
    }
}

/// What a run is to do with invitations that are there: planned first, so that a person can be asked, and carried out once nothing holds
/// it back. So nobody is due, and nobody's content is another, by a word that was taken back.
#[derive(Default)]
pub struct Planned {
    sent: Vec<Meeting>,
    /// Invitations that stay as they are, with the newest content that asks for the same.
    same: Vec<(InvitationId, i64)>,
    /// The rows that are meant; none: all.
    pub only: Option<BTreeSet<RowNumber>>,
}

impl Planned {
    /// The rows that change, in the sheet's order.
    pub fn rows(&self) -> impl Iterator<Item = RowNumber> {
        self.sent.iter().map(|met| met.row)
    }

    /// How many will be due of a run with so many that are.
    pub fn due(&self, pending: u64) -> u64 {
        let more = self.sent.iter().filter(|met| !met.is_due()).count();
        let all = pending + more as u64;
        self.only.as_ref().map_or(all, |rows| rows.len() as u64)
    }
}

/// Rows of a run (`?1`) that ask for a created invitation with other content.
pub(super) const CHANGED: &str = "
    standings w WHERE w.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND w.status = 'created' AND NOT w.is_same";

impl Meeting {
    pub fn is_due(&self) -> bool {
        self.standing.status == Status::Pending
    }
}

impl Ledger {
    /// Makes due within a transaction, by nobody's word, whom the team's register lets anybody send.
    pub fn free(&self, invitation: InvitationId) -> Result<()> {
        let by_nobody = "UPDATE invitations SET overcome = NULL WHERE id = ?1";
        self.make_due(invitation, None)?;
        self.db.run(by_nobody, [invitation])
    }

    /// Has within a transaction two invitations be one, by the phone and by the e-mail of a row of this sheet, of which one waits, and
    /// become what the other becomes.
    fn unite(&self, sheet: i64) -> Result<()> {
        const PAIRS: &str = "
            SELECT a.id, e.id FROM rows r CROSS JOIN contents c ON c.id = r.content_id
            CROSS JOIN invitations a ON a.id = c.invitation_id CROSS JOIN invitations e ON e.key = c.email AND e.id <> a.id
            WHERE r.sheet_id = ?1 AND c.phone IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM said o WHERE o.invitation_id = e.id AND o.phone <> c.phone)
            ORDER BY r.row";
        // Two that stand in one sheet are two customers.
        const WAITING: &str = "
            SELECT w.id, k.id FROM invitations w CROSS JOIN invitations k
            ON (w.id, k.id) = (?2, ?1) OR (w.id, k.id) = (?1, ?2) AND (k.created_run > 0 OR k.status = 'uncertain')
            WHERE w.id IN (?1, ?2) AND k.id IN (?1, ?2) AND w.created_as IS NULL AND w.status IN ('pending', 'failed', 'rejected')
            AND NOT EXISTS (
                SELECT 1 FROM contents c CROSS JOIN rows r ON r.content_id = c.id WHERE c.invitation_id = w.id AND r.sheet_id IN (
                    SELECT r.sheet_id FROM contents c CROSS JOIN rows r ON r.content_id = c.id WHERE c.invitation_id = k.id))";
        let pairs: Vec<(InvitationId, InvitationId)> = self.db.all(PAIRS, [sheet])?;
        for pair in pairs {
            let waiting = self.db.first(WAITING, pair)?;
            let waiting: Option<(i64, i64)> = waiting;
            let Some((from, into)) = waiting else {
                continue;
            };
            // What the register knows of the requests, and said of them, is of another claim.
            self.db.script(&format!(
                "UPDATE contents SET invitation_id = {into} WHERE invitation_id = {from};
                 UPDATE attempts SET invitation_id = iif(event = 'elsewhere', NULL, {into}), register_id = NULL, told = NULL
                 WHERE invitation_id = {from};
                 UPDATE aliases SET invitation_id = {into} WHERE invitation_id = {from};
                 INSERT OR REPLACE INTO aliases SELECT key, {into}, {sheet} FROM invitations WHERE id = {from};
                 DELETE FROM invitations WHERE id = {from};"
            ))?;
        }
        Ok(())
    }

    /// Whoever of a sheet the recipient tells apart is known by every address that was ever asked for him; where other columns tell, whoever
    /// is known by one (`recipient_tells` is not set). Several may have one: then the first is.
    fn know_by_all_addresses(&self, sheet: i64, recipient_tells: bool) -> Result<()> {
        const BY_ALL: &str = "
            WITH met AS (
                SELECT i.id, i.key, min(r.row) AS row FROM rows r CROSS JOIN contents c ON c.id = r.content_id
                CROSS JOIN invitations i ON i.id = c.invitation_id WHERE r.sheet_id = ?1 GROUP BY 1),
            known AS (
                SELECT met.*, c.phone AS other FROM met CROSS JOIN said c ON c.invitation_id = met.id
                UNION SELECT met.*, c.email FROM met CROSS JOIN said c ON c.invitation_id = met.id)
            INSERT INTO aliases (key, invitation_id, sheet_id) SELECT other, id, ?1 FROM (
                SELECT other, id, min(row) FROM known k WHERE other <> key AND (?2 OR EXISTS (
                    SELECT 1 FROM contents c WHERE c.invitation_id = k.id AND k.key IN (c.phone, c.email))) GROUP BY other) known
            WHERE NOT EXISTS (SELECT 1 FROM known_aliases a WHERE a.key = known.other)";
        self.db.run(BY_ALL, (sheet, recipient_tells))
    }

    /// Gives an invitation a new status; `by` is the run that created it, none where that was elsewhere.
    pub(super) fn set_status(
        &self,
        invitation: InvitationId,
        status: Status,
        by: Option<RunId>,
    ) -> Result<()> {
        const SET: &str = "
            UPDATE invitations SET status = ?2, created_run = iif(?2 = 'created', coalesce(?3, 0), created_run),
                                   created_as = iif(?2 = 'created', content_id, created_as),
                                   overcome = iif(?2 = 'pending', overcome, NULL)
            WHERE id = ?1 AND status <> ?2";
        // How far somebody came was told of an earlier session.
        const EARLIER: &str = "
            DELETE FROM stages WHERE invitation_id = ?1 AND ?2 = 'created' AND told_ms < (
                SELECT max(opened_ms) FROM attempts WHERE invitation_id = ?1 AND is_decision IS NOT TRUE)";
        self.db.run(SET, (invitation, status, by))?;
        self.db.run(EARLIER, (invitation, status))
    }

    /// Makes an invitation due, with this content or as it stands. Nothing is done when its body was purged.
    fn make_due(&self, invitation: InvitationId, content: Option<i64>) -> Result<()> {
        const RENEW: &str = "
            UPDATE invitations SET content_id = coalesce(?2, content_id),
                overcome = CASE WHEN created_as THEN 'created' WHEN status IN ('rejected', 'uncertain') THEN status ELSE overcome END
            WHERE id = ?1 AND (SELECT body FROM contents WHERE id = coalesce(?2, content_id)) IS NOT NULL";
        if self.db.change(RENEW, (invitation, content))? > 0 {
            self.set_status(invitation, Status::Pending, None)?;
        }
        Ok(())
    }

    /// Does what is planned, as long as nobody else has written since; `word` is a person's, by which some are due again.
    pub fn carry_out(
        &mut self,
        run: RunId,
        planned: Planned,
        word: Option<Event>,
        now: &Moment,
    ) -> Result<()> {
        // What was created may be sent again as something else.
        const STANDS_AS: &str = "
            UPDATE invitations SET content_id = ?2 WHERE id = ?1
            AND (SELECT body_hash FROM contents WHERE id = ?2) IS (SELECT body_hash FROM contents WHERE id = content_id)";
        self.write(|ledger| {
            ledger.refuse_outdated()?;
            for same in planned.same {
                ledger.db.run(STANDS_AS, same)?;
            }
            for met in planned.sent {
                ledger.make_due(met.invitation, met.content)?;
                if let Some(word) = word.filter(|_| !met.is_due()) {
                    ledger.note_decision(met.invitation, word, None, now)?;
                }
            }
            ledger.take_at_its_word(run)?;
            ledger.note_changed(run)
        })
    }

    /// Has within a transaction what a run's sheet says of its customers' addresses hold: until it is let go, it may be the wrong one.
    fn take_at_its_word(&self, run: RunId) -> Result<()> {
        const SHEET: &str = "
            UPDATE sheets SET is_let_go = 1 WHERE id = (SELECT sheet_id FROM runs WHERE id = ?1) RETURNING id, told_by = ''";
        const BEFORE: &str = "
            DELETE FROM aliases WHERE sheet_id < ?1 AND key IN (SELECT key FROM aliases WHERE sheet_id = ?1)";
        let sheet: Option<(i64, bool)> = self.db.first(SHEET, [run])?;
        let Some((sheet, recipient_tells)) = sheet else {
            return Ok(());
        };
        self.db.run(BEFORE, [sheet])?;
        if recipient_tells {
            self.unite(sheet)?;
        }
        self.know_by_all_addresses(sheet, recipient_tells)
    }

    /// Notes within a transaction how many rows of a run ask for a created invitation with other content.
    pub(super) fn note_changed(&self, run: RunId) -> Result<()> {
        let note =
            format!("UPDATE runs SET changed = (SELECT count(*) FROM {CHANGED}) WHERE id = ?1");
        self.db.run(&note, [run])
    }

    /// Has a person's word, `event`, hold for rows of a run that are uncertain, all of them or those named. Returns how many.
    pub fn settle(
        &mut self,
        run: RunId,
        event: Event,
        rows: Option<&BTreeSet<RowNumber>>,
        now: &Moment,
    ) -> Result<u64> {
        self.write(|ledger| {
            ledger.belong_to(run)?;
            let mut uncertain = ledger.open_rows(run, rows, false)?;
            uncertain.retain(|open| open.standing.status == Status::Uncertain);
            for open in &uncertain {
                let id = open.invitation;
                match event {
                    Event::SettledCreated => ledger.set_status(id, Status::Created, Some(run))?,
                    _ => ledger.make_due(id, None)?,
                }
                ledger.note_decision(id, event, None, now)?;
            }
            Ok(uncertain.len() as u64)
        })
    }

    /// Holds as uncertain everybody who may have been invited in a time that the ledger has lost: all but the created, once. What its
    /// files bring is held as they come, until none is left: then `number` is 0.
    pub(super) fn assume_sent(&mut self, number: i64, now: &Moment) -> Result<()> {
        const NOTE: &str = "
            INSERT INTO meta (key, value) VALUES ('lost', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
        if number == 0 {
            return self.set("DELETE FROM meta WHERE key = 'lost'", ());
        }
        let lacks = self.lock.mark() > Some(held(&self.db)?);
        self.write(|ledger| {
            let known = ledger.db.meta("lost")?;
            ledger.db.run(NOTE, [number])?;
            if lacks || known.is_none() {
                ledger.hold_lost(None, now)?;
            }
            Ok(())
        })?;
        self.assumes_sent = true;
        self.lock.reset(held(&self.db)?, true)
    }

    /// Holds within a transaction whoever would be sent, or could be by a word that was heard before: of all, or of those of a run, which may
    /// be of a time that was lost.
    pub(super) fn hold_lost(&self, run: Option<RunId>, now: &Moment) -> Result<()> {
        const UNSURE: &str = "
            SELECT id FROM invitations WHERE status IN ('pending', 'failed', 'rejected') AND (?1 IS NULL OR id IN (
                SELECT c.invitation_id FROM rows r CROSS JOIN contents c ON c.id = r.content_id
                WHERE r.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1)))";
        if run.is_some() && !self.assumes_sent {
            return Ok(());
        }
        let why = Fault::of("sent_perhaps", &[]).to_string();
        let unsure: Vec<InvitationId> = self.db.values(UNSURE, [run])?;
        unsure.into_iter().try_for_each(|id| {
            self.note_decision(id, Event::AssumedSent, Some(&why), now)?;
            self.set_status(id, Status::Uncertain, None)
        })
    }
}

impl Reader {
    /// Rows of a run that are held, all or those named, with invitation, customer and status: of a team's, the register knows what became
    /// of them since.
    pub fn held_customers(
        &self,
        run: RunId,
        rows: Option<&BTreeSet<RowNumber>>,
    ) -> Result<Vec<(RowNumber, InvitationId, CustomerKey, Status)>> {
        let mut open = self.open_rows(run, rows, false)?;
        open.retain(|it| matches!(it.standing.status, Status::Uncertain | Status::Rejected));
        let customer = |open: Meeting| {
            let key = unmasked(&self.salt, open.key);
            (open.row, open.invitation, key, open.standing.status)
        };
        Ok(open.into_iter().map(customer).collect())
    }

    /// Plans for the rows of a run, all or those named; `is_brought`: its file is at hand, and what that says is the newest.
    pub fn planned(
        &self,
        run: RunId,
        rows: Option<&BTreeSet<RowNumber>>,
        is_brought: bool,
        plan: &dyn Fn(&Meeting) -> Plan,
    ) -> Result<Planned> {
        let mut planned = Planned::default();
        for met in self.open_rows(run, rows, is_brought)? {
            let (plan, same_content) = (plan(&met), met.standing.same_content);
            let is_as_it_is = met.is_due() && same_content;
            match met.content {
                Some(_) if plan == Plan::Send && !is_as_it_is => planned.sent.push(met),
                Some(content) if same_content => planned.same.push((met.invitation, content)),
                _ => {}
            }
        }
        Ok(planned)
    }

    /// Rows of a run's sheet for which something could be done, neither settled as they are nor due as they are, in its order: all, or
    /// those named. What a newer sheet had an invitation stand for, it is sent as, unless the file is brought once more.
    fn open_rows(
        &self,
        run: RunId,
        rows: Option<&BTreeSet<RowNumber>>,
        is_brought: bool,
    ) -> Result<Vec<Meeting>> {
        const OPEN_ROWS: &str = "
            SELECT w.invitation_id, w.status, w.is_same, (
                SELECT id FROM contents WHERE body IS NOT NULL AND id = iif(NOT ?2 AND w.status <> 'created' AND EXISTS (
                    SELECT 1 FROM rows WHERE content_id = i.content_id AND sheet_id > w.sheet_id), i.content_id, w.content_id)), i.key, w.row
            FROM standings w CROSS JOIN invitations i ON i.id = w.invitation_id
            WHERE w.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1)
              AND (w.status NOT IN ('created', 'pending') OR i.content_id <> w.content_id)
            ORDER BY w.row";
        let mut open: Vec<Meeting> = self.db.all(OPEN_ROWS, (run, is_brought))?;
        open.retain(|open| rows.is_none_or(|rows| rows.contains(&open.row)));
        Ok(open)
    }

    /// Rows of a run's sheet that are due, in the sheet's order, from behind row `after` on. Rows on their way are among them:
    /// whoever sends goes forward and does not look back.
    pub fn due(&self, run: RunId, after: RowNumber, at_most: usize) -> Result<Vec<DueRow>> {
        const DUE: &str = "
            SELECT r.row, i.id, i.overcome, (
                SELECT register_id FROM attempts WHERE invitation_id = i.id AND register_id IS NOT NULL ORDER BY id DESC LIMIT 1),
                k.key, k.told_by, k.phone, k.email, k.body
            FROM rows r CROSS JOIN contents own ON own.id = r.content_id CROSS JOIN invitations i ON i.id = own.invitation_id
            CROSS JOIN customers k ON k.content_id = i.content_id
            WHERE r.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND r.row > ?2 AND r.is_due ORDER BY r.row LIMIT ?3";
        let due = self.db.all(DUE, (run, after, at_most))?.into_iter();
        let due = due.map(
            |(row, invitation, overcome, last_request, key, told_by, phone, email, body)| DueRow {
                row,
                invitation,
                customer: self.customer(key, told_by, [phone, email], body),
                overcome,
                last_request,
            },
        );
        Ok(due.collect())
    }

    /// The newest run over each sheet of which something is left to send, or is uncertain since that run was killed; with its source.
    pub fn unfinished(&self) -> Result<Vec<(RunId, String)>> {
        const UNFINISHED: &str = "
            SELECT DISTINCT u.id, u.source FROM tallies t CROSS JOIN runs u ON u.id = (SELECT max(id) FROM runs WHERE sheet_id = t.sheet_id)
            WHERE t.n > 0 AND (t.status IN ('pending', 'failed') OR t.status = 'uncertain' AND u.finished_ms IS NULL)";
        self.db.all(UNFINISHED, ())
    }

    /// The body of the first row of a run that is due, or else has one from row `from` on.
    pub fn first_body(&self, run: RunId, from: RowNumber) -> Result<Option<String>> {
        const FIRST: &str = "
            SELECT c.body FROM rows r CROSS JOIN contents c ON c.id = r.content_id
            WHERE r.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND (r.is_due OR r.row >= ?2) AND c.body IS NOT NULL
            ORDER BY r.row LIMIT 1";
        self.db.value(FIRST, (run, from))
    }
}
