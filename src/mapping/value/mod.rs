//! Reads one cell as one type of form field: the text that goes out, or what the clerk has to change.
//!
//! Pure: values in, values out. It knows neither the row nor the column that the cell stands in, nor whether the
//! field is required. What only a column can decide is told by its [`Convention`].

mod date;
mod number;
mod recipient;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;

use crate::model::{Cell, Fault};

pub use date::{DateOrder, check_date_format, check_date_input};
pub use number::{DecimalMark, birth_date_of, whole};
pub use recipient::Country;
pub use text::{Choices, Reading};
pub(crate) use text::{group_of, parts_of};

use text::Given;

#[derive(Debug, Clone)]
pub enum Kind {
    Text,
    /// A number: Western digits, `.`, no separators for thousands.
    Number {
        /// What comes before the fraction in texts, as the mapping says.
        decimal: Option<DecimalMark>,
    },
    Date {
        /// The strptime form of text cells; without it ISO, or as the column proves.
        input: Option<String>,
        /// The strftime form that goes out.
        output: String,
    },
    /// A phone number, sent as E.164.
    Phone {
        country: Country,
        /// Whether numbers that no message reaches are taken.
        landlines: bool,
    },
    Email,
    Choice(Choices),
    /// Yes or no, sent as `true` or `false`.
    Boolean,
    EgyptNationalId,
}

/// How a column writes its values, where one value alone can be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    Dates(DateOrder),
    Numbers(DecimalMark),
}

/// So many values of a column that all fit it are no chance.
const NO_CHANCE: usize = 5;

/// What the values of a column prove so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    proved: Option<Convention>,
    /// How many prove that, and how many the other, what the mapping says counted with each.
    proofs: [usize; 2],
    /// Values in which commas seem to part thousands (`41,000`), and fractions that are no slips of such (`5000,50`).
    thousands: usize,
    fractions: usize,
    /// Of which currencies its amounts are.
    moneys: u64,
    /// Date cells whose day could be the month, texts that no program which swaps the two could take for a date, and dates that it
    /// would not have left as they are; texts whose order is plain, as a person writes who is asked to correct some, prove nothing.
    swappable: usize,
    left_over: usize,
    untouched: usize,
    plain: usize,
    /// Whether the day stands next to a year that a text begins with, or the month.
    day_is_next: bool,
    month_is_next: bool,
}

impl Evidence {
    /// Takes a cell into account that is to be read as `kind`.
    pub fn see(&mut self, kind: &Kind, cell: &Cell) {
        let proof = kind.proof(cell);
        // What the mapping says, where a cell can be read by another.
        let told = match kind {
            Kind::Date { input, .. } => input.as_deref().and_then(date::order_of),
            _ => None,
        };
        for proof in proof.into_iter().chain(told.map(Convention::Dates)) {
            let is_other = *self.proved.get_or_insert(proof) != proof;
            self.proofs[usize::from(is_other)] += 1;
        }
        match (kind, cell) {
            (Kind::Date { .. }, Cell::Date(at)) if at.day() <= 12 => self.swappable += 1,
            (Kind::Date { .. }, Cell::Date(_)) => self.untouched += 1,
            (Kind::Date { input, .. }, Cell::Text(text)) => {
                match date::is_left_over(text::trim(text), input.as_deref()) {
                    Some(true) => self.left_over += 1,
                    Some(false) if date::is_plain(text) => self.plain += 1,
                    Some(false) => self.untouched += 1,
                    None => {}
                }
                let behind = date::behind_year(text).filter(|_| input.is_none());
                self.day_is_next |= matches!(behind, Some([13..=31, 1..=12]));
                self.month_is_next |= matches!(behind, Some([1..=12, 13..=31]));
            }
            (Kind::Number { .. }, Cell::Text(text)) => {
                let (_, is_grouped, money) = number::signs(text::trim(text));
                self.thousands += usize::from(is_grouped);
                self.fractions += usize::from(proof.is_some() && number::is_long(text));
                self.moneys |= money;
            }
            (Kind::Number { .. }, Cell::Number(_)) => self.moneys |= 1,
            _ => {}
        }
    }

