//! Finds the columns that a template uses, by reading the code between its marks. What cannot be told from the text alone
//! (`row[name]`, `row.items()`) is refused, so that nothing is looked up that the sheet may lack.

use minijinja::Environment;

/// The names that a template may use besides `row`.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace"];

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
}
