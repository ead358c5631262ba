//! A column: what its first values look like, whatever its header says, what it is taken for, and whether it is another person's.

use std::sync::LazyLock;

use indexmap::IndexSet;
use serde::Serialize;
use strum::Display;

use super::headers::{BY_WEAK_NAME, HeaderWords, NameWords, all, has_word, without_article};
use crate::mapping::names::{Role, WORDS, fold, fold_value, words};
use crate::mapping::value::{
    self, Convention, Country, DateOrder, DecimalMark, Evidence, Kind, group_of,
};
use crate::model::{Cell, Column, FieldType, Row, mask, mask_date};

pub(super) const FULL_NAME: &str = "fullName";
/// Parts of the full name: fields of their own only where a form has them.
pub(super) const FIRST_NAME: &str = "firstName";
pub(super) const LAST_NAME: &str = "lastName";
/// More different values than this are no list of choices.
const MOST_CHOICES: usize = 60;
/// A list as long as this is shown whole.
const MOST_SHOWN: usize = 6;

/// What a column's values are: shares of them, each from 0 to 1, and what else is seen of them.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Those that say something: by them it is judged.
    values: Vec<Cell>,
    pub count: usize,
    pub phone: f64,
    /// Phones written as such: with their zero, `+` or `00`.
    pub plain_phone: f64,
    pub email: f64,
    pub national_id: f64,
    pub date: f64,
    pub number: f64,
    /// Letters, and no digits.
    pub words: f64,
    /// Two words or more.
    pub several_words: f64,
    /// Which of day and month comes first, when the values prove it or a person says it.
    pub order: Option<DateOrder>,
    /// The different values as written, few enough to be a list.
    pub distinct: IndexSet<String>,
    /// Something is there, if only what cannot be read, such as formulas that no program has calculated.
    pub is_filled: bool,
    /// Every row's value, folded.
    texts: Vec<String>,
    country: Country,
}

impl Profile {
    /// `country`: whose phones have no code.
    pub fn of(all: &[&Cell], country: Country) -> Profile {
        let values = all.iter().filter(|cell| tells(cell));
        let values: Vec<Cell> = values.map(|cell| (*cell).clone()).collect();
        let share_of = |is_so: &dyn Fn(&Cell, &str) -> bool| {
            let is_so = |cell: &&Cell| is_so(cell, &fold_value(&cell.shown()));
            share(values.iter().filter(is_so).count(), values.len())
        };
        let phone = phone(country);
        let is_number = |cell: &Cell| {
            let mut marks = [DecimalMark::Point, DecimalMark::Comma]
                .map(Some)
                .into_iter();
            marks.any(|decimal| Kind::Number { decimal }.reads(cell))
        };
        let distinct = values.iter().map(|cell| cell.shown().trim().to_owned());
        let mut distinct: IndexSet<String> = distinct.collect();
        if distinct.len() > MOST_CHOICES {
            distinct.clear();
        }
        Profile {
            count: values.len(),
            phone: share_of(&|cell, _| phone.reads(cell)),
            plain_phone: share_of(&|cell, text| {
                let is_international = text.starts_with(&country.code()) && text.len() >= 11;
                (text.starts_with(['0', '+']) || is_international) && phone.reads(cell)
            }),
            email: share_of(&|cell, _| Kind::Email.reads(cell)),
            national_id: share_of(&|cell, _| Kind::EgyptNationalId.reads(cell)),
            date: share_of(&|cell, _| is_date(cell) || is_compact_date(cell)),
            number: share_of(&|cell, _| is_number(cell) && !is_date(cell)),
            words: share_of(&|_, text| {
                text.contains(char::is_alphabetic)
                    && !text.contains(|c: char| c.is_ascii_digit() || c == '@')
            }),
            several_words: share_of(&|_, text| {
                let words = text.split(' ').filter(|word| !fold(word).is_empty());
                words.count() >= 2
            }),
            order: proven_order(&values),
            is_filled: all.iter().any(|cell| !says_nothing(cell)),
            distinct,
            texts: all.iter().map(|cell| fold(&cell.shown())).collect(),
            values,
            country,
        }
    }

