//! Recognises text that was damaged before it was saved: letters lost to `?` and U+FFFD, UTF-8 or Windows-1256 read
//! as another encoding, and a spreadsheet's own error words saved as text.
//!
//! It refuses and never mends: what such a text said would be a guess. A single odd character is not proof, so names
//! such as `Øyvind` or `MÃE` pass.

use super::Fault;
use crate::model::ProblemCode;

/// The words that spreadsheets save in place of a value that could not be computed.
const ERROR_WORDS: [&str; 9] = [
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
];

/// Refuses a trimmed text that is damaged or is an error word.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if is_error_word(text) {
        return Err(Fault::new(
            ProblemCode::CellError,
            "The cell holds a spreadsheet's error instead of a value; correct its formula or type the value.",
        ));
    }
    if text.len() >= 3 && text.bytes().all(|b| b == b'#') {
        return Err(Fault::new(
            ProblemCode::Garbled,
            "The cell holds only ####, which Excel shows when a column is too narrow; copy the value itself.",
        ));
    }
    if has_lost_letters(text) || (!text.is_ascii() && is_mojibake(text)) {
        return Err(Fault::new(
            ProblemCode::Garbled,
            "The text was damaged when the file was saved; type it again, or export the sheet again as UTF-8 or XLSX.",
        ));
    }
    Ok(())
}

fn is_error_word(text: &str) -> bool {
    let libreoffice = |text: &str| {
        text.strip_prefix("Err:")
            .is_some_and(|number| number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()))
    };
    ERROR_WORDS.contains(&text) || libreoffice(text)
}

/// Letters replaced by U+FFFD, or whole words by question marks.
fn has_lost_letters(text: &str) -> bool {
    if text.contains('\u{FFFD}') {
        return true;
    }
    let is_lost = |word: &str, least: usize| word.len() >= least && word.bytes().all(|b| b == b'?');
    text.contains("??")
        && (text.split_whitespace().any(|word| is_lost(word, 3))
            || text.split_whitespace().all(|word| is_lost(word, 1)))
}

fn is_mojibake(text: &str) -> bool {
    has_latin_pairs(text) || has_arabic_pairs(text) || is_arabic_as_latin(text)
}

/// Accented Latin letters or typographic quotes, saved as UTF-8 and read as Windows-1252: `Ã©`, `Â°`, `â€™`.
fn has_latin_pairs(text: &str) -> bool {
    pairs(text).any(|(lead, follow)| match lead {
        'Ã' => matches!(
            follow,
            '\u{A0}'
                ..='\u{BF}' | 'ƒ' | '‚' | '€' | '†' | '‡' | 'ˆ' | '‰' | 'Š' | 'Œ' | 'œ' | 'š'
        ),
        'Â' => matches!(follow, '\u{A0}'..='\u{BF}'),
        'â' => follow == '€',
        _ => false,
    })
}

/// Arabic saved as UTF-8 and read as Windows-1252 (`Ù…Ù†Ù‰`) or Windows-1256 (`ظ…ظ†ظ‰`). One pair may be a
/// coincidence; two that make up a good part of the text are not.
fn has_arabic_pairs(text: &str) -> bool {
    let found = pairs(text)
        .filter(|&(lead, follow)| match lead {
            'Ø' | 'Ù' | 'Ú' | 'Û' => is_continuation(follow),
            'ط' | 'ظ' | 'ع' | 'غ' => is_continuation(follow) && !is_arabic_punctuation(follow),
            _ => false,
        })
        .count();
    let visible = text.chars().filter(|c| !c.is_whitespace()).count();
    found >= 2 && found * 4 >= visible
}

/// Arabic saved as Windows-1256 and read as Windows-1252: `ãäì ÚÇÏá`. No language writes such words of accented
/// letters only: three letters in all, or four in one word beside honest ones.
fn is_arabic_as_latin(text: &str) -> bool {
    let is_accented = |c: char| matches!(c, 'À'..='ÿ');
    let is_only_accented = |part: &str, least: usize| {
        part.chars().filter(|&c| is_accented(c)).count() >= least
            && !part.chars().any(|c| c.is_alphabetic() && !is_accented(c))
    };
    is_only_accented(text, 3)
        || text
            .split_whitespace()
            .any(|word| is_only_accented(word, 4))
}

/// Neighbouring characters, two by two.
fn pairs(text: &str) -> impl Iterator<Item = (char, char)> {
    text.chars().zip(text.chars().skip(1))
}

