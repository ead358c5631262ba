//! Every way to write a value, with what it is read as: tables of `text|text => what goes out`, ` repaired` behind what was mended, or
//! the fault's name.

use DateOrder::{DayMonth, MonthDay};
use DecimalMark::{Comma, Point};
use encoding_rs::{Encoding, WINDOWS_1252, WINDOWS_1256};
use jiff::civil;
use proptest::prelude::*;

use super::*;

const NUMBER: Kind = Kind::Number { decimal: None };

fn date(input: Option<&str>, output: &str, order: Option<DateOrder>) -> Kind {
    Kind::Date {
        input: input.map(str::to_owned),
        output: output.to_owned(),
        order,
    }
}

fn iso(input: Option<&str>, order: Option<DateOrder>) -> Kind {
    date(input, "%Y-%m-%d", order)
}

fn phone(country: &str, landlines: bool) -> Kind {
    let country = Country::try_from(country.to_owned()).expect("a country");
    Kind::Phone { country, landlines }
}

fn choice(pairs: &[(&str, &str)]) -> Kind {
    let owned = |&(label, sent): &(&str, &str)| (label.to_owned(), sent.to_owned());
    Kind::Choice(Choices::new(pairs.iter().map(owned)))
}

fn marital() -> Kind {
    choice(&[
        ("أعزب", "Single"),
        ("متزوج", "Married"),
        ("مطلّق", "Divorced"),
        ("Bachelor", "Single"),
    ])
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind::Text,
        NUMBER,
        iso(None, None),
        iso(None, Some(MonthDay)),
        iso(Some("%d/%m/%Y"), None),
        phone("EG", true),
        phone("US", true),
        Kind::Email,
        choice(&[("أعزب", "Single")]),
        Kind::Boolean,
        Kind::EgyptNationalId,
    ]
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn told(kind: &Kind, cell: &Cell) -> String {
    match kind.read(cell) {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(reading)) if reading.repaired => format!("{} repaired", reading.text),
        Ok(Some(reading)) => reading.text.into_owned(),
        Err(fault) => {
            let (_, message) = fault.clone().told();
            if let Cell::Text(text) = cell {
                let is_shown = text.len() > 5 && message.contains(text);
                assert!(!is_shown, "{message}");
            }
            let name = serde_json::to_value(fault).expect("a name")["name"].take();
            name.as_str().expect("a text").to_owned()
        }
    }
}

fn check(kind: &Kind, table: &str) {
    let lines = table.lines().filter_map(|line| line.rsplit_once(" => "));
    for (texts, expected) in lines {
        for written in texts.trim().split('|') {
            assert_eq!(told(kind, &text(written)), expected, "{written:?} {kind:?}");
        }
    }
}

fn check_numbers(kind: &Kind, table: &[(f64, &str)]) {
    for (number, expected) in table {
        assert_eq!(
            told(kind, &Cell::Number(*number)),
            *expected,
            "{number} {kind:?}"
        );
    }
}

#[test]
fn an_empty_cell_is_no_value_in_any_field() {
    let nothing = "|  \t\n|\u{A0}\u{200F}\u{FEFF}|=\"\"|n/a| NULL |\\N|-|'-|لا يوجد";
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
        (text("#DIV/0!"), "error_word"),
        (text("#BLOCKED!"), "error_word"),
        (text("#VALUE! Male"), "error_word"),
        (text("Err:502"), "error_word"),
        (text("########"), "only_hashes"),
        (text(&"م".repeat(10_001)), "too_long"),
    ];
    for kind in kinds() {
        for (cell, fault) in &cases {
            assert_eq!(told(&kind, cell), *fault, "{kind:?} {cell:?}");
        }
    }
    let longest = text(&format!(" {} ", "م".repeat(10_000)));
    assert!(Kind::Text.read(&longest).is_ok());
}

