//! The form fields of each contract type, bound to a sheet's columns: as the config names them, or, where it names none, as the
//! headers do. Recipient, contract type and identity are read from fields of the same kind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::config::{Columns, Config, DEFAULT_DATE_OUTPUT, Entries, FieldConfig, Text, TypeKey};
use super::diagnostics::ConfigProblem;
use super::form::{BindOptions, TypeForm, choice_pairs, type_of};
use super::guess::is_of_another_person;
use super::header::{Header, HeaderTypes, is_left_out, listed};
use super::names::{did_you_mean, fold_choice, visible};
use super::template::Template;
use super::value::{Choices, Evidence, Kind, Reading};
use super::words::{Role, names_a_birth_date};
use crate::model::{Cell, Column, ContractTypeId, Fault, FieldType, Note, Row};

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
#[derive(Debug)]
pub(crate) struct Group {
    pub fields: Vec<Field>,
    /// The places of birth dates that go out whole.
    pub births: Vec<usize>,
    /// Those of the customer's own national id and birth date, which must agree.
    pub birth: Option<(usize, usize)>,
}

/// By contract type; under none, for those that only the rows know.
pub(crate) type Groups = BTreeMap<Option<ContractTypeId>, Group>;

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

    /// Whether it is read by a convention which only its columns can settle.
    pub fn is_open(&self) -> bool {
        matches!(self.source, Source::Columns(_)) && self.kind.is_open()
    }

    /// Takes a row into account before the first is mapped.
    pub fn see(&mut self, row: &Row) {
        if let (true, Source::Columns(columns)) = (self.is_open(), &self.source) {
            for &column in columns {
                let by_column = self.by_column.entry(column);
                let (evidence, kind) =
                    by_column.or_insert_with(|| (Evidence::default(), self.kind.clone()));
                evidence.see(kind, row.cell(column));
                if let Ok(Some(convention)) = evidence.verdict() {
                    kind.settle(convention);
                }
            }
        }
    }

    /// What a cell says in one of the columns, by what that has proved.
    pub fn read<'a>(&'a self, column: usize, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        let Some((evidence, kind)) = self.by_column.get(&column) else {
            return self.read_made(cell);
        };
        evidence.vouches_for(cell)?;
        match evidence.verdict() {
            Err(conflict) if kind.depends_on_convention(cell) => Err(conflict),
            Err(_) => self.read_made(cell),
            Ok(_) => self.among(kind.read(cell)?),
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
    pub config: &'a Config,
    pub options: &'a BindOptions,
    pub header: Header<'a>,
    pub types: HeaderTypes,
    pub problems: Vec<ConfigProblem>,
    pub notes: Vec<Note>,
    /// Positions of the columns that feed something.
    pub used: BTreeSet<usize>,
}

/// A form field as it is configured, and the form that it has to fit.
struct Entry<'b> {
    key: &'b Spanned<String>,
    config: &'b FieldConfig,
    form: &'b TypeForm<'b>,
}

impl<'a> Binder<'a> {
    /// How phone numbers are read, the recipient's and those in fields.
    pub fn phone(&self) -> Kind {
        Kind::Phone {
            country: self.config.recipient.country,
            landlines: self.config.recipient.landlines,
        }
    }

