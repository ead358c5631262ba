//! The ledger through its public door, on real files: each scenario ends with an audit that counts everything afresh.

mod enrolment;
mod files;
mod forgetting;
mod model;
mod older;
mod sending;
mod time;

use std::path::PathBuf;

use super::audit::assert_sound;
use super::*;
use crate::model::{
    Cell, ContractTypeId, Counts, Invitation, InvitationKey, Moment, Plan, Problem, ProblemCode,
    Recipient, ResultRow, Row, RowNumber, RunId, Secret, Standing, Status, Timestamp,
};

/// A folder with a ledger, and a clock that the test sets.
struct Desk {
    folder: tempfile::TempDir,
    now: Moment,
}

/// One row of a test's sheet: whose invitation, and with which content.
#[derive(Debug, Clone, Copy)]
enum Line {
    Valid(&'static str, &'static str),
    Invalid(&'static str),
}
use Line::{Invalid, Valid};

impl Desk {
    fn new() -> Desk {
        Desk {
            folder: tempfile::tempdir().unwrap(),
            now: moment(1_795_293_540_000, 50_000),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("acme.db")
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.path(), &binding("acme")).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap().unwrap()
    }

    /// Enrols a sheet, its first row being row 2, and begins a process that sends it.
    fn enrolled(&self, lines: &[Line]) -> (Ledger, RunId) {
        self.enrolled_as(lines, usual_plan)
    }

    fn enrolled_as(&self, lines: &[Line], decide: fn(Option<Standing>) -> Plan) -> (Ledger, RunId) {
        let mut ledger = self.open();
        ledger.recover(&self.now).unwrap();
        let run = enrol(&mut ledger, lines, decide, &self.now);
        ledger
            .begin_process(Work::Sending(run), "run", "mona", &self.now)
            .unwrap();
        (ledger, run)
    }

    fn counts(&self, run: RunId) -> Counts {
        self.summary(run).counts
    }

    fn summary(&self, run: RunId) -> crate::model::RunSummary {
        assert_sound(&self.path());
        self.reader().summary(run, false, self.now.at).unwrap()
    }

    fn results(&self, run: RunId) -> Vec<ResultRow> {
        let mut rows = Vec::new();
        self.reader()
            .results(run, &[], false, &mut |row| {
                rows.push(row.clone());
                Ok(())
            })
            .unwrap();
        rows
    }

