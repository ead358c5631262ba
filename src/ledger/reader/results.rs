//! Rows with their results, streamed, and one row's whole history.

use rusqlite::{Connection, Row, Rows};

use super::super::attempts::Event;
use super::super::books::{place_of, sheet_and_row, status_of};
use super::super::fault::{Fault, Result};
use super::super::runs::sheet_of;
use super::Reader;
use crate::error::Error;
use crate::model::{
    AttemptRecord, ResultRow, RowHistory, RowNumber, RunId, Secret, Status, Timestamp,
};

/// One line for each row and attempt, the attempts of a row together and oldest first.
const LINES: &str = "
    SELECT r.place, r.cells, r.problems, r.duplicate_of, i.status,
           a.event, a.code, a.message, a.token, a.opened_ms, a.closed_ms, a.id, a.run_id, p.os_user
    FROM rows r
    LEFT JOIN invitations i ON i.id = r.asks_for
    LEFT JOIN attempts a ON a.invitation_id = r.asks_for
    LEFT JOIN processes p ON p.id = a.process_id
    WHERE r.place BETWEEN ?1 AND ?2
    ORDER BY r.place, a.id";

/// The columns of [`LINES`].
mod at {
    pub(super) const PLACE: usize = 0;
    pub(super) const CELLS: usize = 1;
    pub(super) const PROBLEMS: usize = 2;
    pub(super) const DUPLICATE_OF: usize = 3;
    pub(super) const STATUS: usize = 4;
    pub(super) const EVENT: usize = 5;
    pub(super) const CODE: usize = 6;
    pub(super) const MESSAGE: usize = 7;
    pub(super) const TOKEN: usize = 8;
    pub(super) const OPENED_MS: usize = 9;
    pub(super) const CLOSED_MS: usize = 10;
    pub(super) const ATTEMPT: usize = 11;
    pub(super) const RUN: usize = 12;
    pub(super) const OS_USER: usize = 13;
}

impl Reader {
    /// The source's own headers.
    pub fn columns(&self, run: RunId) -> std::result::Result<Vec<String>, Error> {
        self.look(|conn| columns(conn, sheet_of(conn, run)?))
    }

    /// Gives every row of a run with one of these statuses (none named: all rows) to `sink`, in the sheet's order.
    pub fn results(
        &self,
        run: RunId,
        only: &[Status],
        sender_alive: bool,
        sink: &mut dyn FnMut(&ResultRow) -> std::result::Result<(), Error>,
    ) -> std::result::Result<(), Error> {
        self.look(|conn| {
            let sheet = sheet_of(conn, run)?;
            let width = columns(conn, sheet)?.len();
            let mut statement = conn.prepare_cached(LINES)?;
            let mut lines = statement.query((place_of(sheet, 0), place_of(sheet + 1, 0) - 1))?;
            each_row(&mut lines, width, sender_alive, &mut |result, _| {
                if only.is_empty() || only.contains(&result.status) {
                    sink(result)?;
                }
                Ok(())
            })
        })
    }

    /// A row's history; `None` when the sheet has no such row.
    pub fn history(
        &self,
        run: RunId,
        row: RowNumber,
        sender_alive: bool,
    ) -> std::result::Result<Option<RowHistory>, Error> {
        self.look(|conn| {
            let sheet = sheet_of(conn, run)?;
            let width = columns(conn, sheet)?.len();
            let place = place_of(sheet, row.0);
            let attempts = attempts_of(conn, place)?;
            let mut statement = conn.prepare_cached(LINES)?;
            let mut lines = statement.query((place, place))?;
            let mut history = None;
            each_row(
                &mut lines,
                width,
                sender_alive,
                &mut |result, duplicate_of| {
                    history = Some(RowHistory {
                        result: result.clone(),
                        duplicate_of,
                        attempts: Vec::new(),
                    });
                    Ok(())
                },
            )?;
            if let Some(history) = &mut history {
                history.attempts = attempts;
            }
            Ok(history)
        })
    }
}

fn columns(conn: &Connection, sheet: i64) -> Result<Vec<String>> {
    let json: String =
        conn.query_row("SELECT columns FROM sheets WHERE id = ?1", [sheet], |row| {
            row.get(0)
        })?;
    serde_json::from_str(&json)
        .map_err(|_| Fault::damaged("the columns of a sheet are not readable"))
}

type RowSink<'s> = &'s mut dyn FnMut(&ResultRow, Option<RowNumber>) -> Result<()>;

/// Folds the lines of one row into one result.
fn each_row(
    lines: &mut Rows<'_>,
    width: usize,
    sender_alive: bool,
    sink: RowSink<'_>,
) -> Result<()> {
    let mut present: Option<(i64, Fold)> = None;
    while let Some(line) = lines.next()? {
        let place: i64 = line.get(at::PLACE)?;
        if present.as_ref().is_none_or(|(open, _)| *open != place) {
            if let Some((_, fold)) = present.take() {
                fold.finish(sender_alive, sink)?;
            }
            present = Some((place, Fold::begin(line, width)?));
        }
        if let Some((_, fold)) = &mut present {
            fold.add_attempt(line)?;
        }
    }
    match present {
        Some((_, fold)) => fold.finish(sender_alive, sink),
        None => Ok(()),
    }
}

