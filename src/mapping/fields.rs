//! Binds the form fields of each contract type: as the config names them, or, where it names none, as the headers do.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::config::{Config, DEFAULT_DATE_OUTPUT};
use super::diagnostics::ConfigProblem;
use super::field_config::{Entries, Field, FieldConfig, FieldType, Text};
use super::form::{FormCheck, form_field, nearest_key};
use super::header::{Binder, Role, is_left_out};
use super::names::{fold, fold_choice, visible};
use super::template::Template;
use super::value::{Choices, Fault, Kind};
use crate::model::{Column, ContractTypeId, FormField};

/// How many fields a note lists: those of any real form.
const FIELDS_SHOWN: usize = 40;

/// Field groups by contract type.
#[derive(Default)]
pub(crate) struct Groups {
    pub by_type: BTreeMap<ContractTypeId, FieldGroup>,
    /// For contract types that only the rows know.
    pub other_types: FieldGroup,
}

/// The form fields of one contract type.
#[derive(Default)]
pub(crate) struct FieldGroup {
    pub rules: Vec<FieldRule>,
    pub birth: Option<BirthCheck>,
}

/// How one form field gets its value.
pub(crate) struct FieldRule {
    pub key: String,
    pub source: RuleSource,
    pub kind: Kind,
    /// The form's own choices, when the type alone does not tell whether the value is among them.
    pub among: Option<Kind>,
    pub required: bool,
    pub default: Option<String>,
    pub condition: Option<Condition>,
    /// Why this column's values cannot be trusted: set when it contradicts itself.
    pub conflict: Option<Fault>,
}

/// Where the value comes from.
pub(crate) enum RuleSource {
    Column(usize),
    Template {
        template: Template,
        /// The positions of its columns, in its own order.
        columns: Vec<usize>,
    },
    Constant(String),
}

/// The field shows only when its parent has this value.
pub(crate) struct Condition {
    /// The parent's place in the group.
    pub parent: usize,
    /// The parent's value that shows the field.
    pub value: String,
    /// The same, folded.
    pub folded: String,
}

/// A national id and a birth date of the same contract type, which must agree.
pub(crate) struct BirthCheck {
    /// Their places in the group.
    pub national_id: usize,
    pub birth_date: usize,
    /// How the birth date is written.
    pub output: String,
}

impl FieldRule {
    fn of_column(key: &str, index: usize, kind: Kind) -> Self {
        FieldRule {
            key: key.to_owned(),
            source: RuleSource::Column(index),
            kind,
            among: None,
            required: false,
            default: None,
            condition: None,
            conflict: None,
        }
    }

    /// The one column that feeds the rule, for pointing at it.
    pub fn column(&self) -> Option<usize> {
        match &self.source {
            RuleSource::Column(index) => Some(*index),
            RuleSource::Template { columns, .. } => match columns[..] {
                [only] => Some(only),
                _ => None,
            },
            RuleSource::Constant(_) => None,
        }
    }
}

impl FieldGroup {
    /// Ties conditional fields to their parents in the group.
    fn bind_conditions(&mut self, check: &FormCheck<'_>) {
        for at in 0..self.rules.len() {
            let field = check.field(&self.rules[at].key);
            let Some(condition) = field.and_then(|field| field.condition.as_ref()) else {
                continue;
            };
            let parent = self
                .rules
                .iter()
                .position(|rule| rule.key == condition.parent);
            self.rules[at].condition = parent.map(|parent| Condition {
                parent,
                value: condition.value.clone(),
                folded: fold_choice(&condition.value),
            });
        }
    }

    /// A note on the form's fields that no rule feeds.
    fn unmapped(&self, check: &FormCheck<'_>) -> Option<String> {
        let keys: Vec<&str> = self.rules.iter().map(|rule| rule.key.as_str()).collect();
        check.unmapped(&keys)
    }
}

