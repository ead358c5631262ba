//! `[fields.ID]`: where each form field of a contract type takes its value from, and what type it has.

use toml::de::{DeTable, DeValue};

use super::field_type::{self, FieldType};
use super::reader::{Reader, TomlValue, listed};
use super::spanned::Spanned;
use crate::mapping::template;
use crate::model::ContractTypeId;

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

pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Option<Vec<FieldsConfig>> {
    let value = root.get("fields")?;
    let table = reader.table(value, "[fields]")?;
    let mut all = Vec::new();
    for (key, fields) in table {
        let name = key.get_ref().as_ref();
        let id = name.parse().ok().filter(|&id: &i64| id > 0);
        let Some(id) = id.filter(|id| id.to_string() == name) else {
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
        "column", "template", "value", "type", "decimal", "input", "output", "choices", "required",
        "default",
    ];
    reader.refuse_unknown_keys(table, &format!("the field `{}`", key.value), &known);
    let source = read_source(&key, value, table, reader);
    let field_type = field_type::read(table, reader);
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
    for name in [
        "type", "decimal", "input", "output", "choices", "required", "default",
    ] {
        if let Some((key, _)) = table.get_key_value(name) {
            let message =
                format!("`{name}` means nothing beside `value`, which is sent as it stands");
            reader.complain(&key.span(), message, "take one of the two out".to_owned());
        }
    }
}
