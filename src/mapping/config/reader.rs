//! Reads typed values out of TOML tables, noting every problem on the way instead of stopping at the first.

use std::ops::Range;

use toml::Spanned as TomlSpanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigProblem;
use super::secrets;
use super::spanned::Spanned;
use crate::mapping::names::did_you_mean;

/// What has been found wrong so far.
#[derive(Default)]
pub(super) struct Reader {
    pub problems: Vec<ConfigProblem>,
}

/// A value as the TOML parser gives it.
pub(super) type TomlValue<'i> = TomlSpanned<DeValue<'i>>;

impl Reader {
    /// Notes a problem at a place.
    pub fn complain(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.problems
            .push(ConfigProblem::at(span, message).hint(hint));
    }

    /// Notes every key of a table that is not among the known ones. Secrets are reported elsewhere.
    pub fn refuse_unknown_keys(&mut self, table: &DeTable<'_>, place: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) || secrets::names_a_secret(name) {
                continue;
            }
            let hint = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            self.complain(
                &key.span(),
                format!("unknown key `{name}` in {place}"),
                hint,
            );
        }
    }

    /// A section of the file, its keys checked; `None` when it is absent or no table.
    pub fn section<'t, 'i>(
        &mut self,
        root: &'t DeTable<'i>,
        name: &str,
        known: &[&str],
    ) -> Option<&'t DeTable<'i>> {
        let value = root.get(name)?;
        let table = self.table(value, &format!("[{name}]"))?;
        self.refuse_unknown_keys(table, &format!("[{name}]"), known);
        Some(table)
    }

    /// The value as a table.
    pub fn table<'t, 'i>(
        &mut self,
        value: &'t TomlValue<'i>,
        place: &str,
    ) -> Option<&'t DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(value, place, "a table");
        }
        table
    }

    /// A text under a key.
    pub fn string(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spanned<String>> {
        let value = table.get(key)?;
        self.string_value(value, key)
    }

    /// A text that says something: not empty, not only white space.
    pub fn filled_string(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spanned<String>> {
        let text = self.string(table, key)?;
        if text.value.trim().is_empty() {
            self.complain(
                &text.span,
                format!("`{key}` is empty"),
                "give it a value, or take the line out".to_owned(),
            );
            return None;
        }
        Some(text)
    }

    /// The value as a text.
    pub fn string_value(&mut self, value: &TomlValue<'_>, name: &str) -> Option<Spanned<String>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(value, &format!("`{name}`"), "a text in quotes");
            return None;
        };
        Some(Spanned::new(text.to_string(), value.span()))
    }

    /// A yes or no under a key.
    pub fn boolean(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(value, &format!("`{key}`"), "true or false");
        }
        boolean
    }

    /// A whole number of at least one under a key.
    pub fn positive(&mut self, table: &DeTable<'_>, key: &str) -> Option<u32> {
        let value = table.get(key)?;
        let number = self.integer_value(value, &format!("`{key}`"))?;
        match u32::try_from(number) {
            Ok(number) if number > 0 => Some(number),
            _ => {
                let message = format!("`{key}` must be a whole number from 1 to {}", u32::MAX);
                self.complain(&value.span(), message, None);
                None
            }
        }
    }

    /// The value as a whole number.
    pub fn integer_value(&mut self, value: &TomlValue<'_>, what: &str) -> Option<i64> {
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(value, what, "a whole number");
            return None;
        };
        let digits = integer.as_str().replace('_', "");
        let number = i64::from_str_radix(&digits, integer.radix()).ok();
        if number.is_none() {
            self.complain(&value.span(), format!("{what} is too large a number"), None);
        }
        number
    }

    /// One of several words under a key.
    pub fn one_of<T: Copy>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let word = self.string(table, key)?;
        if let Some((_, meaning)) = words.iter().find(|(known, _)| *known == word.value) {
            return Some(*meaning);
        }
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        let hint = did_you_mean(&word.value, known.iter().copied());
        let message = format!("`{key}` must be {}", listed(&known, "or"));
        self.complain(&word.span, message, hint);
        None
    }

    /// One text or a list of texts.
    pub fn strings(&mut self, table: &DeTable<'_>, key: &str) -> Option<Vec<Spanned<String>>> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .filter_map(|item| self.string_value(item, key))
                    .collect(),
            ),
            _ => self.string_value(value, key).map(|one| vec![one]),
        }
    }

    /// Notes that a value is of another type than it must be.
    pub fn wrong_type(&mut self, value: &TomlValue<'_>, what: &str, expected: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.complain(
            &value.span(),
            format!("{what} must be {expected}, not {found}"),
            None,
        );
    }
}

/// `"a", "b" or "c"`.
pub(super) fn listed(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
