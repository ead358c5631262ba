//! The commands on a ledger that is there, none of which sends: what it holds is shown (`status`, `runs`, `export`, `report`), copied
//! (`backup`), decided on (`settle`) and forgotten (`purge`). Only the last two wait for a run in progress.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use serde_json::{Value, json};

use super::register;
use super::world::{Opened, ended_as, is_rehearsal, open_ledger};
use crate::cli::args::{
    ExportArgs, LangArg, PurgeArgs, ReportArgs, SendArgs, SettleArgs, SettledAs, StatusArgs,
};
use crate::cli::files::{
    Readers, may_be_replaced, refuse_changed, refuse_ending, refuse_output, write_file,
    write_first, written_now,
};
use crate::cli::settings::Settings;
use crate::clock;
use crate::error::{Ended, Error};
use crate::ledger::Event;
use crate::model::{Cell, RowNumber, RunId, RunSummary, Status, Timestamp, printable};
use crate::report::{
    ExportOptions, Format, PEOPLE, ReportData, is_added, rendered, sink, texts, write_html,
};
use crate::send::StopSignal;

pub fn status(args: &StatusArgs, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    let run = opened.run(args.run);
    let run = run.or_else(|error| opened.memory.clone().and(Err(error)))?;
    if let Some(row) = args.row {
        return history(&opened, run, RowNumber(row));
    }
    let summary = opened.summary(run)?;
    opened.show(&summary)?;
    // As a run on it would end.
    opened.memory?;
    ended_as(&summary).map_or(Ok(None), Err)
}

/// A row's present state and everything that happened to it, oldest first; neither its cells nor its token.
fn history(opened: &Opened<'_>, run: RunId, row: RowNumber) -> Ended {
    let result = opened.reader.result(run, row)?;
    let result = result.ok_or_else(|| Error::of("row_not_found", &[&run, &row]))?;
    let document = json!({
        "row": result.row,
        "status": result.status,
        "duplicate_of": result.duplicate_of,
        "error_code": result.error_code,
        "error": result.error,
        "attempts": result.attempts,
        "sent_at": result.sent_at,
        "history": result.history,
    });
    let attempts = result.history.iter();
    let took = attempts.map(|it| Some(it.answered_at?.ms_since(it.sent_at).max(0)));
    let values = json!({ "row": document, "took": took.collect::<Vec<_>>() });
    let output = opened.settings.output;
    output.show(&document, |look| look.text(texts::HISTORY, &values))
}

/// More lines than these are for scripts.
const SHOWN_RUNS: u32 = 1000;

pub fn runs(settings: &Settings) -> Ended {
    let output = settings.output;
    let opened = Opened::find(settings, false)?;
    let at_most = if output.json { u32::MAX } else { SHOWN_RUNS };
    let runs = opened.reader.runs(clock::now(), at_most)?;
    let runs: Vec<RunSummary> = runs.into_iter().map(|run| opened.told(run)).collect();
    // Runs are numbered from 1 without a gap.
    let older = runs.last().map_or(0, |oldest| oldest.run.0 - 1);
    let all = settings.command("runs --json");
    let values = json!({ "runs": runs, "older": older, "all": all });
    output.show(&runs, |look| look.text(texts::RUNS, &values))
}

pub fn export(args: &ExportArgs, settings: &Settings) -> Ended {
    let (path, format) = (&args.output, format_of(args)?);
    let opened = Opened::find(settings, false)?;
    let run = opened.run(args.run)?;
    let (what, runs) = match args.run {
        None if args.not_signed => (
            "The reminder list is".to_owned(),
            opened.reader.not_signed()?,
        ),
        _ => (format!("Results of run {run} are"), vec![(run, None)]),
    };
    let told = format!("{what} in {}.", path.display());
    put(&opened, run, path, &told, |written_at, out| {
        let options = (format, written_at);
        let rows = write_results(args, &opened, &runs, options, out)?;
        Ok(json!({ "run": run, "output": path.to_string_lossy(), "rows": rows }))
    })
}