impl Binder<'_> {
    /// Binds the fields of the contract types that rows can have; `possible` is none when only the rows know them.
    pub fn groups(
        &mut self,
        config: &Config,
        possible: Option<BTreeSet<ContractTypeId>>,
    ) -> Groups {
        let Some(configured) = config.fields() else {
            return self.groups_from_headers(possible);
        };
        let mut groups = Groups::default();
        for (id, fields) in configured {
            if possible.as_ref().is_some_and(|types| !types.contains(&id)) {
                let note = format!("[fields.{id}] is not used: no row is for contract type {id}");
                self.notes.push(note);
            }
            let group = self.group(id, fields);
            groups.by_type.insert(id, group);
        }
        for id in possible
            .iter()
            .flatten()
            .filter(|id| !groups.by_type.contains_key(id))
        {
            let note =
                format!("Contract type {id} gets no field values: there is no [fields.{id}]");
            self.notes.push(note);
        }
        groups
    }

    fn group(&mut self, id: ContractTypeId, fields: &Entries<Spanned<Field>>) -> FieldGroup {
        let check = FormCheck::new(id, self.forms);
        let fields = fields.iter().map(|(key, field)| (key, &field.get_ref().0));
        let rules: Vec<(FieldRule, &FieldConfig)> = fields
            .filter_map(|(key, field)| Some((self.field(key, field, &check)?, field)))
            .collect();
        let mut group = FieldGroup {
            birth: birth_check(&rules),
            rules: rules.into_iter().map(|(rule, _)| rule).collect(),
        };
        group.bind_conditions(&check);
        self.notes.extend(group.unmapped(&check));
        group
    }

    fn field(
        &mut self,
        key: &Spanned<String>,
        field: &FieldConfig,
        check: &FormCheck<'_>,
    ) -> Option<FieldRule> {
        if let Err(problem) = check.knows_key(key) {
            self.problems.push(problem);
        }
        let source = self.source(key.get_ref(), field, check);
        let (kind, among) = self.kind(key, field, check)?;
        let default = field.default.as_ref();
        let default = default.map(|default| self.settled_choice(default, key.get_ref(), check));
        Some(FieldRule {
            source: source?,
            among,
            required: field
                .required
                .as_ref()
                .is_some_and(|required| *required.get_ref()),
            default,
            ..FieldRule::of_column(key.get_ref(), 0, kind)
        })
    }

    fn source(
        &mut self,
        key: &str,
        field: &FieldConfig,
        check: &FormCheck<'_>,
    ) -> Option<RuleSource> {
        if let Some(name) = &field.column {
            return self
                .position(name.get_ref(), &name.span())
                .map(RuleSource::Column);
        }
        if let Some(value) = &field.value {
            return Some(RuleSource::Constant(self.settled_choice(value, key, check)));
        }
        let text = field.template.as_ref()?;
        let template = self.templates.add(text.get_ref())?;
        let names = template.columns.iter();
        let positions: Vec<_> = names
            .map(|name| self.position(name, &text.span()))
            .collect();
        Some(RuleSource::Template {
            columns: positions.into_iter().collect::<Option<_>>()?,
            template,
        })
    }

    /// A text that goes out as the config has it: if the field has choices, as the choice's own text.
    fn settled_choice(&mut self, text: &Spanned<Text>, key: &str, check: &FormCheck<'_>) -> String {
        let settled = check.own_text(key, text.get_ref(), &text.span());
        settled.unwrap_or_else(|problem| {
            self.problems.push(problem);
            text.get_ref().to_string()
        })
    }

    /// How the field's value is read, and the form's choices that it must be among besides.
    fn kind(
        &mut self,
        key: &Spanned<String>,
        field: &FieldConfig,
        check: &FormCheck<'_>,
    ) -> Option<(Kind, Option<Kind>)> {
        let form_choices = check.choices(key.get_ref()).map(Kind::Choice);
        Some(match field.field_type() {
            FieldType::Text => (form_choices.unwrap_or(Kind::Text), None),
            FieldType::Choice => {
                let Some(choices) = &field.choices else {
                    if form_choices.is_none() {
                        let message =
                            format!("the field `{key}` is a choice, and nothing says of what");
                        let hint = "add choices = { \"as written\" = \"as sent\" }".to_owned();
                        let problem = ConfigProblem::at(&key.span(), message).hint(hint);
                        self.problems.push(problem);
                    }
                    return form_choices.map(|choices| (choices, None));
                };
                let mut pairs: Vec<(String, String)> = Vec::new();
                for (label, sent) in choices.get_ref() {
                    let sent = self.settled_choice(sent, key.get_ref(), check);
                    pairs.push((label.get_ref().clone(), sent));
                }
                pairs.extend(check.choice_pairs(key.get_ref()).into_iter().flatten());
                (Kind::Choice(Choices::new(pairs)), None)
            }
            FieldType::Number => {
                let decimal = field.decimal.as_ref().map(|mark| *mark.get_ref());
                (Kind::Number { decimal }, form_choices)
            }
            FieldType::Date => {
                let text =
                    |format: &Option<Spanned<Text>>| Some(format.as_ref()?.get_ref().to_string());
                let output = text(&field.output);
                (date(text(&field.input), output), form_choices)
            }
            FieldType::Phone => (self.phone.clone(), None),
            FieldType::Email => (Kind::Email, None),
            FieldType::Boolean => (Kind::Boolean, form_choices),
            FieldType::EgyptNationalId => (Kind::EgyptNationalId, None),
        })
    }
}

