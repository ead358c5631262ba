//! `[fields.ID]`: where each form field of a contract type takes its value from, and what type it has.

use toml::de::{DeTable, DeValue};

use super::reader::{Reader, TomlValue, listed};
use super::spanned::Spanned;
use crate::domain::ContractTypeId;
use crate::mapping::{nearest::did_you_mean, template, value};

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

/// How dates go out unless the config says otherwise.
const DEFAULT_DATE_OUTPUT: &str = "%Y-%m-%d";

/// The fields of one contract type, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldsConfig {
    /// The contract type.
    pub contract_type: Spanned<ContractTypeId>,
    /// Its fields.
    pub fields: Vec<FieldConfig>,
}

/// One form field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldConfig {
    /// The key under which it is sent.
    pub key: Spanned<String>,
    /// Where its value comes from.
    pub source: FieldSource,
    /// Its type; none when the config does not say.
    pub field_type: Option<FieldType>,
    /// Whether an empty cell is a problem.
    pub required: bool,
    /// What an empty cell becomes.
    pub default: Option<Spanned<String>>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldSource {
    /// A column.
    Column(Spanned<String>),
    /// Several columns.
    Template {
        /// The template.
        text: Spanned<String>,
        /// The columns that it uses, as it spells them.
        columns: Vec<String>,
    },
    /// The same for every row.
    Constant(Spanned<String>),
}

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// As it stands.
    Text,
    /// A number.
    Number,
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

pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Option<Vec<FieldsConfig>> {
    let value = root.get("fields")?;
    let table = reader.table(value, "[fields]")?;
    let mut all = Vec::new();
    for (key, fields) in table {
        let name = key.get_ref().as_ref();
        let Some(id) = name.parse().ok().filter(|&id: &i64| id > 0) else {
            reader.complain(
                &key.span(),
                format!("`{name}` in [fields] is no contract type"),
                "fields stand under their contract type's number, such as [fields.414]".to_owned(),
            );
            continue;
        };
        let Some(fields) = reader.table(fields, &format!("[fields.{name}]")) else {
            continue;
        };
        all.push(FieldsConfig {
            contract_type: Spanned::new(ContractTypeId(id), key.span()),
            fields: fields
                .iter()
                .filter_map(|(key, value)| {
                    let key = Spanned::new(key.get_ref().to_string(), key.span());
                    read_field(key, value, reader)
                })
                .collect(),
        });
    }
    Some(all)
}

fn read_field(
    key: Spanned<String>,
    value: &TomlValue<'_>,
    reader: &mut Reader,
) -> Option<FieldConfig> {
    match value.get_ref() {
        DeValue::String(_) => {
            let column = reader.string_value(value, &key.value)?;
            Some(FieldConfig {
                key,
                source: FieldSource::Column(column),
                field_type: None,
                required: false,
                default: None,
            })
        }
        DeValue::Table(table) => read_detailed_field(key, value, table, reader),
        _ => {
            let what = format!("`{}`", key.value);
            reader.wrong_type(
                value,
                &what,
                "a column's name in quotes, or { column = \"…\", … }",
            );
            None
        }
    }
}

fn read_detailed_field(
    key: Spanned<String>,
    value: &TomlValue<'_>,
    table: &DeTable<'_>,
    reader: &mut Reader,
) -> Option<FieldConfig> {
    let known = [
        "column", "template", "value", "type", "input", "output", "choices", "required", "default",
    ];
    reader.refuse_unknown_keys(table, &format!("the field `{}`", key.value), &known);
    let source = read_source(&key, value, table, reader);
    let field_type = read_type(table, reader);
    let required = reader.boolean(table, "required").unwrap_or(false);
    let default = reader.string(table, "default");
    let source = source?;
    if matches!(source, FieldSource::Constant(_)) {
        refuse_beside_a_constant(table, reader);
    }
    Some(FieldConfig {
        key,
        source,
        field_type,
        required,
        default,
    })
}

fn read_source(
    key: &Spanned<String>,
    value: &TomlValue<'_>,
    table: &DeTable<'_>,
    reader: &mut Reader,
) -> Option<FieldSource> {
    let given: Vec<&str> = ["column", "template", "value"]
        .into_iter()
        .filter(|&name| table.contains_key(name))
        .collect();
    match given[..] {
        ["column"] => reader
            .filled_string(table, "column")
            .map(FieldSource::Column),
        ["value"] => reader
            .filled_string(table, "value")
            .map(FieldSource::Constant),
        ["template"] => read_template(table, reader),
        [] => {
            let message = format!("the field `{}` has no value to send", key.value);
            let hint = "give it a `column`, a `template` or a `value`".to_owned();
            reader.complain(&value.span(), message, hint);
            None
        }
        _ => {
            let message = format!(
                "the field `{}` has several values to send: {}",
                key.value,
                listed(&given, "and")
            );
            reader.complain(&value.span(), message, "keep one of them".to_owned());
            None
        }
    }
}

fn read_template(table: &DeTable<'_>, reader: &mut Reader) -> Option<FieldSource> {
    let text = reader.filled_string(table, "template")?;
    match template::columns_of(&text.value) {
        Ok(columns) => Some(FieldSource::Template { text, columns }),
        Err(reason) => {
            reader.complain(
                &text.span,
                format!("the template cannot be used: {reason}"),
                None,
            );
            None
        }
    }
}

fn refuse_beside_a_constant(table: &DeTable<'_>, reader: &mut Reader) {
    for name in ["type", "input", "output", "choices", "required", "default"] {
        if let Some((key, _)) = table.get_key_value(name) {
            let message =
                format!("`{name}` means nothing beside `value`, which is sent as it stands");
            reader.complain(&key.span(), message, "take one of the two out".to_owned());
        }
    }
}

fn read_type(table: &DeTable<'_>, reader: &mut Reader) -> Option<FieldType> {
    let word = reader.string(table, "type");
    let name = word.as_ref().map_or("text", |word| word.value.as_str());
    for (option, owner) in [("input", "date"), ("output", "date"), ("choices", "choice")] {
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
        "number" => FieldType::Number,
        "date" => FieldType::Date {
            input: read_date_format(table, "input", reader),
            output: read_date_format(table, "output", reader)
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

fn read_date_format(table: &DeTable<'_>, key: &str, reader: &mut Reader) -> Option<String> {
    let format = reader.filled_string(table, key)?;
    if let Err(reason) = value::check_date_format(&format.value) {
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
