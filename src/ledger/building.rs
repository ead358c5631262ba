//! The first sheet of a new ledger is written beside the ledger's place, in a file that nobody else looks at, and moved there
//! once it is whole and durable.
//!
//! A log would have everything written twice, and nobody needs it: either the file arrives with the whole sheet in it, or it
//! never does, and the next run begins a new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::Ledger;
use super::fault::Fault;
use super::open::Binding;
use super::place;
use crate::error::Error;
use crate::failpoint;

/// What follows the ledger's name while it is built.
pub(super) const SUFFIX: &str = ".new";

/// In place of the log's: should the process end, the file is of no use, so what undoes a transaction may be in memory.
pub(super) const PRAGMAS: &str = "
    PRAGMA journal_mode = MEMORY;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -4000;
";

/// A file that is being built; deleted unless it is moved to its place.
#[derive(Debug)]
pub(super) struct Building {
    file: PathBuf,
}

impl Building {
    /// A new file for the ledger at `path`. What an interrupted run left of one goes away.
    fn begin(path: &Path) -> Result<Building, Error> {
        let building = Building::at(path);
        building.delete();
        place::open_private(&building.file)?;
        Ok(building)
    }

    fn at(path: &Path) -> Building {
        Building {
            file: place::beside(path, SUFFIX),
        }
    }

    /// With what SQLite keeps beside it for a moment.
    fn delete(&self) {
        for suffix in ["", "-wal", "-shm"] {
            // Nearly always there is nothing to delete.
            let _ = fs::remove_file(place::beside(&self.file, suffix));
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Moves the file to the ledger's place. Nobody may have it open.
    fn publish(self, path: &Path) -> Result<(), Error> {
        if path.exists() {
            return Err(Error::unexpected(
                "ledger_replaced",
                format!(
                    "A file appeared at {} while the ledger was being made.",
                    path.display()
                ),
            )
            .hint("Nothing was sent. Move that file away, or name another ledger with --ledger."));
        }
        // SQLite would take a log that a deleted ledger left here for the new one's, and put the old rows over the new.
        for suffix in ["-wal", "-shm", "-journal"] {
            delete(&place::beside(path, suffix))
                .map_err(|error| place::io_failure(path, &error))?;
        }
        fs::rename(&self.file, path)
            .and_then(|()| sync_folder(path))
            .map_err(|error| place::io_failure(path, &error))
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        self.delete();
    }
}

impl Ledger {
    /// Like [`Ledger::open`]; but where there is no ledger yet, it comes into being with its first sheet, not before.
    pub fn open_or_build(path: &Path, binding: &Binding) -> Result<Ledger, Error> {
        let path = place::canonical(path)?;
        if path.exists() {
            // What an interrupted run left beside it is of no use to anybody.
            drop(Building::at(&path));
            return Ledger::open(&path, binding);
        }
        let building = Building::begin(&path)?;
        Ledger::build(path, building, binding)
    }

    /// Takes its place, if it has been built beside it.
    pub(super) fn take_place(&mut self) -> Result<(), Error> {
        let Some(building) = self.building.take() else {
            return Ok(());
        };
        failpoint::pass("before_published");
        self.finish_building()
            .map_err(|fault| fault.writing(&self.path))?;
        building.publish(&self.path)?;
        failpoint::pass("after_published");
        *self = Ledger::open(&self.path, &self.binding)?;
        Ok(())
    }

    /// Gives the file its log, as every ledger has one from the moment it is seen, and closes it. An empty one in memory
    /// stands in until the next is opened.
    fn finish_building(&mut self) -> super::fault::Result<()> {
        self.books.conn.execute_batch("PRAGMA journal_mode = WAL")?;
        let stand_in = Connection::open_in_memory()?;
        std::mem::replace(&mut self.books.conn, stand_in)
            .close()
            .map_err(|(_, error)| Fault::from(error))
    }
}

/// Deletes a file that is nearly always not there.
fn delete(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new name is durable once its folder is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding {
            base_url: "https://api.example".to_owned(),
            tenancy_name: "acme".to_owned(),
        }
    }

    #[test]
    fn without_a_sheet_there_is_no_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.db");
        drop(Ledger::open_or_build(&path, &binding()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_appeared_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.db");
        let mut ledger = Ledger::open_or_build(&path, &binding()).unwrap();
        fs::write(&path, "somebody else's").unwrap();
        assert_eq!(ledger.take_place().unwrap_err().code, "ledger_replaced");
        drop(ledger);
        assert_eq!(fs::read(&path).unwrap(), b"somebody else's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
