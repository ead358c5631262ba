//! The form fields of each contract type, bound to a sheet's columns: as the config names them, or, where it names none, as the
//! headers do. Recipient, contract type and identity are read from fields of the same kind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::config::{Config, DEFAULT_DATE_OUTPUT};
use super::diagnostics::ConfigProblem;
use super::field_config::{Columns, Entries, FieldConfig, FieldEntry, Text};
use super::form::{TypeForm, names_a_birth_date};
use super::header::{Header, HeaderTypes, Role, is_left_out, listed};
use super::names::{fold_choice, visible};
use super::template::{Template, Templates};
use super::value::{Choices, Evidence, Kind, Reading};
use crate::model::{Cell, Column, ContractTypeId, Fault, FieldType, Form, Row};

/// How many fields a note lists: those of any real form.
const FIELDS_SHOWN: usize = 40;

/// How one value of an invitation is had from a row.
pub(crate) struct Field {
    /// The key that it is sent under, or the part of the invitation that it is (`phone`): by it problems name it.
    pub key: String,
    pub source: Source,
    pub kind: Kind,
    /// The form's own choices, when the type alone does not tell whether the value is among them.
    among: Option<Choices>,
    pub required: bool,
    pub default: Option<String>,
    pub condition: Option<Condition>,
    /// What its columns prove of how they write their values.
    evidence: Evidence,
    /// Why its columns' values cannot be trusted: set when they contradict each other.
    conflict: Option<Fault>,
}

/// Where the value comes from.
pub(crate) enum Source {
    /// The first of these columns that is filled.
    Columns(Vec<usize>),
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

/// The form fields of one contract type.
#[derive(Default)]
pub(crate) struct Group {
    pub fields: Vec<Field>,
    /// The places of a national id and a birth date, which must agree.
    pub birth: Option<(usize, usize)>,
}

/// Groups by contract type.
#[derive(Default)]
pub(crate) struct Groups {
    by_type: BTreeMap<ContractTypeId, Group>,
    /// For contract types that only the rows know.
    others: Group,
}

impl Groups {
    pub fn of(&self, id: ContractTypeId) -> &Group {
        self.by_type.get(&id).unwrap_or(&self.others)
    }

    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let groups = self.by_type.values().chain([&self.others]);
        groups.flat_map(|group| &group.fields)
    }

    /// Whether there are fields that no form is known for.
    pub fn lack_a_form(&self, forms: &BTreeMap<ContractTypeId, Form>) -> bool {
        let groups = self.by_type.iter();
        let unknown = groups.filter(|(id, _)| !forms.contains_key(id));
        let mut groups = unknown.map(|(_, group)| group).chain([&self.others]);
        groups.any(|group| !group.fields.is_empty())
    }

    pub fn open_fields(&mut self) -> impl Iterator<Item = &mut Field> {
        let groups = self.by_type.values_mut().chain([&mut self.others]);
        let fields = groups.flat_map(|group| &mut group.fields);
        fields.filter(|field| matches!(field.source, Source::Columns(_)) && field.kind.is_open())
    }
}

impl Field {
    pub fn new(key: &str, source: Source, kind: Kind) -> Self {
        Field {
            key: key.to_owned(),
            source,
            kind,
            among: None,
            required: false,
            default: None,
            condition: None,
            evidence: Evidence::default(),
            conflict: None,
        }
    }

    /// The positions of all columns that it is made of.
    pub fn columns(&self) -> &[usize] {
        match &self.source {
            Source::Columns(columns) | Source::Template { columns, .. } => columns,
            Source::Constant(_) => &[],
        }
    }

    /// Takes a row into account before the first is mapped.
    pub fn see(&mut self, row: &Row) {
        for at in 0..self.columns().len() {
            let cell = row.cell(self.columns()[at]);
            self.evidence.see(&self.kind, cell);
        }
    }

    /// Reads by what its columns have proved from now on.
    pub fn settle(&mut self) {
        match self.evidence.verdict() {
            Ok(Some(convention)) => self.kind.settle(convention),
            Ok(None) => {}
            Err(conflict) => self.conflict = Some(conflict),
        }
    }