    /// Whether most values are such, or were before a program or a hand spoiled them: days that are shown as bare numbers too.
    pub fn were(&self, field_type: FieldType) -> bool {
        let kind = match field_type {
            FieldType::Phone => phone(self.country),
            FieldType::EgyptNationalId => Kind::EgyptNationalId,
            FieldType::Date => date(None),
            FieldType::Number => Kind::Number { decimal: None },
            _ => return false,
        };
        let is_day = |cell: &Cell| {
            let serial = Cell::Number(cell.shown().parse().unwrap_or(f64::NAN));
            field_type == FieldType::Date && kind.reads(&serial)
        };
        let is_spoiled =
            |cell: &&Cell| is_day(cell) || kind.read(cell).is_err_and(|fault| fault.is_spoiled());
        let (spoiled, others): (Vec<&Cell>, Vec<&Cell>) = self.values.iter().partition(is_spoiled);
        let whole = others.iter().filter(|cell| kind.reads(cell)).count();
        !spoiled.is_empty() && share(spoiled.len() + whole, self.count) >= 0.5
    }

    /// What a person may be shown of the values, so that she knows the column and learns nobody's data: of dates the year, of lists the
    /// words, of numbers how long they are, of everything else how its words begin.
    pub fn sample(&self) -> String {
        let first = self.values.first().map_or(String::new(), Cell::shown);
        if self.known_choices() >= 0.8 && self.distinct.len() <= MOST_SHOWN {
            let shown: Vec<&str> = self.distinct.iter().map(String::as_str).collect();
            shown.join(", ")
        } else if self.date >= 0.8 {
            mask_date(&first)
        } else if self.number >= 0.8 && self.phone.max(self.national_id) < 0.5 {
            let masked = |(at, c): (usize, char)| if at > 0 && c.is_numeric() { '*' } else { c };
            first.chars().enumerate().map(masked).collect()
        } else if self.words < 0.5 {
            mask(&first)
        } else {
            let words: Vec<String> = first.split_whitespace().map(mask).collect();
            words.join(" ")
        }
    }

    /// How texts write their dates, where that is one form which a person told, or which is all digits: what a column proves, that of
    /// the next sheet proves anew, perhaps otherwise.
    pub fn date_form(&self) -> Option<String> {
        let compact = self.values.iter().filter(|cell| is_compact_date(cell));
        if share(compact.count(), self.count) >= 0.8 {
            return Some("%Y%m%d".to_owned());
        }
        let told = self.order.filter(|_| proven_order(&self.values).is_none());
        self.form_by(told?)
    }

    /// The one form in which all texts write their dates, in this order of day and month.
    fn form_by(&self, order: DateOrder) -> Option<String> {
        let texts = self
            .values
            .iter()
            .filter(|cell| matches!(cell, Cell::Text(_)));
        texts.clone().next()?;
        let mut forms = ['/', '-', '.'].into_iter().map(|mark| match order {
            DateOrder::DayMonth => format!("%d{mark}%m{mark}%Y"),
            DateOrder::MonthDay => format!("%m{mark}%d{mark}%Y"),
        });
        forms.find(|form| texts.clone().all(|cell| date(Some(form)).reads(cell)))
    }

    /// Dates whose day and month could be either, and nothing proves which.
    pub fn has_open_dates(&self) -> bool {
        let mut values = self.values.iter();
        self.order.is_none() && values.any(|cell| date(None).depends_on_convention(cell))
    }

    /// Whether a person's word on day and month would give the dates a form.
    pub fn asks_for_order(&self) -> bool {
        self.has_open_dates() && self.form_by(DateOrder::DayMonth).is_some()
    }

