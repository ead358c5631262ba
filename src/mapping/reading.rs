//! Reads TOML by serde, so that everything that is wrong in it is told together, and the words of what is wrong.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use strum::VariantNames;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

use super::diagnostics::{ConfigProblem, Path, find_secrets};
use super::names::did_you_mean;
use crate::model::ContractTypeId;

/// Problems that are told at most; a file with more of them is another file.
const MOST_PROBLEMS: usize = 100;

/// A TOML file that may be wrong in several places, read by serde nevertheless: what it refuses is noted and taken out, and
/// it reads again.
pub(crate) struct Reading<'t> {
    root: Spanned<DeTable<'t>>,
    pub problems: Vec<ConfigProblem>,
    /// Entries that were taken out.
    removed: Vec<Path>,
}

impl<'t> Reading<'t> {
    pub fn of(text: &'t str) -> Self {
        let (root, syntax_errors) = DeTable::parse_recoverable(text);
        let mut reading = Reading {
            root,
            problems: Vec::new(),
            removed: Vec::new(),
        };
        reading.take_out_secrets();
        if !syntax_errors.is_empty() {
            // What the parser recovered has holes; judging them as well would only add noise.
            reading.root.get_mut().clear();
        }
        for error in syntax_errors {
            let message = format!("this is no valid TOML: {}", error.message());
            let span = error.span().unwrap_or_default();
            reading.problems.push(ConfigProblem::at(&span, message));
        }
        reading
    }

    /// The file as this type, without what is wrong in it.
    pub fn read<T: DeserializeOwned + Default>(&mut self) -> T {
        while self.problems.len() < MOST_PROBLEMS {
            match T::deserialize(toml::Deserializer::from(self.root.clone())) {
                Ok(read) => return read,
                Err(error) => {
                    let span = error.span().unwrap_or_default();
                    let Some(place) = place_of(self.root.get_ref(), &span) else {
                        self.problems
                            .push(ConfigProblem::at(&span, error.message()));
                        break;
                    };
                    self.problems
                        .push(problem_at(&place, &span, error.message()));
                    self.take_out(&place.path);
                }
            }
        }
        T::default()
    }

    pub fn refuse<'h>(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<&'h str>>,
    ) {
        let hint = hint.into().map(str::to_owned);
        self.problems
            .push(ConfigProblem::at(span, message).hint(hint));
    }

    /// Whether nothing below this path was taken out, so that what lacks there was never written.
    pub fn is_whole(&self, path: &[&str]) -> bool {
        !self
            .removed
            .iter()
            .any(|removed| removed.iter().zip(path).all(|(a, b)| a == b))
    }

    fn take_out(&mut self, path: &[String]) {
        if let Some((last, before)) = path.split_last() {
            let mut table = Some(self.root.get_mut());
            for name in before {
                table = table.and_then(|table| match table.get_mut(name.as_str())?.get_mut() {
                    DeValue::Table(inner) => Some(inner),
                    _ => None,
                });
            }
            if let Some(table) = table {
                table.remove(last.as_str());
            }
        }
        self.removed.push(path.to_vec());
    }

    fn take_out_secrets(&mut self) {
        let mut found: Vec<(Path, ConfigProblem)> = Vec::new();
        find_secrets(self.root.get_ref(), &mut Path::new(), &mut found);
        for (path, problem) in found {
            self.problems.push(problem);
            self.take_out(&path);
        }
    }
}

/// Where a refused key or value stands.
struct Place {
    path: Path,
    is_key: bool,
}

/// The innermost entry whose key or value this span is, or lies in.
fn place_of(table: &DeTable<'_>, span: &Range<usize>) -> Option<Place> {
    let lies_in = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    table.iter().find_map(|(key, value)| {
        let inner = value
            .get_ref()
            .as_table()
            .and_then(|inner| place_of(inner, span));
        let is_key = key.span() == *span;
        let mut place = match inner {
            Some(place) => place,
            None if is_key || lies_in(&value.span()) => Place {
                path: Path::new(),
                is_key,
            },
            None => return None,
        };
        place.path.insert(0, key.get_ref().to_string());
        Some(place)
    })
}

/// What serde says of an entry, for people. The messages of our own types are predicates, with advice in a second line.
fn problem_at(place: &Place, span: &Range<usize>, message: &str) -> ConfigProblem {
    let path: Vec<&str> = place.path.iter().map(String::as_str).collect();
    let section = |path: &[&str]| match path {
        [] => "the file".to_owned(),
        ["fields", _, field, ..] => format!("the field `{field}`"),
        path => format!("[{}]", path.join(".")),
    };
    // The contract types below `fields` are checked by their own type.
    if place.is_key && !matches!(path[..], ["fields", _]) {
        let (name, outside) = path.split_last().unwrap_or((&"", &[]));
        // unknown field `x`, expected one of `a`, `b`
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        let hint = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
        let message = format!("unknown key `{name}` in {}", section(outside));
        return ConfigProblem::at(span, message).hint(hint);
    }
    let subject = match path[..] {
        [_] | ["fields", _] if !place.is_key => section(&path),
        _ => format!("`{}`", path.last().unwrap_or(&"")),
    };
    let (what, hint) = message
        .split_once('\n')
        .map_or((message, None), |(what, hint)| (what, Some(hint)));
    ConfigProblem::at(span, format!("{subject} {what}")).hint(hint.map(str::to_owned))
}

