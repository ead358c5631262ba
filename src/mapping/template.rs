//! Templates that make one value out of several columns: `{{ row['Street'] }}, {{ row['City'] }}`.
//!
//! A template may look at the row's columns by their names and at nothing else, so that every column it uses is known
//! before the first row is read. Text in, text out: cells reach it as the text that would be sent. It is bounded in steps
//! and in size, whatever it says: what could grow without being seen (`for`, `set`, calls) is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use indexmap::IndexMap;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context, escape_formatter,
};

use super::names::is_dash;
use super::value::{DecimalMark, Kind};
use crate::model::Cell;

/// Instructions that one rendering may take: far beyond any address line.
const FUEL: u64 = 10_000;
/// Bytes that a value may have, on its way as well.
const LONGEST_VALUE: usize = 64 * 1024;
/// Bytes that a template may have.
const LONGEST_TEMPLATE: usize = 4 * 1024;
/// Filters whose result is not longer than what they are given, or is bounded here.
const FILTERS: &str = "abs capitalize d default first float int last length lower replace round string title trim upper";
/// Those of them that give a number, whatever they are given.
const NUMBER_FILTERS: &str = "abs float int length round";
const BLOCKS: &str = "if elif else endif";
/// Words that are no names.
const OPERATORS: &str = "if else and or not in is true false none True False None";

#[derive(Debug)]
pub(crate) struct Template {
    /// With the template under [`NAME`].
    environment: Environment<'static>,
    /// The columns as it spells them, in the order of the values that it is rendered over, and whether it calculates with their cells.
    pub columns: IndexMap<String, bool>,
    /// What texts are read as that it calculates with, each by itself.
    pub number: Kind,
}

const NAME: &str = "template";
/// Before each number that is written, as against a text that holds one: no character, and in no text.
const IS_NUMBER: char = '\u{fdd0}';

impl Template {
    /// Prepares a template; or, in one sentence, why it is no usable one. `decimal`: the mark in the numbers of its columns.
    pub fn new(source: &str, decimal: Option<DecimalMark>) -> Result<Self, String> {
        if source.len() > LONGEST_TEMPLATE {
            return Err("it is longer than 4 KiB".to_owned());
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("replace", replace);
        environment.add_filter("default", or_default);
        environment.add_filter("d", or_default);
        environment.add_filter("int", move |value| Ok(whole(&number(value, decimal)?)));
        environment.add_filter("float", move |value| number(value, decimal));
        environment.set_formatter(|out, state, value| {
            if value.is_number() {
                write!(out, "{IS_NUMBER}")?;
            }
            match fraction(value) {
                Some(number) => write!(out, "{number}").map_err(Error::from),
                None => escape_formatter(out, state, value),
            }
        });
        let added = environment.add_template_owned(NAME, source.to_owned());
        added.map_err(|error| reason_of(&error))?;
        Ok(Template {
            columns: columns_of(source)?,
            number: Kind::Number { decimal },
            environment,
        })
    }

    /// Renders it over the values of its columns; true: what it gives is a number of its own, which has the point before its fraction. The
    /// detail of an error may be the text that is no number.
    pub fn render(&self, values: &[Cow<'_, str>]) -> Result<(String, bool), Error> {
        let columns = self.columns.keys().map(Value::from);
        let row: BTreeMap<Value, Value> = columns.zip(values.iter().map(Value::from)).collect();
        let template = self.environment.get_template(NAME)?;
        let made = template.render(context! { row })?;
        if made.len() > LONGEST_VALUE {
            return Err(Error::new(ErrorKind::WriteFailure, "more than 64 KiB"));
        }
        let is_number = made.trim_start().starts_with(IS_NUMBER);
        Ok((made.replace(IS_NUMBER, ""), is_number))
    }
}

/// A text made of these values without the separators at its ends that an empty one leaves there, as in `, Cairo`.
pub(crate) fn without_leftovers<'t>(text: &'t str, values: &[Cow<'_, str>]) -> &'t str {
    let is_separator =
        |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '/' | '|' | '،' | '؛') || is_dash(c);
    let bare = text.trim_matches(is_separator);
    // What a value begins or ends with is its own.
    let is_whole = |value: &Cow<'_, str>| bare.contains(&**value) || !text.contains(&**value);
    if values.iter().all(is_whole) {
        bare
    } else {
        text
    }
}

fn reason_of(error: &Error) -> String {
    error.detail().unwrap_or("it cannot be read").to_owned()
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let added = text.matches(from).count().saturating_mul(to.len());
    if text.len().saturating_add(added) > LONGEST_VALUE {
        return Err(Error::new(ErrorKind::InvalidOperation, "more than 64 KiB"));
    }
    Ok(text.replace(from, to))
}

/// An empty cell is there, so that to the library's own filter it is a value.
fn or_default(value: Value, other: Option<Value>, _even_if_false: Option<bool>) -> Value {
    let is_nothing = value.is_undefined() || value.as_str() == Some("");
    if is_nothing {
        other.unwrap_or_default()
    } else {
        value
    }
}

/// A text as the fields of forms that are numbers are read; none where it is no number, or only its column could tell what it is.
fn number(value: Value, decimal: Option<DecimalMark>) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        return Ok(value);
    };
    let cell = Cell::Text(text.to_owned());
    let kind = Kind::Number { decimal };
    let read = kind.read(&cell).ok().flatten();
    let number = read.and_then(|read| match read.text.len() {
        _ if !read.text.contains('.') => read.text.parse::<i128>().ok().map(Value::from),
        // Floating point keeps fifteen digits, and no more are to be made up.
        ..=16 => read.text.parse::<f64>().ok().map(Value::from),
        _ => None,
    });
    number.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, text.to_owned()))
}

