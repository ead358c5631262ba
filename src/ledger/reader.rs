//! The looking side: read-only, at any time, beside a sender or in a folder that may not be written; creates nothing.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use super::keys::Salt;
use super::memory::{Loss, Mark};
use super::place;
use super::sql::{Db, READ_ONLY, not_a_ledger};
use crate::error::Error;

/// Oldest first. Only ever added to, once something is released.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_initial.sql")];

/// In the file's header, so that `file` and we know a ledger from any other database: `VlnB`.
pub(super) const APPLICATION_ID: i64 = 0x566C_6E42;

/// What a ledger is bound to for life: rehearsals never mix with the real thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub base_url: String,
    pub tenancy_name: String,
}

/// A view of a ledger.
#[derive(Debug)]
pub struct Reader {
    pub(super) db: Db,
    pub(super) salt: Salt,
    binding: Binding,
    /// Whether there is `temp.others`: invitations that are known by their bodies too.
    pub(super) has_others: Cell<bool>,
}

impl Reader {
    /// Opens the ledger at `path`; `None` when there is none.
    pub fn open(path: &Path) -> Result<Option<Reader>, Error> {
        let path = place::canonical(path)?;
        if !path.exists() {
            return Ok(None);
        }
        refuse_unseen(&path)?;
        // The file is SQLite's alone to open: should this process have the ledger open for writing as well, closing any other
        // handle would drop that one's locks (POSIX), and whoever then looks in last would take its log away.
        Reader::recognise(connect(&path)?).map(Some)
    }

    /// Refuses what is no ledger or is newer than this program. Nothing older was ever released.
    pub(super) fn recognise(db: Db) -> Result<Reader, Error> {
        const HEADER: &str = "
            SELECT application_id, user_version FROM pragma_application_id, pragma_user_version";
        const BOUND: &str = "
            SELECT url.value, tenancy.value, salt.value FROM meta url, meta tenancy, meta salt
            WHERE url.key = 'base_url' AND tenancy.key = 'tenancy_name' AND salt.key = 'salt'";
        let header = db.first(HEADER, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let known = MIGRATIONS.len();
        match header {
            Some((APPLICATION_ID, version)) if version == known => {}
            Some((APPLICATION_ID, version)) if version > known => {
                return Err(newer(&db.path, version));
            }
            Some((APPLICATION_ID, _)) => {
                return Err(db.damaged("its version number makes no sense"));
            }
            _ => return Err(not_a_ledger(&db.path)),
        }
        let bound = db.first(BOUND, (), |row| {
            let binding = Binding {
                base_url: row.get(0)?,
                tenancy_name: row.get(1)?,
            };
            Ok((binding, row.get(2)?))
        })?;
        let (binding, salt) =
            bound.ok_or_else(|| db.damaged("it does not say what it is bound to"))?;
        Ok(Reader {
            db,
            salt,
            binding,
            has_others: Cell::new(false),
        })
    }

    /// Refuses a ledger that belongs to another tenant or address.
    pub fn require(&self, wanted: &Binding) -> Result<(), Error> {
        let bound = &self.binding;
        if bound == wanted {
            return Ok(());
        }
        Err(Error::unusable(
            "ledger_bound_elsewhere",
            format!(
                "The ledger {} belongs to tenant {} at {}; this run is for tenant {} at {}.",
                self.path().display(),
                bound.tenancy_name,
                bound.base_url,
                wanted.tenancy_name,
                wanted.base_url
            ),
        )
        .hint("Name another ledger with --ledger, or correct the base URL or tenancy name."))
    }

    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Its true path, the same for all spellings.
    pub fn path(&self) -> &Path {
        &self.db.path
    }

    /// One state of the ledger for all looks from now on: beginning and ending a look costs more than most looks themselves.
    pub fn hold(self) -> Result<Reader, Error> {
        self.db.script("BEGIN").map(|()| self)
    }
}

/// Why nothing may be sent with the ledger at `path`, if it lost its memory. Not while this process has it open. `again` as of a
/// worker.
pub fn refuse_loss(path: &Path, again: &str) -> Result<(), Error> {
    let path = place::canonical(path)?;
    // First, as the ledger may grow meanwhile.
    let mark = Mark::beside(&path);
    let mut loss = Loss::of_file(&path, mark);
    if loss.is_none()
        && let Some(reader) = Reader::open(&path)?
    {
        loss = Loss::of_content(&reader.db, mark)?;
    }
    loss.map_or(Ok(()), |loss| Err(loss.error(&path, again)))
}

/// Refuses what can be seen to be no ledger, or not to be safe, without opening it: SQLite would delete the log of an empty file.
pub(super) fn refuse_unseen(path: &Path) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() || metadata.len() == 0 => Err(not_a_ledger(path)),
        _ => place::refuse_second_name(path),
    }
}

fn connect(path: &Path) -> Result<Db, Error> {
    let db = Db::open(uri(path, "mode=ro"), path, READ_ONLY)?;
    match db.value::<i64>("PRAGMA user_version", ()) {
        // In a folder that may not be written SQLite cannot make its shared memory. Without a log beside it, the file alone is
        // the whole ledger, and nobody can be writing it.
        Err(_) if place::size(&place::beside(path, "-wal")) == 0 => {
            Db::open(uri(path, "immutable=1"), path, READ_ONLY)
        }
        probed => probed.map(|_| db),
    }
}

/// SQLite's spelling of a path with a parameter. Without slashes of ours no part is taken for a host's name, and a path of Windows
/// stays what it is.
fn uri(path: &Path, parameter: &str) -> String {
    let path = path.to_string_lossy().replace('%', "%25");
    let path = path.replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?{parameter}")
}

fn newer(path: &Path, version: usize) -> Error {
    Error::unusable(
        "ledger_newer",
        format!(
            "The ledger {} was written by a newer vlens-batch (ledger version {version}; this program knows {}).",
            path.display(),
            MIGRATIONS.len()
        ),
    )
    .hint("Install the newest vlens-batch and run the command again; the ledger was left as it is.")
}
