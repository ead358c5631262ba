//! Templates that make one value out of several columns: `{{ row['Street'] }}, {{ row['City'] }}`.
//!
//! A template may look at the row's columns by their names and at nothing else, so that every column it uses is known
//! before the first row is read. Text in, text out: cells reach it as the text that would be sent. It is bounded in steps
//! and in size, whatever it says: what could grow without being seen (`set`, method calls, unknown filters) is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::parse;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

/// Instructions that one rendering may take: far beyond any address line, and an end to any loop.
const FUEL: u64 = 10_000;
/// Bytes that a value may have, on its way as well.
const LONGEST_VALUE: usize = 64 * 1024;
/// Bytes that a template may have.
const LONGEST_TEMPLATE: usize = 4 * 1024;
/// Numbers that `range` may give.
const LONGEST_RANGE: usize = 1_000;

/// Filters whose result is no longer than what they are given, or is bounded here.
const FILTERS: &[&str] = &[
    "abs",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "first",
    "float",
    "format",
    "int",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "max",
    "min",
    "replace",
    "reverse",
    "round",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
];
/// Those that give a number, whatever they are given.
const NUMBER_FILTERS: &[&str] = &["abs", "count", "float", "int", "length", "round"];

/// The compiled templates of a mapping.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
}

/// One of [`Templates`], by its name there.
#[derive(Debug)]
pub(crate) struct Template {
    name: String,
    /// The columns as it spells them, in the order of the values that it is rendered over.
    pub columns: Vec<String>,
}

impl Templates {
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.add_function("range", range);
        environment.add_filter("replace", replace);
        environment.add_filter("join", join);
        Templates { environment }
    }

    /// Prepares a template; `None` when it is no valid one, which [`columns_of`] has told already.
    pub fn add(&mut self, source: &str) -> Option<Template> {
        let columns = columns_of(source).ok()?;
        let name = self.environment.templates().count().to_string();
        self.environment
            .add_template_owned(name.clone(), source.to_owned())
            .ok()?;
        Some(Template { name, columns })
    }

    /// Renders a template over the values of its columns. The error says what kind of failure it was and no value.
    pub fn render(&self, template: &Template, values: &[Cow<'_, str>]) -> Result<String, String> {
        let values = values.iter().map(|value| Value::from(&**value));
        let row: BTreeMap<String, Value> = template.columns.iter().cloned().zip(values).collect();
        let context = BTreeMap::from([("row", Value::from(row))]);
        let mut bounded = Bounded(Vec::new());
        self.environment
            .get_template(&template.name)
            .and_then(|template| {
                template
                    .render_captured_to(Value::from(context), &mut bounded)
                    .map(drop)
            })
            .map_err(|error| error.kind().to_string())?;
        String::from_utf8(bounded.0).map_err(|error| error.utf8_error().to_string())
    }
}

/// Takes no more than a value may have.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_VALUE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_long() -> Error {
    Error::new(ErrorKind::InvalidOperation, "more than 64 KiB")
}

fn range(first: usize, end: Option<usize>) -> Result<Vec<usize>, Error> {
    let numbers = end.map_or(0..first, |end| first..end);
    if numbers.len() > LONGEST_RANGE {
        return Err(too_long());
    }
    Ok(numbers.collect())
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let added = text.matches(from).count().saturating_mul(to.len());
    if text.len().saturating_add(added) > LONGEST_VALUE {
        return Err(too_long());
    }
    Ok(text.replace(from, to))
}

fn join(list: &Value, between: Option<&str>) -> Result<String, Error> {
    let mut joined = String::new();
    for (at, item) in list.try_iter()?.enumerate() {
        if at > 0 {
            joined.push_str(between.unwrap_or_default());
        }
        joined.push_str(&item.to_string());
        if joined.len() > LONGEST_VALUE {
            return Err(too_long());
        }
    }
    Ok(joined)
}

/// The columns that a template uses, each once, as it spells them; or, in one sentence, why it is no usable template.
pub(crate) fn columns_of(source: &str) -> Result<Vec<String>, String> {
    if source.len() > LONGEST_TEMPLATE {
        return Err("it is longer than 4 KiB".to_owned());
    }
    let unreadable = |error: Error| error.detail().unwrap_or("it cannot be read").to_owned();
    let parsed = parse(source, "", Default::default()).map_err(unreadable)?;
    let mut inspection = Inspection::default();
    inspection.statement(&parsed)?;
    Environment::new()
        .template_from_str(source)
        .map_err(unreadable)?;
    Ok(inspection.columns)
}

/// A walk over everything that a template says, before anything of it runs.
#[derive(Default)]
struct Inspection<'s> {
    columns: Vec<String>,
    /// Names of the loops around, `loop` among them.
    names: Vec<&'s str>,
}

