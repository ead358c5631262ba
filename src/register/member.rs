//! Who speaks to the register: a process of the team, as it says on every connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::fault::{Fault, first, query};
use super::key::TeamKey;
use crate::error::Error;

/// Names a request before the register has heard of it.
pub type AttemptId = [u8; 16];

/// A request leaves within this time of asking, or never: whoever takes it for lost waits longer.
pub const FENCE: Duration = Duration::from_secs(5);
/// What clocks and slow machines may add to fence and timeout before a request counts as lost.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// Time since the machine started, suspension included.
pub type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// For whom the register keeps its books, and who asks.
#[derive(Debug, Clone)]
pub struct Party {
    pub base_url: String,
    pub tenancy_name: String,
    /// Names this computer's ledger; empty where there is none.
    pub ledger: Vec<u8>,
    /// The last request that the register knew of, as that ledger has it.
    pub newest: Option<AttemptId>,
    pub host: String,
    pub os_user: String,
    /// The longest that a request may be under way.
    pub timeout: Duration,
}

impl Party {
    pub(super) fn lease_s(&self) -> f64 {
        (FENCE + self.timeout + LEASE_MARGIN).as_secs_f64()
    }
}

/// A process of the team.
pub(super) struct Member {
    pub(super) party: Party,
    pub(super) key: TeamKey,
    pub(super) steady: Steady,
    /// This process's number in the register; 0 before it has one.
    pub(super) process: AtomicI32,
    /// Whether the ledger has given what it knows.
    pub(super) is_known: AtomicBool,
    /// Who gives back what was lost may come to a register that has lost it.
    pub(super) may_be_restored: bool,
}

impl Member {
    /// Says who is on this connection: a new process, or one that is back.
    pub(super) async fn greet(&self, client: &Client) -> Result<(), Fault> {
        const BEGIN: &str = "SELECT caller, verdict, coalesce(is_known, false) FROM vlens_batch.begin_process($1, $2, $3, $4, $5, $6, $7, make_interval(secs => $8), $9, encode($10, 'hex'), $11)";
        let (check, lease_s) = (self.key.check()?, self.party.lease_s());
        let known = Some(self.process.load(Ordering::Relaxed)).filter(|process| *process != 0);
        let steady_ms = self.steady_ms();
        let newest = self.party.newest.as_ref().map_or(&[][..], |id| id);
        let Party {
            base_url,
            tenancy_name,
            ledger,
            host,
            os_user,
            ..
        } = &self.party;
        let rows = query(
            client,
            BEGIN,
            &[
                (base_url, Type::TEXT),
                (tenancy_name, Type::TEXT),
                (&check, Type::BYTEA),
                (ledger, Type::BYTEA),
                (host, Type::TEXT),
                (os_user, Type::TEXT),
                (&env!("CARGO_PKG_VERSION"), Type::TEXT),
                (&lease_s, Type::FLOAT8),
                (&steady_ms, Type::INT8),
                (&newest, Type::BYTEA),
                (&known, Type::INT4),
            ],
        )
        .await?;
        let row = first(&rows)?;
        match row.get(1) {
            "ready" => {}
            "restored" if self.may_be_restored => {}
            "unknown tenant" => return Err(unknown_tenant(base_url, tenancy_name).into()),
            "another key" => return Err(another_key().into()),
            _ => return Err(restored().into()),
        }
        self.process.store(row.get(0), Ordering::Relaxed);
        self.is_known.store(row.get(2), Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn steady_ms(&self) -> i64 {
        i64::try_from((self.steady)().as_millis()).unwrap_or(i64::MAX)
    }
}

pub(super) fn unknown_tenant(base_url: &str, tenancy_name: &str) -> Error {
    let message = format!("The team's register knows no tenant {tenancy_name} at {base_url}.");
    Error::unusable("register_without_tenant", message)
        .hint("Whoever owns the database enters it: vlens-batch register init")
}

pub(super) fn another_key() -> Error {
    Error::unusable(
        "register_key_differs",
        "This computer's key file is not the team's: the same customer would be another one here.",
    )
    .hint("Copy the team's key file to the place that VLENS_REGISTER_KEY_FILE names.")
}

pub(super) fn restored() -> Error {
    Error::refused(
        "register_restored",
        "The team's register was restored from a backup, or another server has taken its place: it may have lost who was invited last, \
         and they would be invited again.",
    )
    .hint("On each computer that sends: vlens-batch register rebuild. When all have given what their ledgers know, sending goes on.")
}
