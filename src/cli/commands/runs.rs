//! `runs`: all runs of the ledger, newest first.

use super::ledgers;
use crate::cli::args::Global;
use crate::cli::clock::SystemClock;
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::Ended;
use crate::ledger::Lock;
use crate::report::write_runs;
use crate::send::Clock;

/// More lines than these are for scripts.
const SHOWN: u32 = 1000;

/// Runs the command.
pub fn runs(global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let path = place.ledger(false);
    let reader = ledgers::reader(&path)?;
    let is_held = Lock::is_held(&path);
    let at_most = if output.json { u32::MAX } else { SHOWN };
    let mut runs = reader.runs(is_held, SystemClock::new().wall(), at_most)?;
    for record in &mut runs {
        record.summary.ledger = path.display().to_string();
    }
    if output.json {
        output.print_json(&runs)?;
    } else {
        // Runs are numbered from 1 without a gap.
        let older = runs.last().map_or(0, |record| record.summary.run.0 - 1);
        output.print(|out| {
            write_runs(out, &runs, output.look())?;
            if older > 0 {
                writeln!(
                    out,
                    "Not shown: {older} older; `vlens-batch runs --json` lists all."
                )?;
            }
            Ok(())
        })?;
    }
    Ok(None)
}