impl<'s> Inspection<'s> {
    fn statement(&mut self, statement: &Stmt<'s>) -> Result<(), String> {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr)?;
                self.statements(&condition.true_body)?;
                self.statements(&condition.false_body)
            }
            Stmt::ForLoop(each) => {
                self.expression(&each.iter)?;
                let outside = self.names.len();
                self.names.push("loop");
                self.names.extend(names_in(&each.target));
                self.expressions(each.filter_expr.iter())?;
                self.statements(&each.body)?;
                self.names.truncate(outside);
                self.statements(&each.else_body)
            }
            _ => Err("it may hold values, `if` and `for`, and nothing else".to_owned()),
        }
    }

    fn statements(&mut self, statements: &[Stmt<'s>]) -> Result<(), String> {
        statements.iter().try_for_each(|one| self.statement(one))
    }

    fn expressions<'e>(&mut self, all: impl IntoIterator<Item = &'e Expr<'s>>) -> Result<(), String>
    where
        's: 'e,
    {
        all.into_iter().try_for_each(|one| self.expression(one))
    }

    fn expression(&mut self, expression: &Expr<'s>) -> Result<(), String> {
        if let Some(column) = column_in(expression) {
            if !self.columns.contains(&column) {
                self.columns.push(column);
            }
            return Ok(());
        }
        match expression {
            Expr::Const(_) => Ok(()),
            Expr::Var(name) => self.name(name.id),
            Expr::UnaryOp(op) => self.expression(&op.expr),
            Expr::BinOp(op) => {
                if matches!(op.op, BinOpKind::Mul) && !(is_number(&op.left) && is_number(&op.right))
                {
                    return Err(
                        "`*` is for numbers: write `|int` or `|float` behind a column".to_owned(),
                    );
                }
                self.expressions([&op.left, &op.right])
            }
            Expr::Compare(chain) => {
                self.expression(&chain.expr)?;
                self.expressions(chain.ops.iter().map(|op| &op.expr))
            }
            Expr::IfExpr(choice) => {
                self.expressions([&choice.test_expr, &choice.true_expr])?;
                self.expressions(&choice.false_expr)
            }
            Expr::Slice(slice) => {
                self.expression(&slice.expr)?;
                self.expressions(
                    [&slice.start, &slice.stop, &slice.step]
                        .into_iter()
                        .flatten(),
                )
            }
            Expr::Filter(filter) => {
                check_filter(filter.name, filter.expr.as_ref())?;
                self.expressions(&filter.expr)?;
                self.arguments(&filter.args)
            }
            Expr::Test(test) => {
                self.expression(&test.expr)?;
                self.arguments(&test.args)
            }
            Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            Expr::GetItem(item) => self.expressions([&item.expr, &item.subscript_expr]),
            Expr::Call(call) => match &call.expr {
                Expr::Var(name) if name.id == "range" => self.arguments(&call.args),
                _ => Err("it calls a function that templates here do not have".to_owned()),
            },
            Expr::List(list) => self.expressions(&list.items),
            Expr::Tuple(tuple) => self.expressions(&tuple.items),
            Expr::Map(map) => self.expressions(map.keys.iter().chain(&map.values)),
        }
    }

    fn name(&self, name: &str) -> Result<(), String> {
        match name {
            "row" => {
                Err("`row` is used by a column's name written out, such as row['City']".to_owned())
            }
            _ if self.names.contains(&name) => Ok(()),
            _ => Err(format!(
                "it does not know `{name}`; a column is written row['{name}']"
            )),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'s>]) -> Result<(), String> {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value) => self.expression(value),
        })
    }
}

/// The column in `row['Name']` or `row.name`.
fn column_in(expression: &Expr<'_>) -> Option<String> {
    let is_row = |of: &Expr<'_>| matches!(of, Expr::Var(name) if name.id == "row");
    match expression {
        Expr::GetAttr(attribute) if is_row(&attribute.expr) => Some(attribute.name.to_owned()),
        Expr::GetItem(item) if is_row(&item.expr) => match &item.subscript_expr {
            Expr::Const(name) => name.value.as_str().map(str::to_owned),
            _ => None,
        },
        _ => None,
    }
}

fn names_in<'s>(target: &Expr<'s>) -> Vec<&'s str> {
    match target {
        Expr::Var(name) => vec![name.id],
        Expr::Tuple(tuple) => tuple.items.iter().flat_map(names_in).collect(),
        Expr::List(list) => list.items.iter().flat_map(names_in).collect(),
        _ => Vec::new(),
    }
}

