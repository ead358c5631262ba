//! Values that must not be printed by accident, and how personal data is shown when it must be shown at all.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A token, password or key. It cannot be printed; reading it takes the visible word [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(SecretString::from(value.into()))
    }

    /// The value itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A personal value for a terminal or a log: enough to find it in the sheet, too little to know it.
/// `+201012345678` becomes `+2010****5678`, `mona@example.com` becomes `m***@example.com`, a name its first letter,
/// `31/12/1990` keeps its year.
pub fn mask(value: &str) -> String {
    let chars: Vec<char> = value.chars().collect();
    if let Some(at) = chars.iter().position(|&c| c == '@')
        && at > 0
    {
        let domain: String = chars[at..].iter().collect();
        return format!("{}***{domain}", chars[0]);
    }
    if is_written_as_date(value) {
        return mask_date(value);
    }
    let digits = chars.iter().filter(|c| c.is_numeric()).count();
    if digits >= 10 && digits * 2 >= chars.len() {
        let head: String = chars[..5.min(chars.len() - 8)].iter().collect();
        let tail: String = chars[chars.len() - 4..].iter().collect();
        // A number's ends tell it apart; letters there may be a name.
        if !head.contains(char::is_alphabetic) && !tail.contains(char::is_alphabetic) {
            return format!("{head}****{tail}");
        }
    }
    match chars.first() {
        None => String::new(),
        Some(first) => format!("{first}***"),
    }
}

/// `31/12/1990` or `1990-12-31`, with a time or without.
fn is_written_as_date(value: &str) -> bool {
    let (day, time) = value.split_once([' ', 'T']).unwrap_or((value, ""));
    let lengths = day.split(['/', '-', '.']).map(|part| {
        let is_number = part.chars().all(char::is_numeric);
        if is_number { part.chars().count() } else { 0 }
    });
    let lengths: Vec<usize> = lengths.collect();
    matches!(lengths[..], [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 2 | 4])
        && !time.contains(char::is_alphabetic)
}

/// A date that is known to be one, in whatever form: its year, and of everything else the shape.
pub fn mask_date(date: &str) -> String {
    let mut masked = String::new();
    let mut rest = date;
    while let Some(first) = rest.chars().next() {
        let is_alike = |c: char| c.is_numeric() == first.is_numeric();
        let end = rest.find(|c| !is_alike(c)).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        let is_year = matches!(run.chars().count(), 4 | 8) && first.is_numeric();
        masked.extend(run.chars().enumerate().map(|(at, c)| match c {
            _ if is_year && at < 4 => c,
            _ if c.is_alphanumeric() => '*',
            _ => c,
        }));
        rest = behind;
    }
    masked
}

/// Masks whatever in a foreign text (a vendor's message, say) looks like personal data: seven digits or more, in groups too,
/// e-mail addresses, and long unbroken words that may be tokens.
pub fn mask_text(text: &str) -> String {
    let is_group = |piece: &str| {
        piece.contains(char::is_numeric) && !piece.contains(|c: char| c.is_alphabetic() || c == '@')
    };
    let mut pieces: Vec<String> = Vec::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        match pieces.last_mut() {
            Some(last) if is_group(last) && is_group(piece) => last.push_str(piece),
            _ => pieces.push(piece.to_owned()),
        }
    }
    let masked = pieces.iter().map(|piece| {
        let words = piece.trim_end();
        let digits = words.chars().filter(|c| c.is_numeric()).count();
        let is_email = words.contains('@') && words.contains(char::is_alphanumeric);
        if digits >= 7 || is_email || words.chars().count() >= 40 {
            format!("{}{}", mask(words), &piece[words.len()..])
        } else {
            piece.clone()
        }
    });
    masked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn personal_values_are_masked() {
        assert_eq!(mask("+201012345678"), "+2010****5678");
        assert_eq!(
            mask("01012345678"),
            "010****5678",
            "four digits stay hidden"
        );
        assert_eq!(mask("mona@example.com"), "m***@example.com");
        assert_eq!(mask("منى عادل"), "م***");
        assert_eq!(mask("29001011234567"), "29001****4567");
        assert_eq!(mask("01012345678،Mona"), "0***");
        assert_eq!(mask(""), "");
        for (date, masked) in [
            ("31/12/1990", "**/**/1990"),
            ("1.2.٢٠٠١", "*.*.٢٠٠١"),
            ("31-12-90", "**-**-**"),
            ("1990-12-31 23:59:00", "1990-**-** **:**:**"),
        ] {
            assert_eq!(mask(date), masked);
        }
        assert_eq!(mask_date("12 Jan 1990"), "** *** 1990");
        assert_eq!(mask_date("19901231"), "1990****");
        assert_eq!(mask("10-20-30 Mona"), "1***");
    }

    #[test]
    fn foreign_texts_keep_their_words_and_lose_their_values() {
        assert_eq!(
            mask_text("Phone +201012345678 of mona@example.com is known"),
            "Phone +2010****5678 of m***@example.com is known"
        );
        assert_eq!(
            mask_text("010 1234 5678 twice in 24 hours"),
            "010 1****5678 twice in 24 hours"
        );
    }
}