fn whole(number: &Value) -> Value {
    let whole = fraction(number).and_then(|number| format!("{:.0}", number.trunc()).parse().ok());
    whole.map_or_else(|| number.clone(), |whole: i64| Value::from(whole))
}

/// A number that is no whole one, without the digits that its arithmetic has beyond those that are sure.
fn fraction(value: &Value) -> Option<f64> {
    let number = f64::try_from(value.clone()).ok()?;
    let is_fraction = value.is_number() && !value.is_integer() && number.is_finite();
    is_fraction.then(|| format!("{number:.14e}").parse().unwrap_or(number))
}

/// The columns that a template uses, each once, as it spells them, and whether `|int` or `|float` stands behind one.
pub(crate) fn columns_of(source: &str) -> Result<IndexMap<String, bool>, String> {
    let tokens = tokenize(source, false, SyntaxConfig::default());
    let tokens: Result<Vec<Token<'_>>, Error> = tokens.map(|token| Ok(token?.0)).collect();
    let tokens = tokens.map_err(|error| reason_of(&error))?;
    let mut columns = IndexMap::new();
    for at in 0..tokens.len() {
        let (before, rest) = tokens.split_at(at);
        if let Some((column, filter)) = column_in(rest) {
            let is_calculated = matches!(filter, Some("int" | "float"));
            *columns.entry(column.to_owned()).or_default() |= is_calculated;
        } else if let Some(reason) = reason_against(before, rest) {
            return Err(reason);
        }
    }
    Ok(columns)
}

/// The column that tokens begin with, and the filter behind it, if there is one.
fn column_in<'t>(tokens: &'t [Token<'_>]) -> Option<(&'t str, Option<&'t str>)> {
    use Token::{BracketClose, BracketOpen, Dot, Ident, ParenOpen, Pipe, Str};
    let [Ident("row"), access @ ..] = tokens else {
        return None;
    };
    let (column, rest) = match access {
        [Dot, Ident(_), ParenOpen, ..] => return None,
        [Dot, Ident(name), rest @ ..] | [BracketOpen, Str(name), BracketClose, rest @ ..] => {
            (*name, rest)
        }
        [BracketOpen, Token::String(name), BracketClose, rest @ ..] => (&**name, rest),
        _ => return None,
    };
    match rest {
        [Pipe, Ident(filter), ..] => Some((column, Some(filter))),
        _ => Some((column, None)),
    }
}

const NUMBERS_COMPARED: &str =
    "a column holds text, which is no number: write `|int` or `|float` behind it";

