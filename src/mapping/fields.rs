//! The form fields of each contract type, bound to a sheet's columns: as the config names them, or, where it names none, as the
//! headers do. Recipient, contract type and identity are read from fields of the same kind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::config::{Config, DEFAULT_DATE_OUTPUT, TypeKey};
use super::diagnostics::ConfigProblem;
use super::field_config::{Columns, Entries, FieldConfig, FieldEntry, Text};
use super::form::{TypeForm, names_a_birth_date};
use super::header::{Header, HeaderTypes, Role, is_left_out, listed};
use super::names::{did_you_mean, fold_choice, visible};
use super::template::Template;
use super::value::{Choices, Evidence, Kind, Reading};
use crate::model::{Cell, Column, ContractTypeId, Fault, FieldType, Form, Row};

/// How many fields a note lists: those of any real form.
const FIELDS_SHOWN: usize = 40;

/// How one value of an invitation is had from a row.
#[derive(Debug)]
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
    /// What each of its columns proves of how it writes its values, and how it is read by that.
    by_column: BTreeMap<usize, (Evidence, Kind)>,
}

/// Where the value comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The first of these columns that is filled.
    Columns(Vec<usize>),
    /// A template, with the positions of its columns in its own order.
    Template(Box<Template>, Vec<usize>),
    Constant(String),
}

/// The field shows only when its parent has this value.
#[derive(Debug)]
pub(crate) struct Condition {
    /// The parent's place in the group.
    pub parent: usize,
    pub value: String,
}

/// The form fields of one contract type.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub fields: Vec<Field>,
    /// The places of a national id and a birth date, which must agree.
    pub birth: Option<(usize, usize)>,
}

/// By contract type; under none, for those that only the rows know.
#[derive(Debug, Default)]
pub(crate) struct Groups(BTreeMap<Option<ContractTypeId>, Group>);

impl Groups {
    pub fn of(&self, id: ContractTypeId) -> Option<&Group> {
        self.0.get(&Some(id)).or_else(|| self.0.get(&None))
    }

    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.values().flat_map(|group| &group.fields)
    }

    /// Whether there are fields that no form is known for.
    pub fn lack_a_form(&self, forms: &BTreeMap<ContractTypeId, Form>) -> bool {
        let lacks = |id: &Option<_>| id.is_none_or(|id| !forms.contains_key(&id));
        let mut groups = self.0.iter();
        groups.any(|(id, group)| lacks(id) && !group.fields.is_empty())
    }

    /// Those that are read by a convention which only their columns can settle.
    pub fn open_fields(&mut self) -> impl Iterator<Item = &mut Field> {
        let fields = self.0.values_mut().flat_map(|group| &mut group.fields);
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
            by_column: BTreeMap::new(),
        }
    }

    /// The positions of all columns that it is made of.
    pub fn columns(&self) -> &[usize] {
        match &self.source {
            Source::Columns(columns) | Source::Template(_, columns) => columns,
            Source::Constant(_) => &[],
        }
    }

    /// Takes a row into account before the first is mapped.
    pub fn see(&mut self, row: &Row) {
        let Source::Columns(columns) = &self.source else {
            return;
        };
        for &column in columns {
            let by_column = self.by_column.entry(column);
            let (evidence, kind) =
                by_column.or_insert_with(|| (Evidence::default(), self.kind.clone()));
            evidence.see(kind, row.cell(column));
        }
    }

    /// Reads by what its columns have proved from now on.
    pub fn settle(&mut self) {
        for (evidence, kind) in self.by_column.values_mut() {
            if let Ok(Some(convention)) = evidence.verdict() {
                kind.settle(convention);
            }
        }
    }

    /// What a cell says in one of the columns.
    pub fn read<'a>(&'a self, column: usize, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        let Some((evidence, kind)) = self.by_column.get(&column) else {
            return self.read_made(cell);
        };
        match evidence.verdict() {
            Err(conflict) if kind.depends_on_convention(cell) => Err(conflict),
            _ => self.among(kind.read(cell)?),
        }
    }

    /// What a cell says that is made of several.
    pub fn read_made<'a>(&'a self, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        self.among(self.kind.read(cell)?)
    }

    /// Holds a value against the form's choices, where its type alone does not.
    fn among<'a>(&'a self, read: Option<Reading<'a>>) -> Result<Option<Reading<'a>>, Fault> {
        let (Some(reading), Some(choices)) = (&read, &self.among) else {
            return Ok(read);
        };
        let text = choices.read(&reading.text)?.text;
        let repaired = reading.repaired;
        Ok(Some(Reading { text, repaired }))
    }
}

