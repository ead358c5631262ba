//! Places where a test can have the process killed: the proof that no line is one at which a crash does harm.
//!
//! `VLENS_BATCH_FAILPOINT=NAME` or `NAME:N` ends a debug build by SIGKILL's equal (abort, nothing unwinds, nothing is
//! flushed) when the place is passed for the N-th time. With `VLENS_BATCH_FAILPOINT_STOPS` set it is stopped there instead, as a
//! computer is that falls asleep, until it is sent SIGCONT. A release build has none of this.
//!
//! Like `model`, this lies under all rooms, so that every room can name its places.

/// Passes a place with this name.
pub fn pass(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if !cfg!(debug_assertions) {
        return;
    }
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("VLENS_BATCH_FAILPOINT").ok()?;
        let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), nth.parse().ok()?))
    });
    if let Some((armed, nth)) = armed
        && armed == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        #[cfg(unix)]
        if std::env::var_os("VLENS_BATCH_FAILPOINT_STOPS").is_some() {
            let this = rustix::process::getpid();
            // Should it fail, the test that waits for it says so.
            let _ = rustix::process::kill_process(this, rustix::process::Signal::STOP);
            // Another thread may be the one that takes the signal, a moment later.
            std::thread::sleep(std::time::Duration::from_millis(200));
            return;
        }
        std::process::abort();
    }
}