/// Why a template must not have the first of the tokens to come behind those before it.
fn reason_against(before: &[Token<'_>], rest: &[Token<'_>]) -> Option<String> {
    use Token::{
        BlockStart, Dot, Eq, Float, Gt, Gte, Ident, Int, Lt, Lte, Mul, Ne, ParenClose, ParenOpen,
        Pipe, Plus,
    };
    let ends_a_number = || match before {
        [.., Pipe, Ident(filter)] => is_listed(NUMBER_FILTERS, filter),
        _ => matches!(before, [.., Int(_) | Float(_)]),
    };
    // Cells are texts, which no number equals and which are ordered by their letters.
    let compares_a_text = |rest: &[Token<'_>]| {
        let is_number = match rest {
            [Int(_) | Float(_) | ParenOpen, ..] => true,
            _ => matches!(column_in(rest), Some((_, Some(it))) if is_listed(NUMBER_FILTERS, it)),
        };
        !is_number || !ends_a_number() && !matches!(before, [.., ParenClose])
    };
    let has_a_number = |rest: &[Token<'_>]| {
        matches!(rest, [Int(_) | Float(_), ..]) || matches!(before, [.., Int(_) | Float(_)])
    };
    Some(match (before, rest) {
        (_, [Gt | Gte | Lt | Lte, rest @ ..]) if compares_a_text(rest) => {
            NUMBERS_COMPARED.to_owned()
        }
        (_, [Eq | Ne, rest @ ..]) if has_a_number(rest) && compares_a_text(rest) => {
            format!("{NUMBERS_COMPARED}, or the number in quotes")
        }
        (_, [Plus, rest @ ..]) if compares_a_text(rest) => {
            format!("{NUMBERS_COMPARED}; texts are joined by `~`")
        }
        (_, [Mul, Int(_) | Float(_), after, ..]) if ends_a_number() && !matches!(after, Pipe) => {
            return None;
        }
        (_, [Mul, ..]) => {
            "`*` is for numbers: write `|int` or `|float` behind a column, and the number last"
                .to_owned()
        }
        ([.., BlockStart], [Ident(name), ..]) if is_listed(BLOCKS, name) => return None,
        ([.., BlockStart], _) => "it may hold values and `if`, and nothing else".to_owned(),
        ([.., Pipe], [Ident(name), ..]) if is_listed(FILTERS, name) => return None,
        ([.., Pipe], [Ident(name), ..]) => {
            format!("it uses the filter `{name}`, which templates here do not have")
        }
        ([.., Ident("is")] | [.., Ident("is"), Ident("not")], [Ident(_), ..]) => return None,
        (_, [Ident(name), ..]) if is_listed(OPERATORS, name) => return None,
        (_, [Ident("row"), Dot, Ident(_), ParenOpen, ..] | [Ident(_), ParenOpen, ..]) => {
            "it calls a function, which templates here cannot".to_owned()
        }
        ([.., Ident("row"), Dot], [Ident(_), ..]) => return None,
        (_, [Ident("row"), ..]) => {
            "`row` is used by a column's name written out, such as row['City']".to_owned()
        }
        (_, [Ident(name), ..]) => {
            format!("it does not know `{name}`; a column is written row['{name}']")
        }
        _ => return None,
    })
}

fn is_listed(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;

    #[test]
    fn a_template_tells_which_columns_it_uses() {
        for (source, columns) in rows::<(&str, &str)>("template.columns") {
            let mut found = Template::new(source, None).expect("no refusal").columns;
            found.sort_keys();
            let found: Vec<String> = found.into_keys().collect();
            assert_eq!(found.join(" "), columns, "{source}");
        }
    }

    #[test]
    fn what_cannot_be_checked_or_bounded_beforehand_is_refused() {
        for (source, part) in rows::<(&str, &str)>("template.refused") {
            let error = Template::new(source, None).expect_err("a refusal");
            assert!(error.contains(part), "{source}: {error}");
        }
        assert!(Template::new(&"x".repeat(LONGEST_TEMPLATE + 1), None).is_err());
    }

    #[test]
    fn rendering_is_plain_text_and_bounded() {
        let render = |source: &str| {
            let template = Template::new(source, None).expect("no refusal");
            let values = vec![Cow::Owned("<\"a\">".repeat(2_000)); template.columns.len()];
            template.render(&values).ok().map(|(made, _)| made)
        };
        for (source, text) in [
            ("{{ row['A'][:5] }} & more", "<\"a\"> & more"),
            ("{{ row.A[:5]|replace('a', 'b') }}", "<\"b\">"),
        ] {
            assert_eq!(render(source).as_deref(), Some(text), "{source}");
        }
        for (source, value, text) in rows::<(&str, &str, &str)>("template.numbers") {
            let template = Template::new(source, None).expect("no refusal");
            let made = template.render(&[Cow::Borrowed(value)]);
            assert_eq!(made.unwrap_or_default().0, text, "{source} of {value}");
        }
        for too_long in [
            "{{ row.A }}".repeat(7),
            "{{ row.A|replace('a', row.A) }}".to_owned(),
        ] {
            assert!(render(&too_long).is_none(), "{too_long}");
        }
    }
}
