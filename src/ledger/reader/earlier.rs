//! Where an invitation was created: the run, and the row of its sheet.

use rusqlite::OptionalExtension as _;

use super::super::books::sheet_and_row;
use super::super::runs::InvitationId;
use super::Reader;
use crate::error::Error;
use crate::model::{EarlierRow, RowNumber, RunId};

/// A place begins with its sheet's id: see the migrations.
const CREATED_IN: &str = "
    WITH created AS (SELECT i.id, u.id AS run, u.source, u.sheet_id FROM invitations i JOIN runs u ON u.id = i.created_run WHERE i.id = ?1)
    SELECT run, source, place FROM created JOIN rows ON place = ?1 AND invitation_id = 0 AND place >> 32 = sheet_id
    UNION ALL
    SELECT run, source, place FROM created JOIN rows ON invitation_id = ?1 AND invitation_id > 0 AND place >> 32 = sheet_id";

impl Reader {
    /// The run and row that created an invitation; `None` when it was not created.
    pub fn created_in(
        &self,
        invitation: InvitationId,
    ) -> std::result::Result<Option<EarlierRow>, Error> {
        self.look(|conn| {
            let mut statement = conn.prepare_cached(CREATED_IN)?;
            let earlier = statement.query_row([invitation.0], |row| {
                let (_, number) = sheet_and_row(row.get(2)?);
                Ok(EarlierRow {
                    run: RunId(row.get(0)?),
                    source: row.get(1)?,
                    row: RowNumber(number),
                })
            });
            Ok(earlier.optional()?)
        })
    }
}
