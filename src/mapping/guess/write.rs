//! Writes a proposal as a config that a clerk can read and edit: what is sure as settings, what is not as remarks.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::goals::{ColumnGuess, EMAIL, Goal, PHONE, Target, labels_of};
use super::profile::words_for;
use super::proposal::Proposal;
use crate::mapping::form::type_of;
use crate::mapping::value::{Country, DateOrder};
use crate::model::{ContractTypeId, FieldType, Form, FormField};

/// One field of a contract type, as the template writes it.
#[derive(Default, Serialize)]
struct FieldLine<'p> {
    key: &'p str,
    columns: Vec<&'p str>,
    /// Of several columns that make one text.
    template: Option<String>,
    kind: Option<FieldType>,
    input: Option<&'static str>,
    choices: Vec<(String, &'p str)>,
    remark: &'static str,
}

impl Proposal {
    /// The text of `vlens-batch.toml`, with `[source]` as far as it is not found again by itself, and settings of the company as
    /// they stood elsewhere.
    pub fn to_toml(&self, source: &str, company: &str) -> String {
        let recipient = [("phone", Target::Phone), ("email", Target::Email)];
        let recipient = recipient.map(|(setting, target)| {
            let columns = Serde(headers(&self.columns_of(&target)));
            context! { setting, columns, candidates => Serde(self.candidates(&target)) }
        });
        let unused = self.columns.iter().filter(|column| column.target.is_none());
        let unused = unused.map(|column| {
            let candidates = column.candidates.iter().map(ToString::to_string);
            context! { header => column.header(), candidates => candidates.collect::<Vec<_>>() }
        });
        let mut types = self.types().to_vec();
        if types.is_empty() && self.column_of(&Target::ContractType).is_some() {
            types = self.contract.known();
        }
        let mut groups: Vec<Value> = types.into_iter().map(|id| self.group(Some(id))).collect();
        if groups.is_empty() {
            groups.push(self.group(None));
        }
        let page = context! {
            source,
            company,
            recipient => recipient.to_vec(),
            country => String::from(Country::default()),
            contract => self.contract_lines(),
            is_open => self.open_column().is_some(),
            groups,
            unused => unused.collect::<Vec<_>>(),
        };
        render(page).unwrap_or_else(|error| format!("# The proposal cannot be written: {error}\n"))
    }

    /// `[contract]`, as far as it is known: `…` where nobody has said what a value of the column means.
    fn contract_lines(&self) -> Vec<String> {
        let section = "[contract]".to_owned();
        if let Some(column) = self.column_of(&Target::ContractType) {
            let column = format!("column = {}", json(&column.header()));
            let words = self.contract.words.iter().map(|(word, id)| {
                let meaning = id.map_or("…".to_owned(), |id| id.to_string());
                format!("{} = {meaning}", json(word))
            });
            let words = words.collect::<Vec<_>>().join(", ");
            if self.contract.is_told_by_numbers() {
                return vec![section, column];
            }
            return vec![section, column, format!("values = {{ {words} }}")];
        }
        let types: Vec<String> = self.types().iter().map(ToString::to_string).collect();
        if types.is_empty() {
            return Vec::new();
        }
        vec![section, format!("types = [{}]", types.join(", "))]
    }

    /// The fields of one contract type; without an id they are written as remarks, for a number to be filled in.
    fn group(&self, id: Option<ContractTypeId>) -> Value {
        let form = id.and_then(|id| self.forms.get(&id));
        let lines = self.field_lines(id, form);
        let unfed = form.into_iter().flat_map(|form| &form.fields);
        let unfed = unfed.filter(|field| lines.iter().all(|line| line.key != field.key));
        let unfed = unfed.map(|field| {
            let candidates = self.candidates(&Target::Field(field.key.clone()));
            context! { key => field.key.as_str(), labels => Serde(labels_of(field)), candidates => Serde(candidates) }
        });
        let unfed: Vec<Value> = unfed.collect();
        context! {
            id => id.map(|id| id.0),
            has_form => form.is_some(),
            name => form.map_or("", |form| form.name.as_str()),
            fields => Serde(lines),
            unfed,
        }
    }

