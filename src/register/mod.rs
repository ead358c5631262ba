//! The team's register: one memory of who was claimed and one rate for several computers, in their PostgreSQL. Knows no ledger, no
//! sheet and no HTTP.
//!
//! Each operation is one call of a function in `migrations/register/0001.sql`: one round trip, one transaction, and the database's
//! clock. All of them come to the same when they are carried out twice, so that whatever was asked for when the connection was lost is
//! simply asked for again: a request's own id tells whether it was granted, and nothing is sent on a guess.

mod connection;
mod key;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::error::Error;
use crate::model::{CustomerKey, Status, Timestamp};
use connection::{Connection, Fault, Parameter, query};
use key::random;

pub use connection::Place;
pub use key::TeamKey;

const SCHEMA: &str = include_str!("../../migrations/register/0001.sql");

/// A request leaves within this time of asking, or never: whoever takes it for lost waits longer.
pub const FENCE: Duration = Duration::from_secs(5);
/// What clocks and slow machines may add to fence and timeout before a request counts as lost.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// Names a request before the register has heard of it.
pub type AttemptId = [u8; 16];

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
    fn lease_s(&self) -> f64 {
        (FENCE + self.timeout + LEASE_MARGIN).as_secs_f64()
    }
}

/// What the register says to one more request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Granted,
    /// No request may leave for so long; then ask again.
    Wait(Duration),
    /// The customer is somebody's.
    Taken(Claim),
}

/// How a customer stands in the register, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// None: on his way.
    pub status: Option<Status>,
    /// User and host.
    pub by: String,
    pub at: Timestamp,
}

/// Where the register stands, for people.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Overview {
    pub register: String,
    pub per_second: Option<i32>,
    pub per_minute: Option<i32>,
    pub paused_ms: i64,
    pub requests_last_minute: i64,
    /// Customers by status; `sending` are those on their way.
    pub claims: serde_json::Value,
    pub senders: Vec<Sender>,
    /// It was restored or failed over, and these ledgers have not given yet what they know.
    pub missing: Option<Vec<String>>,
    /// The database's clock.
    pub at: Timestamp,
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct Sender {
    pub host: String,
    pub os_user: String,
    pub started_at: Timestamp,
    pub version: String,
    /// Whether it has a connection.
    pub alive: bool,
    pub on_their_way: i64,
}

pub struct Register {
    connection: Connection,
    party: Party,
    key: TeamKey,
    steady: Steady,
    /// This process's number in the register; 0 before it has one.
    process: AtomicI32,
    /// Whether the ledger has given what it knows.
    is_known: AtomicBool,
    /// Who gives back what was lost may come to a register that has lost it.
    may_be_restored: bool,
}

impl Register {
    /// Says who comes; `may_be_restored`: also where the register was restored, so that only `status` and `remember` make sense.
    pub async fn connect(
        place: &Place,
        party: Party,
        key: TeamKey,
        steady: Steady,
        may_be_restored: bool,
    ) -> Result<Register, Error> {
        let register = Register {
            connection: Connection::new(place)?,
            party,
            key,
            steady,
            process: AtomicI32::new(0),
            is_known: AtomicBool::new(false),
            may_be_restored,
        };
        register.ask("SELECT 1", &[]).await?;
        Ok(register)
    }

    /// Makes the schema where it is missing, and the tenant's line with these limits. True when the schema was made.
    pub async fn init(
        place: &Place,
        party: &Party,
        key: &TeamKey,
        limits: [Option<u32>; 2],
    ) -> Result<bool, Error> {
        let connection = Connection::new(place)?;
        let nobody = |_: Arc<Client>| async { Ok(()) };
        let look = "SELECT to_regnamespace('vlens_batch') IS NULL";
        let rows = connection.ask(look, &[], nobody).await?;
        let is_new = first(&rows)?.get(0);
        if is_new {
            connection.run_script(SCHEMA).await?;
        }
        let limits = limits.map(|limit| limit.and_then(|limit| i32::try_from(limit).ok()));
        let (check, lease_s) = (key.check()?, party.lease_s());
        let enter =
            "SELECT vlens_batch.enter_tenant($1, $2, $3, $4, $5, make_interval(secs => $6))";
        let parameters: [Parameter<'_>; 6] = [
            (&party.base_url, Type::TEXT),
            (&party.tenancy_name, Type::TEXT),
            (&check, Type::BYTEA),
            (&limits[0], Type::INT4),
            (&limits[1], Type::INT4),
            (&lease_s, Type::FLOAT8),
        ];
        let rows = connection.ask(enter, &parameters, nobody).await?;
        let is_entered: bool = first(&rows)?.get(0);
        is_entered.then_some(is_new).ok_or_else(another_key)
    }

