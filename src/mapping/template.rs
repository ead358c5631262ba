//! Templates that make one value out of several columns: `{{ row['Street'] }}, {{ row['City'] }}`.
//!
//! A template may look at the row's columns by their names and at nothing else, so that every column it uses is known
//! before the first row is read. Text in, text out: cells reach it as the text that would be sent. It is bounded in steps
//! and in size, whatever it says: what could grow without being seen (`for`, `set`, calls) is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use super::names::is_dash;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::parse;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context};

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

#[derive(Debug)]
pub(crate) struct Template {
    /// With the template under [`NAME`].
    environment: Environment<'static>,
    /// The columns as it spells them, in the order of the values that it is rendered over.
    pub columns: Vec<String>,
}

const NAME: &str = "template";

impl Template {
    /// Prepares a template; or, in one sentence, why it is no usable one.
    pub fn new(source: &str) -> Result<Self, String> {
        let columns = columns_of(source)?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("replace", replace);
        environment.add_filter("default", or_default);
        environment.add_filter("d", or_default);
        let added = environment.add_template_owned(NAME, source.to_owned());
        added.map_err(|error| unreadable(&error))?;
        Ok(Template {
            environment,
            columns,
        })
    }

    /// Renders it over the values of its columns. The error says what kind of failure it was and no value.
    pub fn render(&self, values: &[Cow<'_, str>]) -> Result<String, String> {
        let columns = self.columns.iter().map(Value::from);
        let row: BTreeMap<Value, Value> = columns.zip(values.iter().map(Value::from)).collect();
        let mut bounded = Bounded(Vec::new());
        let write = || {
            let template = self.environment.get_template(NAME)?;
            template.render_captured_to(context! { row }, &mut bounded)?;
            Ok(())
        };
        write().map_err(|error: Error| error.kind().to_string())?;
        String::from_utf8(bounded.0).map_err(|error| error.utf8_error().to_string())
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

fn unreadable(error: &Error) -> String {
    error.detail().unwrap_or("it cannot be read").to_owned()
}

/// Takes no more than a value may have.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_VALUE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

/// The columns that a template uses, each once, as it spells them.
pub(crate) fn columns_of(source: &str) -> Result<Vec<String>, String> {
    if source.len() > LONGEST_TEMPLATE {
        return Err("it is longer than 4 KiB".to_owned());
    }
    let syntax = minijinja::syntax::SyntaxConfig::default();
    let parsed = parse(source, "", syntax).map_err(|error| unreadable(&error))?;
    let mut columns = Vec::new();
    statement(&parsed, &mut columns)?;
    Ok(columns)
}

fn statement(statement: &Stmt<'_>, columns: &mut Vec<String>) -> Result<(), String> {
    let inner = match statement {
        Stmt::EmitRaw(_) => Vec::new(),
        Stmt::EmitExpr(emit) => return expression(&emit.expr, columns),
        Stmt::Template(template) => vec![&template.children],
        Stmt::IfCond(condition) => {
            expression(&condition.expr, columns)?;
            vec![&condition.true_body, &condition.false_body]
        }
        _ => return Err("it may hold values and `if`, and nothing else".to_owned()),
    };
    let mut inner = inner.into_iter().flatten();
    inner.try_for_each(|one| self::statement(one, columns))
}

fn expression(expression: &Expr<'_>, columns: &mut Vec<String>) -> Result<(), String> {
    if let Some(column) = column_in(expression) {
        if !columns.iter().any(|known| known == column) {
            columns.push(column.to_owned());
        }
        return Ok(());
    }
    let inner: Vec<&Expr<'_>> = match expression {
        Expr::Const(_) => Vec::new(),
        Expr::UnaryOp(op) => vec![&op.expr],
        Expr::BinOp(op) if matches!(op.op, BinOpKind::Mul) && !is_number(expression) => {
            return Err("`*` is for numbers: write `|int` or `|float` behind a column".to_owned());
        }
        Expr::BinOp(op) => vec![&op.left, &op.right],
        Expr::Compare(chain) => {
            let others = chain.ops.iter().map(|op| &op.expr);
            others.chain([&chain.expr]).collect()
        }
        Expr::IfExpr(choice) => {
            let either = [&choice.test_expr, &choice.true_expr];
            either.into_iter().chain(&choice.false_expr).collect()
        }
        Expr::Slice(slice) => {
            let bounds = [&slice.start, &slice.stop, &slice.step];
            bounds.into_iter().flatten().chain([&slice.expr]).collect()
        }
        Expr::Filter(filter) if is_listed(FILTERS, filter.name) => {
            arguments(&filter.args).chain(&filter.expr).collect()
        }
        Expr::Filter(filter) => {
            let name = filter.name;
            let reason = format!("it uses the filter `{name}`, which templates here do not have");
            return Err(reason);
        }
        Expr::Test(test) => arguments(&test.args).chain([&test.expr]).collect(),
        Expr::Var(name) if name.id != "row" => {
            let name = name.id;
            let reason = format!("it does not know `{name}`; a column is written row['{name}']");
            return Err(reason);
        }
        Expr::Var(_) | Expr::GetItem(_) | Expr::GetAttr(_) => {
            let how = "`row` is used by a column's name written out, such as row['City']";
            return Err(how.to_owned());
        }
        _ => {
            let what = "it calls a function or makes a list, which templates here cannot";
            return Err(what.to_owned());
        }
    };
    let mut inner = inner.into_iter();
    inner.try_for_each(|one| self::expression(one, columns))
}

fn arguments<'e>(arguments: &'e [CallArg<'e>]) -> impl Iterator<Item = &'e Expr<'e>> {
    arguments.iter().map(|argument| match argument {
        CallArg::Pos(value)
        | CallArg::Kwarg(_, value)
        | CallArg::PosSplat(value)
        | CallArg::KwargSplat(value) => value,
    })
}

/// The column in `row['Name']` or `row.name`.
fn column_in<'e>(expression: &'e Expr<'_>) -> Option<&'e str> {
    let (of, name) = match expression {
        Expr::GetAttr(attribute) => (&attribute.expr, Some(attribute.name)),
        Expr::GetItem(item) => match &item.subscript_expr {
            Expr::Const(name) => (&item.expr, name.value.as_str()),
            _ => return None,
        },
        _ => return None,
    };
    name.filter(|_| matches!(of, Expr::Var(name) if name.id == "row"))
}

fn is_number(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(number) => number.value.is_number(),
        Expr::Filter(filter) => is_listed(NUMBER_FILTERS, filter.name),
        Expr::UnaryOp(op) => is_number(&op.expr),
        Expr::BinOp(op) => {
            !matches!(op.op, BinOpKind::Concat) && is_number(&op.left) && is_number(&op.right)
        }
        _ => false,
    }
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
            let mut found = Template::new(source).expect("no refusal").columns;
            found.sort();
            assert_eq!(found.join(" "), columns, "{source}");
        }
    }

    #[test]
    fn what_cannot_be_checked_or_bounded_beforehand_is_refused() {
        for (source, part) in rows::<(&str, &str)>("template.refused") {
            let error = Template::new(source).expect_err("a refusal");
            assert!(error.contains(part), "{source}: {error}");
        }
        assert!(Template::new(&"x".repeat(LONGEST_TEMPLATE + 1)).is_err());
    }

    #[test]
    fn rendering_is_plain_text_and_bounded() {
        let render = |source: &str| {
            let template = Template::new(source).expect("no refusal");
            let values = vec![Cow::Owned("<\"a\">".repeat(2_000)); template.columns.len()];
            template.render(&values)
        };
        for (source, text) in [
            ("{{ row['A'][:5] }} & more", "<\"a\"> & more"),
            ("{{ row.A[:5]|replace('a', 'b') }}", "<\"b\">"),
        ] {
            assert_eq!(render(source).as_deref(), Ok(text), "{source}");
        }
        for too_long in [
            "{{ row.A }}".repeat(7),
            "{{ row.A|replace('a', row.A) }}".to_owned(),
        ] {
            assert!(render(&too_long).is_err(), "{too_long}");
        }
    }
}
