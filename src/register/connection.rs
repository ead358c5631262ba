//! One connection to the register's database, made again whenever it is lost.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Row};

use super::fault::{ANSWER_MAX, Fault, Parameter, first, pooled, query};
use super::member::Member;
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

/// The oldest server whose functions ours are written for.
const OLDEST_SERVER: i32 = 130_000;
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Sent when a session begins. The first shows whether the session is ours alone. The server finds out within half a minute when
/// this computer is gone, and takes its lock away.
const SESSION: &str = "-c vlens_batch.session=ours -c statement_timeout=8000 -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";
/// What has to hold of a server and the way to it.
const LOOK: &str = "SELECT current_setting('server_version_num')::int, coalesce(current_setting('vlens_batch.session', true), ''), current_setting('synchronous_commit')";
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(200);

pub(super) struct Connection {
    config: Config,
    tls: Tls,
    patience: Option<Duration>,
    client: Mutex<Option<Arc<Client>>>,
    /// Who speaks on it; none for who only looks, or makes the schema.
    member: Option<Arc<Member>>,
}

impl Connection {
    /// Connects to nothing yet.
    pub(super) fn new(place: &Place, member: Option<Arc<Member>>) -> Result<Connection, Error> {
        Ok(Connection {
            config: config(place)?,
            tls: Tls::new(place.ca_pem.as_deref())?,
            patience: place.patience,
            client: Mutex::new(None),
            member,
        })
    }

    /// Host and database, for people.
    pub(super) fn name(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        let database = self.config.get_dbname().unwrap_or_default();
        format!("{hosts}/{database}")
    }

    /// Carries `statement` out, once or several times: what it does must come to the same. Where the connection was lost, a new one
    /// is made, which begins with who is back.
    pub(super) async fn ask(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let began = Instant::now();
        loop {
            // On the heap, as it is part of every request's way.
            let why = match Box::pin(self.try_once(statement, parameters)).await {
                Ok(rows) => return Ok(rows),
                Err(Fault::Told(error)) => return Err(error),
                Err(Fault::Away(why)) => why,
            };
            let patience = self.patience.unwrap_or(Duration::MAX);
            if began.elapsed() + TRY_AGAIN_AFTER > patience {
                return Err(self.away(&why).hint("Nothing is sent without it. Run the command again when it is back; it goes on where it stopped."));
            }
            sleep(TRY_AGAIN_AFTER).await;
        }
    }

    async fn try_once(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Fault> {
        let client = {
            let mut held = self.client.lock().await;
            if held.as_ref().is_none_or(|client| client.is_closed()) {
                let client = self.connect().await?;
                if let Some(member) = &self.member {
                    member.greet(&client).await?;
                }
                *held = Some(Arc::new(client));
            }
            held.clone()
                .ok_or_else(|| Fault::Away("no connection".to_owned()))?
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
        let row = first(&rows)?;
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
        let script = format!("BEGIN; {script}; COMMIT");
        let ran = async { Ok(self.connect().await?.batch_execute(&script).await?) };
        ran.await.map_err(|fault| match fault {
            Fault::Told(error) => error,
            Fault::Away(why) => self.away(&why),
        })
    }

    fn away(&self, why: &str) -> Error {
        let name = self.name();
        let message = format!("The team's register ({name}) is out of reach: {why}.");
        Error::stopped("register_unreachable", message)
    }
}

fn config(place: &Place) -> Result<Config, Error> {
    // What libpq calls so is what is always done here.
    let url = place.url.replace("sslmode=verify-full", "sslmode=require");
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        // The text is not shown: it may hold a password.
        let cause = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        Error::unusable(
            "register_address_invalid",
            format!("The register's address cannot be read: {cause}."),
        )
        .hint("Write postgres://ROLE@HOST/DATABASE in VLENS_REGISTER, or register under [team].")
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
    Ok(config)
}
