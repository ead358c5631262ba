//! Writes a proposal as a config that a clerk can read and edit: what is sure as settings, what is not as remarks.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::column::ColumnGuess;
use super::fit::{Goal, Target};
use super::profile::words_for;
use super::proposal::Proposal;
use crate::mapping::form::type_of;
use crate::mapping::value::DateOrder;
use crate::model::{ContractTypeId, FieldType, FormField};

const PAGE: &str = include_str!("init.toml.j2");

/// How the sheet had to be read, where that is not found again by itself: `[source]`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// `skip` or `send`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<&'static str>,
}

impl Proposal {
    /// The text of `vlens-batch.toml`, with settings of the company as they stood elsewhere.
    pub fn to_toml(&self, source: &SourceSettings, company: &str) -> String {
        let recipient = [("phone", Target::Phone), ("email", Target::Email)];
        let recipient = recipient.map(|(setting, target)| {
            let column = named(&self.columns_of(&target));
            context! { setting, column, candidates => Serde(self.candidates(&target)) }
        });
        let contract = self.contract_lines();
        let types = self.types_of_fields();
        let page = context! {
            source => Serde(source),
            company,
            recipient => recipient.to_vec(),
            country => self.country.as_str(),
            contract => context! {
                lines => Serde(contract.lines().collect::<Vec<_>>()),
                is_open => self.open_column().is_some(),
                candidates => Serde(self.candidates(&Target::ContractType)),
            },
            groups => types.into_iter().map(|id| self.group(id)).collect::<Vec<_>>(),
            unused => self.unused(),
        };
        render(page).unwrap_or_else(|error| format!("# The proposal cannot be written: {error}\n"))
    }

    /// `[contract]`, as far as it is known: `…` where nobody has said what a value of the column means.
    pub fn contract_lines(&self) -> String {
        let Some(column) = self.column_of(&Target::ContractType) else {
            let types: Vec<String> = self.types.iter().map(ToString::to_string).collect();
            if types.is_empty() {
                return String::new();
            }
            return format!("[contract]\ntypes = [{}]\n", types.join(", "));
        };
        let lines = format!("[contract]\ncolumn = {}\n", quoted(column.header()));
        if self.type_words.is_empty() {
            return lines;
        }
        let meaning =
            |id: &Option<ContractTypeId>| id.map_or("…".to_owned(), |id| id.to_string());
        let words = self.type_words.iter();
        let words: Vec<String> = words
            .map(|(word, id)| format!("{} = {}", quoted(word), meaning(id)))
            .collect();
        format!("{lines}values = {{ {} }}\n", words.join(", "))
    }

    /// The contract types that fields are written for.
    fn types_of_fields(&self) -> Vec<Option<ContractTypeId>> {
        let mut types = self.types.clone();
        if let (true, Some(column)) = (types.is_empty(), self.column_of(&Target::ContractType)) {
            let by_id = column.profile.distinct.iter();
            let by_id = by_id.filter_map(|value| value.parse().ok().map(ContractTypeId));
            let by_word = self.type_words.iter().filter_map(|(_, id)| *id);
            types = by_word.collect();
            if self.type_words.is_empty() {
                types.extend(by_id);
            }
            types.sort_unstable();
            types.dedup();
        }
        if types.is_empty() {
            return vec![None];
        }
        types.into_iter().map(Some).collect()
    }

    /// The fields of one contract type; without an id they are written as remarks, for a number to be filled in.
    fn group(&self, id: Option<ContractTypeId>) -> Value {
        let form = id.and_then(|id| self.forms.get(&id));
        let fields = form.map(|form| form.fields.as_slice());
        let unfed = fields.into_iter().flatten();
        let unfed = unfed.filter(|field| !self.feeds(&field.key)).map(|field| {
            let labels = [field.label.as_str(), field.label_ar.as_str()];
            context! {
                key => field.key.as_str(),
                labels => Serde(labels.into_iter().filter(|label| !label.is_empty()).collect::<Vec<_>>()),
                candidates => Serde(self.candidates(&Target::Field(field.key.clone()))),
            }
        });
        context! {
            id => id.map(|id| id.0),
            has_form => form.is_some(),
            name => form.map_or("", |form| form.name.as_str()),
            fields => self.fields(id, fields),
            unfed => unfed.collect::<Vec<_>>(),
        }
    }

    /// Columns first, then what is made of several, then a form's own question for the recipient's phone or e-mail.
    fn fields(&self, id: Option<ContractTypeId>, fields: Option<&[FormField]>) -> Vec<Value> {
        let field = |key: &str| fields?.iter().find(|field| field.key == key);
        let has = |key: &str| fields.is_none() || field(key).is_some();
        let is_anothers = |header: &str| {
            let named = self.header_types.explicit_key(header);
            named.is_some_and(|(only, _)| id != Some(only))
        };
        let mut lines = Vec::new();
        let mut written = Vec::new();
        for column in self
            .columns
            .iter()
            .filter(|column| !is_anothers(column.header()))
        {
            let Some(target @ Target::Field(key)) = &column.target else {
                continue;
            };
            if has(key) && !written.contains(&key) {
                let mut columns = self.columns_of(target);
                columns.retain(|column| !is_anothers(column.header()));
                lines.push(self.field(&columns, target, key, field(key)));
                written.push(key);
            }
        }
        for (column, key, kind) in self.recipients_fields() {
            if field(key).is_some() {
                lines.push(context! { key, column => column.header(), kind });
            }
        }
        lines
    }

