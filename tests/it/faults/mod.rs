//! Nobody twice, nothing lost: the promise under everything that happens to an unattended job. Each module is one kind of
//! trouble; after each, the server's log is held against what the program says.

mod answers;
mod breaker;
mod bytes;
mod clock;
mod failpoints;
mod hostile;
mod kills;
mod ledger;
mod network;
mod senders;
mod sequences;
mod signals;
mod throttling;
mod tokens;
mod wire;
