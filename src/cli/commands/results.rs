//! Results of runs: `export`, `report`, and the workbook that `inbox` puts beside a sheet.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use serde_json::{Value, json};

use super::ledger::{Opened, is_rehearsal};
use crate::cli::args::{ExportArgs, LangArg, SendArgs};
use crate::cli::files::{
    RESULTS, Readers, is_untouched, mark_of, may_be_replaced, refuse_ending, write_file,
    write_first,
};
use crate::cli::settings::Settings;
use crate::clock;
use crate::error::{Ended, Error, Result};
use crate::ledger::Reader;
use crate::mapping::value::Proofs;
use crate::model::{Cell, RowNumber, RunId, Status};
use crate::report::{Export, ExportFormat, PEOPLE, ReportData, is_added, write_html};

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
    let all = runs.iter().map(|(run, _)| *run);
    put(&opened, all.chain([run]), path, &told, |out| {
        let rows = write_results(args, &opened, &runs, format, out)?;
        Ok(json!({ "run": run, "output": path.to_string_lossy(), "rows": rows }))
    })
}

/// A report shows the last few runs of the ledger, and no more than these.
const REPORTED_RUNS: u32 = 16;

pub fn report(run: Option<RunId>, path: &Path, lang: LangArg, settings: &Settings) -> Ended {
    use Status::{Failed, Invalid, Rejected, Uncertain};
    refuse_ending(path, &["html", "htm"])?;
    let opened = Opened::find(settings, false)?;
    let run = opened.run(run)?;
    // As they are set now; those of the run itself may have been others.
    let limits = settings.sending(&SendArgs::default()).limits;
    let (reader, now, mut people) = (&opened.reader, clock::now(), Vec::new());
    reader.results(run, &[Invalid, Rejected, Failed, Uncertain], &mut |row| {
        if people.len() < PEOPLE {
            people.push(row);
        }
        Ok(())
    })?;
    let data = ReportData {
        people,
        further: opened.further(run)?,
        summary: opened.summary(run)?,
        made_at: now.local(&jiff::tz::TimeZone::system()),
        per_second: limits.per_second,
        per_minute: limits.per_minute,
        statistics: reader.statistics(run)?,
        runs: reader.runs(now, REPORTED_RUNS)?,
    };
    let language = lang.or_of(&opened.reader.columns(run)?);
    let told = format!("The report on run {run} is in {}.", path.display());
    put(&opened, [run], path, &told, |out| {
        write_html(out, &data, language)?;
        Ok(json!({ "run": run, "output": path.to_string_lossy(), "counts": data.summary.counts }))
    })
}

/// Puts a result of these runs where the command line says: on standard output, or into a file, of which is told then.
fn put(
    opened: &Opened<'_>,
    runs: impl IntoIterator<Item = RunId>,
    path: &Path,
    told: &str,
    write: impl FnOnce(&mut dyn Write) -> Result<Value>,
) -> Ended {
    let settings = opened.settings;
    if path == Path::new("-") {
        return settings.output.print_file(|out| write(out).map(drop));
    }
    for run in runs {
        settings.refuse_output(path, Path::new(&opened.further(run)?.file))?;
    }
    // There may be corrections in it. One that is not ours is for whoever names it.
    if is_untouched(path) == Some(false) {
        return Err(Error::of("output_changed", &[&path.display()]));
    }
    let write = |file: &File| write(&mut BufWriter::new(file));
    let document = write_file(path, Readers::Owner, write)?;
    settings.output.show_file(&document, told)
}

/// What is asked for, else what OUTPUT's name says.
fn format_of(args: &ExportArgs) -> Result<ExportFormat> {
    let by_name = || args.output.extension()?.to_str()?.parse().ok();
    let format = args.format.or_else(by_name).unwrap_or(ExportFormat::Csv);
    let known: &[&str] = match (args.format, format) {
        (None, _) => &["csv", "xlsx", "jsonl"],
        (_, ExportFormat::Jsonl) => &["jsonl", "json"],
        (_, format) => &[format.into()],
    };
    refuse_ending(&args.output, known)?;
    if format == ExportFormat::Xlsx && args.output == Path::new("-") && io::stdout().is_terminal() {
        return Err(Error::of("workbook_to_terminal", &[]));
    }
    Ok(format)
}

