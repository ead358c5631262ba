//! Two clocks: the wall's for people, which they and daylight saving may set at any time, and one that never jumps for limits and waits.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::{Moment, Timestamp};

/// Which start of the machine this is; empty where the system does not tell.
static BOOT_ID: LazyLock<String> = LazyLock::new(|| {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
});

/// By both, with the machine's boot, for the ledger.
pub fn moment() -> Moment {
    Moment {
        at: now(),
        uptime_ms: i64::try_from(steady().as_millis()).unwrap_or(i64::MAX),
        boot_id: BOOT_ID.clone(),
    }
}

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
    Timestamp(ms.saturating_add(test_shift_ms()))
}

/// Time since the machine started: goes on while it sleeps, and is the same in every process until the next start.
#[cfg(unix)]
pub fn steady() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    // On a Mac it counts sleep, which the standard library's does not.
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    clock_gettime(clock).try_into().unwrap_or_default()
}

/// Time since the first call: Windows' counter goes on while it sleeps too.
#[cfg(not(unix))]
pub fn steady() -> Duration {
    static BEGUN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed()
}

/// Debug builds let a test set the wall clock back or forward while the process runs: the file that
/// `VLENS_BATCH_TEST_CLOCK` names holds the milliseconds to add. Release builds know nothing of it.
fn test_shift_ms() -> i64 {
    let path = std::env::var_os("VLENS_BATCH_TEST_CLOCK").filter(|_| cfg!(debug_assertions));
    let text = path.and_then(|path| std::fs::read_to_string(path).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
