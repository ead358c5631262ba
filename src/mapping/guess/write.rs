//! Writes a proposal as a config that a clerk can read and edit: what is sure as settings, what is not as remarks.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::fit::Target;
use super::profile::words_for;
use super::proposal::{Certainty, ColumnGuess, Proposal};
use crate::mapping::value::DateOrder;
use crate::mapping::words::Shape;
use crate::model::{ContractTypeId, FormField};

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

/// What the template shows.
#[derive(Serialize)]
struct Page<'a> {
    source: &'a SourceSettings,
    recipient: [RecipientLine<'a>; 2],
    country: &'a str,
    contract: ContractLines<'a>,
    groups: Vec<Group<'a>>,
    unused: Vec<Unused<'a>>,
}

#[derive(Serialize)]
struct RecipientLine<'a> {
    setting: &'static str,
    column: Option<&'a str>,
    candidates: Vec<&'a str>,
}

#[derive(Serialize)]
struct ContractLines<'a> {
    /// The section; none: nothing tells the contract type.
    lines: Vec<String>,
    /// Whether the lines have to be filled in.
    is_open: bool,
    candidates: Vec<&'a str>,
}

/// The fields of one contract type; without an id they are written as remarks, for a number to be filled in.
#[derive(Serialize)]
struct Group<'a> {
    id: Option<i64>,
    has_form: bool,
    name: &'a str,
    fields: Vec<FieldLine<'a>>,
    unfed: Vec<Unfed<'a>>,
}

#[derive(Default, Serialize)]
struct FieldLine<'a> {
    key: &'a str,
    column: &'a str,
    template: Option<String>,
    kind: Option<&'static str>,
    input: Option<&'static str>,
    choices: Vec<(String, &'a str)>,
    remark: &'static str,
}

/// A field of the form that no column surely feeds.
#[derive(Serialize)]
struct Unfed<'a> {
    key: &'a str,
    labels: Vec<&'a str>,
    candidates: Vec<&'a str>,
}

#[derive(Serialize)]
struct Unused<'a> {
    header: &'a str,
    candidates: Vec<String>,
}

impl Proposal {
    /// The text of `vlens-batch.toml`.
    pub fn to_toml(&self, source: &SourceSettings) -> String {
        let ids = self.types_of_fields();
        let page = Page {
            source,
            recipient: [("phone", Target::Phone), ("email", Target::Email)].map(
                |(setting, target)| RecipientLine {
                    setting,
                    column: self.column_of(&target).map(ColumnGuess::header),
                    candidates: self.candidates(&target),
                },
            ),
            country: &self.country,
            contract: ContractLines {
                lines: self.contract_lines().lines().map(str::to_owned).collect(),
                is_open: self.open_column().is_some(),
                candidates: self.candidates(&Target::ContractType),
            },
            groups: ids.into_iter().map(|id| self.group(id)).collect(),
            unused: self.unused(),
        };
        render(&page).unwrap_or_else(|error| format!("# The proposal cannot be written: {error}\n"))
    }

    /// `[contract]`, as far as it is known: `…` where nobody has said what a value of the column means.
    pub fn contract_lines(&self) -> String {
        let Some(column) = self.column_of(&Target::ContractType) else {
            let types: Vec<String> = self.types.iter().map(ToString::to_string).collect();
            return match types.is_empty() {
                true => String::new(),
                false => format!("[contract]\ntypes = [{}]\n", types.join(", ")),
            };
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
            types = match self.type_words.is_empty() {
                true => by_id.collect(),
                false => by_word.collect(),
            };
            types.sort_unstable();
            types.dedup();
        }
        match types.is_empty() {
            true => vec![None],
            false => types.into_iter().map(Some).collect(),
        }
    }

