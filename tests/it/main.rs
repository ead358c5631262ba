//! All end-to-end tests in one crate, so that they are linked once. Each module is about one promise.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod breaker;
mod bytes;
mod clock;
mod corpus;
mod correcting;
mod doctor;
mod documents;
mod exits;
mod failpoints;
mod follow;
mod forms;
mod harness;
mod help;
mod history;
mod hostile;
mod house;
mod identity;
mod init;
mod inputs;
mod kills;
mod ledger;
mod network;
mod privacy;
mod purge;
mod quota;
mod readme;
mod report;
mod requests;
mod reruns;
mod samples;
mod senders;
mod sequences;
mod settings;
mod signals;
mod throttling;
mod tokens;
mod unattended;
mod values;
mod wire;
