//! The ledger as commands open it: where it is, to be read or locked to be written; and the commands that show what it holds (`status`, `runs`),
//! copy it (`backup`) or forget personal data (`purge`). Those that read never wait for a run in progress.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::args::PurgeArgs;
use crate::cli::files::{clear_left_behind, folder_of, refuse_output, tidy};
use crate::cli::output::is_confirmed;
use crate::cli::settings::{
    DEFAULT_BASE_URL, SANDBOX_LEDGER_NAME, SANDBOX_NAME, Settings, Typed, quoted_path,
};
use crate::cli::system::{data_folder, host_name, path_variable, user_name};
use crate::clock;
use crate::error::{Ended, Error, Kind, Result, command, command_at_hand};
use crate::ledger::{Ledger, Lock, Reader, Worker, check_file_system, refuse_loss};
use crate::model::{Binding, ResultRow, RowNumber, RunId, RunSummary, Stop, Timestamp, printable};
use crate::report::{Further, not_done, reason, texts};
use crate::send::StopSignal;

const CHANGED_SHOWN: u32 = 20;

impl Settings {
    /// Where the ledger is: as `--ledger` says; for a rehearsal beside FILE; as `VLENS_LEDGER` says; else the tenant's own file in this
    /// user's data folder, so that the memory of who was invited does not depend on where a sheet happens to lie.
    pub fn ledger(&self, is_sandbox: bool) -> Result<PathBuf> {
        match (&self.ledger, path_variable("VLENS_LEDGER")) {
            (Some(path), _) => Ok(path.clone()),
            (None, _) if is_sandbox => Ok(tidy(self.file_folder.join(SANDBOX_LEDGER_NAME))),
            // Whoever set it may have stood elsewhere: each folder would have a ledger of its own.
            (None, Some(path)) if path.is_relative() => Err(Error::of(
                "ledger_place_unknown.relative",
                &[&path.display()],
            )),
            (None, Some(path)) => Ok(path),
            (None, None) => self.tenants_ledger(),
        }
    }

    /// The tenant's own, with the host in its name where that is not the vendor's; without a tenant, the one ledger that is there.
    fn tenants_ledger(&self) -> Result<PathBuf> {
        let url = self.base_url(true)?;
        let (_, host) = url.as_str().split_once("://").unwrap_or_default();
        let host = host.split('/').next();
        let host = host.filter(|_| url.as_str() != DEFAULT_BASE_URL);
        let tenant = self.tenancy_name()?;
        let folder = data_folder().ok_or_else(|| Error::of("ledger_place_unknown", &[]))?;
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut ledgers: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        ledgers.retain(|path| path.extension().is_some_and(|extension| extension == "db"));
        ledgers.sort();
        match (tenant, ledgers.as_slice()) {
            (None, [one]) => Ok(one.clone()),
            (None, [first, ..]) => {
                let shown = ledgers.iter().map(|path| path.to_string_lossy());
                let shown = shown.collect::<Vec<_>>().join(", ");
                let first = quoted_path(first);
                Err(Error::of("ledger_unclear", &[&shown, &first]))
            }
            (tenant, _) => Ok(folder.join(ledger_name(&tenant.unwrap_or_default(), host))),
        }
    }
}

/// What a tenant's ledger is called: as far as every system takes it in a file's name. Should two tenants come to one name, the
/// ledger's binding tells them apart.
fn ledger_name(tenant: &str, host: Option<&str>) -> String {
    const LONGEST: usize = 60;
    let is_fit = |c: char| c.is_alphanumeric() || "._".contains(c);
    let fit = |name: &str| {
        let name = name.trim().to_lowercase();
        let name: String = name.chars().take(LONGEST).collect();
        let name = name.replace(|c| !is_fit(c), "-");
        name.trim_matches('.').to_owned()
    };
    match (fit(tenant).as_str(), host.map(fit)) {
        ("", None) => "default.db".to_owned(),
        (name, None) => format!("{name}.db"),
        (name, Some(host)) => format!("{name}@{host}.db"),
    }
}

/// A ledger that is there, to be read.
pub struct Opened<'s> {
    pub settings: &'s Settings,
    pub path: PathBuf,
    pub reader: Reader,
    /// Whether it has lost nothing that is known: whoever is to write makes sure first.
    pub memory: Result<()>,
}

impl<'s> Opened<'s> {
    pub fn find(settings: &'s Settings, is_sandbox: bool) -> Result<Self> {
        let path = settings.ledger(is_sandbox)?;
        let memory = refuse_loss(&path, None, &settings.again(is_sandbox));
        match (Opened::at(settings, path), memory) {
            (Err(_), Err(loss)) => Err(loss),
            (opened, memory) => Ok(Opened { memory, ..opened? }),
        }
    }