pub fn report(args: &ReportArgs, settings: &Settings) -> Ended {
    refuse_ending(&args.output, &["html", "htm"])?;
    let opened = Opened::find(settings, false)?;
    let run = opened.run(args.run)?;
    let data = report_data(&opened, run)?;
    let language = args.lang.or_of(&opened.reader.columns(run)?);
    let path = &args.output;
    let told = format!("The report on run {run} is in {}.", path.display());
    put(&opened, run, path, &told, |_, out| {
        write_html(out, &data, language)?;
        Ok(json!({ "run": run, "output": path.to_string_lossy(), "counts": data.summary.counts }))
    })
}

/// Puts a result where the command line says: on standard output, or into a file, of which is told then.
fn put(
    opened: &Opened<'_>,
    run: RunId,
    path: &Path,
    told: &str,
    write: impl FnOnce(Option<u64>, &mut dyn Write) -> Result<Value, Error>,
) -> Ended {
    let settings = opened.settings;
    if path == Path::new("-") {
        return settings.output.print_file(|out| write(None, out).map(drop));
    }
    settings.refuse_output(path, Path::new(&opened.further(run)?.file))?;
    refuse_changed(path)?;
    let mut document = Value::Null;
    let write = written_now(|second, file| {
        document = write(Some(second), &mut BufWriter::new(file))?;
        Ok(())
    });
    write_file(path, Readers::Owner, write)?;
    settings.output.show_file(&document, told)
}

/// What is asked for, else what OUTPUT's name says.
fn format_of(args: &ExportArgs) -> Result<Format, Error> {
    if args.format.is_none() {
        refuse_ending(&args.output, &["csv", "xlsx", "jsonl"])?;
    }
    let by_name = || args.output.extension()?.to_str()?.parse().ok();
    let format = args.format.or_else(by_name).unwrap_or(Format::Csv);
    if format == Format::Xlsx && args.output == Path::new("-") && io::stdout().is_terminal() {
        return Err(Error::of("workbook_to_terminal", &[]));
    }
    Ok(format)
}

/// Writes what became of these runs' rows, of all or of those that are named, below the columns of all. Gives the number of rows.
fn write_results(
    args: &ExportArgs,
    opened: &Opened<'_>,
    runs: &[(RunId, Option<BTreeSet<RowNumber>>)],
    (format, written_at): (Format, Option<u64>),
    out: impl Write,
) -> Result<u64, Error> {
    let (mut columns, mut places) = (IndexSet::new(), Vec::new());
    for (run, _) in runs {
        places.push(join(&mut columns, opened.reader.columns(*run)?));
    }
    let columns: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
    let options = ExportOptions {
        link: opened.settings.config.result.link.as_ref(),
        without_tokens: args.without_tokens,
        language: args.lang.or_of(&columns),
        written_at,
    };
    let mut sink = sink(format, &columns, options, out)?;
    let mut written = 0;
    let only = if args.not_signed {
        &[Status::Created]
    } else {
        args.only.as_slice()
    };
    for ((run, rows), places) in runs.iter().zip(places) {
        opened.reader.results(*run, only, &mut |mut row| {
            let is_meant = rows.as_ref().is_none_or(|rows| rows.contains(&row.row));
            let is_signed = row.stage.as_ref().is_some_and(|stage| stage.is_signed);
            if !is_meant || args.not_signed && is_signed {
                return Ok(());
            }
            written += 1;
            let cells = std::mem::replace(&mut row.cells, vec![Cell::Empty; columns.len()]);
            for (cell, place) in cells.into_iter().zip(&places) {
                if let Some(place) = place {
                    row.cells[*place] = cell;
                }
            }
            sink.row(&row)
        })?;
    }
    sink.finish()?;
    Ok(written)
}