    pub fn read<'a>(&'a self, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        match &self.conflict {
            Some(conflict) if self.kind.depends_on_convention(cell) => Err(conflict.clone()),
            _ => self.among(self.kind.read(cell)?),
        }
    }

    pub fn read_text<'a>(&'a self, text: &'a str) -> Result<Option<Reading<'a>>, Fault> {
        self.among(self.kind.read_text(text)?)
    }

    /// Holds a value against the form's choices, where its type alone does not.
    fn among<'a>(&'a self, read: Option<Reading<'a>>) -> Result<Option<Reading<'a>>, Fault> {
        match (read, &self.among) {
            (Some(reading), Some(choices)) => Ok(Some(Reading {
                text: choices.read(&reading.text)?.text,
                ..reading
            })),
            (read, _) => Ok(read),
        }
    }

    /// Whether it is a birth date by its key or by a column's header.
    fn is_birth_date(&self, header: &Header<'_>) -> bool {
        let all = header.columns.iter();
        let mut fed = all.filter(|column| self.columns().contains(&column.index));
        matches!(self.kind, Kind::Date { .. })
            && (names_a_birth_date(&self.key) || fed.any(|column| names_a_birth_date(&column.name)))
    }
}

/// A mapping under construction: what it is made from, and what was found on the way.
pub(crate) struct Binder<'a> {
    pub header: Header<'a>,
    pub types: HeaderTypes,
    pub forms: &'a BTreeMap<ContractTypeId, Form>,
    /// How phone numbers are read, the recipient's and those in fields.
    pub phone: Kind,
    pub templates: Templates,
    pub problems: Vec<ConfigProblem>,
    pub notes: Vec<String>,
    /// Positions of the columns that feed something.
    pub used: BTreeSet<usize>,
}

impl<'a> Binder<'a> {
    /// The positions of the columns that the config names in one place; what the sheet lacks is noted there.
    pub fn positions(&mut self, columns: &Spanned<Columns>) -> Option<Vec<usize>> {
        let names = columns.get_ref().0.iter().map(|name| name.as_str());
        self.positions_of(names, &columns.span())
    }

