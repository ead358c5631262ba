//! How far invitations have come after they were created, as files from elsewhere tell.

use rusqlite::Row;

use super::open::Ledger;
use super::reader::Reader;
use super::values::InvitationId;
use crate::error::Error;
use crate::model::{Stage, Timestamp};

impl Reader {
    /// The bodies of all created invitations that are not purged, with when they left last, oldest first.
    pub fn created_bodies(
        &self,
        mut visit: impl FnMut(InvitationId, &str, Option<Timestamp>),
    ) -> Result<(), Error> {
        const CREATED: &str = "
            SELECT i.id, c.body,
                   (SELECT max(opened_ms) FROM attempts a WHERE a.invitation_id = i.id AND a.event = 'created')
            FROM invitations i CROSS JOIN contents c ON c.id = i.content_id
            WHERE i.status = 'created' AND c.body IS NOT NULL ORDER BY i.id";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?));
        self.db.each(CREATED, (), read, |(id, body, invited)| {
            visit(id, &body, invited);
            Ok(())
        })
    }
}

impl Ledger {
    /// Stores what was told of invitations, and gives how many of them are signed, as far as is known by then.
    pub fn store_stages<'s>(
        &mut self,
        stages: impl IntoIterator<Item = (InvitationId, &'s Stage)>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        // Where both tell when, what came later stays; otherwise what is told now.
        const STORE: &str = "
            INSERT INTO stages (invitation_id, stage, at_ms, signed, told_ms) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET stage = excluded.stage, at_ms = excluded.at_ms, signed = excluded.signed, told_ms = excluded.told_ms
            WHERE coalesce(excluded.at_ms >= stages.at_ms, true)";
        const SIGNED: &str = "SELECT signed FROM stages WHERE invitation_id = ?1";
        self.write(|ledger| {
            let mut signed = 0;
            for (id, stage) in stages {
                let told = (id, &stage.name, stage.at, stage.is_signed, now);
                ledger.db.run(STORE, told)?;
                let is_signed: Option<bool> = ledger.db.value(SIGNED, [id])?;
                signed += u64::from(is_signed.unwrap_or(false));
            }
            Ok(signed)
        })
    }
}
