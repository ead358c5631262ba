//! A file from elsewhere that tells how far contracts are: which of its columns names the customer, which tells the stage and when,
//! and what a row of it says. Values are read as those of a sheet that is sent.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::config::{Config, FollowConfig, Text};
use super::fields::Field;
use super::guess::is_of_another_person;
use super::header::Header;
use super::names::{WORDS, fold, fold_value};
use super::value::Kind;
use crate::error::Error;
use crate::model::{Cell, Column, Row, Stage, Timestamp};

const SAMPLED_ROWS: usize = 1000;

const NAMES: &str = "names customers (by phone, e-mail or national id)";

/// Its fields are called as their columns are.
pub struct Portal {
    customer: Field,
    /// The form fields that hold the same, where their names say so.
    keys: HashSet<String>,
    stage: Column,
    at: Option<Field>,
    /// Folded.
    signed: HashSet<String>,
}

impl FollowConfig {
    /// Every name by which the header row may be known below title lines.
    pub fn known_names(&self) -> Vec<String> {
        let named = [&self.match_column, &self.stage, &self.at];
        let named = named.into_iter().flatten().map(|name| &name.0);
        let words = WORDS.follow.stage.iter().chain(&WORDS.follow.at);
        named.chain(words).cloned().collect()
    }
}

impl Portal {
    /// Finds the columns, or says which there are, and how to name one in the command to type `again`. `next` gives the file's rows:
    /// all are looked at.
    pub fn find(
        config: &Config,
        columns: &[Column],
        file: &str,
        again: &str,
        mut next: impl FnMut() -> Result<Option<Row>, Error>,
    ) -> Result<Portal, Error> {
        let header = Header::new(columns);
        let unusable = |told: Error| {
            let hint = told.hint.as_deref().unwrap_or_default();
            Error::of("column_unknown", &[&file, &told, &hint])
        };
        let no_column = |what, flag| {
            let all = header.listed();
            Error::of("column_unknown.none", &[&file, &what, &all, &again, &flag])
        };
        let named = &config.follow;
        let find = |name: &Option<Text>, words: &[String]| match name {
            Some(name) => header.find(name).map(Some).map_err(&unusable),
            None => by_name(&header, words).map_err(&unusable),
        };
        let stage = find(&named.stage, &WORDS.follow.stage)?
            .ok_or_else(|| no_column("tells how far a contract is", "--stage"))?;
        let at = find(&named.at, &WORDS.follow.at)?;
        let (input, output) = (None, "%Y-%m-%dT%H:%M:%SZ".to_owned());
        let date = Kind::Date { input, output };
        let mut at = at.map(|it| Field::new(&it.name, vec![it.index], date));
        let customer = find(&named.match_column, &[])?;
        let mut sample = Vec::new();
        while let Some(row) = next()? {
            if let Some(at) = &mut at {
                at.see(&row);
            }
            if sample.len() < SAMPLED_ROWS {
                sample.push(row);
            }
        }
        let kind_of = |column: &Column| kind_of(column, &sample, config);
        let mut others = columns.iter().filter(|column| column.index != stage.index);
        let (customer, kind) = match (customer, columns.first()) {
            (Some(column), _) => (column, kind_of(column).unwrap_or(Kind::Text)),
            // Without a row there is nobody to be named.
            (None, Some(first)) if sample.is_empty() => (first, Kind::Text),
            _ => others
                .find_map(|column| Some((column, kind_of(column)?)))
                .ok_or_else(|| no_column(NAMES, "--match"))?,
        };
        Ok(Portal {
            keys: keys(config, &customer.name),
            customer: Field::new(&customer.name, vec![customer.index], kind),
            stage: stage.clone(),
            at,
            signed: config.follow.signed.as_ref().map_or_else(
                || WORDS.follow.signed.iter().map(|word| fold(word)).collect(),
                |words| words.names().map(fold).collect(),
            ),
        })
    }

    pub fn columns(&self) -> (&str, &str, Option<&str>) {
        let at = self.at.as_ref().map(|at| at.key.as_str());
        (&self.customer.key, &self.stage.name, at)
    }

    /// The customer that a row is about, in the form for comparing; none where it does not say.
    pub fn customer(&self, row: &Row) -> Option<String> {
        let Field { kind, columns, .. } = &self.customer;
        let reading = kind.read(row.cell(columns[0])).ok()??;
        Some(fold_value(&reading.text)).filter(|text| !text.is_empty())
    }