    fn group(&self, id: Option<ContractTypeId>) -> Group<'_> {
        let form = id.and_then(|id| self.forms.get(&id));
        let fields = form.map(|form| form.fields.as_slice());
        let unfed = fields.into_iter().flatten();
        let unfed = unfed.filter(|field| !self.feeds(&field.key));
        Group {
            id: id.map(|id| id.0),
            has_form: form.is_some(),
            name: form.map_or("", |form| &form.name),
            fields: self.field_lines(id, fields),
            unfed: unfed.map(|field| self.unfed(field)).collect(),
        }
    }

    /// Columns first, then what is made of several, then a form's own question for the recipient's phone or e-mail.
    fn field_lines<'a>(
        &'a self,
        id: Option<ContractTypeId>,
        fields: Option<&'a [FormField]>,
    ) -> Vec<FieldLine<'a>> {
        let field = |key: &str| fields?.iter().find(|field| field.key == key);
        let has = |key: &str| fields.is_none() || field(key).is_some();
        let is_anothers = |header: &str| {
            let named = self.header_types.explicit_key(header);
            named.is_some_and(|(only, _)| id != Some(only))
        };
        let mut lines = Vec::new();
        for column in &self.columns {
            if let Some(Target::Field(key)) = &column.target
                && has(key)
                && !is_anothers(column.header())
            {
                lines.push(self.column_line(column, key, field(key)));
            }
        }
        for (key, columns) in self.joined.iter().filter(|(key, _)| has(key)) {
            let parts: Vec<String> = columns.iter().map(|column| in_template(column)).collect();
            lines.push(FieldLine {
                key,
                template: Some(parts.join(" ")),
                ..FieldLine::default()
            });
        }
        let asked_again = self.recipients_fields().into_iter();
        lines.extend(asked_again.filter(|line| field(line.key).is_some()));
        lines
    }

    fn column_line<'a>(
        &'a self,
        column: &'a ColumnGuess,
        key: &'a str,
        field: Option<&'a FormField>,
    ) -> FieldLine<'a> {
        let profile = &column.profile;
        let mut line = FieldLine {
            key,
            column: column.header(),
            remark: match profile.order {
                Some(DateOrder::DayMonth) => "the day comes first, such as 31/12/1990",
                Some(DateOrder::MonthDay) => "the month comes first, such as 12/31/1990",
                None if column.certainty == Certainty::Chosen => "chosen by hand",
                None => "",
            },
            ..FieldLine::default()
        };
        if let Some(field) = field.filter(|field| !field.options.is_empty()) {
            line.choices = words_for(&profile.distinct, field);
            return line;
        }
        let goal = self.targets.goal(&Target::Field(key.to_owned()));
        let holds = |share: f64| profile.count == 0 || share >= 0.5;
        line.kind = match goal.map_or(Shape::Any, |goal| goal.shape) {
            Shape::Date => Some("date"),
            Shape::Number if holds(profile.number) => Some("number"),
            Shape::NationalId if holds(profile.national_id) => Some("egypt_national_id"),
            Shape::Phone => Some("phone"),
            Shape::Email => Some("email"),
            Shape::Number | Shape::NationalId | Shape::Words | Shape::Any => None,
        };
        let is_compact = line.kind == Some("date") && profile.compact_date >= 0.8;
        line.input = is_compact.then_some("%Y%m%d");
        line
    }

    /// A form that asks for the phone or e-mail again gets the recipient's.
    fn recipients_fields(&self) -> Vec<FieldLine<'_>> {
        let asked = [
            ("phoneNumber", Target::Phone, "phone"),
            ("email", Target::Email, "email"),
        ];
        let line = |(concept, target, kind): (&str, Target, &'static str)| {
            let goal = self.targets.field_about(concept)?;
            let column = self.column_of(&target)?;
            let is_fed = self.column_of(&goal.target).is_some();
            (!is_fed).then_some(FieldLine {
                key: &goal.field.as_ref()?.key,
                column: column.header(),
                kind: Some(kind),
                ..FieldLine::default()
            })
        };
        asked.into_iter().filter_map(line).collect()
    }

    fn feeds(&self, key: &str) -> bool {
        self.column_of(&Target::Field(key.to_owned())).is_some()
            || self.joined.iter().any(|(joined, _)| joined == key)
            || self.recipients_fields().iter().any(|line| line.key == key)
    }

    fn unfed<'a>(&'a self, field: &'a FormField) -> Unfed<'a> {
        let labels = [field.label.as_str(), field.label_ar.as_str()];
        Unfed {
            key: &field.key,
            labels: labels
                .into_iter()
                .filter(|label| !label.is_empty())
                .collect(),
            candidates: self.candidates(&Target::Field(field.key.clone())),
        }
    }

    /// Columns that nothing came of, with what they may be.
    fn unused(&self) -> Vec<Unused<'_>> {
        let is_joined = |header: &str| {
            let mut joined = self.joined.iter().flat_map(|(_, columns)| columns);
            joined.any(|column| column == header)
        };
        let unused = self.columns.iter();
        let unused = unused.filter(|column| column.target.is_none() && !is_joined(column.header()));
        unused
            .map(|column| Unused {
                header: column.header(),
                candidates: column.candidates.iter().map(ToString::to_string).collect(),
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

fn render(page: &Page<'_>) -> Result<String, minijinja::Error> {
    let mut templates = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    templates.set_syntax(syntax);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_filter("toml", |value: &Value| json(value));
    templates.add_filter("key", bare_or_quoted);
    templates.add_filter("flat", flat);
    templates.add_template("init.toml", PAGE)?;
    templates
        .get_template("init.toml")?
        .render(Value::from(Serde(page)))
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

/// On one line, for a remark.
fn flat(text: &str) -> String {
    text.replace(char::is_control, " ")
}
