//! The lock beside a ledger: it lets one process write, and it remembers how much the ledger held, so that lost memory is noticed
//! before anybody is invited a second time.

use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::place::{
    self, beside, canonical, if_there, io_failure, open_file, open_private, require_folder,
};
use super::sql::Db;
use crate::error::{Error, Result};

/// How many requests and decisions a ledger held. It only ever grows.
pub type Mark = i64;

/// What the ledger holds.
pub(super) fn held(db: &Db) -> Result<Mark> {
    let held = db.value("SELECT max(id) FROM attempts", ())?;
    Ok(held.flatten().unwrap_or(0))
}

/// By what a ledger shows its age: whoever opens it adds himself, and so does every sheet that is imported. It only ever grows.
pub(super) fn age(db: &Db) -> Result<i64> {
    const AGE: &str = "
        SELECT coalesce((SELECT max(id) FROM attempts), 0) + coalesce((SELECT max(id) FROM processes), 0) + coalesce((SELECT max(id) FROM runs), 0)";
    Ok(db.value(AGE, ())?.unwrap_or(0))
}

/// What the file of a ledger's lock remembers; nothing where it is missing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    pub(super) mark: Option<Mark>,
    /// The ledger's age when its log was last written back whole, and so the file's without its log, at the least; 0 where that is unknown.
    pub(super) age: i64,
}

impl Memory {
    pub(super) fn of_lock_beside(ledger: &Path) -> Memory {
        let file = open_file(&beside(ledger, ".lock"));
        let memory = file.map_or(Memory::default(), |file| Memory::in_file(&file));
        // Whoever is at work has seen to it that the log is the ledger's.
        let is_at_work = Lock::is_held(ledger);
        let age = if is_at_work { 0 } else { memory.age };
        Memory { age, ..memory }
    }

    fn in_file(mut file: &File) -> Memory {
        let mut text = String::new();
        let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
        let mut lines = text.split_inclusive('\n');
        let mut number = || lines.next()?.strip_suffix('\n')?.parse().ok();
        Memory {
            mark: number(),
            age: number().unwrap_or(0),
        }
    }
}

/// A reader's glance at the lock holds it for some microseconds; a writer tries this often before it believes in a rival.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// The right to write a ledger, held until it is dropped or the process ends, however it ends.
///
/// The lock's file is never deleted: two processes could otherwise lock two files of the same name, and its mark would be lost.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// The ledger's true path.
    pub(super) ledger: PathBuf,
    pub(super) memory: Cell<Memory>,
}

impl Lock {
    /// Takes the lock of the ledger at `path`, which need not exist yet; `None` when another process holds it.
    pub fn try_acquire(path: &Path) -> Result<Option<Lock>> {
        let ledger = canonical(path)?;
        require_folder(&ledger)?;
        let path = beside(&ledger, ".lock");
        let file = open_private(&path)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    let memory = Cell::new(Memory::in_file(&file));
                    return Ok(Some(Lock {
                        file,
                        ledger,
                        memory,
                    }));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::Error(error)) => return Err(io_failure(&path, &error)),
            }
        }
        Ok(None)
    }

    /// Whether some process holds the lock of the ledger at `path`. Creates nothing.
    pub fn is_held(path: &Path) -> bool {
        let file = canonical(path).map(|path| open_file(&beside(&path, ".lock")));
        matches!(file, Ok(Ok(file)) if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        self.memory.get().mark
    }

    /// Remembers what is durable in the ledger by now: never before, so that the mark cannot claim too much.
    pub(super) fn note(&self, held: Mark) -> Result<()> {
        let Memory { mark, age } = self.memory.get();
        match mark {
            // A loss that was accepted stays remembered until everybody concerned is held.
            Some(known) if known >= held => Ok(()),
            _ => self.remember(held, age, mark.is_none()),
        }
    }

    /// Remembers how old the ledger is, once its log is written back whole.
    pub(super) fn note_age(&self, age: i64) -> Result<()> {
        self.remember(self.mark().unwrap_or(0), age, true)
    }

    /// Remembers this and nothing else.
    pub(super) fn reset(&self, held: Mark, durably: bool) -> Result<()> {
        self.remember(held, 0, durably || self.mark().is_none())
    }

    fn remember(&self, held: Mark, age: i64, durably: bool) -> Result<()> {
        let mark = Some(held);
        self.memory.set(Memory { mark, age });
        let mut file = &self.file;
        // Always as long, so that it is written over in one piece.
        let text = format!("{held:019}\n{age:019}\n");
        let mut written = file.rewind().and_then(|()| file.write_all(text.as_bytes()));
        if durably {
            written = written.and_then(|()| self.file.sync_all());
        }
        self.told(written)
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.told(self.file.sync_data())
    }

    fn told(&self, done: io::Result<()>) -> Result<()> {
        done.map_err(|error| io_failure(&beside(&self.ledger, ".lock"), &error))
    }
}

/// What a person says where a ledger lost its memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// Nothing: then nothing is sent.
    #[default]
    Refuse,
    /// Begin anew; everybody counts as never invited.
    NewLedger,
    /// Go on with what is there and hold everybody who may have been invited; the number that was told. Once no file of the lost time is
    /// left: 0.
    AssumeSent(i64),
}

/// What a ledger should know and does not.
#[derive(Debug)]
pub(super) struct Loss {
    /// What is found in its place.
    pub(super) found: String,
    /// How many requests the ledger held at the least; 0 where that is not known.
    expected: i64,
    /// What `--assume-sent` is to name; never 0.
    pub(super) number: i64,
    /// It was accepted; files of the lost time may still come.
    pub(super) is_open: bool,
}