    /// The share of different values that are words of some list of choices.
    pub fn known_choices(&self) -> f64 {
        self.share_of_distinct(|value| group_of(value).is_some())
    }

    /// Yes and no, in any word.
    pub fn are_answers(&self) -> bool {
        let answers = ["yes", "no"].map(group_of);
        self.share_of_distinct(|value| answers.contains(&group_of(value))) >= 0.5
    }

    pub fn share_of_distinct(&self, is_so: impl Fn(&str) -> bool) -> f64 {
        let so = self.distinct.iter().filter(|value| is_so(value)).count();
        share(so, self.distinct.len())
    }

    /// Words that are no list: every name that is written by one word alone.
    pub fn are_names(&self) -> bool {
        let is_list = !self.distinct.is_empty() && self.distinct.len() * 2 <= self.count;
        self.words >= 0.8 && !is_list && self.known_choices() < 0.5
    }

    /// Three values or more, and no two: nobody's own phone or address.
    pub fn is_one_for_all(&self) -> bool {
        self.count >= 3 && self.distinct.len() == 1
    }

    pub fn may_be_words(&self) -> bool {
        self.words >= 0.5 || self.count == 0
    }

    /// Titles before a name, and no part of one.
    pub fn are_titles(&self) -> bool {
        let is_title = |word: &String| WORDS.titles.contains(without_article(word));
        let are_titles = |words: Vec<String>| !words.is_empty() && words.iter().all(is_title);
        self.share_of_distinct(|value| are_titles(words(value))) >= 0.5
    }

    /// Values are there, and none of them can be read.
    pub fn is_unread(&self) -> bool {
        self.is_filled && self.count == 0
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
}

/// Whether a cell says what the column is: not what is empty or cannot be read, as a formula that no program has calculated.
fn tells(cell: &Cell) -> bool {
    match cell {
        Cell::Text(_) | Cell::Number(_) | Cell::Boolean(_) | Cell::Date(_) => !says_nothing(cell),
        _ => false,
    }
}

fn says_nothing(cell: &Cell) -> bool {
    cell.is_empty() || matches!(cell, Cell::Merged { .. }) || value::says_nothing(cell)
}

fn phone(country: Country) -> Kind {
    Kind::Phone {
        country,
        landlines: false,
    }
}

/// With its time: a date that may be a day off by that is one, and the check tells.
fn date(input: Option<&str>) -> Kind {
    Kind::Date {
        input: input.map(str::to_owned),
        output: "%Y-%m-%d %T".to_owned(),
    }
}

/// The order of day and month that the column's own values prove.
fn proven_order(values: &[Cell]) -> Option<DateOrder> {
    let mut evidence = Evidence::default();
    for cell in values {
        evidence.see(&date(None), cell);
    }
    match evidence.verdict() {
        Ok(Some(Convention::Dates(order))) => Some(order),
        _ => None,
    }
}

fn is_date(cell: &Cell) -> bool {
    let mut orders = [DateOrder::DayMonth, DateOrder::MonthDay].into_iter();
    let date = date(None);
    let is_by = |order| date.read_by(Some(Convention::Dates(order)), cell);
    match cell {
        Cell::Date(_) => true,
        Cell::Text(_) => orders.any(|order| matches!(is_by(order), Ok(Some(_)))),
        // A number cell can be read as a date's serial number, which proves nothing.
        _ => false,
    }
}

/// Of eight digits, the year first.
fn is_compact_date(cell: &Cell) -> bool {
    let text = fold_value(&cell.shown());
    let is_recent = text.starts_with("19") || text.starts_with("20");
    is_recent && text.len() == 8 && date(Some("%Y%m%d")).reads(cell)
}

/// A part of a whole, from 0 to 1; of nothing, 0.
#[expect(clippy::cast_precision_loss, reason = "a few hundred values at most")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Display, Serialize)]
#[serde(untagged)]
pub enum Target {
    #[strum(to_string = "{0}")]
    Role(Role),
    /// The form field with this key.
    #[strum(to_string = "{0}")]
    Field(String),
}

#[derive(Debug, Clone)]
pub struct ColumnGuess {
    pub column: Column,
    /// What it feeds; none: it is left out.
    pub target: Option<Target>,
    /// Where it stands among the columns of this target.
    pub(super) place: usize,
    /// What else it may feed, the best first.
    pub candidates: Vec<Target>,
    /// It would be taken, were it not for another that fits alike, or may be who is invited.
    pub(super) is_doubted: bool,
    pub(super) words: HeaderWords,
    pub profile: Profile,
}

impl ColumnGuess {
    pub(super) fn unguessed(column: &Column, rows: &[Row], country: Country) -> ColumnGuess {
        let cells = rows.iter().map(|row| row.cell(column.index));
        ColumnGuess {
            column: column.clone(),
            target: None,
            place: 0,
            candidates: Vec::new(),
            is_doubted: false,
            words: HeaderWords::of(&column.name),
            profile: Profile::of(&cells.collect::<Vec<_>>(), country),
        }
    }

