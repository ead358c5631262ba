//! `retry`: makes rows due again because a person says so, and sends them.

use super::ledgers;
use super::resume::{deliver_opened, open};
use crate::cli::args::{Global, RetryArgs};
use crate::cli::output::Output;
use crate::error::{Ended, Error};
use crate::ledger::{Due, Ledger, Reader, Work};
use crate::model::{RowNumber, RunId, Status};

/// Runs the command.
pub async fn retry(args: &RetryArgs, global: &Global, output: Output) -> Ended {
    let (desk, mut opened) = open(args.run, &args.send, global, output, "retry").await?;
    let rows = rows(args);
    refuse_rows_that_cannot_go_again(&ledgers::reader(&desk.ledger)?, opened.run, &rows)?;
    let now = desk.clock.moment();
    opened.ledger.begin_process(
        Work::Deciding(opened.run),
        "retry",
        &super::deliver::whoami(),
        &now,
    )?;
    make_due(&mut opened.ledger, opened.run, args, rows, &now)?;
    deliver_opened(&desk, opened).await
}

fn rows(args: &RetryArgs) -> Vec<RowNumber> {
    args.row.iter().copied().map(RowNumber).collect()
}

fn make_due(
    ledger: &mut Ledger,
    run: RunId,
    args: &RetryArgs,
    rows: Vec<RowNumber>,
    now: &crate::model::Moment,
) -> Result<(), Error> {
    let kinds = [
        (args.rejected, Status::Rejected),
        (args.failed, Status::Failed),
        (args.uncertain, Status::Uncertain),
    ];
    let statuses: Vec<Status> = kinds
        .into_iter()
        .filter_map(|(wanted, status)| wanted.then_some(status))
        .collect();
    if !statuses.is_empty() {
        let due = Due {
            statuses,
            by_person: true,
            ..Due::default()
        };
        ledger.make_due(run, &due, now)?;
    }
    if !rows.is_empty() {
        let due = Due {
            statuses: vec![Status::Rejected, Status::Failed, Status::Uncertain],
            rows: Some(rows.into_iter().collect()),
            by_person: true,
            ..Due::default()
        };
        ledger.make_due(run, &due, now)?;
    }
    Ok(())
}

/// A created row is not invited a second time by naming it; an invalid one and a duplicate have nothing to send.
fn refuse_rows_that_cannot_go_again(
    reader: &Reader,
    run: RunId,
    rows: &[RowNumber],
) -> Result<(), Error> {
    for &row in rows {
        let history = reader.history(run, row, true)?;
        let Some(history) = history else {
            return Err(Error::usage(
                "row_not_found",
                format!("Run {run} has no row {row}."),
            ));
        };
        let why = match history.result.status {
            Status::Created => "its invitation was created",
            Status::Invalid => "it is invalid: correct it in the file and run that again",
            Status::Duplicate => "it is a duplicate of an earlier row",
            Status::Rejected | Status::Failed | Status::Uncertain | Status::Pending => continue,
        };
        return Err(Error::usage(
            "row_not_retryable",
            format!("Row {row} of run {run} cannot be sent again: {why}."),
        ));
    }
    Ok(())
}
