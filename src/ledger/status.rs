//! The one place where an invitation changes its status, and what is due because of it. Its rows in all sheets, and the tallies,
//! follow by the schema's triggers.

use rusqlite::{Connection, Row};

use super::open::{Ledger, Process, Salt, unmasked};
use super::sql::{Fault, Outcome, Statements as _};
use crate::error::Error;
use crate::model::{CustomerKey, Moment, Plan, RowNumber, RunId, Standing, Status};

/// The number of an invitation in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationId(pub i64);

/// A row that is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct DueRow {
    pub row: RowNumber,
    pub invitation: InvitationId,
    pub customer: CustomerKey,
    /// The status that a person's word or new content has overcome, if any.
    pub overcome: Option<Status>,
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

/// A row of a sheet beside the invitation that it asks for, which was there before it.
pub(super) struct Meeting {
    pub(super) invitation: i64,
    pub(super) standing: Standing,
    /// What the row asks for.
    pub(super) content: i64,
}

impl Ledger {
    /// Gives an invitation a new status; `run` is the run that did it.
    pub(super) fn set_status(&self, invitation: i64, status: Status, run: i64) -> Outcome<()> {
        self.conn.run(
            "UPDATE invitations SET status = ?2, created_run = iif(?2 = 'created', ?3, NULL), overcome = iif(?2 = 'pending', overcome, NULL) WHERE id = ?1 AND status <> ?2",
            (invitation, <&str>::from(status), run),
        )?;
        Ok(())
    }

    /// Makes an invitation due with the newest content that was asked for. False, and nothing done, when its body was purged.
    pub(super) fn make_due(&self, invitation: i64, run: RunId) -> Outcome<bool> {
        let found = self.conn.run(
            "UPDATE invitations SET content_id = coalesce(wanted_id, content_id), wanted_id = NULL,
                 overcome = iif(status IN ('created', 'rejected', 'uncertain'), status, overcome)
             WHERE id = ?1 AND (SELECT body FROM contents WHERE id = coalesce(wanted_id, content_id)) IS NOT NULL",
            [invitation],
        )?;
        if found > 0 {
            self.set_status(invitation, Status::Pending, run.0)?;
        }
        Ok(found > 0)
    }

    /// Notes what a row asks for, and does what is planned for it.
    pub(super) fn meet(&self, meeting: &Meeting, plan: Plan, run: RunId) -> Outcome<Met> {
        let Meeting {
            invitation,
            standing,
            content,
        } = *meeting;
        let note = if standing.same_content {
            "UPDATE invitations SET content_id = ?2, wanted_id = NULL WHERE id = ?1"
        } else {
            "UPDATE invitations SET wanted_id = ?2 WHERE id = ?1"
        };
        self.conn.run(note, (invitation, content))?;
        let was_due = standing.status == Status::Pending;
        let made_due = plan == Plan::Send
            && !(was_due && standing.same_content)
            && self.make_due(invitation, run)?;
        Ok(Met {
            is_due: made_due || was_due,
            made_due: made_due && !was_due,
            is_changed: standing.status == Status::Created && !standing.same_content,
        })
    }

    /// Holds what a sheet brought that was imported just now, from this invitation on, if it may be one that was lost.
    pub(super) fn hold_lost_sheet(&self, from: i64, run: RunId, now: &Moment) -> Outcome<()> {
        const ONE_LESS: &str =
            "UPDATE meta SET value = value - 1 WHERE key = 'lost_sheets' AND value > 0";
        if self.conn.run(ONE_LESS, ())? > 0 {
            self.hold_from(from, run, now)?;
        }
        Ok(())
    }

    pub(super) fn hold_from(&self, from: i64, run: RunId, now: &Moment) -> Outcome<u64> {
        const NOTE: &str = "
            INSERT INTO attempts (invitation_id, process_id, run_id, opened_ms, closed_ms, event, code, message)
            SELECT id, ?2, ?3, ?4, ?4, 'assumed_sent', 'memory_lost', ?5 FROM invitations WHERE status = 'pending' AND id >= ?1";
        const WHY: &str = "It may have been sent in the time that the ledger has lost.";
        let Process { id, anchor, .. } = self.process;
        let now_ms = anchor.steady_ms(now.uptime_ms);
        self.conn.run(NOTE, (from, id, run.0, now_ms, WHY))?;
        let hold =
            "UPDATE invitations SET status = 'uncertain' WHERE status = 'pending' AND id >= ?1";
        let held = self.conn.run(hold, [from])?;
        Ok(u64::try_from(held).unwrap_or(0))
    }

    /// How many rows of a run's sheet are due.
    pub fn due_count(&self, run: RunId) -> Result<u64, Error> {
        const COUNT: &str = "SELECT n FROM tallies WHERE sheet_id = ?1 AND status = 'pending'";
        self.read(|conn| {
            let count = conn.first(COUNT, [sheet_of(conn, run)?], |row| count_at(row, 0))?;
            Ok(count.unwrap_or(0))
        })
    }
}

/// What became of a row that met its invitation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    pub(super) is_due: bool,
    /// Whether it was not due before.
    pub(super) made_due: bool,
    /// Whether the invitation was created with another content.
    pub(super) is_changed: bool,
}

const DUE: &str = "
    SELECT r.row, i.id, c.body, i.key, i.overcome
    FROM rows r CROSS JOIN contents own ON own.id = r.content_id CROSS JOIN invitations i ON i.id = own.invitation_id
    CROSS JOIN contents c ON c.id = i.content_id
    WHERE r.sheet_id = ?1 AND r.row > ?2 AND r.is_due ORDER BY r.row LIMIT ?3";

/// Rows of a run's sheet that are due, in the sheet's order, from behind row `after` on.
pub(super) fn due(
    conn: &Connection,
    salt: &Salt,
    run: RunId,
    after: RowNumber,
    limit: usize,
) -> Outcome<Vec<DueRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.all(DUE, (sheet_of(conn, run)?, after.0, limit), |row| {
        Ok(DueRow {
            row: RowNumber(row.get(0)?),
            invitation: InvitationId(row.get(1)?),
            body: row.get(2)?,
            customer: unmasked(salt, row.get(3)?),
            overcome: row.get(4)?,
        })
    })
}

/// The sheet of a run; a run that is not there is told to the person who named it.
pub(super) fn sheet_of(conn: &Connection, run: RunId) -> Outcome<i64> {
    conn.first("SELECT sheet_id FROM runs WHERE id = ?1", [run.0], |row| {
        row.get(0)
    })?
    .ok_or_else(|| unknown_run(run))
}

pub(super) fn unknown_run(run: RunId) -> Fault {
    Error::unexpected("run_unknown", format!("The ledger has no run {run}."))
        .hint("See all runs with: vlens-batch runs")
        .into()
}

pub(super) fn count_at(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index)
        .map(|count| u64::try_from(count).unwrap_or(0))
}
