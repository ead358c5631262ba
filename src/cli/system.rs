//! What the operating system gives and takes: clocks, signals, core dumps, who runs this.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::output::Output;
use crate::error::Kind;
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
    SystemClock::default().wall()
}

/// Wall clock and time since the machine started.
pub struct SystemClock {
    /// Which start of the machine this is; empty where the system does not tell.
    boot_id: String,
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        let boot_id = if cfg!(target_os = "linux") {
            std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
        } else {
            String::new()
        };
        SystemClock {
            boot_id: boot_id.trim().to_owned(),
            #[cfg(not(target_os = "linux"))]
            started: std::time::Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn moment(&self) -> Moment {
        Moment {
            at: self.wall(),
            uptime_ms: i64::try_from(self.steady().as_millis()).unwrap_or(i64::MAX),
            boot_id: self.boot_id.clone(),
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
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or(0),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        )
    }

    #[cfg(not(target_os = "linux"))]
    fn steady(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Debug builds let a test set the wall clock back or forward while the process runs: the file that
/// `VLENS_BATCH_TEST_CLOCK` names holds the milliseconds to add. Release builds know nothing of it.
fn test_shift_ms() -> i64 {
    if !cfg!(debug_assertions) {
        return 0;
    }
    std::env::var_os("VLENS_BATCH_TEST_CLOCK")
        .and_then(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// Watches SIGINT, SIGTERM and SIGHUP until the process ends: the first stops gently, the second at once. What is under way
/// then is found open in the ledger on the next start, and is `uncertain`. `timeout`: how long a request may take, where there are any.
pub fn watch_signals(output: Output, timeout: Option<Duration>) -> Arc<StopSignal> {
    let stop = Arc::new(StopSignal::default());
    let stopped = Arc::clone(&stop);
    // Watched from here on, not from whenever the task gets to run.
    let signals = Signals::new();
    tokio::spawn(async move {
        let Ok(mut signals) = signals else {
            tracing::warn!("signals cannot be watched; an interrupt ends the run at once");
            return;
        };
        signals.next().await;
        if let Some(timeout) = timeout {
            let most = timeout.as_secs();
            output.say(&format!("Stopping: answers to requests under way are waited for, {most} s at the most. A second Ctrl-C ends at once and leaves those rows uncertain."));
        }
        stopped.stop(StopReason::Signal);
        signals.next().await;
        end_at_once();
    });
    stop
}

#[expect(
    clippy::exit,
    reason = "a second signal ends the process whatever is under way"
)]
fn end_at_once() -> ! {
    std::process::exit(i32::from(Kind::Stopped.exit_code()))
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = ignored_signals();
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        // `nohup` and `command &` in a script mean it.
        let watched = kinds
            .into_iter()
            .filter(|kind| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
        watched
            .map(signal)
            .collect::<std::io::Result<_>>()
            .map(Signals)
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let mut signals = self.0.iter_mut();
            if signals.any(|signal| signal.poll_recv(context).is_ready()) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
}

/// The signals that whoever started this process had it ignore, one bit each. None where the system does not tell.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}

/// Ctrl-C and Ctrl-Break, the window's close, logoff and shutdown: the system waits some seconds for the last three.
#[cfg(windows)]
struct Signals(
    tokio::signal::windows::CtrlC,
    tokio::signal::windows::CtrlBreak,
    tokio::signal::windows::CtrlClose,
    tokio::signal::windows::CtrlLogoff,
    tokio::signal::windows::CtrlShutdown,
);

#[cfg(windows)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        let (close, logoff) = (ctrl_close()?, ctrl_logoff()?);
        Ok(Signals(
            ctrl_c()?,
            ctrl_break()?,
            close,
            logoff,
            ctrl_shutdown()?,
        ))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
            _ = self.2.recv() => {}
            _ = self.3.recv() => {}
            _ = self.4.recv() => {}
        }
    }
}
