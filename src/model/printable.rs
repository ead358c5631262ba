//! The one place that decides how a text from outside (a header, a cell, a file name, the vendor's words) is shown: on a terminal, in
//! a log, on a page, in a workbook, in a document. Nothing in it may command a terminal or turn the order of what is read.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use serde::Serialize;

/// Stands where a control character stood, so that a text that held one does not look like one that did not.
const REPLACEMENT: char = '\u{fffd}';

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
    let text = text.replace("\r\n", "\n");
    let shown = text.chars().filter(|&c| !turns_direction(c));
    Cow::Owned(
        shown
            .map(|c| if is_unprintable(c) { REPLACEMENT } else { c })
            .collect(),
    )
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
        shown.push(if is_colour { '\u{1b}' } else { REPLACEMENT });
        shown.push('[');
        shown.push_str(&printable_lines(piece));
    }
    Cow::Owned(shown)
}

/// Writes a JSON document in which such characters are escaped: nothing is lost to whoever reads it, or looks at it.
pub fn to_json(out: impl io::Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Escaping))
}

/// The same for JSON that is written already.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_unprintable) {
        return Cow::Borrowed(json);
    }
    let escaped = json.chars().map(|c| match c {
        c if is_unprintable(c) => Cow::Owned(format!("\\u{:04x}", u32::from(c))),
        c => Cow::Owned(c.to_string()),
    });
    Cow::Owned(escaped.collect())
}

/// A word as it must be typed in a command: quoted when this system's shell would read it otherwise.
pub fn quoted(word: &str) -> String {
    quoted_for(word, cfg!(windows))
}

/// Windows' two shells agree on double quotes alone, which no file's name there can hold.
fn quoted_for(word: &str, is_windows: bool) -> String {
    let plain = if is_windows {
        r"-_./:=,+@\"
    } else {
        "-_./:=,+@%"
    };
    let is_plain = |c: char| c.is_alphanumeric() || plain.contains(c);
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
    let mut typed = String::new();
    for c in word.chars() {
        if c.is_control() || turns_direction(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing into a string cannot fail.
                let _ = write!(typed, "\\{byte:03o}");
            }
        } else {
            if matches!(c, '\'' | '\\') {
                typed.push('\\');
            }
            typed.push(c);
        }
    }
    typed
}

struct Escaping;

impl serde_json::ser::Formatter for Escaping {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        writer.write_all(printable_json(fragment).as_bytes())
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n') || turns_direction(c)
}

/// Embeddings, overrides and isolates, which text has no need of to be read right; and separators, which some take for a new line.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_play_with_the_terminal() {
        for (text, shown) in [
            ("Phone is missing", "Phone is missing"),
            ("رقم الهاتف غير صحيح", "رقم الهاتف غير صحيح"),
            ("\u{1b}[31mred", "\u{fffd}[31mred"),
            ("\u{9b}2Jgone\u{7}", "\u{fffd}2Jgone\u{fffd}"),
            ("turned \u{202e}dnuora\u{2069}", "turned dnuora"),
            ("two\r\n lines\tof text", "two / lines of text"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
        assert_eq!(printable_lines("a\r\n\tb\u{0}"), "a\n\tb\u{fffd}");
    }

    #[test]
    fn colours_of_ours_stay_and_documents_lose_nothing() {
        let text = "\u{1b}[1;31merror\u{1b}[0m \u{1b}[2J \u{1b}]0;title\u{7}";
        let shown = "\u{1b}[1;31merror\u{1b}[0m \u{fffd}[2J \u{fffd}]0;title\u{fffd}";
        assert_eq!(printable_styled(text), shown);
        let text = "a\u{9b}\u{202e}\u{7f}\u{1b}";
        let mut json = Vec::new();
        to_json(&mut json, &text).unwrap();
        assert_eq!(json, br#""a\u009b\u202e\u007f\u001b""#);
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
    }

    #[test]
    fn words_that_a_shell_would_split_are_quoted() {
        for (word, typed) in [
            ("customers.csv", "customers.csv"),
            ("عملاء.xlsx", "عملاء.xlsx"),
            ("my file.csv", "\"my file.csv\""),
            (r"C:\data\a.csv", r"'C:\data\a.csv'"),
            ("it's $5.csv", r"'it'\''s $5.csv'"),
            (r"a\", r"'a\'"),
            ("", "\"\""),
            ("it's\n\u{202e}a.csv", r"$'it\'s\012\342\200\256a.csv'"),
        ] {
            assert_eq!(quoted_for(word, false), typed);
        }
        for (word, typed) in [
            (r"C:\data\عملاء.csv", r"C:\data\عملاء.csv"),
            (r"C:\My data\a.csv", r#""C:\My data\a.csv""#),
            ("50% off.csv", "\"50% off.csv\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted_for(word, true), typed);
        }
    }
}
