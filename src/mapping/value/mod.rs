//! Reads one cell as one type of form field.
