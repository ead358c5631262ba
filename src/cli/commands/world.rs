//! What commands work with: the ledger that is there and its lock, and where requests go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use crate::cli::args::RunArgs;
use crate::cli::credentials::Account;
use crate::cli::settings::{Sending, Settings, quoted_path};
use crate::cli::system::{data_folder, host_name, user_name};
use crate::clock;
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, Lock, Reader, Worker, check_file_system, refuse_loss};
use crate::model::{Binding, RunId, RunSummary, Secret, Stop, printable};
use crate::report::{Further, not_done, reason, summary_text};
use crate::sandbox::{self, Sandbox, SandboxOptions};
use crate::send::{Credentials, Limiter, Limits, StopSignal};
use crate::vlens::{BaseUrl, Client, Way};

/// What `base_url` is called for a rehearsal: the stand-in's port is another one each time, its ledger stays.
const SANDBOX_NAME: &str = "sandbox";

/// So many changed rows are listed.
const CHANGED_SHOWN: u32 = 20;

/// A ledger that is there, to be read.
pub struct Opened<'s> {
    pub settings: &'s Settings,
    pub path: PathBuf,
    pub reader: Reader,
    /// Whether it has lost nothing that is known: whoever is to write makes sure first.
    pub memory: Result<(), Error>,
}

impl<'s> Opened<'s> {
    pub fn find(settings: &'s Settings, is_sandbox: bool) -> Result<Self, Error> {
        let path = settings.ledger(is_sandbox)?;
        let memory = refuse_loss(&path, None, &settings.again(is_sandbox, None));
        match (Opened::at(settings, path), memory) {
            (Err(_), Err(loss)) => Err(loss),
            (opened, memory) => Ok(Opened { memory, ..opened? }),
        }
    }

    /// The ledger at `path`; that there is none is an error that says where it was looked for.
    pub fn at(settings: &'s Settings, path: PathBuf) -> Result<Self, Error> {
        let Some(reader) = Reader::open(&path)? else {
            let rehearsed = settings.ledger(true).ok();
            let rehearsed = rehearsed.filter(|rehearsed| *rehearsed != path && rehearsed.exists());
            let shown = path.display();
            let Some(rehearsed) = rehearsed else {
                let begin = settings.again(false, None);
                return Err(Error::of("no_ledger", &[&shown, &begin]));
            };
            let rehearsed = quoted_path(&rehearsed);
            return Err(Error::of("no_ledger.rehearsed", &[&shown, &rehearsed]));
        };
        let memory = Ok(());
        Ok(Opened {
            settings,
            path,
            reader,
            memory,
        })
    }

    /// The run named on the command line, else the newest.
    pub fn run(&self, named: Option<RunId>) -> Result<RunId, Error> {
        let path = self.path.display();
        let Some(newest) = self.reader.newest_run()? else {
            let begin = self.settings.again(is_rehearsal(&self.reader), None);
            return Err(Error::of("run_not_found.yet", &[&path, &begin]));
        };
        let run = named.unwrap_or(newest);
        if (RunId(1)..=newest).contains(&run) {
            return Ok(run);
        }
        Err(Error::of("run_not_found", &[&run, &path, &newest]))
    }

    /// What the next commands must be given to meet this ledger, and the file of this run.
    pub fn further(&self, run: RunId) -> Result<Further, Error> {
        let typed = self.reader.typed(run)?;
        let typed = typed.and_then(|typed| serde_json::from_str(&typed).ok());
        let typed = typed.unwrap_or_default();
        Ok(self.settings.further(is_rehearsal(&self.reader), &typed))
    }

    pub fn summary(&self, run: RunId) -> Result<RunSummary, Error> {
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

    pub fn show(&self, summary: &RunSummary) -> Result<(), Error> {
        let further = self.further(summary.run)?;
        let changed = match summary.changed {
            0 => Vec::new(),
            _ => self.reader.changed_rows(summary.run, CHANGED_SHOWN)?,
        };
        let text = |look| summary_text(summary, &changed, &further, look);
        self.settings.output.show(summary, text).map(drop)
    }
}

/// Whether it is the ledger of a built-in stand-in.
pub fn is_rehearsal(reader: &Reader) -> bool {
    reader.binding.base_url == SANDBOX_NAME
}

pub const KEEP_IT_HERE: &str =
    "Keep the ledger on a disk of this machine: name its place with --ledger or VLENS_LEDGER.";

/// Whether the first run makes the folder of this ledger.
pub fn is_made(path: &Path) -> bool {
    let folder = path.parent();
    folder.is_some_and(|folder| data_folder().as_deref() == Some(folder))
}

/// Makes the folder that ledgers are in unless a person names another; says so where a ledger is not safe.
pub fn prepare_place(path: &Path, settings: &Settings) -> Result<(), Error> {
    if let Some(folder) = path.parent().filter(|_| is_made(path)) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::of("ledger_folder_missing.made", &[&folder.display(), &error])
        })?;
    }
    if let Some(lies) = check_file_system(path, false)?.hazard {
        let warning = format!("warning: The ledger lies {lies}. {KEEP_IT_HERE}");
        settings.output.say(&warning);
    }
    Ok(())
}

