//! Reads one cell as one type of form field: the text that goes out, or what the clerk has to change.
//!
//! Pure: values in, values out. It knows neither the row nor the column that the cell stands in, nor whether the
//! field is required. What only a column can decide is told by its [`Convention`].

mod choice;
mod date;
mod email;
mod national_id;
mod number;
mod phone;
mod text;

use std::borrow::Cow;

use crate::model::{Cell, ProblemCode};

pub use choice::Choices;
pub use date::{DateOrder, check_date_format, check_date_input};
pub use national_id::birth_date_of;
pub use number::DecimalMark;
pub use phone::country_is_known;
pub use text::{Fault, Reading};

use text::Given;

/// How a cell is to be read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Text as it stands.
    Text,
    /// A number: Western digits, `.`, no separators for thousands.
    Number {
        /// What comes before the fraction in texts: as the mapping says, or as the column proves.
        decimal: Option<DecimalMark>,
    },
    Date {
        /// The strptime form of text cells; without it ISO, or `order`.
        input: Option<String>,
        /// The strftime form that goes out.
        output: String,
        /// The column's order of day and month, as its values prove it.
        order: Option<DateOrder>,
    },
    /// A phone number, sent as E.164.
    Phone {
        /// The two-letter code of the country that national numbers belong to.
        country: String,
        /// Whether numbers that no message reaches are taken.
        landlines: bool,
    },
    Email,
    Choice(Choices),
    /// Yes or no, sent as `true` or `false`.
    Boolean,
    /// The fourteen digits of an Egyptian national id.
    EgyptNationalId,
}

/// How a column writes its values, where one value alone can be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    Dates(DateOrder),
    Numbers(DecimalMark),
}

/// What the values of a column prove so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
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
        Err(Fault::new(code, message))
    }
}

/// Whether a cell holds a word that people and programs write for nothing at all, such as `n/a`.
pub fn says_nothing(cell: &Cell) -> bool {
    let Cell::Text(raw) = cell else { return false };
    text::clean(text::trim(raw))
        .is_ok_and(|clean| text::is_word_for_nothing(unguarded(&clean.text)))
}

