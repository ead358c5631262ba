//! What the process itself must not leak: a core dump holds tokens and keys, and a file made under a loose umask is open to
//! others.

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
