//! Binds form fields where the config names none: the headers are the keys.

use std::collections::BTreeSet;

use super::Binder;
use super::fields::Groups;
use super::form::{FormCheck, nearest_key};
use crate::mapping::conventions::{Role, form_field, is_left_out};
use crate::mapping::names::visible;
use crate::mapping::rule::{FieldGroup, FieldRule, RuleSource};
use crate::mapping::value::Kind;
use crate::model::{Column, ContractTypeId, FormField};

/// How many fields a note lists: those of any real form.
const FIELDS_SHOWN: usize = 40;

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
    pub(super) fn groups_from_headers(
        &mut self,
        possible: Option<&BTreeSet<ContractTypeId>>,
    ) -> Groups {
        let columns = self.key_columns();
        let named: BTreeSet<ContractTypeId> = columns
            .iter()
            .filter_map(|column| column.only_for)
            .collect();
        let types: BTreeSet<ContractTypeId> = match possible {
            Some(types) => types.clone(),
            None => named
                .iter()
                .chain(self.options.forms.keys())
                .copied()
                .collect(),
        };
        for id in named.iter().filter(|id| !types.contains(id)) {
            self.notes.push(format!(
                "Columns named `{id}.…` are not used: no row is for contract type {id}"
            ));
        }
        let mut groups = Groups::default();
        for &id in &types {
            let group = self.group_from_headers(id, &columns);
            self.note_keys(&group, &format!("contract type {id}"));
            groups.by_type.insert(id, group);
        }
        if possible.is_none() {
            for column in columns.iter().filter(|column| column.only_for.is_none()) {
                self.add_rule(&mut groups.other_types, column, &column.key, None);
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
                match self.types.explicit_key(&header) {
                    Some((id, key)) => KeyColumn {
                        column,
                        key: key.to_owned(),
                        only_for: Some(id),
                    },
                    None => KeyColumn {
                        column,
                        key: header,
                        only_for: None,
                    },
                }
            })
            .collect()
    }

    fn group_from_headers(&mut self, id: ContractTypeId, columns: &[KeyColumn<'a>]) -> FieldGroup {
        let options = self.options;
        let check = FormCheck::new(id, &options.forms);
        let mut group = FieldGroup::default();
        let own = |column: &&KeyColumn<'a>| column.only_for == Some(id);
        let own_keys: BTreeSet<&str> = columns
            .iter()
            .filter(own)
            .map(|column| column.key.as_str())
            .collect();
        for column in columns
            .iter()
            .filter(|column| column.only_for.is_none_or(|only| only == id))
        {
            let field = check.form().and_then(|form| form_field(&column.key, form));
            let key = field.map_or(column.key.as_str(), |field| field.key.as_str());
            // A header that names its contract type goes before one that does not.
            if column.only_for.is_none() && own_keys.contains(key) {
                continue;
            }
            if let (Some(form), None) = (check.form(), field) {
                let header = self.header.shown.header(&column.column.name);
                let message = format!(
                    "the form of contract type {id} has no field for the column {}",
                    self.header.placed(&[column.column])
                );
                let hint = format!(
                    "{}; to leave the column out, put `_` before its header: `_{header}`",
                    nearest_key(&column.key, form)
                );
                self.refuse(message, hint);
                continue;
            }
            self.add_rule(&mut group, column, key, field.map(|field| (field, &check)));
        }
        check.bind_conditions(&mut group);
        self.notes.extend(check.unmapped(&group));
        group
    }

    fn add_rule(
        &mut self,
        group: &mut FieldGroup,
        column: &KeyColumn<'_>,
        key: &str,
        field: Option<(&FormField, &FormCheck<'_>)>,
    ) {
        let index = column.column.index;
        if let Some(earlier) = group.rules.iter().find(|rule| rule.key == key)
            && let RuleSource::Column(earlier) = earlier.source
        {
            let both: Vec<&Column> = self
                .header
                .columns
                .iter()
                .filter(|column| [earlier, index].contains(&column.index))
                .collect();
            let message = format!(
                "several columns are the field `{}`: {}",
                self.header.shown.header(key),
                self.header.placed(&both)
            );
            self.refuse(
                message,
                "rename all but one of them, or put `_` before the header".to_owned(),
            );
            return;
        }
        self.used.insert(index);
        group.rules.push(FieldRule {
            key: key.to_owned(),
            source: RuleSource::Column(index),
            kind: field.map_or(Kind::Text, |(field, check)| kind_of(field, check)),
            among: None,
            required: false,
            default: None,
            condition: None,
            conflict: None,
        });
    }

    fn note_keys(&mut self, group: &FieldGroup, whose: &str) {
        if !group.rules.is_empty() {
            let keys: Vec<_> = group
                .rules
                .iter()
                .map(|rule| self.header.shown.header(&rule.key))
                .collect();
            self.notes.push(format!(
                "Fields that go out for {whose}, by the headers: {}",
                super::listed(&keys, FIELDS_SHOWN)
            ));
        }
    }
}

/// A form field's type, as far as the form tells it beyond doubt.
fn kind_of(field: &FormField, check: &FormCheck<'_>) -> Kind {
    if let Some(choices) = check.choices(&field.key) {
        return Kind::Choice(choices);
    }
    match field.kind.as_str() {
        "date" => Kind::Date {
            input: None,
            output: "%Y-%m-%d".to_owned(),
            order: None,
        },
        _ => Kind::Text,
    }
}
