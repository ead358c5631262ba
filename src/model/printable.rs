//! The one place that decides how a text from outside (a header, a cell, a file name, the vendor's words) is shown: on a terminal, in
//! a log, on a page, in a workbook, in a document. Nothing in it may command a terminal or turn the order of what is read; personal data
//! is masked where it must be shown at all, and secrets are not printed by accident.

use std::borrow::Cow;
use std::{fmt, io};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Stands where a control character stood, so that a text that held one does not look like one that did not.
const REPLACEMENT: &str = "\u{fffd}";

/// A text on one line; its own lines (a template's header has one for each language) stand side by side.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\t']) {
        return printable_lines(text);
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    Cow::Owned(printable_lines(&lines.join(" / ")).replace('\t', " "))
}

/// A text that may have lines and tabs.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n").replace(turns_direction, "");
    Cow::Owned(text.replace(is_unprintable, REPLACEMENT))
}

/// The same for a text of ours, which keeps its colours.
pub fn printable_styled(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return printable_lines(text);
    }
    let mut pieces = text.split("\u{1b}[");
    let mut shown = printable_lines(pieces.next().unwrap_or_default()).into_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        let is_colour = rest.starts_with('m');
        shown.push_str(if is_colour { "\u{1b}" } else { REPLACEMENT });
        shown = shown + "[" + &printable_lines(piece);
    }
    Cow::Owned(shown)
}

/// Writes a JSON document in which such characters are escaped: nothing is lost to whoever reads it, or looks at it.
pub fn to_json(mut out: impl io::Write, value: &impl Serialize) -> io::Result<()> {
    out.write_all(printable_json(&serde_json::to_string(value)?).as_bytes())
}

/// The same for JSON that is written already.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_unprintable) {
        return Cow::Borrowed(json);
    }
    let escaped = json.chars().map(|c| match c {
        c if is_unprintable(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

/// A word as it must be typed in a command: quoted when this system's shell would read it otherwise.
pub fn quoted(word: &str) -> String {
    quoted_for(word, cfg!(windows))
}

/// Windows' two shells agree on double quotes alone, which no file's name there can hold.
fn quoted_for(word: &str, is_windows: bool) -> String {
    let is_own = |c| if is_windows { c == '\\' } else { c == '%' };
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@".contains(c) || is_own(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else if word.contains(|c| c == '\n' || c == '\t' || is_unprintable(c)) && !is_windows {
        format!("$'{}'", escaped(word))
    } else if is_windows {
        format!("\"{}\"", word.replace('"', r#"\""#))
    } else if word.contains(['"', '$', '`', '!', '\\']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        format!("\"{word}\"")
    }
}

/// As Bash, Zsh and Ksh read what stands between `$'` and `'`.
fn escaped(word: &str) -> String {
    let octal = |byte: u8| format!("\\{byte:03o}");
    let typed = word.chars().map(|c| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if c.is_control() || turns_direction(c) => c.to_string().bytes().map(octal).collect(),
        c => c.to_string(),
    });
    typed.collect()
}

fn is_unprintable(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n') || turns_direction(c)
}

/// Embeddings, overrides and isolates, which text has no need of to be read right; and separators, which some take for a new line.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a spreadsheet might evaluate this text: it begins with `=`, `+`, `-` or `@` in any of their forms, be it behind white
/// space, quotes or characters that nobody sees. The one exception is a sign before digits alone, with `.`, `,` or spaces between
/// them, such as `+201012345678` or `-5`: it can call nothing, and phones must come back as they went out.
pub fn looks_like_formula(text: &str) -> bool {
    let is_seen = |c: char| {
        let is_quote = matches!(c, '\'' | '"' | '`' | '‘' | '’' | '“' | '”' | '＇' | '＂');
        let takes_room = || textwrap::core::display_width(c.encode_utf8(&mut [0; 4])) > 0;
        c.is_alphanumeric() || !is_quote && !c.is_whitespace() && !c.is_control() && takes_room()
    };
    let mut rest = text.trim_start_matches(|c| !is_seen(c)).chars();
    match rest.next().and_then(|first| first.nfkc().next()) {
        Some('=' | '@') => true,
        Some('+' | '-' | '\u{2212}') => {
            let is_of_number = |c: char| c.is_numeric() || matches!(c, '.' | ',' | ' ');
            !(rest.as_str().starts_with(char::is_numeric) && rest.all(is_of_number))
        }
        _ => false,
    }
}

/// The text of a CSV cell, with an apostrophe before it where a spreadsheet would take it for a formula.
pub fn guarded(text: &str) -> Cow<'_, str> {
    let text = printable_lines(text);
    if looks_like_formula(&text) {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    }
}

/// A text without that apostrophe, be it ours or another program's. However often a sheet goes out and comes back, this is the same.
pub fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(bare) if looks_like_formula(bare) => bare.trim_start_matches('\''),
        _ => text,
    }
}

