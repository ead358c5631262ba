//! What a column's first values look like, whatever its header says, and which of a form's choices they mean.

use super::headers::is_arabic;
use crate::mapping::names::{fold, fold_value};
use crate::mapping::value::{
    self, Convention, Country, DateOrder, DecimalMark, Evidence, Kind, group_of, parts_of,
};
use crate::mapping::words::WORDS;
use crate::model::{Cell, Fault, FormField, FormOption, mask, mask_date};

/// The day first, and the month first.
const DATE_FORMS: [[&str; 3]; 2] = [
    ["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"],
    ["%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y"],
];
/// More different values than this are no list of choices.
const MOST_CHOICES: usize = 60;
/// A list as long as this is shown whole.
const MOST_SHOWN: usize = 6;
/// The first groups of words in [`WORDS`] are the marital states.
const MARITAL_STATES: usize = 4;

/// What a column's values are: shares of them, each from 0 to 1, and what else is seen of them.
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
    compact_date: f64,
    pub number: f64,
    /// Letters, and no digits.
    pub words: f64,
    /// Two words or more.
    pub several_words: f64,
    /// Which of day and month comes first, when the values prove it or a person says it.
    pub order: Option<DateOrder>,
    /// The different values as written, few enough to be a list.
    pub distinct: Vec<String>,
    /// Every row has a value.
    pub is_always_filled: bool,
    /// Dates whose day and month could be either, and nothing proves which.
    pub has_open_dates: bool,
    /// How all texts write their dates, if the day comes first and if the month does.
    date_forms: [Option<&'static str>; 2],
    /// A value.
    first: String,
    /// Every row's value, folded.
    texts: Vec<String>,
}

impl Profile {
    pub fn of(all: &[&Cell]) -> Profile {
        let values: Vec<&Cell> = all.iter().copied().filter(|cell| tells(cell)).collect();
        let share_of = |is_so: &dyn Fn(&Cell, &str) -> bool| {
            let is_so = |cell: &&&Cell| is_so(cell, &fold_value(&cell.shown()));
            share(values.iter().filter(is_so).count(), values.len())
        };
        let phone = Kind::Phone {
            country: Country::default(),
            landlines: false,
        };
        let numbers = [DecimalMark::Point, DecimalMark::Comma].map(|mark| Kind::Number {
            decimal: Some(mark),
        });
        let is_number = |cell: &Cell| numbers.iter().any(|number| reads(number, cell));
        let order = order_of(&values);
        let is_open = |cell: &&Cell| {
            matches!(cell, Cell::Text(_)) && date(None, None).depends_on_convention(cell)
        };
        Profile {
            count: values.len(),
            phone: share_of(&|cell, _| reads(&phone, cell)),
            plain_phone: share_of(&|cell, text| is_written_as_phone(text) && reads(&phone, cell)),
            email: share_of(&|cell, _| reads(&Kind::Email, cell)),
            national_id: share_of(&|cell, _| reads(&Kind::EgyptNationalId, cell)),
            date: share_of(&|cell, text| is_date(cell) || is_compact_date(cell, text)),
            compact_date: share_of(&is_compact_date),
            number: share_of(&|cell, _| is_number(cell) && !is_date(cell)),
            words: share_of(&|_, text| {
                text.contains(char::is_alphabetic)
                    && !text.contains(|c: char| c.is_ascii_digit() || c == '@')
            }),
            several_words: share_of(&|_, text| {
                let words = text.split(' ').filter(|word| !fold(word).is_empty());
                words.count() >= 2
            }),
            order,
            has_open_dates: order.is_none() && values.iter().any(is_open),
            date_forms: DATE_FORMS.map(|forms| form_of_dates(&forms, &values)),
            is_always_filled: values.len() == all.len(),
            distinct: distinct(&values),
            texts: all.iter().map(|cell| fold(&cell.shown())).collect(),
            first: values.first().map_or(String::new(), |cell| cell.shown()),
        }
    }

    /// What a person may be shown of the values, so that she knows the column and learns nobody's data: of dates the year, of lists the
    /// words, of numbers how long they are, of everything else how its words begin.
    pub fn sample(&self) -> String {
        let first = self.first.as_str();
        if self.known_choices() >= 0.8 && self.distinct.len() <= MOST_SHOWN {
            self.distinct.join(", ")
        } else if self.date >= 0.8 {
            mask_date(first)
        } else if self.number >= 0.8 && self.phone < 0.5 && self.national_id < 0.5 {
            let masked = |(at, c): (usize, char)| if at > 0 && c.is_numeric() { '*' } else { c };
            first.chars().enumerate().map(masked).collect()
        } else if self.words < 0.5 {
            mask(first)
        } else {
            let words: Vec<String> = first.split_whitespace().map(mask).collect();
            words.join(" ")
        }
    }

