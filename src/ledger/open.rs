//! Opens the writing side: the file is recognised or made, its binding checked, and every write is one transaction.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

use super::memory::{Lock, Loss, Mark, OnLoss, set_aside};
use super::place::{self, Watch};
use super::sql::{Fault, Outcome, Statements as _, not_a_ledger};
use crate::error::Error;
use crate::failpoint;
use crate::model::{CustomerKey, Moment, RunId};

/// Oldest first. Only ever added to, once something is released.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_initial.sql")];

/// In the file's header, so that `file` and we know a ledger from any other database: `VlnB`.
const APPLICATION_ID: i64 = 0x566C_6E42;

/// Deleted content is overwritten where that costs no further write; `purge` is thorough. The cache bounds the memory.
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = FAST;
    PRAGMA cache_size = -8000;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
";

/// Half a minute of sending at the vendor's pace, so that the log never holds more than a whole one.
const WRITE_BACK_EVERY_MS: i64 = 30_000;

/// What a ledger is bound to for life: rehearsals never mix with the real thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub base_url: String,
    pub tenancy_name: String,
}

/// Who writes, as others are told; from which moment on.
#[derive(Debug, Clone)]
pub struct Worker {
    pub command: &'static str,
    pub os_user: String,
    pub host: String,
    /// As the operating system numbers its processes.
    pub pid: u32,
    pub since: Moment,
    /// The whole `run` by which a person goes on after a loss, but for the options that say how.
    pub again: String,
}

/// The process at work, with its anchor between the two clocks. It is the ledger's only writer as long as it is the newest there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub(super) id: i64,
    pub(super) run: Option<RunId>,
    pub(super) anchor: Anchor,
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    pub(super) wall_ms: i64,
    pub(super) uptime_ms: i64,
}

impl Anchor {
    /// A moment on a time line that starts at the anchor's wall time and runs as steadily as the uptime.
    pub(super) fn steady_ms(self, uptime_ms: i64) -> i64 {
        let since_ms = uptime_ms.saturating_sub(self.uptime_ms);
        self.wall_ms.saturating_add(since_ms)
    }
}

/// The writing side.
#[derive(Debug)]
pub struct Ledger {
    // Dropped before the lock, so that nobody else opens it while SQLite is still closing.
    pub(super) conn: Connection,
    pub(super) lock: Lock,
    pub(super) salt: Salt,
    pub(super) process: Process,
    binding: Binding,
    pub(super) watch: Watch,
    /// Uptime at the last intent, and when the log was last written back.
    pub(super) opened_ms: Cell<i64>,
    written_back_ms: Cell<i64>,
}

impl Ledger {
    /// Opens the ledger of this lock for this binding, and takes over from whoever wrote before. There must be one.
    pub fn open(lock: Lock, binding: &Binding, worker: &Worker) -> Result<Ledger, Error> {
        if Loss::of_file(&lock.ledger, lock.mark.get()).is_none() && !lock.ledger.exists() {
            return Err(missing(&lock.ledger));
        }
        Ledger::open_for(lock, Some(binding), worker, OnLoss::Refuse)
    }

    /// The same; but where there is no file, a ledger is made.
    pub fn open_or_create(
        lock: Lock,
        binding: &Binding,
        worker: &Worker,
        on_loss: OnLoss,
    ) -> Result<Ledger, Error> {
        Ledger::open_for(lock, Some(binding), worker, on_loss)
    }

    /// The same, whatever it is bound to. There must be one.
    pub fn open_existing(lock: Lock, worker: &Worker) -> Result<Ledger, Error> {
        Ledger::open_for(lock, None, worker, OnLoss::Refuse)
    }

