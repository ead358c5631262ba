//! What became of rows, streamed, and one row's whole history; where runs stand, in no time at any size, from the tallies; what a report
//! plots of them; how far invitations have come since; and whether the file is sound.

use std::collections::BTreeSet;

use super::memory::Lock;
use super::open::Ledger;
use super::place;
use super::reader::Reader;
use super::sql::{Event, InvitationId, Json, keyed_hash};
use super::status::CHANGED;
use crate::error::Result;
use crate::model::{
    AttemptRecord, Cell, Fault, Problem, ResultRow, RowNumber, RunId, RunSummary, Secret, Stage,
    Status, Timestamp, Why,
};

/// One of `rows.sql`.
type Line = (
    Json<ResultRow>,
    Option<Json<Vec<Cell>>>,
    Option<Json<Vec<Problem>>>,
    bool,
    Json<Vec<ToldAttempt>>,
);

/// An attempt as a [`Line`] tells it.
#[derive(serde::Deserialize)]
struct ToldAttempt {
    #[serde(flatten)]
    record: AttemptRecord,
    token: Option<String>,
}

impl Reader {
    /// The source's own headers.
    pub fn columns(&self, run: RunId) -> Result<Vec<String>> {
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
        sink: &mut dyn FnMut(ResultRow) -> Result<()>,
    ) -> Result<()> {
        let all = (RowNumber(0), RowNumber(u32::MAX));
        self.each_row(run, all, |row| {
            if only.is_empty() || only.contains(&row.status) {
                sink(row)?;
            }
            Ok(())
        })
    }

    /// What a run's results are marked with: no other ledger has made them, nor this one before it lost its memory.
    pub fn mark(&self, run: RunId) -> Result<Option<String>> {
        let begun: Option<i64> = self
            .db
            .value("SELECT started_ms FROM runs WHERE id = ?1", [run])?;
        Ok(begun.map(|ms| {
            let run_and_time = [&run.0.to_le_bytes()[..], &ms.to_le_bytes()];
            let hash = u64::from_le_bytes(keyed_hash(&self.salt, b"results", &run_and_time));
            format!("{run}-{hash:016x}")
        }))
    }

    /// The run of which results that are marked so tell, if it is here.
    pub fn run_of(&self, mark: &str) -> Result<Option<RunId>> {
        let run = mark.split_once('-').and_then(|(run, _)| run.parse().ok());
        let Some(run) = run.map(RunId) else {
            return Ok(None);
        };
        let is_ours = self.mark(run)?.as_deref() == Some(mark);
        Ok(is_ours.then_some(run))
    }

    /// Runs, each with its source, over sheets that another command than `inbox` was at last, and of which nothing was purged.
    pub fn gone_on_with(&self) -> Result<Vec<(RunId, String)>> {
        const GONE_ON_WITH: &str = "
            SELECT u.id, u.source FROM (
                SELECT r.sheet_id, p.command, max(p.id) FROM processes p CROSS JOIN runs r ON r.id = p.run_id GROUP BY 1) last
            CROSS JOIN runs u ON u.sheet_id = last.sheet_id CROSS JOIN sheets s ON s.id = u.sheet_id
            WHERE last.command <> 'inbox' AND s.identity <> x''";
        self.db.all(GONE_ON_WITH, ())
    }

    /// `None` when the sheet has no such row.
    pub fn result(&self, run: RunId, row: RowNumber) -> Result<Option<ResultRow>> {
        let mut result = None;
        self.each_row(run, (row, row), |row| {
            result = Some(row);
            Ok(())
        })?;
        Ok(result)
    }

    fn each_row(
        &self,
        run: RunId,
        (first, last): (RowNumber, RowNumber),
        mut sink: impl FnMut(ResultRow) -> Result<()>,
    ) -> Result<()> {
        // Where no process holds the lock, requests on their way are so no more.
        let (width, is_held) = (self.columns(run)?.len(), Lock::is_held(self.path()));
        let visit = |line| sink(result(line, width, is_held));
        let params = (run, first, last);
        self.db.each(include_str!("rows.sql"), params, visit)
    }

    pub fn newest_run(&self) -> Result<Option<RunId>> {
        let newest = "SELECT id FROM runs ORDER BY id DESC LIMIT 1";
        self.db.value(newest, ())
    }

