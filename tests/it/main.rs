//! All end-to-end tests in one crate, so that they are linked once. Each module is about one promise. They start processes, send
//! signals and open terminals as Unix has them; on Windows `.ci/windows.sh` goes through the front door instead.
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod account;
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
mod inbox;
mod inbox_results;
mod init;
mod kills;
mod ledger;
mod memory;
mod network;
mod notify;
mod privacy;
mod purge;
mod readme;
mod register;
mod register_faults;
mod register_sql;
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
mod wire;
