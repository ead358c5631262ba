//! Text as it stands in a sheet: what surrounds it, what cannot be seen in it, whether it was damaged before it came here. What
//! it *means* is left to the types of fields.

use std::borrow::Cow;
use std::sync::LazyLock;

use encoding_rs::{Encoding, WINDOWS_1252, WINDOWS_1256};
use jiff::civil;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::mapping::names::{fold_value, is_invisible};
use crate::mapping::words::WORDS;
use crate::model::ProblemCode;

/// The longest value that goes out, in characters.
const LONGEST_CHARS: usize = 10_000;

/// A value that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The text that goes out; the cell's or the kind's own where nothing had to be changed.
    pub text: Cow<'a, str>,
    /// Whether it was mended, beyond doubt but worth telling: a lost zero, Arabic digits, invisible characters
    /// inside. Surrounding white space and ordinary separators do not count.
    pub repaired: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(text: impl Into<Cow<'a, str>>, repaired: bool) -> Self {
        Reading {
            text: text.into(),
            repaired,
        }
    }

    pub(super) fn into_owned(self) -> Reading<'static> {
        Reading::new(self.text.into_owned(), self.repaired)
    }
}

/// Why a cell cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: ProblemCode,
    /// One sentence for the clerk: what is wrong and what to change. Holds no whole personal value.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Fault {
            code,
            message: message.into(),
        }
    }
}

/// What a cell with something in it holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// As [`clean`] gives it.
    Text(&'a str),
    /// Always finite.
    Number(f64),
    Boolean(bool),
    Date(civil::DateTime),
}

/// A text without invisible characters and presentation forms, in normal form C.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clean<'a> {
    pub text: Cow<'a, str>,
    /// Whether something inside it had to be removed or replaced that a reader of the sheet should know of.
    pub repaired: bool,
}

/// The text without the white space and the invisible characters around it.
pub(super) fn trim(raw: &str) -> &str {
    raw.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Cleans a trimmed text, or refuses what is damaged, unseen or too long to be meant.
pub(super) fn clean(trimmed: &str) -> Result<Clean<'_>, Fault> {
    if trimmed.len() > LONGEST_CHARS && trimmed.chars().count() > LONGEST_CHARS {
        return Err(Fault::new(
            ProblemCode::TooLong,
            format!("The text has more than {LONGEST_CHARS} characters; shorten it."),
        ));
    }
    refuse_damage(trimmed)?;
    let clean = mended(trimmed);
    // Hidden characters may have parted what gives the damage away.
    if clean.text != trimmed {
        refuse_damage(&clean.text)?;
    }
    Ok(clean)
}

fn mended(trimmed: &str) -> Clean<'_> {
    let (text, unwrapped) = match formula_text(trimmed) {
        Some(inner) => (trim(inner), true),
        None => (trimmed, false),
    };
    if text.is_ascii() {
        return Clean {
            text: Cow::Borrowed(text),
            repaired: unwrapped,
        };
    }
    if text
        .chars()
        .any(|c| is_invisible(c) || is_presentation_form(c))
    {
        return Clean {
            text: Cow::Owned(rewritten(text)),
            repaired: true,
        };
    }
    // Canonically equal texts are the same text by Unicode's own word: no repair.
    let normal = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    };
    Clean {
        text: normal,
        repaired: unwrapped,
    }
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

/// Whether a clean text is a word that people and programs write for nothing at all.
pub(super) fn is_word_for_nothing(clean: &str) -> bool {
    static INITIALS: LazyLock<Vec<char>> = LazyLock::new(|| {
        let words = WORDS.nothing.iter();
        words.filter_map(|word| word.chars().next()).collect()
    });
    // Looked at in every cell: by its first letter nearly every text is none of them.
    let initial = clean.chars().next().and_then(|c| c.to_lowercase().next());
    clean.len() <= 32
        && initial.is_some_and(|c| INITIALS.contains(&c))
        && WORDS.nothing.contains(&fold_value(clean))
}