/// Without a mark, a ledger is believed only if its last writer ended properly and it is no copy, or the team's register knows what was
/// sent since: else nobody does.
const UNVOUCHED: &str = "
    SELECT found FROM (
        SELECT 'it is a backup, and the lock file that tells how much was sent is missing' AS found FROM meta WHERE key = 'copied_ms'
        UNION ALL SELECT * FROM (
            SELECT 'it was copied or left while in use, and the lock file that tells how much was sent is missing'
            FROM processes WHERE seconds IS NULL OR ?1 LIMIT 1))
    WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'joined') LIMIT 1";

impl Loss {
    /// What the file shows before SQLite opens it, which would begin by deleting the log of an empty one.
    pub(super) fn of_file(path: &Path, mark: Option<Mark>) -> Option<Loss> {
        let has_log = has_log(path);
        let expected = mark.unwrap_or(0);
        let found = match (path.exists(), place::size(path)) {
            (false, _) if has_log => "there is only its log, the -wal file",
            (false, _) if expected > 0 => "there is no such file",
            (true, 0) => "the file is empty (0 bytes)",
            (true, bytes) if !has_log && bytes < announced_size(path) => "the file is cut short",
            _ => return None,
        };
        Some(Loss {
            found: found.to_owned(),
            expected,
            number: expected.max(1),
            is_open: false,
        })
    }

    /// What an opened ledger lacks.
    pub(super) fn of_content(db: &Db, mark: Option<Mark>) -> Result<Option<Loss>> {
        const PENDING: &str = "SELECT max(count(*), 1) FROM invitations WHERE status = 'pending'";
        let held = held(db)?;
        let (found, expected, number, is_open) = match mark {
            Some(expected) if held < expected => {
                let number = Some(expected - held);
                (format!("it knows of {held}"), expected, number, false)
            }
            // What ended properly has no log.
            None if let Some(found) = db.value(UNVOUCHED, [has_log(&db.path)])? => {
                (found, 0, db.value(PENDING, ())?, false)
            }
            // One that was accepted, until no file of the lost time is left.
            _ => (String::new(), 0, db.meta("lost")?, true),
        };
        Ok(number.map(|number| Loss {
            found,
            expected,
            number,
            is_open,
        }))
    }

    /// Whether what a person says fits what was lost, where there is a ledger or not.
    pub(super) fn is_accepted(loss: Option<&Loss>, on_loss: OnLoss, is_found: bool) -> bool {
        match (loss, on_loss) {
            (None, OnLoss::Refuse) => true,
            (None, OnLoss::NewLedger) => !is_found,
            (Some(loss), OnLoss::NewLedger) => !loss.is_open,
            (Some(loss), OnLoss::AssumeSent(number)) => {
                number == loss.number || loss.is_open && number == 0
            }
            (Some(_), OnLoss::Refuse) | (None, OnLoss::AssumeSent(_)) => false,
        }
    }

    /// `again` is the command that the ways out are options of.
    pub(super) fn error(&self, path: &Path, again: &str) -> Error {
        let (shown, found, number) = (path.display(), &self.found, self.number);
        if self.is_open {
            return Error::of("lost_time_open", &[&shown, &again, &number]);
        }
        let lost = match self.expected {
            0 => format!("may have lost its memory: {found}"),
            expected => {
                format!("lost its memory: it held {expected} requests and decisions, and {found}")
            }
        };
        Error::of("ledger_memory_lost", &[&shown, &lost, &again, &number])
    }
}

/// Whether there is anything in the log beside a ledger.
pub(super) fn has_log(ledger: &Path) -> bool {
    place::size(&beside(ledger, "-wal")) > 0
}

/// How long the file is by its own header; 0 where that does not tell, or it is no database.
fn announced_size(path: &Path) -> u64 {
    let mut head = [0; 32];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    if read.is_err() || !head.starts_with(b"SQLite format 3\0") {
        return 0;
    }
    let pages = u32::from_be_bytes([head[28], head[29], head[30], head[31]]);
    u64::from(pages)
        * match u16::from_be_bytes([head[16], head[17]]) {
            // Stands for what two bytes cannot hold.
            1 => 65_536,
            page => u64::from(page),
        }
}

/// What belongs to a ledger's file.
pub(super) const LOG: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Stands before the time at which a file was set aside.
const MOVED_AWAY: &str = ".lost-";

/// Moves files of a ledger that is of no use any more out of the way; nothing of it is deleted until it is purged.
pub(super) fn move_away(path: &Path, suffixes: &[&str], stamp_ms: i64) -> Result<()> {
    suffixes.iter().try_for_each(|suffix| {
        let aside = beside(path, &format!("{MOVED_AWAY}{stamp_ms}{suffix}"));
        if_there(path, fs::rename(beside(path, suffix), aside))
    })
}

/// Deletes what was set aside before a moment.
pub(super) fn delete_moved_away(path: &Path, before_ms: i64) -> Result<()> {
    let folder = fs::read_dir(place::folder_of(path)).map_err(|error| io_failure(path, &error))?;
    let aside = beside(path, MOVED_AWAY);
    for file in folder.flatten().map(|entry| entry.path()) {
        let (file_text, aside) = (file.to_string_lossy(), aside.to_string_lossy());
        let stamp = file_text.strip_prefix(&*aside);
        let stamp = stamp.and_then(|stamp| stamp.split('-').next()?.parse::<i64>().ok());
        if stamp.is_some_and(|stamp_ms| stamp_ms < before_ms) {
            if_there(path, fs::remove_file(&file))?;
        }
    }
    Ok(())
}
