//! What a person decides: `settle` says what became of uncertain rows, `purge` forgets finished ones. Both send nothing.

use super::register;
use super::world::{Opened, lock, worker};
use crate::cli::args::{Global, PurgeArgs, SettleArgs, SettledAs};
use crate::cli::output::Output;
use crate::cli::system::SystemClock;
use crate::error::{Ended, Error};
use crate::ledger::{Ledger, PurgeReport, Reader, Work};
use crate::model::{RowNumber, RunId, Status, Timestamp, printable};
use crate::report::{command, rows as counted};
use crate::send::{Clock, StopSignal};

pub async fn settle(args: &SettleArgs, global: &Global, output: Output) -> Ended {
    let opened = Opened::find(global, false)?;
    opened.memory.clone()?;
    let run = opened.run(args.run)?;
    let further = opened.further(run)?;
    if args.what == SettledAs::Created {
        let retry = command(
            &format!("retry {run} --row N --uncertain"),
            &further.sending,
        );
        output.say(&format!(
            "A row settled as created leaves its customer without a link: that was in the lost answer, and nothing gives it back. \
             While it is uncertain, `{retry}` sends it once more for a new link instead, though the customer may be invited a second time."
        ));
    }
    let never = StopSignal::default();
    let lock = lock(&opened.path, output, args.wait.then_some(&never))?;
    let now = SystemClock::default().moment();
    let mut ledger = Ledger::open_existing(lock, &worker("settle", now.clone()))?;
    ledger.begin_work(Work::Deciding(run))?;
    let rows: Vec<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let unfit = Unfit {
        code: "row_not_uncertain",
        why: "not uncertain; nothing was settled",
        reading: &further.reading,
    };
    let fits = |status| status == Status::Uncertain;
    refuse_unfit_rows(&opened.reader, run, &rows, fits, &unfit)?;
    let is_created = args.what == SettledAs::Created;
    let named = (!args.all).then_some(rows.as_slice());
    let status = if is_created {
        Status::Created
    } else {
        Status::Pending
    };
    if !opened.is_rehearsal() {
        register::settle(&opened.settings, &mut ledger, run, named, status).await?;
    }
    let settled = ledger.settle(run, named, is_created, &now)?.settled;
    ledger.finish()?;
    let (word, text, next) = if is_created {
        ("created", "created", String::new())
    } else {
        let resume = command(&format!("resume {run}"), &further.sending);
        let next = format!(" They are due again: `{resume}` sends them.");
        ("not-created", "not created", next)
    };
    let document = serde_json::json!({ "run": run, "settled": settled, "as": word });
    let settled = counted(settled);
    output.show(&document, |out| {
        writeln!(out, "Run {run}: {settled} settled as {text}.{next}")
    })?;
    Ok(None)
}

/// What is told of named rows that a command cannot deal with.
pub struct Unfit<'a> {
    pub code: &'static str,
    /// Goes on behind "Row 2 is".
    pub why: &'a str,
    pub reading: &'a str,
}

/// Named rows are dealt with all or none, and each that cannot be is named.
pub fn refuse_unfit_rows<'r>(
    reader: &Reader,
    run: RunId,
    rows: impl IntoIterator<Item = &'r RowNumber>,
    fits: impl Fn(Status) -> bool,
    unfit: &Unfit<'_>,
) -> Result<(), Error> {
    let mut others = Vec::new();
    for &row in rows {
        let history = reader.history(run, row, false)?;
        if history.is_none_or(|history| !fits(history.result.status)) {
            others.push(row.to_string());
        }
    }
    let Some(first) = others.first() else {
        return Ok(());
    };
    let status = command(&format!("status {run} --row {first}"), unfit.reading);
    let rows = match others.as_slice() {
        [row] => format!("Row {row} of run {run} is"),
        _ => format!("Rows {} of run {run} are", others.join(", ")),
    };
    let message = format!("{rows} {}.", unfit.why);
    Err(Error::usage(unfit.code, message).hint(format!("`{status}` shows how it stands.")))
}

pub fn purge(args: &PurgeArgs, global: &Global, output: Output) -> Ended {
    // Read only to say that there is none; held open, it would keep the log from being cut.
    let Opened { path, reader, .. } = Opened::find(global, false)?;
    drop(reader);
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let cutoff = Timestamp(SystemClock::default().wall().0.saturating_sub(age_ms));
    let never = StopSignal::default();
    let lock = lock(&path, output, args.wait.then_some(&never))?;
    let question = format!(
        "Delete the personal data and tokens of rows finished before {cutoff} from {}? This cannot be undone.",
        path.display()
    );
    if !args.yes && output.can_ask() && !is_confirmed(&question) {
        let message = "Nothing was deleted: the answer was no.";
        return Err(Error::stopped("not_confirmed", message));
    }
    let worker = worker("purge", SystemClock::default().moment());
    let mut ledger = Ledger::open_existing(lock, &worker)?;
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
    output.show(&document, |out| {
        writeln!(
            out,
            "Purged what was finished before {cutoff}: {}, session tokens: {tokens}.{held} Counts stay, and nobody is invited twice.",
            counted(rows)
        )
    })?;
    Ok(None)
}

/// Asks the person who sits there; Enter is no.
pub fn is_confirmed(question: &str) -> bool {
    let mut prompt = cliclack::confirm(printable(question)).initial_value(false);
    prompt.interact().unwrap_or(false)
}
