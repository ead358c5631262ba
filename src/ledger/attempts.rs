//! Requests: recorded before they leave, closed with what became of them; the processes that make them, by clocks that do not jump; and
//! what the ledger and the team's register have told each other of them.

use std::time::Duration;

use super::open::{Ledger, Worker};
use super::reader::Reader;
use super::sql::{Event, InvitationId, keyed_hash, unmasked};
use crate::error::{Error, Result};
use crate::model::{
    Addresses, Customer, CustomerKey, Moment, Outcome, RequestName, RunId, Secret, Status, Stop,
};

/// What became of a request; by default of one that is about no invitation.
#[derive(Debug, Clone, Default)]
pub struct Closing {
    /// None of a call that creates nothing.
    pub outcome: Option<Outcome>,
    /// The invitation's new status; none when it is to be tried again or stays pending.
    pub status: Option<Status>,
    /// For how long nobody may send from then on.
    pub pause: Option<Duration>,
}

impl Closing {
    /// The word that ledger and register have for it.
    pub fn event(&self) -> &'static str {
        match &self.outcome {
            None => "answered",
            Some(Ok(_)) => Status::Created.into(),
            Some(Err(failure)) => failure.why.into(),
        }
    }
}

/// A customer, how his invitation stands, whether it was ever created, and whether this is what was sent.
pub type KnownCustomer = (Customer, Status, bool, bool);

/// Now, on the time line of process `p`: as steady as the uptime (`?2`) within one start of the machine (`?3`), else the wall's (`?1`).
const NOW: &str = "iif(p.boot_id = ?3 AND ?3 <> '', p.anchor_ms + ?2 - p.anchor_uptime_ms, ?1)";

/// How long ago attempt `a` of process `p` was answered at the least, so that no limit is overrun: never in the future, and before this
/// start of the machine if that process was.
fn ago() -> String {
    format!("max({NOW} - a.closed_ms, 0, iif(p.boot_id NOT IN ('', ?3) AND ?3 <> '', ?2, 0))")
}

/// How many milliseconds a process worked, which its run adds up.
const END: &str = "UPDATE processes SET seconds = ?2 / 1000.0 WHERE id = ?1";

impl Ledger {
    /// Records a request, within a transaction; it may leave once that is committed. Refused, and nothing recorded, if this process is
    /// the ledger's writer no more, or if the invitation (none: a login or the like) is not due or on its way: then somebody else is at
    /// work, whatever became of the lock. Gives what it is closed by.
    pub fn open_attempt(
        &self,
        invitation: Option<InvitationId>,
        request: Option<RequestName>,
        opened: &Moment,
    ) -> Result<Result<i64>> {
        const OPEN: &str = "
            INSERT INTO attempts (invitation_id, process_id, run_id, opened_ms, register_id, told)
            SELECT ?1, id, run_id, ?3, ?4, iif(?4 IS NULL, NULL, 0) FROM processes
            WHERE id = ?2 AND id = (SELECT max(id) FROM processes)
              AND (?1 IS NULL OR EXISTS (SELECT 1 FROM invitations WHERE id = ?1 AND status = 'pending'))
              AND NOT EXISTS (SELECT 1 FROM attempts WHERE invitation_id = ?1 AND closed_ms IS NULL)
            RETURNING id";
        self.opened_ms.set(opened.uptime_ms);
        let opened_ms = self.steady_ms(opened);
        let attempt = (invitation, self.process, opened_ms, request);
        if let Some(id) = self.db.value(OPEN, attempt)? {
            return Ok(Ok(id));
        }
        Ok(Err(self.taken_over()?))
    }

    /// Refuses within a transaction what was planned before another process took over: it may be done by now.
    pub(super) fn refuse_outdated(&self) -> Result<()> {
        const OUTDATED: &str = "SELECT max(id) > ?1 FROM processes";
        match self.db.value(OUTDATED, [self.process])? {
            Some(true) => Err(self.taken_over()?),
            _ => Ok(()),
        }
    }

    fn taken_over(&self) -> Result<Error> {
        let newest = self.sender()?;
        let by = newest.filter(|(id, _)| *id != self.process);
        let by = by.map_or_else(|| "another program".to_owned(), |(_, by)| by);
        let path = self.path().display();
        Ok(Error::of("ledger_taken_over", &[&path, &by]))
    }

