//! Everything that is wrong with a config, each with its place, and how a person gets to see it; secrets, which never stand
//! in it, among the rest.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::names::{did_you_mean, fold};
use super::words::WORDS;
use crate::error::Error;

/// The TOML as it was read: its name and its text, kept to show lines of it. Does not print the text by accident, since a
/// secret may stand in it against the rules.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    pub file_name: Arc<str>,
    pub text: Arc<str>,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file_name)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigProblem {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, as a byte range of the TOML; none when the fault is in no line (a file without headers, say).
    pub span: Option<Range<usize>>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the line holds a secret, so that it is named by its number and never shown.
    pub is_secret: bool,
}

impl ConfigProblem {
    /// A problem at a place.
    pub(crate) fn at(span: &Range<usize>, message: impl Into<String>) -> Self {
        ConfigProblem {
            span: Some(span.clone()),
            ..ConfigProblem::nowhere(message)
        }
    }

    /// A problem that no line is to blame for.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        ConfigProblem {
            message: message.into(),
            span: None,
            hint: None,
            is_secret: false,
        }
    }

    /// The same with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a config cannot be used: every problem of it, in the order of its lines, each with its line drawn; lines with secrets are
/// named only.
pub(crate) fn refusal(mut problems: Vec<ConfigProblem>, origin: &Origin) -> Error {
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
    let mut all = problems.into_iter().map(|problem| Error {
        excerpt: Some(drawn(&problem, origin)),
        hint: problem.hint,
        ..Error::unusable("config_invalid", problem.message)
    });
    let first = all.next();
    Error {
        others: all.collect(),
        ..first.unwrap_or_else(|| Error::unusable("config_invalid", "The config cannot be used."))
    }
}

fn drawn(problem: &ConfigProblem, origin: &Origin) -> String {
    let Origin { file_name, text } = origin;
    let mut title = problem.message.clone();
    let mut picture = None;
    if let Some(span) = &problem.span {
        let span = on_one_line(text, span);
        if problem.is_secret || line_may_hold_a_secret(text, span.start) {
            let line = text[..span.start].matches('\n').count() + 1;
            title = format!("{file_name}, line {line}: {title}");
        } else {
            let snippet = Snippet::source(&**text).path(&**file_name);
            picture = Some(snippet.annotation(AnnotationKind::Primary.span(span)));
        }
    }
    let help = problem.hint.as_deref();
    let group = Group::with_title(Level::ERROR.primary_title(&title))
        .elements(picture)
        .elements(help.map(|hint| Level::HELP.message(hint)));
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    renderer.render(&[group])
}

/// A span cut to its first line, so that no neighbouring line is drawn into the picture; never empty at a line's start
/// alone, and always on character boundaries.
fn on_one_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let line_end = text[start..]
        .find(['\n', '\r'])
        .map_or(text.len(), |at| start + at);
    let end = text.floor_char_boundary(span.end.clamp(start, line_end));
    start..end
}

/// Problems that are told at most; a file with more of them is another file.
const MOST_PROBLEMS: usize = 100;

/// A TOML file that may be wrong in several places, read by serde nevertheless: what it refuses is noted and taken out, and
/// it reads again.
pub(crate) struct Reading<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    pub problems: Vec<ConfigProblem>,
    /// Entries that were taken out.
    removed: Vec<Path>,
}

impl<'t> Reading<'t> {
    pub fn of(text: &'t str) -> Self {
        let (root, syntax_errors) = DeTable::parse_recoverable(text);
        let mut reading = Reading {
            text,
            root,
            problems: Vec::new(),
            removed: Vec::new(),
        };
        let mut secrets = Vec::new();
        find_secrets(reading.root.get_ref(), &mut Path::new(), &mut secrets);
        for secret in secrets {
            reading.take_out(secret.span.as_ref());
            reading.problems.push(secret);
        }
        if !syntax_errors.is_empty() {
            // What the parser recovered has holes; judging them as well would only add noise.
            reading.root.get_mut().clear();
        }
        for error in syntax_errors {
            let message = format!("this is no valid TOML: {}", error.message());
            let span = error.span().unwrap_or_default();
            reading.problems.push(ConfigProblem::at(&span, message));
        }
        reading
    }