/// A text that says something: not empty, not only white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What can be read from a TOML value. The error is a predicate (`must be …`), with advice in a second line.
pub(crate) trait FromToml: Sized {
    fn from_toml(value: Value) -> Result<Self, String>;
}

/// Deserialises by [`FromToml`].
pub(crate) fn checked<'de, D: Deserializer<'de>, T: FromToml>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::from_toml(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same as a type, for use inside of others.
pub(crate) struct Checked<T>(pub T);

impl<'de, T: FromToml> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer).map(Checked)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer)
    }
}

impl FromToml for Text {
    fn from_toml(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text.trim().is_empty() => Err("is empty".to_owned()),
            Value::String(text) => Ok(Text(text)),
            other => Err(must_be("a text in quotes", &other)),
        }
    }
}

impl FromToml for String {
    fn from_toml(value: Value) -> Result<Self, String> {
        Text::from_toml(value).map(|text| text.0)
    }
}

/// One text, or a list of them.
impl FromToml for Vec<Text> {
    fn from_toml(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(items) if items.is_empty() => {
                Err("is empty\nname a column, or take it out".to_owned())
            }
            Value::Array(items) => items.into_iter().map(Text::from_toml).collect(),
            one => Ok(vec![Text::from_toml(one)?]),
        }
    }
}

impl FromToml for bool {
    fn from_toml(value: Value) -> Result<Self, String> {
        value
            .as_bool()
            .ok_or_else(|| must_be("true or false", &value))
    }
}

/// A count, from one on.
impl FromToml for u32 {
    fn from_toml(value: Value) -> Result<Self, String> {
        let number = value
            .as_integer()
            .ok_or_else(|| must_be("a whole number", &value))?;
        let count = u32::try_from(number).ok().filter(|&count| count > 0);
        count.ok_or_else(|| format!("must be a whole number from 1 to {}", u32::MAX))
    }
}

impl<T: FromToml> FromToml for Option<T> {
    fn from_toml(value: Value) -> Result<Self, String> {
        T::from_toml(value).map(Some)
    }
}

/// One contract type, or a list of them.
impl FromToml for Vec<ContractTypeId> {
    fn from_toml(value: Value) -> Result<Self, String> {
        const EXPECTED: &str =
            "must be a contract type's number, from 1 on, or a list of them\nsuch as [414]";
        let items = match value {
            Value::Array(items) if !items.is_empty() => items,
            one => vec![one],
        };
        let id = |item: &Value| Some(ContractTypeId(item.as_integer().filter(|&id| id > 0)?));
        let ids: Option<Vec<ContractTypeId>> = items.iter().map(id).collect();
        ids.ok_or_else(|| EXPECTED.to_owned())
    }
}

/// One of several words.
pub(crate) fn word<T: FromStr + VariantNames>(value: Value) -> Result<T, String> {
    let text = Text::from_toml(value)?;
    text.parse().map_err(|_| {
        let expected = format!("must be {}", listed(T::VARIANTS, "or"));
        match did_you_mean(&text, T::VARIANTS.iter().copied()) {
            Some(hint) => format!("{expected}\n{hint}"),
            None => expected,
        }
    })
}

fn must_be(expected: &str, found: &Value) -> String {
    let found = match found {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    };
    format!("must be {expected}, not {found}")
}

/// `"a", "b" or "c"`.
pub(crate) fn listed(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// What is a table, or may be something else besides. Told apart here, so that no message of serde repeats a value, which may
/// be a secret, and every text keeps its place.
pub(crate) trait Shaped: Sized {
    const EXPECTED: &'static str;

    fn from_table<'de, A: MapAccess<'de>>(table: A) -> Result<Self, A::Error>;

    fn from_text(_text: String) -> Option<Self> {
        None
    }

    fn from_list<'de, A: SeqAccess<'de>>(_list: A) -> Result<Option<Self>, A::Error> {
        Ok(None)
    }
}

struct Shape<T>(PhantomData<T>);

pub(crate) fn shaped<'de, D: Deserializer<'de>, T: Shaped>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Shape(PhantomData))
}

impl<T: Shaped> Shape<T> {
    fn refuse<E: serde::de::Error>(found: impl Into<Value>) -> E {
        E::custom(must_be(T::EXPECTED, &found.into()))
    }
}

impl<'de, T: Shaped> Visitor<'de> for Shape<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
        T::from_table(table)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::from_list(list)?.ok_or_else(|| Self::refuse(Vec::<Value>::new()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text.to_owned()).ok_or_else(|| Self::refuse(""))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<T, E> {
        Err(Self::refuse(0))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<T, E> {
        Err(Self::refuse(0.0))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<T, E> {
        Err(Self::refuse(true))
    }
}

/// A table of known keys.
#[derive(Default)]
pub(crate) struct Table<T>(pub T);

impl<T: DeserializeOwned> Shaped for Table<T> {
    const EXPECTED: &'static str = "a table";

    fn from_table<'de, A: MapAccess<'de>>(table: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(Table)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shaped(deserializer)
    }
}

/// A table whose keys are other people's words, in the order of the file.
pub(crate) struct Entries<T, K = String>(pub Vec<(Spanned<K>, T)>);

impl<T: DeserializeOwned, K: DeserializeOwned> Shaped for Entries<T, K> {
    const EXPECTED: &'static str = "a table";

    fn from_table<'de, A: MapAccess<'de>>(mut table: A) -> Result<Self, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = table.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

impl<'de, T: DeserializeOwned, K: DeserializeOwned> Deserialize<'de> for Entries<T, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shaped(deserializer)
    }
}