#[test]
fn a_text_is_what_a_person_sees() {
    for (written, expected) in [
        ("\u{202A}x\u{202C}", "x"),
        ("\u{FEFF}\u{A0}x\r\n", "x"),
        ("Mona  Adel", "Mona  Adel"),
        ("two\nlines\tand tab", "two\nlines\tand tab"),
        ("منى ٣ عادل", "منى ٣ عادل"),
        ("من\u{200F}ى", "منى repaired"),
        ("Mo\u{AD}na", "Mona repaired"),
        ("\u{FEE3}\u{FEE8}\u{FEF0}", "منى repaired"),
        ("o\u{FB03}ce", "office repaired"),
        ("\u{FD3E}1\u{FD3F}", "\u{FD3E}1\u{FD3F}"),
        ("Rene\u{301}", "René"),
        ("=\"0012\"", "0012 repaired"),
        ("=\"a\"&\"b\"", "=\"a\"&\"b\""),
        ("'=1+1", "=1+1"),
        ("5E+2", "5E+2"),
        ("A2E+11", "A2E+11"),
        ("2.02E+12", "digits_rounded"),
        ("-2,5e+12", "-2,5e+12"),
        ("Block 2E+11", "Block 2E+11"),
        ("1.2.3E+14", "1.2.3E+14"),
    ] {
        assert_eq!(told(&Kind::Text, &text(written)), expected, "{written:?}");
    }
    let at = civil::date(2024, 2, 29).at(13, 5, 7, 0);
    assert_eq!(told(&Kind::Text, &Cell::Boolean(true)), "TRUE");
    assert_eq!(told(&Kind::Text, &Cell::Date(at)), "2024-02-29T13:05:07");
    let numbers = [
        (29_001_011_234_567.0, "29001011234567"),
        (1e15, "number_rounded"),
    ];
    check_numbers(&Kind::Text, &numbers);
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
fn numbers_lose_separators_and_keep_their_digits() {
    let table = "
        5000|5000 EGP|L.E. 5000|5000LE|£E5000|5000 جنيه مصري => 5000
        005 => 005
        -12 => -12
        +12 => 12
        −12.5 => -12.5
        1,234 => 1234
        1,234,567|1\u{A0}234\u{202F}567|1'234'567|1.234.567 => 1234567
        1,234.56 => 1234.56
        1 234 567.8 => 1234567.8
        1.50 => 1.50
        .5 => 0.5
        5. => 5
        EGP 5,000.00 => 5000.00
        1.234,56 => 1234.56 repaired
        1,5 => 1.5 repaired
        0,500 => 0.500 repaired
        1234,567|1 234,567 => 1234.567 repaired
        ١٬٢٣٤٫٥ => 1234.5 repaired
        ۵۰۰ => 500 repaired
        ٥٠٠٠ ج.م. => 5000 repaired
        12345678901234567890.123456789 => 12345678901234567890.123456789
        1.234|5.000 EGP => point_ambiguous
        1.5E+10|2,01e+11 => number_rounded
        abc|12%|1,23,456|12 34|1,,234|1.2.3|1,234,56.7.8|5-|--5|(5)|.|,|EGP|LE.5000|EGP,500|5 EGP 6|$5|5 USD|1/2|12a|0x10 => number_invalid
        1,234.567,8|٫|1٫2٫3|0,500,000|1 234,567.8 => number_invalid";
    check(&NUMBER, table);
    let by = |mark| Kind::Number {
        decimal: Some(mark),
    };
    check(
        &by(Comma),
        "5.000 => 5000\n41,000 => 41.000 repaired\n1.5 => number_not_as_column",
    );
    check(&by(Point), "5.000 => 5.000\n1,5 => number_invalid");
    let cells = [
        (5000.0, "5000"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (5_699.988_600_000_001, "5699.9886"),
        (999_999_999_999_999.0, "999999999999999"),
        (1e-7, "0.0000001"),
        (1e15, "number_rounded"),
        (-1e15, "number_rounded"),
        (f64::MAX, "number_rounded"),
    ];
    check_numbers(&NUMBER, &cells);
}

#[test]
fn values_prove_how_their_column_is_written() {
    let numbers = |mark: DecimalMark| Some(Convention::Numbers(mark));
    let dates = |order: DateOrder| Some(Convention::Dates(order));
    let date = iso(None, None);
    for (kind, texts, proved) in [
        (
            &NUMBER,
            "1,234.5|1.5|0.500|.5|5.|1,234,567|1234.567|-1.50 EGP",
            numbers(Point),
        ),
        (
            &NUMBER,
            "1.234,5|1,5|0,500|,5|5,|1.234.567|1234,567|1 234,567|١٢٣٤,٥٦٧",
            numbers(Comma),
        ),
        (
            &NUMBER,
            "5000|5.000|41,000|1 234|1٬234٫5|1,23,456|abc|1.5e3|",
            None,
        ),
        (&date, "31/12/1990|٣١/١٢/١٩٩٠|13.1.2024", dates(DayMonth)),
        (&date, "12/31/1990", dates(MonthDay)),
        (
            &date,
            "5/5/2024|5/3/2024|32/1/2024|1990-12-31|31/12/90",
            None,
        ),
    ] {
        for written in texts.split('|') {
            assert_eq!(kind.proof(&text(written)), proved, "{written}");
        }
    }
}

#[test]
fn dates_are_read_when_they_are_certain_or_their_column_is() {
    let table = "
        2024-02-29|2024/2/29|2024.02.29|2024–02–29|2024-02-29T13:05:07|2024-02-29 00:00:00 => 2024-02-29
        29 Feb 2024|29-feb-2024|February 29, 2024|29 فبراير، 2024|29/02/2024|02/29/2024|29/02/2024 1:05 PM => 2024-02-29
        2024-02-29 08:00|2024-02-29 23:17:00|2024-02-29 20:01 => 2024-02-29
        2024-02-28 22:00:00|2024-02-28T21:00|28/02/2024 11:30 PM|2024-02-29 03:00 => date_shifted
        ٢٠٢٤-٠٢-٢٩ => 2024-02-29 repaired
        5 أبريل 2024 => 2024-04-05
        5 يونية 2024 => 2024-06-05
        2024 Sept 5 => 2024-09-05
        5/5/2024 => 2024-05-05
        5/3/2024|05.03.2024 12:00 AM => day_or_month
        5/3/24|05-Mar-24|90/03/05 => year_short
        30/02/2024|29/02/2023|2024-02-30|40/40/2024|0/0/2024 => day_impossible
        0024-02-29 => year_impossible
        45351|20240229|5/3|5/3/2024/1|/5/3/2024|5/3/024|5/3/2024 25:00|2024-02-29T00:00:00Z|Feb Mar 2024|tomorrow|T: => date_invalid";
    check(&iso(None, None), table);
    let day_first = "5/3/2024 => 2024-03-05\n03/25/2024 => day_impossible\n5/3/24 => year_short\n05/09/1445|30/02/1443 => year_hijri";
    check(&iso(None, Some(DayMonth)), day_first);
    check(&iso(None, Some(MonthDay)), "5/3/2024 => 2024-05-03");
    let by_form = "05/03/2024|5/3/2024 => 2024-03-05\n٠٥/٠٣/٢٠٢٤ => 2024-03-05 repaired\n2024-03-05 => date_form\n05/03/24 => year_impossible\n\
        30/02/2024 => day_impossible";
    check(&iso(Some("%d/%m/%Y"), Some(MonthDay)), by_form);
}

#[test]
fn number_cells_are_serials_or_the_digits_of_the_named_form() {
    let serials = [
        (1.0, "1900-01-01 repaired"),
        (59.0, "1900-02-28 repaired"),
        (61.0, "1900-03-01 repaired"),
        (45_350.999_999_999, "2024-02-29 repaired"),
        (45_350.916_667, "date_shifted"),
        (73_050.0, "2099-12-31 repaired"),
        (20_240_229.0, "date_number"),
        (1990.0, "only_year"),
        // The day that spreadsheets invented.
        (60.0, "date_number"),
        (73_051.0, "date_number"),
        (0.5, "date_number"),
        (1e300, "date_number"),
    ];
    check_numbers(&iso(None, None), &serials);
    for (input, number, expected) in [
        ("%d/%m/%Y", 45_351.0, "2024-02-29 repaired"),
        ("%Y%m%d", 20_240_229.0, "2024-02-29 repaired"),
        ("%d%m%Y", 1_122_024.0, "2024-12-01 repaired"),
        ("%d%m%y", 10_124.0, "2024-01-01 repaired"),
        ("%Y%m%d", 45_351.0, "date_form"),
        ("%Y%m%d", 20_240_230.0, "day_impossible"),
        ("%Y%m%d", -5.0, "date_number"),
    ] {
        check_numbers(&iso(Some(input), None), &[(number, expected)]);
    }
}

#[test]
fn date_cells_go_out_in_the_output_form() {
    let at = Cell::Date(civil::date(2024, 2, 29).at(13, 5, 0, 0));
    let out = |output| told(&date(Some("%d"), output, None), &at);
    assert_eq!(out("%d.%m.%Y %H:%M"), "29.02.2024 13:05");
    assert_eq!(out("%z"), "date_unwritable");
    let only_a_time = Cell::Date(civil::date(1899, 12, 31).at(13, 5, 0, 0));
    assert_eq!(told(&iso(None, None), &only_a_time), "date_only_time");
    let shifted = Cell::Date(civil::date(2024, 2, 28).at(22, 0, 0, 0));
    for (kind, expected) in [
        (iso(None, None), "date_shifted"),
        (Kind::Text, "date_shifted"),
        (date(None, "%Y-%m-%dT%H:%M", None), "2024-02-28T22:00"),
    ] {
        assert_eq!(told(&kind, &shifted), expected);
    }
}

#[test]
fn date_forms_are_checked_before_any_row_is_read() {
    for (forms, may_be_written, may_be_read) in [
        (
            "%Y-%m-%d|%d/%m/%Y|%d %B %Y|%Y%m%d|%d.%m.%y|%F %H:%M:%S",
            true,
            true,
        ),
        ("%B %Y|%d/%m|%Y", true, false),
        ("|DD/MM/YYYY|%|%J|%d/%m/%|%Y-%m-%d %z|%n%t", false, false),
    ] {
        for form in forms.split('|') {
            assert_eq!(check_date_format(form).is_ok(), may_be_written, "{form}");
            assert_eq!(check_date_input(form).is_ok(), may_be_read, "{form}");
        }
    }
}

#[test]
fn every_way_to_write_a_phone_gives_one_number_and_no_guess() {
    let table = "
        01012345678|+201012345678|201012345678|00201012345678|010 1234-5678|(010) 1234.5678|010–1234—5678 => +201012345678
        +20 (0)10 1234 5678|(+20) 10 1234-5678|＋20 10 1234 5678|002 010 1234 5678|2001012345678 => +201012345678
        010\u{A0}1234\u{2011}5678|01012345678 ,|01012345678;|tel:01012345678 => +201012345678
        1012345678|1012345678.0|201012345678.0|٠١٠١٢٣٤٥٦٧٨|۰۱۰۱۲۳۴۵۶۷۸|201012345678+|'01012345678 => +201012345678 repaired
        0151791272|+20 15 1791272 => mobile_too_short
        0101234567|010123456789|01312345678|966501234567|27954321|+2012345|12345|0101234567801112345678 => phone_unknown
        227954321|151791272 => phone_lacks_zero
        0|+|#/* => phone_absent
        02 27954321 ext 12|01012345678 (Mona)|no phone => phone_letters
        12+34 => phone_plus
        01012345678 01112345678|01012345678-01112345678|01012345678   0227954321|01012345678/01112345678 => phone_several
        01012345678 أو 01112345678|01012345678، 01112345678|01012345678+201112345678 => phone_several
        +201012345678 +201112345678|0101234567/8 => phone_several
        2.01E+11|2,01012E+11|٢.٠١E+١١|٢٫٠١E+11 => phone_rounded";
    check(&phone("EG", true), table);
    let two_lines = text("01012345678\n01112345678");
    assert_eq!(told(&phone("EG", true), &two_lines), "phone_several");
    for (written, country, e164) in [
        ("02 2795 4321|02/27954321", "EG", "+20227954321"),
        ("+966 50 123 4567|00966501234567", "EG", "+966501234567"),
        ("0501234567", "sa", "+966501234567"),
        ("501234567", "SA", "+966501234567 repaired"),
        ("00201012345678", "US", "+201012345678"),
        ("50012345", "KW", "+96550012345"),
        ("06 12 34 56 78", "FR", "+33612345678"),
    ] {
        check(&phone(country, true), &format!("{written} => {e164}"));
    }
    check(&phone("EG", false), "0227954321|+20227954321 => landline");
    // Mobiles and landlines look alike there.
    check(&phone("US", false), "(202) 555-0123 => +12025550123");
    let cells = [
        (1_012_345_678.0, "+201012345678 repaired"),
        (201_012_345_678.0, "+201012345678"),
        (201_012_000_000.0, "phone_rounded"),
        (1e15, "phone_rounded"),
        (1e300, "phone_rounded"),
        (1_012_345_678.5, "phone_fraction"),
        (-1_012_345_678.0, "phone_fraction"),
        (0.0, "phone_absent"),
    ];
    check_numbers(&phone("EG", false), &cells);
    let country_is_known = |code: &str| Country::try_from(code.to_owned()).is_ok();
    assert!(["EG", "eg", "SA", "US"].into_iter().all(country_is_known));
    for unknown in ["", "E", "EGY", "ZZ", "20", "001", "مص"] {
        assert!(!country_is_known(unknown), "{unknown}");
    }
}

#[test]
fn an_address_keeps_its_name_and_lowers_its_domain() {
    let long_name = "x".repeat(65);
    let long_domain = "abcdefgh.".repeat(30);
    let table = format!(
        "
        mona@example.com => mona@example.com
        Mona.Adel+x@EXAMPLE.Com => Mona.Adel+x@example.com
        m@sub.example.co.uk => m@sub.example.co.uk
        m@موقع.مصر => m@موقع.مصر
        m@xn--4gbrim.xn--wgbh1c => m@xn--4gbrim.xn--wgbh1c
        MAILTO:mona@example.com;|mona@example.com , => mona@example.com repaired
        mona|; => email_without_at
        mona@@example.com|a@b.com;c@d.com|a@b.com c@d.com => email_several
        mona adel@example.com|mona@exam ple.com|Mona <mona@example.com> => email_space
        @example.com|.m@example.com|m.@example.com|m..n@example.com|منى@example.com|{long_name}@example.com => email_name
        mona@gmail,com => email_comma
        mona@|mona@example|mona@-a.com|mona@a..com|mona@1.2.3.4|mona@example.c|mona@exa_mple.com|mona@İa.com => email_domain
        m@{long_domain}com => email_too_long"
    );
    check(&Kind::Email, &table);
    check_numbers(&Kind::Email, &[(1.0, "email_not_text")]);
}

#[test]
fn a_national_id_is_its_fourteen_digits() {
    let table = "
        29001011234567|290 0101 12 34567|2-900101-12-34567 => 29001011234567
        ٢٩٠٠١٠١١٢٣٤٥٦٧|29001011234567.0|'29001011234567 => 29001011234567 repaired
        19001011234567 => national_id_century
        29013011234567|39901011234567 => national_id_birth
        29001012034567 => national_id_governorate
        290010112345 => national_id_length
        2900101123456 => national_id_short
        A9001011234567 => national_id_not_digits
        2.90010112E+13|29001011200000 => national_id_rounded";
    check(&Kind::EgyptNationalId, table);
    let cells = [
        (29_001_011_234_567.0, "29001011234567"),
        (2.9e13, "national_id_rounded"),
        (2.9e15, "national_id_rounded"),
        (0.5, "national_id_not_digits"),
    ];
    check_numbers(&Kind::EgyptNationalId, &cells);
    let born = birth_date_of("30402291234567");
    assert_eq!(born, Some(civil::date(2004, 2, 29)));
    for none in ["", "30302291234567", "2900101123456", "٢٩٠٠١٠١١٢٣٤٥٦٧"] {
        assert_eq!(birth_date_of(none), None, "{none}");
    }
}

#[test]
fn choices_match_in_any_spelling_and_the_unknown_gets_advice() {
    let table = "
        أعزب|اعزب|bachelor|SINGLE => Single
        مطلق => Divorced
        متزوجج => choice_misspelt
        xyz => choice_unlisted";
    check(&marital(), table);
    let (_, advice) = marital().read(&text("xyz")).expect_err("refused").told();
    assert!(advice.contains("أعزب, متزوج") && !advice.contains("xyz"));
    // A label wins over another's sent text.
    check(&choice(&[("A", "B"), ("B", "A")]), "b => A");
    check(
        &choice(&[("Ali", "1"), ("ALI", "2")]),
        "ALI => 2\nali => choice_several",
    );
}

#[test]
fn every_promised_word_is_a_yes_or_a_no_and_no_other() {
    let table = "
        true|TRUE|yEs|1|نعم|نَعَم|١ => true
        false|NO|0|لا|۰ => false
        ﻻ => false repaired
        maybe|y|2|10 => boolean_invalid";
    check(&Kind::Boolean, table);
    assert_eq!(told(&Kind::Boolean, &Cell::Boolean(true)), "true");
    let cells = [
        (1.0, "true"),
        (-0.0, "false"),
        (2.0, "boolean_invalid"),
        (1e15, "boolean_invalid"),
    ];
    check_numbers(&Kind::Boolean, &cells);
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
        let _ = (birth_date_of(&text), Country::try_from(text));
    }
}
