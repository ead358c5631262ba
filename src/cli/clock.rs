//! The machine's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::{Moment, Timestamp};
use crate::send::Clock;

/// Wall clock and time since the machine started, as the operating system tells them.
pub struct SystemClock {
    boot_id: String,
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl SystemClock {
    /// Asks the system which start of the machine this is.
    pub fn new() -> Self {
        SystemClock {
            boot_id: boot_id(),
            #[cfg(not(target_os = "linux"))]
            started: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn moment(&self) -> Moment {
        Moment {
            at: wall(),
            uptime_ms: i64::try_from(self.steady().as_millis()).unwrap_or(i64::MAX),
            boot_id: self.boot_id.clone(),
        }
    }

    fn wall(&self) -> Timestamp {
        wall()
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

fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Timestamp(ms.saturating_add(test_shift_ms()))
}

/// Debug builds let a test set the wall clock back or forward while the process runs: the file that
/// `VLENS_BATCH_TEST_CLOCK` names holds the milliseconds to add. Release builds know nothing of it.
#[cfg(debug_assertions)]
fn test_shift_ms() -> i64 {
    std::env::var_os("VLENS_BATCH_TEST_CLOCK")
        .and_then(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(not(debug_assertions))]
fn test_shift_ms() -> i64 {
    0
}

#[cfg(target_os = "linux")]
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn boot_id() -> String {
    String::new()
}
