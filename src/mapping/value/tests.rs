//! Every way to write a value, with what it is read as: the tables of `[value]` in `tests/tables.toml`.

use DateOrder::{DayMonth, MonthDay};
use DecimalMark::{Comma, Point};
use encoding_rs::{Encoding, WINDOWS_1252, WINDOWS_1256};
use jiff::civil;
use proptest::prelude::*;

use super::*;
use crate::tables::rows;

fn date(input: Option<&str>, output: &str) -> Kind {
    Kind::Date {
        input: input.map(str::to_owned),
        output: output.to_owned(),
    }
}

fn iso(input: Option<&str>) -> Kind {
    date(input, "%Y-%m-%d")
}

/// What a table's name says of the column.
fn proved(name: &str) -> Option<Convention> {
    let order = match name {
        "date DayMonth" => DayMonth,
        _ if name.starts_with("date ") => MonthDay,
        _ => return None,
    };
    Some(Convention::Dates(order))
}

/// As the tables name it.
fn kind(name: &str) -> Kind {
    let (word, how) = name.split_once(' ').unwrap_or((name, ""));
    let decimal = match how {
        "," => Some(Comma),
        "." => Some(Point),
        _ => None,
    };
    match (word, how) {
        ("text", _) => Kind::Text,
        ("number", _) => Kind::Number { decimal },
        ("date", form) => iso(Some(form).filter(|form| form.contains('%'))),
        ("phone", _) => {
            let (country, landlines) = how.split_once(' ').unwrap_or((how, ""));
            let country = Country::try_from(country.to_owned()).expect("a country");
            let landlines = !landlines.is_empty();
            Kind::Phone { country, landlines }
        }
        ("email", _) => Kind::Email,
        ("choice", _) => {
            let pairs = how.split(';').filter_map(|pair| pair.split_once('='));
            let owned = |(label, sent): (&str, &str)| (label.to_owned(), sent.to_owned());
            Kind::Choice(Choices::new(pairs.map(owned)))
        }
        ("boolean", _) => Kind::Boolean,
        ("id", _) => Kind::EgyptNationalId,
        _ => panic!("{name}"),
    }
}

fn kinds() -> Vec<Kind> {
    let names = "text|number|date|date MonthDay|date %d/%m/%Y|phone EG landlines|phone US landlines|email|choice أعزب=Single|boolean|id";
    names.split('|').map(kind).collect()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn told(kind: &Kind, cell: &Cell) -> String {
    told_by(None, kind, cell)
}

fn told_by(proved: Option<Convention>, kind: &Kind, cell: &Cell) -> String {
    match kind.read_by(proved, cell) {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(reading)) if reading.repaired => format!("{} repaired", reading.text),
        Ok(Some(reading)) => reading.text.into_owned(),
        Err(fault) => {
            let message = fault.to_string();
            if let Cell::Text(text) = cell {
                let is_shown = text.len() > 5 && message.contains(text);
                assert!(!is_shown, "{message}");
            }
            fault.name.to_owned()
        }
    }
}

#[test]
fn every_way_to_write_a_value_is_read_as_its_table_says() {
    for (name, promise, table) in rows::<(&str, &str, &str)>("value.read") {
        let kind = kind(name);
        for line in table.trim().lines() {
            let (cells, expected) = line.rsplit_once(" => ").expect(line);
            for written in cells.trim().split('|') {
                let cell = match written.strip_prefix('№') {
                    Some(number) => Cell::Number(number.parse().expect(line)),
                    None => text(written),
                };
                let told = told_by(proved(name), &kind, &cell);
                assert_eq!(told, expected, "{name}: {promise}: {written:?}");
            }
        }
    }
    let long_domain = text(&format!("m@{}com", "abcdefgh.".repeat(30)));
    assert_eq!(told(&Kind::Email, &long_domain), "email_too_long");
}

#[test]
fn an_empty_cell_is_no_value_in_any_field() {
    let nothing = "|  \t\n|\u{A0}\u{200F}\u{FEFF}|=\"\"|n/a| NULL |\\N|-|لا يوجد";
    for kind in kinds() {
        for cell in nothing.split('|').map(text).chain([Cell::Empty]) {
            assert_eq!(told(&kind, &cell), "nothing", "{kind:?} {cell:?}");
        }
    }
}