    /// How texts write their dates, where that is one form and known.
    pub fn date_form(&self) -> Option<&'static str> {
        if self.compact_date >= 0.8 {
            return Some("%Y%m%d");
        }
        match self.order? {
            DateOrder::DayMonth => self.date_forms[0],
            DateOrder::MonthDay => self.date_forms[1],
        }
    }

    /// Whether a person's word on day and month would give the dates a form.
    pub fn asks_for_order(&self) -> bool {
        self.has_open_dates && self.date_forms[0].is_some()
    }

    /// The share of different values that are choices of a field, by their own text, a label or a known translation.
    pub fn choices_of(&self, field: &FormField) -> f64 {
        self.share_of_distinct(|value| choice(value, field).is_some())
    }

    /// The share of different values that are marital states: by them the column is known where there is no form.
    pub fn marital_states(&self) -> f64 {
        self.share_of_distinct(|value| group_of(value).is_some_and(|at| at < MARITAL_STATES))
    }

    /// Words that are no list: every name that is written by one word alone.
    pub fn are_names(&self) -> bool {
        let is_list = !self.distinct.is_empty() && self.distinct.len() * 2 <= self.count;
        self.words >= 0.8 && !is_list && self.known_choices() < 0.5
    }

    /// Single words that may be names.
    pub fn may_be_parts(&self) -> bool {
        self.are_names() && self.several_words < 0.5
    }

    /// Whether most values of this column hold those beside them in the other.
    pub fn holds(&self, other: &Profile) -> bool {
        let beside = self.texts.iter().zip(&other.texts);
        let filled = beside.filter(|(whole, part)| !whole.is_empty() && !part.is_empty());
        let (held, apart): (Vec<_>, Vec<_>) =
            filled.partition(|(whole, part)| whole.contains(*part));
        held.len() > apart.len()
    }

    /// The share of different values that are words of some list of choices.
    pub fn known_choices(&self) -> f64 {
        self.share_of_distinct(|value| group_of(value).is_some())
    }

    fn share_of_distinct(&self, is_so: impl Fn(&str) -> bool) -> f64 {
        let so = self.distinct.iter().filter(|value| is_so(value)).count();
        share(so, self.distinct.len())
    }
}

/// Whether a cell says what the column is: not what is empty or cannot be read, as a formula that no program has calculated.
fn tells(cell: &Cell) -> bool {
    match cell {
        Cell::Text(_) => !cell.is_empty() && !value::says_nothing(cell),
        Cell::Number(_) | Cell::Boolean(_) | Cell::Date(_) => true,
        _ => false,
    }
}

/// Whether a cell holds such a value. A date that may be a day off is one: the check tells.
fn reads(kind: &Kind, cell: &Cell) -> bool {
    matches!(kind.read(cell), Ok(Some(_)) | Err(Fault::DateShifted))
}

fn date(input: Option<&str>, order: Option<DateOrder>) -> Kind {
    Kind::Date {
        input: input.map(str::to_owned),
        output: "%Y-%m-%d".to_owned(),
        order,
    }
}

fn is_date(cell: &Cell) -> bool {
    match cell {
        Cell::Date(_) => true,
        Cell::Text(_) => [DateOrder::DayMonth, DateOrder::MonthDay]
            .iter()
            .any(|order| reads(&date(None, Some(*order)), cell)),
        // A number cell can be read as a date's serial number, which proves nothing.
        _ => false,
    }
}

fn is_compact_date(cell: &Cell, text: &str) -> bool {
    let is_recent = text.starts_with("19") || text.starts_with("20");
    is_recent && text.len() == 8 && reads(&date(Some("%Y%m%d"), None), cell)
}

fn is_written_as_phone(text: &str) -> bool {
    text.starts_with(['0', '+']) || (text.starts_with("20") && text.len() >= 12)
}

fn order_of(values: &[&Cell]) -> Option<DateOrder> {
    let mut evidence = Evidence::default();
    for cell in values {
        evidence.see(&date(None, None), cell);
    }
    match evidence.verdict() {
        Ok(Some(Convention::Dates(order))) => Some(order),
        _ => None,
    }
}

/// The one form in which all texts write their dates.
fn form_of_dates(forms: &[&'static str], values: &[&Cell]) -> Option<&'static str> {
    let mut texts = values
        .iter()
        .filter(|cell| matches!(cell, Cell::Text(_)))
        .peekable();
    texts.peek()?;
    let fits = |form: &&&str| {
        let kind = date(Some(form), None);
        texts.clone().all(|cell| reads(&kind, cell))
    };
    forms.iter().find(fits).copied()
}

fn distinct(values: &[&Cell]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for cell in values {
        let shown = cell.shown().trim().to_owned();
        if !distinct.contains(&shown) {
            distinct.push(shown);
        }
        if distinct.len() > MOST_CHOICES {
            return Vec::new();
        }
    }
    distinct
}

/// A part of a whole, from 0 to 1; of nothing, 0.
#[expect(clippy::cast_precision_loss, reason = "a few hundred values at most")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// The choice whose own text or label this is: the mapping knows it by itself.
fn choice_called<'f>(text: &str, field: &'f FormField) -> Option<&'f str> {
    let wanted = fold(text);
    only(field.options.iter().filter(|option| {
        let mut texts = option.labels.iter().chain([&option.value]);
        texts.any(|text| fold(text) == wanted)
    }))
}

