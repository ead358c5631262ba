//! The looking side: read-only, at any time, beside a sender or in a folder that may not be written; creates nothing.

mod earlier;
mod results;
mod statistics;
mod summary;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::books::{ContentHash, KeyHash, Salt, keyed_hash, status_of};
use super::fault::Result;
use super::open::{Binding, binding_of};
use super::place;
use super::runs::InvitationId;
use super::schema::{self, Age, MIGRATIONS};
use crate::error::Error;
use crate::model::{Invitation, Standing};

pub use statistics::Health;

/// A read-only view of a ledger.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
    path: PathBuf,
    binding: Binding,
    salt: Salt,
}

impl Reader {
    /// Opens the ledger at `path`; `None` when there is none. A ledger of an older version is refused: the next `run` brings
    /// it up to date.
    pub fn open(path: &Path) -> std::result::Result<Option<Reader>, Error> {
        let path = place::canonical(path)?;
        if !path.exists() {
            return Ok(None);
        }
        schema::look(&path)?;
        // The file is SQLite's alone to open: should this process have the ledger open for writing as well, closing any other
        // handle would drop that one's locks (POSIX), and whoever then looks in last would take its log away.
        connect(&path)
            .and_then(|conn| Reader::recognised(conn, &path))
            .map_err(|fault| fault.recognising(&path))
    }

    fn recognised(conn: Connection, path: &Path) -> Result<Option<Reader>> {
        match schema::recognise(&conn, path, MIGRATIONS)? {
            Age::Older(_) => return Err(older(path).into()),
            Age::Current | Age::Empty => {}
        }
        let salt = conn.query_row("SELECT value FROM meta WHERE key = 'salt'", [], |row| {
            row.get(0)
        })?;
        let binding = binding_of(&conn)?;
        Ok(Some(Reader {
            conn,
            path: path.to_path_buf(),
            binding,
            salt,
        }))
    }

    /// What the ledger is bound to.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Its true path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How an invitation stands, and which number it has; `None` when it was never seen.
    pub fn standing(
        &self,
        invitation: &Invitation,
    ) -> std::result::Result<Option<(InvitationId, Standing)>, Error> {
        let key: KeyHash = keyed_hash(&self.salt, b"key", &invitation.key.0);
        let content: ContentHash = keyed_hash(&self.salt, b"content", invitation.body.as_bytes());
        self.look(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT i.id, i.status, i.content FROM keys k CROSS JOIN invitations i ON i.id = k.invitation_id WHERE k.key = ?1")?;
            let mut rows = statement.query([key])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let status = status_of(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
            let same_content = row.get::<_, ContentHash>(2)? == content;
            Ok(Some((
                InvitationId(row.get(0)?),
                Standing {
                    status,
                    same_content,
                },
            )))
        })
    }

    /// Looks at one state of the ledger, however much is written meanwhile.
    fn look<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, Error> {
        let looked = self
            .conn
            .unchecked_transaction()
            .map_err(super::fault::Fault::from)
            .and_then(|transaction| {
                let value = look(&transaction)?;
                transaction.commit()?;
                Ok(value)
            });
        looked.map_err(|fault| fault.reading(&self.path))
    }
}

fn older(path: &Path) -> Error {
    Error::unexpected(
        "ledger_older",
        format!(
            "The ledger {} was written by an older vlens-batch.",
            path.display()
        ),
    )
    .hint("The next run, resume or retry brings it up to date, after a copy.")
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri(path, "mode=ro"), flags)?;
    let conn = match probe(&conn) {
        Ok(()) => conn,
        // In a folder that may not be written SQLite cannot make its shared memory. Without a log beside it, the file alone is
        // the whole ledger, and nobody can be writing it.
        Err(_) if !has_log(path) => {
            let conn = Connection::open_with_flags(uri(path, "immutable=1"), flags)?;
            probe(&conn)?;
            conn
        }
        Err(error) => return Err(error.into()),
    };
    conn.busy_timeout(Duration::from_secs(5))?;
    Ok(conn)
}

fn probe(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA user_version", [], |_| Ok(()))
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(place::beside(path, "-wal")).is_ok_and(|metadata| metadata.len() > 0)
}

/// SQLite's spelling of a path with a parameter.
fn uri(path: &Path, parameter: &str) -> String {
    let mut uri = String::from("file:");
    let text = path.to_string_lossy().replace('\\', "/");
    if !text.starts_with('/') {
        uri.push('/');
    }
    for character in text.chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri.push('?');
    uri.push_str(parameter);
    uri
}