/// Puts a sheet's columns behind those of others, but for the ones that are there, and gives where each stands. What an earlier export
/// added to the sheet stands nowhere.
fn join(all: &mut IndexSet<(String, u32)>, columns: Vec<String>) -> Vec<Option<usize>> {
    let mut alike: HashMap<String, u32> = HashMap::new();
    let place = |column: String| {
        if is_added(&column) {
            return None;
        }
        let nth = alike.entry(column.clone()).or_default();
        *nth += 1;
        Some(all.insert_full((column, *nth)).0)
    };
    columns.into_iter().map(place).collect()
}

/// What their file is called by, behind the sheet's name.
pub const RESULTS: &str = "results";

/// The results of a file that is run, as a workbook for the people of its sheet, written beside it more than once.
pub struct Results {
    /// In one folder; the first that nobody has open or made his own is taken, and from then on before others.
    pub places: Vec<PathBuf>,
    pub lang: LangArg,
}

impl Results {
    /// Leaves those of the sheet that this run's has replaced, by the number of their run, unless this one holds all whom it invited.
    pub fn keep_replaced(&self, opened: &Opened<'_>, run: RunId) -> Result<(), Error> {
        let place = &self.places[0];
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let earlier = opened.reader.replaced(run)?;
        if let (Some(earlier), Some((stem, ending))) = (earlier, name.rsplit_once(RESULTS)) {
            let kept = place.with_file_name(format!("{stem}run-{earlier}.{RESULTS}{ending}"));
            if may_be_replaced(place) && may_be_replaced(&kept) {
                // There may be none.
                let _ = std::fs::rename(place, kept);
            }
        }
        Ok(())
    }

    pub fn write(&mut self, opened: &Opened<'_>, run: RunId) -> Result<PathBuf, Error> {
        let args = ExportArgs {
            lang: self.lang,
            ..ExportArgs::default()
        };
        let places = self.places.iter().filter(|place| may_be_replaced(place));
        let places: Vec<PathBuf> = places.cloned().collect();
        let write = written_now(|second, file| {
            let options = (Format::Xlsx, Some(second));
            write_results(&args, opened, &[(run, None)], options, BufWriter::new(file)).map(drop)
        });
        let place = write_first(&places, Readers::Folder, write)?;
        self.places.insert(0, place.clone());
        Ok(place)
    }
}

/// A report shows the last few runs of the ledger, and no more than these.
const REPORTED_RUNS: u32 = 16;

/// The statuses of rows that need a person.
const NEEDING: [Status; 4] = [
    Status::Invalid,
    Status::Rejected,
    Status::Failed,
    Status::Uncertain,
];

fn report_data(opened: &Opened<'_>, run: RunId) -> Result<ReportData, Error> {
    let (reader, now) = (&opened.reader, clock::now());
    // As they are set now; those of the run itself may have been others.
    let limits = opened.settings.sending(&SendArgs::default()).limits;
    let mut people = Vec::new();
    reader.results(run, &NEEDING, &mut |row| {
        if people.len() < PEOPLE {
            people.push(row);
        }
        Ok(())
    })?;
    Ok(ReportData {
        people,
        zone: jiff::tz::TimeZone::system(),
        further: opened.further(run)?,
        summary: opened.summary(run)?,
        made_at: now,
        per_second: limits.per_second,
        per_minute: limits.per_minute,
        statistics: reader.statistics(run)?,
        runs: reader.runs(now, REPORTED_RUNS)?,
    })
}

pub fn backup(file: &Path, settings: &Settings) -> Ended {
    refuse_output(file)?;
    let opened = Opened::find(settings, false)?;
    let ((attempts, sheets), bytes) = opened.reader.backup(file, clock::now())?;
    let document = json!({
        "ledger": opened.path.to_string_lossy(),
        "output": file.to_string_lossy(),
        "sheets": sheets,
        "attempts": attempts,
        "bytes": bytes,
    });
    let (from, to) = (opened.path.display(), file.display());
    let told = format!("A copy of the ledger {from} is in {to}.");
    settings.output.show_file(&document, &told)?;
    // What was lost is not in the copy either.
    opened.memory.map(|()| None)
}

