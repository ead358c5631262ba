//! The looking side: read-only, at any time, beside a sender or in a folder that may not be written; creates nothing but a whole copy of
//! what it sees.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use sha2::{Digest as _, Sha256};

use super::memory::{Loss, Mark, Memory, OnLoss, age, has_log, held};
use super::place::{self, UNFINISHED, folder_of};
use super::sql::{Db, Salt, not_a_ledger};
use crate::error::{Error, Result};
use crate::model::{Binding, Timestamp};

/// Oldest first. Only ever added to, once something is released.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_initial.sql")];

/// What is in a ledger, by the bytes that made it: until the first release its version stays the same.
pub(super) fn schema() -> [u8; 32] {
    Sha256::digest(MIGRATIONS.concat()).into()
}

/// In the file's header, so that `file` and we know a ledger from any other database: `VlnB`.
pub(super) const APPLICATION_ID: i64 = 0x566C_6E42;

#[derive(Debug)]
pub struct Reader {
    pub(super) db: Db,
    pub(super) salt: Salt,
    pub binding: Binding,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Option<Reader>> {
        let path = place::canonical(path)?;
        if !path.exists() {
            return Ok(None);
        }
        refuse_unseen(&path)?;
        if has_log(&path) && is_log_of_another(&path, Memory::of_lock_beside(&path)) {
            return Reader::alone(&path).map(Some);
        }
        // The file is SQLite's alone to open: should this process have the ledger open for writing as well, closing any other
        // handle would drop that one's locks (POSIX), and whoever then looks in last would take its log away.
        let db = Db::open(&path, &path, false)?;
        match db.value::<i64>("PRAGMA user_version", ()) {
            // In a folder that may not be written SQLite cannot make its shared memory. Without a log beside it, the file alone is
            // the whole ledger, and nobody can be writing it.
            Err(_) if !has_log(&path) => Reader::alone(&path),
            probed => probed.and_then(|_| Reader::recognise(db)),
        }
        .map(Some)
    }

    /// The file as it is without its log.
    fn alone(path: &Path) -> Result<Reader> {
        Reader::recognise(Db::open(&immutable(path), path, false)?)
    }

    /// Refuses what is no ledger or is newer than this program. Nothing older was ever released.
    pub(super) fn recognise(db: Db) -> Result<Reader> {
        const HEADER: &str = "
            SELECT application_id, user_version FROM pragma_application_id, pragma_user_version";
        const BOUND: &str = "
            SELECT url.value, tenancy.value, salt.value, (SELECT value FROM meta WHERE key = 'schema') IS ?1
            FROM meta url, meta tenancy, meta salt
            WHERE url.key = 'base_url' AND tenancy.key = 'tenancy_name' AND salt.key = 'salt'";
        let known = MIGRATIONS.len();
        match db.first::<(i64, usize)>(HEADER, ())? {
            Some((APPLICATION_ID, version)) if version <= known => {}
            Some((APPLICATION_ID, version)) => {
                let shown = db.path.display();
                return Err(Error::of("ledger_newer", &[&shown, &version, &known]));
            }
            _ => return Err(not_a_ledger(&db.path)),
        }
        match db.first::<(String, String, Salt, bool)>(BOUND, [schema()])? {
            Some((.., false)) => Err(Error::of("ledger_unreleased", &[&db.path.display()])),
            None => Err(db.damaged("it does not say what it is bound to")),
            Some((base_url, tenancy_name, salt, true)) => Ok(Reader {
                db,
                salt,
                binding: Binding {
                    base_url,
                    tenancy_name,
                },
            }),
        }
    }

    /// Refuses a ledger that belongs to another tenant or address.
    pub fn require(&self, wanted: &Binding) -> Result<()> {
        if self.binding == *wanted {
            return Ok(());
        }
        let (path, bound) = (self.path().display(), &self.binding);
        Err(Error::of("ledger_bound_elsewhere", &[&path, bound, wanted]))
    }

    /// Its true path, the same for all spellings.
    pub fn path(&self) -> &Path {
        &self.db.path
    }

    /// One state of the ledger for all looks from now on: beginning and ending a look costs more than most looks themselves.
    pub fn hold(self) -> Result<Reader> {
        self.db.script("BEGIN").map(|()| self)
    }

    /// Copies the ledger as it is at one moment. Of what lies at `to`, only an older backup of the same ledger is replaced, and only by a
    /// whole one. Gives how many attempts and sheets are in it, and its bytes.
    pub fn backup(&self, to: &Path, now: Timestamp) -> Result<((Mark, i64), u64)> {
        let to = place::canonical(to)?;
        self.refuse_to_overwrite(&to)?;
        let failed = |error| not_written(&to, &error);
        // By a name of its own, as two may be at it. What there is of one that fails goes: it is of no use to anybody.
        let mut unfinished = tempfile::Builder::new();
        unfinished.prefix(UNFINISHED);
        let unfinished = unfinished.tempfile_in(folder_of(&to)).map_err(failed)?;
        let copied = self.copy_to(unfinished.path(), &to, now)?;
        unfinished.as_file().sync_all().map_err(failed)?;
        place::publish(unfinished.path(), &to)?;
        Ok((copied, place::size(&to)))
    }