fn is_number(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(number) => number.value.is_number(),
        Expr::Filter(filter) => NUMBER_FILTERS.contains(&filter.name),
        Expr::UnaryOp(op) => is_number(&op.expr),
        Expr::BinOp(op) => {
            !matches!(op.op, BinOpKind::Concat) && is_number(&op.left) && is_number(&op.right)
        }
        _ => false,
    }
}

fn check_filter(name: &str, given: Option<&Expr<'_>>) -> Result<(), String> {
    if !FILTERS.contains(&name) {
        return Err(format!(
            "it uses the filter `{name}`, which templates here do not have"
        ));
    }
    if name != "format" {
        return Ok(());
    }
    // `%1000000000d` would fill the memory.
    let is_small = |format: &str| {
        let widths = format.split(|c: char| !c.is_ascii_digit());
        !format.contains('*') && widths.map(str::len).max().is_none_or(|digits| digits <= 3)
    };
    match given {
        Some(Expr::Const(format)) if format.value.as_str().is_some_and(is_small) => Ok(()),
        _ => Err("`format` takes a text in quotes, with widths below 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_tells_which_columns_it_uses() {
        for (source, columns) in [
            (
                "{{ row['Street'] }}, {{ row[\"City\"] }}",
                vec!["Street", "City"],
            ),
            (
                "{{ row.city|upper }}{# row['Old'] #} row['Text']",
                vec!["city"],
            ),
            (
                "{% if row['A'] == 'row' %}{{ row['A'] }}{% else %}{{ row['B'] }}{% endif %}",
                vec!["A", "B"],
            ),
            ("{{ row['Client\\'s name'] }}", vec!["Client's name"]),
            ("{{ row['المدينة'] }}", vec!["المدينة"]),
            ("{{ '}}' ~ row['A}}'] }}", vec!["A}}"]),
            (
                "{% for part in row['A']|split %}{{ part }}{{ loop.index }}{% endfor %}",
                vec!["A"],
            ),
            ("{{ row['Income']|int * 12 }}", vec!["Income"]),
            ("constant", vec![]),
        ] {
            assert_eq!(columns_of(source).expect("no refusal"), columns, "{source}");
        }
    }

    #[test]
    fn what_cannot_be_checked_or_bounded_beforehand_is_refused() {
        for (source, part) in [
            ("{{ City }}", "row['City']"),
            ("{{ row }}", "column's name written out"),
            ("{{ row[name] }}", "column's name written out"),
            ("{{ row.get('City') }}", "calls a function"),
            ("{{ row['City' }}", "expected"),
            ("{{ row['City'] ", "expected"),
            ("{{ \"%1000000000d\"|format(1) }}", "widths below 1000"),
            ("{{ '%*d'|format(1000000000, 1) }}", "widths below 1000"),
            ("{{ row.A|format(1) }}", "widths below 1000"),
            ("{{ '{:1000000000}'.format(1) }}", "calls a function"),
            ("{{ 'x' * 100000000 }}", "`*` is for numbers"),
            ("{{ row.A * 1000000 }}", "`*` is for numbers"),
            ("{{ row.A|indent(1000000000) }}", "`indent`"),
            ("{% set s = row.A ~ row.A %}{{ s }}", "nothing else"),
            ("{{ namespace(s='x') }}", "calls a function"),
        ] {
            let error = columns_of(source).expect_err("a refusal");
            assert!(error.contains(part), "{source}: {error}");
        }
        assert!(columns_of(&"x".repeat(LONGEST_TEMPLATE + 1)).is_err());
    }

    #[test]
    fn rendering_is_plain_text_and_ends() {
        let mut templates = Templates::new();
        let mut render = |source: &str| {
            let template = templates.add(source).expect("no refusal");
            let values = vec![Cow::Borrowed("<\"a\">"); template.columns.len()];
            templates.render(&template, &values)
        };
        for (source, text) in [
            ("{{ row['A'] }} & more", "<\"a\"> & more"),
            ("{{ row.A }} & more", "<\"a\"> & more"),
            (
                "{{ '%04d'|format(7) }}{{ row.A|replace('a', 'b') }}",
                "0007<\"b\">",
            ),
            ("{{ ['x', 'y']|join('-') }}{{ range(3)|join }}", "x-y012"),
        ] {
            assert_eq!(render(source).as_deref(), Ok(text), "{source}");
        }
        for endless in [
            "{% for a in range(999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}",
            "{{ range(99999999)|join }}",
            "{% for a in range(999) %}{{ 'a somewhat long text, again and again and again and again and again' ~ row.A }}{% endfor %}",
            "{{ range(999)|join(range(999)|join) }}",
            "{{ (range(999)|join)|replace('1', range(999)|join) }}",
        ] {
            assert!(render(endless).is_err(), "{endless}");
        }
    }
}