    fn positions_of<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        place: &Range<usize>,
    ) -> Option<Vec<usize>> {
        let (mut positions, problems_before) = (Vec::new(), self.problems.len());
        for name in names {
            match self.header.find(name) {
                Ok(column) => positions.push(column.index),
                Err(mut problem) => {
                    problem.span = Some(place.clone());
                    self.problems.push(problem);
                }
            }
        }
        self.used.extend(&positions);
        (self.problems.len() == problems_before).then_some(positions)
    }

    /// The fields of the contract types that rows can have; `possible` is none when only the rows know them.
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
        for id in possible.into_iter().flatten() {
            if !groups.by_type.contains_key(&id) {
                let note =
                    format!("Contract type {id} gets no field values: there is no [fields.{id}]");
                self.notes.push(note);
            }
        }
        groups
    }

    fn group(&mut self, id: ContractTypeId, entries: &Entries<Spanned<FieldEntry>>) -> Group {
        let form = TypeForm::new(Some(id), self.forms);
        let mut fields = Vec::new();
        for (key, entry) in entries {
            let config = &entry.get_ref().0;
            if let Some(mut problem) = form.unknown(key.get_ref(), &format!("`{key}`")) {
                problem.span = Some(key.span());
                self.problems.push(problem);
            }
            let source = self.source(key.get_ref(), config, &form);
            let field = self.field(key, source, config, &form);
            fields.extend(field);
        }
        self.whole(fields, &form)
    }

    fn source(&mut self, key: &str, config: &FieldConfig, form: &TypeForm<'_>) -> Option<Source> {
        if let Some(columns) = &config.column {
            return self.positions(columns).map(Source::Columns);
        }
        if let Some(value) = &config.value {
            return Some(Source::Constant(self.settled_choice(value, key, form)));
        }
        let text = config.template.as_ref()?;
        let template = self.templates.add(text.get_ref())?;
        let names = template.columns.iter().map(String::as_str);
        let columns = self.positions_of(names, &text.span())?;
        Some(Source::Template { template, columns })
    }

    fn field(
        &mut self,
        key: &Spanned<String>,
        source: Option<Source>,
        config: &FieldConfig,
        form: &TypeForm<'_>,
    ) -> Option<Field> {
        let (kind, among) = self.kind(key, config, form)?;
        let default = config.default.as_ref();
        let default = default.map(|text| self.settled_choice(text, key.get_ref(), form));
        let required = config.required.as_ref();
        Some(Field {
            among,
            required: required.is_some_and(|required| *required.get_ref()),
            default,
            ..Field::new(key.get_ref(), source?, kind)
        })
    }

    /// A text that goes out as the config has it: if the field has choices, as the choice's own text.
    fn settled_choice(&mut self, text: &Spanned<Text>, key: &str, form: &TypeForm<'_>) -> String {
        let settled = form.own_text(key, text);
        settled.unwrap_or_else(|problem| {
            self.problems.push(problem);
            text.get_ref().to_string()
        })
    }

    /// How the field's value is read, and the form's choices that it must be among besides.
    fn kind(
        &mut self,
        key: &Spanned<String>,
        config: &FieldConfig,
        form: &TypeForm<'_>,
    ) -> Option<(Kind, Option<Choices>)> {
        let choices = form.choices(key.get_ref());
        let text = |text: &Option<Spanned<Text>>| Some(text.as_ref()?.get_ref().to_string());
        Some(match config.field_type() {
            FieldType::Text => (choices.map_or(Kind::Text, Kind::Choice), None),
            FieldType::Choice => (Kind::Choice(self.choices(key, config, form)?), None),
            FieldType::Number => {
                let decimal = config.decimal.as_ref().map(|mark| *mark.get_ref());
                (Kind::Number { decimal }, choices)
            }
            FieldType::Date => {
                let output = text(&config.output);
                let kind = Kind::Date {
                    input: text(&config.input),
                    output: output.unwrap_or_else(|| DEFAULT_DATE_OUTPUT.to_owned()),
                    order: None,
                };
                (kind, choices)
            }
            FieldType::Phone => (self.phone.clone(), None),
            FieldType::Email => (Kind::Email, None),
            FieldType::Boolean => (Kind::Boolean, choices),
            FieldType::EgyptNationalId => (Kind::EgyptNationalId, None),
        })
    }

    /// The choices that the config names, and the form's.
    fn choices(
        &mut self,
        key: &Spanned<String>,
        config: &FieldConfig,
        form: &TypeForm<'_>,
    ) -> Option<Choices> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (label, sent) in config.choices.iter().flat_map(Spanned::get_ref) {
            let sent = self.settled_choice(sent, key.get_ref(), form);
            pairs.push((label.get_ref().clone(), sent));
        }
        pairs.extend(form.choice_pairs(key.get_ref()));
        if pairs.is_empty() && config.choices.is_none() {
            let message = format!("the field `{key}` is a choice, and nothing says of what");
            let hint = "add choices = { \"as written\" = \"as sent\" }";
            let problem = ConfigProblem::at(&key.span(), message).hint(hint);
            self.problems.push(problem);
            return None;
        }
        Some(Choices::new(pairs))
    }

    /// Ties what belongs together in a group, and notes the form's fields that nothing feeds.
    fn whole(&mut self, mut fields: Vec<Field>, form: &TypeForm<'_>) -> Group {
        for at in 0..fields.len() {
            let field = form.field(&fields[at].key);
            let Some(condition) = field.and_then(|field| field.condition.as_ref()) else {
                continue;
            };
            let mut others = fields.iter();
            let parent = others.position(|field| field.key == condition.parent);
            fields[at].condition = parent.map(|parent| Condition {
                parent,
                folded: fold_choice(&condition.value),
                value: condition.value.clone(),
            });
        }
        let keys: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        self.notes.extend(form.unmapped(&keys));
        let mut all = fields.iter();
        let national_id = all.position(|field| matches!(field.kind, Kind::EgyptNationalId));
        let mut all = fields.iter();
        let birth_date = all.position(|field| field.is_birth_date(&self.header));
        Group {
            birth: national_id.zip(birth_date),
            fields,
        }
    }

    /// Groups for the contract types that rows can have, or, where only the rows know, for those with a form or a column
    /// of their own, and one for all others.
    fn groups_from_headers(&mut self, possible: Option<BTreeSet<ContractTypeId>>) -> Groups {
        let columns = self.key_columns();
        let named = columns.iter().filter_map(|column| column.only_for);
        let named: BTreeSet<ContractTypeId> = named.collect();
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
            let group = self.group_from_headers(Some(id), &columns);
            groups.by_type.insert(id, group);
        }
        if only_rows_know {
            groups.others = self.group_from_headers(None, &columns);
        }
        groups
    }

    fn key_columns(&self) -> Vec<KeyColumn<'a>> {
        let columns = self.header.columns.iter();
        let free = columns
            .filter(|column| !visible(&column.name).is_empty() && !is_left_out(&column.name))
            .filter(|column| !self.used.contains(&column.index))
            // A contract type's column stays what it is when --contract-type or [contract] goes before it.
            .filter(|column| Role::of(&column.name) != Some(Role::ContractType));
        free.map(|column| {
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

    /// The group of one contract type, or of those that only the rows know.
    fn group_from_headers(
        &mut self,
        id: Option<ContractTypeId>,
        columns: &[KeyColumn<'a>],
    ) -> Group {
        let form = TypeForm::new(id, self.forms);
        let own = columns.iter().filter(|column| column.only_for.is_some());
        let own = own.filter(|column| column.only_for == id);
        let own: Vec<String> = own.map(|column| form.key_of(&column.key)).collect();
        let mut fields = Vec::new();
        let mut fed: Vec<(String, &Column)> = Vec::new();
        for named in columns {
            let (key, column) = (form.key_of(&named.key), named.column);
            // A header that names its contract type goes before one that does not.
            let only_for = named.only_for;
            let is_meant = only_for.map_or(!own.contains(&key), |only| Some(only) == id);
            if !is_meant {
                continue;
            }
            let header = self.header.shown(&column.name);
            let placed = self.header.placed(&[column]);
            if let Some(mut problem) = form.unknown(&key, &format!("for the column {placed}")) {
                let way_out =
                    format!("; to leave the column out, put `_` before its header: `_{header}`");
                problem.hint = problem.hint.map(|hint| hint + &way_out);
                self.problems.push(self.header.in_file(problem));
            } else if let Some((_, earlier)) = fed.iter().find(|(fed, _)| *fed == key) {
                let shown = self.header.shown(&key);
                let placed = self.header.placed(&[earlier, column]);
                let message = format!("several columns are the field `{shown}`: {placed}");
                let hint = "rename all but one of them, or put `_` before the header";
                self.problems.push(self.header.problem(message, hint));
            } else {
                self.used.insert(column.index);
                let config = FieldConfig {
                    field_type: Some(Spanned::new(0..0, form.type_of(&key))),
                    ..FieldConfig::default()
                };
                let source = Some(Source::Columns(vec![column.index]));
                fields.extend(self.field(&Spanned::new(0..0, key.clone()), source, &config, &form));
                fed.push((key, column));
            }
        }
        let group = self.whole(fields, &form);
        self.note_keys(&group, id);
        group
    }

    fn note_keys(&mut self, group: &Group, id: Option<ContractTypeId>) {
        let fields = group.fields.iter();
        let keys: Vec<_> = fields.map(|field| self.header.shown(&field.key)).collect();
        if keys.is_empty() {
            return;
        }
        let whose = id.map_or("the contract type of each row".to_owned(), |id| {
            format!("contract type {id}")
        });
        let keys = listed(&keys, FIELDS_SHOWN);
        let note = format!("Fields that go out for {whose}, by the headers: {keys}");
        self.notes.push(note);
    }
}

/// A column whose header is the key of a form field.
struct KeyColumn<'a> {
    column: &'a Column,
    key: String,
    /// The one contract type that the header names.
    only_for: Option<ContractTypeId>,
}
