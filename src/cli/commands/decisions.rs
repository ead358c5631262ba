//! What a person decides: `settle` says what became of uncertain rows, `purge` forgets finished ones. Both send nothing.

use super::world::{Opened, lock};
use crate::cli::args::{Global, PurgeArgs, SettleArgs, SettledAs};
use crate::cli::output::Output;
use crate::cli::system::{SystemClock, user_name};
use crate::error::{Ended, Error};
use crate::ledger::{Ledger, Work};
use crate::model::{RowNumber, Timestamp};
use crate::report::rows;
use crate::send::Clock;

pub fn settle(args: &SettleArgs, global: &Global, output: Output) -> Ended {
    let opened = Opened::find(global, false)?;
    let run = opened.run(args.run)?;
    let _lock = lock(&opened.path)?;
    let mut ledger = Ledger::open_existing(&opened.path)?;
    let now = SystemClock::default().moment();
    ledger.recover(&now)?;
    ledger.begin_process(Work::Deciding(run), "settle", &user_name(), &now)?;
    let named: Vec<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let named = (!args.all).then_some(named.as_slice());
    let is_created = args.what == SettledAs::Created;
    let report = ledger.settle(run, named, is_created, &now)?;
    let settled = report.settled;
    if let Some(row) = report.not_uncertain.first() {
        let message = format!("Row {row} of run {run} is not uncertain; rows settled: {settled}.");
        let hint = format!("`vlens-batch status {run} --row {row}` shows how it stands.");
        return Err(Error::usage("row_not_uncertain", message).hint(hint));
    }
    let (word, text, next) = if is_created {
        ("created", "created", "")
    } else {
        let next = " They are due again: `vlens-batch resume` sends them.";
        ("not-created", "not created", next)
    };
    if output.json {
        output.print_json(&serde_json::json!({ "run": run, "settled": settled, "as": word }))?;
    } else {
        let told = format!("Run {run}: {} settled as {text}.{next}", rows(settled));
        output.print(|out| writeln!(out, "{told}"))?;
    }
    Ok(None)
}

pub fn purge(args: &PurgeArgs, global: &Global, output: Output) -> Ended {
    // Read only to say that there is none; held open, it would keep the log from being cut.
    let Opened { path, reader, .. } = Opened::find(global, false)?;
    drop(reader);
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let cutoff = Timestamp(SystemClock::default().wall().0.saturating_sub(age_ms));
    let _lock = lock(&path)?;
    let question = format!(
        "Delete the personal data and tokens of rows finished before {cutoff} from {}? This cannot be undone.",
        path.display()
    );
    if !args.yes && output.can_ask() && !is_confirmed(question) {
        let message = "Nothing was deleted: the answer was no.";
        return Err(Error::stopped("not_confirmed", message));
    }
    let report = Ledger::open_existing(&path)?.purge_older_than(cutoff)?;
    if output.json {
        output.print_json(&serde_json::json!({
            "older_than": cutoff,
            "rows": report.rows,
            "tokens": report.tokens,
            "kept": report.kept,
        }))?;
        return Ok(None);
    }
    let kept = match report.kept {
        0 => String::new(),
        kept => format!(" Kept, since nobody has settled them yet: {}.", rows(kept)),
    };
    let (purged, tokens) = (rows(report.rows), report.tokens);
    output.print(|out| {
        writeln!(
            out,
            "Purged what was finished before {cutoff}: {purged}, session tokens: {tokens}.{kept} Counts stay, and nobody is invited twice."
        )
    })?;
    Ok(None)
}

/// Asks the person who sits there; Enter is no.
pub fn is_confirmed(question: String) -> bool {
    let mut prompt = cliclack::confirm(question).initial_value(false);
    prompt.interact().unwrap_or(false)
}
