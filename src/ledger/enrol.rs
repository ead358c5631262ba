//! A whole sheet on paper in one transaction, row by row: either all of it is in the ledger, or nothing.

use super::Ledger;
use super::books::{Books, ContentHash, KeyHash, place_of, sheet_and_row};
use super::fault::Result;
use super::runs::SheetId;
use super::transition::State;
use crate::domain::{
    Complaint, Invitation, Moment, Plan, Problem, RowNumber, RunId, Standing, Status,
};

/// A sheet about to be enrolled.
#[derive(Debug, Clone)]
pub struct NewSheet<'a> {
    /// The source as named on the command line.
    pub source: &'a str,
    /// Of the file's bytes.
    pub fingerprint: &'a [u8],
    /// Of everything that decides what a row becomes.
    pub mapping_fingerprint: &'a [u8],
    /// The source's own headers.
    pub columns: &'a [String],
}

/// What became of a valid row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    /// It is the first of the sheet with its invitation.
    Planned {
        /// As decided.
        plan: Plan,
        /// Whether its invitation was created earlier, with other content.
        changed: bool,
    },
    /// Its invitation stands in an earlier row.
    Duplicate {
        /// That row.
        of: RowNumber,
    },
}

/// An enrolment under way. Dropped without [`Enrolment::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Enrolment<'l> {
    ledger: &'l mut Ledger,
    run: RunId,
    sheet: SheetId,
    rows: i64,
    changed: i64,
    /// Room for the JSON of the present row.
    json: Vec<u8>,
    is_open: bool,
}

impl Ledger {
    /// Begins a run with the enrolment of its sheet.
    pub fn enrol(
        &mut self,
        sheet: &NewSheet<'_>,
        started: &Moment,
    ) -> std::result::Result<Enrolment<'_>, Complaint> {
        let begun = self
            .widen_cache()
            .and_then(|()| self.begin())
            .and_then(|()| {
                let sheet_id = self.books.add_sheet(sheet, started)?;
                let run = self.books.begin_run(sheet_id, sheet.source, started, 0)?;
                Ok((sheet_id, run))
            });
        match begun {
            Ok((sheet, run)) => Ok(Enrolment {
                ledger: self,
                run,
                sheet,
                rows: 0,
                changed: 0,
                json: Vec::new(),
                is_open: true,
            }),
            Err(fault) => {
                self.roll_back();
                Err(fault.writing(&self.path))
            }
        }
    }
}

impl Ledger {
    /// Keyed hashes fall anywhere in their index: while many come, it had better be in memory, which for a million rows it is.
    fn widen_cache(&mut self) -> Result<()> {
        self.books
            .conn
            .execute_batch("PRAGMA cache_size = -34000")?;
        Ok(())
    }

    fn narrow_cache(&mut self) {
        // Sending needs little memory. Should this fail, it has more.
        let _ = self
            .books
            .conn
            .execute_batch("PRAGMA cache_size = -8000; PRAGMA shrink_memory;");
    }
}

impl Enrolment<'_> {
    /// Enters a valid row. `decide` is told how its invitation stands (none: never seen) and says what is to become of it.
    pub fn valid(
        &mut self,
        row: RowNumber,
        cells: &[String],
        invitation: &Invitation,
        decide: &dyn Fn(Option<Standing>) -> Plan,
    ) -> std::result::Result<Enrolled, Complaint> {
        let enrolled = to_json(&mut self.json, cells)
            .and_then(|cells| {
                self.ledger
                    .books
                    .enrol_valid(self.sheet, self.run, row, cells, invitation, decide)
            })
            .map_err(|fault| fault.writing(&self.ledger.path))?;
        self.rows += 1;
        if matches!(enrolled, Enrolled::Planned { changed: true, .. }) {
            self.changed += 1;
        }
        Ok(enrolled)
    }

    /// Enters a row that does not pass validation.
    pub fn invalid(
        &mut self,
        row: RowNumber,
        cells: &[String],
        problems: &[Problem],
    ) -> std::result::Result<(), Complaint> {
        let mut problems_json = Vec::new();
        to_json(&mut problems_json, problems)
            .and_then(|problems| {
                let cells = to_json(&mut self.json, cells)?;
                self.ledger
                    .books
                    .enter_invalid(self.sheet, row, cells, problems)
            })
            .map_err(|fault| fault.writing(&self.ledger.path))?;
        self.rows += 1;
        Ok(())
    }

    /// The number that the run will have.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Makes all of it durable: the run exists.
    pub fn commit(mut self) -> std::result::Result<RunId, Complaint> {
        self.ledger
            .books
            .finish_enrolment(self.sheet, self.run, self.rows, self.changed)
            .map_err(|fault| fault.writing(&self.ledger.path))?;
        self.is_open = false;
        self.ledger.commit()?;
        Ok(self.run)
    }
}

impl Drop for Enrolment<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.ledger.roll_back();
        }
        self.ledger.narrow_cache();
    }
}

fn to_json<'j, T: serde::Serialize + ?Sized>(json: &'j mut Vec<u8>, value: &T) -> Result<&'j str> {
    json.clear();
    serde_json::to_writer(&mut *json, value).map_err(|error| not_json(&error.to_string()))?;
    std::str::from_utf8(json).map_err(|error| not_json(&error.to_string()).into())
}

