//! Opens the writing side: the file is recognised or made, its memory and its binding are checked, and every write is one transaction.
//! And has it forget personal data and tokens of rows that were finished long ago, in the file and in its log.

use std::cell::Cell;
use std::ops::Deref;
use std::path::Path;

use rusqlite::Params;
use rusqlite::config::DbConfig;

use super::memory::{LOG, Lock, OnLoss, age, delete_moved_away, held, move_away};
use super::place::{self, FileWatch, LOG_MAX_BYTES, NEW, beside};
use super::reader::{
    APPLICATION_ID, MIGRATIONS, Reader, is_log_of_another, open_with_memory, refuse_unseen, schema,
};
use super::sql::Db;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::model::{Binding, Moment, Timestamp};

/// Deleted content is overwritten where that costs no further write; `purge` is thorough. The cache bounds the memory.
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = FAST;
    PRAGMA cache_size = -8000;
    PRAGMA wal_autocheckpoint = 4000;
";

/// Writes the log back into the ledger, as far as readers let it.
const WRITE_BACK: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Half a minute of sending at the vendor's pace, so that the log never holds more than a whole one.
const WRITE_BACK_EVERY_MS: i64 = 30_000;

/// Who writes, as others are told; from which moment on.
#[derive(Debug, Clone)]
pub struct Worker {
    pub command: &'static str,
    pub os_user: String,
    pub host: String,
    pub since: Moment,
    /// The whole `run` by which a person goes on after a loss, but for the options that say how.
    pub again: String,
}

/// The writing side, which sees all that a [`Reader`] does. Until it is the ledger's newest process it may record no intent.
#[derive(Debug)]
pub struct Ledger {
    // Dropped before the lock, so that nobody else opens it while SQLite is still closing.
    reader: Reader,
    pub(super) lock: Lock,
    /// The process at work, by its number in the ledger, and since when by both clocks.
    pub(super) process: i64,
    /// What is imported may have been sent in a time that was lost.
    pub(super) assumes_sent: bool,
    /// What was lost is forgotten once something is sent; until then a person may still say no.
    forgets: Cell<bool>,
    pub(super) since: Moment,
    pub(super) watch: FileWatch,
    /// Uptime at the last intent, and when the log was last written back.
    pub(super) opened_ms: Cell<i64>,
    written_back_ms: Cell<i64>,
}

impl Deref for Ledger {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Ledger {
    /// Opens the ledger of this lock, for this `binding` if one is named, and takes over from whoever wrote before. `on_loss`: what a
    /// person says of a lost time who brings a file, for which a ledger is made where there is none; else there must be one.
    pub fn open(
        lock: Lock,
        binding: Option<&Binding>,
        worker: &Worker,
        on_loss: Option<OnLoss>,
    ) -> Result<Ledger> {
        let reader = match (find_or_move_away(&lock, on_loss, worker)?, on_loss, binding) {
            (Some(reader), ..) => reader,
            (None, Some(_), Some(binding)) => {
                // Before there is a ledger that could miss its mark.
                lock.reset(lock.mark().unwrap_or_default(), true)?;
                create(&lock.ledger, binding)?;
                connect(&lock.ledger)?
            }
            _ => {
                let shown = lock.ledger.display();
                return Err(Error::of("no_ledger", &[&shown, &worker.again]));
            }
        };
        if let Some(binding) = binding {
            reader.require(binding)?;
        }
        // A purge that was killed may have left in the log that the file is to be cut: that is done before anybody watches for cuts.
        reader.db.script(WRITE_BACK)?;
        let mut ledger = Ledger {
            watch: FileWatch::new(reader.path()),
            reader,
            lock,
            process: 0,
            assumes_sent: false,
            forgets: Cell::new(on_loss == Some(OnLoss::NewLedger)),
            since: worker.since.clone(),
            opened_ms: Cell::new(worker.since.uptime_ms),
            written_back_ms: Cell::new(worker.since.uptime_ms),
        };
        ledger.process = ledger.take_over(worker)?;
        if let Some(OnLoss::AssumeSent(number)) = on_loss {
            ledger.assume_sent(number, &worker.since)?;
        }
        // So that a copy of the file alone tells that it was in use.
        ledger.write_back()?;
        Ok(ledger)
    }

    /// A moment on a time line that starts at this process's wall time and runs as steadily as the uptime.
    pub(super) fn steady_ms(&self, moment: &Moment) -> i64 {
        let since_ms = moment.uptime_ms.saturating_sub(self.since.uptime_ms);
        self.since.at.0.saturating_add(since_ms)
    }

    /// The one way to write: everything that `work` does, or nothing of it, durable when this returns.
    pub fn write<T>(&self, work: impl FnOnce(&Ledger) -> Result<T>) -> Result<T> {
        // What was cut is not to be written over, which would hide it.
        self.watch.check()?;
        self.db.script("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|value| {
            failpoint::pass("before_commit");
            self.db.script("COMMIT").map(|()| value)
        });
        if done.is_err() && !self.db.conn.is_autocommit() {
            // Whatever led here is the error to tell; an open transaction ends with its connection at the latest.
            let _ = self.db.script("ROLLBACK");
        }
        let value = done?;
        failpoint::pass("after_commit");
        // A commit into a deleted file is worth nothing, and SQLite does not notice.
        self.watch.check()?;
        let held = held(&self.db)?;
        if held > 0 && self.forgets.take() {
            self.lock.reset(held, true)?;
        }
        self.lock.note(held).map(|()| value)
    }