    fn copy_to(&self, file: &Path, to: &Path, now: Timestamp) -> Result<(Mark, i64)> {
        const HELD: &str = "SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM sheets)";
        const FAULT: &str = "SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok'";
        let mut copy = Db::open(file, to, true)?;
        let copied = Backup::new(&self.db.conn, &mut copy.conn).and_then(|backup| {
            // At one go, and so of one moment.
            backup.run_to_completion(i32::MAX, Duration::from_millis(50), None)
        });
        copied.map_err(|error| not_written(to, &error))?;
        if let Some(fault) = copy.value::<String>(FAULT, ())? {
            return Err(self.db.damaged(&fault));
        }
        // One file, with no log beside it; and whoever writes it first must know that it is a copy.
        let marked = copy.conn.execute_batch(&format!(
            "PRAGMA journal_mode = DELETE;
             INSERT INTO meta (key, value) VALUES ('copied_ms', {}) ON CONFLICT DO UPDATE SET value = excluded.value",
            now.0
        ));
        marked.map_err(|error| not_written(to, &error))?;
        Ok(copy.first(HELD, ())?.unwrap_or_default())
    }

    /// A ledger is no backup from its first write on.
    fn refuse_to_overwrite(&self, to: &Path) -> Result<()> {
        let is_of_this = |older: &Reader| to != self.path() && older.binding == self.binding;
        // A backup has no log, and whatever other names; those keep what it was.
        let alone = (!has_log(to)).then(|| Reader::alone(to).ok());
        let older = alone.flatten().filter(is_of_this);
        let what = match older.map(|older| Ok((older.db.meta("copied_ms")?, held(&older.db)?))) {
            _ if !to.exists() => return Ok(()),
            Some(Ok((Some(_), known))) if known <= held(&self.db)? => return Ok(()),
            Some(Ok((Some(_), _))) => "knows more than the ledger, which may have lost its memory",
            None | Some(Ok((None, _)) | Err(Error { .. })) => "is no backup of this ledger",
        };
        Err(Error::of("backup_would_overwrite", &[&to.display(), &what]))
    }
}

/// Of a copy, which is no ledger that a command goes by.
fn not_written(copy: &Path, error: &dyn Display) -> Error {
    Error::of("output_not_written", &[&copy.display(), error])
}

/// Why nothing may be sent with the ledger at `path`, if it lost its memory. Not while this process has it open. `on_loss` and `again` as
/// of `open_with_memory`.
pub fn refuse_loss(path: &Path, on_loss: Option<OnLoss>, again: &str) -> Result<()> {
    let path = place::canonical(path)?;
    // First, as the ledger may grow meanwhile.
    let memory = Memory::of_lock_beside(&path);
    open_with_memory(&path, memory, on_loss, again, Reader::open).map(drop)
}

/// Whether the log beside a ledger that nobody has open was written over a later state of it, as where an old copy was put back: SQLite
/// would read the two as one. What cannot be read tells nothing: a kill may have left it half written back.
pub(super) fn is_log_of_another(path: &Path, memory: Memory) -> bool {
    let is_younger = |alone: Reader| Ok(age(&alone.db)? < memory.age);
    has_log(path) && Reader::alone(path).and_then(is_younger).unwrap_or(false)
}

/// What there is of a ledger that should be as its lock remembers, and what it lacks, if that is accepted; not opened where the file shows it
/// already. `on_loss`: what a person says of it who brings a file; whoever goes on with rows that are recorded has none. `again` as of a
/// worker.
pub(super) fn open_with_memory(
    path: &Path,
    memory: Memory,
    on_loss: Option<OnLoss>,
    again: &str,
    open: impl Fn(&Path) -> Result<Option<Reader>>,
) -> Result<(Option<Reader>, Option<Loss>)> {
    let (mut found, mut loss) = (None, Loss::of_file(path, memory.mark));
    if loss.is_none() {
        let is_of_another = is_log_of_another(path, memory);
        found = if is_of_another {
            Some(Reader::alone(path)?)
        } else {
            open(path)?
        };
        if let Some(found) = &found {
            loss = Loss::of_content(&found.db, memory.mark)?;
            loss = loss.filter(|loss| on_loss.is_some() || !loss.is_open);
        }
        if let (true, Some(loss)) = (is_of_another, &mut loss) {
            loss.found += " (the -wal file beside it belongs to another copy)";
        }
    }
    let on_loss = on_loss.unwrap_or_default();
    match loss {
        loss if Loss::is_accepted(loss.as_ref(), on_loss, found.is_some()) => Ok((found, loss)),
        Some(loss) => Err(loss.error(path, again)),
        None => Err(Error::of("nothing_lost", &[&path.display()])),
    }
}

/// Refuses what can be seen to be no ledger, or not to be safe, without opening it: SQLite would delete the log of an empty file.
pub(super) fn refuse_unseen(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() || metadata.len() == 0 => Err(not_a_ledger(path)),
        _ => place::refuse_second_name(path),
    }
}

/// SQLite's spelling of the path of a file that nobody writes. Without slashes of ours no part is taken for a host's name, and a path of Windows
/// stays what it is.
fn immutable(path: &Path) -> PathBuf {
    let path = path.to_string_lossy().replace('%', "%25");
    let path = path.replace('?', "%3f").replace('#', "%23");
    PathBuf::from(format!("file:{path}?immutable=1"))
}
