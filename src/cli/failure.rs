//! How a command fails: a complaint for the person who reads it, and the exit code for the script that does not.

use super::exit::Exit;
use crate::error::{Error, Kind};
use crate::mapping::ConfigErrors;

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    /// The exit.
    pub exit: Exit,
    /// What is wrong, and what to do.
    pub complaint: Error,
    /// For errors in the config: all of them, each with its line.
    pub config: Option<Box<ConfigErrors>>,
}

impl Failure {
    /// The file, the mapping or the config cannot be used.
    pub fn unusable(complaint: Error) -> Self {
        Failure::new(Exit::Unusable, complaint)
    }

    /// Wrong usage.
    pub fn usage(complaint: Error) -> Self {
        Failure::new(Exit::Usage, complaint)
    }

    /// Something that should not happen, such as a full disk.
    pub fn unexpected(complaint: Error) -> Self {
        Failure::new(Exit::Unexpected, complaint)
    }

    /// Another process is running on this ledger.
    pub fn busy(complaint: Error) -> Self {
        Failure::new(Exit::Busy, complaint)
    }

    /// Early and resumable.
    pub fn stopped(complaint: Error) -> Self {
        Failure::new(Exit::Stopped, complaint)
    }

    /// With any exit.
    pub fn new(exit: Exit, complaint: Error) -> Self {
        Failure {
            exit,
            complaint,
            config: None,
        }
    }

    /// What the error's own kind says.
    pub fn ledger(complaint: Error) -> Self {
        Failure::new(complaint.kind.into(), complaint)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::new(error.kind.into(), error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        let first = errors.problems.first();
        let complaint = Error {
            code: "config_invalid",
            kind: Kind::Unusable,
            message: first.map_or_else(String::new, |problem| problem.message.clone()),
            hint: first.and_then(|problem| problem.hint.clone()),
        };
        Failure {
            config: Some(Box::new(errors)),
            ..Failure::unusable(complaint)
        }
    }
}
