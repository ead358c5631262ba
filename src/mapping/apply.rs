//! Maps one row: its invitation, or every problem it has. Runs once for each row of a sheet, so it looks nothing up by
//! name and builds the body in one string.

use std::borrow::Cow;

use super::body::TypeValues;
use super::fold::fold;
use super::rule::{BirthCheck, ColumnRule, ContractRule, FieldGroup, FieldRule, RuleSource};
use super::value::{self, DateOrder, Fault, Kind};
use super::{Mapped, Mapping, key};
use crate::domain::{
    Cell, ContractTypeId, Invitation, InvitationKey, Problem, ProblemCode, Recipient, Repair, Row,
};

impl Mapping {
    /// What a row becomes.
    pub fn apply(&self, row: &Row) -> Mapped {
        let mut visit = Visit {
            mapping: self,
            row,
            problems: Vec::new(),
            repairs: Vec::new(),
        };
        let invitation = visit.invitation();
        let Visit {
            problems, repairs, ..
        } = visit;
        let result = match invitation {
            Some(invitation) if problems.is_empty() => Ok(invitation),
            _ => Err(problems),
        };
        Mapped { result, repairs }
    }
}

/// One row on its way through the mapping, with what was found in it so far.
struct Visit<'a> {
    mapping: &'a Mapping,
    row: &'a Row,
    problems: Vec<Problem>,
    repairs: Vec<Repair>,
}

/// What reading one value came to. A fault is noted already.
enum Found {
    Nothing,
    Text(String),
    Fault,
}

impl Found {
    fn text(self) -> Option<String> {
        match self {
            Found::Text(text) => Some(text),
            Found::Nothing | Found::Fault => None,
        }
    }
}

/// The value of one rule in this row.
struct Slot<'a> {
    text: Option<Cow<'a, str>>,
    /// Whether a person wrote it into the sheet, as against a constant or a default.
    is_written: bool,
    is_faulty: bool,
}

impl<'a> Visit<'a> {
    /// The row's invitation; `None` only with a problem noted.
    fn invitation(&mut self) -> Option<Invitation> {
        self.check_width();
        let recipient = self.recipient();
        let types = self.contract_types();
        let identity = self.identity();
        let types = types?;
        let fields = self.fields(&types);
        if !self.problems.is_empty() {
            return None;
        }
        let recipient = recipient?;
        let key = identity.unwrap_or_else(|| key::of_recipient(&recipient, &types));
        let body = self.mapping.frame.write(&recipient, &types, &fields);
        Some(Invitation {
            key,
            recipient,
            contract_types: types.into_owned(),
            body,
        })
    }

    fn check_width(&mut self) {
        let width = self.mapping.width;
        let Some(beyond) = self.row.cells.get(width..) else {
            return;
        };
        let Some(last) = beyond.iter().rposition(|cell| !cell.is_empty()) else {
            return;
        };
        let message = format!(
            "The row has {} cells and the header {width}: look for a stray separator, or add a header.",
            width + last + 1
        );
        let value = beyond[last].shown();
        self.problem(
            None,
            None,
            Fault {
                code: ProblemCode::TooManyCells,
                message,
            },
            value,
        );
    }

    fn recipient(&mut self) -> Option<Recipient> {
        let problems_before = self.problems.len();
        let mapping = self.mapping;
        let recipient = Recipient {
            phone: self.recipient_part(mapping.phone.as_ref(), "phone"),
            email: self.recipient_part(mapping.email.as_ref(), "email"),
        };
        if recipient.phone.is_some() || recipient.email.is_some() {
            return Some(recipient);
        }
        if self.problems.len() == problems_before {
            let rule = mapping.phone.as_ref().map(|rule| (rule, "phone"));
            let (rule, field) = rule
                .or(mapping.email.as_ref().map(|rule| (rule, "email")))
                .unzip();
            let message =
                "Nobody to invite: fill in a phone number or an e-mail address.".to_owned();
            let fault = Fault {
                code: ProblemCode::RecipientMissing,
                message,
            };
            self.problem(rule.map(|rule| rule.index), field, fault, String::new());
        }
        None
    }

    fn recipient_part(&mut self, rule: Option<&ColumnRule>, field: &str) -> Option<String> {
        let rule = rule?;
        self.read(rule.index, &rule.kind, field).text()
    }

