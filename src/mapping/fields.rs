//! The form fields of each contract type, bound to a sheet's columns: as the config names them, or, where it names none, as the
//! headers do. Recipient, contract type and identity are read from fields of the same kind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::config::{Columns, Config, DEFAULT_DATE_OUTPUT, Entries, FieldConfig, Text, TypeKey};
use super::diagnostics::{ConfigProblem, Visible};
use super::form::{BindOptions, TypeForm, choice_pairs, type_of};
use super::guess::is_of_another_person;
use super::header::{Header, HeaderTypes, is_left_out};
use super::names::{Role, fold_choice, listed, names_a_birth_date, visible};
use super::template::Template;
use super::value::{Choices, Evidence, Kind, Reading};
use crate::error::Error;
use crate::model::{Cell, Column, ContractTypeId, Fault, FieldType, FormCondition, Note, Row};

const FIELDS_SHOWN: usize = 40;

/// How one value of an invitation is had from a row.
#[derive(Debug)]
pub(crate) struct Field {
    /// The key that it is sent under, or the part of the invitation that it is (`phone`): by it problems name it.
    pub key: String,
    /// The positions of the columns that it is made of: the first that is filled counts. None: the same for every row, its default.
    pub columns: Vec<usize>,
    /// Makes one value of all of them, which are in its order.
    pub template: Option<Box<Template>>,
    pub kind: Kind,
    pub required: bool,
    pub default: Option<String>,
    pub condition: Option<FormCondition>,
    pub is_birth_date: bool,
    /// A guarantor's national id tells nothing of the customer.
    pub is_customers: bool,
    /// What each of its columns proves of how it writes its values.
    by_column: BTreeMap<usize, Evidence>,
}

/// By contract type; under none, for those that only the rows know.
pub(crate) type Groups = BTreeMap<Option<ContractTypeId>, Vec<Field>>;

impl Field {
    pub fn new(key: &str, columns: Vec<usize>, kind: Kind) -> Self {
        Field {
            key: key.to_owned(),
            columns,
            template: None,
            kind,
            required: false,
            default: None,
            condition: None,
            is_birth_date: false,
            is_customers: true,
            by_column: BTreeMap::new(),
        }
    }

    /// Whether it is read by a convention which only its columns can settle.
    pub fn is_open(&self) -> bool {
        let is_open = matches!(self.kind, Kind::Date { .. } | Kind::Number { .. });
        let mut columns = self.columns.iter();
        columns.any(|&column| self.calculates_with(column) || self.template.is_none() && is_open)
    }

    /// Whether its template takes the cells of this column for numbers.
    pub fn calculates_with(&self, column: usize) -> bool {
        let columns = self.template.iter().flat_map(|it| it.columns.values());
        let mut columns = self.columns.iter().zip(columns);
        columns.any(|(&at, &is_calculated)| at == column && is_calculated)
    }

    /// Takes a row into account before the first is mapped.
    pub fn see(&mut self, row: &Row) {
        if self.is_open() {
            let kind = self.template.as_ref().map_or(&self.kind, |it| &it.number);
            for &column in &self.columns {
                if self.template.is_some() && !self.calculates_with(column) {
                    continue;
                }
                let evidence = self.by_column.entry(column).or_default();
                evidence.see(kind, row.cell(column));
            }
        }
    }

    /// What a cell says in one of the columns, by what that has proved; to a template, as a number.
    pub fn read<'a>(&'a self, column: usize, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        let kind = self.template.as_ref().map_or(&self.kind, |it| &it.number);
        let evidence = self.by_column.get(&column).copied().unwrap_or_default();
        evidence.read(kind, cell)
    }

    /// A cell's text for its template, which reads each number by itself: refused where the column proves another.
    pub fn text<'a>(&'a self, column: usize, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        let text = Kind::Text.read(cell)?;
        let is_calculated = self.calculates_with(column);
        if let (Some(template), Some(written), true) = (&self.template, &text, is_calculated) {
            let written = Cell::Text(written.text.to_string());
            let number = template.number.read(&written).ok().flatten();
            let number = number.as_ref().map(|number| &*number.text);
            match self.read(column, cell) {
                Ok(Some(proved)) if number != Some(&*proved.text) => {
                    return Err(Fault::of("number_unlike", &[]));
                }
                Err(fault) if number.is_some() => return Err(fault),
                _ => {}
            }
        }
        Ok(text)
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

