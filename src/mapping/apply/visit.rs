//! One row being read: its cells turned into texts, and what is wrong or mended in them noted down.

use std::borrow::Cow;

use crate::mapping::Mapping;
use crate::mapping::value::{self, Fault, Kind};
use crate::model::ProblemCode;
use crate::model::{Problem, Repair, Row};

/// One row on its way through the mapping, with what was found in it so far.
pub(super) struct Visit<'a> {
    pub mapping: &'a Mapping,
    pub row: &'a Row,
    pub problems: Vec<Problem>,
    pub repairs: Vec<Repair>,
}

/// What reading one value came to. A fault is noted already.
pub(super) enum Found<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Fault,
}

impl<'a> Found<'a> {
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Found::Text(text) => Some(text),
            Found::Nothing | Found::Fault => None,
        }
    }
}

impl<'a> Visit<'a> {
    /// Reads a cell, noting a fault or a repair.
    pub(super) fn read(&mut self, index: usize, kind: &'a Kind, field: &str) -> Found<'a> {
        match value::read(kind, self.row.cell(index)) {
            Ok(None) => {
                if value::says_nothing(self.row.cell(index)) {
                    self.repair(index, field, "");
                }
                Found::Nothing
            }
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
    pub(super) fn read_silently(&mut self, index: usize, field: &str) -> Found<'a> {
        let repairs_before = self.repairs.len();
        let found = self.read(index, &Kind::Text, field);
        self.repairs.truncate(repairs_before);
        found
    }

    pub(super) fn missing(&mut self, column: Option<usize>, field: &str) {
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

    pub(super) fn problem(
        &mut self,
        column: Option<usize>,
        field: Option<&str>,
        fault: Fault,
        value: String,
    ) {
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
    pub(super) fn tell_once(&mut self, problems_before: usize) {
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
