//! Templates that make one value out of several columns: `{{ row['Street'] }}, {{ row['City'] }}`.
//!
//! A template may look at the row's columns by their names and at nothing else, so that every column it uses is known
//! before the first row is read. Text in, text out: cells reach it as the text that would be sent.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

/// Instructions that one rendering may take: far beyond any address line, and an end to any loop.
const FUEL: u64 = 100_000;

/// The names that a template may use besides `row`.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace"];

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

/// The columns that a template uses, each once, as it spells them; or, in one sentence, why it is no usable template.
pub(crate) fn columns_of(source: &str) -> Result<Vec<String>, String> {
    let environment = Environment::new();
    let template = environment
        .template_from_str(source)
        .map_err(|error| error.detail().unwrap_or("it cannot be read").to_owned())?;
    let mut strangers: Vec<String> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| name != "row" && !FUNCTIONS.contains(&name.as_str()))
        .collect();
    strangers.sort();
    if let Some(name) = strangers.first() {
        return Err(format!(
            "it does not know `{name}`; a column is written row['{name}']"
        ));
    }
    let mut columns = Vec::new();
    for code in code_blocks(source) {
        collect_columns(code, &mut columns)?;
    }
    Ok(columns)
}

/// The insides of `{{ … }}` and `{% … %}`. Comments are left out; a string that holds a closing mark ends its block early,
/// which the compiler has judged before.
fn code_blocks(source: &str) -> impl Iterator<Item = &str> {
    let mut rest = source;
    std::iter::from_fn(move || {
        loop {
            let open = rest
                .find("{{")
                .into_iter()
                .chain(rest.find("{%"))
                .chain(rest.find("{#"))
                .min()?;
            let (mark, after) = rest[open..].split_at(2);
            let close = match mark {
                "{{" => "}}",
                "{%" => "%}",
                _ => "#}",
            };
            let end = after.find(close).unwrap_or(after.len());
            let code = &after[..end];
            rest = after.get(end + 2..).unwrap_or("");
            if mark != "{#" {
                return Some(code);
            }
        }
    })
}

fn collect_columns(code: &str, columns: &mut Vec<String>) -> Result<(), String> {
    let mut tokens = Tokens { rest: code };
    let mut after_dot = false;
    while let Some(token) = tokens.next() {
        if token == Token::Word("row") && !after_dot {
            let column = used_column(&mut tokens)
                .ok_or("`row` is used by a column's name written out, such as row['City']")?;
            if !columns.contains(&column) {
                columns.push(column);
            }
            after_dot = false;
        } else {
            after_dot = token == Token::Mark('.');
        }
    }
    Ok(())
}

/// What follows `row`: `['Name']` or `.name`, and no call.
fn used_column(tokens: &mut Tokens<'_>) -> Option<String> {
    let column = match (tokens.next()?, tokens.next()?) {
        (Token::Mark('['), Token::Text(name)) => {
            (tokens.next()? == Token::Mark(']')).then_some(name)?
        }
        (Token::Mark('.'), Token::Word(name)) => name.to_owned(),
        _ => return None,
    };
    (!tokens.rest.trim_start().starts_with('(')).then_some(column)
}

#[derive(PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Text(String),
    Mark(char),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let code = self.rest.trim_start();
        let first = code.chars().next()?;
        if first == '\'' || first == '"' {
            return Some(self.text(&code[1..], first));
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if is_word(first) {
            let end = code.find(|c| !is_word(c)).unwrap_or(code.len());
            self.rest = &code[end..];
            return Some(Token::Word(&code[..end]));
        }
        self.rest = &code[first.len_utf8()..];
        Some(Token::Mark(first))
    }

    fn text(&mut self, inside: &'a str, quote: char) -> Token<'a> {
        let mut text = String::new();
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &inside[at + 1..];
                return Token::Text(text);
            }
            let c = if c == '\\' {
                chars.next().map_or(c, |(_, next)| next)
            } else {
                c
            };
            text.push(c);
        }
        self.rest = "";
        Token::Text(text)
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
            ("constant", vec![]),
        ] {
            assert_eq!(columns_of(source).expect("no refusal"), columns, "{source}");
        }
    }

    #[test]
    fn what_cannot_be_checked_beforehand_is_refused() {
        for (source, part) in [
            ("{{ City }}", "row['City']"),
            ("{{ row }}", "column's name written out"),
            ("{{ row[name] }}", "name"),
            ("{{ row.get('City') }}", "column's name written out"),
            ("{{ row['City' }}", "expected"),
            ("{{ row['City'] ", "expected"),
        ] {
            let error = columns_of(source).expect_err("a refusal");
            assert!(error.contains(part), "{source}: {error}");
        }
    }

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