/// A mapping under construction: what it is made from, and what was found on the way.
pub(crate) struct Binder<'a> {
    pub header: Header<'a>,
    pub types: HeaderTypes,
    pub forms: &'a BTreeMap<ContractTypeId, Form>,
    /// How phone numbers are read, the recipient's and those in fields.
    pub phone: Kind,
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
                Err(problem) => self.problems.push(ConfigProblem {
                    span: Some(place.clone()),
                    ..problem
                }),
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
        let Some(configured) = &config.fields else {
            return self.groups_from_headers(possible);
        };
        let mut groups = Groups::default();
        for (&TypeKey(id), fields) in configured {
            if possible.as_ref().is_some_and(|types| !types.contains(&id)) {
                let note = format!("[fields.{id}] is not used: no row is for contract type {id}");
                self.notes.push(note);
            }
            let group = self.group(id, fields);
            groups.0.insert(Some(id), group);
        }
        let possible = possible.into_iter().flatten();
        let unfed = possible.filter(|id| !groups.0.contains_key(&Some(*id)));
        let notes = unfed.map(|id| {
            format!("Contract type {id} gets no field values: there is no [fields.{id}]")
        });
        self.notes.extend(notes);
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
            fields.extend(self.field(key, source, config, &form));
        }
        self.whole(fields, &form)
    }

    fn source(&mut self, key: &str, config: &FieldConfig, form: &TypeForm<'_>) -> Option<Source> {
        if let Some(columns) = &config.column {
            return self.positions(columns).map(Source::Columns);
        }
        if let Some(value) = &config.value {
            return Some(Source::Constant(self.own_text(value, key, form)));
        }
        let text = config.template.as_ref()?;
        let template = Template::new(text.get_ref()).ok()?;
        let names = template.columns.iter().map(String::as_str);
        let columns = self.positions_of(names, &text.span())?;
        Some(Source::Template(Box::new(template), columns))
    }

    fn field(
        &mut self,
        key: &Spanned<String>,
        source: Option<Source>,
        config: &FieldConfig,
        form: &TypeForm<'_>,
    ) -> Option<Field> {
        let kind = self.kind(key, config, form)?;
        let is_free = matches!(
            kind,
            Kind::Number { .. } | Kind::Date { .. } | Kind::Boolean
        );
        let default = config.default.as_ref();
        let default = default.map(|text| self.default(text, key.get_ref(), &kind, form));
        let required = config.required.as_ref();
        Some(Field {
            among: form.choices(key.get_ref()).filter(|_| is_free),
            required: required.is_some_and(|required| *required.get_ref()),
            default,
            ..Field::new(key.get_ref(), source?, kind)
        })
    }

    /// A text that goes out as the config has it: if the form offers choices, as the choice's own text.
    pub(super) fn own_text(
        &mut self,
        written: &Spanned<Text>,
        key: &str,
        form: &TypeForm<'_>,
    ) -> String {
        let text = written.get_ref().as_str();
        let Some(choices) = form.choices(key) else {
            return text.to_owned();
        };
        if let Ok(choice) = choices.read(text) {
            return choice.text.into_owned();
        }
        let options = form.options(key).iter();
        let values: Vec<&str> = options.map(|option| option.value.as_str()).collect();
        let hint = did_you_mean(text, values.iter().copied())
            .unwrap_or_else(|| format!("its choices are: {}", values.join(", ")));
        let message = format!("`{text}` is not among the form's choices of `{key}`");
        let problem = ConfigProblem::at(&written.span(), message).hint(hint);
        self.problems.push(problem);
        text.to_owned()
    }

    /// How the field's value is read.
    fn kind(
        &mut self,
        key: &Spanned<String>,
        config: &FieldConfig,
        form: &TypeForm<'_>,
    ) -> Option<Kind> {
        let text = |text: &Option<Spanned<Text>>| Some(text.as_ref()?.get_ref().to_string());
        Some(match config.field_type() {
            FieldType::Text => form.choices(key.get_ref()).map_or(Kind::Text, Kind::Choice),
            FieldType::Choice => Kind::Choice(self.choices(key, config, form)?),
            FieldType::Number => Kind::Number {
                decimal: config.decimal.as_ref().map(|mark| *mark.get_ref()),
            },
            FieldType::Date => Kind::Date {
                input: text(&config.input),
                output: text(&config.output).unwrap_or_else(|| DEFAULT_DATE_OUTPUT.to_owned()),
                order: None,
            },
            FieldType::Phone => self.phone.clone(),
            FieldType::Email => Kind::Email,
            FieldType::Boolean => Kind::Boolean,
            FieldType::EgyptNationalId => Kind::EgyptNationalId,
        })
    }

    /// The choices that the config names, and the form's.
    fn choices(
        &mut self,
        key: &Spanned<String>,
        config: &FieldConfig,
        form: &TypeForm<'_>,
    ) -> Option<Choices> {
        let configured = config.choices.iter().flat_map(Spanned::get_ref);
        let meanings = configured.clone();
        let meanings = meanings.map(|(label, sent)| (label, sent.get_ref().as_str()));
        self.told_apart(meanings, fold_choice);
        let mut pairs: Vec<(String, String)> = configured
            .map(|(label, sent)| {
                let sent = self.own_text(sent, key.get_ref(), form);
                (label.get_ref().clone(), sent)
            })
            .collect();
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
        let keys: Vec<String> = fields.iter().map(|field| field.key.clone()).collect();
        for field in &mut fields {
            let condition = form.field(&field.key).and_then(|it| it.condition.as_ref());
            field.condition = condition.and_then(|condition| {
                let parent = keys.iter().position(|key| *key == condition.parent)?;
                let value = condition.value.clone();
                Some(Condition { parent, value })
            });
        }
        self.notes.extend(form.unmapped(&keys));
        let is_id = |field: &Field| matches!(field.kind, Kind::EgyptNationalId);
        let is_birth_date = |field: &Field| {
            let all = self.header.columns.iter();
            let fed = all.filter(|column| field.columns().contains(&column.index));
            let mut names = fed.map(|column| &column.name).chain([&field.key]);
            matches!(field.kind, Kind::Date { .. }) && names.any(|name| names_a_birth_date(name))
        };
        let national_id = fields.iter().position(is_id);
        Group {
            birth: national_id.zip(fields.iter().position(is_birth_date)),
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
        let known = self.forms.keys().chain(&named).copied();
        let types = possible.unwrap_or_else(|| known.collect());
        let unused = named.difference(&types).map(|id| {
            format!("Columns named `{id}.…` are not used: no row is for contract type {id}")
        });
        self.notes.extend(unused);
        let others = only_rows_know.then_some(None);
        let ids = types.into_iter().map(Some).chain(others);
        let groups = ids.map(|id| (id, self.group_from_headers(id, &columns)));
        Groups(groups.collect())
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
        let mut fed: BTreeMap<String, &Column> = BTreeMap::new();
        for &KeyColumn {
            column,
            ref key,
            only_for,
        } in columns
        {
            let key = form.key_of(key);
            // A header that names its contract type goes before one that does not.
            let is_meant = only_for.map_or(!own.contains(&key), |only| Some(only) == id);
            if !is_meant {
                continue;
            }
            let placed = self.header.placed(&[column]);
            if let Some(mut problem) = form.unknown(&key, &format!("for the column {placed}")) {
                let header = self.header.shown(&column.name);
                let way_out =
                    format!("; to leave the column out, put `_` before its header: `_{header}`");
                problem.hint = problem.hint.map(|hint| hint + &way_out);
                self.problems.push(self.header.in_file(problem));
            } else if let Some(earlier) = fed.get(&key) {
                let shown = self.header.shown(&key);
                let placed = self.header.placed(&[earlier, column]);
                let message = format!("several columns are the field `{shown}`: {placed}");
                let hint = "rename all but one of them, or put `_` before the header";
                self.problems.push(self.header.problem(message, hint));
            } else {
                self.used.insert(column.index);
                fed.insert(key.clone(), column);
                let config = FieldConfig {
                    field_type: Some(Spanned::new(0..0, form.type_of(&key))),
                    ..FieldConfig::default()
                };
                let source = Some(Source::Columns(vec![column.index]));
                fields.extend(self.field(&Spanned::new(0..0, key), source, &config, &form));
            }
        }
        let group = self.whole(fields, &form);
        let keys = group.fields.iter().map(|field| &field.key);
        let keys: Vec<_> = keys.map(|key| self.header.shown(key)).collect();
        if !keys.is_empty() {
            let whose = id.map_or("the contract type of each row".to_owned(), |id| {
                format!("contract type {id}")
            });
            let keys = listed(&keys, FIELDS_SHOWN);
            let note = format!("Fields that go out for {whose}, by the headers: {keys}");
            self.notes.push(note);
        }
        group
    }
}

/// A column whose header is the key of a form field.
struct KeyColumn<'a> {
    column: &'a Column,
    key: String,
    /// The one contract type that the header names.
    only_for: Option<ContractTypeId>,
}