    /// The ledger at `path`; that there is none is an error that says where it was looked for.
    pub fn at(settings: &'s Settings, path: PathBuf) -> Result<Self> {
        let Some(reader) = Reader::open(&path)? else {
            let rehearsed = settings.ledger(true).ok();
            let rehearsed = rehearsed.filter(|rehearsed| *rehearsed != path && rehearsed.exists());
            let (name, way_on) = match rehearsed {
                None => ("no_ledger", settings.again(false)),
                Some(rehearsed) => ("no_ledger.rehearsed", quoted_path(&rehearsed)),
            };
            return Err(Error::of(name, &[&path.display(), &way_on]));
        };
        Ok(Opened {
            settings,
            path,
            reader,
            memory: Ok(()),
        })
    }

    /// The run named on the command line, else the newest.
    pub fn run(&self, named: Option<RunId>) -> Result<RunId> {
        let path = self.path.display();
        let Some(newest) = self.reader.newest_run()? else {
            let begin = self.settings.again(is_rehearsal(&self.reader));
            return Err(Error::of("run_not_found.yet", &[&path, &begin]));
        };
        let run = named.unwrap_or(newest);
        if (RunId(1)..=newest).contains(&run) {
            return Ok(run);
        }
        Err(Error::of("run_not_found", &[&run, &path, &newest]))
    }

    fn typed(&self, run: RunId) -> Result<Typed> {
        let typed = self.reader.typed(run)?;
        let typed = typed.and_then(|text| serde_json::from_str(&text).ok());
        Ok(typed.unwrap_or_default())
    }

    /// What the next commands must be given to meet this ledger, and the file of this run.
    pub fn further(&self, run: RunId) -> Result<Further> {
        let typed = self.typed(run)?;
        Ok(self.settings.further(is_rehearsal(&self.reader), &typed))
    }

    pub fn summary(&self, run: RunId) -> Result<RunSummary> {
        let summary = self.reader.summary(run, clock::now())?;
        Ok(self.told(summary))
    }

    /// With the ledger as it was named; who was killed left no reason himself.
    pub fn told(&self, mut summary: RunSummary) -> RunSummary {
        if summary.stopped == Some(Stop::Killed) {
            summary.reason = Some(reason(Stop::Killed, None));
        }
        summary.ledger = self.path.display().to_string();
        summary
    }

    /// Named rows are dealt with all or none, and each that cannot be is named in this `error`.
    pub fn refuse_unfit_rows(
        &self,
        run: RunId,
        rows: &BTreeSet<RowNumber>,
        fits: impl Fn(&ResultRow) -> bool,
        error: &'static str,
    ) -> Result<()> {
        let mut others = Vec::new();
        for &row in rows {
            let result = self.reader.result(run, row)?;
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
        let status = command(&status, &self.further(run)?.reading);
        Err(Error::of(error, &[&rows, &status]))
    }

    pub fn show(&self, summary: &RunSummary) -> Result<()> {
        let (typed, further) = (self.typed(summary.run)?, self.further(summary.run)?);
        let changed = match summary.changed {
            0 => Vec::new(),
            _ => self.reader.changed_rows(summary.run, CHANGED_SHOWN)?,
        };
        let mut more = json!(further);
        more["changed_rows"] = json!(changed);
        more["resends_uncertain"] = self.settings.resends_uncertain(&typed).into();
        more["could_retry"] = self.reader.could_retry(summary.run)?.into();
        more["needing"] = summary.counts.needing_a_person().into();
        let output = self.settings.output;
        output.show(summary, texts::SUMMARY, more).map(drop)
    }
}

/// Whether it is the ledger of a built-in stand-in.
pub fn is_rehearsal(reader: &Reader) -> bool {
    reader.binding.base_url == SANDBOX_NAME
}

/// Whether the first run makes the folder of this ledger.
pub fn is_made(path: &Path) -> bool {
    let folder = path.parent();
    folder.is_some_and(|folder| data_folder().as_deref() == Some(folder))
}

/// Makes the folder that ledgers are in unless a person names another; says so where a ledger is not safe.
pub fn prepare_place(path: &Path, settings: &Settings, is_sandbox: bool) -> Result<()> {
    if let Some(folder) = path.parent().filter(|_| is_made(path)) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::of("ledger_folder_missing.made", &[&folder.display(), &error])
        })?;
    }
    let hazard = check_file_system(path, false)?.hazard;
    // A rehearsal's may be lost.
    if let Some(lies) = hazard.filter(|_| !is_sandbox) {
        let Error { message, hint, .. } = Error::of("warning.place", &[&lies]);
        let warning = [&message, " ", &hint.unwrap_or_default()].concat();
        settings.output.warn(&warning);
    }
    Ok(())
}