    /// Whether this ledger's customers are known to all.
    pub fn knows_this_ledger(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// A name for one more request.
    pub fn new_attempt() -> Result<AttemptId, Error> {
        random()
    }

    /// Claims a customer (none: a login or the like) and records that a request is about to leave. `over` is the status that a person's
    /// word has overcome. Asked again with the same id, the answer is the same.
    pub async fn open_attempt(
        &self,
        attempt: AttemptId,
        customer: Option<&[u8]>,
        over: Option<Status>,
    ) -> Result<Verdict, Error> {
        const OPEN: &str = "SELECT verdict, wait, status, host, os_user, (extract(epoch FROM at) * 1000)::bigint FROM vlens_batch.open_attempt($1, encode($2, 'hex')::uuid, $3, $4, $5)";
        let key = customer
            .map(|customer| self.key.hash(b"customer", customer))
            .transpose()?;
        let over = over.map(<&str>::from);
        let rows = self
            .call(
                OPEN,
                &[
                    (&attempt.as_slice(), Type::BYTEA),
                    (&key, Type::BYTEA),
                    (&over, Type::TEXT),
                ],
            )
            .await?;
        let row = first(&rows)?;
        Ok(match row.get(0) {
            "granted" => Verdict::Granted,
            "wait" => {
                let ms: i64 = row.get(1);
                Verdict::Wait(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
            }
            "taken" => Verdict::Taken(claim(row, 2)),
            _ => return Err(restored()),
        })
    }

    /// Tells what became of a request: an event's word, the customer's status by it, and for how long nobody of the team may send.
    pub async fn close_attempt(
        &self,
        attempt: AttemptId,
        event: &str,
        status: Status,
        pause: Option<Duration>,
    ) -> Result<(), Error> {
        const CLOSE: &str =
            "SELECT vlens_batch.close_attempt($1, encode($2, 'hex')::uuid, $3, $4, $5, $6)";
        let status = <&str>::from(status);
        let pause_ms = pause.map_or(0, |pause| i64::try_from(pause.as_millis()).unwrap_or(0));
        let parameters: [Parameter<'_>; 4] = [
            (&attempt.as_slice(), Type::BYTEA),
            (&event, Type::TEXT),
            (&status, Type::TEXT),
            (&pause_ms, Type::INT8),
        ];
        self.call(CLOSE, &parameters).await.map(drop)
    }

    /// Notes what a person says of customers, of all or of none. Gives those of whom it cannot be said, by their place in `customers`.
    pub async fn settle(
        &self,
        customers: &[CustomerKey],
        status: Status,
    ) -> Result<Vec<(usize, Claim)>, Error> {
        const SETTLE: &str = "SELECT key, status, host, os_user, (extract(epoch FROM at) * 1000)::bigint FROM vlens_batch.settle($1, $2, $3, $4)";
        let keys = self.keys(customers)?;
        let status = <&str>::from(status);
        let rows = self
            .call(SETTLE, &[(&keys, Type::BYTEA_ARRAY), (&status, Type::TEXT)])
            .await?;
        let place = |row: &Row| keys.iter().position(|key| key == row.get::<_, &[u8]>(0));
        Ok(rows
            .iter()
            .filter_map(|row| Some((place(row)?, claim(row, 1))))
            .collect())
    }

    /// Gives what a ledger knows of some customers.
    pub async fn remember(
        &self,
        customers: &[CustomerKey],
        statuses: &[Status],
    ) -> Result<u64, Error> {
        let keys = self.keys(customers)?;
        let statuses: Vec<&str> = statuses.iter().map(|&status| status.into()).collect();
        let parameters: [Parameter<'_>; 3] = [
            (&self.process.load(Ordering::Relaxed), Type::INT4),
            (&keys, Type::BYTEA_ARRAY),
            (&statuses, Type::TEXT_ARRAY),
        ];
        let rows = self
            .ask("SELECT vlens_batch.remember($1, $2, $3)", &parameters)
            .await?;
        let changed: i64 = first(&rows)?.get(0);
        Ok(u64::try_from(changed).unwrap_or(0))
    }

    /// This ledger has given all. Gives the others that have not, for whom the register waits if it was restored, unless a person says
    /// that they will not come.
    pub async fn remembered(&self, without_the_others: bool) -> Result<Vec<String>, Error> {
        let process = self.process.load(Ordering::Relaxed);
        let parameters: [Parameter<'_>; 2] =
            [(&process, Type::INT4), (&without_the_others, Type::BOOL)];
        let rows = self
            .ask(
                "SELECT os_user || ' at ' || host FROM vlens_batch.remembered($1, $2)",
                &parameters,
            )
            .await?;
        self.is_known.store(true, Ordering::Relaxed);
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Where the register of a tenant stands. Whoever only looks is no process, and needs no key.
    pub async fn look(
        place: &Place,
        base_url: &str,
        tenancy_name: &str,
    ) -> Result<Overview, Error> {
        const OVERVIEW: &str = "SELECT per_second, per_minute, paused_ms, requests_last_minute, claims::text, missing, (extract(epoch FROM at) * 1000)::bigint FROM vlens_batch.overview($1, $2)";
        const SENDERS: &str = "SELECT host, os_user, (extract(epoch FROM started) * 1000)::bigint, version, is_alive, on_their_way FROM vlens_batch.senders($1, $2)";
        let connection = Connection::new(place)?;
        let nobody = |_: Arc<Client>| async { Ok(()) };
        let tenant: [Parameter<'_>; 2] = [(&base_url, Type::TEXT), (&tenancy_name, Type::TEXT)];
        let senders = connection.ask(SENDERS, &tenant, nobody).await?;
        let rows = connection.ask(OVERVIEW, &tenant, nobody).await?;
        let row = rows
            .first()
            .ok_or_else(|| unknown_tenant(base_url, tenancy_name))?;
        let sender = |row: &Row| Sender {
            host: row.get(0),
            os_user: row.get(1),
            started_at: Timestamp(row.get(2)),
            version: row.get(3),
            alive: row.get(4),
            on_their_way: row.get(5),
        };
        Ok(Overview {
            register: connection.name(),
            per_second: row.get(0),
            per_minute: row.get(1),
            paused_ms: row.get(2),
            requests_last_minute: row.get(3),
            claims: serde_json::from_str(row.get(4)).unwrap_or_default(),
            senders: senders.iter().map(sender).collect(),
            missing: row.get(5),
            at: Timestamp(row.get(6)),
        })
    }

    fn keys(&self, customers: &[CustomerKey]) -> Result<Vec<Vec<u8>>, Error> {
        let hash = |customer: &CustomerKey| self.key.hash(b"customer", customer);
        customers.iter().map(hash).collect()
    }

    /// A function whose first parameter is this process and whose last is its clock.
    async fn call(&self, statement: &str, between: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let (process, steady_ms) = (self.process.load(Ordering::Relaxed), self.steady_ms());
        let mut parameters: Vec<Parameter<'_>> = vec![(&process, Type::INT4)];
        parameters.extend_from_slice(between);
        parameters.push((&steady_ms, Type::INT8));
        self.ask(statement, &parameters).await
    }

    async fn ask(&self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let greet = |client: Arc<Client>| async move { self.greet(&client).await };
        // On the heap, as it is part of every request's way.
        Box::pin(self.connection.ask(statement, parameters, greet)).await
    }

    /// Says who is on this connection: a new process, or one that is back.
    async fn greet(&self, client: &Client) -> Result<(), Fault> {
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

    fn steady_ms(&self) -> i64 {
        i64::try_from((self.steady)().as_millis()).unwrap_or(i64::MAX)
    }
}

/// The claim in four columns from `index` on.
fn claim(row: &Row, index: usize) -> Claim {
    let status: &str = row.get(index);
    let (host, os_user): (&str, &str) = (row.get(index + 1), row.get(index + 2));
    Claim {
        status: status.parse().ok(),
        by: format!("{os_user} at {host}"),
        at: Timestamp(row.get(index + 3)),
    }
}

fn first(rows: &[Row]) -> Result<&Row, Error> {
    let message = "The team's register gave no answer to a question that has one.";
    rows.first()
        .ok_or_else(|| Error::unexpected("register_unusable", message))
}

fn unknown_tenant(base_url: &str, tenancy_name: &str) -> Error {
    let message = format!("The team's register knows no tenant {tenancy_name} at {base_url}.");
    Error::unusable("register_without_tenant", message)
        .hint("Whoever owns the database enters it: vlens-batch register init")
}

fn another_key() -> Error {
    Error::unusable(
        "register_key_differs",
        "This computer's key file is not the team's: the same customer would be another one here.",
    )
    .hint("Copy the team's key file to the place that VLENS_REGISTER_KEY_FILE names.")
}

fn restored() -> Error {
    Error::refused(
        "register_restored",
        "The team's register was restored from a backup, or another server has taken its place: it may have lost who was invited last, \
         and they would be invited again.",
    )
    .hint("On each computer that sends: vlens-batch register rebuild. When all have given what their ledgers know, sending goes on.")
}
