//! A whole sheet on paper in one transaction, row by row: either all of it is in the ledger, or nothing.

mod desk;
mod known;

use self::desk::Desk;
use self::known::{Known, known_invitation};
use super::Ledger;
use super::books::{Books, ContentHash, place_of};
use super::fault::Result;
use super::first_rows::FirstRows;
use super::runs::{SheetId, SheetIdentity};
use super::sheaf::{Content, Scribe, Sheaf};
use super::transition::Packed;
use crate::error::Error;
use crate::model::{Moment, Plan, RowNumber, RunId, Standing};

/// A sheet about to be enrolled.
#[derive(Debug, Clone)]
pub struct NewSheet<'a> {
    /// The source as named on the command line.
    pub source: &'a str,
    /// What it is known again by.
    pub identity: &'a SheetIdentity,
    /// The source's own headers.
    pub columns: &'a [String],
}

/// An enrolment under way. Dropped without [`Enrolment::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Enrolment<'l> {
    ledger: &'l mut Ledger,
    run: RunId,
    sheet: SheetId,
    columns: usize,
    /// Whether earlier sheets brought invitations, among which each row is looked up.
    has_earlier: bool,
    /// The first rows of invitations that no earlier sheet brought.
    new: FirstRows,
    rows: i64,
    changed: i64,
    is_open: bool,
}

impl Ledger {
    /// Begins a run with the enrolment of its sheet.
    pub fn enrol(
        &mut self,
        sheet: &NewSheet<'_>,
        started: &Moment,
    ) -> std::result::Result<Enrolment<'_>, Error> {
        let begun = self.begin().and_then(|()| {
            let sheet_id = self.books.add_sheet(sheet, started)?;
            let run = self.books.begin_run(sheet_id, sheet.source, started, 0)?;
            let has_earlier = self.books.has_invitations()?;
            if has_earlier {
                self.books.widen_cache()?;
            }
            Ok((sheet_id, run, has_earlier))
        });
        match begun {
            Ok((id, run, has_earlier)) => Ok(Enrolment {
                ledger: self,
                run,
                sheet: id,
                columns: sheet.columns.len(),
                has_earlier,
                new: FirstRows::default(),
                rows: 0,
                changed: 0,
                is_open: true,
            }),
            Err(fault) => {
                self.roll_back();
                Err(fault.writing(&self.path))
            }
        }
    }
}

impl Enrolment<'_> {
    /// What makes rows ready for [`Enrolment::enter`].
    pub fn scribe(&self) -> Scribe {
        Scribe {
            salt: self.ledger.books.salt,
            columns: self.columns,
        }
    }

    /// Enters rows and empties the sheaf. `decide` is told how a row's invitation stands (none: never seen) and says what is to
    /// become of it.
    pub fn enter(
        &mut self,
        sheaf: &mut Sheaf,
        decide: &dyn Fn(Option<Standing>) -> Plan,
    ) -> std::result::Result<(), Error> {
        self.enter_all(sheaf, decide)
            .map_err(|fault| fault.writing(&self.ledger.path))?;
        sheaf.clear();
        Ok(())
    }

    /// The number that the run will have.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Makes all of it durable: the run exists.
    pub fn commit(mut self) -> std::result::Result<RunId, Error> {
        let new = std::mem::take(&mut self.new);
        let books = &mut self.ledger.books;
        books
            .add_keys(self.sheet, new)
            .and_then(|()| books.finish_enrolment(self.sheet, self.run, self.rows, self.changed))
            .map_err(|fault| fault.writing(&self.ledger.path))?;
        self.is_open = false;
        self.ledger.commit()?;
        self.ledger.take_place()?;
        Ok(self.run)
    }

    fn enter_all(
        &mut self,
        sheaf: &Sheaf,
        decide: &dyn Fn(Option<Standing>) -> Plan,
    ) -> Result<()> {
        let known = self.enter_unknown(sheaf)?;
        let books = &mut self.ledger.books;
        for (asked, known) in known {
            let is_changed = books.enter_known(self.sheet, self.run, &asked, &known, decide)?;
            self.changed += i64::from(is_changed);
        }
        self.rows += i64::try_from(sheaf.entries.len()).unwrap_or(i64::MAX);
        Ok(())
    }

    /// Enters the rows that concern no invitation of an earlier sheet, and gives the others back.
    fn enter_unknown<'s>(&mut self, sheaf: &'s Sheaf) -> Result<Vec<(Asked<'s>, Known)>> {
        let Books {
            conn,
            skeletons,
            sums,
            ..
        } = &mut self.ledger.books;
        let skeletons = sheaf
            .skeletons()
            .iter()
            .map(|skeleton| skeletons.id_of(conn, skeleton))
            .collect::<Result<Vec<i64>>>()?;
        let mut desk = Desk::new(conn, self.sheet)?;
        let mut of_earlier = Vec::new();
        for entry in &sheaf.entries {
            let cells = sheaf.text(&entry.cells);
            match &entry.content {
                Content::Invalid { problems } => {
                    desk.invalid(entry.row, cells, sheaf.text(problems))?;
                }
                Content::Valid {
                    key,
                    content,
                    skeleton,
                    values,
                } => {
                    let asked = Asked {
                        row: entry.row,
                        cells,
                        content: *content,
                        body: Packed {
                            skeleton: skeletons[*skeleton],
                            values: sheaf.text(values),
                        },
                    };
                    if self.has_earlier
                        && let Some(known) = known_invitation(conn, *key)?
                    {
                        of_earlier.push((asked, known));
                    } else if let Some(first) = self.new.earlier(*key, entry.row) {
                        desk.duplicate(entry.row, first, cells)?;
                    } else {
                        desk.new_invitation(&asked)?;
                    }
                }
            }
        }
        desk.add_up(sums);
        Ok(of_earlier)
    }
}