    /// Notes what became of a request, within a transaction; it may be reported once that is committed.
    pub fn close_attempt(&self, attempt: i64, closing: &Closing, closed: &Moment) -> Result<()> {
        // A late truth never undoes what was decided or begun since by who took over.
        const CLOSE: &str = "
            UPDATE attempts SET closed_ms = ?2, event = ?3, code = ?4, message = ?5, token = ?6, pause_ms = ?7 WHERE id = ?1
            RETURNING invitation_id, run_id, EXISTS (SELECT 1 FROM attempts s WHERE s.invitation_id = attempts.invitation_id AND s.id > ?1)";
        let pause = closing.pause.map(|pause| pause.as_millis());
        let outcome = closing.outcome.as_ref().map(Result::as_ref);
        let (token, failure) = (outcome.and_then(Result::ok), outcome.and_then(Result::err));
        let became = (
            attempt,
            self.steady_ms(closed),
            closing.event(),
            failure.map(|failure| failure.why.code()),
            failure.map(|failure| &failure.message),
            token.map(Secret::expose),
            pause.and_then(|ms| i64::try_from(ms).ok()),
        );
        match (self.db.first(CLOSE, became)?, closing.status) {
            (Some((Some(about), run, false)), Some(status)) => self.set_status(about, status, run),
            _ => Ok(()),
        }
    }

    pub(super) fn note_decision(
        &self,
        invitation: InvitationId,
        event: Event,
        words: Option<&str>,
        now: &Moment,
    ) -> Result<()> {
        const NOTE: &str = "
            INSERT INTO attempts (invitation_id, process_id, run_id, opened_ms, closed_ms, event, message)
            SELECT ?1, id, run_id, ?3, ?3, ?4, ?5 FROM processes WHERE id = ?2";
        let noted = (invitation, self.process, self.steady_ms(now), event, words);
        self.db.run(NOTE, noted)
    }

    /// Notes this process as the one that writes, and closes what was on its way when an earlier one ended: nobody can tell what became of
    /// it. It may have been answered up to this moment, and counts so against the limits.
    pub(super) fn take_over(&self, worker: &Worker) -> Result<i64> {
        const END_OTHERS: &str = "
            UPDATE processes AS p SET seconds = coalesce(max(u.noted_ms - u.anchor_ms, 0) / 1000.0, 0) FROM unended u WHERE u.id = p.id";
        const ON_ITS_WAY: &str = "SELECT invitation_id FROM attempts WHERE closed_ms IS NULL AND invitation_id IS NOT NULL";
        const BEGIN: &str = "
            INSERT INTO processes (command, os_user, host, pid, boot_id, anchor_ms, anchor_uptime_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id";
        let close = format!(
            "UPDATE attempts AS a SET closed_ms = {NOW}, event = 'uncertain', code = 'interrupted'
             FROM processes p WHERE p.id = a.process_id AND a.closed_ms IS NULL"
        );
        let (now, user, host) = (&worker.since, &worker.os_user, &worker.host);
        let (pid, boot_id) = (std::process::id(), &now.boot_id);
        self.write(|ledger| {
            let db = &ledger.db;
            db.run(END_OTHERS, ())?;
            for invitation in db.values(ON_ITS_WAY, ())? {
                ledger.set_status(invitation, Status::Uncertain, None)?;
            }
            db.run(&close, (now.at, now.uptime_ms, boot_id))?;
            db.run("DELETE FROM meta WHERE key = 'copied_ms'", ())?;
            let command = worker.command;
            let process = (command, user, host, pid, boot_id, now.at, now.uptime_ms);
            let id = db.value(BEGIN, process)?;
            id.ok_or_else(|| db.damaged("it takes in no process"))
        })
    }

    pub(super) fn belong_to(&self, run: RunId) -> Result<()> {
        let belong = "UPDATE processes SET run_id = ?2 WHERE id = ?1";
        self.db.run(belong, (self.process, run))
    }

    /// This process sends what is due in a run, which thereby goes on: it is neither finished nor stopped.
    pub fn go_on_with(&mut self, run: RunId) -> Result<()> {
        const GO_ON: &str =
            "UPDATE runs SET finished_ms = NULL, stopped = NULL, reason = NULL WHERE id = ?1";
        self.write(|ledger| {
            ledger.belong_to(run)?;
            ledger.db.run(GO_ON, [run])
        })
    }

    /// Ends the work of a process that sent nothing; `told`: of which run's rows it told what had become of them.
    pub fn finish(self, told: Option<RunId>) -> Result<()> {
        const END: &str =
            "UPDATE processes SET seconds = 0, run_id = coalesce(?2, run_id) WHERE id = ?1";
        self.set(END, (self.process, told))?;
        self.lock.sync()
    }

    /// Ends the work of this process on a run.
    pub fn finish_run(
        &mut self,
        run: RunId,
        stopped: Option<Stop>,
        reason: Option<&str>,
        finished: &Moment,
    ) -> Result<()> {
        const FINISH: &str =
            "UPDATE runs SET finished_ms = ?2, stopped = ?3, reason = ?4 WHERE id = ?1";
        let worked_ms = finished.uptime_ms - self.since.uptime_ms;
        self.write(|ledger| {
            ledger.db.run(END, (self.process, worked_ms))?;
            ledger.note_changed(run)?;
            ledger.db.run(FINISH, (run, finished.at, stopped, reason))
        })?;
        self.lock.sync()
    }

    /// Notes within a transaction what the team's register says of an invitation that another computer claimed, by which request.
    pub fn note_elsewhere(
        &self,
        invitation: InvitationId,
        status: Status,
        words: &str,
        request: Option<RequestName>,
        now: &Moment,
    ) -> Result<()> {
        let by = "UPDATE attempts SET register_id = ?1 WHERE id = last_insert_rowid()";
        self.note_decision(invitation, Event::Elsewhere, Some(words), now)?;
        self.db.run(by, [request])?;
        // Created by no run of this ledger.
        self.set_status(invitation, status, None)
    }

    /// This ledger is one of a team's from now on.
    pub fn join(&mut self) -> Result<()> {
        let join = "INSERT INTO meta (key, value) VALUES ('joined', 1) ON CONFLICT DO NOTHING";
        self.set(join, ())
    }

    /// Notes within a transaction that the register knows what became of a request.
    pub fn note_told(&self, request: RequestName) -> Result<()> {
        let note = "UPDATE attempts SET told = 1 WHERE told = 0 AND register_id = ?1";
        self.db.run(note, [request])
    }

    /// The register knows what became of each customer; of the requests themselves it may know nothing any more.
    pub fn all_told(&mut self) -> Result<()> {
        let note = "UPDATE attempts SET told = NULL WHERE told IS NOT NULL AND event IS NOT NULL";
        self.set(note, ())
    }
}

impl Reader {
    pub fn has_joined(&self) -> Result<bool> {
        Ok(self.db.meta("joined")?.is_some())
    }

