//! The team's register: one memory of who was claimed and one rate for several computers, in their PostgreSQL. Knows no ledger, no
//! sheet and no HTTP.
//!
//! Each operation is one call of a function in `migrations/register/0001.sql`: one round trip, one transaction, and the database's
//! clock. All of them come to the same when they are carried out twice, so that whatever was asked for when the connection was lost is
//! simply asked for again: a request's own id tells whether it was granted, and nothing is sent on a guess.

mod connection;
mod member;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, Result};
use crate::model::{Binding, Customer, CustomerKey, Fault, RequestName, Status, Timestamp};
use connection::{Connection, Parameters, first, unknown_tenant};
use member::Member;

pub use connection::RegisterAddress;
pub use member::{FENCE, Party, TeamKey, random};

/// What the register says to one more request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Granted,
    /// No request may leave for so long; then ask again.
    Wait(Duration),
    /// The customer is somebody's.
    Elsewhere(Claim),
}

/// How a customer stands in the register, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// None: on his way.
    pub status: Option<Status>,
    /// User and host.
    pub by: String,
    pub at: Timestamp,
    /// The request of which that came; none after a person's word.
    pub request: Option<RequestName>,
    /// Somebody else's, whose number by another column coincides.
    pub is_strangers: bool,
}

const CLAIM: &str = "status, os_user || ' at ' || host, (extract(epoch FROM at) * 1000)::bigint, uuid_send(attempt)";

impl Claim {
    /// For people, with the status that it has.
    pub fn told(&self) -> Option<(Status, String)> {
        let (status, by, at) = (self.status?, self.by.clone(), self.at.to_string());
        if self.is_strangers {
            let fault = Fault::of("strangers_number", &[&by]);
            return Some((Status::Failed, fault.to_string()));
        }
        let fault = match (status, self.request) {
            (Status::Created, Some(_)) => Fault::of("invited_elsewhere", &[&by, &at]),
            (Status::Created, None) => Fault::of("settled_elsewhere", &[&by, &at]),
            (status, _) => Fault::of("known_elsewhere", &[&status, &by, &at]),
        };
        Some((status, fault.to_string()))
    }
}

pub struct Register {
    connection: Arc<Connection>,
    member: Arc<Member>,
    /// Keeps the register's clock going while this process waits: without it all who wait for the minute are silent, and each who begins
    /// meanwhile must take that for a clock that was set.
    _beat: AbortOnDropHandle<()>,
}

/// Often enough that who begins meanwhile can tell time that has passed from a clock that was set forward.
const BEAT: Duration = Duration::from_millis(500);

