//! Finds out which of two numbers before a year is the day: by a whole column, or by the numbers themselves.

use super::date_text::{self, Written};
use super::{Fault, text};
use crate::model::ProblemCode;

/// Which of two numbers before a year is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// 31/12/1990.
    DayMonth,
    /// 12/31/1990.
    MonthDay,
}

/// The order that a text can only be read in, if it is a date.
pub(super) fn proved(text: &str) -> Option<DateOrder> {
    let western = text::western_digits(text);
    let (Written::Either { first, second, .. }, _) = date_text::take_apart(&western)? else {
        return None;
    };
    match (first, second) {
        (13..=31, 1..=12) => Some(DateOrder::DayMonth),
        (1..=12, 13..=31) => Some(DateOrder::MonthDay),
        _ => None,
    }
}

fn is_month(number: i8) -> bool {
    (1..=12).contains(&number)
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
