//! Knows at a glance the texts that nearly all cells hold: ASCII and Arabic letters, clean and undamaged as they stand.

/// Whether a text is so plain that neither cleaning nor a look for damage would change or refuse it.
///
/// Without `?`, `#` and `:`, which damaged text and error words show themselves by, and `=`, which formulas begin with.
pub(super) fn is_plain(text: &str) -> bool {
    let end = text.bytes().fold(START, |state, byte| {
        STEPS[usize::from(byte)].wrapping_shr(state)
    });
    end & STATE_MASK == START
}

/// The states of the scan, each the place of its five bits in a step.
const START: u32 = 0;
const AFTER_D8: u32 = 5;
const AFTER_D9: u32 = 10;
const REFUSED: u32 = 15;
const STATE_MASK: u32 = 31;

/// Where each byte leads to from each state: shifted by the state before it, a step has the state after it in its lowest
/// five bits, and a shift looks at no more. So a byte takes one look-up and one shift, and no branch.
static STEPS: [u32; 256] = {
    let mut steps = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        steps[byte] = (from_start(byte) << START)
            | (when(byte >= 0xA1 && byte <= 0xBF) << AFTER_D8)
            | (when(byte >= 0x80 && byte <= 0x8A) << AFTER_D9)
            | (REFUSED << REFUSED);
        byte += 1;
    }
    steps
};

/// U+0621 to U+063F begin with D8, U+0640 to U+064A with D9: letters without vowel signs, composed as normal form C wants
/// them.
const fn from_start(byte: usize) -> u32 {
    match byte {
        0x23 | 0x3A | 0x3D | 0x3F => REFUSED, // # : = ?
        0x20..=0x7E => START,
        0xD8 => AFTER_D8,
        0xD9 => AFTER_D9,
        _ => REFUSED,
    }
}

/// The second byte of a letter ends it, or refuses the text.
const fn when(is_letter: bool) -> u32 {
    if is_letter { START } else { REFUSED }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::{garbled, text};
    use super::*;

    #[test]
    fn every_character_is_plain_or_not_by_the_rule() {
        for c in '\0'..=char::MAX {
            let by_rule = match c {
                '#' | ':' | '=' | '?' => false,
                _ => matches!(c, ' '..='~' | '\u{621}'..='\u{64A}'),
            };
            let mut buffer = [0; 4];
            assert_eq!(is_plain(c.encode_utf8(&mut buffer)), by_rule, "{c:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn plain_text_is_clean_and_undamaged(text in "[ -~\u{620}-\u{650}\u{FFFD}Ãéپ…]{0,8}|[ -~]{0,8}|[\u{621}-\u{64A} ]{0,8}") {
            if is_plain(&text) {
                let same = text::Clean { text: Cow::Borrowed(text.as_str()), repaired: false };
                proptest::prop_assert_eq!(text::clean(&text), same);
                proptest::prop_assert!(garbled::check(&text).is_ok());
            }
        }
    }

    #[test]
    fn names_and_numbers_are_plain_and_what_may_be_damage_is_not() {
        for text in [
            "منى عادل",
            "12 شارع طلعت حرب",
            "Mona Adel",
            "mona@example.com",
            "+20 (10) 12",
            "",
        ] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "????",
            "#N/A",
            "Err:502",
            "=\"1\"",
            "René",
            "مُنى",
            "Mo\u{AD}na",
            "ãäì",
            "٣",
            "a\u{0}",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