impl Register {
    /// Says who comes; `may_be_restored`: also where the register was restored, so that only `status` and `remember` make sense.
    pub async fn connect(
        place: &RegisterAddress,
        party: Party,
        may_be_restored: bool,
    ) -> Result<Register> {
        const TICK: &str = "SELECT n FROM vlens_batch.tick($1, $2)";
        let member = Arc::new(Member {
            party,
            process: AtomicI32::new(0),
            is_known: AtomicBool::new(false),
            may_be_restored,
        });
        let connection = Arc::new(Connection::new(place, Some(Arc::clone(&member)))?);
        connection.ask("SELECT 1", &[]).await?;
        let beating = Arc::clone(&connection);
        let beat = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                // Whoever has something to ask finds out by himself that the register is away.
                let _ = beating.call(TICK, &[]).await;
            }
        });
        Ok(Register {
            connection,
            member,
            _beat: AbortOnDropHandle::new(beat),
        })
    }

    /// Makes the schema where it is missing, and the tenant's line with these limits. True when the schema was made.
    pub async fn init(
        place: &RegisterAddress,
        party: &Party,
        limits: [Option<u32>; 2],
    ) -> Result<bool> {
        const LOOK: &str = "SELECT to_regnamespace('vlens_batch') IS NULL";
        const ENTER: &str =
            "SELECT vlens_batch.enter_tenant($1, $2, $3, $4, $5, make_interval(secs => $6))";
        let connection = Connection::new(place, None)?;
        let is_new = connection.ask_one(LOOK, &[]).await?.get(0);
        if is_new {
            let schema = include_str!("../../migrations/register/0001.sql");
            connection.run_script(schema).await?;
        }
        let limits = limits.map(|limit| limit.and_then(|limit| i32::try_from(limit).ok()));
        let parameters: Parameters<'_> = &[
            (&party.binding.base_url, Type::TEXT),
            (&party.binding.tenancy_name, Type::TEXT),
            (&party.key.check(), Type::BYTEA),
            (&limits[0], Type::INT4),
            (&limits[1], Type::INT4),
            (&party.lease_s(), Type::FLOAT8),
        ];
        let is_entered: bool = connection.ask_one(ENTER, parameters).await?.get(0);
        let another_key = || Error::of("register_key_differs", &[]);
        is_entered.then_some(is_new).ok_or_else(another_key)
    }

    /// Where the register of a tenant stands: a document for people, and its clock. Whoever only looks is no process, and needs no key.
    pub async fn look(
        place: &RegisterAddress,
        of: &Binding,
    ) -> Result<(serde_json::Value, Timestamp)> {
        const LOOK: &str = include_str!("overview.sql");
        let connection = Connection::new(place, None)?;
        let name = connection.name();
        let parameters: Parameters<'_> = &[
            (&of.base_url, Type::TEXT),
            (&of.tenancy_name, Type::TEXT),
            (&name, Type::TEXT),
        ];
        let rows = connection.ask(LOOK, parameters).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| unknown_tenant(of))?;
        let overview = serde_json::from_str(row.get(0));
        let overview = overview.map_err(|error| Error::of("register_unusable.told", &[&error]))?;
        Ok((overview, Timestamp(row.get(1))))
    }

    /// Whether this ledger's customers are known to all.
    pub fn knows_this_ledger(&self) -> bool {
        self.member.is_known.load(Ordering::Relaxed)
    }

    /// Claims a customer (none: a login or the like), and records that a request is about to leave. `overcome` is the status that a
    /// person's word has overcome, as it was after the `last` request. Asked again with the same id, the answer is the same.
    pub async fn open_attempt(
        &self,
        request: RequestName,
        customer: Option<&Customer>,
        overcome: Option<Status>,
        last: Option<RequestName>,
    ) -> Result<Admission> {
        let open = format!(
            "SELECT verdict, wait, {CLAIM} FROM vlens_batch.open_attempt($1, encode($2, 'hex')::uuid, $3, $4, $5, $6, $7, $8, encode($9, 'hex')::uuid, $10)"
        );
        let team = &self.member.party.key;
        let [key, told_by, body, phone, email] =
            customer.map_or_else(Default::default, |customer| team.hashes(customer));
        let parameters: Parameters<'_> = &[
            (&request.as_slice(), Type::BYTEA),
            (&key, Type::BYTEA),
            (&phone, Type::BYTEA),
            (&email, Type::BYTEA),
            (&told_by, Type::BYTEA),
            (&body, Type::BYTEA),
            (&overcome.map(<&str>::from), Type::TEXT),
            (&last.as_ref().map(<[u8; 16]>::as_slice), Type::BYTEA),
        ];
        let row = first(self.connection.call(&open, parameters).await?)?;
        Ok(match row.get(0) {
            "granted" => Admission::Granted,
            "wait" => {
                let ms: i64 = row.get(1);
                Admission::Wait(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
            }
            "taken" => Admission::Elsewhere(claim_in(&row, 2)),
            "strangers" => Admission::Elsewhere(Claim {
                is_strangers: true,
                ..claim_in(&row, 2)
            }),
            _ => return Err(Error::of("register_restored", &[])),
        })
    }

    /// Tells what became of a request: an event's word, the customer's status by it, and for how long nobody of the team may send.
    pub async fn close_attempt(
        &self,
        request: RequestName,
        event: &str,
        status: Status,
        pause: Option<Duration>,
    ) -> Result<()> {
        const CLOSE: &str =
            "SELECT vlens_batch.close_attempt($1, encode($2, 'hex')::uuid, $3, $4, $5, $6)";
        let status = <&str>::from(status);
        let pause_ms = pause.map_or(0, |pause| i64::try_from(pause.as_millis()).unwrap_or(0));
        let parameters: Parameters<'_> = &[
            (&request.as_slice(), Type::BYTEA),
            (&event, Type::TEXT),
            (&status, Type::TEXT),
            (&pause_ms, Type::INT8),
        ];
        self.connection.call(CLOSE, parameters).await.map(drop)
    }

    /// Notes what a person says of customers, of all or of none. Gives those of whom it cannot be said, by their place in `customers`;
    /// where nobody says anything, how all of them stand.
    pub async fn settle(
        &self,
        customers: &[CustomerKey],
        status: Option<Status>,
    ) -> Result<Vec<(usize, Claim)>> {
        let settle = format!("SELECT place, {CLAIM} FROM vlens_batch.settle($1, $2, $3, $4)");
        let hash = |customer| self.member.party.key.customer(customer);
        let keys: Vec<Vec<u8>> = customers.iter().map(hash).collect();
        let status = status.map(<&str>::from);
        let parameters: Parameters<'_> = &[(&keys, Type::BYTEA_ARRAY), (&status, Type::TEXT)];
        let rows = self.connection.call(&settle, parameters).await?;
        let place = |row: &Row| usize::try_from(row.get::<_, i64>(0) - 1).ok();
        let claim = |row| Some((place(row)?, claim_in(row, 1)));
        Ok(rows.iter().filter_map(claim).collect())
    }

    /// Gives what a ledger knows of some customers: how they stand, whether they were ever created, and whether this was sent.
    pub async fn remember(&self, known: &[(Customer, Status, bool, bool)]) -> Result<u64> {
        const REMEMBER: &str = "SELECT vlens_batch.remember($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let hashes = |(customer, ..): &(Customer, _, _, _)| self.member.party.key.hashes(customer);
        let hashes: Vec<[Option<Vec<u8>>; 5]> = known.iter().map(hashes).collect();
        let [keys, told_by, bodies, phones, emails] =
            [0, 1, 2, 3, 4].map(|n| hashes.iter().map(|of| of[n].as_deref()).collect::<Vec<_>>());
        let statuses: Vec<&str> = known.iter().map(|known| known.1.into()).collect();
        let were_created: Vec<bool> = known.iter().map(|known| known.2).collect();
        let were_sent: Vec<bool> = known.iter().map(|known| known.3).collect();
        let parameters: Parameters<'_> = &[
            (&self.member.process(), Type::INT4),
            (&keys, Type::BYTEA_ARRAY),
            (&told_by, Type::BYTEA_ARRAY),
            (&bodies, Type::BYTEA_ARRAY),
            (&phones, Type::BYTEA_ARRAY),
            (&emails, Type::BYTEA_ARRAY),
            (&statuses, Type::TEXT_ARRAY),
            (&were_created, Type::BOOL_ARRAY),
            (&were_sent, Type::BOOL_ARRAY),
        ];
        let row = self.connection.ask_one(REMEMBER, parameters).await?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    /// Gives by what other columns a ledger knows some customers as well, each with the key that he has.
    pub async fn also_known(&self, known: &[(Customer, CustomerKey)]) -> Result<()> {
        const ALSO_KNOWN: &str = "SELECT vlens_batch.also_known($1, $2, $3, $4, $5)";
        let team = &self.member.party.key;
        let hashes: Vec<_> = known.iter().map(|(it, _)| team.hashes(it)).collect();
        let [others, told_by, bodies] =
            [0, 1, 2].map(|n| hashes.iter().map(|of| of[n].as_deref()).collect::<Vec<_>>());
        let keys: Vec<Vec<u8>> = known.iter().map(|(_, key)| team.customer(key)).collect();
        let parameters: Parameters<'_> = &[
            (&self.member.process(), Type::INT4),
            (&others, Type::BYTEA_ARRAY),
            (&told_by, Type::BYTEA_ARRAY),
            (&bodies, Type::BYTEA_ARRAY),
            (&keys, Type::BYTEA_ARRAY),
        ];
        self.connection.ask(ALSO_KNOWN, parameters).await.map(drop)
    }

    /// This ledger has given all. Gives the others that have not, for whom the register waits if it was restored, unless a person says
    /// that they will not come; and whether sending goes on.
    pub async fn remembered(&self, without_the_others: bool) -> Result<(Vec<String>, bool)> {
        const REMEMBERED: &str = "SELECT missing, is_whole FROM vlens_batch.remembered($1, $2)";
        let process = self.member.process();
        let parameters: Parameters<'_> =
            &[(&process, Type::INT4), (&without_the_others, Type::BOOL)];
        let row = self.connection.ask_one(REMEMBERED, parameters).await?;
        Ok((row.get(0), row.get(1)))
    }
}

/// The claim in four columns from `index` on.
fn claim_in(row: &Row, index: usize) -> Claim {
    let (status, request): (&str, Option<&[u8]>) = (row.get(index), row.get(index + 3));
    Claim {
        status: status.parse().ok(),
        by: row.get(index + 1),
        at: Timestamp(row.get(index + 2)),
        request: request.and_then(|id| id.try_into().ok()),
        is_strangers: false,
    }
}