/// A valid row, and what it asks for.
struct Asked<'a> {
    row: RowNumber,
    cells: &'a str,
    content: ContentHash,
    body: Packed<'a>,
}

impl Drop for Enrolment<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.ledger.roll_back();
        }
        self.ledger.books.narrow_cache();
    }
}

impl Books {
    /// Keyed hashes fall anywhere in their index: while many are looked up, the more of it is in memory the better.
    fn widen_cache(&self) -> Result<()> {
        self.conn.execute_batch("PRAGMA cache_size = -34000")?;
        Ok(())
    }

    /// Sending needs little memory. Should this fail, it has more.
    fn narrow_cache(&self) {
        let _ = self
            .conn
            .execute_batch("PRAGMA cache_size = -8000; PRAGMA shrink_memory;");
    }

    fn add_sheet(&mut self, sheet: &NewSheet<'_>, started: &Moment) -> Result<SheetId> {
        let columns = serde_json::json!(sheet.columns).to_string();
        self.conn.execute(
            "INSERT INTO sheets (source, identity, columns, rows, enrolled_ms) VALUES (?1, ?2, ?3, 0, ?4)",
            (sheet.source, sheet.identity.0, columns, started.at.0),
        )?;
        Ok(SheetId(self.conn.last_insert_rowid()))
    }

    fn finish_enrolment(
        &mut self,
        sheet: SheetId,
        run: RunId,
        rows: i64,
        changed: i64,
    ) -> Result<()> {
        self.conn
            .execute("UPDATE sheets SET rows = ?2 WHERE id = ?1", (sheet.0, rows))?;
        self.conn.execute(
            "UPDATE runs SET changed = ?2 WHERE id = ?1",
            (run.0, changed),
        )?;
        Ok(())
    }

    fn has_invitations(&self) -> Result<bool> {
        Ok(self.conn.prepare("SELECT 1 FROM keys")?.exists([])?)
    }

    /// Enters the keys of new invitations, in the order of the keys: to fill an index in its order costs a fraction of filling it
    /// in any other.
    fn add_keys(&mut self, sheet: SheetId, new: FirstRows) -> Result<()> {
        let mut add = self
            .conn
            .prepare_cached("INSERT INTO keys (key, invitation_id) VALUES (?1, ?2)")?;
        for (key, row) in new.into_sorted() {
            add.execute((key, place_of(sheet.0, row.0)))?;
        }
        Ok(())
    }
}
