//! `vlens-batch` creates Vlens e-contracting invitations for a whole sheet of customers: each once, whatever is killed and
//! whenever. `ARCHITECTURE.md` draws the house that these modules are the rooms of.

mod clock;
pub mod error;
mod failpoint;
pub mod model;

pub mod mapping;

pub mod input;
pub mod ledger;
pub mod register;
pub mod report;
pub mod sandbox;
pub mod vlens;

pub mod send;

pub mod cli;

#[cfg(test)]
#[path = "../tests/support/tables.rs"]
mod tables;
