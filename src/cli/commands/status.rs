//! `status`: where a run stands. Never blocks a run in progress, and makes no ledger.

use super::{deliver, ledgers, target};
use crate::cli::args::{Global, StatusArgs};
use crate::cli::clock::SystemClock;
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::ledger::Lock;
use crate::model::{RowNumber, RunRecord};
use crate::report::{history_json, write_history, write_status};

/// Runs the command.
pub fn status(args: &StatusArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let path = place.ledger(false);
    let reader = ledgers::reader(&path)?;
    let newest = reader.newest_run()?;
    let run = ledgers::run_or_newest(args.run, newest, &path)?;
    let look = output.look();
    if let Some(row) = args.row {
        let history = reader
            .history(run, RowNumber(row), Lock::is_held(&path))?
            .ok_or_else(|| {
                Error::unusable("row_not_found", format!("Run {run} has no row {row}."))
            })?;
        if output.json {
            output.print_json(&history_json(&history))?;
        } else {
            output.print(|out| write_history(out, &history, look))?;
        }
        return Ok(None);
    }
    let is_held = Lock::is_held(&path);
    let summary = deliver::summary_of(&reader, run, &path, is_held, &SystemClock::new())?;
    let ended = deliver::ended_as(&summary);
    if output.json {
        output.print_json(&summary)?;
    } else {
        let record = RunRecord {
            in_progress: is_held && summary.finished_at.is_none(),
            summary,
        };
        let is_sandbox = record.summary.base_url == target::SANDBOX_NAME;
        let further = ledgers::further(global, &place, &path, is_sandbox);
        output.print(|out| write_status(out, &record, &further, look))?;
    }
    Ok(ended)
}
