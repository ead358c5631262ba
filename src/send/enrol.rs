//! Puts a sheet on paper: every row in the ledger, in one transaction, before anything is sent.

use super::decide::{Wishes, plan};
use super::sheet::Sheet;
use super::stop::StopSignal;
use crate::error::Error;
use crate::failpoint;
use crate::ledger::{Due, Ledger, NewSheet, Sheaf};
use crate::mapping::Mapped;
use crate::model::{Moment, Plan, Row, RunId, Standing, Status};

/// What is to be enrolled.
pub struct Enrolment<'a> {
    /// The source as named on the command line.
    pub source_name: &'a str,
    /// SHA-256 of the file.
    pub fingerprint: [u8; 32],
    /// What a person asked for beyond the usual.
    pub wishes: Wishes,
    /// When the run began.
    pub started: &'a Moment,
}

/// Begins a run with this sheet. One that the ledger knows (the same bytes, read the same way, under the same mapping) is not
/// enrolled again: its rows are there. `None`: the run was stopped before all rows were on paper, and there is no trace of it.
pub fn enrol(
    ledger: &mut Ledger,
    sheet: &mut Sheet,
    what: &Enrolment<'_>,
    stop: &StopSignal,
) -> Result<Option<RunId>, Error> {
    let identity = sheet.identity(what.fingerprint)?;
    if let Some(known) = ledger.known_sheet(&identity)? {
        let run = ledger.begin_run_on(known, what.source_name, what.started)?;
        make_due(ledger, run, what.wishes, what.started)?;
        return Ok(Some(run));
    }
    let columns = sheet.columns();
    let new = NewSheet {
        source: what.source_name,
        identity: &identity,
        columns: &columns,
    };
    let mut enrolment = ledger.enrol(&new, what.started)?;
    let decide = |standing: Option<Standing>| plan(standing, what.wishes);
    let scribe = enrolment.scribe();
    let bind = |_, row: &Row, mapped: Mapped, sheaf: &mut Sheaf| {
        let result = mapped.result.as_ref().map_err(Vec::as_slice);
        scribe.add(sheaf, row, result)
    };
    let walked = sheet.walk_in_sheaves(stop, bind, |_, sheaf| enrolment.enter(sheaf, &decide))?;
    match walked {
        Ok(()) => {
            failpoint::pass("before_enrolled");
            let run = enrolment.commit()?;
            failpoint::pass("after_enrolled");
            Ok(Some(run))
        }
        Err(_stopping) => Ok(None),
    }
}

/// Applies the plan to rows that are in the ledger already: the same table as for rows of a file, by whole statuses.
pub fn make_due(
    ledger: &mut Ledger,
    run: RunId,
    wishes: Wishes,
    now: &Moment,
) -> Result<u64, Error> {
    let would_send = |status, same_content| {
        let standing = Standing {
            status,
            same_content,
        };
        plan(Some(standing), wishes) == Plan::Send
    };
    let statuses = [Status::Failed, Status::Rejected, Status::Uncertain]
        .into_iter()
        .filter(|&status| would_send(status, true))
        .collect();
    let due = Due {
        statuses,
        changed_created: would_send(Status::Created, false),
        rows: None,
        by_person: false,
    };
    ledger.make_due(run, &due, now)
}
