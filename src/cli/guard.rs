//! What the process itself must not leak: a core dump holds tokens and keys, and a file made under a loose umask is open to
//! others. And what it says if it breaks.

use crate::input::READER_THREAD;

/// A damaged workbook may make the library that reads it panic on its own thread, which the source turns into a complaint:
/// nothing to tell twice. Any other panic is our mistake, told without what was at hand, which may be personal.
pub fn keep_panics_short() {
    std::panic::set_hook(Box::new(|panic| {
        if std::thread::current().name() == Some(READER_THREAD) {
            return;
        }
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        super::output::say_on_stderr(&format!(
            "error: a mistake in vlens-batch itself{place}; the ledger is as it was at the last step. Please report it."
        ));
    }));
}

/// Switches core dumps off and keeps new files to their owner.
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

/// Nothing to do where there are no core dumps and no umask.
#[cfg(not(unix))]
pub fn protect_process() {}