    /// Makes sure that this is a ledger which has lost nothing, or that a person knows of the loss; then notes who works on it.
    fn open_for(
        lock: Lock,
        binding: Option<&Binding>,
        worker: &Worker,
        on_loss: OnLoss,
    ) -> Result<Ledger, Error> {
        let path = lock.ledger.clone();
        let loss = Loss::of_file(&path, lock.mark.get());
        let exists = path.exists();
        if let Some(loss) = &loss {
            loss.accept(&path, on_loss, &worker.again)?;
            set_aside(&path, worker.since.at.0)?;
        }
        let (conn, bound, salt) = match binding {
            Some(binding) if loss.is_some() || !exists => {
                if loss.is_none() && matches!(on_loss, OnLoss::AssumeSent(_)) {
                    return Err(nothing_lost(&path));
                }
                // Before there is a ledger that could miss its mark.
                let mark = lock.mark.get().filter(|_| on_loss != OnLoss::NewLedger);
                lock.reset(mark.unwrap_or_default(), true)?;
                create(&path, binding)?;
                connect_known(&path)?
            }
            None if !exists => return Err(missing(&path)),
            _ => Ledger::open_known(&lock, worker, binding, on_loss)?,
        };
        if let Some(binding) = binding.filter(|binding| **binding != bound) {
            return Err(bound_elsewhere(&path, &bound, binding));
        }
        let anchor = Anchor {
            wall_ms: worker.since.at.0,
            uptime_ms: worker.since.uptime_ms,
        };
        let mut ledger = Ledger {
            watch: Watch::new(&path),
            opened_ms: Cell::new(worker.since.uptime_ms),
            written_back_ms: Cell::new(worker.since.uptime_ms),
            conn,
            lock,
            salt,
            process: Process {
                id: 0,
                run: None,
                anchor,
            },
            binding: bound,
        };
        // A purge that was killed may have left in the log that the file is to be cut: that is done before anybody watches for cuts.
        ledger.write_log_back()?;
        ledger.watch = Watch::new(&path);
        ledger.take_over(worker)?;
        Ok(ledger)
    }

    /// Opens a file that is there.
    fn open_known(
        lock: &Lock,
        worker: &Worker,
        binding: Option<&Binding>,
        on_loss: OnLoss,
    ) -> Result<(Connection, Binding, Salt), Error> {
        let path = &lock.ledger;
        let opened = connect_known(path)?;
        let loss =
            Loss::of_content(&opened.0, lock.mark.get()).map_err(|fault| fault.reading(path))?;
        let mut held = Mark::of(&opened.0).map_err(|fault| fault.reading(path))?;
        match (&loss, on_loss) {
            (None, OnLoss::Refuse) => {
                lock.reset(held, false)?;
                return Ok(opened);
            }
            (None, _) => return Err(nothing_lost(path)),
            (Some(loss), _) => loss.accept(path, on_loss, &worker.again)?,
        }
        if lock.mark.get().is_none() {
            // The loss is remembered until everybody concerned is held.
            held.attempts += loss.map_or(0, |loss| loss.remembered());
            lock.reset(held, true)?;
        }
        let (OnLoss::NewLedger, Some(binding)) = (on_loss, binding) else {
            return Ok(opened);
        };
        drop(opened);
        set_aside(path, worker.since.at.0)?;
        lock.reset(Mark::default(), true)?;
        create(path, binding)?;
        connect_known(path)
    }

    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Its true path, the same for all spellings.
    pub fn path(&self) -> &Path {
        &self.lock.ledger
    }

    /// The one way to write: everything that `work` does, or nothing of it, durable when this returns.
    pub(super) fn write<T>(&self, work: impl FnOnce(&Ledger) -> Outcome<T>) -> Result<T, Error> {
        let done = self.begin().and_then(|()| work(self));
        match done {
            Ok(value) => self.commit().map(|()| value),
            Err(fault) => {
                self.roll_back();
                Err(fault.writing(self.path()))
            }
        }
    }

    pub(super) fn begin(&self) -> Outcome<()> {
        // What was cut is not to be written over, which would hide it.
        self.watch.check()?;
        self.conn.run("BEGIN IMMEDIATE", ()).map(drop)
    }

    pub(super) fn commit(&self) -> Result<(), Error> {
        failpoint::pass("before_commit");
        if let Err(fault) = self.conn.run("COMMIT", ()) {
            self.roll_back();
            return Err(fault.writing(self.path()));
        }
        failpoint::pass("after_commit");
        // A commit into a deleted file is worth nothing, and SQLite does not notice.
        self.watch.check()?;
        let held = Mark::of(&self.conn).map_err(|fault| fault.reading(self.path()))?;
        self.lock.note(held)
    }

