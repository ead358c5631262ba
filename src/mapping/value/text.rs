//! Text as it stands in a sheet: what surrounds it, what cannot be seen in it, and which digits it is written in.
//!
//! What a text *means* is left to the types of fields; text that was damaged before it came here, to `garbled`.

use std::borrow::Cow;

use jiff::civil;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{Fault, Given, Reading, number};
use crate::mapping::names::fold_value;
pub(super) use crate::mapping::names::{is_dash, is_invisible, western_digits};
use crate::model::{Cell, ProblemCode};

/// A text without invisible characters and presentation forms, in normal form C.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clean<'a> {
    /// The text itself.
    pub(super) text: Cow<'a, str>,
    /// Whether something inside it had to be removed or replaced that a reader of the sheet should know of.
    pub(super) repaired: bool,
}

/// Reads a cell as the text that a person sees in it.
pub(super) fn read(given: Given<'_>) -> Result<Reading<'_>, Fault> {
    match given {
        Given::Text(text) if is_rounded_notation(text) => Err(Fault::new(
            ProblemCode::NumberRounded,
            "Excel has rounded a long number here (2.01E+11 and the like); format the column as Text and type the digits again.",
        )),
        Given::Text(text) => Ok(Reading::new(unguarded(text), false)),
        Given::Number(number) => number::shown(number).map(|text| Reading::new(text, false)),
        Given::Boolean(boolean) => Ok(Reading::new(Cell::Boolean(boolean).shown(), false)),
        Given::Date(at) => Ok(Reading::new(date_shown(at), false)),
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

/// A date as text: `YYYY-MM-DD`, with the time only if it is not midnight.
fn date_shown(at: civil::DateTime) -> String {
    Cell::Date(at).shown()
}

/// The text without the white space and the invisible characters around it.
pub(super) fn trim(raw: &str) -> &str {
    raw.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Cleans a trimmed text.
pub(super) fn clean(trimmed: &str) -> Clean<'_> {
    let (trimmed, unwrapped) = match formula_text(trimmed) {
        Some(inner) => (trim(inner), true),
        None => (trimmed, false),
    };
    if trimmed
        .chars()
        .any(|c| is_invisible(c) || is_presentation_form(c))
    {
        return Clean {
            text: Cow::Owned(rewritten(trimmed)),
            repaired: true,
        };
    }
    // Canonically equal texts are the same text by Unicode's own word: no repair.
    let text = match is_nfc_quick(trimmed.chars()) {
        IsNormalized::Yes => Cow::Borrowed(trimmed),
        _ => Cow::Owned(trimmed.nfc().collect()),
    };
    Clean {
        text,
        repaired: unwrapped,
    }
}

/// What people and programs write into a cell that holds nothing, folded.
const WORDS_FOR_NOTHING: [&str; 7] = ["null", "\\n", "nan", "none", "n/a", "-", "لا يوجد"];

/// Whether a clean text says that there is nothing.
pub(super) fn is_word_for_nothing(clean: &str) -> bool {
    clean.len() <= 32 && WORDS_FOR_NOTHING.contains(&fold_value(clean).as_str())
}

/// The text inside `="…"`, the trick by which exports keep Excel from taking digits for a number.
fn formula_text(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("=\"")?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

fn rewritten(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| !is_invisible(c)) {
        if is_presentation_form(c) {
            // The isolated vowel signs decompose into a space that carries them; the letter before does that here.
            plain.extend(std::iter::once(c).nfkc().filter(|&part| part != ' '));
        } else {
            plain.push(c);
        }
    }
    plain.nfc().collect()
}

/// Letters frozen into the shape of one place in a word, as old programs and PDF files leave them behind.
fn is_presentation_form(c: char) -> bool {
    matches!(c, '\u{FB00}'..='\u{FB06}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
        && !std::iter::once(c).nfkc().eq([c])
}

/// Whether a text is nothing but Western digits.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `text` without `.0`, `.00`: what programs append that take an id for a number.
pub(super) fn without_zero_fraction(text: &str) -> Option<&str> {
    let zeros = text.len() - text.trim_end_matches('0').len();
    let whole = text.trim_end_matches('0').strip_suffix('.')?;
    ((1..=2).contains(&zeros) && whole.ends_with(|c: char| c.is_ascii_digit())).then_some(whole)
}

/// Whether a text of Western digits is a number with an exponent, such as `2.01E+11`: digits that are gone.
pub(super) fn is_exponential(text: &str) -> bool {
    exponent(text).is_some()
}

/// The way in which Excel shows a number of more than eleven digits, as opposed to any code with an E in it.
fn is_rounded_notation(text: &str) -> bool {
    // Hardly any text ends in a digit.
    text.ends_with(|c: char| c.is_ascii_digit())
        && text.contains("E+")
        && exponent(text).is_some_and(|exponent| exponent >= 11)
}

fn exponent(text: &str) -> Option<u32> {
    let (mantissa, exponent) = text.split_once(['E', 'e'])?;
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa
        .split_once(['.', ',', '٫'])
        .unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    (!exponent.is_empty() && is_digits(exponent)).then(|| exponent.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_invisible_characters_around_a_text_go() {
        for raw in [
            " x ",
            "\u{202A}x\u{202C}",
            "\u{FEFF}\u{A0}x\r\n",
            "\u{200F} x\0",
            "x",
        ] {
            assert_eq!(trim(raw), "x", "{raw:?}");
        }
        for nothing in ["", "  ", "\u{200B}", "\u{A0}\u{200E}\t", "\u{3000}"] {
            assert_eq!(trim(nothing), "", "{nothing:?}");
        }
    }

    #[test]
    fn what_is_inside_is_kept_or_mended_and_told() {
        let cases = [
            ("Mona  Adel", "Mona  Adel", false),
            ("two\nlines\tand tab", "two\nlines\tand tab", false),
            ("منى ٣ عادل", "منى ٣ عادل", false),
            ("من\u{200F}ى", "منى", true),
            ("Mo\u{AD}na", "Mona", true),
            ("a\u{0}b", "ab", true),
            ("\u{FEE3}\u{FEE8}\u{FEF0}", "منى", true),
            ("\u{FEFB}", "لا", true),
            ("o\u{FB03}ce", "office", true),
            ("\u{FD3E}1\u{FD3F}", "\u{FD3E}1\u{FD3F}", false),
            ("Rene\u{301}", "René", false),
            ("=\"0012\"", "0012", true),
            ("=\"a\"&\"b\"", "=\"a\"&\"b\"", false),
        ];
        for (raw, text, repaired) in cases {
            let clean = clean(raw);
            assert_eq!((&*clean.text, clean.repaired), (text, repaired), "{raw:?}");
        }
    }

    #[test]
    fn digits_of_every_script_in_use_become_western() {
        assert_eq!(western_digits("٠١٢٣٤٥٦٧٨٩"), "0123456789");
        assert_eq!(western_digits("۰۱۲۳۴۵۶۷۸۹"), "0123456789");
        assert_eq!(western_digits("０１９"), "019");
        assert!(matches!(western_digits("منى 12"), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_with_an_exponent_are_known() {
        for text in [
            "2.01E+11",
            "2,01E+11",
            "2E+11",
            "1e5",
            "-1.5e-3",
            "2.01012E+11",
        ] {
            assert!(is_exponential(text), "{text}");
        }
        for text in [
            "", "E", "E5", "2.E", "12", "1E+", "0x1E+5", "1.2.3E+4", "Block 2E",
        ] {
            assert!(!is_exponential(text), "{text}");
        }
    }

    #[test]
    fn text_fields_refuse_only_what_excel_rounded() {
        for rounded in ["2.01E+11", "2.9001E+13"] {
            let fault = read(Given::Text(rounded)).expect_err("refused");
            assert_eq!(fault.code, ProblemCode::NumberRounded, "{rounded}");
        }
        for code in ["12E5", "5E+2", "3e11", "A2E+11"] {
            assert_eq!(read(Given::Text(code)).expect("readable").text, code);
        }
    }

    #[test]
    fn cells_of_other_types_are_shown_as_a_person_sees_them() {
        let date = civil::date(2024, 2, 29);
        let cases = [
            (Given::Number(29_001_011_234_567.0), "29001011234567"),
            (Given::Number(1500.5), "1500.5"),
            (Given::Number(0.1 + 0.2), "0.3"),
            (Given::Boolean(true), "TRUE"),
            (Given::Date(date.at(0, 0, 0, 0)), "2024-02-29"),
            (Given::Date(date.at(13, 5, 7, 0)), "2024-02-29T13:05:07"),
        ];
        for (given, text) in cases {
            assert_eq!(read(given), Ok(Reading::new(text, false)), "{given:?}");
        }
        let fault = read(Given::Number(1e15)).expect_err("refused");
        assert_eq!(fault.code, ProblemCode::NumberRounded);
    }

    #[test]
    fn the_fraction_of_an_id_is_dropped_only_when_it_is_zero() {
        assert_eq!(without_zero_fraction("1012345678.0"), Some("1012345678"));
        assert_eq!(without_zero_fraction("5.00"), Some("5"));
        for kept in ["5", "50", "5.5", "5.000", ".0", "5.10", ""] {
            assert_eq!(without_zero_fraction(kept), None, "{kept}");
        }
    }
}
