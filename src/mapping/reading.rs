//! A config's TOML, with what it leaves open taken from the user's own, as serde reads it although parts of it are wrong; secrets,
//! which never stand in it, are wrong as well.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{
    ConfigProblem, MOST_PROBLEMS, Origin, Visible, line_around, login_in, names_a_secret, refusal,
};
use super::names::did_you_mean;
use crate::error::Error;

/// Keys that answer one question: where one of them stands, it leaves none of the others open.
const TOGETHER: [(&str, &[&str]); 2] = [
    ("recipient", &["phone", "email"]),
    ("contract", &["types", "column", "values"]),
];
/// Keys of `[api]` that make an account. Whoever needs it looks it up as one, and only for the address and the tenant that it is kept
/// for.
pub(crate) const ACCOUNT: [&str; 5] = [
    "base_url",
    "tenancy_name",
    "username",
    "api_key_file",
    "password_file",
];
/// Names a database, in any of the ways that databases have.
const REGISTER: &str = "register";

/// A TOML file that may be wrong in several places, read by serde nevertheless: what it refuses is noted and taken out, and
/// it reads again.
pub(crate) struct ConfigReader<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    pub problems: Vec<ConfigProblem>,
    removed: Vec<Path>,
    /// What nobody may see.
    hidden: Vec<Range<usize>>,
}

impl<'t> ConfigReader<'t> {
    /// `own`: the user's config, sound in itself, of which what this one leaves open is taken.
    pub fn of(text: &'t str, own: Option<&'t str>) -> Self {
        let (root, syntax_errors) = DeTable::parse_recoverable(text);
        let mut reading = ConfigReader {
            text,
            root,
            problems: Vec::new(),
            removed: Vec::new(),
            hidden: Vec::new(),
        };
        let root = reading.root.get_ref();
        find_secrets(root, &mut Path::new(), &mut reading.problems);
        for at in 0..reading.problems.len() {
            let span = reading.problems[at].span.clone().unwrap_or_default();
            reading.take_out(&span);
        }
        if !syntax_errors.is_empty() {
            // What the parser recovered has holes; judging them as well would only add noise.
            reading.root.get_mut().clear();
        }
        for error in syntax_errors {
            let told = Error::of("config_invalid.no_toml", &[&error.message()]);
            let span = error.span().unwrap_or_default();
            let problem = ConfigProblem::at(span, Visible::Key, told);
            reading.problems.push(problem);
        }
        if let Some(own) = own {
            let (own, _) = DeTable::parse_recoverable(own);
            take_what_is_open(reading.root.get_mut(), own.into_inner());
        }
        write_out_columns(reading.root.get_mut());
        reading
    }

    /// Why the config cannot be used, if it cannot: no line is shown that holds what nobody may see.
    pub fn refusal(mut self, origin: &Origin) -> Option<Error> {
        for problem in &mut self.problems {
            let Some(span) = &problem.span else { continue };
            let line = line_around(self.text, span.start);
            let is_on =
                |hidden: &Range<usize>| hidden.start <= line.end && line.start <= hidden.end;
            if problem.shown == Visible::Whole && self.hidden.iter().any(is_on) {
                problem.shown = Visible::Key;
            }
        }
        (!self.problems.is_empty()).then(|| refusal(self.problems, origin, None))
    }

    /// The file as this type, without what is wrong in it.
    pub fn read<T: DeserializeOwned + Default>(&mut self) -> T {
        while self.problems.len() < MOST_PROBLEMS {
            let error = match T::deserialize(toml::Deserializer::from(self.root.clone())) {
                Ok(read) => return read,
                Err(error) => error,
            };
            let span = error.span().unwrap_or_default();
            let Some(place) = self.take_out(&span) else {
                self.refuse(span, Error::of("config_invalid.else", &[&error.message()]));
                break;
            };
            let text = self.text.get(span.clone()).unwrap_or_default();
            self.refuse(span, place.told(error.message(), text));
        }
        T::default()
    }

    pub fn refuse(&mut self, span: Range<usize>, told: Error) {
        self.problems
            .push(ConfigProblem::at(span, Visible::Whole, told));
    }

    /// Whether nothing below this path was taken out, so that what lacks there was never written.
    pub fn is_whole(&self, path: &[&str]) -> bool {
        let mut removed = self.removed.iter();
        !removed.any(|removed| removed.iter().zip(path).all(|(a, b)| a == b))
    }

