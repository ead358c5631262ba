//! The schema's versions: embedded migrations, applied in order, after a copy; newer and foreign files are refused.

use std::path::Path;

use rusqlite::Connection;

use super::fault::{Fault, Result};
use super::place;
use crate::error::Error;
use crate::failpoint;

/// Every migration, oldest first. Only ever added to; a test holds the list against the folder.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_in_order.sql"),
];

/// In the file's header, so that `file` and we know a ledger from any other database: `VlnB`.
const APPLICATION_ID: i64 = 0x566C_6E42;

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Being made: nothing in it yet.
    Empty,
    /// Written by an older version: so many migrations are applied.
    Older(usize),
    /// Of this version.
    Current,
}

/// Refuses what can be seen to be no ledger without opening it: SQLite would delete the log of an empty file.
pub(super) fn look(path: &Path) -> std::result::Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(not_a_ledger(path)),
        Ok(metadata) if metadata.len() == 0 => Err(empty(path)),
        _ => Ok(()),
    }
}

/// Recognises a ledger, and refuses what is none or is newer than this program.
pub(super) fn recognise(conn: &Connection, path: &Path, migrations: &[&str]) -> Result<Age> {
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    if application != APPLICATION_ID {
        return Err(not_a_ledger(path).into());
    }
    match usize::try_from(version) {
        Ok(version) if version == migrations.len() => Ok(Age::Current),
        Ok(version) if (1..migrations.len()).contains(&version) => Ok(Age::Older(version)),
        Ok(version) if version > migrations.len() => {
            Err(newer(path, version, migrations.len()).into())
        }
        _ => Err(Fault::damaged("its version number makes no sense")),
    }
}

/// Brings a recognised ledger to this version, in one transaction; an older one is copied first.
pub(super) fn migrate(conn: &Connection, path: &Path, age: Age, migrations: &[&str]) -> Result<()> {
    let applied = match age {
        Age::Current => return Ok(()),
        Age::Empty => 0,
        Age::Older(version) => {
            copy(conn, path, version)?;
            version
        }
    };
    let script = format!(
        "BEGIN IMMEDIATE;\n{}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {};\nCOMMIT;",
        migrations[applied..].join("\n"),
        migrations.len()
    );
    failpoint::pass("before_migrated");
    conn.execute_batch(&script).inspect_err(|_| {
        // The first error is the one to tell; this connection is given up in any case.
        let _ = conn.execute_batch("ROLLBACK");
    })?;
    failpoint::pass("after_migrated");
    Ok(())
}

/// The copy made before a migration: `acme.db.v1.copy`. A copy left by an interrupted migration is made afresh.
fn copy(conn: &Connection, path: &Path, version: usize) -> Result<()> {
    let target = place::beside(path, &format!(".v{version}.copy"));
    // SQLite copies into an empty file only, and would choose the mode of a new one by the umask.
    let file = place::open_private(&target)?;
    file.set_len(0)
        .map_err(|error| place::io_failure(&target, &error))?;
    conn.execute("VACUUM INTO ?1", [target.to_string_lossy()])?;
    file.sync_all()
        .map_err(|error| place::io_failure(&target, &error))?;
    Ok(())
}

/// The complaint about a file that is something else.
pub(super) fn not_a_ledger(path: &Path) -> Error {
    Error::unusable(
        "not_a_ledger",
        format!("{} is not a ledger of vlens-batch.", path.display()),
    )
    .hint("Name another file with --ledger; this one was left as it is.")
}

/// The complaint about a file without a byte: a ledger is never that, so it was one that lost its content.
fn empty(path: &Path) -> Error {
    Error::unusable(
        "ledger_empty",
        format!(
            "The ledger {} is empty (0 bytes): what it knew of earlier invitations is gone, and everybody would be invited again.",
            path.display()
        ),
    )
    .hint("Restore the last good copy of it, with its -wal file if there is one. If nothing was ever sent with it, delete the empty file and run the command again.")
}

fn newer(path: &Path, version: usize, known: usize) -> Error {
    Error::unusable(
        "ledger_newer",
        format!(
            "The ledger {} was written by a newer vlens-batch (ledger version {version}; this program knows {known}).",
            path.display()
        ),
    )
    .hint("Install the newest vlens-batch and run the command again; the ledger was left as it is.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_of_the_folder_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let texts: Vec<String> = files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect();
        assert_eq!(texts, MIGRATIONS);
        for (index, file) in files.iter().enumerate() {
            let name = file.file_name().unwrap().to_string_lossy();
            assert!(name.starts_with(&format!("{:04}_", index + 1)), "{name}");
        }
    }

    #[test]
    fn an_older_ledger_is_copied_and_then_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.db");
        let first = "CREATE TABLE a (x) ;";
        let both = [first, "ALTER TABLE a ADD COLUMN y DEFAULT 7;"];
        let conn = Connection::open(&path).unwrap();
        migrate(&conn, &path, Age::Empty, &[first]).unwrap();
        conn.execute("INSERT INTO a (x) VALUES (1)", []).unwrap();

        assert_eq!(recognise(&conn, &path, &both).unwrap(), Age::Older(1));
        migrate(&conn, &path, Age::Older(1), &both).unwrap();

        assert_eq!(recognise(&conn, &path, &both).unwrap(), Age::Current);
        let y: i64 = conn
            .query_row("SELECT y FROM a", [], |row| row.get(0))
            .unwrap();
        assert_eq!(y, 7);
        let copy = Connection::open(place::beside(&path, ".v1.copy")).unwrap();
        assert_eq!(recognise(&copy, &path, &both).unwrap(), Age::Older(1));
        let rows: i64 = copy
            .query_row("SELECT count(*) FROM a", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn a_failing_migration_leaves_the_ledger_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.db");
        let conn = Connection::open(&path).unwrap();
        migrate(&conn, &path, Age::Empty, &["CREATE TABLE a (x);"]).unwrap();
        let broken = [
            "CREATE TABLE a (x);",
            "CREATE TABLE b (x); CREATE TABLE a (x);",
        ];
        assert!(migrate(&conn, &path, Age::Older(1), &broken).is_err());
        assert_eq!(recognise(&conn, &path, &broken[..1]).unwrap(), Age::Current);
        assert!(conn.prepare("SELECT * FROM b").is_err());
    }
}
