//! Which texts a spreadsheet would take for a formula, and the form in which a CSV cell is harmless.
//!
//! A formula begins with `=`, `+`, `-` or `@` (also in their full-width forms), or hides behind a tab or a line break. Such a cell
//! gets a leading apostrophe. The one exception: a sign followed by digits alone, with `.`, `,` or spaces between them, such as
//! `+201012345678` or `-5`, is left as it is. It can call nothing, and phones must come back as they went out.

use std::borrow::Cow;

/// Whether a spreadsheet might evaluate this text.
pub(in crate::report) fn looks_like_formula(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    if first.is_ascii_alphanumeric() {
        return false;
    }
    if matches!(first, '\t' | '\r' | '\n') {
        return true;
    }
    let text = text.trim_start();
    let mut chars = text.chars();
    match chars.next() {
        Some('=' | '@' | '＝' | '＠') => true,
        Some('+' | '-' | '＋' | '－') => !is_plain_number(chars.as_str()),
        _ => false,
    }
}

/// The text, with an apostrophe before it where needed.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if looks_like_formula(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn is_plain_number(unsigned: &str) -> bool {
    unsigned.starts_with(char::is_numeric)
        && unsigned
            .chars()
            .all(|c| c.is_numeric() || matches!(c, '.' | ',' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_evaluated_gets_an_apostrophe() {
        for dangerous in [
            "=1+1",
            "=HYPERLINK(\"http://x\")",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "-2+cmd|' /C calc'!A0",
            "+",
            "-",
            "--5",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "  =1",
            "\u{a0}=1",
            "＝1+1",
            "+201012345678*1",
        ] {
            assert_eq!(harmless(dangerous), format!("'{dangerous}"));
        }
    }

    #[test]
    fn phones_numbers_and_words_stay_as_they_are() {
        for plain in [
            "",
            "+201012345678",
            "+20 101 234 5678",
            "+٢٠١٠١٢٣٤٥٦٧٨",
            "-5",
            "-1,500.25",
            "+0",
            "Mona Adel",
            "منى عادل",
            "a=b",
            "2-3",
            "'=1",
        ] {
            assert!(
                matches!(harmless(plain), Cow::Borrowed(text) if text == plain),
                "{plain}"
            );
        }
    }
}