    /// How many milliseconds ago answers came to requests of all processes, of those less than `window_ms` ago the newest `at_most`, newest
    /// first. An answer that never came may be coming just now.
    pub fn recent_answers(&self, window_ms: i64, at_most: usize, now: &Moment) -> Result<Vec<u64>> {
        // What was answered before the oldest moment is not recent by any process's clock. Those of this start of the machine differ by
        // how its wall clock was set when they began; all others go by the wall clock.
        let recent = format!(
            "SELECT ago_ms FROM (
                 SELECT coalesce({}, 0) AS ago_ms FROM attempts a CROSS JOIN processes p ON p.id = a.process_id
                 WHERE (a.closed_ms IS NULL OR a.closed_ms > min(?1, coalesce(
                           (SELECT min(anchor_ms - anchor_uptime_ms) FROM processes WHERE boot_id = ?3) + ?2, ?1)) - ?4)
                   AND a.event IS NOT 'unreachable' AND a.is_decision IS NOT TRUE)
             WHERE ago_ms < ?4 ORDER BY ago_ms LIMIT ?5",
            ago()
        );
        let params = (now.at, now.uptime_ms, &now.boot_id, window_ms, at_most);
        self.db.values(&recent, params)
    }

    /// What is left of the pauses that Vlens asked for, of whichever process.
    pub fn pause_left(&self, now: &Moment) -> Result<Duration> {
        let left = format!(
            "SELECT max(coalesce(max(left_ms), 0), 0) FROM (
                 SELECT a.pause_ms - {} AS left_ms FROM attempts a CROSS JOIN processes p ON p.id = a.process_id
                 WHERE a.pause_ms IS NOT NULL ORDER BY a.id DESC LIMIT 64)",
            ago()
        );
        let params = (now.at, now.uptime_ms, &now.boot_id);
        let left_ms = self.db.value(&left, params)?;
        Ok(Duration::from_millis(left_ms.unwrap_or(0)))
    }

    /// Who writes, if nobody has said that he ended.
    pub fn sender(&self) -> Result<Option<(i64, String)>> {
        const NEWEST: &str = "
            SELECT id, format('%s, process %d on %s, since %s', os_user, pid, host, strftime('%Y-%m-%dT%H:%M:%SZ', anchor_ms / 1000, 'unixepoch'))
            FROM processes WHERE seconds IS NULL ORDER BY id DESC LIMIT 1";
        self.db.first(NEWEST, ())
    }

    /// Requests of which the register does not know yet what became of them, with their event and the status that follows from it.
    pub fn untold(&self) -> Result<Vec<(RequestName, String, Status)>> {
        const UNTOLD: &str = "
            SELECT register_id, event, iif(event IN ('created', 'rejected', 'uncertain'), event, 'pending')
            FROM attempts WHERE told = 0 AND event IS NOT NULL";
        self.db.all(UNTOLD, ())
    }

    /// The last request that the register knew of.
    pub fn newest_told(&self) -> Result<Option<RequestName>> {
        const NEWEST: &str =
            "SELECT register_id FROM attempts WHERE told = 1 ORDER BY id DESC LIMIT 1";
        self.db.value(NEWEST, ())
    }

    /// Names this ledger among those of its team.
    pub fn register_name(&self) -> [u8; 16] {
        keyed_hash(&self.salt, b"register", &[])
    }

    /// What this ledger knows of customers by each content that asked for them, from behind content `after` on: all but those of whom
    /// there is nothing to tell; or (`and_status` is not set), of those who were or may be created, what else was asked for.
    pub fn known_customers(
        &self,
        after: i64,
        at_most: usize,
        and_status: bool,
    ) -> Result<Vec<(i64, KnownCustomer)>> {
        // Of older contents it is known that they are his, and of the first and the last that they were sent.
        const KNOWN: &str = "
            SELECT k.content_id, iif(?3 AND k.content_id = i.content_id, i.status, 'pending'), i.created_as IS NOT NULL,
                k.content_id IN (i.id, i.content_id), k.key, k.told_by, k.phone, k.email, coalesce(k.body, json_quote(hex(k.hash)))
            FROM customers k CROSS JOIN invitations i ON i.id = k.invitation_id
            WHERE k.content_id > ?1 AND iif(?3, i.created_as OR i.status <> 'pending', k.content_id <> i.content_id AND (i.created_as OR i.status = 'uncertain'))
              AND (k.content_id IN (i.id, i.content_id) OR EXISTS (SELECT 1 FROM said WHERE id = k.content_id))
            ORDER BY k.content_id LIMIT ?2";
        let known = self
            .db
            .all(KNOWN, (after, at_most, and_status))?
            .into_iter();
        let known = known.map(
            |(id, status, was, sent, key, told_by, phone, email, body)| {
                let customer = self.customer(key, told_by, [phone, email], body);
                (id, (customer, status, was, sent))
            },
        );
        Ok(known.collect())
    }

    /// By what other columns than those of their keys customers are known here, from behind key `after` on, of all sheets or of a run's:
    /// each with the key that he has.
    pub fn known_otherwise(
        &self,
        after: CustomerKey,
        at_most: usize,
        run: Option<RunId>,
    ) -> Result<Vec<(CustomerKey, Customer, CustomerKey)>> {
        const KNOWN: &str = "
            SELECT a.key, k.key, s.told_by, coalesce(k.body, json_quote(hex(k.hash)))
            FROM aliases a CROSS JOIN sheets s ON s.id = a.sheet_id CROSS JOIN customers k ON k.invitation_id = a.invitation_id
            CROSS JOIN rows r ON r.content_id = k.content_id AND r.sheet_id = a.sheet_id
            WHERE a.key > ?1 AND s.told_by <> '' AND iif(?3 IS NULL, s.is_let_go, s.id = (SELECT sheet_id FROM runs WHERE id = ?3))
            GROUP BY a.key ORDER BY a.key LIMIT ?2";
        let known = self.db.all(KNOWN, (after, at_most, run))?.into_iter();
        let known = known.map(|(alias, key, told_by, body)| {
            let customer = self.customer(alias, told_by, [None; 2], body);
            (alias, customer, unmasked(&self.salt, key))
        });
        Ok(known.collect())
    }

    /// By what `customers` has of him.
    pub(super) fn customer(
        &self,
        key: CustomerKey,
        told_by: String,
        addresses: [Option<CustomerKey>; 2],
        body: String,
    ) -> Customer {
        let [phone, email] = addresses.map(|key| Some(unmasked(&self.salt, key?)));
        Customer {
            key: unmasked(&self.salt, key),
            told_by,
            addresses: Addresses { phone, email },
            body,
        }
    }
}