    /// The file as this type, without what is wrong in it.
    pub fn read<T: DeserializeOwned + Default>(&mut self) -> T {
        while self.problems.len() < MOST_PROBLEMS {
            match T::deserialize(toml::Deserializer::from(self.root.clone())) {
                Ok(read) => return read,
                Err(error) => {
                    let span = error.span().unwrap_or_default();
                    let Some(place) = self.take_out(Some(&span)) else {
                        let problem = ConfigProblem::at(&span, error.message());
                        self.problems.push(problem);
                        break;
                    };
                    let text = self.text.get(span.clone()).unwrap_or_default();
                    let problem = problem_at(&place, &span, error.message(), text);
                    self.problems.push(problem);
                }
            }
        }
        T::default()
    }

    pub fn refuse(&mut self, span: &Range<usize>, message: impl Into<String>, hint: &str) {
        let problem = ConfigProblem::at(span, message).hint(hint);
        self.problems.push(problem);
    }

    /// Whether nothing below this path was taken out, so that what lacks there was never written.
    pub fn is_whole(&self, path: &[&str]) -> bool {
        let mut removed = self.removed.iter();
        !removed.any(|removed| removed.iter().zip(path).all(|(a, b)| a == b))
    }

    fn take_out(&mut self, span: Option<&Range<usize>>) -> Option<Place> {
        let place = take_entry(self.root.get_mut(), span?)?;
        self.removed.push(place.path.clone());
        Some(place)
    }
}

/// Where a refused key or value stands.
struct Place {
    path: Path,
    is_key: bool,
}

