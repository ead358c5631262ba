//! A whole copy of a ledger, made while it is in use.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::memory::Mark;
use super::place::{self, UNFINISHED, beside};
use super::reader::Reader;
use super::sql::{Outcome, Statements as _};
use crate::error::Error;
use crate::model::Timestamp;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Requests and decisions.
    pub attempts: i64,
    pub sheets: i64,
    pub bytes: u64,
}

impl Reader {
    /// Copies the ledger as it is at one moment. Of what lies at `to`, only an older backup of the same ledger is replaced, and only by a
    /// whole one.
    pub fn backup(&self, to: &Path, now: Timestamp) -> Result<Copied, Error> {
        let to = place::canonical(to)?;
        place::require_folder(&to)?;
        self.refuse_to_overwrite(&to)?;
        let failed = |error: std::io::Error| place::io_failure(&to, &error);
        let unfinished = beside(&to, UNFINISHED);
        for suffix in ["", "-journal"] {
            place::remove(&beside(&unfinished, suffix)).map_err(failed)?;
        }
        place::open_private(&unfinished)?;
        let copied = self.copy(&unfinished, now).map_err(|fault| {
            // What there is of it is of no use to anybody.
            let _ = fs::remove_file(&unfinished);
            fault.writing(&to)
        })?;
        File::open(&unfinished)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&unfinished, &to))
            .and_then(|()| place::sync_folder(&to))
            .map_err(failed)?;
        let bytes = fs::metadata(&to).map_err(failed)?.len();
        Ok(Copied {
            attempts: copied.attempts,
            sheets: copied.sheets,
            bytes,
        })
    }

    fn copy(&self, to: &Path, now: Timestamp) -> Outcome<Mark> {
        let mut copy = Connection::open(to)?;
        let backup = Backup::new(self.connection(), &mut copy)?;
        while backup.step(-1)? != StepResult::Done {
            thread::sleep(Duration::from_millis(50));
        }
        drop(backup);
        // One file, with no log beside it; and whoever writes it first must know that it is a copy.
        copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        let note = "INSERT INTO meta (key, value) VALUES ('copied_ms', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
        copy.run(note, [now.0])?;
        Mark::of(&copy)
    }

    fn refuse_to_overwrite(&self, to: &Path) -> Result<(), Error> {
        let refused = |what: &str| {
            let message = format!("{} {what}; nothing was written.", to.display());
            let error = Error::usage("backup_would_overwrite", message);
            Err(error.hint("Name a file that is not there yet, or an older backup of this ledger."))
        };
        if to == self.path() {
            return refused("is the ledger itself");
        }
        if !to.exists() {
            return Ok(());
        }
        if beside(to, ".lock").exists() {
            return refused("is a ledger that is worked with");
        }
        let copied = "SELECT 1 FROM meta WHERE key = 'copied_ms'";
        match Reader::open(to) {
            Ok(Some(older)) if older.binding() == self.binding() => {
                let (is_backup, there) = older.look(|conn| {
                    let is_backup = conn.first(copied, (), |_| Ok(()))?.is_some();
                    Ok((is_backup, Mark::of(conn)?.attempts))
                })?;
                match is_backup {
                    false => refused("is a ledger and no backup"),
                    true if there > self.look(Mark::of)?.attempts => {
                        refused("knows more than the ledger, which may have lost its memory")
                    }
                    true => Ok(()),
                }
            }
            _ => refused("is no backup of this ledger"),
        }
    }
}
