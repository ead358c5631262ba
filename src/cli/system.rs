//! What the operating system gives and takes: clocks, signals, core dumps, who runs this.

use std::sync::{Arc, LazyLock};
#[cfg(unix)]
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(windows)]
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};

use super::output::Output;
use crate::error::{Error, Kind};
use crate::model::{Moment, Timestamp};
use crate::send::{Clock, StopReason, StopSignal};

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

/// A panic is our mistake, told without what was at hand, which may be personal.
pub fn keep_panics_short() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location();
        let place = place.map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        super::log::fault(&format!(
            "a mistake in vlens-batch itself{place}; the ledger is as it was at the last step. Please report it."
        ));
    }));
}

/// Who runs this, for the ledger.
pub fn user_name() -> String {
    whoami::username().unwrap_or_else(|_| "unknown".to_owned())
}

pub fn host_name() -> String {
    whoami::hostname().unwrap_or_else(|_| "an unknown host".to_owned())
}

/// What the wall clock shows.
pub fn now() -> Timestamp {
    SystemClock.wall()
}

/// Wall clock and time since the machine started.
pub struct SystemClock;

/// Which start of the machine this is; empty where the system does not tell.
static BOOT_ID: LazyLock<String> = LazyLock::new(|| {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
});

impl Clock for SystemClock {
    fn moment(&self) -> Moment {
        Moment {
            at: self.wall(),
            uptime_ms: i64::try_from(self.steady().as_millis()).unwrap_or(i64::MAX),
            boot_id: BOOT_ID.clone(),
        }
    }

    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let ms = i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
        Timestamp(ms.saturating_add(test_shift_ms()))
    }

    #[cfg(target_os = "linux")]
    fn steady(&self) -> Duration {
        // Goes on while the machine sleeps, and is the same in every process until the next start.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        now.try_into().unwrap_or_default()
    }

    #[cfg(not(target_os = "linux"))]
    fn steady(&self) -> Duration {
        static BEGUN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
        BEGUN.elapsed()
    }
}

/// Debug builds let a test set the wall clock back or forward while the process runs: the file that
/// `VLENS_BATCH_TEST_CLOCK` names holds the milliseconds to add. Release builds know nothing of it.
fn test_shift_ms() -> i64 {
    let path = std::env::var_os("VLENS_BATCH_TEST_CLOCK").filter(|_| cfg!(debug_assertions));
    let text = path.and_then(|path| std::fs::read_to_string(path).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Watches SIGINT, SIGTERM and SIGHUP until the process ends: the first stops gently, the second at once. What is under way
/// then is found open in the ledger on the next start, and is `uncertain`. `timeout`: how long a request may take, where there are any.
pub fn watch_signals(output: Output, timeout: Option<Duration>) -> Arc<StopSignal> {
    let stop = Arc::new(StopSignal::default());
    let stopped = Arc::clone(&stop);
    // Watched from here on, not from whenever the task gets to run.
    let signals = signals();
    tokio::spawn(async move {
        let Ok(mut signals) = signals else {
            tracing::warn!("signals cannot be watched; an interrupt ends the run at once");
            return;
        };
        next(&mut signals).await;
        if let Some(timeout) = timeout {
            let most = timeout.as_secs();
            output.say(&format!("Stopping: answers to requests under way are waited for, {most} s at the most. A second Ctrl-C ends at once and leaves those rows uncertain."));
        }
        stopped.stop(StopReason::Signal);
        next(&mut signals).await;
        end_at_once(output);
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
    std::thread::spawn(move || {
        let message = "A second signal ended the command at once; what was under way is uncertain.";
        let hint = "The same command goes on with what is due.";
        told.send(output.fail(&Error::stopped("interrupted", message).hint(hint)))
    });
    let kind = is_told.recv_timeout(PATIENCE).unwrap_or(Kind::Stopped);
    std::process::exit(i32::from(kind.exit_code()))
}

#[cfg(unix)]
fn signals() -> std::io::Result<Vec<tokio::signal::unix::Signal>> {
    use tokio::signal::unix::{SignalKind, signal};
    // What whoever started this process had it ignore (`nohup`, `command &` in a script) is meant: one bit each, where the system tells.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    let ignored = ignored.unwrap_or(0);
    let mut kinds = vec![
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    kinds.retain(|kind| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
    kinds.into_iter().map(signal).collect()
}

#[cfg(unix)]
async fn next(signals: &mut [tokio::signal::unix::Signal]) {
    std::future::poll_fn(|context| {
        let mut signals = signals.iter_mut();
        let came = signals.any(|signal| signal.poll_recv(context).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Ctrl-C and Ctrl-Break, the window's close, logoff and shutdown: the system waits some seconds for the last three.
#[cfg(windows)]
type Signals = (CtrlC, CtrlBreak, CtrlClose, CtrlLogoff, CtrlShutdown);

#[cfg(windows)]
fn signals() -> std::io::Result<Signals> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let (close, logoff) = (ctrl_close()?, ctrl_logoff()?);
    Ok((ctrl_c()?, ctrl_break()?, close, logoff, ctrl_shutdown()?))
}

#[cfg(windows)]
async fn next(signals: &mut Signals) {
    tokio::select! {
        _ = signals.0.recv() => {}
        _ = signals.1.recv() => {}
        _ = signals.2.recv() => {}
        _ = signals.3.recv() => {}
        _ = signals.4.recv() => {}
    }
}