fn not_json(error: &str) -> Complaint {
    Complaint::new(
        "ledger_write_failed",
        format!("A row cannot be written as JSON ({error})."),
    )
}

impl Books {
    fn add_sheet(&mut self, sheet: &NewSheet<'_>, started: &Moment) -> Result<SheetId> {
        let mut json = Vec::new();
        let columns = to_json(&mut json, sheet.columns)?;
        self.conn.execute(
            "INSERT INTO sheets (source, fingerprint, mapping_fingerprint, columns, rows, enrolled_ms) VALUES (?1, ?2, ?3, ?4, 0, ?5)",
            (sheet.source, sheet.fingerprint, sheet.mapping_fingerprint, columns, started.at.0),
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

    fn enrol_valid(
        &mut self,
        sheet: SheetId,
        run: RunId,
        row: RowNumber,
        cells: &str,
        invitation: &Invitation,
        decide: &dyn Fn(Option<Standing>) -> Plan,
    ) -> Result<Enrolled> {
        let content = self.hash_of_content(invitation);
        let key = self.hash_of_key(invitation.key);
        if let Some(id) = self.add_invitation(key, content)? {
            let state = State {
                status: Status::Pending,
                created_run: 0,
            };
            self.enter_row(sheet.0, row.0, id, state, cells)?;
            self.keep_body(id, &invitation.body)?;
            return Ok(Enrolled::Planned {
                plan: decide(None),
                changed: false,
            });
        }
        let known = self.known_invitation(key)?;
        if let Some(of) = self.row_in_sheet(known.id, sheet)? {
            self.enter_duplicate(sheet, row, of, cells)?;
            return Ok(Enrolled::Duplicate { of });
        }
        let state = self.state_of(known.id)?;
        self.enter_row(sheet.0, row.0, known.id, state, cells)?;
        let same_content = known.content == content;
        let plan = decide(Some(Standing {
            status: state.status,
            same_content,
        }));
        self.follow_plan(
            known.id,
            run,
            state,
            plan,
            same_content,
            content,
            invitation,
        )?;
        let changed = state.status == Status::Created && !same_content;
        Ok(Enrolled::Planned { plan, changed })
    }

    /// Adds an invitation that is pending; none when it is known already.
    fn add_invitation(&mut self, key: KeyHash, content: ContentHash) -> Result<Option<i64>> {
        let added = self
            .conn
            .prepare_cached("INSERT INTO invitations (key, content, status) VALUES (?1, ?2, 'pending') ON CONFLICT DO NOTHING")?
            .execute((key, content))?;
        Ok((added > 0).then(|| self.conn.last_insert_rowid()))
    }

    fn known_invitation(&self, key: KeyHash) -> Result<Known> {
        let known = self
            .conn
            .prepare_cached("SELECT id, content FROM invitations WHERE key = ?1")?
            .query_row([key], |row| {
                Ok(Known {
                    id: row.get(0)?,
                    content: row.get(1)?,
                })
            })?;
        Ok(known)
    }

    fn row_in_sheet(&self, invitation: i64, sheet: SheetId) -> Result<Option<RowNumber>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT place FROM rows WHERE invitation_id = ?1 AND place > ?2")?;
        let mut rows = statement.query((invitation, place_of(sheet.0, 0)))?;
        match rows.next()? {
            Some(row) => Ok(Some(RowNumber(sheet_and_row(row.get(0)?).1))),
            None => Ok(None),
        }
    }

    /// Brings body, content and status of a known invitation to what was decided.
    #[expect(
        clippy::too_many_arguments,
        reason = "one row's facts, used in this one place"
    )]
    fn follow_plan(
        &mut self,
        id: i64,
        run: RunId,
        state: State,
        plan: Plan,
        same_content: bool,
        content: ContentHash,
        invitation: &Invitation,
    ) -> Result<()> {
        if same_content {
            self.forget_change(id)?;
            let wants_body = state.status != Status::Created || plan == Plan::Send;
            if wants_body && !self.has_body(id)? {
                self.keep_body(id, &invitation.body)?;
            }
        } else {
            self.note_change(id, content, &invitation.body)?;
        }
        if plan == Plan::Send {
            self.make_pending(id, run.0)?;
        }
        Ok(())
    }

    fn enter_duplicate(
        &mut self,
        sheet: SheetId,
        row: RowNumber,
        of: RowNumber,
        cells: &str,
    ) -> Result<()> {
        self.conn
            .prepare_cached("INSERT INTO rows (place, duplicate_of, cells) VALUES (?1, ?2, ?3)")?
            .execute((place_of(sheet.0, row.0), of.0, cells))?;
        self.count_row(sheet, Status::Duplicate);
        Ok(())
    }

    fn enter_invalid(
        &mut self,
        sheet: SheetId,
        row: RowNumber,
        cells: &str,
        problems: &str,
    ) -> Result<()> {
        self.conn
            .prepare_cached("INSERT INTO rows (place, problems, cells) VALUES (?1, ?2, ?3)")?
            .execute((place_of(sheet.0, row.0), problems, cells))?;
        self.count_row(sheet, Status::Invalid);
        Ok(())
    }

    fn count_row(&mut self, sheet: SheetId, status: Status) {
        let state = State {
            status,
            created_run: 0,
        };
        self.sums.add(state.in_sheet(sheet.0), 1);
    }
}

/// An invitation that the ledger knew before this row.
struct Known {
    id: i64,
    content: ContentHash,
}
