//! Where rows are entered that concern no known invitation: nearly all of a sheet's, so the statements are at hand.

use rusqlite::types::Null;
use rusqlite::{CachedStatement, Connection};

use super::super::books::{Sums, place_of};
use super::super::fault::Result;
use super::super::runs::SheetId;
use super::super::transition::State;
use super::Asked;
use crate::model::{RowNumber, Status};

/// What a row says of an invitation that is numbered by it.
const ITS_OWN: i64 = 0;

/// The statements for one sheet's rows, and what they come to.
pub(super) struct Desk<'c> {
    sheet: SheetId,
    invitation: CachedStatement<'c>,
    row: CachedStatement<'c>,
    due: CachedStatement<'c>,
    pending: i64,
    duplicate: i64,
    invalid: i64,
}

impl<'c> Desk<'c> {
    pub(super) fn new(conn: &'c Connection, sheet: SheetId) -> Result<Self> {
        Ok(Desk {
            sheet,
            invitation: conn.prepare_cached(
                "INSERT INTO invitations (id, content, status) VALUES (?1, ?2, 'pending')",
            )?,
            row: conn.prepare_cached(
                "INSERT INTO rows (place, invitation_id, duplicate_of, problems, cells) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            due: conn.prepare_cached(
                "INSERT INTO due (place, invitation_id, skeleton_id, body) VALUES (?1, ?1, ?2, ?3)",
            )?,
            pending: 0,
            duplicate: 0,
            invalid: 0,
        })
    }

    /// A row whose invitation nobody asked for before: it is numbered by the row's place.
    pub(super) fn new_invitation(&mut self, asked: &Asked<'_>) -> Result<()> {
        let place = place_of(self.sheet.0, asked.row.0);
        self.invitation.execute((place, asked.content))?;
        self.row
            .execute((place, ITS_OWN, Null, Null, asked.cells))?;
        self.due
            .execute((place, asked.body.skeleton, asked.body.values))?;
        self.pending += 1;
        Ok(())
    }

    pub(super) fn duplicate(&mut self, row: RowNumber, of: RowNumber, cells: &str) -> Result<()> {
        let place = place_of(self.sheet.0, row.0);
        self.row.execute((place, Null, of.0, Null, cells))?;
        self.duplicate += 1;
        Ok(())
    }

    pub(super) fn invalid(&mut self, row: RowNumber, cells: &str, problems: &str) -> Result<()> {
        let place = place_of(self.sheet.0, row.0);
        self.row.execute((place, Null, Null, problems, cells))?;
        self.invalid += 1;
        Ok(())
    }

    /// Adds the rows entered to the tallies.
    pub(super) fn add_up(self, sums: &mut Sums) {
        for (status, rows) in [
            (Status::Pending, self.pending),
            (Status::Duplicate, self.duplicate),
            (Status::Invalid, self.invalid),
        ] {
            let state = State {
                status,
                created_run: 0,
            };
            if rows > 0 {
                sums.add(state.in_sheet(self.sheet.0), rows);
            }
        }
    }
}
