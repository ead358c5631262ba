//! Rows whose invitation an earlier sheet brought: they meet its history.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::books::{Books, ContentHash, KeyHash, sheet_and_row};
use super::super::fault::Result;
use super::super::runs::SheetId;
use super::Asked;
use super::desk::Desk;
use crate::domain::{Plan, RowNumber, RunId, Standing, Status};

/// An invitation that the ledger knew before this sheet.
pub(super) struct Known {
    id: i64,
    content: ContentHash,
}

pub(super) fn known_invitation(conn: &Connection, key: KeyHash) -> Result<Option<Known>> {
    let known = conn
        .prepare_cached("SELECT i.id, i.content FROM keys k CROSS JOIN invitations i ON i.id = k.invitation_id WHERE k.key = ?1")?
        .query_row([key], |row| {
            Ok(Known {
                id: row.get(0)?,
                content: row.get(1)?,
            })
        })
        .optional()?;
    Ok(known)
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
        if let Some(of) = self.row_in_sheet(known.id, sheet)? {
            let mut desk = Desk::new(&self.conn, sheet)?;
            desk.duplicate(asked.row, of, asked.cells)?;
            desk.add_up(&mut self.sums);
            return Ok(false);
        }
        let state = self.state_of(known.id)?;
        self.enter_row(sheet.0, asked.row.0, known.id, state, asked.cells)?;
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
        if plan == Plan::Send {
            self.make_pending(known.id, run.0)?;
        }
        Ok(state.status == Status::Created && !same_content)
    }

    fn row_in_sheet(&self, invitation: i64, sheet: SheetId) -> Result<Option<RowNumber>> {
        let places = self.places_of(invitation)?;
        let mut rows = places.into_iter().map(sheet_and_row);
        Ok(rows.find_map(|(of, row)| (of == sheet.0).then_some(RowNumber(row))))
    }
}
