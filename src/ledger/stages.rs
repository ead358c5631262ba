//! How far invitations have come after they were created, as files from elsewhere tell.

use rusqlite::Connection;

use super::open::Ledger;
use super::sql::{Outcome, Statements as _};
use super::status::{InvitationId, count_at};
use crate::error::Error;
use crate::model::{Stage, StageCount, Timestamp};

const CREATED: &str = "
    SELECT i.id, c.body FROM invitations i CROSS JOIN contents c ON c.id = i.content_id
    WHERE i.status = 'created' AND c.body IS NOT NULL ORDER BY i.id";

/// Where both tell when, what came later stays; otherwise what is told now.
const STORE: &str = "
    INSERT INTO stages (invitation_id, stage, at_ms, signed, told_ms) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET stage = excluded.stage, at_ms = excluded.at_ms, signed = excluded.signed, told_ms = excluded.told_ms
    WHERE coalesce(excluded.at_ms >= stages.at_ms, true)";

const BY_DAY: &str = "
    SELECT max(coalesce(s.at_ms, s.told_ms) - (SELECT max(a.opened_ms) FROM attempts a
                   WHERE a.invitation_id = i.id AND a.event IN ('created', 'settled_created')), 0) / 86400000 AS days,
           coalesce(s.signed, false), count(*)
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN invitations i ON i.id = c.invitation_id
    LEFT JOIN stages s ON s.invitation_id = i.id
    WHERE r.sheet_id = ?1 AND i.status = 'created' GROUP BY 1, 2 ORDER BY 1, 2";

impl Ledger {
    /// The bodies of all created invitations that are not purged, oldest first.
    pub fn created_bodies(&self, mut visit: impl FnMut(InvitationId, &str)) -> Result<(), Error> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(CREATED)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let body: String = row.get(1)?;
                visit(InvitationId(row.get(0)?), &body);
            }
            Ok(())
        })
    }

    /// Stores what was told of invitations, and gives how many of them are signed, as far as is known by then.
    pub fn store_stages<'s>(
        &mut self,
        stages: impl IntoIterator<Item = (InvitationId, &'s Stage)>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        const SIGNED: &str = "SELECT signed FROM stages WHERE invitation_id = ?1";
        self.write(|ledger| {
            let mut signed = 0;
            for (InvitationId(id), stage) in stages {
                let at = stage.at.map(|at| at.0);
                let values = (id, &stage.name, at, stage.is_signed, now.0);
                ledger.conn.run(STORE, values)?;
                let is_signed = ledger.conn.first(SIGNED, [id], |row| row.get(0))?;
                signed += u64::from(is_signed.unwrap_or(false));
            }
            Ok(signed)
        })
    }
}

/// How far the created rows of a sheet have come.
pub(super) fn stages_by_day(conn: &Connection, sheet: i64) -> Outcome<Vec<StageCount>> {
    conn.all(BY_DAY, [sheet], |row| {
        let days: Option<i64> = row.get(0)?;
        Ok(StageCount {
            days: days.map(i64::unsigned_abs),
            is_signed: row.get(1)?,
            count: count_at(row, 2)?,
        })
    })
}
