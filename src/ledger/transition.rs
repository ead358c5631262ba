//! The one place where an invitation changes its status: tallies of every sheet, what is due, and its body follow.

use rusqlite::OptionalExtension as _;

use super::books::{Books, ContentHash, Tally, sheet_and_row, status_of};
use super::fault::{Fault, Result};
use crate::model::Status;

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

/// A body as it is kept: the number of its skeleton, and its values.
#[derive(Clone, Copy)]
pub(super) struct Packed<'a> {
    pub(super) skeleton: i64,
    pub(super) values: &'a str,
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
            .execute((invitation, status.into_str(), created_run))?;
        self.move_rows(invitation, from, to)?;
        if status == Status::Created && from.status != Status::Pending {
            self.forget_body(invitation)?;
        }
        Ok(())
    }

    /// The tallies of all sheets follow a change of status, and so does what is due: its body moves along.
    fn move_rows(&mut self, invitation: i64, from: State, to: State) -> Result<()> {
        let places = self.places_of(invitation)?;
        for place in &places {
            let (sheet, _) = sheet_and_row(*place);
            self.sums.add(from.in_sheet(sheet), -1);
            self.sums.add(to.in_sheet(sheet), 1);
        }
        match (from.status, to.status) {
            (Status::Pending, to) => self.end_due(&places, to != Status::Created),
            (_, Status::Pending) => self.begin_due(invitation, &places),
            _ => Ok(()),
        }
    }

    fn begin_due(&mut self, invitation: i64, places: &[i64]) -> Result<()> {
        let mut add = self.conn.prepare_cached(
            "INSERT INTO due (place, invitation_id, skeleton_id, body)
             SELECT ?1, invitation_id, skeleton_id, body FROM bodies WHERE invitation_id = ?2",
        )?;
        for place in places {
            add.execute((place, invitation))?;
        }
        drop(add);
        self.forget_body(invitation)
    }

    fn end_due(&mut self, places: &[i64], keeps_body: bool) -> Result<()> {
        if keeps_body && let Some(any) = places.first() {
            self.conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO bodies (invitation_id, skeleton_id, body)
                     SELECT invitation_id, skeleton_id, body FROM due WHERE place = ?1",
                )?
                .execute([any])?;
        }
        let mut end = self
            .conn
            .prepare_cached("DELETE FROM due WHERE place = ?1")?;
        for place in places {
            end.execute([place])?;
        }
        Ok(())
    }

    /// Where an invitation's rows are: the one that it is numbered by, if it is, and those of other sheets.
    pub(super) fn places_of(&self, invitation: i64) -> Result<Vec<i64>> {
        let mut places = self.conn.prepare_cached(
            "SELECT place FROM rows WHERE place = ?1 AND invitation_id = 0
             UNION ALL SELECT place FROM rows WHERE invitation_id = ?1 AND invitation_id > 0",
        )?;
        let places = places.query_map([invitation], |row| row.get(0))?;
        Ok(places.collect::<rusqlite::Result<_>>()?)
    }

    /// Enters a row of a known invitation that stands in `state`. What is due at its other place is due here as well.
    pub(super) fn enter_row(
        &mut self,
        place: i64,
        invitation: i64,
        state: State,
        other: Option<&i64>,
        cells: &str,
    ) -> Result<()> {
        if state.status == Status::Pending {
            let other = other.ok_or_else(|| Fault::damaged("an invitation has no row"))?;
            self.conn
                .prepare_cached(
                    "INSERT INTO due (place, invitation_id, skeleton_id, body)
                     SELECT ?1, invitation_id, skeleton_id, body FROM due WHERE place = ?2",
                )?
                .execute((place, other))?;
        }
        self.conn
            .prepare_cached("INSERT INTO rows (place, invitation_id, cells) VALUES (?1, ?2, ?3)")?
            .execute((place, invitation, cells))?;
        let (sheet, _) = sheet_and_row(place);
        self.sums.add(state.in_sheet(sheet), 1);
        Ok(())
    }

    /// Makes an invitation due with the newest content that was asked for. False, and nothing done, when its body is gone.
    pub(super) fn make_pending(&mut self, invitation: i64, run: i64) -> Result<bool> {
        let is_pending = self.state_of(invitation)?.status == Status::Pending;
        let has_changed = self
            .conn
            .prepare_cached(
                "UPDATE invitations SET content = (SELECT content FROM changes WHERE invitation_id = ?1)
                 WHERE id = ?1 AND EXISTS (SELECT 1 FROM changes WHERE invitation_id = ?1)",
            )?
            .execute([invitation])?
            > 0;
        match (has_changed, is_pending) {
            (true, true) => self.change_due(invitation)?,
            (true, false) => {
                self.conn
                    .prepare_cached(
                        "INSERT OR REPLACE INTO bodies (invitation_id, skeleton_id, body)
                         SELECT invitation_id, skeleton_id, body FROM changes WHERE invitation_id = ?1",
                    )?
                    .execute([invitation])?;
            }
            (false, true) => return Ok(true),
            (false, false) if !self.has_body(invitation)? => return Ok(false),
            (false, false) => {}
        }
        if has_changed {
            self.forget_change(invitation)?;
        }
        self.transition(invitation, Status::Pending, run)?;
        Ok(true)
    }

    /// What is due already is due with its newest content.
    fn change_due(&mut self, invitation: i64) -> Result<()> {
        let places = self.places_of(invitation)?;
        let mut change = self.conn.prepare_cached(
            "UPDATE due SET (skeleton_id, body) = (SELECT skeleton_id, body FROM changes WHERE invitation_id = ?2) WHERE place = ?1",
        )?;
        for place in places {
            change.execute((place, invitation))?;
        }
        Ok(())
    }

    pub(super) fn has_body(&self, invitation: i64) -> Result<bool> {
        Ok(self
            .conn
            .prepare_cached("SELECT 1 FROM bodies WHERE invitation_id = ?1")?
            .exists([invitation])?)
    }

    /// Keeps the body of an invitation that is not due.
    pub(super) fn keep_body(&mut self, invitation: i64, body: Packed<'_>) -> Result<()> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO bodies (invitation_id, skeleton_id, body) VALUES (?1, ?2, ?3)")?
            .execute((invitation, body.skeleton, body.values))?;
        Ok(())
    }

    fn forget_body(&mut self, invitation: i64) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM bodies WHERE invitation_id = ?1")?
            .execute([invitation])?;
        Ok(())
    }

    /// Remembers that the newest row asks for other content than the invitation's status speaks of.
    pub(super) fn note_change(
        &mut self,
        invitation: i64,
        content: ContentHash,
        body: Packed<'_>,
    ) -> Result<()> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO changes (invitation_id, content, skeleton_id, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute((invitation, content, body.skeleton, body.values))?;
        Ok(())
    }

    pub(super) fn forget_change(&mut self, invitation: i64) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM changes WHERE invitation_id = ?1")?
            .execute([invitation])?;
        Ok(())
    }
}
