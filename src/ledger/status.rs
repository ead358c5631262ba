//! The one place where an invitation changes its status, and what is due because of it. Its rows in all sheets, and the tallies,
//! follow by the schema's triggers.

use super::keys::unmasked;
use super::open::Ledger;
use super::reader::Reader;
use super::values::InvitationId;
use crate::error::Error;
use crate::model::{CustomerKey, Plan, RowNumber, RunId, Standing, Status};

/// A row that is to be sent. It holds personal data, so it does not print itself.
pub struct DueRow {
    pub row: RowNumber,
    pub invitation: InvitationId,
    pub customer: CustomerKey,
    /// The status that a person's word or new content has overcome, if any.
    pub overcome: Option<Status>,
    /// The request's body.
    pub body: String,
}

/// A row of a sheet beside the invitation that it asks for, which was there before it.
pub(super) struct Meeting {
    pub(super) invitation: InvitationId,
    /// As far as this row's content is concerned: one that was created stays so for whatever it is not being sent again as.
    pub(super) standing: Standing,
    pub(super) is_due: bool,
    /// What the row asks for.
    pub(super) content: i64,
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

/// How an invitation stands for a row that asks for this content or another. One that was created, and is being sent again as
/// something else, stays created for whoever did not ask for that.
pub(super) fn standing_of(status: Status, same_content: bool, was_created: bool) -> Standing {
    let is_created = was_created && !same_content;
    Standing {
        status: if is_created { Status::Created } else { status },
        same_content,
    }
}

impl Ledger {
    /// Gives an invitation a new status; `by` is the run that created it, none where that was elsewhere.
    pub(super) fn set_status(
        &self,
        invitation: InvitationId,
        status: Status,
        by: Option<RunId>,
    ) -> Result<(), Error> {
        const SET: &str = "
            UPDATE invitations SET status = ?2, created_run = iif(?2 = 'created', coalesce(?3, 0), NULL),
                                   was_created = iif(?2 = 'created', 1, was_created),
                                   overcome = iif(?2 = 'pending', overcome, NULL)
            WHERE id = ?1 AND status <> ?2";
        self.db.run(SET, (invitation, status, by)).map(drop)
    }

    /// Makes an invitation due with the newest content that was asked for. False, and nothing done, when its body was purged.
    pub(super) fn make_due(&self, invitation: InvitationId) -> Result<bool, Error> {
        const RENEW: &str = "
            UPDATE invitations SET content_id = coalesce(wanted_id, content_id), wanted_id = NULL,
                overcome = iif(status IN ('created', 'rejected', 'uncertain'), status, overcome)
            WHERE id = ?1 AND (SELECT body FROM contents WHERE id = coalesce(wanted_id, content_id)) IS NOT NULL";
        let found = self.db.run(RENEW, [invitation])? > 0;
        if found {
            self.set_status(invitation, Status::Pending, None)?;
        }
        Ok(found)
    }

    /// Notes what a row asks for, and does what is planned for it.
    pub(super) fn meet(&self, meeting: &Meeting, plan: Plan) -> Result<Met, Error> {
        const NOTE: &str = "
            UPDATE invitations SET content_id = iif(?3, ?2, content_id), wanted_id = iif(?3, NULL, ?2) WHERE id = ?1";
        let Standing {
            status,
            same_content,
        } = meeting.standing;
        if same_content || plan != Plan::Skip {
            let note = (meeting.invitation, meeting.content, same_content);
            self.db.run(NOTE, note)?;
        }
        let was_due = meeting.is_due;
        let made_due = plan == Plan::Send
            && !(was_due && same_content)
            && self.make_due(meeting.invitation)?;
        Ok(Met {
            is_due: made_due || was_due,
            made_due: made_due && !was_due,
            is_changed: status == Status::Created && !same_content,
        })
    }
}

impl Reader {
    /// Rows of a run's sheet that are due, in the sheet's order, from behind row `after` on. Rows on their way are among them:
    /// whoever sends goes forward and does not look back.
    pub fn due(&self, run: RunId, after: RowNumber, at_most: usize) -> Result<Vec<DueRow>, Error> {
        const DUE: &str = "
            SELECT r.row, i.id, c.body, i.key, i.overcome
            FROM rows r CROSS JOIN contents own ON own.id = r.content_id CROSS JOIN invitations i ON i.id = own.invitation_id
            CROSS JOIN contents c ON c.id = i.content_id
            WHERE r.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND r.row > ?2 AND r.is_due ORDER BY r.row LIMIT ?3";
        self.db.all(DUE, (run, after, at_most), |row| {
            Ok(DueRow {
                row: row.get(0)?,
                invitation: row.get(1)?,
                body: row.get(2)?,
                customer: unmasked(&self.salt, row.get(3)?),
                overcome: row.get(4)?,
            })
        })
    }

    /// The body of the first row that is due in a run, if any.
    pub fn first_due_body(&self, run: RunId) -> Result<Option<String>, Error> {
        let first = self.due(run, RowNumber(0), 1)?.pop();
        Ok(first.map(|row| row.body))
    }

    /// How many rows of a run's sheet are due.
    pub fn due_count(&self, run: RunId) -> Result<u64, Error> {
        const COUNT: &str = "
            SELECT t.n FROM tallies t JOIN runs r ON r.sheet_id = t.sheet_id WHERE r.id = ?1 AND t.status = 'pending'";
        Ok(self.db.value(COUNT, [run])?.unwrap_or(0))
    }
}
