//! Signals: the first stops gently, the second ends at once.

use std::sync::Arc;

use super::exit::Exit;
use crate::run::{Switch, Why};

/// Watches SIGINT, SIGTERM and SIGHUP until the process ends. What is under way at a second signal is found open in the
/// ledger on the next start, and is `uncertain` then.
pub fn watch(switch: Arc<Switch>) {
    tokio::spawn(async move {
        let Ok(mut signals) = Signals::new() else {
            tracing::warn!("signals cannot be watched; an interrupt ends the run at once");
            return;
        };
        signals.next().await;
        tracing::info!("stopping: requests under way may still end; a second signal ends at once");
        switch.stop(Why::Signal);
        signals.next().await;
        end_at_once();
    });
}

#[expect(
    clippy::exit,
    reason = "a second signal ends the process whatever is under way"
)]
fn end_at_once() -> ! {
    std::process::exit(i32::from(Exit::Stopped.code()))
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
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
