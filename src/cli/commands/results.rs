//! What the ledger holds, shown: `status`, `runs`, `export`, `report`. None of them blocks a run in progress or makes a ledger.

use std::io::{BufWriter, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::world::{Opened, changed_rows, ended_as, reader, summary, told};
use crate::cli::args::{ExportArgs, Global, LangArg, ReportArgs, SendArgs, StatusArgs};
use crate::cli::files::{Readers, is_in_use, write_file, write_first};
use crate::cli::output::Output;
use crate::cli::settings::Settings;
use crate::cli::system::SystemClock;
use crate::error::{Ended, Error};
use crate::ledger::Reader;
use crate::model::{ResultRow, RowNumber, RunId, RunSummary, Status};
use crate::report::{
    ExportOptions, Format, Language, LinkTemplate, PEOPLE, ReportData, history_json, sink,
    write_history, write_html, write_runs, write_summary,
};
use crate::send::Clock;

pub fn status(args: &StatusArgs, global: &Global, output: Output) -> Ended {
    let opened = Opened::find(global, false)?;
    let run = opened.run(args.run);
    let run = run.or_else(|error| opened.memory.clone().and(Err(error)))?;
    if let Some(row) = args.row {
        return row_status(&opened, run, RowNumber(row), output);
    }
    let is_held = opened.is_held();
    let now = SystemClock::default().wall();
    let summary = summary(&opened.reader, run, &opened.path, is_held, now)?;
    let ended = ended_as(&summary);
    let further = opened.further(run)?;
    let changed = changed_rows(&opened.reader, &summary)?;
    output.show(&summary, |out| {
        write_summary(out, &summary, &changed, &further, output.look())
    })?;
    // As a run on it would end.
    opened.memory?;
    ended.map_or(Ok(None), Err)
}

fn row_status(opened: &Opened, run: RunId, row: RowNumber, output: Output) -> Ended {
    let history = opened.reader.history(run, row, opened.is_held())?;
    let history = history
        .ok_or_else(|| Error::unusable("row_not_found", format!("Run {run} has no row {row}.")))?;
    output.show(&history_json(&history), |out| {
        write_history(out, &history, output.look())
    })?;
    Ok(None)
}

/// More lines than these are for scripts.
const SHOWN_RUNS: u32 = 1000;

pub fn runs(global: &Global, output: Output) -> Ended {
    let opened = Opened::find(global, false)?;
    let at_most = if output.json { u32::MAX } else { SHOWN_RUNS };
    let now = SystemClock::default().wall();
    let runs = opened.reader.runs(opened.is_held(), now, at_most)?;
    let runs: Vec<RunSummary> = runs
        .into_iter()
        .map(|run| told(run, &opened.path))
        .collect();
    // Runs are numbered from 1 without a gap.
    let older = runs.last().map_or(0, |oldest| oldest.run.0 - 1);
    output.show(&runs, |out| {
        write_runs(out, &runs, output.look())?;
        if older == 0 {
            return Ok(());
        }
        let all = opened.settings.command("runs --json");
        writeln!(out, "Not shown: {older} older; `{all}` lists all.")
    })?;
    Ok(None)
}

pub fn export(args: &ExportArgs, global: &Global, output: Output) -> Ended {
    let opened = Opened::find(global, false)?;
    let run = opened.run(args.run)?;
    let link = opened.settings.config.result.link.as_deref();
    let link = link.map(LinkTemplate::parse).transpose()?;
    if args.output == Path::new("-") {
        output.print_file(|out| write_results(args, &opened, run, link.as_ref(), out).map(drop))?;
        return Ok(None);
    }
    let mut rows = 0;
    write_file(&args.output, Readers::Owner, |file| {
        rows = write_results(args, &opened, run, link.as_ref(), BufWriter::new(file))?;
        Ok(())
    })?;
    let path = &args.output;
    let document = serde_json::json!({ "run": run, "output": path, "rows": rows });
    let told = format!("Results of run {run} are in {}.", path.display());
    output.show_file(&document, &told)?;
    Ok(None)
}

/// The results of a run as a workbook for the people of its sheet.
fn write_workbook(
    opened: &Opened,
    run: RunId,
    lang: LangArg,
    out: impl Write + Send,
) -> Result<(), Error> {
    let args = ExportArgs {
        lang,
        run: Some(run.0),
        format: Some(Format::Xlsx),
        ..ExportArgs::default()
    };
    let link = opened.settings.config.result.link.as_deref();
    let link = link.map(LinkTemplate::parse).transpose()?;
    write_results(&args, opened, run, link.as_ref(), out).map(drop)
}

/// Results are written this often while a run goes on.
const WRITE_EVERY: Duration = Duration::from_secs(30);

/// The results of a file that is run, written beside it more than once.
#[derive(Clone)]
pub struct Rewritten {
    /// In one folder; the first that nobody has open is taken.
    pub places: Vec<PathBuf>,
    /// Where they are by now.
    place: Option<PathBuf>,
    ledger: PathBuf,
    global: Global,
    lang: LangArg,
    file: PathBuf,
    /// The newest run before.
    before: Option<RunId>,
}

/// Ends when the sender does.
type Writing = (Sender<()>, JoinHandle<Option<PathBuf>>);

impl Rewritten {
    pub fn new(
        file: &Path,
        places: Vec<PathBuf>,
        ledger: PathBuf,
        global: Global,
        lang: LangArg,
    ) -> Result<Self, Error> {
        let before = Reader::open(&ledger)?.map(|reader| reader.newest_run());
        Ok(Rewritten {
            places,
            place: None,
            global,
            lang,
            file: file.to_owned(),
            before: before.transpose()?.flatten(),
            ledger,
        })
    }

    /// Writes them every now and then, on a thread of its own, until it is told to stop.
    pub fn write_while(&self) -> Writing {
        let (stop, stopped) = mpsc::channel();
        let mut results = self.clone();
        let writing = std::thread::spawn(move || {
            while stopped.recv_timeout(WRITE_EVERY) == Err(RecvTimeoutError::Timeout) {
                // The last time counts; what is in the way now may be gone by then.
                if let Err(error) = results.write_newest() {
                    tracing::warn!("{error}");
                }
            }
            results.place
        });
        (stop, writing)
    }

    pub fn take_over(&mut self, (stop, writing): Writing) {
        drop(stop);
        self.place = writing.join().ok().flatten();
    }

    fn opened(&self) -> Result<Opened, Error> {
        let settings = Settings::find(&self.global, Some(&self.file))?;
        Ok(Opened {
            reader: reader(&self.ledger, &settings)?,
            path: self.ledger.clone(),
            settings,
            memory: Ok(()),
        })
    }

    /// Those of the run that has begun since, if one has: nobody else can begin one.
    fn write_newest(&mut self) -> Result<(), Error> {
        let newest = self.opened()?.reader.newest_run()?;
        match newest.filter(|_| newest > self.before) {
            Some(run) => self.write(run).map(drop),
            None => Ok(()),
        }
    }

    pub fn write(&mut self, run: RunId) -> Result<PathBuf, Error> {
        let opened = self.opened()?;
        let places = self.place.iter().chain(&self.places);
        let places: Vec<PathBuf> = places.filter(|place| !is_in_use(place)).cloned().collect();
        let place = write_first(&places, Readers::Folder, |file| {
            write_workbook(&opened, run, self.lang, BufWriter::new(file))
        })?;
        self.place = Some(place.clone());
        Ok(place)
    }
}

/// Gives the number of rows written.
fn write_results(
    args: &ExportArgs,
    opened: &Opened,
    run: RunId,
    link: Option<&LinkTemplate>,
    out: impl Write + Send,
) -> Result<u64, Error> {
    let columns = opened.reader.columns(run)?;
    let options = ExportOptions {
        link,
        without_tokens: args.without_tokens,
        right_to_left: Language::of(&columns) == Language::Arabic,
        language: args.lang.or_of(&columns),
    };
    let by_name = || {
        let extension = args.output.extension()?.to_str()?;
        extension.parse().ok()
    };
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

pub fn backup(file: &Path, global: &Global, output: Output) -> Ended {
    let opened = Opened::find(global, false)?;
    let copied = opened.reader.backup(file, SystemClock::default().wall())?;
    let document = serde_json::json!({
        "ledger": opened.path,
        "output": file,
        "sheets": copied.sheets,
        "attempts": copied.attempts,
        "bytes": copied.bytes,
    });
    let (from, to) = (opened.path.display(), file.display());
    output.show_file(
        &document,
        &format!("A copy of the ledger {from} is in {to}."),
    )?;
    // What was lost is not in the copy either.
    opened.memory?;
    Ok(None)
}

pub fn report(args: &ReportArgs, global: &Global, output: Output) -> Ended {
    let opened = Opened::find(global, false)?;
    let run = opened.run(args.run)?;
    let data = report_data(&opened, run)?;
    let language = args.lang.or_of(&opened.reader.columns(run)?);
    if args.output == Path::new("-") {
        output.print_file(|out| write_html(out, &data, language))?;
        return Ok(None);
    }
    let path = &args.output;
    write_file(path, Readers::Owner, |mut file| {
        write_html(&mut file, &data, language)
    })?;
    let counts = data.summary.counts;
    let document = serde_json::json!({ "run": run, "output": path, "counts": counts });
    let told = format!("The report on run {run} is in {}.", path.display());
    output.show_file(&document, &told)?;
    Ok(None)
}

/// A report shows the last few runs of the ledger, and no more than these.
const REPORTED_RUNS: u32 = 16;

fn report_data(opened: &Opened, run: RunId) -> Result<ReportData, Error> {
    let now = SystemClock::default().wall();
    let is_held = opened.is_held();
    let reader = &opened.reader;
    // The limits as they are set now; those of the run itself may have been others.
    let limits = opened.settings.sending(&SendArgs::default()).limits;
    let needing = [
        Status::Invalid,
        Status::Rejected,
        Status::Failed,
        Status::Uncertain,
    ];
    let mut people = Vec::new();
    reader.results(run, &needing, is_held, &mut |row| {
        if people.len() < PEOPLE {
            people.push(row.clone());
        }
        Ok(())
    })?;
    Ok(ReportData {
        people,
        zone: jiff::tz::TimeZone::system(),
        further: opened.further(run)?,
        summary: summary(reader, run, &opened.path, is_held, now)?,
        made_at: now,
        per_second: limits.per_second.map(NonZeroU32::get),
        per_minute: limits.per_minute.map(NonZeroU32::get),
        statistics: reader.statistics(run)?,
        runs: reader.runs(is_held, now, REPORTED_RUNS)?,
    })
}