    /// Columns first, then what is made of several, then a form's own question for the recipient's phone or e-mail.
    fn field_lines<'p>(
        &'p self,
        id: Option<ContractTypeId>,
        form: Option<&'p Form>,
    ) -> Vec<FieldLine<'p>> {
        let field = |key: &str| form?.field(key);
        let is_ours = |column: &&ColumnGuess| {
            let named = self.header_types.explicit_key(column.header());
            named.is_none_or(|(only, _)| id == Some(only))
        };
        let mut lines: Vec<FieldLine<'p>> = Vec::new();
        for column in self.columns.iter().filter(is_ours) {
            let Some(target @ Target::Field(key)) = &column.target else {
                continue;
            };
            let is_known = form.is_none() || field(key).is_some();
            if is_known && lines.iter().all(|line| line.key != key) {
                let mut columns = self.columns_of(target);
                columns.retain(is_ours);
                lines.push(self.field_line(&columns, target, key, field(key)));
            }
        }
        for (concept, recipient, kind) in [
            (PHONE, Target::Phone, FieldType::Phone),
            (EMAIL, Target::Email, FieldType::Email),
        ] {
            if let Some(goal) = self.field_about(concept)
                && let Target::Field(key) = &goal.target
                && field(key).is_some()
                && self.column_of(&goal.target).is_none()
                && let Some(column) = self.column_of(&recipient)
            {
                lines.push(FieldLine {
                    key,
                    columns: vec![column.header()],
                    kind: Some(kind),
                    ..FieldLine::default()
                });
            }
        }
        lines
    }

    fn field_line<'p>(
        &self,
        columns: &[&'p ColumnGuess],
        target: &Target,
        key: &'p str,
        field: Option<&'p FormField>,
    ) -> FieldLine<'p> {
        let line = FieldLine {
            key,
            columns: headers(columns),
            ..FieldLine::default()
        };
        let is_one_text = self.goal(target).is_some_and(Goal::is_made_of_words);
        if columns.len() > 1 && is_one_text {
            let template = Some(template_of(columns));
            return FieldLine { template, ..line };
        }
        let profile = &columns[0].profile;
        if let Some(field) = field.filter(|field| !field.options.is_empty()) {
            let choices = words_for(&profile.distinct, field);
            return FieldLine { choices, ..line };
        }
        let unknown = FormField {
            key: key.to_owned(),
            ..FormField::default()
        };
        let kind = type_of(field.unwrap_or(&unknown));
        let is_date = kind == FieldType::Date;
        let input = profile.date_form().filter(|_| is_date);
        let remark = match profile.order {
            _ if !is_date || input.is_some() => "",
            Some(DateOrder::DayMonth) => "the day comes first, such as 31/12/1990",
            Some(DateOrder::MonthDay) => "the month comes first, such as 12/31/1990",
            None if profile.has_open_dates => {
                "add input = \"%d/%m/%Y\" where the day comes first, input = \"%m/%d/%Y\" where the month does"
            }
            None => "",
        };
        FieldLine {
            kind: Some(kind).filter(|kind| !matches!(kind, FieldType::Text | FieldType::Choice)),
            input,
            remark,
            ..line
        }
    }

    /// The free columns that may feed a target.
    fn candidates(&self, target: &Target) -> Vec<&str> {
        let columns = self.columns.iter();
        let free = columns.filter(|it| it.target.is_none() && it.candidates.contains(target));
        free.map(ColumnGuess::header).collect()
    }
}

fn headers<'p>(columns: &[&'p ColumnGuess]) -> Vec<&'p str> {
    columns.iter().map(|column| column.header()).collect()
}

/// Their words one behind the other, those left out that a row lacks.
fn template_of(columns: &[&ColumnGuess]) -> String {
    let pieces = columns.iter().enumerate().map(|(at, column)| {
        let name = column.header().replace('\\', "\\\\").replace('\'', "\\'");
        let name = format!("row['{}']", name.replace('\n', "\\n"));
        match (at, column.profile.is_always_filled) {
            (0, _) => format!("{{{{ {name} }}}}"),
            (_, true) => format!(" {{{{ {name} }}}}"),
            (_, false) => format!("{{% if {name} %}} {{{{ {name} }}}}{{% endif %}}"),
        }
    });
    pieces.collect()
}

fn render(page: Value) -> Result<String, minijinja::Error> {
    let mut templates = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    templates.set_syntax(syntax);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_filter("toml", |value: &Value| json(value));
    templates.add_filter("columns", |names: Vec<String>| match &names[..] {
        [only] => json(only),
        several => json(&several),
    });
    templates.add_filter("key", |key: String| {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !key.is_empty() && key.chars().all(is_bare) {
            key
        } else {
            json(&key)
        }
    });
    // On one line, for a remark.
    templates.add_filter("flat", |text: &str| text.replace(char::is_control, " "));
    templates.render_named_str("init.toml", include_str!("init.toml.j2"), page)
}

/// A TOML value on one line: the escapes of JSON are among those of TOML, which also wants one for the control that JSON leaves.
fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.replace('\u{7f}', "\\u007F")
}
