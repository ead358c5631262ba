//! What tests try, case by case: the tables of `tests/tables.toml`, for the tests in `src` as for those behind the front door.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

static TABLES: LazyLock<Value> =
    LazyLock::new(|| toml::from_str(include_str!("../tables.toml")).expect("tables in TOML"));

/// A table by its path, such as `names.alike`: its rows, each a tuple or a text.
pub fn rows<T: Deserialize<'static>>(path: &str) -> Vec<T> {
    let found = TABLES.pointer(&format!("/{}", path.replace('.', "/")));
    let found = found.unwrap_or_else(|| panic!("there is no table {path}"));
    let rows: Vec<T> = Vec::deserialize(found).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(!rows.is_empty(), "{path} is empty");
    rows
}