/// Takes the innermost entry out whose key or value this span is, or lies in.
fn take_entry(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Place> {
    let lies_in = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let place = table.iter_mut().find_map(|(key, value)| {
        let name = key.get_ref().to_string();
        if let DeValue::Table(inner) = value.get_mut()
            && let Some(mut place) = take_entry(inner, span)
        {
            place.path.insert(0, name);
            return Some(place);
        }
        let is_key = key.span() == *span;
        (is_key || lies_in(&value.span())).then(|| Place {
            path: vec![name],
            is_key,
        })
    })?;
    if let [name] = &place.path[..] {
        table.remove(name.as_str());
    }
    Some(place)
}

/// What serde says of an entry, for people. Messages of ours are a predicate, and advice in a second line; serde's own end
/// with what it expected.
fn problem_at(place: &Place, span: &Range<usize>, message: &str, text: &str) -> ConfigProblem {
    let path: Vec<&str> = place.path.iter().map(String::as_str).collect();
    let (last, outside) = path.split_last().unwrap_or((&"", &[]));
    let section = |path: &[&str]| match path {
        [] => "the file".to_owned(),
        ["fields", _, field] => format!("the field `{field}`"),
        path => format!("[{}]", path.join(".")),
    };
    let subject = match path[..] {
        [_] | ["fields", _] => section(&path),
        _ => format!("`{last}`"),
    };
    let expected = message
        .rsplit_once(", expected ")
        .map_or("", |(_, expected)| expected);
    let words: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let (message, hint) = match message.split_once('\n') {
        Some((what, hint)) => (format!("{subject} {what}"), Some(hint.to_owned())),
        None if place.is_key => {
            let known = || format!("known here: {}", words.join(", "));
            let hint = did_you_mean(last, words.iter().copied()).unwrap_or_else(known);
            let message = format!("unknown key `{last}` in {}", section(outside));
            (message, Some(hint))
        }
        None if words.is_empty() => (format!("{subject} must be {}", for_people(expected)), None),
        None => {
            let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            let hint = did_you_mean(text.trim_matches(['"', '\'']), words.iter().copied());
            (format!("{subject} must be {}", quoted.join(" or ")), hint)
        }
    };
    ConfigProblem {
        hint: hint.filter(|hint| !hint.is_empty()),
        ..ConfigProblem::at(span, message)
    }
}

/// Serde's words for types.
fn for_people(expected: &str) -> &str {
    match expected {
        "a string" => "a text in quotes",
        "a boolean" => "true or false",
        "a nonzero u32" => "a whole number, from 1 on",
        "i64" => "a whole number",
        _ if expected.starts_with("struct ") || expected == "a map" => "a table",
        other => other,
    }
}

/// The names on the way to an entry of the TOML.
type Path = Vec<String>;

/// Where secrets come from instead.
const RIGHT_PLACES: &str = "take the line out: secrets come from VLENS_API_KEY, VLENS_USERNAME and VLENS_PASSWORD in the environment, or from the \
                            files that VLENS_API_KEY_FILE and VLENS_PASSWORD_FILE name (the register's: VLENS_REGISTER_PASSWORD_FILE)";

/// Every secret in the file, in any table whose keys are this program's words. The keys of `[fields.ID]`, of `values` and of
/// `choices` are other people's, and may say anything.
fn find_secrets(table: &DeTable<'_>, path: &mut Path, found: &mut Vec<ConfigProblem>) {
    let is_ours = match &path[..] {
        [fields] | [fields, _] if fields == "fields" => false,
        [.., last] => last != "values" && last != "choices",
        [] => true,
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        path.push(name.to_owned());
        let text = value.get_ref().as_str();
        let secret = if is_ours && names_a_secret(name) {
            let message = format!("`{name}` is a secret, and secrets do not belong in this file");
            Some(ConfigProblem::at(&key.span(), message).hint(RIGHT_PLACES))
        } else if path[0] != "fields" && text.is_some_and(has_user_info) {
            let message = format!("the address in `{name}` holds a user or a password");
            let hint = "take the part before `@` out of it";
            Some(ConfigProblem::at(&value.span(), message).hint(hint))
        } else {
            None
        };
        if let Some(secret) = secret.filter(|_| !may_be_told(path, text)) {
            found.push(ConfigProblem {
                is_secret: true,
                ..secret
            });
        } else if let DeValue::Table(inner) = value.get_ref() {
            find_secrets(inner, path, found);
        }
        path.pop();
    }
}

/// Whose account it is, the files that hold the secrets, and as which role the team's register is come to.
fn may_be_told(path: &[String], value: Option<&str>) -> bool {
    let login = || Some(value?.split_once("://")?.1.split_once('@')?.0);
    match path {
        [api, name] if api == "api" => {
            let is_one = matches!(&**name, "username" | "api_key_file" | "password_file");
            is_one && !value.is_some_and(has_user_info)
        }
        [team, name] if team == "team" && name == "register" => {
            login().is_some_and(|login| !login.contains(':'))
        }
        _ => false,
    }
}

/// Whether a key, taken by its name, holds a secret.
fn names_a_secret(name: &str) -> bool {
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
fn has_user_info(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest
            .split(['/', '?', '#', '"', '\''])
            .next()
            .unwrap_or(rest);
        authority.contains('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::config::{Config, tests::told};

    #[test]
    fn secrets_are_known_by_the_name_of_their_key() {
        for name in "api_key apiKey API-KEY key password user_password token accessToken username"
            .split(' ')
        {
            assert!(names_a_secret(name), "{name}");
        }
        for name in "user_public_key_file userPublicKey tenancy_name keys columns".split(' ') {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    /// A file (`;` stands for a line's end), the line that is named, and a part of what is said.
    const SECRETS: &str = r#"
[api];api_key = "hunter2" => line 2 => VLENS_API_KEY
apiKey = "hunter2" => line 1 => VLENS_API_KEY_FILE
[api];;password = "hunter2" => line 3 => VLENS_PASSWORD
[api];password = """;hunter2;""" => line 2 => VLENS_PASSWORD
[session];username = "hunter2" => line 2 => VLENS_USERNAME
[session];access_token = "hunter2" => line 2 => VLENS_USERNAME
api = { secret = "hunter2" } => line 1 => VLENS_
[api];base_url = "https://me:hunter2@example.com" => line 2 => before `@`
[api];username = "https://me:hunter2@example.com" => line 2 => VLENS_USERNAME
[api];tenency_name = "x";password = "hunter2";tenency = 1 => line 3 => VLENS_
[vlens];password = "hunter2" => line 2 => VLENS_PASSWORD
[fields.414];a = { column = "A", token = "hunter2" } => line 2 => VLENS_
[api];password = "hunter2 => line 2 => TOML
[api];password = hunter2 => line 2 => TOML
[api];password = """;hunter2 => line 2 => TOML
[api];password = "hunter2";password = "hunter2" => line 3 => duplicate
[api];bad = 1, token = "hunter2" => line 2 => TOML
"#;

    #[test]
    fn a_secret_is_named_by_its_line_and_never_shown() {
        for case in SECRETS.trim().lines() {
            let [text, line, said] = case.split(" => ").collect::<Vec<_>>()[..] else {
                panic!("{case}")
            };
            let errors = Config::parse(&text.replace(';', "\n"), "x").expect_err("a secret");
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
