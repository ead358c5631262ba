//! A value with the place in the TOML where it stands, so that a later error can point at it.

use std::fmt;
use std::ops::Range;

/// A value and its byte range in the TOML.
#[derive(Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// The bytes of the TOML that it was read from.
    pub span: Range<usize>,
}

impl<T> Spanned<T> {
    /// A value read from these bytes.
    pub fn new(value: T, span: Range<usize>) -> Self {
        Spanned { value, span }
    }
}

/// Prints the value alone: the mapping's fingerprint is taken over this text, and a comment added above a line must not
/// change it.
impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