fn date(input: Option<String>, output: Option<String>) -> Kind {
    Kind::Date {
        input,
        output: output.unwrap_or_else(|| DEFAULT_DATE_OUTPUT.to_owned()),
        order: None,
    }
}

/// The pair of fields that must agree on the birth date, if the group has both.
fn birth_check(rules: &[(FieldRule, &FieldConfig)]) -> Option<BirthCheck> {
    let is_id = |(rule, _): &(FieldRule, _)| matches!(rule.kind, Kind::EgyptNationalId);
    let national_id = rules.iter().position(is_id)?;
    rules
        .iter()
        .enumerate()
        .find_map(|(birth_date, (rule, field))| {
            let column = field.column.as_ref().map_or("", |name| name.get_ref());
            match &rule.kind {
                Kind::Date { output, .. }
                    if names_a_birth_date(&rule.key) || names_a_birth_date(column) =>
                {
                    Some(BirthCheck {
                        national_id,
                        birth_date,
                        output: output.clone(),
                    })
                }
                _ => None,
            }
        })
}

fn names_a_birth_date(name: &str) -> bool {
    let folded = fold(name);
    folded == "dob"
        || ["birth", "dateofb", "ميلاد"]
            .iter()
            .any(|word| folded.contains(word))
}

/// A column whose header is the key of a form field.
struct KeyColumn<'a> {
    column: &'a Column,
    key: String,
    /// The one contract type that the header names.
    only_for: Option<ContractTypeId>,
}

impl<'a> Binder<'a> {
    /// Groups for the contract types that rows can have, or, where only the rows know, for those with a form or a column
    /// of their own, and one for all others.
    fn groups_from_headers(&mut self, possible: Option<BTreeSet<ContractTypeId>>) -> Groups {
        let columns = self.key_columns();
        let named: BTreeSet<ContractTypeId> = columns
            .iter()
            .filter_map(|column| column.only_for)
            .collect();
        let only_rows_know = possible.is_none();
        let types = possible.unwrap_or_else(|| {
            let known = self.forms.keys().copied();
            named.iter().copied().chain(known).collect()
        });
        for id in named.difference(&types) {
            let note =
                format!("Columns named `{id}.…` are not used: no row is for contract type {id}");
            self.notes.push(note);
        }
        let mut groups = Groups::default();
        for &id in &types {
            let group = self.group_from_headers(id, &columns);
            self.note_keys(&group, &format!("contract type {id}"));
            groups.by_type.insert(id, group);
        }
        if only_rows_know {
            for column in columns.iter().filter(|column| column.only_for.is_none()) {
                self.add_rule(&mut groups.other_types, column, &column.key, Kind::Text);
            }
            self.note_keys(&groups.other_types, "the contract type of each row");
        }
        groups
    }

