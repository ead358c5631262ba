//! What a column's first values look like, whatever its header says.

use crate::mapping::names::{fold, fold_value};
use crate::mapping::survey::Evidence;
use crate::mapping::value::{self, Convention, DateOrder, DecimalMark, Kind};
use crate::model::{Cell, FormField};

/// How many values of a column are looked at.
pub(super) const SAMPLED_VALUES: usize = 200;

/// Shares of a column's values, each from 0 to 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    /// How many values there are to judge by.
    pub count: usize,
    pub phone: f64,
    /// Phones written as such: with their zero, `+` or `00`.
    pub plain_phone: f64,
    pub email: f64,
    pub national_id: f64,
    pub date: f64,
    /// Dates of eight digits, the year first.
    pub compact_date: f64,
    pub number: f64,
    /// Letters, and no digits.
    pub words: f64,
    /// Two words or more.
    pub several_words: f64,
    /// Which of day and month comes first, when the values prove it.
    pub order: Option<DateOrder>,
    /// The different values as written, few enough to be a list.
    pub distinct: Vec<String>,
    /// A value to show.
    pub sample: Option<String>,
}

/// More different values than this are no list of choices.
const MOST_CHOICES: usize = 60;

impl Profile {
    pub fn of(values: &[Cell], country: &str) -> Profile {
        let kinds = Kinds::new(country);
        let mut counts = [0usize; 9];
        let mut evidence = Evidence::default();
        let mut distinct: Vec<String> = Vec::new();
        // What cannot be read says nothing of what it would be: a formula that no program has calculated, an error.
        let tells = |cell: &&Cell| match cell {
            Cell::Text(_) => !cell.is_empty() && !value::says_nothing(cell),
            Cell::Number(_) | Cell::Boolean(_) | Cell::Date(_) => true,
            _ => false,
        };
        let values: Vec<&Cell> = values.iter().filter(tells).collect();
        for cell in &values {
            evidence.see(&kinds.date, cell);
            for (count, is_so) in counts.iter_mut().zip(kinds.judge(cell)) {
                *count += usize::from(is_so);
            }
            let shown = cell.shown().trim().to_owned();
            if distinct.len() <= MOST_CHOICES && !distinct.contains(&shown) {
                distinct.push(shown);
            }
        }
        if distinct.len() > MOST_CHOICES {
            distinct.clear();
        }
        let share = |at: usize| share(counts[at], values.len());
        Profile {
            count: values.len(),
            phone: share(0),
            plain_phone: share(1),
            email: share(2),
            national_id: share(3),
            date: share(4),
            number: share(5),
            words: share(6),
            several_words: share(7),
            compact_date: share(8),
            order: match evidence.verdict() {
                Ok(Some(Convention::Dates(order))) => Some(order),
                _ => None,
            },
            distinct,
            sample: values.first().map(|cell| cell.shown()),
        }
    }

    /// The share of different values that are choices of a field, by their own text, a label or a known translation.
    pub fn choices_of(&self, field: &FormField) -> f64 {
        if self.distinct.is_empty() || field.options.is_empty() {
            return 0.0;
        }
        let known = self
            .distinct
            .iter()
            .filter(|value| super::translate::choice(value, field).is_some());
        share(known.count(), self.distinct.len())
    }
}

/// A part of a whole, from 0 to 1; of nothing, 0.
#[expect(clippy::cast_precision_loss, reason = "a few hundred values at most")]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

struct Kinds {
    phone: Kind,
    date: Kind,
    compact_date: Kind,
}

impl Kinds {
    fn new(country: &str) -> Kinds {
        Kinds {
            phone: Kind::Phone {
                country: country.to_owned(),
                landlines: false,
            },
            date: Kind::Date {
                input: None,
                output: "%Y-%m-%d".to_owned(),
                // Whether a text is a date does not hang on the order; which one it is, does.
                order: Some(DateOrder::DayMonth),
            },
            compact_date: Kind::Date {
                input: Some("%Y%m%d".to_owned()),
                output: "%Y-%m-%d".to_owned(),
                order: None,
            },
        }
    }

    /// In the order of the shares.
    fn judge(&self, cell: &Cell) -> [bool; 9] {
        let reads = |kind: &Kind| matches!(value::read(kind, cell), Ok(Some(_)));
        let text = fold_value(&cell.shown());
        let is_phone = reads(&self.phone);
        let is_date = match cell {
            Cell::Date(_) => true,
            Cell::Text(_) => reads(&self.date) || self.reads_month_first(cell),
            // A number cell can be read as a date's serial number, which proves nothing.
            _ => false,
        };
        let is_compact = !matches!(cell, Cell::Date(_))
            && text.len() == 8
            && matches!(text.as_bytes()[..2], [b'1', b'9'] | [b'2', b'0'])
            && reads(&self.compact_date);
        let is_number = [DecimalMark::Point, DecimalMark::Comma]
            .map(|mark| {
                reads(&Kind::Number {
                    decimal: Some(mark),
                })
            })
            .contains(&true);
        let has_letters = text.chars().any(char::is_alphabetic);
        let has_digits = text.chars().any(|c| c.is_ascii_digit());
        [
            is_phone,
            is_phone && is_written_as_phone(&text),
            reads(&Kind::Email),
            reads(&Kind::EgyptNationalId),
            is_date || is_compact,
            is_number && !is_date,
            has_letters && !has_digits && !text.contains('@'),
            text.split(' ')
                .filter(|word| !fold(word).is_empty())
                .count()
                >= 2,
            is_compact,
        ]
    }

    fn reads_month_first(&self, cell: &Cell) -> bool {
        let Kind::Date { input, output, .. } = &self.date else {
            return false;
        };
        let month_first = Kind::Date {
            input: input.clone(),
            output: output.clone(),
            order: Some(DateOrder::MonthDay),
        };
        matches!(value::read(&month_first, cell), Ok(Some(_)))
    }
}

fn is_written_as_phone(text: &str) -> bool {
    text.starts_with(['0', '+']) || (text.starts_with("20") && text.len() >= 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(values: &[&str]) -> Profile {
        let cells: Vec<Cell> = values.iter().map(|v| Cell::Text((*v).to_owned())).collect();
        Profile::of(&cells, "EG")
    }

    #[test]
    fn values_give_away_what_they_are() {
        let all = |share: f64| share > 0.99;
        assert!(all(profile(&["01012345678", "+201112345678"]).plain_phone));
        assert!(all(profile(&["1012345678"]).phone) && !all(profile(&["1012345678"]).plain_phone));
        assert!(all(profile(&["mona@example.com"]).email));
        assert!(all(profile(&["29001011234567"]).national_id));
        assert!(all(profile(&["منى عادل", "Ali Hassan"]).several_words));
        assert!(all(profile(&["5,000", "٧٠٠٠"]).number));
        let dates = profile(&["25/12/1990", "01/02/1991"]);
        assert!(all(dates.date) && dates.order == Some(DateOrder::DayMonth));
        let dates = profile(&["12/25/1990"]);
        assert!(all(dates.date) && dates.order == Some(DateOrder::MonthDay));
        assert_eq!(profile(&["", " "]).count, 0);
    }
}
