//! What may be seen of a config's lines: a secret may stand in them against the rules.

use std::ops::Range;

use super::names::fold;
use super::words::WORDS;

/// What of a line may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All of it: its keys are known here.
    Whole,
    /// The key, and nothing of what stands behind it: nobody can tell what a key that is not known, or a line that is no TOML, holds.
    Key,
    /// Nothing: it holds a secret, and is named by its number.
    Number,
}

/// What may be seen of the line that a span begins in, and where in that the span is.
pub(super) fn visible(
    shown: Shown,
    text: &str,
    span: &Range<usize>,
) -> Option<(String, Range<usize>)> {
    let start = text.floor_char_boundary(span.start);
    if shown == Shown::Number || line_may_hold_a_secret(text, start) {
        return None;
    }
    let (before, from) = text.split_at(text[..start].rfind('\n').map_or(0, |at| at + 1));
    let line = from.lines().next().unwrap_or_default();
    let start = (start - before.len()).min(line.len());
    let end = text.floor_char_boundary(span.end.max(span.start)) - before.len();
    let end = end.clamp(start, line.len());
    // An address may carry a login.
    if shown == Shown::Whole && !line.contains("://") {
        // A comment may say anything.
        let comment = line[end..].find('#').map_or(line.len(), |at| end + at);
        let shown = line[..comment].trim_end().len().max(end);
        return Some((line[..shown].to_owned(), start..end));
    }
    let (key, rest) = line.split_at(line.find(['=', ':', '#']).unwrap_or(line.len()));
    let is_part_of_a_value = before.trim_end().ends_with(['=', ':', '[', '{', '(', ','])
        || ["\"\"\"", "'''"]
            .iter()
            .any(|quotes| before.contains(quotes));
    let is_balanced = |quote| key.matches(quote).count() % 2 == 0;
    let is_key = |c: char| c.is_alphanumeric() || " _-.\"'[]{".contains(c);
    let is_alone = rest.is_empty() || rest.starts_with('#');
    if is_part_of_a_value
        || !(is_balanced('"') && is_balanced('\'') && key.chars().all(is_key))
        || is_alone && !key.starts_with('[')
    {
        return None;
    }
    if is_alone {
        let key = key.trim_end();
        return Some((key.to_owned(), start.min(key.len())..end.min(key.len())));
    }
    let masked = format!("{key}{} …", &rest[..1]);
    let hidden = key.len() + 2..masked.len();
    let span = if start <= key.len() {
        start..end.min(key.len())
    } else {
        hidden
    };
    Some((masked, span))
}

/// Whether a key, taken by its name, holds a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    let folded = fold(name);
    let is_public = folded.contains("public");
    !is_public && (folded == "key" || WORDS.secrets.iter().any(|word| folded.contains(word)))
}

/// Whether the line around `at` may hold a secret: then no error shows it. Errs on the side of silence: where a secret opens a
/// value of several lines, everything below it stays hidden, as it may have no end.
fn line_may_hold_a_secret(text: &str, at: usize) -> bool {
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let is_secret = |line: &&str| names_a_secret_before_a_value(line) || has_user_info(line);
    let opens = |line: &str| line.contains("\"\"\"") || line.contains("'''");
    let mut lines = text[..end].lines();
    lines.next_back().is_some_and(|line| is_secret(&line)) || lines.filter(is_secret).any(opens)
}

fn names_a_secret_before_a_value(line: &str) -> bool {
    line.split(['{', ','])
        .filter_map(|part| part.split_once('='))
        .any(|(key, _)| names_a_secret(key.trim().trim_matches(['"', '\''])))
}

/// Whether a web address carries a user and a password.
pub(super) fn has_user_info(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest
            .split(['/', '?', '#', '"', '\''])
            .next()
            .unwrap_or(rest);
        authority.contains('@')
    })
}