/// What the bytes 0x80 to 0xBF, the second half of a UTF-8 pair, look like in Windows-1252 or Windows-1256.
fn is_continuation(c: char) -> bool {
    matches!(
        c,
        '\u{80}'
            ..='\u{BF}'
                | '€'
                | '‚'
                | 'ƒ'
                | '„'
                | '…'
                | '†'
                | '‡'
                | 'ˆ'
                | '‰'
                | 'Š'
                | '‹'
                | 'Œ'
                | 'Ž'
                | '‘'
                | '’'
                | '“'
                | '”'
                | '•'
                | '–'
                | '—'
                | '˜'
                | '™'
                | 'š'
                | '›'
                | 'œ'
                | 'ž'
                | 'Ÿ'
                | 'پ'
                | 'ٹ'
                | 'چ'
                | 'ژ'
                | 'ڈ'
                | 'گ'
                | 'ک'
                | 'ڑ'
                | 'ں'
                | 'ھ'
                | '\u{200C}'
                | '\u{200D}'
    )
}

/// What may follow a whole Arabic word in honest text, or begin another in Persian.
fn is_arabic_punctuation(c: char) -> bool {
    matches!(
        c,
        '\u{A0}'
            | '«'
            | '»'
            | '‘'
            | '’'
            | '“'
            | '”'
            | '–'
            | '—'
            | 'پ'
            | 'چ'
            | 'ک'
            | 'گ'
            | 'ژ'
            | '\u{200C}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` as a program sees it that takes its UTF-8 for another encoding.
    fn misread(text: &str, encoding: &'static encoding_rs::Encoding) -> String {
        encoding
            .decode_without_bom_handling(text.as_bytes())
            .0
            .into_owned()
    }

    const NAMES: [&str; 8] = [
        "منى عادل",
        "مي",
        "محمد",
        "أحمد عبد الله",
        "سيد",
        "هدى",
        "شارع الهرم، الجيزة",
        "يوسف",
    ];

    #[test]
    fn utf8_read_as_another_encoding_is_refused() {
        for name in NAMES {
            for encoding in [encoding_rs::WINDOWS_1252, encoding_rs::WINDOWS_1256] {
                let garbled = misread(name, encoding);
                assert!(check(&garbled).is_err(), "{name} as {garbled}");
            }
        }
        for name in ["José García", "Zoë", "Müller", "it’s"] {
            let garbled = misread(name, encoding_rs::WINDOWS_1252);
            assert!(check(&garbled).is_err(), "{name} as {garbled}");
        }
    }

    #[test]
    fn windows_1256_read_as_1252_is_refused() {
        for name in ["منى عادل", "أحمد", "محمد علي", "Dr. محمد"] {
            let (bytes, _, _) = encoding_rs::WINDOWS_1256.encode(name);
            let garbled = encoding_rs::WINDOWS_1252.decode(&bytes).0.into_owned();
            assert!(check(&garbled).is_err(), "{name} as {garbled}");
        }
    }

    #[test]
    fn lost_letters_are_refused() {
        for text in [
            "????",
            "??? ????",
            "??",
            "Ahmed ???? Ali",
            "Mo\u{FFFD}a",
            "########",
        ] {
            assert_eq!(
                check(text).expect_err("refused").code,
                ProblemCode::Garbled,
                "{text}"
            );
        }
    }

    #[test]
    fn error_words_saved_as_text_are_errors() {
        for text in ["#N/A", "#REF!", "#DIV/0!", "Err:502"] {
            assert_eq!(
                check(text).expect_err("refused").code,
                ProblemCode::CellError,
                "{text}"
            );
        }
    }

    #[test]
    fn honest_text_passes() {
        let honest = [
            "Øyvind Ås",
            "été",
            "MÃE",
            "Ærø",
            "Où ?",
            "Really????",
            "?",
            "#1",
            "#5 Nile St.",
            "José García",
            "Müller",
            "IRMÃ”",
            "São Paulo",
            "20 °C",
            "حفظ… ثم عاد",
            "قط، كلب",
            "ضابط»",
            "محفوظ",
            "نجيب محفوظ",
            "عکس",
            "طهران",
            "Err:",
            "page?x=1",
            "Renée",
            "Élodie",
            "مصطفى غنيم",
            "Ünal",
            "Đỗ",
        ];
        for text in honest.into_iter().chain(NAMES) {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
