//! The one place where an invitation changes its status: tallies of every sheet, what is due, and its body follow.

use rusqlite::OptionalExtension as _;

use super::books::{Books, ContentHash, Tally, place_of, sheet_and_row, status_of};
use super::fault::{Fault, Result};
use crate::domain::Status;

/// An invitation's status as the tallies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) status: Status,
    /// The run that created it; 0 unless it is created.
    pub(super) created_run: i64,
}

impl State {
    pub(super) fn in_sheet(self, sheet: i64) -> Tally {
        Tally {
            sheet,
            status: self.status,
            run: self.created_run,
        }
    }
}

impl Books {
    pub(super) fn state_of(&self, invitation: i64) -> Result<State> {
        let state = self
            .conn
            .prepare_cached(
                "SELECT status, coalesce(created_run, 0) FROM invitations WHERE id = ?1",
            )?
            .query_row([invitation], |row| {
                let word = row.get_ref(0)?.as_str()?;
                Ok((status_of(word), row.get(1)?))
            })
            .optional()?;
        let (status, created_run) =
            state.ok_or_else(|| Fault::damaged("an invitation is missing"))?;
        Ok(State {
            status: status?,
            created_run,
        })
    }

    /// Gives an invitation a new status; `run` is the run that did it.
    pub(super) fn transition(&mut self, invitation: i64, status: Status, run: i64) -> Result<()> {
        let from = self.state_of(invitation)?;
        let created_run = if status == Status::Created { run } else { 0 };
        let to = State {
            status,
            created_run,
        };
        if from.status == to.status {
            return Ok(());
        }
        self.conn
            .prepare_cached(
                "UPDATE invitations SET status = ?2, created_run = nullif(?3, 0) WHERE id = ?1",
            )?
            .execute((invitation, status.as_str(), created_run))?;
        self.move_rows(invitation, from, to)?;
        if status == Status::Created {
            self.conn
                .prepare_cached("DELETE FROM bodies WHERE invitation_id = ?1")?
                .execute([invitation])?;
        }
        Ok(())
    }

    fn move_rows(&mut self, invitation: i64, from: State, to: State) -> Result<()> {
        let mut places = self
            .conn
            .prepare_cached("SELECT place FROM rows WHERE invitation_id = ?1")?;
        let mut rows = places.query([invitation])?;
        while let Some(row) = rows.next()? {
            let place: i64 = row.get(0)?;
            let (sheet, _) = sheet_and_row(place);
            self.sums.add(from.in_sheet(sheet), -1);
            self.sums.add(to.in_sheet(sheet), 1);
            if from.status == Status::Pending {
                self.conn
                    .prepare_cached("DELETE FROM due WHERE place = ?1")?
                    .execute([place])?;
            }
            if to.status == Status::Pending {
                self.conn
                    .prepare_cached("INSERT INTO due (place, invitation_id) VALUES (?1, ?2)")?
                    .execute((place, invitation))?;
            }
        }
        Ok(())
    }

    /// Enters a row whose invitation stands in `state`.
    pub(super) fn enter_row(
        &mut self,
        sheet: i64,
        row: u32,
        invitation: i64,
        state: State,
        cells: &str,
    ) -> Result<()> {
        let place = place_of(sheet, row);
        self.conn
            .prepare_cached("INSERT INTO rows (place, invitation_id, cells) VALUES (?1, ?2, ?3)")?
            .execute((place, invitation, cells))?;
        self.sums.add(state.in_sheet(sheet), 1);
        if state.status == Status::Pending {
            self.conn
                .prepare_cached("INSERT INTO due (place, invitation_id) VALUES (?1, ?2)")?
                .execute((place, invitation))?;
        }
        Ok(())
    }

    /// Makes an invitation due with the newest content that was asked for. False, and nothing done, when its body is gone.
    pub(super) fn make_pending(&mut self, invitation: i64, run: i64) -> Result<bool> {
        let has_changed = self
            .conn
            .prepare_cached(
                "UPDATE invitations SET content = (SELECT content FROM changes WHERE invitation_id = ?1)
                 WHERE id = ?1 AND EXISTS (SELECT 1 FROM changes WHERE invitation_id = ?1)",
            )?
            .execute([invitation])?
            > 0;
        if has_changed {
            self.conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO bodies (invitation_id, skeleton_id, body)
                     SELECT invitation_id, skeleton_id, body FROM changes WHERE invitation_id = ?1",
                )?
                .execute([invitation])?;
            self.forget_change(invitation)?;
        } else if !self.has_body(invitation)? {
            return Ok(false);
        }
        self.transition(invitation, Status::Pending, run)?;
        Ok(true)
    }

    pub(super) fn has_body(&self, invitation: i64) -> Result<bool> {
        Ok(self
            .conn
            .prepare_cached("SELECT 1 FROM bodies WHERE invitation_id = ?1")?
            .exists([invitation])?)
    }

    /// Keeps the body that is to be sent.
    pub(super) fn keep_body(&mut self, invitation: i64, body: &str) -> Result<()> {
        let (skeleton, values) = self.skeletons.pack(&self.conn, body)?;
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO bodies (invitation_id, skeleton_id, body) VALUES (?1, ?2, ?3)")?
            .execute((invitation, skeleton, values))?;
        Ok(())
    }

    /// Remembers that the newest row asks for other content than the invitation's status speaks of.
    pub(super) fn note_change(
        &mut self,
        invitation: i64,
        content: ContentHash,
        body: &str,
    ) -> Result<()> {
        let (skeleton, values) = self.skeletons.pack(&self.conn, body)?;
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO changes (invitation_id, content, skeleton_id, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute((invitation, content, skeleton, values))?;
        Ok(())
    }

    pub(super) fn forget_change(&mut self, invitation: i64) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM changes WHERE invitation_id = ?1")?
            .execute([invitation])?;
        Ok(())
    }
}