    fn key_columns(&self) -> Vec<KeyColumn<'a>> {
        self.header
            .columns
            .iter()
            .filter(|column| !visible(&column.name).is_empty() && !is_left_out(&column.name))
            .filter(|column| !self.taken.contains(&column.index))
            // A contract type's column stays what it is when --contract-type or [contract] goes before it.
            .filter(|column| Role::of(&column.name) != Some(Role::ContractType))
            .map(|column| {
                let header = visible(&column.name);
                let explicit = self.types.explicit_key(&header);
                KeyColumn {
                    column,
                    only_for: explicit.map(|(id, _)| id),
                    key: explicit.map_or(header.as_str(), |(_, key)| key).to_owned(),
                }
            })
            .collect()
    }

    fn group_from_headers(&mut self, id: ContractTypeId, columns: &[KeyColumn<'a>]) -> FieldGroup {
        let check = FormCheck::new(id, self.forms);
        let mut group = FieldGroup::default();
        let own = columns.iter().filter(|column| column.only_for == Some(id));
        let own_keys: BTreeSet<&str> = own.map(|column| column.key.as_str()).collect();
        for column in columns
            .iter()
            .filter(|column| column.only_for.is_none_or(|only| only == id))
        {
            let field = check.form.and_then(|form| form_field(&column.key, form));
            let key = field.map_or(column.key.as_str(), |field| field.key.as_str());
            // A header that names its contract type goes before one that does not.
            if column.only_for.is_none() && own_keys.contains(key) {
                continue;
            }
            if let (Some(form), None) = (check.form, field) {
                let header = self.header.shown.header(&column.column.name);
                let placed = self.header.placed(&[column.column]);
                let message =
                    format!("the form of contract type {id} has no field for the column {placed}");
                let nearest = nearest_key(&column.key, form);
                let hint = format!(
                    "{nearest}; to leave the column out, put `_` before its header: `_{header}`"
                );
                self.refuse(self.header.reason(message, hint));
                continue;
            }
            let kind = field.map_or(Kind::Text, |field| kind_of(field, &check));
            self.add_rule(&mut group, column, key, kind);
        }
        group.bind_conditions(&check);
        self.notes.extend(group.unmapped(&check));
        group
    }

    fn add_rule(&mut self, group: &mut FieldGroup, column: &KeyColumn<'_>, key: &str, kind: Kind) {
        let index = column.column.index;
        let earlier = group.rules.iter().find(|rule| rule.key == key);
        if let Some(earlier) = earlier.and_then(FieldRule::column) {
            let columns = self.header.columns.iter();
            let both: Vec<&Column> = columns
                .filter(|column| [earlier, index].contains(&column.index))
                .collect();
            let message = format!(
                "several columns are the field `{}`: {}",
                self.header.shown.header(key),
                self.header.placed(&both)
            );
            let hint = "rename all but one of them, or put `_` before the header";
            self.refuse(self.header.reason(message, hint));
            return;
        }
        self.used.insert(index);
        group.rules.push(FieldRule::of_column(key, index, kind));
    }

    fn note_keys(&mut self, group: &FieldGroup, whose: &str) {
        if !group.rules.is_empty() {
            let keys = group
                .rules
                .iter()
                .map(|rule| self.header.shown.header(&rule.key));
            let keys = listed(&keys.collect::<Vec<_>>(), FIELDS_SHOWN);
            let note = format!("Fields that go out for {whose}, by the headers: {keys}");
            self.notes.push(note);
        }
    }
}

/// A form field's type, as far as the form tells it beyond doubt.
fn kind_of(field: &FormField, check: &FormCheck<'_>) -> Kind {
    if let Some(choices) = check.choices(&field.key) {
        return Kind::Choice(choices);
    }
    match field.kind.as_str() {
        "date" => date(None, None),
        _ => Kind::Text,
    }
}

/// Names side by side, the first `most` of them: a sheet can have thousands of columns, and a screen cannot.
pub(crate) fn listed<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}
