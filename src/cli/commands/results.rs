//! What the ledger holds, shown: `status`, `runs`, `export`, `report`, `backup`. None of them blocks a run in progress or makes a ledger.

use std::io::{BufWriter, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::block_in_place;

use super::check::{may_be_replaced, written_now};
use super::world::{Opened, ended_as};
use crate::cli::args::{ExportArgs, LangArg, ReportArgs, SendArgs, StatusArgs};
use crate::cli::files::{Readers, refuse_output, write_file, write_first};
use crate::cli::settings::Settings;
use crate::cli::system::now;
use crate::error::{Ended, Error};
use crate::ledger::Reader;
use crate::model::{ResultRow, RowNumber, RunId, RunSummary, Status};
use crate::report::{ExportOptions, Format, PEOPLE, ReportData, sink, texts, write_html};

pub fn status(args: &StatusArgs, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    let run = opened.run(args.run);
    let run = run.or_else(|error| opened.memory.clone().and(Err(error)))?;
    if let Some(row) = args.row {
        let history = opened
            .reader
            .history(run, RowNumber(row), opened.is_held())?;
        let history = history.ok_or_else(|| {
            Error::unusable("row_not_found", format!("Run {run} has no row {row}."))
        })?;
        let result = &history.result;
        let document = json!({
            "row": result.row,
            "status": result.status,
            "duplicate_of": history.duplicate_of,
            "error_code": result.error_code,
            "error": result.error,
            "attempts": result.attempts,
            "sent_at": result.sent_at,
            "history": history.attempts,
        });
        return settings.output.show(&document, |look| {
            let attempts = history.attempts.iter();
            let took = attempts.map(|it| Some(it.answered_at?.ms_since(it.sent_at).max(0)));
            let took: Vec<Option<i64>> = took.collect();
            look.text(texts::HISTORY, json!({ "row": document, "took": took }))
        });
    }
    let summary = opened.summary(run)?;
    opened.show(&summary)?;
    // As a run on it would end.
    opened.memory?;
    ended_as(&summary).map_or(Ok(None), Err)
}

/// More lines than these are for scripts.
const SHOWN_RUNS: u32 = 1000;

pub fn runs(settings: &Settings) -> Ended {
    let output = settings.output;
    let opened = Opened::find(settings, false)?;
    let at_most = if output.json { u32::MAX } else { SHOWN_RUNS };
    let runs = opened.reader.runs(opened.is_held(), now(), at_most)?;
    let runs: Vec<RunSummary> = runs.into_iter().map(|run| opened.told(run)).collect();
    // Runs are numbered from 1 without a gap.
    let older = runs.last().map_or(0, |oldest| oldest.run.0 - 1);
    output.show(&runs, |look| {
        let all = settings.command("runs --json");
        look.text(
            texts::RUNS,
            json!({ "runs": runs, "older": older, "all": all }),
        )
    })
}

pub fn export(args: &ExportArgs, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    let run = opened.run(args.run)?;
    if args.output == Path::new("-") {
        return settings
            .output
            .print_file(|out| write_results(args, &opened, run, None, out).map(drop));
    }
    settings.refuse_output(&args.output, Path::new(&opened.further(run)?.file))?;
    let mut rows = 0;
    write_file(&args.output, Readers::Owner, |file| {
        rows = write_results(args, &opened, run, None, BufWriter::new(file))?;
        Ok(())
    })?;
    let path = &args.output;
    let document = serde_json::json!({ "run": run, "output": path, "rows": rows });
    let told = format!("Results of run {run} are in {}.", path.display());
    settings.output.show_file(&document, &told)
}

/// Gives the number of rows written.
fn write_results(
    args: &ExportArgs,
    opened: &Opened<'_>,
    run: RunId,
    written_at: Option<u64>,
    out: impl Write + Send,
) -> Result<u64, Error> {
    let columns = opened.reader.columns(run)?;
    let options = ExportOptions {
        link: opened.settings.config.result.link.as_ref(),
        without_tokens: args.without_tokens,
        language: args.lang.or_of(&columns),
        written_at,
    };
    let by_name = || args.output.extension()?.to_str()?.parse().ok();
    let format = args.format.or_else(by_name).unwrap_or(Format::Csv);
    let mut sink = sink(format, &columns, options, out)?;
    let mut rows = 0;
    let mut write = |row: &ResultRow| {
        if args.not_signed && row.stage.as_ref().is_some_and(|stage| stage.is_signed) {
            return Ok(());
        }
        rows += 1;
        sink.row(row)
    };
    let only = if args.not_signed {
        &[Status::Created]
    } else {
        args.only.as_slice()
    };
    let is_held = opened.is_held();
    opened.reader.results(run, only, is_held, &mut write)?;
    sink.finish()?;
    Ok(rows)
}

/// Results are written this often while a run goes on.
const WRITE_EVERY: Duration = Duration::from_secs(30);

/// The results of a file that is run, as a workbook for the people of its sheet, written beside it more than once.
pub struct Rewritten {
    /// In one folder; the first that nobody has open or made his own is taken, and from then on before others.
    places: Vec<PathBuf>,
    ledger: PathBuf,
    settings: Arc<Settings>,
    lang: LangArg,
    /// The newest run before.
    before: Option<RunId>,
}

impl Rewritten {
    pub fn new(
        places: Vec<PathBuf>,
        ledger: PathBuf,
        settings: Arc<Settings>,
        lang: LangArg,
    ) -> Result<Self, Error> {
        let before = Reader::open(&ledger)?.map(|reader| reader.newest_run());
        Ok(Rewritten {
            places,
            settings,
            lang,
            before: before.transpose()?.flatten(),
            ledger,
        })
    }

    /// Writes them every now and then until the run is over.
    pub async fn write_until(mut self, mut over: oneshot::Receiver<()>) -> Self {
        while tokio::time::timeout(WRITE_EVERY, &mut over).await.is_err() {
            // The last time counts; what is in the way now may be gone by then.
            if let Err(error) = block_in_place(|| self.write_newest()) {
                tracing::warn!("{error}");
            }
        }
        self
    }

    /// Those of the run that has begun since, if one has: nobody else can begin one.
    fn write_newest(&mut self) -> Result<(), Error> {
        let reader = Reader::open(&self.ledger)?;
        let newest = reader.map_or(Ok(None), |reader| reader.newest_run())?;
        match newest.filter(|_| newest > self.before) {
            Some(run) => self.write(run).map(drop),
            None => Ok(()),
        }
    }

    pub fn write(&mut self, run: RunId) -> Result<PathBuf, Error> {
        let opened = Opened::at(&self.settings, self.ledger.clone())?;
        let args = ExportArgs {
            lang: self.lang,
            format: Some(Format::Xlsx),
            ..ExportArgs::default()
        };
        let places = self.places.iter().filter(|place| may_be_replaced(place));
        let places: Vec<PathBuf> = places.cloned().collect();
        let place = write_first(&places, Readers::Folder, |file| {
            written_now(file, |second| {
                write_results(&args, &opened, run, Some(second), BufWriter::new(file)).map(drop)
            })
        })?;
        self.places.insert(0, place.clone());
        Ok(place)
    }
}

pub fn backup(file: &Path, settings: &Settings) -> Ended {
    refuse_output(file)?;
    let opened = Opened::find(settings, false)?;
    let copied = opened.reader.backup(file, now())?;
    let document = serde_json::json!({
        "ledger": opened.path,
        "output": file,
        "sheets": copied.sheets,
        "attempts": copied.attempts,
        "bytes": copied.bytes,
    });
    let (from, to) = (opened.path.display(), file.display());
    let told = format!("A copy of the ledger {from} is in {to}.");
    settings.output.show_file(&document, &told)?;
    // What was lost is not in the copy either.
    opened.memory.map(|()| None)
}

pub fn report(args: &ReportArgs, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    let run = opened.run(args.run)?;
    let data = report_data(&opened, run)?;
    let language = args.lang.or_of(&opened.reader.columns(run)?);
    if args.output == Path::new("-") {
        return settings
            .output
            .print_file(|out| write_html(out, &data, language));
    }
    let path = &args.output;
    settings.refuse_output(path, Path::new(&data.further.file))?;
    write_file(path, Readers::Owner, |mut file| {
        write_html(&mut file, &data, language)
    })?;
    let counts = data.summary.counts;
    let document = serde_json::json!({ "run": run, "output": path, "counts": counts });
    let told = format!("The report on run {run} is in {}.", path.display());
    settings.output.show_file(&document, &told)
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
    let (reader, is_held, now) = (&opened.reader, opened.is_held(), now());
    // The limits as they are set now; those of the run itself may have been others.
    let limits = opened.settings.sending(&SendArgs::default()).limits;
    let mut people = Vec::new();
    reader.results(run, &NEEDING, is_held, &mut |row| {
        if people.len() < PEOPLE {
            people.push(row.clone());
        }
        Ok(())
    })?;
    Ok(ReportData {
        people,
        zone: jiff::tz::TimeZone::system(),
        further: opened.further(run)?,
        summary: opened.summary(run)?,
        made_at: now,
        per_second: limits.per_second.map(NonZeroU32::get),
        per_minute: limits.per_minute.map(NonZeroU32::get),
        statistics: reader.statistics(run)?,
        runs: reader.runs(is_held, now, REPORTED_RUNS)?,
    })
}
