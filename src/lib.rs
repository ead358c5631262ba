//! `vlens-batch` creates Vlens e-contracting invitations for a whole sheet of customers: each once, whatever is killed and
//! whenever. `ARCHITECTURE.md` draws the house that these modules are the rooms of.

pub mod domain;
mod failpoint;

pub mod mapping;
pub mod pace;
pub mod plan;

pub mod ledger;
pub mod report;
pub mod sandbox;
pub mod source;
pub mod vlens;

pub mod run;

pub mod cli;