    pub fn refuse_at(&mut self, span: Range<usize>, message: String, hint: impl Into<String>) {
        self.problems.push(ConfigProblem::at(span, message, hint));
    }

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
                Err(problem) => self.refuse_at(place.clone(), problem.message, problem.hint),
            }
        }
        self.used.extend(&positions);
        (self.problems.len() == problems_before).then_some(positions)
    }

    /// The fields of the contract types that rows can have; `possible` is none when only the rows know them.
    pub fn groups(&mut self, possible: Option<BTreeSet<ContractTypeId>>) -> Groups {
        let Some(configured) = &self.config.fields else {
            return self.groups_from_headers(possible);
        };
        let mut groups = Groups::new();
        for (&TypeKey(id), fields) in configured {
            if possible.as_ref().is_some_and(|types| !types.contains(&id)) {
                self.notes.push(Note::of("fields_of_no_row", &[&id]));
            }
            groups.insert(Some(id), self.group(id, fields));
        }
        groups
    }

    fn group(&mut self, id: ContractTypeId, entries: &Entries<Spanned<FieldConfig>>) -> Group {
        let form = TypeForm::new(Some(id), &self.options.forms);
        let mut fields = Vec::new();
        for (key, config) in entries {
            if let Some(problem) = form.unknown(key.get_ref(), &format!("`{key}`")) {
                self.refuse_at(key.span(), problem.message, problem.hint);
            }
            let (config, form) = (config.get_ref(), &form);
            let entry = Entry { key, config, form };
            let source = self.source(&entry);
            fields.extend(self.field(&entry, source));
        }
        self.whole(fields, &form)
    }

    fn source(&mut self, entry: &Entry<'_>) -> Option<Source> {
        let config = entry.config;
        if let Some(columns) = &config.column {
            return self.positions(columns).map(Source::Columns);
        }
        if let Some(value) = &config.value {
            return Some(Source::Constant(self.own_text(value, entry)));
        }
        let text = config.template.as_ref()?;
        let template = Template::new(text.get_ref()).ok()?;
        let names = template.columns.iter().map(String::as_str);
        let columns = self.positions_of(names, &text.span())?;
        Some(Source::Template(Box::new(template), columns))
    }

    fn field(&mut self, entry: &Entry<'_>, source: Option<Source>) -> Option<Field> {
        let &Entry { key, config, form } = entry;
        let text = |text: &Option<Spanned<Text>>| Some(text.as_ref()?.get_ref().to_string());
        let name = key.get_ref();
        let own = config.field_type.as_ref().map(|own| *own.get_ref());
        let by_form = || form.field(name).map_or(FieldType::Text, type_of);
        let kind = match own.unwrap_or_else(by_form) {
            FieldType::Text => form.choices(name).map_or(Kind::Text, Kind::Choice),
            FieldType::Choice => Kind::Choice(self.choices(entry)?),
            FieldType::Number => Kind::Number {
                decimal: config.decimal.as_ref().map(|mark| *mark.get_ref()),
            },
            FieldType::Date => {
                let output = text(&config.output);
                let output = output.as_deref().unwrap_or(DEFAULT_DATE_OUTPUT);
                Kind::date(text(&config.input), output)
            }
            FieldType::Phone => self.phone(),
            FieldType::Email => Kind::Email,
            FieldType::Boolean => Kind::Boolean,
            FieldType::EgyptNationalId => Kind::EgyptNationalId,
        };
        let default = config.default.as_ref();
        let default = default.map(|text| self.default(text, &kind, entry));
        let required = config.required.as_ref();
        let is_free = matches!(
            kind,
            Kind::Number { .. } | Kind::Date { .. } | Kind::Boolean
        );
        Some(Field {
            among: form.choices(name).filter(|_| is_free),
            required: required.is_some_and(|required| *required.get_ref()),
            default,
            ..Field::new(name, source?, kind)
        })
    }

    /// A text that goes out as the config has it: if the form offers choices, as the choice's own text.
    fn own_text(&mut self, written: &Spanned<Text>, entry: &Entry<'_>) -> String {
        let (key, form) = (entry.key.get_ref(), entry.form);
        let text = written.get_ref().as_str();
        let Some(choices) = form.choices(key) else {
            return text.to_owned();
        };
        if let Ok(choice) = choices.read(text) {
            return choice.text.into_owned();
        }
        let options = form.field(key).into_iter().flat_map(|field| &field.options);
        let values: Vec<&str> = options.map(|option| option.value.as_str()).collect();
        let all = || format!("its choices are: {}", values.join(", "));
        let hint = did_you_mean(text, values.iter().copied()).unwrap_or_else(all);
        let message = format!("`{text}` is not among the form's choices of `{key}`");
        self.refuse_at(written.span(), message, hint);
        text.to_owned()
    }

    /// What an empty cell becomes, read as a cell would be.
    fn default(&mut self, written: &Spanned<Text>, kind: &Kind, entry: &Entry<'_>) -> String {
        let text = self.own_text(written, entry);
        let cell = Cell::Text(text.clone());
        let as_sent = match kind {
            Kind::Date { output, .. } => Kind::date(Some(output.clone()), output),
            other => other.clone(),
        };
        match (kind.read(&cell), as_sent.read(&cell)) {
            _ if entry.form.choices(entry.key.get_ref()).is_some() => text,
            (Ok(Some(reading)), _) => reading.text.into_owned(),
            (Err(fault), Err(_)) => {
                let (key, reason) = (entry.key, fault.to_string());
                let message = format!("the default of `{key}` does not fit: {reason}");
                self.refuse_at(written.span(), message, "");
                text
            }
            // A word for nothing, such as `-`, is meant here, and a date may be written as it goes out.
            _ => text,
        }
    }

    /// The choices that the config names, and the form's.
    fn choices(&mut self, entry: &Entry<'_>) -> Option<Choices> {
        let &Entry { key, config, form } = entry;
        let configured = config.choices.iter().flat_map(Spanned::get_ref);
        let meanings = configured.clone();
        let meanings = meanings.map(|(label, sent)| (label, sent.get_ref().as_str()));
        self.told_apart(meanings, fold_choice);
        let own =
            configured.map(|(label, sent)| (label.get_ref().clone(), self.own_text(sent, entry)));
        let mut pairs: Vec<(String, String)> = own.collect();
        pairs.extend(form.field(key.get_ref()).into_iter().flat_map(choice_pairs));
        if pairs.is_empty() {
            let message = format!("the field `{key}` is a choice, and nothing says of what");
            let hint = "add choices = { \"as written\" = \"as sent\" }";
            self.refuse_at(key.span(), message, hint);
            return None;
        }
        Some(Choices::new(pairs))
    }

    /// What each of these values means, by its folded spelling; two that are alike and mean different things are noted.
    pub fn told_apart<'e, T: PartialEq>(
        &mut self,
        values: impl Iterator<Item = (&'e Spanned<String>, T)>,
        fold: impl Fn(&str) -> String,
    ) -> BTreeMap<String, T> {
        let mut meanings = BTreeMap::new();
        for (value, meaning) in values {
            let folded = fold(value.get_ref());
            if meanings.get(&folded).is_some_and(|known| *known != meaning) {
                let message =
                    format!("`{value}` is written like another value that means something else");
                let hint = "case, spaces, digits and letter variants make no difference";
                self.refuse_at(value.span(), message, hint);
            } else {
                meanings.insert(folded, meaning);
            }
        }
        meanings
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
        let is_named = |field: &Field, is_so: fn(&str) -> bool| {
            let all = self.header.columns.iter();
            let fed = all.filter(|column| field.columns().contains(&column.index));
            let mut names = fed.map(|column| &column.name).chain([&field.key]);
            names.any(|name| is_so(name))
        };
        let is_birth = |field: &Field| {
            matches!(field.kind, Kind::Date { .. }) && is_named(field, names_a_birth_date)
        };
        let is_id = |field: &Field| matches!(field.kind, Kind::EgyptNationalId);
        // A guarantor's national id tells nothing of the customer.
        let is_own = |field: &Field| !is_named(field, is_of_another_person);
        let own = |is_it: &dyn Fn(&Field) -> bool| {
            let mut all = fields.iter();
            all.position(|field| is_it(field) && is_own(field))
        };
        let birth = own(&is_id).zip(own(&is_birth));
        let is_whole = |at: &usize| is_birth(&fields[*at]) && fields[*at].kind.tells_the_century();
        let births = (0..fields.len()).filter(is_whole).collect();
        Group {
            fields,
            births,
            birth,
        }
    }

    /// Groups for the contract types that rows can have, or, where only the rows know, for those with a form or a column
    /// of their own, and one for all others.
    fn groups_from_headers(&mut self, possible: Option<BTreeSet<ContractTypeId>>) -> Groups {
        let columns = self.key_columns();
        let named = columns.iter().filter_map(|(_, only_for, _)| *only_for);
        let named: BTreeSet<ContractTypeId> = named.collect();
        // A template that was filled in away from its form, say.
        let is_unknown = |id: &&ContractTypeId| !self.options.forms.contains_key(id);
        let unknown = named.iter().filter(is_unknown).copied();
        self.notes
            .extend(unknown.map(|id| Note::of("form_unknown", &[&id])));
        let others = possible.is_none().then_some(None);
        let known = self.options.forms.keys().chain(&named).copied();
        let types = possible.unwrap_or_else(|| known.collect());
        for id in named.difference(&types) {
            self.notes.push(Note::of("headers_of_no_row", &[id]));
        }
        let ids = types.into_iter().map(Some).chain(others);
        let group = |id| (id, self.group_from_headers(id, &columns));
        ids.map(group).collect()
    }

    /// The columns whose headers are keys of form fields: with the one contract type that a header names, and the key.
    fn key_columns(&self) -> Vec<(&'a Column, Option<ContractTypeId>, String)> {
        let mut free = Vec::new();
        for column in self.header.columns {
            let header = visible(&column.name);
            // A contract type's column stays what it is when --contract-type or [contract] goes before it.
            let is_types = Role::of(&column.name) == Some(Role::ContractType);
            let is_used = is_types || self.used.contains(&column.index);
            if !header.is_empty() && !is_left_out(&header) && !is_used {
                let explicit = self.types.explicit_key(&header);
                let key = explicit.map_or(&*header, |(_, key)| key).to_owned();
                free.push((column, explicit.map(|(id, _)| id), key));
            }
        }
        free
    }

    /// The group of one contract type, or of those that only the rows know.
    fn group_from_headers(
        &mut self,
        id: Option<ContractTypeId>,
        columns: &[(&'a Column, Option<ContractTypeId>, String)],
    ) -> Group {
        let form = TypeForm::new(id, &self.options.forms);
        let own = columns
            .iter()
            .filter(|(_, only_for, _)| id.is_some() && *only_for == id);
        let own: BTreeSet<String> = own.map(|(_, _, key)| form.key_of(key)).collect();
        let mut fields = Vec::new();
        let mut fed: BTreeMap<String, &Column> = BTreeMap::new();
        for (column, only_for, key) in columns {
            let key = form.key_of(key);
            // A header that names its contract type goes before one that does not.
            if only_for.map_or(own.contains(&key), |only| Some(only) != id) {
                continue;
            }
            let placed = self.header.placed(&[column]);
            let header = self.header.shown(&column.name);
            if let Some(problem) = form.unknown_header(&key, &placed, &header) {
                self.problems.push(problem);
            } else if let Some(earlier) = fed.get(&key) {
                let shown = self.header.shown(&key);
                let placed = self.header.placed(&[earlier, column]);
                let message = format!("several columns are the field `{shown}`: {placed}");
                let hint = "rename all but one of them, or put `_` before the header";
                self.problems.push(ConfigProblem::nowhere(message, hint));
            } else {
                self.used.insert(column.index);
                fed.insert(key.clone(), column);
                let config = FieldConfig {
                    field_type: Some(Spanned::new(0..0, form.type_of(&key))),
                    ..FieldConfig::default()
                };
                let source = Some(Source::Columns(vec![column.index]));
                let entry = Entry {
                    key: &Spanned::new(0..0, key),
                    config: &config,
                    form: &form,
                };
                fields.extend(self.field(&entry, source));
            }
        }
        let group = self.whole(fields, &form);
        let keys = group.fields.iter().map(|field| &field.key);
        let keys = listed(keys.map(|key| self.header.shown(key)), FIELDS_SHOWN);
        if !keys.is_empty() {
            let rows = || "the contract type of each row".to_owned();
            let whose = id.map_or_else(rows, |id| format!("contract type {id}"));
            self.notes.push(Note::of("headers_sent", &[&whose, &keys]));
        }
        group
    }
}