    pub fn summary(&self, run: RunId, now: Timestamp) -> Result<RunSummary> {
        let summary = self.summaries((run, run), now, 1)?.pop();
        summary.ok_or_else(|| self.db.damaged("a run is missing"))
    }

    /// The newest runs, newest first.
    pub fn runs(&self, now: Timestamp, at_most: u32) -> Result<Vec<RunSummary>> {
        self.summaries((RunId(1), RunId(i64::MAX)), now, at_most)
    }

    fn summaries(
        &self,
        (first, last): (RunId, RunId),
        now: Timestamp,
        at_most: u32,
    ) -> Result<Vec<RunSummary>> {
        let ledger = self.path().display().to_string();
        let is_held = Lock::is_held(self.path());
        let params = (is_held, now, first, last, at_most, ledger);
        let runs = self.db.values(include_str!("runs.sql"), params)?;
        Ok(runs.into_iter().map(|Json(run)| run).collect())
    }

    /// Of whom the reminder list is, by runs, newest first.
    pub fn not_signed(&self) -> Result<Vec<(RunId, Option<BTreeSet<RowNumber>>)>> {
        let runs = self.db.all(include_str!("not_signed.sql"), ())?.into_iter();
        Ok(runs.map(|(run, Json(rows))| (run, Some(rows))).collect())
    }

    /// How a run's file was named and read.
    pub fn typed(&self, run: RunId) -> Result<Option<String>> {
        let typed = "SELECT typed FROM runs WHERE id = ?1";
        Ok(self.db.value(typed, [run])?.flatten())
    }

    /// The first rows of a run that ask for a created invitation with other content.
    pub fn changed_rows(&self, run: RunId, at_most: u32) -> Result<Vec<RowNumber>> {
        let first = format!("SELECT w.row FROM {CHANGED} ORDER BY w.row LIMIT ?2");
        self.db.values(&first, (run, at_most))
    }

    /// Whether what a rejected row of a run asks for is not purged.
    pub fn could_retry(&self, run: RunId) -> Result<bool> {
        const COULD: &str = "
            SELECT true FROM tallies t CROSS JOIN standings w ON w.sheet_id = t.sheet_id AND w.status = t.status
            CROSS JOIN contents c ON c.id = w.content_id
            WHERE t.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND t.status = 'rejected' AND t.n > 0 AND c.body IS NOT NULL LIMIT 1";
        Ok(self.db.value(COULD, [run])?.unwrap_or(false))
    }

    /// What a report plots, as `statistics.sql` names it: sums only, no personal data.
    pub fn statistics(&self, run: RunId) -> Result<serde_json::Value> {
        let statistics = self.db.value(include_str!("statistics.sql"), [run])?;
        let Json(statistics) = statistics.ok_or_else(|| self.db.damaged("a run is missing"))?;
        Ok(statistics)
    }

    /// Reads the whole file and checks it: what is wrong first, in SQLite's words; and how long file and log are.
    pub fn health(&self) -> Result<(Option<String>, u64)> {
        let check =
            "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
        let bytes = ["", "-wal"].map(|suffix| place::size(&place::beside(self.path(), suffix)));
        Ok((self.db.value(check, ())?, bytes.iter().sum()))
    }

    /// The bodies of all created invitations that are not purged, with when they left last, oldest first.
    pub fn created_bodies(
        &self,
        mut visit: impl FnMut(InvitationId, &str, Option<Timestamp>),
    ) -> Result<()> {
        const CREATED: &str = "
            SELECT i.id, c.body, (SELECT ms FROM made WHERE made.id = i.id)
            FROM invitations i CROSS JOIN contents c ON c.id = i.created_as WHERE c.body IS NOT NULL ORDER BY i.id";
        let visit = |(id, body, invited): (_, String, _)| {
            visit(id, &body, invited);
            Ok(())
        };
        self.db.each(CREATED, (), visit)
    }
}

