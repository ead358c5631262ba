//! Rows whose invitation an earlier sheet brought: they meet its history.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::books::{Books, ContentHash, KeyHash, place_of, sheet_and_row, status_of};
use super::super::fault::{Fault, Result};
use super::super::runs::SheetId;
use super::super::transition::State;
use super::Asked;
use super::desk::Desk;
use crate::model::{Plan, RowNumber, RunId, Standing, Status};

/// An invitation that the ledger knew before this sheet.
pub(super) struct Known {
    id: i64,
    content: ContentHash,
    state: State,
}

/// Two statements and no join: SQLite plans a join anew for every value that is bound to it, which takes longer than the look.
pub(super) fn known_invitation(conn: &Connection, key: KeyHash) -> Result<Option<Known>> {
    let id: Option<i64> = conn
        .prepare_cached("SELECT invitation_id FROM keys WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(None) };
    let mut statement = conn.prepare_cached(
        "SELECT content, status, coalesce(created_run, 0) FROM invitations WHERE id = ?1",
    )?;
    let mut found = statement.query([id])?;
    let row = found
        .next()?
        .ok_or_else(|| Fault::damaged("an invitation is missing"))?;
    Ok(Some(Known {
        id,
        content: row.get(0)?,
        state: State {
            status: status_of(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?,
            created_run: row.get(2)?,
        },
    }))
}

impl Books {
    /// Enters a row whose invitation an earlier sheet brought. Tells whether that was created with other content.
    pub(super) fn enter_known(
        &mut self,
        sheet: SheetId,
        run: RunId,
        asked: &Asked<'_>,
        known: &Known,
        decide: &dyn Fn(Option<Standing>) -> Plan,
    ) -> Result<bool> {
        let places = self.places_of(known.id)?;
        if let Some(of) = row_in_sheet(&places, sheet) {
            let mut desk = Desk::new(&self.conn, sheet)?;
            desk.duplicate(asked.row, of, asked.cells)?;
            desk.add_up(&mut self.sums);
            return Ok(false);
        }
        let state = known.state;
        let place = place_of(sheet.0, asked.row.0);
        self.enter_row(place, known.id, state, places.first(), asked.cells)?;
        let same_content = known.content == asked.content;
        let plan = decide(Some(Standing {
            status: state.status,
            same_content,
        }));
        if same_content {
            self.forget_change(known.id)?;
            let wants_body = match state.status {
                Status::Pending => false,
                Status::Created => plan == Plan::Send,
                _ => true,
            };
            if wants_body && !self.has_body(known.id)? {
                self.keep_body(known.id, asked.body)?;
            }
        } else {
            self.note_change(known.id, asked.content, asked.body)?;
        }
        let is_due_already = state.status == Status::Pending && same_content;
        if plan == Plan::Send && !is_due_already {
            self.make_pending(known.id, run.0)?;
        }
        Ok(state.status == Status::Created && !same_content)
    }
}

fn row_in_sheet(places: &[i64], sheet: SheetId) -> Option<RowNumber> {
    let mut rows = places.iter().copied().map(sheet_and_row);
    rows.find_map(|(of, row)| (of == sheet.0).then_some(RowNumber(row)))
}
