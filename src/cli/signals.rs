//! Signals: the first stops gently, the second ends at once.

use std::sync::Arc;

use crate::error::Kind;
use crate::send::{StopReason, StopSignal};

/// Watches SIGINT, SIGTERM and SIGHUP until the process ends. What is under way at a second signal is found open in the
/// ledger on the next start, and is `uncertain` then.
pub fn watch(stop: Arc<StopSignal>) {
    tokio::spawn(async move {
        let Ok(mut signals) = Signals::new() else {
            tracing::warn!("signals cannot be watched; an interrupt ends the run at once");
            return;
        };
        signals.next().await;
        tracing::info!("stopping: requests under way may still end; a second signal ends at once");
        stop.stop(StopReason::Signal);
        signals.next().await;
        end_at_once();
    });
}

#[expect(
    clippy::exit,
    reason = "a second signal ends the process whatever is under way"
)]
fn end_at_once() -> ! {
    std::process::exit(i32::from(Kind::Stopped.exit_code()))
}

#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = ignored_signals();
        let watched = |kind: SignalKind| {
            // `nohup` and `command &` in a script mean it.
            let is_ignored = ignored >> (kind.as_raw_value() - 1) & 1 == 1;
            (!is_ignored).then(|| signal(kind)).transpose()
        };
        Ok(Signals {
            interrupt: watched(SignalKind::interrupt())?,
            terminate: watched(SignalKind::terminate())?,
            hang_up: watched(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
            () = received(&mut self.hang_up) => {}
        }
    }
}

/// The signals that whoever started this process had it ignore, one bit each. None where the system does not tell.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .unwrap_or(0)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        // Without a handler the system ends the process, as it does where this fails.
        let _ = tokio::signal::ctrl_c().await;
    }
}
