//! Requests: recorded before they leave, closed with what became of them; and the processes that make them, by clocks that do not
//! jump.

use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row};
use strum::{EnumString, IntoStaticStr};

use super::open::{Anchor, Ledger, Process, Worker};
use super::sql::{Outcome, Statements as _};
use super::status::InvitationId;
use crate::error::Error;
use crate::model::{Moment, RunId, Secret, Status, Stop, Timestamp};

/// A request's name, or a ledger's, in the team's register.
pub type RegisterId = [u8; 16];

/// A request that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId {
    id: i64,
    /// None for a request that is about no invitation, such as a login.
    invitation: Option<InvitationId>,
}

/// What became of a request, or what a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The invitation exists.
    Created,
    /// Vlens will not.
    Rejected,
    /// 429: come back later.
    Throttled,
    /// 503 with `Retry-After`.
    Unavailable,
    /// No connection was made.
    Unreachable,
    /// A connection was made, but nothing was processed.
    Unprocessed,
    /// 401: the token is not accepted.
    Unauthorized,
    /// Every request would be refused alike.
    Refused,
    /// Nobody can tell.
    Uncertain,
    /// A request that is about no invitation has ended.
    Answered,
    /// A person says that the invitation exists.
    SettledCreated,
    /// A person says that the invitation does not exist.
    SettledNotCreated,
    /// A person made the row due again.
    Retried,
    /// The team's register says that it is another computer's.
    Elsewhere,
    /// A person had it held, as the ledger has lost what became of it.
    AssumedSent,
}

impl Event {
    /// Whether it is a decision, by a person or elsewhere, and no request.
    pub fn is_decision(self) -> bool {
        matches!(
            self,
            Event::SettledCreated
                | Event::SettledNotCreated
                | Event::Retried
                | Event::Elsewhere
                | Event::AssumedSent
        )
    }
}

impl FromSql for Event {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

/// What became of a request for an invitation.
#[derive(Debug, Clone)]
pub struct Closing {
    pub event: Event,
    /// The invitation's new status; none when it is to be tried again or stays pending.
    pub status: Option<Status>,
    /// The session token of a created invitation.
    pub token: Option<Secret>,
    /// The vendor's error code, or the uncertainty's word.
    pub code: Option<String>,
    /// For people, values masked.
    pub message: Option<String>,
    /// For how long nobody may send from then on.
    pub pause: Option<Duration>,
}

/// What a process is about to do with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Send what is due in this run, which thereby goes on: it is neither finished nor stopped.
    Sending(RunId),
    /// Record a person's decisions on this run.
    Deciding(RunId),
}

/// A request of some process, recent enough to count against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentRequest {
    /// How long ago its answer came at the latest; `None` when it never came, so that it may be coming just now.
    pub answered_ago_ms: Option<i64>,
}

impl Ledger {
    /// Records a request. It may leave once the transaction is committed. Refused, and nothing recorded, if this process is the ledger's
    /// writer no more, or if the invitation is not due or on its way: then somebody else is at work, whatever became of the lock.
    pub(super) fn open_attempt(
        &self,
        invitation: Option<InvitationId>,
        register_id: Option<RegisterId>,
        opened: &Moment,
    ) -> Outcome<Result<AttemptId, Error>> {
        const OPEN: &str = "
            INSERT INTO attempts (invitation_id, process_id, run_id, opened_ms, register_id, told)
            SELECT ?1, ?2, ?3, ?4, ?5, iif(?5 IS NULL, NULL, 0)
            WHERE ?2 = (SELECT max(id) FROM processes)
              AND (?1 IS NULL OR EXISTS (SELECT 1 FROM invitations WHERE id = ?1 AND status = 'pending'))
              AND NOT EXISTS (SELECT 1 FROM attempts WHERE invitation_id = ?1 AND closed_ms IS NULL)";
        let Process { id, run, anchor } = self.process;
        let about = invitation.map(|invitation| invitation.0);
        let opened_ms = anchor.steady_ms(opened.uptime_ms);
        self.opened_ms.set(opened.uptime_ms);
        let opened = (about, id, run.map(|run| run.0), opened_ms, register_id);
        if self.conn.run(OPEN, opened)? == 0 {
            return Ok(Err(self.taken_over()?));
        }
        let id = self.conn.last_insert_rowid();
        Ok(Ok(AttemptId { id, invitation }))
    }