    /// The row's contract types, sorted; `None` with a problem noted.
    fn contract_types(&mut self) -> Option<Cow<'a, [ContractTypeId]>> {
        let mapping = self.mapping;
        let index = match &mapping.contract {
            ContractRule::Same(types) => return Some(Cow::Borrowed(types)),
            ContractRule::Ids { index } | ContractRule::Words { index, .. } => *index,
        };
        let text = match self.read(index, &Kind::Text, "contract_type") {
            Found::Text(text) => text,
            Found::Nothing => {
                self.missing(Some(index), "contract_type");
                return None;
            }
            Found::Fault => return None,
        };
        let types = match &mapping.contract {
            ContractRule::Words { words, .. } => {
                let types = words
                    .exact
                    .get(&text)
                    .or_else(|| words.folded.get(&fold(&text)));
                types.map(|types| Cow::Borrowed(types.as_slice()))
            }
            _ => ids_in(&text).map(Cow::Owned),
        };
        if types.is_none() {
            let message = match &mapping.contract {
                ContractRule::Words { .. } => {
                    "This value names no contract type: correct it, or add it to [contract] values."
                }
                _ => "This is no contract type: write its number, such as 414.",
            };
            let fault = Fault {
                code: ProblemCode::ContractTypeUnknown,
                message: message.to_owned(),
            };
            self.problem(
                Some(index),
                Some("contract_type"),
                fault,
                self.row.cell(index).shown(),
            );
        }
        types
    }

    /// The key by the identity columns; `None` when the recipient tells, or with a problem noted.
    fn identity(&mut self) -> Option<InvitationKey> {
        let columns = self.mapping.identity.as_deref()?;
        let problems_before = self.problems.len();
        let values: Vec<Option<String>> = columns
            .iter()
            .map(|&index| self.read_silently(index, "identity").text())
            .collect();
        if self.problems.len() > problems_before {
            return None;
        }
        // Rows without any identity would all be the same invitation, and only the first would be sent.
        if values.iter().all(Option::is_none) {
            self.missing(columns.first().copied(), "identity");
            return None;
        }
        Some(key::of_values(
            values
                .iter()
                .map(|value| value.as_deref().unwrap_or_default()),
        ))
    }

    fn fields(&mut self, types: &[ContractTypeId]) -> Vec<TypeValues<'a>> {
        let mapping = self.mapping;
        let problems_before = self.problems.len();
        let values = types
            .iter()
            .map(|&contract_type| {
                let group = mapping
                    .groups
                    .get(&contract_type)
                    .unwrap_or(&mapping.other_types);
                TypeValues {
                    contract_type,
                    values: self.group_values(group),
                }
            })
            .collect();
        if types.len() > 1 {
            self.tell_once(problems_before);
        }
        values
    }

    fn group_values(&mut self, group: &'a FieldGroup) -> Vec<(&'a str, Cow<'a, str>)> {
        let mut slots: Vec<Slot<'a>> = group.rules.iter().map(|rule| self.slot(rule)).collect();
        for (at, rule) in group.rules.iter().enumerate() {
            if is_unmet(rule, &slots) {
                if slots[at].is_written && slots[at].text.is_some() {
                    self.condition_unmet(rule, group);
                }
                slots[at].text = None;
            } else if slots[at].text.is_none() && !slots[at].is_faulty && rule.required {
                self.missing(rule.column(), &rule.key);
            }
        }
        if let Some(check) = &group.birth {
            self.compare_birth_dates(check, group, &slots);
        }
        let values = group.rules.iter().zip(slots);
        values
            .filter_map(|(rule, slot)| Some((rule.key_json.as_str(), slot.text?)))
            .collect()
    }

    fn slot(&mut self, rule: &'a FieldRule) -> Slot<'a> {
        let found = match &rule.source {
            RuleSource::Constant(text) => {
                return Slot {
                    text: Some(Cow::Borrowed(text)),
                    is_written: false,
                    is_faulty: false,
                };
            }
            RuleSource::Column(index) => self.read_field(*index, rule),
            RuleSource::Template { .. } => self.render(rule),
        };
        match found {
            Found::Text(text) => Slot {
                text: Some(Cow::Owned(text)),
                is_written: true,
                is_faulty: false,
            },
            Found::Nothing => Slot {
                text: rule.default.as_deref().map(Cow::Borrowed),
                is_written: false,
                is_faulty: false,
            },
            Found::Fault => Slot {
                text: None,
                is_written: true,
                is_faulty: true,
            },
        }
    }

    fn read_field(&mut self, index: usize, rule: &FieldRule) -> Found {
        let cell = self.row.cell(index);
        if let Some(conflict) = &rule.conflict
            && depends_on_order(&rule.kind, cell)
        {
            let fault = Fault {
                code: conflict.code,
                message: conflict.message.clone(),
            };
            self.problem(Some(index), Some(&rule.key), fault, cell.shown());
            return Found::Fault;
        }
        let found = self.read(index, &rule.kind, &rule.key);
        self.among_choices(found, rule, Some(index))
    }

    /// Holds a value against the form's choices, where its type alone does not.
    fn among_choices(&mut self, found: Found, rule: &FieldRule, column: Option<usize>) -> Found {
        let (Found::Text(text), Some(choices)) = (&found, &rule.among) else {
            return found;
        };
        match value::read(choices, &Cell::Text(text.clone())) {
            Ok(Some(reading)) => Found::Text(reading.text),
            Ok(None) => Found::Nothing,
            Err(fault) => {
                let shown =
                    column.map_or_else(|| text.clone(), |index| self.row.cell(index).shown());
                self.problem(column, Some(&rule.key), fault, shown);
                Found::Fault
            }
        }
    }

    /// A template's text for this row, read as the rule's type. Nothing when all its columns are empty.
    fn render(&mut self, rule: &FieldRule) -> Found {
        let RuleSource::Template { id, names, columns } = &rule.source else {
            return Found::Nothing;
        };
        let mut is_empty = !columns.is_empty();
        let mut is_faulty = false;
        let mut values = Vec::with_capacity(columns.len());
        for &index in columns {
            let found = self.read(index, &Kind::Text, &rule.key);
            is_faulty |= matches!(found, Found::Fault);
            let text = found.text().unwrap_or_default();
            is_empty &= text.is_empty();
            values.push(minijinja::Value::from(text));
        }
        if is_faulty {
            return Found::Fault;
        }
        if is_empty {
            return Found::Nothing;
        }
        let column = rule.column();
        let text = match self.mapping.templates.render(id, names, values) {
            Ok(text) => text,
            Err(reason) => {
                let message = format!("The template gives no value for this row: {reason}.");
                let fault = Fault {
                    code: ProblemCode::TemplateFailed,
                    message,
                };
                self.problem(column, Some(&rule.key), fault, String::new());
                return Found::Fault;
            }
        };
        let cell = Cell::Text(text);
        match value::read(&rule.kind, &cell) {
            Ok(None) => Found::Nothing,
            Ok(Some(reading)) => self.among_choices(Found::Text(reading.text), rule, column),
            Err(fault) => {
                self.problem(column, Some(&rule.key), fault, cell.shown());
                Found::Fault
            }
        }
    }

    fn compare_birth_dates(&mut self, check: &BirthCheck, group: &FieldGroup, slots: &[Slot<'_>]) {
        let (Some(id), Some(written)) = (
            &slots[check.national_id].text,
            &slots[check.birth_date].text,
        ) else {
            return;
        };
        let Some(born) = value::birth_date_of(id) else {
            return;
        };
        if born.strftime(&check.output).to_string() == **written {
            return;
        }
        let rule = &group.rules[check.birth_date];
        let id_column = group.rules[check.national_id].column();
        let id_name = id_column
            .and_then(|index| self.mapping.names.get(index))
            .map_or("", String::as_str);
        let message = format!(
            "The birth date is not the one in the national id (column \"{id_name}\"): correct one of the two."
        );
        let fault = Fault {
            code: ProblemCode::BirthDateMismatch,
            message,
        };
        let shown = rule
            .column()
            .map_or_else(|| written.to_string(), |index| self.row.cell(index).shown());
        self.problem(rule.column(), Some(&rule.key), fault, shown);
    }

    fn condition_unmet(&mut self, rule: &FieldRule, group: &FieldGroup) {
        let Some(condition) = &rule.condition else {
            return;
        };
        let parent = &group.rules[condition.parent].key;
        let message = format!(
            "The field `{}` is only for customers whose `{parent}` is \"{}\": empty the cell, or correct `{parent}`.",
            rule.key, condition.value
        );
        let fault = Fault {
            code: ProblemCode::ConditionUnmet,
            message,
        };
        let shown = rule
            .column()
            .map_or_else(String::new, |index| self.row.cell(index).shown());
        self.problem(rule.column(), Some(&rule.key), fault, shown);
    }

    /// Reads a cell, noting a fault or a repair.
    fn read(&mut self, index: usize, kind: &Kind, field: &str) -> Found {
        match value::read(kind, self.row.cell(index)) {
            Ok(None) => Found::Nothing,
            Ok(Some(reading)) => {
                if reading.repaired {
                    self.repair(index, field, &reading.text);
                }
                Found::Text(reading.text)
            }
            Err(fault) => {
                self.problem(
                    Some(index),
                    Some(field),
                    fault,
                    self.row.cell(index).shown(),
                );
                Found::Fault
            }
        }
    }

    /// Reads a cell whose text is compared and never sent: what is mended in it concerns nobody.
    fn read_silently(&mut self, index: usize, field: &str) -> Found {
        let repairs_before = self.repairs.len();
        let found = self.read(index, &Kind::Text, field);
        self.repairs.truncate(repairs_before);
        found
    }

    fn missing(&mut self, column: Option<usize>, field: &str) {
        let message = "A value is required here: fill in the cell.".to_owned();
        self.problem(
            column,
            Some(field),
            Fault {
                code: ProblemCode::Missing,
                message,
            },
            String::new(),
        );
    }

    fn problem(&mut self, column: Option<usize>, field: Option<&str>, fault: Fault, value: String) {
        self.problems.push(Problem {
            row: self.row.number,
            column: column
                .and_then(|index| self.mapping.names.get(index))
                .cloned(),
            field: field.map(str::to_owned),
            code: fault.code,
            message: fault.message,
            value,
        });
    }

    fn repair(&mut self, index: usize, field: &str, to: &str) {
        self.repairs.push(Repair {
            row: self.row.number,
            column: self.mapping.names.get(index).cloned().unwrap_or_default(),
            field: field.to_owned(),
            from: self.row.cell(index).shown(),
            to: to.to_owned(),
        });
    }

    /// A column that feeds the same field of several contract types is told about once.
    fn tell_once(&mut self, problems_before: usize) {
        let mut kept: Vec<Problem> = self.problems.drain(..problems_before).collect();
        for problem in self.problems.drain(..) {
            if !kept.contains(&problem) {
                kept.push(problem);
            }
        }
        self.problems = kept;
        let mut repairs: Vec<Repair> = Vec::with_capacity(self.repairs.len());
        for repair in self.repairs.drain(..) {
            if !repairs.contains(&repair) {
                repairs.push(repair);
            }
        }
        self.repairs = repairs;
    }
}

impl FieldRule {
    /// The one column that feeds the rule, for pointing at it.
    fn column(&self) -> Option<usize> {
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

/// Whether a rule's parent has another value than the one that shows this field. An empty parent has no value.
fn is_unmet(rule: &FieldRule, slots: &[Slot<'_>]) -> bool {
    let Some(condition) = &rule.condition else {
        return false;
    };
    match &slots[condition.parent].text {
        Some(text) => **text != condition.value && fold(text) != condition.folded,
        None => false,
    }
}

/// Whether a date cell means another day, or none, when day and month change places.
fn depends_on_order(kind: &Kind, cell: &Cell) -> bool {
    let (Kind::Date { input, output, .. }, Cell::Text(_)) = (kind, cell) else {
        return false;
    };
    let read_by = |order| {
        let kind = Kind::Date {
            input: input.clone(),
            output: output.clone(),
            order: Some(order),
        };
        value::read(&kind, cell)
            .ok()
            .flatten()
            .map(|reading| reading.text)
    };
    !cell.is_empty() && read_by(DateOrder::DayMonth) != read_by(DateOrder::MonthDay)
}

/// The contract types written in a cell: one number or several, separated by commas or semicolons. Sorted.
fn ids_in(text: &str) -> Option<Vec<ContractTypeId>> {
    let mut ids = text
        .split([',', ';', '،', '؛'])
        .map(|part| {
            super::fold::fold_value(part)
                .parse()
                .ok()
                .filter(|&id: &i64| id > 0)
                .map(ContractTypeId)
        })
        .collect::<Option<Vec<_>>>()?;
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}
