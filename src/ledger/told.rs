//! What this ledger and the team's register have told each other.

use super::attempts::{Event, RegisterId};
use super::open::{Ledger, keyed_hash, unmasked};
use super::sql::{Outcome, Statements as _};
use super::status::InvitationId;
use crate::error::Error;
use crate::model::{CustomerKey, Moment, Status};

impl Ledger {
    /// Notes what the team's register says of an invitation that another computer claimed.
    pub(super) fn note_elsewhere(
        &self,
        InvitationId(invitation): InvitationId,
        status: Status,
        words: &str,
        now: &Moment,
    ) -> Outcome<()> {
        self.note_decision(invitation, Event::Elsewhere, now)?;
        let note = "UPDATE attempts SET code = ?2, message = ?3 WHERE id = ?1";
        let id = self.conn.last_insert_rowid();
        self.conn.run(note, (id, "elsewhere", words))?;
        // Created by no run of this ledger.
        self.set_status(invitation, status, 0)
    }

    /// The register knows what became of a request.
    pub(super) fn note_told(&self, register_id: RegisterId) -> Outcome<()> {
        let note = "UPDATE attempts SET told = 1 WHERE told = 0 AND register_id = ?1";
        self.conn.run(note, [register_id]).map(drop)
    }

    pub fn told(&mut self, register_id: RegisterId) -> Result<(), Error> {
        self.write(|ledger| ledger.note_told(register_id))
    }

    /// Requests of which the register does not know yet what became of them, with their event and the status that follows from it.
    pub fn untold(&self) -> Result<Vec<(RegisterId, String, Status)>, Error> {
        const UNTOLD: &str = "
            SELECT register_id, event, iif(event IN ('created', 'rejected', 'uncertain'), event, 'pending')
            FROM attempts WHERE told = 0 AND event IS NOT NULL";
        self.read(|conn| {
            conn.all(UNTOLD, (), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
        })
    }

    /// The register knows what became of each customer; of the requests themselves it may know nothing any more.
    pub fn all_told(&mut self) -> Result<(), Error> {
        let note = "UPDATE attempts SET told = NULL WHERE told IS NOT NULL AND event IS NOT NULL";
        self.write(|ledger| ledger.conn.run(note, ()).map(drop))
    }

    /// The last request that the register knew of.
    pub fn newest_told(&self) -> Result<Option<RegisterId>, Error> {
        const NEWEST: &str =
            "SELECT register_id FROM attempts WHERE told = 1 ORDER BY id DESC LIMIT 1";
        self.read(|conn| conn.first(NEWEST, (), |row| row.get(0)))
    }

    /// Names this ledger among those of its team.
    pub fn register_name(&self) -> RegisterId {
        keyed_hash(&self.salt, b"register", &[])
    }

    /// What this ledger knows of customers, from behind invitation `after` on: all but those of whom there is nothing to tell.
    pub fn known_customers(
        &self,
        after: InvitationId,
        at_most: u32,
    ) -> Result<Vec<(InvitationId, CustomerKey, Status)>, Error> {
        const KNOWN: &str = "SELECT id, key, status FROM invitations WHERE id > ?1 AND status <> 'pending' ORDER BY id LIMIT ?2";
        self.read(|conn| {
            conn.all(KNOWN, (after.0, at_most), |row| {
                let key = unmasked(&self.salt, row.get(1)?);
                Ok((InvitationId(row.get(0)?), key, row.get(2)?))
            })
        })
    }
}