    /// Refuses a date that is not what was typed: a program opened texts as dates that puts the month where they have the day. And one
    /// with the year first, or the other way round, where its column is not so; and an amount whose currency is not the column's.
    pub fn vouches_for(self, kind: &Kind, cell: &Cell) -> Result<(), Fault> {
        // Of dates that nothing swapped, most have a day that is no month. A few are those of customers who were added below, and
        // what is plain by now may have been swapped.
        let is_seen = self.left_over > 0 && self.untouched * 4 < self.swappable + self.plain;
        let is_swapped = is_seen && self.swappable + self.left_over + self.plain >= NO_CHANCE;
        let is_year_day = self.day_is_next && !self.month_is_next;
        let are_mixed = number::are_mixed(self.moneys);
        let names_money = |text| number::signs(text::trim(text)).2 > 1;
        let behind = |text| date::behind_year(text).filter(|[one, other]| one != other);
        let proofs = |are_other: bool| self.proofs[usize::from(are_other)];
        let is_rare = |proof| proofs(proof != self.proved) < proofs(proof == self.proved);
        // Where all agree, none is.
        let may_be_turned = matches!(kind, Kind::Date { .. }) && self.proofs[1] > 0;
        let is_turned = may_be_turned && kind.proof(cell).is_some_and(|it| is_rare(Some(it)));
        match cell {
            _ if is_turned => Err(Fault::of("date_turned", &[])),
            Cell::Date(at) if is_swapped && at.day() <= 12 && at.day() != at.month() => {
                Err(Fault::of("dates_swapped", &[]))
            }
            Cell::Text(text) if is_year_day && matches!(behind(text), Some([1..=12, 1..=12])) => {
                Err(Fault::of("dates_mixed", &[]))
            }
            Cell::Text(text) if are_mixed && names_money(text) => {
                Err(Fault::of("currencies_mixed", &[]))
            }
            _ => Ok(()),
        }
    }

    pub fn verdict(self) -> Result<Option<Convention>, Fault> {
        let contradicts = self.proofs[1] > 0;
        match self.proved {
            Some(Convention::Dates(_)) if contradicts => Err(Fault::of("dates_mixed", &[])),
            Some(Convention::Numbers(mark))
                if contradicts
                    || mark == DecimalMark::Comma && self.thousands > 0 && self.fractions == 0 =>
            {
                Err(Fault::of("numbers_mixed", &[]))
            }
            proved => Ok(proved),
        }
    }

    /// Reads a cell by what its column proves.
    pub fn read<'a>(self, kind: &'a Kind, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        self.vouches_for(kind, cell)?;
        match self.verdict() {
            Err(conflict) if kind.depends_on_convention(cell) => Err(conflict),
            verdict => kind.read_by(verdict.unwrap_or_default(), cell),
        }
    }
}

/// What the cells of a column prove, whatever field they are for: all of them, and those that are given back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proofs([[Evidence; 2]; 2]);

impl Proofs {
    fn kinds() -> [Kind; 2] {
        let (input, output, decimal) = (None, "%F".to_owned(), None);
        [Kind::Date { input, output }, Kind::Number { decimal }]
    }

    pub fn see(&mut self, cell: &Cell, is_given_back: bool) {
        for (kind, [all, given_back]) in Self::kinds().iter().zip(&mut self.0) {
            all.see(kind, cell);
            if is_given_back {
                given_back.see(kind, cell);
            }
        }
    }

    /// Whether a cell would be read, and not as it was, where nothing else is given back.
    pub fn is_misread(&self, cell: &Cell) -> bool {
        let mut kinds = Self::kinds().into_iter().zip(self.0);
        kinds.any(|(kind, [all, given_back])| {
            let read = given_back.read(&kind, cell);
            read.is_ok_and(|read| all.read(&kind, cell) != Ok(read))
        })
    }
}

/// Whether a cell holds a word that people and programs write for nothing at all, such as `n/a`.
pub fn says_nothing(cell: &Cell) -> bool {
    let Cell::Text(raw) = cell else { return false };
    text::clean(text::trim(raw)).is_ok_and(|clean| text::is_word_for_nothing(&clean.text))
}