/// A token, password or key. It cannot be printed; reading it takes the visible word [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Secret(Zeroizing::new(value.into()))
    }

    /// The value itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
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
    if let Some(at) = value.find('@').filter(|at| *at > 0) {
        return format!("{}***{}", chars[0], &value[at..]);
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
    let first = chars.first();
    first.map_or_else(String::new, |first| format!("{first}***"))
}

/// `31/12/1990` or `1990-12-31`, with a time or without.
fn is_written_as_date(value: &str) -> bool {
    let (day, time) = value.split_once([' ', 'T']).unwrap_or((value, ""));
    let parts: Vec<&str> = day.split(['/', '-', '.']).collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.chars().count()).collect();
    matches!(lengths[..], [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 2 | 4])
        && parts.concat().chars().all(char::is_numeric)
        && !time.contains(char::is_alphabetic)
}

/// A date that is known to be one, in whatever form: its year, and of everything else the shape.
pub fn mask_date(date: &str) -> String {
    let chars: Vec<char> = date.chars().collect();
    let runs = chars.chunk_by(|one, next| one.is_numeric() == next.is_numeric());
    let masked = runs.flat_map(|run| {
        let is_year = matches!(run.len(), 4 | 8) && run[0].is_numeric();
        let hides = move |at, c: char| c.is_alphanumeric() && !(is_year && at < 4);
        let chars = run.iter().enumerate();
        chars.map(move |(at, &c)| if hides(at, c) { '*' } else { c })
    });
    masked.collect()
}

/// Masks whatever in a foreign text (a vendor's message, say) looks like personal data: seven digits or more, in groups too,
/// e-mail addresses, and long unbroken words that may be tokens.
pub fn mask_text(text: &str) -> String {
    let is_group = |piece: &str| {
        piece.contains(char::is_numeric) && !piece.contains(|c: char| c.is_alphabetic() || c == '@')
    };
    let pieces: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    let runs = pieces.chunk_by(|one, next| is_group(one) && is_group(next));
    let masked = runs.map(|run| {
        let piece = run.concat();
        let words = piece.trim_end();
        let digits = words.chars().filter(|c| c.is_numeric()).count();
        let is_email = words.contains('@') && words.contains(char::is_alphanumeric);
        // The date and the address in our own advice.
        let bare = words.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_ours = matches!(bare, "1990-12-31" | "name@example.com");
        if !is_ours && (digits >= 7 || is_email || words.chars().count() >= 40) {
            format!("{}{}", mask(words), &piece[words.len()..])
        } else {
            piece
        }
    });
    masked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LinkTemplate, RowNumber};
    use crate::tables::rows;

    #[test]
    fn what_is_shown_commands_no_terminal_can_be_typed_and_names_nobody() {
        for (how, text, expected) in rows::<(&str, &str, &str)>("printable.shown") {
            let shown = match how {
                "line" => printable(text).into(),
                "lines" => printable_lines(text).into(),
                "styled" => printable_styled(text).into(),
                "sh" => quoted_for(text, false),
                "cmd" => quoted_for(text, true),
                "mask" => mask(text),
                "date" => mask_date(text),
                "foreign" => mask_text(text),
                "secret" => format!("{:?}", Secret::new(text)),
                "link" => {
                    let template = "https://x.example/{{ row }}/{{ token }}#".to_owned();
                    let link = LinkTemplate::try_from(template).unwrap();
                    link.render(text, RowNumber(7))
                }
                _ => {
                    let mut json = Vec::new();
                    to_json(&mut json, &text).unwrap();
                    assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
                    String::from_utf8(json).unwrap()
                }
            };
            assert_eq!(shown, expected, "{how} of {text:?}");
        }
    }

    #[test]
    fn what_could_be_evaluated_is_guarded_and_comes_back_as_it_was() {
        for unseen in rows::<&str>("printable.unseen") {
            for formula in rows::<&str>("printable.formulas") {
                let dangerous = format!("{unseen}{formula}");
                assert!(looks_like_formula(&dangerous), "{dangerous:?}");
                let bare = printable_lines(&dangerous);
                let bare = bare.trim_start_matches('\'');
                assert_eq!(unguarded(&guarded(&dangerous)), bare);
            }
        }
        for plain in rows::<&str>("printable.plain") {
            assert_eq!((&*guarded(plain), unguarded(plain)), (plain, plain));
        }
    }
}