pub async fn settle(args: &SettleArgs, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    opened.memory.clone()?;
    let run = opened.run(args.run)?;
    let further = opened.further(run)?;
    let wait = StopSignal::default();
    let wait = args.wait.then_some(&wait);
    let mut ledger = open_ledger(&opened.path, settings, "settle", wait, None)?;
    let rows: BTreeSet<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let fits = |status| status == Status::Uncertain;
    let refuse_unfit = || refuse_unfit_rows(&opened, run, &rows, fits, "row_not_uncertain");
    refuse_unfit()?;
    let named = (!args.all).then_some(&rows);
    let is_created = args.what == SettledAs::Created;
    let (event, status, word) = match args.what {
        SettledAs::Created => (Event::SettledCreated, Status::Created, "created"),
        SettledAs::NotCreated => (Event::SettledNotCreated, Status::Pending, "not-created"),
    };
    if !is_rehearsal(&opened.reader) {
        register::settle(settings, &mut ledger, run, named, status, refuse_unfit).await?;
    }
    let (uncertain, now) = ([Status::Uncertain], clock::moment());
    let settled = ledger.decide(run, event, &uncertain, named, &now)?;
    let settled = settled.len() as u64;
    ledger.finish()?;
    if is_created && settled > 0 {
        settings.output.say(
            "A row settled as created leaves its customer without a link: that was in the lost answer, and nothing gives it back."
        );
    }
    let document = json!({ "run": run, "settled": settled, "as": word });
    let values = json!({ "d": document, "resume": further.resume(run) });
    settings
        .output
        .show(&document, |_| rendered(texts::SETTLED, &values))
}

/// Named rows are dealt with all or none, and each that cannot be is named in this `error`.
pub fn refuse_unfit_rows(
    opened: &Opened<'_>,
    run: RunId,
    rows: &BTreeSet<RowNumber>,
    fits: impl Fn(Status) -> bool,
    error: &'static str,
) -> Result<(), Error> {
    let mut others = Vec::new();
    for &row in rows {
        let result = opened.reader.result(run, row)?;
        if result.is_none_or(|result| !fits(result.status)) {
            others.push(row.to_string());
        }
    }
    let rows = match others.as_slice() {
        [] => return Ok(()),
        [row] => format!("Row {row} of run {run} is"),
        _ => format!("Rows {} of run {run} are", others.join(", ")),
    };
    let status = format!("status {run} --row {}", others[0]);
    let status = opened.further(run)?.reading(&status);
    Err(Error::of(error, &[&rows, &status]))
}

pub fn purge(args: &PurgeArgs, settings: &Settings) -> Ended {
    let output = settings.output;
    // Read only to say that there is none; held open, it would keep the log from being cut.
    let path = Opened::find(settings, false)?.path;
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let cutoff = Timestamp(clock::now().0.saturating_sub(age_ms));
    let question = format!(
        "Delete the personal data and tokens of rows finished before {cutoff} from {}? This cannot be undone.",
        path.display()
    );
    if !args.yes && output.can_ask() && !is_confirmed(&question) {
        return Err(Error::of(
            "interrupted.questions",
            &[&"Nothing was deleted"],
        ));
    }
    let wait = StopSignal::default();
    let wait = args.wait.then_some(&wait);
    let mut ledger = open_ledger(&path, settings, "purge", wait, None)?;
    let purged = ledger.purge_older_than(cutoff)?;
    ledger.finish()?;
    let (rows, tokens, kept) = (purged.rows, purged.tokens, purged.kept);
    let document = json!({ "older_than": cutoff, "rows": rows, "tokens": tokens, "kept": kept });
    output.show(&document, |_| rendered(texts::PURGED, &document))
}

/// Asks the person who sits there; Enter is no.
pub fn is_confirmed(question: &str) -> bool {
    let mut prompt = cliclack::confirm(printable(question)).initial_value(false);
    prompt.interact().unwrap_or(false)
}
