//! Opening the writing side: the file made private and recognised, its binding checked, and the one way to write.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::body::Skeletons;
use super::books::{Books, Sums};
use super::building::{self, Building};
use super::fault::{Fault, Result};
use super::place::{self, Watch};
use super::schema::{self, Age, MIGRATIONS};
use crate::error::Error;
use crate::failpoint;

/// What a ledger is bound to for life: rehearsals never mix with the real thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where the invitations go.
    pub base_url: String,
    /// For which tenant.
    pub tenancy_name: String,
}

/// The writing side. Its holder holds the [`super::Lock`] as well.
#[derive(Debug)]
pub struct Ledger {
    pub(super) books: Books,
    pub(super) path: PathBuf,
    pub(super) binding: Binding,
    watch: Watch,
    /// While it is built beside its place. Dropped after the connection to that file.
    pub(super) building: Option<Building>,
}

impl Ledger {
    /// Opens the ledger at `path` for this binding; complains when there is none.
    pub fn open(path: &Path, binding: &Binding) -> std::result::Result<Ledger, Error> {
        let path = place::canonical(path)?;
        if !path.exists() {
            return Err(missing(&path));
        }
        Ledger::open_file(path, Some(binding))
    }

    /// Opens the ledger at `path`, whatever it is bound to; complains when there is none.
    pub fn open_existing(path: &Path) -> std::result::Result<Ledger, Error> {
        let path = place::canonical(path)?;
        if !path.exists() {
            return Err(missing(&path));
        }
        Ledger::open_file(path, None)
    }

    fn open_file(path: PathBuf, wanted: Option<&Binding>) -> std::result::Result<Ledger, Error> {
        check_magic(&path)?;
        let opened = connect(&path).and_then(|conn| {
            let age = schema::recognise(&conn, &path, MIGRATIONS)?;
            prepare(conn, &path, age, PRAGMAS, wanted)
        });
        let (books, binding) = opened.map_err(|fault| fault.writing(&path))?;
        for suffix in ["-wal", "-shm"] {
            place::close_to_others(&place::beside(&path, suffix));
        }
        let watch = Watch::new(&path);
        Ok(Ledger {
            books,
            path,
            binding,
            building: None,
            watch,
        })
    }

    /// Makes a ledger in the file of `building`, for the place at `path`.
    pub(super) fn build(
        path: PathBuf,
        building: Building,
        binding: &Binding,
    ) -> std::result::Result<Ledger, Error> {
        let file = building.file();
        let opened = connect(file)
            .and_then(|conn| prepare(conn, file, Age::Empty, building::PRAGMAS, Some(binding)));
        let (books, binding) = opened.map_err(|fault| fault.writing(&path))?;
        Ok(Ledger {
            books,
            binding,
            watch: Watch::new(file),
            path,
            building: Some(building),
        })
    }

    /// What it is bound to.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Its true path, the same for all spellings.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The one way to write: everything that `work` does, or nothing of it, durable when this returns.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Books) -> Result<T>,
    ) -> std::result::Result<T, Error> {
        let done = self.begin().and_then(|()| work(&mut self.books));
        match done {
            Ok(value) => self.commit().map(|()| value),
            Err(fault) => {
                self.roll_back();
                Err(fault.writing(&self.path))
            }
        }
    }

    pub(super) fn begin(&mut self) -> Result<()> {
        self.books
            .conn
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute(())?;
        Ok(())
    }

    pub(super) fn commit(&mut self) -> std::result::Result<(), Error> {
        let committed = self.books.flush_sums().and_then(|()| {
            failpoint::pass("before_commit");
            self.books.conn.prepare_cached("COMMIT")?.execute(())?;
            failpoint::pass("after_commit");
            Ok(())
        });
        if let Err(fault) = committed {
            self.roll_back();
            return Err(fault.writing(&self.path));
        }
        // A commit into a deleted file is worth nothing, and SQLite does not notice.
        self.watch.check()
    }

    pub(super) fn roll_back(&mut self) {
        self.books.sums.clear();
        self.books.skeletons = Skeletons::default();
        if !self.books.conn.is_autocommit() {
            // Whatever led here is the error to tell; an open transaction ends with its connection at the latest.
            let _ = self.books.conn.execute_batch("ROLLBACK");
        }
    }

    /// A look into the ledger outside any transaction.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, Error> {
        look(&self.books.conn).map_err(|fault| fault.reading(&self.path))
    }
}

/// The complaint about a ledger that is not there.
pub(super) fn missing(path: &Path) -> Error {
    Error::unexpected(
        "ledger_missing",
        format!("There is no ledger at {}.", path.display()),
    )
    .hint("Name the ledger with --ledger, or run a file first: vlens-batch run FILE.")
}

/// Refuses a file that is no SQLite database at all, before SQLite could touch it. Never while this process has it open.
fn check_magic(path: &Path) -> std::result::Result<(), Error> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let failed = |error: std::io::Error| place::io_failure(path, &error);
    schema::look(path)?;
    let mut head = Vec::with_capacity(MAGIC.len());
    std::fs::File::open(path)
        .map_err(failed)?
        .take(MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if head == MAGIC {
        Ok(())
    } else {
        Err(schema::not_a_ledger(path))
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

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

fn prepare(
    conn: Connection,
    path: &Path,
    age: Age,
    pragmas: &str,
    wanted: Option<&Binding>,
) -> Result<(Books, Binding)> {
    place::close_to_others(path);
    conn.execute_batch(pragmas)?;
    schema::migrate(&conn, path, age, MIGRATIONS)?;
    if let Some(wanted) = wanted {
        bind(&conn, wanted)?;
    }
    let binding = binding_of(&conn)?;
    if let Some(wanted) = wanted
        && *wanted != binding
    {
        return Err(bound_elsewhere(path, &binding, wanted).into());
    }
    let salt = conn.query_row("SELECT value FROM meta WHERE key = 'salt'", [], |row| {
        row.get(0)
    })?;
    let books = Books {
        conn,
        salt,
        process: None,
        skeletons: Skeletons::default(),
        sums: Sums::default(),
    };
    Ok((books, binding))
}

/// Binds a ledger that is not bound yet, in one statement; a bound one stays as it is.
fn bind(conn: &Connection, binding: &Binding) -> Result<()> {
    conn.execute(
        "INSERT INTO meta (key, value)
         SELECT column1, column2 FROM (VALUES ('base_url', ?1), ('tenancy_name', ?2), ('salt', randomblob(32)))
         WHERE NOT EXISTS (SELECT 1 FROM meta)",
        [&binding.base_url, &binding.tenancy_name],
    )?;
    Ok(())
}

/// What a ledger is bound to.
pub(super) fn binding_of(conn: &Connection) -> Result<Binding> {
    let value = |key: &str| {
        conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()?
        .ok_or_else(|| Fault::damaged("it does not say what it is bound to"))
    };
    Ok(Binding {
        base_url: value("base_url")?,
        tenancy_name: value("tenancy_name")?,
    })
}

fn bound_elsewhere(path: &Path, bound: &Binding, wanted: &Binding) -> Error {
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