    pub(super) fn header(&self) -> &str {
        &self.column.name
    }

    /// Nothing says what it is, and its values are single words, as those of a name's parts are.
    pub(super) fn may_be_a_name_part(&self) -> bool {
        self.target.is_none() && self.profile.may_be_parts() && !self.words.says_something_else
    }

    pub(super) fn feeds(&self, target: &Target) -> bool {
        self.target.as_ref() == Some(target)
    }

    /// Asks, where nothing else is known of it, whether it feeds this.
    pub(super) fn offer(&mut self, target: &Target) {
        if self.target.is_none() && !self.candidates.contains(target) {
            self.candidates.insert(0, target.clone());
            self.is_doubted = true;
        }
    }

    pub(super) fn take(&mut self, target: &Target, place: usize) {
        self.target = Some(target.clone());
        self.place = place;
        self.candidates.clear();
    }
}

/// Where a sheet has names or phones of others too, what it says of beneficiaries, or of a contact who is named, is of
/// another person each.
pub(super) fn mark_beneficiaries(columns: &mut [ColumnGuess]) {
    let names = |key| WORDS.concept(key).map_or(Vec::new(), |it| all(&it.names));
    let [full, first, phone] = [FULL_NAME, FIRST_NAME, "phoneNumber"].map(names);
    let says_name = |words: &NameWords| words.say(&full) || words.say(&first);
    let is_contacts = |column: &ColumnGuess| has_word(column.header(), &WORDS.reach);
    let has_contact = (columns.iter()).any(|it| is_contacts(it) && says_name(&it.words.whole));
    let is_theirs = |column: &ColumnGuess| {
        has_word(column.header(), &WORDS.beneficiaries) || (has_contact && is_contacts(column))
    };
    let is_others = |column: &ColumnGuess| {
        let ColumnGuess { words, profile, .. } = column;
        let are_names = profile.are_names() && profile.several_words >= 0.5;
        let (own, held) = (words.own(), if are_names { &full } else { &phone });
        // `Insured name`, `Buyer mobile`: a word that nobody knows says whose it is.
        let is_unknown = own.are_strange(held, &[]) && held.iter().any(|name| own.hold(name));
        let is_such = (are_names || profile.phone >= 0.5) && !words.says_something_else;
        says_name(&words.whole) || (is_such && is_unknown)
    };
    let has_other = (columns.iter()).any(|column| !is_theirs(column) && is_others(column));
    for column in columns.iter_mut().filter(|_| has_other) {
        if is_theirs(column) {
            column.words = HeaderWords::of(&format!("second applicant {}", column.header()));
        }
    }
}

/// `Mobile 2` beside `National ID 2`, a second date of birth or whole name is that person's, and nobody's second phone: whatever is
/// numbered so is read as if it said it. So are `Joint mobile` beside `Joint name`, and `موبايل آخر` beside `شخص آخر`.
pub(super) fn mark_further_people(columns: &mut [ColumnGuess]) {
    // `Mobile.1` is a second one beside `Mobile`, and `Mobile 1` alone the first.
    let wholes: Vec<NameWords> = columns.iter().map(|it| it.words.whole.clone()).collect();
    for column in columns.iter_mut() {
        if let Some((words, Some(number @ ..=1))) = &mut column.words.first
            && wholes.iter().any(|it| it.say(std::slice::from_ref(words)))
        {
            *number = 2;
        }
    }
    let says = |words: &NameWords, key| {
        let concept = WORDS.concept(key);
        concept.is_some_and(|it| words.say(&all(&it.names)))
    };
    let is_whole_name = |column: &&ColumnGuess| {
        column.profile.several_words >= 0.5 && says(column.words.own(), FULL_NAME)
    };
    let has_names = columns.iter().filter(is_whole_name).count() > 1;
    let told = columns.iter().filter_map(|column| {
        let (words, number) = column.words.first.as_ref()?;
        let is_name = has_names && is_whole_name(&column);
        let is_id = column.profile.national_id >= 0.5 || says(words, "nationalId");
        let is_person = is_name || is_id || says(words, "birthDate");
        (is_person && number.is_none_or(|number| number > 1)).then_some(*number)
    });
    let mut told: Vec<Option<usize>> = told.collect();
    let is_somebody = |column: &ColumnGuess| {
        let (whole, own) = (&column.words.whole, column.words.own());
        let is_unknown = !own.joined.is_empty() && !own.say_something_else();
        let is_further = whole.has_one_of(&WORDS.alternatives) && is_unknown;
        let are_names = column.profile.are_names() && column.profile.several_words >= 0.5;
        are_names && (is_further || whole.are_of_another)
    };
    if columns.iter().any(is_somebody) {
        told.extend([None, Some(2)]);
    }
    for column in columns {
        let first = column.words.first.as_ref();
        if first.is_some_and(|(_, number)| told.contains(number)) {
            column.words = HeaderWords::of(&format!("second applicant {}", column.header()));
        }
    }
}

/// What a column of people's names is headed.
static NAMES: LazyLock<Vec<NameWords>> = LazyLock::new(|| {
    let keys = [FULL_NAME, FIRST_NAME, LAST_NAME].into_iter();
    let concepts = keys.filter_map(|key| WORDS.concept(key));
    all(concepts.flat_map(|it| it.names.iter().chain(&it.weak)))
});

/// Whether the people whom a column names are customers; none where it names nobody who is known.
pub(super) fn names_customers(column: &ColumnGuess) -> Option<bool> {
    let ColumnGuess { words, profile, .. } = column;
    let are_others = words.whole.are_of_another || words.whole.people().next().is_some();
    let are_words = profile.words >= 0.5 && !profile.are_answers();
    let are_people = || are_others || words.score(&NAMES, &[]) >= BY_WEAK_NAME;
    (are_words && are_people()).then_some(!are_others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    fn profile(values: &[&str]) -> Profile {
        let cells: Vec<Cell> = values.iter().map(|v| Cell::Text((*v).to_owned())).collect();
        Profile::of(&cells.iter().collect::<Vec<_>>(), Country::default())
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
        let compact = profile(&["19900131", "20010203"]);
        assert!(all(compact.date) && compact.date_form().as_deref() == Some("%Y%m%d"));
        let dates = profile(&["25/12/1990", "01/02/1991"]);
        assert!(all(dates.date) && dates.order == Some(DateOrder::DayMonth));
        assert_eq!(profile(&["12/25/1990"]).order, Some(DateOrder::MonthDay));
        assert_eq!(profile(&["", " ", "-"]).count, 0);
        for (values, shown) in rows::<(Vec<&str>, &str)>("profile.samples") {
            assert_eq!(profile(&values).sample(), shown);
        }
    }
}