#[test]
fn an_unreadable_cell_is_refused_by_every_field_with_its_own_word() {
    let cases = [
        (Cell::Error("#N/A".to_owned()), "cell_error"),
        (Cell::Number(f64::NAN), "cell_error"),
        (Cell::Uncalculated, "formula_uncalculated"),
        (Cell::Merged { beside: false }, "merged_cell"),
        (Cell::Label("Male".to_owned()), "number_label"),
        (Cell::Undecodable("Mo\u{FFFD}a".to_owned()), "undecodable"),
        (text("########"), "only_hashes"),
        (text(&"م".repeat(10_001)), "too_long"),
    ];
    // But a per cent that is one of the choices is what its cell shows.
    let choices = Choices::new([("20%".to_owned(), "20%".to_owned())]);
    let percent = Cell::Label("20%".to_owned());
    assert_eq!(told(&Kind::Choice(choices), &percent), "20%");
    let words = rows::<&str>("value.error_words").into_iter();
    let words: Vec<_> = words.map(|word| (text(word), "error_word")).collect();
    for kind in kinds() {
        for (cell, fault) in cases.iter().chain(&words) {
            assert_eq!(told(&kind, cell), *fault, "{kind:?} {cell:?}");
        }
    }
    let longest = text(&format!(" {} ", "م".repeat(10_000)));
    assert!(Kind::Text.read(&longest).is_ok());
}

#[test]
fn a_text_is_what_a_person_sees() {
    for (written, expected) in rows::<(&str, &str)>("value.text") {
        assert_eq!(told(&Kind::Text, &text(written)), expected, "{written:?}");
    }
    let at = civil::date(2024, 2, 29).at(13, 5, 7, 0);
    assert_eq!(told(&Kind::Text, &Cell::Boolean(true)), "TRUE");
    assert_eq!(told(&Kind::Text, &Cell::Date(at)), "2024-02-29T13:05:07");
}

const NAMES: &str = "منى عادل|مي|محمد|أحمد عبد الله|سيد|هدى|شارع الهرم، الجيزة|مدحت";

#[test]
fn text_that_was_damaged_is_refused_and_honest_text_passes() {
    let utf8_as = |text: &str, encoding: &'static Encoding| {
        let (text, _) = encoding.decode_without_bom_handling(text.as_bytes());
        text.into_owned()
    };
    let latin = "José García|Zoë|Müller|it’s|Élodie".split('|');
    let mut garbled: Vec<String> = latin.map(|name| utf8_as(name, WINDOWS_1252)).collect();
    for name in NAMES.split('|') {
        garbled.extend([WINDOWS_1252, WINDOWS_1256].map(|encoding| utf8_as(name, encoding)));
    }
    for name in ["منى عادل", "أحمد", "محمد علي", "Dr. محمد"] {
        let (bytes, _, _) = WINDOWS_1256.encode(name);
        garbled.push(WINDOWS_1252.decode(&bytes).0.into_owned());
    }
    let lost = "????|??? ????|??|Ahmed ???? Ali|Mo\u{FFFD}a".split('|');
    for written in garbled.iter().map(String::as_str).chain(lost) {
        assert_eq!(told(&Kind::Text, &text(written)), "garbled", "{written}");
    }
    let honest = "Øyvind Ås|été|MÃE|Ærø|Où ?|Really????|?|#1|#5 Nile St.|José García|Müller|São Paulo|20 °C|حفظ… ثم عاد|قط، كلب|ضابط»|\
        محفوظ|نجيب محفوظ|عکس|طهران|Err:|page?x=1|Renée|Élodie|مصطفى غنيم|Ünal|Đỗ";
    for written in honest.split('|').chain(NAMES.split('|')) {
        assert_eq!(told(&Kind::Text, &text(written)), written);
    }
}

