//! One statement with its answer, and what goes wrong with it told to a person.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::error::Error;

/// A parameter with its type, so that a statement takes one round trip and nothing is prepared.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The server gives a statement up a little before we do, so that none is carried out that nobody waits for any more.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

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

pub(super) fn pooled() -> Error {
    Error::unusable(
        "register_pooled",
        "The way to the team's register leads through a pool of connections (PgBouncer or the like), which lends a session to \
         several programs at once; who lives could not be told.",
    )
    .hint("Name the database server's own address in VLENS_REGISTER, or [team] register.")
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

pub(super) fn first(rows: &[Row]) -> Result<&Row, Error> {
    let message = "The team's register gave no answer to a question that has one.";
    rows.first()
        .ok_or_else(|| Error::unexpected("register_unusable", message))
}
