//! Rows with their results, streamed; and one row's whole history.

use rusqlite::Row;

use super::reader::Reader;
use super::values::{Event, Json};
use crate::error::Error;
use crate::model::{
    AttemptRecord, Cell, ResultRow, RowHistory, RowNumber, RunId, Secret, Stage, Status,
    ToldProblem,
};

/// One line for each row. ?1: the run. ?2, ?3: the first and the last row.
const LINES: &str = "
    SELECT r.row, c.cells, c.problems, r.duplicate_of, i.status, s.stage, s.at_ms, s.signed,
           (SELECT json_group_array(json_object(
                'run', coalesce(a.run_id, 0), 'sent_at', a.opened_ms, 'answered_at', a.closed_ms, 'event', coalesce(a.event, 'on_its_way'),
                'code', iif(a.is_decision, p.os_user, a.code), 'message', a.message, 'token', a.token) ORDER BY a.id)
            FROM attempts a CROSS JOIN processes p ON p.id = a.process_id WHERE a.invitation_id = c.invitation_id)
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id
    LEFT JOIN invitations i ON i.id = c.invitation_id
    LEFT JOIN stages s ON s.invitation_id = c.invitation_id
    WHERE r.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND r.row BETWEEN ?2 AND ?3
    ORDER BY r.row";

/// An attempt as [`LINES`] tells it.
#[derive(serde::Deserialize)]
struct Told {
    #[serde(flatten)]
    record: AttemptRecord,
    token: Option<String>,
}

impl Reader {
    /// The source's own headers.
    pub fn columns(&self, run: RunId) -> Result<Vec<String>, Error> {
        const COLUMNS: &str =
            "SELECT s.columns FROM sheets s JOIN runs r ON r.sheet_id = s.id WHERE r.id = ?1";
        let columns = self.db.value(COLUMNS, [run])?;
        Ok(columns.map_or_else(Vec::new, |Json(columns)| columns))
    }

    /// Gives every row of a run with one of these statuses (none named: all rows) to `sink`, in the sheet's order.
    pub fn results(
        &self,
        run: RunId,
        only: &[Status],
        sender_alive: bool,
        sink: &mut dyn FnMut(&ResultRow) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let all = (RowNumber(0), RowNumber(u32::MAX));
        self.each_row(run, all, sender_alive, |row| {
            if only.is_empty() || only.contains(&row.result.status) {
                sink(&row.result)?;
            }
            Ok(())
        })
    }

    /// A row's history; `None` when the sheet has no such row.
    pub fn history(
        &self,
        run: RunId,
        row: RowNumber,
        sender_alive: bool,
    ) -> Result<Option<RowHistory>, Error> {
        let mut history = None;
        self.each_row(run, (row, row), sender_alive, |row| {
            history = Some(row);
            Ok(())
        })?;
        Ok(history)
    }

    fn each_row(
        &self,
        run: RunId,
        (first, last): (RowNumber, RowNumber),
        sender_alive: bool,
        sink: impl FnMut(RowHistory) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let width = self.columns(run)?.len();
        let read = |line: &Row<'_>| read(line, width, sender_alive);
        self.db.each(LINES, (run, first, last), read, sink)
    }
}

/// A row of [`LINES`].
fn read(line: &Row<'_>, width: usize, sender_alive: bool) -> rusqlite::Result<RowHistory> {
    let duplicate_of: Option<RowNumber> = line.get(3)?;
    let problems: Option<Json<Vec<ToldProblem>>> = line.get(2)?;
    let stage = match line.get(5)? {
        None => None,
        Some(name) => Some(Stage {
            name,
            at: line.get(6)?,
            is_signed: line.get(7)?,
        }),
    };
    // As many as there are columns; empty ones once they are purged.
    let cells: Option<Json<Vec<Cell>>> = line.get(1)?;
    let mut cells = cells.map_or_else(Vec::new, |Json(cells)| cells);
    cells.resize(width, Cell::Empty);
    let mut result = ResultRow {
        row: line.get(0)?,
        cells,
        status: Status::Invalid,
        token: None,
        error_code: None,
        error: None,
        problems: Vec::new(),
        attempts: 0,
        sent_at: None,
        stage,
    };
    let Json(attempts): Json<Vec<Told>> = line.get(8)?;
    if let Some(of) = duplicate_of {
        result.status = Status::Duplicate;
        result.error = Some(format!("The same invitation stands in row {of}."));
    } else if let Some(Json(problems)) = problems {
        (result.error_code, result.error) = in_words(&problems);
        result.problems = problems;
    } else {
        result.status = line.get(4)?;
        came_to(&mut result, &attempts, sender_alive);
    }
    Ok(RowHistory {
        result,
        duplicate_of,
        attempts: attempts.into_iter().map(|told| told.record).collect(),
    })
}

/// What a row's attempts came to, oldest first.
fn came_to(result: &mut ResultRow, attempts: &[Told], sender_alive: bool) {
    const WITHOUT_TOKEN: &str = "A person settled this row as created: Vlens' answer, with the customer's link, was lost, and nothing gives one back.";
    let (mut is_on_its_way, mut is_answered) = (false, false);
    // What the team's register said of it last.
    let mut elsewhere = None;
    for Told { record, token } in attempts {
        let (code, message) = (record.code.clone(), record.message.clone());
        let event = record.event.parse();
        match event {
            Ok(Event::Elsewhere) => elsewhere = message,
            Ok(Event::AssumedSent) => {
                (result.error_code, result.error) = (Some("memory_lost".to_owned()), message);
            }
            Ok(Event::SettledCreated | Event::SettledNotCreated | Event::Retried) => {}
            _ => {
                elsewhere = None;
                result.attempts += 1;
                result.sent_at = Some(record.sent_at);
                is_on_its_way = record.answered_at.is_none();
                if event == Ok(Event::Created) {
                    is_answered = true;
                    result.token = token.clone().map(Secret::new);
                } else {
                    (result.error_code, result.error) = (code, message);
                }
            }
        }
    }
    let mut told = |code: &str, words: Option<String>| {
        (result.error_code, result.error) = (Some(code.to_owned()), words);
    };
    if result.status == Status::Pending && is_on_its_way && !sender_alive {
        result.status = Status::Uncertain;
        told("interrupted", None);
    }
    match (result.status, elsewhere) {
        (Status::Pending, _) => (result.error_code, result.error) = (None, None),
        (_, Some(words)) => told("elsewhere", Some(words)),
        (Status::Created, None) if !is_answered => {
            told("without_token", Some(WITHOUT_TOKEN.to_owned()));
        }
        (Status::Created, None) => (result.error_code, result.error) = (None, None),
        _ => {}
    }
}

/// The first problem's code, and all of them in words.
fn in_words(problems: &[ToldProblem]) -> (Option<String>, Option<String>) {
    let words: Vec<String> = problems
        .iter()
        .filter(|problem| !problem.message.is_empty())
        .map(|problem| match &problem.column {
            Some(column) => format!("{column}: {}", problem.message),
            None => problem.message.clone(),
        })
        .collect();
    let code = problems.first().map(|problem| problem.code.clone());
    (code, (!words.is_empty()).then(|| words.join(" ")))
}
