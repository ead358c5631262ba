//! Finds ledgers, locks them and reads from them.

use std::path::Path;
use std::time::Duration;

use crate::cli::args::Global;
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::Error;
use crate::ledger::{Lock, Reader};
use crate::model::RunId;
use crate::report::Further;
use crate::send::StopSignal;

/// How often a waiting process looks whether the ledger is free.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Takes the ledger's lock, or says that it is taken.
pub fn lock(ledger: &Path) -> Result<Lock, Error> {
    Lock::try_acquire(ledger)?.ok_or_else(|| taken(ledger))
}

/// Takes the ledger's lock; with `wait`, once it is free.
pub async fn lock_or_wait(
    ledger: &Path,
    wait: bool,
    output: Output,
    stop: &StopSignal,
) -> Result<Lock, Error> {
    let mut has_said_so = false;
    loop {
        if let Some(lock) = Lock::try_acquire(ledger)? {
            return Ok(lock);
        }
        if !wait {
            return Err(taken(ledger));
        }
        if !std::mem::replace(&mut has_said_so, true) {
            output.say(&format!(
                "Another process is running on {}; waiting for its end.",
                ledger.display()
            ));
        }
        if stop.or_stop(tokio::time::sleep(LOOK_EVERY)).await.is_err() {
            return Err(Error::stopped(
                "interrupted",
                "Stopped while waiting for the ledger; nothing was sent.",
            ));
        }
    }
}

fn taken(ledger: &Path) -> Error {
    Error::busy(
        "ledger_busy",
        format!(
            "Another process is running on the ledger {}.",
            ledger.display()
        ),
    )
    .hint("Try again when it has ended, or add --wait. `vlens-batch status` shows how far it is.")
}

/// Opens the ledger for reading; that there is none is a failure that says where it was looked for.
pub fn reader(ledger: &Path) -> Result<Reader, Error> {
    Reader::open(ledger)?.ok_or_else(|| none(ledger))
}

/// There is no ledger where one is needed.
pub fn none(ledger: &Path) -> Error {
    let sandbox = ledger.with_file_name("vlens-batch.sandbox.db");
    let hint = if sandbox != ledger && sandbox.exists() {
        format!(
            "The rehearsals of --sandbox are in another one: add --ledger {}.",
            sandbox.display()
        )
    } else {
        "Begin with `vlens-batch run FILE`, or name the ledger with --ledger.".to_owned()
    };
    Error::unusable(
        "no_ledger",
        format!("There is no ledger {}.", ledger.display()),
    )
    .hint(hint)
}

/// The run named on the command line, else the newest.
pub fn run_or_newest(
    named: Option<i64>,
    newest: Option<RunId>,
    ledger: &Path,
) -> Result<RunId, Error> {
    match (named, newest) {
        (Some(run), Some(newest)) if run >= 1 && run <= newest.0 => Ok(RunId(run)),
        (Some(run), Some(newest)) => Err(Error::unusable(
            "run_not_found",
            format!(
                "There is no run {run} in {}; the newest is {newest}.",
                ledger.display()
            ),
        )),
        (None, Some(newest)) => Ok(newest),
        (_, None) => Err(Error::unusable(
            "run_not_found",
            format!("There is no run in {} yet.", ledger.display()),
        )
        .hint("Begin with `vlens-batch run FILE`.")),
    }
}

/// What further commands must be given to meet the same ledger and config, as typed.
pub fn further(global: &Global, place: &Place, ledger: &Path, is_sandbox: bool) -> Further {
    let config = global
        .config
        .as_ref()
        .map(|path| format!("--config {}", path.display()));
    let named =
        (ledger != place.default_ledger(false)).then(|| format!("--ledger {}", ledger.display()));
    let is_usual_sandbox = is_sandbox && ledger == place.default_ledger(true);
    let sandbox = is_sandbox.then(|| "--sandbox".to_owned());
    let join = |parts: [&Option<String>; 3]| {
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join(" ")
    };
    Further {
        reading: join([&config, &named, &None]),
        sending: join([
            &config,
            &sandbox,
            if is_usual_sandbox { &None } else { &named },
        ]),
    }
}
