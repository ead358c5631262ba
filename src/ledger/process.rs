//! Processes that used the ledger, and the requests of the last moments over all of them, by clocks that do not jump.

use rusqlite::Connection;

use super::Ledger;
use super::books::Books;
use super::fault::Result;
use crate::error::Error;
use crate::model::{Moment, RunId, Status};

use super::attempts::Event;

/// The number of a process in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId(pub i64);

/// What a process is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Send what is due in this run, which thereby goes on: it is neither finished nor stopped.
    Sending(RunId),
    /// Record a person's decisions on this run.
    Deciding(RunId),
    /// Requests that belong to no run.
    Calling,
}

/// The process at work, with its anchor between the two clocks.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) id: i64,
    pub(super) run: Option<RunId>,
    anchor: Anchor,
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall_ms: i64,
    uptime_ms: i64,
}

impl Anchor {
    /// A moment on a time line that starts at the anchor's wall time and runs as steadily as the uptime.
    fn steady_ms(self, moment: &Moment) -> i64 {
        self.wall_ms
            .saturating_add(moment.uptime_ms.saturating_sub(self.uptime_ms))
    }
}

impl Process {
    pub(super) fn steady_ms(&self, moment: &Moment) -> i64 {
        self.anchor.steady_ms(moment)
    }
}

/// A request of some process, recent enough to count against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentRequest {
    /// How long ago its answer came at the latest; `None` when it never came, so that it may be coming just now.
    pub answered_ago_ms: Option<i64>,
}

impl Ledger {
    /// Notes this process, under which everything that follows is recorded.
    pub fn begin_process(
        &mut self,
        work: Work,
        command: &str,
        os_user: &str,
        now: &Moment,
    ) -> std::result::Result<ProcessId, Error> {
        let run = match work {
            Work::Sending(run) | Work::Deciding(run) => Some(run),
            Work::Calling => None,
        };
        let id = self.write(|books| {
            books.conn.execute(
                "INSERT INTO processes (run_id, command, os_user, boot_id, anchor_ms, anchor_uptime_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (run.map(|run| run.0), command, os_user, &now.boot_id, now.at.0, now.uptime_ms),
            )?;
            let id = books.conn.last_insert_rowid();
            if let Work::Sending(RunId(run)) = work {
                books.conn.execute(
                    "UPDATE runs SET finished_ms = NULL, stopped = NULL, exit_code = NULL WHERE id = ?1",
                    [run],
                )?;
            }
            Ok(id)
        })?;
        let anchor = Anchor {
            wall_ms: now.at.0,
            uptime_ms: now.uptime_ms,
        };
        self.books.process = Some(Process { id, run, anchor });
        Ok(ProcessId(id))
    }

    /// Closes what was on its way when an earlier process ended: nobody can tell what became of it. Returns how many requests
    /// for invitations there were. They may have been answered up to this moment, and count so against the limits.
    pub fn recover(&mut self, now: &Moment) -> std::result::Result<u64, Error> {
        self.write(|books| {
            let open = open_attempts(&books.conn)?;
            let mut recovered = 0;
            for attempt in open {
                books
                    .conn
                    .prepare_cached("UPDATE attempts SET closed_ms = ?2, event = ?3, code = 'interrupted' WHERE id = ?1")?
                    .execute((attempt.id, attempt.clock.line_ms(now), Event::Uncertain.as_str()))?;
                if let Some(invitation) = attempt.invitation {
                    books.transition(invitation, Status::Uncertain, attempt.run)?;
                    recovered += 1;
                }
            }
            Ok(recovered)
        })
    }

    /// Requests of all processes whose answers came less than `window_ms` ago, newest first, at most `at_most` (the limit that
    /// they are counted against: older ones cannot matter).
    pub fn recent_requests(
        &self,
        window_ms: i64,
        at_most: usize,
        now: &Moment,
    ) -> std::result::Result<Vec<RecentRequest>, Error> {
        self.read(|conn| {
            let mut recent = Vec::new();
            for (process, clock) in clocks(conn)? {
                requests_of(conn, process, &clock, window_ms, at_most, now, &mut recent)?;
            }
            recent.sort_by_key(|request: &RecentRequest| request.answered_ago_ms.unwrap_or(0));
            recent.truncate(at_most);
            Ok(recent)
        })
    }
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
            self.anchor.steady_ms(now)
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

fn clocks(conn: &Connection) -> Result<Vec<(i64, Clock)>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, boot_id, anchor_ms, anchor_uptime_ms FROM processes ORDER BY id DESC",
    )?;
    let clocks = statement
        .query_map([], |row| {
            let anchor = Anchor {
                wall_ms: row.get(2)?,
                uptime_ms: row.get(3)?,
            };
            Ok((
                row.get(0)?,
                Clock {
                    boot_id: row.get(1)?,
                    anchor,
                },
            ))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(clocks)
}

fn requests_of(
    conn: &Connection,
    process: i64,
    clock: &Clock,
    window_ms: i64,
    at_most: usize,
    now: &Moment,
    recent: &mut Vec<RecentRequest>,
) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT closed_ms FROM attempts WHERE process_id = ?1 AND (event IS NULL OR event NOT IN ('settled_created', 'settled_not_created', 'retried'))
         AND (closed_ms IS NULL OR closed_ms > ?2) ORDER BY closed_ms DESC LIMIT ?3",
    )?;
    let oldest_ms = clock.line_ms(now).saturating_sub(window_ms);
    let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
    let mut rows = statement.query((process, oldest_ms, limit))?;
    while let Some(row) = rows.next()? {
        let closed_ms: Option<i64> = row.get(0)?;
        let answered_ago_ms = closed_ms.map(|closed_ms| clock.ago_ms(closed_ms, now));
        if answered_ago_ms.is_none_or(|ago_ms| ago_ms < window_ms) {
            recent.push(RecentRequest { answered_ago_ms });
        }
    }
    Ok(())
}

/// A request that was never closed.
struct OpenAttempt {
    id: i64,
    invitation: Option<i64>,
    run: i64,
    clock: Clock,
}

fn open_attempts(conn: &Connection) -> Result<Vec<OpenAttempt>> {
    let mut statement = conn.prepare(
        "SELECT a.id, a.invitation_id, coalesce(p.run_id, 0), p.boot_id, p.anchor_ms, p.anchor_uptime_ms
         FROM processes p CROSS JOIN attempts a ON a.process_id = p.id AND a.closed_ms IS NULL",
    )?;
    let open = statement
        .query_map([], |row| {
            let anchor = Anchor {
                wall_ms: row.get(4)?,
                uptime_ms: row.get(5)?,
            };
            let clock = Clock {
                boot_id: row.get(3)?,
                anchor,
            };
            Ok(OpenAttempt {
                id: row.get(0)?,
                invitation: row.get(1)?,
                run: row.get(2)?,
                clock,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(open)
}

impl Books {
    /// Ends the process at work, `seconds` after it began.
    pub(super) fn end_process(&mut self, seconds: f64) -> Result<()> {
        let id = self.process()?.id;
        self.conn.execute(
            "UPDATE processes SET seconds = ?2 WHERE id = ?1",
            (id, seconds),
        )?;
        Ok(())
    }
}