/// Refuses text that was damaged before it was saved, and never mends it: what it said would be a guess. A single odd
/// character is not proof, so names such as `Øyvind` or `MÃE` pass.
fn refuse_damage(text: &str) -> Result<(), Fault> {
    let garbled = |message| Err(Fault::new(ProblemCode::Garbled, message));
    if is_error_word(text) {
        return Err(Fault::new(
            ProblemCode::CellError,
            "The cell holds a spreadsheet's error instead of a value; correct its formula or type the value.",
        ));
    }
    if text.len() >= 3 && text.bytes().all(|b| b == b'#') {
        return garbled(
            "The cell holds only ####, which Excel shows when a column is too narrow; copy the value itself.",
        );
    }
    if has_lost_letters(text) || (!text.is_ascii() && is_misread(text)) {
        return garbled(
            "The text was damaged when the file was saved; type it again, or export the sheet again as UTF-8 or XLSX.",
        );
    }
    Ok(())
}

/// Excel's words, and LibreOffice's `Err:502`.
fn is_error_word(text: &str) -> bool {
    let number = text.strip_prefix("Err:");
    number.is_some_and(|number| number.len() == 3 && is_digits(number))
        || (text.starts_with('#') && WORDS.errors.iter().any(|word| word == text))
}

/// Letters replaced by U+FFFD, or whole words by question marks.
fn has_lost_letters(text: &str) -> bool {
    let is_lost = |word: &str, least: usize| word.len() >= least && word.bytes().all(|b| b == b'?');
    text.contains('\u{FFFD}')
        || (text.contains("??")
            && (text.split_whitespace().any(|word| is_lost(word, 3))
                || text.split_whitespace().all(|word| is_lost(word, 1))))
}

/// Whether a text, or a word of it, is UTF-8 that was read as a Windows encoding (`Ù…Ù†Ù‰`, `JosÃ©`), or Windows-1256 that was read
/// as Windows-1252 (`ãäì ÚÇÏá`).
fn is_misread(text: &str) -> bool {
    // Arabic letters alone are nothing that bytes look like when they are misread, and most text is that.
    if text
        .chars()
        .all(|c| c.is_ascii() || matches!(c, '\u{621}'..='\u{652}'))
    {
        return false;
    }
    let words = || text.split_whitespace().chain([text]);
    let is_accented = |c: char| matches!(c, 'À'..='ÿ');
    // No language writes such words of accented letters only: three letters in all, or four in one word beside others.
    let is_only_accented = |part: &str, least: usize| {
        part.chars().filter(|&c| is_accented(c)).count() >= least
            && !part.chars().any(|c| c.is_alphabetic() && !is_accented(c))
    };
    words().any(is_misread_utf8)
        || is_only_accented(text, 3)
        || words().any(|word| is_only_accented(word, 4))
}

fn is_misread_utf8(word: &str) -> bool {
    let utf8 = |encoding: &'static Encoding| {
        let (bytes, _, is_foreign) = encoding.encode(word);
        (!is_foreign).then(|| String::from_utf8(bytes.into_owned()).ok())?
    };
    let foreign = |text: &str| text.chars().filter(|c| !c.is_ascii()).count();
    // One pair in Arabic may be a coincidence, an accented Latin letter or a quote is none.
    utf8(WINDOWS_1252).is_some_and(|meant| {
        foreign(&meant) >= 2
            || meant
                .chars()
                .any(|c| matches!(c, '\u{A0}'..='\u{FF}' | '\u{2010}'..='\u{203A}'))
    }) || utf8(WINDOWS_1256).is_some_and(|meant| foreign(&meant) >= 2)
}

/// Whether a text is nothing but Western digits.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `text` without `.0`, `.00`: what programs append that take an id for a number.
pub(super) fn without_zero_fraction(text: &str) -> Option<&str> {
    let whole = text
        .strip_suffix(".0")
        .or_else(|| text.strip_suffix(".00"))?;
    whole
        .ends_with(|c: char| c.is_ascii_digit())
        .then_some(whole)
}