/// What a person sees in the cell, as text.
fn as_shown(given: Given<'_>) -> Result<Reading<'_>, Fault> {
    match given {
        // As Excel shows a number of more than eleven digits; any other code may have an E in it.
        Given::Text(text)
            if text.contains("E+")
                && text::exponent(text).is_some_and(|exponent| exponent >= 11) =>
        {
            Err(Fault::new(
                ProblemCode::NumberRounded,
                "Excel has rounded a long number here (2.01E+11 and the like); format the column as Text and type the digits again.",
            ))
        }
        Given::Text(text) => Ok(Reading::new(unguarded(text), false)),
        Given::Number(number) => Ok(Reading::new(number::shown(number)?, false)),
        Given::Boolean(boolean) => Ok(Reading::new(Cell::Boolean(boolean).shown(), false)),
        Given::Date(at) => Ok(Reading::new(Cell::Date(at).shown(), false)),
    }
}

/// The text without the apostrophe that keeps a spreadsheet from taking it for a formula: exports set it, and come back
/// corrected.
fn unguarded(text: &str) -> &str {
    match text.as_bytes() {
        [b'\'', b'=' | b'+' | b'-' | b'@', ..] => &text[1..],
        _ => text,
    }
}

impl Kind {
    /// Reads a cell; `None` when it is empty but for white space and invisible characters, or says that there is nothing.
    pub fn read<'a>(&'a self, cell: &'a Cell) -> Result<Option<Reading<'a>>, Fault> {
        let given = match cell {
            Cell::Text(raw) => return self.read_text(raw),
            Cell::Empty => return Ok(None),
            Cell::Number(number) if number.is_finite() => Given::Number(*number),
            Cell::Boolean(boolean) => Given::Boolean(*boolean),
            Cell::Date(at) => Given::Date(*at),
            unreadable => return Err(fault_of_cell(unreadable)),
        };
        self.read_given(given).map(Some)
    }

    /// Reads a text as a cell that holds it.
    pub fn read_text<'a>(&'a self, raw: &'a str) -> Result<Option<Reading<'a>>, Fault> {
        let trimmed = text::trim(raw);
        if trimmed.is_empty() {
            return Ok(None);
        }
        let clean = text::clean(trimmed)?;
        // What was nothing but an empty `=""` is empty after all.
        let is_nothing = clean.text.is_empty() || text::is_word_for_nothing(unguarded(&clean.text));
        if is_nothing && !self.has_choice(&clean.text) {
            return Ok(None);
        }
        let mut reading = match clean.text {
            Cow::Borrowed(text) => self.read_given(Given::Text(text))?,
            Cow::Owned(text) => self.read_given(Given::Text(&text))?.into_owned(),
        };
        reading.repaired |= clean.repaired;
        Ok(Some(reading))
    }

    fn read_given<'a>(&'a self, given: Given<'a>) -> Result<Reading<'a>, Fault> {
        match self {
            Kind::Text => as_shown(given),
            Kind::Number { decimal } => number::read(given, *decimal),
            Kind::Date {
                input,
                output,
                order,
            } => date::read(given, input.as_deref(), output, *order),
            Kind::Phone { country, landlines } => {
                let landlines = *landlines;
                phone::read(given, phone::Rule { country, landlines })
            }
            Kind::Email => email::read(given),
            Kind::Choice(choices) => match given {
                Given::Text(text) => choices.read(text),
                other => choices.read(&as_shown(other)?.text),
            },
            Kind::Boolean => choice::read_boolean(given),
            Kind::EgyptNationalId => national_id::read(given),
        }
    }

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

    /// The convention that a cell can only be read by.
    pub fn proof(&self, cell: &Cell) -> Option<Convention> {
        let Cell::Text(raw) = cell else { return None };
        let trimmed = text::trim(raw);
        // The digits of a whole number prove nothing, and are all that most columns hold.
        if text::is_digits(trimmed) {
            return None;
        }
        let clean = text::clean(trimmed).ok()?;
        match self {
            Kind::Date { .. } => date::proved(&clean.text).map(Convention::Dates),
            Kind::Number { .. } => number::proved(&clean.text).map(Convention::Numbers),
            _ => None,
        }
    }

    /// Whether a cell means something else, or nothing, by another convention.
    pub fn depends_on_convention(&self, cell: &Cell) -> bool {
        let [one, other] = match self {
            Kind::Date { .. } => [DateOrder::DayMonth, DateOrder::MonthDay].map(Convention::Dates),
            Kind::Number { .. } => {
                [DecimalMark::Point, DecimalMark::Comma].map(Convention::Numbers)
            }
            _ => return false,
        };
        let read_by = |convention| {
            let mut kind = self.clone();
            kind.settle(convention);
            let reading = kind.read(cell).ok().flatten();
            reading.map(|reading| reading.text.into_owned())
        };
        read_by(one) != read_by(other)
    }

    /// Whether a word for nothing is one of the choices, and so means itself.
    fn has_choice(&self, word: &str) -> bool {
        matches!(self, Kind::Choice(choices) if choices.read(word).is_ok())
    }
}

/// What is wrong with a cell that no type of field can be read from.
fn fault_of_cell(cell: &Cell) -> Fault {
    match cell {
        Cell::Uncalculated => Fault::new(
            ProblemCode::FormulaUncalculated,
            "The cell holds a formula whose result is not stored; open the file in Excel, save it, and try again, or paste the value.",
        ),
        Cell::Merged => Fault::new(
            ProblemCode::MergedCell,
            "The cell is covered by a merged range; unmerge the range and fill in this row's own value.",
        ),
        Cell::Label(_) => Fault::new(
            ProblemCode::NumberLabel,
            "The cell holds a number that its number format shows as this word: type the word itself.",
        ),
        Cell::Undecodable(_) => Fault::new(
            ProblemCode::Undecodable,
            "The text has bytes foreign to the file's encoding, control characters, or a closing quotation mark with text beside it; type it again, or save the file as UTF-8.",
        ),
        _ => Fault::new(
            ProblemCode::CellError,
            "The cell holds an error instead of a value; correct its formula or type the value.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil;
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> Vec<Kind> {
        let date = |input: Option<&str>, order| Kind::Date {
            input: input.map(str::to_owned),
            output: "%Y-%m-%d".to_owned(),
            order,
        };
        let phone = |country: &str| Kind::Phone {
            country: country.to_owned(),
            landlines: true,
        };
        vec![
            Kind::Text,
            Kind::Number { decimal: None },
            date(None, None),
            date(None, Some(DateOrder::MonthDay)),
            date(Some("%d/%m/%Y"), None),
            phone("EG"),
            phone("US"),
            phone("nowhere"),
            Kind::Email,
            Kind::Choice(Choices::new([("أعزب".to_owned(), "Single".to_owned())])),
            Kind::Boolean,
            Kind::EgyptNationalId,
        ]
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn an_empty_cell_is_no_value_in_any_field() {
        let nothing = "|  \t\n|\u{A0}\u{200F}\u{FEFF}|=\"\"|n/a| NULL |\\N|-|'-|لا يوجد";
        for kind in kinds() {
            for cell in nothing.split('|').map(text).chain([Cell::Empty]) {
                assert_eq!(kind.read(&cell), Ok(None), "{kind:?} {cell:?}");
            }
        }
    }

    #[test]
    fn an_unreadable_cell_is_refused_by_every_field_with_its_own_word() {
        let cases = [
            (Cell::Error("#N/A".to_owned()), ProblemCode::CellError),
            (Cell::Number(f64::NAN), ProblemCode::CellError),
            (Cell::Uncalculated, ProblemCode::FormulaUncalculated),
            (Cell::Merged, ProblemCode::MergedCell),
            (Cell::Label("Male".to_owned()), ProblemCode::NumberLabel),
            (
                Cell::Undecodable("Mo\u{FFFD}a".to_owned()),
                ProblemCode::Undecodable,
            ),
            (text("Ù…Ù†Ù‰"), ProblemCode::Garbled),
            (text(&"م".repeat(10_001)), ProblemCode::TooLong),
        ];
        for kind in kinds() {
            for (cell, code) in &cases {
                let fault = kind.read(cell).expect_err("refused");
                assert_eq!(fault.code, *code, "{kind:?} {cell:?}");
            }
        }
        let longest = text(&format!(" {} ", "م".repeat(10_000)));
        assert!(Kind::Text.read(&longest).is_ok());
    }

    #[test]
    fn a_text_field_shows_what_a_person_sees_and_refuses_what_excel_rounded() {
        let at = civil::date(2024, 2, 29).at(13, 5, 7, 0);
        for (cell, shown) in [
            (Cell::Number(29_001_011_234_567.0), "29001011234567"),
            (Cell::Boolean(true), "TRUE"),
            (Cell::Date(at), "2024-02-29T13:05:07"),
            (text("5E+2"), "5E+2"),
            (text("A2E+11"), "A2E+11"),
            (text("'=1+1"), "=1+1"),
        ] {
            let reading = Kind::Text
                .read(&cell)
                .map(|reading| reading.map(|reading| reading.text));
            assert_eq!(reading, Ok(Some(shown.into())), "{cell:?}");
        }
        for cell in [text("2.01E+11"), Cell::Number(1e15)] {
            let code = Kind::Text.read(&cell).map_err(|fault| fault.code);
            assert_eq!(code, Err(ProblemCode::NumberRounded), "{cell:?}");
        }
    }

    /// Text of the characters that the readers give a meaning to, so that chance finds their corners.
    fn any_cell() -> impl Strategy<Value = Cell> {
        let pieces = "0 1 20 010 12345678 ٠ ٣ ۵ + - – / . , ٫ ٬ : \u{A0} \u{200F} E+ e T ( ) ' =\" \" @ mailto: tel: EGP ج.م جنيه % Feb \
            مارس AM ـ أ \u{FEFB} ß İ 𝟙 # ? Ã Ù";
        let pieces = proptest::sample::select(pieces.split(' ').chain([" "]).collect::<Vec<_>>());
        let meaningful =
            proptest::collection::vec(pieces, 0..16).prop_map(|pieces| pieces.concat());
        prop_oneof![
            any::<String>().prop_map(Cell::Text),
            meaningful.prop_map(Cell::Text),
            any::<f64>().prop_map(Cell::Number),
            (0.0..1e15).prop_map(|number: f64| Cell::Number(number.trunc())),
            any::<bool>().prop_map(Cell::Boolean),
            (1i16..=9999, 1i8..13, 1i8..29).prop_map(|(year, month, day)| Cell::Date(
                civil::date(year, month, day).at(1, 2, 3, 0)
            )),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_goes_out_is_no_nothing_and_reads_as_itself(cell in any_cell()) {
            for kind in kinds() {
                let Ok(Some(once)) = kind.read(&cell) else { continue };
                prop_assert!(!once.text.is_empty(), "{kind:?}");
                if let Kind::Phone { .. } = kind {
                    let digits = once.text.strip_prefix('+').unwrap_or_default();
                    prop_assert!((7..=15).contains(&digits.len()) && text::is_digits(digits), "{}", once.text);
                }
                if !matches!(kind, Kind::Date { .. } | Kind::Number { .. }) {
                    let again = text(&once.text);
                    prop_assert_eq!(kind.read(&again), Ok(Some(Reading::new(once.text, false))), "{:?}", kind);
                }
            }
        }

        #[test]
        fn date_forms_and_ids_never_panic(text in any::<String>(), form in "[%a-zA-Z0-9_:. -]{0,8}") {
            let _ = (check_date_format(&text), check_date_input(&text), check_date_format(&form), check_date_input(&form));
            let _ = (birth_date_of(&text), country_is_known(&text));
        }
    }
}
