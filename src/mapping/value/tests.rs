//! What holds for every type of field: what an empty or unreadable cell gives, and that nothing makes a reading
//! panic.

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
fn each_type_of_field_reads_its_own_values() {
    let cases = [
        ("Mona  Adel", "Mona  Adel"),
        ("1,234.50", "1234.50"),
        ("29/02/2024", "2024-02-29"),
        ("02/03/2024", "2024-02-03"),
        ("02/03/2024", "2024-03-02"),
        ("010 1234 5678", "+201012345678"),
        ("(202) 555-0123", "+12025550123"),
        ("+20 10 1234 5678", "+201012345678"),
        ("Mona@EXAMPLE.com", "Mona@example.com"),
        ("اعزب", "Single"),
        ("نعم", "true"),
        ("29001011234567", "29001011234567"),
    ];
    for (kind, (written, sent)) in kinds().iter().zip(cases) {
        let expected = Reading::new(sent, false);
        assert_eq!(read(kind, &text(written)), Ok(Some(expected)), "{kind:?}");
    }
}

#[test]
fn an_empty_cell_is_no_value_in_any_field() {
    for kind in kinds() {
        for cell in [
            Cell::Empty,
            text(""),
            text(" \t\n"),
            text("\u{A0}\u{200F}\u{FEFF}"),
            text("=\"\""),
            text("n/a"),
            text(" NULL "),
            text("\\N"),
            text("-"),
            text("لا يوجد"),
        ] {
            assert_eq!(read(&kind, &cell), Ok(None), "{kind:?} {cell:?}");
        }
    }
}

#[test]
fn an_unreadable_cell_is_refused_by_every_field_with_its_own_word() {
    let cases = [
        (Cell::Error("#N/A".to_owned()), ProblemCode::CellError),
        (text("#N/A"), ProblemCode::CellError),
        (Cell::Number(f64::NAN), ProblemCode::CellError),
        (Cell::Uncalculated, ProblemCode::FormulaUncalculated),
        (Cell::Merged, ProblemCode::MergedCell),
        (
            Cell::Undecodable("Mo\u{FFFD}a".to_owned()),
            ProblemCode::Undecodable,
        ),
        (text("Ù…Ù†Ù‰"), ProblemCode::Garbled),
        (text("????"), ProblemCode::Garbled),
        (text(&"م".repeat(10_001)), ProblemCode::TooLong),
    ];
    for kind in kinds() {
        for (cell, code) in &cases {
            assert_eq!(
                read(&kind, cell).expect_err("refused").code,
                *code,
                "{kind:?} {cell:?}"
            );
        }
    }
}

#[test]
fn the_longest_text_still_goes_out() {
    let longest = "م".repeat(10_000);
    let cell = text(&format!(" {longest} "));
    let reading = read(&Kind::Text, &cell)
        .expect("readable")
        .expect("readable");
    assert_eq!(reading, Reading::new(longest, false));
}

#[test]
fn surrounding_space_is_no_repair_and_hidden_characters_inside_are() {
    let phone = Kind::Phone {
        country: "EG".to_owned(),
        landlines: false,
    };
    for (written, repaired) in [
        ("\u{202A}+20 101 234 5678\u{202C}", false),
        (" 01012345678\u{A0}", false),
        ("010\u{200B}12345678", true),
        ("=\"01012345678\"", true),
    ] {
        let expected = Reading::new("+201012345678", repaired);
        assert_eq!(
            read(&phone, &text(written)),
            Ok(Some(expected)),
            "{written:?}"
        );
    }
}

/// Text of the characters that the readers give a meaning to, so that chance finds their corners.
fn meaningful() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "0", "1", "20", "010", "12345678", "٠", "٣", "۵", "+", "-", "–", "/", ".", ",", "٫", "٬",
        ":", " ", "\u{A0}", "\u{200F}", "E+", "e", "T", "(", ")", "'", "=\"", "\"", "@", "mailto:",
        "tel:", "EGP", "ج.م", "جنيه", "%", "Feb", "مارس", "AM", "ـ", "أ", "\u{FEFB}", "ß", "İ",
        "𝟙", "\u{0}", "#", "?", "Ã", "Ù",
    ]);
    proptest::collection::vec(pieces, 0..16).prop_map(|pieces| pieces.concat())
}

fn any_cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        any::<String>().prop_map(Cell::Text),
        meaningful().prop_map(Cell::Text),
        any::<f64>().prop_map(Cell::Number),
        (-1e16..1e16).prop_map(Cell::Number),
        (0.0..1e15).prop_map(|number: f64| Cell::Number(number.trunc())),
        any::<bool>().prop_map(Cell::Boolean),
        (i16::MIN..=i16::MAX, 1i8..13, 1i8..29).prop_map(|(year, month, day)| {
            civil::Date::new(year, month, day)
                .map_or(Cell::Empty, |date| Cell::Date(date.at(1, 2, 3, 0)))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_cell_makes_a_reading_panic_or_empty(cell in any_cell()) {
        for kind in kinds() {
            if let Ok(Some(reading)) = read(&kind, &cell) {
                prop_assert!(!reading.text.is_empty(), "{kind:?}");
            }
        }
        for kind in kinds() {
            let mut evidence = Evidence::default();
            evidence.see(&kind, &cell);
            prop_assert!(evidence.verdict().is_ok(), "one cell cannot contradict itself");
        }
    }

    #[test]
    fn a_phone_is_a_plus_and_digits(cell in any_cell()) {
        for country in ["EG", "SA", "US"] {
            let kind = Kind::Phone { country: country.to_owned(), landlines: false };
            if let Ok(Some(reading)) = read(&kind, &cell) {
                let digits = reading.text.strip_prefix('+').unwrap_or_default();
                prop_assert!((7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{}", reading.text);
            }
        }
    }

    #[test]
    fn what_goes_out_reads_as_itself(cell in any_cell()) {
        for kind in kinds() {
            if let Ok(Some(once)) = read(&kind, &cell)
                && !matches!(kind, Kind::Date { .. } | Kind::Number { .. })
            {
                let again = Cell::Text(once.text.to_string());
                let again = read(&kind, &again);
                prop_assert_eq!(again, Ok(Some(Reading::new(once.text, false))), "{:?}", kind);
            }
        }
    }

    #[test]
    fn date_forms_and_ids_never_panic(text in any::<String>(), form in "[%a-zA-Z0-9_:. -]{0,8}") {
        let _ = (check_date_format(&text), check_date_input(&text), check_date_format(&form), check_date_input(&form));
        let _ = (birth_date_of(&text), country_is_known(&text));
    }
}