/// The choice that a value means, if it is one: by its own text, or by another word for it.
fn choice<'f>(value: &str, field: &'f FormField) -> Option<&'f str> {
    if let Some(called) = choice_called(value, field) {
        return Some(called);
    }
    // One part may be the choice's own text, another its translation; none may mean another choice.
    let by_part = parts_of(value).filter_map(|part| choice_called(part, field));
    if let [first, rest @ ..] = &by_part.collect::<Vec<_>>()[..] {
        return rest.iter().all(|other| other == first).then_some(first);
    }
    let group = group_of(value)?;
    let options = field.options.iter();
    only(options.filter(|option| group_of(&option.value) == Some(group)))
}

fn only<'f>(mut options: impl Iterator<Item = &'f FormOption>) -> Option<&'f str> {
    let first = options.next()?;
    options.next().is_none().then_some(&first.value)
}

/// Every other word for the choices of a field among which `values` has one: `(word, choice)`, values first as written.
pub(super) fn words_for<'f>(values: &[String], field: &'f FormField) -> Vec<(String, &'f str)> {
    let word = |value: &String| {
        let is_other = choice_called(value, field).is_none();
        let choice = choice(value, field).filter(|_| is_other)?;
        Some((value.clone(), choice))
    };
    let mut words: Vec<(String, &str)> = values.iter().filter_map(word).collect();
    if words.is_empty() {
        return words;
    }
    let arabic = words.iter().any(|(word, _)| is_arabic(word));
    for other in WORDS.choices.iter().flatten() {
        let is_known = words.iter().any(|(known, _)| fold(known) == fold(other));
        if is_arabic(other) == arabic && !is_known {
            words.extend(word(other));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(values: &[&str]) -> Profile {
        let cells: Vec<Cell> = values.iter().map(|v| Cell::Text((*v).to_owned())).collect();
        Profile::of(&cells.iter().collect::<Vec<_>>())
    }

    #[test]
    fn values_give_away_what_they_are() {
        let all = |share: f64| share > 0.99;
        assert!(all(profile(&["01012345678", "+201112345678"]).plain_phone));
        assert!(all(profile(&["1012345678"]).phone) && !all(profile(&["1012345678"]).plain_phone));
        assert!(all(profile(&["mona@example.com", "n/a"]).email));
        assert!(all(profile(&["29001011234567"]).national_id));
        assert!(all(profile(&["منى عادل", "Ali Hassan"]).several_words));
        assert!(all(profile(&["5,000", "٧٠٠٠", "5.000"]).number));
        assert!(all(profile(&["19900131", "20010203"]).compact_date));
        let dates = profile(&["25/12/1990", "01/02/1991"]);
        assert!(all(dates.date) && dates.order == Some(DateOrder::DayMonth));
        let dates = profile(&["12/25/1990"]);
        assert!(all(dates.date) && dates.order == Some(DateOrder::MonthDay));
        assert_eq!(profile(&["", " ", "-"]).count, 0);
        for (values, shown) in [
            (&["31/12/1990", "01/02/1991"][..], "**/**/1990"),
            (&["19901231"], "1990****"),
            (&["Married", "Single", "Married"], "Married, Single"),
            (&["12500.50"], "1****.**"),
            (&["Mona Adel"], "M*** A***"),
            (&["01012345678"], "010****5678"),
        ] {
            assert_eq!(profile(values).sample(), shown);
        }
    }

    fn field(choices: &[&str]) -> FormField {
        let option = |value: &&str| FormOption {
            value: (*value).to_owned(),
            labels: Vec::new(),
        };
        FormField {
            options: choices.iter().map(option).collect(),
            ..FormField::default()
        }
    }

    #[test]
    fn words_find_their_choice_and_strangers_do_not() {
        let status = field(&["Single", "Married"]);
        assert_eq!(choice("single", &status), Some("Single"));
        assert_eq!(choice("متزوجه", &status), Some("Married"));
        assert_eq!(choice("مطلق", &status), None, "there is no such choice");
        assert_eq!(choice("Active", &status), None);
        let both = Some("Single");
        assert_eq!(choice("Single / أعزب", &status), both);
        assert_eq!(choice("أعزب - Single", &status), both);
        assert_eq!(choice("Single / متزوج", &field(&["Married"])), None);
        let arabic = field(&["أعزب", "متزوج"]);
        assert_eq!(choice("Married", &arabic), Some("متزوج"));
    }

    #[test]
    fn a_list_of_words_is_made_whole() {
        let status = field(&["Single", "Married"]);
        let words = words_for(&["أعزب".to_owned()], &status);
        assert_eq!(words[0], ("أعزب".to_owned(), "Single"));
        assert!(words.contains(&("متزوج".to_owned(), "Married")));
        assert!(words_for(&["Single".to_owned()], &status).is_empty());
    }
}
