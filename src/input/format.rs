//! Number formats and dates of a workbook: what a person sees in a cell that holds a number.

use std::str::Chars;

use jiff::fmt::friendly::SpanPrinter;
use jiff::{SignedDuration, Unit, civil};

use super::file::cell_of_text;
use crate::mapping::names::currency_of;
use crate::model::{Cell, NumberFormat};

/// Above this, a double no longer holds every integer, so zeros would decorate a rounded number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
/// What Excel shows in a date cell whose number is no date.
const NO_DATE: &str = "#####";
/// The day that serial numbers count from, apart from the first sixty.
const DAY_ZERO: civil::DateTime = civil::date(1899, 12, 30).at(0, 0, 0, 0);
/// Beside a number they say of what it is so many.
const SIGNS: &str = "%٪‰$€£¥";
/// Workbooks of old Macs count from 1904 on.
const DAYS_TO_1904: f64 = 1462.0;

/// A date as ISO 8601 writes it; kept as text when it is none.
pub(super) fn iso_date(text: &str) -> Cell {
    let date = || Some(text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0));
    let at = text.trim_end_matches('Z').parse().ok().or_else(date);
    at.map_or_else(|| cell_of_text(text), Cell::Date)
}

/// What a number format makes of a number, as far as it matters here: its parts, each for some of the numbers.
#[derive(Debug, Clone)]
pub(super) struct CellFormat {
    parts: Vec<Section>,
    /// As the file has it.
    pub(super) written: NumberFormat,
}

#[derive(Debug, Clone)]
struct Section {
    /// `[>=100]`
    condition: Option<Condition>,
    shows: Shows,
}

/// A comparison and the number to compare with.
type Condition = (fn(&f64, &f64) -> bool, f64);

