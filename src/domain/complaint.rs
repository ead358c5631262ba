//! An error for the person who reads it.

use std::fmt;

/// What is wrong, where, and what to do: the shape in which every room reports an error that a person must read.
///
/// Which exit code it leads to is the door's decision; which sentence it is, the room's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// A stable word for scripts (`error.code` in `--json`), such as `file_not_found`.
    pub code: &'static str,
    /// What is wrong and where (file, sheet, row, column), in one or two sentences. Never holds a secret or a whole
    /// personal value.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Complaint {
    /// A complaint without a hint.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Complaint {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a hint on what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}
