//! Folds a label so that two spellings of one thing are equal: case, spaces, invisible characters, Arabic letter
//! variants, vowel signs, presentation forms and digits.
//!
//! A folded text is only ever compared; it never goes out.

use unicode_normalization::UnicodeNormalization;

use super::text;

/// The folded form of a text.
pub(super) fn folded(label: &str) -> String {
    if label.is_ascii() {
        return label
            .bytes()
            .filter(|b| !b.is_ascii_whitespace() && !b.is_ascii_control())
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
    }
    let visible: String = label
        .nfkc()
        .filter(|&c| !c.is_whitespace() && !text::is_invisible(c) && !is_mark(c))
        .flat_map(char::to_lowercase)
        .map(base_letter)
        .collect();
    text::western_digits(&visible).into_owned()
}

/// Tatweel and the vowel signs, which people write or leave out at will.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{6D6}'..='\u{6DC}' | '\u{6DF}'..='\u{6E8}' | '\u{6EA}'..='\u{6ED}')
}

/// One letter for each group that people and keyboards mix up.
fn base_letter(c: char) -> char {
    match c {
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ة' => 'ه',
        'ى' | 'ی' => 'ي',
        'ک' => 'ك',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_thing_are_equal() {
        let groups: [&[&str]; 7] = [
            &["Single", " single ", "SINGLE", "sin\u{200B}gle", "Ｓingle"],
            &[
                "أعزب",
                "اعزب",
                "أَعْزَب",
                "أعـــزب",
                "إعزب",
                "\u{FE83}\u{FECB}\u{FEB0}\u{FE8F}",
            ],
            &["متزوجة", "متزوجه", "مُتزوِّجة"],
            &["منى", "مني", "منی"],
            &["قرض شخصي", "قرض  شخصى", "قرضشخصي"],
            &["فئة ٣", "فئة 3"],
            &["كبير", "کبیر"],
        ];
        for group in groups {
            for spelling in group {
                assert_eq!(folded(spelling), folded(group[0]), "{spelling}");
            }
        }
    }

    #[test]
    fn different_things_stay_different() {
        for (one, other) in [
            ("نعم", "لا"),
            ("Single", "Singles"),
            ("مطلق", "مطلقة"),
            ("1", "2"),
            ("سؤال", "سوال"),
        ] {
            assert_ne!(folded(one), folded(other));
        }
    }
}
