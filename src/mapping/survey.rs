//! Looks at whole columns before the first row is mapped, to learn how they write their dates and numbers.

use std::mem::{Discriminant, discriminant};

use super::Mapping;
use super::fields::{FieldRule, RuleSource};
use super::value::{Convention, Fault, Kind};
use crate::model::{Cell, ProblemCode, Row};

/// What is known so far about the columns that need a look.
pub struct Survey {
    columns: Vec<Surveyed>,
}

/// One column, read as one kind.
struct Surveyed {
    index: usize,
    kind: Kind,
    evidence: Evidence,
}

/// What the values of a column prove so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    proved: Option<Convention>,
    contradicts: bool,
}

impl Evidence {
    /// Takes a cell into account that is to be read as `kind`.
    pub fn see(&mut self, kind: &Kind, cell: &Cell) {
        if let Some(proof) = kind.proof(cell) {
            self.contradicts |= self.proved.is_some_and(|proved| proved != proof);
            self.proved = Some(proof);
        }
    }

    /// The column's convention; `None` when no value proves one, a fault when its values contradict each other.
    pub fn verdict(self) -> Result<Option<Convention>, Fault> {
        let (code, message) = match self.proved {
            Some(Convention::Dates(_)) if self.contradicts => (
                ProblemCode::DateAmbiguous,
                "The column writes some dates as day/month and others as month/day; write all of them as YYYY-MM-DD.",
            ),
            Some(Convention::Numbers(_)) if self.contradicts => (
                ProblemCode::NumberAmbiguous,
                "The column writes some numbers with a point before the fraction and others with a comma; write all of them as in 1234.50.",
            ),
            proved => return Ok(proved),
        };
        Err(Fault {
            code,
            message: message.to_owned(),
        })
    }
}

impl Survey {
    /// Takes a row into account.
    pub fn see(&mut self, row: &Row) {
        for column in &mut self.columns {
            column.evidence.see(&column.kind, row.cell(column.index));
        }
    }
}

impl Mapping {
    /// A survey to take over all rows, if any column needs one: dates or numbers, and nothing in the config to read them by.
    pub fn survey(&self) -> Option<Survey> {
        let mut columns: Vec<Surveyed> = Vec::new();
        for rule in self.rules() {
            let Some(place) = place(rule) else { continue };
            if !columns.iter().any(|column| column.place() == place) {
                columns.push(Surveyed {
                    index: place.0,
                    kind: rule.kind.clone(),
                    evidence: Evidence::default(),
                });
            }
        }
        (!columns.is_empty()).then_some(Survey { columns })
    }

    /// Takes over what a survey has learnt.
    pub fn settle(&mut self, survey: Survey) {
        for column in survey.columns {
            let verdict = column.evidence.verdict();
            let rules = self.rules_mut();
            for rule in rules.filter(|rule| place(rule) == Some(column.place())) {
                match &verdict {
                    Ok(Some(convention)) => rule.kind.settle(*convention),
                    Ok(None) => {}
                    Err(fault) => rule.conflict = Some(fault.clone()),
                }
            }
        }
    }

    fn rules(&self) -> impl Iterator<Item = &FieldRule> {
        self.groups
            .values()
            .chain([&self.other_types])
            .flat_map(|group| &group.rules)
    }

    fn rules_mut(&mut self) -> impl Iterator<Item = &mut FieldRule> {
        self.groups
            .values_mut()
            .chain([&mut self.other_types])
            .flat_map(|group| &mut group.rules)
    }
}

impl Surveyed {
    fn place(&self) -> (usize, Discriminant<Kind>) {
        (self.index, discriminant(&self.kind))
    }
}

/// The column that a rule waits for the convention of.
fn place(rule: &FieldRule) -> Option<(usize, Discriminant<Kind>)> {
    match &rule.source {
        RuleSource::Column(index) if rule.kind.is_open() => {
            Some((*index, discriminant(&rule.kind)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::{DateOrder, DecimalMark};
    use super::*;

    fn verdict(kind: &Kind, texts: &[&str]) -> Result<Option<Convention>, ProblemCode> {
        let mut evidence = Evidence::default();
        for text in texts {
            evidence.see(kind, &Cell::Text((*text).to_owned()));
        }
        evidence.verdict().map_err(|fault| fault.code)
    }

    #[test]
    fn a_column_is_decided_by_its_unambiguous_values() {
        let date = Kind::Date {
            input: None,
            output: String::new(),
            order: None,
        };
        for (texts, expected) in [
            (
                &["1/2/2024", "13/2/2024", "2024-01-31"][..],
                Ok(Some(DateOrder::DayMonth)),
            ),
            (&["1/2/2024", "٢/١٣/٢٠٢٤ "], Ok(Some(DateOrder::MonthDay))),
            (&["1/2/2024", "40/2/2024", "x", "", "13/2/24"], Ok(None)),
            (&["13/2/2024", "2/13/2024"], Err(ProblemCode::DateAmbiguous)),
            (&[], Ok(None)),
        ] {
            let expected = expected.map(|order| order.map(Convention::Dates));
            assert_eq!(verdict(&date, texts), expected, "{texts:?}");
        }
        let number = Kind::Number { decimal: None };
        for (texts, expected) in [
            (&["5.000", "12.345,50"][..], Ok(Some(DecimalMark::Comma))),
            (&["5.000", "1.5 EGP"], Ok(Some(DecimalMark::Point))),
            (&["5.000", "41,000", "n/a", "1.5E+12"], Ok(None)),
            (&["1.5", "1,5"], Err(ProblemCode::NumberAmbiguous)),
        ] {
            let expected = expected.map(|mark| mark.map(Convention::Numbers));
            assert_eq!(verdict(&number, texts), expected, "{texts:?}");
        }
    }
}