    fn field(
        &self,
        columns: &[&ColumnGuess],
        target: &Target,
        key: &str,
        field: Option<&FormField>,
    ) -> Value {
        let goal = self.targets.goal(target);
        if columns.len() > 1 && goal.is_some_and(Goal::is_made_of_words) {
            return context! { key, template => template_of(columns) };
        }
        let column = named(columns);
        let profile = &columns[0].profile;
        if let Some(field) = field.filter(|field| !field.options.is_empty()) {
            let choices = words_for(&profile.distinct, field);
            return context! { key, column, choices => Serde(choices) };
        }
        let unknown = FormField {
            key: key.to_owned(),
            ..FormField::default()
        };
        let kind = match type_of(field.unwrap_or(&unknown)) {
            FieldType::Text | FieldType::Choice => None,
            other => Some(other),
        };
        let is_date = kind == Some(FieldType::Date);
        let compact = (profile.compact_date >= 0.8).then_some("%Y%m%d");
        let input = compact.or(profile.date_form()).filter(|_| is_date);
        let remark = match profile.order.filter(|_| is_date && input.is_none()) {
            Some(DateOrder::DayMonth) => "the day comes first, such as 31/12/1990",
            Some(DateOrder::MonthDay) => "the month comes first, such as 12/31/1990",
            None if is_date && input.is_none() && profile.has_open_dates => {
                "add input = \"%d/%m/%Y\" where the day comes first, input = \"%m/%d/%Y\" where the month does"
            }
            None => "",
        };
        context! { key, column, kind => kind.map(|kind| kind.to_string()), input, remark }
    }

    /// A form that asks for the phone or e-mail again gets the recipient's.
    fn recipients_fields(&self) -> Vec<(&ColumnGuess, &str, &'static str)> {
        let asked = [
            ("phoneNumber", Target::Phone, "phone"),
            ("email", Target::Email, "email"),
        ];
        let fed = |(concept, target, kind): (&str, Target, &'static str)| {
            let goal = self.targets.field_about(concept)?;
            let is_fed = self.column_of(&goal.target).is_some();
            let column = self.column_of(&target).filter(|_| !is_fed)?;
            Some((column, goal.field.as_ref()?.key.as_str(), kind))
        };
        asked.into_iter().filter_map(fed).collect()
    }

    fn feeds(&self, key: &str) -> bool {
        self.column_of(&Target::Field(key.to_owned())).is_some()
            || self
                .recipients_fields()
                .iter()
                .any(|(_, field, _)| *field == key)
    }

    /// Columns that nothing came of, with what they may be.
    fn unused(&self) -> Vec<Value> {
        let unused = self.columns.iter().filter(|column| column.target.is_none());
        unused
            .map(|column| {
                let candidates = column.candidates.iter().map(ToString::to_string);
                context! { header => column.header(), candidates => candidates.collect::<Vec<_>>() }
            })
            .collect()
    }

    /// The free columns that may feed a target.
    fn candidates(&self, target: &Target) -> Vec<&str> {
        let free = self.columns.iter().filter(|column| column.target.is_none());
        free.filter(|column| column.candidates.contains(target))
            .map(ColumnGuess::header)
            .collect()
    }
}

fn render(page: Value) -> Result<String, minijinja::Error> {
    let mut templates = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    templates.set_syntax(syntax);
    // A field has no more parts than it needs.
    templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    templates.add_filter("toml", |value: &Value| json(value));
    templates.add_filter("key", bare_or_quoted);
    templates.add_filter("flat", flat);
    templates.add_template("init.toml", PAGE)?;
    templates.get_template("init.toml")?.render(page)
}

/// A TOML value on one line: the escapes of JSON are among those of TOML, which also wants one for the control that JSON leaves.
fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.replace('\u{7f}', "\\u007F")
}

fn quoted(text: &str) -> String {
    json(&text)
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// A column's value inside a template.
fn in_template(column: &str) -> String {
    let name = column.replace('\\', "\\\\").replace('\'', "\\'");
    format!("{{{{ row['{}'] }}}}", name.replace('\n', "\\n"))
}

/// A column's name, or a list of them, of which the first that is filled counts.
fn named(columns: &[&ColumnGuess]) -> Value {
    let mut names = columns.iter().map(|column| column.header().to_owned());
    match columns.len() {
        0 | 1 => Value::from(names.next()),
        _ => Value::from(names.collect::<Vec<_>>()),
    }
}

/// Their words one behind the other, those left out that a row lacks.
fn template_of(columns: &[&ColumnGuess]) -> String {
    let piece = |(at, column): (usize, &&ColumnGuess)| {
        let value = in_template(column.header());
        match (at, column.profile.is_always_filled) {
            (0, _) => value,
            (_, true) => format!(" {value}"),
            (_, false) => {
                let name = value.trim_matches(['{', '}', ' ']);
                format!("{{% if {name} %}} {value}{{% endif %}}")
            }
        }
    };
    columns.iter().enumerate().map(piece).collect()
}

/// On one line, for a remark.
fn flat(text: &str) -> String {
    text.replace(char::is_control, " ")
}