    fn taken_over(&self) -> Outcome<Error> {
        let newest = newest_process(&self.conn)?;
        let by = newest.filter(|newest| newest.id != self.process.id);
        let by = by.map_or_else(|| "another program".to_owned(), |by| by.to_string());
        let path = self.path().display();
        let message = format!("The ledger {path} was taken over by {by}.");
        Ok(Error::unexpected("ledger_taken_over", message).hint(
            "This process sent nothing more. See to it that one ledger has one lock file, which is never deleted while a run goes on.",
        ))
    }

    pub(super) fn close_attempt(
        &self,
        attempt: AttemptId,
        closing: &Closing,
        closed: &Moment,
    ) -> Outcome<()> {
        let Process { run, anchor, .. } = self.process;
        let closed_ms = anchor.steady_ms(closed.uptime_ms);
        let event = <&str>::from(closing.event);
        let token = closing.token.as_ref().map(Secret::expose);
        let pause_ms = closing
            .pause
            .and_then(|pause| i64::try_from(pause.as_millis()).ok());
        self.conn.run(
            "UPDATE attempts SET closed_ms = ?2, event = ?3, code = ?4, message = ?5, token = ?6, pause_ms = ?7 WHERE id = ?1",
            (attempt.id, closed_ms, event, &closing.code, &closing.message, token, pause_ms),
        )?;
        let (Some(InvitationId(invitation)), Some(status)) = (attempt.invitation, closing.status)
        else {
            return Ok(());
        };
        // A late truth never undoes what was decided or begun since by who took over.
        let since = "SELECT 1 FROM attempts WHERE invitation_id = ?1 AND id > ?2";
        match self
            .conn
            .first(since, (invitation, attempt.id), |_| Ok(()))?
        {
            Some(()) => Ok(()),
            None => self.set_status(invitation, status, run.map_or(0, |run| run.0)),
        }
    }

    /// Notes what a person decided on an invitation.
    pub(super) fn note_decision(&self, invitation: i64, event: Event, now: &Moment) -> Outcome<()> {
        let Process { id, run, anchor } = self.process;
        let now_ms = anchor.steady_ms(now.uptime_ms);
        self.conn.run(
            "INSERT INTO attempts (invitation_id, process_id, run_id, opened_ms, closed_ms, event) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            (invitation, id, run.map(|run| run.0), now_ms, <&str>::from(event)),
        )?;
        Ok(())
    }

    /// Notes this process as the one that writes, and closes what was on its way when an earlier one ended: nobody can tell what became of
    /// it. It may have been answered up to this moment, and counts so against the limits.
    pub(super) fn take_over(&mut self, worker: &Worker) -> Result<(), Error> {
        let now = &worker.since;
        self.process.id = self.write(|ledger| {
            for process in not_ended(&ledger.conn)? {
                end_process(&ledger.conn, process.id, process.seconds(None))?;
            }
            for attempt in open_attempts(&ledger.conn)? {
                let close = "UPDATE attempts SET closed_ms = ?2, event = 'uncertain', code = 'interrupted' WHERE id = ?1";
                ledger.conn.run(close, (attempt.id, attempt.clock.line_ms(now)))?;
                if let Some(invitation) = attempt.invitation {
                    ledger.set_status(invitation, Status::Uncertain, attempt.run)?;
                }
            }
            ledger.conn.run("DELETE FROM meta WHERE key = 'copied_ms'", ())?;
            ledger.conn.run(
                "INSERT INTO processes (command, os_user, host, pid, boot_id, anchor_ms, anchor_uptime_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (worker.command, &worker.os_user, &worker.host, worker.pid, &now.boot_id, now.at.0, now.uptime_ms),
            )?;
            Ok(ledger.conn.last_insert_rowid())
        })?;
        // So that a copy of the file alone tells that it was in use.
        self.write_log_back()
    }

    /// What this process does from now on belongs to a run, which thereby goes on if it is sent.
    pub fn begin_work(&mut self, work: Work) -> Result<(), Error> {
        let (Work::Sending(run) | Work::Deciding(run)) = work;
        self.write(|ledger| {
            let belongs = "UPDATE processes SET run_id = ?2 WHERE id = ?1";
            ledger.conn.run(belongs, (ledger.process.id, run.0))?;
            if let Work::Sending(RunId(run)) = work {
                let go_on = "UPDATE runs SET finished_ms = NULL, stopped = NULL, reason = NULL WHERE id = ?1";
                ledger.conn.run(go_on, [run])?;
            }
            Ok(())
        })?;
        self.process.run = Some(run);
        Ok(())
    }

    /// Ends the work of a process that sent nothing for a run.
    pub fn finish(self) -> Result<(), Error> {
        self.write(|ledger| end_process(&ledger.conn, ledger.process.id, 0.0))?;
        self.lock.sync()
    }

