//! Templates that make one value out of several columns: `{{ row['Street'] }}, {{ row['City'] }}`.
//!
//! A template may look at the row's columns by their names and at nothing else, so that every column it uses is known
//! before the first row is read. Text in, text out: cells reach it as the text that would be sent.

mod columns;

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

pub(crate) use columns::columns_of;

/// Instructions that one rendering may take: far beyond any address line, and an end to any loop.
const FUEL: u64 = 100_000;

/// All templates of a mapping, compiled.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
}

/// One compiled template of [`Templates`].
#[derive(Debug, Clone)]
pub(crate) struct TemplateId(String);

impl Templates {
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        Templates { environment }
    }

    /// Compiles a template; `None` when it is no valid one, which [`columns_of`] has told already.
    pub fn add(&mut self, source: &str) -> Option<TemplateId> {
        let name = self.environment.templates().count().to_string();
        self.environment
            .add_template_owned(name.clone(), source.to_owned())
            .ok()?;
        Some(TemplateId(name))
    }

    /// Renders a template over the values of its columns. The error says what kind of failure it was and no value.
    pub fn render(
        &self,
        id: &TemplateId,
        names: &Arc<[String]>,
        values: Vec<Value>,
    ) -> Result<String, String> {
        let row = Value::from_object(RowView {
            names: Arc::clone(names),
            values,
        });
        self.environment
            .get_template(&id.0)
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
        let names: Arc<[String]> = Arc::from(vec!["A".to_owned()]);
        let render = |templates: &Templates, id: &TemplateId| {
            templates.render(id, &names, vec![Value::from("<\"a\">")])
        };
        let plain = templates.add("{{ row['A'] }} & more").expect("no refusal");
        assert_eq!(
            render(&templates, &plain).expect("no refusal"),
            "<\"a\"> & more"
        );
        let endless = templates
            .add("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")
            .expect("no refusal");
        assert!(render(&templates, &endless).is_err());
    }
}
