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

use super::names::did_you_mean;
use super::own::take_what_is_open;
use super::visible::{Shown, has_user_info, names_a_secret, visible};
use crate::error::Error;

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
    /// The own config's text, with its places as they are told.
    pub fn own_in_place(&self) -> Option<String> {
        let own = self.own.as_ref()?;
        Some(" ".repeat(self.text.len() + 1) + &own.text)
    }

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

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigProblem {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, as a byte range of the TOML; none when the fault is in no line (a file without headers, say).
    pub span: Option<Range<usize>>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What of its line may be seen.
    pub shown: Shown,
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
            shown: Shown::Whole,
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
    if problems.len() > MOST_PROBLEMS {
        let more = problems.split_off(MOST_PROBLEMS).len();
        problems.push(ConfigProblem::nowhere(format!("{more} more problems")));
    }
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
    let mut title = problem.message.clone();
    let mut picture = None;
    if let Some(span) = &problem.span {
        let (
            Origin {
                file_name, text, ..
            },
            span,
        ) = origin.locate(span);
        let number = text[..text.floor_char_boundary(span.start)]
            .matches('\n')
            .count()
            + 1;
        if let Some((line, span)) = visible(problem.shown, text, &span) {
            let snippet = Snippet::source(line).path(&**file_name).line_start(number);
            picture = Some(snippet.annotation(AnnotationKind::Primary.span(span)));
        } else {
            title = format!("{file_name}, line {number}: {title}");
        }
    }
    let help = problem.hint.as_deref();
    let group = Group::with_title(Level::ERROR.primary_title(&title))
        .elements(picture)
        .elements(help.map(|hint| Level::HELP.message(hint)));
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    renderer.render(&[group])
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
    /// What nobody may see.
    hidden: Vec<Range<usize>>,
}

impl<'t> Reading<'t> {
    /// `own`: the user's config, sound in itself, of which what this one leaves open is taken.
    pub fn of(text: &'t str, own: Option<&'t str>) -> Self {
        let (root, syntax_errors) = DeTable::parse_recoverable(text);
        let mut reading = Reading {
            text,
            root,
            problems: Vec::new(),
            removed: Vec::new(),
            hidden: Vec::new(),
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
            reading.problems.push(ConfigProblem {
                shown: Shown::Key,
                ..ConfigProblem::at(&span, message)
            });
        }
        if let Some(own) = own {
            let (own, _) = DeTable::parse_recoverable(own);
            take_what_is_open(reading.root.get_mut(), own.into_inner());
        }
        reading
    }

    /// Why the config cannot be used, if it cannot: no line is shown that holds what nobody may see.
    pub fn refusal(mut self, origin: &Origin) -> Option<Error> {
        for problem in &mut self.problems {
            let line = problem
                .span
                .as_ref()
                .map(|span| line_around(self.text, span.start));
            let is_on = |hidden: &Range<usize>| {
                let line = line.as_ref()?;
                Some(hidden.start <= line.end && line.start <= hidden.end)
            };
            if problem.shown == Shown::Whole
                && self.hidden.iter().any(|hidden| is_on(hidden) == Some(true))
            {
                problem.shown = Shown::Key;
            }
        }
        (!self.problems.is_empty()).then(|| refusal(self.problems, origin))
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
        if place.is_anyones {
            self.hidden.push(place.whole.clone());
        }
        self.removed.push(place.path.clone());
        Some(place)
    }
}

/// Where a refused key or value stands.
struct Place {
    path: Path,
    is_key: bool,
    /// Key and value.
    whole: Range<usize>,
    /// Whether nobody can tell what it holds: the key is not known, or what stands there is nothing like what is meant.
    is_anyones: bool,
}

/// Names a database, in any of the ways that databases have.
const REGISTER: &str = "register";

fn line_around(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    start..text[at..].find('\n').map_or(text.len(), |end| at + end)
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
            is_anyones: is_key || value.get_ref().is_table() || name == REGISTER,
            path: vec![name],
            is_key,
            whole: key.span().start..value.span().end,
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
            let hint = match &path[..] {
                // As which role the register is come to may stand there.
                [_, register] if register == REGISTER => {
                    "take the password out of it, as in postgres://ROLE@HOST/DATABASE; VLENS_REGISTER_PASSWORD_FILE names the file that it is in"
                }
                _ => "take the part before `@` out of it",
            };
            Some(ConfigProblem::at(&value.span(), message).hint(hint))
        } else {
            None
        };
        if let Some(secret) = secret.filter(|_| !may_be_told(path, text)) {
            found.push(ConfigProblem {
                shown: Shown::Number,
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
        [team, name] if team == "team" && name == REGISTER => {
            login().is_some_and(|login| !login.contains(':'))
        }
        _ => false,
    }
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
[team];register = "postgres://mona:hunter2@h/x" => line 2 => take the password out of it
[team];register = "postgres://h/x?password=hunter2" => register = … => without a password
[team];register = "host=h password=hunter2" => register = … => without a password
[api];pasword = "hunter2" => 2 | pasword = … => unknown key `pasword`
[api];pin = 1 # hunter2 => 2 | pin = … => unknown key `pin`
pass = { word = "hunter2" } => 1 | pass = … => unknown key `pass`
[limits];per_second = { pin = "hunter2" } => 2 | per_second = … => whole number
[limits];per_second = 0 # password: hunter2 => 2 | per_second = 0 => whole number
api = { base_ur = "x", pasword = "hunter2" } => 1 | api = … => base_url
"مفتاح" = "hunter2" => 1 | "مفتاح" = … => unknown key
[api];ApiKy: hunter2 => 2 | ApiKy: … => TOML
[api];pasword =;"hunter2" => 2 | pasword = => TOML
[api];pasword = """;hunt=hunter2 => line 3 => TOML
[api];"pasword" "hunter2" => line 2 => TOML
{"api": {"pasword": "hunter2"}} => 1 | {"api": … => TOML
[notify];url = "http://x.example/hunter2" => 2 | url = … => https
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
