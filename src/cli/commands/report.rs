//! `report`: one self-contained HTML page about a run.

use std::num::NonZeroU32;
use std::path::Path;

use super::{deliver, ledgers};
use crate::cli::args::{Global, Lang, ReportArgs, SendArgs};
use crate::cli::clock::SystemClock;
use crate::cli::files::{self, Readers};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::ledger::{Lock, Reader};
use crate::model::RunId;
use crate::report::{Language, ReportData, write_html};
use crate::send::Clock;

/// Runs the command.
pub fn report(args: &ReportArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let path = place.ledger(false);
    let reader = ledgers::reader(&path)?;
    let newest = reader.newest_run()?;
    let run = ledgers::run_or_newest(args.run, newest, &path)?;
    let data = gather(&reader, run, &path, &place)?;
    let language = match args.lang {
        Lang::En => Language::English,
        Lang::Ar => Language::Arabic,
    };
    if args.output == Path::new("-") {
        output.print_file(|out| write_html(out, &data, language))?;
        return Ok(None);
    }
    files::replace(&args.output, Readers::Owner, |mut file| {
        write_html(&mut file, &data, language)
    })?;
    if output.json {
        output.print_json(&serde_json::json!({ "run": run, "output": args.output }))?;
    } else {
        output.say(&format!(
            "The report on run {run} is in {}.",
            args.output.display()
        ));
    }
    Ok(None)
}

/// A report shows the last few runs of the ledger, and no more than these.
const REPORTED_RUNS: u32 = 16;

fn gather(reader: &Reader, run: RunId, path: &Path, place: &Place) -> Result<ReportData, Error> {
    let clock = SystemClock::new();
    let sender_alive = Lock::is_held(path);
    // The limits as they are set now; those of the run itself may have been others.
    let limits = place.sending(&SendArgs::default()).limits;
    Ok(ReportData {
        summary: deliver::summary_of(reader, run, path, sender_alive, &clock)?,
        made_at: clock.wall(),
        per_second: limits.per_second.map(NonZeroU32::get),
        per_minute: limits.per_minute.map(NonZeroU32::get),
        statistics: reader.statistics(run)?,
        runs: reader.runs(sender_alive, clock.wall(), REPORTED_RUNS)?,
    })
}