    /// Writes the log back into the ledger from time to time, so that whoever loses the log loses little; just after it was looked for a
    /// cut, which this would hide.
    pub(super) fn write_log_back_in_time(&self) -> Result<()> {
        let now_ms = self.opened_ms.get();
        if now_ms.saturating_sub(self.written_back_ms.get()) < WRITE_BACK_EVERY_MS {
            return Ok(());
        }
        self.written_back_ms.set(now_ms);
        self.write_back()
    }

    /// Where readers let all of the log be written back, the lock remembers what the file alone knows from then on.
    fn write_back(&self) -> Result<()> {
        match self.db.first::<(bool, i64, i64)>(WRITE_BACK, ())? {
            Some((false, in_log, written)) if in_log == written => {
                self.lock.note_age(age(&self.db)?)
            }
            _ => Ok(()),
        }
    }

    /// One statement as such a transaction.
    pub(super) fn set(&self, sql: &str, params: impl Params) -> Result<()> {
        self.write(|ledger| ledger.db.run(sql, params))
    }

    /// Overwrites cells, bodies, tokens and messages of rows that were finished before `cutoff`, and deletes ledgers that were set aside
    /// before. Returns how many rows and session tokens are gone, and how many rows as old were kept, since they are pending, failed or
    /// uncertain.
    pub fn purge_older_than(&mut self, cutoff: Timestamp) -> Result<(u64, u64, u64)> {
        let purge = include_str!("purge.sql").replace("CUTOFF", &cutoff.0.to_string());
        self.db.script("PRAGMA secure_delete = ON")?;
        let report = self.write(|ledger| {
            ledger.db.script(&purge)?;
            let report = "SELECT rows, tokens, kept FROM temp.report, temp.kept";
            ledger.db.first(report, ())
        })?;
        // The file is written afresh, so that neither it nor its log holds anything deleted.
        self.cut_log()?;
        self.db.script("VACUUM")?;
        failpoint::pass("after_vacuum");
        self.cut_log()?;
        self.db.script("PRAGMA secure_delete = FAST")?;
        self.watch = FileWatch::new(self.path());
        delete_moved_away(self.path(), cutoff.0)?;
        Ok(report.unwrap_or_default())
    }

    fn cut_log(&self) -> Result<()> {
        match self.db.value("PRAGMA wal_checkpoint(TRUNCATE)", ())? {
            Some(true) => Err(Error::of("ledger_busy.purge", &[])),
            _ => Ok(()),
        }
    }
}

/// What was cut is not written over: by default the log is written back as its ledger is closed.
impl Drop for Ledger {
    fn drop(&mut self) {
        if self.watch.is_cut() {
            let how = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.db.conn.set_db_config(how, true);
        }
    }
}

/// The ledger that is there, if there is one to go on with. It has lost nothing, or a person knows of the loss; what cannot be gone on
/// with is out of the way.
fn find_or_move_away(
    lock: &Lock,
    on_loss: Option<OnLoss>,
    worker: &Worker,
) -> Result<Option<Reader>> {
    let (path, memory, stamp_ms) = (&lock.ledger, lock.memory.get(), worker.since.at.0);
    let is_of_another = is_log_of_another(path, memory);
    let found = |path: &Path| path.exists().then(|| connect(path)).transpose();
    let (found, loss) = open_with_memory(path, memory, on_loss, &worker.again, found)?;
    let Some(mut reader) = found.filter(|_| on_loss != Some(OnLoss::NewLedger)) else {
        if loss.is_some() {
            move_away(path, &LOG, stamp_ms)?;
            move_away(path, &[""], stamp_ms)?;
        }
        return Ok(None);
    };
    if is_of_another {
        move_away(path, &LOG, stamp_ms)?;
        lock.note_age(0)?;
        reader = connect(path)?;
    }
    if loss.is_none() || memory.mark.is_none() {
        // The loss is remembered until everybody concerned is held.
        let lost = loss.filter(|loss| !loss.is_open).map(|loss| loss.number);
        let held = held(&reader.db)? + lost.unwrap_or(0);
        lock.reset(held, lost.is_some())?;
    }
    Ok(Some(reader))
}

/// Makes a ledger beside its place and moves it there once it is whole and on disk, so that no kill leaves half of one.
fn create(path: &Path, binding: &Binding) -> Result<()> {
    let file = beside(path, NEW);
    place::remove(&file, &["", "-journal", "-wal", "-shm"])?;
    place::open_private(&file)?;
    let db = Db::open(&file, path, true)?;
    db.script(&format!(
        "BEGIN;\n{}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {};",
        MIGRATIONS.join("\n"),
        MIGRATIONS.len()
    ))?;
    db.run(
        "INSERT INTO meta (key, value) VALUES ('base_url', ?1), ('tenancy_name', ?2), ('schema', ?3), ('salt', randomblob(32))",
        (&binding.base_url, &binding.tenancy_name, schema()),
    )?;
    failpoint::pass("before_migrated");
    db.script("COMMIT; PRAGMA journal_mode = WAL")?;
    failpoint::pass("after_migrated");
    drop(db);
    // Of an earlier ledger that had been emptied; a log that holds anything is a loss, and was put aside.
    place::remove(path, &["-wal", "-shm", "-journal"])?;
    place::publish(&file, path)
}

/// A ledger that is there, recognised and ready to be written.
fn connect(path: &Path) -> Result<Reader> {
    refuse_unseen(path)?;
    let reader = Reader::recognise(Db::open(path, path, true)?)?;
    let log_limit = format!("PRAGMA journal_size_limit = {LOG_MAX_BYTES}");
    reader.db.script(&(PRAGMAS.to_owned() + &log_limit))?;
    for suffix in ["", "-wal", "-shm"] {
        place::close_to_others(&beside(path, suffix));
    }
    Ok(reader)
}
