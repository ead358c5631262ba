//! What the operating system gives and takes: signals, core dumps, the environment, who runs this and where his files are.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::output::Output;
use crate::error::{Error, Kind, Result};
use crate::model::Stop;
use crate::send::{StopReason, StopSignal};

/// Core dumps hold tokens and keys, and a file made under a loose umask is open to others.
#[cfg(unix)]
pub fn protect_process() {
    use rustix::process::{Resource, Rlimit, setrlimit, umask};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Where the system does not allow it, its own setting stands.
    let _ = setrlimit(Resource::Core, none);
    umask(rustix::fs::Mode::from_bits_truncate(0o077));
}

#[cfg(not(unix))]
pub fn protect_process() {}

thread_local! {
    /// Whether a panic of this thread is caught, and the mistake over which it panicked.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
    static MISTAKE: Cell<Option<Error>> = const { Cell::new(None) };
}

/// A panic is our mistake, told without what was at hand, which may be personal: by whoever caught it, else at once.
pub fn keep_panics_short(output: Output) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location();
        let place = place.map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let mistake = of_workbook(panic.payload());
        let mistake = mistake.unwrap_or_else(|| Error::of("panicked", &[&place]));
        if IS_CAUGHT.get() {
            MISTAKE.set(Some(mistake));
        } else {
            output.tell(&mistake);
        }
    }));
}

/// Whether a panic is how the writer of workbooks says that the folder for temporary files, where it keeps rows aside, is full: it
/// knows no other way.
fn of_workbook(panic: &dyn Any) -> Option<Error> {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let (_, code) = panic.downcast_ref::<String>()?.split_once("Os { code: ")?;
    let error = io::Error::from_raw_os_error(code.split_once(',')?.0.parse().ok()?);
    let is_full = matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull);
    is_full.then(|| Error::temporary(&error))
}

/// What `work` comes to; a panic is an error like others. The ledger's open transaction, if any, is rolled back on the way.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let was_caught = IS_CAUGHT.replace(true);
    let worked = catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(was_caught);
    // One that goes on from another thread was told there.
    let unknown = || Error::of("internal_error", &[]);
    worked.unwrap_or_else(|_| Err(MISTAKE.take().unwrap_or_else(unknown)))
}

pub fn user_name() -> String {
    // The system's list of users may not have him, as in a container.
    #[cfg(unix)]
    let unlisted = || format!("user {}", rustix::process::geteuid().as_raw());
    #[cfg(not(unix))]
    let unlisted = || "unknown".to_owned();
    whoami::username().unwrap_or_else(|_| unlisted())
}

pub fn host_name() -> String {
    whoami::hostname().unwrap_or_else(|_| "an unknown host".to_owned())
}

/// An environment variable's text; empty is as good as unset.
pub fn variable(name: &str) -> Result<Option<String>> {
    let Some(value) = std::env::var_os(name) else {
        return Ok(None);
    };
    let value = value.into_string();
    let value = value.map_err(|_| Error::of("environment_invalid", &[&name]))?;
    Ok(Some(value).filter(|value| !value.trim().is_empty()))
}

pub fn path_variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// Where this user's programs keep their data, and so the ledgers unless a person names another place; none without a home folder.
pub fn data_folder() -> Option<PathBuf> {
    let windows = ("LOCALAPPDATA", "AppData/Local");
    user_folder(("XDG_DATA_HOME", ".local/share"), windows)
}

/// The user's own config, if there is a home for it.
pub fn own_config() -> Option<PathBuf> {
    let windows = ("APPDATA", "AppData/Roaming");
    let folder = user_folder(("XDG_CONFIG_HOME", ".config"), windows)?;
    Some(folder.join("config.toml"))
}

/// As a variable says, else in the user's home folder. On Unix, what the system's list of users says of that is not asked: a job that
/// was given no home must not write into one.
fn user_folder(unix: (&str, &str), windows: (&str, &str)) -> Option<PathBuf> {
    let ((named, below), home) = if cfg!(windows) {
        (windows, std::env::home_dir())
    } else {
        (unix, path_variable("HOME"))
    };
    let places = [path_variable(named), home.map(|home| home.join(below))];
    // Else it would be another one in each folder.
    let mut places = places
        .into_iter()
        .flatten()
        .filter(|path| path.is_absolute());
    Some(places.next()?.join("vlens-batch"))
}

/// What comes so soon after a signal is the same one.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// Watches SIGINT, SIGTERM and SIGHUP until the process ends: the first stops gently, the second at once. What is under way
/// then is found open in the ledger on the next start, and is `uncertain`. `timeout`: how long a request may take, where there are any.
pub fn watch_signals(output: Output, timeout: Option<Duration>) -> Arc<StopSignal> {
    let stop = Arc::new(StopSignal::default());
    let stopped = Arc::clone(&stop);
    let (came, mut signals) = unbounded_channel();
    // Watched from here on, not from whenever the task gets to run.
    if forward_signals(&came).is_err() {
        log::warn!("signals cannot be watched; an interrupt ends the run at once");
        return stop;
    }
    tokio::spawn(async move {
        // None comes where all are ignored.
        if signals.recv().await.is_none() {
            return;
        }
        if let Some(timeout) = timeout {
            let most = timeout.as_secs();
            output.say(&format!("Stopping: answers to requests under way are waited for, {most} s at the most. A second Ctrl-C ends at once and leaves what is under way uncertain."));
        }
        stopped.stop(StopReason::of(Stop::Signal, None));
        // `timeout` and other supervisors tell a process, and then its group, in which it is.
        tokio::time::sleep(SAME_SIGNAL).await;
        while signals.try_recv().is_ok() {}
        if signals.recv().await.is_some() {
            end_at_once(output);
        }
    });
    stop
}

/// Says so, unless nobody takes in what is said to him.
#[expect(
    clippy::exit,
    reason = "a second signal ends the process whatever is under way"
)]
fn end_at_once(output: Output) -> ! {
    const PATIENCE: Duration = Duration::from_secs(1);
    let (told, is_told) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(output.fail(&Error::of("interrupted.at_once", &[]))));
    let kind = is_told.recv_timeout(PATIENCE).unwrap_or(Kind::Stopped);
    std::process::exit(i32::from(kind.exit_code()))
}

#[cfg(unix)]
fn forward_signals(came: &UnboundedSender<()>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // What whoever started this process had it ignore (`nohup`, `command &` in a script) is meant: one bit each, where the system tells.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    // Past a file's largest size (`ulimit -f`) a write is to fail, and be told as on a full disk, not to end the process.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    for kind in kinds {
        if ignored.unwrap_or(0) >> (kind.as_raw_value() - 1) & 1 == 0 {
            let (mut signal, came) = (signal(kind)?, came.clone());
            tokio::spawn(
                async move { while signal.recv().await.is_some() && came.send(()).is_ok() {} },
            );
        }
    }
    Ok(())
}

/// Ctrl-C and Ctrl-Break, the window's close, logoff and shutdown: the system waits some seconds for the last three.
#[cfg(windows)]
fn forward_signals(came: &UnboundedSender<()>) -> std::io::Result<()> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let (mut c, mut r#break, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
    let (mut logoff, mut shutdown, came) = (ctrl_logoff()?, ctrl_shutdown()?, came.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = c.recv() => {}
                _ = r#break.recv() => {}
                _ = close.recv() => {}
                _ = logoff.recv() => {}
                _ = shutdown.recv() => {}
            }
            if came.send(()).is_err() {
                return;
            }
        }
    });
    Ok(())
}
