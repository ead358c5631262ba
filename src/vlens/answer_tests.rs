//! The table at the end of the API's description, row by row, over every status.
use super::*;
