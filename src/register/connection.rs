//! One connection to the register's database, made again whenever it is lost; one statement with its answer, and what goes wrong with it
//! told to a person.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Row, Socket};
use tokio_rustls::{TlsConnector, client};

use super::member::Member;
use crate::clock;
use crate::error::{Error, Kind, Result, without_link};
use crate::model::{Binding, Secret, is_loopback};

/// Where the register is, and how to get there.
#[derive(Debug, Clone)]
pub struct RegisterAddress {
    /// `postgres://…`
    pub url: String,
    pub password: Option<Secret>,
    /// More certificate authorities to trust.
    pub authorities: Vec<CertificateDer<'static>>,
    /// How long a register that is out of reach is waited for; `Duration::MAX`: until it is back.
    pub patience: Duration,
}

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

/// Each parameter with its type, so that a statement takes one round trip and nothing is prepared.
pub(super) type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

pub(super) struct Connection {
    config: Config,
    tls: Tls,
    patience: Duration,
    client: Mutex<Option<Arc<Client>>>,
    /// Who speaks on it; none for who only looks, or makes the schema.
    member: Option<Arc<Member>>,
}

impl Connection {
    /// Connects to nothing yet.
    pub(super) fn new(place: &RegisterAddress, member: Option<Arc<Member>>) -> Result<Connection> {
        Ok(Connection {
            config: config(place)?,
            tls: Tls::new(&place.authorities)?,
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
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>> {
        let began = Instant::now();
        loop {
            // On the heap, as it is part of every request's way.
            let answer = Box::pin(self.try_once(statement, parameters)).await;
            if !is_away(&answer) || began.elapsed() + TRY_AGAIN_AFTER > self.patience {
                return answer;
            }
            sleep(TRY_AGAIN_AFTER).await;
        }
    }

    /// The same, for an answer of one row.
    pub(super) async fn ask_one(&self, statement: &str, parameters: Parameters<'_>) -> Result<Row> {
        first(self.ask(statement, parameters).await?)
    }

    /// The same of a function whose first parameter is this process and whose last is its clock.
    pub(super) async fn call(&self, statement: &str, between: Parameters<'_>) -> Result<Vec<Row>> {
        let process = self.member.as_ref().map_or(0, |member| member.process());
        let steady_ms = clock::moment().uptime_ms;
        let (first, last): (Parameters<'_>, Parameters<'_>) =
            (&[(&process, Type::INT4)], &[(&steady_ms, Type::INT8)]);
        let parameters = [first, between, last].concat();
        self.ask(statement, &parameters).await
    }

    async fn try_once(&self, statement: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        let client = self.client().await?;
        let answer = self.query(&client, statement, parameters).await;
        if is_away(&answer) {
            let mut held = self.client.lock().await;
            // Another may have made a new one meanwhile.
            held.take_if(|held| Arc::ptr_eq(held, &client));
        }
        answer
    }

    async fn client(&self) -> Result<Arc<Client>> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.connect().await?);
        if let Some(member) = &self.member {
            self.greet(member, &client).await?;
        }
        *held = Some(Arc::clone(&client));
        Ok(client)
    }

    async fn connect(&self) -> Result<Client> {
        let connecting = timeout(CONNECT_MAX, self.config.connect(self.tls.clone()));
        let late = |_| self.away(&format!("no connection within {} s", CONNECT_MAX.as_secs()));
        let connected = connecting.await.map_err(late)?;
        let (client, connection) = connected.map_err(|error| self.as_error(&error))?;
        tokio::spawn(connection);
        let row = first(self.query(&client, LOOK, &[]).await?)?;
        let unfit = match (row.get::<_, i32>(0), row.get(1), row.get(2)) {
            (..OLDEST_SERVER, ..) => "register_too_old",
            (_, "ours", "off") => "register_not_durable",
            (_, "ours", _) => return Ok(client),
            _ => "register_pooled",
        };
        Err(Error::of(unfit, &[]))
    }

    /// Runs a script of many statements in one transaction.
    pub(super) async fn run_script(&self, script: &str) -> Result<()> {
        let script = format!("BEGIN; {script}; COMMIT");
        let ran = self.connect().await?.batch_execute(&script).await;
        ran.map_err(|error| self.as_error(&error))
    }

    /// Says who is on this connection: a new process, or one that is back.
    async fn greet(&self, member: &Member, client: &Client) -> Result<()> {
        const BEGIN: &str = "SELECT caller, verdict, coalesce(is_known, false) FROM vlens_batch.begin_process($1, $2, $3, $4, $5, $6, $7, make_interval(secs => $8), $9, encode($10, 'hex'), $11)";
        let party = &member.party;
        let known = Some(member.process()).filter(|process| *process != 0);
        let parameters: Parameters<'_> = &[
            (&party.binding.base_url, Type::TEXT),
            (&party.binding.tenancy_name, Type::TEXT),
            (&party.key.check(), Type::BYTEA),
            (&party.ledger, Type::BYTEA),
            (&party.host, Type::TEXT),
            (&party.os_user, Type::TEXT),
            (&env!("CARGO_PKG_VERSION"), Type::TEXT),
            (&party.lease_s(), Type::FLOAT8),
            (&clock::moment().uptime_ms, Type::INT8),
            (&party.newest, Type::BYTEA),
            (&known, Type::INT4),
        ];
        let row = first(self.query(client, BEGIN, parameters).await?)?;
        match row.get(1) {
            "ready" => {}
            "restored" if member.may_be_restored => {}
            "unknown tenant" => return Err(unknown_tenant(&party.binding)),
            "another key" => return Err(Error::of("register_key_differs", &[])),
            _ => return Err(Error::of("register_restored", &[])),
        }
        member.process.store(row.get(0), Ordering::Relaxed);
        member.is_known.store(row.get(2), Ordering::Relaxed);
        Ok(())
    }

