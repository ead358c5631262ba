//! Templates that make one value out of several columns: `{{ row['Street'] }}, {{ row['City'] }}`.
//!
//! A template may look at the row's columns by their names and at nothing else, so that every column it uses is known
//! before the first row is read. Text in, text out: cells reach it as the text that would be sent.

mod columns;
mod plain;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

pub(crate) use columns::columns_of;
use plain::PlainTemplate;

/// Instructions that one rendering may take: far beyond any address line, and an end to any loop.
const FUEL: u64 = 100_000;

/// What the compiled templates of a mapping share.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
}

/// One template, ready for the values of its columns.
#[derive(Debug)]
pub(crate) enum Template {
    /// Text and columns alone.
    Plain(PlainTemplate),
    /// Anything else, under its name among [`Templates`].
    Compiled {
        name: String,
        columns: Arc<[String]>,
    },
}

impl Templates {
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        Templates { environment }
    }

    /// Prepares a template over its columns; `None` when it is no valid one, which [`columns_of`] has told already.
    pub fn add(&mut self, source: &str, columns: &[String]) -> Option<Template> {
        match PlainTemplate::of(source, columns) {
            Some(plain) => Some(Template::Plain(plain)),
            None => self.compile(source, columns),
        }
    }

    fn compile(&mut self, source: &str, columns: &[String]) -> Option<Template> {
        let name = self.environment.templates().count().to_string();
        self.environment
            .add_template_owned(name.clone(), source.to_owned())
            .ok()?;
        let columns = Arc::from(columns);
        Some(Template::Compiled { name, columns })
    }

    /// Renders a template over the values of its columns. The error says what kind of failure it was and no value.
    pub fn render(&self, template: &Template, values: &[Cow<'_, str>]) -> Result<String, String> {
        let (name, columns) = match template {
            Template::Plain(plain) => return Ok(plain.fill(values)),
            Template::Compiled { name, columns } => (name, columns),
        };
        let row = Value::from_object(RowView {
            names: Arc::clone(columns),
            values: values.iter().map(|value| Value::from(&**value)).collect(),
        });
        self.environment
            .get_template(name)
            .and_then(|template| template.render(Value::from_object(Context { row })))
            .map_err(|error| error.kind().to_string())
    }
}

/// What a template sees: `row` alone.
#[derive(Debug)]
struct Context {
    row: Value,
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        (key == "row").then(|| self.row.clone())
    }
}

/// The row's values under the names that the template uses for them.
struct RowView {
    names: Arc<[String]>,
    values: Vec<Value>,
}

/// Personal data: does not print itself.
impl fmt::Debug for RowView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowView").finish_non_exhaustive()
    }
}

impl Object for RowView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let at = self.names.iter().position(|name| name == key)?;
        self.values.get(at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendering_is_plain_text_and_ends() {
        let mut templates = Templates::new();
        let columns = ["A".to_owned()];
        let mut render = |source: &str| {
            let template = templates.add(source, &columns).expect("no refusal");
            templates.render(&template, &["<\"a\">".into()])
        };
        for plain in ["{{ row['A'] }} & more", "{{ row.A }} & more"] {
            assert_eq!(render(plain).expect("no refusal"), "<\"a\"> & more");
        }
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(render(endless).is_err());
    }
}
