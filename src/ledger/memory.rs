//! The lock beside a ledger: it lets one process write, and it remembers how much the ledger held, so that lost memory is noticed
//! before anybody is invited a second time.

use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::place::{self, beside, canonical, if_there, io_failure, open_private, require_folder};
use super::sql::Db;
use crate::error::{Error, Result};

/// How many requests and decisions a ledger held. It only ever grows.
pub type Mark = i64;

/// What the ledger holds.
pub(super) fn held(db: &Db) -> Result<Mark> {
    let held = db.value("SELECT max(id) FROM attempts", ())?;
    Ok(held.flatten().unwrap_or(0))
}

/// What the file of a ledger's lock remembers; none where it is missing or says nothing.
pub(super) fn mark_beside(ledger: &Path) -> Option<Mark> {
    mark_in(&File::open(beside(ledger, ".lock")).ok()?)
}

fn mark_in(mut file: &File) -> Option<Mark> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.split_once('\n')?.0.parse().ok()
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
    pub(super) mark: Cell<Option<Mark>>,
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
                    let mark = Cell::new(mark_in(&file));
                    return Ok(Some(Lock { file, ledger, mark }));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::Error(error)) => return Err(io_failure(&path, &error)),
            }
        }
        Ok(None)
    }

    /// Whether some process holds the lock of the ledger at `path`. Creates nothing.
    pub fn is_held(path: &Path) -> bool {
        let file = canonical(path).map(|path| File::open(beside(&path, ".lock")));
        matches!(file, Ok(Ok(file)) if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Remembers what is durable in the ledger by now: never before, so that the mark cannot claim too much.
    pub(super) fn note(&self, held: Mark) -> Result<()> {
        match self.mark.get() {
            // A loss that was accepted stays remembered until everybody concerned is held.
            Some(known) if known >= held => Ok(()),
            _ => self.reset(held, false),
        }
    }

    /// Remembers this and nothing else.
    pub(super) fn reset(&self, held: Mark, durably: bool) -> Result<()> {
        let is_first = self.mark.replace(Some(held)).is_none();
        let mut file = &self.file;
        // Always as long, so that it is written over in one piece.
        let mark = format!("{held:019}\n");
        let mut written = file.rewind().and_then(|()| file.write_all(mark.as_bytes()));
        if durably || is_first {
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
    found: String,
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
            FROM processes WHERE seconds IS NULL LIMIT 1))
    WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'joined') LIMIT 1";

impl Loss {
    /// What the file shows before SQLite opens it, which would begin by deleting the log of an empty one.
    pub(super) fn of_file(path: &Path, mark: Option<Mark>) -> Option<Loss> {
        let has_log = place::size(&beside(path, "-wal")) > 0;
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
            None if let Some(found) = db.value(UNVOUCHED, ())? => {
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

/// Moves what is left of a ledger out of the way; nothing of it is deleted.
pub(super) fn set_aside(path: &Path, stamp_ms: i64) -> Result<()> {
    ["", "-wal", "-shm", "-journal"]
        .iter()
        .try_for_each(|suffix| {
            let aside = beside(path, &format!(".lost-{stamp_ms}{suffix}"));
            if_there(path, fs::rename(beside(path, suffix), aside))
        })
}