/// Columns, and the template that makes one value of them.
type MadeOf = (Vec<usize>, Option<Box<Template>>);

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

    pub fn refuse(&mut self, span: impl Into<Option<Range<usize>>>, told: Error) {
        self.problems
            .push(ConfigProblem::at(span, Visible::Whole, told));
    }

    /// The positions of the columns that the config names in one place; what the sheet lacks is noted there.
    pub fn positions(&mut self, columns: &Spanned<Columns>) -> Option<Vec<usize>> {
        self.positions_of(columns.get_ref().names(), &columns.span())
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
                Err(told) => self.refuse(place.clone(), told),
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

    fn group(&mut self, id: ContractTypeId, entries: &Entries<Spanned<FieldConfig>>) -> Vec<Field> {
        let form = TypeForm::new(Some(id), &self.options.forms);
        let mut fields = Vec::new();
        for (key, config) in entries {
            if let Some(told) = form.unknown(key.get_ref(), &format!("`{key}`")) {
                self.refuse(key.span(), told);
            }
            let (config, form) = (config.get_ref(), &form);
            let made_of = self.made_of(config);
            fields.extend(self.field(&Entry { key, config, form }, made_of));
        }
        let is_fed = |key: &str| fields.iter().any(|field| field.key == key);
        self.notes.extend(form.unmapped(is_fed));
        fields
    }

    fn made_of(&mut self, config: &FieldConfig) -> Option<MadeOf> {
        if let Some(columns) = &config.column {
            return Some((self.positions(columns)?, None));
        }
        let Some(text) = &config.template else {
            return Some((Vec::new(), None));
        };
        let decimal = config.decimal.as_ref().map(|mark| *mark.get_ref());
        let template = Template::new(text.get_ref(), decimal).ok()?;
        let names = template.columns.keys().map(String::as_str);
        let columns = self.positions_of(names, &text.span())?;
        Some((columns, Some(Box::new(template))))
    }

    fn field(&mut self, entry: &Entry<'_>, made_of: Option<MadeOf>) -> Option<Field> {
        let &Entry { key, config, form } = entry;
        let text = |text: &Option<Spanned<Text>>| Some(text.as_ref()?.get_ref().to_string());
        let name = key.get_ref();
        let own = config.field_type.as_ref().map(|own| *own.get_ref());
        let by_form = || form.field(name).map_or(FieldType::Text, type_of);
        let kind = match (own.unwrap_or_else(by_form), form.choices(name)) {
            (FieldType::Choice, _) => Kind::Choice(self.choices(entry)?),
            // Nothing else is taken by a form that offers choices.
            (_, Some(choices)) => Kind::Choice(choices),
            (FieldType::Text, None) => Kind::Text,
            (FieldType::Number, None) => Kind::Number {
                decimal: config.decimal.as_ref().map(|mark| *mark.get_ref()),
            },
            (FieldType::Date, None) => {
                let output = text(&config.output);
                let output = output.unwrap_or_else(|| DEFAULT_DATE_OUTPUT.to_owned());
                let input = text(&config.input);
                Kind::Date { input, output }
            }
            (FieldType::Phone, None) => self.phone(),
            (FieldType::Email, None) => Kind::Email,
            (FieldType::Boolean, None) => Kind::Boolean,
            (FieldType::EgyptNationalId, None) => Kind::EgyptNationalId,
        };
        let default = match (&config.value, &config.default) {
            (Some(text), _) => Some(self.own_text(text, entry)),
            (None, Some(text)) => Some(self.default(text, &kind, entry)),
            (None, None) => None,
        };
        let required = config.required.as_ref();
        let (columns, template) = made_of?;
        let all = self.header.columns.iter();
        let fed = all.filter(|column| columns.contains(&column.index));
        let mut names = fed.map(|column| &column.name).chain([name]);
        let is_date = matches!(kind, Kind::Date { .. });
        Some(Field {
            is_birth_date: is_date && names.clone().any(|name| names_a_birth_date(name)),
            is_customers: !names.any(|name| is_of_another_person(name)),
            template,
            required: required.is_some_and(|required| *required.get_ref()),
            default,
            condition: form.field(name).and_then(|it| it.condition.clone()),
            ..Field::new(name, columns, kind)
        })
    }

    /// A text that goes out as the config has it: if the form offers choices, as the choice's own text.
    fn own_text(&mut self, written: &Spanned<Text>, entry: &Entry<'_>) -> String {
        let (key, form) = (entry.key.get_ref(), entry.form);
        let text = visible(written.get_ref());
        let choices = form.choices(key);
        match choices.as_ref().map(|choices| choices.read(&text)) {
            None => text,
            Some(Ok(choice)) => choice.text.into_owned(),
            Some(Err(fault)) => {
                let told = Error::of("config_invalid.choice", &[&text, key, &fault]);
                self.refuse(written.span(), told);
                text
            }
        }
    }

    /// What an empty cell becomes, read as a cell would be.
    fn default(&mut self, written: &Spanned<Text>, kind: &Kind, entry: &Entry<'_>) -> String {
        let text = self.own_text(written, entry);
        let cell = Cell::Text(text.clone());
        let as_sent = match kind {
            Kind::Date { output, .. } => Kind::Date {
                input: Some(output.clone()),
                output: output.clone(),
            },
            other => other.clone(),
        };
        match (kind.read(&cell), as_sent.read(&cell)) {
            _ if entry.form.choices(entry.key.get_ref()).is_some() => text,
            (Ok(Some(reading)), _) => reading.text.into_owned(),
            (Err(fault), Err(_)) => {
                let told = Error::of("config_invalid.default", &[entry.key, &fault]);
                self.refuse(written.span(), told);
                text
            }
            // A word for nothing, such as `-`, is meant here, and a date may be written as it goes out.
            _ => text,
        }
    }

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
            self.refuse(key.span(), Error::of("config_invalid.no_choices", &[key]));
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
                self.refuse(value.span(), Error::of("config_invalid.alike", &[value]));
            } else {
                meanings.insert(folded, meaning);
            }
        }
        meanings
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

    fn group_from_headers(
        &mut self,
        id: Option<ContractTypeId>,
        columns: &[(&'a Column, Option<ContractTypeId>, String)],
    ) -> Vec<Field> {
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
            if let Some(told) = form.unknown_header(&key, &placed, &header) {
                self.refuse(None, told);
            } else if let Some(earlier) = fed.get(&key) {
                let shown = self.header.shown(&key);
                let placed = self.header.placed(&[earlier, column]);
                let told = Error::of("config_invalid.field_twice", &[&shown, &placed]);
                self.refuse(None, told);
            } else {
                self.used.insert(column.index);
                fed.insert(key.clone(), column);
                let config = FieldConfig {
                    field_type: Some(Spanned::new(0..0, form.type_of(&key))),
                    ..FieldConfig::default()
                };
                let made_of = Some((vec![column.index], None));
                let entry = Entry {
                    key: &Spanned::new(0..0, key),
                    config: &config,
                    form: &form,
                };
                fields.extend(self.field(&entry, made_of));
            }
        }
        let is_fed = |key: &str| fields.iter().any(|field| field.key == key);
        self.notes.extend(form.unmapped(is_fed));
        let keys = fields.iter().map(|field| &field.key);
        let keys = listed(keys.map(|key| self.header.shown(key)), FIELDS_SHOWN);
        if !keys.is_empty() {
            let rows = || "the contract type of each row".to_owned();
            let whose = id.map_or_else(rows, |id| format!("contract type {id}"));
            self.notes.push(Note::of("headers_sent", &[&whose, &keys]));
        }
        fields
    }
}
