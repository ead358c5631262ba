//! `run`: validates, records every row in the ledger, sends what is due, records each outcome.

use std::path::Path;

use super::deliver::Desk;
use super::target::Target;
use super::{ledgers, sheets};
use crate::cli::args::{Global, OnInvalid, RunArgs};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error, Kind};
use crate::input::Fingerprint;
use crate::ledger::{Ledger, Reader};
use crate::mapping::config::SessionKind;
use crate::model::{Plan, RunId, Stop};
use crate::report::{DryRun, write_dry_run};
use crate::send::plan;
use crate::send::{Enrolment, Seen, Sheet, Verdict, enrol};

/// Runs the command.
pub async fn run(args: &RunArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, Some(&args.file))?;
    let sending = place.sending(&args.send);
    let ledger_path = place.ledger(args.send.sandbox);
    let further = ledgers::further(global, &place, &ledger_path, args.send.sandbox);
    let desk = Desk::new(output, sending, &args.send, ledger_path, further, "run");
    let input = sheets::input(&args.file)?;
    let fingerprint = Fingerprint::begin(&input)?;
    let opened = sheets::open(&input, &place, &args.read);
    let fingerprint = fingerprint.finish()?;
    let mut sheet = opened?;
    for note in sheet.source.notes().iter().filter(|note| note.warning) {
        output.say(&format!("warning: {}", note.text));
    }
    let needs_login = place.config.session.kind == SessionKind::Invitation;
    if args.dry_run {
        return dry_run(args, &desk, &mut sheet);
    }
    let target = Target::prepare(&place, &desk.sending, &args.send, needs_login).await?;
    let _lock = desk.lock().await?;
    let mut ledger = Ledger::open_or_build(&desk.ledger, &target.binding)?;
    let started = desk.clock.moment();
    ledger.recover(&started)?;
    let what = Enrolment {
        source_name: &source_name(&args.file),
        fingerprint,
        wishes: desk.sending.wishes,
        started: &started,
    };
    let run = match enrol(&mut ledger, &mut sheet, &what, &desk.stop) {
        Ok(Some(run)) => run,
        Ok(None) => {
            return Err(Error::stopped(
                "interrupted",
                "Interrupted while the rows were being read; nothing was recorded or sent.",
            ));
        }
        Err(error) => return Err(error),
    };
    if let Some(note) = sheet.note_on_examples() {
        output.say(&note);
    }
    drop(sheet);
    desk.begin(&mut ledger, run)?;
    if let Some((stop, why)) = held_back(args, &desk, &ledger, run)? {
        return desk.finish(ledger, run, Some(stop), Some(&why));
    }
    desk.deliver(ledger, run, target).await
}

/// `--on-invalid stop` and `--expect`: reasons not to send anything.
fn held_back(
    args: &RunArgs,
    desk: &Desk,
    ledger: &Ledger,
    run: RunId,
) -> Result<Option<(Stop, String)>, Error> {
    if args.on_invalid == OnInvalid::Stop {
        let reader = ledgers::reader(&desk.ledger)?;
        let summary = super::deliver::summary_of(&reader, run, &desk.ledger, true, &*desk.clock)?;
        let invalid = summary.counts.invalid;
        if invalid > 0 {
            let why = format!("Nothing was sent: --on-invalid stop, and invalid rows: {invalid}.");
            return Ok(Some((Stop::InvalidRows, why)));
        }
    }
    if let Some(expected) = args.expect {
        let due = ledger.due_count(run)?;
        let to_send = args.send.limit.map_or(due, |limit| due.min(limit));
        if to_send != expected {
            let why =
                format!("Nothing was sent: --expect {expected}, but {to_send} would be sent.");
            return Ok(Some((Stop::Expectation, why)));
        }
    }
    Ok(None)
}

/// Everything up to the first request, with the ledger only read.
fn dry_run(args: &RunArgs, desk: &Desk, sheet: &mut Sheet) -> Ended {
    let reader = Reader::open(&desk.ledger)?;
    let wishes = desk.sending.wishes;
    let mut seen = Seen::default();
    let mut tally = DryRun::default();
    let walked = sheet.walk(&desk.stop, |row, mapped| {
        tally.rows += 1;
        match seen.judge(row.number, mapped).0 {
            Verdict::Invalid(_) => tally.invalid += 1,
            Verdict::Duplicate(_) => tally.duplicate += 1,
            Verdict::Valid(invitation) => {
                let standing = match &reader {
                    Some(reader) => reader.standing(&invitation)?.map(|(_, standing)| standing),
                    None => None,
                };
                match plan(standing, wishes) {
                    Plan::Send => tally.would_send += 1,
                    Plan::Skip => tally.already_created += 1,
                    Plan::Hold => tally.held += 1,
                }
            }
        }
        Ok(())
    });
    if walked?.is_err() {
        return Err(Error::stopped(
            "interrupted",
            "Interrupted; nothing was sent.",
        ));
    }
    if let Some(limit) = args.send.limit {
        tally.would_send = tally.would_send.min(limit);
    }
    let source = source_name(&args.file);
    if desk.output.json {
        desk.output.print_json(&serde_json::json!({
            "dry_run": true,
            "source": source,
            "rows": tally.rows,
            "would_send": tally.would_send,
            "already_created": tally.already_created,
            "held": tally.held,
            "invalid": tally.invalid,
            "duplicate": tally.duplicate,
        }))?;
    } else {
        let look = desk.output.look();
        desk.output
            .print(|out| write_dry_run(out, &source, &tally, look))?;
    }
    let is_unexpected = args
        .expect
        .is_some_and(|expected| expected != tally.would_send);
    let must_stop = args.on_invalid == OnInvalid::Stop && tally.invalid > 0;
    Ok(
        if is_unexpected || must_stop || tally.invalid + tally.held > 0 {
            Some(Kind::NeedsPerson)
        } else {
            None
        },
    )
}

/// The source as named on the command line.
pub fn source_name(file: &Path) -> String {
    file.display().to_string()
}