    /// Writes the log back into the ledger from time to time, so that whoever loses the log loses little.
    pub(super) fn write_log_back_in_time(&self) -> Result<(), Error> {
        let now_ms = self.opened_ms.get();
        if now_ms.saturating_sub(self.written_back_ms.get()) < WRITE_BACK_EVERY_MS {
            return Ok(());
        }
        self.written_back_ms.set(now_ms);
        self.write_log_back()
    }

    /// As far as readers let it.
    pub(super) fn write_log_back(&self) -> Result<(), Error> {
        let write_back = "PRAGMA wal_checkpoint(PASSIVE)";
        let written = self.conn.query_row(write_back, [], |_| Ok(()));
        written.map_err(|error| Fault::from(error).writing(self.path()))
    }

    pub(super) fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            // Whatever led here is the error to tell; an open transaction ends with its connection at the latest.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }

    /// A look into the ledger outside any transaction.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T, Error> {
        look(&self.conn).map_err(|fault| fault.reading(self.path()))
    }
}

/// Makes a ledger beside its place and moves it there once it is whole and on disk, so that no kill leaves half of one.
fn create(path: &Path, binding: &Binding) -> Result<(), Error> {
    let file = place::beside(path, place::UNFINISHED);
    let failed = |error: std::io::Error| place::io_failure(path, &error);
    for suffix in ["", "-journal", "-wal", "-shm"] {
        place::remove(&place::beside(&file, suffix)).map_err(failed)?;
    }
    place::open_private(&file)?;
    make(&file, binding).map_err(|fault| fault.writing(path))?;
    // Of an earlier ledger that had been emptied; a log that holds anything is a loss, and was put aside.
    for suffix in ["-wal", "-shm", "-journal"] {
        place::remove(&place::beside(path, suffix)).map_err(failed)?;
    }
    failpoint::pass("before_published");
    fs::rename(&file, path)
        .and_then(|()| place::sync_folder(path))
        .map_err(failed)?;
    failpoint::pass("after_published");
    Ok(())
}

fn make(file: &Path, binding: &Binding) -> Outcome<()> {
    let conn = connect(file)?;
    conn.execute_batch(&format!(
        "BEGIN;\n{}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {};",
        MIGRATIONS.join("\n"),
        MIGRATIONS.len()
    ))?;
    conn.execute(
        "INSERT INTO meta (key, value) VALUES ('base_url', ?1), ('tenancy_name', ?2), ('salt', randomblob(32))",
        [&binding.base_url, &binding.tenancy_name],
    )?;
    failpoint::pass("before_migrated");
    conn.execute_batch("COMMIT; PRAGMA journal_mode = WAL")?;
    failpoint::pass("after_migrated");
    conn.close().map_err(|(_, error)| error.into())
}

fn connect(path: &Path) -> Outcome<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// A ledger that is there, recognised and ready to be written.
fn connect_known(path: &Path) -> Result<(Connection, Binding, Salt), Error> {
    refuse_unseen(path)?;
    refuse_foreign(path)?;
    let opened = connect(path).and_then(|conn| {
        recognise(&conn, path)?;
        place::close_to_others(path);
        conn.execute_batch(PRAGMAS)?;
        let (binding, salt) = binding_and_salt(&conn)?;
        Ok((conn, binding, salt))
    });
    let opened = opened.map_err(|fault| fault.writing(path))?;
    for suffix in ["-wal", "-shm"] {
        place::close_to_others(&place::beside(path, suffix));
    }
    Ok(opened)
}

/// Refuses what can be seen to be no ledger, or not to be safe, without opening it: SQLite would delete the log of an empty file.
pub(super) fn refuse_unseen(path: &Path) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() || metadata.len() == 0 => Err(not_a_ledger(path)),
        _ => place::refuse_second_name(path),
    }
}

/// Refuses a file that is no SQLite database at all, before SQLite could touch it. Never while this process has it open: closing any
/// handle drops the locks of all (POSIX).
fn refuse_foreign(path: &Path) -> Result<(), Error> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut head = Vec::with_capacity(MAGIC.len());
    File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head))
        .map_err(|error| place::io_failure(path, &error))?;
    if head == MAGIC {
        Ok(())
    } else {
        Err(not_a_ledger(path))
    }
}

