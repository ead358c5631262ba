//! What commands work with: the ledger that is there and its lock, and where requests go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::args::Global;
use crate::cli::credentials::Account;
use crate::cli::output::Output;
use crate::cli::place::data_folder;
use crate::cli::settings::{Sending, Settings};
use crate::cli::system::user_name;
use crate::error::{Error, Kind};
use crate::ledger::{Binding, Ledger, Lock, Reader, Worker, check_file_system, refuse_loss};
use crate::model::{Moment, RowNumber, RunId, RunSummary, Stop, Timestamp};
use crate::report::{CHANGED_SHOWN, Further, not_done, quoted, reason};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::send::{Clock, Credentials, Limiter, Limits, StopSignal};
use crate::vlens::{BaseUrl, Client, ClientOptions, Way};

/// What `base_url` is called for a rehearsal: the stand-in's port is another one each time, its ledger stays.
const SANDBOX_NAME: &str = "sandbox";

/// A little more than the longest window of the limits.
const RECENT_MS: i64 = 61_000;

/// How often a waiting process looks whether the ledger is free.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A ledger that is there, to be read.
pub struct Opened {
    pub settings: Settings,
    pub path: PathBuf,
    pub reader: Reader,
    /// Whether it has lost nothing that is known: whoever is to write makes sure first.
    pub memory: Result<(), Error>,
}

impl Opened {
    pub fn find(global: &Global, is_sandbox: bool) -> Result<Opened, Error> {
        let settings = Settings::find(global, None)?;
        let path = settings.ledger(is_sandbox)?;
        let memory = refuse_loss(&path);
        let reader = match (reader(&path, &settings), &memory) {
            (Err(_), Err(loss)) => return Err(loss.clone()),
            (reader, _) => reader?,
        };
        Ok(Opened {
            settings,
            path,
            reader,
            memory,
        })
    }

    /// The run named on the command line, else the newest.
    pub fn run(&self, named: Option<i64>) -> Result<RunId, Error> {
        let path = self.path.display();
        let newest = self.reader.newest_run()?.ok_or_else(|| {
            Error::unusable("run_not_found", format!("There is no run in {path} yet.")).hint(
                format!("Begin with `{}`.", self.settings.command("run FILE")),
            )
        })?;
        match named {
            None => Ok(newest),
            Some(run) if (1..=newest.0).contains(&run) => Ok(RunId(run)),
            Some(run) => Err(Error::unusable(
                "run_not_found",
                format!("There is no run {run} in {path}; the newest is {newest}."),
            )),
        }
    }

    /// What the next commands must be given to meet this ledger, and the file of this run.
    pub fn further(&self, run: RunId) -> Result<Further, Error> {
        further(&self.settings, &self.reader, run)
    }

    /// Whether it is the ledger of a built-in stand-in.
    pub fn is_rehearsal(&self) -> bool {
        self.reader.binding().base_url == SANDBOX_NAME
    }

    /// Whether somebody is sending.
    pub fn is_held(&self) -> bool {
        Lock::is_held(&self.path)
    }
}

pub fn further(settings: &Settings, reader: &Reader, run: RunId) -> Result<Further, Error> {
    let is_sandbox = reader.binding().base_url == SANDBOX_NAME;
    let typed = reader.typed(run)?;
    let typed = typed.and_then(|typed| serde_json::from_str(&typed).ok());
    Ok(settings.further(is_sandbox, &typed.unwrap_or_default()))
}

/// The rows of a run that changed, as far as they are listed.
pub fn changed_rows(reader: &Reader, summary: &RunSummary) -> Result<Vec<RowNumber>, Error> {
    if summary.changed == 0 {
        return Ok(Vec::new());
    }
    reader.changed_rows(summary.run, CHANGED_SHOWN)
}

/// Opens the ledger for reading; that there is none is an error that says where it was looked for.
pub fn reader(path: &Path, settings: &Settings) -> Result<Reader, Error> {
    if let Some(reader) = Reader::open(path)? {
        return Ok(reader);
    }
    let sandbox = settings.ledger(true).ok();
    let sandbox = sandbox.filter(|sandbox| sandbox != path && sandbox.exists());
    let hint = match sandbox {
        Some(sandbox) => format!(
            "The rehearsals of --sandbox are in another one: add --ledger {}.",
            quoted(&sandbox.to_string_lossy())
        ),
        None => format!(
            "Begin with `{}`, or name the ledger with --ledger.",
            settings.command("run FILE")
        ),
    };
    let message = format!("There is no ledger {}.", path.display());
    Err(Error::unusable("no_ledger", message).hint(hint))
}

pub const KEEP_IT_HERE: &str =
    "Keep the ledger on a disk of this machine: name its place with --ledger or VLENS_LEDGER.";

/// Whether the first run makes the folder of this ledger.
pub fn is_made(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| data_folder().as_deref() == Some(folder))
}

/// Makes the folder that ledgers are in unless a person names another; says so where a ledger is not safe.
pub fn prepare_place(path: &Path, output: Output) -> Result<(), Error> {
    if let Some(folder) = path.parent().filter(|_| is_made(path)) {
        std::fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            let message = format!("The ledger's folder {folder} cannot be made ({error}).");
            Error::unusable("ledger_folder_missing", message)
                .hint("Name the ledger's place with --ledger or VLENS_LEDGER.")
        })?;
    }
    if let Some(lies) = check_file_system(path, false)?.hazard {
        output.say(&format!("warning: The ledger lies {lies}. {KEEP_IT_HERE}"));
    }
    Ok(())
}

