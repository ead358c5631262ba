//! Turns one row into one invitation by the mapping, or into the full list of its problems.

pub mod value;