    /// One statement with its answer, within the time that one may take.
    async fn query(
        &self,
        client: &Client,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>> {
        let answer = timeout(ANSWER_MAX, client.query_typed(statement, parameters));
        let late = |_| self.away(&format!("no answer within {} s", ANSWER_MAX.as_secs()));
        let answer = answer.await.map_err(late)?;
        answer.map_err(|error| self.as_error(&error))
    }

    fn as_error(&self, error: &tokio_postgres::Error) -> Error {
        let Some(fault) = error.as_db_error() else {
            let mut cause: &dyn std::error::Error = error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            let cause = cause.to_string();
            // The library has no kind for it, and it never comes back by itself.
            if cause == "server does not support TLS" {
                return Error::of("register_without_tls", &[&self.name()]);
            }
            return self.away(without_link(&cause));
        };
        let words = fault.message();
        match fault.code().code().get(..2) {
            // Connections, resources, an operator or a crash, a standby that only reads, a deadlock.
            Some("08" | "53" | "57" | "25" | "40")
                if !words.contains("unsupported startup parameter") =>
            {
                self.away(words)
            }
            Some("08") => Error::of("register_pooled", &[]),
            Some("28") => Error::of("register_refused", &[&words]),
            _ => match *fault.code() {
                SqlState::INVALID_SCHEMA_NAME
                | SqlState::UNDEFINED_FUNCTION
                | SqlState::UNDEFINED_TABLE => Error::of("register_missing", &[]),
                SqlState::INSUFFICIENT_PRIVILEGE => Error::of("register_rights_missing", &[&words]),
                _ => Error::of("register_unusable", &[&words]),
            },
        }
    }

    fn away(&self, why: &str) -> Error {
        Error::of("register_unreachable", &[&self.name(), &why])
    }
}

/// Whether it may be back in a moment: of what goes wrong here, nothing else leaves a run to be gone on with.
fn is_away<T>(answer: &Result<T>) -> bool {
    let error = answer.as_ref().err();
    error.is_some_and(|error| error.kind == Kind::Stopped)
}

fn config(place: &RegisterAddress) -> Result<Config> {
    // What libpq calls so is what is always done here.
    let url = place.url.replace("sslmode=verify-full", "sslmode=require");
    let invalid = |cause: &str| Error::of("register_address_invalid", &[&cause]);
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        // The text is not shown: it may hold a password.
        let cause = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        invalid(&cause)
    })?;
    let is_none = |host: &Host| matches!(host, Host::Tcp(name) if name.is_empty());
    if config.get_hosts().iter().all(is_none) {
        return Err(invalid("it names no host"));
    }
    if let Some(password) = &place.password {
        config.password(password.expose());
    }
    // Where there is an address as well, the host is no more than a name.
    let is_near = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => is_loopback(name),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
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

pub(super) fn first(rows: Vec<Row>) -> Result<Row> {
    let first = rows.into_iter().next();
    first.ok_or_else(|| Error::of("register_unusable.silent", &[]))
}

pub(super) fn unknown_tenant(of: &Binding) -> Error {
    Error::of("register_without_tenant", &[&of.tenancy_name, &of.base_url])
}

/// TLS by rustls, the server's certificate always verified.
#[derive(Clone)]
struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts Mozilla's certificate authorities, and these.
    fn new(authorities: &[CertificateDer<'static>]) -> Result<Tls> {
        let mut roots = RootCertStore::empty();
        let all = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        roots.add_parsable_certificates(all.chain(authorities).cloned());
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::of("tls_unavailable", &[&error]))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls(Arc::new(config)))
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Pin<Stream>;
    type TlsConnect = Connect;
    type Error = Infallible;

    /// Asked for where no TLS is spoken as well: a socket has no name.
    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, Infallible> {
        let host = ServerName::try_from(host).map(|host| host.to_owned());
        let tls = TlsConnector::from(Arc::clone(&self.0));
        Ok(Connect(tls, host.map_err(io::Error::other)))
    }
}

struct Connect(TlsConnector, io::Result<ServerName<'static>>);

impl TlsConnect<Socket> for Connect {
    type Stream = Pin<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let stream = self.0.connect(self.1?, socket).await?;
            Ok(Pin::new(Stream(stream)))
        })
    }
}

/// Pinned, it is read and written as the stream within: tokio does so with whatever leads to one.
struct Stream(client::TlsStream<Socket>);

impl Deref for Stream {
    type Target = client::TlsStream<Socket>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Stream {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl TlsStream for Pin<Stream> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_this_computer_beside_the_address_of_another_has_the_way_encrypted() {
        let place = RegisterAddress {
            url: "postgres://localhost/x?hostaddr=192.0.2.2".to_owned(),
            password: None,
            authorities: Vec::new(),
            patience: Duration::ZERO,
        };
        assert_eq!(config(&place).unwrap().get_ssl_mode(), SslMode::Require);
    }
}
