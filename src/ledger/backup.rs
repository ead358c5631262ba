//! A whole copy of a ledger, made while it is in use.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};

use super::memory::Mark;
use super::place::{self, UNFINISHED, beside};
use super::reader::Reader;
use super::sql::Db;
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
        place::remove(&unfinished, &["", "-journal"]).map_err(failed)?;
        place::open_private(&unfinished)?;
        let copied = Db::open(&unfinished, &to, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .and_then(|copy| self.copy_into(copy, now));
        let Mark { attempts, sheets } = copied.inspect_err(|_| {
            // What there is of it is of no use to anybody.
            let _ = fs::remove_file(&unfinished);
        })?;
        File::open(&unfinished)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&unfinished, &to))
            .and_then(|()| place::sync_folder(&to))
            .map_err(failed)?;
        Ok(Copied {
            attempts,
            sheets,
            bytes: place::size(&to),
        })
    }

    fn copy_into(&self, mut copy: Db, now: Timestamp) -> Result<Mark, Error> {
        let (from, to) = (&self.db.conn, &mut copy.conn);
        let copied = Backup::new(from, to).and_then(|backup| {
            while backup.step(-1)? != StepResult::Done {
                thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        });
        copied.map_err(|error| copy.told(&error))?;
        // One file, with no log beside it; and whoever writes it first must know that it is a copy.
        copy.script(&format!(
            "PRAGMA journal_mode = DELETE;
             INSERT INTO meta (key, value) VALUES ('copied_ms', {}) ON CONFLICT DO UPDATE SET value = excluded.value",
            now.0
        ))?;
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
        let older = match Reader::open(to) {
            Ok(Some(older)) if older.binding() == self.binding() => older.db,
            _ => return refused("is no backup of this ledger"),
        };
        let copied: Option<i64> =
            older.value("SELECT value FROM meta WHERE key = 'copied_ms'", ())?;
        if copied.is_none() {
            return refused("is a ledger and no backup");
        }
        if Mark::of(&older)?.attempts > Mark::of(&self.db)?.attempts {
            return refused("knows more than the ledger, which may have lost its memory");
        }
        Ok(())
    }
}
