//! Which spellings are the same name: column names and values as people write them, reduced to what they mean.
//!
//! Folded text is for comparing only; it is never sent and never shown.

use unicode_normalization::UnicodeNormalization;

/// A column's name without case, spaces, invisible characters, `_`, `-` and Arabic letter variants: two names that fold
/// alike are the same name, unless one of them matches exactly.
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name
            .bytes()
            .filter(|&b| !is_ascii_filler(b))
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
    }
    name.nfkd()
        .filter(|&c| !is_name_filler(c) && !is_invisible(c) && !is_arabic_mark(c))
        .flat_map(char::to_lowercase)
        .map(plain_letter)
        .collect()
}

/// A value for comparing: as [`fold`], but what can tell two application numbers apart stays: `-`, `_` and inner spaces
/// (a run of them counts as one). Arabic digits become Western ones.
pub fn fold_value(value: &str) -> String {
    let mut folded = String::with_capacity(value.len());
    let mut gap = false;
    let visible = value
        .nfkd()
        .filter(|&c| !is_invisible(c) && !is_arabic_mark(c))
        .flat_map(char::to_lowercase);
    for c in visible {
        if c.is_whitespace() {
            gap = !folded.is_empty();
            continue;
        }
        if gap {
            folded.push(' ');
            gap = false;
        }
        folded.push(western_digit(plain_letter(c)));
    }
    folded
}

/// A header without the characters that nobody sees, for use as a key: a mark that a keyboard left behind must not go out.
pub fn visible(name: &str) -> String {
    let seen: String = name.chars().filter(|&c| !is_invisible(c)).collect();
    seen.trim().to_owned()
}

fn is_ascii_filler(b: u8) -> bool {
    b.is_ascii_whitespace() || b.is_ascii_control() || matches!(b, b'_' | b'-')
}

fn is_name_filler(c: char) -> bool {
    c.is_whitespace() || matches!(c, '_' | '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Control and format characters that leave no mark on the screen: zero-width, bidirectional, soft hyphen, BOM.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || (c.is_control() && !c.is_whitespace())
}

/// Tashkeel, hamza and madda as combining marks (decomposition has split them off), Quranic marks, and the tatweel.
fn is_arabic_mark(c: char) -> bool {
    matches!(c,
        '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}')
}

/// Letters that Arabic and Persian keyboards write differently for one sound. أ إ آ are ا already, by decomposition.
fn plain_letter(c: char) -> char {
    match c {
        'ٱ' => 'ا',
        'ة' => 'ه',
        'ى' | 'ی' => 'ي',
        'ک' => 'ك',
        other => other,
    }
}

fn western_digit(c: char) -> char {
    let digit = match c {
        '\u{660}'..='\u{669}' => u32::from(c) - 0x660,
        '\u{6f0}'..='\u{6f9}' => u32::from(c) - 0x6f0,
        _ => return c,
    };
    char::from_digit(digit, 10).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_fold_alike() {
        for (one, other) in [
            ("E-mail", "email"),
            ("phone_number", "Phone Number"),
            ("phoneNumber", "PHONE\u{a0}NUMBER "),
            ("Full\u{200b}Name", "\u{feff}full name"),
            ("Full\u{2011}Name", "fullname"),
            ("الاسم الأول", "الإسم الاول"),
            ("الجنسية", "الجنسيه"),
            ("المستوى", "المستوي"),
            ("رَقْم الهاتف", "رقم  الهاتـــف"),
            ("ﺍﻟﻤﺤﺎﻓﻈﺔ", "المحافظة"),
            ("آخر", "اخر"),
            ("ملف\u{200f}", "ملف"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} and {other}");
        }
    }

    #[test]
    fn different_names_stay_different() {
        for (one, other) in [
            ("phone", "phone2"),
            ("income", "incomes"),
            ("الاسم", "القسم"),
            ("a.b", "ab"),
            ("résumé", "resume"),
        ] {
            assert_ne!(fold(one), fold(other), "{one} and {other}");
        }
    }

    #[test]
    fn values_keep_what_tells_two_of_them_apart() {
        assert_eq!(fold_value(" A-12 "), fold_value("a-12"));
        assert_eq!(fold_value("١٢٣"), "123");
        assert_eq!(fold_value("قرض  شخصى"), fold_value("قرض شخصي"));
        assert_ne!(fold_value("1-11"), fold_value("11-1"));
        assert_ne!(fold_value("1 11"), fold_value("111"));
    }

    #[test]
    fn a_key_loses_what_nobody_sees_and_nothing_else() {
        assert_eq!(visible("\u{200f}full_Name\u{feff}\u{a0}"), "full_Name");
        assert_eq!(visible("الاسم الأول"), "الاسم الأول");
    }
}
