//! How a column writes its values, where one value alone can be read in two ways: which of two numbers is the day, which
//! mark comes before the fraction. The column's own values prove it, or contradict each other.

use super::{DateOrder, DecimalMark, Fault, Kind, date_order, number, text};
use crate::model::{Cell, ProblemCode};

/// One of the ways in which a column can write its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// Of dates.
    Dates(DateOrder),
    /// Of numbers.
    Numbers(DecimalMark),
}

/// What the values of a column prove so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    proved: Option<Convention>,
    contradicts: bool,
}

impl Evidence {
    /// Takes a cell into account that is to be read as `kind`.
    pub fn see(&mut self, kind: &Kind, cell: &Cell) {
        let Cell::Text(raw) = cell else { return };
        let Some(proof) = kind.proof(text::trim(raw)) else {
            return;
        };
        self.contradicts |= self.proved.is_some_and(|proved| proved != proof);
        self.proved = Some(proof);
    }

    /// The column's convention; `None` when no value proves one, a fault when its values contradict each other.
    pub fn verdict(&self) -> Result<Option<Convention>, Fault> {
        match self.proved {
            Some(Convention::Dates(_)) if self.contradicts => Err(Fault::new(
                ProblemCode::DateAmbiguous,
                "The column writes some dates as day/month and others as month/day; write all of them as YYYY-MM-DD.",
            )),
            Some(Convention::Numbers(_)) if self.contradicts => Err(Fault::new(
                ProblemCode::NumberAmbiguous,
                "The column writes some numbers with a point before the fraction and others with a comma; write all of them as in 1234.50.",
            )),
            proved => Ok(proved),
        }
    }
}

impl Kind {
    /// Whether its texts are read by a convention that nothing has settled.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Kind::Date {
                input: None,
                order: None,
                ..
            } | Kind::Number { decimal: None }
        )
    }

    /// Reads by this convention from now on.
    pub fn settle(&mut self, convention: Convention) {
        match (self, convention) {
            (Kind::Date { order, .. }, Convention::Dates(proved)) => *order = Some(proved),
            (Kind::Number { decimal }, Convention::Numbers(proved)) => *decimal = Some(proved),
            _ => {}
        }
    }

    /// Whether a cell means something else, or nothing, by another convention.
    pub fn depends_on_convention(&self, cell: &Cell) -> bool {
        let read_by = |convention| {
            let mut kind = self.clone();
            kind.settle(convention);
            let reading = super::read(&kind, cell).ok().flatten();
            reading.map(|reading| reading.text.into_owned())
        };
        let [one, other] = match self {
            Kind::Date { .. } => [DateOrder::DayMonth, DateOrder::MonthDay].map(Convention::Dates),
            Kind::Number { .. } => {
                [DecimalMark::Point, DecimalMark::Comma].map(Convention::Numbers)
            }
            _ => return false,
        };
        read_by(one) != read_by(other)
    }

    /// The convention that a text can only be read by.
    fn proof(&self, trimmed: &str) -> Option<Convention> {
        // The digits of a plain whole number prove nothing, and are all that most columns hold.
        if text::is_digits(trimmed) {
            return None;
        }
        let clean = text::clean(trimmed);
        match self {
            Kind::Date { .. } => date_order::proved(&clean.text).map(Convention::Dates),
            Kind::Number { .. } => number::proved(&clean.text).map(Convention::Numbers),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProblemCode::DateAmbiguous;

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
            (&["13/2/2024", "2/13/2024"], Err(DateAmbiguous)),
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