    pub fn stage(&self, row: &Row) -> Option<Stage> {
        let cell = row.cell(self.stage.index);
        let name = Some(cell.as_shown().trim().to_owned());
        let name = name.filter(|name| !name.is_empty() && !matches!(cell, Cell::Error(_)))?;
        let at = self.at.as_ref();
        Some(Stage {
            is_signed: self.signed.contains(&fold(&name)),
            at: at.and_then(|at| moment_of(row, at)),
            name,
        })
    }

    pub fn is_dated(&self, row: &Row) -> bool {
        let at = self.at.as_ref();
        at.is_some_and(|at| !row.cell(at.columns[0]).is_empty())
    }

    /// What the customer of a body that was sent is known by, in the form for comparing: first what goes before (the recipient, or the
    /// field that is named as the column is), then the other form fields. Somebody else's phone is none of the customer's.
    pub fn known_by(&self, body: &str) -> [Vec<String>; 2] {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let session = body.get("SessionInput").unwrap_or(&body);
        let is_person = !matches!(self.customer.kind, Kind::Text);
        let mut found = [Vec::new(), Vec::new()];
        if is_person {
            let recipient = ["phoneNumber", "email"].map(|member| session[member].as_str());
            found[0] = recipient.into_iter().flatten().map(fold_value).collect();
        }
        let types = [session, &body].map(|place| place["RequestFieldsValues"].as_object());
        let groups = types.into_iter().flatten().flat_map(|types| types.values());
        for (key, value) in groups.filter_map(Value::as_object).flatten() {
            if is_person && is_of_another_person(key) {
                continue;
            }
            let is_first = !is_person && self.keys.contains(&fold(key));
            found[usize::from(!is_first)].extend(value.as_str().map(fold_value));
        }
        found
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The column with the most telling of these names; its header stands there once.
fn by_name<'a>(header: &Header<'a>, names: &[String]) -> Result<Option<&'a Column>, Error> {
    let means = |column: &Column, name: &String| fold(last_part(&column.name)) == fold(name);
    let column = |name| header.columns.iter().find(|column| means(column, name));
    let found = names.iter().find_map(column);
    found.map(|column| header.find(&column.name)).transpose()
}

/// What most of a column's values are, if they name customers: read as the recipient is; landlines too, since nothing is sent.
fn kind_of(column: &Column, sample: &[Row], config: &Config) -> Option<Kind> {
    let phone = Kind::Phone {
        country: config.recipient.country,
        landlines: true,
    };
    let cells = sample.iter().map(|row| row.cell(column.index));
    let filled = cells.filter(|cell| !cell.is_empty());
    let mut kinds = [phone, Kind::Email, Kind::EgyptNationalId].into_iter();
    kinds.find(|kind| {
        let read = filled.clone().filter(|cell| kind.reads(cell));
        read.count() * 2 > filled.clone().count()
    })
}

/// The keys, folded, of the form fields that are named as this column is, or are filled from a column of its name.
fn keys(config: &Config, column: &str) -> HashSet<String> {
    let names = [fold(column), fold(last_part(column))];
    let fields = config.fields.iter().flat_map(IndexMap::values).flatten();
    let mapped = fields.filter(|(_, field)| {
        let columns = field.get_ref().column.iter();
        let mut columns = columns.flat_map(|columns| columns.get_ref().names());
        columns.any(|name| names.contains(&fold(name)))
    });
    let mapped = mapped.map(|(key, _)| fold(key.get_ref()));
    mapped.chain(names.clone()).collect()
}

/// A time without a zone is taken for UTC; a number of so many digits counts seconds since 1970, or thousandths of them.
fn moment_of(row: &Row, at: &Field) -> Option<Timestamp> {
    let (column, cell) = (at.columns[0], row.cell(at.columns[0]));
    let shown = cell.as_shown();
    match shown.trim().parse().unwrap_or(0) {
        seconds @ 1_000_000_000..=9_999_999_999 => return Some(Timestamp(seconds * 1000)),
        thousandths @ 1_000_000_000_000..=9_999_999_999_999 => return Some(Timestamp(thousandths)),
        _ => {}
    }
    let with_zone = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let read = || at.read(column, cell).ok()?;
    let at = with_zone(shown.trim()).or_else(|| with_zone(&read()?.text))?;
    Some(Timestamp(at.as_millisecond()))
}
