//! All end-to-end tests in one crate, so that they are linked once. Each module is about one promise.

#[path = "../support/mod.rs"]
mod support;

mod corpus;
mod correcting;
mod harness;
