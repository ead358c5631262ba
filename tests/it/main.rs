//! All end-to-end tests in one crate, so that they are linked once. Each module is about one promise.

#[path = "../support/mod.rs"]
mod support;

mod corpus;
mod correcting;
mod documents;
mod exits;
mod forms;
mod harness;
mod house;
mod init;
mod kills;
mod quota;
mod readme;
mod requests;
mod reruns;
mod samples;
mod settings;
mod statuses;