/// Takes the ledger's lock, or says who has it; with `wait`, takes it once it is free.
pub fn lock(path: &Path, output: Output, wait: Option<&StopSignal>) -> Result<Lock, Error> {
    let mut has_said_so = false;
    loop {
        if let Some(lock) = Lock::try_acquire(path)? {
            return Ok(lock);
        }
        let shown = path.display();
        let held = match Reader::open(path)
            .and_then(|reader| reader.map_or(Ok(None), |reader| reader.sender()))
        {
            Ok(Some(sender)) => {
                format!("Another process is running on the ledger {shown}: {sender}")
            }
            Ok(None) | Err(_) => format!("Another process is running on the ledger {shown}"),
        };
        let Some(stop) = wait else {
            return Err(Error::busy("ledger_busy", format!("{held}."))
                .hint("Try again when it has ended, or add --wait."));
        };
        if stop.is_stopping() {
            let message = "Stopped while waiting for the ledger; nothing was sent.";
            return Err(Error::stopped("interrupted", message));
        }
        if !std::mem::replace(&mut has_said_so, true) {
            output.say(&format!("{held}; waiting for its end."));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// This process, for the ledger.
pub fn worker(command: &'static str, since: Moment) -> Worker {
    Worker {
        command,
        os_user: user_name(),
        host: whoami::hostname().unwrap_or_else(|_| "an unknown host".to_owned()),
        pid: std::process::id(),
        since,
    }
}

/// The summary of a run as the ledger tells it.
pub fn summary(
    reader: &Reader,
    run: RunId,
    path: &Path,
    is_held: bool,
    now: Timestamp,
) -> Result<RunSummary, Error> {
    Ok(told(reader.summary(run, is_held, now)?, path))
}

/// With the ledger as it was named; who was killed left no reason himself.
pub fn told(mut summary: RunSummary, path: &Path) -> RunSummary {
    if summary.stopped == Some(Stop::Killed) {
        summary.reason = Some(reason(Stop::Killed, None));
    }
    summary.ledger = path.display().to_string();
    summary
}

/// Who has to act after a run that stands so, and why; none when nobody has to. When several hold, the first of 6, 4, 3 wins.
pub fn ended_as(summary: &RunSummary) -> Option<Error> {
    let kind = match summary.stopped {
        Some(Stop::Refused) => Some(Kind::Refused),
        Some(
            Stop::Signal
            | Stop::Declined
            | Stop::Failures
            | Stop::Limit
            | Stop::Duration
            | Stop::Register,
        ) => Some(Kind::Stopped),
        Some(Stop::InvalidRows | Stop::Expectation) => Some(Kind::NeedsPerson),
        Some(Stop::Killed) | None if summary.counts.pending > 0 => Some(Kind::Stopped),
        Some(Stop::Killed) | None if summary.counts.needing_a_person() > 0 => {
            Some(Kind::NeedsPerson)
        }
        Some(Stop::Killed) | None => None,
    };
    Some(Error::new(kind?, "run_not_done", not_done(summary)))
}

/// The limiter, with what this and other processes have sent in the last minute, and the pause that Vlens asked them for. A request that nobody saw answered counts as
/// answered just now.
pub fn limiter(ledger: &Ledger, limits: Limits, clock: &dyn Clock) -> Result<Limiter, Error> {
    let mut limiter = Limiter::new(limits);
    let most = limits.per_minute.or(limits.per_second);
    let most = most.map_or(0, |n| n.get() as usize).saturating_mul(2);
    let newest_first = ledger.recent_requests(RECENT_MS, most, &clock.moment())?;
    for request in newest_first.iter().rev() {
        let ago_ms = u64::try_from(request.answered_ago_ms.unwrap_or(0)).unwrap_or(0);
        limiter.seed(clock.steady().saturating_sub(Duration::from_millis(ago_ms)));
    }
    limiter.pause(clock.steady(), ledger.pause_left(&clock.moment())?);
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
    pub fn vlens(
        settings: &Settings,
        sending: &Sending,
        allow_insecure_http: bool,
        needs_login: bool,
    ) -> Result<Target, Error> {
        let base_url = settings.base_url(allow_insecure_http)?;
        let account = settings.account(needs_login)?;
        Target::at(base_url, account, settings, sending)
    }

    /// With an account that is not in the settings yet.
    pub fn at(
        base_url: BaseUrl,
        account: Account,
        settings: &Settings,
        sending: &Sending,
    ) -> Result<Target, Error> {
        let binding = Binding {
            base_url: base_url.as_str().to_owned(),
            tenancy_name: account.tenancy_name.clone(),
        };
        Target::new(base_url, binding, account, settings.way()?, sending)
    }

    pub async fn sandbox(sending: &Sending, needs_login: bool) -> Result<Target, Error> {
        let options = SandboxOptions {
            any_form: true,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await?;
        let base_url = BaseUrl::parse(&sandbox.base_url(), false)?;
        let credentials = sandbox.credentials();
        let binding = Binding {
            base_url: SANDBOX_NAME.to_owned(),
            tenancy_name: credentials.tenancy_name.clone(),
        };
        let account = Account {
            tenancy_name: credentials.tenancy_name,
            api_key: credentials.api_key,
            credentials: needs_login.then_some(Credentials {
                username: credentials.username,
                password: credentials.password,
            }),
        };
        Ok(Target {
            sandbox: Some(sandbox),
            ..Target::new(base_url, binding, account, Way::default(), sending)?
        })
    }

    fn new(
        base_url: BaseUrl,
        binding: Binding,
        account: Account,
        way: Way,
        sending: &Sending,
    ) -> Result<Target, Error> {
        let client = Client::new(ClientOptions {
            base_url,
            api_key: account.api_key,
            tenancy_name: account.tenancy_name,
            timeout: sending.timeout,
            way,
            concurrency: sending.concurrency,
        })?;
        Ok(Target {
            client,
            binding,
            credentials: account.credentials,
            sandbox: None,
        })
    }
}