    fn take_out(&mut self, span: &Range<usize>) -> Option<TakenEntry> {
        let place = take_entry(self.root.get_mut(), span)?;
        if place.is_anyones {
            self.hidden.push(place.whole.clone());
        }
        self.removed.push(place.path.clone());
        Some(place)
    }
}

/// The names on the way to an entry of the TOML.
type Path = Vec<String>;

struct TakenEntry {
    path: Path,
    is_key: bool,
    whole: Range<usize>,
    /// Whether nobody can tell what it holds: the key is not known, or what stands there is nothing like what is meant.
    is_anyones: bool,
}

/// Takes the innermost entry out whose key or value this span is, or lies in.
fn take_entry(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<TakenEntry> {
    let lies_in = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let place = table.iter_mut().find_map(|(key, value)| {
        let name = key.get_ref().to_string();
        let (key, whole) = (key.span(), key.span().start..value.span().end);
        let (is_key, is_inside) = (key == *span, lies_in(&value.span()));
        let mut is_table = false;
        if !is_key
            && let DeValue::Table(inner) = value.get_mut()
            // Nobody wrote this table, but its one value.
            && !inner.keys().any(|key| key.span().is_empty())
        {
            if let Some(mut place) = take_entry(inner, span) {
                place.path.insert(0, name);
                return Some(place);
            }
            is_table = true;
        }
        (is_key || is_inside).then(|| TakenEntry {
            is_anyones: is_key || is_table || name == REGISTER,
            path: vec![name],
            is_key,
            whole,
        })
    })?;
    if let [name] = &place.path[..] {
        table.remove(name.as_str());
    }
    Some(place)
}

impl TakenEntry {
    /// What serde says of it, for people, and advice. Messages of ours are a predicate, and advice in a second line; serde's own
    /// end with what it expected.
    fn told(&self, message: &str, text: &str) -> Error {
        let path = self.path.join(".");
        let last = self.path.last().map_or("", String::as_str);
        let expected = message.rsplit_once(", expected ");
        let expected = expected.map_or("", |(_, expected)| expected);
        let words = || expected.split('`').skip(1).step_by(2);
        if let Some((what, hint)) = message.split_once('\n') {
            return Error::of("config_invalid.not_so", &[&path, &what, &hint]);
        }
        if self.is_key {
            let known = || format!("known here: {}", words().collect::<Vec<_>>().join(", "));
            let hint = did_you_mean(last, words()).unwrap_or_else(known);
            return Error::of("config_invalid.key", &[&path, &hint]);
        }
        let quoted: Vec<String> = words().map(|word| format!("\"{word}\"")).collect();
        let meant = match expected {
            _ if !quoted.is_empty() => &quoted.join(" or "),
            // Serde's words for types.
            "a string" | "" => "a text in quotes",
            "a boolean" => "true or false",
            "a nonzero u32" => "a whole number, from 1 on",
            "i64" => "a whole number",
            "a map" => "a table",
            _ if expected.starts_with("struct ") => "a table",
            other => other,
        };
        let hint = did_you_mean(text.trim_matches(['"', '\'']), words());
        Error::of(
            "config_invalid.kind",
            &[&path, &meant, &hint.unwrap_or_default()],
        )
    }
}

/// Takes what `here` leaves open from the user's own config, key by key, as TOML, before it has a type: so that no key of it can be
/// forgotten.
fn take_what_is_open<'t>(here: &mut DeTable<'t>, own: DeTable<'t>) {
    for (table, mut theirs) in own {
        let name = table.get_ref().to_string();
        if let ("api", DeValue::Table(api)) = (&*name, theirs.get_mut()) {
            for key in ACCOUNT {
                api.remove(key);
            }
        }
        let Some(ours) = here.get_mut(&*name) else {
            here.insert(table, theirs);
            continue;
        };
        // The keys of `[fields]` are other people's words: it is taken as a whole.
        if let (DeValue::Table(ours), DeValue::Table(theirs)) =
            (ours.get_mut(), theirs.into_inner())
            && name != "fields"
        {
            let mut questions = TOGETHER.iter().filter(|(of, _)| *of == name);
            let answered =
                questions.find(|(_, keys)| keys.iter().any(|key| ours.contains_key(*key)));
            for (key, value) in theirs {
                let is_answered =
                    answered.is_some_and(|(_, keys)| keys.contains(&&**key.get_ref()));
                if !is_answered && !ours.contains_key(&key) {
                    ours.insert(key, value);
                }
            }
        }
    }
}

