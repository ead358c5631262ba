//! Phones as they stand in cells.

use std::fmt::Write as _;

use super::Case;

pub fn phones() -> Vec<Case> {
    vec![
        column(
            "phone-spellings.csv",
            "spaces, dashes of all kinds, brackets, slashes, 00 and +20",
            "",
            &[
                ("010 1234 5671", "spaces"),
                ("010-1234-5672", "hyphens"),
                ("(010) 12345673", "brackets"),
                ("010–1234—5674", "dashes"),
                ("010.1234.5675", "dots"),
                ("+20 10 12345676", "plus"),
                ("0020 10 12345677", "00"),
                ("20 1012345678", "bare country code"),
                ("+20 (0)10 12345679", "the zero in brackets"),
                ("002 01112345670", "002 before the zero"),
                ("tel: 01112345671", "a word before it"),
            ],
        ),
        column(
            "phone-invisible.csv",
            "bidi marks, zero-width spaces, no-break spaces, a leading apostrophe",
            "",
            &[
                ("\u{202a}01012345671\u{202c}", "embedding"),
                ("\u{200e}01012345672", "mark"),
                ("0101\u{200b}2345673", "zero width"),
                ("010\u{a0}1234\u{202f}5674", "no-break"),
                ("'01012345675", "apostrophe"),
                ("\u{feff}01012345676", "mark of the file"),
                ("\t01012345677 ", "tab"),
            ],
        ),
        column(
            "phone-arabic-digits.csv",
            "Arabic-Indic and Persian digits, full-width ones, and a plus at the wrong end",
            "",
            &[
                ("٠١٠١٢٣٤٥٦٧١", "Arabic"),
                ("۰۱۰۱۲۳۴۵۶۷۲", "Persian"),
                ("０１０１２３４５６７３", "full width"),
                ("+٢٠١٠١٢٣٤٥٦٧٤", "with plus"),
                ("٠١٠12345٦٧٥", "mixed"),
                ("201012345676+", "plus behind"),
            ],
        ),
        column(
            "phone-lost-zero.csv",
            "a lost zero is mended only where a valid mobile comes of it",
            "",
            &[
                ("1012345678", "mended"),
                ("1112345678", "mended"),
                ("1312345678", "no such mobile prefix"),
                ("223456789", "a landline without its zero"),
                ("12345678", "too short"),
            ],
        ),
        column(
            "phone-rounded.csv",
            "numbers that Excel rounded",
            "",
            &[
                ("2.01E+11", "English"),
                ("2,01E+11", "comma"),
                ("2.01012E+11", "more digits"),
                ("1.01E+09", "national"),
                ("٢٫٠١E+11", "Arabic"),
                ("2.01012345678E+11", "nothing lost"),
            ],
        ),
        column(
            "phone-several.csv",
            "two numbers in one cell",
            "",
            &[
                ("01012345678 / 01112345678", "slash"),
                ("01012345678 - 01112345678", "dash"),
                ("01012345678\n01112345678", "line break"),
                ("01012345678 أو 01112345678", "or"),
                ("01012345678,01112345678", "comma"),
                ("0101234567801112345678", "side by side"),
                ("01012345678 01012345678", "twice the same"),
            ],
        ),
        column(
            "phone-invalid.csv",
            "what is no phone",
            "",
            &[
                ("0101234567", "a digit short"),
                ("010123456789", "a digit long"),
                ("0131234567 8", "no such prefix"),
                ("N/A", "letters"),
                ("-", "a dash"),
                ("0", "zero"),
                ("01O12345678", "the letter O"),
                ("01012345678 ext 5", "an extension"),
                ("+999 1234567", "no such country"),
                ("+20", "a country alone"),
                ("00000000000", "zeros"),
                ("01012345678x", "a letter behind"),
            ],
        ),
        column(
            "phone-landline.csv",
            "landlines are valid numbers, a hotline of five digits is none",
            "",
            &[
                ("0223456789", "Cairo"),
                ("19019", "hotline"),
                ("0800 123 4567", "free"),
            ],
        ),
        column(
            "phone-foreign.csv",
            "other countries, with their code",
            "",
            &[
                ("+966 50 123 4567", "Saudi"),
                ("00971501234567", "Emirates"),
                ("+44 7400 123456", "Britain"),
                ("+1 212 555 0123", "a number that cannot exist"),
                ("0501234567", "a landline in Egypt as well"),
            ],
        ),
        column(
            "phone-country.csv",
            "national numbers of another set country",
            "SA",
            &[
                ("0501234567", "Saudi"),
                ("501234568", "its zero lost"),
                ("+201012345678", "Egyptian"),
                ("01012345678", "Egyptian without its code"),
            ],
        ),
        Case::new(
            "phone-unset-country.csv",
            "a config that names no such country",
            "phone\n01012345678\n",
        )
        .config("[recipient]\nphone = \"phone\"\ncountry = \"XX\"\n[contract]\ntypes = [414]\n"),
    ]
}

/// One column of phones, each with a word on what is meant.
fn column(name: &'static str, why: &'static str, country: &str, values: &[(&str, &str)]) -> Case {
    let mut text = String::from("phone,_what\n");
    for (value, what) in values {
        let _ = writeln!(text, "\"{value}\",{what}");
    }
    let country = if country.is_empty() {
        String::new()
    } else {
        format!("country = \"{country}\"\n")
    };
    Case::new(name, why, text).config(format!(
        "[recipient]\nphone = \"phone\"\n{country}[contract]\ntypes = [414]\n"
    ))
}
