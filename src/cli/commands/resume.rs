//! `resume`: goes on with what is due from the ledger alone; the source file may be gone.

use super::deliver::Desk;
use super::ledgers;
use super::target::Target;
use crate::cli::args::{Global, ResumeArgs, SendArgs};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::ledger::{Ledger, Lock};
use crate::mapping::config::SessionKind;
use crate::model::RunId;
use crate::send::make_due;

/// Runs the command.
pub async fn resume(args: &ResumeArgs, global: &Global, output: Output) -> Ended {
    let (desk, mut opened) = open(args.run, &args.send, global, output, "resume").await?;
    let now = desk.clock.moment();
    let wishes = desk.sending.wishes;
    if wishes != crate::send::Wishes::default() {
        make_due(&mut opened.ledger, opened.run, wishes, &now)?;
    }
    deliver_opened(&desk, opened).await
}

/// A run to go on with, locked.
pub struct Opened {
    pub ledger: Ledger,
    pub run: RunId,
    target: Target,
    _lock: Lock,
}

/// Finds, locks and opens the ledger and its run.
pub async fn open(
    named: Option<i64>,
    send: &SendArgs,
    global: &Global,
    output: Output,
    command: &'static str,
) -> Result<(Desk, Opened), Error> {
    let place = Place::find(global, None)?;
    let sending = place.sending(send);
    let path = place.ledger(send.sandbox);
    let further = ledgers::further(global, &place, &path, send.sandbox);
    let reader = ledgers::reader(&path)?;
    let newest = reader.newest_run()?;
    let run = ledgers::run_or_newest(named, newest, &path)?;
    drop(reader);
    let desk = Desk::new(output, sending, send, path, further, command);
    // Which call a body is for can be seen from it; the config may have changed since, or be gone.
    let needs_login = needs_login(&desk, run, place.config.session.kind)?;
    let target = Target::prepare(&place, &desk.sending, send, needs_login).await?;
    let lock = desk.lock().await?;
    let mut ledger = Ledger::open(&desk.ledger, &target.binding)?;
    ledger.recover(&desk.clock.moment())?;
    let opened = Opened {
        ledger,
        run,
        target,
        _lock: lock,
    };
    Ok((desk, opened))
}

/// Sends what is due in it.
pub async fn deliver_opened(desk: &Desk, opened: Opened) -> Ended {
    let mut ledger = opened.ledger;
    desk.begin(&mut ledger, opened.run)?;
    desk.deliver(ledger, opened.run, opened.target).await
}

fn needs_login(desk: &Desk, run: RunId, configured: SessionKind) -> Result<bool, Error> {
    let reader = ledgers::reader(&desk.ledger)?;
    let kind = match reader.first_due_body(run)? {
        Some(body) => SessionKind::of_body(&body),
        None => configured,
    };
    Ok(kind == SessionKind::Invitation)
}