/// In `[fields.ID]`, `key = "Column"` is short for `key = { column = "Column" }`.
fn write_out_columns(root: &mut DeTable<'_>) {
    let Some(DeValue::Table(groups)) = root.get_mut("fields").map(Spanned::get_mut) else {
        return;
    };
    for (_, group) in groups.iter_mut() {
        let DeValue::Table(fields) = group.get_mut() else {
            continue;
        };
        for (_, field) in fields.iter_mut() {
            if field.get_ref().is_str() || field.get_ref().is_array() {
                let column = Spanned::new(0..0, "column".into());
                let written_out = DeTable::from_iter([(column, field.clone())]);
                *field.get_mut() = DeValue::Table(written_out);
            }
        }
    }
}

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
        let login = value.get_ref().as_str().and_then(login_in);
        // Whose account it is, the files that hold the secrets, and as which role the team's register is come to, may be told.
        let is_register = matches!(&path[..], [_, name] if name == REGISTER);
        let may_be_told = match (path[0].as_str(), login) {
            ("team", login) if is_register => login.is_none_or(|login| !login.contains(':')),
            ("api", None) => path.len() == 2 && ACCOUNT.contains(&name),
            _ => false,
        };
        let secret = match login {
            _ if may_be_told => None,
            _ if is_ours && names_a_secret(name) => Some((key.span(), "config_invalid.secret")),
            Some(_) if is_register => Some((value.span(), "config_invalid.login.register")),
            Some(_) if path[0] != "fields" => Some((value.span(), "config_invalid.login")),
            _ => None,
        };
        match (secret, value.get_ref()) {
            (Some((place, told)), _) => {
                let told = Error::of(told, &[&name]);
                found.push(ConfigProblem::at(place, Visible::Number, told));
            }
            (None, DeValue::Table(inner)) => find_secrets(inner, path, found),
            _ => {}
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Config;
    use crate::tables::rows;

    fn over(here: &str, own: &str) -> Config {
        let own = Config::parse(own, "own", None).expect("a config");
        let mut config = Config::parse(here, "here", Some(&own)).expect("a config");
        config.origin = Origin::default();
        config
    }

    /// The keys that are known in a table, as a key tells that is not.
    fn known(table: &str) -> Vec<String> {
        let error = Config::parse(&format!("{table}\nqqqqqqqq = 1\n"), "x", None).unwrap_err();
        let hint = error.hint.unwrap_or_default();
        let names = hint.strip_prefix("known here: ").expect("the known keys");
        names.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn every_key_that_is_left_open_is_taken_from_the_users_own_config() {
        let mut keys = 0;
        for table in known("").iter().filter(|table| *table != "fields") {
            for key in known(&format!("[{table}]")) {
                keys += 1;
                let own = |value: &&str| format!("[{table}]\n{key} = {value}\n");
                let own: Vec<String> = rows("reading.values").iter().map(own).collect();
                let is_read = |own: &&String| Config::parse(own, "own", None).is_ok();
                let mut own = own.iter().filter(is_read);
                let is_account = table == "api" && ACCOUNT.contains(&key.as_str());
                let taken = own.find(|own| is_account || over("", own) != Config::default());
                let own = taken.unwrap_or_else(|| panic!("[{table}] {key} is not looked up"));
                let there_already = over(&format!("[{table}]\n"), own);
                assert_eq!(there_already, over("", own), "[{table}] {key}");
                assert_eq!(is_account, over("", own) == Config::default(), "{key}");
                let here = over(own, own);
                assert_eq!(here, over(own, ""), "[{table}] {key} is said here");
            }
        }
        assert!(keys > 30, "{keys}");
        let fields = "[fields.414]\na = \"A\"\n";
        assert_ne!(over("", fields), Config::default());
    }

    #[test]
    fn what_answers_one_question_is_taken_from_one_config() {
        for (here, own) in [
            ("[recipient]\nphone = \"A\"", "[recipient]\nemail = \"B\""),
            ("[contract]\ncolumn = \"A\"", "[contract]\ntypes = 414"),
            ("[fields.414]\na = \"A\"", "[fields.415]\nb = \"B\""),
        ] {
            assert_eq!(over(here, own), over(here, ""), "{here}");
        }
        let (here, own) = ("[recipient]\nphone = \"A\"\n", "country = \"SA\"\n");
        let both = over(here, &format!("[recipient]\n{own}"));
        assert_eq!(both, over(&format!("{here}{own}"), ""));
    }
}