    /// Ends the work of this process on a run, `seconds` after it began.
    pub fn finish_run(
        &mut self,
        run: RunId,
        stopped: Option<Stop>,
        reason: Option<&str>,
        finished: &Moment,
        seconds: f64,
    ) -> Result<(), Error> {
        self.write(|ledger| {
            end_process(&ledger.conn, ledger.process.id, seconds)?;
            let finish =
                "UPDATE runs SET finished_ms = ?2, stopped = ?3, reason = ?4 WHERE id = ?1";
            let stopped = stopped.map(<&str>::from);
            ledger
                .conn
                .run(finish, (run.0, finished.at.0, stopped, reason))?;
            Ok(())
        })?;
        self.lock.sync()
    }

    /// Requests of all processes whose answers came less than `window_ms` ago, newest first, at most `at_most` (the limit that
    /// they are counted against: older ones cannot matter).
    pub fn recent_requests(
        &self,
        window_ms: i64,
        at_most: usize,
        now: &Moment,
    ) -> Result<Vec<RecentRequest>, Error> {
        self.read(|conn| {
            let oldest_ms = oldest_ms(conn, window_ms, now)?;
            let ages: Vec<Option<i64>> = conn.all(RECENT, [oldest_ms], |row| {
                let (closed_ms, clock) = (row.get::<_, Option<i64>>(0)?, clock_at(row, 1)?);
                Ok(closed_ms.map(|closed_ms| clock.ago_ms(closed_ms, now)))
            })?;
            let mut recent: Vec<RecentRequest> = ages
                .into_iter()
                .filter(|age| age.is_none_or(|ago_ms| ago_ms < window_ms))
                .map(|answered_ago_ms| RecentRequest { answered_ago_ms })
                .collect();
            recent.sort_by_key(|request| request.answered_ago_ms.unwrap_or(0));
            recent.truncate(at_most);
            Ok(recent)
        })
    }

    /// What is left of the pauses that Vlens asked for, of whichever process.
    pub fn pause_left(&self, now: &Moment) -> Result<Duration, Error> {
        const PAUSES: &str = "
            SELECT a.closed_ms, a.pause_ms, p.boot_id, p.anchor_ms, p.anchor_uptime_ms
            FROM attempts a CROSS JOIN processes p ON p.id = a.process_id
            WHERE a.pause_ms IS NOT NULL ORDER BY a.id DESC LIMIT 64";
        self.read(|conn| {
            let left_ms: Vec<i64> = conn.all(PAUSES, (), |row| {
                let (closed_ms, pause_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(pause_ms - clock_at(row, 2)?.ago_ms(closed_ms, now))
            })?;
            let most_ms = left_ms.into_iter().max().unwrap_or(0);
            Ok(Duration::from_millis(u64::try_from(most_ms).unwrap_or(0)))
        })
    }
}

/// Requests that may be recent by their process's clock.
const RECENT: &str = "
    SELECT a.closed_ms, p.boot_id, p.anchor_ms, p.anchor_uptime_ms
    FROM attempts a CROSS JOIN processes p ON p.id = a.process_id
    WHERE (a.closed_ms IS NULL OR a.closed_ms > ?1)
      AND coalesce(a.event, '') <> 'unreachable' AND a.is_decision IS NOT TRUE";

/// What was answered before this is not recent by any process's clock. Those of this start of the machine differ by how its wall
/// clock was set when they began; all others go by the wall clock.
fn oldest_ms(conn: &Connection, window_ms: i64, now: &Moment) -> Outcome<i64> {
    let slowest = "SELECT min(anchor_ms - anchor_uptime_ms) FROM processes WHERE boot_id = ?1";
    let slowest_ms: Option<i64> = conn
        .first(slowest, [&now.boot_id], |row| row.get(0))?
        .flatten();
    let by_uptime_ms = slowest_ms.map_or(i64::MAX, |offset_ms| {
        offset_ms.saturating_add(now.uptime_ms)
    });
    Ok(by_uptime_ms.min(now.at.0).saturating_sub(window_ms))
}

/// How a past process told the time.
#[derive(Debug)]
struct Clock {
    boot_id: String,
    anchor: Anchor,
}

impl Clock {
    fn is_of_this_start(&self, now: &Moment) -> bool {
        !self.boot_id.is_empty() && self.boot_id == now.boot_id
    }

