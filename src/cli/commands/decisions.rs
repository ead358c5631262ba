//! What a person decides on rows of a ledger: what became of them (`settle`), and that they are forgotten (`purge`). Nothing is sent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ledger::{Opened, is_rehearsal, open_ledger};
use super::register;
use crate::cli::args::{PurgeArgs, SettleArgs, SettledAs};
use crate::cli::settings::Settings;
use crate::clock;
use crate::error::{Ended, Error, Result};
use crate::ledger::Event;
use crate::model::{ResultRow, RowNumber, RunId, Status, Timestamp, printable};
use crate::report::texts;
use crate::send::StopSignal;

pub async fn settle(args: &SettleArgs, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    opened.memory.clone()?;
    let run = opened.run(args.run)?;
    let further = opened.further(run)?;
    let wait = args.wait.then(StopSignal::default);
    let mut ledger = open_ledger(&opened.path, settings, "settle", wait.as_ref(), None)?;
    let rows: BTreeSet<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let fits = |row: &ResultRow| row.status == Status::Uncertain;
    let refuse_unfit = || refuse_unfit_rows(&opened, run, &rows, fits, "row_not_uncertain");
    refuse_unfit()?;
    let named = (!args.all).then_some(&rows);
    let (event, status, word) = match args.what {
        SettledAs::Created => (Event::SettledCreated, Status::Created, "created"),
        SettledAs::NotCreated => (Event::SettledNotCreated, Status::Pending, "not-created"),
    };
    if !is_rehearsal(&opened.reader) {
        register::settle(settings, &mut ledger, run, named, status, refuse_unfit).await?;
    }
    let settled = ledger.settle(run, event, named, &clock::moment())?;
    ledger.finish(None)?;
    if status == Status::Created && settled > 0 {
        settings.output.say(
            "A row settled as created leaves its customer without a link: that was in the lost answer, and nothing gives it back."
        );
    }
    let document = json!({ "run": run, "settled": settled, "as": word });
    let resume = format!("resume {run}");
    let resume = (settled > 0 && status == Status::Pending).then(|| further.sending(&resume));
    let more = json!({ "word": word, "resume": resume });
    settings.output.show(&document, texts::SETTLED, more)
}

/// Named rows are dealt with all or none, and each that cannot be is named in this `error`.
pub fn refuse_unfit_rows(
    opened: &Opened<'_>,
    run: RunId,
    rows: &BTreeSet<RowNumber>,
    fits: impl Fn(&ResultRow) -> bool,
    error: &'static str,
) -> Result<()> {
    let mut others = Vec::new();
    for &row in rows {
        let result = opened.reader.result(run, row)?;
        if !result.is_some_and(|result| fits(&result)) {
            others.push(row.to_string());
        }
    }
    let rows = match others.as_slice() {
        [] => return Ok(()),
        [row] => format!("Row {row} of run {run} is"),
        _ => format!("Rows {} of run {run} are", others.join(", ")),
    };
    let status = format!("status {run} --row {}", others[0]);
    let status = opened.further(run)?.reading(&status);
    Err(Error::of(error, &[&rows, &status]))
}

pub fn purge(args: &PurgeArgs, settings: &Settings) -> Ended {
    let output = settings.output;
    // Read only to say that there is none; held open, it would keep the log from being cut.
    let path = Opened::find(settings, false)?.path;
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let cutoff = Timestamp(clock::now().0.saturating_sub(age_ms));
    let question = format!(
        "Delete the personal data and tokens of rows finished before {cutoff} from {}? This cannot be undone.",
        path.display()
    );
    if !args.yes && output.can_ask() && !is_confirmed(&question) {
        return Err(Error::of(
            "interrupted.questions",
            &[&"Nothing was deleted"],
        ));
    }
    let wait = args.wait.then(StopSignal::default);
    let mut ledger = open_ledger(&path, settings, "purge", wait.as_ref(), None)?;
    let (rows, tokens, kept) = ledger.purge_older_than(cutoff)?;
    ledger.finish(None)?;
    let document = json!({ "older_than": cutoff, "rows": rows, "tokens": tokens, "kept": kept });
    output.show(&document, texts::PURGED, Value::Null)
}

/// Asks the person who sits there; Enter is no.
pub fn is_confirmed(question: &str) -> bool {
    let mut prompt = cliclack::confirm(printable(question)).initial_value(false);
    prompt.interact().unwrap_or(false)
}
