//! What a report plots, and whether the file is sound: sums only, no personal data.

use rusqlite::Connection;

use super::super::books::count_at;
use super::super::fault::Result;
use super::super::runs::sheet_of;
use super::Reader;
use crate::error::Error;
use crate::model::{CodeCount, MinuteCount, ProblemCount, RunId, RunStatistics, Timestamp};

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
    pub fn statistics(&self, run: RunId) -> std::result::Result<RunStatistics, Error> {
        self.look(|conn| {
            let sheet = sheet_of(conn, run)?;
            Ok(RunStatistics {
                latencies_ms: latencies(conn, run)?,
                minutes: minutes(conn, run)?,
                answers: answers(conn, run)?,
                problems: problems(conn, sheet)?,
            })
        })
    }

    /// Reads the whole file and checks it.
    pub fn health(&self) -> std::result::Result<Health, Error> {
        let faults = self.look(|conn| {
            let mut statement = conn.prepare("PRAGMA integrity_check")?;
            let lines: Vec<String> = statement
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(lines.into_iter().filter(|line| line != "ok").collect())
        })?;
        let size = |suffix| {
            std::fs::metadata(super::place::beside(&self.path, suffix))
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
      AND coalesce(a.event, '') NOT IN ('settled_created', 'settled_not_created', 'retried')";

const ANSWERS: &str = "
    SELECT a.event, coalesce(a.code, ''), coalesce(max(a.message), ''), count(*)
    FROM attempts a WHERE a.run_id = ?1 AND a.invitation_id IS NOT NULL
      AND a.event NOT IN ('created', 'settled_created', 'settled_not_created', 'retried')
    GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2";

const PROBLEMS: &str = "
    SELECT json_extract(problem.value, '$.column'), json_extract(problem.value, '$.code'), count(*)
    FROM rows r, json_each(r.problems) problem
    WHERE r.place BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295 AND r.problems IS NOT NULL
    GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1";

fn latencies(conn: &Connection, run: RunId) -> Result<Vec<(u64, u64)>> {
    let sql = format!(
        "SELECT max(a.closed_ms - a.opened_ms, 0) AS ms, count(*) {REQUESTS}
         AND a.closed_ms IS NOT NULL AND coalesce(a.code, '') <> 'interrupted' GROUP BY ms ORDER BY ms"
    );
    let mut statement = conn.prepare(&sql)?;
    let latencies = statement
        .query_map([run.0], |row| Ok((count_at(row, 0)?, count_at(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(latencies)
}

fn minutes(conn: &Connection, run: RunId) -> Result<Vec<MinuteCount>> {
    let sql = format!(
        "SELECT second / 60 * 60000 AS minute, sum(n), max(n)
         FROM (SELECT a.opened_ms / 1000 AS second, count(*) AS n {REQUESTS} GROUP BY second)
         GROUP BY minute ORDER BY minute"
    );
    let mut statement = conn.prepare(&sql)?;
    let minutes = statement
        .query_map([run.0], |row| {
            Ok(MinuteCount {
                at: Timestamp(row.get(0)?),
                requests: count_at(row, 1)?,
                busiest_second: count_at(row, 2)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(minutes)
}

fn answers(conn: &Connection, run: RunId) -> Result<Vec<CodeCount>> {
    let mut statement = conn.prepare(ANSWERS)?;
    let counts = statement
        .query_map([run.0], |row| {
            Ok(CodeCount {
                event: row.get(0)?,
                code: row.get(1)?,
                message: row.get(2)?,
                count: count_at(row, 3)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(counts)
}

fn problems(conn: &Connection, sheet: i64) -> Result<Vec<ProblemCount>> {
    let mut statement = conn.prepare(PROBLEMS)?;
    let counts = statement
        .query_map([sheet], |row| {
            Ok(ProblemCount {
                column: row.get(0)?,
                code: row.get(1)?,
                count: count_at(row, 2)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(counts)
}