/// Refuses what is no ledger or is newer than this program. Nothing older was ever released.
pub(super) fn recognise(conn: &Connection, path: &Path) -> Outcome<()> {
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    if number("PRAGMA application_id")? != APPLICATION_ID {
        return Err(not_a_ledger(path).into());
    }
    match usize::try_from(version) {
        Ok(version) if version == MIGRATIONS.len() => Ok(()),
        Ok(version) if version > MIGRATIONS.len() => Err(newer(path, version).into()),
        _ => Err(Fault::damaged("its version number makes no sense")),
    }
}

/// What a ledger is bound to, and what keys its hashes.
pub(super) fn binding_and_salt(conn: &Connection) -> Outcome<(Binding, Salt)> {
    fn value<T: FromSql>(conn: &Connection, key: &str) -> Outcome<T> {
        conn.first("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        })?
        .ok_or_else(|| Fault::damaged("it does not say what it is bound to"))
    }
    let binding = Binding {
        base_url: value(conn, "base_url")?,
        tenancy_name: value(conn, "tenancy_name")?,
    };
    Ok((binding, value(conn, "salt")?))
}

/// Keys the hashes of customers and contents.
pub(super) type Salt = [u8; 32];

/// Without the ledger's salt, a hash tells nobody whether a phone number is among the customers.
pub(super) fn keyed_hash<const N: usize>(salt: &Salt, domain: &[u8], values: &[&[u8]]) -> [u8; N] {
    const { assert!(N <= 32) };
    let mut hasher = Sha256::new().chain_update(salt).chain_update(domain);
    for value in values {
        hasher.update((value.len() as u64).to_le_bytes());
        hasher.update(value);
    }
    let mut hash = [0; N];
    hash.copy_from_slice(&hasher.finalize()[..N]);
    hash
}

/// What a customer is kept under: a keyed permutation of 16 bytes (a Feistel network of four rounds), which tells no more than a keyed
/// hash and which the ledger alone can undo, to ask the team's register about customers whose sheet is gone.
pub(super) fn masked(salt: &Salt, key: CustomerKey) -> CustomerKey {
    let (left, right) = (0..4).fold(halves(key), |(left, right), round| {
        (right, left ^ mixed(salt, round, right))
    });
    joined(left, right)
}

pub(super) fn unmasked(salt: &Salt, kept: CustomerKey) -> CustomerKey {
    let (left, right) = (0..4).rev().fold(halves(kept), |(left, right), round| {
        (right ^ mixed(salt, round, left), left)
    });
    joined(left, right)
}

fn mixed(salt: &Salt, round: u8, half: u64) -> u64 {
    u64::from_le_bytes(keyed_hash(salt, &[b'k', round], &[&half.to_le_bytes()]))
}

fn halves(key: CustomerKey) -> (u64, u64) {
    let half = |from: usize| u64::from_le_bytes(std::array::from_fn(|at| key[from + at]));
    (half(0), half(8))
}

fn joined(left: u64, right: u64) -> CustomerKey {
    (u128::from(left) | u128::from(right) << 64).to_le_bytes()
}

fn missing(path: &Path) -> Error {
    Error::unexpected(
        "ledger_missing",
        format!("There is no ledger at {}.", path.display()),
    )
    .hint("Name the ledger with --ledger, or run a file first: vlens-batch run FILE.")
}

fn nothing_lost(path: &Path) -> Error {
    let message = format!(
        "The ledger {} has lost nothing that is known.",
        path.display()
    );
    Error::usage("nothing_lost", message)
        .hint("Leave --new-ledger and --assume-sent away. To begin anew all the same, move the ledger and its lock file elsewhere.")
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

pub(super) fn bound_elsewhere(path: &Path, bound: &Binding, wanted: &Binding) -> Error {
    Error::unusable(
        "ledger_bound_elsewhere",
        format!(
            "The ledger {} belongs to tenant {} at {}; this run is for tenant {} at {}.",
            path.display(),
            bound.tenancy_name,
            bound.base_url,
            wanted.tenancy_name,
            wanted.base_url
        ),
    )
    .hint("Name another ledger with --ledger, or correct the base URL or tenancy name.")
}
