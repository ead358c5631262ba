//! `purge`: deletes personal data and tokens of finished rows from the ledger.

use super::ledgers;
use crate::cli::args::{Global, PurgeArgs};
use crate::cli::clock::SystemClock;
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::ledger::{Ledger, PurgeReport};
use crate::model::Timestamp;
use crate::send::Clock;

/// Runs the command.
pub fn purge(args: &PurgeArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let path = place.ledger(false);
    // Only to say that there is none; held open, it would keep the log from being cut.
    drop(ledgers::reader(&path)?);
    let age_ms = i64::try_from(args.older_than.0.as_millis()).unwrap_or(i64::MAX);
    let cutoff = Timestamp(SystemClock::new().wall().0.saturating_sub(age_ms));
    let _lock = ledgers::lock(&path)?;
    if !args.yes && output.can_ask() && !is_confirmed(cutoff, &path) {
        return Err(Error::stopped(
            "not_confirmed",
            "Nothing was deleted: the answer was no.",
        ));
    }
    let mut ledger = Ledger::open_existing(&path)?;
    let report = ledger.purge_older_than(cutoff)?;
    if output.json {
        output.print_json(&serde_json::json!({
            "older_than": cutoff,
            "rows": report.rows,
            "tokens": report.tokens,
            "kept": report.kept,
        }))?;
    } else {
        output.print(|out| writeln!(out, "{}", told(&report, cutoff)))?;
    }
    Ok(None)
}

fn is_confirmed(cutoff: Timestamp, path: &std::path::Path) -> bool {
    let question = format!(
        "Delete the personal data and tokens of rows finished before {cutoff} from {}? This cannot be undone.",
        path.display()
    );
    cliclack::confirm(question)
        .initial_value(false)
        .interact()
        .unwrap_or(false)
}

fn told(report: &PurgeReport, cutoff: Timestamp) -> String {
    let kept = match report.kept {
        0 => String::new(),
        kept => format!(
            " Kept, since nobody has settled them yet: {}.",
            crate::report::rows(kept)
        ),
    };
    format!(
        "Purged what was finished before {cutoff}: {}, session tokens: {}.{kept} Counts stay, and nobody is invited twice.",
        crate::report::rows(report.rows),
        report.tokens
    )
}