/// Writes what became of these runs' rows, of all or of those that are named, below the columns of all. Gives the number of rows.
fn write_results(
    args: &ExportArgs,
    opened: &Opened<'_>,
    runs: &[(RunId, Option<BTreeSet<RowNumber>>)],
    format: ExportFormat,
    out: impl Write,
) -> Result<u64> {
    let (mut columns, mut places) = (IndexSet::new(), Vec::new());
    for (run, _) in runs {
        places.push(join(&mut columns, opened.reader.columns(*run)?));
    }
    let columns: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
    let mark = match runs.first() {
        _ if is_rehearsal(&opened.reader) => Some(REHEARSED.to_owned()),
        Some((run, _)) => opened.reader.mark(*run)?,
        None => None,
    };
    let export = Export {
        mark: mark.as_deref().unwrap_or_default(),
        columns: &columns,
        link: opened.settings.config.result.link.as_ref(),
        without_tokens: args.without_tokens,
        language: args.lang.or_of(&columns),
    };
    let mut written = 0;
    let only = if args.not_signed {
        &[Status::Created]
    } else {
        args.only.as_slice()
    };
    export.write(format, out, &mut |take| {
        let mut runs = runs.iter().zip(&places);
        runs.try_for_each(|((run, rows), places)| {
            let proofs = proofs(opened, *run, &args.only)?;
            opened.reader.results(*run, only, &mut |mut row| {
                let is_meant = rows.as_ref().is_none_or(|rows| rows.contains(&row.row));
                let is_signed = row.stage.as_ref().is_some_and(|stage| stage.is_signed);
                if !is_meant || args.not_signed && is_signed {
                    return Ok(());
                }
                written += 1;
                for (cell, proofs) in row.cells.iter_mut().zip(&proofs) {
                    if format != ExportFormat::Jsonl && proofs.is_misread(cell) {
                        *cell = cell.refused();
                    }
                }
                let cells = std::mem::replace(&mut row.cells, vec![Cell::Empty; columns.len()]);
                for (cell, place) in cells.into_iter().zip(places) {
                    if let Some(place) = place {
                        row.cells[*place] = cell;
                    }
                }
                take(&row)
            })
        })
    })?;
    Ok(written)
}

/// What the cells of each column prove, where rows are left out that may tell how others are meant, and the rest is run again.
fn proofs(opened: &Opened<'_>, run: RunId, only: &[Status]) -> Result<Vec<Proofs>> {
    let mut proofs: Vec<Proofs> = Vec::new();
    if !only.is_empty() {
        opened.reader.results(run, &[], &mut |row| {
            proofs.resize_with(proofs.len().max(row.cells.len()), Proofs::default);
            for (proofs, cell) in proofs.iter_mut().zip(&row.cells) {
                proofs.see(cell, only.contains(&row.status));
            }
            Ok(())
        })?;
    }
    Ok(proofs)
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

/// What results are marked with that nobody was invited for.
const REHEARSED: &str = "rehearsal";

/// Whether a workbook holds results of another ledger, or of what this one has lost: the only links, perhaps, that there are.
pub fn is_of_another(book: &Path, reader: Option<&Reader>) -> Result<bool> {
    match (mark_of(book), reader) {
        (None, _) => Ok(false),
        (Some(mark), _) if mark == REHEARSED => Ok(false),
        (Some(mark), Some(reader)) => Ok(reader.run_of(&mark)?.is_none()),
        (Some(_), None) => Ok(true),
    }
}

/// The results of a file that is run, as a workbook for the people of its sheet, written beside it more than once.
pub struct Results {
    /// In one folder; the first that nobody has open or made his own, no other ledger's either, is taken, and from then on before others.
    pub places: Vec<PathBuf>,
    pub lang: LangArg,
}

impl Results {
    /// Leaves those of the sheets that this run's has replaced, by the number of their run, unless this one holds all whom they invited.
    pub fn keep_replaced(&self, opened: &Opened<'_>, run: RunId) -> Result<()> {
        for place in self.places.iter().filter(|place| may_be_replaced(place)) {
            let mark = mark_of(place).unwrap_or_default();
            let name = place.file_name().unwrap_or_default().to_string_lossy();
            if let (Some(earlier), Some((stem, ending))) =
                (opened.reader.run_of(&mark)?, name.rsplit_once(RESULTS))
            {
                let kept = place.with_file_name(format!("{stem}run-{earlier}.{RESULTS}{ending}"));
                if opened.reader.replaces(run, earlier)? && may_be_replaced(&kept) {
                    // Somebody may have opened it just now.
                    let _ = std::fs::rename(place, kept);
                }
            }
        }
        Ok(())
    }

    pub fn write(&mut self, opened: &Opened<'_>, run: RunId) -> Result<PathBuf> {
        let args = ExportArgs {
            lang: self.lang,
            ..ExportArgs::default()
        };
        let mut places = self.places.clone();
        places.retain(|place| {
            may_be_replaced(place) && !is_of_another(place, Some(&opened.reader)).unwrap_or(true)
        });
        if let ([], [first, .., last]) = (&*places, &*self.places) {
            return Err(Error::of(
                "results_unplaced",
                &[&first.display(), &last.display()],
            ));
        }
        let (runs, format) = ([(run, None)], ExportFormat::Xlsx);
        let (place, _) = write_first(&places, Readers::Folder, |file| {
            write_results(&args, opened, &runs, format, BufWriter::new(file))
        })?;
        self.places.retain(|other| *other != place);
        self.places.insert(0, place.clone());
        Ok(place)
    }
}