/// A row whose attempts are being read.
struct Fold {
    result: ResultRow,
    duplicate_of: Option<RowNumber>,
    is_on_its_way: bool,
    token: Option<String>,
}

impl Fold {
    fn begin(line: &Row<'_>, width: usize) -> Result<Fold> {
        let (_, number) = sheet_and_row(line.get(at::PLACE)?);
        let duplicate_of: Option<u32> = line.get(at::DUPLICATE_OF)?;
        let mut result = ResultRow {
            row: RowNumber(number),
            cells: cells(line, width)?,
            status: Status::Duplicate,
            token: None,
            error_code: None,
            error: None,
            attempts: 0,
            sent_at: None,
        };
        if let Some(of) = duplicate_of {
            result.error = Some(format!("The same invitation stands in row {of}."));
        } else if let Some(problems) = line.get::<_, Option<String>>(at::PROBLEMS)? {
            result.status = Status::Invalid;
            (result.error_code, result.error) = in_words(&problems)?;
        } else {
            let word = line
                .get_ref(at::STATUS)?
                .as_str()
                .map_err(rusqlite::Error::from)?;
            result.status = status_of(word)?;
        }
        Ok(Fold {
            result,
            duplicate_of: duplicate_of.map(RowNumber),
            is_on_its_way: false,
            token: None,
        })
    }

    fn add_attempt(&mut self, line: &Row<'_>) -> Result<()> {
        if line.get::<_, Option<i64>>(at::ATTEMPT)?.is_none() {
            return Ok(());
        }
        let event = match line
            .get_ref(at::EVENT)?
            .as_str_or_null()
            .map_err(rusqlite::Error::from)?
        {
            Some(word) => Event::parse(word),
            None => None,
        };
        if event.is_some_and(Event::is_decision) {
            return Ok(());
        }
        self.result.attempts += 1;
        self.result.sent_at = Some(Timestamp(line.get(at::OPENED_MS)?));
        self.is_on_its_way = line.get::<_, Option<i64>>(at::CLOSED_MS)?.is_none();
        if event == Some(Event::Created) {
            self.token = line.get(at::TOKEN)?;
        } else {
            self.result.error_code = line.get(at::CODE)?;
            self.result.error = line.get(at::MESSAGE)?;
        }
        Ok(())
    }

    fn finish(mut self, sender_alive: bool, sink: RowSink<'_>) -> Result<()> {
        let result = &mut self.result;
        if result.status == Status::Pending && self.is_on_its_way && !sender_alive {
            result.status = Status::Uncertain;
            result.error_code = Some("interrupted".to_owned());
            result.error = None;
        }
        match result.status {
            Status::Created => {
                result.token = self.token.map(Secret::new);
                (result.error_code, result.error) = (None, None);
            }
            Status::Pending => (result.error_code, result.error) = (None, None),
            _ => {}
        }
        sink(&self.result, self.duplicate_of)
    }
}

/// The source's own cells, as many as there are columns; empty ones once they are purged.
fn cells(line: &Row<'_>, width: usize) -> Result<Vec<String>> {
    let text = line
        .get_ref(at::CELLS)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    let mut cells = match text {
        Some(text) => super::super::cells::read(text)?,
        None => Vec::new(),
    };
    cells.resize(width, String::new());
    Ok(cells)
}

/// The parts of a stored problem that results tell.
#[derive(serde::Deserialize)]
struct StoredProblem {
    column: Option<String>,
    code: String,
    message: String,
}

/// The first problem's code, and all of them in words.
fn in_words(json: &str) -> Result<(Option<String>, Option<String>)> {
    let problems: Vec<StoredProblem> = serde_json::from_str(json)
        .map_err(|_| Fault::damaged("the problems of a row are not readable"))?;
    let words: Vec<String> = problems
        .iter()
        .filter(|problem| !problem.message.is_empty())
        .map(|problem| match &problem.column {
            Some(column) => format!("{column}: {}", problem.message),
            None => problem.message.clone(),
        })
        .collect();
    let code = problems.into_iter().next().map(|problem| problem.code);
    Ok((code, (!words.is_empty()).then(|| words.join(" "))))
}

fn attempts_of(conn: &Connection, place: i64) -> Result<Vec<AttemptRecord>> {
    let mut statement = conn.prepare_cached(LINES)?;
    let mut lines = statement.query((place, place))?;
    let mut attempts = Vec::new();
    while let Some(line) = lines.next()? {
        if line.get::<_, Option<i64>>(at::ATTEMPT)?.is_none() {
            continue;
        }
        let event: Option<String> = line.get(at::EVENT)?;
        let is_decision = event
            .as_deref()
            .and_then(Event::parse)
            .is_some_and(Event::is_decision);
        attempts.push(AttemptRecord {
            run: RunId(line.get::<_, Option<i64>>(at::RUN)?.unwrap_or(0)),
            sent_at: Timestamp(line.get(at::OPENED_MS)?),
            answered_at: line.get::<_, Option<i64>>(at::CLOSED_MS)?.map(Timestamp),
            event: event.unwrap_or_else(|| "on_its_way".to_owned()),
            code: if is_decision {
                line.get(at::OS_USER)?
            } else {
                line.get(at::CODE)?
            },
            message: line.get(at::MESSAGE)?,
        });
    }
    Ok(attempts)
}
