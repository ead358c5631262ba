//! All end-to-end tests in one crate, so that they are linked once. Each module is about one promise.

#[path = "../support/mod.rs"]
mod support;

mod corpus;
mod correcting;
mod doctor;
mod documents;
mod exits;
mod faults;
mod forms;
mod harness;
mod help;
mod history;
mod house;
mod identity;
mod init;
mod inputs;
mod kills;
mod privacy;
mod purge;
mod quota;
mod readme;
mod report;
mod requests;
mod reruns;
mod samples;
mod settings;
mod statuses;
mod unattended;
mod values;
