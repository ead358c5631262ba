//! Rows with their results, streamed; one row's whole history; what a report plots; and whether the file is sound.

use rusqlite::{Connection, Row, Rows};

use super::attempts::Event;

use super::place;
use super::reader::Reader;
use super::sql::{Json, Outcome, Statements as _};
use super::stages::stages_by_day;
use super::status::{count_at, sheet_of};
use crate::error::Error;
use crate::model::{
    AttemptRecord, Cell, CodeCount, MinuteCount, ProblemCount, ResultRow, RowHistory, RowNumber,
    RunId, RunStatistics, Secret, Stage, Status, Timestamp, ToldProblem,
};

/// One line for each row and attempt, the attempts of a row together and oldest first.
const LINES: &str = "
    SELECT r.row, c.cells, c.problems, r.duplicate_of, i.status, a.id, a.event, a.code, a.message, a.token, a.opened_ms, a.closed_ms,
           s.stage, s.at_ms, s.signed
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id
    LEFT JOIN invitations i ON i.id = c.invitation_id
    LEFT JOIN stages s ON s.invitation_id = c.invitation_id
    LEFT JOIN attempts a ON a.invitation_id = c.invitation_id
    WHERE r.sheet_id = ?1 AND r.row BETWEEN ?2 AND ?3
    ORDER BY r.row, a.id";

/// The columns of [`LINES`].
mod at {
    pub(super) const ROW: usize = 0;
    pub(super) const CELLS: usize = 1;
    pub(super) const PROBLEMS: usize = 2;
    pub(super) const DUPLICATE_OF: usize = 3;
    pub(super) const STATUS: usize = 4;
    pub(super) const ATTEMPT: usize = 5;
    pub(super) const EVENT: usize = 6;
    pub(super) const CODE: usize = 7;
    pub(super) const MESSAGE: usize = 8;
    pub(super) const TOKEN: usize = 9;
    pub(super) const OPENED_MS: usize = 10;
    pub(super) const CLOSED_MS: usize = 11;
    pub(super) const STAGE: usize = 12;
    pub(super) const STAGE_AT_MS: usize = 13;
    pub(super) const SIGNED: usize = 14;
}

const HISTORY: &str = "
    SELECT coalesce(a.run_id, 0), a.opened_ms, a.closed_ms, coalesce(a.event, 'on_its_way'),
           iif(a.is_decision, p.os_user, a.code), a.message
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN attempts a ON a.invitation_id = c.invitation_id
    CROSS JOIN processes p ON p.id = a.process_id
    WHERE r.sheet_id = ?1 AND r.row = ?2 ORDER BY a.id";

impl Reader {
    /// The source's own headers.
    pub fn columns(&self, run: RunId) -> Result<Vec<String>, Error> {
        self.look(|conn| columns(conn, sheet_of(conn, run)?))
    }