#[derive(Debug, Clone, PartialEq)]
enum Shows {
    Plain,
    /// As it is, and no zero: `#,###`.
    Sparse,
    /// `;;;`
    Nothing,
    Date,
    /// The part of a date that was typed, in strftime's words: a program adds the first of the month, or the year of that day.
    Partly(&'static str),
    /// Of a date as well, but the first day has nothing else.
    Time,
    /// Hours beyond a day go on counting.
    Duration,
    /// Places and literal characters that show digits which the number itself lacks: `00000000000` and `"0"0` give a phone its
    /// leading zero back on the screen, and only there; `"25/"0` makes a reference.
    Digits(Vec<Digit>),
    /// A word in the place of the number: `[=1]"Male"`.
    Label(String),
    /// A sign or a word beside so many times the number by which it means something else: `0%`, `0,"k"`, `[$$-409]0`.
    Unit(f64, String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Digit {
    /// `0`: a digit, or zero.
    Always,
    /// `#` and `?`: a digit, or nothing.
    Optional,
    Literal(char),
}

impl CellFormat {
    pub(super) fn of(written: NumberFormat) -> CellFormat {
        let code = match &written {
            NumberFormat::BuiltIn(9 | 10) => "0%",
            NumberFormat::BuiltIn(18..=21 | 45 | 47) => "h",
            NumberFormat::BuiltIn(16) => "d-mmm",
            NumberFormat::BuiltIn(17) => "mmm-yy",
            NumberFormat::BuiltIn(14..=22 | 27..=36 | 50..=58) => "d/y",
            NumberFormat::BuiltIn(46) => "[h]",
            NumberFormat::BuiltIn(_) => "",
            NumberFormat::Code(code) => code,
        };
        let (mut parts, mut rest) = (Vec::new(), code.chars());
        while !rest.as_str().is_empty() {
            parts.push(Section::of(&mut rest));
        }
        // An empty part behind the last semicolon.
        if code.ends_with(';') {
            parts.push(Section::of(&mut rest));
        }
        CellFormat { parts, written }
    }

    /// Without conditions the parts are for what is above zero, below it, and zero itself.
    fn shows(&self, number: f64) -> &Shows {
        let parts = &self.parts;
        let is_for = |part: &&Section| {
            part.condition
                .is_none_or(|(holds, with)| holds(&number, &with))
        };
        let part = if parts.iter().any(|part| part.condition.is_some()) {
            parts.iter().find(is_for)
        } else {
            parts.get(match parts.len() {
                2.. if number < 0.0 => 1,
                3.. if number == 0.0 => 2,
                _ => 0,
            })
        };
        part.map_or(&Shows::Plain, |part| &part.shows)
    }

    /// Whether it shows dates, as against numbers as they are; `None` where that depends on the number, or it shows something else.
    pub(super) fn is_date(&self) -> Option<bool> {
        let first = self.parts.first().filter(|part| part.condition.is_none());
        let is_date = first
            .is_some_and(|part| matches!(part.shows, Shows::Date | Shows::Partly(_) | Shows::Time));
        let is_plain =
            |part: &Section| matches!(part.shows, Shows::Plain | Shows::Sparse | Shows::Nothing);
        (is_date || self.parts.iter().all(is_plain)).then_some(is_date)
    }

    pub(super) fn cell(&self, number: f64, is_1904: bool) -> Cell {
        match self.shows(number) {
            // What looks something up gives a zero for an empty cell.
            Shows::Sparse | Shows::Nothing if number == 0.0 => Cell::Empty,
            Shows::Plain | Shows::Sparse => Cell::Number(number),
            Shows::Nothing => Cell::Label(String::new()),
            Shows::Date => date_cell(number, is_1904),
            // No date is sent that nobody wrote.
            Shows::Partly(form) => match date_cell(number, is_1904) {
                Cell::Date(at) if at.day() == 1 || !form.contains('Y') => {
                    Cell::Label(at.strftime(form).to_string())
                }
                cell => cell,
            },
            Shows::Time if !(0.0..1.0).contains(&number) => match date_cell(number, is_1904) {
                Cell::Date(at) => Cell::Text(at.strftime("%T").to_string()),
                cell => cell,
            },
            Shows::Time | Shows::Duration => {
                let printer = SpanPrinter::new().hours_minutes_seconds(true).padding(2);
                let time = duration(number, Unit::Second).unwrap_or_default();
                Cell::Text(printer.duration_to_string(&time))
            }
            Shows::Digits(places) => with_places(places, number),
            Shows::Label(word) => Cell::Label(word.clone()),
            Shows::Unit(times, unit) => {
                let gap = if unit == "%" { "" } else { " " };
                let shown = format!("{}{gap}{unit}", Cell::Number(number * times).as_shown());
                Cell::Label(shown.trim_end().to_owned())
            }
        }
    }
}

impl Section {
    /// The next part of a format's code, and the semicolon behind it.
    fn of(rest: &mut Chars<'_>) -> Section {
        let (mut digits, mut is_plain, mut condition) = (Vec::new(), true, None);
        let (mut is_day, mut is_time, mut is_duration) = (false, false, false);
        let (mut is_month, mut is_year, mut is_era) = (false, false, false);
        let mut times = 1.0;
        // A comma behind the last digit divides by a thousand.
        let mut is_divided = false;
        while let Some(c) = rest.next() {
            is_divided &= !matches!(c, '0' | '#' | '?');
            match c {
                ';' => break,
                '0' => digits.push(Digit::Always),
                '#' | '?' => digits.push(Digit::Optional),
                '"' => digits.extend(rest.by_ref().take_while(|&c| c != '"').map(Digit::Literal)),
                '\\' => digits.extend(rest.next().map(Digit::Literal)),
                // A space of some width, or a filler.
                '_' | '*' => drop(rest.next()),
                '[' => {
                    let tag: String = rest.by_ref().take_while(|&c| c != ']').collect();
                    is_duration |= !tag.is_empty() && tag.chars().all(|c| "hmsHMS".contains(c));
                    condition = condition.or(condition_of(&tag));
                    // `[$EGP-C01]`
                    let currency = tag.strip_prefix('$').and_then(|it| it.split('-').next());
                    digits.extend(currency.unwrap_or_default().chars().map(Digit::Literal));
                }
                'd' | 'D' => is_day = true,
                'y' | 'Y' => is_year = true,
                // Minutes, where hours or seconds stand beside them.
                'm' | 'M' => is_month = true,
                'h' | 's' | 'H' | 'S' => is_time = true,
                ' ' | '-' | '+' | '(' | ')' | ':' => digits.push(Digit::Literal(c)),
                _ => {
                    // Years of other calendars.
                    is_era |= matches!(c, 'e' | 'b');
                    is_plain = false;
                    is_divided |= c == ',';
                    // In quotes it is a sign alone.
                    times *= if c == '%' { 100.0 } else { 1.0 };
                    let is_sign = c == '/' || SIGNS.contains(c);
                    digits.extend(is_sign.then_some(Digit::Literal(c)));
                }
            }
        }
        let shows = match () {
            () if is_duration => Shows::Duration,
            () if is_day && (is_year || is_era) => Shows::Date,
            () if is_day => Shows::Partly("%-d/%-m"),
            () if is_year => Shows::Partly("%-m/%Y"),
            () if is_time => Shows::Time,
            () if is_month => Shows::Partly("%-m"),
            () => match of_digits(digits, is_plain, is_divided, condition.is_some()) {
                Shows::Unit(_, unit) => Shows::Unit(times, unit),
                shows => shows,
            },
        };
        Section { condition, shows }
    }
}

fn condition_of(tag: &str) -> Option<Condition> {
    let number = tag.trim_start_matches(['<', '>', '=']);
    let holds = match &tag[..tag.len() - number.len()] {
        "=" => f64::eq,
        "<>" => f64::ne,
        "<" => f64::lt,
        "<=" => f64::le,
        ">" => f64::gt,
        ">=" => f64::ge,
        _ => return None,
    };
    Some((holds, number.trim().parse().ok()?))
}

/// Whether a character beside a number says something that the number does not; a zero alone is one.
fn is_telling(c: char) -> bool {
    c.is_alphanumeric() && c != '0' || SIGNS.contains(c)
}

fn of_digits(digits: Vec<Digit>, is_plain: bool, is_divided: bool, is_conditional: bool) -> Shows {
    let literal = |digit: &Digit| match digit {
        Digit::Literal(c) => Some(*c),
        Digit::Always | Digit::Optional => None,
    };
    let literals: String = digits.iter().filter_map(literal).collect();
    let word = literals.trim();
    // Beside a currency, what shows a number below zero or a zero says nothing else: `"EGP" "-"??`.
    let money = word.replace(['-', '+', '(', ')', ' '], "");
    let has_places = digits.iter().any(|digit| literal(digit).is_none());
    let has_digits = word.contains(char::is_numeric);
    let is_telling = word.contains(is_telling) || has_places && has_digits;
    let always = digits.iter().filter(|&&digit| digit == Digit::Always);
    let always = always.count();
    let adds_digits = always > 1 || has_digits;
    match () {
        () if is_plain && is_telling && !has_places => Shows::Label(word.to_owned()),
        // Those of a code too: `"APP-"0000`.
        () if is_plain && adds_digits && has_places && !is_conditional => Shows::Digits(digits),
        () if is_divided || is_telling && currency_of(&money).is_none() => {
            Shows::Unit(1.0, word.to_owned())
        }
        () if always > 0 || !word.is_empty() => Shows::Plain,
        () if has_places => Shows::Sparse,
        () if is_plain => Shows::Nothing,
        () => Shows::Plain,
    }
}

/// The number as the format shows it, when that has digits, letters or signs which the number lacks.
fn with_places(places: &[Digit], number: f64) -> Cell {
    if !(0.0..MAX_EXACT).contains(&number) || number.fract() != 0.0 {
        let mut places = places.iter();
        let is_more = places.any(|place| matches!(place, Digit::Literal(c) if is_telling(*c)));
        let cell = Cell::Number(number);
        return if is_more {
            Cell::Label(cell.shown())
        } else {
            cell
        };
    }
    let plain = number.to_string();
    let mut left: Vec<char> = plain.chars().collect();
    let is_literal = |place: &Digit| matches!(place, Digit::Literal(_));
    let first = places.iter().position(|place| !is_literal(place));
    let mut backwards = Vec::new();
    for (index, place) in places.iter().enumerate().rev() {
        match place {
            Digit::Literal(c) => backwards.push(*c),
            Digit::Always => backwards.push(left.pop().unwrap_or('0')),
            Digit::Optional => backwards.extend(left.pop()),
        }
        // Digits without a place go before the first one.
        if Some(index) == first {
            backwards.extend(left.drain(..).rev());
        }
    }
    let shown: String = backwards.iter().rev().collect();
    let telling = shown.chars().filter(|c| *c == '0' || is_telling(*c));
    if telling.eq(plain.chars()) {
        Cell::Number(number)
    } else {
        Cell::Text(shown.trim().to_owned())
    }
}

fn date_cell(serial: f64, is_1904: bool) -> Cell {
    let days = match serial {
        serial if is_1904 => serial + DAYS_TO_1904,
        // There is no 1900-02-29, in which Excel believes.
        1.0..60.0 => serial + 1.0,
        60.0..61.0 => f64::NAN,
        serial => serial,
    };
    let time = duration(days, Unit::Millisecond).filter(|_| (1.0..2_958_466.0).contains(&days));
    let at = time.and_then(|time| DAY_ZERO.checked_add(time).ok());
    // Excel shows no date for what is out of range.
    at.map_or_else(|| Cell::Error(NO_DATE.to_owned()), Cell::Date)
}

fn duration(days: f64, smallest: Unit) -> Option<SignedDuration> {
    let exact = SignedDuration::try_from_secs_f64(days * 86_400.0).ok()?;
    exact.round(smallest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    fn cell(code: &str, number: f64) -> Cell {
        CellFormat::of(NumberFormat::Code(code.to_owned())).cell(number, false)
    }

    #[test]
    fn formats_show_digits_dates_and_durations() {
        for (code, number, shown) in rows::<(&str, f64, &str)>("format.shown") {
            let expected = if shown == "no date" { NO_DATE } else { shown };
            assert_eq!(cell(code, number).shown(), expected, "{code} {number}");
        }
        for (code, number, label) in rows::<(&str, f64, &str)>("format.labels") {
            let expected = match label {
                "none" => Cell::Number(number),
                word => Cell::Label(word.to_owned()),
            };
            assert_eq!(cell(code, number), expected, "{code} {number}");
        }
        let old_mac = CellFormat::of(NumberFormat::BuiltIn(14)).cell(45_351.0 - 1462.0, true);
        assert_eq!(old_mac.shown(), "2024-02-29");
    }
}
