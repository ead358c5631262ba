//! One connection to the register's database, made again whenever it is lost, and what goes wrong with it told to a person.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Row};

use super::tls::Tls;
use crate::error::Error;
use crate::model::Secret;

/// Where the register is, and how to get there.
#[derive(Debug, Clone)]
pub struct Place {
    /// `postgres://…`
    pub url: String,
    pub password: Option<Secret>,
    /// More certificate authorities to trust, in PEM form.
    pub ca_pem: Option<Vec<u8>>,
    /// How long a register that is out of reach is waited for; none: until it is back.
    pub patience: Option<Duration>,
}

/// A parameter with its type, so that a statement takes one round trip and nothing is prepared.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The oldest server whose functions ours are written for.
const OLDEST_SERVER: i32 = 130_000;
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The server gives a statement up a little before we do, so that none is carried out that nobody waits for any more.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Sent when a session begins. The first shows whether the session is ours alone. The server finds out within half a minute when
/// this computer is gone, and takes its lock away.
const SESSION: &str = "-c vlens_batch.session=ours -c statement_timeout=8000 -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";
/// What has to hold of a server and the way to it.
const LOOK: &str = "SELECT current_setting('server_version_num')::int, coalesce(current_setting('vlens_batch.session', true), ''), current_setting('synchronous_commit')";
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// It may be back in a moment.
    Away(String),
    Told(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Told(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(fault) = error.as_db_error() else {
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            return Fault::Away(cause.to_string());
        };
        let words = fault.message().to_owned();
        let missing = [
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::UNDEFINED_TABLE,
        ];
        Fault::Told(match fault.code().code().get(..2) {
            // Connections, resources, an operator or a crash, a standby that only reads, a deadlock.
            Some("08" | "53" | "57" | "25" | "40") if !words.contains("unsupported startup parameter") => {
                return Fault::Away(words);
            }
            Some("08") => pooled(),
            Some("28") => Error::unusable(
                "register_refused",
                format!("The team's register does not let this user in ({words})."),
            )
            .hint("Check the user in VLENS_REGISTER (or [team] register) and the file that VLENS_REGISTER_PASSWORD_FILE names."),
            _ if missing.contains(fault.code()) => Error::unusable(
                "register_missing",
                "This database holds no register of vlens-batch, or another version of it.",
            )
            .hint("Whoever owns the database makes it, once: vlens-batch register init --new-key FILE"),
            _ if *fault.code() == SqlState::INSUFFICIENT_PRIVILEGE => Error::unusable(
                "register_rights_missing",
                format!("This user may not use the team's register ({words})."),
            )
            .hint("Whoever owns the database runs: GRANT USAGE ON SCHEMA vlens_batch TO the user."),
            _ => Error::unusable(
                "register_unusable",
                format!("The team's register cannot be used ({words})."),
            )
            .hint("`vlens-batch doctor` looks at it."),
        })
    }
}

fn pooled() -> Error {
    Error::unusable(
        "register_pooled",
        "The way to the team's register leads through a pool of connections (PgBouncer or the like), which lends a session to \
         several programs at once; who lives could not be told.",
    )
    .hint("Name the database server's own address in VLENS_REGISTER, or [team] register.")
}

pub(super) struct Connection {
    config: Config,
    tls: Tls,
    patience: Option<Duration>,
    client: Mutex<Option<Arc<Client>>>,
}