/// Takes the ledger's lock, or says who has it; with `wait`, takes it once it is free.
pub fn lock(path: &Path, settings: &Settings, wait: Option<&StopSignal>) -> Result<Lock, Error> {
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
) -> Result<Ledger, Error> {
    let lock = lock(path, settings, wait)?;
    let worker = worker(settings, command, false, None);
    Ledger::open(lock, binding, &worker, None)
}

/// This process, for the ledger; `run`: what it was told, where that was to run a file.
pub fn worker(
    settings: &Settings,
    command: &'static str,
    is_sandbox: bool,
    run: Option<&RunArgs>,
) -> Worker {
    Worker {
        command,
        os_user: user_name(),
        host: host_name(),
        since: clock::moment(),
        again: settings.again(is_sandbox, run),
    }
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
    Some(Error::new(kind, "run_not_done", not_done(summary)))
}

/// The limiter, with what this and other processes have sent in the last minute, and the pause that Vlens asked them for. A request
/// that nobody saw answered counts as answered just now.
pub fn limiter(ledger: &Ledger, limits: Limits) -> Result<Limiter, Error> {
    /// A little more than the longest window of the limits.
    const RECENT_MS: i64 = 61_000;
    let mut limiter = Limiter::new(limits);
    let most = limits.per_minute.or(limits.per_second);
    let most = most.map_or(0, |n| n.get() as usize).saturating_mul(2);
    let newest_first = ledger.recent_answers(RECENT_MS, most, &clock::moment())?;
    for ago_ms in newest_first.into_iter().rev() {
        limiter.seed(clock::steady().saturating_sub(Duration::from_millis(ago_ms)));
    }
    limiter.pause(clock::steady(), ledger.pause_left(&clock::moment())?);
    Ok(limiter)
}

/// A place to send to, and what it takes to be let in.
pub struct Target {
    pub client: Client,
    /// What the ledger is bound to.
    pub binding: Binding,
    /// For the login; none when only sessions without a login are created.
    pub credentials: Option<Credentials>,
    /// The built-in stand-in, as long as it is sent to.
    pub sandbox: Option<Sandbox>,
}

impl Target {
    pub async fn sandbox(sending: &Sending) -> Result<Target, Error> {
        // With the vendor's own limits, as `sandbox` has them.
        let mut options = SandboxOptions::parse_from([SANDBOX_NAME]);
        options.any_form = true;
        let served = Sandbox::start(options).await?;
        let base_url = BaseUrl::parse(&served.base_url, false)?;
        let account = Account {
            tenancy_name: sandbox::TENANCY_NAME.to_owned(),
            api_key: Secret::new(sandbox::API_KEY),
            credentials: Some(Credentials {
                username: sandbox::USERNAME.to_owned(),
                password: Secret::new(sandbox::PASSWORD),
            }),
        };
        let mut target = Target::new(&Way::default(), sending, base_url, account)?;
        SANDBOX_NAME.clone_into(&mut target.binding.base_url);
        target.sandbox = Some(served);
        Ok(target)
    }

    pub fn new(
        way: &Way,
        sending: &Sending,
        url: BaseUrl,
        account: Account,
    ) -> Result<Target, Error> {
        let (key, tenant) = (&account.api_key, account.tenancy_name);
        let (timeout, concurrency) = (sending.timeout, sending.concurrency);
        Ok(Target {
            binding: Binding {
                base_url: url.as_str().to_owned(),
                tenancy_name: tenant.clone(),
            },
            client: Client::new(url, way, key, tenant, timeout, concurrency)?,
            credentials: account.credentials,
            sandbox: None,
        })
    }
}
