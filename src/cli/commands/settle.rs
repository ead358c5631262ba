//! `settle`: a person says what became of uncertain rows. Sends nothing.

use super::{deliver, ledgers};
use crate::cli::args::{Global, SettleArgs, SettledAs};
use crate::cli::clock::SystemClock;
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::ledger::{Ledger, Work};
use crate::model::RowNumber;
use crate::send::Clock;

/// Runs the command.
pub fn settle(args: &SettleArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let path = place.ledger(false);
    let newest = ledgers::reader(&path)?.newest_run()?;
    let run = ledgers::run_or_newest(args.run, newest, &path)?;
    let _lock = ledgers::lock(&path)?;
    let mut ledger = Ledger::open_existing(&path)?;
    let now = SystemClock::new().moment();
    ledger.recover(&now)?;
    ledger.begin_process(Work::Deciding(run), "settle", &deliver::whoami(), &now)?;
    let rows: Option<Vec<RowNumber>> =
        (!args.all).then(|| args.row.iter().copied().map(RowNumber).collect());
    let created = args.what == SettledAs::Created;
    let report = ledger.settle(run, rows.as_deref(), created, &now)?;
    if let Some(row) = report.not_uncertain.first() {
        return Err(Error::usage(
            "row_not_uncertain",
            format!(
                "Row {row} of run {run} is not uncertain; rows settled: {}.",
                report.settled
            ),
        )
        .hint(format!(
            "`vlens-batch status {run} --row {row}` shows how it stands."
        )));
    }
    if output.json {
        output.print_json(&serde_json::json!({ "run": run, "settled": report.settled, "as": if created { "created" } else { "not-created" } }))?;
    } else {
        let next = if created {
            ""
        } else {
            " They are due again: `vlens-batch resume` sends them."
        };
        output.print(|out| {
            writeln!(
                out,
                "Run {run}: {} settled as {}.{next}",
                crate::report::rows(report.settled),
                if created { "created" } else { "not created" }
            )
        })?;
    }
    Ok(None)
}