impl Connection {
    /// Connects to nothing yet.
    pub(super) fn new(place: &Place) -> Result<Connection, Error> {
        // What libpq calls so is what is always done here.
        let url = place.url.replace("sslmode=verify-full", "sslmode=require");
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            // The text is not shown: it may hold a password.
            let cause =
                std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
            Error::unusable(
                "register_address_invalid",
                format!("The register's address cannot be read: {cause}."),
            )
            .hint(
                "Write postgres://ROLE@HOST/DATABASE in VLENS_REGISTER, or register under [team].",
            )
        })?;
        if let Some(password) = &place.password {
            config.password(password.expose());
        }
        let is_near = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        });
        config.ssl_mode(match config.get_ssl_mode() {
            SslMode::Disable | SslMode::Prefer if is_near => SslMode::Disable,
            _ => SslMode::Require,
        });
        let options = config.get_options().unwrap_or_default().to_owned();
        config
            .options(format!("{options} {SESSION}"))
            .application_name("vlens-batch")
            .connect_timeout(CONNECT_MAX)
            .tcp_user_timeout(ANSWER_MAX)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Connection {
            config,
            tls: Tls::new(place.ca_pem.as_deref())?,
            patience: place.patience,
            client: Mutex::new(None),
        })
    }

    /// Host and database, for people.
    pub(super) fn name(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<String> = hosts.collect();
        format!(
            "{}/{}",
            hosts.join(","),
            self.config.get_dbname().unwrap_or_default()
        )
    }

    /// Carries `statement` out, once or several times: what it does must come to the same. Where the connection was lost, a new one
    /// is made and `greet` says who is back.
    pub(super) async fn ask<G>(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
        greet: impl Fn(Arc<Client>) -> G,
    ) -> Result<Vec<Row>, Error>
    where
        G: Future<Output = Result<(), Fault>>,
    {
        let began = Instant::now();
        loop {
            let why = match self.try_once(statement, parameters, &greet).await {
                Ok(rows) => return Ok(rows),
                Err(Fault::Told(error)) => return Err(error),
                Err(Fault::Away(why)) => why,
            };
            if self
                .patience
                .is_some_and(|patience| began.elapsed() + TRY_AGAIN_AFTER > patience)
            {
                return Err(Error::stopped(
                    "register_unreachable",
                    format!("The team's register ({}) is out of reach: {why}.", self.name()),
                )
                .hint("Nothing is sent without it. Run the command again when it is back; it goes on where it stopped."));
            }
            sleep(TRY_AGAIN_AFTER).await;
        }
    }

    async fn try_once<G>(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
        greet: impl Fn(Arc<Client>) -> G,
    ) -> Result<Vec<Row>, Fault>
    where
        G: Future<Output = Result<(), Fault>>,
    {
        let client = {
            let mut held = self.client.lock().await;
            match &*held {
                Some(client) if !client.is_closed() => Arc::clone(client),
                _ => {
                    let client = Arc::new(self.connect().await?);
                    greet(Arc::clone(&client)).await?;
                    *held = Some(Arc::clone(&client));
                    client
                }
            }
        };
        let answer = query(&client, statement, parameters).await;
        if matches!(answer, Err(Fault::Away(_))) {
            let mut held = self.client.lock().await;
            // Another may have made a new one meanwhile.
            held.take_if(|held| Arc::ptr_eq(held, &client));
        }
        answer
    }

    async fn connect(&self) -> Result<Client, Fault> {
        let connecting = timeout(CONNECT_MAX, self.config.connect(self.tls.clone()));
        let (client, connection) = connecting.await.map_err(|_| {
            Fault::Away(format!("no connection within {} s", CONNECT_MAX.as_secs()))
        })??;
        tokio::spawn(connection);
        let rows = query(&client, LOOK, &[]).await?;
        let row = rows
            .first()
            .ok_or_else(|| Fault::Away("no answer".to_owned()))?;
        if row.get::<_, i32>(0) < OLDEST_SERVER {
            let message = "The team's register needs PostgreSQL 13 or newer.";
            return Err(Error::unusable("register_too_old", message).into());
        }
        if row.get::<_, &str>(1) != "ours" {
            return Err(pooled().into());
        }
        if row.get::<_, &str>(2) == "off" {
            return Err(Error::unusable(
                "register_not_durable",
                "The team's register would forget the last requests in a crash: synchronous_commit is off there.",
            )
            .hint("Whoever owns the database runs: ALTER DATABASE … SET synchronous_commit = on")
            .into());
        }
        Ok(client)
    }

    /// Runs a script of many statements in one transaction.
    pub(super) async fn run_script(&self, script: &str) -> Result<(), Error> {
        let client = self.connect().await.map_err(|fault| self.told(fault))?;
        let script = format!("BEGIN; {script}; COMMIT");
        let done = client.batch_execute(&script).await.map_err(Fault::from);
        done.map_err(|fault| self.told(fault))
    }

    fn told(&self, fault: Fault) -> Error {
        match fault {
            Fault::Told(error) => error,
            Fault::Away(why) => Error::stopped(
                "register_unreachable",
                format!(
                    "The team's register ({}) is out of reach: {why}.",
                    self.name()
                ),
            ),
        }
    }
}

/// One statement with its answer, within the time that one may take.
pub(super) async fn query(
    client: &Client,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, Fault> {
    match timeout(ANSWER_MAX, client.query_typed(statement, parameters)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::Away(format!(
            "no answer within {} s",
            ANSWER_MAX.as_secs()
        ))),
    }
}
