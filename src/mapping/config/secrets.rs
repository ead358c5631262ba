//! Secrets never stand in the TOML: finding those that do, naming their right place, and keeping their lines from sight.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::ConfigProblem;
use crate::mapping::names::fold;

/// Words that, inside a key's name, mean that its value is a secret (or a credential's half).
const SECRET_WORDS: &[&str] = &[
    "apikey",
    "bundlekey",
    "secret",
    "password",
    "passwd",
    "token",
    "credential",
    "username",
    "bearer",
    "authorization",
];

/// A problem for every secret in the file: in any table whose keys are this program's words. The keys of `[fields.ID]`, of
/// `values` and of `choices` are other people's, and may say anything.
pub(super) fn find(root: &DeTable<'_>) -> Vec<ConfigProblem> {
    let mut found = Vec::new();
    for (key, value) in root {
        let name = key.get_ref().as_ref();
        if names_a_secret(name) {
            found.push(problem(name, &key.span()));
        } else if let DeValue::Table(section) = value.get_ref() {
            if name == "fields" {
                let fields = tables_in(section).flat_map(tables_in);
                fields.for_each(|field| find_by_key(field, &mut found));
            } else {
                find_by_key(section, &mut found);
                find_in_addresses(section, &mut found);
            }
        }
    }
    found
}

fn tables_in<'t, 'i>(table: &'t DeTable<'i>) -> impl Iterator<Item = &'t DeTable<'i>> {
    table
        .iter()
        .filter_map(|(_, value)| value.get_ref().as_table())
}

/// Whether a key, taken by its name, holds a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    let folded = fold(name);
    let is_public = folded.contains("public");
    !is_public && (folded == "key" || SECRET_WORDS.iter().any(|word| folded.contains(word)))
}

/// Whether the line around `at` may hold a secret: then no error shows it. Errs on the side of silence.
pub(super) fn line_may_hold_one(text: &str, at: usize) -> bool {
    let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let mut inside_multiline = false;
    let mut lines = text[..line_end].lines().peekable();
    while let Some(line) = lines.next() {
        let is_secret = names_a_secret_before_a_value(line) || has_user_info(line);
        if lines.peek().is_none() {
            return is_secret || inside_multiline;
        }
        // Where a secret opens a value of several lines, everything below it stays hidden: it may have no end.
        inside_multiline |= is_secret && (line.contains("\"\"\"") || line.contains("'''"));
    }
    false
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

fn find_by_key(table: &DeTable<'_>, found: &mut Vec<ConfigProblem>) {
    let names = table.keys().map(|key| (key.get_ref().as_ref(), key.span()));
    found.extend(
        names
            .filter(|(name, _)| names_a_secret(name))
            .map(|(name, span)| problem(name, &span)),
    );
}

fn find_in_addresses(section: &DeTable<'_>, found: &mut Vec<ConfigProblem>) {
    for (key, value) in section {
        if value.get_ref().as_str().is_some_and(has_user_info) {
            let message = format!(
                "the address in `{}` holds a user or a password",
                key.get_ref()
            );
            let hint = "take the part before `@` out of it".to_owned();
            found.push(
                ConfigProblem::at(&value.span(), message)
                    .hint(hint)
                    .secret(),
            );
        }
    }
}

fn problem(name: &str, span: &Range<usize>) -> ConfigProblem {
    ConfigProblem::at(
        span,
        format!("`{name}` is a secret, and secrets do not belong in this file"),
    )
    .hint(format!("take the line out and {}", right_place(name)))
    .secret()
}

fn right_place(name: &str) -> &'static str {
    let folded = fold(name);
    if folded.contains("username") {
        "set the environment variable VLENS_USERNAME"
    } else if folded.contains("passw") {
        "set the environment variable VLENS_PASSWORD, or VLENS_PASSWORD_FILE to a file that holds it"
    } else if folded.contains("key") {
        "set the environment variable VLENS_API_KEY, or VLENS_API_KEY_FILE to a file that holds it"
    } else {
        "set the environment variables VLENS_API_KEY, VLENS_USERNAME and VLENS_PASSWORD: the login makes its own token"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::config::Config;

    #[test]
    fn secrets_are_known_by_the_name_of_their_key() {
        for name in [
            "api_key",
            "apiKey",
            "API-KEY",
            "key",
            "password",
            "user_password",
            "token",
            "accessToken",
            "username",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "user_public_key_file",
            "userPublicKey",
            "tenancy_name",
            "keys",
            "columns",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn lines_that_may_hold_a_secret_are_hidden() {
        let text = "[api]\npassword = \"\"\"\nhunter2\n";
        assert!(!line_may_hold_one(text, 0));
        assert!(line_may_hold_one(text, 8));
        assert!(
            line_may_hold_one(text, text.len() - 3),
            "the second line of a secret"
        );
        assert!(line_may_hold_one(
            "api = { base_url = \"x\", token = \"t\" }",
            3
        ));
        assert!(line_may_hold_one(
            "base_url = \"https://me:pw@example.com\"",
            0
        ));
        assert!(!line_may_hold_one("tenancy_name = \"acme\"", 0));
    }

    #[test]
    fn a_secret_is_named_by_its_line_and_never_shown() {
        for (text, line, place) in [
            ("[api]\napi_key = \"hunter2\"\n", "line 2", "VLENS_API_KEY"),
            ("apiKey = \"hunter2\"\n", "line 1", "VLENS_API_KEY_FILE"),
            (
                "[api]\n\npassword = \"hunter2\"\n",
                "line 3",
                "VLENS_PASSWORD",
            ),
            (
                "[api]\nusername = \"hunter2\"\n",
                "line 2",
                "VLENS_USERNAME",
            ),
            (
                "[session]\naccess_token = \"hunter2\"\n",
                "line 2",
                "VLENS_USERNAME",
            ),
            ("api = { secret = \"hunter2\" }\n", "line 1", "VLENS_"),
            (
                "[api]\nbase_url = \"https://me:hunter2@example.com\"\n",
                "line 2",
                "before `@`",
            ),
            (
                "[api]\ntenency_name = \"x\"\npassword = \"hunter2\"\ntenency = 1\n",
                "line 3",
                "VLENS_",
            ),
            (
                "[vlens]\npassword = \"hunter2\"\n",
                "line 2",
                "VLENS_PASSWORD",
            ),
            (
                "[recipient]\npassword = \"hunter2\"\n",
                "line 2",
                "VLENS_PASSWORD",
            ),
            (
                "[fields.414]\na = { column = \"A\", token = \"hunter2\" }\n",
                "line 2",
                "VLENS_",
            ),
            // Beside a mistake in the same line, or in no valid TOML at all, it stays hidden too.
            ("[api]\npassword = \"hunter2\n", "line 2", "TOML"),
            ("[api]\npassword = hunter2\n", "line 2", "TOML"),
            (
                "[api]\npassword = \"hunter2\"\npassword = \"hunter2\"\n",
                "line 3",
                "twice",
            ),
            ("[api]\nbad = 1, token = \"hunter2\"\n", "line 2", "TOML"),
        ] {
            let errors = Config::parse(text, "vlens-batch.toml")
                .expect_err("a secret")
                .render(false);
            assert!(!errors.contains("hunter2"), "{errors}");
            assert!(
                errors.contains(line) && errors.contains(place),
                "{text}\n{errors}"
            );
            let debug = format!("{:?}", Config::parse(text, "x").expect_err("a refusal"));
            assert!(!debug.contains("hunter2"), "{debug}");
        }
    }
}