/// What a person sees in the cell, as text.
fn as_shown(given: Given<'_>) -> Result<Cow<'_, str>, Fault> {
    Ok(match given {
        // As Excel shows a number of more than eleven digits; any other code may have an E in it.
        Given::Text(text) if text.contains("E+") && number::exponent(text) >= Some(11) => {
            return Err(Fault::of("digits_rounded", &[]));
        }
        Given::Text(text) => Cow::Borrowed(text),
        Given::Number(number) => number::shown(number)?.into(),
        Given::Boolean(boolean) => Cell::Boolean(boolean).shown().into(),
        Given::Date(at) if date::may_be_midnight(at) => return Err(Fault::of("date_shifted", &[])),
        Given::Date(at) => Cell::Date(at).shown().into(),
    })
}

impl Kind {
    /// Reads a cell; `None` when it is empty but for white space and invisible characters, or says that there is nothing.
    pub fn read<'a>(&'a self, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        self.read_by(None, cell)
    }

    /// As [`Kind::read`], by what the column proves.
    pub fn read_by<'a>(
        &'a self,
        proved: Option<Convention>,
        cell: &'a Cell,
    ) -> Result<Option<Reading<'a>>, Fault> {
        let given = match cell {
            Cell::Text(raw) => return self.read_text(raw, proved),
            Cell::Empty => return Ok(None),
            Cell::Number(number) if number.is_finite() => Given::Number(*number),
            Cell::Boolean(boolean) => Given::Boolean(*boolean),
            Cell::Date(at) => Given::Date(*at),
            Cell::Uncalculated => return Err(Fault::of("formula_uncalculated", &[])),
            Cell::Merged { .. } => return Err(Fault::of("merged_cell", &[])),
            // A per cent that is picked from a list is such a number, and nothing else that can be typed in its place.
            Cell::Label(shown) if matches!(self, Kind::Choice(_)) && shown.ends_with('%') => {
                Given::Text(shown)
            }
            Cell::Label(_) => return Err(Fault::of("number_label", &[])),
            Cell::Undecodable(_) => return Err(Fault::of("undecodable", &[])),
            Cell::Number(_) | Cell::Error(_) => return Err(Fault::of("cell_error", &[])),
        };
        self.read_given(given, proved).map(Some)
    }

    fn read_text<'a>(
        &'a self,
        raw: &'a str,
        proved: Option<Convention>,
    ) -> Result<Option<Reading<'a>>, Fault> {
        let trimmed = text::trim(raw);
        if trimmed.is_empty() {
            return Ok(None);
        }
        let clean = text::clean(trimmed)?;
        // What was nothing but an empty `=""` is empty after all; a word for nothing that is one of the choices means itself.
        let is_nothing = clean.text.is_empty() || text::is_word_for_nothing(&clean.text);
        let is_choice = |word| matches!(self, Kind::Choice(choices) if choices.read(word).is_ok());
        if is_nothing && !is_choice(&clean.text) {
            return Ok(None);
        }
        let mut reading = match clean.text {
            Cow::Borrowed(text) => self.read_given(Given::Text(text), proved)?,
            Cow::Owned(text) => self.read_given(Given::Text(&text), proved)?.into_owned(),
        };
        reading.repaired |= clean.repaired;
        Ok(Some(reading))
    }

    fn read_given<'a>(
        &'a self,
        given: Given<'a>,
        proved: Option<Convention>,
    ) -> Result<Reading<'a>, Fault> {
        let (order, mark) = match proved {
            Some(Convention::Dates(order)) => (Some(order), None),
            Some(Convention::Numbers(mark)) => (None, Some(mark)),
            None => (None, None),
        };
        match self {
            Kind::Text => Ok(Reading::new(as_shown(given)?, false)),
            Kind::Number { decimal } => number::read(given, decimal.or(mark)),
            Kind::Date { input, output } => date::read(given, input.as_deref(), output, order),
            Kind::Phone { country, landlines } => {
                recipient::read_phone(given, *country, *landlines)
            }
            Kind::Email => recipient::read_email(given),
            Kind::Choice(choices) => match given {
                Given::Text(text) => choices.read(text),
                other => choices.read(&as_shown(other)?),
            },
            Kind::Boolean => {
                let shown = as_shown(given).map_err(|_| Fault::of("boolean_invalid", &[]))?;
                let answer = text::yes_or_no(&shown).ok_or(Fault::of("boolean_invalid", &[]))?;
                Ok(Reading::new(answer, false))
            }
            Kind::EgyptNationalId => number::read_national_id(given),
        }
    }

    /// Whether a cell holds such a value.
    pub fn reads(&self, cell: &Cell) -> bool {
        matches!(self.read(cell), Ok(Some(_)))
    }

    /// The convention that a cell can only be read by.
    pub fn proof(&self, cell: &Cell) -> Option<Convention> {
        let Cell::Text(raw) = cell else { return None };
        let clean = text::clean(text::trim(raw)).ok()?;
        match self {
            Kind::Date { .. } => date::proved(&clean.text).map(Convention::Dates),
            Kind::Number { .. } => number::signs(&clean.text).0.map(Convention::Numbers),
            _ => None,
        }
    }

    /// Whether a cell means something else by another convention, whatever form the mapping says; of numbers, or nothing, where a digit
    /// too few or too many may have made it what it is.
    pub fn depends_on_convention(&self, cell: &Cell) -> bool {
        let by = |kind: &Kind, convention| {
            let reading = kind.read_by(Some(convention), cell).ok().flatten();
            reading.map(|reading| reading.text.into_owned())
        };
        match self {
            Kind::Date { .. } => {
                let (input, output) = (None, "%Y-%m-%d".to_owned());
                let bare = Kind::Date { input, output };
                let by = |order| by(&bare, Convention::Dates(order));
                let [one, other] = [DateOrder::DayMonth, DateOrder::MonthDay].map(by);
                one.is_some() && other.is_some() && one != other
            }
            Kind::Number { .. } => {
                let by = |mark| by(self, Convention::Numbers(mark));
                by(DecimalMark::Point) != by(DecimalMark::Comma)
            }
            _ => false,
        }
    }
}