/// The exponent of a number such as `2.01E+11`, whose digits are gone.
pub(super) fn exponent(western: &str) -> Option<u32> {
    let (mantissa, exponent) = western.split_once(['E', 'e'])?;
    let unsigned = |part| str::strip_prefix(part, ['-', '+']).unwrap_or(part);
    let mantissa = unsigned(mantissa);
    let (whole, fraction) = mantissa
        .split_once(['.', ',', '٫'])
        .unwrap_or((mantissa, "0"));
    let exponent = unsigned(exponent);
    let are_digits = [whole, fraction, exponent].into_iter().all(is_digits);
    are_digits.then(|| exponent.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_surrounds_a_text_goes_and_what_is_inside_is_kept_or_mended() {
        for raw in [
            " x ",
            "\u{202A}x\u{202C}",
            "\u{FEFF}\u{A0}x\r\n",
            "\u{200F} x",
        ] {
            assert_eq!(trim(raw), "x", "{raw:?}");
        }
        for (raw, text, repaired) in [
            ("Mona  Adel", "Mona  Adel", false),
            ("two\nlines\tand tab", "two\nlines\tand tab", false),
            ("منى ٣ عادل", "منى ٣ عادل", false),
            ("من\u{200F}ى", "منى", true),
            ("Mo\u{AD}na", "Mona", true),
            ("\u{FEE3}\u{FEE8}\u{FEF0}", "منى", true),
            ("o\u{FB03}ce", "office", true),
            ("\u{FD3E}1\u{FD3F}", "\u{FD3E}1\u{FD3F}", false),
            ("Rene\u{301}", "René", false),
            ("=\"0012\"", "0012", true),
            ("=\"a\"&\"b\"", "=\"a\"&\"b\"", false),
        ] {
            let text = text.into();
            assert_eq!(clean(raw), Ok(Clean { text, repaired }), "{raw:?}");
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for (texts, code) in [
            (
                "????|??? ????|??|Ahmed ???? Ali|Mo\u{FFFD}a|########",
                ProblemCode::Garbled,
            ),
            ("#N/A|#DIV/0!|Err:502", ProblemCode::CellError),
        ] {
            for text in texts.split('|') {
                assert_eq!(clean(text).map_err(|fault| fault.code), Err(code), "{text}");
            }
        }
    }

    const NAMES: &str = "منى عادل|مي|محمد|أحمد عبد الله|سيد|هدى|شارع الهرم، الجيزة|يوسف";

    #[test]
    fn text_in_another_encoding_is_refused() {
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
        for text in garbled {
            let code = clean(&text).map_err(|fault| fault.code);
            assert_eq!(code, Err(ProblemCode::Garbled), "{text}");
        }
    }

    #[test]
    fn honest_text_passes() {
        let honest = "Øyvind Ås|été|MÃE|Ærø|Où ?|Really????|?|#1|#5 Nile St.|José García|Müller|São Paulo|20 °C|حفظ… ثم عاد|قط، كلب|ضابط»|\
            محفوظ|نجيب محفوظ|عکس|طهران|Err:|page?x=1|Renée|Élodie|مصطفى غنيم|Ünal|Đỗ";
        for text in honest.split('|').chain(NAMES.split('|')) {
            assert!(clean(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn exponents_and_zero_fractions_give_numbers_away() {
        for (text, digits) in [
            ("2.01E+11", Some(11)),
            ("1e5", Some(5)),
            ("-2,5E-3", Some(3)),
            ("E5", None),
            ("1E", None),
            ("Block 2E", None),
            ("1.2.3E+4", None),
        ] {
            assert_eq!(exponent(text), digits, "{text}");
        }
        assert_eq!(without_zero_fraction("1012345678.0"), Some("1012345678"));
        assert_eq!(without_zero_fraction("5.00"), Some("5"));
        for kept in ["5", "50", "5.5", "5.000", ".0", "5.10", ""] {
            assert_eq!(without_zero_fraction(kept), None, "{kept}");
        }
    }
}