/// Takes the ledger's lock, or says who has it; with `wait`, takes it once it is free.
pub fn lock(path: &Path, settings: &Settings, wait: Option<&StopSignal>) -> Result<Lock> {
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    let mut has_said_so = false;
    loop {
        if let Some(lock) = Lock::try_acquire(path)? {
            return Ok(lock);
        }
        let reader = Reader::open(path).ok().flatten();
        let sender = reader.and_then(|reader| reader.sender().ok()?);
        let sender = sender.map_or(String::new(), |(_, sender)| format!(": {sender}"));
        let busy = Error::of("ledger_busy", &[&path.display(), &sender]);
        let Some(stop) = wait else {
            return Err(busy);
        };
        if stop.is_stopping() {
            return Err(Error::of("interrupted.ledger", &[]));
        }
        if !std::mem::replace(&mut has_said_so, true) {
            let waiting = format!("{} Waiting for its end.", busy.message);
            settings.output.say(&printable(&waiting));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Opens the ledger at `path` for writing, for a command that sends nothing.
pub fn open_ledger(
    path: &Path,
    settings: &Settings,
    command: &'static str,
    wait: Option<&StopSignal>,
    binding: Option<&Binding>,
) -> Result<Ledger> {
    let lock = lock(path, settings, wait)?;
    let worker = worker(command, settings.again(false));
    Ledger::open(lock, binding, &worker, None)
}

/// This process, for the ledger; `again`: how a person runs a file with it.
pub fn worker(command: &'static str, again: String) -> Worker {
    Worker {
        command,
        os_user: user_name(),
        host: host_name(),
        since: clock::moment(),
        again,
    }
}

pub fn status(run: Option<RunId>, row: Option<u32>, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    let run = opened.run(run);
    let run = run.or_else(|error| opened.memory.clone().and(Err(error)))?;
    if let Some(row) = row {
        return history(&opened, run, RowNumber(row));
    }
    let mut summary = opened.summary(run)?;
    // People are told at the end.
    if let (Err(loss), true) = (&opened.memory, settings.output.json) {
        summary.reason = Some(loss.message.clone());
    }
    opened.show(&summary)?;
    // As a run on it would end.
    opened.memory?;
    ended_as(&summary).map_or(Ok(Kind::Nobody), Err)
}

/// Who has to act after a run that stands so, and why; none when nobody has to. When several hold, the first of 6, 4, 3 wins.
pub fn ended_as(summary: &RunSummary) -> Option<Error> {
    let kind = match summary.stopped {
        Some(Stop::Refused) => Kind::Refused,
        Some(Stop::InvalidRows | Stop::Expectation) => Kind::NeedsPerson,
        None | Some(Stop::Killed) if summary.counts.pending > 0 => Kind::Stopped,
        None | Some(Stop::Killed) if summary.counts.needing_a_person() > 0 => Kind::NeedsPerson,
        None | Some(Stop::Killed) => return None,
        Some(_) => Kind::Stopped,
    };
    let error = Error::of("run_not_done", &[&not_done(summary)]);
    Some(Error { kind, ..error })
}

/// A row's present state and everything that happened to it, oldest first; neither its cells nor its token.
fn history(opened: &Opened<'_>, run: RunId, row: RowNumber) -> Ended {
    let result = opened.reader.result(run, row)?;
    let result = result.ok_or_else(|| Error::of("row_not_found", &[&run, &row]))?;
    let attempts = result.history.iter();
    let took = attempts.map(|it| Some(it.answered_at?.ms_since(it.sent_at).max(0)));
    let took = json!({ "took": took.collect::<Vec<_>>() });
    let output = opened.settings.output;
    output.show(&result, texts::HISTORY, took)
}

/// More lines than these are for scripts.
const SHOWN_RUNS: u32 = 1000;

pub fn runs(settings: &Settings) -> Ended {
    let output = settings.output;
    let opened = Opened::find(settings, false)?;
    let at_most = if output.json { u32::MAX } else { SHOWN_RUNS };
    let runs = opened.reader.runs(clock::now(), at_most)?;
    let runs: Vec<RunSummary> = runs.into_iter().map(|run| opened.told(run)).collect();
    // Runs are numbered from 1 without a gap.
    let older = runs.last().map_or(0, |oldest| oldest.run.0 - 1);
    let all = command_at_hand("runs --json");
    let values = json!({ "runs": runs, "older": older, "all": all });
    output.show(&runs, texts::RUNS, values)
}

pub fn backup(file: &Path, settings: &Settings) -> Ended {
    refuse_output(file)?;
    let opened = Opened::find(settings, false)?;
    clear_left_behind(folder_of(file));
    let ((attempts, sheets), bytes) = opened.reader.backup(file, clock::now())?;
    let document = json!({
        "ledger": opened.path.to_string_lossy(),
        "output": file.to_string_lossy(),
        "sheets": sheets,
        "attempts": attempts,
        "bytes": bytes,
    });
    let (from, to) = (opened.path.display(), file.display());
    let told = format!("A copy of the ledger {from} is in {to}.");
    settings.output.show_file(&document, &told)?;
    // What was lost is not in the copy either.
    opened.memory.map(|()| Kind::Nobody)
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
        let nothing = "Nothing was deleted";
        return Err(Error::of("interrupted.questions", &[&nothing]));
    }
    let wait = args.wait.then(StopSignal::default);
    let mut ledger = open_ledger(&path, settings, "purge", wait.as_ref(), None)?;
    let (rows, tokens, kept) = ledger.purge_older_than(cutoff)?;
    ledger.finish(None)?;
    let document = json!({ "older_than": cutoff, "rows": rows, "tokens": tokens, "kept": kept });
    output.show(&document, texts::PURGED, Value::Null)
}