#[test]
fn values_prove_how_their_column_is_written() {
    for (name, proved, texts) in rows::<(&str, &str, &str)>("value.proof") {
        for written in texts.split('|') {
            let found = match kind(name).proof(&text(written)) {
                Some(Convention::Numbers(mark)) => format!("{mark:?}"),
                Some(Convention::Dates(order)) => format!("{order:?}"),
                None => "nothing".to_owned(),
            };
            assert_eq!(found, proved, "{written}");
        }
    }
}

#[test]
fn date_cells_go_out_in_the_output_form() {
    let at = Cell::Date(civil::date(2024, 2, 29).at(13, 5, 0, 0));
    let out = |output| told(&date(Some("%d"), output), &at);
    assert_eq!(out("%d.%m.%Y %H:%M"), "29.02.2024 13:05");
    assert_eq!(out("%z"), "date_unwritable");
    let only_a_time = Cell::Date(civil::date(1899, 12, 31).at(13, 5, 0, 0));
    assert_eq!(told(&iso(None), &only_a_time), "date_only_time");
    let shifted = Cell::Date(civil::date(2024, 2, 28).at(22, 0, 0, 0));
    for (kind, expected) in [
        (iso(None), "date_shifted"),
        (Kind::Text, "date_shifted"),
        (date(None, "%Y-%m-%dT%H:%M"), "2024-02-28T22:00"),
    ] {
        assert_eq!(told(&kind, &shifted), expected);
    }
}

#[test]
fn date_forms_are_checked_before_any_row_is_read() {
    for (what_for, forms) in rows::<(&str, &str)>("value.forms") {
        for form in forms.split('|') {
            let found = match (
                check_date_format(form).is_ok(),
                check_date_input(form, false).is_ok(),
            ) {
                (true, true) => "to be written and read",
                (true, false) => "to be written",
                (false, true) => "to be read",
                (false, false) => "nothing",
            };
            assert_eq!(found, what_for, "{form}");
        }
    }
}

#[test]
fn a_national_id_tells_when_its_owner_was_born() {
    let born = birth_date_of("30402291234567");
    assert_eq!(born, Some(civil::date(2004, 2, 29)));
    for none in ["", "30302291234567", "2900101123456", "٢٩٠٠١٠١١٢٣٤٥٦٧"] {
        assert_eq!(birth_date_of(none), None, "{none}");
    }
}

#[test]
fn an_unlisted_choice_is_answered_with_the_list() {
    let marital = kind("choice أعزب=Single;متزوج=Married");
    let advice = marital.read(&text("xyz")).expect_err("refused").to_string();
    assert!(advice.contains("أعزب, متزوج") && !advice.contains("xyz"));
    assert_eq!(told(&Kind::Boolean, &Cell::Boolean(true)), "true");
}

/// Text of the characters that the readers give a meaning to, so that chance finds their corners.
fn any_cell() -> impl Strategy<Value = Cell> {
    let pieces = "0 1 20 010 12345678 ٠ ٣ ۵ + - – / . , ٫ ٬ : \u{A0} \u{200F} E+ e T ( ) ' =\" \" @ mailto: tel: EGP ج.م جنيه % Feb \
        مارس AM ـ أ \u{FEFB} ß İ 𝟙 # ? Ã Ù";
    let pieces = proptest::sample::select(pieces.split(' ').chain([" "]).collect::<Vec<_>>());
    let meaningful = proptest::collection::vec(pieces, 0..16).prop_map(|pieces| pieces.concat());
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
                prop_assert!((7..=15).contains(&digits.len()) && crate::mapping::names::is_digits(digits), "{}", once.text);
            }
            if !matches!(kind, Kind::Date { .. } | Kind::Number { .. }) {
                let again = text(&once.text);
                prop_assert_eq!(kind.read(&again), Ok(Some(Reading::new(once.text, false))), "{:?}", kind);
            }
        }
    }

    #[test]
    fn date_forms_and_ids_never_panic(text in any::<String>(), form in "[%a-zA-Z0-9_:. -]{0,8}") {
        let _ = (check_date_format(&text), check_date_input(&text, true), check_date_format(&form), check_date_input(&form, true));
        let _ = (birth_date_of(&text), Country::try_from(text));
    }
}