impl Ledger {
    /// Stores what was told of invitations, and gives how many of them are signed, as far as is known by then.
    pub fn store_stages<'s>(
        &mut self,
        stages: impl IntoIterator<Item = (InvitationId, &'s Stage)>,
        now: Timestamp,
    ) -> Result<u64> {
        // Where both tell when, what came later stays; otherwise what is told now.
        const STORE: &str = "
            INSERT INTO stages (invitation_id, stage, at_ms, signed, told_ms) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET stage = excluded.stage, at_ms = excluded.at_ms, signed = excluded.signed, told_ms = excluded.told_ms
            WHERE coalesce(excluded.at_ms >= stages.at_ms, true)";
        const SIGNED: &str = "SELECT signed FROM stages WHERE invitation_id = ?1";
        self.write(|ledger| {
            let mut signed = 0;
            for (id, stage) in stages {
                let told = (id, &stage.name, stage.at, stage.is_signed, now);
                ledger.db.run(STORE, told)?;
                let is_signed: Option<bool> = ledger.db.value(SIGNED, [id])?;
                signed += u64::from(is_signed.unwrap_or(false));
            }
            Ok(signed)
        })
    }
}

fn result(line: Line, width: usize, is_held: bool) -> ResultRow {
    let (Json(mut result), cells, problems, is_changed, Json(attempts)) = line;
    // As many as there are columns; empty ones once they are purged.
    result.cells = cells.map_or_else(Vec::new, |Json(cells)| cells);
    result.cells.resize(width, Cell::Empty);
    if let Some(of) = result.duplicate_of {
        result.error = Some(Fault::of("stands_before", &[&of]).to_string());
    } else if let Some(Json(problems)) = problems {
        (result.error_code, result.error) = in_words(&problems);
        result.problems = problems;
    } else {
        came_to(&mut result, &attempts, is_held, is_changed);
    }
    result.history = attempts.into_iter().map(|told| told.record).collect();
    result
}

/// What a row's attempts came to, oldest first; `is_changed`: they created its invitation with other content than its own.
fn came_to(result: &mut ResultRow, attempts: &[ToldAttempt], is_held: bool, is_changed: bool) {
    let (mut is_on_its_way, mut is_answered) = (false, false);
    // What was said of it last, and what the team's register said.
    let (mut said, mut elsewhere) = ((None, None), None);
    for ToldAttempt { record, token } in attempts {
        let message = record.message.clone();
        match record.event.parse() {
            Ok(Event::Elsewhere) => elsewhere = message,
            Ok(Event::AssumedSent) => said = (Some("memory_lost".to_owned()), message),
            // What came of an earlier request is not this one's.
            Ok(Event::SettledCreated) => (is_answered, result.token) = (false, None),
            Ok(Event::SettledNotCreated | Event::Retried) => {}
            // A request's.
            Err(_) => {
                elsewhere = None;
                if record.event != <&str>::from(Why::Unreachable) {
                    result.attempts += 1;
                    result.sent_at = Some(record.sent_at);
                }
                is_on_its_way = record.answered_at.is_none();
                if record.event == <&str>::from(Status::Created) {
                    is_answered = true;
                    result.token = token.clone().map(Secret::new);
                } else {
                    said = (record.code.clone(), message);
                }
            }
        }
    }
    if result.status == Status::Pending && is_on_its_way && !is_held {
        result.status = Status::Uncertain;
        said = (Some("interrupted".to_owned()), None);
    }
    (result.error_code, result.error) = match (result.status, elsewhere) {
        (Status::Pending, _) => (None, None),
        (_, Some(words)) => (Some("elsewhere".to_owned()), Some(words)),
        (Status::Created, None) => {
            let lost = (!is_answered).then(|| Fault::of("link_lost", &[]));
            let fault = is_changed
                .then(|| Fault::of("created_otherwise", &[]))
                .or(lost);
            let told = fault.map(|fault| (fault.code().to_owned(), fault.to_string()));
            told.unzip()
        }
        _ => said,
    };
}

/// The first problem's code, and all of them in words.
fn in_words(problems: &[Problem]) -> (Option<String>, Option<String>) {
    let told = problems.iter().filter(|it| !it.message.is_empty());
    let words = told.map(|it| match &it.column {
        Some(column) => format!("{column}: {}", it.message),
        None => it.message.clone(),
    });
    let words = words.collect::<Vec<_>>().join(" ");
    let code = problems.first().map(|problem| problem.code.to_string());
    (code, Some(words).filter(|words| !words.is_empty()))
}
