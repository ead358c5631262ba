//! What a person decides: `settle` says what became of uncertain rows, `purge` forgets finished ones. Both send nothing.

use std::collections::BTreeSet;

use super::register;
use super::world::{Opened, open_ledger};
use crate::cli::args::{PurgeArgs, SettleArgs, SettledAs};
use crate::cli::settings::Settings;
use crate::cli::system::{SystemClock, now};
use crate::error::{Ended, Error};
use crate::ledger::PurgeReport;
use crate::model::{RowNumber, RunId, Status, Timestamp, printable};
use crate::report::{command, rows as counted};
use crate::send::{Clock, StopSignal};

pub async fn settle(args: &SettleArgs, settings: &Settings) -> Ended {
    let output = settings.output;
    let opened = Opened::find(settings, false)?;
    opened.memory.clone()?;
    let run = opened.run(args.run)?;
    let sending = opened.further(run)?.sending;
    let (status, text, next) = match args.what {
        SettledAs::Created => (Status::Created, "created", String::new()),
        SettledAs::NotCreated => {
            let resume = command(&format!("resume {run}"), &sending);
            let next = format!(" They are due again: `{resume}` sends them.");
            (Status::Pending, "not created", next)
        }
    };
    let never = StopSignal::default();
    let wait = args.wait.then_some(&never);
    let mut ledger = open_ledger(&opened.path, settings, "settle", wait, None)?;
    ledger.decide_on(run)?;
    let rows: BTreeSet<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let told = ("row_not_uncertain", "not uncertain; nothing was settled");
    let fits = |status| status == Status::Uncertain;
    refuse_unfit_rows(&opened, run, &rows, fits, told)?;
    let named = (!args.all).then_some(&rows);
    if !opened.is_rehearsal() {
        register::settle(settings, &mut ledger, run, named, status).await?;
    }
    let is_created = status == Status::Created;
    let now = SystemClock.moment();
    let settled = ledger.settle(run, named, is_created, &now)?;
    ledger.finish()?;
    if is_created && settled > 0 {
        let retry = command(&format!("retry {run} --row N --uncertain"), &sending);
        output.say(&format!(
            "A row settled as created leaves its customer without a link: that was in the lost answer, and nothing gives it back. \
             While it is uncertain, `{retry}` sends it once more for a new link instead, though the customer may be invited a second time."
        ));
    }
    let word = text.replace(' ', "-");
    let document = serde_json::json!({ "run": run, "settled": settled, "as": word });
    let settled = counted(settled);
    output.show(&document, |_| {
        format!("Run {run}: {settled} settled as {text}.{next}")
    })
}

/// Named rows are dealt with all or none, and each that cannot be is named. `why` goes on behind "Row 2 is".
pub fn refuse_unfit_rows<'r>(
    opened: &Opened<'_>,
    run: RunId,
    rows: impl IntoIterator<Item = &'r RowNumber>,
    fits: impl Fn(Status) -> bool,
    (code, why): (&'static str, &str),
) -> Result<(), Error> {
    let mut others = Vec::new();
    for &row in rows {
        let history = opened.reader.history(run, row, false)?;
        if history.is_none_or(|history| !fits(history.result.status)) {
            others.push(row.to_string());
        }
    }
    let rows = match others.as_slice() {
        [] => return Ok(()),
        [row] => format!("Row {row} of run {run} is"),
        _ => format!("Rows {} of run {run} are", others.join(", ")),
    };
    let status = format!("status {run} --row {}", others[0]);
    let status = command(&status, &opened.further(run)?.reading);
    let hint = format!("`{status}` shows how it stands.");
    Err(Error::usage(code, format!("{rows} {why}.")).hint(hint))
}

pub fn purge(args: &PurgeArgs, settings: &Settings) -> Ended {
    let output = settings.output;
    // Read only to say that there is none; held open, it would keep the log from being cut.
    let path = Opened::find(settings, false)?.path;
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let cutoff = Timestamp(now().0.saturating_sub(age_ms));
    let question = format!(
        "Delete the personal data and tokens of rows finished before {cutoff} from {}? This cannot be undone.",
        path.display()
    );
    if !args.yes && output.can_ask() && !is_confirmed(&question) {
        let message = "Nothing was deleted: the answer was no.";
        return Err(Error::stopped("not_confirmed", message));
    }
    let never = StopSignal::default();
    let wait = args.wait.then_some(&never);
    let mut ledger = open_ledger(&path, settings, "purge", wait, None)?;
    let report = ledger.purge_older_than(cutoff)?;
    ledger.finish()?;
    let PurgeReport { rows, tokens, kept } = report;
    let document = serde_json::json!({
        "older_than": cutoff,
        "rows": rows,
        "tokens": tokens,
        "kept": kept,
    });
    let held = match kept {
        0 => String::new(),
        kept => format!(
            " Kept, since nobody has settled them yet: {}.",
            counted(kept)
        ),
    };
    output.show(&document, |_| {
        format!(
            "Purged what was finished before {cutoff}: {}, session tokens: {tokens}.{held} Counts stay, and nobody is invited twice.",
            counted(rows)
        )
    })
}

/// Asks the person who sits there; Enter is no.
pub fn is_confirmed(question: &str) -> bool {
    let mut prompt = cliclack::confirm(printable(question)).initial_value(false);
    prompt.interact().unwrap_or(false)
}
