//! The example row: values that show how to fill in each column. Nobody in it exists.

use super::columns::{Cells, TemplateColumn};
use crate::model::FormField;

/// What a column's cell of the example row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Example {
    Nothing,
    Text(String),
    Number(u32),
    Date { year: u16, month: u8, day: u8 },
}

/// Examples by what the key ends in; the first that fits.
const BY_KEY: &[(&str, &str)] = &[
    ("spousename", "Ahmed Samir"),
    ("guarantorname", "Hany Fathy"),
    ("name", "Mona Adel"),
    ("nationalid", "29001011234567"),
    ("address", "12 Tahrir St., Dokki"),
    ("employer", "Nile Trading"),
    ("purpose", "Home repairs"),
    ("email", "mona@example.com"),
    ("phone", "01012345678"),
    ("mobile", "01012345678"),
];

/// The example for one column, in a row whose other cells hold the first choice of their fields.
pub(super) fn example(column: &TemplateColumn<'_>, all: &[TemplateColumn<'_>]) -> Example {
    let Some(field) = column.field else {
        return Example::Text(by_key(&column.key));
    };
    if !shows(field, all, 0) {
        return Example::Nothing;
    }
    if let Some(choice) = chosen(field, all) {
        return Example::Text(choice);
    }
    match column.cells {
        Cells::Date => Example::Date {
            year: 1990,
            month: 1,
            day: 1,
        },
        Cells::Number => Example::Number(5000),
        Cells::Text => Example::Text(by_key(&field.key)),
    }
}

/// The choice that brings a conditional field to light, so that the example shows one; else the first.
fn chosen(field: &FormField, all: &[TemplateColumn<'_>]) -> Option<String> {
    let wanted = all
        .iter()
        .filter_map(|column| column.field?.condition.as_ref())
        .find(|condition| condition.parent == field.key)
        .map(|condition| condition.value.clone());
    let is_choice = |value: &String| field.options.iter().any(|option| option.value == *value);
    let first = field.options.first()?.value.clone();
    Some(wanted.filter(is_choice).unwrap_or(first))
}

/// Whether a field shows in the example row. Conditions may form a circle, so the way up is bounded.
fn shows(field: &FormField, all: &[TemplateColumn<'_>], depth: usize) -> bool {
    let Some(condition) = &field.condition else {
        return true;
    };
    let parent = all
        .iter()
        .filter_map(|column| column.field)
        .find(|parent| parent.key == condition.parent);
    parent.is_some_and(|parent| {
        depth < all.len()
            && chosen(parent, all).as_ref() == Some(&condition.value)
            && shows(parent, all, depth + 1)
    })
}

fn by_key(key: &str) -> String {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let key = key.to_lowercase();
    BY_KEY
        .iter()
        .find(|(part, _)| key.ends_with(part) || key.contains(part) && *part != "name")
        .map_or("…", |(_, example)| example)
        .to_owned()
}
