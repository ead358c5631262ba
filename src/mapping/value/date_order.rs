//! Finds out which of two numbers before a year is the day: by a whole column, or by the numbers themselves.

use super::date_text::{self, Written};
use super::{Fault, text};
use crate::model::{Cell, ProblemCode};

/// Which of two numbers before a year is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// 31/12/1990.
    DayMonth,
    /// 12/31/1990.
    MonthDay,
}

/// Finds a column's order of day and month by the values that can be read in only one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DateSurvey {
    saw_day_first: bool,
    saw_month_first: bool,
}

impl DateSurvey {
    /// Takes a cell of the column into account.
    pub fn see(&mut self, cell: &Cell) {
        let Cell::Text(raw) = cell else { return };
        let western = text::western_digits(text::trim(raw));
        let clean = text::clean(&western);
        if let Some((Written::Either { first, second, .. }, _)) = date_text::take_apart(&clean.text)
        {
            self.saw_day_first |= is_only_day(first) && is_month(second);
            self.saw_month_first |= is_month(first) && is_only_day(second);
        }
    }

    /// The column's order; `None` when no value proves one, a fault when its values contradict each other.
    pub fn order(&self) -> Result<Option<DateOrder>, Fault> {
        match (self.saw_day_first, self.saw_month_first) {
            (true, true) => Err(Fault::new(
                ProblemCode::DateAmbiguous,
                "The column writes some dates as day/month and others as month/day; write all of them as YYYY-MM-DD.",
            )),
            (true, false) => Ok(Some(DateOrder::DayMonth)),
            (false, true) => Ok(Some(DateOrder::MonthDay)),
            (false, false) => Ok(None),
        }
    }
}

fn is_month(number: i8) -> bool {
    (1..=12).contains(&number)
}

fn is_only_day(number: i8) -> bool {
    (13..=31).contains(&number)
}

/// The order that the two numbers prove by themselves.
pub(super) fn own_order(first: i8, second: i8) -> Result<DateOrder, Fault> {
    if first == second || !is_month(first) {
        Ok(DateOrder::DayMonth)
    } else if !is_month(second) {
        Ok(DateOrder::MonthDay)
    } else {
        Err(Fault::new(
            ProblemCode::DateAmbiguous,
            "Day and month of the date could be swapped; write it as YYYY-MM-DD, or set `input` in the mapping.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProblemCode::DateAmbiguous;
    use DateOrder::{DayMonth, MonthDay};

    fn survey(texts: &[&str]) -> Result<Option<DateOrder>, ProblemCode> {
        let mut survey = DateSurvey::default();
        for text in texts {
            survey.see(&Cell::Text((*text).to_owned()));
        }
        survey.order().map_err(|fault| fault.code)
    }

    #[test]
    fn a_column_is_decided_by_its_unambiguous_values() {
        assert_eq!(
            survey(&["1/2/2024", "13/2/2024", "2024-01-31"]),
            Ok(Some(DayMonth))
        );
        assert_eq!(survey(&["1/2/2024", "٢/١٣/٢٠٢٤ "]), Ok(Some(MonthDay)));
        assert_eq!(
            survey(&["1/2/2024", "40/2/2024", "x", "", "13/2/24"]),
            Ok(None)
        );
        assert_eq!(survey(&["13/2/2024", "2/13/2024"]), Err(DateAmbiguous));
        assert_eq!(survey(&[]), Ok(None));
    }
}