    /// Gives every row of a run with one of these statuses (none named: all rows) to `sink`, in the sheet's order.
    pub fn results(
        &self,
        run: RunId,
        only: &[Status],
        sender_alive: bool,
        sink: &mut dyn FnMut(&ResultRow) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.look(|conn| {
            let sheet = sheet_of(conn, run)?;
            let width = columns(conn, sheet)?.len();
            let mut statement = conn.prepare_cached(LINES)?;
            let mut lines = statement.query((sheet, 0, u32::MAX))?;
            each_row(&mut lines, width, sender_alive, &mut |result, _| {
                if only.is_empty() || only.contains(&result.status) {
                    sink(&result)?;
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
    ) -> Result<Option<RowHistory>, Error> {
        self.look(|conn| {
            let sheet = sheet_of(conn, run)?;
            let width = columns(conn, sheet)?.len();
            let mut statement = conn.prepare_cached(LINES)?;
            let mut lines = statement.query((sheet, row.0, row.0))?;
            let mut history = None;
            each_row(
                &mut lines,
                width,
                sender_alive,
                &mut |result, duplicate_of| {
                    history = Some(RowHistory {
                        result,
                        duplicate_of,
                        attempts: attempts(conn, sheet, row)?,
                    });
                    Ok(())
                },
            )?;
            Ok(history)
        })
    }
}

fn columns(conn: &Connection, sheet: i64) -> Outcome<Vec<String>> {
    let columns = "SELECT columns FROM sheets WHERE id = ?1";
    let Json(columns) = conn.query_row(columns, [sheet], |row| row.get(0))?;
    Ok(columns)
}

fn attempts(conn: &Connection, sheet: i64, row: RowNumber) -> Outcome<Vec<AttemptRecord>> {
    conn.all(HISTORY, (sheet, row.0), |row| {
        Ok(AttemptRecord {
            run: RunId(row.get(0)?),
            sent_at: Timestamp(row.get(1)?),
            answered_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
            event: row.get(3)?,
            code: row.get(4)?,
            message: row.get(5)?,
        })
    })
}

type RowSink<'s> = &'s mut dyn FnMut(ResultRow, Option<RowNumber>) -> Outcome<()>;

/// Folds the lines of one row into one result.
fn each_row(
    lines: &mut Rows<'_>,
    width: usize,
    sender_alive: bool,
    sink: RowSink<'_>,
) -> Outcome<()> {
    let mut present: Option<Fold> = None;
    while let Some(line) = lines.next()? {
        let row = RowNumber(line.get(at::ROW)?);
        if present.as_ref().is_none_or(|fold| fold.result.row != row) {
            if let Some(fold) = present.take() {
                fold.finish(sender_alive, sink)?;
            }
            present = Some(Fold::begin(row, line, width)?);
        }
        if let Some(fold) = &mut present {
            fold.add_attempt(line)?;
        }
    }
    match present {
        Some(fold) => fold.finish(sender_alive, sink),
        None => Ok(()),
    }
}

/// A row whose attempts are being read.
struct Fold {
    result: ResultRow,
    duplicate_of: Option<RowNumber>,
    is_on_its_way: bool,
    /// What the team's register said of it last.
    elsewhere: Option<String>,
    /// Whether Vlens itself answered that it was created.
    is_answered: bool,
}

impl Fold {
    fn begin(row: RowNumber, line: &Row<'_>, width: usize) -> Outcome<Fold> {
        let duplicate_of: Option<u32> = line.get(at::DUPLICATE_OF)?;
        let problems: Option<Json<Vec<ToldProblem>>> = line.get(at::PROBLEMS)?;
        let (mut error_code, mut error, mut told) = (None, None, Vec::new());
        let status = if let Some(of) = duplicate_of {
            error = Some(format!("The same invitation stands in row {of}."));
            Status::Duplicate
        } else if let Some(Json(problems)) = problems {
            (error_code, error) = in_words(&problems);
            told = problems;
            Status::Invalid
        } else {
            line.get(at::STATUS)?
        };
        let result = ResultRow {
            row,
            cells: cells(line, width)?,
            status,
            token: None,
            error_code,
            error,
            problems: told,
            attempts: 0,
            sent_at: None,
            stage: stage(line)?,
        };
        Ok(Fold {
            result,
            duplicate_of: duplicate_of.map(RowNumber),
            is_on_its_way: false,
            elsewhere: None,
            is_answered: false,
        })
    }

    fn add_attempt(&mut self, line: &Row<'_>) -> Outcome<()> {
        if line.get::<_, Option<i64>>(at::ATTEMPT)?.is_none() {
            return Ok(());
        }
        let event: Option<Event> = line.get(at::EVENT)?;
        if event == Some(Event::Elsewhere) {
            self.elsewhere = line.get(at::MESSAGE)?;
        } else if event == Some(Event::AssumedSent) {
            self.result.error_code = line.get(at::CODE)?;
            self.result.error = line.get(at::MESSAGE)?;
        }
        if event.is_some_and(Event::is_decision) {
            return Ok(());
        }
        self.elsewhere = None;
        self.result.attempts += 1;
        self.result.sent_at = Some(Timestamp(line.get(at::OPENED_MS)?));
        self.is_on_its_way = line.get::<_, Option<i64>>(at::CLOSED_MS)?.is_none();
        if event == Some(Event::Created) {
            self.is_answered = true;
            self.result.token = line.get::<_, Option<String>>(at::TOKEN)?.map(Secret::new);
        } else {
            self.result.error_code = line.get(at::CODE)?;
            self.result.error = line.get(at::MESSAGE)?;
        }
        Ok(())
    }

    fn finish(mut self, sender_alive: bool, sink: RowSink<'_>) -> Outcome<()> {
        let result = &mut self.result;
        if result.status == Status::Pending && self.is_on_its_way && !sender_alive {
            result.status = Status::Uncertain;
            result.error_code = Some("interrupted".to_owned());
            result.error = None;
        }
        if matches!(result.status, Status::Created | Status::Pending) {
            (result.error_code, result.error) = (None, None);
        }
        if result.status == Status::Created && !self.is_answered {
            result.error_code = Some("without_token".to_owned());
            result.error = Some(WITHOUT_TOKEN.to_owned());
        }
        if let Some(words) = self.elsewhere
            && result.status != Status::Pending
        {
            result.error_code = Some("elsewhere".to_owned());
            result.error = Some(words);
        }
        if result.status != Status::Created {
            result.token = None;
        }
        sink(self.result, self.duplicate_of)
    }
}

const WITHOUT_TOKEN: &str = "A person settled this row as created: Vlens' answer, with the customer's link, was lost, and nothing gives one back.";

fn stage(line: &Row<'_>) -> Outcome<Option<Stage>> {
    let Some(name) = line.get(at::STAGE)? else {
        return Ok(None);
    };
    Ok(Some(Stage {
        name,
        at: line.get::<_, Option<i64>>(at::STAGE_AT_MS)?.map(Timestamp),
        is_signed: line.get(at::SIGNED)?,
    }))
}

/// The source's own cells, as many as there are columns; empty ones once they are purged.
fn cells(line: &Row<'_>, width: usize) -> Outcome<Vec<Cell>> {
    let cells: Option<Json<Vec<Cell>>> = line.get(at::CELLS)?;
    let mut cells = cells.map_or_else(Vec::new, |Json(cells)| cells);
    cells.resize(width, Cell::Empty);
    Ok(cells)
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

/// What SQLite says of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is wrong, in SQLite's words; empty when all is well.
    pub faults: Vec<String>,
    /// Size of the file and its log.
    pub bytes: u64,
}

impl Reader {
    /// What a report needs to know of a run.
    pub fn statistics(&self, run: RunId) -> Result<RunStatistics, Error> {
        self.look(|conn| {
            let sheet = sheet_of(conn, run)?;
            Ok(RunStatistics {
                latencies_ms: latencies(conn, run)?,
                minutes: minutes(conn, run)?,
                answers: answers(conn, run)?,
                problems: problems(conn, sheet)?,
                stages: stages_by_day(conn, sheet)?,
            })
        })
    }

    /// Reads the whole file and checks it.
    pub fn health(&self) -> Result<Health, Error> {
        let faults = self.look(|conn| {
            let mut lines: Vec<String> =
                conn.all("PRAGMA integrity_check", (), |row| row.get(0))?;
            lines.retain(|line| line != "ok");
            Ok(lines)
        })?;
        let size = |suffix| {
            std::fs::metadata(place::beside(self.path(), suffix))
                .map_or(0, |metadata| metadata.len())
        };
        Ok(Health {
            faults,
            bytes: size("") + size("-wal"),
        })
    }
}

/// The requests for invitations of a run.
const REQUESTS: &str = "FROM attempts a
    WHERE a.run_id = ?1 AND a.invitation_id IS NOT NULL
      AND a.is_decision IS NOT TRUE";

const ANSWERS: &str = "
    SELECT a.event, coalesce(a.code, ''), coalesce(max(a.message), ''), count(*)
    FROM attempts a WHERE a.run_id = ?1 AND a.invitation_id IS NOT NULL
      AND a.event <> 'created' AND a.is_decision IS NOT TRUE
    GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2";

const PROBLEMS: &str = "
    SELECT json_extract(problem.value, '$.column'), json_extract(problem.value, '$.code'), count(*)
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN json_each(c.problems) problem
    WHERE r.sheet_id = ?1 AND c.problems IS NOT NULL
    GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1";

fn latencies(conn: &Connection, run: RunId) -> Outcome<Vec<(u64, u64)>> {
    let sql = format!(
        "SELECT max(a.closed_ms - a.opened_ms, 0) AS ms, count(*) {REQUESTS}
         AND a.closed_ms IS NOT NULL AND coalesce(a.code, '') <> 'interrupted' GROUP BY ms ORDER BY ms"
    );
    conn.all(&sql, [run.0], |row| {
        Ok((count_at(row, 0)?, count_at(row, 1)?))
    })
}

fn minutes(conn: &Connection, run: RunId) -> Outcome<Vec<MinuteCount>> {
    let sql = format!(
        "SELECT second / 60 * 60000 AS minute, sum(n), max(n)
         FROM (SELECT a.opened_ms / 1000 AS second, count(*) AS n {REQUESTS} GROUP BY second)
         GROUP BY minute ORDER BY minute"
    );
    conn.all(&sql, [run.0], |row| {
        Ok(MinuteCount {
            at: Timestamp(row.get(0)?),
            requests: count_at(row, 1)?,
            busiest_second: count_at(row, 2)?,
        })
    })
}

fn answers(conn: &Connection, run: RunId) -> Outcome<Vec<CodeCount>> {
    conn.all(ANSWERS, [run.0], |row| {
        Ok(CodeCount {
            event: row.get(0)?,
            code: row.get(1)?,
            message: row.get(2)?,
            count: count_at(row, 3)?,
        })
    })
}

fn problems(conn: &Connection, sheet: i64) -> Outcome<Vec<ProblemCount>> {
    conn.all(PROBLEMS, [sheet], |row| {
        Ok(ProblemCount {
            column: row.get(0)?,
            code: row.get(1)?,
            count: count_at(row, 2)?,
        })
    })
}
