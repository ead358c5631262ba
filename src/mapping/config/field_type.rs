//! The type of a form field, with what belongs to it: date formats and choices.

use toml::de::{DeTable, DeValue};

use super::reader::{Reader, listed};
use super::spanned::Spanned;
use crate::mapping::names::did_you_mean;
use crate::mapping::value::{self, DecimalMark};

/// The words for field types, in the order of the interface.
const TYPES: &[&str] = &[
    "text",
    "number",
    "date",
    "phone",
    "email",
    "choice",
    "boolean",
    "egypt_national_id",
];

/// What may come before a number's fraction.
const DECIMAL_MARKS: [(&str, DecimalMark); 2] =
    [(".", DecimalMark::Point), (",", DecimalMark::Comma)];

/// How dates go out unless the config says otherwise.
const DEFAULT_DATE_OUTPUT: &str = "%Y-%m-%d";

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// As it stands.
    Text,
    /// A number.
    Number {
        /// What comes before the fraction.
        decimal: Option<DecimalMark>,
    },
    /// A date.
    Date {
        /// How text cells write it.
        input: Option<String>,
        /// How it goes out.
        output: String,
    },
    /// A phone number, sent as E.164.
    Phone,
    /// An e-mail address.
    Email,
    /// One of several texts; none named means the form's own.
    Choice(Vec<Choice>),
    /// Yes or no.
    Boolean,
    /// An Egyptian national id.
    EgyptNationalId,
}

/// One choice: what people write and what is sent for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What people write.
    pub label: String,
    /// What is sent.
    pub sent: Spanned<String>,
}

/// The type that a field's table names; none when it names none, or no known one.
pub(super) fn read(table: &DeTable<'_>, reader: &mut Reader) -> Option<FieldType> {
    let word = reader.string(table, "type");
    let name = word.as_ref().map_or("text", |word| word.value.as_str());
    for (option, owner) in [
        ("decimal", "number"),
        ("input", "date"),
        ("output", "date"),
        ("choices", "choice"),
    ] {
        if name != owner
            && let Some((key, _)) = table.get_key_value(option)
        {
            let message = format!("`{option}` belongs to type = \"{owner}\"");
            reader.complain(
                &key.span(),
                message,
                format!("add type = \"{owner}\", or take `{option}` out"),
            );
        }
    }
    let word = word?;
    Some(match word.value.as_str() {
        "text" => FieldType::Text,
        "number" => FieldType::Number {
            decimal: reader.one_of(table, "decimal", &DECIMAL_MARKS),
        },
        "date" => FieldType::Date {
            input: read_date_format(table, "input", value::check_date_input, reader),
            output: read_date_format(table, "output", value::check_date_format, reader)
                .unwrap_or_else(|| DEFAULT_DATE_OUTPUT.to_owned()),
        },
        "phone" => FieldType::Phone,
        "email" => FieldType::Email,
        "choice" => FieldType::Choice(read_choices(table, reader)),
        "boolean" => FieldType::Boolean,
        "egypt_national_id" => FieldType::EgyptNationalId,
        unknown => {
            let hint = did_you_mean(unknown, TYPES.iter().copied());
            reader.complain(
                &word.span,
                format!("`type` must be {}", listed(TYPES, "or")),
                hint,
            );
            return None;
        }
    })
}

fn read_date_format(
    table: &DeTable<'_>,
    key: &str,
    check: fn(&str) -> Result<(), String>,
    reader: &mut Reader,
) -> Option<String> {
    let format = reader.filled_string(table, key)?;
    if let Err(reason) = check(&format.value) {
        let hint = "such as \"%d/%m/%Y\" for 31/12/1990".to_owned();
        reader.complain(
            &format.span,
            format!("`{key}` is no date format: {reason}"),
            hint,
        );
    }
    Some(format.value)
}

fn read_choices(table: &DeTable<'_>, reader: &mut Reader) -> Vec<Choice> {
    let Some(value) = table.get("choices") else {
        return Vec::new();
    };
    match value.get_ref() {
        DeValue::Table(pairs) => pairs
            .iter()
            .filter_map(|(label, sent)| {
                let sent = reader.string_value(sent, label.get_ref())?;
                Some(Choice {
                    label: label.get_ref().to_string(),
                    sent,
                })
            })
            .collect(),
        DeValue::Array(items) => items
            .iter()
            .filter_map(|item| {
                let sent = reader.string_value(item, "choices")?;
                Some(Choice {
                    label: sent.value.clone(),
                    sent,
                })
            })
            .collect(),
        _ => {
            reader.wrong_type(
                value,
                "`choices`",
                "a table such as { \"متزوج\" = \"Married\" }",
            );
            Vec::new()
        }
    }
}
