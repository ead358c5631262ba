//! One form field as the config says it: where its value comes from, and what type it has.

use std::fmt;
use std::ops::{Deref, Range};

use indexmap::IndexMap;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use toml::{Spanned, Value};

use super::diagnostics::{ConfigProblem, Reading};
use super::template::Template;
use super::value::{self, DecimalMark};
use crate::model::FieldType;

/// A table whose keys are other people's words, in the order of the file.
pub type Entries<T> = IndexMap<Spanned<String>, T>;

/// A column's name, or several: the first that is filled in a row counts.
pub type Columns = OneOrMany<Text>;

/// Where a form field takes its value from (one of `column`, `template`, `value`), and what type it has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldConfig {
    pub column: Option<Spanned<Columns>>,
    pub template: Option<Spanned<Text>>,
    /// The same for every row.
    pub value: Option<Spanned<Text>>,
    #[serde(rename = "type")]
    pub field_type: Option<Spanned<FieldType>>,
    /// What comes before a number's fraction.
    pub decimal: Option<Spanned<DecimalMark>>,
    /// How text cells write a date.
    pub input: Option<Spanned<Text>>,
    /// How a date goes out.
    pub output: Option<Spanned<Text>>,
    /// What people write and what is sent for it; none: the form's own.
    pub choices: Option<Spanned<Entries<Spanned<Text>>>>,
    /// Whether an empty cell is a problem.
    pub required: Option<Spanned<bool>>,
    /// What an empty cell becomes.
    pub default: Option<Spanned<Text>>,
}

/// A field: its column alone, or everything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldEntry(pub FieldConfig);

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OneOrMany<T>(pub Vec<T>);

/// A text that says something: not empty, not only white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(pub(crate) String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err("is empty\n");
        }
        Ok(Text(text))
    }
}

impl Deref for Text {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let many = match Value::deserialize(deserializer)? {
            Value::Array(many) => many,
            one => vec![one],
        };
        if many.is_empty() {
            return Err(D::Error::custom("is empty\nname one, or take it out"));
        }
        let each = many.into_iter().map(T::deserialize);
        let all = each.collect::<Result<_, toml::de::Error>>();
        all.map(OneOrMany)
            .map_err(|error| D::Error::custom(error.message()))
    }
}

impl<'de> Deserialize<'de> for FieldEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor).map(FieldEntry)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = FieldConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name in quotes, or { column = \"…\", … }")
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<FieldConfig, A::Error> {
        FieldConfig::deserialize(MapAccessDeserializer::new(table))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<FieldConfig, A::Error> {
        Columns::deserialize(SeqAccessDeserializer::new(names)).map(FieldConfig::of_columns)
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<FieldConfig, E> {
        Columns::deserialize(StrDeserializer::new(name)).map(FieldConfig::of_columns)
    }
}

impl FieldConfig {
    /// The place is the whole entry's, set where it is known.
    fn of_columns(columns: Columns) -> Self {
        FieldConfig {
            column: Some(Spanned::new(0..0, columns)),
            ..FieldConfig::default()
        }
    }

    pub(crate) fn field_type(&self) -> FieldType {
        let field_type = self.field_type.as_ref();
        field_type.map_or(FieldType::Text, |name| *name.get_ref())
    }

    pub(crate) fn check(&self, key: &str, span: &Range<usize>, reading: &mut Reading<'_>) {
        let sources = [
            self.column.as_ref().map(|_| "\"column\""),
            self.template.as_ref().map(|_| "\"template\""),
            self.value.as_ref().map(|_| "\"value\""),
        ];
        match sources.into_iter().flatten().collect::<Vec<_>>()[..] {
            [_] => {}
            [] => {
                let message = format!("the field `{key}` has no value to send");
                let hint = "give it a `column`, a `template` or a `value`";
                reading.refuse(span, message, hint);
            }
            ref given => {
                let given = given.join(" and ");
                let message = format!("the field `{key}` has several values to send: {given}");
                reading.refuse(span, message, "keep one of them");
            }
        }
        if let Some(text) = &self.template
            && let Err(reason) = Template::new(text.get_ref())
        {
            let message = format!("the template cannot be used: {reason}");
            let problem = ConfigProblem::at(&text.span(), message);
            reading.problems.push(problem);
        }
        let formats: [(_, _, fn(&str) -> _); 2] = [
            ("input", &self.input, value::check_date_input),
            ("output", &self.output, value::check_date_format),
        ];
        for (name, format, check) in formats {
            let Some(format) = format else { continue };
            if let Err(reason) = check(format.get_ref()) {
                let message = format!("`{name}` is no date format: {reason}");
                let hint = "such as \"%d/%m/%Y\" for 31/12/1990";
                reading.refuse(&format.span(), message, hint);
            }
        }
        self.check_options(reading);
    }

    /// Refuses options of other types, and all of them beside a constant.
    fn check_options(&self, reading: &mut Reading<'_>) {
        let (number, date) = (Some(FieldType::Number), Some(FieldType::Date));
        let choice = Some(FieldType::Choice);
        let options = [
            ("type", self.field_type.as_ref().map(Spanned::span), None),
            ("decimal", self.decimal.as_ref().map(Spanned::span), number),
            ("input", self.input.as_ref().map(Spanned::span), date),
            ("output", self.output.as_ref().map(Spanned::span), date),
            ("choices", self.choices.as_ref().map(Spanned::span), choice),
            ("required", self.required.as_ref().map(Spanned::span), None),
            ("default", self.default.as_ref().map(Spanned::span), None),
        ];
        let given = options.into_iter();
        let given = given.filter_map(|(option, span, owner)| Some((option, span?, owner)));
        for (option, span, owner) in given {
            if self.value.is_some() {
                let message =
                    format!("`{option}` means nothing beside `value`, which is sent as it stands");
                reading.refuse(&span, message, "take one of the two out");
            } else if let Some(owner) = owner.filter(|owner| *owner != self.field_type()) {
                let hint = format!("add type = \"{owner}\", or take `{option}` out");
                let message = format!("`{option}` belongs to type = \"{owner}\"");
                reading.refuse(&span, message, &hint);
            }
        }
    }
}
