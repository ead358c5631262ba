//! Everything that is wrong with a config, each with its place, and how a person gets to see it: never a secret that stands in its
//! lines against the rules.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::names::{WORDS, fold};
use crate::error::Error;

/// Problems that are told at most; a file with more of them is another file.
pub(super) const MOST_PROBLEMS: usize = 100;
/// The TOML as it was read: its name and its text, kept to show lines of it. Does not print the text by accident, since a
/// secret may stand in it against the rules.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    pub file_name: Arc<str>,
    pub text: Arc<str>,
    /// The user's own config, of which what this one leaves open was taken. Its places come after this one's.
    pub own: Option<Arc<Origin>>,
}

impl Origin {
    pub fn is_own(&self, place: usize) -> bool {
        self.own.is_some() && place > self.text.len()
    }

    /// The file that a place is in, and where in it.
    fn locate(&self, span: &Range<usize>) -> (&Origin, Range<usize>) {
        let before = self.text.len() + 1;
        match &self.own {
            Some(own) if self.is_own(span.start) => (own, span.start - before..span.end - before),
            _ => (self, span.clone()),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file_name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigProblem {
    /// What is wrong, in one sentence that does not name the file.
    pub told: Error,
    /// Where, as a byte range of the TOML; none when the fault is in no line (a file without headers, say).
    pub span: Option<Range<usize>>,
    pub shown: Visible,
}

/// What of a problem's line may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visible {
    /// All of it: its keys are known here.
    Whole,
    /// The key, and nothing of what stands behind it: nobody can tell what a key that is not known, or a line that is no TOML, holds.
    Key,
    /// Nothing: it holds a secret, and is named by its number.
    Number,
}

impl ConfigProblem {
    pub fn at(span: impl Into<Option<Range<usize>>>, shown: Visible, told: Error) -> Self {
        let span = span.into();
        ConfigProblem { told, span, shown }
    }

    fn drawn(&self, origin: &Origin, title: &str) -> String {
        let mut title = title.to_owned();
        let mut picture = None;
        if let Some(span) = &self.span {
            let (origin, span) = origin.locate(span);
            let (name, text) = (&*origin.file_name, &*origin.text);
            let before = &text[..text.floor_char_boundary(span.start)];
            let number = before.matches('\n').count() + 1;
            if let Some((line, span)) = visible(self.shown, text, &span) {
                let snippet = Snippet::source(line).path(name).line_start(number);
                picture = Some(snippet.annotation(AnnotationKind::Primary.span(span)));
            } else {
                title = format!("{name}, line {number}: {title}");
            }
        }
        let help = self.told.hint.as_ref();
        let help = help.map(|hint| Level::HELP.message(hint));
        let group = Group::with_title(Level::ERROR.primary_title(&title));
        let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
        renderer.render(&[group.elements(picture).elements(help)])
    }
}

/// Why a config, or a `sheet` under it, cannot be used: every problem, in the order of the config's lines, each with its line
/// drawn; lines with secrets are named only.
pub(crate) fn refusal(
    mut problems: Vec<ConfigProblem>,
    origin: &Origin,
    sheet: Option<&str>,
) -> Error {
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
    if problems.len() > MOST_PROBLEMS {
        let more = problems.split_off(MOST_PROBLEMS).len();
        let told = Error::of("config_invalid.more", &[&more]);
        problems.push(ConfigProblem::at(None, Visible::Whole, told));
    }
    let file = sheet.unwrap_or(&origin.file_name);
    let mut all = problems.into_iter().map(|mut problem| {
        problem.told.hint.take_if(|hint| hint.is_empty());
        let message = format!("{file}: {}", problem.told.message);
        // The drawn line names the config.
        let title = sheet.map_or(&problem.told.message, |_| &message);
        Error {
            excerpt: Some(problem.drawn(origin, title)),
            message,
            ..problem.told
        }
    });
    let first = all.next();
    Error {
        others: all.collect(),
        ..first.unwrap_or_else(|| Error::of("config_invalid", &[]))
    }
}

pub(super) fn names_a_secret(name: &str) -> bool {
    let folded = fold(name);
    let is_public = folded.contains("public");
    !is_public && (folded == "key" || WORDS.secrets.iter().any(|word| folded.contains(word)))
}

/// The user, and the password, that a web address carries.
pub(super) fn login_in(text: &str) -> Option<&str> {
    text.split("://").skip(1).find_map(|rest| {
        let authority = rest.split(['/', '?', '#', '"', '\'']).next()?;
        Some(authority.rsplit_once('@')?.0)
    })
}

pub(super) fn line_around(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    start..text[at..].find('\n').map_or(text.len(), |end| at + end)
}

/// What may be seen of the line that a span begins in, and where in that the span is.
fn visible(shown: Visible, text: &str, span: &Range<usize>) -> Option<(String, Range<usize>)> {
    let place = line_around(text, span.start);
    let before = &text[..place.start];
    let line = text[place.clone()].trim_end_matches('\r');
    if shown == Visible::Number || may_hold_a_secret(before, line) {
        return None;
    }
    let within = |at: usize| line.floor_char_boundary(at.saturating_sub(place.start));
    let (start, end) = (within(span.start), within(span.end.max(span.start)));
    // An address may carry a login.
    if shown == Visible::Whole && !line.contains("://") {
        // A comment may say anything.
        let comment = line[end..].find('#').map_or(line.len(), |at| end + at);
        let shown = line[..comment].trim_end().len().max(end);
        return Some((line[..shown].to_owned(), start..end));
    }
    let (key, rest) = line.split_at(line.find(['=', ':', '#']).unwrap_or(line.len()));
    let is_toml = |text: &str| toml::from_str::<toml::Table>(text).is_ok();
    let opens = ['=', ':', '[', '{', '(', ','];
    let is_part_of_a_value = before.trim_end().ends_with(opens) || opens_lines(before);
    let shown = match rest.get(..1) {
        _ if is_part_of_a_value => return None,
        None | Some("#") if key.starts_with('[') && !key.contains(['"', '\'']) => {
            key.trim_end().to_owned()
        }
        Some(sign @ ("=" | ":")) if is_toml(&format!("{key}= 0")) => format!("{key}{sign} …"),
        _ => return None,
    };
    let (start, end) = if start > key.len() {
        (key.len() + 2, shown.len())
    } else {
        (start, end.min(key.len()).min(shown.len()))
    };
    Some((shown, start.min(end)..end))
}

/// Whether a line, or a value of several lines that was opened before it, may hold a secret: then no error shows it. Errs on the
/// side of silence: below a secret that opens a value of several lines everything stays hidden, as it may have no end.
fn may_hold_a_secret(before: &str, line: &str) -> bool {
    let names_one = |part: &str| {
        let key = part.split_once('=').map(|(key, _)| key.trim());
        key.is_some_and(|key| names_a_secret(key.trim_matches(['"', '\''])))
    };
    let is_secret = |line: &str| line.split(['{', ',']).any(names_one) || login_in(line).is_some();
    let mut earlier = before.lines();
    is_secret(line) || earlier.any(|line| is_secret(line) && opens_lines(line))
}

fn opens_lines(text: &str) -> bool {
    text.contains("\"\"\"") || text.contains("'''")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::config::{Config, tests::told};
    use crate::tables::rows;

    #[test]
    fn secrets_are_known_by_the_name_of_their_key() {
        for (is_secret, names) in rows::<(bool, &str)>("diagnostics.keys") {
            for name in names.split(' ') {
                assert_eq!(names_a_secret(name), is_secret, "{name}");
            }
        }
    }

    #[test]
    fn a_secret_is_named_by_its_line_and_never_shown() {
        for (text, line, said) in rows::<(&str, &str, &str)>("diagnostics.secrets") {
            let errors = Config::parse(&text.replace(';', "\n"), "x", None).expect_err("a secret");
            let (shown, debug) = (told(&errors), format!("{errors:?}"));
            assert!(
                !shown.contains("hunter2") && !debug.contains("hunter2"),
                "{shown}"
            );
            assert!(
                shown.contains(line) && shown.contains(said),
                "{text}\n{shown}"
            );
        }
    }
}