    fn later(&mut self, ms: i64) {
        self.now.at.0 += ms;
        self.now.uptime_ms += ms;
    }
}

fn moment(wall_ms: i64, uptime_ms: i64) -> Moment {
    Moment {
        at: Timestamp(wall_ms),
        uptime_ms,
        boot_id: "boot-1".to_owned(),
    }
}

fn binding(tenant: &str) -> Binding {
    Binding {
        base_url: "https://api.example".to_owned(),
        tenancy_name: tenant.to_owned(),
    }
}

fn usual_plan(standing: Option<Standing>) -> Plan {
    match standing {
        None => Plan::Send,
        Some(standing) => match standing.status {
            Status::Created => Plan::Skip,
            Status::Uncertain => Plan::Hold,
            Status::Rejected if standing.same_content => Plan::Hold,
            _ => Plan::Send,
        },
    }
}

fn invitation(who: &str, content: &str) -> Invitation {
    let mut key = [0; 32];
    key[..who.len()].copy_from_slice(who.as_bytes());
    Invitation {
        key: InvitationKey(key),
        recipient: Recipient {
            phone: Some(format!("+20101{who}")),
            email: None,
        },
        contract_types: vec![ContractTypeId(414)],
        body: format!(
            r#"{{"SessionInput":{{"phoneNumber":"+20101{who}","fields":{{"name":"{content}"}}}}}}"#
        ),
    }
}

fn problem(row: u32, value: &str) -> Problem {
    Problem {
        row: RowNumber(row),
        column: Some("Mobile".to_owned()),
        field: Some("phone".to_owned()),
        code: ProblemCode::PhoneInvalid,
        message: "Not a phone number.".to_owned(),
        value: value.to_owned(),
    }
}

fn sheet<'a>(fingerprint: &'a [u8], columns: &'a [String]) -> NewSheet<'a> {
    NewSheet {
        source: "customers.csv",
        fingerprint,
        mapping_fingerprint: b"mapping",
        columns,
    }
}

fn enter(enrolment: &mut Enrolment<'_>, lines: &[Line], decide: fn(Option<Standing>) -> Plan) {
    let scribe = enrolment.scribe();
    let mut sheaf = Sheaf::default();
    for (number, line) in (2u32..).zip(lines) {
        let row = |cells: [&str; 2]| Row {
            number: RowNumber(number),
            cells: cells.map(|text| Cell::Text(text.to_owned())).to_vec(),
        };
        match line {
            Valid(who, content) => {
                let invitation = invitation(who, content);
                scribe.add(&mut sheaf, &row([who, content]), Ok(&invitation))
            }
            Invalid(value) => {
                let problems = [problem(number, value)];
                scribe.add(&mut sheaf, &row([value, ""]), Err(&problems))
            }
        }
        .unwrap();
    }
    enrolment.enter(&mut sheaf, &decide).unwrap();
}

/// Enters one valid row.
fn enter_one(
    enrolment: &mut Enrolment<'_>,
    number: u32,
    cells: &[String],
    invitation: &Invitation,
) -> Result<(), crate::error::Error> {
    let row = Row {
        number: RowNumber(number),
        cells: cells.iter().cloned().map(Cell::Text).collect(),
    };
    let mut sheaf = Sheaf::default();
    enrolment
        .scribe()
        .add(&mut sheaf, &row, Ok(invitation))
        .and_then(|()| enrolment.enter(&mut sheaf, &usual_plan))
}

fn enrol(
    ledger: &mut Ledger,
    lines: &[Line],
    decide: fn(Option<Standing>) -> Plan,
    now: &Moment,
) -> RunId {
    let columns = ["Mobile".to_owned(), "Name".to_owned()];
    let mut enrolment = ledger.enrol(&sheet(b"file", &columns), now).unwrap();
    enter(&mut enrolment, lines, decide);
    enrolment.commit().unwrap()
}

fn closing(event: Event, status: Option<Status>) -> Closing {
    let is_created = event == Event::Created;
    Closing {
        event,
        status,
        token: is_created.then(|| Secret::new("token-of-a-session")),
        code: (!is_created).then(|| "42".to_owned()),
        message: (!is_created).then(|| "The vendor says no.".to_owned()),
    }
}

const CREATED: (Event, Option<Status>) = (Event::Created, Some(Status::Created));
const REJECTED: (Event, Option<Status>) = (Event::Rejected, Some(Status::Rejected));
const UNCERTAIN: (Event, Option<Status>) = (Event::Uncertain, Some(Status::Uncertain));

/// Sends every due row, with these answers in turn (the last one for all that follow).
fn send(
    ledger: &mut Ledger,
    run: RunId,
    answers: &[(Event, Option<Status>)],
    now: &Moment,
) -> Vec<RowNumber> {
    let due = ledger.due(run, RowNumber(0), 1000).unwrap();
    let now_ms = now.at.0;
    for (index, row) in due.iter().enumerate() {
        let (event, status) = answers[index.min(answers.len() - 1)];
        let attempt = ledger
            .write(|books| books.open_attempt(Some(row.invitation), now_ms))
            .unwrap();
        ledger
            .write(|books| books.close_attempt(attempt, &closing(event, status), now_ms + 20))
            .unwrap();
    }
    due.into_iter().map(|row| row.row).collect()
}

fn rows(numbers: &[u32]) -> Vec<RowNumber> {
    numbers.iter().copied().map(RowNumber).collect()
}