    /// Now, on that process's time line.
    fn line_ms(&self, now: &Moment) -> i64 {
        if self.is_of_this_start(now) {
            self.anchor.steady_ms(now.uptime_ms)
        } else {
            now.at.0
        }
    }

    /// How long ago something was, at the least, so that a limit is never overrun; and never in the future.
    fn ago_ms(&self, line_ms: i64, now: &Moment) -> i64 {
        let elapsed = self.line_ms(now).saturating_sub(line_ms).max(0);
        if self.is_of_this_start(now) || self.boot_id.is_empty() || now.boot_id.is_empty() {
            elapsed
        } else {
            // The machine has started since, so it was before that.
            elapsed.max(now.uptime_ms)
        }
    }
}

/// The clock in three columns from `index` on: boot id, wall time and uptime at the process's start.
fn clock_at(row: &Row<'_>, index: usize) -> rusqlite::Result<Clock> {
    Ok(Clock {
        boot_id: row.get(index)?,
        anchor: Anchor {
            wall_ms: row.get(index + 1)?,
            uptime_ms: row.get(index + 2)?,
        },
    })
}

/// A request that was never closed.
struct OpenAttempt {
    id: i64,
    invitation: Option<i64>,
    run: i64,
    clock: Clock,
}

fn open_attempts(conn: &Connection) -> Outcome<Vec<OpenAttempt>> {
    const OPEN: &str = "
        SELECT a.id, a.invitation_id, coalesce(a.run_id, 0), p.boot_id, p.anchor_ms, p.anchor_uptime_ms
        FROM attempts a CROSS JOIN processes p ON p.id = a.process_id WHERE a.closed_ms IS NULL";
    conn.all(OPEN, (), |row| {
        Ok(OpenAttempt {
            id: row.get(0)?,
            invitation: row.get(1)?,
            run: row.get(2)?,
            clock: clock_at(row, 3)?,
        })
    })
}

/// Notes how long a process worked, which its run adds up.
fn end_process(conn: &Connection, process: i64, seconds: f64) -> Outcome<()> {
    let end = "UPDATE processes SET seconds = ?2 WHERE id = ?1";
    conn.run(end, (process, seconds))?;
    let add = "UPDATE runs SET seconds = seconds + ?2 WHERE id = (SELECT run_id FROM processes WHERE id = ?1)";
    conn.run(add, (process, seconds))?;
    Ok(())
}

/// Who wrote last, and may still be at it.
#[derive(Debug)]
pub struct Sender {
    id: i64,
    os_user: String,
    host: String,
    pid: u32,
    since: Timestamp,
}

impl std::fmt::Display for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Sender {
            os_user,
            host,
            pid,
            since,
            ..
        } = self;
        write!(f, "{os_user}, process {pid} on {host}, since {since}")
    }
}

pub(super) fn newest_process(conn: &Connection) -> Outcome<Option<Sender>> {
    const NEWEST: &str = "
        SELECT id, os_user, host, pid, anchor_ms FROM processes WHERE seconds IS NULL ORDER BY id DESC LIMIT 1";
    conn.first(NEWEST, (), |row| {
        Ok(Sender {
            id: row.get(0)?,
            os_user: row.get(1)?,
            host: row.get(2)?,
            pid: row.get(3)?,
            since: Timestamp(row.get(4)?),
        })
    })
}

/// A process that did not say how it ended: it is at work, or it was killed.
pub(super) struct NotEnded {
    pub(super) id: i64,
    pub(super) run: Option<i64>,
    began_ms: i64,
    /// The last answer that it noted, if any.
    noted_ms: Option<i64>,
}

impl NotEnded {
    /// How long it worked: until now if it still does, else until the last thing it noted.
    pub(super) fn seconds(&self, now: Option<Timestamp>) -> f64 {
        let until_ms = now.map(|now| now.0).or(self.noted_ms);
        let ms = until_ms.map_or(0, |until_ms| until_ms.saturating_sub(self.began_ms));
        Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64()
    }
}

pub(super) fn not_ended(conn: &Connection) -> Outcome<Vec<NotEnded>> {
    const NOT_ENDED: &str = "
        SELECT id, run_id, anchor_ms,
               (SELECT a.closed_ms FROM attempts a WHERE a.run_id = p.run_id AND a.process_id = p.id ORDER BY a.closed_ms DESC LIMIT 1)
        FROM processes p WHERE seconds IS NULL";
    conn.all(NOT_ENDED, (), |row| {
        Ok(NotEnded {
            id: row.get(0)?,
            run: row.get(1)?,
            began_ms: row.get(2)?,
            noted_ms: row.get(3)?,
        })
    })
}
